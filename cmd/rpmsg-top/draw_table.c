/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of rows, the line of the selected one's last minute, and the menu of columns. */
#include <string.h>

#include "common/format.h"
#include "rpmsg-top/draw.h"

#define CELL_MAX 128

static const char *mark_of_order(const struct view *v)
{
	if (v->terminal.utf8)
		return v->invert ? "▲" : "▼";
	return v->invert ? "^" : "v";
}

static void draw_heading(const struct view *v, int y, int columns,
			 const struct column_place *place, size_t n)
{
	struct pen p = pen_at(v, y, 0, columns);

	pen_rest(&p, STYLE_HEADING);
	for (size_t i = 0; i < n; i++) {
		const char *text = column_heading(place[i].column);
		bool sorts = place[i].column == v->sort;
		int length = (int)strlen(text) + sorts;

		p = pen_at(v, y, place[i].x, place[i].width);
		if (place[i].right)
			p.x += place[i].width > length ? place[i].width - length : 0;
		pen_put(&p, STYLE_HEADING, "%s", text);
		if (sorts)
			pen_glyph(&p, STYLE_HEADING, mark_of_order(v));
	}
}

static enum style cell_style(const struct row *row, enum column column)
{
	if (row->gone)
		return STYLE_DIM;
	if (column == COLUMN_ERRORS && row->errors)
		return STYLE_ALARM;
	if (column == COLUMN_WAITING && row->st.waiting)
		return STYLE_WARNING;
	if (column == COLUMN_QUEUED && row->st.queued && row->st.queued_ns)
		return STYLE_WARNING;
	return row->tagged ? STYLE_TAGGED : STYLE_PLAIN;
}

/* The bar is left of its number. */
static void put_share(struct pen *p, enum style style, const struct row *row, const char *text)
{
	int bar = pen_room(p) - 5;

	if (bar > 0)
		pen_bar(p, style == STYLE_PLAIN ? STYLE_GOOD : style, bar, row->share, 0);
	pen_put(p, style, "%5s", text);
}

static void draw_cell(const struct view *v, int y, const struct row *row,
		      const struct column_place *place, bool selected)
{
	struct pen p = pen_at(v, y, place->x, place->width);
	enum style style = selected ? STYLE_SELECTED : cell_style(row, place->column);
	char text[CELL_MAX];
	int n;

	row_cell(row, v->table, place->column, text, sizeof(text));
	n = (int)strlen(text);
	if (place->column == COLUMN_SHARE) {
		put_share(&p, style, row, text);
		return;
	}
	if (place->right && n > place->width) { /* for how long is what can be left out */
		n = (int)strcspn(text, " ");
		text[n] = '\0';
	}
	if (place->right && n < place->width)
		pen_to(&p, style, p.end - n);
	pen_put(&p, style, "%s", text);
}

static void draw_row(const struct view *v, int y, int columns, long i,
		     const struct column_place *place, size_t n)
{
	const struct row *row = table_row(v->table, (size_t)i);
	bool selected = i == v->at;
	struct pen p = pen_at(v, y, 0, columns);

	if (selected)
		pen_rest(&p, STYLE_SELECTED);
	p = pen_at(v, y, 0, 2);
	pen_put(&p, selected ? STYLE_SELECTED : row->tagged ? STYLE_TAGGED : STYLE_DIM, "%c%c",
		selected ? '>' : ' ', row->tagged ? '*' : row->gone ? 'x' : ' ');
	for (size_t c = 0; c < n; c++)
		draw_cell(v, y, row, &place[c], selected);
}

static void draw_empty(const struct view *v, int y, int columns)
{
	struct pen p = pen_at(v, y, 2, columns - 2);

	if (*v->filter || v->cfg->name)
		pen_put(&p, STYLE_DIM, "nothing here is like \"%s\"",
			*v->filter ? v->filter : v->cfg->name);
	else
		pen_put(&p, STYLE_DIM, "no channel and no endpoint");
}

void draw_table(const struct view *v, const struct layout *lay)
{
	struct column_place place[N_COLUMNS];
	size_t n = layout_columns(v, lay->columns, place);
	long rows = (long)table_rows(v->table);

	draw_heading(v, lay->body, lay->columns, place, n);
	if (!rows)
		draw_empty(v, lay->rows, lay->columns);
	for (int i = 0; i < lay->n_rows && v->top + i < rows; i++)
		draw_row(v, lay->rows + i, lay->columns, v->top + i, place, n);
}

void draw_spark(const struct view *v, const struct layout *lay)
{
	const struct row *row = view_row(v);
	struct pen p = pen_at(v, lay->spark, 0, lay->columns);
	char addr[FORMAT_ADDR_SIZE], most[16];
	float max = 0;
	int width;

	if (!lay->n_spark || !row)
		return;
	for (size_t i = 0; i < ROW_HISTORY; i++)
		if (row->history[i] > max)
			max = row->history[i];
	short_number(max, most, sizeof(most));
	pen_put(&p, STYLE_TITLE, "%s %s ", *row->service ? row->service : "-",
		format_addr(row->addr, addr));
	width = pen_room(&p) - 20;
	if (width > ROW_HISTORY)
		width = ROW_HISTORY;
	if (width < 4)
		return;
	pen_put(&p, STYLE_DIM, v->terminal.utf8 ? "|" : "[");
	pen_spark(&p, STYLE_GOOD, row->history, ROW_HISTORY, width, max);
	pen_put(&p, STYLE_DIM, v->terminal.utf8 ? "|" : "]");
	pen_put(&p, STYLE_PLAIN, " max %s msg/s", most);
}

/* ---- the menu of columns ---- */

void draw_menu(const struct view *v, const struct layout *lay)
{
	int width = 18, n = lay->n_body - 1 < N_COLUMNS ? lay->n_body - 1 : N_COLUMNS;
	size_t first = layout_menu_first(v, lay);
	struct pen p = pen_at(v, lay->body, 0, width);

	pen_put(&p, STYLE_HEADING, " Sort by");
	pen_rest(&p, STYLE_HEADING);
	for (int i = 0; i < n; i++) {
		size_t column = first + (size_t)i;
		bool selected = column == v->menu_at;
		enum style style = selected ? STYLE_SELECTED : STYLE_PLAIN;

		p = pen_at(v, lay->body + 1 + i, 0, width);
		pen_put(&p, style, "%c %c %s", selected ? '>' : ' ', column == v->sort ? '*' : ' ',
			column_heading((enum column)column));
		pen_rest(&p, style);
	}
}
