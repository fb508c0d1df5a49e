/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of an EXPR. Where one ends depends on what is awaited: "len>5" is three words,
 * but a GLOB may hold any of "<>=!".
 */
#ifndef CMD_FILTER_WORD_H
#define CMD_FILTER_WORD_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of the text, not terminated. */
struct word {
	const char *text; /* NULL: the expression ends here */
	size_t len;
	bool quoted;      /* in "" or '', which are not part of text */
	unsigned place;   /* counts from 1 */
	const char *end;  /* of it and its quotes; NULL: a quote without a second one */
};

struct words {
	char *text; /* all arguments, a blank between them */
	const char *at;
	struct word last; /* that was taken */
};

/* False: out of memory. */
bool words_init(struct words *w, char *const *args, size_t n);
void words_free(struct words *w);

/* What comes next, read as a keyword or an operator, or as a value. */
struct word words_peek(const struct words *w);
struct word words_peek_value(const struct words *w);
/* Goes on behind a word that was looked at. */
void words_take(struct words *w, const struct word *word);

/* Whether it is this keyword or operator: what is quoted is none. */
bool word_is(const struct word *word, const char *text);

#endif
