/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client is told that rpmsgd has counted of all clients, and what it counts itself. */
#include <pthread.h>

#define STALL_MS 2000
#include "unit/served_bus.h"

/* ---- asking ---- */

struct wanted {
	uint32_t addr;
	unsigned n; /* times that it was found */
	struct rpmsg_endpoint_stats st;
};

static int find_endpoint(const struct rpmsg_endpoint_stats *st, void *arg)
{
	struct wanted *w = arg;

	assert_int_equal(st->size, sizeof(*st));
	if (st->addr != w->addr)
		return 0;
	w->st = *st;
	w->n++;
	return 0;
}

static bool is_listed(struct rpmsg_bus *bus, uint32_t addr, struct rpmsg_endpoint_stats *st)
{
	struct wanted w = { .addr = addr };

	assert_int_equal(rpmsg_bus_for_each_endpoint(bus, find_endpoint, &w), 0);
	assert_in_range(w.n, 0, 1);
	*st = w.st;
	return w.n;
}

static struct rpmsg_endpoint_stats endpoint_stats(struct rpmsg_bus *bus, uint32_t addr)
{
	struct rpmsg_endpoint_stats st;

	if (!is_listed(bus, addr, &st))
		fail_msg("endpoint 0x%x is not listed", addr);
	return st;
}

static struct rpmsg_stats bus_stats(struct rpmsg_bus *bus)
{
	struct rpmsg_stats st = { .size = sizeof(st) };

	if (rpmsg_bus_get_stats(bus, &st))
		fail_msg("%s", rpmsg_error_detail());
	return st;
}

/* What a client says comes by another socket than our question: it is asked until it has. */
static struct rpmsg_endpoint_stats await_error(struct rpmsg_bus *bus, uint32_t addr,
					       enum rpmsg_send_error kind, uint64_t n)
{
	int64_t end = now_ms() + LONG_MS;
	struct rpmsg_endpoint_stats st;

	do
		st = endpoint_stats(bus, addr);
	while (st.counts.errors[kind] < n && now_ms() < end);
	assert_int_equal(st.counts.errors[kind], n);
	return st;
}

static uint64_t sum_of_errors(const struct rpmsg_counts *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		sum += c->errors[i];
	return sum;
}

static void expect_flow(const struct rpmsg_flow *f, uint64_t messages, uint64_t bytes)
{
	uint64_t sum = 0;

	for (int i = 0; i < RPMSG_FLOW_SIZES; i++)
		sum += f->sizes[i];
	assert_int_equal(f->messages, messages);
	assert_int_equal(f->bytes, bytes);
	assert_int_equal(sum, messages);
	assert_int_equal(f->last_ns != 0, messages != 0);
}

/* ---- known numbers ---- */

/* Three clients, of which two are hosts' and the third serves "svc"; and one who asks each side. */
struct three {
	struct rpmsg_bus *a, *b, *c, *ask_host, *ask_remote;
	struct rpmsg_endpoint *at_a, *at_b, *at_c;
	struct rpmsg_device *service;
	struct heard heard_a, heard_b, heard_c;
};

static void three_open(struct three *t)
{
	t->a = open_bus("both", RPMSG_SIDE_HOST);
	t->b = open_bus("both", RPMSG_SIDE_HOST);
	t->c = open_bus("both", RPMSG_SIDE_REMOTE);
	t->ask_host = open_bus("both", RPMSG_SIDE_HOST);
	t->ask_remote = open_bus("both", RPMSG_SIDE_REMOTE);
	t->service = rpmsg_service_create(t->c, "svc", 50, 0);
	assert_non_null(t->service);
	t->at_c = rpmsg_channel_bind(t->service, hear, &t->heard_c);
	t->at_a = rpmsg_channel_bind(await_channel(t->a, "svc"), hear, &t->heard_a);
	t->at_b = bind_addr(t->b, 3000, 50, &t->heard_b);
	assert_true(t->at_c && t->at_a);
}

static void three_close(struct three *t)
{
	rpmsg_bus_close(t->a);
	rpmsg_bus_close(t->b);
	rpmsg_bus_close(t->c);
	rpmsg_bus_close(t->ask_host);
	rpmsg_bus_close(t->ask_remote);
}

