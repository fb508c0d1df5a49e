/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rpmsg-top/layout.h"
#include "rpmsg-top/screen.h"

/* Names that are tried for a capture without a name of its own: several may begin in one second. */
#define NAMES_MAX 100

/* ---- which are wanted ---- */

bool records_captured(const struct view *v)
{
	uint64_t n;

	return events_capture_path(v->events, &n);
}

static bool is_narrowed(const struct view *v)
{
	return *v->filter || v->cfg->name;
}

static void add(struct view *v, struct picks *picks, const struct row *row)
{
	if (picks_add(picks, row))
		view_note(v, true, "out of memory: not all rows' messages are chosen");
}

static void choose_wanted(struct view *v)
{
	size_t n = table_rows(v->table);
	const struct row *selected = view_row(v);

	v->n_tagged = 0;
	for (size_t i = 0; i < n; i++) {
		const struct row *row = table_row(v->table, i);

		if (!row->tagged)
			continue;
		v->n_tagged++;
		add(v, &v->wanted, row);
	}
	if (!v->n_tagged && selected)
		add(v, &v->wanted, selected);
	picks_sort(&v->wanted);
}

void records_choose(struct view *v)
{
	size_t n = table_rows(v->table);
	struct layout lay;

	picks_clear(&v->wanted);
	picks_clear(&v->kept);
	choose_wanted(v);
	for (size_t i = 0; i < n && is_narrowed(v) && records_captured(v); i++)
		add(v, &v->kept, table_row(v->table, i));
	picks_sort(&v->kept);
	layout_of(v, &lay);
	source_want_records(v->src,
			    lay.n_messages > 0 || lay.n_events > 0 || records_captured(v));
}

static const char *bus_name(const struct view *v, size_t bus)
{
	return bus < table_buses(v->table) ? table_bus(v->table, bus)->bus.name : "";
}

static bool is_wanted(size_t bus, const struct rpmsg_record *record, void *arg)
{
	const struct view *v = arg;

	return v->wanted.n && picks_have(&v->wanted, bus, bus_name(v, bus), record);
}

/* Tagged rows if there are any, else the bus and the rows that are shown. */
static bool is_kept(size_t bus, const struct rpmsg_record *record, void *arg)
{
	const struct view *v = arg;

	if (v->n_tagged)
		return picks_have(&v->wanted, bus, bus_name(v, bus), record);
	if (v->bus != VIEW_ALL_BUSES && v->bus != (long)bus)
		return false;
	return !is_narrowed(v) || picks_have(&v->kept, bus, bus_name(v, bus), record);
}

bool records_update(struct view *v)
{
	bool writes = records_captured(v);
	bool new = events_update(v->events, v->src, is_wanted, v);
	int err = events_capture_error(v->events);

	if (writes && !records_captured(v) && err)
		view_note(v, true, "the capture ended: %s", rpmsg_strerror(err));
	return new;
}

/* ---- a capture ---- */

/* The n-th name for a capture that begins now. */
static void name_capture(char *path, size_t size, int n)
{
	char date[32];
	time_t now = time(NULL);
	struct tm tm;

	if (!localtime_r(&now, &tm) || !strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm))
		strcpy(date, "now");
	if (n)
		snprintf(path, size, "rpmsg-%s-%d.pcap", date, n);
	else
		snprintf(path, size, "rpmsg-%s.pcap", date);
}

static void begin_capture(struct view *v)
{
	char name[64];
	const char *path = v->cfg->write;
	int err = -EEXIST;

	if (path)
		err = events_capture(v->events, path, is_kept, v);
	for (int n = 0; !path && n < NAMES_MAX && err == -EEXIST; n++) {
		name_capture(name, sizeof(name), n);
		err = events_capture(v->events, name, is_kept, v);
	}
	if (err)
		view_note(v, true, "%s: %s", path ? path : name, rpmsg_strerror(err));
	records_choose(v);
}

void records_capture(struct view *v)
{
	uint64_t n;
	const char *path = events_capture_path(v->events, &n);
	char name[128];
	int err;

	v->changed = true;
	if (!path) {
		begin_capture(v);
		return;
	}
	snprintf(name, sizeof(name), "%s", path);
	err = events_capture_end(v->events);
	if (err)
		view_note(v, true, "%s: %s", name, rpmsg_strerror(err));
	else
		view_note(v, false, "%s: %llu record%s written", name, (unsigned long long)n,
			  plural_s(n));
	records_choose(v);
}

/* ---- what the panes have ---- */

/* False beyond the last. */
static bool time_of(const struct view *v, enum pane pane, size_t i, uint64_t *ns)
{
	const struct kept_message *message;
	const struct kept_event *event;

	if (pane == PANE_MESSAGES) {
		message = events_message(v->events, i);
		*ns = message ? message->time_ns : 0;
		return message;
	}
	event = events_get(v->events, i);
	*ns = event ? event->time_ns : 0;
	return event;
}

size_t records_newest(const struct view *v, enum pane pane)
{
	uint64_t ns;
	size_t i = 0;

	while (time_of(v, pane, i, &ns) && ns > v->tail[pane].newest_ns)
		i++;
	return i;
}

size_t records_count(const struct view *v, enum pane pane)
{
	size_t from = records_newest(v, pane), to = from;
	uint64_t ns;

	while (time_of(v, pane, to, &ns))
		to++;
	return to - from;
}

void records_scroll(struct view *v, enum pane pane, long by)
{
	struct tail *tail = &v->tail[pane];
	size_t n = records_count(v, pane);
	long to = (long)tail->scroll + by;

	if (to >= (long)n)
		to = n ? (long)n - 1 : 0;
	tail->scroll = to > 0 ? (size_t)to : 0;
	if (!tail->scroll && !v->paused)
		tail->newest_ns = TAIL_OPEN;
	else if (tail->newest_ns == TAIL_OPEN)
		time_of(v, pane, 0, &tail->newest_ns);
	v->changed = true;
}

void records_scroll_to(struct view *v, enum pane pane, bool oldest)
{
	long far = (long)(pane == PANE_MESSAGES ? MESSAGES_KEPT : EVENTS_KEPT);

	records_scroll(v, pane, oldest ? far : -far);
}
