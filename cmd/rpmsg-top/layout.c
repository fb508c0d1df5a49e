/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/layout.h"

#include <curses.h>
#include <string.h>

#define ROWS_MIN 4   /* before anything else gets a line */
#define PANES_MIN 6  /* lines for both panes together */

static int at_most(int n, int max)
{
	return n < max ? n : max;
}

static int at_least(int n, int min)
{
	return n > min ? n : min;
}

/* A bus has a line each way, several have a line each. */
static int head_lines(const struct view *v, int lines)
{
	size_t buses = v->bus == VIEW_ALL_BUSES ? table_buses(v->table) : 1;
	int max = at_least(lines / 4, 2);

	if (buses <= 1)
		return 3;
	return 1 + (buses < (size_t)max ? (int)buses : max);
}

size_t layout_wrap(const char **text, int width)
{
	size_t n, room = (size_t)width;
	const char *from;

	while (**text == ' ')
		(*text)++;
	from = *text;
	n = strlen(from);
	if (n > room) {
		n = room;
		while (n && from[n] != ' ')
			n--;
		if (!n) /* a word that is longer than the line */
			n = room;
	}
	*text = from + n;
	return n;
}

static int advice_lines(const struct view *v, int lines, int columns)
{
	int max = at_most(at_least(lines / 10, 1), 5), n = 0;

	for (size_t i = 0; i < v->n_advice && n < max; i++) {
		const char *text = v->advice[i].text;

		while (n < max && layout_wrap(&text, columns - LAYOUT_ADVICE_INDENT))
			n++;
	}
	return n;
}

/* What the table leaves is the panes'. */
static void divide_panes(const struct view *v, struct layout *lay, int from, int n)
{
	bool messages = v->show[PANE_MESSAGES], events = v->show[PANE_EVENTS];

	if (messages && events) {
		lay->n_messages = (n + 1) / 2;
		lay->n_events = n / 2;
	} else if (messages) {
		lay->n_messages = n;
	} else if (events) {
		lay->n_events = n;
	}
	lay->messages = from;
	lay->events = from + lay->n_messages;
}

static void divide_body(const struct view *v, struct layout *lay)
{
	int room = lay->n_body - 1; /* below the heading */
	int rows = (int)(table_rows(v->table) < 10000 ? table_rows(v->table) : 10000);
	bool panes = v->show[PANE_MESSAGES] || v->show[PANE_EVENTS];

	lay->rows = lay->body + 1;
	lay->n_spark = room > ROWS_MIN + 2 ? 1 : 0;
	room -= lay->n_spark;
	lay->n_rows = room;
	if (panes && room >= ROWS_MIN + PANES_MIN)
		lay->n_rows = at_most(at_least(rows, at_least(room / 4, ROWS_MIN)),
				      at_least(room / 2, ROWS_MIN));
	lay->spark = lay->rows + lay->n_rows;
	divide_panes(v, lay, lay->spark + lay->n_spark, room - lay->n_rows);
}

void layout_of(const struct view *v, struct layout *lay)
{
	*lay = (struct layout){.lines = LINES, .columns = COLS};
	lay->too_small = LINES < LAYOUT_MIN_LINES || COLS < LAYOUT_MIN_COLUMNS;
	if (lay->too_small)
		return;
	lay->n_head = head_lines(v, LINES);
	lay->advice = lay->n_head;
	lay->n_advice = advice_lines(v, LINES, COLS);
	lay->body = lay->advice + lay->n_advice;
	lay->foot = LINES - 1;
	lay->n_body = lay->foot - lay->body;
	divide_body(v, lay);
}

size_t layout_menu_first(const struct view *v, const struct layout *lay)
{
	size_t room = (size_t)(lay->n_body - 1);

	return v->menu_at >= room ? v->menu_at - room + 1 : 0;
}

enum pane layout_pane(const struct layout *lay, int line)
{
	if (lay->n_messages && line >= lay->messages && line < lay->messages + lay->n_messages)
		return PANE_MESSAGES;
	if (lay->n_events && line >= lay->events && line < lay->events + lay->n_events)
		return PANE_EVENTS;
	return PANE_TABLE;
}

/* ---- columns ---- */

#define MARKS 2   /* columns before the first: what is selected, what is tagged */
#define GAP 1

