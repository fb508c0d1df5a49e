/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus on a tree that changes: what programs see of it. tests/linux makes devices. */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sysfs_tree.h"

static bool no_netlink; /* as where it is forbidden (RestrictAddressFamilies=) */

int socket(int domain, int type, int protocol)
{
	if (domain == AF_NETLINK && no_netlink) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return (int)syscall(SYS_socket, domain, type, protocol);
}

struct events {
	char text[2048];
	struct rpmsg_bus *bus;
};

static void note(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	static const char *const names[] = { "up", "down", "announce", "withdraw", "bound",
					     "unbound", "dropped" };
	struct events *e = arg;
	size_t used = strlen(e->text);

	(void)bus;
	snprintf(e->text + used, sizeof(e->text) - used, "%s%s%s ", names[ev->type],
		 ev->info.name[0] ? ":" : "", ev->info.name);
}

/* The tree has no uevents: what would make the bus look at it is done by hand. */
static void look(struct events *e)
{
	chrdev_wake(chrdev_of(e->bus));
	assert_true(rpmsg_bus_dispatch(e->bus, 0) >= 0);
}

static void expect(struct events *e, const char *text)
{
	look(e);
	assert_string_equal(e->text, text);
	e->text[0] = '\0';
}

static void open_bus(struct events *e, const char *spec)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt) };

	memset(e, 0, sizeof(*e));
	e->bus = rpmsg_bus_open(spec, &opt);
	if (!e->bus)
		fail_msg("%s: %s", spec, rpmsg_error_detail());
	rpmsg_bus_set_event_fn(e->bus, note, e);
}

/* rpmsg_bus_open() knows /dev/rpmsg… only: the tree's is given to the backend. */
static struct rpmsg_bus *open_tree(const struct tree *t, const char *ctrl)
{
	return chrdev_bus_open(tree_path(t, "dev/%s", ctrl), NULL);
}

static void open_control(struct events *e, const struct tree *t)
{
	memset(e, 0, sizeof(*e));
	e->bus = open_tree(t, "rpmsg_ctrl0");
	assert_non_null(e->bus);
	rpmsg_bus_set_event_fn(e->bus, note, e);
}

static struct rpmsg_bus_info info_of(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	return info;
}

static void plain_bus(const struct tree *t)
{
	tree_bus(t, "virtio0", "virtio");
	tree_write(tree_path(t, "sys/devices/virtio0"), "features", "1\n");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
}

static void what_is_not_known_is_zero(void **state)
{
	const struct tree *t = *state;
	struct rpmsg_bus_info info;
	struct events e;

	plain_bus(t);
	open_control(&e, t);
	info = info_of(e.bus);
	assert_true(info.up && info.own_only && info.fixed_dst);
	assert_int_equal(info.side, RPMSG_SIDE_HOST);
	assert_string_equal(info.name, "rpmsg_ctrl0");
	assert_int_equal(info.mtu_tx, 496);
	assert_int_equal(info.num, 0);
	assert_int_equal(info.buffer_size, 0);
	assert_int_equal(info.tx_free, 0);
	assert_true(info.features == RPMSG_F_NS);
	rpmsg_bus_close(e.bus);
}

static void remote_side_and_missing_devices(void **state)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_REMOTE };
	const struct tree *t = *state;

	plain_bus(t);
	assert_null(chrdev_bus_open(tree_path(t, "dev/rpmsg_ctrl0"), &opt));
	assert_int_equal(errno, EOPNOTSUPP);
	assert_null(open_tree(t, "rpmsg_ctrl1"));
	assert_int_equal(errno, ENOENT);
	assert_null(open_tree(t, "rpmsg0"));
	assert_int_equal(errno, EINVAL);
	unlink(tree_path(t, "dev/rpmsg_ctrl0"));
	assert_null(open_tree(t, "rpmsg_ctrl0"));
	assert_int_equal(errno, EPIPE);
}

static int status_of(const struct rpmsg_channel_status *st, void *arg)
{
	struct rpmsg_channel_status *want = arg;

	if (strcmp(st->info.name, want->info.name) != 0)
		return 0;
	*want = *st;
	return 1;
}

static struct rpmsg_channel_status status(struct rpmsg_bus *bus, const char *name)
{
	struct rpmsg_channel_status st = { 0 };

