/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client sends. A message is sent only with a credit, so it never waits in
 * between; who has none asks, and sleeps until the server has one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/client.h"

#define TRY_MS 2000  /* a server is stuck that does not say yes or no by then */
#define TELL_MS 200  /* what it does not take by then it is told later */
#define WANT_MAX 32U
#define WANT_IDLE_MS 1000 /* who asks seldom asks for little */

/* ---- what the server says ---- */

static void add_credits(struct client_endpoint *e, const struct proto_record_head *head)
{
	if (head->seq)
		e->answered = head->seq;
	e->queued = head->flags & PROTO_WAIT;
	if (head->generation != e->generation || head->n > UINT16_MAX)
		return;
	e->credits += head->n;
	e->granted = head->n;
	if (head->n)
		bus_buffer(&e->client->bus);
}

static void handle(struct client_endpoint *e, const struct proto_record_head *head)
{
	switch (head->type) {
	case PROTO_CREDIT:
		add_credits(e, head);
		break;
	case PROTO_FAILED:
		e->failed += head->n;
		__atomic_add_fetch(&e->lost, head->n, __ATOMIC_RELAXED);
		e->failed_err = head->seq && head->seq < 4096 ? (int)head->seq : EIO;
		break;
	case PROTO_DOWN:
	case PROTO_UP:
		e->down = head->type == PROTO_DOWN;
		poke(&e->generation, head->generation);
		e->credits = 0;
		e->queued = false;
		e->answered = e->asked;
		break;
	}
}

/* Reads all there is. With lock. */
static void drain(struct client_endpoint *e)
{
	struct proto_record_head head;
	ssize_t n;

	for (;;) {
		n = recv(e->out, &head, sizeof(head), MSG_DONTWAIT | MSG_TRUNC);
		if (n == sizeof(head)) {
			handle(e, &head);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n >= 0 || errno != EAGAIN)
			e->down = true;
		return;
	}
}

static void end_turn(struct client_endpoint *e)
{
	if (!e->waiters)
		return;
	e->turns++;
	futex_wake_all(&e->turns);
}

/* Counts what the server has told of. ept is there, for this thread uses it or has bus->lock. */
static void count_lost(struct client_endpoint *e, struct endpoint *ept)
{
	uint64_t n = __atomic_exchange_n(&e->lost, 0, __ATOMIC_RELAXED);

	if (n)
		__atomic_add_fetch(&ept->counts.errors[RPMSG_ERROR_LOST], n, __ATOMIC_RELAXED);
}

static void read_out(struct client_endpoint *e)
{
	lock_take(&e->lock);
	if (!e->reader) {
		drain(e);
		end_turn(e);
	}
	lock_drop(&e->lock);
}

void client_read_out(struct client_endpoint *e)
{
	struct rpmsg_bus *bus = &e->client->bus;

	read_out(e);
	if (!__atomic_load_n(&e->lost, __ATOMIC_RELAXED))
		return;
	lock_take(&bus->lock);
	if (e->ept)
		count_lost(e, e->ept);
	lock_drop(&bus->lock);
}

void client_catch_up(struct client_endpoint *e, uint32_t generation)
{
	if (peek(&e->generation) != generation)
		client_read_out(e);
}

/* ---- sleeping ---- */

/* 0 when there may be something, -EINTR when cancelled, -ETIMEDOUT. Without lock. */
static int sleep_on_out(struct client_endpoint *e, int64_t left)
{
	struct timespec ts = { left / 1000000000, left % 1000000000 };
	struct pollfd p[2] = { { .fd = e->out, .events = POLLIN },
			       { .fd = e->client->cancel, .events = POLLIN } };
	uint64_t count;
	int n;

	n = ppoll(p, 2, left < 0 ? NULL : &ts, NULL);
	if (n == 0)
		return -ETIMEDOUT;
	if (n > 0 && !p[0].revents && read(e->client->cancel, &count, sizeof(count)) > 0)
		return -EINTR;
	return 0;
}

/* Sleeps while another thread reads for us. Without lock. */
static int sleep_on_turns(struct client_endpoint *e, uint32_t turns, int64_t left)
{
	int64_t ms = left < 0 ? -1 : left / 1000000 + 1;

	return futex_wait(&e->turns, turns, ms > INT32_MAX ? INT32_MAX : (int)ms) == -ETIMEDOUT ?
	       -ETIMEDOUT : 0;
}

