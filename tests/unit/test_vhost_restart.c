/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings that a guest stops and starts: what was sent arrives once, what is kept over a
 * stop stays readable, and the guest's memory is left alone in between.
 */
#include <pthread.h>

#include "vhost_guest.h"
#include "virtio/virtio_bus.h"

#define COUNTED_ADDR 50u

/* Numbered messages both ways; each side knows the next number to come. */
struct counters {
	uint32_t to_us_sent, to_us_seen;
	uint32_t to_guest_sent, to_guest_seen;
};

static int counted_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct counters *c = priv;
	uint32_t n;

	(void)rpdev, (void)src;
	assert_int_equal(len, sizeof(n));
	memcpy(&n, data, sizeof(n));
	assert_int_equal(n, c->to_us_seen);
	c->to_us_seen++;
	return 0;
}

static struct rpmsg_endpoint *bind_at(struct guest *g, rpmsg_rx_cb_t cb, void *priv, uint32_t addr)
{
	struct rpmsg_channel_info info = { "", addr, 7 };
	struct rpmsg_endpoint *e;

	e = rpmsg_create_ept(rpmsg_bus_device(g->front.bus), cb, priv, info);
	assert_non_null(e);
	return e;
}

static bool guest_counts(struct guest *g, struct counters *c)
{
	if (!guest_add(g, 7, COUNTED_ADDR, &c->to_us_sent, sizeof(c->to_us_sent)))
		return false;
	c->to_us_sent++;
	return true;
}

static bool we_count(struct rpmsg_endpoint *e, struct counters *c)
{
	if (rpmsg_trysend(e, &c->to_guest_sent, sizeof(c->to_guest_sent)))
		return false;
	c->to_guest_sent++;
	return true;
}

/* Takes what came, announcements aside. */
static void guest_checks(struct guest *g, struct counters *c)
{
	uint8_t data[GUEST_BUFFER];
	struct wire_hdr h;
	uint32_t n;

	for (int len = guest_receive(g, &h, data); len >= 0; len = guest_receive(g, &h, data)) {
		if (h.dst == RPMSG_NS_ADDR)
			continue;
		assert_int_equal(len, sizeof(n));
		memcpy(&n, data, sizeof(n));
		assert_int_equal(n, c->to_guest_seen);
		c->to_guest_seen++;
	}
}

/* Nothing is under way: the device has used all that the guest sent. */
static void all_came_back(struct guest *g, const struct counters *c)
{
	struct guest_ring *ring = &g->ring[1];
	unsigned n = 0;

	serve_until(g->front.bus, c->to_us_seen == c->to_us_sent);
	serve_all(g->front.bus);
	for (int id = guest_tx_id(ring); id >= 0; id = guest_tx_id(ring))
		n++;
	assert_int_equal(n, ring->num);
	for (uint16_t id = 0; id < n; id++)
		vring_driver_free(&ring->drv, id);
	assert_int_equal(c->to_guest_seen, c->to_guest_sent);
}

static void stop_rings(struct guest *g)
{
	guest_enable(g, 1, false);
	guest_enable(g, 0, false);
	assert_false(bus_is_up(g->front.bus));
}

static void start_rings(struct guest *g)
{
	guest_enable(g, 0, true);
	guest_enable(g, 1, true);
	serve_until(g->front.bus, bus_is_up(g->front.bus));
}

/* GET_VRING_BASE, and all set up again at what it said. */
static void stop_and_resume(struct guest *g)
{
	uint16_t base[VHOST_RINGS];

	for (unsigned q = 0; q < VHOST_RINGS; q++)
		base[q] = guest_get_base(g, q);
	assert_false(bus_is_up(g->front.bus));
	assert_int_equal(base[1], (uint16_t)g->ring[1].drv.n_added);
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		guest_set_ring(g, q, base[q]);
	guest_kick(g, 0);
	serve_until(g->front.bus, bus_is_up(g->front.bus));
}

static void boot_at(struct guest *g, uint16_t base)
{
	guest_init(g, "");
	guest_usual_memory(g);
	front_connect(&g->front);
	guest_agree(g);
	guest_set_rings(g, base);
	guest_start_driver(g, base);
	serve_until(g->front.bus, bus_is_up(g->front.bus));
}

