/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox a, b;
static struct rpmsg_endpoint *h, *r;
static struct rpmsg_held *kept[300];
static int n_kept;

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	n_kept = 0;
	loop_bus_open(&lb, NULL);
	h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	r = bind_addr(lb.remote, inbox_cb, &b, 77, 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

/* One direction: reserve on from's bus, seen by to's inbox. */
static void reserve_submit(struct rpmsg_endpoint *from, struct inbox *in)
{
	size_t room = 0;
	char *buf = rpmsg_tx_reserve(from, &room, false), *second;

	assert_non_null(buf);
	assert_int_equal(room, 496);
	second = rpmsg_tx_reserve(from, &room, false);
	assert_non_null(second);
	memset(buf, 'x', 496);
	memset(second, 'y', 496);
	assert_int_equal(rpmsg_tx_submit(from, second, 10, RPMSG_ADDR_ANY), 0);
	assert_int_equal(rpmsg_tx_submit(from, buf, 496, RPMSG_ADDR_ANY), 0);
	assert_int_equal(rpmsg_tx_submit(from, buf, 1, RPMSG_ADDR_ANY), -EINVAL); /* gone */
	loop_bus_settle(&lb);
	assert_int_equal(in->n, 2);
	assert_int_equal(in->len, 496);
	assert_int_equal(in->data[495], 'x');
	assert_int_equal(in->src, from->addr);
}

static void test_reserve_host(void **state)
{
	(void)state;
	reserve_submit(h, &b);
}

static void test_reserve_remote(void **state)
{
	(void)state;
	reserve_submit(r, &a);
}

static void reserve_errors(struct rpmsg_endpoint *from, struct inbox *in)
{
	void *buf[256];
	size_t room;

	for (int i = 0; i < 256; i++)
		assert_non_null(buf[i] = rpmsg_tx_reserve(from, &room, false));
	assert_null(rpmsg_tx_reserve(from, &room, false));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(rpmsg_trysend(from, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_tx_submit(from, buf[0], 497, RPMSG_ADDR_ANY), -EMSGSIZE);
	for (int i = 1; i < 256; i++)
		rpmsg_tx_discard(from, buf[i]);
	for (int i = 0; i < 256; i++)
		assert_int_equal(rpmsg_trysend(from, "x", 1), 0);
	assert_int_equal(rpmsg_trysend(from, "x", 1), -ENOMEM);
	loop_bus_settle(&lb);
	assert_int_equal(in->n, 256); /* what was discarded never arrived */
}

static void test_discard_host(void **state)
{
	(void)state;
	reserve_errors(h, &b);
}

static void test_discard_remote(void **state)
{
	(void)state;
	reserve_errors(r, &a);
}

static int keep_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **self = priv;

	(void)rpdev, (void)len, (void)src;
	kept[n_kept] = rpmsg_rx_hold(*self, data);
	assert_non_null(kept[n_kept]);
	assert_ptr_equal(rpmsg_held_data(kept[n_kept]), data);
	n_kept++;
	return 0;
}

/* from floods, to keeps all: the ring runs dry, and each release gives one back. */
static void hold_all(struct rpmsg_endpoint *from, struct rpmsg_bus *to, uint32_t at)
{
	struct rpmsg_endpoint *keeper;

	keeper = bind_addr(to, keep_cb, &keeper, at, RPMSG_ADDR_ANY);
	rpmsg_endpoint_set_in_place(keeper, true);
	for (int i = 0; i < 256; i++) {
		assert_int_equal(rpmsg_trysendto(from, &i, sizeof(i), at), 0);
		loop_bus_settle(&lb);
	}
	assert_int_equal(n_kept, 256);
	assert_int_equal(rpmsg_trysendto(from, "x", 1, at), -ENOMEM);
	for (int i = 255; i >= 0; i--)
		assert_memory_equal(rpmsg_held_data(kept[i]), &i, sizeof(i));
	rpmsg_rx_release(kept[100]);
	rpmsg_rx_release(kept[7]);
	assert_int_equal(rpmsg_trysendto(from, "x", 1, at), 0);
	assert_int_equal(rpmsg_trysendto(from, "x", 1, at), 0);
	assert_int_equal(rpmsg_trysendto(from, "x", 1, at), -ENOMEM);
	kept[100] = kept[7] = NULL;
}

static void test_hold_remote(void **state)
{
	int zero = 0;

	(void)state;
	hold_all(h, lb.remote, 800);
	/* What is held outlives the bus. */
	loop_bus_close(&lb);
	assert_memory_equal(rpmsg_held_data(kept[0]), &zero, sizeof(zero));
	for (int i = 0; i < 256; i++)
		rpmsg_rx_release(kept[i]);
	loop_bus_open(&lb, NULL);
}

static void test_hold_host(void **state)
{
	(void)state;
	hold_all(r, lb.host, 800);
	for (int i = 0; i < 256; i++)
		rpmsg_rx_release(kept[i]);
}

static int wrong_hold_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **self = priv;

	(void)rpdev, (void)len, (void)src;
	assert_null(rpmsg_rx_hold(*self, data));
	assert_int_equal(errno, EOPNOTSUPP);
	assert_null(rpmsg_rx_hold(h, data));
	assert_int_equal(errno, EINVAL);
	n_kept++;
	return 0;
}

static void test_hold_refused(void **state)
{
	struct rpmsg_endpoint *e;

	(void)state;
	e = bind_addr(lb.remote, wrong_hold_cb, &e, 800, 5);
	assert_int_equal(rpmsg_sendto(h, "x", 1, 800), 0);
	loop_bus_settle(&lb);
	assert_int_equal(n_kept, 1);
	assert_null(rpmsg_rx_hold(e, "x"));
	assert_int_equal(errno, EINVAL);
}

static void test_stale_reserve(void **state)
{
	size_t room;
	char *buf = rpmsg_tx_reserve(h, &room, false);

	(void)state;
	assert_non_null(buf);
	rpmsg_bus_close(lb.remote);
	lb.remote = NULL;
	while (rpmsg_bus_dispatch(lb.host, 1000) > 0 && rpmsg_get_mtu(h) > 0)
		;
	memset(buf, 1, room); /* still ours to write */
	assert_int_equal(rpmsg_tx_submit(h, buf, 1, RPMSG_ADDR_ANY), -EPIPE);
	assert_null(rpmsg_tx_reserve(h, &room, true));
	assert_int_equal(errno, EPIPE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_reserve_host),   T(test_reserve_remote), T(test_discard_host),
		T(test_discard_remote), T(test_hold_remote),    T(test_hold_host),
		T(test_hold_refused),   T(test_stale_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
