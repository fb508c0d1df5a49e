/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each request does to the set-up of a connection. No input or output: a
 * request, its fds and a reply. Whatever the front-end sends is checked here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/event.h"
#include "link/vhost_user.h"

#define VARIES UINT16_MAX

typedef int handle_fn(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply);

__attribute__((format(printf, 2, 3))) static int bad(struct vhost_conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -EPROTO;
}

static int answer(const struct vhost_message *msg, struct vhost_message *reply, uint32_t size)
{
	reply->head = (struct vhost_head){ msg->head.request, VHOST_FLAG_VERSION | VHOST_FLAG_REPLY,
					   size };
	return 0;
}

static int answer_number(const struct vhost_message *msg, struct vhost_message *reply, uint64_t n)
{
	reply->payload.number = n;
	return answer(msg, reply, sizeof(reply->payload.number));
}

/* ---- features, status, configuration ---- */

static int get_features(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	return answer_number(msg, reply, c->features_offered);
}

static int set_features(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	uint64_t features = msg->payload.number;

	(void)reply;
	if (features & ~c->features_offered)
		return bad(c, "features %#" PRIx64 ", offered were %#" PRIx64, features,
			   c->features_offered);
	c->features = features;
	return 0;
}

static int get_protocol(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	return answer_number(msg, reply, c->protocol_offered);
}

static int set_protocol(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	uint64_t protocol = msg->payload.number;

	(void)reply;
	if (protocol & ~c->protocol_offered)
		return bad(c, "protocol features %#" PRIx64 ", offered were %#" PRIx64, protocol,
			   c->protocol_offered);
	c->protocol = protocol;
	return 0;
}

static int get_queue_num(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	(void)c;
	return answer_number(msg, reply, VHOST_RINGS);
}

/* Bytes of the configuration that msg is about; false if they are not there. */
static bool config_size(struct vhost_conn *c, const struct vhost_message *msg, uint32_t *size)
{
	const uint32_t head = offsetof(union vhost_payload, config.data);

	*size = msg->head.size < head ? 0 : msg->payload.config.size;
	if (*size <= VHOST_CONFIG_MAX && msg->head.size == head + *size)
		return true;
	bad(c, "%u bytes for a configuration of %u", msg->head.size, *size);
	return false;
}

/* An rpmsg device has no configuration space: all of it reads as zero, and none is written. */
static int get_config(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	uint32_t size;

	if (!config_size(c, msg, &size))
		return -EPROTO;
	memset(&reply->payload.config, 0, sizeof(reply->payload.config));
	reply->payload.config.offset = msg->payload.config.offset;
	reply->payload.config.size = size;
	return answer(msg, reply, msg->head.size);
}

static int set_config(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	uint32_t size;

	(void)reply;
	return config_size(c, msg, &size) ? 0 : -EPROTO;
}

static int ignore(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	(void)c;
	(void)msg;
	(void)reply;
	return 0;
}

static int get_status(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	return answer_number(msg, reply, c->status);
}

/* It stays so until it is set up again. */
static void halt(struct vhost_ring *ring)
{
	ring->started = false;
	ring->halted = true;
}

static int set_status(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	(void)reply;
	if (msg->payload.number > UINT8_MAX)
		return bad(c, "status %#" PRIx64, msg->payload.number);
	c->status = (uint8_t)msg->payload.number;
	for (unsigned q = 0; !c->status && q < VHOST_RINGS; q++)
		halt(&c->ring[q]);
	return 0;
}

/* ---- rings ---- */

/* A front-end that knows nothing of enabling has its rings enabled. */
static bool ring_enabled(const struct vhost_conn *c, const struct vhost_ring *ring)
{
	return ring->enabled || !(c->features & VHOST_F_PROTOCOL_FEATURES);
}

/* One that runs goes on with what is new about it; one that does not begins with its first kick. */
static void ring_changed(const struct vhost_conn *c, struct vhost_ring *ring)
{
	ring->started = ring->started && ring_enabled(c, ring);
}

static struct vhost_ring *ring_of(struct vhost_conn *c, uint64_t index)
{
	if (index < VHOST_RINGS)
		return &c->ring[index];
	bad(c, "ring %" PRIu64 ", there are %u", index, VHOST_RINGS);
	return NULL;
}

static int set_num(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.state.index);
	uint32_t num = msg->payload.state.num;

	(void)reply;
	if (!ring)
		return -EPROTO;
	if (num < VRING_NUM_MIN || num > VRING_NUM_MAX || num & (num - 1))
		return bad(c, "ring %u: %u entries, not a power of two from %u to %u",
			   msg->payload.state.index, num, VRING_NUM_MIN, VRING_NUM_MAX);
	ring->num = num;
	return 0;
}

