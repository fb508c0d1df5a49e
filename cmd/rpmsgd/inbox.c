/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an endpoint receives, on its way to its client. Messages are packed into
 * records; what the socket does not take is queued; when the queue is full,
 * messages stay where they are in the ring, so that the sender feels it. A client
 * that takes nothing at all for too long loses what is kept for it, so that the
 * ring is nobody's hostage.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/short_text.h"
#include "rpmsgd.h"

#define QUEUE_MAX (256U << 10) /* bytes */
#define MUCH (1U << 20) /* bytes queued for all, worth giving back to the system afterwards */
#define LITTLE (64U << 10)
#define LOOKS 10 /* at those who do not read, in the time they have */

struct chunk {
	TAILQ_ENTRY(chunk) link;
	size_t len, room;
	_Alignas(8) uint8_t data[]; /* a record */
};

/* A message left in the ring. */
struct held {
	STAILQ_ENTRY(held) link;
	struct rpmsg_held *held;
	uint32_t src;
	uint16_t len;
};

static size_t queued_for_all;
static bool queued_much;

void inbox_init(struct ep *e)
{
	TAILQ_INIT(&e->chunks);
	STAILQ_INIT(&e->held);
}

/* ---- the queue ---- */

static struct chunk *add_chunk(struct ep *e, enum proto_record type, size_t room)
{
	struct chunk *ck = malloc(sizeof(*ck) + room);
	struct proto_record_head head = { .type = (uint16_t)type, .generation = e->side->generation };

	if (!ck)
		return NULL;
	memcpy(ck->data, &head, sizeof(head));
	ck->len = sizeof(head);
	ck->room = room;
	TAILQ_INSERT_TAIL(&e->chunks, ck, link);
	e->queued += room;
	queued_for_all += room;
	queued_much |= queued_for_all >= MUCH;
	return ck;
}

static void drop_chunk(struct ep *e, struct chunk *ck)
{
	TAILQ_REMOVE(&e->chunks, ck, link);
	e->queued -= ck->room;
	queued_for_all -= ck->room;
	free(ck);
}

static void set_count(struct chunk *ck, uint32_t n)
{
	memcpy(ck->data + offsetof(struct proto_record_head, n), &n, sizeof(n));
}

static uint32_t get_count(const struct chunk *ck)
{
	uint32_t n;

	memcpy(&n, ck->data + offsetof(struct proto_record_head, n), sizeof(n));
	return n;
}

static bool is_received(const struct chunk *ck)
{
	struct proto_record_head head;

	memcpy(&head, ck->data, sizeof(head));
	return head.type == PROTO_RECEIVED;
}

static bool is_of_now(const struct ep *e, const struct chunk *ck)
{
	struct proto_record_head head;

	memcpy(&head, ck->data, sizeof(head));
	return head.generation == e->side->generation;
}

/* A record with room for a message of size bytes, or NULL: the queue is full. */
static struct chunk *chunk_for(struct ep *e, size_t size)
{
	struct chunk *ck = TAILQ_LAST(&e->chunks, chunk_list);
	size_t room = sizeof(struct proto_record_head) + size;

	if (ck && ck->room - ck->len >= size && is_received(ck) && is_of_now(e, ck))
		return ck;
	if (room < PROTO_BATCH)
		room = PROTO_BATCH;
	if (!TAILQ_EMPTY(&e->chunks) && e->queued + room > QUEUE_MAX)
		return NULL;
	return add_chunk(e, PROTO_RECEIVED, room);
}

static bool enqueue(struct ep *e, uint32_t src, const void *data, uint16_t len)
{
	struct proto_message m = { .src = src, .dst = e->rep->addr, .len = len };
	size_t size = proto_message_size(len);
	struct chunk *ck = chunk_for(e, size);

	if (!ck)
		return false;
	memcpy(ck->data + ck->len, &m, sizeof(m));
	memcpy(ck->data + ck->len + sizeof(m), data, len);
	memset(ck->data + ck->len + sizeof(m) + len, 0, size - sizeof(m) - len);
	ck->len += size;
	set_count(ck, get_count(ck) + 1);
	return true;
}

static void mark_dirty(struct ep *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	TAILQ_INSERT_TAIL(&server.dirty, e, in_dirty);
}

/* ---- the ring ---- */

