/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/filter_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_or(struct parse *p);

bool parse_wrong(const struct parse *p, unsigned place, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, p->size, fmt, ap);
	va_end(ap);
	len = strlen(p->error);
	if (place)
		snprintf(p->error + len, p->size - len, " (word %u)", place);
	return false;
}

bool parse_ended(const struct parse *p)
{
	const struct word *last = &p->words.last;

	if (!last->text)
		return parse_wrong(p, 0, "it is empty");
	return parse_wrong(p, last->place, "nothing follows '%.*s'", WORD_ARG(last));
}

static bool no_memory(const struct parse *p)
{
	return parse_wrong(p, 0, "out of memory");
}

static bool take(struct parse *p, const char *text, const char *other)
{
	struct word word = words_peek(&p->words);

	if (!word_is(&word, text) && !word_is(&word, other))
		return false;
	words_take(&p->words, &word);
	return true;
}

/* ---- the steps between terms ---- */

/* Terms from first on that end in one step go on at another. */
static void redirect(struct filter *f, int first, int from, int to)
{
	for (int i = first; i < f->n; i++) {
		struct term *t = &f->term[i];

		t->yes = t->yes == from ? to : t->yes;
		t->no = t->no == from ? to : t->no;
	}
}

static int negated(int step)
{
	if (step == STEP_ACCEPT)
		return STEP_REJECT;
	return step == STEP_REJECT ? STEP_ACCEPT : step;
}

static void negate(struct filter *f, int first)
{
	for (int i = first; i < f->n; i++) {
		f->term[i].yes = negated(f->term[i].yes);
		f->term[i].no = negated(f->term[i].no);
	}
}

/* ---- the grammar ---- */

static bool grow(struct parse *p)
{
	struct filter *f = p->filter;
	int room = f->room ? 2 * f->room : 8;
	struct term *more;

	if (f->n < f->room)
		return true;
	if (f->n == FILTER_TERMS_MAX)
		return parse_wrong(p, p->words.last.place + 1, "more than %d terms",
				   FILTER_TERMS_MAX);
	more = realloc(f->term, (size_t)room * sizeof(*more));
	if (!more)
		return no_memory(p);
	f->term = more;
	f->room = room;
	return true;
}

static bool add_term(struct parse *p)
{
	struct term t = {.yes = STEP_ACCEPT, .no = STEP_REJECT};
	struct filter *f = p->filter;

	if (!grow(p) || !term_parse(p, &t))
		return false;
	f->needs_service |= t.kind == TERM_NAME;
	f->names_event |= t.kind == TERM_EVENT;
	f->term[f->n++] = t;
	return true;
}

static bool parse_group(struct parse *p)
{
	struct word open = words_peek(&p->words), close;

	if (!word_is(&open, "("))
		return add_term(p);
	if (p->depth == FILTER_DEPTH_MAX)
		return parse_wrong(p, open.place, "more than %d '(' within each other",
				   FILTER_DEPTH_MAX);
	words_take(&p->words, &open);
	p->depth++;
	if (!parse_or(p))
		return false;
	p->depth--;
	close = words_peek(&p->words);
	if (!close.text)
		return parse_wrong(p, open.place, "no ')' for this '('");
	if (!word_is(&close, ")"))
		return parse_wrong(p, close.place, "'%.*s': 'and', 'or' or ')' was expected",
				   WORD_ARG(&close));
	words_take(&p->words, &close);
	return true;
}

static bool parse_not(struct parse *p)
{
	int first = p->filter->n;
	bool inverse = false;

	while (take(p, "not", "!"))
		inverse = !inverse;
	if (!parse_group(p))
		return false;
	if (inverse)
		negate(p->filter, first);
	return true;
}

static bool parse_and(struct parse *p)
{
	int first = p->filter->n;

	if (!parse_not(p))
		return false;
	while (take(p, "and", "&&")) {
		redirect(p->filter, first, STEP_ACCEPT, p->filter->n);
		if (!parse_not(p))
			return false;
	}
	return true;
}

static bool parse_or(struct parse *p)
{
	int first = p->filter->n;

	if (!parse_and(p))
		return false;
	while (take(p, "or", "||")) {
		redirect(p->filter, first, STEP_REJECT, p->filter->n);
		if (!parse_and(p))
			return false;
	}
	return true;
}

static bool parse_all(struct parse *p)
{
	struct word word = words_peek(&p->words);

	if (!word.text)
		return true;
	if (!parse_or(p))
		return false;
	word = words_peek(&p->words);
	if (!word.text)
		return true;
	if (word_is(&word, ")"))
		return parse_wrong(p, word.place, "')' without a '('");
	return parse_wrong(p, word.place, "'%.*s': 'and' or 'or' was expected", WORD_ARG(&word));
}

struct filter *filter_parse(char *const *args, size_t n, char *error, size_t size)
{
	struct parse p = {.filter = calloc(1, sizeof(*p.filter)), .error = error, .size = size};
	bool ok = p.filter && words_init(&p.words, args, n);

	ok = ok ? parse_all(&p) : no_memory(&p);
	words_free(&p.words);
	if (ok)
		return p.filter;
	filter_free(p.filter);
	return NULL;
}