/* a: 0, 1, 5, 100 and 496 bytes; b: 3 of 16; c: 2 of 7 to a, 1 of 9 to b. */
static void three_talk(struct three *t)
{
	static const int sizes[] = { 0, 1, 5, 100, 496 };
	char data[496];

	memset(data, 'x', sizeof(data));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rpmsg_send(t->at_a, data, sizes[i]), 0);
		dispatch_until_heard(t->c, &t->heard_c, (unsigned)i + 1);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(t->at_b, data, 16), 0);
	dispatch_until_heard(t->c, &t->heard_c, 8);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rpmsg_sendto(t->at_c, data, 7, t->at_a->addr), 0);
	assert_int_equal(rpmsg_sendto(t->at_c, data, 9, t->at_b->addr), 0);
	dispatch_until_heard(t->a, &t->heard_a, 2);
	dispatch_until_heard(t->b, &t->heard_b, 1);
}

static void expect_a(const struct rpmsg_counts *c)
{
	static const unsigned sizes[] = { 0, 1, 3, 7, 9 };

	expect_flow(&c->tx, 5, 602);
	for (int i = 0; i < 5; i++)
		assert_int_equal(c->tx.sizes[sizes[i]], 1);
	expect_flow(&c->rx, 2, 14);
	assert_int_equal(sum_of_errors(c) + c->dropped, 0);
}

/* The announcement's 40 bytes are the bus's; so is, if that was sent, the withdrawal. */
static void expect_buses(const struct three *t, unsigned ns)
{
	struct rpmsg_stats host = bus_stats(t->ask_host), remote = bus_stats(t->ask_remote);

	expect_flow(&host.counts.tx, 8, 602 + 48);
	expect_flow(&host.counts.rx, 3 + ns, 23 + 40 * ns);
	expect_flow(&remote.counts.tx, 3 + ns, 23 + 40 * ns);
	expect_flow(&remote.counts.rx, 8, 602 + 48);
	assert_int_equal(sum_of_errors(&host.counts) + sum_of_errors(&remote.counts), 0);
	assert_true(host.time_ns >= host.counts.tx.last_ns);
	assert_true(host.since_ns <= host.counts.tx.last_ns);
}

static int expect_channel(const struct rpmsg_channel_status *st, void *arg)
{
	assert_string_equal(st->info.name, "svc");
	expect_a(&st->counts);
	assert_int_equal(st->tx, 5);
	assert_int_equal(st->rx, 2);
	++*(int *)arg;
	return 0;
}

static void each_is_counted(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_stats bus;
	struct three t = { 0 };
	int channels = 0;

	(void)state;
	three_open(&t);
	three_talk(&t);
	st = endpoint_stats(t.ask_host, t.at_a->addr);
	expect_a(&st.counts);
	assert_true(st.own);
	assert_string_equal(st.channel.name, "svc");
	assert_int_equal(st.dst, 50);
	assert_int_equal(st.holder_pid, getpid());
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_SELF);
	st = endpoint_stats(t.ask_host, 3000);
	expect_flow(&st.counts.tx, 3, 48);
	expect_flow(&st.counts.rx, 1, 9);
	assert_string_equal(st.channel.name, "");
	assert_false(st.own);
	st = endpoint_stats(t.ask_remote, 50);
	expect_flow(&st.counts.tx, 3, 23);
	expect_flow(&st.counts.rx, 8, 602 + 48);
	assert_int_equal(rpmsg_bus_for_each_channel(t.ask_host, expect_channel, &channels), 0);
	assert_int_equal(channels, 1);
	expect_buses(&t, 1);
	bus = bus_stats(t.ask_host);
	assert_int_equal(bus.n_endpoints, 2);
	assert_int_equal(bus.n_channels, 1);
	three_close(&t);
}

