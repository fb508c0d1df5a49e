/* SPDX-License-Identifier: BSD-2-Clause */
/* The client backend against a real rpmsgd. */
#include <pthread.h>

#include "unit/served_bus.h"

/* ---- opening ---- */

static void nobody_serves_it(void **state)
{
	char path[64];

	(void)state;
	assert_null(rpmsg_bus_open("nowhere", NULL));
	assert_int_equal(errno, ENOENT);
	snprintf(path, sizeof(path), "%s/nowhere.sock", dir);
	assert_non_null(strstr(rpmsg_error_detail(), path));
	assert_null(rpmsg_bus_open(path, NULL));
	assert_int_equal(errno, ENOENT);
}

static void sides(void **state)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_REMOTE };
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	struct rpmsg_bus *bus;
	char path[64];

	(void)state;
	assert_null(rpmsg_bus_open("one", &opt));
	assert_int_equal(errno, EOPNOTSUPP);
	bus = open_bus("both", RPMSG_SIDE_REMOTE);
	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	assert_int_equal(info.side, RPMSG_SIDE_REMOTE);
	rpmsg_bus_close(bus);

	snprintf(path, sizeof(path), "%s/both.sock", dir);
	bus = open_bus(path, RPMSG_SIDE_DEFAULT);
	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	assert_int_equal(info.side, RPMSG_SIDE_HOST);
	assert_string_equal(info.name, "both");
	assert_true(info.up && info.both_sides);
	assert_int_equal(info.num, NUM);
	assert_int_equal(info.mtu_tx, 496);
	assert_int_equal(info.pid, daemon_pid);
	assert_int_equal(info.tx_free, NUM);
	rpmsg_bus_close(bus);
}

/* ---- messages ---- */

static void messages_both_ways(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_endpoint *h, *r;
	struct heard at_host, at_remote;
	char big[497];

	(void)state;
	r = bind_addr(remote, 50, RPMSG_ADDR_ANY, &at_remote);
	h = bind_addr(host, RPMSG_ADDR_ANY, 50, &at_host);
	assert_int_equal(rpmsg_send(r, "x", 1), -EINVAL);
	assert_int_equal(rpmsg_send(h, "hello", 5), 0);
	dispatch_until_heard(remote, &at_remote, 1);
	assert_string_equal(at_remote.text, "hello");
	assert_int_equal(at_remote.src, h->addr);
	assert_int_equal(rpmsg_endpoint_dst(r), h->addr);
	assert_int_equal(rpmsg_send(r, "", 0), 0);
	dispatch_until_heard(host, &at_host, 1);
	assert_string_equal(at_host.text, "");

	assert_int_equal(rpmsg_get_mtu(h), 496);
	memset(big, 'x', sizeof(big));
	assert_int_equal(rpmsg_send(h, big, 497), -EMSGSIZE);
	assert_int_equal(rpmsg_send(h, big, 496), 0);
	dispatch_until_heard(remote, &at_remote, 2);
	assert_memory_equal(at_remote.text, big, 496);
	assert_int_equal(rpmsg_send_offchannel(h, 4711, 50, "spoof", 5), 0);
	dispatch_until_heard(remote, &at_remote, 3);
	assert_int_equal(at_remote.src, 4711);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
}

static void zero_copy_is_a_copy(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct heard at_host, at_remote;
	struct rpmsg_endpoint *h;
	size_t room;
	void *buf;

	(void)state;
	bind_addr(remote, 50, RPMSG_ADDR_ANY, &at_remote);
	h = bind_addr(host, RPMSG_ADDR_ANY, 50, &at_host);
	buf = rpmsg_tx_reserve(h, &room, true);
	assert_non_null(buf);
	assert_int_equal(room, 496);
	memcpy(buf, "reserved", 8);
	assert_int_equal(rpmsg_tx_submit(h, buf, 8, RPMSG_ADDR_ANY), 0);
	dispatch_until_heard(remote, &at_remote, 1);
	assert_string_equal(at_remote.text, "reserved");
	for (int i = 0; i < 3 * NUM; i++) {
		buf = rpmsg_tx_reserve(h, &room, false);
		assert_non_null(buf);
		rpmsg_tx_discard(h, buf);
	}
	buf = rpmsg_tx_reserve(h, &room, false);
	assert_int_equal(rpmsg_tx_submit(h, buf, room + 1, 50), -EMSGSIZE);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
}

