/* SPDX-License-Identifier: BSD-2-Clause */
/* One side of a served bus: its channels by number, and what happens to it told to its clients. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpmsgd.h"

/* Of a bus that does not tell: Linux's. */
#define UNKNOWN_NUM 64U
#define UNKNOWN_BUFFER 512U

enum rpmsg_side side_which(const struct side *s)
{
	return s == &s->served->side[0] ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
}

enum rpmsg_direction side_direction(const struct side *s, bool sent)
{
	return sent == (side_which(s) == RPMSG_SIDE_HOST) ? RPMSG_H2R : RPMSG_R2H;
}

struct side *side_other(struct side *s)
{
	struct side *o = &s->served->side[s == &s->served->side[0]];

	return o->bus ? o : NULL;
}

/* ---- channels ---- */

static uint64_t last_id;

struct chan *chan_of(const struct rpmsg_device *rpdev)
{
	return rpdev ? rpdev->dev.driver_data : NULL;
}

struct chan *chan_find(struct side *s, uint64_t id)
{
	struct chan *ch;

	TAILQ_FOREACH(ch, &s->chans, link)
		if (ch->id == id)
			return ch;
	return NULL;
}

struct chan *chan_by_key(struct side *s, const struct rpmsg_channel_info *key)
{
	struct chan *ch;

	TAILQ_FOREACH(ch, &s->chans, link)
		if (ch->rpdev->dst == key->dst && !strcmp(ch->rpdev->id.name, key->name) &&
		    (key->dst != RPMSG_ADDR_ANY || ch->rpdev->src == key->src))
			return ch;
	return NULL;
}

struct ep *chan_holder(const struct chan *ch)
{
	return ch->rpdev->ept ? ch->rpdev->ept->priv : NULL;
}

static struct chan *chan_new(struct side *s, struct rpmsg_device *rpdev,
			     enum rpmsg_channel_origin origin)
{
	struct chan *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->id = ++last_id;
	ch->side = s;
	ch->rpdev = rpdev;
	ch->origin = origin;
	ch->persist = origin == RPMSG_CHANNEL_SERVICE; /* until a client is found to be its owner */
	rpdev->dev.driver_data = ch;
	TAILQ_INSERT_TAIL(&s->chans, ch, link);
	return ch;
}

void chan_disown(struct chan *ch)
{
	if (!ch->owner)
		return;
	TAILQ_REMOVE(&ch->owner->chans, ch, of_client);
	ch->owner->n_chans--;
	ch->owner = NULL;
}

static void chan_free(struct chan *ch)
{
	struct ep *e;

	TAILQ_FOREACH(e, &ch->side->eps, of_side)
		if (e->chan == ch)
			ep_channel_gone(e);
	chan_disown(ch);
	if (ch->side->next_chan == ch)
		ch->side->next_chan = TAILQ_NEXT(ch, link);
	ch->rpdev->dev.driver_data = NULL;
	TAILQ_REMOVE(&ch->side->chans, ch, link);
	free(ch);
}

void chan_describe(const struct chan *ch, const struct rpmsg_channel_status *st,
		   struct proto_channel *item)
{
	const struct ep *holder = chan_holder(ch);
	const struct client *c = holder ? holder->client : ch->owner;

	*item = (struct proto_channel){
		.channel = ch->id, .tx = st->tx, .rx = st->rx, .counts = st->counts,
		.info = st->info,
		.origin = st->origin, .holder_kind = st->holder_kind, .announced = st->announced,
		.peer_seen = st->peer_seen, .mtu = st->mtu, .holder_pid = (uint32_t)st->holder_pid,
	};
	memcpy(item->holder, st->holder, sizeof(item->holder));
	if (!c)
		return;
	item->holder_kind = RPMSG_HOLDER_CLIENT;
	item->holder_pid = (uint32_t)c->pid;
	snprintf(item->holder, sizeof(item->holder), "%s", c->command);
}

/* ---- what happens ---- */

static void refresh(struct side *s)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	if (rpmsg_bus_get_info(s->bus, &info))
		return;
	s->up = info.up;
	s->generation = info.generation;
	s->tells = info.num;
	s->num = info.num ? info.num : UNKNOWN_NUM;
	s->buffer_size = info.buffer_size ? info.buffer_size : UNKNOWN_BUFFER;
	s->mtu = info.mtu_tx ? info.mtu_tx : UINT16_MAX;
	s->fixed_dst = info.fixed_dst;
}