static bool hold(struct ep *e, uint32_t src, const void *data, uint16_t len)
{
	struct held *h = malloc(sizeof(*h));

	if (!h)
		return false;
	h->held = rpmsg_rx_hold(e->rep, data);
	if (!h->held) {
		free(h);
		return false;
	}
	h->src = src;
	h->len = len;
	STAILQ_INSERT_TAIL(&e->held, h, link);
	if (!e->n_held++)
		e->held_since = loop_now();
	return true;
}

static void release_first(struct ep *e)
{
	struct held *h = STAILQ_FIRST(&e->held);

	STAILQ_REMOVE_HEAD(&e->held, link);
	e->n_held--;
	rpmsg_rx_release(h->held);
	free(h);
}

/* Moves what waits in the ring into the queue, as far as it goes. */
static void refill(struct ep *e)
{
	struct held *h;

	while ((h = STAILQ_FIRST(&e->held)) &&
	       enqueue(e, h->src, rpmsg_held_data(h->held), h->len)) {
		release_first(e);
		e->held_since = loop_now();
	}
	if (e->ending && !e->ended && STAILQ_EMPTY(&e->held))
		e->ended = add_chunk(e, PROTO_END, sizeof(struct proto_record_head)) != NULL;
}

/* What it was for has gone; its endpoint is kept for what is yet to be sent. */
static void no_recipient(struct rpmsg_device *rpdev, int len, uint32_t src)
{
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_NO_RECIPIENT, .dir = RPMSG_R2H, .src = src, .dst = rpdev->src,
		.count = (uint64_t)len,
	};

	rpmsg_bus_record_event(rpmsg_device_bus(rpdev), &event);
}

/* Its client will be told, and all who ask for statistics. */
static void drop(struct ep *e, uint64_t n)
{
	struct rpmsg_counts more = { .dropped = n };

	e->dropped += n;
	rpmsg_endpoint_count(e->rep, &more);
}

int inbox_receive(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct ep *e = priv;

	if (!e) {
		no_recipient(rpdev, len, src);
		return 0;
	}
	if (e->dropping) {
		drop(e, 1);
		return 0;
	}
	if ((!STAILQ_EMPTY(&e->held) || !enqueue(e, src, data, (uint16_t)len)) &&
	    !hold(e, src, data, (uint16_t)len))
		drop(e, 1);
	mark_dirty(e);
	return 0;
}

void inbox_end(struct ep *e)
{
	e->ending = true;
	mark_dirty(e);
}

/* ---- those who do not read ---- */

static void block(struct ep *e)
{
	if (e->blocked)
		return;
	e->blocked = true;
	e->progress = loop_now();
	e->unread = INT32_MAX;
	TAILQ_INSERT_TAIL(&server.blocked, e, in_blocked);
	loop_change(&e->in, EPOLLIN | EPOLLOUT);
}

static void unblock(struct ep *e)
{
	if (!e->blocked)
		return;
	e->blocked = false;
	TAILQ_REMOVE(&server.blocked, e, in_blocked);
	loop_change(&e->in, EPOLLIN);
}

static uint64_t discard(struct ep *e)
{
	struct chunk *ck, *next;
	uint64_t n = 0;

	for (ck = TAILQ_FIRST(&e->chunks); ck; ck = next) {
		next = TAILQ_NEXT(ck, link);
		if (!is_received(ck))
			continue;
		n += get_count(ck);
		drop_chunk(e, ck);
	}
	for (; !STAILQ_EMPTY(&e->held); n++)
		release_first(e);
	return n;
}

static void record(const struct ep *e, enum rpmsg_record_type type, uint64_t count, int64_t since)
{
	struct rpmsg_record event = {
		.type = type, .dir = side_direction(e->side, false), .src = RPMSG_ADDR_ANY,
		.dst = e->rep->addr, .value = (uint32_t)e->client->pid, .count = count,
		.duration_ns = (uint64_t)(loop_now() - since) * 1000000, .text = e->client->command,
	};

	rpmsg_bus_record_event(e->side->bus, &event);
}

static void record_dropped(struct ep *e)
{
	if (e->dropped > e->recorded)
		record(e, RPMSG_RECORD_DROP, e->dropped - e->recorded,
		       e->dropping ? e->stall : loop_now());
	e->recorded = e->dropped;
}

uint32_t inbox_queued(const struct ep *e)
{
	const struct chunk *ck;
	uint32_t n = e->n_held;

	TAILQ_FOREACH(ck, &e->chunks, link)
		if (is_received(ck))
			n += get_count(ck);
	return n;
}

