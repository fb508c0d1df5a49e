/* SPDX-License-Identifier: BSD-2-Clause */
/* The vhost-user link with front-ends of every kind that keep to the protocol. */
#include <pthread.h>

#include "vhost_guest.h"

#define F_INDEX_AND_INDIRECT (RPMSG_F_EVENT_IDX | RPMSG_F_INDIRECT)

/* ---- kinds of guest ---- */

struct kind {
	const char *more; /* of the SPEC */
	uint64_t features, protocol;
	enum call_kind call;
	uint32_t num[VHOST_RINGS];
};

static void boot_kind(struct guest *g, const struct kind *k)
{
	guest_init(g, k->more);
	g->features = k->features;
	g->protocol = k->protocol;
	g->call_kind = k->call;
	guest_add_region(g, 0x1000, 0x7f0000000000, 0x200000, 0);
	guest_place_ring(g, 0, 0, 0, k->num[0]);
	guest_place_ring(g, 1, 0, 0x100000, k->num[1]);
	guest_boot(g);
}

/* Boots, talks and goes; the next one can do the same. */
static void kind_works(const struct kind *k)
{
	struct guest g;
	unsigned fds;

	boot_kind(&g, k);
	guest_works(&g);
	guest_drop(&g);
	serve_until(g.front.bus, front_logged(&g.front, "is gone"));
	fds = count_fds();
	next_guest_works(&g.front);
	assert_int_equal(count_fds(), fds);
	front_close(&g.front);
}

#define KIND(name, ...) \
	static void name(void **state) \
	{ \
		static const struct kind kind = { __VA_ARGS__ }; \
		(void)state; \
		kind_works(&kind); \
	}

KIND(usual_guest, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 16, 16 })
KIND(calls_by_socket, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_SOCKET, { 16, 16 })
KIND(calls_by_pipe, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_PIPE, { 16, 16 })
KIND(no_calls, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_NONE, { 16, 16 })
KIND(in_band, ",inband", GUEST_FEATURES, GUEST_PROTOCOL | GUEST_INBAND, CALL_NONE, { 16, 16 })
KIND(in_band_not_taken, ",inband", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 16, 16 })
KIND(no_event_index, "", GUEST_FEATURES & ~RPMSG_F_EVENT_IDX, GUEST_PROTOCOL, CALL_EVENT, { 16, 16 })
KIND(no_event_index_nor_indirect, "", GUEST_FEATURES & ~F_INDEX_AND_INDIRECT, GUEST_PROTOCOL,
     CALL_SOCKET, { 16, 16 })
KIND(no_version_1, "", GUEST_FEATURES & ~RPMSG_F_VERSION_1, GUEST_PROTOCOL, CALL_EVENT, { 16, 16 })
KIND(no_reply_ack, "", GUEST_FEATURES, GUEST_PROTOCOL & ~(UINT64_C(1) << VHOST_PROTOCOL_REPLY_ACK),
     CALL_EVENT, { 16, 16 })
KIND(no_protocol_features, "", GUEST_FEATURES & ~VHOST_F_PROTOCOL_FEATURES, 0, CALL_EVENT, { 16, 16 })
KIND(legacy_in_all, "", RPMSG_F_NS, 0, CALL_PIPE, { 256, 256 })
KIND(large_rings, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 1024, 256 })
KIND(smallest_rings, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 2, 2 })
KIND(receives_in_the_larger, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 256, 4 })
KIND(sends_in_the_larger, "", GUEST_FEATURES, GUEST_PROTOCOL, CALL_EVENT, { 4, 256 })

/* ---- memory ---- */

/* Rings and buffers in regions of their own, out of order, each at an offset of its file. */
static void several_regions(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_add_region(&g, 0x100000000, 0x7f0000040000, 0x20000, 0x1000);
	guest_add_region(&g, 0x0, 0x7f1000000000, 0x1000, 0);
	guest_add_region(&g, 0x40000000, 0x7f0000000000, 0x20000, 0x12340);
	guest_place_ring(&g, 0, 0, 0x140, 16);
	guest_place_ring(&g, 1, 2, 0x1c0, 32);
	g.ring[1].buffers = 0x100000000 + 0x10000;
	g.ring[1].buffers_host = g.region[0].host + 0x10000;
	guest_boot(&g);
	assert_true(front_logged(&g.front, "3 memory regions"));
	guest_works(&g);
	guest_fini(&g);
}

