/* SPDX-License-Identifier: BSD-2-Clause */
/* What keys do. */
#include <curses.h>

#include "common/run.h"
#include "rpmsg-top/draw.h"

#define NS_PER_MS INT64_C(1000000)

/* ---- moving ---- */

/* A key that moves, as lines (a page: lines as well); 0: it is none. */
static long distance(int key, int page)
{
	switch (key) {
	case KEY_UP:
	case 'k':
		return -1;
	case KEY_DOWN:
	case 'j':
		return 1;
	case KEY_PPAGE:
	case KEY_CTRL('b'):
		return -page;
	case KEY_NPAGE:
	case KEY_CTRL('f'):
		return page;
	default:
		return 0;
	}
}

static bool is_home(int key)
{
	return key == KEY_HOME || key == 'g';
}

static bool is_end(int key)
{
	return key == KEY_END || key == 'G';
}

static int at_least_one(int n)
{
	return n > 1 ? n : 1;
}

static bool move_row(struct view *v, const struct layout *lay, int key)
{
	long by = distance(key, at_least_one(lay->n_rows - 1));

	if (by)
		view_select(v, v->at + by > 0 ? v->at + by : 0);
	else if (is_home(key))
		view_home(v);
	else if (is_end(key))
		view_select(v, (long)table_rows(v->table) - 1);
	else
		return false;
	return true;
}

/* Up is back in time. */
static bool move_pane(struct view *v, const struct layout *lay, int key)
{
	int lines = v->focus == PANE_MESSAGES ? lay->n_messages : lay->n_events;
	long by = distance(key, at_least_one(lines - 2));

	if (by)
		records_scroll(v, v->focus, -by);
	else if (is_home(key) || is_end(key))
		records_scroll_to(v, v->focus, is_home(key));
	else
		return false;
	return true;
}

static bool is_there(const struct layout *lay, enum pane pane)
{
	return pane == PANE_TABLE || (pane == PANE_MESSAGES ? lay->n_messages : lay->n_events);
}

static bool move_key(struct view *v, int key)
{
	struct layout lay;

	layout_of(v, &lay);
	if (!is_there(&lay, v->focus))
		v->focus = PANE_TABLE;
	return v->focus == PANE_TABLE ? move_row(v, &lay, key) : move_pane(v, &lay, key);
}

static void next_pane(struct view *v)
{
	struct layout lay;

	layout_of(v, &lay);
	do
		v->focus = (v->focus + 1) % N_PANES;
	while (!is_there(&lay, v->focus));
}

static bool column_key(struct view *v, int key)
{
	if (key == KEY_LEFT && v->first_column)
		v->first_column--;
	else if (key == KEY_RIGHT && v->first_column < layout_last_column())
		v->first_column++;
	return key == KEY_LEFT || key == KEY_RIGHT;
}

/* ---- pages and the menu ---- */

static void open_page(struct view *v, enum page page)
{
	v->page = page;
	v->page_top = 0;
	v->menu = false;
}

static bool is_back(const struct view *v, int key)
{
	switch (key) {
	case 'q':
	case KEY_ESCAPE:
	case '\r':
	case '\n':
	case KEY_ENTER:
		return true;
	case 'h':
	case '?':
	case KEY_F(1):
		return v->page == PAGE_HELP;
	default:
		return false;
	}
}

static bool page_key(struct view *v, int key)
{
	struct layout lay;
	long top, last;

	layout_of(v, &lay);
	if (is_back(v, key)) {
		open_page(v, PAGE_TABLE);
		return true;
	}
	last = (long)draw_page_lines(v) - lay.n_body;
	top = (long)v->page_top + distance(key, at_least_one(lay.n_body - 1));
	if (is_home(key))
		top = 0;
	if (is_end(key))
		top = last;
	if (top > last)
		top = last;
	v->page_top = top > 0 ? (size_t)top : 0;
	return distance(key, 1) || is_home(key) || is_end(key);
}

static void open_menu(struct view *v)
{
	v->menu = true;
	v->menu_at = (size_t)v->sort;
}

