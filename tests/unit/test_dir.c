/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpmsg.h"

struct place {
	char dir[64];
	char path[128]; /* dir + "/sub" */
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/rpmsg-dir-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/sub", p->dir);
	setenv("RPMSG_DIR", p->path, 1);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	if (unlink(p->path))
		rmdir(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void refused(const char *words)
{
	char path[PATH_MAX];

	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), -EPERM);
	assert_int_equal(errno, EPERM);
	assert_non_null(strstr(rpmsg_error_detail(), words));
}

static void serve_makes_it(void **state)
{
	struct place *p = *state;
	char path[PATH_MAX];
	struct stat st;

	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), 0);
	assert_string_equal(path, p->path);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), 0);
}

static void serve_refuses_others_bits(void **state)
{
	static const mode_t modes[] = { 0755, 0750, 0701, 0770, 01777 };
	struct place *p = *state;
	char path[PATH_MAX];
	size_t i;

	assert_int_equal(mkdir(p->path, 0700), 0);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(chmod(p->path, modes[i]), 0);
		refused("open to others");
		assert_non_null(strstr(rpmsg_error_detail(), p->path));
	}
	assert_int_equal(chmod(p->path, 0700), 0);
	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), 0);
}

static void serve_refuses_links_and_files(void **state)
{
	struct place *p = *state;
	char target[128], slashed[160];
	FILE *f;

	snprintf(target, sizeof(target), "%s/target", p->dir);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, p->path), 0);
	refused("symbolic link");
	snprintf(slashed, sizeof(slashed), "%s//", p->path);
	setenv("RPMSG_DIR", slashed, 1);
	refused("symbolic link");
	setenv("RPMSG_DIR", p->path, 1);
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(rmdir(target), 0);
	f = fopen(p->path, "w");
	assert_non_null(f);
	fclose(f);
	refused("not a directory");
}

static void serve_refuses_foreign(void **state)
{
	struct place *p = *state;

	if (geteuid() == 0) {
		assert_int_equal(mkdir(p->path, 0700), 0);
		assert_int_equal(chown(p->path, 65534, 65534), 0);
		refused("belongs to uid 65534");
		return;
	}
	setenv("RPMSG_DIR", "/usr", 1);
	refused("belongs to uid 0");
}

static void serve_needs_the_parent(void **state)
{
	char path[PATH_MAX];

	(void)state;
	setenv("RPMSG_DIR", "/nonexistent/rpmsg", 1);
	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), -ENOENT);
	assert_non_null(strstr(rpmsg_error_detail(), "/nonexistent/rpmsg"));
}

static void too_long_is_told(void **state)
{
	char path[8];

	(void)state;
	assert_int_equal(rpmsg_dir_serve(path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(rpmsg_dir_lookup(0, path, sizeof(path)), -ENAMETOOLONG);
}

static void lookup_env_alone(void **state)
{
	struct place *p = *state;
	char path[PATH_MAX], cwd[PATH_MAX], want[PATH_MAX + 16];

	assert_int_equal(rpmsg_dir_lookup(0, path, sizeof(path)), 0);
	assert_string_equal(path, p->path);
	assert_int_equal(rpmsg_dir_lookup(1, path, sizeof(path)), -ENOENT);

	setenv("RPMSG_DIR", "some/dir/", 1);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s/some/dir", cwd);
	assert_int_equal(rpmsg_dir_lookup(0, path, sizeof(path)), 0);
	assert_string_equal(path, want);
}

static void lookup_in_turn(void **state)
{
	char path[PATH_MAX], tmp[64];

	(void)state;
	snprintf(tmp, sizeof(tmp), "/tmp/rpmsg-%lu", (unsigned long)geteuid());
	setenv("RPMSG_DIR", "", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	assert_int_equal(rpmsg_dir_lookup(0, path, sizeof(path)), 0);
	assert_string_equal(path, "/run/user/7/rpmsg");
	assert_int_equal(rpmsg_dir_lookup(1, path, sizeof(path)), 0);
	assert_string_equal(path, "/run/rpmsg");
	assert_int_equal(rpmsg_dir_lookup(2, path, sizeof(path)), 0);
	assert_string_equal(path, tmp);
	assert_int_equal(rpmsg_dir_lookup(3, path, sizeof(path)), -ENOENT);

	unsetenv("RPMSG_DIR");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	assert_int_equal(rpmsg_dir_lookup(0, path, sizeof(path)), 0);
	assert_string_equal(path, "/run/rpmsg");
	assert_int_equal(rpmsg_dir_lookup(1, path, sizeof(path)), 0);
	assert_string_equal(path, tmp);
	assert_int_equal(rpmsg_dir_lookup(2, path, sizeof(path)), -ENOENT);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(rpmsg_dir_lookup(2, path, sizeof(path)), -ENOENT);
}

static void names(void **state)
{
	static const char *const good[] = { "a", "rpmsg0", "_x", "0", "A.b-c_9",
					    "12345678901234567890123456789012" };
	static const char *const bad[] = { "", ".", "-x", ".a", "a b", "a/b", "a:b", "a=b", "a,b",
					   "\xc3\xa4", "a\n", "123456789012345678901234567890123" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(rpmsg_bus_name_valid(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(rpmsg_bus_name_valid(bad[i]));
	assert_false(rpmsg_bus_name_valid(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(serve_makes_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(serve_refuses_others_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(serve_refuses_links_and_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(serve_refuses_foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(serve_needs_the_parent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_long_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lookup_env_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lookup_in_turn, set_up, tear_down),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("dir", tests, NULL, NULL);
}
