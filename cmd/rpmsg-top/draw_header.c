/* SPDX-License-Identifier: BSD-2-Clause */
/* The head: which buses, how they are, what flows each way, how full the rings are. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/format_line.h"
#include "common/stats_json.h"
#include "rpmsg-top/draw.h"

#define NS_PER_S INT64_C(1000000000)
#define ROOMY 60 /* columns, for what can be done without */

/* A direction of a bus, as those of its sides that are served tell it. */
struct way {
	enum rpmsg_direction dir;
	bool known;                /* a side is served */
	uint32_t size, used, held; /* of the ring */
	uint64_t oldest_ns;
	const char *holder;
	double messages, bytes;    /* a second */
	const struct rpmsg_flow *total;
	uint64_t errors;           /* what did not get through */
	uint32_t mtu;
};

static uint64_t refused(const struct rpmsg_stats *st)
{
	return st->counts.dropped + st->no_recipient + st->malformed + st->ns_refused;
}

static void take_ring(struct way *w, const struct rpmsg_ring_stats *ring)
{
	if (!w->size) {
		w->size = ring->size;
		w->used = ring->size - ring->free;
	}
	if (ring->size && ring->held)
		w->held += ring->held;
	if (ring->oldest_ns > w->oldest_ns)
		w->oldest_ns = ring->oldest_ns;
	if (!*w->holder)
		w->holder = ring->holder;
}

static struct way way_of(const struct bus_row *bus, enum rpmsg_direction dir)
{
	size_t from = dir == RPMSG_H2R ? 0 : 1, to = !from;
	const struct snapshot_side *sender = &bus->picture.side[from];
	const struct snapshot_side *receiver = &bus->picture.side[to];
	struct way w = {.dir = dir, .holder = ""};

	w.known = sender->served || receiver->served;
	if (receiver->served) {
		take_ring(&w, &receiver->stats.rx_ring);
		w.messages = bus->rates[to].rx_messages;
		w.bytes = bus->rates[to].rx_bytes;
		w.total = &receiver->stats.counts.rx;
		w.errors = refused(&receiver->stats);
		w.mtu = receiver->info.mtu_rx;
	}
	if (sender->served) {
		take_ring(&w, &sender->stats.tx_ring);
		w.messages = bus->rates[from].tx_messages;
		w.bytes = bus->rates[from].tx_bytes;
		w.total = &sender->stats.counts.tx;
		w.errors += counts_errors(&sender->stats.counts);
		w.mtu = sender->info.mtu_tx;
	}
	return w;
}

/* ---- one direction ---- */

static enum style fullness(const struct way *w)
{
	if (w->used == w->size)
		return STYLE_ALARM;
	return w->used > w->size / 2 ? STYLE_WARNING : STYLE_GOOD;
}

static void put_ring(struct pen *p, const struct way *w, int width)
{
	double size = w->size;

	pen_put(p, STYLE_TITLE, "%s ", format_direction(w->dir));
	if (!w->size) {
		pen_put(p, STYLE_DIM, "[%-*.*s] ", width, width, "ring not known");
		return;
	}
	pen_put(p, STYLE_PLAIN, "[");
	pen_bar(p, fullness(w), width, w->used / size, w->held / size);
	pen_put(p, STYLE_PLAIN, "] ");
	pen_put(p, w->used == w->size ? STYLE_ALARM : STYLE_PLAIN, "%3" PRIu32 "/%" PRIu32 " ",
		w->used, w->size);
}

static void put_rates(struct pen *p, const struct way *w, bool fresh)
{
	char messages[16] = "-", bytes[16] = "-";

	if (fresh) {
		short_number(w->messages, messages, sizeof(messages));
		short_number(w->bytes, bytes, sizeof(bytes));
	}
	if (!pen_try(p, STYLE_PLAIN, " %5s msg/s %5s B/s ", messages, bytes))
		pen_put(p, STYLE_PLAIN, " %s/s", messages);
}