/* As memory that is the guest's alone looks from here: nothing is in the rings. */
static void memory_not_shared(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_usual_memory(&g);
	front_connect(&g.front);
	guest_agree(&g);
	guest_set_rings(&g, 0);
	guest_kick(&g, 0);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	assert_true(front_logged(&g.front, "is the guest's memory shared"));
	guest_fini(&g);
	guest_init(&g, "");
	guest_boot(&g);
	assert_false(front_logged(&g.front, "is the guest's memory shared"));
	guest_fini(&g);
}

static uint64_t malformed(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	return info.malformed;
}

/* A buffer that goes past its region's end is refused, however near the next region is. */
static void buffer_across_the_end(void **state)
{
	struct guest g;
	int id;

	(void)state;
	guest_init(&g, "");
	guest_add_region(&g, 0x40000000, 0x7f1200000000, 0x40000, 0x3000);
	guest_add_region(&g, 0x40040000, 0x7f1200040000, 0x1000, 0);
	guest_place_ring(&g, 0, 0, 0x100, 16);
	guest_place_ring(&g, 1, 0, 0x10000, 16);
	guest_boot(&g);
	id = guest_tx_id(&g.ring[1]);
	vring_driver_add(&g.ring[1].drv, (uint16_t)id, 0x40040000 - 16, 64, false);
	guest_kick(&g, 1);
	serve_until(g.front.bus, malformed(g.front.bus) == 1);
	assert_true(front_logged(&g.front, "0x4003fff0+64 is outside the memory"));
	guest_works(&g);
	guest_fini(&g);
}

/* What a guest with more memory than before says: the rings go on where they were. */
static void memory_replaced_while_up(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	guest_add_region(&g, 0x80000000, 0x7f5000000000, 0x40000, 0);
	guest_set_memory(&g);
	serve_until(g.front.bus, bus_generation(g.front.bus) == 2 && bus_is_up(g.front.bus));
	g.ring[1].buffers = 0x80000000;
	g.ring[1].buffers_host = g.region[1].host;
	guest_works(&g);
	guest_fini(&g);
}

/* ---- calls ---- */

static enum call_kind nth_kind(unsigned i)
{
	return (enum call_kind)(i % 4);
}

static void call_changed_while_up(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	for (unsigned i = 0; i < 40; i++) {
		guest_set_call(&g, i & 1, nth_kind(i / 2));
		guest_talk(&g, 2);
	}
	assert_int_equal(bus_generation(g.front.bus), 1);
	guest_fini(&g);
}

/* Who gets a new one looks at nothing until it is told. */
static void new_call_tells_of_what_was_used(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		guest_set_call(&g, q, CALL_EVENT);
		assert_true(guest_take_calls(&g, q));
	}
	guest_fini(&g);
}

struct flood {
	struct rpmsg_endpoint *ept;
	bool stop;
};

static void *flood(void *arg)
{
	struct flood *f = arg;

	/* Whatever comes of it: the guest may be full. */
	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED))
		rpmsg_trysendto(f->ept, "x", 1, 7);
	return NULL;
}

