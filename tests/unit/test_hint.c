/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/hint.h"

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(hint_distance("", ""), 0);
	assert_int_equal(hint_distance("abc", ""), 3);
	assert_int_equal(hint_distance("", "abc"), 3);
	assert_int_equal(hint_distance("same", "SAME"), 0);
	assert_int_equal(hint_distance("kitten", "sitting"), 3);
	assert_int_equal(hint_distance("ehco", "echo"), 1);
	assert_int_equal(hint_distance("ab", "ba"), 1);
	assert_int_equal(hint_distance("rpmsg-tty", "rpmsg-tyt"), 1);
	assert_int_equal(hint_distance("echo", "eco"), 1);
}

static void test_long_names(void **state)
{
	char a[200], b[200];

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[199] = b[199] = 0;
	assert_int_equal(hint_distance(a, a), 0);
	assert_true(hint_distance(a, b) > 0);
}

static void test_near(void **state)
{
	(void)state;
	assert_true(hint_near("rpmsg-tty", "rpmsg-tty-channel"));
	assert_true(hint_near("rpmsg-tty-channel", "rpmsg-tty"));
	assert_true(hint_near("rpmsg_tty", "rpmsg-tty"));
	assert_true(hint_near("ehco", "echo"));
	assert_false(hint_near("echo", "rpmsg-raw"));
	assert_false(hint_near("", "echo"));
	assert_false(hint_near("echo", ""));
	assert_false(hint_near("a", "b"));
}

static void test_word(void **state)
{
	const char *const known[] = { "stall", "drop", "buffer", "no-buffer" };

	(void)state;
	assert_string_equal(hint_word("drpo", known, 4), "drop");
	assert_string_equal(hint_word("nobuffer", known, 4), "no-buffer");
	assert_string_equal(hint_word("buffers", known, 4), "buffer");
	assert_null(hint_word("reset", known, 4));
	assert_null(hint_word("drop", known, 0));
}

static void offer(struct rpmsg_bus *bus, const char *name, uint32_t dst)
{
	struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY, .dst = dst };

	strcpy(info.name, name);
	assert_non_null(rpmsg_channel_create(rpmsg_bus_device(bus), &info));
}

static void test_channel(void **state)
{
	struct rpmsg_bus *pair[2];
	char near[RPMSG_NAME_SIZE];

	(void)state;
	assert_int_equal(rpmsg_bus_open_loop(pair, NULL), 0);
	assert_false(hint_channel(pair[0], "echo", near));
	offer(pair[0], "rpmsg-tty-channel", 1);
	offer(pair[0], "rpmsg-tty0", 2);
	assert_true(hint_channel(pair[0], "rpmsg-tty", near));
	assert_string_equal(near, "rpmsg-tty0");
	assert_false(hint_channel(pair[0], "echo", near));
	rpmsg_bus_close(pair[0]);
	rpmsg_bus_close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
