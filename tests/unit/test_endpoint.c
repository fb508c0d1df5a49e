/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox a, b;

static int open_default(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	loop_bus_open(&lb, NULL);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

static void test_send_both_ways(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 77);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &b, 77, RPMSG_ADDR_ANY);

	(void)state;
	assert_int_equal(h->addr, RPMSG_ADDR_DYNAMIC);
	assert_int_equal(rpmsg_send(h, "hello!", 6), 0);
	loop_bus_settle(&lb);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.len, 6);
	assert_int_equal(b.src, h->addr);
	assert_memory_equal(b.data, "hello!", 6);
	/* r took the first sender's address. */
	assert_int_equal(rpmsg_endpoint_dst(r), h->addr);
	assert_int_equal(rpmsg_send(r, "back", 4), 0);
	assert_int_equal(rpmsg_send(r, "", 0), 0);
	loop_bus_settle(&lb);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.len, 0);
	assert_ptr_equal(a.rpdev, rpmsg_bus_device(lb.host));
}

static void test_send_matrix(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &b, 78, RPMSG_ADDR_ANY);
	char big[512] = "";

	(void)state;
	assert_int_equal(rpmsg_get_mtu(h), 496);
	assert_int_equal(rpmsg_sendto(h, "x", 1, 78), 0);
	assert_int_equal(rpmsg_trysendto(h, "x", 1, 78), 0);
	assert_int_equal(rpmsg_send_offchannel(h, 99, 78, "y", 1), 0);
	loop_bus_settle(&lb);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.src, 99);
	assert_int_equal(rpmsg_trysend_offchannel(h, 100, 78, big, 496), 0);
	loop_bus_settle(&lb);
	assert_int_equal(b.len, 496);
	assert_int_equal(rpmsg_trysend_offchannel(h, 100, 78, big, 497), -EMSGSIZE);
	assert_non_null(strstr(rpmsg_error_detail(), "496"));
	assert_int_equal(rpmsg_sendto(h, "x", 1, RPMSG_ADDR_ANY), -EINVAL);
	assert_int_equal(rpmsg_send_offchannel(h, RPMSG_ADDR_ANY, 78, "x", 1), -EINVAL);
	assert_int_equal(rpmsg_send(h, "x", -1), -EINVAL);
	assert_int_equal(rpmsg_send(h, NULL, 1), -EINVAL);
	assert_int_equal(rpmsg_send(NULL, "x", 1), -EINVAL);
	rpmsg_endpoint_set_learn(r, false);
	loop_bus_settle(&lb);
	rpmsg_destroy_ept(r);
	r = bind_addr(lb.remote, inbox_cb, &b, 78, RPMSG_ADDR_ANY);
	rpmsg_endpoint_set_learn(r, false);
	assert_int_equal(rpmsg_sendto(h, "x", 1, 78), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_send(r, "x", 1), -EINVAL); /* nothing learned */
}

static void test_full_ring(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	struct rpmsg_endpoint *r;

	(void)state;
	r = bind_addr(lb.remote, inbox_cb, &b, 77, 5);
	for (int i = 0; i < 256; i++)
		assert_int_equal(rpmsg_trysend(h, &i, sizeof(i)), 0);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_poll(h), 0);
	assert_int_equal(rpmsg_bus_get_info(lb.host, &info), 0);
	assert_int_equal(info.tx_free, 0);
	assert_int_equal(info.num, 256);
	assert_string_equal(info.tx_holder, "the remote side");
	/* Only this thread could dispatch the other side. */
	assert_int_equal(rpmsg_send(h, "x", 1), -EDEADLK);
	rpmsg_bus_dispatch(lb.remote, 0);
	assert_int_equal(b.n, 256);
	/* rpmsg_poll() asked to be told. */
	assert_int_equal(poll(&(struct pollfd){ .fd = rpmsg_bus_fd(lb.host), .events = POLLIN }, 1, 0), 1);
	assert_int_equal(rpmsg_poll(h), POLLOUT);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	for (int i = 0; i < 256; i++)
		assert_int_equal(rpmsg_trysend(r, &i, sizeof(i)), 0);
	assert_int_equal(rpmsg_trysend(r, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_poll(r), 0);
	loop_bus_settle(&lb);
	assert_int_equal(a.n, 256);
	assert_int_equal(rpmsg_poll(r), POLLOUT);
}

