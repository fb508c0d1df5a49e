/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted on a software bus, exactly: by endpoint, channel, bus and ring. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "loop_bus.h"

#define NUM 8u

static struct loop_bus lb;
static struct inbox in;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int setup(void **state)
{
	struct rpmsg_bus_options opt = { .num = NUM, .buffer_size = 4096, .send_timeout_ms = 50 };

	(void)state;
	loop_bus_open(&lb, &opt);
	loop_bus_settle(&lb);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

static struct rpmsg_endpoint_stats of(struct rpmsg_endpoint *ept)
{
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };

	assert_int_equal(rpmsg_endpoint_get_stats(ept, &st), 0);
	return st;
}

static struct rpmsg_stats of_bus(struct rpmsg_bus *bus)
{
	struct rpmsg_stats st = { .size = sizeof(st) };

	assert_int_equal(rpmsg_bus_get_stats(bus, &st), 0);
	return st;
}

static void send_all(struct rpmsg_endpoint *from, const int *len, size_t n)
{
	static uint8_t data[4096];

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rpmsg_trysend(from, data, len[i]), 0);
		loop_bus_settle(&lb);
	}
}

static const int lengths[] = { 0, 1, 2, 3, 4, 7, 8, 100, 127, 128, 496, 511, 512, 4080 };
#define N_LENGTHS (sizeof(lengths) / sizeof(*lengths))
#define ALL_BYTES (25 + 100 + 127 + 128 + 496 + 511 + 512 + 4080)
static const uint64_t by_size[RPMSG_FLOW_SIZES] = { 1, 1, 2, 2, 1, 0, 0, 2, 1, 2, 1, 0, 1 };

static void assert_flow(struct rpmsg_flow flow, uint64_t times)
{
	assert_int_equal(flow.messages, N_LENGTHS * times);
	assert_int_equal(flow.bytes, ALL_BYTES * times);
	for (int i = 0; i < RPMSG_FLOW_SIZES; i++)
		assert_int_equal(flow.sizes[i], by_size[i] * times);
	assert_true(!times == !flow.last_ns);
}

static void both_ways(struct rpmsg_endpoint *h, struct rpmsg_endpoint *r)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_stats bus;

	send_all(h, lengths, N_LENGTHS);
	send_all(r, lengths, N_LENGTHS);
	send_all(r, lengths, N_LENGTHS);
	st = of(h);
	assert_flow(st.counts.tx, 1);
	assert_flow(st.counts.rx, 2);
	assert_int_equal(st.addr, 5);
	assert_int_equal(st.dst, 77);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_SELF);
	assert_int_equal(st.holder_pid, getpid());
	assert_string_equal(st.channel.name, "");
	st = of(r);
	assert_flow(st.counts.tx, 2);
	assert_flow(st.counts.rx, 1);
	bus = of_bus(lb.host);
	assert_flow(bus.counts.tx, 1);
	assert_flow(bus.counts.rx, 2);
	assert_int_equal(bus.n_endpoints, 1);
	assert_int_equal(bus.n_channels, 0);
	assert_true(bus.time_ns > bus.since_ns);
}

static void test_sizes(void **state)
{
	(void)state;
	both_ways(bind_addr(lb.host, inbox_cb, &in, 5, 77), bind_addr(lb.remote, inbox_cb, &in, 77, 5));
}

/* The same by the ways that a recorder and an endpoint in place go. */
static void test_sizes_recorded(void **state)
{
	char path[] = "/tmp/test_stats.XXXXXX";
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	uint64_t before, after;

	(void)state;
	rpmsg_endpoint_set_in_place(r, true);
	close(mkstemp(path));
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	both_ways(h, r);
	assert_true(rpmsg_bus_record_count(lb.host) >= 3 * N_LENGTHS);

	before = now_ns(CLOCK_MONOTONIC);
	send_all(h, lengths, 1);
	after = now_ns(CLOCK_MONOTONIC);
	assert_in_range(of(h).counts.tx.last_ns, before, after);
	assert_in_range(of_bus(lb.host).counts.tx.last_ns, before, after);
}

