/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/machine.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/machine.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void add_processor(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void test_nothing(void **state)
{
	char *list;

	(void)state;
	assert_int_equal(machine_control_devices(dir, &list), 0);
	assert_null(list);
	assert_int_equal(machine_remote_processors("/nowhere", &list), 0);
	assert_null(list);
}

static void test_control_devices(void **state)
{
	char *list, wanted[256];

	(void)state;
	write_file("rpmsg_ctrl10", "");
	write_file("rpmsg_ctrl2", "");
	write_file("rpmsg_ctrl", "");
	write_file("rpmsg0", "");
	assert_int_equal(machine_control_devices(dir, &list), 2);
	snprintf(wanted, sizeof(wanted), "%s/rpmsg_ctrl2, %s/rpmsg_ctrl10", dir, dir);
	assert_string_equal(list, wanted);
	free(list);
}

static void test_remote_processors(void **state)
{
	char *list;

	(void)state;
	add_processor("remoteproc0");
	write_file("remoteproc0/name", "m4\n");
	write_file("remoteproc0/state", "offline\n");
	add_processor("remoteproc1");
	assert_int_equal(machine_remote_processors(dir, &list), 2);
	assert_string_equal(list, "remoteproc0 (m4): offline, remoteproc1 (?): ?");
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_control_devices, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_remote_processors, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