static int keep(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_held **held = priv;

	(void)len, (void)src;
	*held = rpmsg_rx_hold(rpdev->ept, data);
	memset(data, '#', (size_t)len);
	return 0;
}

static void a_held_message_outlives_the_bus(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_held *held = NULL;
	struct rpmsg_endpoint *r, *h;
	struct rpmsg_device *dev;
	struct heard at_host;

	(void)state;
	dev = rpmsg_service_create(remote, "keeper", RPMSG_ADDR_ANY, 0);
	r = rpmsg_channel_bind(dev, keep, &held);
	rpmsg_endpoint_set_in_place(r, true);
	h = rpmsg_channel_bind(await_channel(host, "keeper"), hear, &at_host);
	assert_int_equal(rpmsg_send(h, "precious", 8), 0);
	while (!held)
		step(remote);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
	assert_memory_equal(rpmsg_held_data(held), "precious", 8);
	rpmsg_rx_release(held);
}

/* ---- transmit buffers ---- */

static void try_fails_on_the_first_too_many(void **state)
{
	struct ring r;

	(void)state;
	ring_open(&r, 0);
	fill(&r);
	assert_int_equal(rpmsg_trysend(r.ept, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_trysend(r.ept, "x", 1), -ENOMEM);
	assert_int_equal(rpmsg_poll(r.ept), 0);
	dispatch_until_heard(r.far, &r.at_far, NUM);
	assert_true(readable(rpmsg_bus_fd(r.host), LONG_MS));
	while (rpmsg_poll(r.ept) != POLLOUT)
		step(r.host);
	fill(&r);
	assert_int_equal(rpmsg_trysend(r.ept, "x", 1), -ENOMEM);
	dispatch_until_heard(r.far, &r.at_far, 2 * NUM);
	ring_close(&r);
}

/* One who has credits and does not use them does not keep the rest from the others. */
static void unused_credits_are_no_hoard(void **state)
{
	struct rpmsg_endpoint *other;
	struct heard at_other;
	void *buf[2];
	struct ring r;
	size_t room;
	int n = 0;

	(void)state;
	ring_open(&r, 0);
	other = bind_addr(r.host, RPMSG_ADDR_ANY, 50, &at_other);
	for (int i = 0; i < 2; i++)
		assert_non_null(buf[i] = rpmsg_tx_reserve(other, &room, false));
	while (!rpmsg_trysend(r.ept, "x", 1))
		n++;
	assert_int_equal(n, NUM);
	/* Accepted before: they wait in the server until there is room. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(rpmsg_tx_submit(other, buf[i], 0, 50), 0);
	dispatch_until_heard(r.far, &r.at_far, NUM + 2);
	assert_int_equal(r.at_far.src, other->addr);
	ring_close(&r);
}

static void what_the_dead_left_is_sent(void **state)
{
	struct rpmsg_endpoint *other;
	struct heard at_other;
	struct ring r;
	size_t room;
	void *buf;

	(void)state;
	ring_open(&r, 0);
	other = bind_addr(r.host, RPMSG_ADDR_ANY, 50, &at_other);
	assert_non_null(buf = rpmsg_tx_reserve(other, &room, false));
	fill(&r);
	memcpy(buf, "testament", 9);
	assert_int_equal(rpmsg_tx_submit(other, buf, 9, 50), 0);
	rpmsg_destroy_ept(other);
	dispatch_until_heard(r.far, &r.at_far, NUM + 1);
	assert_string_equal(r.at_far.text, "testament");
	ring_close(&r);
}

static void a_blocking_send_gives_up_in_time(void **state)
{
	struct ring r;
	int64_t began;

	(void)state;
	ring_open(&r, 300);
	fill(&r);
	began = now_ms();
	assert_int_equal(rpmsg_send(r.ept, "x", 1), -ERESTARTSYS);
	assert_in_range(now_ms() - began, 299, 2000);
	dispatch_until_heard(r.far, &r.at_far, NUM);
	assert_int_equal(rpmsg_send(r.ept, "x", 1), 0);
	ring_close(&r);
}

static void *consume_later(void *arg)
{
	struct ring *r = arg;

	nap(200);
	while (r->at_far.n < NUM)
		rpmsg_bus_dispatch(r->far, LONG_MS);
	return NULL;
}

static void a_blocking_send_is_woken(void **state)
{
	pthread_t thread;
	struct ring r;
	int64_t began;

	(void)state;
	ring_open(&r, LONG_MS);
	fill(&r);
	began = now_ms();
	assert_int_equal(pthread_create(&thread, NULL, consume_later, &r), 0);
	assert_int_equal(rpmsg_send(r.ept, "x", 1), 0);
	assert_in_range(now_ms() - began, 150, LONG_MS / 2);
	pthread_join(thread, NULL);
	ring_close(&r);
}

static void *cancel_later(void *arg)
{
	nap(100);
	rpmsg_bus_cancel(arg);
	return NULL;
}

static void sleeps_can_be_cancelled(void **state)
{
	pthread_t thread;
	struct ring r;

	(void)state;
	ring_open(&r, LONG_MS);
	fill(&r);
	assert_int_equal(pthread_create(&thread, NULL, cancel_later, r.host), 0);
	assert_int_equal(rpmsg_send(r.ept, "x", 1), -EINTR);
	pthread_join(thread, NULL);
	rpmsg_bus_cancel(r.host);
	assert_int_equal(rpmsg_bus_dispatch(r.host, LONG_MS), -EINTR);
	ring_close(&r);
}

#define THREADS 4
#define EACH 2000

static void *send_many(void *arg)
{
	struct ring *r = arg;
	uintptr_t bad = 0;

	for (int i = 0; i < EACH; i++)
		bad += rpmsg_send(r->ept, "x", 1) != 0;
	return (void *)bad;
}

static void threads_share_an_endpoint(void **state)
{
	pthread_t thread[THREADS];
	struct ring r;
	void *bad;

	(void)state;
	ring_open(&r, LONG_MS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, send_many, &r), 0);
	while (r.at_far.n < THREADS * EACH)
		step(r.far);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &bad);
		assert_null(bad);
	}
	ring_close(&r);
}

/* ---- channels ---- */

static unsigned probed, removed;

static int probe(struct rpmsg_device *rpdev)
{
	probed++;
	return rpmsg_send(rpdev->ept, "probed", 6);
}

static void remove_driver(struct rpmsg_device *rpdev)
{
	(void)rpdev;
	removed++;
}

static int ignore(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

static void drivers_see_no_difference(void **state)
{
	static const struct rpmsg_device_id ids[] = { { .name = "driven" }, { .name = "" } };
	static struct rpmsg_driver drv = { .drv.name = "test", .id_table = ids, .probe = probe,
					   .remove = remove_driver, .callback = ignore };
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_device *dev;
	struct heard at_remote = { 0 };

	(void)state;
	probed = removed = 0;
	dev = rpmsg_service_create(remote, "driven", RPMSG_ADDR_ANY, 0);
	assert_non_null(rpmsg_channel_bind(dev, hear, &at_remote));
	await_channel(host, "driven");
	assert_int_equal(rpmsg_bus_register_driver(host, &drv), 0);
	assert_int_equal(probed, 1);
	dispatch_until_heard(remote, &at_remote, 1);
	assert_string_equal(at_remote.text, "probed");
	assert_int_equal(rpmsg_service_destroy(dev), 0);
	while (!removed)
		step(host);
	dev = rpmsg_service_create(remote, "driven", RPMSG_ADDR_ANY, 0);
	assert_non_null(dev);
	while (probed < 2)
		step(host);
	rpmsg_bus_close(host);
	assert_int_equal(removed, 2);
	rpmsg_bus_close(remote);
}

static void what_was_sent_comes_before_the_withdrawal(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct heard at_host = { 0 }, at_remote = { 0 };
	struct rpmsg_endpoint *r, *h;
	struct rpmsg_device *dev;

	(void)state;
	for (unsigned round = 1; round <= 20; round++) {
		dev = rpmsg_service_create(remote, "brief", RPMSG_ADDR_ANY, 0);
		r = rpmsg_channel_bind(dev, hear, &at_remote);
		h = rpmsg_channel_bind(await_channel(host, "brief"), hear, &at_host);
		assert_non_null(h);
		assert_int_equal(rpmsg_send(h, "hello", 5), 0);
		dispatch_until_heard(remote, &at_remote, round);
		for (int i = 0; i < 30; i++)
			assert_int_equal(rpmsg_send(r, "x", 1), 0);
		rpmsg_destroy_ept(r);
		assert_int_equal(rpmsg_service_destroy(dev), 0);
		await_no_channel(host, "brief");
		assert_int_equal(at_host.n, round * 30);
		assert_int_equal(rpmsg_send(h, "x", 1), -EPIPE);
		rpmsg_destroy_ept(h);
	}
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
}

static void the_holder_is_named(void **state)
{
	struct rpmsg_bus *a = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *b = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_channel_info at_77 = { .src = 77, .dst = RPMSG_ADDR_ANY };
	struct heard ha = { 0 }, hb = { 0 };
	struct rpmsg_endpoint *ept;
	char want[64];

	(void)state;
	assert_non_null(rpmsg_service_create(remote, "held", RPMSG_ADDR_ANY, 0));
	ept = rpmsg_channel_bind(await_channel(a, "held"), hear, &ha);
	assert_non_null(ept);
	assert_null(rpmsg_channel_bind(await_channel(b, "held"), hear, &hb));
	assert_int_equal(errno, EBUSY);
	snprintf(want, sizeof(want), "pid %d", (int)getpid());
	assert_non_null(strstr(rpmsg_error_detail(), want));
	bind_addr(a, 77, RPMSG_ADDR_ANY, &ha);
	assert_null(rpmsg_create_ept(rpmsg_bus_device(b), hear, &hb, at_77));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(rpmsg_error_detail(), want));
	rpmsg_destroy_ept(ept);
	assert_non_null(rpmsg_channel_bind(await_channel(b, "held"), hear, &hb));
	rpmsg_bus_close(a);
	rpmsg_bus_close(b);
	rpmsg_bus_close(remote);
}

static void only_what_belongs_to_the_bus_may_be_withdrawn_by_others(void **state)
{
	struct rpmsg_bus *a = open_bus("both", RPMSG_SIDE_REMOTE), *b;
	struct rpmsg_channel_info stays = { .name = "stays", .src = RPMSG_ADDR_ANY,
					    .dst = RPMSG_ADDR_ANY };

	(void)state;
	assert_non_null(rpmsg_service_create(a, "mine", RPMSG_ADDR_ANY, 0));
	assert_non_null(rpmsg_service_create(a, "stays", RPMSG_ADDR_ANY, RPMSG_SERVICE_PERSIST));
	assert_true(rpmsg_bus_announced(a));
	b = open_bus("both", RPMSG_SIDE_REMOTE);
	assert_int_equal(rpmsg_service_destroy(await_channel(b, "mine")), -EPERM);
	rpmsg_bus_close(a);
	await_no_channel(b, "mine");
	assert_int_equal(rpmsg_channel_destroy(rpmsg_bus_device(b), &stays), 0);
	assert_null(rpmsg_bus_find_channel(b, "stays"));
	rpmsg_bus_close(b);
}

static int count_channel(const struct rpmsg_channel_status *st, void *arg)
{
	unsigned *n = arg;

	assert_non_null(st->rpdev);
	assert_string_equal(st->rpdev->id.name, st->info.name);
	(*n)++;
	return 0;
}

/* More events than are kept for one who does not look: he asks for the whole. */
static void lost_events_are_made_up_for(void **state)
{
	struct rpmsg_bus *sleeper = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_bus *busy = open_bus("both", RPMSG_SIDE_REMOTE);
	struct rpmsg_channel_info early = { .name = "early", .src = RPMSG_ADDR_ANY,
					    .dst = RPMSG_ADDR_ANY };
	struct rpmsg_device *dev;
	char name[16];
	unsigned n = 0;

	(void)state;
	assert_non_null(rpmsg_service_create(busy, "early", RPMSG_ADDR_ANY, 0));
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		dev = rpmsg_service_create(busy, name, RPMSG_ADDR_ANY, 0);
		assert_non_null(dev);
		if (i >= 40)
			assert_int_equal(rpmsg_service_destroy(dev), 0);
	}
	assert_int_equal(rpmsg_channel_destroy(rpmsg_bus_device(busy), &early), 0);
	assert_non_null(rpmsg_service_create(busy, "last", RPMSG_ADDR_ANY, 0));
	await_channel(sleeper, "last");
	while (rpmsg_bus_dispatch(sleeper, 0) > 0)
		continue;
	assert_null(rpmsg_bus_find_channel(sleeper, "early"));
	assert_int_equal(rpmsg_bus_for_each_channel(sleeper, count_channel, &n), 0);
	assert_int_equal(n, 41);
	rpmsg_bus_close(busy);
	rpmsg_bus_close(sleeper);
}

/* ---- link and server ---- */

struct events {
	unsigned up, down;
};

static void count_event(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	struct events *n = arg;

	(void)bus;
	n->up += ev->type == RPMSG_EVENT_UP;
	n->down += ev->type == RPMSG_EVENT_DOWN;
}

static void the_link_goes_and_comes_back(void **state)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	struct events n = { 0 };
	struct ring r;

	(void)state;
	ring_open(&r, 0);
	assert_non_null(rpmsg_service_create(r.far, "far", RPMSG_ADDR_ANY, 0));
	await_channel(r.host, "far");
	rpmsg_bus_set_event_fn(r.host, count_event, &n);
	assert_int_equal(rpmsg_bus_get_info(r.host, &info), 0);
	rpmsg_bus_close(r.far);
	while (!n.down)
		step(r.host);
	assert_null(rpmsg_bus_find_channel(r.host, "far"));
	assert_int_equal(rpmsg_send(r.ept, "x", 1), -EPIPE);
	assert_int_equal(rpmsg_trysend(r.ept, "x", 1), -EPIPE);
	assert_int_equal(rpmsg_poll(r.ept), POLLERR);
	assert_int_equal(rpmsg_get_mtu(r.ept), -EPIPE);

	r.far = open_bus("shm:far", RPMSG_SIDE_REMOTE);
	assert_int_equal(rpmsg_bus_wait_up(r.far, LONG_MS), 0);
	bind_addr(r.far, 50, RPMSG_ADDR_ANY, &r.at_far);
	assert_int_equal(rpmsg_bus_wait_up(r.host, LONG_MS), 0);
	assert_int_equal(n.up, 1);
	assert_int_equal(rpmsg_send(r.ept, "again", 5), 0);
	dispatch_until_heard(r.far, &r.at_far, 1);
	assert_string_equal(r.at_far.text, "again");
	ring_close(&r);
}