static void put_holder(struct pen *p, const struct way *w)
{
	char time[16];

	if (!w->used || w->oldest_ns < (uint64_t)NS_PER_S)
		return;
	short_time(w->oldest_ns, time, sizeof(time));
	pen_try(p, STYLE_WARNING, "  %s %s%s%s", w->held ? "held" : "in flight", time,
		*w->holder ? " by " : "", w->holder);
}

static void put_totals(struct pen *p, const struct way *w)
{
	char messages[16], bytes[16], errors[16];

	short_number((double)w->total->messages, messages, sizeof(messages));
	short_number((double)w->total->bytes, bytes, sizeof(bytes));
	short_number((double)w->errors, errors, sizeof(errors));
	if (!pen_try(p, w->errors ? STYLE_WARNING : STYLE_PLAIN, "  errors %s", errors))
		pen_try(p, STYLE_WARNING, " err %s", errors);
	if (w->mtu)
		pen_try(p, STYLE_PLAIN, "  MTU %" PRIu32, w->mtu);
	pen_try(p, STYLE_PLAIN, "  total %s msg %s B", messages, bytes);
}

static int bar_width(int columns)
{
	if (columns < ROOMY)
		return 8;
	return columns < 100 ? 16 : columns < 160 ? 24 : 32;
}

static void draw_way(const struct view *v, const struct layout *lay, int y,
		     const struct bus_row *bus, enum rpmsg_direction dir)
{
	struct way w = way_of(bus, dir);
	struct pen p = pen_at(v, y, 0, lay->columns);

	if (!w.known)
		return;
	put_ring(&p, &w, bar_width(lay->columns));
	put_rates(&p, &w, bus->fresh);
	put_holder(&p, &w);
	put_totals(&p, &w);
}

/* ---- the title ---- */

static const char *sides(const struct bus_row *bus)
{
	bool host = bus->picture.side[0].served, remote = bus->picture.side[1].served;

	if (host && remote)
		return "both sides";
	return host ? "host" : remote ? "remote" : "";
}

/* The state of its link. Returns the info of a side that tells it, or NULL. */
static const struct rpmsg_bus_info *info_of(const struct bus_row *bus)
{
	for (int side = 0; side < 2; side++)
		if (bus->picture.side[side].served)
			return &bus->picture.side[side].info;
	return NULL;
}

static void put_state(struct pen *p, const struct bus_row *bus)
{
	const struct rpmsg_bus_info *info = info_of(bus);
	char time[16];

	if (!bus->bus.there) {
		pen_put(p, STYLE_ALARM, "gone: %s", bus->bus.why);
		return;
	}
	if (bus->bus.silent_ns >= (uint64_t)NS_PER_S) {
		short_time(bus->bus.silent_ns, time, sizeof(time));
		pen_put(p, STYLE_ALARM, "no answer for %s  ", time);
	}
	if (!info)
		return;
	pen_put(p, info->up ? STYLE_GOOD : STYLE_ALARM, "%s", info->up ? "up" : "DOWN");
	if (info->generation)
		pen_try(p, STYLE_PLAIN, "  generation %" PRIu32, info->generation);
}

static void put_features(struct pen *p, const struct bus_row *bus)
{
	const struct rpmsg_bus_info *info = info_of(bus);
	char text[160];

	if (!info || !info->features)
		return;
	stats_features(info->features, text, sizeof(text));
	pen_put(p, STYLE_DIM, "  %s", text);
}

/* Which interval, or where in the file. */
static void when(const struct view *v, int columns, char *text, size_t size)
{
	double every = (double)v->interval_ns / (double)NS_PER_S;
	char clock[DRAW_TIME_SIZE];

	if (v->film) {
		double at = (double)(v->time.now_ns - v->time.first_ns) / (double)NS_PER_S;
		double end = (double)(v->time.last_ns - v->time.first_ns) / (double)NS_PER_S;

		draw_time(v->time.now_ns, true, clock);
		snprintf(text, size, "%s %s  %.1f/%.1f s", v->time.running ? "runs" : "stopped",
			 columns < ROOMY ? "" : clock, at, end);
		return;
	}
	if (v->paused)
		snprintf(text, size, "PAUSED");
	else if (columns < ROOMY)
		snprintf(text, size, "every %g s", every);
	else
		snprintf(text, size, "every %g s  %s", every,
			 draw_time((uint64_t)time(NULL) * (uint64_t)NS_PER_S, false, clock));
}

