/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/bpf.h"

static const uint8_t hello[] = "hello";

static const struct rpmsg_record message = {
	.dir = RPMSG_R2H, .src = 0x400, .dst = 0x401, .len = 5, .data = hello,
};
static const struct rpmsg_record cut = {
	.dir = RPMSG_R2H, .src = 0x400, .dst = 0x401, .len = 5, .count = 4, .data = hello,
};
static const struct rpmsg_record event = {
	.dir = RPMSG_H2R, .src = RPMSG_ADDR_ANY, .dst = 0x401, .type = RPMSG_RECORD_STALL,
	.value = 7, .text = "cat",
};

static void check(const char *text, bool of_message, bool of_cut, bool of_event)
{
	char error[256] = "";
	struct bpf *bpf = bpf_new(text, error, sizeof(error));

	if (!bpf)
		fail_msg("%s: %s", text, error);
	if (bpf_match(bpf, &message) != of_message || bpf_match(bpf, &cut) != of_cut ||
	    bpf_match(bpf, &event) != of_event)
		fail_msg("%s: message %d, cut %d, event %d", text, bpf_match(bpf, &message),
			 bpf_match(bpf, &cut), bpf_match(bpf, &event));
	bpf_free(bpf);
}

static void test_match(void **state)
{
	(void)state;
	check("", true, true, true);
	check("link[28:4] = 0x01040000", true, true, true);
	check("link[24:4] = 0x00040000", true, true, false);
	check("link[24:4] = 0xffffffff", false, false, true);
	check("link[19] = 1", true, true, false);
	check("not link[19] = 1", false, false, true);
	/* "rpmsg" and NUL, or "rpmsgev" */
	check("link[9] = 0", true, true, false);
	check("link[9:2] = 0x6576", false, false, true);
	/* the length is that of the whole packet, as it was */
	check("len = 45", true, true, false);
	check("len = 67", false, false, true);
	check("greater 46", false, false, true);
	/* what is not there holds nothing */
	check("link[40] = 0x68", true, true, false);
	check("link[44] = 0x6f", true, false, false);
	check("link[40] = 7", false, false, true);
}

static void check_error(const char *text, const char *part)
{
	char error[256] = "";

	assert_null(bpf_new(text, error, sizeof(error)));
	if (!strstr(error, part))
		fail_msg("'%s': %s", text, error);
}

static void test_errors(void **state)
{
	(void)state;
	check_error("name foo", "syntax error");
	check_error("link[28:4] =", "syntax error");
	check_error("link[28:3] = 1", "data size must be 1, 2, or 4");
	bpf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