/* Not recorded: as of the last look at a clock, however often somebody asks. */
static void test_last(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	uint64_t before, after, last;

	(void)state;
	assert_int_equal(of(r).counts.rx.last_ns, 0);
	before = now_ns(CLOCK_MONOTONIC_COARSE);
	send_all(h, lengths, 1);
	after = now_ns(CLOCK_MONOTONIC);
	last = of(r).counts.rx.last_ns;
	assert_in_range(last, before, after);
	assert_in_range(of(h).counts.tx.last_ns, before, after);
	while (now_ns(CLOCK_MONOTONIC_COARSE) <= after)
		continue;
	loop_bus_settle(&lb);
	assert_int_equal(of(r).counts.rx.last_ns, last);
}

/* Recorded: its own, whatever else passed before somebody asked. */
static void test_last_of_each(void **state)
{
	char path[] = "/tmp/test_stats.XXXXXX";
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_endpoint *other = bind_addr(lb.host, inbox_cb, &in, 6, 78);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	struct rpmsg_endpoint *far = bind_addr(lb.remote, inbox_cb, &in, 78, 6);
	uint64_t after;

	(void)state;
	send_all(h, lengths, 1);
	close(mkstemp(path));
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	assert_true(of(h).counts.tx.last_ns > 0);
	send_all(h, lengths, 1);
	send_all(r, lengths, 1);
	after = now_ns(CLOCK_MONOTONIC);
	while (now_ns(CLOCK_MONOTONIC_COARSE) <= after)
		continue;
	send_all(other, lengths, 1);
	send_all(far, lengths, 1);
	assert_in_range(of(h).counts.tx.last_ns, 1, after);
	assert_in_range(of(h).counts.rx.last_ns, 1, after);
	assert_true(of(other).counts.tx.last_ns > after);
	assert_true(of(other).counts.rx.last_ns > after);
}

static int sum_channel(const struct rpmsg_channel_status *st, void *arg)
{
	*(struct rpmsg_channel_status *)arg = *st;
	return 1;
}

/* What has gone is counted on, by the channel and then by the bus. */
static void test_gone(void **state)
{
	struct rpmsg_device *svc = rpmsg_service_create(lb.remote, "svc", 100, 0);
	struct rpmsg_endpoint *r = rpmsg_channel_bind(svc, inbox_cb, &in), *h;
	struct rpmsg_channel_status st = { 0 };
	struct rpmsg_stats before, after;

	(void)state;
	loop_bus_settle(&lb);
	h = rpmsg_channel_bind(rpmsg_bus_find_channel(lb.host, "svc"), inbox_cb, &in);
	send_all(h, lengths, N_LENGTHS);
	send_all(r, lengths, N_LENGTHS);
	assert_int_equal(rpmsg_bus_for_each_channel(lb.remote, sum_channel, &st), 1);
	assert_string_equal(st.info.name, "svc");
	assert_flow(st.counts.tx, 1);
	assert_flow(st.counts.rx, 1);
	assert_int_equal(st.tx, N_LENGTHS);
	assert_string_equal(of(r).channel.name, "svc");
	assert_true(of(r).own);

	/* the announcement is the bus's */
	before = of_bus(lb.remote);
	assert_int_equal(before.counts.tx.messages, N_LENGTHS + 1);
	assert_int_equal(before.counts.tx.bytes, ALL_BYTES + 40);
	assert_int_equal(of_bus(lb.host).counts.rx.messages, N_LENGTHS + 1);

	rpmsg_destroy_ept(r);
	assert_int_equal(rpmsg_bus_for_each_channel(lb.remote, sum_channel, &st), 1);
	assert_flow(st.counts.tx, 1);
	assert_flow(st.counts.rx, 1);
	after = of_bus(lb.remote);
	assert_memory_equal(&after.counts, &before.counts, sizeof(after.counts));

	assert_int_equal(rpmsg_service_destroy(svc), 0);
	loop_bus_settle(&lb);
	assert_int_equal(of_bus(lb.remote).counts.tx.messages, N_LENGTHS + 2);
	/* h has lost its channel, and counts there still */
	assert_flow(of(h).counts.tx, 1);
	assert_string_equal(of(h).channel.name, "");
	assert_int_equal(of_bus(lb.host).counts.tx.messages, N_LENGTHS);
	rpmsg_destroy_ept(h);
	assert_int_equal(of_bus(lb.host).counts.tx.messages, N_LENGTHS);
	assert_int_equal(of_bus(lb.host).n_endpoints, 0);
}

static int take_it(struct rpmsg_device *rpdev)
{
	(void)rpdev;
	return 0;
}

static struct rpmsg_stats leaving;

static void let_go(struct rpmsg_device *rpdev)
{
	leaving = of_bus(rpmsg_device_bus(rpdev));
}