/* Where there is not room for all, those with the smallest rank are shown. */
static const struct {
	enum column column;
	int rank, width, most;
	bool right;
} columns[] = {
	{COLUMN_BUS, 16, 8, 16, false},      {COLUMN_SIDE, 6, 6, 6, false},
	{COLUMN_SERVICE, 0, 12, 31, false},  {COLUMN_SRC, 1, 6, 10, false},
	{COLUMN_DST, 4, 6, 10, false},       {COLUMN_OWNER, 7, 18, 34, false},
	{COLUMN_TX_RATE, 2, 6, 8, true},     {COLUMN_RX_RATE, 3, 6, 8, true},
	{COLUMN_TX_BYTES, 9, 6, 8, true},    {COLUMN_RX_BYTES, 10, 6, 8, true},
	{COLUMN_SHARE, 11, 10, 20, true},    {COLUMN_LAST, 8, 6, 7, true},
	{COLUMN_ERRORS, 5, 6, 8, true},      {COLUMN_WAITING, 12, 6, 10, true},
	{COLUMN_QUEUED, 13, 6, 10, true},    {COLUMN_TX, 14, 6, 8, true},
	{COLUMN_RX, 15, 6, 8, true},
};
_Static_assert(sizeof(columns) / sizeof(*columns) == N_COLUMNS, "each column has its place");

/* With room for the mark of the one that sorts. */
static int width_of(size_t i)
{
	return at_least(columns[i].width, (int)strlen(column_heading(columns[i].column)) + 1);
}

static int rank_of(const struct view *v, size_t i)
{
	bool several = v->bus == VIEW_ALL_BUSES && table_buses(v->table) > 1;

	return columns[i].column == COLUMN_BUS && several ? 1 : columns[i].rank;
}

/* As many as there is room for by their rank; what is left. */
static int choose_by_rank(const struct view *v, int room, bool chosen[N_COLUMNS])
{
	for (int rank = 0; rank <= N_COLUMNS; rank++)
		for (size_t i = 0; i < N_COLUMNS; i++) {
			if (rank_of(v, i) != rank)
				continue;
			if (room < width_of(i) + GAP)
				return room;
			chosen[i] = true;
			room -= width_of(i) + GAP;
		}
	return room;
}

/* The service, and others in their order from the first on that is not scrolled away. */
static int choose_in_order(const struct view *v, int room, bool chosen[N_COLUMNS])
{
	size_t skip = v->first_column;

	chosen[COLUMN_SERVICE] = true;
	room -= width_of(COLUMN_SERVICE) + GAP;
	for (size_t i = 0; i < N_COLUMNS; i++) {
		if (i == COLUMN_SERVICE)
			continue;
		if (skip) {
			skip--;
			continue;
		}
		if (room < width_of(i) + GAP)
			break;
		chosen[i] = true;
		room -= width_of(i) + GAP;
	}
	return room;
}

/* What is left goes to those that can use it. */
static void widen(struct column_place *place, size_t n, int spare)
{
	static const enum column hungry[] = {COLUMN_OWNER, COLUMN_SERVICE, COLUMN_SRC, COLUMN_DST,
					     COLUMN_SHARE, COLUMN_BUS, COLUMN_WAITING,
					     COLUMN_QUEUED};

	for (size_t h = 0; h < sizeof(hungry) / sizeof(*hungry); h++)
		for (size_t i = 0; i < n; i++) {
			int more;

			if (place[i].column != hungry[h])
				continue;
			more = at_most(at_least(columns[place[i].column].most - place[i].width, 0),
				       spare);
			place[i].width += more;
			spare -= more;
		}
}

size_t layout_columns(const struct view *v, int width, struct column_place place[N_COLUMNS])
{
	bool chosen[N_COLUMNS] = {false};
	int spare = width - MARKS, x = MARKS;
	size_t n = 0;

	if (v->first_column)
		spare = choose_in_order(v, spare, chosen);
	else
		spare = choose_by_rank(v, spare, chosen);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (chosen[i])
			place[n++] = (struct column_place){.column = columns[i].column,
							   .width = width_of(i),
							   .right = columns[i].right};
	widen(place, n, spare);
	for (size_t i = 0; i < n; i++) {
		place[i].x = x;
		x += place[i].width + GAP;
	}
	return n;
}

size_t layout_last_column(void)
{
	return N_COLUMNS - 2;
}
