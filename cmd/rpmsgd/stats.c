/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client is told of its side and of all clients' endpoints: what the library has counted,
 * and what only we know: whose they are, who waits, who does not read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpmsgd.h"

#define MS 1000000U /* in nanoseconds */

void stats_count_errors(struct rpmsg_endpoint *rep, enum rpmsg_send_error kind, uint64_t n)
{
	struct rpmsg_counts more = { 0 };

	more.errors[kind] = n;
	rpmsg_endpoint_count(rep, &more);
}

/* ---- a side ---- */

/* Of a ring's buffers the ones that a client of s keeps: who, and for how long. */
static void name_holder(const struct side *s, struct rpmsg_ring_stats *ring)
{
	const struct ep *e;
	uint64_t ns;

	if (!ring->size || !(e = side_longest_holder(s, ring->holder, sizeof(ring->holder))))
		return;
	ns = (uint64_t)(loop_now() - e->held_since) * MS;
	if (ns > ring->oldest_ns)
		ring->oldest_ns = ns;
}

void stats_request(struct client *c, const void *data)
{
	struct side *s = c->side, *other = side_other(s);
	struct rpmsg_stats st = { .size = sizeof(st) };
	struct proto_stats rep;
	int err;

	err = rpmsg_bus_get_stats(s->bus, &st);
	if (err) {
		control_refuse(c, data, err, rpmsg_error_detail());
		return;
	}
	if (other)
		name_holder(other, &st.tx_ring);
	name_holder(s, &st.rx_ring);
	rep = (struct proto_stats){
		.time_ns = st.time_ns, .since_ns = st.since_ns, .counts = st.counts,
		.no_recipient = st.no_recipient, .malformed = st.malformed,
		.ns_refused = st.ns_refused, .tx_ring = st.tx_ring, .rx_ring = st.rx_ring,
		.n_channels = st.n_channels, .n_endpoints = s->n_eps, .n_strays = st.n_strays,
		.strays_forgotten = st.strays_forgotten,
	};
	memcpy(rep.stray, st.stray, sizeof(rep.stray));
	control_reply_head(&rep.head, data, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

/* ---- endpoints ---- */

/* Where the last page ended is where the next one is asked for, unless others ask too. */
static struct ep *first_after(struct side *s, uint64_t after)
{
	struct ep *e = s->next_page, *before = e ? TAILQ_PREV(e, ep_list, of_side) : NULL;

	if (e && e->number > after && (!before || before->number <= after))
		return e;
	TAILQ_FOREACH(e, &s->eps, of_side)
		if (e->number > after)
			break;
	return e;
}

static void describe_inbox(const struct ep *e, struct proto_endpoint *item)
{
	item->queued = inbox_queued(e);
	if (e->blocked || e->dropping)
		item->queued_ns = (uint64_t)(loop_now() - e->progress) * MS;
	item->held = e->n_held;
	if (e->n_held)
		item->held_ns = (uint64_t)(loop_now() - e->held_since) * MS;
}

static void describe(const struct ep *e, struct proto_endpoint *item)
{
	struct rpmsg_endpoint_stats st = { .size = sizeof(st) };

	rpmsg_endpoint_get_stats(e->rep, &st);
	*item = (struct proto_endpoint){
		.id = e->number, .counts = st.counts, .channel = st.channel, .addr = st.addr,
		.dst = st.dst, .own = st.own, .holder_kind = RPMSG_HOLDER_CLIENT,
		.holder_pid = (uint32_t)e->client->pid,
	};
	snprintf(item->holder, sizeof(item->holder), "%s", e->client->command);
	if (e->wait_since) {
		item->waiting = 1;
		item->waiting_ns = loop_now_ns() - e->wait_since;
	}
	describe_inbox(e, item);
}

void stats_endpoints_request(struct client *c, const void *data)
{
	const struct proto_list *req = data;
	struct proto_endpoints_reply rep = { .n = 0 };
	struct side *s = c->side;
	struct ep *e = first_after(s, req->after);
	size_t size;

	for (; e && rep.n < PROTO_ENDPOINTS_MAX; e = TAILQ_NEXT(e, of_side))
		describe(e, &rep.item[rep.n++]);
	s->next_page = e;
	rep.more = e != NULL;
	size = offsetof(struct proto_endpoints_reply, item) + rep.n * sizeof(rep.item[0]);
	control_reply_head(&rep.head, &req->head, size);
	client_packet(c, &rep, size, NULL, 0);
}
