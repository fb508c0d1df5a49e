/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole guest for tests: its memory in files, its rings in that memory, driven by
 * lib/virtio/vring.c, its kicks and calls, on top of a front-end's socket.
 */
#ifndef TEST_VHOST_GUEST_H
#define TEST_VHOST_GUEST_H

#include "link/event.h"
#include "vhost_front.h"
#include "virtio/vring.h"
#include "virtio/wire.h"

#define GUEST_BUFFER 512u
#define GUEST_SERVICE_ADDR 30u

enum call_kind { CALL_NONE, CALL_EVENT, CALL_SOCKET, CALL_PIPE };

struct guest_region {
	uint64_t guest, user, size, offset;
	int fd;
	uint8_t *host;
};

struct guest_ring {
	uint32_t num;
	struct vring vr;          /* in the region's mapping */
	uint64_t desc, avail, used; /* user addresses */
	uint64_t buffers;         /* guest address */
	uint8_t *buffers_host;
	struct vring_driver drv;
	bool running;
	int kick;                 /* eventfd, or -1: in band */
	int call;                 /* the end that we read */
	int call_given;
};

struct guest {
	struct front front; /* first */
	uint64_t features, protocol;
	bool ack;           /* requests are acknowledged */
	enum call_kind call_kind;
	unsigned n_regions;
	struct guest_region region[VHOST_FDS];
	struct guest_ring ring[VHOST_RINGS];
	int backend;        /* our end of the channel for the backend's requests */
	uint32_t announced; /* address of the service that was announced last */
	unsigned n_announced;
};

#define GUEST_FEATURES \
	(RPMSG_F_VERSION_1 | RPMSG_F_NS | RPMSG_F_EVENT_IDX | RPMSG_F_INDIRECT | \
	 VHOST_F_PROTOCOL_FEATURES)
#define GUEST_PROTOCOL \
	(UINT64_C(1) << VHOST_PROTOCOL_REPLY_ACK | UINT64_C(1) << VHOST_PROTOCOL_BACKEND_REQ | \
	 UINT64_C(1) << VHOST_PROTOCOL_CONFIG | UINT64_C(1) << VHOST_PROTOCOL_RESET_DEVICE)
#define GUEST_INBAND (UINT64_C(1) << VHOST_PROTOCOL_INBAND)
#define GUEST_STATUS (UINT64_C(1) << VHOST_PROTOCOL_STATUS)

/* ---- memory ---- */

static inline void guest_map(struct guest_region *r)
{
	const uint64_t skip = r->offset % 4096;
	uint8_t *at = mmap(NULL, r->size + skip, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			   (off_t)(r->offset - skip));

	assert_ptr_not_equal(at, MAP_FAILED);
	r->host = at + skip;
}

static inline struct guest_region *guest_add_region(struct guest *g, uint64_t guest, uint64_t user,
						    uint64_t size, uint64_t offset)
{
	struct guest_region *r = &g->region[g->n_regions++];

	*r = (struct guest_region){ guest, user, size, offset, new_memory(offset + size), NULL };
	guest_map(r);
	return r;
}

static inline void guest_drop_region(struct guest_region *r)
{
	munmap(r->host - r->offset % 4096, r->size + r->offset % 4096);
	close(r->fd);
}

static inline void guest_drop_memory(struct guest *g)
{
	while (g->n_regions)
		guest_drop_region(&g->region[--g->n_regions]);
}

static inline uint8_t *guest_user_host(const struct guest *g, uint64_t user, uint64_t len)
{
	for (unsigned i = 0; i < g->n_regions; i++) {
		const struct guest_region *r = &g->region[i];

		if (user - r->user < r->size && len <= r->size - (user - r->user))
			return r->host + (user - r->user);
	}
	return NULL;
}

/* Ring q of num entries, and its buffers, from offset at of region r. */
static inline void guest_place_ring(struct guest *g, unsigned q, unsigned r, uint64_t at,
				    uint32_t num)
{
	struct guest_region *region = &g->region[r];
	struct guest_ring *ring = &g->ring[q];
	const uint64_t after = (at + vring_bytes(num, 64) + 63) / 64 * 64;
	uint8_t *host = region->host + at;

	assert_true(after + (uint64_t)num * GUEST_BUFFER <= region->size);
	ring->num = num;
	vring_place(&ring->vr, num, host, 64);
	ring->desc = region->user + at;
	ring->avail = ring->desc + (uint64_t)((uint8_t *)ring->vr.avail - host);
	ring->used = ring->desc + (uint64_t)((uint8_t *)ring->vr.used - host);
	ring->buffers = region->guest + after;
	ring->buffers_host = region->host + after;
}

