/* SPDX-License-Identifier: BSD-2-Clause */
/* What a new picture changes in the rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/channel_text.h"
#include "common/format.h"
#include "common/run.h"
#include "rpmsg-top/entry.h"

#define GONE_NS (INT64_C(5) * 1000 * 1000 * 1000) /* how long a row is still shown */
#define GONE_MAX 1000

static const enum rpmsg_side side_of[2] = {RPMSG_SIDE_HOST, RPMSG_SIDE_REMOTE};

struct table *table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t) {
		t->only_bus = -1;
		t->sort = COLUMN_SHARE;
	}
	return t;
}

static bool drop_any(struct table *t, struct entry *e, void *arg)
{
	(void)t;
	(void)e;
	(void)arg;
	return true;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	entries_sweep(t, drop_any, NULL);
	for (size_t i = 0; i < t->n_buses; i++) {
		snapshot_free(&t->bus[i].row.picture);
		free(t->bus[i].channel[0]);
		free(t->bus[i].channel[1]);
	}
	free(t->bus);
	free(t->bucket);
	free(t->shown);
	free(t->text);
	free(t);
}

int table_error(const struct table *t)
{
	return t->err;
}

size_t table_buses(const struct table *t)
{
	return t->n_buses;
}

const struct bus_row *table_bus(const struct table *t, size_t bus)
{
	return bus < t->n_buses ? &t->bus[bus].row : NULL;
}

uint64_t table_channels(const struct table *t)
{
	return t->channels;
}

/* ---- rates ---- */

static struct rates totals_of(const struct rpmsg_counts *c)
{
	return (struct rates){
		.tx_messages = (double)c->tx.messages,
		.rx_messages = (double)c->rx.messages,
		.tx_bytes = (double)c->tx.bytes,
		.rx_bytes = (double)c->rx.bytes,
	};
}

/* 0 if a counter went back: another has taken its place. */
static struct rates rates_between(const struct rates *from, const struct rates *to, uint64_t ns)
{
	double s = (double)ns / 1e9;
	struct rates r = {
		.tx_messages = (to->tx_messages - from->tx_messages) / s,
		.rx_messages = (to->rx_messages - from->rx_messages) / s,
		.tx_bytes = (to->tx_bytes - from->tx_bytes) / s,
		.rx_bytes = (to->rx_bytes - from->rx_bytes) / s,
	};

	if (!ns || r.tx_messages < 0 || r.rx_messages < 0 || r.tx_bytes < 0 || r.rx_bytes < 0)
		return (struct rates){0};
	return r;
}

static void remember(float history[ROW_HISTORY], const struct rates *r)
{
	memmove(history, history + 1, (ROW_HISTORY - 1) * sizeof(*history));
	history[ROW_HISTORY - 1] = (float)(r->tx_messages + r->rx_messages);
}

/* The server's clock when it counted: ours may be read much later. */
static uint64_t side_clock(const struct snapshot *picture, int s)
{
	uint64_t counted = picture->side[s].stats.time_ns;

	return counted ? counted : picture->clock_ns;
}

/* ---- one row ---- */

/*
 * counts are those of now, st still has those of the picture before. One that is new in a
 * picture that is not the first has begun at 0 since then, if it is an endpoint.
 */
static void entry_count(struct entry *e, const struct rpmsg_counts *counts, bool is_new,
			const struct bus_state *b)
{
	const int s = e->row.side == RPMSG_SIDE_REMOTE;
	const struct rates from = totals_of(&e->row.st.counts), to = totals_of(counts);
	uint64_t first = e->row.id && b->row.fresh ? b->before[s].clock_ns : 0;
	uint64_t since = is_new ? first : e->clock_ns, now = side_clock(&b->row.picture, s);

	if (since && now != since)
		e->row.rates = rates_between(&from, &to, now > since ? now - since : 0);
	else if (!since)
		e->row.rates = (struct rates){0};
	if (now != since)
		remember(e->row.history, &e->row.rates);
	e->clock_ns = now;
	e->row.last_ns = counts->tx.last_ns > counts->rx.last_ns ? counts->tx.last_ns :
								   counts->rx.last_ns;
	e->row.errors = counts_errors(counts) + counts->dropped;
}