static void *send_until_down(void *arg)
{
	struct ring *r = arg;
	int err;

	do
		err = rpmsg_send(r->ept, "x", 1);
	while (!err);
	return (void *)(intptr_t)err;
}

static void a_sender_that_sleeps_learns_that_the_link_is_down(void **state)
{
	pthread_t thread;
	struct ring r;
	void *err;

	(void)state;
	ring_open(&r, LONG_MS);
	assert_int_equal(pthread_create(&thread, NULL, send_until_down, &r), 0);
	nap(100);
	rpmsg_bus_close(r.far);
	pthread_join(thread, &err);
	assert_int_equal((intptr_t)err, -EPIPE);
	rpmsg_bus_close(r.host);
}

static void the_server_dies(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_bus *remote = open_bus("both", RPMSG_SIDE_REMOTE);
	struct heard at_host, at_remote;
	struct rpmsg_endpoint *r, *h;
	struct events n = { 0 };

	r = bind_addr(remote, 50, RPMSG_ADDR_ANY, &at_remote);
	h = bind_addr(host, RPMSG_ADDR_ANY, 50, &at_host);
	assert_int_equal(rpmsg_send(h, "last words", 10), 0);
	rpmsg_destroy_ept(h); /* returns when the server has seen them */
	rpmsg_bus_set_event_fn(remote, count_event, &n);
	assert_int_equal(end_server(state), 0);
	while (!n.down)
		step(remote);
	assert_int_equal(at_remote.n, 1);
	assert_int_equal(rpmsg_sendto(r, "x", 1, 60), -EPIPE);
	assert_int_equal(rpmsg_poll(r), POLLERR);
	assert_null(rpmsg_service_create(remote, "late", RPMSG_ADDR_ANY, 0));
	assert_int_equal(errno, EPIPE);
	assert_int_equal(rpmsg_bus_dispatch(remote, 0), 0);
	rpmsg_bus_close(host);
	rpmsg_bus_close(remote);
}