/* ---- kicks and calls ---- */

static inline void guest_kick(struct guest *g, unsigned q)
{
	const struct vhost_head head = { VHOST_VRING_KICK, VHOST_FLAG_VERSION, 8 };
	const uint32_t state[] = { q, 0 };
	uint8_t msg[sizeof(head) + sizeof(state)];

	if (g->ring[q].kick >= 0) {
		event_fd_signal(g->ring[q].kick);
		return;
	}
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), state, sizeof(state));
	front_write(&g->front, msg, sizeof(msg), NULL, 0);
}

static inline void guest_drop_call(struct guest_ring *ring)
{
	if (ring->call >= 0)
		close(ring->call);
	if (ring->call_given >= 0 && ring->call_given != ring->call)
		close(ring->call_given);
	ring->call = ring->call_given = -1;
}

/* Makes what is given with SET_VRING_CALL. */
static inline void guest_make_call(struct guest_ring *ring, enum call_kind kind)
{
	int fd[2] = { -1, -1 };

	guest_drop_call(ring);
	if (kind == CALL_EVENT)
		fd[0] = fd[1] = new_event();
	else if (kind == CALL_SOCKET)
		new_sockets(fd);
	else if (kind == CALL_PIPE)
		new_pipe(fd);
	ring->call = fd[0];
	ring->call_given = fd[1];
}

/* Takes what tells of calls; in band messages, for any queue. True if there was one. */
static inline bool guest_take_calls(struct guest *g, unsigned q)
{
	uint8_t any[4096];
	int fd = g->ring[q].call;
	bool called = false;

	if (fd < 0)
		fd = g->backend;
	while (fd >= 0 && readable(fd, 0)) {
		ssize_t n = read(fd, any, sizeof(any));

		if (n <= 0)
			break;
		called = true;
		if (fd == g->ring[q].call && g->call_kind == CALL_EVENT)
			break;
	}
	return called;
}

/* ---- requests ---- */

static inline void guest_do_fds(struct guest *g, uint32_t request, const void *payload,
				uint32_t size, const int *fd, size_t n_fds)
{
	if (g->ack)
		front_do_fds(&g->front, request, payload, size, fd, n_fds);
	else
		front_send(&g->front, request, VHOST_FLAG_VERSION, payload, size, fd, n_fds);
}

static inline void guest_do(struct guest *g, uint32_t request, const void *payload, uint32_t size)
{
	guest_do_fds(g, request, payload, size, NULL, 0);
}

static inline void guest_number(struct guest *g, uint32_t request, uint64_t number)
{
	guest_do(g, request, &number, sizeof(number));
}

static inline void guest_state(struct guest *g, uint32_t request, uint32_t index, uint32_t num)
{
	const uint32_t state[] = { index, num };

	guest_do(g, request, state, sizeof(state));
}

static inline void guest_enable(struct guest *g, unsigned q, bool on)
{
	guest_state(g, VHOST_SET_VRING_ENABLE, q, on);
}

static inline uint16_t guest_get_base(struct guest *g, unsigned q)
{
	uint32_t state[] = { q, 0 };

	front_send(&g->front, VHOST_GET_VRING_BASE, VHOST_FLAG_VERSION, state, sizeof(state), NULL, 0);
	front_reply(&g->front, VHOST_GET_VRING_BASE, state, sizeof(state));
	assert_int_equal(state[0], q);
	assert_in_range(state[1], 0, UINT16_MAX);
	return (uint16_t)state[1];
}

static inline void guest_set_memory(struct guest *g)
{
	struct {
		uint32_t n, padding;
		struct vhost_region region[VHOST_FDS];
	} table = { .n = g->n_regions };
	int fd[VHOST_FDS];

	for (unsigned i = 0; i < g->n_regions; i++) {
		const struct guest_region *r = &g->region[i];

		table.region[i] = (struct vhost_region){ r->guest, r->size, r->user, r->offset };
		fd[i] = r->fd;
	}
	guest_do_fds(g, VHOST_SET_MEM_TABLE, &table,
		     (uint32_t)(8 + g->n_regions * sizeof(struct vhost_region)), fd, g->n_regions);
}