static void entry_seen(struct table *t, struct entry *e)
{
	e->seen = t->picture;
	t->n_gone -= e->row.gone;
	e->row.gone = false;
}

static void set_names(struct row *row, const struct rpmsg_channel_info *channel)
{
	format_printable(row->service, sizeof(row->service), channel->name,
			 strnlen(channel->name, sizeof(channel->name)));
}

static struct entry *take_channel(struct table *t, size_t bus, enum rpmsg_side side,
				  const struct rpmsg_channel_status *st)
{
	bool service = st->origin == RPMSG_CHANNEL_SERVICE, is_new;
	const struct entry_key key = {
		.bus = bus,
		.side = side,
		.name = st->info.name,
		.anchor = service ? st->info.src : st->info.dst,
		.service = service,
	};
	struct entry *e = entry_get(t, &key, &is_new);

	if (!e)
		return NULL;
	if (is_new || e->row.gone || e->row.addr != st->info.src || e->row.dst != st->info.dst)
		t->channels++;
	entry_seen(t, e);
	entry_count(e, &st->counts, is_new, &t->bus[bus]);
	e->row.st.channel = st->info;
	e->row.st.counts = st->counts;
	e->row.st.addr = e->row.addr = st->info.src;
	e->row.st.dst = e->row.dst = st->info.dst;
	set_names(&e->row, &st->info);
	e->row.state = channel_state(st);
	holder_text(st->holder_kind, st->holder_pid, st->holder, e->row.owner,
		    sizeof(e->row.owner));
	return e;
}

/* The channel that an endpoint is on, or NULL. */
static struct entry *channel_of(const struct table *t, size_t bus, enum rpmsg_side side,
				const struct rpmsg_channel_info *channel)
{
	struct entry_key key = {
		.bus = bus,
		.side = side,
		.name = channel->name,
		.anchor = channel->src,
		.service = true,
	};
	struct entry *e;

	if (!*channel->name)
		return NULL;
	e = entry_find(t, &key);
	key.anchor = channel->dst;
	key.service = false;
	return e ? e : entry_find(t, &key);
}

static struct entry *take_endpoint(struct table *t, size_t bus, enum rpmsg_side side,
				   const struct rpmsg_endpoint_stats *st)
{
	const struct entry_key key = {.bus = bus, .side = side, .id = st->id, .name = ""};
	struct entry *channel = channel_of(t, bus, side, &st->channel);
	bool is_new;
	struct entry *e = entry_get(t, &key, &is_new);

	if (!e)
		return NULL;
	entry_seen(t, e);
	entry_count(e, &st->counts, is_new, &t->bus[bus]);
	e->row.st = *st;
	e->row.addr = st->addr;
	e->row.dst = st->dst;
	set_names(&e->row, &st->channel);
	e->row.state = channel && channel->seen == t->picture ? channel->row.state : "";
	if (channel)
		channel->covered = t->picture;
	if (st->holder_kind == RPMSG_HOLDER_NONE) /* a file does not tell */
		snprintf(e->row.owner, sizeof(e->row.owner), "?");
	else
		holder_text(st->holder_kind, st->holder_pid, st->holder, e->row.owner,
			    sizeof(e->row.owner));
	return e;
}

/* ---- a side ---- */

static double bytes_rate(const struct rates *r)
{
	return r->tx_bytes + r->rx_bytes;
}

/* Room for what the picture has; false: memory ran out. */
static bool make_room(struct bus_state *b, int s, size_t n)
{
	struct entry **room = reallocarray(b->channel[s], n + 1, sizeof(*room));

	if (!room)
		return false;
	b->channel[s] = room;
	b->n_channels[s] = 0;
	return true;
}

