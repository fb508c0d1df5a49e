/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/draw.h"

#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/format.h"

#define NS_PER_S UINT64_C(1000000000)
#define TEXT_MAX 512

/* ---- styles ---- */

static const struct {
	short front, back; /* -1: the terminal's own */
	attr_t colored, mono;
} styles[N_STYLES] = {
	[STYLE_PLAIN] = {-1, -1, A_NORMAL, A_NORMAL},
	[STYLE_TITLE] = {-1, -1, A_BOLD, A_BOLD},
	[STYLE_DIM] = {COLOR_CYAN, -1, A_NORMAL, A_NORMAL},
	[STYLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
	[STYLE_WARNING] = {COLOR_YELLOW, -1, A_BOLD, A_BOLD},
	[STYLE_ALARM] = {COLOR_RED, -1, A_BOLD, A_BOLD | A_REVERSE},
	[STYLE_HEADING] = {COLOR_BLACK, COLOR_GREEN, A_NORMAL, A_REVERSE},
	[STYLE_SELECTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
	[STYLE_TAGGED] = {COLOR_YELLOW, -1, A_NORMAL, A_BOLD},
	[STYLE_KEY] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
	[STYLE_HELD] = {COLOR_MAGENTA, -1, A_BOLD, A_BOLD},
};

void draw_init(const struct view *v)
{
	if (!v->terminal.color)
		return;
	for (int i = 1; i < N_STYLES; i++)
		init_pair((short)i, styles[i].front, styles[i].back);
}

static attr_t attributes(const struct view *v, enum style style)
{
	if (!v->terminal.color)
		return styles[style].mono;
	return styles[style].colored | (style ? (attr_t)COLOR_PAIR((int)style) : 0);
}

/* ---- pens ---- */

struct pen pen_at(const struct view *v, int y, int x, int width)
{
	return (struct pen){.v = v, .y = y, .x = x, .end = x + width};
}

int pen_room(const struct pen *p)
{
	return p->end > p->x ? p->end - p->x : 0;
}

/* Whoever chose the text, the terminal gets printable ASCII. Its length. */
__attribute__((format(printf, 2, 0)))
static int say(char text[TEXT_MAX], const char *fmt, va_list args)
{
	char raw[TEXT_MAX];

	vsnprintf(raw, sizeof(raw), fmt, args);
	format_printable(text, TEXT_MAX, raw, strlen(raw));
	return (int)strlen(text);
}

static void put(struct pen *p, enum style style, const char *text, int n)
{
	attrset((int)attributes(p->v, style));
	mvaddnstr(p->y, p->x, text, n);
	p->x += n;
}

void pen_put(struct pen *p, enum style style, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = say(text, fmt, args);
	va_end(args);
	put(p, style, text, n < pen_room(p) ? n : pen_room(p));
}

bool pen_try(struct pen *p, enum style style, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = say(text, fmt, args);
	va_end(args);
	if (n > pen_room(p))
		return false;
	put(p, style, text, n);
	return true;
}

/* One glyph, a column wide, n times. */
static void repeat(struct pen *p, enum style style, const char *glyph, int n)
{
	attrset((int)attributes(p->v, style));
	move(p->y, p->x);
	for (; n > 0 && p->x < p->end; n--, p->x++)
		addstr(glyph);
}

void pen_glyph(struct pen *p, enum style style, const char *glyph)
{
	repeat(p, style, glyph, 1);
}

void pen_to(struct pen *p, enum style style, int x)
{
	repeat(p, style, " ", x - p->x);
}

void pen_rest(struct pen *p, enum style style)
{
	repeat(p, style, " ", pen_room(p));
}

void pen_line(struct pen *p, enum style style)
{
	repeat(p, style, p->v->terminal.utf8 ? "─" : "-", pen_room(p));
}

/* ---- bars ---- */

static const char *const blocks[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
static const char *const levels[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const ascii_levels[] = {" ", ".", ":", "-", "=", "+", "*", "%", "#"};

static double within(double share)
{
	return share > 0 ? (share < 1 ? share : 1) : 0;
}

/* What is more than nothing is seen, what is less than all does not look full. */
static int eighths(double share, int width)
{
	int n = (int)(share * width * 8);

	return share > 0 && !n ? 1 : n;
}

void pen_bar(struct pen *p, enum style style, int width, double share, double held)
{
	bool utf8 = p->v->terminal.utf8;
	int full, n, end;

	if (width > pen_room(p))
		width = pen_room(p);
	end = p->x + width;
	full = eighths(within(share), width);
	n = (eighths(within(held), width) + 7) / 8;
	repeat(p, STYLE_HELD, utf8 ? "▒" : "#", n);
	n = full / 8 - n;
	repeat(p, style, utf8 ? "█" : "|", n);
	if (full % 8 && p->x < end && n >= 0)
		repeat(p, style, utf8 ? blocks[full % 8] : "|", 1);
	repeat(p, style, " ", end - p->x);
}

void pen_spark(struct pen *p, enum style style, const float *value, size_t n, int width,
	       double max)
{
	const char *const *level = p->v->terminal.utf8 ? levels : ascii_levels;
	size_t from = n > (size_t)width ? n - (size_t)width : 0;

	for (size_t i = from; i < n; i++)
		repeat(p, style, level[(eighths(max > 0 ? within(value[i] / max) : 0, 1))], 1);
}

/* ---- sheets ---- */

struct pen sheet_line(struct sheet *s)
{
	size_t line = s->line++, top = s->v->page_top;

	if (line < top || line - top >= (size_t)s->n)
		return pen_at(s->v, 0, 0, 0);
	return pen_at(s->v, s->y + (int)(line - top), 0, s->width);
}

void sheet_text(struct sheet *s, enum style style, const char *fmt, ...)
{
	char text[TEXT_MAX];
	const char *rest = text;
	va_list args;
	int in = 0, n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (; (n = (int)layout_wrap(&rest, s->width - in)); in = SHEET_INDENT) {
		struct pen p = sheet_line(s);

		pen_to(&p, style, in);
		pen_put(&p, style, "%.*s", n, rest - n);
	}
}

static void write_page(const struct view *v, struct sheet *s)
{
	if (v->page == PAGE_HELP)
		draw_help(v, s);
	else
		draw_detail(v, s);
}

size_t draw_page_lines(const struct view *v)
{
	struct sheet s = {.v = v, .width = COLS};

	write_page(v, &s);
	return s.line;
}

/* ---- the whole ---- */

const char *draw_time(uint64_t ns, bool ms, char buf[DRAW_TIME_SIZE])
{
	time_t s = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!localtime_r(&s, &tm)) {
		strcpy(buf, "?");
		return buf;
	}
	strftime(buf, DRAW_TIME_SIZE, "%H:%M:%S", &tm);
	if (ms)
		snprintf(buf + 8, DRAW_TIME_SIZE - 8, ".%03u", (unsigned)(ns % NS_PER_S / 1000000));
	return buf;
}

static void draw_too_small(const struct view *v)
{
	struct pen p = pen_at(v, 0, 0, COLS);

	pen_put(&p, STYLE_TITLE, "too small: %dx%d is needed", LAYOUT_MIN_COLUMNS,
		LAYOUT_MIN_LINES);
}

static void draw_table_page(const struct view *v, const struct layout *lay)
{
	draw_table(v, lay);
	draw_spark(v, lay);
	draw_messages(v, lay);
	draw_events(v, lay);
	if (v->menu)
		draw_menu(v, lay);
}

static void draw_page(const struct view *v, const struct layout *lay)
{
	struct sheet s = {.v = v, .y = lay->body, .n = lay->n_body, .width = lay->columns};

	write_page(v, &s);
}

void draw_view(const struct view *v)
{
	struct layout lay;

	layout_of(v, &lay);
	erase();
	if (lay.too_small) {
		draw_too_small(v);
	} else {
		draw_header(v, &lay);
		draw_advice(v, &lay);
		if (v->page == PAGE_TABLE)
			draw_table_page(v, &lay);
		else
			draw_page(v, &lay);
		curs_set(v->prompt.kind != PROMPT_NONE);
		draw_foot(v, &lay); /* last: the cursor stays in its prompt */
	}
	refresh();
}