static inline void guest_set_addr(struct guest *g, unsigned q)
{
	const struct guest_ring *ring = &g->ring[q];
	const struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr = { q, 0, ring->desc, ring->used, ring->avail, UINT64_MAX };

	guest_do(g, VHOST_SET_VRING_ADDR, &addr, sizeof(addr));
}

static inline void guest_set_fd(struct guest *g, uint32_t request, unsigned q, int fd)
{
	uint64_t number = q | (fd < 0 ? VHOST_NO_FD : 0);

	guest_do_fds(g, request, &number, sizeof(number), &fd, fd >= 0);
}

static inline void guest_set_kick(struct guest *g, unsigned q)
{
	struct guest_ring *ring = &g->ring[q];

	if (ring->kick >= 0)
		close(ring->kick);
	ring->kick = new_event();
	guest_set_fd(g, VHOST_SET_VRING_KICK, q, ring->kick);
}

static inline void guest_set_call(struct guest *g, unsigned q, enum call_kind kind)
{
	g->call_kind = kind;
	guest_make_call(&g->ring[q], kind);
	guest_set_fd(g, VHOST_SET_VRING_CALL, q, g->ring[q].call_given);
}

static inline void guest_set_backend(struct guest *g)
{
	int fd[2];

	new_sockets(fd);
	g->backend = fd[0];
	guest_do_fds(g, VHOST_SET_BACKEND_REQ_FD, NULL, 0, &fd[1], 1);
	close(fd[1]);
}

/* What comes before any ring. */
static inline void guest_agree(struct guest *g)
{
	const struct front *f = &g->front;

	front_send(f, VHOST_SET_OWNER, VHOST_FLAG_VERSION, NULL, 0, NULL, 0);
	g->features &= front_ask(f, VHOST_GET_FEATURES);
	if (g->features & VHOST_F_PROTOCOL_FEATURES) {
		g->protocol &= front_ask(f, VHOST_GET_PROTOCOL_FEATURES);
		front_send(f, VHOST_SET_PROTOCOL_FEATURES, VHOST_FLAG_VERSION, &g->protocol, 8, NULL, 0);
	} else {
		g->protocol = 0;
	}
	g->ack = g->protocol >> VHOST_PROTOCOL_REPLY_ACK & 1;
	guest_number(g, VHOST_SET_FEATURES, g->features);
	if (g->protocol >> VHOST_PROTOCOL_BACKEND_REQ & 1)
		guest_set_backend(g);
	guest_set_memory(g);
}

static inline bool guest_in_band(const struct guest *g)
{
	return g->protocol & GUEST_INBAND;
}

static inline void guest_set_ring(struct guest *g, unsigned q, uint16_t base)
{
	guest_state(g, VHOST_SET_VRING_NUM, q, g->ring[q].num);
	guest_state(g, VHOST_SET_VRING_BASE, q, base);
	guest_set_addr(g, q);
	if (!guest_in_band(g)) {
		guest_set_call(g, q, g->call_kind);
		guest_set_kick(g, q);
	}
}

static inline void guest_set_rings(struct guest *g, uint16_t base)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		guest_set_ring(g, q, base);
	if (!(g->features & VHOST_F_PROTOCOL_FEATURES))
		return;
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		guest_enable(g, q, true);
}

/* ---- the driver in the guest ---- */

static inline uint64_t guest_buffer(const struct guest_ring *ring, uint16_t id)
{
	return ring->buffers + (uint64_t)id * GUEST_BUFFER;
}

static inline uint8_t *guest_buffer_host(const struct guest_ring *ring, uint16_t id)
{
	return ring->buffers_host + (size_t)id * GUEST_BUFFER;
}

/* As if base buffers had gone round already. */
static inline void guest_start_ring(struct guest *g, unsigned q, uint16_t base)
{
	struct guest_ring *ring = &g->ring[q];
	struct vring_driver *drv = &ring->drv;
	const struct vring_options opt = { .event_idx = g->features & RPMSG_F_EVENT_IDX,
					   .indirect = g->features & RPMSG_F_INDIRECT };

	if (ring->running)
		vring_driver_fini(drv);
	memset(ring->vr.used, 0, sizeof(struct vring_used));
	assert_int_equal(vring_driver_init(drv, &ring->vr, &opt), 0);
	ring->running = true;
	drv->n_added = drv->n_added_seen = base;
	drv->used_idx = drv->used_seen = drv->kicked_idx = base;
	shm_store16(&ring->vr.used->idx, base);
	shm_store_release16(&ring->vr.avail->idx, base);
	vring_driver_arm(drv);
}