	strcpy(st.info.name, name);
	assert_int_equal(rpmsg_bus_for_each_channel(bus, status_of, &st), 1);
	return st;
}

static void channels_and_who_has_them(void **state)
{
	const struct tree *t = *state;
	struct rpmsg_channel_status st;
	struct events e;

	plain_bus(t);
	tree_channel(t, "virtio0", "virtio0.led.-1.30", "led", "0xffffffff", "0x1e", false);
	tree_channel(t, "virtio0", "virtio0.rpmsg-tty.-1.31", "rpmsg-tty", "0x401", "0x1f", false);
	tree_driver(t, "virtio0", "virtio0.rpmsg-tty.-1.31", "rpmsg_tty");
	tree_channel(t, "virtio0", "virtio0.svc.1024.-1", "svc", "0x400", "0xffffffff", true);
	open_control(&e, t);
	assert_non_null(rpmsg_bus_find_channel(e.bus, "led"));
	assert_null(rpmsg_bus_find_channel(e.bus, "rpmsg_ctrl"));
	assert_null(rpmsg_bus_find_channel(e.bus, "rpmsg_ns"));

	st = status(e.bus, "led");
	assert_int_equal(st.origin, RPMSG_CHANNEL_LEARNED);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_NONE);
	assert_int_equal(st.info.src, RPMSG_ADDR_ANY);
	assert_int_equal(st.info.dst, 30);
	assert_int_equal(st.mtu, 496);
	st = status(e.bus, "rpmsg-tty");
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_DRIVER);
	assert_string_equal(st.holder, "rpmsg_tty");
	st = status(e.bus, "svc");
	assert_int_equal(st.origin, RPMSG_CHANNEL_SERVICE);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_BUS);
	assert_false(st.announced); /* no driver has it, so the kernel told nobody */
	tree_driver(t, "virtio0", "virtio0.svc.1024.-1", "rpmsg_chrdev");
	expect(&e, "bound:svc ");
	assert_true(status(e.bus, "svc").announced);
	rpmsg_bus_close(e.bus);
}

static void channels_come_and_go(void **state)
{
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	open_control(&e, t);
	expect(&e, "");
	tree_channel(t, "virtio0", "virtio0.led.-1.30", "led", "0xffffffff", "0x1e", false);
	expect(&e, "announce:led ");
	expect(&e, "");
	tree_driver(t, "virtio0", "virtio0.led.-1.30", "some");
	expect(&e, "bound:led ");
	unlink(tree_path(t, "sys/devices/virtio0/virtio0.led.-1.30/driver"));
	expect(&e, "unbound:led ");
	tree_channel(t, "virtio0", "virtio0.led.-1.31", "led", "0xffffffff", "0x1f", false);
	tree_remove_channel(t, "virtio0", "virtio0.led.-1.30");
	expect(&e, "withdraw:led announce:led ");
	assert_int_equal(rpmsg_bus_find_channel(e.bus, "led")->dst, 31);
	rpmsg_bus_close(e.bus);
}

/* A driver's probe gives a channel its address. */
static void an_address_comes_with_the_driver(void **state)
{
	const struct tree *t = *state;
	const char *path;
	struct events e;

	plain_bus(t);
	path = tree_channel(t, "virtio0", "v.raw", "rpmsg-raw", "0xffffffff", "0x1e", false);
	open_control(&e, t);
	assert_int_equal(rpmsg_bus_find_channel(e.bus, "rpmsg-raw")->src, RPMSG_ADDR_ANY);
	tree_write(path, "src", "0x400\n");
	tree_driver(t, "virtio0", "v.raw", "rpmsg_chrdev");
	expect(&e, "bound:rpmsg-raw ");
	assert_int_equal(rpmsg_bus_find_channel(e.bus, "rpmsg-raw")->src, 0x400);
	rpmsg_bus_close(e.bus);
}

static void the_link_follows_the_control_device(void **state)
{
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	tree_channel(t, "virtio0", "v.led", "led", "0xffffffff", "0x1e", false);
	tree_channel(t, "virtio0", "v.svc", "svc", "0x400", "0xffffffff", true);
	open_control(&e, t);
	tree_remove_channel(t, "virtio0", "v.led");
	tree_remove_channel(t, "virtio0", "v.svc");
	tree_remove_control(t, "virtio0", "rpmsg_ctrl0");
	expect(&e, "withdraw:led down withdraw:svc ");
	assert_int_equal(rpmsg_bus_wait_up(e.bus, 0), -ETIMEDOUT);
	expect(&e, "");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	tree_channel(t, "virtio0", "v.led", "led", "0xffffffff", "0x1e", false);
	expect(&e, "up announce:led ");
	assert_int_equal(info_of(e.bus).generation, 2);
	rpmsg_bus_close(e.bus);
}