/* Rounds of traffic, each cut off somewhere by a stop. */
static void goes_on_over(void (*stop)(struct guest *g), void (*resume)(struct guest *g), uint16_t base)
{
	struct counters c = { 0 };
	struct rpmsg_endpoint *e;
	struct guest g;

	boot_at(&g, base);
	e = bind_at(&g, counted_cb, &c, COUNTED_ADDR);
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < round % 19 && guest_counts(&g, &c); i++)
			if (i % 5 == 4)
				rpmsg_bus_dispatch(g.front.bus, 0);
		guest_kick(&g, 1);
		for (unsigned i = 0; i < round % 13 && we_count(e, &c); i++)
			if (i % 3 == 2)
				guest_checks(&g, &c);
		stop(&g);
		/* What it posts meanwhile waits. */
		if (round % 2 && guest_counts(&g, &c))
			guest_checks(&g, &c);
		resume(&g);
		guest_kick(&g, 1);
	}
	serve_all(g.front.bus);
	guest_checks(&g, &c);
	all_came_back(&g, &c);
	assert_true(c.to_us_seen > 300 && c.to_guest_seen > 200);
	rpmsg_destroy_ept(e);
	guest_fini(&g);
}

static void nothing(struct guest *g)
{
	(void)g;
}

static void stop_one(struct guest *g)
{
	guest_enable(g, 1, false);
	assert_false(bus_is_up(g->front.bus));
}

static void start_one(struct guest *g)
{
	guest_enable(g, 1, true);
	serve_until(g->front.bus, bus_is_up(g->front.bus));
}

static void new_kicks(struct guest *g)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		guest_set_kick(g, q);
		serve_until(g->front.bus, bus_is_up(g->front.bus));
	}
}

static void disabled_and_enabled(void **state)
{
	(void)state;
	goes_on_over(stop_rings, start_rings, 0);
}

static void one_ring_disabled(void **state)
{
	(void)state;
	goes_on_over(stop_one, start_one, 0);
}

static void resumed_at_base(void **state)
{
	(void)state;
	goes_on_over(nothing, stop_and_resume, 0);
}

static void resumed_over_the_wrap(void **state)
{
	(void)state;
	goes_on_over(nothing, stop_and_resume, 65530);
}

static void kick_replaced(void **state)
{
	(void)state;
	goes_on_over(nothing, new_kicks, 0);
}

static void memory_told_again(void **state)
{
	(void)state;
	goes_on_over(guest_set_memory, start_one, 0);
}

/* ---- the guest's memory in between ---- */

static uint8_t *snapshot(const struct guest *g)
{
	uint8_t *copy = malloc(g->region[0].size);

	assert_non_null(copy);
	memcpy(copy, g->region[0].host, g->region[0].size);
	return copy;
}

static void is_as_it_was(const struct guest *g, uint8_t *copy)
{
	assert_memory_equal(g->region[0].host, copy, g->region[0].size);
	free(copy);
}

#define HELD 5

struct keeper {
	struct rpmsg_endpoint *e;
	struct rpmsg_held *held[HELD];
	unsigned n;
};

static int keep_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct keeper *k = priv;

	(void)rpdev, (void)src;
	assert_int_equal(len, 6);
	assert_in_range(k->n, 0, HELD - 1);
	k->held[k->n] = rpmsg_rx_hold(k->e, data);
	assert_non_null(k->held[k->n]);
	k->n++;
	return 0;
}

static void keep_some(struct guest *g, struct keeper *k)
{
	k->n = 0;
	k->e = bind_at(g, keep_cb, k, COUNTED_ADDR);
	rpmsg_endpoint_set_in_place(k->e, true);
	for (unsigned i = 0; i < HELD; i++)
		assert_true(guest_send(g, 7, COUNTED_ADDR, "keep m", 6));
	serve_until(g->front.bus, k->n == HELD);
}

static void release_all(struct keeper *k)
{
	for (unsigned i = 0; i < HELD; i++) {
		assert_memory_equal(rpmsg_held_data(k->held[i]), "keep m", 6);
		rpmsg_rx_release(k->held[i]);
	}
}