static int take_side(struct table *t, size_t bus, int s)
{
	struct bus_state *b = &t->bus[bus];
	const struct snapshot_side *side = &b->row.picture.side[s];
	const enum rpmsg_side which = side_of[s];
	double all = 0;
	struct entry *e;

	if (!make_room(b, s, side->n_channels))
		return -ENOMEM;
	for (size_t i = 0; i < side->n_channels; i++) {
		e = take_channel(t, bus, which, &side->channel[i]);
		if (!e)
			return -ENOMEM;
		b->channel[s][b->n_channels[s]++] = e;
	}
	for (size_t i = 0; i < side->n_endpoints; i++) {
		e = take_endpoint(t, bus, which, &side->endpoint[i]);
		if (!e)
			return -ENOMEM;
		all += bytes_rate(&e->row.rates);
	}
	for (size_t i = 0; i < side->n_endpoints; i++) {
		const struct entry_key key = {
			.bus = bus, .side = which, .id = side->endpoint[i].id, .name = "",
		};

		e = entry_find(t, &key);
		if (e)
			e->row.share = all > 0 ? bytes_rate(&e->row.rates) / all : 0;
	}
	return 0;
}

static void take_totals(struct bus_state *b, int s)
{
	const struct snapshot *p = &b->row.picture;
	const struct rates totals = totals_of(&p->side[s].stats.counts);
	struct before *before = &b->before[s];
	uint64_t now = side_clock(p, s);

	b->row.rates[s] = (struct rates){0};
	if (b->row.fresh && before->served && now > before->clock_ns)
		b->row.rates[s] = rates_between(&before->totals, &totals, now - before->clock_ns);
	remember(b->row.history[s], &b->row.rates[s]);
	*before = (struct before){
		.served = p->side[s].served,
		.since_ns = p->side[s].stats.since_ns,
		.clock_ns = now,
		.totals = totals,
	};
}

/* ---- a bus ---- */

struct sweep {
	size_t bus;
	int64_t now;
	bool forget; /* all that went goes at once */
};

/* Marks what the newest picture of its bus does not have, and drops what has been marked long. */
static bool drop_gone(struct table *t, struct entry *e, void *arg)
{
	const struct sweep *sweep = arg;

	if (e->row.bus != sweep->bus || e->seen == t->picture)
		return false;
	if (sweep->forget || e->covered == e->seen || t->n_gone > GONE_MAX)
		return true;
	if (!e->row.gone) {
		e->row.gone = true;
		e->gone_ns = sweep->now;
		e->clock_ns = 0;
		e->row.rates = (struct rates){0};
		e->row.share = 0;
		t->n_gone++;
	}
	return sweep->now - e->gone_ns > GONE_NS;
}

static void sweep_bus(struct table *t, size_t bus, bool forget)
{
	struct sweep sweep = {.bus = bus, .now = run_now(), .forget = forget};

	entries_sweep(t, drop_gone, &sweep);
}

/* Whether counting began anew: another server, or time that goes back. */
static bool is_restart(const struct bus_state *b)
{
	if (b->clock_ns && b->row.picture.clock_ns < b->clock_ns)
		return true;
	for (int s = 0; s < 2; s++)
		if (b->before[s].served && b->row.picture.side[s].served &&
		    b->before[s].since_ns != b->row.picture.side[s].stats.since_ns)
			return true;
	return false;
}

/* Numbers of endpoints begin again too: what was there is not what is there. */
static void restart_bus(struct table *t, size_t bus)
{
	t->picture++;
	sweep_bus(t, bus, true);
	t->bus[bus].clock_ns = 0;
	memset(t->bus[bus].row.history, 0, sizeof(t->bus[bus].row.history));
}