/* Each client knows the same of its own. */
static void clients_count_too(void **state)
{
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };
	struct three t = { 0 };

	(void)state;
	three_open(&t);
	three_talk(&t);
	assert_int_equal(rpmsg_endpoint_get_stats(t.at_a, &st), 0);
	expect_a(&st.counts);
	assert_int_equal(rpmsg_endpoint_get_stats(t.at_c, &st), 0);
	expect_flow(&st.counts.tx, 3, 23);
	expect_flow(&st.counts.rx, 8, 602 + 48);
	three_close(&t);
}

/* What an endpoint has counted its channel keeps, and what that has the bus. */
static void the_gone_are_counted(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct three t = { 0 };
	int channels = 0;

	(void)state;
	three_open(&t);
	three_talk(&t);
	rpmsg_destroy_ept(t.at_a);
	rpmsg_bus_close(t.b);
	t.b = NULL;
	assert_int_equal(rpmsg_bus_for_each_channel(t.ask_host, expect_channel, &channels), 0);
	assert_int_equal(channels, 1);
	while (is_listed(t.ask_host, 3000, &st)) /* its process's end is news to the server */
		continue;
	expect_buses(&t, 1);
	rpmsg_destroy_ept(t.at_c);
	assert_int_equal(rpmsg_service_destroy(t.service), 0);
	await_no_channel(t.ask_host, "svc");
	expect_buses(&t, 2);
	assert_int_equal(bus_stats(t.ask_host).n_endpoints, 0);
	three_close(&t);
}

/* An endpoint that outlives its channel goes on counting what fails. */
static void without_its_channel(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct three t = { 0 };

	(void)state;
	three_open(&t);
	three_talk(&t);
	rpmsg_destroy_ept(t.at_c);
	assert_int_equal(rpmsg_service_destroy(t.service), 0);
	await_no_channel(t.a, "svc");
	assert_int_equal(rpmsg_send(t.at_a, "x", 1), -EPIPE);
	st = endpoint_stats(t.ask_host, t.at_a->addr);
	expect_flow(&st.counts.tx, 5, 602);
	assert_string_equal(st.channel.name, "");
	rpmsg_destroy_ept(t.at_a); /* which tells of it: the core, not we, has refused it */
	assert_int_equal(bus_stats(t.ask_host).counts.errors[RPMSG_ERROR_DOWN], 1);
	three_close(&t);
}

static void strays_are_told(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	int64_t end = now_ms() + LONG_MS;
	struct rpmsg_endpoint *h;
	struct rpmsg_stats st;
	struct heard heard;

	(void)state;
	h = bind_addr(host, 2000, 77, &heard);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_send(h, "nobody", 6), 0);
	do
		st = bus_stats(remote);
	while (st.no_recipient < 3 && now_ms() < end);
	assert_int_equal(st.no_recipient, 3);
	assert_int_equal(st.n_strays, 1);
	assert_int_equal(st.stray[0].src, 2000);
	assert_int_equal(st.stray[0].dst, 77);
	assert_int_equal(st.stray[0].messages, 3);
	assert_int_equal(st.stray[0].bytes, 18);
	assert_int_equal(bus_stats(host).n_strays, 0);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
}

/* ---- what fails ---- */

