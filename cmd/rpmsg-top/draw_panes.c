/* SPDX-License-Identifier: BSD-2-Clause */
/* The panes below the table: messages of the selected or tagged rows, and what happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/append.h"
#include "common/format_line.h"
#include "rpmsg-top/draw.h"

#define BOTH_MIN 24 /* columns for which hex and text beside each other make sense */

static uint64_t lost(const struct view *v)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < table_buses(v->table); i++)
		if (v->bus == VIEW_ALL_BUSES || v->bus == (long)i)
			sum += table_bus(v->table, i)->bus.lost;
	return sum;
}

static void draw_title(const struct view *v, int y, int columns, enum pane pane, const char *text)
{
	struct pen p = pen_at(v, y, 0, columns);
	enum style style = v->focus == pane ? STYLE_HEADING : STYLE_DIM;
	uint64_t missing = lost(v);

	pen_put(&p, style, "%s%s ", v->focus == pane ? "> " : "", text);
	if (v->tail[pane].scroll)
		pen_put(&p, style, "(%zu newer below) ", v->tail[pane].scroll);
	if (missing)
		pen_put(&p, STYLE_WARNING, "(%" PRIu64 " record%s missed) ", missing,
			plural_s(missing));
	pen_line(&p, style);
}

/* Why there is nothing to show; NULL: there may be. */
static const char *no_records(const struct view *v)
{
	const struct row *row = view_row(v);
	size_t bus = v->bus != VIEW_ALL_BUSES ? (size_t)v->bus : row ? row->bus : 0;

	if (bus >= table_buses(v->table))
		return NULL;
	return table_bus(v->table, bus)->bus.records ? NULL :
						       table_bus(v->table, bus)->bus.no_records;
}

static void draw_nothing(const struct view *v, int y, int columns, const char *otherwise)
{
	const char *why = no_records(v);
	struct pen p = pen_at(v, y, 2, columns - 2);

	pen_put(&p, STYLE_DIM, "%s", why && *why ? why : otherwise);
}

/* ---- messages ---- */

static size_t known(const struct kept_message *m)
{
	return m->len < MESSAGE_BYTES_KEPT ? m->len : MESSAGE_BYTES_KEPT;
}

/* How many of n bytes fit in room columns at each a byte; the last two say that some do not. */
static size_t fitting(size_t n, size_t len, int room, int each, bool *cut)
{
	size_t most = room > 0 ? (size_t)(room / each) : 0;

	*cut = n < len || most < len;
	if (!*cut)
		return n;
	most = room > 2 ? (size_t)((room - 2) / each) : 0;
	return n < most ? n : most;
}

static void put_hex(struct pen *p, const struct kept_message *m, int width)
{
	int end = p->x + width;
	bool cut;
	size_t n = fitting(known(m), m->len, width, 3, &cut);

	for (size_t i = 0; i < n; i++)
		pen_put(p, STYLE_PLAIN, "%02x ", m->data[i]);
	if (cut)
		pen_put(p, STYLE_DIM, "..");
	pen_to(p, STYLE_PLAIN, end);
}

static void put_text(struct pen *p, const struct kept_message *m, int width)
{
	char text[MESSAGE_BYTES_KEPT + 1];
	bool cut;
	size_t n = fitting(known(m), m->len, width, 1, &cut);

	*append_printable(text, m->data, n) = '\0';
	pen_put(p, STYLE_PLAIN, "%s", text);
	if (cut)
		pen_put(p, STYLE_DIM, "..");
}

static void put_payload(struct pen *p, const struct kept_message *m, enum dump dump)
{
	int room = pen_room(p);

	if (dump == DUMP_BOTH && room >= BOTH_MIN) {
		put_hex(p, m, room * 3 / 4 / 3 * 3);
		put_text(p, m, pen_room(p));
	} else if (dump == DUMP_TEXT) {
		put_text(p, m, room);
	} else {
		put_hex(p, m, room);
	}
}

static void draw_message(const struct view *v, int y, int columns, const struct kept_message *m)
{
	char time[DRAW_TIME_SIZE], src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];
	struct pen p = pen_at(v, y, 0, columns);

	if (columns >= 60)
		pen_put(&p, STYLE_DIM, "%s ", draw_time(m->time_ns, true, time));
	if (v->bus == VIEW_ALL_BUSES && table_buses(v->table) > 1 && columns >= 80)
		pen_put(&p, STYLE_PLAIN, "%s ", table_bus(v->table, m->bus)->bus.name);
	pen_put(&p, m->dir == RPMSG_H2R ? STYLE_GOOD : STYLE_WARNING, "%s ",
		format_direction(m->dir));
	pen_put(&p, STYLE_PLAIN, "%s>%s %u  ", format_addr(m->src, src), format_addr(m->dst, dst),
		m->len);
	put_payload(&p, m, v->dump);
}

static void messages_title(const struct view *v, char *text, size_t size)
{
	const struct row *row = view_row(v);
	char addr[FORMAT_ADDR_SIZE];

	if (v->n_tagged)
		snprintf(text, size, "messages of %zu tagged row%s", v->n_tagged,
			 plural_s(v->n_tagged));
	else if (row)
		snprintf(text, size, "messages of %s %s", *row->service ? row->service : "-",
			 format_addr(row->addr, addr));
	else
		snprintf(text, size, "messages");
}

void draw_messages(const struct view *v, const struct layout *lay)
{
	size_t at = records_newest(v, PANE_MESSAGES) + v->tail[PANE_MESSAGES].scroll;
	const struct kept_message *m;
	char title[128];

	if (!lay->n_messages)
		return;
	messages_title(v, title, sizeof(title));
	draw_title(v, lay->messages, lay->columns, PANE_MESSAGES, title);
	if (lay->n_messages > 1 && !events_message(v->events, at))
		draw_nothing(v, lay->messages + 1, lay->columns, "none yet");
	for (int i = lay->n_messages - 1; i > 0; i--, at++) {
		m = events_message(v->events, at);
		if (m)
			draw_message(v, lay->messages + i, lay->columns, m);
	}
}

/* ---- events ---- */

static void draw_event(const struct view *v, int y, int columns, const struct kept_event *event)
{
	struct pen p = pen_at(v, y, 0, columns);
	char time[DRAW_TIME_SIZE];

	pen_put(&p, STYLE_DIM, "%s ", draw_time(event->time_ns, columns >= 60, time));
	pen_put(&p, STYLE_PLAIN, "%s", event->text);
}

void draw_events(const struct view *v, const struct layout *lay)
{
	size_t at = records_newest(v, PANE_EVENTS) + v->tail[PANE_EVENTS].scroll;
	const struct kept_event *event;

	if (!lay->n_events)
		return;
	draw_title(v, lay->events, lay->columns, PANE_EVENTS, "events");
	if (lay->n_events > 1 && !events_get(v->events, at))
		draw_nothing(v, lay->events + 1, lay->columns, "none yet");
	for (int i = lay->n_events - 1; i > 0; i--, at++) {
		event = events_get(v->events, at);
		if (event)
			draw_event(v, lay->events + i, lay->columns, event);
	}
}
