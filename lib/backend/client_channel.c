/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's channels and link state, mirrored into the core: drivers see no difference. */
#include <errno.h>
#include <stdlib.h>

#include "backend/client.h"

/* ---- asking ---- */

static bool info_ok(const struct proto_info *i)
{
	return proto_text_ok(i->name, sizeof(i->name)) && i->name[0] &&
	       proto_text_ok(i->tx_holder, sizeof(i->tx_holder)) &&
	       (i->side == RPMSG_SIDE_HOST || i->side == RPMSG_SIDE_REMOTE) &&
	       i->mtu_tx <= UINT16_MAX && i->mtu_rx <= UINT16_MAX;
}

int client_ask_info(struct client *c)
{
	struct proto_head req = { .op = PROTO_INFO };
	struct proto_info info;
	int err;

	err = client_call(c, &req, sizeof(req), &info, sizeof(info), sizeof(info), NULL, 0);
	if (err)
		return err;
	if (!info_ok(&info))
		return fail(EPROTO, "malformed bus information from rpmsgd");
	lock_take(&c->bus.lock);
	c->info = info;
	poke(&c->mtu, info.mtu_tx ? info.mtu_tx : UINT16_MAX); /* 0: not known */
	poke(&c->fixed_dst, info.fixed_dst);
	lock_drop(&c->bus.lock);
	return 0;
}

static bool item_ok(const struct proto_channel *item, uint64_t after)
{
	return item->channel > after && item->origin <= RPMSG_CHANNEL_STATIC &&
	       item->holder_kind <= RPMSG_HOLDER_BUS && item->info.name[0] &&
	       proto_text_ok(item->info.name, sizeof(item->info.name)) &&
	       proto_text_ok(item->holder, sizeof(item->holder));
}

/* The next page of the list. */
static int ask_list(struct client *c, uint64_t after, struct proto_list_reply *rep)
{
	int err = client_ask_page(c, PROTO_LIST, after, rep, sizeof(rep->item[0]), PROTO_LIST_MAX);

	for (uint32_t i = 0; !err && i < rep->n; i++) {
		if (!item_ok(&rep->item[i], after))
			return fail(EPROTO, "malformed channel in a list from rpmsgd");
		after = rep->item[i].channel;
	}
	return err;
}

/* ---- the mirror ---- */

/* With lock. */
static struct channel *find(struct client *c, uint64_t id)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &c->bus.channels, link)
		if (ch->remote_id == id)
			return ch;
	return NULL;
}

static bool known(struct client *c, uint64_t id)
{
	bool found;

	lock_take(&c->bus.lock);
	found = find(c, id) != NULL;
	lock_drop(&c->bus.lock);
	return found;
}

/*
 * A channel of the same key but an older number is one that the server has no more:
 * its withdrawal is still on the way.
 */
static void remove_stale(struct client *c, const struct rpmsg_channel_info *info, uint64_t id)
{
	struct channel *ch;

	lock_take(&c->bus.lock);
	TAILQ_FOREACH(ch, &c->bus.channels, link)
		if (ch->remote_id < id && ch->pub.dst == info->dst &&
		    (info->dst != RPMSG_ADDR_ANY || ch->pub.src == info->src) &&
		    !strcmp(ch->pub.id.name, info->name))
			break;
	lock_drop(&c->bus.lock);
	if (ch)
		channel_remove(ch);
}

static void add(struct client *c, uint64_t id, const struct rpmsg_channel_info *info,
		enum rpmsg_channel_origin origin)
{
	struct channel *ch;

	if (known(c, id))
		return;
	remove_stale(c, info, id);
	ch = channel_add(&c->bus, info, origin, false);
	if (ch)
		ch->remote_id = id;
}

static void set_src(struct client *c, uint64_t id, uint32_t src)
{
	struct channel *ch;

	lock_take(&c->bus.lock);
	ch = find(c, id);
	if (ch && !ch->pub.ept)
		ch->pub.src = src;
	lock_drop(&c->bus.lock);
}