static void link_changed(struct side *s, bool up)
{
	struct ep *e;

	refresh(s);
	s->up = up;
	if (!up)
		outbox_fail_parked(s);
	TAILQ_FOREACH(e, &s->eps, of_side) {
		credit_void(e);
		outbox_state(e);
	}
}

static void broadcast(struct side *s, const struct rpmsg_event *ev, const struct chan *ch)
{
	struct proto_event pe = {
		.head = { .op = PROTO_EVENT + ev->type, .size = sizeof(pe) },
		.channel = ch ? ch->id : 0, .info = ev->info, .origin = ev->origin,
		.generation = s->generation,
	};
	struct client *c;

	TAILQ_FOREACH(c, &s->served->clients, link)
		if (c->side == s && c != s->causer)
			client_event(c, &pe);
}

static void on_event(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	struct side *s = arg;
	struct chan *ch = chan_of(ev->rpdev);

	(void)bus;
	switch (ev->type) {
	case RPMSG_EVENT_UP:
	case RPMSG_EVENT_DOWN:
		tool_verbose("%s: %s side: link %s", s->served->name,
			     side_which(s) == RPMSG_SIDE_HOST ? "host" : "remote",
			     ev->type == RPMSG_EVENT_UP ? "up" : "down");
		link_changed(s, ev->type == RPMSG_EVENT_UP);
		break;
	case RPMSG_EVENT_ANNOUNCE:
		ch = chan_new(s, ev->rpdev, ev->origin);
		break;
	default:
		break;
	}
	if (!ev->rpdev || ch)
		broadcast(s, ev, ch);
	if (ev->type == RPMSG_EVENT_WITHDRAW && ch)
		chan_free(ch);
}

void side_dispatch(struct side *s)
{
	rpmsg_bus_dispatch(s->bus, 0);
	credit_pump(s);
}

static void on_ready(struct watch *w, uint32_t events)
{
	(void)events;
	side_dispatch(watch_of(w, struct side, watch));
}

/* ---- who keeps the transmit buffers ---- */

const struct ep *side_longest_holder(const struct side *s, char *text, size_t size)
{
	const struct ep *e, *oldest = NULL;
	char who[64];

	TAILQ_FOREACH(e, &s->eps, of_side)
		if (e->n_held && (!oldest || e->held_since < oldest->held_since))
			oldest = e;
	if (!oldest)
		return NULL;
	ep_who(oldest->client, who, sizeof(who));
	snprintf(text, size, "%.44s endpoint 0x%x", who, oldest->rep->addr);
	return oldest;
}

void side_info(struct side *s, struct rpmsg_bus_info *info)
{
	struct side *other = side_other(s);
	const struct ep *e = NULL;

	*info = (struct rpmsg_bus_info){ .size = sizeof(*info) };
	rpmsg_bus_get_info(s->bus, info);
	if (other)
		e = side_longest_holder(other, info->tx_holder, sizeof(info->tx_holder));
	if (e)
		info->tx_held_ms = (uint32_t)(loop_now() - e->held_since);
}

/* ---- life ---- */

/* A bus that was up already has channels of which no event told. */
static int adopt_channel(const struct rpmsg_channel_status *st, void *arg)
{
	return st->rpdev && !chan_new(arg, st->rpdev, st->origin) ? -ENOMEM : 0;
}

int side_start(struct side *s)
{
	int err;

	TAILQ_INIT(&s->chans);
	TAILQ_INIT(&s->eps);
	TAILQ_INIT(&s->waiters);
	STAILQ_INIT(&s->parked);
	LIST_INIT(&s->orphans);
	refresh(s);
	err = rpmsg_bus_for_each_channel(s->bus, adopt_channel, s);
	rpmsg_bus_set_event_fn(s->bus, on_event, s);
	if (!err)
		err = loop_add(&s->watch, rpmsg_bus_fd(s->bus), EPOLLIN, on_ready);
	if (err)
		errno = -err;
	return err;
}

void side_end(struct side *s)
{
	struct chan *ch;

	if (s->watch.fd >= 0) {
		loop_remove(&s->watch);
		rpmsg_bus_set_event_fn(s->bus, NULL, NULL);
		while ((ch = TAILQ_FIRST(&s->chans)))
			chan_free(ch);
		outbox_fail_parked(s);
	}
	rpmsg_bus_close(s->bus);
	s->bus = NULL;
}