static void call_changed_under_a_sender(void **state)
{
	uint8_t data[GUEST_BUFFER];
	struct wire_hdr h;
	struct flood sender = { .stop = false };
	struct guest g;
	pthread_t t;

	(void)state;
	guest_init(&g, "");
	g.protocol &= ~(UINT64_C(1) << VHOST_PROTOCOL_REPLY_ACK);
	guest_boot(&g);
	sender.ept = g.front.service->ept;
	assert_int_equal(pthread_create(&t, NULL, flood, &sender), 0);
	for (unsigned i = 0; i < 200; i++) {
		guest_set_call(&g, 0, nth_kind(i));
		serve_until(g.front.bus, guest_receive(&g, &h, data) >= 0);
	}
	__atomic_store_n(&sender.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	serve_all(g.front.bus);
	assert_int_equal(bus_generation(g.front.bus), 1);
	guest_fini(&g);
}

/* SIGPIPE would end the test. */
static void pipe_without_reader(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_set_call(&g, 0, CALL_PIPE);
	close(g.ring[0].call);
	g.ring[0].call = -1;
	guest_set_call(&g, 1, CALL_SOCKET);
	close(g.ring[1].call);
	g.ring[1].call = -1;
	guest_works(&g);
	guest_fini(&g);
}

/* Something that has no room for another call, and whose writes would wait. */
static void make_full_call(struct guest_ring *ring, enum call_kind kind)
{
	const uint64_t most = UINT64_MAX - 1;

	guest_make_call(ring, kind);
	assert_int_equal(fcntl(ring->call_given, F_SETFL, O_NONBLOCK), 0);
	while (write(ring->call_given, &most, sizeof(most)) == sizeof(most))
		continue;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(ring->call_given, F_SETFL, 0), 0);
}

/* Calls that nobody takes: the one who sends is not held up. */
static void full_call(void **state)
{
	static const enum call_kind kinds[] = { CALL_SOCKET, CALL_PIPE, CALL_EVENT };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct guest g;

		guest_init(&g, "");
		guest_boot(&g);
		make_full_call(&g.ring[0], kinds[i]);
		guest_set_fd(&g, VHOST_SET_VRING_CALL, 0, g.ring[0].call_given);
		guest_works(&g);
		guest_fini(&g);
	}
}

/* To nobody, so that there is no answer; each is told of when it was read. */
static void send_to_nobody(struct guest *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(guest_send(g, 7, 99, "x", 1));
		serve_all(g->front.bus);
	}
}

/* In band, a call for a ring is not lost because another's have filled the channel. */
static void full_backend_channel(void **state)
{
	struct {
		struct vhost_head head;
		uint32_t state[2];
	} __attribute__((packed)) call;
	unsigned for_0 = 0, for_1 = 0;
	struct guest g;

	(void)state;
	guest_init(&g, ",inband");
	g.protocol |= GUEST_INBAND;
	g.features &= ~RPMSG_F_EVENT_IDX; /* each buffer is told of */
	guest_boot(&g);
	serve_all(g.front.bus);
	assert_true(guest_take_calls(&g, 0)); /* the announcement's */
	send_to_nobody(&g, 1000);
	/* One for ring 0, while ring 1's wait to be read. */
	assert_int_equal(rpmsg_sendto(g.front.service->ept, "y", 1, 7), 0);
	for (int64_t end = test_ms() + PATIENCE_MS; !for_0; serve_all(g.front.bus)) {
		assert_true(test_ms() < end);
		while (recv(g.backend, &call, sizeof(call), MSG_DONTWAIT) > 0) {
			assert_int_equal(call.head.request, VHOST_BACKEND_VRING_CALL);
			assert_int_equal(call.head.flags, VHOST_FLAG_VERSION);
			assert_int_equal(call.head.size, sizeof(call.state));
			assert_in_range(call.state[0], 0, 1);
			for_0 += call.state[0] == 0;
			for_1 += call.state[0] == 1;
		}
	}
	assert_in_range(for_1, 1, 999); /* it was full indeed */
	guest_fini(&g);
}

/* ---- requests as they may arrive ---- */

/* The messages of a whole set-up, as bytes, with the fds of each. */
struct stream {
	uint8_t byte[2048];
	size_t len;
};

static void add(struct stream *s, uint32_t request, const void *payload, uint32_t size)
{
	s->len += front_encode(s->byte + s->len, request, VHOST_FLAG_VERSION, payload, size);
}

static void serving_front(struct front *f)
{
	front_open(f, "", 0);
	front_serve_echo(f);
}