static void take_picture(struct table *t, size_t bus)
{
	struct bus_state *b = &t->bus[bus];
	int err = 0;

	if (is_restart(b))
		restart_bus(t, bus);
	b->row.fresh = b->clock_ns != 0;
	memset(b->n_channels, 0, sizeof(b->n_channels));
	t->picture++;
	for (int s = 0; s < 2 && !err; s++) {
		if (b->row.picture.side[s].served) {
			recent_update(&b->row.recent[s], &b->row.picture.side[s],
				      b->row.picture.clock_ns);
			err = take_side(t, bus, s);
		}
		take_totals(b, s);
	}
	b->clock_ns = b->row.picture.clock_ns;
	if (err)
		t->err = err;
	sweep_bus(t, bus, false);
}

static void lose_bus(struct table *t, size_t bus)
{
	struct bus_state *b = &t->bus[bus];

	snapshot_free(&b->row.picture);
	b->row.picture = (struct snapshot){0};
	b->row.fresh = false;
	b->clock_ns = 0;
	memset(b->row.rates, 0, sizeof(b->row.rates));
	memset(b->n_channels, 0, sizeof(b->n_channels));
	t->picture++;
}

static bool same_description(const struct source_bus *a, const struct source_bus *b)
{
	return a->there == b->there && a->records == b->records && !strcmp(a->why, b->why) &&
	       !strcmp(a->no_records, b->no_records) && !strcmp(a->missing, b->missing) &&
	       !strcmp(a->name, b->name) && a->silent_ns == b->silent_ns && a->lost == b->lost;
}

static bool update_bus(struct table *t, struct source *src, size_t bus)
{
	struct bus_state *b = &t->bus[bus];
	const struct source_bus was = b->row.bus;
	const size_t n_entries = t->n_entries;
	const bool taken = source_take(src, bus, &b->row.picture);
	bool changed;

	source_describe(src, bus, &b->row.bus); /* last: no older than the picture */
	changed = !same_description(&was, &b->row.bus);
	if (taken && b->row.bus.there) {
		take_picture(t, bus);
		return true;
	}
	if (b->row.bus.there)
		return changed;
	if (was.there || taken)
		lose_bus(t, bus);
	sweep_bus(t, bus, false);
	return changed || t->n_entries != n_entries;
}

static int add_buses(struct table *t, size_t n)
{
	struct bus_state *bus;

	if (n <= t->n_buses)
		return 0;
	bus = reallocarray(t->bus, n, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	t->bus = bus;
	memset(bus + t->n_buses, 0, (n - t->n_buses) * sizeof(*bus));
	t->n_buses = n;
	return 0;
}

bool table_update(struct table *t, struct source *src)
{
	size_t n = source_buses(src);
	bool changed = n > t->n_buses;

	t->err = add_buses(t, n);
	for (size_t i = 0; i < t->n_buses; i++)
		changed |= update_bus(t, src, i);
	if (changed)
		rows_choose(t);
	return changed;
}

static bool restart_entry(struct table *t, struct entry *e, void *arg)
{
	(void)t;
	(void)arg;
	e->clock_ns = 0;
	e->row.rates = (struct rates){0};
	e->row.share = 0;
	memset(e->row.history, 0, sizeof(e->row.history));
	return e->row.gone;
}

void table_restart(struct table *t)
{
	entries_sweep(t, restart_entry, NULL);
	for (size_t i = 0; i < t->n_buses; i++) {
		struct bus_state *b = &t->bus[i];

		b->clock_ns = 0;
		b->row.fresh = false;
		memset(b->row.rates, 0, sizeof(b->row.rates));
		memset(b->row.history, 0, sizeof(b->row.history));
	}
	rows_choose(t);
}

const struct row *table_channel(const struct table *t, size_t bus, enum rpmsg_side side, size_t i)
{
	int s = side == RPMSG_SIDE_REMOTE;
	const struct row *row;

	if (bus >= t->n_buses || i >= t->bus[bus].n_channels[s])
		return NULL;
	row = &t->bus[bus].channel[s][i]->row;
	return row_is_chosen(t, row) ? row : NULL;
}
