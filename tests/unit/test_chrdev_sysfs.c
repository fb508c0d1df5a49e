/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "sysfs_tree.h"

/* ---- attributes ---- */

static void attribute_is_its_line(void **state)
{
	const struct tree *t = *state;
	char buf[8];

	tree_write(t->root, "a", "hello\n");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	tree_write(t->root, "a", "hello");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 5);
	tree_write(t->root, "a", "");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	tree_write(t->root, "a", "\n");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 0);
}

static void attribute_fits_or_is_refused(void **state)
{
	const struct tree *t = *state;
	char buf[8];

	tree_write(t->root, "a", "1234567\n"); /* the newline needs no room */
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "1234567");
	tree_write(t->root, "a", "1234567");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), 7);
	tree_write(t->root, "a", "12345678");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), -EPROTO);
	tree_write(t->root, "a", "12345678\n");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), -EPROTO);
	tree_write(t->root, "a", "1234567\nmore\n");
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), -EPROTO);
}

static void attribute_huge_binary_missing(void **state)
{
	const struct tree *t = *state;
	char huge[70000], buf[8];

	memset(huge, 'x', sizeof(huge));
	tree_put(t->root, "a", huge, sizeof(huge));
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), -EPROTO);
	tree_put(t->root, "a", "a\0b\n", 4);
	assert_int_equal(chrdev_read_attribute(t->root, "a", buf, sizeof(buf)), -EPROTO);
	assert_int_equal(chrdev_read_attribute(t->root, "none", buf, sizeof(buf)), -ENOENT);
	tree_mkdir(tree_path(t, "dir"));
	assert_int_equal(chrdev_read_attribute(t->root, "dir", buf, sizeof(buf)), -EIO);
}

static void addresses(void **state)
{
	static const char *const bad[] = { "", "-", "0x", "x", " 1", "1 ", "12z", "+1", "--1",
					   "0x100000000", "-2147483649", "99999999999999999999",
					   "1\n" };
	uint32_t addr;

	(void)state;
	assert_int_equal(chrdev_parse_address("0x400", &addr), 0);
	assert_int_equal(addr, 0x400);
	assert_int_equal(chrdev_parse_address("1024", &addr), 0);
	assert_int_equal(addr, 1024);
	assert_int_equal(chrdev_parse_address("-1", &addr), 0); /* /sys/class/rpmsg */
	assert_int_equal(addr, RPMSG_ADDR_ANY);
	assert_int_equal(chrdev_parse_address("0xffffffff", &addr), 0); /* /sys/bus/rpmsg */
	assert_int_equal(addr, RPMSG_ADDR_ANY);
	assert_int_equal(chrdev_parse_address("-2147483648", &addr), 0);
	assert_int_equal(addr, 0x80000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (chrdev_parse_address(bad[i], &addr) != -EPROTO)
			fail_msg("'%s' was taken for 0x%x", bad[i], addr);
}

/* ---- buses ---- */

static void a_bus_is_above_its_control_device(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	tree_bus(t, "soc/virtio3", "virtio");
	tree_write(tree_path(t, "sys/devices/soc/virtio3"), "features",
		   "1000000000000000000000000000000010000000000000000000000000000000\n");
	tree_control(t, "soc/virtio3", "rpmsg_ctrl0");
	assert_int_equal(chrdev_locate("rpmsg_ctrl0", &place), 0);
	assert_string_equal(place.ctrl, "rpmsg_ctrl0");
	assert_string_equal(place.dir, tree_path(t, "sys/devices/soc/virtio3"));
	assert_int_equal(place.mtu, 496);
	assert_true(place.features == (RPMSG_F_NS | RPMSG_F_VERSION_1));
	assert_int_equal(chrdev_locate("rpmsg_ctrl1", &place), -ENOENT);
}

static void no_virtio_no_mtu(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	tree_bus(t, "glink-edge", "platform");
	tree_control(t, "glink-edge", "rpmsg_ctrl0");
	assert_int_equal(chrdev_locate("rpmsg_ctrl0", &place), 0);
	assert_int_equal(place.mtu, 0);
	assert_true(place.features == 0);
}

static void unknown_control_device_lists_what_there_is(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	assert_int_equal(chrdev_find(tree_path(t, "dev/rpmsg_ctrl0"), &place), -ENOENT);
	assert_non_null(strstr(rpmsg_error_detail(), "there is none"));
	tree_bus(t, "virtio0", "virtio");
	tree_bus(t, "virtio1", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	tree_control(t, "virtio1", "rpmsg_ctrl2");
	assert_int_equal(chrdev_find(tree_path(t, "dev/rpmsg_ctrl1"), &place), -ENOENT);
	assert_non_null(strstr(rpmsg_error_detail(), "/dev/rpmsg_ctrl0"));
	assert_non_null(strstr(rpmsg_error_detail(), "/dev/rpmsg_ctrl2"));
	assert_int_equal(chrdev_find(tree_path(t, "dev/rpmsg_ctrl2"), &place), 0);
	assert_string_equal(place.dir, tree_path(t, "sys/devices/virtio1"));
}

static void names_that_are_no_control_device(void **state)
{
	static const char *const bad[] = { "dev/rpmsg0", "dev/rpmsg_ctrl", "dev/rpmsg_ctrl0x",
					   "dev/rpmsg_ctrl0/", "dev/../dev/rpmsg_ctrl0",
					   "dev/rpmsg_ctrl-1",
					   "dev/rpmsg_ctrl00000000000000000000000000000000001" };
	const struct tree *t = *state;
	struct chrdev_place place;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (chrdev_find(tree_path(t, "%s", bad[i]), &place) != -EINVAL)
			fail_msg("'%s' was taken for a control device", bad[i]);
}

/* ---- remote processors ---- */

static void processor(const struct tree *t, const char *device, const char *name, const char *label)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "sys/devices/%s/remoteproc/%s", device, name);
	tree_mkdir(tree_path(t, "%s", dir));
	tree_write(tree_path(t, "%s", dir), "name", label);
	tree_write(tree_path(t, "%s", dir), "state", "running\n");
	tree_link(tree_path(t, "sys/devices/%s", device), tree_path(t, "%s/device", dir));
	tree_mkdir(tree_path(t, "sys/class/remoteproc"));
	tree_link(tree_path(t, "%s", dir), tree_path(t, "sys/class/remoteproc/%s", name));
}

