/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmit buffers, shared among those who send. A credit is a buffer that is free
 * and promised. Who does not use his credits does not stop the others: while any
 * buffer is free, one more is promised to whoever has none, and should the idle
 * one turn up after all, his messages wait here for a buffer (outbox.c).
 */
#include <poll.h>

#include "rpmsgd.h"

static uint32_t free_buffers(struct side *s)
{
	if (!s->up)
		return 0;
	/* A bus that does not tell promises s->num: what finds no buffer then waits here. */
	return s->tells ? rpmsg_bus_tx_free(s->bus) : s->num;
}

static void take(struct ep *e, uint32_t n)
{
	if (!e->credits && n)
		e->side->n_creditors++;
	if (n)
		e->side->scarce = false;
	e->credits += n;
	e->side->credits_out += n;
}

static void give_back(struct ep *e, uint32_t n)
{
	e->credits -= n;
	e->side->credits_out -= n;
	if (!e->credits && n)
		e->side->n_creditors--;
}

void credit_spend(struct ep *e)
{
	give_back(e, 1);
}

void credit_wait_ended(struct ep *e)
{
	struct rpmsg_counts more = { .waits = 1, .wait_ns = loop_now_ns() - e->wait_since };

	if (!e->wait_since)
		return;
	e->wait_since = 0;
	rpmsg_endpoint_count(e->rep, &more);
}

static void stop_waiting(struct ep *e)
{
	if (!e->waiting)
		return;
	credit_wait_ended(e);
	e->waiting = false;
	TAILQ_REMOVE(&e->side->waiters, e, in_waiters);
}

void credit_void(struct ep *e)
{
	stop_waiting(e);
	give_back(e, e->credits);
}

/* How many of wanted e gets now. */
static uint32_t share(struct ep *e, uint32_t wanted)
{
	struct side *s = e->side;
	uint32_t most = proto_credit_max(s->buffer_size), fair = s->num / 2 / (s->n_creditors + 1);
	int64_t left;

	if (!s->up || e->gone || e->credits >= most || !outbox_unpark(s))
		return 0;
	left = free_buffers(s);
	if (!left)
		return 0;
	left -= s->credits_out;
	if (left <= 0)
		return !e->credits;
	if (wanted > most - e->credits)
		wanted = most - e->credits;
	if (wanted > fair)
		wanted = fair ? fair : 1;
	return wanted < left ? wanted : (uint32_t)left;
}

static void wait_in_line(struct ep *e, uint32_t wanted)
{
	e->wanted = wanted;
	if (!e->wait_since)
		e->wait_since = loop_now_ns();
	if (e->waiting)
		return;
	e->waiting = true;
	TAILQ_INSERT_TAIL(&e->side->waiters, e, in_waiters);
}

/* Whether somebody is in line before e. */
static bool others_wait(const struct ep *e)
{
	const struct ep *first = TAILQ_FIRST(&e->side->waiters);

	return first && first != e && !first->credits;
}

/* The library records the first one of a shortage, and its end. */
static void record_no_buffer(struct ep *e)
{
	struct side *s = e->side, *other = side_other(s);
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_NO_BUFFER, .dir = side_direction(s, true),
		.src = e->rep->addr, .dst = rpmsg_endpoint_dst(e->rep),
	};
	char holder[64];

	/* Else the library says which side it is. */
	if (!s->scarce && other && side_longest_holder(other, holder, sizeof(holder)))
		event.text = holder;
	s->scarce = true;
	rpmsg_bus_record_event(s->bus, &event);
}

void credit_want(struct ep *e, uint32_t seq, uint32_t n, bool wait)
{
	struct side *s = e->side, *other = side_other(s);
	uint32_t got = others_wait(e) ? 0 : share(e, n);
	bool later;

	/* On a loop it is for us to take what lies in the ring: "full" is said only when it is. */
	if (!got && other && s->up && !e->credits) {
		side_dispatch(other);
		side_dispatch(s);
		got = others_wait(e) ? 0 : share(e, n);
	}
	if (!got && !e->credits && s->up && !e->gone)
		record_no_buffer(e);
	later = wait && !got && s->up && !e->gone;
	if (!outbox_credit(e, seq, got, later)) {
		/* Or it has closed the endpoint since. */
		if (e->out_full)
			client_doom(e->client, "asks for credits and does not read the answers");
		return;
	}
	take(e, got);
	if (got) {
		stop_waiting(e);
	} else if (later) {
		wait_in_line(e, n);
		credit_pump(s);
	}
}

/* Serves those in line as far as buffers go; true if nobody is left. */
static bool serve_line(struct side *s)
{
	struct ep *e, *next;

	for (e = TAILQ_FIRST(&s->waiters); e; e = next) {
		uint32_t n = share(e, e->wanted);

		next = TAILQ_NEXT(e, in_waiters);
		/* Who has credits that he keeps to himself does not hold up the line. */
		if (!n && !e->credits)
			return false;
		if (!n)
			continue;
		stop_waiting(e);
		if (outbox_credit(e, 0, n, false))
			take(e, n);
	}
	return TAILQ_EMPTY(&s->waiters);
}

/* Whom the bus is to wake: any will do, but on Linux's only who has tried knows of no room. */
static struct rpmsg_endpoint *next_sender(struct side *s)
{
	const struct ep *first = TAILQ_FIRST(&s->waiters);
	struct rpmsg_endpoint *parked = first && !s->fixed_dst ? NULL : outbox_sender(s);

	return parked || !first ? parked : first->rep;
}

void credit_pump(struct side *s)
{
	struct rpmsg_endpoint *any;

	if (TAILQ_EMPTY(&s->waiters) && STAILQ_EMPTY(&s->parked))
		return;
	for (int i = 0; i < 2; i++) {
		if (outbox_unpark(s) && serve_line(s))
			return;
		any = next_sender(s);
		/* Also asks the bus to wake us when a buffer comes back. */
		if (!any || rpmsg_poll(any) != POLLOUT)
			return;
	}
}