static void what_fails_is_counted_once(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST), *ask = open_bus("both", 0);
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };
	struct rpmsg_endpoint *h, *mute;
	struct heard at_host, at_mute;
	char big[497] = { 0 };
	size_t room;
	void *buf;

	(void)state;
	h = bind_addr(host, 2000, 50, &at_host);
	mute = bind_addr(host, 2001, RPMSG_ADDR_ANY, &at_mute);
	assert_int_equal(rpmsg_send(h, big, 497), -EMSGSIZE);
	assert_int_equal(rpmsg_trysendto(h, big, 497, 51), -EMSGSIZE);
	assert_int_equal(rpmsg_send_offchannel(h, 1, 2, big, 497), -EMSGSIZE);
	buf = rpmsg_tx_reserve(h, &room, false);
	assert_non_null(buf);
	assert_int_equal(rpmsg_tx_submit(h, buf, room + 1, 50), -EMSGSIZE);
	st = await_error(ask, 2000, RPMSG_ERROR_TOO_LONG, 4);
	assert_int_equal(sum_of_errors(&st.counts), 4);
	st.size = sizeof(st);
	assert_int_equal(rpmsg_endpoint_get_stats(h, &st), 0);
	assert_int_equal(st.counts.errors[RPMSG_ERROR_TOO_LONG], 4);
	assert_int_equal(sum_of_errors(&st.counts), 4);
	assert_int_equal(rpmsg_send(mute, "x", 1), -EINVAL);
	assert_int_equal(rpmsg_trysend(mute, NULL, 1), -EINVAL);
	await_error(ask, 2001, RPMSG_ERROR_NO_DST, 2);
	assert_int_equal(rpmsg_sendto(mute, big, 497, 50), -EMSGSIZE);
	await_error(ask, 2001, RPMSG_ERROR_TOO_LONG, 1);
	rpmsg_destroy_ept(h);
	rpmsg_destroy_ept(mute);
	assert_int_equal(bus_stats(ask).counts.errors[RPMSG_ERROR_TOO_LONG], 5);
	assert_int_equal(bus_stats(ask).counts.errors[RPMSG_ERROR_NO_DST], 2);
	rpmsg_bus_close(host);
	rpmsg_bus_close(ask);
}

/* So many, so fast, that they do not fit the socket on which they are told. */
static void none_of_many_is_forgotten(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST), *ask = open_bus("both", 0);
	struct heard heard;
	struct rpmsg_endpoint *h = bind_addr(host, 2000, 50, &heard);
	char big[497] = { 0 };

	(void)state;
	for (int i = 0; i < 3000; i++)
		assert_int_equal(rpmsg_trysend(h, big, 497), -EMSGSIZE);
	await_error(ask, 2000, RPMSG_ERROR_TOO_LONG, 3000);
	rpmsg_destroy_ept(h);
	assert_int_equal(bus_stats(ask).counts.errors[RPMSG_ERROR_TOO_LONG], 3000);
	rpmsg_bus_close(host);
	rpmsg_bus_close(ask);
}

static void a_full_ring(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_stats bus;
	struct rpmsg_bus *ask;
	struct ring r;

	(void)state;
	ring_open(&r, 0);
	ask = open_bus("one", RPMSG_SIDE_HOST);
	assert_int_equal(rpmsg_bus_tx_free(ask), NUM);
	fill(&r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(r.ept, "x", 1), -ENOMEM);
	st = await_error(ask, r.ept->addr, RPMSG_ERROR_NO_BUFFER, 3);
	assert_int_equal(sum_of_errors(&st.counts), 3);
	expect_flow(&st.counts.tx, NUM, NUM);
	assert_int_equal(rpmsg_bus_tx_free(ask), 0);
	bus = bus_stats(ask);
	assert_int_equal(bus.tx_ring.size, NUM);
	assert_int_equal(bus.tx_ring.in_flight, NUM);
	assert_true(bus.tx_ring.full);
	dispatch_until_heard(r.far, &r.at_far, NUM);
	assert_int_equal(bus_stats(ask).tx_ring.free, NUM);
	rpmsg_destroy_ept(r.ept);
	bus = bus_stats(ask);
	assert_int_equal(sum_of_errors(&bus.counts), 3);
	rpmsg_bus_close(ask);
	ring_close(&r);
}

/* Credits that another had kept: what finds no buffer waits in the server, and has not failed. */
static void who_waits_in_the_server_has_not_failed(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_endpoint *other;
	struct heard at_other;
	struct rpmsg_stats bus;
	struct rpmsg_bus *ask;
	struct ring r;
	size_t room;
	void *buf;

	(void)state;
	ring_open(&r, 0);
	ask = open_bus("one", RPMSG_SIDE_HOST);
	other = bind_addr(r.host, 3000, 50, &at_other);
	assert_non_null(buf = rpmsg_tx_reserve(other, &room, false));
	fill(&r);
	assert_int_equal(rpmsg_tx_submit(other, buf, 4, 50), 0);
	dispatch_until_heard(r.far, &r.at_far, NUM + 1);
	st = endpoint_stats(ask, 3000);
	expect_flow(&st.counts.tx, 1, 4);
	bus = bus_stats(ask);
	assert_int_equal(sum_of_errors(&bus.counts), 0);
	rpmsg_bus_close(ask);
	ring_close(&r);
}

