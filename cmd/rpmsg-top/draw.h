/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the screen are drawn with. All text is ASCII; glyphs beyond it come from
 * here, where the terminal has them.
 */
#ifndef RPMSG_TOP_DRAW_H
#define RPMSG_TOP_DRAW_H

#include "rpmsg-top/layout.h"

enum style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_WARNING,
	STYLE_ALARM,
	STYLE_HEADING,
	STYLE_SELECTED,
	STYLE_TAGGED,
	STYLE_KEY,
	STYLE_HELD,
	N_STYLES
};

/* Writes from left to right on one line, and never beyond its end. */
struct pen {
	const struct view *v;
	int y, x, end;
};

struct pen pen_at(const struct view *v, int y, int x, int width);
int pen_room(const struct pen *p);
/* As much of it as there is room for; or all of it or nothing. What is not printable is ".". */
void pen_put(struct pen *p, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool pen_try(struct pen *p, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One that is a column wide. */
void pen_glyph(struct pen *p, enum style style, const char *glyph);
/* Blanks, or a line, up to x, or to the end. */
void pen_to(struct pen *p, enum style style, int x);
void pen_rest(struct pen *p, enum style style);
void pen_line(struct pen *p, enum style style);
/* A bar of width columns, share (0 to 1) of it full; held of it are another's, and look so. */
void pen_bar(struct pen *p, enum style style, int width, double share, double held);
/* A column for each of the last width values, in eighths of max. */
void pen_spark(struct pen *p, enum style style, const float *value, size_t n, int width,
	       double max);

/* "12:34:56", or with milliseconds: local time; buf holds 16 bytes. Returns buf. */
#define DRAW_TIME_SIZE 16
const char *draw_time(uint64_t ns, bool ms, char buf[DRAW_TIME_SIZE]);

/* Lines of text that are longer than the page, from v->page_top on. */
struct sheet {
	const struct view *v;
	int y, n, width;
	size_t line; /* written so far, out of sight ones too */
};
/* A pen for the next line, one without room if that is out of sight. */
struct pen sheet_line(struct sheet *s);
/* As many lines as it needs, all but the first moved in. */
#define SHEET_INDENT 10
void sheet_text(struct sheet *s, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- the parts ---- */

/* Once, after curses was started. */
void draw_init(const struct view *v);
void draw_header(const struct view *v, const struct layout *lay);
void draw_advice(const struct view *v, const struct layout *lay);
void draw_table(const struct view *v, const struct layout *lay);
void draw_spark(const struct view *v, const struct layout *lay);
void draw_messages(const struct view *v, const struct layout *lay);
void draw_events(const struct view *v, const struct layout *lay);
void draw_menu(const struct view *v, const struct layout *lay);
void draw_foot(const struct view *v, const struct layout *lay);
/* Pages: with n 0 they only count lines. */
void draw_detail(const struct view *v, struct sheet *s);
void draw_help(const struct view *v, struct sheet *s);
/* Of the page that is shown. */
size_t draw_page_lines(const struct view *v);

#endif