static inline void guest_post_all(struct guest *g)
{
	struct guest_ring *ring = &g->ring[0];
	int id;

	while ((id = vring_driver_alloc(&ring->drv)) >= 0)
		vring_driver_add(&ring->drv, (uint16_t)id, guest_buffer(ring, (uint16_t)id),
				 GUEST_BUFFER, true);
	vring_driver_kick_needed(&ring->drv);
}

/* The driver is there: buffers are posted, and the first kick tells. */
static inline void guest_start_driver(struct guest *g, uint16_t base)
{
	guest_start_ring(g, 0, base);
	guest_start_ring(g, 1, base);
	guest_post_all(g);
	guest_kick(g, 0);
}

/* The next message that came: its payload's length, or -1. */
static inline int guest_receive(struct guest *g, struct wire_hdr *h, void *data)
{
	struct guest_ring *ring = &g->ring[0];
	struct vring_driver *drv = &ring->drv;
	uint32_t used;
	uint16_t id;
	int got = vring_driver_get_used(drv, &id, &used);

	if (got < 0)
		fail_msg("the used ring is bad: %s", drv->why);
	if (!got && vring_driver_arm(drv))
		return guest_receive(g, h, data);
	if (!got)
		return -1;
	assert_in_range(used, WIRE_HDR_SIZE, GUEST_BUFFER);
	memcpy(h, guest_buffer_host(ring, id), WIRE_HDR_SIZE);
	assert_int_equal(h->len, used - WIRE_HDR_SIZE);
	memcpy(data, guest_buffer_host(ring, id) + WIRE_HDR_SIZE, h->len);
	memset(guest_buffer_host(ring, id), 0xee, GUEST_BUFFER);
	vring_driver_add_again(drv, id, GUEST_BUFFER);
	if (vring_driver_kick_needed(drv))
		guest_kick(g, 0);
	return h->len;
}

static inline int guest_tx_id(struct guest_ring *ring)
{
	uint32_t used;
	uint16_t id;
	int got;

	if (ring->drv.n_free)
		return vring_driver_alloc(&ring->drv);
	got = vring_driver_get_used(&ring->drv, &id, &used);
	if (got < 0)
		fail_msg("the used ring is bad: %s", ring->drv.why);
	return got ? id : -1;
}

/* A message on the ring, not kicked. False: no buffer is free. */
static inline bool guest_add(struct guest *g, uint32_t src, uint32_t dst, const void *data,
			     uint16_t len)
{
	struct guest_ring *ring = &g->ring[1];
	const struct wire_hdr h = { src, dst, 0, len, 0 };
	int id = guest_tx_id(ring);

	if (id < 0)
		return false;
	memcpy(guest_buffer_host(ring, (uint16_t)id), &h, WIRE_HDR_SIZE);
	memcpy(guest_buffer_host(ring, (uint16_t)id) + WIRE_HDR_SIZE, data, len);
	vring_driver_add(&ring->drv, (uint16_t)id, guest_buffer(ring, (uint16_t)id),
			 WIRE_HDR_SIZE + (uint32_t)len, false);
	return true;
}

static inline bool guest_send(struct guest *g, uint32_t src, uint32_t dst, const void *data,
			      uint16_t len)
{
	if (!guest_add(g, src, dst, data, len))
		return false;
	if (vring_driver_kick_needed(&g->ring[1].drv))
		guest_kick(g, 1);
	return true;
}

/* Serves until a message is there that is no announcement; those are noted. */
static inline int guest_await(struct guest *g, struct wire_hdr *h, void *data)
{
	int64_t end = test_ms() + PATIENCE_MS;

	while (test_ms() < end) {
		int len = guest_receive(g, h, data);

		if (len >= 0 && h->dst == RPMSG_NS_ADDR) {
			struct wire_ns ns;

			assert_int_equal(wire_ns_decode(&ns, data, (size_t)len, false), 0);
			assert_string_equal(ns.name, "echo");
			assert_int_equal(ns.flags, 0);
			g->announced = ns.addr;
			g->n_announced++;
			continue;
		}
		if (len >= 0)
			return len;
		rpmsg_bus_dispatch(g->front.bus, 5);
	}
	fail_msg("no message came; the log:\n%s", g->front.log.text);
	return -1;
}

/* ---- a guest that talks to an echo service ---- */