/* The device is there before its node, and the node before the right to open it. */
static void up_only_when_it_can_be_used(void **state)
{
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	open_control(&e, t);
	tree_remove_control(t, "virtio0", "rpmsg_ctrl0");
	expect(&e, "down ");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	unlink(tree_path(t, "dev/rpmsg_ctrl0"));
	expect(&e, "");
	tree_write(t->dev, "rpmsg_ctrl0", "");
	/* By itself: nothing else will tell. */
	assert_int_equal(rpmsg_bus_wait_up(e.bus, 10000), 0);
	rpmsg_bus_close(e.bus);
}

static void without_netlink_the_clock_tells(void **state)
{
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	no_netlink = true;
	open_control(&e, t);
	no_netlink = false;
	tree_channel(t, "virtio0", "v.led", "led", "0xffffffff", "0x1e", false);
	assert_true(rpmsg_bus_dispatch(e.bus, 10000) > 0);
	assert_string_equal(e.text, "announce:led ");
	rpmsg_bus_close(e.bus);
}

/* Whatever another program sends to the socket, it is not the kernel. */
static void uevents_of_others_are_ignored(void **state)
{
	static const char text[] = "add@/devices/x\0SUBSYSTEM=rpmsg";
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(to);
	struct pollfd p = { .events = POLLIN };
	bool timer;
	int fd, other = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);

	(void)state;
	fd = chrdev_uevents_open(&timer);
	assert_true(fd >= 0 && other >= 0 && !timer);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	to.nl_groups = 0;
	if (sendto(other, text, sizeof(text), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
		print_message("not root: sending as the kernel does: %s\n", strerror(errno));
		close(fd);
		close(other);
		skip();
	}
	p.fd = fd;
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_false(chrdev_uevents_read(fd, timer));
	close(fd);
	close(other);
}

static void a_processor_is_followed_to_another_number(void **state)
{
	const struct tree *t = *state;
	const char *dir;
	struct events e;

	dir = tree_path(t, "sys/devices/m4/remoteproc/remoteproc0");
	tree_mkdir(dir);
	tree_write(dir, "name", "m4\n");
	tree_mkdir(tree_path(t, "sys/class/remoteproc"));
	tree_link(dir, tree_path(t, "sys/class/remoteproc/remoteproc0"));
	open_bus(&e, "rproc:m4");
	assert_false(info_of(e.bus).up);
	tree_bus(t, "m4/remoteproc/remoteproc0/virtio0", "virtio");
	tree_control(t, "m4/remoteproc/remoteproc0/virtio0", "rpmsg_ctrl0");
	expect(&e, "up ");
	tree_bus(t, "m4/remoteproc/remoteproc0/virtio1", "virtio");
	tree_control(t, "m4/remoteproc/remoteproc0/virtio1", "rpmsg_ctrl1");
	expect(&e, ""); /* the first is as good as ever */
	tree_remove_control(t, "m4/remoteproc/remoteproc0/virtio0", "rpmsg_ctrl0");
	tree_channel(t, "m4/remoteproc/remoteproc0/virtio1", "v1.led", "led", "0xffffffff", "0x1e",
		     false);
	expect(&e, "down up announce:led ");
	unlink(tree_path(t, "sys/class/remoteproc/remoteproc0"));
	expect(&e, "withdraw:led down ");
	rpmsg_bus_close(e.bus);
}