static unsigned guest_tx_free(struct guest *g)
{
	struct guest_ring *ring = &g->ring[1];
	uint16_t id[64];
	unsigned n = 0;

	for (int next = guest_tx_id(ring); next >= 0; next = guest_tx_id(ring))
		id[n++] = (uint16_t)next;
	for (unsigned i = 0; i < n; i++)
		vring_driver_free(&ring->drv, id[i]);
	return n;
}

/* Held messages are the holder's, their buffers the guest's when it has stopped the ring. */
static void held_over_a_stop(void **state)
{
	struct keeper k;
	struct guest g;
	uint8_t *copy;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	keep_some(&g, &k);
	serve_all(g.front.bus);
	assert_int_equal(guest_tx_free(&g), g.ring[1].num - HELD);
	guest_take_calls(&g, 1);
	vring_driver_arm(&g.ring[1].drv);
	stop_rings(&g);
	assert_true(guest_take_calls(&g, 1));
	assert_int_equal(guest_tx_free(&g), g.ring[1].num);
	memset(g.ring[1].buffers_host, 0x11, g.ring[1].num * GUEST_BUFFER);
	start_rings(&g);
	serve_all(g.front.bus);
	copy = snapshot(&g);
	release_all(&k);
	serve_all(g.front.bus);
	is_as_it_was(&g, copy);
	assert_int_equal(guest_tx_free(&g), g.ring[1].num);
	guest_talk(&g, 100);
	rpmsg_destroy_ept(k.e);
	guest_fini(&g);
}

static void untouched_while_stopped(void **state)
{
	struct keeper k;
	struct guest g;
	uint8_t *copy;
	size_t room;
	void *a, *b;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	keep_some(&g, &k);
	a = rpmsg_tx_reserve(k.e, &room, false);
	b = rpmsg_tx_reserve(k.e, &room, false);
	assert_true(a && b);
	stop_rings(&g);
	copy = snapshot(&g);
	release_all(&k);
	strcpy(a, "late");
	assert_int_equal(rpmsg_tx_submit(k.e, a, 5, 7), -EPIPE);
	rpmsg_tx_discard(k.e, b);
	assert_int_equal(rpmsg_trysend(k.e, "late", 5), -EPIPE);
	assert_int_equal(rpmsg_send(k.e, "late", 5), -EPIPE);
	guest_kick(&g, 0);
	guest_kick(&g, 1);
	serve_all(g.front.bus);
	is_as_it_was(&g, copy);
	start_rings(&g);
	guest_talk(&g, 100);
	rpmsg_destroy_ept(k.e);
	guest_fini(&g);
}

/* A guest that is gone may have given its memory to others: not even what is held goes back. */
static void untouched_after_the_end(void **state)
{
	struct keeper k;
	struct guest g;
	uint8_t *copy;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	keep_some(&g, &k);
	serve_all(g.front.bus);
	copy = snapshot(&g);
	front_hang_up(&g.front);
	serve_until(g.front.bus, front_logged(&g.front, "is gone"));
	release_all(&k);
	serve_all(g.front.bus);
	is_as_it_was(&g, copy);
	rpmsg_destroy_ept(k.e);
	guest_drop(&g);
	next_guest_works(&g.front);
	guest_fini(&g);
}

/* ---- reservations ---- */

static void expect(struct guest *g, const char *text)
{
	uint8_t data[GUEST_BUFFER];
	struct wire_hdr h;
	int len = guest_await(g, &h, data);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, (size_t)len);
}

static void submit(struct rpmsg_endpoint *e, char *buf, const char *text)
{
	strcpy(buf, text);
	assert_int_equal(rpmsg_tx_submit(e, buf, strlen(text), 7), 0);
}

