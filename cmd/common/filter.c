/* SPDX-License-Identifier: BSD-2-Clause */
/* EXPR: a list of terms, all of which must hold. */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "number.h"

struct term {
	char *glob; /* name GLOB, or NULL: addr ADDR */
	uint32_t addr;
	struct term *next;
};

struct filter {
	struct term *first;
};

struct words {
	char *text; /* all arguments, a blank between them */
	char *rest;
	char *error;
	size_t size;
};

static bool wrong(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->error, w->size, fmt, ap);
	va_end(ap);
	return false;
}

static char *join(char *const *args, size_t n)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < n; i++)
		size += strlen(args[i]) + 1;
	text = end = malloc(size);
	if (!text)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		end = stpcpy(end, args[i]);
		*end++ = ' ';
	}
	*end = '\0';
	return text;
}

static char *next_word(struct words *w)
{
	return strtok_r(NULL, " \t\n", &w->rest);
}

static bool set_term(struct words *w, struct term *t, const char *kind, const char *value)
{
	const char *why;

	if (!value)
		return wrong(w, "'%s' needs %s", kind,
			     kind[0] == 'n' ? "a service name or GLOB" : "an address");
	if (kind[0] == 'n') {
		t->glob = strdup(value);
		return t->glob || wrong(w, "out of memory");
	}
	return number_parse_addr(value, &t->addr, &why) == 0 || wrong(w, "'%s' %s", value, why);
}

static bool parse_terms(struct filter *f, struct words *w)
{
	struct term **tail = &f->first;

	for (char *word = next_word(w); word; word = next_word(w)) {
		if (f->first) {
			if (strcmp(word, "and") != 0)
				return wrong(w, "'%s': 'and' was expected", word);
			word = next_word(w);
			if (!word)
				return wrong(w, "nothing follows 'and'");
		}
		if (strcmp(word, "name") != 0 && strcmp(word, "addr") != 0)
			return wrong(w, "'%s' is neither 'name' nor 'addr'", word);
		*tail = calloc(1, sizeof(**tail));
		if (!*tail)
			return wrong(w, "out of memory");
		if (!set_term(w, *tail, word, next_word(w)))
			return false;
		tail = &(*tail)->next;
	}
	return true;
}

struct filter *filter_parse(char *const *args, size_t n, char *error, size_t size)
{
	struct words w = {.error = error, .size = size};
	struct filter *f = calloc(1, sizeof(*f));
	bool ok;

	w.text = w.rest = join(args, n);
	ok = f && w.text ? parse_terms(f, &w) : wrong(&w, "out of memory");
	free(w.text);
	if (ok)
		return f;
	filter_free(f);
	return NULL;
}

void filter_free(struct filter *f)
{
	struct term *next;

	if (!f)
		return;
	for (struct term *t = f->first; t; t = next) {
		next = t->next;
		free(t->glob);
		free(t);
	}
	free(f);
}

static bool term_match(const struct term *t, const struct rpmsg_record *m, const char *service)
{
	if (!t->glob)
		return m->src == t->addr || m->dst == t->addr;
	return service && fnmatch(t->glob, service, 0) == 0;
}

bool filter_match(const struct filter *f, const struct rpmsg_record *m, const char *service)
{
	for (const struct term *t = f->first; t; t = t->next)
		if (!term_match(t, m, service))
			return false;
	return true;
}
