/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings, below the head: the worst first, as many as there are lines for. */
#include <string.h>

#include "rpmsg-top/draw.h"

static const struct {
	const char *word;
	enum style style;
} levels[] = {
	[ADVICE_NOTE] = {"note", STYLE_DIM},
	[ADVICE_WARNING] = {"warning", STYLE_WARNING},
	[ADVICE_ALARM] = {"ALARM", STYLE_ALARM},
};

/* How many of the max lines from y on it takes; *whole: that was all of it. */
static int draw_finding(const struct view *v, int y, int columns, int max, const struct advice *a,
			bool *whole)
{
	enum style style = a->level == ADVICE_NOTE ? STYLE_PLAIN : levels[a->level].style;
	const char *text = a->text, *from;
	struct pen p = pen_at(v, y, 0, columns);
	int lines = 0;
	size_t n;

	pen_put(&p, levels[a->level].style, "%s:", levels[a->level].word);
	while (lines < max && (n = layout_wrap(&text, columns - LAYOUT_ADVICE_INDENT))) {
		from = text - n;
		p = pen_at(v, y + lines++, LAYOUT_ADVICE_INDENT, columns - LAYOUT_ADVICE_INDENT);
		pen_put(&p, style, "%.*s", (int)n, from);
	}
	*whole = !*text;
	return lines;
}

/* Says at the end of the last line that there is more: the detail page has all. */
void draw_advice(const struct view *v, const struct layout *lay)
{
	int line = 0, end = lay->n_advice;
	bool whole = true;
	size_t i;

	for (i = 0; i < v->n_advice && line < end; i++)
		line += draw_finding(v, lay->advice + line, lay->columns, end - line,
				     &v->advice[i], &whole);
	if (end && (i < v->n_advice || !whole)) {
		struct pen p = pen_at(v, lay->advice + end - 1, lay->columns - 6, 6);

		if (i < v->n_advice)
			pen_put(&p, STYLE_DIM, " (+%zu)", v->n_advice - i);
		else
			pen_put(&p, STYLE_DIM, " ...");
		pen_rest(&p, STYLE_DIM);
	}
}