/* Waits for news; deadline INT64_MAX is none. With lock, which is dropped meanwhile. */
static int await_news(struct client_endpoint *e, int64_t deadline)
{
	int64_t left = deadline == INT64_MAX ? -1 : deadline - client_now_ns();
	uint32_t turns = e->turns;
	int r;

	if (deadline != INT64_MAX && left <= 0)
		return -ETIMEDOUT;
	if (e->reader) {
		e->waiters++;
		lock_drop(&e->lock);
		r = sleep_on_turns(e, turns, left);
		lock_take(&e->lock);
		e->waiters--;
		return r;
	}
	e->reader = true;
	lock_drop(&e->lock);
	r = sleep_on_out(e, left);
	lock_take(&e->lock);
	e->reader = false;
	drain(e);
	end_turn(e);
	return r;
}

/* ---- credits ---- */

/* Writes a record to the server. With lock. */
static int push(struct client_endpoint *e, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	struct pollfd p = { .fd = e->out, .events = POLLOUT };
	int tries = 0;

	while (sendmsg(e->out, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		/* Messages fit, as they have credits; the rest is little. A stuck server's is full. */
		if ((errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) && tries++ < 10) {
			poll(&p, 1, TRY_MS / 10);
			continue;
		}
		e->down = true;
		return fail(EPIPE, "no connection to rpmsgd (pid %u)", e->client->info.pid);
	}
	return 0;
}

static bool answer_due(const struct client_endpoint *e)
{
	return e->asked != e->answered;
}

static int ask(struct client_endpoint *e, bool wait)
{
	struct proto_record_head head = { .type = PROTO_WANT, .generation = e->generation,
					  .flags = wait ? PROTO_WAIT : 0 };
	struct iovec iov = { &head, sizeof(head) };
	int64_t now = client_now_ms();

	if (now - e->asked_ms > WANT_IDLE_MS)
		e->want = 1;
	e->asked_ms = now;
	head.n = e->want;
	e->want = e->want < WANT_MAX ? 2 * e->want : WANT_MAX;
	if (++e->asked == 0)
		e->asked = 1;
	head.seq = e->asked;
	return push(e, &iov, 1);
}

/* What keeps a send from being tried at all. With lock. */
static int refusal(struct client_endpoint *e)
{
	uint64_t failed = e->failed;

	if (failed) {
		e->failed = 0;
		return fail(EPIPE, "%llu messages accepted before did not get on the ring: %s",
			    (unsigned long long)failed, rpmsg_strerror(e->failed_err));
	}
	if (e->down)
		return fail(EPIPE, "the link of bus %s is down", e->client->bus.name);
	return 0;
}

static int timed_out(struct client_endpoint *e, bool wait)
{
	if (wait)
		return fail(ERESTARTSYS, "no transmit buffer of bus %s came back in time",
			    e->client->bus.name);
	return fail(ENOMEM, "rpmsgd (pid %u) does not answer", e->client->info.pid);
}

static int64_t send_deadline(struct client *c, bool wait)
{
	int64_t ms = wait ? c->bus.send_timeout_ms : TRY_MS;

	return ms < 0 ? INT64_MAX : client_now_ns() + ms * 1000000;
}

/* The server has said that there is no buffer, for now. */
static void note_no_buffer(struct client *c, uint32_t src, uint32_t dst)
{
	if (!bus_short_already(&c->bus))
		bus_no_buffer(&c->bus, src, dst, NULL);
}

/* *since: set when it begins to wait for a transmit buffer, not just for an answer. With lock. */
static int await_credit_since(struct endpoint *ept, uint32_t src, uint32_t dst, bool wait,
			      uint64_t *since)
{
	struct client_endpoint *e = ept->backend;
	int64_t deadline = send_deadline(e->client, wait);
	bool fresh = answer_due(e); /* the answer to come was given after this call began */
	bool noted = false;
	int err;

	for (;;) {
		err = refusal(e);
		if (err)
			return err;
		if (e->credits) {
			e->credits--;
			return 0;
		}
		if (!noted && fresh && !answer_due(e)) {
			note_no_buffer(e->client, src, dst);
			noted = true;
		}
		if (!answer_due(e) && fresh && !wait)
			return fail(ENOMEM, "no transmit buffer of bus %s is free",
				    e->client->bus.name);
		if (!answer_due(e) && !(wait && e->queued)) {
			err = ask(e, wait);
			if (err)
				return err;
			fresh = true;
		}
		if (wait && !*since && !answer_due(e))
			*since = endpoint_wait_begin(ept);
		err = await_news(e, deadline);
		if (err == -ETIMEDOUT)
			return timed_out(e, wait);
		if (err)
			return fail(-err, "cancelled");
	}
}

/* Asks and waits for a credit until it is taken. With lock. */
static int await_credit(struct endpoint *ept, uint32_t src, uint32_t dst, bool wait)
{
	uint64_t since = 0;
	int err = await_credit_since(ept, src, dst, wait, &since);

	if (since)
		endpoint_wait_end(ept, since);
	return err;
}

static int take_credit(struct endpoint *ept, uint32_t src, uint32_t dst, bool wait)
{
	struct client_endpoint *e = ept->backend;

	if (!e->credits || e->down || e->failed) {
		if (!e->reader)
			drain(e);
		return await_credit(ept, src, dst, wait);
	}
	e->credits--;
	/* Ask for more while there is still something to send with. */
	if (e->granted >= 4 && e->credits == e->granted / 2 && !answer_due(e))
		return ask(e, false);
	return 0;
}

/* ---- failing ---- */

/* False if the server does not take it now. With lock. */
static bool say(struct client_endpoint *e, const struct proto_record_head *head)
{
	struct pollfd p = { .fd = e->out, .events = POLLOUT };

	for (int i = 0; i < 2; i++) {
		if (send(e->out, head, sizeof(*head), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			return true;
		if (errno != EAGAIN || poll(&p, 1, TELL_MS) != 1)
			return false;
	}
	return false;
}

/*
 * What the server cannot see it is told, for it counts for all who ask; not of what it has lost
 * itself. With lock.
 */
static void tell_errors(struct client_endpoint *e, const struct endpoint *ept, bool gave_up)
{
	struct proto_record_head head = { .type = PROTO_ERRORS, .generation = e->generation,
					  .flags = gave_up ? PROTO_WAIT : 0 };
	uint64_t n;

	for (uint32_t i = 0; i < RPMSG_ERRORS; i++) {
		n = peek(&ept->counts.errors[i]) - e->told[i];
		if (!n || i == RPMSG_ERROR_LOST)
			continue;
		head.seq = i;
		head.n = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
		if (!say(e, &head))
			return;
		e->told[i] += head.n;
	}
}

/* A public call has failed; returns err. Without lock. */
static int failed(struct endpoint *ept, int err)
{
	struct client_endpoint *e = ept->backend;
	bool gave_up;

	endpoint_failed(ept, err);
	count_lost(e, ept);
	lock_take(&e->lock);
	gave_up = (err == -ERESTARTSYS || err == -EINTR) && !peek(&ept->waiting);
	if (gave_up)
		e->queued = false; /* who wants one after all asks again */
	tell_errors(e, ept, gave_up);
	lock_drop(&e->lock);
	return err;
}

void client_tell_errors(struct client_endpoint *e, struct endpoint *ept)
{
	lock_take(&e->lock);
	tell_errors(e, ept, false);
	lock_drop(&e->lock);
}

void client_failed(struct endpoint *ept)
{
	client_tell_errors(ept->backend, ept);
}

uint64_t client_settle(struct client_endpoint *e, struct endpoint *ept, uint64_t n)
{
	read_out(e);
	__atomic_add_fetch(&e->lost, n, __ATOMIC_RELAXED);
	count_lost(e, ept);
	return n + e->failed;
}

/* ---- sending ---- */

void client_record(struct client *c, const struct proto_message *m, const void *data, bool sent)
{
	struct wire_hdr h = { .src = m->src, .dst = m->dst, .len = m->len };
	bool from_host = sent == (c->bus.side == RPMSG_SIDE_HOST);
	enum rpmsg_direction dir = from_host ? RPMSG_H2R : RPMSG_R2H;

	poke(&c->bus.now_ns, recorder_put(c->bus.recorder, c->bus.record_id, dir, &h, data));
}

static int push_message(struct endpoint *ept, uint32_t src, uint32_t dst, const void *data,
			size_t len)
{
	struct client_endpoint *e = ept->backend;
	struct rpmsg_bus *bus = ept->bus;
	static const uint8_t zeros[8];
	struct {
		struct proto_record_head head;
		struct proto_message m;
	} h = {
		.head = { .type = PROTO_SEND, .generation = e->generation, .n = 1 },
		.m = { .src = src, .dst = dst, .len = (uint16_t)len },
	};
	struct iovec iov[3] = { { &h, sizeof(h) },
				{ (void *)(uintptr_t)data, len },
				{ (void *)(uintptr_t)zeros, proto_message_size((uint32_t)len) -
							    sizeof(h.m) - len } };
	int err = push(e, iov, 3);

	if (err)
		return err;
	bus_look_at_clock(bus);
	if (bus->recorder)
		client_record(e->client, &h.m, data, true);
	flow_count_atomic(&ept->counts.tx, (unsigned)len, peek(&bus->now_ns));
	return 0;
}

static int check_len(struct client *c, size_t len)
{
	uint32_t mtu = peek(&c->mtu);

	if (len > mtu && peek(&c->bus.up))
		return fail(EMSGSIZE, "%zu bytes; bus %s takes at most %u", len, c->bus.name, mtu);
	return len > UINT16_MAX ? fail(EMSGSIZE, "%zu bytes", len) : 0;
}

/* Said at once, since rpmsgd could only report it later as a message that failed. */
static int check_addresses(const struct client *c, const struct endpoint *ept, uint32_t src,
			   uint32_t dst)
{
	if (!peek(&c->fixed_dst) || (src == ept->pub.addr && dst == peek(&ept->dst)))
		return 0;
	return fail(EOPNOTSUPP, "bus %s is the Linux kernel's, where an endpoint sends from its own "
				"address to the destination it was made with, and to no other",
		    c->bus.name);
}

int client_send(struct endpoint *ept, const void *data, size_t len, uint32_t src, uint32_t dst,
		bool wait)
{
	struct client_endpoint *e = ept->backend;
	int err = check_len(e->client, len);

	if (!err)
		err = check_addresses(e->client, ept, src, dst);
	if (err)
		return failed(ept, err);
	lock_take(&e->lock);
	err = take_credit(ept, src, dst, wait);
	if (!err)
		err = push_message(ept, src, dst, data, len);
	lock_drop(&e->lock);
	return err ? failed(ept, err) : 0;
}

long client_mtu(struct rpmsg_bus *bus)
{
	struct client *c = client_of(bus);

	if (!peek(&bus->up))
		return fail(EPIPE, "the link of bus %s is down", bus->name);
	return (long)peek(&c->mtu);
}

int client_poll(struct endpoint *ept)
{
	struct client_endpoint *e = ept->backend;
	int64_t deadline = send_deadline(e->client, false);
	int ret = 0;

	lock_take(&e->lock);
	if (!e->reader)
		drain(e);
	if (!e->down && !e->failed && !e->credits && !e->queued && !answer_due(e))
		ask(e, true);
	while (!e->down && !e->failed && !e->credits && answer_due(e))
		if (await_news(e, deadline))
			break;
	if (e->down)
		ret = POLLERR;
	else if (e->credits || e->failed)
		ret = POLLOUT;
	lock_drop(&e->lock);
	return ret;
}

/* ---- zero copy, which here is a copy ---- */

struct client_tx {
	size_t room;
	uint32_t generation;
	_Alignas(8) uint8_t data[];
};

void *client_reserve(struct endpoint *ept, size_t *room, bool wait)
{
	struct client_endpoint *e = ept->backend;
	struct client_tx *tx;
	long mtu = client_mtu(ept->bus);
	int err;

	tx = mtu < 0 ? NULL : malloc(sizeof(*tx) + (size_t)mtu);
	if (!tx) {
		errno = -failed(ept, mtu < 0 ? (int)mtu : -ENOMEM);
		return NULL;
	}
	tx->room = (size_t)mtu;
	lock_take(&e->lock);
	err = take_credit(ept, ept->pub.addr, peek(&ept->dst), wait);
	tx->generation = e->generation;
	lock_drop(&e->lock);
	if (err) {
		free(tx);
		errno = -failed(ept, err);
		return NULL;
	}
	*room = tx->room;
	/* cppcheck-suppress memleak ; the caller's until submit or discard */
	return tx->data;
}

static struct client_tx *tx_of(void *buf)
{
	return container_of(buf, struct client_tx, data);
}

int client_submit(struct endpoint *ept, void *buf, uint32_t dst, size_t len)
{
	struct client_endpoint *e = ept->backend;
	struct client_tx *tx = tx_of(buf);
	int err;

	if (len > tx->room) {
		client_discard(ept, buf);
		return failed(ept, fail(EMSGSIZE, "%zu bytes do not fit the buffer", len));
	}
	lock_take(&e->lock);
	if (e->down || tx->generation != e->generation)
		err = fail(EPIPE, "the link of bus %s went down", ept->bus->name);
	else
		err = push_message(ept, ept->pub.addr, dst, buf, len);
	lock_drop(&e->lock);
	free(tx);
	return err ? failed(ept, err) : 0;
}

void client_discard(struct endpoint *ept, void *buf)
{
	struct client_endpoint *e = ept->backend;
	struct client_tx *tx = tx_of(buf);

	lock_take(&e->lock);
	if (!e->down && tx->generation == e->generation)
		e->credits++;
	lock_drop(&e->lock);
	free(tx);
}