static uint64_t own_errors(struct rpmsg_endpoint *ept, enum rpmsg_send_error kind)
{
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };

	assert_int_equal(rpmsg_endpoint_get_stats(ept, &st), 0);
	return st.counts.errors[kind];
}

/* The program dispatches, or only ever tries to send. */
static void lose_with_the_link(bool dispatching)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_endpoint *other;
	struct heard at_other;
	struct rpmsg_bus *ask;
	struct ring r;
	size_t room;
	void *buf;

	ring_open(&r, 0);
	ask = open_bus("one", RPMSG_SIDE_HOST);
	other = bind_addr(r.host, 3000, 50, &at_other);
	assert_non_null(buf = rpmsg_tx_reserve(other, &room, false));
	fill(&r);
	assert_int_equal(rpmsg_tx_submit(other, buf, 4, 50), 0);
	assert_int_equal(rpmsg_trysend(other, "x", 1), -ENOMEM); /* after it, and answered */
	rpmsg_bus_close(r.far);
	while (dispatching && !own_errors(other, RPMSG_ERROR_LOST))
		step(r.host);
	while (!dispatching && !rpmsg_poll(other))
		continue;
	st = await_error(ask, 3000, RPMSG_ERROR_LOST, 1);
	expect_flow(&st.counts.tx, 0, 0);
	assert_int_equal(rpmsg_trysend(other, "x", 1), -EPIPE);
	st = await_error(ask, 3000, RPMSG_ERROR_DOWN, 1);
	assert_int_equal(sum_of_errors(&st.counts), 3);
	assert_int_equal(own_errors(other, RPMSG_ERROR_LOST), 1);
	assert_int_equal(own_errors(other, RPMSG_ERROR_DOWN), 1);
	assert_int_equal(own_errors(other, RPMSG_ERROR_NO_BUFFER), 1);
	assert_int_equal(rpmsg_bus_tx_free(ask), 0);
	rpmsg_bus_close(ask);
	rpmsg_bus_close(r.host);
}

static void what_is_lost_with_the_link(void **state)
{
	(void)state;
	lose_with_the_link(true);
}

static void what_is_lost_with_nobody_dispatching(void **state)
{
	(void)state;
	lose_with_the_link(false);
}

/* ---- who waits ---- */

static void *send_one(void *arg)
{
	return (void *)(intptr_t)rpmsg_send(arg, "x", 1);
}

static void a_sender_that_waits(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_bus *ask;
	pthread_t thread;
	struct ring r;
	void *ret;

	(void)state;
	ring_open(&r, LONG_MS);
	ask = open_bus("one", RPMSG_SIDE_HOST);
	fill(&r);
	assert_int_equal(pthread_create(&thread, NULL, send_one, r.ept), 0);
	do
		st = endpoint_stats(ask, r.ept->addr);
	while (!st.waiting || !st.waiting_ns);
	assert_int_equal(st.counts.waits, 0);
	assert_int_equal(st.counts.wait_ns, 0); /* as bus and channel have it: once it has ended */
	do /* the client's own view of it */
		assert_int_equal(rpmsg_endpoint_get_stats(r.ept, &st), 0);
	while (!st.waiting);
	dispatch_until_heard(r.far, &r.at_far, NUM + 1);
	pthread_join(thread, &ret);
	assert_null(ret);
	st = endpoint_stats(ask, r.ept->addr);
	assert_int_equal(st.waiting, 0);
	assert_int_equal(st.counts.waits, 1);
	assert_true(st.counts.wait_ns > 0);
	assert_int_equal(sum_of_errors(&st.counts), 0);
	expect_flow(&st.counts.tx, NUM + 1, NUM + 1);
	assert_int_equal(rpmsg_endpoint_get_stats(r.ept, &st), 0);
	assert_int_equal(st.waiting, 0);
	assert_int_equal(st.counts.waits, 1);
	rpmsg_bus_close(ask);
	ring_close(&r);
}