static void a_processor_by_each_of_its_names(void **state)
{
	static const char *const names[] = { "rproc:remoteproc1", "rproc:m4", "rproc:mcu@38000000",
					     "rproc:mcu" };
	const struct tree *t = *state;
	struct chrdev_place place;

	processor(t, "soc/dsp", "remoteproc0", "dsp\n");
	processor(t, "soc/m4", "remoteproc1", "m4\n");
	tree_mkdir(tree_path(t, "tree/mcu@38000000"));
	tree_link(tree_path(t, "tree/mcu@38000000"), tree_path(t, "sys/devices/soc/m4/of_node"));
	tree_bus(t, "soc/dsp/remoteproc/remoteproc0/virtio0", "virtio");
	tree_control(t, "soc/dsp/remoteproc/remoteproc0/virtio0", "rpmsg_ctrl0");
	tree_bus(t, "soc/m4/remoteproc/remoteproc1/virtio1", "virtio");
	tree_control(t, "soc/m4/remoteproc/remoteproc1/virtio1", "rpmsg_ctrl1");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(chrdev_find(names[i], &place), 0);
		assert_string_equal(place.ctrl, "rpmsg_ctrl1");
	}
}

static void a_bus_beside_its_processor(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	processor(t, "soc/adsp", "remoteproc0", "adsp\n");
	tree_bus(t, "soc/adsp/glink-edge", "platform");
	tree_control(t, "soc/adsp/glink-edge", "rpmsg_ctrl4");
	tree_bus(t, "soc/other/glink-edge", "platform");
	tree_control(t, "soc/other/glink-edge", "rpmsg_ctrl0");
	assert_int_equal(chrdev_find("rproc:adsp", &place), 0);
	assert_string_equal(place.ctrl, "rpmsg_ctrl4");
}