static int set_addr(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.addr.index);

	(void)reply;
	if (!ring)
		return -EPROTO;
	if (msg->payload.addr.flags)
		return bad(c, "ring %u: flags %#x, logging is not supported",
			   msg->payload.addr.index, msg->payload.addr.flags);
	ring->desc = msg->payload.addr.desc;
	ring->avail = msg->payload.addr.avail;
	ring->used = msg->payload.addr.used;
	ring->addressed = true;
	ring_changed(c, ring);
	if (vhost_has(c, VHOST_PROTOCOL_INBAND))
		ring->halted = false; /* no SET_VRING_KICK need follow */
	return 0;
}

static int set_base(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.state.index);

	(void)reply;
	if (!ring)
		return -EPROTO;
	if (msg->payload.state.num > UINT16_MAX)
		return bad(c, "ring %u: index %u", msg->payload.state.index, msg->payload.state.num);
	ring->base = (uint16_t)msg->payload.state.num;
	return 0;
}

static int get_base(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.state.index);

	if (!ring)
		return -EPROTO;
	halt(ring);
	reply->payload.state.index = msg->payload.state.index;
	reply->payload.state.num = ring->base;
	return answer(msg, reply, sizeof(reply->payload.state));
}

static int set_enable(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.state.index);

	(void)reply;
	if (!ring)
		return -EPROTO;
	if (msg->payload.state.num > 1)
		return bad(c, "ring %u: enable %u", msg->payload.state.index, msg->payload.state.num);
	ring->enabled = msg->payload.state.num;
	return 0;
}

static void ring_reset(struct vhost_ring *ring)
{
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	vhost_call_clear(&ring->call);
	*ring = (struct vhost_ring){ .kick_fd = -1, .call = VHOST_CALL_INIT };
}

static int reset_rings(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	(void)msg;
	(void)reply;
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		ring_reset(&c->ring[q]);
	c->status = 0;
	return 0;
}

/* ---- notifications ---- */

/*
 * The ring and the fd (-1: none) of SET_VRING_KICK, CALL, ERR; the fd is the
 * caller's. False if they do not fit together.
 */
static bool take_ring_fd(struct vhost_conn *c, struct vhost_message *msg, struct vhost_ring **ring,
			 int *fd)
{
	uint64_t number = msg->payload.number;
	bool none = number & VHOST_NO_FD;

	*fd = -1;
	*ring = ring_of(c, number & VHOST_INDEX_MASK);
	if (!*ring)
		return false;
	if (number & ~(uint64_t)(VHOST_INDEX_MASK | VHOST_NO_FD) || msg->n_fds != !none) {
		bad(c, "%#" PRIx64 " with %u file descriptors", number, msg->n_fds);
		return false;
	}
	if (!none) {
		*fd = msg->fd[0];
		msg->fd[0] = -1;
	}
	return true;
}

static int set_kick(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring;
	int fd;

	(void)reply;
	if (!take_ring_fd(c, msg, &ring, &fd))
		return -EPROTO;
	if (fd < 0 && !vhost_has(c, VHOST_PROTOCOL_INBAND))
		return bad(c, "ring %td: polling is not supported, an eventfd is needed",
			   ring - c->ring);
	if (fd >= 0 && (!event_fd_valid(fd) || event_fd_unblock(fd))) {
		close(fd);
		return bad(c, "ring %td: not an eventfd", ring - c->ring);
	}
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	ring->kick_fd = fd;
	ring_changed(c, ring);
	ring->halted = false;
	return 0;
}

static int set_call(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring;
	int fd;

	(void)reply;
	if (!take_ring_fd(c, msg, &ring, &fd))
		return -EPROTO;
	if (fd < 0)
		vhost_call_clear(&ring->call);
	else if (vhost_call_set(&ring->call, fd))
		return bad(c, "ring %td: neither an eventfd nor a socket nor a pipe", ring - c->ring);
	return 0;
}

static int set_err(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring;
	int fd;

	(void)reply;
	if (!take_ring_fd(c, msg, &ring, &fd))
		return -EPROTO;
	if (fd >= 0)
		close(fd);
	return 0;
}

static int set_backend_fd(struct vhost_conn *c, struct vhost_message *msg,
			  struct vhost_message *reply)
{
	struct stat st;