/* It stays in line, where a later one finds it. */
static void a_sender_that_gives_up(void **state)
{
	struct rpmsg_endpoint_stats st;
	struct rpmsg_bus *ask;
	struct ring r;

	(void)state;
	ring_open(&r, 50);
	ask = open_bus("one", RPMSG_SIDE_HOST);
	fill(&r);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(rpmsg_send(r.ept, "x", 1), -ERESTARTSYS);
		st = await_error(ask, r.ept->addr, RPMSG_ERROR_TIMEOUT, i);
		assert_int_equal(st.waiting, 0);
		assert_int_equal(st.counts.waits, i);
		assert_int_equal(sum_of_errors(&st.counts), i);
	}
	dispatch_until_heard(r.far, &r.at_far, NUM);
	while (rpmsg_send(r.ept, "x", 1))
		continue;
	dispatch_until_heard(r.far, &r.at_far, NUM + 1);
	rpmsg_bus_close(ask);
	ring_close(&r);
}

/* ---- who does not read ---- */

static void count_dropped(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	(void)bus;
	if (ev->type == RPMSG_EVENT_DROPPED)
		*(uint64_t *)arg += ev->count;
}

/* Sends until the ring is full, and tells what is seen then. */
static uint64_t fill_up(struct rpmsg_endpoint *h, struct rpmsg_bus *ask, uint32_t addr,
			struct rpmsg_endpoint_stats *st)
{
	static const char data[496];
	uint64_t n = 0;

	do {
		while (!rpmsg_trysend(h, data, sizeof(data)))
			n++;
		*st = endpoint_stats(ask, addr);
	} while (st->held < NUM);
	return n;
}

static void expect_stalled(const struct rpmsg_endpoint_stats *st, struct rpmsg_bus *host,
			   struct rpmsg_bus *remote)
{
	struct rpmsg_stats bus = bus_stats(host);
	char who[32];

	snprintf(who, sizeof(who), "pid %d ", (int)getpid());
	assert_int_equal(st->held, NUM);
	assert_true(st->queued > NUM);
	assert_int_equal(bus.tx_ring.free, 0);
	assert_non_null(strstr(bus.tx_ring.holder, who));
	assert_non_null(strstr(bus.tx_ring.holder, "endpoint 0x32"));
	bus = bus_stats(remote);
	assert_int_equal(bus.rx_ring.held, NUM);
	assert_non_null(strstr(bus.rx_ring.holder, "endpoint 0x32"));
}

static void who_does_not_read(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_bus *ask_host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *ask = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_endpoint_stats st;
	struct heard at_host, at_remote;
	struct rpmsg_endpoint *h, *r;
	uint64_t sent, dropped = 0;

	(void)state;
	rpmsg_bus_set_event_fn(remote, count_dropped, &dropped);
	r = bind_addr(remote, 50, RPMSG_ADDR_ANY, &at_remote);
	h = bind_addr(host, 2000, 50, &at_host);
	sent = fill_up(h, ask, 50, &st);
	expect_stalled(&st, ask_host, ask);
	assert_int_equal(st.counts.dropped, 0);
	assert_int_equal(st.counts.rx.messages, sent);
	for (int64_t end = now_ms() + LONG_MS; !st.counts.dropped && now_ms() < end;)
		st = endpoint_stats(ask, 50);
	assert_true(st.counts.dropped > NUM);
	assert_true(st.queued_ns > 0);
	assert_int_equal(st.held, 0);
	for (int i = 0; i < 5; i++) /* into nothing */
		assert_int_equal(rpmsg_send(h, "more", 4), 0);
	while (at_remote.n + dropped < sent + 5)
		step(remote);
	assert_int_equal(at_remote.n + dropped, sent + 5);
	st = endpoint_stats(ask, 50);
	assert_int_equal(st.counts.rx.messages, sent + 5);
	assert_int_equal(st.counts.dropped, dropped);
	assert_int_equal(st.queued + st.held, 0);
	assert_int_equal(bus_stats(ask).counts.dropped, dropped);
	assert_int_equal(rpmsg_endpoint_get_stats(r, &st), 0);
	assert_int_equal(st.counts.dropped, dropped);
	assert_int_equal(st.counts.rx.messages, at_remote.n);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
	rpmsg_bus_close(ask_host);
	rpmsg_bus_close(ask);
}

