/* SPDX-License-Identifier: BSD-2-Clause */
/* What rpmsgd has counted, of its bus's side and of each client's endpoint. */
#include <errno.h>
#include <stdlib.h>

#include "backend/client.h"

/* ---- the side ---- */

static bool ring_ok(const struct rpmsg_ring_stats *r)
{
	return proto_text_ok(r->holder, sizeof(r->holder)) &&
	       (uint64_t)r->free + r->in_flight + r->held <= r->size;
}

int client_stats(struct rpmsg_bus *bus, struct rpmsg_stats *stats)
{
	struct proto_head req = { .op = PROTO_STATS };
	struct proto_stats rep;
	const size_t size = sizeof(rep);
	int err;

	err = client_call(client_of(bus), &req, sizeof(req), &rep, size, size, NULL, 0);
	if (err)
		return err;
	if (!ring_ok(&rep.tx_ring) || !ring_ok(&rep.rx_ring) || rep.n_strays > RPMSG_STRAYS)
		return fail(EPROTO, "malformed statistics from rpmsgd");
	*stats = (struct rpmsg_stats){
		.size = sizeof(*stats), .time_ns = rep.time_ns, .since_ns = rep.since_ns,
		.counts = rep.counts, .no_recipient = rep.no_recipient,
		.malformed = rep.malformed, .ns_refused = rep.ns_refused,
		.n_channels = rep.n_channels, .n_endpoints = rep.n_endpoints,
		.tx_ring = rep.tx_ring, .rx_ring = rep.rx_ring, .n_strays = rep.n_strays,
		.strays_forgotten = rep.strays_forgotten,
	};
	memcpy(stats->stray, rep.stray, sizeof(stats->stray));
	return 0;
}

uint32_t client_tx_free(struct rpmsg_bus *bus)
{
	struct client *c = client_of(bus);
	uint32_t n;

	if (client_ask_info(c))
		return 0;
	lock_take(&bus->lock);
	n = c->info.up ? c->info.tx_free : 0;
	lock_drop(&bus->lock);
	return n;
}

/* ---- endpoints ---- */

static bool item_ok(const struct proto_endpoint *item, uint64_t after)
{
	return item->id > after && item->holder_kind <= RPMSG_HOLDER_BUS &&
	       proto_text_ok(item->channel.name, sizeof(item->channel.name)) &&
	       proto_text_ok(item->holder, sizeof(item->holder));
}

/* The next page of the list. */
static int ask_endpoints(struct client *c, uint64_t after, struct proto_endpoints_reply *rep)
{
	int err = client_ask_page(c, PROTO_ENDPOINTS, after, rep, sizeof(rep->item[0]),
				  PROTO_ENDPOINTS_MAX);

	for (uint32_t i = 0; !err && i < rep->n; i++) {
		if (!item_ok(&rep->item[i], after))
			return fail(EPROTO, "malformed endpoint in a list from rpmsgd");
		after = rep->item[i].id;
	}
	return err;
}

/* Fills in what only this process knows. With lock. */
static void own_view(struct rpmsg_bus *bus, struct rpmsg_endpoint_stats *st, int self)
{
	const struct channel *ch = NULL;

	if (st->holder_kind != RPMSG_HOLDER_CLIENT || st->holder_pid != self)
		return;
	st->holder_kind = RPMSG_HOLDER_SELF;
	if (st->own)
		ch = channel_find(bus, st->channel.name, st->channel.src, st->channel.dst);
	if (!ch || !ch->driver)
		return;
	st->holder_kind = RPMSG_HOLDER_DRIVER;
	strncpy(st->holder, ch->driver->drv.name, sizeof(st->holder) - 1);
}

static void to_stats(struct rpmsg_bus *bus, const struct proto_endpoint *item, int self,
		     struct rpmsg_endpoint_stats *st)
{
	*st = (struct rpmsg_endpoint_stats){
		.size = sizeof(*st), .id = item->id, .channel = item->channel, .addr = item->addr,
		.dst = item->dst, .own = item->own, .holder_kind = item->holder_kind,
		.holder_pid = (int)item->holder_pid, .counts = item->counts,
		.waiting = item->waiting, .waiting_ns = item->waiting_ns, .queued = item->queued,
		.queued_ns = item->queued_ns, .held = item->held, .held_ns = item->held_ns,
	};
	memcpy(st->holder, item->holder, sizeof(st->holder));
	lock_take(&bus->lock);
	own_view(bus, st, self);
	lock_drop(&bus->lock);
}

int client_for_each_endpoint(struct rpmsg_bus *bus,
			     int (*fn)(const struct rpmsg_endpoint_stats *, void *), void *arg)
{
	struct proto_endpoints_reply *rep = malloc(sizeof(*rep));
	struct rpmsg_endpoint_stats st;
	const int self = bus->pid;
	uint64_t last = 0;
	int ret;

	if (!rep)
		return -ENOMEM;
	do {
		ret = ask_endpoints(client_of(bus), last, rep);
		for (uint32_t i = 0; !ret && i < rep->n; i++) {
			last = rep->item[i].id;
			to_stats(bus, &rep->item[i], self, &st);
			ret = fn(&st, arg);
		}
	} while (!ret && rep->more);
	free(rep);
	return ret;
}