	(void)reply;
	if (msg->n_fds != 1 || fstat(msg->fd[0], &st) || !S_ISSOCK(st.st_mode))
		return bad(c, "not with one socket");
	if (c->backend_fd >= 0)
		close(c->backend_fd);
	c->backend_fd = msg->fd[0];
	msg->fd[0] = -1;
	return 0;
}

static int vring_kick(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	struct vhost_ring *ring = ring_of(c, msg->payload.state.index);

	(void)reply;
	if (!ring)
		return -EPROTO;
	if (!vhost_has(c, VHOST_PROTOCOL_INBAND))
		return bad(c, "ring %td: kicked in band, which was not agreed", ring - c->ring);
	ring->started = true;
	ring->halted = false;
	return 0;
}

/* ---- memory ---- */

static int set_memory(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	const uint32_t head = offsetof(union vhost_payload, table.region);
	uint32_t n = msg->head.size < head ? 0 : msg->payload.table.n;
	struct vhost_memory *memory;
	char why[160];

	(void)reply;
	if (!n || n > VHOST_FDS || n != msg->n_fds ||
	    msg->head.size < head + n * sizeof(struct vhost_region))
		return bad(c, "%u bytes and %u file descriptors for %u regions", msg->head.size,
			   msg->n_fds, n);
	memory = vhost_memory_map(msg, why, sizeof(why));
	if (!memory)
		return bad(c, "%s", why);
	if (c->memory)
		link_mem_put(&c->memory->mem);
	c->memory = memory;
	return 0;
}

/* ---- all of them ---- */

