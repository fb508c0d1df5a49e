/* SPDX-License-Identifier: BSD-2-Clause */
/* What the mouse does. */
#include <curses.h>

#include "common/run.h"
#include "rpmsg-top/draw.h"

#define WHEEL_LINES 3
#define EVENTS_MAX 8 /* as many as curses keeps */
#define DOUBLE_CLICK_NS INT64_C(400000000)

static void wheel(struct view *v, const struct layout *lay, int line, long by)
{
	enum pane pane = layout_pane(lay, line);

	if (v->page != PAGE_TABLE) {
		long last = (long)draw_page_lines(v) - lay->n_body, top = (long)v->page_top + by;

		top = top < last ? top : last;
		v->page_top = top > 0 ? (size_t)top : 0;
	} else if (pane != PANE_TABLE) {
		records_scroll(v, pane, -by);
	} else {
		view_select(v, v->at + by > 0 ? v->at + by : 0);
	}
}

/* The one that sorts already: the other way round. */
static void click_heading(struct view *v, const struct layout *lay, int x)
{
	struct column_place place[N_COLUMNS];
	size_t n = layout_columns(v, lay->columns, place);

	for (size_t i = 0; i < n; i++)
		if (x >= place[i].x && x < place[i].x + place[i].width)
			view_sort(v, place[i].column, place[i].column == v->sort && !v->invert);
}

static void click_row(struct view *v, long i)
{
	int64_t now = run_now();
	bool twice = i == v->clicked_row && now - v->clicked_ns < DOUBLE_CLICK_NS;

	if (i >= (long)table_rows(v->table))
		return;
	view_select(v, i);
	v->clicked_row = i;
	v->clicked_ns = twice ? 0 : now;
	if (!twice)
		return;
	v->page = PAGE_DETAIL;
	v->page_top = 0;
}

static void click_menu(struct view *v, const struct layout *lay, int line)
{
	long i = line - lay->body - 1, column = i + (long)layout_menu_first(v, lay);

	v->menu = false;
	if (i >= 0 && i < lay->n_body - 1 && column < N_COLUMNS)
		view_sort(v, (enum column)column, v->invert);
}

static void click(struct view *v, const struct layout *lay, int line, int x)
{
	if (v->page != PAGE_TABLE)
		return;
	if (v->menu) {
		click_menu(v, lay, line);
		return;
	}
	v->focus = layout_pane(lay, line);
	if (line == lay->body)
		click_heading(v, lay, x);
	else if (line >= lay->rows && line < lay->rows + lay->n_rows)
		click_row(v, v->top + line - lay->rows);
}

static void take_event(struct view *v, const MEVENT *event)
{
	struct layout lay;

	layout_of(v, &lay);
	if (lay.too_small)
		return;
	if (event->bstate & BUTTON4_PRESSED)
		wheel(v, &lay, event->y, -WHEEL_LINES);
	else if (event->bstate & BUTTON5_PRESSED)
		wheel(v, &lay, event->y, WHEEL_LINES);
	else if (event->bstate & BUTTON1_PRESSED)
		click(v, &lay, event->y, event->x);
}

/* Of what came at once curses tells one key, and the newest event first. */
void mouse_take(struct view *v)
{
	MEVENT event[EVENTS_MAX];
	int n = 0;

	while (n < EVENTS_MAX && getmouse(&event[n]) == OK)
		n++;
	while (n)
		take_event(v, &event[--n]);
}
