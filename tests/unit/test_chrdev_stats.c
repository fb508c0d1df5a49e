/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is counted on the kernel's bus: this process's own. The endpoint's node is a FIFO, which
 * takes messages as long as there is room, and gives back what lies in it.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/sysmacros.h>

#include "sysfs_tree.h"

#define ROOM 8 /* messages that the FIFO takes, of LONG bytes */
#define LONG 496

/* To the library the FIFO is the device that sysfs tells of. */
int fstat(int fd, struct stat *st)
{
	int err = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (err || !S_ISFIFO(st->st_mode))
		return err;
	st->st_mode = S_IFCHR | 0600;
	st->st_rdev = makedev(254, 0);
	return 0;
}

struct kernel {
	struct rpmsg_bus *bus;
	struct rpmsg_endpoint *ept;
	unsigned heard;
	int fifo; /* the kernel's end */
};

static int hear(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)src;
	++*(unsigned *)priv;
	return 0;
}

static void kernel_open(struct kernel *k, const struct tree *t, int send_timeout_ms)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .send_timeout_ms = send_timeout_ms };
	const char *node;

	tree_bus(t, "virtio0", "virtio");
	tree_write(tree_path(t, "sys/devices/virtio0"), "features", "1\n");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	tree_channel(t, "virtio0", "v.led", "led", "0x400", "0x1e", false);
	tree_driver(t, "virtio0", "v.led", "rpmsg_chrdev");
	tree_node(t, "virtio0/v.led", "rpmsg0", "led", "0x400", "0x1e");
	node = tree_path(t, "dev/rpmsg0");
	unlink(node);
	assert_int_equal(mkfifo(node, 0600), 0);
	k->fifo = open(node, O_RDWR | O_NONBLOCK);
	assert_int_equal(fcntl(k->fifo, F_SETPIPE_SZ, 4096), 4096);
	k->heard = 0;
	k->bus = chrdev_bus_open(tree_path(t, "dev/rpmsg_ctrl0"), &opt);
	assert_non_null(k->bus);
	k->ept = rpmsg_channel_bind(rpmsg_bus_find_channel(k->bus, "led"), hear, &k->heard);
	if (!k->ept)
		fail_msg("%s", rpmsg_error_detail());
}

static void kernel_close(struct kernel *k)
{
	rpmsg_bus_close(k->bus);
	close(k->fifo);
}

static void take(struct kernel *k, size_t len)
{
	char data[4096];

	assert_int_equal(read(k->fifo, data, len), len);
}

static struct rpmsg_endpoint_stats stats_of(struct kernel *k)
{
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };

	assert_int_equal(rpmsg_endpoint_get_stats(k->ept, &st), 0);
	return st;
}

static uint64_t sum_of_errors(const struct rpmsg_counts *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		sum += c->errors[i];
	return sum;
}

static int channel_is(const struct rpmsg_channel_status *st, void *arg)
{
	const struct rpmsg_counts *want = arg;

	assert_string_equal(st->info.name, "led");
	assert_memory_equal(&st->counts, want, sizeof(*want));
	return 1;
}

/* What the endpoint has its channel and the bus have, now and when it is gone. */
static void expect_kept(struct kernel *k)
{
	struct rpmsg_counts want = stats_of(k).counts;
	struct rpmsg_stats bus = { .size = sizeof(bus) };

	assert_int_equal(rpmsg_bus_for_each_channel(k->bus, channel_is, &want), 1);
	rpmsg_destroy_ept(k->ept);
	assert_int_equal(rpmsg_bus_for_each_channel(k->bus, channel_is, &want), 1);
	assert_int_equal(rpmsg_bus_get_stats(k->bus, &bus), 0);
	assert_memory_equal(&bus.counts, &want, sizeof(want));
	assert_int_equal(bus.n_endpoints, 0);
	assert_int_equal(bus.n_channels, 1);
	assert_int_equal(bus.tx_ring.size, 0); /* nothing is known of rings */
	assert_int_equal(bus.rx_ring.size, 0);
	assert_int_equal(rpmsg_bus_tx_free(k->bus), 0);
}