static void a_processor_with_two_buses_gives_the_first(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	processor(t, "m4", "remoteproc0", "m4\n");
	tree_bus(t, "m4/remoteproc/remoteproc0/virtio0", "virtio");
	tree_control(t, "m4/remoteproc/remoteproc0/virtio0", "rpmsg_ctrl10");
	tree_bus(t, "m4/remoteproc/remoteproc0/virtio1", "virtio");
	tree_control(t, "m4/remoteproc/remoteproc0/virtio1", "rpmsg_ctrl9");
	assert_int_equal(chrdev_find("rproc:m4", &place), 0);
	assert_string_equal(place.ctrl, "rpmsg_ctrl9");
}

static void a_processor_that_does_not_run_has_no_bus(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	processor(t, "m4", "remoteproc0", "m4\n");
	processor(t, "m40", "remoteproc01", "m40\n");
	tree_bus(t, "m40/remoteproc/remoteproc01/virtio0", "virtio");
	tree_control(t, "m40/remoteproc/remoteproc01/virtio0", "rpmsg_ctrl0");
	assert_int_equal(chrdev_find("rproc:m4", &place), 0);
	assert_string_equal(place.ctrl, "");
}

static void unknown_and_ambiguous_processors(void **state)
{
	const struct tree *t = *state;
	struct chrdev_place place;

	assert_int_equal(chrdev_find("rproc:", &place), -EINVAL);
	assert_int_equal(chrdev_find("rproc:m4", &place), -ENOENT);
	assert_non_null(strstr(rpmsg_error_detail(), "there is none"));
	processor(t, "a", "remoteproc0", "m4\n");
	processor(t, "b", "remoteproc1", "m4\n");
	processor(t, "c", "remoteproc2", "\033[2Jevil\n");
	assert_int_equal(chrdev_find("rproc:m4", &place), -ENOENT);
	assert_non_null(strstr(rpmsg_error_detail(), "several"));
	assert_non_null(strstr(rpmsg_error_detail(), "remoteproc1 (m4, running)"));
	assert_null(strchr(rpmsg_error_detail(), '\033'));
	assert_int_equal(chrdev_find("rproc:remoteproc1", &place), 0);
}

/* ---- lists ---- */

static const struct chrdev_device *find(const struct chrdev_list *list, const char *dir)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->item[i].dir, dir))
			return &list->item[i];
	return NULL;
}

static void channels_of_one_bus(void **state)
{
	const struct tree *t = *state;
	const struct chrdev_device *d;
	struct chrdev_place place;
	struct chrdev_list list;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	tree_channel(t, "virtio0", "virtio0.led.-1.1030", "led", "0xffffffff", "0x406", false);
	tree_channel(t, "virtio0", "v.raw", "rpmsg-raw", "0x400", "0xffffffff", true);
	tree_driver(t, "virtio0", "v.raw", "rpmsg_chrdev");
	tree_bus(t, "virtio1", "virtio");
	tree_channel(t, "virtio1", "virtio1.led.-1.5", "led", "0xffffffff", "0x5", false);
	assert_int_equal(chrdev_locate("rpmsg_ctrl0", &place), 0);
	assert_int_equal(chrdev_scan_channels(&place, &list), 0);
	assert_int_equal(list.n, 4);

	d = find(&list, "virtio0.led.-1.1030");
	assert_non_null(d);
	assert_string_equal(d->info.name, "led");
	assert_int_equal(d->info.src, RPMSG_ADDR_ANY);
	assert_int_equal(d->info.dst, 0x406);
	assert_string_equal(d->driver, "");
	assert_false(d->announce || d->pseudo);
	d = find(&list, "v.raw");
	assert_non_null(d);
	assert_string_equal(d->driver, "rpmsg_chrdev");
	assert_true(d->announce);
	assert_true(find(&list, "virtio0.rpmsg_ns.53.53")->pseudo);
	assert_true(find(&list, "virtio0.rpmsg_ctrl.0.0")->pseudo);
	chrdev_list_free(&list);
	assert_int_equal(chrdev_scan_channels(NULL, &list), 0);
	assert_int_equal(list.n, 5);
	chrdev_list_free(&list);
}