static void record_stall(struct ep *e)
{
	e->stall = e->progress;
	record(e, RPMSG_RECORD_STALL, inbox_queued(e), loop_now());
}

static void log_drop(const struct ep *e, const char *what)
{
	tool_note("%s: client pid %d (%s) endpoint 0x%x %s: %llu message%s dropped",
		  e->side->served->name, (int)e->client->pid, e->client->command, e->rep->addr,
		  what, (unsigned long long)e->dropped, plural_s(e->dropped));
}

static void start_dropping(struct ep *e)
{
	e->dropping = true;
	e->stall = e->progress;
	drop(e, discard(e));
	log_drop(e, "does not read");
	record_dropped(e);
	refill(e);
}

/* It reads again: it is told what it missed, at the place where that is missing. */
static void tell_dropped(struct ep *e)
{
	struct chunk *ck = add_chunk(e, PROTO_DROPPED, sizeof(struct proto_record_head));

	if (!ck)
		return;
	set_count(ck, e->dropped > UINT32_MAX ? UINT32_MAX : (uint32_t)e->dropped);
	log_drop(e, e->dropping ? "reads again" : "was out of memory");
	record_dropped(e);
	e->dropped = e->recorded = 0;
}

static int64_t look_period(void)
{
	return server.opt.stall_ms / LOOKS + 1;
}

/* Taking anything at all from its socket is progress; none from one look to the next is a stall. */
static void look_at(struct ep *e)
{
	int64_t idle;
	int unread = 0;

	if (!ioctl(e->in_fd, SIOCOUTQ, &unread) && unread < e->unread)
		e->progress = loop_now();
	e->unread = unread;
	idle = loop_now() - e->progress;
	if (!e->dropping && idle >= look_period() && e->stall != e->progress)
		record_stall(e);
	if (!e->dropping && idle >= server.opt.stall_ms)
		start_dropping(e);
}

int inbox_look_after(void)
{
	static int64_t last;
	int64_t period = look_period(), due = last + period - loop_now();
	struct ep *e;

	if (TAILQ_EMPTY(&server.blocked))
		return -1;
	if (due > 0)
		return (int)due;
	last = loop_now();
	TAILQ_FOREACH(e, &server.blocked, in_blocked)
		look_at(e);
	return (int)period;
}

/* ---- to the client ---- */

/* Sends what is queued: true if all of it went. */
static bool send_queue(struct ep *e)
{
	struct chunk *ck;

	while ((ck = TAILQ_FIRST(&e->chunks))) {
		if (send(e->in_fd, ck->data, ck->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
				return false;
			discard(e); /* the client has closed it and is about to unbind, or to end */
			return true;
		}
		e->progress = loop_now();
		drop_chunk(e, ck);
		refill(e);
	}
	return true;
}

static void flush(struct ep *e)
{
	refill(e);
	if (e->dropped)
		tell_dropped(e);
	e->dropping = false;
	if (send_queue(e))
		unblock(e);
	else
		block(e);
}

void inbox_flush_all(void)
{
	struct ep *e;

	while ((e = TAILQ_FIRST(&server.dirty))) {
		e->dirty = false;
		TAILQ_REMOVE(&server.dirty, e, in_dirty);
		if (!e->blocked) /* else its socket says when */
			flush(e);
	}
}

void inbox_trim(void)
{
	if (!queued_much || queued_for_all > LITTLE)
		return;
	queued_much = false;
	malloc_trim(0);
}

/* The client says that it works on what it has read, however slowly. */
static void read_progress(struct ep *e)
{
	struct proto_record_head head;
	ssize_t n = recv(e->in_fd, &head, sizeof(head), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		loop_remove(&e->in);
	else if (n != sizeof(head) || head.type != PROTO_READING)
		client_doom(e->client, "malformed record");
	else
		e->progress = loop_now();
}

void inbox_ready(struct watch *w, uint32_t events)
{
	struct ep *e = watch_of(w, struct ep, in);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_progress(e);
	if (events & EPOLLOUT && e->in.fd >= 0)
		flush(e);
}

void inbox_fini(struct ep *e)
{
	struct chunk *ck;

	record_dropped(e);
	discard(e);
	while ((ck = TAILQ_FIRST(&e->chunks)))
		drop_chunk(e, ck);
	if (e->dirty)
		TAILQ_REMOVE(&server.dirty, e, in_dirty);
	if (e->blocked)
		TAILQ_REMOVE(&server.blocked, e, in_blocked);
}
