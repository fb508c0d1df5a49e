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

/* Where there is not room for all, those that come first get theirs: to be there, to be wider. */
static const struct {
	enum column column;
	int width;
} wishes[] = {
	{COLUMN_SERVICE, 12},  {COLUMN_SRC, 6},      {COLUMN_TX_RATE, 6}, {COLUMN_RX_RATE, 6},
	{COLUMN_DST, 6},       {COLUMN_ERRORS, 7},   {COLUMN_SIDE, 6},    {COLUMN_OWNER, 18},
	{COLUMN_LAST, 6},      {COLUMN_SERVICE, 31}, {COLUMN_TX_BYTES, 6}, {COLUMN_RX_BYTES, 6},
	{COLUMN_OWNER, 26},    {COLUMN_SHARE, 10},   {COLUMN_WAITING, 8}, {COLUMN_QUEUED, 10},
	{COLUMN_TX, 6},        {COLUMN_RX, 6},       {COLUMN_BUS, 8},     {COLUMN_WAITING, 10},
	{COLUMN_QUEUED, 14},   {COLUMN_OWNER, 34},   {COLUMN_SRC, 10},    {COLUMN_DST, 10},
	{COLUMN_SHARE, 20},    {COLUMN_WAITING, 14},
};
#define WISHES (sizeof(wishes) / sizeof(*wishes))

/* The service's no more than the longest name needs; an address that is cut is another one. */
static int wished(const struct view *v, size_t i)
{
	switch (wishes[i].column) {
	case COLUMN_SERVICE:
		return at_most(wishes[i].width, at_least(v->longest_service, 12));
	case COLUMN_SRC:
	case COLUMN_DST:
		return at_least(wishes[i].width, v->longest_address);
	case COLUMN_BUS:
		return at_least(wishes[i].width, at_most(v->longest_bus, 16));
	default:
		return wishes[i].width;
	}
}

static int first_wish(const struct view *v, enum column column)
{
	size_t i = 0;

	while (wishes[i].column != column)
		i++;
	return wished(v, i);
}

/* True: it is there, and as wide as that if there is room. *room is what is left. */
static bool give(int width[N_COLUMNS], enum column column, int wish, int *room)
{
	int more = wish - width[column];

	if (!width[column]) {
		if (*room < wish + GAP)
			return false;
		*room -= GAP;
	}
	more = at_most(at_least(more, 0), *room);
	width[column] += more;
	*room -= more;
	return true;
}

/* The first that there is no room for is the last that may come. */
static int choose_by_wishes(const struct view *v, int room, int width[N_COLUMNS])
{
	bool several = v->bus == VIEW_ALL_BUSES && table_buses(v->table) > 1, more = true;

	for (size_t i = 0; i < WISHES && more; i++) {
		more = give(width, wishes[i].column, wished(v, i), &room);
		if (several && !i)
			give(width, COLUMN_BUS, first_wish(v, COLUMN_BUS), &room);
	}
	return room;
}

/* The service, and others in their order from the first on that is not scrolled away. */
static int choose_in_order(const struct view *v, int room, int width[N_COLUMNS])
{
	size_t skip = v->first_column;

	give(width, COLUMN_SERVICE, first_wish(v, COLUMN_SERVICE), &room);
	for (enum column c = 0; c < N_COLUMNS; c++) {
		if (c == COLUMN_SERVICE)
			continue;
		if (skip)
			skip--;
		else if (!give(width, c, first_wish(v, c), &room))
			break;
	}
	return room;
}

/* What is left goes to those that are there and can use it. */
static void widen(const struct view *v, int width[N_COLUMNS], int room)
{
	for (size_t i = 0; i < WISHES; i++)
		if (width[wishes[i].column])
			give(width, wishes[i].column, wished(v, i), &room);
}

static bool is_number(enum column column)
{
	return column >= COLUMN_TX_RATE;
}

size_t layout_columns(const struct view *v, int columns, struct column_place place[N_COLUMNS])
{
	int width[N_COLUMNS] = {0}, room = columns - MARKS, x = MARKS;
	size_t n = 0;

	if (v->first_column)
		room = choose_in_order(v, room, width);
	else
		room = choose_by_wishes(v, room, width);
	widen(v, width, room);
	for (enum column c = 0; c < N_COLUMNS; c++) {
		if (!width[c])
			continue;
		place[n++] = (struct column_place){
			.column = c, .x = x, .width = width[c], .right = is_number(c),
		};
		x += width[c] + GAP;
	}
	return n;
}

size_t layout_last_column(void)
{
	return N_COLUMNS - 2;
}
