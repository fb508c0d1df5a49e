/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things are on a screen of any size: panes go first, then lines of the head. */
#ifndef RPMSG_TOP_LAYOUT_H
#define RPMSG_TOP_LAYOUT_H

#include "rpmsg-top/screen.h"

#define LAYOUT_MIN_COLUMNS 40
#define LAYOUT_MIN_LINES 10

/* The first line of each part and how many it has; 0: it is not there. */
struct layout {
	int lines, columns;
	bool too_small;
	int n_head;                     /* from line 0 on: a title, then buses or directions */
	int advice, n_advice;
	int body, n_body;               /* all between these and the last line */
	int rows, n_rows;               /* of the table, its heading is above */
	int spark, n_spark;
	int messages, n_messages;       /* with their titles */
	int events, n_events;
	int foot;
};

void layout_of(const struct view *v, struct layout *lay);
/* The first column of the menu, which covers the body, its heading being above. */
size_t layout_menu_first(const struct view *v, const struct layout *lay);
/* The part of the screen that a line belongs to. */
enum pane layout_pane(const struct layout *lay, int line);

/*
 * Findings are long and are shown in several lines: how many bytes of text the next one has, whose
 * width is at least 1; 0: there is no more. Text is moved on to what comes after them.
 */
size_t layout_wrap(const char **text, int width);
/* How far the lines of a finding are moved in: behind "ALARM: ". */
#define LAYOUT_ADVICE_INDENT 9

/* A column on the screen. */
struct column_place {
	enum column column;
	int x, width;
	bool right; /* numbers */
};
/* Those that are shown, from left to right; how many it are. */
size_t layout_columns(const struct view *v, int columns, struct column_place place[N_COLUMNS]);
/* The largest v->first_column that makes sense. */
size_t layout_last_column(void);

#endif