/* The guest goes; the next one finds the bus as it should be. */
static void leaves_all_well(struct front *f)
{
	struct rpmsg_bus *bus = f->bus;

	front_hang_up(f);
	serve_until(bus, front_logged(f, "is gone"));
	next_guest_works(f);
	front_close(f);
}

static void byte_by_byte(void **state)
{
	const uint64_t features = GUEST_FEATURES, most = GUEST_FEATURES;
	struct stream s = { .len = 0 };
	struct front f;
	uint64_t got;

	(void)state;
	serving_front(&f);
	front_connect(&f);
	add(&s, VHOST_SET_OWNER, NULL, 0);
	add(&s, VHOST_SET_FEATURES, &features, sizeof(features));
	add(&s, VHOST_GET_FEATURES, NULL, 0);
	for (size_t i = 0; i < s.len; i++) {
		front_write(&f, s.byte + i, 1, NULL, 0);
		serve_all(f.bus);
		assert_int_equal(readable(f.sock, 0), i == s.len - 1);
	}
	front_reply(&f, VHOST_GET_FEATURES, &got, sizeof(got));
	assert_int_equal(got, most);
	leaves_all_well(&f);
}

static void fds_come_with_any_byte(void **state)
{
	const uint64_t number = 0;
	struct stream s = { .len = 0 };
	int fd = new_event();
	struct front f;

	(void)state;
	serving_front(&f);
	front_connect(&f);
	add(&s, VHOST_SET_VRING_KICK, &number, sizeof(number));
	add(&s, VHOST_GET_FEATURES, NULL, 0);
	front_write(&f, s.byte, 5, NULL, 0);
	serve_all(f.bus);
	front_write(&f, s.byte + 5, 9, &fd, 1);
	serve_all(f.bus);
	front_write(&f, s.byte + 14, s.len - 14, NULL, 0);
	front_reply(&f, VHOST_GET_FEATURES, s.byte, 8);
	close(fd);
	leaves_all_well(&f);
}

static void many_in_one_write(void **state)
{
	struct stream s = { .len = 0 };
	struct front f;
	uint64_t got;

	(void)state;
	serving_front(&f);
	front_connect(&f);
	for (unsigned i = 0; i < 150; i++)
		add(&s, VHOST_GET_FEATURES, NULL, 0);
	front_write(&f, s.byte, s.len, NULL, 0);
	for (unsigned i = 0; i < 150; i++)
		front_reply(&f, VHOST_GET_FEATURES, &got, sizeof(got));
	leaves_all_well(&f);
}

/* However many requests come before it, the last one of a set-up brings the link up. */
static void set_up_in_one_write(void **state)
{
	(void)state;
	for (unsigned before = 30; before < 70; before++) {
		struct guest g;
		uint32_t on[] = { 1, 1 };
		struct stream s = { .len = 0 };

		guest_init(&g, "");
		g.protocol &= ~(UINT64_C(1) << VHOST_PROTOCOL_REPLY_ACK);
		guest_usual_memory(&g);
		front_connect(&g.front);
		guest_agree(&g);
		serve_all(g.front.bus);
		guest_set_rings(&g, 0);
		guest_enable(&g, 1, false);
		guest_start_driver(&g, 0);
		serve_all(g.front.bus);
		assert_false(bus_is_up(g.front.bus));
		for (unsigned i = 0; i < before; i++)
			add(&s, VHOST_SET_OWNER, NULL, 0);
		add(&s, VHOST_SET_VRING_ENABLE, on, sizeof(on));
		front_write(&g.front, s.byte, s.len, NULL, 0);
		serve_until(g.front.bus, bus_is_up(g.front.bus));
		guest_fini(&g);
	}
}

/* ---- status, configuration, reset ---- */