static const struct request {
	const char *name;
	uint16_t size;    /* of the payload */
	bool fds;         /* may bring file descriptors */
	bool stops_rings; /* unless it changes nothing */
	handle_fn *handle;
} requests[] = {
#define NUMBER sizeof(uint64_t)
#define STATE 8
	[VHOST_GET_FEATURES] = { "GET_FEATURES", 0, false, false, get_features },
	[VHOST_SET_FEATURES] = { "SET_FEATURES", NUMBER, false, true, set_features },
	[VHOST_SET_OWNER] = { "SET_OWNER", 0, false, false, ignore },
	[VHOST_RESET_OWNER] = { "RESET_OWNER", 0, false, true, reset_rings },
	[VHOST_SET_MEM_TABLE] = { "SET_MEM_TABLE", VARIES, true, true, set_memory },
	[VHOST_SET_VRING_NUM] = { "SET_VRING_NUM", STATE, false, true, set_num },
	[VHOST_SET_VRING_ADDR] = { "SET_VRING_ADDR", 40, false, true, set_addr },
	[VHOST_SET_VRING_BASE] = { "SET_VRING_BASE", STATE, false, true, set_base },
	[VHOST_GET_VRING_BASE] = { "GET_VRING_BASE", STATE, false, true, get_base },
	[VHOST_SET_VRING_KICK] = { "SET_VRING_KICK", NUMBER, true, true, set_kick },
	[VHOST_SET_VRING_CALL] = { "SET_VRING_CALL", NUMBER, true, false, set_call },
	[VHOST_SET_VRING_ERR] = { "SET_VRING_ERR", NUMBER, true, false, set_err },
	[VHOST_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0, false, false, get_protocol },
	[VHOST_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", NUMBER, false, true, set_protocol },
	[VHOST_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", 0, false, false, get_queue_num },
	[VHOST_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE, false, true, set_enable },
	[VHOST_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", 0, true, false, set_backend_fd },
	[VHOST_GET_CONFIG] = { "GET_CONFIG", VARIES, false, false, get_config },
	[VHOST_SET_CONFIG] = { "SET_CONFIG", VARIES, false, false, set_config },
	[VHOST_RESET_DEVICE] = { "RESET_DEVICE", 0, false, true, reset_rings },
	[VHOST_VRING_KICK] = { "VRING_KICK", STATE, false, false, vring_kick },
	[VHOST_SET_STATUS] = { "SET_STATUS", NUMBER, false, true, set_status },
	[VHOST_GET_STATUS] = { "GET_STATUS", 0, false, false, get_status },
#undef NUMBER
#undef STATE
};

static const struct request *request_of(uint32_t id)
{
	if (id >= sizeof(requests) / sizeof(requests[0]) || !requests[id].name)
		return NULL;
	return &requests[id];
}

const char *vhost_request_name(uint32_t id)
{
	const struct request *r = request_of(id);

	return r ? r->name : "unknown request";
}

int vhost_request(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply)
{
	const struct request *r = request_of(msg->head.request);
	int ret;

	reply->head.request = 0;
	if (!r)
		return bad(c, "request %u is not known", msg->head.request);
	if (r->size != VARIES && msg->head.size != r->size)
		return bad(c, "%u bytes of payload instead of %u", msg->head.size, r->size);
	if (msg->n_fds && !r->fds)
		return bad(c, "%u file descriptors, none expected", msg->n_fds);
	ret = r->handle(c, msg, reply);
	if (!ret && !reply->head.request && msg->head.flags & VHOST_FLAG_NEED_REPLY &&
	    vhost_has(c, VHOST_PROTOCOL_REPLY_ACK))
		answer_number(msg, reply, 0);
	return ret;
}

bool vhost_stops_rings(const struct vhost_conn *c, const struct vhost_message *msg)
{
	const struct request *r = request_of(msg->head.request);
	const union vhost_payload *p = &msg->payload;

	if (!r || !r->stops_rings || (r->size != VARIES && msg->head.size != r->size))
		return false;
	switch (msg->head.request) {
	case VHOST_SET_FEATURES:
		return p->number != c->features;
	case VHOST_SET_PROTOCOL_FEATURES:
		return p->number != c->protocol;
	case VHOST_SET_STATUS:
		return !(p->number & VHOST_STATUS_DRIVER_OK);
	case VHOST_SET_VRING_ENABLE:
		return p->state.index < VHOST_RINGS && !p->state.num;
	default:
		return true;
	}
}

/* ---- ready? ---- */

static void *place_part(struct vhost_conn *c, unsigned q, const char *what, uint64_t addr,
			uint64_t len, unsigned align)
{
	void *p = vring_translate(&c->memory->user, addr, len);

	if (p && !((uintptr_t)p % align))
		return p;
	bad(c, "ring %u: its %s at %#" PRIx64 " of %" PRIu64 " bytes %s", q, what, addr, len,
	    p ? "is not aligned" : "lies outside the memory");
	return NULL;
}

static bool place_ring(struct vhost_conn *c, unsigned q, struct vring *vr)
{
	const struct vhost_ring *ring = &c->ring[q];
	const uint64_t num = ring->num;

	vr->num = ring->num;
	vr->desc = place_part(c, q, "descriptor table", ring->desc, 16 * num, 16);
	vr->avail = vr->desc ? place_part(c, q, "available ring", ring->avail, 6 + 2 * num, 2) : NULL;
	vr->used = vr->avail ? place_part(c, q, "used ring", ring->used, 6 + 8 * num, 4) : NULL;
	return vr->used;
}

/*
 * QEMU tells what the driver has come to for network devices alone; where nothing is told
 * the first kick says that it is there.
 */
static bool driver_ready(const struct vhost_conn *c)
{
	if (c->status & VHOST_STATUS_DRIVER)
		return c->status & VHOST_STATUS_DRIVER_OK;
	return c->ring[0].started;
}

int vhost_conn_ready(struct vhost_conn *c, struct vring vr[VHOST_RINGS])
{
	if (!c->memory || !driver_ready(c))
		return 0;
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		const struct vhost_ring *ring = &c->ring[q];

		if (!ring->num || !ring->addressed || ring->halted || !ring_enabled(c, ring) ||
		    (ring->kick_fd < 0 && !vhost_has(c, VHOST_PROTOCOL_INBAND)))
			return 0;
	}
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		if (!place_ring(c, q, &vr[q]))
			return -EPROTO;
	return 1;
}

void vhost_conn_init(struct vhost_conn *c, uint64_t features, bool inband)
{
	*c = (struct vhost_conn){ .backend_fd = -1 };
	c->features_offered = features | VHOST_F_PROTOCOL_FEATURES;
	c->protocol_offered = UINT64_C(1) << VHOST_PROTOCOL_MQ | UINT64_C(1) << VHOST_PROTOCOL_REPLY_ACK |
			      UINT64_C(1) << VHOST_PROTOCOL_BACKEND_REQ |
			      UINT64_C(1) << VHOST_PROTOCOL_CONFIG |
			      UINT64_C(1) << VHOST_PROTOCOL_RESET_DEVICE |
			      UINT64_C(1) << VHOST_PROTOCOL_STATUS |
			      (uint64_t)inband << VHOST_PROTOCOL_INBAND;
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		c->ring[q].kick_fd = -1;
		c->ring[q].call = (struct vhost_call)VHOST_CALL_INIT;
	}
}

void vhost_conn_fini(struct vhost_conn *c)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		ring_reset(&c->ring[q]);
	if (c->backend_fd >= 0)
		close(c->backend_fd);
	c->backend_fd = -1;
	if (c->memory)
		link_mem_put(&c->memory->mem);
	c->memory = NULL;
}