static void test_no_recipient(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
		loop_bus_settle(&lb);
	}
	assert_int_equal(rpmsg_bus_get_info(lb.remote, &info), 0);
	assert_int_equal(info.no_recipient, 1000);
	assert_int_equal(info.rx, 1000);
	assert_int_equal(rpmsg_bus_get_info(lb.host, &info), 0);
	assert_int_equal(info.tx, 1000);
}

static void test_addresses(void **state)
{
	struct rpmsg_endpoint *e[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		e[i] = bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 1);
		assert_int_equal(e[i]->addr, 1024 + i);
	}
	rpmsg_destroy_ept(e[1]);
	e[1] = bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 1);
	assert_int_equal(e[1]->addr, 1025); /* the lowest free */
	assert_null(bind_addr(lb.host, inbox_cb, &a, 1026, 1));
	assert_int_equal(errno, EADDRINUSE);
	assert_null(bind_addr(lb.host, inbox_cb, &a, RPMSG_NS_ADDR, 1));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(bind_addr(lb.host, inbox_cb, &a, 0, 1));
	assert_non_null(bind_addr(lb.host, inbox_cb, &a, 0xfffffffe, 1));
	assert_non_null(bind_addr(lb.host, inbox_cb, &a, 1029, 1));
	assert_int_equal(bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 1)->addr, 1028);
	assert_int_equal(bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 1)->addr, 1030);
	assert_null(rpmsg_create_ept(NULL, inbox_cb, NULL, (struct rpmsg_channel_info){ "", 1, 1 }));
	assert_int_equal(errno, EINVAL);
}

static void test_many_endpoints(void **state)
{
	enum { MANY = 100000 };
	struct rpmsg_endpoint **e = calloc(MANY, sizeof(struct rpmsg_endpoint *)), *h;

	(void)state;
	assert_non_null(e);
	for (int i = 0; i < MANY; i++) {
		e[i] = bind_addr(lb.remote, inbox_cb, &b, RPMSG_ADDR_ANY, 1);
		assert_int_equal(e[i]->addr, 1024 + i);
	}
	h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	for (int i = 0; i < MANY; i += 997) {
		b.n = 0;
		assert_int_equal(rpmsg_trysendto(h, &i, sizeof(i), e[i]->addr), 0);
		loop_bus_settle(&lb);
		assert_int_equal(b.n, 1);
		assert_memory_equal(b.data, &i, sizeof(i));
	}
	for (int i = 0; i < MANY; i += 2)
		rpmsg_destroy_ept(e[i]);
	for (int i = 0; i < MANY; i += 2) {
		e[i] = bind_addr(lb.remote, inbox_cb, &b, RPMSG_ADDR_ANY, 1);
		assert_int_equal(e[i]->addr, 1024 + i);
	}
	free(e); /* the endpoints go with the bus */
}

static int cb_destroy_self(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **self = priv;

	(void)rpdev, (void)data, (void)len, (void)src;
	rpmsg_destroy_ept(*self);
	*self = NULL;
	return 0;
}

static int cb_busy(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_bus *bus = rpmsg_device_bus(rpdev);
	struct rpmsg_endpoint **made = priv;

	(void)len;
	if (!*made)
		*made = bind_addr(bus, inbox_cb, &b, RPMSG_ADDR_ANY, src);
	assert_non_null(*made);
	assert_int_equal(rpmsg_trysendto(*made, data, len, src), 0);
	assert_int_equal(rpmsg_bus_dispatch(bus, 0), -EBUSY);
	return 0;
}

static void test_callbacks_may(void **state)
{
	struct rpmsg_endpoint *self, *made = NULL;
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, 5, 77);

	(void)state;
	self = bind_addr(lb.remote, cb_destroy_self, &self, 77, 5);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	loop_bus_settle(&lb);
	assert_null(self);
	assert_non_null(bind_addr(lb.remote, cb_busy, &made, 77, 5));
	assert_int_equal(rpmsg_trysend(h, "ping", 4), 0);
	loop_bus_settle(&lb);
	assert_non_null(made);
	assert_int_equal(a.n, 1);
	assert_memory_equal(a.data, "ping", 4);
	assert_int_equal(a.src, made->addr);
}