static void the_oldest_comes_first(void **state)
{
	const struct tree *t = *state;
	struct chrdev_list list;
	char dir[16];

	tree_bus(t, "virtio0", "virtio");
	for (int i = 0; i < 16; i++) {
		snprintf(dir, sizeof(dir), "v.%x", i * 7 % 16);
		tree_channel(t, "virtio0", dir, "x", "0x1", "0x2", false);
	}
	assert_int_equal(chrdev_scan_channels(NULL, &list), 0);
	assert_int_equal(list.n, 16);
	for (size_t i = 1; i < list.n; i++)
		assert_true(list.item[i - 1].id < list.item[i].id);
	chrdev_list_free(&list);
}

static void firmware_may_use_the_bus_own_names(void **state)
{
	const struct tree *t = *state;
	struct chrdev_list list;

	tree_bus(t, "virtio0", "virtio");
	tree_channel(t, "virtio0", "v.ctrl", "rpmsg_ctrl", "0xffffffff", "0x7", false);
	tree_channel(t, "virtio0", "virtio0.rpmsg_ns.-1.8", "rpmsg_ns", "0xffffffff", "0x8", false);
	assert_int_equal(chrdev_scan_channels(NULL, &list), 0);
	assert_int_equal(list.n, 2);
	assert_false(list.item[0].pseudo || list.item[1].pseudo);
	chrdev_list_free(&list);
}

static const char *plain_channel(const struct tree *t, const char *dir)
{
	return tree_channel(t, "virtio0", dir, "x", "0x1", "0x2", false);
}

static void hostile_channels_are_passed_over(void **state)
{
	const struct tree *t = *state;
	struct chrdev_list list;
	char huge[5000];

	memset(huge, 'n', sizeof(huge));
	tree_bus(t, "virtio0", "virtio");
	tree_channel(t, "virtio0", "v.empty", "", "0x1", "0x2", false);
	tree_put(plain_channel(t, "v.huge"), "name", huge, sizeof(huge));
	tree_put(plain_channel(t, "v.nul"), "name", "a\0b\n", 4);
	tree_write(plain_channel(t, "v.long"), "name", "12345678901234567890123456789012\n");
	plain_channel(t, "v.noname");
	unlink(tree_path(t, "sys/devices/virtio0/v.noname/name"));
	plain_channel(t, "v.nosrc");
	unlink(tree_path(t, "sys/devices/virtio0/v.nosrc/src"));
	tree_channel(t, "virtio0", "v.badsrc", "x", "zero", "0x2", false);
	tree_channel(t, "virtio0", "v.baddst", "x", "0x1", "", false);
	tree_link("/nowhere", tree_path(t, "sys/bus/rpmsg/devices/v.dangling"));
	tree_link("v.loop", tree_path(t, "sys/bus/rpmsg/devices/v.loop"));
	tree_channel(t, "virtio0", "v.good", "\001\033[31mred", "0x1", "0x2", false);
	assert_int_equal(chrdev_scan_channels(NULL, &list), 0);
	assert_int_equal(list.n, 1); /* what a name is made of is for those to judge who print it */
	assert_string_equal(list.item[0].info.name, "\001\033[31mred");
	chrdev_list_free(&list);
}

static void nodes_and_whose_they_are(void **state)
{
	const struct tree *t = *state;
	const struct chrdev_device *d;
	struct chrdev_place place;
	struct chrdev_list list;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	tree_channel(t, "virtio0", "v.raw", "rpmsg-raw", "0x400", "0x400", false);
	tree_node(t, "virtio0/v.raw", "rpmsg0", "rpmsg-raw", "1024", "1024");
	tree_node(t, "virtio0/virtio0.rpmsg_ctrl.0.0/rpmsg/rpmsg_ctrl0", "rpmsg7", "", "-1", "30");
	assert_int_equal(chrdev_locate("rpmsg_ctrl0", &place), 0);
	assert_int_equal(chrdev_scan_nodes(&place, &list), 0);
	assert_int_equal(list.n, 2); /* the control device is none */
	d = find(&list, "rpmsg0");
	assert_string_equal(d->parent, "v.raw");
	assert_string_equal(d->ctrl, "");
	assert_true(d->dev == makedev(254, 0));
	d = find(&list, "rpmsg7");
	assert_string_equal(d->ctrl, "rpmsg_ctrl0");
	assert_int_equal(d->info.src, RPMSG_ADDR_ANY);
	assert_int_equal(d->info.dst, 30);
	chrdev_list_free(&list);
}

