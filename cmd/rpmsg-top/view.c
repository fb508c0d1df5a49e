/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/format.h"
#include "common/run.h"
#include "rpmsg-top/layout.h"
#include "rpmsg-top/screen.h"

#define NOTE_NS INT64_C(5000000000)

struct row *view_row(const struct view *v)
{
	return v->at >= 0 ? table_row(v->table, (size_t)v->at) : NULL;
}

/* The selected row, and a full screen where there are enough rows. */
static void scroll_to_selected(struct view *v)
{
	struct layout lay;
	long n = (long)table_rows(v->table), room;

	layout_of(v, &lay);
	room = lay.n_rows > 0 ? lay.n_rows : 1;
	if (v->top > n - room)
		v->top = n - room;
	if (v->at >= 0 && v->top < v->at - room + 1)
		v->top = v->at - room + 1;
	if (v->top > v->at)
		v->top = v->at;
	if (v->top < 0)
		v->top = 0;
}

static void place(struct view *v, long i)
{
	long n = (long)table_rows(v->table);

	if (i >= n)
		i = n - 1;
	if (i < 0)
		i = n ? 0 : -1;
	v->at = i;
}

/* Another row's messages are wanted. */
static void remember(struct view *v)
{
	const struct row *row = view_row(v);

	if (!row || table_find(v->table, &v->key) == v->at)
		return;
	v->key = row_key(row);
	if (v->n_tagged)
		return;
	v->tail[PANE_MESSAGES] = (struct tail){.newest_ns = TAIL_OPEN};
	events_forget_messages(v->events);
}

static void measure_text(int *longest, const char *text)
{
	int length = (int)strlen(text);

	if (length > *longest)
		*longest = length;
}

static void measure(struct view *v)
{
	size_t n = table_rows(v->table);
	char addr[FORMAT_ADDR_SIZE];

	v->longest_service = v->longest_address = v->longest_bus = 0;
	for (size_t i = 0; i < table_buses(v->table); i++)
		measure_text(&v->longest_bus, table_bus(v->table, i)->bus.name);
	for (size_t i = 0; i < n; i++) {
		const struct row *row = table_row(v->table, i);

		measure_text(&v->longest_service, row->service);
		measure_text(&v->longest_address, format_addr(row->addr, addr));
		measure_text(&v->longest_address, format_addr(row->dst, addr));
	}
}

void view_settle(struct view *v)
{
	long found = v->chosen ? table_find(v->table, &v->key) : 0;

	if (found < 0 && v->page == PAGE_DETAIL) { /* not all about another one */
		v->page = PAGE_TABLE;
		view_note(v, true, "what this was all about has gone");
	}
	place(v, found >= 0 ? found : v->at);
	remember(v);
	measure(v);
	scroll_to_selected(v);
	records_choose(v);
	v->changed = true;
}

void view_select(struct view *v, long i)
{
	place(v, i);
	v->chosen = v->at >= 0;
	remember(v);
	scroll_to_selected(v);
	records_choose(v);
	v->changed = true;
}

void view_home(struct view *v)
{
	view_select(v, 0);
	v->chosen = false;
}

/* ---- order and choice ---- */

void view_sort(struct view *v, enum column column, bool invert)
{
	v->sort = column;
	v->invert = invert;
	table_sort(v->table, column, invert);
	view_settle(v);
}

void view_filter(struct view *v, const char *text)
{
	if (text != v->filter)
		snprintf(v->filter, sizeof(v->filter), "%s", text);
	table_choose(v->table, *v->filter ? v->filter : NULL);
	view_settle(v);
}

bool view_search(struct view *v, bool down, bool same)
{
	long found, from = v->at < 0 ? 0 : v->at;

	if (!*v->search)
		return false;
	if (same)
		from += down ? -1 : 1;
	found = table_search(v->table, v->search, from, down);
	if (found < 0)
		return false;
	view_select(v, found);
	return true;
}

void view_next_bus(struct view *v)
{
	long n = (long)table_buses(v->table);

	if (n < 2) {
		view_note(v, false, "there is one bus only");
		return;
	}
	v->bus = v->bus + 1 < n ? v->bus + 1 : VIEW_ALL_BUSES;
	table_choose_bus(v->table, v->bus);
	view_advise(v);
	view_settle(v);
}

/* ---- tags ---- */

static void tagged_changed(struct view *v)
{
	v->tail[PANE_MESSAGES] = (struct tail){.newest_ns = TAIL_OPEN};
	events_forget_messages(v->events);
	records_choose(v);
	v->changed = true;
}

void view_tag(struct view *v)
{
	struct row *row = view_row(v);

	if (!row)
		return;
	row->tagged = !row->tagged;
	tagged_changed(v);
	view_select(v, v->at + 1);
}

void view_untag_all(struct view *v)
{
	table_untag(v->table);
	tagged_changed(v);
}

/* ---- the rest ---- */

void view_pause(struct view *v, bool on)
{
	v->paused = on;
	for (int pane = PANE_MESSAGES; pane < N_PANES; pane++)
		records_scroll(v, (enum pane)pane, 0);
	v->changed = true;
}

/* The worst first; of one level in the order in which they were found. */
static void keep_advice(struct view *v, const struct advice *advice)
{
	size_t i = v->n_advice < VIEW_ADVICE_MAX ? v->n_advice : VIEW_ADVICE_MAX - 1;

	if (v->n_advice == VIEW_ADVICE_MAX && v->advice[i].level >= advice->level)
		return;
	for (; i && v->advice[i - 1].level < advice->level; i--)
		v->advice[i] = v->advice[i - 1];
	v->advice[i] = *advice;
	if (v->n_advice < VIEW_ADVICE_MAX)
		v->n_advice++;
}

void view_advise(struct view *v)
{
	struct advice found[VIEW_ADVICE_MAX];
	size_t buses = table_buses(v->table);

	v->n_advice = 0;
	for (size_t bus = 0; bus < buses; bus++) {
		size_t n;

		if (v->bus != VIEW_ALL_BUSES && v->bus != (long)bus)
			continue;
		n = advice_find(v->table, bus, found, VIEW_ADVICE_MAX);
		for (size_t i = 0; i < n && i < VIEW_ADVICE_MAX; i++)
			keep_advice(v, &found[i]);
	}
}

void view_note(struct view *v, bool bad, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(v->note, sizeof(v->note), fmt, args);
	va_end(args);
	v->note_bad = bad;
	v->note_until = run_deadline(NOTE_NS);
	v->changed = true;
}