static void messages_both_ways(void **state)
{
	static const int sizes[] = { 1, 5, 100, LONG };
	struct rpmsg_endpoint_stats st;
	char data[LONG] = { 0 };
	struct kernel k;
	size_t room;
	void *buf;

	kernel_open(&k, *state, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rpmsg_send(k.ept, data, sizes[i]), 0);
	buf = rpmsg_tx_reserve(k.ept, &room, false);
	assert_non_null(buf);
	memset(buf, 0, room);
	assert_int_equal(rpmsg_tx_submit(k.ept, buf, 7, RPMSG_ADDR_ANY), 0);
	take(&k, 602 + 7);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(write(k.fifo, data, 9), 9);
		while (k.heard < i)
			assert_true(rpmsg_bus_dispatch(k.bus, 10000) > 0);
	}
	st = stats_of(&k);
	assert_int_equal(st.counts.tx.messages, 5);
	assert_int_equal(st.counts.tx.bytes, 602 + 7);
	assert_int_equal(st.counts.tx.sizes[1], 1); /* 1 */
	assert_int_equal(st.counts.tx.sizes[3], 2); /* 5 and 7 */
	assert_int_equal(st.counts.tx.sizes[7], 1); /* 100 */
	assert_int_equal(st.counts.tx.sizes[9], 1); /* 496 */
	assert_int_equal(st.counts.rx.messages, 3);
	assert_int_equal(st.counts.rx.bytes, 27);
	assert_true(st.counts.rx.last_ns >= st.counts.tx.last_ns && st.counts.tx.last_ns);
	assert_int_equal(sum_of_errors(&st.counts), 0);
	expect_kept(&k);
	kernel_close(&k);
}

static void what_fails_is_counted_once(void **state)
{
	struct rpmsg_endpoint_stats st;
	char data[LONG + 1] = { 0 };
	struct kernel k;
	size_t room;
	void *buf;

	kernel_open(&k, *state, 30);
	for (int i = 0; i < ROOM; i++)
		assert_int_equal(rpmsg_trysend(k.ept, data, LONG), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(k.ept, data, LONG), -ENOMEM);
	assert_int_equal(rpmsg_send(k.ept, data, LONG), -ERESTARTSYS);
	assert_int_equal(rpmsg_send(k.ept, data, LONG + 1), -EMSGSIZE);
	assert_int_equal(rpmsg_send_offchannel(k.ept, 1, 0x1e, data, 1), -EOPNOTSUPP);
	assert_int_equal(rpmsg_trysendto(k.ept, data, 1, 0x1f), -EOPNOTSUPP);
	assert_int_equal(rpmsg_sendto(k.ept, data, 1, RPMSG_ADDR_ANY), -EINVAL);
	buf = rpmsg_tx_reserve(k.ept, &room, false);
	assert_non_null(buf);
	memset(buf, 0, room);
	assert_int_equal(rpmsg_tx_submit(k.ept, buf, room, 0x1e), -ENOMEM);
	st = stats_of(&k);
	assert_int_equal(st.counts.tx.messages, ROOM);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_NO_BUFFER], 4);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_TIMEOUT], 1);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_TOO_LONG], 1);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_OTHER], 2);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_NO_DST], 1);
	assert_int_equal(sum_of_errors(&st.counts), 9);
	assert_int_equal(st.counts.waits, 1);
	assert_true(st.counts.wait_ns > 0);
	assert_int_equal(st.waiting, 0);
	expect_kept(&k);
	kernel_close(&k);
}

static void the_link_goes(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct kernel k;
	size_t room;

	kernel_open(&k, *state, 0);
	assert_int_equal(rpmsg_send(k.ept, "x", 1), 0);
	tree_remove_control(*state, "virtio0", "rpmsg_ctrl0");
	chrdev_wake(chrdev_of(k.bus));
	assert_true(rpmsg_bus_dispatch(k.bus, 0) >= 0);
	assert_int_equal(rpmsg_trysend(k.ept, "x", 1), -EPIPE);
	assert_null(rpmsg_tx_reserve(k.ept, &room, true));
	st = stats_of(&k);
	assert_int_equal(st.counts.tx.messages, 1);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_DOWN], 2);
	assert_int_equal(sum_of_errors(&st.counts), 2);
	kernel_close(&k);
}

static void *send_one(void *arg)
{
	static const char data[LONG];

	return (void *)(intptr_t)rpmsg_send(arg, data, LONG);
}

static void a_sender_that_waits(void **state)
{
	struct rpmsg_endpoint_stats st;
	pthread_t thread;
	struct kernel k;
	void *ret;

	kernel_open(&k, *state, 10000);
	for (int i = 0; i < ROOM; i++)
		assert_ptr_equal(send_one(k.ept), NULL);
	assert_int_equal(pthread_create(&thread, NULL, send_one, k.ept), 0);
	do
		st = stats_of(&k);
	while (!st.waiting || !st.waiting_ns);
	assert_int_equal(st.counts.waits, 0);
	take(&k, (size_t)ROOM * LONG);
	pthread_join(thread, &ret);
	assert_null(ret);
	st = stats_of(&k);
	assert_int_equal(st.waiting, 0);
	assert_int_equal(st.counts.waits, 1);
	assert_int_equal(st.counts.tx.messages, ROOM + 1);
	assert_int_equal(sum_of_errors(&st.counts), 0);
	kernel_close(&k);
}

#define test(f) cmocka_unit_test_setup_teardown(f, tree_set_up, tree_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(messages_both_ways),
		test(what_fails_is_counted_once),
		test(the_link_goes),
		test(a_sender_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