/* While a channel goes its endpoints count still, in between too. */
static void test_going(void **state)
{
	static const struct rpmsg_device_id ids[] = { { .name = "svc" }, { .name = "" } };
	static struct rpmsg_driver drv = { .drv.name = "taker", .id_table = ids, .probe = take_it,
					   .callback = inbox_cb, .remove = let_go };
	struct rpmsg_device *svc = rpmsg_service_create(lb.remote, "svc", 100, 0), *found;

	(void)state;
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &drv), 0);
	loop_bus_settle(&lb);
	found = rpmsg_bus_find_channel(lb.host, "svc");
	assert_non_null(found);
	send_all(found->ept, lengths, N_LENGTHS);
	assert_int_equal(of_bus(lb.host).counts.tx.messages, N_LENGTHS);
	assert_int_equal(rpmsg_service_destroy(svc), 0);
	loop_bus_settle(&lb);
	assert_int_equal(leaving.counts.tx.messages, N_LENGTHS);
	assert_int_equal(leaving.n_channels, 0);
	assert_int_equal(leaving.n_endpoints, 1);
	assert_int_equal(of_bus(lb.host).counts.tx.messages, N_LENGTHS);
	assert_int_equal(of_bus(lb.host).n_endpoints, 0);
}

static void assert_errors(struct rpmsg_endpoint *ept, enum rpmsg_send_error kind, uint64_t n)
{
	struct rpmsg_endpoint_stats st = of(ept);
	uint64_t all = 0;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		all += st.counts.errors[i];
	assert_int_equal(st.counts.errors[kind], n);
	assert_int_equal(all, n);
}

static void test_errors(void **state)
{
	struct rpmsg_endpoint *none = bind_addr(lb.host, inbox_cb, &in, 5, RPMSG_ADDR_ANY);
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 6, 77);
	struct rpmsg_endpoint *full = bind_addr(lb.host, inbox_cb, &in, 7, 77);
	static uint8_t data[5000];
	struct rpmsg_counts more = { .errors = { [RPMSG_ERROR_LOST] = 4 }, .dropped = 2, .waits = 3,
				     .wait_ns = 7 };
	struct rpmsg_stats st;
	size_t room;

	(void)state;
	assert_int_equal(rpmsg_send(none, data, 1), -EINVAL);
	assert_int_equal(rpmsg_trysend(none, data, 1), -EINVAL);
	assert_int_equal(rpmsg_sendto(none, data, -1, 5), -EINVAL);
	assert_errors(none, RPMSG_ERROR_NO_DST, 3);
	assert_int_equal(rpmsg_send(h, data, 4081), -EMSGSIZE);
	assert_int_equal(rpmsg_trysendto(h, data, 5000, 9), -EMSGSIZE);
	assert_int_equal(rpmsg_trysend_offchannel(h, 1, 2, data, 4081), -EMSGSIZE);
	assert_errors(h, RPMSG_ERROR_TOO_LONG, 3);
	for (unsigned i = 0; i < NUM; i++)
		assert_int_equal(rpmsg_trysend(full, data, 1), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rpmsg_trysend(full, data, 1), -ENOMEM);
	assert_null(rpmsg_tx_reserve(full, &room, false));
	assert_errors(full, RPMSG_ERROR_NO_BUFFER, 6);
	assert_int_equal(of(full).counts.tx.messages, NUM);

	st = of_bus(lb.host);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_NO_DST], 3);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_TOO_LONG], 3);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_NO_BUFFER], 6);
	rpmsg_destroy_ept(full);
	assert_int_equal(of_bus(lb.host).counts.errors[RPMSG_ERROR_NO_BUFFER], 6);
	rpmsg_endpoint_count(h, &more);
	assert_int_equal(of(h).counts.errors[RPMSG_ERROR_LOST], 4);
	assert_int_equal(of(h).counts.dropped, 2);
	assert_int_equal(of(h).counts.waits, 3);
	assert_int_equal(of(h).counts.wait_ns, 7);
}