struct id_set {
	uint64_t *id; /* ascending, as the list comes */
	size_t n, room;
};

static int id_set_add(struct id_set *set, uint64_t id)
{
	if (set->n == set->room) {
		size_t room = set->room ? 2 * set->room : 64;
		uint64_t *p = realloc(set->id, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		set->id = p;
		set->room = room;
	}
	set->id[set->n++] = id;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool id_set_has(const struct id_set *set, uint64_t id)
{
	return set->n && bsearch(&id, set->id, set->n, sizeof(id), compare_ids);
}

/* Removes the channels that the server had (last is the newest it listed) and has no more. */
static void remove_absent(struct client *c, const struct id_set *set, uint64_t last)
{
	struct channel *ch;

	do {
		lock_take(&c->bus.lock);
		TAILQ_FOREACH(ch, &c->bus.channels, link)
			if (ch->remote_id && ch->remote_id <= last &&
			    !id_set_has(set, ch->remote_id))
				break;
		lock_drop(&c->bus.lock);
		if (ch)
			channel_remove(ch);
	} while (ch);
}

static int sync_channels(struct client *c)
{
	struct proto_list_reply *rep = malloc(sizeof(*rep));
	struct id_set set = { 0 };
	uint64_t last = 0, newest = 0;
	struct channel *ch;
	int err;

	if (!rep)
		return -ENOMEM;
	/* What comes while we ask has a higher number and an event of its own. */
	lock_take(&c->bus.lock);
	TAILQ_FOREACH(ch, &c->bus.channels, link)
		newest = ch->remote_id > newest ? ch->remote_id : newest;
	lock_drop(&c->bus.lock);
	do {
		err = ask_list(c, last, rep);
		for (uint32_t i = 0; !err && i < rep->n; i++) {
			last = rep->item[i].channel;
			err = id_set_add(&set, last);
		}
		for (uint32_t i = 0; !err && i < rep->n; i++) {
			add(c, rep->item[i].channel, &rep->item[i].info, rep->item[i].origin);
			set_src(c, rep->item[i].channel, rep->item[i].info.src);
		}
	} while (!err && rep->more);
	if (!err)
		remove_absent(c, &set, newest);
	free(set.id);
	free(rep);
	return err;
}

static void link_up(struct client *c)
{
	struct rpmsg_bus *bus = &c->bus;

	if (bus->up && bus->generation == c->info.generation)
		return;
	if (bus->up)
		bus_link_down(bus);
	lock_take(&bus->lock);
	bus->generation = c->info.generation - 1; /* bus_link_up() adds one */
	lock_drop(&bus->lock);
	bus_link_up(bus, c->info.features);
}

int client_sync(struct client *c)
{
	int err = client_ask_info(c);

	if (err)
		return err;
	if (c->bus.up && (!c->info.up || c->info.generation != c->bus.generation))
		bus_link_down(&c->bus);
	err = sync_channels(c);
	if (!err && c->info.up)
		link_up(c);
	return err;
}

/* ---- events ---- */

static void apply_withdraw(struct client *c, uint64_t id)
{
	struct channel *ch;

	lock_take(&c->bus.lock);
	ch = find(c, id);
	lock_drop(&c->bus.lock);
	if (ch)
		channel_remove(ch);
}

static void apply_bound(struct client *c, const struct proto_event *ev, enum rpmsg_event_type type)
{
	struct channel *ch;

	set_src(c, ev->channel, ev->info.src);
	lock_take(&c->bus.lock);
	ch = find(c, ev->channel);
	if (ch)
		ch->refs++;
	lock_drop(&c->bus.lock);
	if (!ch)
		return;
	bus_event(&c->bus, type, ch, 0);
	lock_take(&c->bus.lock);
	channel_put(ch);
	lock_drop(&c->bus.lock);
}

static void apply(struct client *c, const struct proto_event *ev)
{
	enum rpmsg_event_type type = ev->head.op - PROTO_EVENT;

	switch (type) {
	case RPMSG_EVENT_UP:
		if (!client_ask_info(c) && c->info.up)
			link_up(c);
		break;
	case RPMSG_EVENT_DOWN:
		if (c->bus.up)
			bus_link_down(&c->bus);
		break;
	case RPMSG_EVENT_ANNOUNCE:
		add(c, ev->channel, &ev->info, ev->origin);
		break;
	case RPMSG_EVENT_WITHDRAW:
		apply_withdraw(c, ev->channel);
		break;
	case RPMSG_EVENT_BOUND:
	case RPMSG_EVENT_UNBOUND:
		apply_bound(c, ev, type);
		break;
	case RPMSG_EVENT_DROPPED:
		break; /* comes with the data */
	}
}

/*
 * Data and events come by different sockets. What was sent on a channel before it
 * went is delivered before it goes.
 */
static bool must_wait(struct client *c, const struct proto_event *ev)
{
	struct channel *ch;

	if (ev->head.op != PROTO_EVENT + RPMSG_EVENT_WITHDRAW)
		return false;
	lock_take(&c->bus.lock);
	ch = find(c, ev->channel);
	lock_drop(&c->bus.lock);
	return ch && !client_all_ended(c, ch);
}

static struct client_event *next_event(struct client *c)
{
	struct client_event *e;

	lock_take(&c->queue_lock);
	e = STAILQ_FIRST(&c->events);
	lock_drop(&c->queue_lock);
	if (!e || must_wait(c, &e->ev))
		return NULL;
	lock_take(&c->queue_lock);
	if (STAILQ_FIRST(&c->events) == e) {
		STAILQ_REMOVE_HEAD(&c->events, link);
		c->n_events--;
	} else {
		e = NULL; /* another thread's call gave them up for a resync */
	}
	lock_drop(&c->queue_lock);
	return e;
}

static bool take_resync(struct client *c)
{
	bool resync;

	lock_take(&c->queue_lock);
	resync = c->resync;
	c->resync = false;
	lock_drop(&c->queue_lock);
	return resync;
}

/* The end of the connection is the end of the link, after all that came before it. */
static int tell_loss(struct client *c)
{
	if (c->down_told || !__atomic_load_n(&c->lost, __ATOMIC_ACQUIRE) ||
	    !client_all_ended(c, NULL))
		return 0;
	c->down_told = true;
	log_say(&c->bus.log, RPMSG_LOG_ERROR, "bus %s: lost rpmsgd (pid %u): %s", c->bus.name,
		c->info.pid, c->lost_why);
	if (c->bus.up)
		bus_link_down(&c->bus);
	return 1;
}

int client_apply_events(struct client *c)
{
	struct client_event *e;
	int n = 0;

	while ((e = next_event(c))) {
		apply(c, &e->ev);
		free(e);
		n++;
	}
	if (take_resync(c)) {
		client_sync(c);
		n++;
	}
	return n + tell_loss(c);
}

/* ---- by hand ---- */

int client_channel_create(struct rpmsg_bus *bus, struct rpmsg_channel_info *info,
			  enum rpmsg_channel_origin origin, unsigned flags, uint64_t *remote_id)
{
	struct client *c = client_of(bus);
	struct proto_create req = { .head.op = PROTO_CREATE, .info = *info, .origin = origin,
				    .flags = flags };
	struct proto_create_reply rep;
	int err;

	err = client_call(c, &req, sizeof(req), &rep, sizeof(rep), sizeof(rep), NULL, 0);
	if (err)
		return err;
	if (!rep.channel)
		return fail(EPROTO, "malformed reply from rpmsgd");
	info->src = rep.src;
	info->dst = rep.dst;
	*remote_id = rep.channel;
	remove_stale(c, info, rep.channel);
	return 0;
}

int client_channel_destroy(struct rpmsg_bus *bus, const struct channel *ch)
{
	struct proto_destroy req = { .head.op = PROTO_DESTROY, .channel = ch->remote_id };
	struct proto_head rep;
	const size_t size = sizeof(rep);
	int err;

	err = client_call(client_of(bus), &req, sizeof(req), &rep, size, size, NULL, 0);
	return err == -ENOENT || err == -EPIPE ? 0 : err; /* gone at the server: goes here too */
}

/* ---- questions ---- */

/* Fills in what only this process knows. With lock. */
static void own_view(struct client *c, struct rpmsg_channel_status *st, uint64_t id)
{
	struct channel *ch = find(c, id);

	st->rpdev = ch ? &ch->pub : NULL;
	if (st->holder_kind != RPMSG_HOLDER_CLIENT || st->holder_pid != c->bus.pid)
		return;
	st->holder_kind = RPMSG_HOLDER_SELF;
	if (!ch || !ch->driver)
		return;
	st->holder_kind = RPMSG_HOLDER_DRIVER;
	strncpy(st->holder, ch->driver->drv.name, sizeof(st->holder) - 1);
}

static void to_status(struct client *c, const struct proto_channel *item,
		      struct rpmsg_channel_status *st)
{
	*st = (struct rpmsg_channel_status){
		.size = sizeof(*st), .info = item->info, .origin = item->origin,
		.holder_kind = item->holder_kind, .holder_pid = (int)item->holder_pid,
		.announced = item->announced, .peer_seen = item->peer_seen, .tx = item->tx,
		.rx = item->rx, .mtu = item->mtu, .counts = item->counts,
	};
	memcpy(st->holder, item->holder, sizeof(st->holder));
	lock_take(&c->bus.lock);
	own_view(c, st, item->channel);
	lock_drop(&c->bus.lock);
}

int client_for_each_channel(struct rpmsg_bus *bus,
			    int (*fn)(const struct rpmsg_channel_status *, void *), void *arg)
{
	struct client *c = client_of(bus);
	struct proto_list_reply *rep = malloc(sizeof(*rep));
	struct rpmsg_channel_status st;
	uint64_t last = 0;
	int ret;

	if (!rep)
		return -ENOMEM;
	do {
		ret = ask_list(c, last, rep);
		for (uint32_t i = 0; !ret && i < rep->n; i++) {
			last = rep->item[i].channel;
			to_status(c, &rep->item[i], &st);
			ret = fn(&st, arg);
		}
	} while (!ret && rep->more);
	free(rep);
	return ret;
}

bool client_announced(struct rpmsg_bus *bus)
{
	struct client *c = client_of(bus);

	return !client_ask_info(c) && c->info.announced;
}

int client_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info)
{
	struct client *c = client_of(bus);
	struct proto_info i;

	client_ask_info(c); /* a server that is lost is described as last seen */
	lock_take(&bus->lock);
	i = c->info;
	lock_drop(&bus->lock);
	if (!info->generation) { /* of a link that was up before we came */
		info->generation = i.generation;
		info->features = i.features;
	}
	info->both_sides = i.both_sides;
	info->num = i.num;
	info->buffer_size = i.buffer_size;
	info->mtu_tx = i.mtu_tx;
	info->mtu_rx = i.mtu_rx;
	info->tx_free = i.tx_free;
	info->tx = i.tx;
	info->rx = i.rx;
	info->no_recipient = i.no_recipient;
	info->malformed = i.malformed;
	info->ns_refused = i.ns_refused;
	info->pid = (int)i.pid;
	info->tx_held_ms = i.tx_held_ms;
	info->own_only = i.own_only;
	info->fixed_dst = i.fixed_dst;
	memcpy(info->tx_holder, i.tx_holder, sizeof(info->tx_holder));
	return 0;
}