/* Reserved, sent past, submitted, discarded: each buffer of the guest is used once, in its turn. */
static void reserved_and_sent_past(void **state)
{
	struct rpmsg_endpoint *e;
	struct guest g;
	char *a, *b, *c;
	size_t room;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	e = bind_at(&g, front_echo, NULL, COUNTED_ADDR);
	for (unsigned round = 0; round < 50; round++) {
		a = rpmsg_tx_reserve(e, &room, false);
		assert_int_equal(room, GUEST_BUFFER - WIRE_HDR_SIZE);
		b = rpmsg_tx_reserve(e, &room, false);
		c = rpmsg_tx_reserve(e, &room, false);
		assert_true(a && b && c);
		assert_int_equal(rpmsg_trysend(e, "first", 5), 0);
		expect(&g, "first");
		submit(e, b, "second");
		rpmsg_tx_discard(e, c);
		assert_int_equal(rpmsg_trysend(e, "third", 5), 0);
		if (round % 2) {
			submit(e, a, "fourth");
		} else {
			stop_and_resume(&g);
			assert_int_equal(rpmsg_tx_submit(e, a, 1, 7), -EPIPE);
		}
		expect(&g, "second");
		expect(&g, "third");
		if (round % 2)
			expect(&g, "fourth");
	}
	guest_talk(&g, 100);
	rpmsg_destroy_ept(e);
	guest_fini(&g);
}

/* All that are free can be reserved, and no more; then nothing can be sent past them. */
static void reserved_to_the_last(void **state)
{
	struct rpmsg_endpoint *e;
	void *buf[17];
	struct guest g;
	size_t room;
	unsigned n;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	e = bind_at(&g, front_echo, NULL, COUNTED_ADDR);
	for (unsigned round = 0; round < 3; round++) {
		for (n = 0; n < 17 && (buf[n] = rpmsg_tx_reserve(e, &room, false)); n++)
			continue;
		assert_int_equal(n, g.ring[0].num);
		assert_int_equal(rpmsg_trysend(e, "x", 1), -ENOMEM);
		assert_int_equal(rpmsg_poll(e), 0);
		rpmsg_tx_discard(e, buf[--n]);
		assert_int_equal(rpmsg_trysend(e, "one", 3), 0);
		assert_int_equal(rpmsg_trysend(e, "x", 1), -ENOMEM);
		expect(&g, "one");
		while (n)
			rpmsg_tx_discard(e, buf[--n]);
		stop_and_resume(&g);
		guest_talk(&g, 40);
	}
	rpmsg_destroy_ept(e);
	guest_fini(&g);
}

/* ---- senders that wait ---- */

struct sender {
	struct rpmsg_endpoint *e;
	int result;
	uint32_t sent;    /* atomic */
	uint32_t refused; /* atomic */
	bool stop;        /* atomic */
};

static void *send_until_refused(void *arg)
{
	struct sender *s = arg;

	while (!(s->result = rpmsg_send(s->e, "x", 1)))
		__atomic_fetch_add(&s->sent, 1, __ATOMIC_RELAXED);
	return NULL;
}

static bool sender_waits(const struct guest *g)
{
	struct virtio_bus *vb = virtio_of(g->front.bus);
	bool waits;

	lock_take(&vb->tx.lock);
	waits = vb->tx.up && vb->tx.leader;
	lock_drop(&vb->tx.lock);
	return waits;
}

static void stopped_under_a_sender(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct sender s = { .sent = 0 };
		struct guest g;
		pthread_t t;

		guest_init(&g, "");
		guest_boot(&g);
		s.e = bind_at(&g, front_echo, NULL, COUNTED_ADDR);
		assert_int_equal(pthread_create(&t, NULL, send_until_refused, &s), 0);
		if (round % 2)
			serve_until(g.front.bus, sender_waits(&g));
		if (round % 4 < 2)
			stop_rings(&g);
		else
			guest_vanish(&g);
		serve_until(g.front.bus, !bus_is_up(g.front.bus));
		pthread_join(t, NULL);
		assert_int_equal(s.result, -EPIPE);
		rpmsg_destroy_ept(s.e);
		guest_fini(&g);
	}
}

