/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's endpoints: binding at the server, and the messages that come in. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/client.h"

#define READING_MS 1000 /* how often a slow reader says that it is at work */

/* ---- references ---- */

struct client_endpoint *client_endpoint_get(struct client *c, unsigned slot)
{
	struct client_endpoint *e;

	lock_take(&c->bus.lock);
	e = slots_get(&c->slots, slot);
	if (e)
		e->refs++;
	lock_drop(&c->bus.lock);
	return e;
}

void client_endpoint_put(struct client_endpoint *e)
{
	unsigned left;

	lock_take(&e->client->bus.lock);
	left = --e->refs;
	lock_drop(&e->client->bus.lock);
	if (left)
		return;
	close(e->in);
	close(e->out);
	free(e);
}

bool client_all_ended(struct client *c, const struct channel *ch)
{
	bool all = true;

	lock_take(&c->bus.lock);
	for (unsigned i = 0; i < c->slots.n && all; i++) {
		struct client_endpoint *e = slots_get(&c->slots, i);

		if (e && (!ch || e->ept->ch == ch))
			all = e->ended;
	}
	lock_drop(&c->bus.lock);
	return all && !c->from;
}

/* ---- binding ---- */

static int ask_bind(struct client *c, struct endpoint *ept, uint32_t addr, uint32_t dst, bool own,
		    struct proto_bind_reply *rep, int fds[2])
{
	struct proto_bind req = { .head.op = PROTO_BIND, .addr = addr, .dst = dst, .own = own };
	struct channel *ch = ept->ch;
	int err;

	lock_take(&c->bus.lock);
	if (ch != &c->bus.root) {
		req.channel = ch->remote_id;
		memcpy(req.key.name, ch->pub.id.name, sizeof(req.key.name));
	}
	req.key.src = ch->pub.src;
	req.key.dst = ch->pub.dst;
	lock_drop(&c->bus.lock);
	err = client_call(c, &req, sizeof(req), rep, sizeof(*rep), sizeof(*rep), fds, 2);
	if (!err && rep->addr == RPMSG_ADDR_ANY) {
		close(fds[0]);
		close(fds[1]);
		err = fail(EPROTO, "malformed reply from rpmsgd");
	}
	return err;
}

static uint64_t ask_unbind(struct client *c, uint32_t id)
{
	struct proto_unbind req = { .head.op = PROTO_UNBIND, .endpoint = id };
	struct proto_unbind_reply rep;

	if (client_call(c, &req, sizeof(req), &rep, sizeof(rep), sizeof(rep), NULL, 0))
		return 0;
	return rep.failed;
}

static int watch(struct client *c, int fd, enum client_kind kind, unsigned slot)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = client_tag(kind, slot) };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int attach(struct client *c, struct client_endpoint *e)
{
	int slot, err;

	lock_take(&c->bus.lock);
	slot = slots_take(&c->slots, e);
	lock_drop(&c->bus.lock);
	if (slot < 0)
		return slot;
	e->slot = (unsigned)slot;
	err = watch(c, e->in, CLIENT_IN, e->slot);
	if (!err)
		err = watch(c, e->out, CLIENT_OUT, e->slot);
	if (!err)
		return 0;
	lock_take(&c->bus.lock);
	slots_drop(&c->slots, e->slot);
	lock_drop(&c->bus.lock);
	return err;
}

int client_bind(struct endpoint *ept, uint32_t *addr, uint32_t dst, bool own)
{
	struct client *c = client_of(ept->bus);
	struct client_endpoint *e = calloc(1, sizeof(*e));
	struct proto_bind_reply rep;
	int fds[2], err;

	if (!e)
		return -ENOMEM;
	err = ask_bind(c, ept, *addr, dst, own, &rep, fds);
	if (err) {
		free(e);
		return err;
	}
	e->client = c;
	e->ept = ept;
	e->refs = 1;
	e->id = rep.endpoint;
	e->out = fds[0];
	e->in = fds[1];
	e->generation = rep.generation;
	e->down = !rep.up;
	e->want = 1;
	ept->backend = e;
	*addr = rep.addr;
	err = attach(c, e);
	if (!err)
		return 0;
	ask_unbind(c, e->id);
	client_endpoint_put(e);
	return fail(-err, "no room for another endpoint");
}

static void tell_failed(struct client_endpoint *e, uint64_t n)
{
	if (n)
		log_say(&e->client->bus.log, RPMSG_LOG_WARNING,
			"%llu messages that were accepted did not get on the ring",
			(unsigned long long)n);
}

void client_unbind(struct endpoint *ept)
{
	struct client_endpoint *e = ept->backend;
	struct client *c = client_of(ept->bus);
	uint64_t failed;

	lock_take(&c->bus.lock);
	e->ept = NULL;
	slots_drop(&c->slots, e->slot);
	lock_drop(&c->bus.lock);
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, e->in, NULL);
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, e->out, NULL);
	client_tell_errors(e, ept);
	failed = ask_unbind(c, e->id);
	tell_failed(e, client_settle(e, ept, failed));
	client_endpoint_put(e);
}