static bool menu_key(struct view *v, int key)
{
	long by = distance(key, 5), at = (long)v->menu_at + by;

	if (is_home(key))
		at = 0;
	if (is_end(key) || at >= N_COLUMNS)
		at = N_COLUMNS - 1;
	v->menu_at = at > 0 ? (size_t)at : 0;
	switch (key) {
	case '\r':
	case '\n':
	case KEY_ENTER:
		v->menu = false;
		view_sort(v, (enum column)v->menu_at, v->invert);
		return true;
	case KEY_ESCAPE:
	case 'q':
	case 's':
	case KEY_F(6):
		v->menu = false;
		return true;
	default:
		return key != 'I'; /* all others wait until it is closed */
	}
}

/* ---- time ---- */

static void set_interval(struct view *v, int by)
{
	static const int64_t ms[] = {100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
	const size_t n = sizeof(ms) / sizeof(*ms);
	size_t i = 0;

	if (by > 0) {
		while (i < n - 1 && ms[i] * NS_PER_MS <= v->interval_ns)
			i++;
	} else {
		for (i = n - 1; i && ms[i] * NS_PER_MS >= v->interval_ns;)
			i--;
	}
	if (by < 0 || ms[i] * NS_PER_MS > v->interval_ns) /* -i may have been longer */
		v->interval_ns = ms[i] * NS_PER_MS;
	source_set_interval(v->src, v->interval_ns);
	view_note(v, false, "every %g s", (double)v->interval_ns / NS_PER_MS / 1000);
}

static void refresh_now(struct view *v)
{
	v->hurried_ns = v->paused ? run_now() : 0;
	source_hurry(v->src);
}

/* ---- all others ---- */

static void toggle_pane(struct view *v, enum pane pane)
{
	v->show[pane] = !v->show[pane];
	if (v->focus == pane)
		v->focus = PANE_TABLE;
	view_settle(v);
}

static bool show_key(struct view *v, int key)
{
	switch (key) {
	case 'm':
		toggle_pane(v, PANE_MESSAGES);
		return true;
	case 'e':
		toggle_pane(v, PANE_EVENTS);
		return true;
	case 'x':
		v->dump = (v->dump + 1) % N_DUMPS;
		return true;
	case '\t':
		next_pane(v);
		return true;
	case '\r':
	case '\n':
	case KEY_ENTER:
		view_select(v, v->at); /* it stays that row's page */
		if (view_row(v))
			open_page(v, PAGE_DETAIL);
		return true;
	case 'h':
	case '?':
	case KEY_F(1):
		open_page(v, PAGE_HELP);
		return true;
	default:
		return false;
	}
}

static bool choose_key(struct view *v, int key)
{
	switch (key) {
	case '/':
		find_prompt(v, PROMPT_SEARCH);
		return true;
	case 'n':
	case 'N':
		find_search(v, key == 'n', false);
		return true;
	case '\\':
	case KEY_F(4):
		find_prompt(v, PROMPT_FILTER);
		return true;
	case 's':
	case KEY_F(6):
		open_menu(v);
		return true;
	case 'I':
		view_sort(v, v->sort, !v->invert);
		return true;
	case ' ':
		view_tag(v);
		return true;
	case 'U':
		view_untag_all(v);
		return true;
	case 'b':
		view_next_bus(v);
		return true;
	default:
		return false;
	}
}

static void other_key(struct view *v, int key)
{
	switch (key) {
	case 'p':
	case 'Z':
		view_pause(v, !v->paused);
		return;
	case '+':
	case '-':
		set_interval(v, key == '+' ? 1 : -1);
		return;
	case 'r':
		refresh_now(v);
		return;
	case 'w':
		records_capture(v);
		return;
	case 'q':
	case KEY_F(10):
		v->done = true;
		return;
	default:
		return;
	}
}

/* What was pasted where no text is asked for is nothing that was typed. */
void keys_take(struct view *v, int key, bool pasted)
{
	v->changed = true;
	if (v->prompt.kind != PROMPT_NONE) {
		find_key(v, key, pasted);
		return;
	}
	if (pasted)
		return;
	*v->note = '\0';
	if (key == KEY_MOUSE) {
		mouse_take(v);
		return;
	}
	if (key == KEY_CTRL('l')) {
		terminal_repaint();
		return;
	}
	if (v->page != PAGE_TABLE && page_key(v, key))
		return;
	if (v->page == PAGE_TABLE && v->menu && menu_key(v, key))
		return;
	if (v->page == PAGE_TABLE && (move_key(v, key) || column_key(v, key) || show_key(v, key)))
		return;
	if (time_key(v, key))
		return;
	if (v->page == PAGE_TABLE && choose_key(v, key))
		return;
	other_key(v, key);
}