/* A file that says nothing of its bus is known by its own name. */
static const char *name_of(const struct view *v, const struct bus_row *bus)
{
	return v->film && strcmp(bus->bus.name, "-") == 0 ? v->cfg->read : bus->bus.name;
}

static void draw_title(const struct view *v, const struct layout *lay, const struct bus_row *bus)
{
	struct pen p = pen_at(v, 0, 0, lay->columns);
	char right[64];
	int room;

	when(v, lay->columns, right, sizeof(right));
	room = lay->columns - (int)strlen(right);
	p.end = room - 1;
	if (bus) {
		pen_put(&p, STYLE_TITLE, "%s  ", name_of(v, bus));
		put_state(&p, bus);
		pen_put(&p, STYLE_PLAIN, "  %s", sides(bus));
		put_features(&p, bus);
	} else {
		pen_put(&p, STYLE_TITLE, "%zu buses", table_buses(v->table));
	}
	p = pen_at(v, 0, room, lay->columns - room);
	pen_put(&p, v->paused ? STYLE_WARNING : STYLE_PLAIN, "%s", right);
}

/* ---- several buses ---- */

static void put_short_way(struct pen *p, const struct bus_row *bus, enum rpmsg_direction dir,
			  bool rings)
{
	struct way w = way_of(bus, dir);
	char rate[16] = "-";

	if (!w.known)
		return;
	if (bus->fresh)
		short_number(w.messages, rate, sizeof(rate));
	if (rings)
		put_ring(p, &w, 8);
	else
		pen_put(p, STYLE_PLAIN, "%s ", format_direction(dir));
	pen_put(p, STYLE_PLAIN, "%5s/s  ", rate);
}

static void draw_bus(const struct view *v, const struct layout *lay, int y, size_t i)
{
	const struct bus_row *bus = table_bus(v->table, i);
	struct pen p = pen_at(v, y, 0, lay->columns);
	bool rings;

	pen_put(&p, STYLE_TITLE, "%-8s ", bus->bus.name);
	put_state(&p, bus);
	pen_put(&p, STYLE_PLAIN, "  ");
	if (!bus->bus.there)
		return;
	pen_to(&p, STYLE_PLAIN, lay->columns > ROOMY ? 28 : 0);
	rings = pen_room(&p) >= 68;
	put_short_way(&p, bus, RPMSG_H2R, rings);
	put_short_way(&p, bus, RPMSG_R2H, rings);
	put_features(&p, bus);
}

static void draw_buses(const struct view *v, const struct layout *lay)
{
	int n = (int)table_buses(v->table), lines = lay->n_head - 1;

	draw_title(v, lay, NULL);
	for (int i = 0; i < lines; i++) {
		if (i == lines - 1 && n > lines) {
			struct pen p = pen_at(v, 1 + i, 0, lay->columns);

			pen_put(&p, STYLE_DIM, "and %d more buses: b shows one", n - i);
			return;
		}
		draw_bus(v, lay, 1 + i, (size_t)i);
	}
}

void draw_header(const struct view *v, const struct layout *lay)
{
	const struct bus_row *bus;
	size_t i = v->bus == VIEW_ALL_BUSES ? 0 : (size_t)v->bus;

	if (v->bus == VIEW_ALL_BUSES && table_buses(v->table) > 1) {
		draw_buses(v, lay);
		return;
	}
	bus = i < table_buses(v->table) ? table_bus(v->table, i) : NULL;
	if (!bus) {
		draw_title(v, lay, NULL);
		return;
	}
	draw_title(v, lay, bus);
	draw_way(v, lay, 1, bus, RPMSG_H2R);
	draw_way(v, lay, 2, bus, RPMSG_R2H);
}