static int ignore(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

/* With the link down all of it can be prepared. */
static void a_bus_that_is_down(void **state)
{
	struct rpmsg_channel_info info = { "", RPMSG_ADDR_ANY, 30 };
	const struct tree *t = *state;
	struct rpmsg_device *svc, *other;
	struct rpmsg_endpoint *ept;
	struct events e;

	plain_bus(t);
	open_control(&e, t);
	tree_remove_control(t, "virtio0", "rpmsg_ctrl0");
	expect(&e, "down ");
	svc = rpmsg_service_create(e.bus, "svc", RPMSG_ADDR_ANY, 0);
	assert_non_null(svc);
	assert_int_equal(svc->src, 1024);
	other = rpmsg_service_create(e.bus, "other", RPMSG_ADDR_ANY, 0);
	assert_int_equal(other->src, 1025);
	assert_null(rpmsg_service_create(e.bus, "third", 1025, 0));
	assert_int_equal(errno, EADDRINUSE);
	assert_null(rpmsg_service_create(e.bus, "third", 0x80000000, 0));
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_null(rpmsg_service_create(e.bus, "third", RPMSG_ADDR_ANY, RPMSG_SERVICE_PERSIST));
	assert_int_equal(errno, EPIPE);
	ept = rpmsg_create_ept(rpmsg_bus_device(e.bus), ignore, NULL, info);
	assert_non_null(ept);
	assert_int_equal(rpmsg_trysend(ept, "x", 1), -EPIPE);
	assert_int_equal(rpmsg_poll(ept), POLLERR);
	assert_int_equal(rpmsg_get_mtu(ept), -EPIPE);
	assert_false(status(e.bus, "svc").announced);
	rpmsg_destroy_ept(ept);
	assert_int_equal(rpmsg_service_destroy(svc), 0);
	e.text[0] = '\0';
	/* A plain file is no control device: what cannot be made is told, and the link is up. */
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	expect(&e, "up ");
	rpmsg_bus_close(e.bus);
}

static void a_static_channel_is_local(void **state)
{
	struct rpmsg_channel_info info = { "mine", 50, 60 };
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	open_control(&e, t);
	assert_non_null(rpmsg_channel_create(rpmsg_bus_device(e.bus), &info));
	expect(&e, "announce:mine ");
	assert_int_equal(status(e.bus, "mine").origin, RPMSG_CHANNEL_STATIC);
	assert_int_equal(rpmsg_channel_destroy(rpmsg_bus_device(e.bus), &info), 0);
	expect(&e, "withdraw:mine ");
	rpmsg_bus_close(e.bus);
}

/* What the kernel refuses is said in words, and leaves nothing behind. */
static void requests_that_fail(void **state)
{
	struct rpmsg_channel_info info = { "", 1024, 30 };
	const struct tree *t = *state;
	struct events e;

	plain_bus(t);
	tree_channel(t, "virtio0", "v.svc", "svc", "0x400", "0xffffffff", true);
	open_control(&e, t);
	assert_null(rpmsg_create_ept(rpmsg_bus_device(e.bus), ignore, NULL, info));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(rpmsg_error_detail(), "v.svc"));
	info.src = 0x80000000;
	assert_null(rpmsg_create_ept(rpmsg_bus_device(e.bus), ignore, NULL, info));
	assert_int_equal(errno, EADDRNOTAVAIL);
	info.src = RPMSG_ADDR_ANY;
	assert_null(rpmsg_create_ept(rpmsg_bus_device(e.bus), ignore, NULL, info));
	assert_int_equal(errno, EOPNOTSUPP); /* ENOTTY */
	assert_null(rpmsg_service_create(e.bus, "new", RPMSG_ADDR_ANY, 0));
	assert_int_equal(errno, EOPNOTSUPP);
	expect(&e, "");
	tree_remove_control(t, "virtio0", "rpmsg_ctrl0");
	assert_null(rpmsg_create_ept(rpmsg_bus_device(e.bus), ignore, NULL, info));
	assert_int_equal(errno, EPIPE);
	expect(&e, "down withdraw:svc ");
	rpmsg_bus_close(e.bus);
}

#define with_tree(f) cmocka_unit_test_setup_teardown(f, tree_set_up, tree_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_tree(what_is_not_known_is_zero),
		with_tree(remote_side_and_missing_devices),
		with_tree(channels_and_who_has_them),
		with_tree(channels_come_and_go),
		with_tree(an_address_comes_with_the_driver),
		with_tree(the_link_follows_the_control_device),
		with_tree(up_only_when_it_can_be_used),
		with_tree(without_netlink_the_clock_tells),
		cmocka_unit_test(uevents_of_others_are_ignored),
		with_tree(a_processor_is_followed_to_another_number),
		with_tree(a_bus_that_is_down),
		with_tree(a_static_channel_is_local),
		with_tree(requests_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