/* ---- the recorder ---- */

static void readers_are_told(void **state)
{
	struct rpmsg_bus *host = open_bus("both", RPMSG_SIDE_HOST);
	struct rpmsg_recording *rec = rpmsg_recording_open_bus(host, false);
	struct rpmsg_record m;
	struct heard at_host;
	struct rpmsg_endpoint *h;
	char clear[8];
	int n;

	(void)state;
	assert_non_null(rec);
	h = bind_addr(host, RPMSG_ADDR_ANY, 50, &at_host);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rpmsg_recording_read(rec, &m), 0);
		assert_int_equal(rpmsg_send(h, "seen", 4), 0);
		do { /* events wake readers too: that there was no recipient */
			assert_true(readable(rpmsg_recording_fd(rec), LONG_MS));
			assert_int_equal(read(rpmsg_recording_fd(rec), clear, 8), 8);
		} while (!(n = rpmsg_recording_read(rec, &m)));
		assert_int_equal(n, 1);
		assert_int_equal(m.dst, 50);
		assert_int_equal(m.dir, RPMSG_H2R);
		assert_memory_equal(m.data, "seen", 4);
	}
	assert_int_equal(rpmsg_recording_lost(rec), 0);
	rpmsg_recording_close(rec);
	rpmsg_bus_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_serves_it),
		WITH_SERVER(sides),
		WITH_SERVER(messages_both_ways),
		WITH_SERVER(zero_copy_is_a_copy),
		WITH_SERVER(a_held_message_outlives_the_bus),
		WITH_SERVER(try_fails_on_the_first_too_many),
		WITH_SERVER(unused_credits_are_no_hoard),
		WITH_SERVER(what_the_dead_left_is_sent),
		WITH_SERVER(a_blocking_send_gives_up_in_time),
		WITH_SERVER(a_blocking_send_is_woken),
		WITH_SERVER(sleeps_can_be_cancelled),
		WITH_SERVER(threads_share_an_endpoint),
		WITH_SERVER(drivers_see_no_difference),
		WITH_SERVER(what_was_sent_comes_before_the_withdrawal),
		WITH_SERVER(the_holder_is_named),
		WITH_SERVER(only_what_belongs_to_the_bus_may_be_withdrawn_by_others),
		WITH_SERVER(lost_events_are_made_up_for),
		WITH_SERVER(the_link_goes_and_comes_back),
		WITH_SERVER(a_sender_that_sleeps_learns_that_the_link_is_down),
		WITH_SERVER(the_server_dies),
		WITH_SERVER(readers_are_told),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
