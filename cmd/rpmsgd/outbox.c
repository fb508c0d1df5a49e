/* SPDX-License-Identifier: BSD-2-Clause */
/* What clients send: checked against their credits, put on the ring, or told as failed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rpmsgd.h"

#define BATCH 32
#define ROUNDS 4 /* batches a turn, so that others have theirs */
#define RECORD_MAX (sizeof(struct proto_record_head) + sizeof(struct proto_message) + 65536)

/* A message that was accepted when there was room, and has to wait for it now. */
struct parked {
	STAILQ_ENTRY(parked) link;
	struct ep *ep; /* NULL: it is dead */
	struct orphan *orphan; /* then: sends it, or NULL: the postman does */
	uint32_t src, dst;
	uint16_t len;
	uint8_t data[];
};

/* The endpoint of a client that has gone, kept for what it had sent. */
struct orphan {
	struct rpmsg_endpoint *rep;
	uint32_t n_parked;
	LIST_ENTRY(orphan) link;
};

/* ---- what the client is told ---- */

/* False if its socket is full; it is told the state of things when it reads again. */
static bool tell(struct ep *e, const struct proto_record_head *head)
{
	if (e->out.fd < 0 || e->out_full)
		return false;
	if (send(e->out.fd, head, sizeof(*head), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		return true;
	if (errno == EAGAIN) {
		e->out_full = true;
		loop_change(&e->out, EPOLLIN | EPOLLOUT);
	}
	return false;
}

bool outbox_credit(struct ep *e, uint32_t seq, uint32_t n, bool later)
{
	struct proto_record_head head = { .type = PROTO_CREDIT, .generation = e->side->generation,
					  .seq = seq, .n = n, .flags = later ? PROTO_WAIT : 0 };

	return tell(e, &head);
}

static void tell_failed(struct ep *e)
{
	struct proto_record_head head = { .type = PROTO_FAILED, .generation = e->side->generation,
					  .seq = e->failed_err, .n = e->failed };

	if (e->failed && tell(e, &head))
		e->failed = 0;
}

void outbox_state(struct ep *e)
{
	bool up = e->side->up && !e->gone;
	struct proto_record_head head = { .type = up ? PROTO_UP : PROTO_DOWN,
					  .generation = e->side->generation };

	tell_failed(e);
	tell(e, &head);
}

/* To be told; counted it is where it is seen, here or in the library. */
static void failed(struct ep *e, int err, uint32_t n)
{
	e->failed += n;
	e->failed_err = (uint32_t)-err;
}

/* ---- onto the ring ---- */

static bool park(struct ep *e, const struct proto_message *m, const void *data)
{
	struct parked *p = malloc(sizeof(*p) + m->len);

	if (!p)
		return false;
	p->ep = e;
	p->orphan = NULL;
	p->src = m->src;
	p->dst = m->dst;
	p->len = m->len;
	memcpy(p->data, data, m->len);
	STAILQ_INSERT_TAIL(&e->side->parked, p, link);
	e->n_parked++;
	return true;
}

static int deaf(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

/* An endpoint that only sends, at an address nobody is given. */
static struct rpmsg_endpoint *postman(struct side *s)
{
	struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY - 1, .dst = RPMSG_ADDR_ANY };

	while (!s->postman && info.src > RPMSG_ADDR_ANY - 100) {
		s->postman = rpmsg_create_ept(rpmsg_bus_device(s->bus), deaf, NULL, info);
		info.src--;
	}
	return s->postman;
}

static void dismiss_postman(struct side *s)
{
	rpmsg_destroy_ept(s->postman);
	s->postman = NULL;
}

struct rpmsg_endpoint *outbox_sender(struct side *s)
{
	struct parked *p = STAILQ_FIRST(&s->parked);

	if (!p)
		return NULL;
	if (p->orphan)
		return p->orphan->rep;
	return p->ep && !p->ep->gone ? p->ep->rep : postman(s);
}

/* -ENOMEM: it has to wait here. The library has counted that as a failure, which it is not. */
static int try_send(struct rpmsg_endpoint *from, uint32_t src, uint32_t dst, const void *data,
		    int len)
{
	int err = rpmsg_trysend_offchannel(from, src, dst, data, len);

	if (err == -ENOMEM)
		stats_count_errors(from, RPMSG_ERROR_NO_BUFFER, UINT64_MAX); /* one less */
	return err;
}

static int send_parked(struct side *s, const struct parked *p)
{
	struct rpmsg_endpoint *from = outbox_sender(s);

	return from ? try_send(from, p->src, p->dst, p->data, p->len) : -ENOBUFS;
}

/* The first one will not be sent, which the library has not seen. */
static void count_lost(struct side *s)
{
	const struct parked *p = STAILQ_FIRST(&s->parked);
	struct rpmsg_endpoint *rep = p->ep ? p->ep->rep : p->orphan ? p->orphan->rep : postman(s);

	if (rep)
		stats_count_errors(rep, RPMSG_ERROR_LOST, 1);
}

static void orphan_sent(struct orphan *o)
{
	if (--o->n_parked)
		return;
	LIST_REMOVE(o, link);
	rpmsg_destroy_ept(o->rep);
	free(o);
}

static void unpark_one(struct side *s, int err)
{
	struct parked *p = STAILQ_FIRST(&s->parked);
	struct ep *e = p->ep;

	STAILQ_REMOVE_HEAD(&s->parked, link);
	if (e) {
		e->n_parked--;
		if (err)
			failed(e, err, 1);
		tell_failed(e);
	} else if (err) {
		tool_note("%s: a message of a client that has gone was not sent: %s",
			  s->served->name, rpmsg_strerror(err));
	}
	if (p->orphan)
		orphan_sent(p->orphan);
	free(p);
}

bool outbox_unpark(struct side *s)
{
	struct parked *p;

	while ((p = STAILQ_FIRST(&s->parked))) {
		int err = send_parked(s, p);

		if (err == -ENOMEM)
			return false;
		if (err == -ENOBUFS)
			count_lost(s);
		unpark_one(s, err);
	}
	if (s->postman)
		dismiss_postman(s);
	return true;
}

void outbox_fail_parked(struct side *s)
{
	while (!STAILQ_EMPTY(&s->parked)) {
		count_lost(s);
		unpark_one(s, -EPIPE);
	}
	dismiss_postman(s);
}

static void put(struct ep *e, const struct proto_message *m, const void *data)
{
	int err = -ENOMEM;

	/* Behind what waits already, if anything does. */
	if (STAILQ_EMPTY(&e->side->parked))
		err = try_send(e->rep, m->src, m->dst, data, m->len);
	if (err == -ENOMEM && park(e, m, data)) {
		credit_pump(e->side);
		return;
	}
	if (err == -ENOMEM)
		stats_count_errors(e->rep, RPMSG_ERROR_LOST, 1);
	if (err)
		failed(e, err, 1);
}

/* ---- what the client says ---- */

static void refused(struct ep *e, int err, enum rpmsg_send_error kind)
{
	stats_count_errors(e->rep, kind, 1);
	failed(e, err, 1);
}

/* A message with a credit of this generation. False: it had none. */
static bool accept_message(struct ep *e, uint32_t generation, const struct proto_message *m,
			   const void *data)
{
	if (generation != e->side->generation || !e->side->up || e->gone) {
		refused(e, -EPIPE, RPMSG_ERROR_DOWN);
		return true;
	}
	if (!e->credits)
		return false;
	credit_spend(e);
	if (m->len > e->side->mtu)
		refused(e, -EMSGSIZE, RPMSG_ERROR_TOO_LONG);
	else
		put(e, m, data);
	return true;
}

static const char *accept_messages(struct ep *e, const struct proto_record_head *head,
				   const uint8_t *data, size_t room)
{
	struct proto_message m;

	for (uint32_t i = 0; i < head->n; i++) {
		size_t size;

		if (room < sizeof(m))
			return "a record is cut short";
		memcpy(&m, data, sizeof(m));
		size = proto_message_size(m.len);
		if (room < size)
			return "a record is cut short";
		if (!accept_message(e, head->generation, &m, data + sizeof(m)))
			return "sends without credit";
		data += size;
		room -= size;
	}
	return room ? "a record is too long" : NULL;
}

/* What the client says has failed before it came to us. False if that cannot be. */
static bool note_errors(struct ep *e, const struct proto_record_head *head)
{
	if (!head->n || head->seq >= RPMSG_ERRORS || head->seq == RPMSG_ERROR_LOST)
		return false;
	stats_count_errors(e->rep, head->seq, head->n);
	if (head->flags & PROTO_WAIT)
		credit_wait_ended(e);
	return true;
}

static void handle(struct ep *e, const uint8_t *data, size_t len)
{
	struct proto_record_head head;
	const char *why = "malformed record";

	if (len < sizeof(head)) {
		client_doom(e->client, why);
		return;
	}
	memcpy(&head, data, sizeof(head));
	if (head.type == PROTO_SEND) {
		why = accept_messages(e, &head, data + sizeof(head), len - sizeof(head));
	} else if (head.type == PROTO_WANT && len == sizeof(head) && head.seq && head.n) {
		tell_failed(e);
		credit_want(e, head.seq, head.n, head.flags & PROTO_WAIT);
		why = NULL;
	} else if (head.type == PROTO_ERRORS && len == sizeof(head) && note_errors(e, &head)) {
		why = NULL;
	}
	if (why)
		client_doom(e->client, why);
}

/* Reads a batch; the number of records, or -1 at the end. */
static int read_batch(struct ep *e)
{
	static uint8_t space[BATCH][RECORD_MAX];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
	int n;

	memset(msg, 0, sizeof(msg));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ space[i], RECORD_MAX };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(e->out_fd, msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	for (int i = 0; i < n; i++) {
		if (!msg[i].msg_len)
			return -1;
		if (e->client->doomed && *e->client->doomed)
			return -1;
		if (msg[i].msg_hdr.msg_flags & MSG_TRUNC)
			client_doom(e->client, "a record is too long");
		else
			handle(e, space[i], msg[i].msg_len);
	}
	return n;
}

void outbox_drain(struct ep *e)
{
	while (read_batch(e) > 0)
		continue;
}

void outbox_ready(struct watch *w, uint32_t events)
{
	struct ep *e = watch_of(w, struct ep, out);
	int n = BATCH;

	if (events & EPOLLOUT && e->out_full) {
		e->out_full = false;
		loop_change(w, EPOLLIN);
		outbox_state(e);
	}
	for (int i = 0; i < ROUNDS && n == BATCH; i++)
		n = read_batch(e);
	tell_failed(e);
	if (n < 0 || (n == 0 && events & EPOLLHUP))
		loop_remove(w); /* the client unbinds, or ends */
}

/* Where nobody else can send it, the endpoint stays until it is sent. */
static struct orphan *make_orphan(struct ep *e)
{
	struct orphan *o;

	if (!e->side->fixed_dst || e->gone || !e->rep)
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->rep = e->rep;
	o->rep->priv = NULL;
	o->n_parked = e->n_parked;
	LIST_INSERT_HEAD(&e->side->orphans, o, link);
	return o;
}

void outbox_fini(struct ep *e)
{
	struct orphan *orphan = e->n_parked ? make_orphan(e) : NULL;
	struct parked *p;

	credit_void(e);
	if (!orphan)
		rpmsg_destroy_ept(e->rep);
	if (!e->n_parked)
		return;
	STAILQ_FOREACH(p, &e->side->parked, link) {
		if (p->ep != e)
			continue;
		p->ep = NULL;
		p->orphan = orphan;
	}
	credit_pump(e->side); /* asks to be woken on behalf of the dead */
}