static void status_says_when(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	g.protocol |= GUEST_STATUS;
	guest_usual_memory(&g);
	front_connect(&g.front);
	guest_agree(&g);
	assert_int_equal(front_ask(&g.front, VHOST_GET_STATUS), 0);
	guest_number(&g, VHOST_SET_STATUS, 3);
	guest_set_rings(&g, 0);
	guest_start_driver(&g, 0);
	serve_all(g.front.bus);
	assert_false(bus_is_up(g.front.bus)); /* a kick alone does not tell */
	guest_number(&g, VHOST_SET_STATUS, 15);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	assert_int_equal(front_ask(&g.front, VHOST_GET_STATUS), 15);
	guest_works(&g);
	guest_number(&g, VHOST_SET_STATUS, 0);
	assert_false(bus_is_up(g.front.bus));
	assert_true(front_logged(&g.front, "the rings are stopped by SET_STATUS"));
	guest_number(&g, VHOST_SET_STATUS, 3);
	guest_set_rings(&g, 0);
	guest_start_driver(&g, 0);
	guest_number(&g, VHOST_SET_STATUS, 15);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	guest_works(&g);
	guest_fini(&g);
}

/* Rings that GET_VRING_BASE stopped stay so until they are set up again, whatever the status. */
static void stopped_ring_by_ring(void **state)
{
	struct guest g;
	uint16_t base[VHOST_RINGS];

	(void)state;
	guest_init(&g, "");
	g.protocol |= GUEST_STATUS;
	guest_usual_memory(&g);
	front_connect(&g.front);
	guest_agree(&g);
	guest_set_rings(&g, 0);
	guest_start_driver(&g, 0);
	guest_number(&g, VHOST_SET_STATUS, 15);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	guest_works(&g);
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		base[q] = guest_get_base(&g, q);
		serve_all(g.front.bus);
		assert_false(bus_is_up(g.front.bus));
	}
	assert_int_equal(bus_generation(g.front.bus), 1);
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		assert_false(bus_is_up(g.front.bus));
		guest_set_ring(&g, q, base[q]);
	}
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	guest_works(&g);
	guest_fini(&g);
}