static void test_cancel(void **state)
{
	(void)state;
	rpmsg_bus_cancel(lb.host);
	assert_int_equal(rpmsg_bus_dispatch(lb.host, -1), -EINTR);
	assert_int_equal(rpmsg_bus_dispatch(lb.host, 0), 0);
}

static void test_sizes(void **state)
{
	static const uint32_t nums[] = { 2, 4, 64, 1024, 32768 };
	struct rpmsg_bus *pair[2];
	struct rpmsg_bus_options bad = { .size = sizeof(bad), .num = 3 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct rpmsg_bus_options opt = { .num = nums[i], .buffer_size = i % 2 ? 32 : 4096 };
		struct rpmsg_endpoint *h;
		struct loop_bus small;

		loop_bus_open(&small, &opt);
		b.n = 0;
		h = bind_addr(small.host, inbox_cb, &a, 5, 77);
		assert_non_null(bind_addr(small.remote, inbox_cb, &b, 77, 5));
		assert_int_equal(rpmsg_get_mtu(h), opt.buffer_size - 16);
		for (uint32_t n = 0; n < nums[i]; n++)
			assert_int_equal(rpmsg_trysend(h, small.log, (int)opt.buffer_size - 16), 0);
		assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
		loop_bus_settle(&small);
		assert_int_equal(b.n, nums[i]);
		loop_bus_close(&small);
	}
	assert_int_equal(rpmsg_bus_open_loop(pair, &bad), -EINVAL);
	assert_non_null(strstr(rpmsg_error_detail(), "num=3"));
	bad.num = 4;
	bad.buffer_size = 33;
	assert_int_equal(rpmsg_bus_open_loop(pair, &bad), -EINVAL);
}

/* Without EVENT_IDX the flags do the same job; without NS nothing is announced. */
static void test_features_off(void **state)
{
	struct rpmsg_bus_options opt = { .features_off = RPMSG_F_EVENT_IDX | RPMSG_F_NS };
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	struct rpmsg_endpoint *h;
	struct loop_bus plain;

	(void)state;
	loop_bus_open(&plain, &opt);
	assert_int_equal(rpmsg_bus_get_info(plain.host, &info), 0);
	assert_int_equal(info.features, RPMSG_F_VERSION_1 | RPMSG_F_INDIRECT);
	h = bind_addr(plain.host, inbox_cb, &a, 5, 77);
	assert_non_null(bind_addr(plain.remote, inbox_cb, &b, 77, 5));
	for (int i = 0; i < 70000; i++) {
		assert_int_equal(rpmsg_trysend(h, &i, sizeof(i)), 0);
		assert_int_equal(poll(&(struct pollfd){ rpmsg_bus_fd(plain.remote), POLLIN, 0 }, 1, 0), 1);
		assert_int_equal(rpmsg_bus_dispatch(plain.remote, -1), 1);
	}
	assert_int_equal(b.n, 70000);
	assert_non_null(rpmsg_service_create(plain.remote, "quiet", RPMSG_ADDR_ANY, 0));
	loop_bus_settle(&plain);
	assert_null(rpmsg_bus_find_channel(plain.host, "quiet"));
	loop_bus_close(&plain);
}

/* Whoever waits on the fd is told of each message, past the wrap of the indices. */
static void test_fd_tells(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &a, 5, 77);
	struct pollfd fd = { rpmsg_bus_fd(lb.remote), POLLIN, 0 };

	(void)state;
	assert_non_null(bind_addr(lb.remote, inbox_cb, &b, 77, 5));
	loop_bus_settle(&lb);
	for (int i = 0; i < 70000; i++) {
		assert_int_equal(poll(&fd, 1, 0), 0);
		assert_int_equal(rpmsg_trysend(h, &i, sizeof(i)), 0);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(rpmsg_bus_dispatch(lb.remote, 0), 1);
	}
	assert_int_equal(b.n, 70000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_default, close_it)
	const struct CMUnitTest tests[] = {
		T(test_send_both_ways), T(test_send_matrix), T(test_full_ring),   T(test_no_recipient),
		T(test_addresses),      T(test_many_endpoints), T(test_callbacks_may), T(test_cancel),
		T(test_sizes),          T(test_features_off), T(test_fd_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
