/* SPDX-License-Identifier: BSD-2-Clause */
/* The page that says what keys there are. */
#include "rpmsg-top/draw.h"

static const struct {
	const char *keys, *what; /* keys NULL: a title */
} help[] = {
	{NULL, "Moving"},
	{"Up Down j k", "one row (until then, and after g, the first one is selected)"},
	{"PgUp PgDn ^B ^F", "a page"},
	{"Home End g G", "first and last"},
	{"Left Right", "other columns"},
	{"Tab", "table, messages, events: which one the keys above move"},
	{NULL, "Choosing"},
	{"/", "search; n next, N previous"},
	{"\\ F4", "filter: rows that contain the text"},
	{"s F6", "sort by a column; I inverts"},
	{"b", "next bus, or all"},
	{"Space U", "tag a row and go on; untag all"},
	{"Enter", "all about the row; back with Enter, Esc or q"},
	{NULL, "Messages and events"},
	{"m e", "panes of messages and events, on and off"},
	{"x", "messages as hex and text, hex, text"},
	{"w", "write a capture of what is shown or tagged from now on; w again ends it"},
	{NULL, "Time"},
	{"p Z", "pause; in a file: run and stop"},
	{"+ -", "longer and shorter interval"},
	{"r", "refresh now"},
	{"[ ] { }", "in a file: one interval back and on, ten"},
	{"0 $", "in a file: to its beginning, to its end"},
	{NULL, "The rest"},
	{"^L", "draw all again"},
	{"h ? F1", "this page"},
	{"q F10", "quit"},
	{"mouse", "click selects, twice: all about it; a heading sorts; the wheel scrolls"},
	{NULL, "Reading it"},
	{"> * x", "before a row: selected, tagged, gone"},
	{"[|||##  ]", "a ring: buffers with messages, those of them that are held (#, or shaded)"},
};

void draw_help(const struct view *v, struct sheet *s)
{
	(void)v;
	for (size_t i = 0; i < sizeof(help) / sizeof(*help); i++) {
		struct pen p = sheet_line(s);

		if (!help[i].keys) {
			pen_put(&p, STYLE_TITLE, "%s", help[i].what);
			continue;
		}
		pen_put(&p, STYLE_GOOD, "  %-16s", help[i].keys);
		pen_put(&p, STYLE_PLAIN, " %s", help[i].what);
	}
}