static void test_deaf(void **state)
{
	struct rpmsg_channel_info info = { "hand", RPMSG_ADDR_ANY, 9 };
	struct rpmsg_device *ch = rpmsg_channel_create(rpmsg_bus_device(lb.host), &info);
	struct rpmsg_endpoint *h = rpmsg_channel_bind(ch, inbox_cb, &in);

	(void)state;
	assert_int_equal(rpmsg_channel_destroy(ch, &info), 0);
	assert_int_equal(rpmsg_send(h, "x", 1), -EPIPE);
	assert_errors(h, RPMSG_ERROR_DOWN, 1);
	rpmsg_destroy_ept(h);
	assert_int_equal(of_bus(lb.host).counts.errors[RPMSG_ERROR_DOWN], 1);
}

static void test_rings(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	struct rpmsg_ring_stats tx, rx;
	size_t room;
	void *buf;

	(void)state;
	tx = of_bus(lb.host).tx_ring;
	assert_int_equal(tx.size, NUM);
	assert_int_equal(tx.free, NUM);
	assert_int_equal(tx.in_flight + tx.held, 0);
	assert_int_equal(tx.oldest_ns, 0);
	assert_string_equal(tx.holder, "");

	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	buf = rpmsg_tx_reserve(h, &room, false);
	assert_non_null(buf);
	tx = of_bus(lb.host).tx_ring;
	assert_int_equal(tx.in_flight, 3);
	assert_int_equal(tx.held, 1);
	assert_int_equal(tx.free, NUM - 4);
	assert_int_equal(rpmsg_bus_tx_free(lb.host), NUM - 4);
	assert_true(tx.oldest_ns > 0);
	assert_string_equal(tx.holder, "the remote side (1 reserved here)");
	assert_int_equal(tx.kicks + tx.suppressed, 3);
	assert_true(tx.kicks > 0);
	rx = of_bus(lb.remote).rx_ring;
	assert_int_equal(rx.in_flight, 3);
	assert_int_equal(rx.free, NUM - 3);

	assert_int_equal(rpmsg_tx_submit(h, buf, 2, RPMSG_ADDR_ANY), 0);
	assert_int_equal(of(h).counts.tx.bytes, 5);
	for (unsigned i = 4; i < NUM; i++)
		assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	tx = of_bus(lb.host).tx_ring;
	assert_int_equal(tx.free, 0);
	assert_int_equal(tx.full, 1);
	assert_true(tx.full_ns > 0);

	loop_bus_settle(&lb);
	tx = of_bus(lb.host).tx_ring;
	assert_int_equal(tx.free, NUM);
	assert_int_equal(tx.full, 1);
	assert_int_equal(tx.oldest_ns, 0);

	/* the same the other way, where buffers come back by being offered again */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(r, "x", 1), 0);
	tx = of_bus(lb.remote).tx_ring;
	assert_int_equal(tx.in_flight, 3);
	assert_int_equal(tx.free, NUM - 3);
	assert_string_equal(tx.holder, "the host side");
	loop_bus_settle(&lb);
	tx = of_bus(lb.remote).tx_ring;
	assert_int_equal(tx.in_flight, 0);
	assert_int_equal(tx.free, NUM);
	assert_int_equal(rpmsg_bus_tx_free(lb.remote), NUM);
	assert_int_equal(of_bus(lb.remote).rx_ring.in_flight, 0);
	assert_true(of_bus(lb.remote).rx_ring.wakeups > 0);
	assert_true(of(r).counts.rx.messages == NUM);
}

/* That somebody looks at a full ring is no send that found no buffer. */
static void test_full_by_the_way(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	uint64_t before = now_ns(CLOCK_MONOTONIC);
	struct rpmsg_ring_stats tx;

	(void)state;
	for (unsigned i = 0; i < NUM; i++)
		assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rpmsg_bus_get_info(lb.host, &info), 0);
		tx = of_bus(lb.host).tx_ring;
		assert_int_equal(tx.free, 0);
		assert_int_equal(tx.full, 0);
		assert_int_equal(tx.full_ns, 0);
	}
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	tx = of_bus(lb.host).tx_ring;
	assert_int_equal(tx.full, 1);
	assert_in_range(tx.full_ns, 1, now_ns(CLOCK_MONOTONIC) - before);

	/* who polls for one is woken by it */
	assert_int_equal(rpmsg_poll(h), 0);
	assert_int_equal(tx.wakeups, 0);
	loop_bus_settle(&lb);
	assert_int_equal(of_bus(lb.host).tx_ring.wakeups, 1);
}

static bool both_up(const struct loop_bus *ends)
{
	struct rpmsg_bus_info host = { .size = sizeof(host) }, remote = { .size = sizeof(remote) };

	assert_int_equal(rpmsg_bus_get_info(ends->host, &host), 0);
	assert_int_equal(rpmsg_bus_get_info(ends->remote, &remote), 0);
	return host.up && remote.up;
}

