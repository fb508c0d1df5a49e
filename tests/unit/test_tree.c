/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/tree.h"

static char dir[64];
static struct tree copy;

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/tree.XXXXXX");
	return mkdtemp(dir) ? tree_init(&copy, dir) : -1;
}

static int remove_dir(void **state)
{
	char command[96];

	(void)state;
	tree_done(&copy);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t len)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* A file with these bytes is read as this. */
static void expect_line(const void *data, size_t len, int err, const char *line)
{
	char buf[16] = "before";

	write_file("file", data, len);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/%s", "file"), err);
	assert_string_equal(buf, line);
}

static void test_lines(void **state)
{
	char huge[10000];

	(void)state;
	memset(huge, 'x', sizeof(huge));
	expect_line("running\nmore\n", 13, 0, "running");
	expect_line("running", 7, 0, "running");
	expect_line("", 0, -ENODATA, "");
	expect_line("\nrunning", 8, -ENODATA, "");
	expect_line("a\0b\033c\377\n", 7, 0, "a.b.c.");
	expect_line(huge, sizeof(huge), 0, "xxxxxxxxxxxxxxx");
}

static void test_what_is_no_file(void **state)
{
	char buf[16], *data;
	size_t len;

	(void)state;
	assert_int_equal(mkdir(in_dir("folder"), 0700), 0);
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/nowhere"), -ENOENT);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/folder"), -EINVAL);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/fifo"), -EINVAL);
	assert_int_equal(tree_read_file(&copy, "/fifo", 100, &data, &len), -EINVAL);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/%05000d", 1), -ENAMETOOLONG);
}

static void test_whole_files(void **state)
{
	char *big = calloc(1, 200000), *data;
	size_t len;

	(void)state;
	assert_non_null(big);
	big[199999] = 'e';
	write_file("big", big, 200000);
	assert_int_equal(tree_read_file(&copy, "/big", 200000, &data, &len), 0);
	assert_int_equal(len, 200000);
	assert_memory_equal(data, big, len);
	assert_int_equal(data[len], 0);
	free(data);
	assert_int_equal(tree_read_file(&copy, "/big", 199999, &data, &len), -EFBIG);
	free(big);
}

static void test_links_stay_within(void **state)
{
	char buf[16];
	struct tree here;

	(void)state;
	write_file("target", "inside\n", 7);
	assert_int_equal(symlink("../../../../../target", in_dir("up")), 0);
	assert_int_equal(symlink("/target", in_dir("absolute")), 0);
	assert_int_equal(symlink("/etc/passwd", in_dir("out")), 0);
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/up"), 0);
	assert_string_equal(buf, "inside");
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/absolute"), 0);
	assert_string_equal(buf, "inside");
	assert_int_equal(tree_read_line(&copy, buf, sizeof(buf), "/out"), -ENOENT);
	assert_int_equal(tree_read_link(&copy, buf, sizeof(buf), "/out"), 0);
	assert_string_equal(buf, "passwd");
	assert_int_equal(tree_read_link(&copy, buf, sizeof(buf), "/target"), -ENOENT);
	assert_int_equal(tree_init(&here, NULL), 0);
	assert_int_equal(tree_read_line(&here, buf, sizeof(buf), "%s/target", dir), 0);
	assert_string_equal(buf, "inside");
	tree_done(&here);
	assert_int_equal(tree_init(&here, in_dir("nowhere")), -ENOENT);
}

static void test_names(void **state)
{
	struct tree_names names;

	(void)state;
	write_file("rpmsg10", "", 0);
	write_file("rpmsg2", "", 0);
	write_file("rpmsg_ctrl0", "", 0);
	write_file(".hidden", "", 0);
	assert_int_equal(tree_list(&copy, "/", "rpmsg", &names), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.name[0], "rpmsg2");
	assert_string_equal(names.name[1], "rpmsg10");
	tree_names_free(&names);
	assert_int_equal(tree_list(&copy, "/", "", &names), 0);
	assert_int_equal(names.n, 3);
	tree_names_free(&names);
	assert_int_equal(tree_list(&copy, "/nowhere", "", &names), -ENOENT);
	assert_int_equal(names.n, 0);
	assert_int_equal(tree_list(&copy, "/rpmsg2", "", &names), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_what_is_no_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_whole_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_links_stay_within, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_names, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