static void hostile_nodes_are_passed_over(void **state)
{
	static const char *const bad[] = { "", "254", "254:", "254:0:1", "a:b", "254:0 x" };
	const struct tree *t = *state;
	struct chrdev_list list;
	char node[16];

	tree_bus(t, "virtio0", "virtio");
	tree_mkdir(tree_path(t, "sys/devices/virtio0/x"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(node, sizeof(node), "rpmsg%zu", i);
		tree_write(tree_node(t, "virtio0/x", node, "n", "1", "2"), "dev", bad[i]);
	}
	assert_int_equal(chrdev_scan_nodes(NULL, &list), 0);
	assert_int_equal(list.n, 0);
	tree_node(t, "virtio0/x", "rpmsg9", "n", "1", "2");
	assert_int_equal(chrdev_scan_nodes(NULL, &list), 0);
	assert_int_equal(list.n, 1);
	chrdev_list_free(&list);
}

/* A channel comes and goes all the time: each scan has it whole or not at all. */
static void vanishing_channels(void **state)
{
	const struct tree *t = *state;
	struct chrdev_list list;
	size_t seen = 0, missed = 0;
	pid_t pid;

	tree_bus(t, "virtio0", "virtio");
	pid = fork();
	if (!pid)
		for (;;) {
			tree_channel(t, "virtio0", "v.here", "name", "0x400", "0x500", true);
			tree_remove_channel(t, "virtio0", "v.here");
		}
	while ((seen < 20 || missed < 20) && seen + missed < 2000000) {
		assert_int_equal(chrdev_scan_channels(NULL, &list), 0);
		seen += list.n;
		missed += !list.n;
		if (list.n) {
			assert_string_equal(list.item[0].info.name, "name");
			assert_int_equal(list.item[0].info.src, 0x400);
		}
		chrdev_list_free(&list);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(seen >= 20 && missed >= 20);
}

/* ---- uevents ---- */

#define UEVENT(text) chrdev_uevent_concerns(text, sizeof(text) - 1)

static void uevents_of_ours(void **state)
{
	(void)state;
	assert_true(UEVENT("add@/devices/x\0ACTION=add\0SUBSYSTEM=rpmsg\0SEQNUM=1"));
	assert_true(UEVENT("SUBSYSTEM=remoteproc"));
	assert_false(UEVENT("add@/devices/x\0SUBSYSTEM=rpmsg2\0"));
	assert_false(UEVENT("add@/devices/x\0SUBSYSTEM=rpms\0"));
	assert_false(UEVENT("add@/SUBSYSTEM=rpmsg\0XSUBSYSTEM=rpmsg\0"));
	assert_false(UEVENT(""));
	assert_false(UEVENT("\0\0\0"));
	assert_true(UEVENT("\0\0SUBSYSTEM=rpmsg\0\0"));
	assert_false(chrdev_uevent_concerns("SUBSYSTEM=rpmsg", 14));
}

#define with_tree(f) cmocka_unit_test_setup_teardown(f, tree_set_up, tree_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_tree(attribute_is_its_line),
		with_tree(attribute_fits_or_is_refused),
		with_tree(attribute_huge_binary_missing),
		cmocka_unit_test(addresses),
		with_tree(a_bus_is_above_its_control_device),
		with_tree(no_virtio_no_mtu),
		with_tree(unknown_control_device_lists_what_there_is),
		with_tree(names_that_are_no_control_device),
		with_tree(a_processor_by_each_of_its_names),
		with_tree(a_bus_beside_its_processor),
		with_tree(a_processor_with_two_buses_gives_the_first),
		with_tree(a_processor_that_does_not_run_has_no_bus),
		with_tree(unknown_and_ambiguous_processors),
		with_tree(channels_of_one_bus),
		with_tree(the_oldest_comes_first),
		with_tree(firmware_may_use_the_bus_own_names),
		with_tree(hostile_channels_are_passed_over),
		with_tree(nodes_and_whose_they_are),
		with_tree(hostile_nodes_are_passed_over),
		with_tree(vanishing_channels),
		cmocka_unit_test(uevents_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