/* The remote side comes, is sent a message that it does not take, and goes; how long that is out. */
static uint64_t oldest_of_a_life(struct loop_bus *ends, struct rpmsg_endpoint *h)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_REMOTE };
	struct rpmsg_ring_stats tx;

	ends->remote = rpmsg_bus_open("shm:lives", &opt);
	assert_non_null(ends->remote);
	while (!both_up(ends)) {
		assert_true(rpmsg_bus_dispatch(ends->host, 1) >= 0);
		assert_true(rpmsg_bus_dispatch(ends->remote, 1) >= 0);
	}
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	tx = of_bus(ends->host).tx_ring;
	assert_int_equal(tx.in_flight, 1);
	rpmsg_bus_close(ends->remote);
	while (rpmsg_poll(h) != POLLERR && of_bus(ends->host).tx_ring.size)
		assert_true(rpmsg_bus_dispatch(ends->host, 1) >= 0);
	return tx.oldest_ns;
}

/* What was out when the link went down is not what is out now, though neither index has moved. */
static void test_rings_again(void **state)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_HOST };
	struct loop_bus ends = { .host = rpmsg_bus_open("shm:lives", &opt) };
	struct rpmsg_endpoint *h;
	uint64_t first_out;

	(void)state;
	assert_non_null(ends.host);
	h = bind_addr(ends.host, inbox_cb, &in, 5, 77);
	first_out = now_ns(CLOCK_MONOTONIC);
	first_out -= oldest_of_a_life(&ends, h);
	usleep(100000); /* so that the two are apart by more than a tick of the coarse clock */
	assert_true(oldest_of_a_life(&ends, h) + 50000000 < now_ns(CLOCK_MONOTONIC) - first_out);
	rpmsg_bus_close(ends.host);
}

static struct rpmsg_held *kept[2];
static int n_kept;

static int keep_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **ept = priv;

	(void)rpdev, (void)len, (void)src;
	kept[n_kept++] = rpmsg_rx_hold(*ept, data);
	return 0;
}

static void test_held(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77), *r;
	struct rpmsg_ring_stats rx;

	(void)state;
	r = bind_addr(lb.remote, keep_cb, &r, 77, 5);
	rpmsg_endpoint_set_in_place(r, true);
	n_kept = 0;
	send_all(h, lengths, 2);
	rx = of_bus(lb.remote).rx_ring;
	assert_int_equal(rx.held, 2);
	assert_int_equal(rx.free, NUM - 2);
	assert_string_equal(rx.holder, "the remote side");
	assert_int_equal(of_bus(lb.host).tx_ring.in_flight, 2);
	rpmsg_rx_release(kept[0]);
	assert_int_equal(of_bus(lb.remote).rx_ring.held, 1);
	rpmsg_rx_release(kept[1]);
	rx = of_bus(lb.remote).rx_ring;
	assert_int_equal(rx.held, 0);
	assert_int_equal(rx.oldest_ns, 0);
	assert_int_equal(of_bus(lb.host).tx_ring.in_flight, 0);
}

static void test_strays(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	struct rpmsg_stats st;

	(void)state;
	for (uint32_t to = 0x900; to < 0x900 + RPMSG_STRAYS; to++) {
		assert_int_equal(rpmsg_trysendto(h, "abc", 3, to), 0);
		loop_bus_settle(&lb);
	}
	assert_int_equal(rpmsg_trysendto(h, "abcd", 4, 0x903), 0);
	loop_bus_settle(&lb);
	st = of_bus(lb.remote);
	assert_int_equal(st.no_recipient, RPMSG_STRAYS + 1);
	assert_int_equal(st.n_strays, RPMSG_STRAYS);
	assert_false(st.strays_forgotten);
	assert_int_equal(st.stray[0].dst, 0x903);
	assert_int_equal(st.stray[0].src, 5);
	assert_int_equal(st.stray[0].messages, 2);
	assert_int_equal(st.stray[0].bytes, 7);
	assert_int_equal(st.stray[1].dst, 0x900 + RPMSG_STRAYS - 1);
	assert_int_equal(st.stray[RPMSG_STRAYS - 1].dst, 0x900);

	assert_int_equal(rpmsg_trysendto(h, "", 0, 0x1000), 0);
	loop_bus_settle(&lb);
	st = of_bus(lb.remote);
	assert_true(st.strays_forgotten);
	assert_int_equal(st.n_strays, RPMSG_STRAYS);
	assert_int_equal(st.stray[0].dst, 0x1000);
	assert_int_equal(st.stray[RPMSG_STRAYS - 1].dst, 0x901);
	assert_int_equal(of_bus(lb.host).n_strays, 0);
}