static inline int front_echo(struct rpmsg_device *rpdev, void *data, int len, void *priv,
			     uint32_t src)
{
	(void)priv;
	/* Whoever floods us gets no answers. */
	rpmsg_trysendto(rpdev->ept, data, len, src);
	return 0;
}

static inline void front_serve_echo(struct front *f)
{
	f->service = rpmsg_service_create(f->bus, "echo", GUEST_SERVICE_ADDR, 0);
	assert_non_null(f->service);
	assert_non_null(rpmsg_channel_bind(f->service, front_echo, NULL));
}

/* The usual kind of guest. */
static inline void guest_reset(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	g->front.sock = -1;
	g->features = GUEST_FEATURES;
	g->protocol = GUEST_PROTOCOL;
	g->call_kind = CALL_EVENT;
	g->backend = -1;
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		g->ring[q].kick = g->ring[q].call = g->ring[q].call_given = -1;
}

/* One before a bus that serves. All of it can be changed until guest_boot(). */
static inline void guest_init(struct guest *g, const char *spec_more)
{
	guest_reset(g);
	front_open(&g->front, spec_more, 0);
	front_serve_echo(&g->front);
}

static inline void guest_usual_memory(struct guest *g)
{
	guest_add_region(g, 0x40000000, 0x7f1200000000, 0x40000, 0x3000);
	guest_place_ring(g, 0, 0, 0x100, 16);
	guest_place_ring(g, 1, 0, 0x10000, 16);
}

/* From the connection to the first kick; the link is up. */
static inline void guest_boot(struct guest *g)
{
	uint32_t generation = bus_generation(g->front.bus);

	if (!g->n_regions)
		guest_usual_memory(g);
	front_connect(&g->front);
	guest_agree(g);
	guest_set_rings(g, 0);
	guest_start_driver(g, 0);
	serve_until(g->front.bus, bus_is_up(g->front.bus));
	assert_int_equal(bus_generation(g->front.bus), generation + 1);
}

/* n messages there and back, each as it was. */
static inline void guest_talk(struct guest *g, unsigned n)
{
	uint8_t data[GUEST_BUFFER], sent[32];
	struct wire_hdr h;

	for (unsigned i = 0; i < n; i++) {
		uint16_t len = (uint16_t)snprintf((char *)sent, sizeof(sent), "message %u", i);

		serve_until(g->front.bus, guest_send(g, 0x400 + i % 7, GUEST_SERVICE_ADDR, sent, len));
		assert_int_equal(guest_await(g, &h, data), len);
		assert_memory_equal(data, sent, len);
		assert_int_equal(h.src, GUEST_SERVICE_ADDR);
		assert_int_equal(h.dst, 0x400 + i % 7);
	}
}

/* The guest has seen the announcement, if it takes any; messages go both ways and round the rings. */
static inline void guest_works(struct guest *g)
{
	unsigned before = g->n_announced;

	guest_talk(g, 3 * (g->ring[0].num + g->ring[1].num) < 200 ?
			      3 * (g->ring[0].num + g->ring[1].num) : 200);
	if (!(g->features & RPMSG_F_NS)) {
		assert_int_equal(g->n_announced, before);
		return;
	}
	assert_int_equal(g->n_announced, before + 1);
	assert_int_equal(g->announced, GUEST_SERVICE_ADDR);
}

/* It vanishes; what the guest had is still the test's. */
static inline void guest_vanish(struct guest *g)
{
	front_hang_up(&g->front);
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		struct guest_ring *ring = &g->ring[q];

		guest_drop_call(ring);
		if (ring->kick >= 0)
			close(ring->kick);
		ring->kick = -1;
	}
	if (g->backend >= 0)
		close(g->backend);
	g->backend = -1;
}

static inline void guest_drop(struct guest *g)
{
	guest_vanish(g);
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		if (g->ring[q].running)
			vring_driver_fini(&g->ring[q].drv);
		g->ring[q].running = false;
	}
	guest_drop_memory(g);
}

static inline void guest_fini(struct guest *g)
{
	guest_drop(g);
	front_close(&g->front);
}

/* A guest of the usual kind comes to the bus and finds it whole. */
static inline void next_guest_works(struct front *f)
{
	struct guest g;

	guest_reset(&g);
	g.front = *f;
	g.front.sock = -1;
	guest_boot(&g);
	guest_works(&g);
	guest_drop(&g);
	serve_until(f->bus, !bus_is_up(f->bus));
	serve_all(f->bus);
}

#endif