/* ---- pages ---- */

#define MANY 200 /* some pages */

struct crowd {
	struct rpmsg_bus *bus, *ask[2];
	struct rpmsg_endpoint *ept[MANY];
	struct heard heard;
	uint64_t last;
	unsigned n, inner;
};

static int count_inner(const struct rpmsg_endpoint_stats *st, void *arg)
{
	struct crowd *c = arg;

	(void)st;
	c->inner++;
	return 0;
}

/* On the way others go, and somebody else pages, too. */
static int count_outer(const struct rpmsg_endpoint_stats *st, void *arg)
{
	struct crowd *c = arg;

	assert_true(st->id > c->last);
	c->last = st->id;
	assert_int_equal(st->addr, 2000 + c->n);
	if (c->n % 10 == 9)
		assert_int_equal(rpmsg_bus_for_each_endpoint(c->ask[1], count_inner, c), 0);
	if (c->n == 5) /* those that the next page would begin with */
		for (unsigned i = PROTO_ENDPOINTS_MAX; i < PROTO_ENDPOINTS_MAX + 3; i++)
			rpmsg_destroy_ept(c->ept[i]);
	c->n += c->n == PROTO_ENDPOINTS_MAX - 1 ? 4 : 1;
	return 0;
}

static int stop_at_once(const struct rpmsg_endpoint_stats *st, void *arg)
{
	(void)st;
	++*(int *)arg;
	return 42;
}

static void many_endpoints(void **state)
{
	struct crowd c = { .bus = open_bus("both", 0), .ask = { open_bus("both", 0),
								open_bus("both", 0) } };
	int calls = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		c.ept[i] = bind_addr(c.bus, 2000 + i, RPMSG_ADDR_ANY, &c.heard);
	assert_int_equal(rpmsg_bus_for_each_endpoint(c.ask[0], count_outer, &c), 0);
	assert_int_equal(c.n, MANY);
	assert_int_equal(c.inner, 19 * (MANY - 3)); /* at 9, 19, … 199, but not at 49 */
	assert_int_equal(rpmsg_bus_for_each_endpoint(c.ask[0], stop_at_once, &calls), 42);
	assert_int_equal(calls, 1);
	assert_int_equal(bus_stats(c.ask[0]).n_endpoints, MANY - 3);
	rpmsg_bus_close(c.bus);
	rpmsg_bus_close(c.ask[0]);
	rpmsg_bus_close(c.ask[1]);
}

static void the_server_is_gone(void **state)
{
	struct rpmsg_bus *ask = open_bus("both", 0);
	struct rpmsg_stats st = { .size = sizeof(st) };
	int calls = 0;

	assert_int_equal(end_server(state), 0);
	assert_int_equal(rpmsg_bus_get_stats(ask, &st), -EPIPE);
	assert_int_equal(rpmsg_bus_for_each_endpoint(ask, stop_at_once, &calls), -EPIPE);
	assert_int_equal(calls, 0);
	assert_int_equal(rpmsg_bus_tx_free(ask), 0);
	rpmsg_bus_close(ask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(each_is_counted),
		WITH_SERVER(clients_count_too),
		WITH_SERVER(the_gone_are_counted),
		WITH_SERVER(without_its_channel),
		WITH_SERVER(strays_are_told),
		WITH_SERVER(what_fails_is_counted_once),
		WITH_SERVER(none_of_many_is_forgotten),
		WITH_SERVER(a_full_ring),
		WITH_SERVER(who_waits_in_the_server_has_not_failed),
		WITH_SERVER(what_is_lost_with_the_link),
		WITH_SERVER(what_is_lost_with_nobody_dispatching),
		WITH_SERVER(a_sender_that_waits),
		WITH_SERVER(a_sender_that_gives_up),
		WITH_SERVER(who_does_not_read),
		WITH_SERVER(many_endpoints),
		WITH_SERVER(the_server_is_gone),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