static int collect(const struct rpmsg_endpoint_stats *st, void *arg)
{
	uint64_t *last = arg;

	assert_true(st->id > *last);
	assert_int_equal(st->size, sizeof(*st));
	*last = st->id;
	return st->addr == 13 ? 42 : 0;
}

static void test_for_each(void **state)
{
	struct rpmsg_endpoint_stats small = { .size = 8 };
	struct rpmsg_stats none = { 0 };
	struct rpmsg_endpoint *first;
	uint64_t last = 0;

	(void)state;
	assert_int_equal(rpmsg_bus_for_each_endpoint(lb.host, collect, &last), 0);
	first = bind_addr(lb.host, inbox_cb, &in, 20, 77);
	for (uint32_t a = 10; a < 13; a++)
		bind_addr(lb.host, inbox_cb, &in, a, 77);
	assert_int_equal(rpmsg_bus_for_each_endpoint(lb.host, collect, &last), 0);
	assert_int_equal(last, 4);
	rpmsg_destroy_ept(first);
	bind_addr(lb.host, inbox_cb, &in, 13, 77);
	bind_addr(lb.host, inbox_cb, &in, 14, 77);
	last = 0;
	assert_int_equal(rpmsg_bus_for_each_endpoint(lb.host, collect, &last), 42);
	assert_int_equal(last, 5);
	assert_int_equal(of_bus(lb.host).n_endpoints, 5);
	assert_int_equal(rpmsg_bus_get_stats(lb.host, &none), -EINVAL);
	assert_int_equal(rpmsg_endpoint_get_stats(NULL, &small), -EINVAL);
	assert_int_equal(rpmsg_endpoint_get_stats(bind_addr(lb.host, inbox_cb, &in, 15, 77), &small),
			 -EINVAL);
}

#define MANY 20000

static bool stop;

static void *dispatch_all(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		rpmsg_bus_dispatch(arg, 10);
	return NULL;
}

static void *ask(void *arg)
{
	uint64_t last = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		uint64_t n = of_bus(lb.host).counts.tx.messages;

		assert_true(n >= last);
		assert_true(of_bus(lb.remote).counts.rx.messages <= MANY);
		last = n;
	}
	return NULL;
}

/* Before the other thread has begun it is a deadlock, and a slow machine may need its time. */
static void send_somehow(struct rpmsg_endpoint *ept)
{
	int err;

	do
		err = rpmsg_send(ept, "12345678", 8);
	while (err == -EDEADLK || err == -ERESTARTSYS);
	assert_int_equal(err, 0);
}

/* Asked while messages pass, and channels with endpoints come and go. */
static void test_threads(void **state)
{
	struct rpmsg_endpoint *h = bind_addr(lb.host, inbox_cb, &in, 5, 77), *other;
	struct rpmsg_endpoint *r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	pthread_t thread[2];

	(void)state;
	stop = false;
	assert_int_equal(pthread_create(&thread[0], NULL, dispatch_all, lb.remote), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, ask, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		other = i % 100 ? NULL : bind_addr(lb.host, inbox_cb, &in, 1000, 77);
		send_somehow(other ? other : h);
		rpmsg_destroy_ept(other);
	}
	while (of(r).counts.rx.messages < MANY)
		usleep(1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	assert_int_equal(of(r).counts.rx.bytes, MANY * 8);
	assert_int_equal(of(h).counts.tx.messages, MANY - MANY / 100);
	assert_int_equal(of_bus(lb.host).counts.tx.messages, MANY);
	assert_int_equal(of(h).waiting, 0);
	assert_true(!of(h).counts.waits == !of(h).counts.wait_ns);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sizes), CASE(test_sizes_recorded), CASE(test_last),
		CASE(test_last_of_each), CASE(test_gone), CASE(test_going), CASE(test_errors),
		CASE(test_deaf), CASE(test_rings), CASE(test_full_by_the_way),
		CASE(test_rings_again), CASE(test_held), CASE(test_strays), CASE(test_for_each),
		CASE(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