static void *send_for_ever(void *arg)
{
	struct sender *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED))
		if (rpmsg_send(s->e, "x", 1))
			__atomic_fetch_add(&s->refused, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Each stop ends the wait, though the rings are up again before the sender has looked. */
static void stopped_and_up_again_under_a_sender(void **state)
{
	struct sender s = { .sent = 0 };
	unsigned fds = 0;
	struct guest g;
	pthread_t t;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	s.e = bind_at(&g, front_echo, NULL, COUNTED_ADDR);
	assert_int_equal(pthread_create(&t, NULL, send_for_ever, &s), 0);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t refused;

		serve_until(g.front.bus, sender_waits(&g));
		refused = __atomic_load_n(&s.refused, __ATOMIC_RELAXED);
		guest_set_kick(&g, round & 1);
		serve_until(g.front.bus, bus_is_up(g.front.bus));
		serve_until(g.front.bus, __atomic_load_n(&s.refused, __ATOMIC_RELAXED) > refused);
		serve_until(g.front.bus, sender_waits(&g));
		if (round == 10)
			fds = count_fds();
		if (round > 10)
			assert_in_range(count_fds(), fds - 1, fds + 1);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	stop_rings(&g);
	pthread_join(t, NULL);
	rpmsg_destroy_ept(s.e);
	guest_fini(&g);
}

static int blocking_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct sender *s = priv;

	(void)rpdev, (void)data, (void)len, (void)src;
	send_until_refused(s);
	return 0;
}

/* As a guest of its own: asks, and is answered, while the only thread here sends. */
static void *ask_and_leave(void *arg)
{
	const struct vhost_head ask = { VHOST_GET_QUEUE_NUM, VHOST_FLAG_VERSION, 0 };
	const struct {
		struct vhost_head head;
		uint32_t state[2];
	} stop = { { VHOST_SET_VRING_ENABLE, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, 8 }, { 0, 0 } };
	struct guest *g = arg;
	struct {
		struct vhost_head head;
		uint64_t number;
	} __attribute__((packed)) reply;

	for (int i = 0; i < 100; i++)
		if (write(g->front.sock, &ask, sizeof(ask)) != sizeof(ask) ||
		    recv(g->front.sock, &reply, sizeof(reply), MSG_WAITALL) != sizeof(reply) ||
		    reply.head.request != VHOST_GET_QUEUE_NUM || reply.number != VHOST_RINGS)
			return g;
	if (write(g->front.sock, &stop, sizeof(stop)) != sizeof(stop) ||
	    recv(g->front.sock, &reply, sizeof(reply), MSG_WAITALL) != sizeof(reply) || reply.number)
		return g;
	return NULL;
}

static void control_under_a_sender(void **state)
{
	struct sender s = { .sent = 0 };
	struct counters c = { 0 };
	struct rpmsg_endpoint *counted;
	void *failed = NULL;
	struct guest g;
	pthread_t t;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	s.e = bind_at(&g, blocking_cb, &s, COUNTED_ADDR + 1);
	counted = bind_at(&g, counted_cb, &c, COUNTED_ADDR);
	assert_true(guest_add(&g, 7, COUNTED_ADDR + 1, "go", 2));
	for (unsigned i = 0; i < 4; i++)
		assert_true(guest_counts(&g, &c));
	guest_kick(&g, 1);
	assert_int_equal(pthread_create(&t, NULL, ask_and_leave, &g), 0);
	serve_until(g.front.bus, s.result);
	serve_until(g.front.bus, !bus_is_up(g.front.bus));
	serve_all(g.front.bus);
	pthread_join(t, &failed);
	assert_null(failed);
	assert_int_equal(s.result, -EPIPE);
	assert_int_equal(s.sent, g.ring[0].num);
	/* What was on the ring behind it was delivered, and came back, before the answer. */
	assert_int_equal(c.to_us_seen, 4);
	assert_int_equal(guest_tx_free(&g), g.ring[1].num);
	rpmsg_destroy_ept(counted);
	rpmsg_destroy_ept(s.e);
	guest_fini(&g);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_set_up, dir_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disabled_and_enabled),
		TEST(one_ring_disabled),
		TEST(resumed_at_base),
		TEST(resumed_over_the_wrap),
		TEST(kick_replaced),
		TEST(memory_told_again),
		TEST(held_over_a_stop),
		TEST(untouched_while_stopped),
		TEST(untouched_after_the_end),
		TEST(reserved_and_sent_past),
		TEST(reserved_to_the_last),
		TEST(stopped_under_a_sender),
		TEST(stopped_and_up_again_under_a_sender),
		TEST(control_under_a_sender),
	};

	return cmocka_run_group_tests_name("vhost_restart", tests, NULL, NULL);
}