static void configuration_reads_as_zero(void **state)
{
	struct {
		uint32_t offset, size, flags;
		uint8_t data[8];
	} config = { 4, 8, 0, { 1, 2, 3, 4, 5, 6, 7, 8 } }, reply;
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	front_send(&g.front, VHOST_GET_CONFIG, VHOST_FLAG_VERSION, &config, sizeof(config), NULL, 0);
	front_reply(&g.front, VHOST_GET_CONFIG, &reply, sizeof(reply));
	assert_int_equal(reply.offset, 4);
	assert_int_equal(reply.size, 8);
	assert_int_equal(reply.flags, 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(reply.data[i], 0);
	guest_do(&g, VHOST_SET_CONFIG, &config, sizeof(config));
	guest_works(&g);
	guest_fini(&g);
}

static void reset_by(uint32_t request)
{
	struct guest g;

	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	guest_do(&g, request, NULL, 0);
	assert_false(bus_is_up(g.front.bus));
	guest_kick(&g, 0);
	serve_all(g.front.bus);
	assert_false(bus_is_up(g.front.bus));
	guest_set_rings(&g, 0);
	guest_start_driver(&g, 0);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	guest_works(&g);
	guest_fini(&g);
}

static void reset_device(void **state)
{
	(void)state;
	reset_by(VHOST_RESET_DEVICE);
}

static void reset_owner(void **state)
{
	(void)state;
	reset_by(VHOST_RESET_OWNER);
}

static void questions_and_what_changes_nothing(void **state)
{
	struct guest g;
	int fd;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	assert_int_equal(front_ask(&g.front, VHOST_GET_QUEUE_NUM), VHOST_RINGS);
	assert_int_equal(front_ask(&g.front, VHOST_GET_FEATURES), GUEST_FEATURES);
	guest_number(&g, VHOST_SET_FEATURES, g.features);
	guest_number(&g, VHOST_SET_PROTOCOL_FEATURES, g.protocol);
	guest_enable(&g, 0, true);
	guest_enable(&g, 1, true);
	fd = new_event();
	guest_set_fd(&g, VHOST_SET_VRING_ERR, 1, fd);
	guest_set_fd(&g, VHOST_SET_VRING_ERR, 1, -1);
	close(fd);
	assert_int_equal(bus_generation(g.front.bus), 1);
	guest_works(&g);
	guest_fini(&g);
}

static void features_switched_off(void **state)
{
	struct front f;

	(void)state;
	front_open(&f, "", RPMSG_F_EVENT_IDX | RPMSG_F_NS);
	front_connect(&f);
	assert_int_equal(front_ask(&f, VHOST_GET_FEATURES),
			 GUEST_FEATURES & ~(RPMSG_F_EVENT_IDX | RPMSG_F_NS));
	assert_false(front_ask(&f, VHOST_GET_PROTOCOL_FEATURES) & GUEST_INBAND);
	front_close(&f);
}

/* ---- guests one after the other ---- */

static void second_guest_waits(void **state)
{
	struct front second;
	const char *told;
	struct guest g;
	uint64_t got;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	second = g.front;
	front_connect(&second);
	front_send(&second, VHOST_GET_FEATURES, VHOST_FLAG_VERSION, NULL, 0, NULL, 0);
	guest_works(&g);
	assert_false(readable(second.sock, 0));
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(front_ask(&g.front, VHOST_GET_QUEUE_NUM), VHOST_RINGS);
	told = strstr(g.front.log.text, "another guest waits");
	assert_non_null(told);
	assert_null(strstr(told + 1, "another guest waits"));
	guest_vanish(&g);
	front_reply(&second, VHOST_GET_FEATURES, &got, sizeof(got));
	assert_int_equal(got, GUEST_FEATURES);
	front_hang_up(&second);
	next_guest_works(&g.front);
	guest_fini(&g);
}

/* After each number of steps of a set-up. */
static void vanishes_at_each_step(void **state)
{
	struct guest g;
	unsigned fds = 0;

	(void)state;
	guest_init(&g, "");
	for (unsigned steps = 0; steps < 9; steps++) {
		guest_usual_memory(&g);
		front_connect(&g.front);
		g.features = GUEST_FEATURES;
		g.protocol = GUEST_PROTOCOL;
		if (steps > 0)
			front_write(&g.front, "\3\0\0\0", 4, NULL, 0);
		if (steps > 1) {
			front_write(&g.front, "\1\0\0\0\0\0\0\0", 8, NULL, 0);
			guest_agree(&g);
		}
		if (steps > 2)
			guest_set_ring(&g, 0, 0);
		if (steps > 3)
			guest_set_ring(&g, 1, 0);
		if (steps > 4)
			guest_enable(&g, 0, true);
		if (steps > 5)
			guest_enable(&g, 1, true);
		if (steps > 6)
			guest_start_driver(&g, 0);
		if (steps > 7)
			serve_until(g.front.bus, bus_is_up(g.front.bus));
		guest_drop(&g);
		serve_until(g.front.bus, !bus_is_up(g.front.bus) && front_logged(&g.front, "is gone"));
		g.front.log = (struct log_text){ .lines = 0 };
		if (!steps)
			fds = count_fds();
		assert_int_equal(count_fds(), fds);
	}
	next_guest_works(&g.front);
	guest_fini(&g);
}

static void driver_restarts(void **state)
{
	struct guest g;
	unsigned fds;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	fds = count_fds();
	for (uint32_t i = 1; i <= 10; i++) {
		assert_int_equal(bus_generation(g.front.bus), i);
		guest_works(&g);
		guest_enable(&g, 1, false);
		assert_false(bus_is_up(g.front.bus));
		guest_enable(&g, 0, false);
		guest_number(&g, VHOST_SET_FEATURES, g.features);
		guest_set_memory(&g);
		guest_set_rings(&g, 0);
		serve_all(g.front.bus);
		assert_false(bus_is_up(g.front.bus)); /* before the driver's first kick */
		guest_start_driver(&g, 0);
		serve_until(g.front.bus, bus_is_up(g.front.bus));
		assert_int_equal(count_fds(), fds);
	}
	guest_fini(&g);
}

/* A kick that came too early does not keep the bus busy. */
static void early_kick_rests(void **state)
{
	struct guest g;

	(void)state;
	guest_init(&g, "");
	guest_usual_memory(&g);
	front_connect(&g.front);
	guest_agree(&g);
	guest_set_ring(&g, 0, 0);
	guest_kick(&g, 0);
	serve_all(g.front.bus);
	assert_false(readable(rpmsg_bus_fd(g.front.bus), 0));
	guest_set_ring(&g, 1, 0);
	guest_start_driver(&g, 0);
	guest_enable(&g, 0, true);
	guest_enable(&g, 1, true);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	guest_works(&g);
	guest_fini(&g);
}

/* ---- what descriptors may be ---- */

static void indirect_and_chains(void **state)
{
	const struct wire_hdr h = { 0x400, GUEST_SERVICE_ADDR, 0, 12, 0 };
	uint8_t data[GUEST_BUFFER];
	struct guest_ring *ring;
	struct vring_desc *table;
	struct wire_hdr got;
	struct guest g;
	uint64_t spare;
	uint8_t *host;

	(void)state;
	guest_init(&g, "");
	guest_boot(&g);
	guest_works(&g);
	ring = &g.ring[1];
	spare = ring->buffers + 16 * GUEST_BUFFER;
	host = ring->buffers_host + 16 * GUEST_BUFFER;
	for (unsigned chained = 0; chained < 2; chained++) {
		int id = guest_tx_id(ring), other = guest_tx_id(ring);

		memcpy(host, &h, sizeof(h));
		memcpy(host + sizeof(h), "hello indire", 12);
		table = chained ? ring->vr.desc : (struct vring_desc *)(host + 256);
		vring_driver_describe(&ring->drv, (uint16_t)id, spare + 256, 2 * sizeof(*table), false);
		ring->vr.desc[id].flags = VRING_DESC_F_INDIRECT;
		table[chained ? id : 0] = (struct vring_desc){ spare, 20, VRING_DESC_F_NEXT,
							       (uint16_t)(chained ? other : 1) };
		table[chained ? other : 1] = (struct vring_desc){ spare + 20, 8, 0, 0 };
		vring_driver_add_again(&ring->drv, (uint16_t)id,
				       chained ? 20 : 2 * (uint32_t)sizeof(*table));
		guest_kick(&g, 1);
		assert_int_equal(guest_await(&g, &got, data), 12);
		assert_memory_equal(data, "hello indire", 12);
		vring_driver_free(&ring->drv, (uint16_t)other);
	}
	guest_fini(&g);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_set_up, dir_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usual_guest),
		TEST(calls_by_socket),
		TEST(calls_by_pipe),
		TEST(no_calls),
		TEST(in_band),
		TEST(in_band_not_taken),
		TEST(no_event_index),
		TEST(no_event_index_nor_indirect),
		TEST(no_version_1),
		TEST(no_reply_ack),
		TEST(no_protocol_features),
		TEST(legacy_in_all),
		TEST(large_rings),
		TEST(smallest_rings),
		TEST(receives_in_the_larger),
		TEST(sends_in_the_larger),
		TEST(several_regions),
		TEST(memory_not_shared),
		TEST(buffer_across_the_end),
		TEST(memory_replaced_while_up),
		TEST(call_changed_while_up),
		TEST(new_call_tells_of_what_was_used),
		TEST(call_changed_under_a_sender),
		TEST(pipe_without_reader),
		TEST(full_call),
		TEST(full_backend_channel),
		TEST(byte_by_byte),
		TEST(fds_come_with_any_byte),
		TEST(many_in_one_write),
		TEST(set_up_in_one_write),
		TEST(status_says_when),
		TEST(stopped_ring_by_ring),
		TEST(configuration_reads_as_zero),
		TEST(reset_device),
		TEST(reset_owner),
		TEST(questions_and_what_changes_nothing),
		TEST(features_switched_off),
		TEST(second_guest_waits),
		TEST(vanishes_at_each_step),
		TEST(driver_restarts),
		TEST(early_kick_rests),
		TEST(indirect_and_chains),
	};

	return cmocka_run_group_tests_name("vhost_user", tests, NULL, NULL);
}