/* ---- what comes in ---- */

struct rpmsg_held *client_hold(struct endpoint *ept, const void *data)
{
	return held_copy(data, client_of(ept->bus)->rx_len);
}

static void record_done(struct client *c)
{
	struct client_endpoint *e = c->from;

	c->from = NULL;
	c->left = 0;
	if (e)
		client_endpoint_put(e);
}

/* The next message of the record: its header and data, or false if the record is damaged. */
static bool next_message(struct client *c, struct proto_message *m, uint8_t **data)
{
	size_t room = c->end - c->pos;

	if (room < sizeof(*m))
		return false;
	memcpy(m, c->record + c->pos, sizeof(*m));
	if (room < proto_message_size(m->len))
		return false;
	*data = c->record + c->pos + sizeof(*m);
	c->pos += proto_message_size(m->len);
	return true;
}

/* rpmsgd must know a slow reader from one that does not read. */
static void tell_reading(struct client *c)
{
	struct proto_record_head head = { .type = PROTO_READING };
	int64_t now = client_now_ms();

	if (now - c->reading_ms < READING_MS)
		return;
	c->reading_ms = now;
	send(c->from->in, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL);
}

int client_deliver(struct client *c, int max)
{
	struct client_endpoint *e = c->from;
	struct proto_message m;
	uint8_t *data;
	int n = 0;

	if (!e)
		return 0;
	lock_take(&c->bus.lock);
	while (c->left && n < max) {
		if (!next_message(c, &m, &data)) {
			lock_drop(&c->bus.lock);
			lock_take(&c->call);
			client_lose(c, "malformed record");
			lock_drop(&c->call);
			record_done(c);
			return n;
		}
		c->left--;
		if (!e->ept || !e->ept->bound)
			continue;
		if (c->bus.recorder)
			client_record(c, &m, data, false);
		e->ept->counts.rx.last_ns = peek(&c->bus.now_ns);
		c->rx_len = m.len;
		c->bus.running_data = data;
		endpoint_deliver(&c->bus, e->ept, data, m.len, m.src);
		n++;
		if (c->left)
			tell_reading(c);
	}
	lock_drop(&c->bus.lock);
	if (!c->left)
		record_done(c);
	return n;
}

static void end(struct client *c, struct client_endpoint *e)
{
	lock_take(&c->bus.lock);
	e->ended = true;
	lock_drop(&c->bus.lock);
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, e->in, NULL);
	client_wake(c); /* events may have waited for it */
}

/* With a reference to its channel while the event runs. */
static void dropped(struct client *c, struct client_endpoint *e, uint32_t n)
{
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_DROP, .dir = bus_direction(&c->bus, false),
		.src = RPMSG_ADDR_ANY, .value = (uint32_t)getpid(), .count = n,
		.text = program_invocation_short_name,
	};
	struct channel *ch = NULL;

	lock_take(&c->bus.lock);
	if (e->ept) {
		ch = e->ept->ch;
		ch->refs++;
		event.dst = e->ept->pub.addr;
		__atomic_add_fetch(&e->ept->counts.dropped, n, __ATOMIC_RELAXED);
	}
	lock_drop(&c->bus.lock);
	if (!ch)
		return;
	bus_record(&c->bus, &event);
	bus_event(&c->bus, RPMSG_EVENT_DROPPED, ch == &c->bus.root ? NULL : ch, n);
	lock_take(&c->bus.lock);
	channel_put(ch);
	lock_drop(&c->bus.lock);
}

/* An endpoint is known to the core only after client_bind() has returned to it. */
static bool bound_yet(struct client *c, struct client_endpoint *e)
{
	bool yet;

	lock_take(&c->bus.lock);
	yet = !e->ept || e->ept->bound || e->ept->ch->gone;
	lock_drop(&c->bus.lock);
	return yet;
}

int client_receive(struct client *c, struct client_endpoint *e, int max)
{
	struct proto_record_head head;
	ssize_t len;

	if (!bound_yet(c, e))
		return 0;
	len = recv(e->in, c->record, proto_record_max(UINT16_MAX), MSG_DONTWAIT | MSG_TRUNC);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len < (ssize_t)sizeof(head) || (size_t)len > proto_record_max(UINT16_MAX)) {
		end(c, e);
		return 0;
	}
	bus_look_at_clock(&c->bus);
	memcpy(&head, c->record, sizeof(head));
	if (head.type == PROTO_END)
		end(c, e);
	if (head.type == PROTO_DROPPED)
		dropped(c, e, head.n);
	if (head.type != PROTO_RECEIVED)
		return 1;
	client_catch_up(e, head.generation);
	lock_take(&c->bus.lock);
	e->refs++;
	lock_drop(&c->bus.lock);
	c->from = e;
	c->pos = sizeof(head);
	c->end = (size_t)len;
	c->left = head.n;
	c->reading_ms = client_now_ms();
	return client_deliver(c, max);
}
