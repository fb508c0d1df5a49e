/* SPDX-License-Identifier: BSD-2-Clause */
/* The last line: a prompt, else what is to be said, else a capture, else the keys. */
#include <curses.h>
#include <inttypes.h>
#include <string.h>

#include "rpmsg-top/draw.h"

struct hint {
	const char *key, *what;
};

static const struct hint table_hints[] = {
	{"h", "help"},     {"q", "quit"},  {"/", "search"}, {"\\", "filter"}, {"s", "sort"},
	{"Enter", "detail"}, {"p", "pause"}, {"b", "bus"},    {"Space", "tag"}, {"m", "messages"},
	{"e", "events"},   {"x", "hex"},   {"Tab", "pane"}, {"w", "write"},   {"+-", "interval"},
	{NULL, NULL},
};
static const struct hint film_hints[] = {
	{"h", "help"}, {"q", "quit"},     {"p", "run/stop"}, {"[]", "step"},    {"{}", "ten"},
	{"0$", "ends"}, {"/", "search"}, {"\\", "filter"},  {"s", "sort"},
	{"Enter", "detail"}, {"Space", "tag"}, {"x", "hex"}, {"Tab", "pane"}, {"w", "write"},
	{NULL, NULL},
};
static const struct hint page_hints[] = {
	{"q", "back"}, {"jk", "scroll"}, {NULL, NULL},
};
static const struct hint menu_hints[] = {
	{"Enter", "sort"}, {"I", "invert"}, {"Esc", "back"}, {NULL, NULL},
};

static void draw_hints(struct pen *p, const struct hint *hint)
{
	for (; hint->key; hint++) {
		int width = (int)(strlen(hint->key) + strlen(hint->what)) + 2;

		if (width > pen_room(p))
			return;
		pen_put(p, STYLE_KEY, "%s", hint->key);
		pen_put(p, STYLE_PLAIN, " %s ", hint->what);
	}
}

static void draw_prompt(const struct view *v, struct pen *p)
{
	const struct prompt *prompt = &v->prompt;
	size_t room, from = 0;

	pen_put(p, STYLE_TITLE, "%s: ", prompt->kind == PROMPT_SEARCH ? "search" : "filter");
	room = pen_room(p) > 1 ? (size_t)pen_room(p) - 1 : 1;
	if (prompt->at > room)
		from = prompt->at - room;
	pen_put(p, STYLE_PLAIN, "%s", prompt->text + from);
	if (v->prompt.kind == PROMPT_SEARCH && *prompt->text && v->note_bad)
		pen_try(p, STYLE_WARNING, "  %s", v->note);
	move(p->y, p->end - (int)room - 1 + (int)(prompt->at - from));
}

static void draw_capture(struct pen *p, const char *path, uint64_t n)
{
	pen_put(p, STYLE_ALARM, "writing");
	pen_put(p, STYLE_PLAIN, " %s: %" PRIu64 " record%s ", path, n, plural_s(n));
}

static const struct hint *hints(const struct view *v)
{
	if (v->page != PAGE_TABLE)
		return page_hints;
	if (v->menu)
		return menu_hints;
	return v->film ? film_hints : table_hints;
}

void draw_foot(const struct view *v, const struct layout *lay)
{
	struct pen p = pen_at(v, lay->foot, 0, lay->columns);
	uint64_t n;
	const char *path = events_capture_path(v->events, &n);

	if (v->prompt.kind != PROMPT_NONE) {
		draw_prompt(v, &p);
		return;
	}
	if (*v->note) {
		pen_put(&p, v->note_bad ? STYLE_ALARM : STYLE_TITLE, "%s", v->note);
		return;
	}
	if (path)
		draw_capture(&p, path, n);
	if (*v->filter)
		pen_put(&p, STYLE_TAGGED, "filter: %s  ", v->filter);
	draw_hints(&p, hints(v));
}
