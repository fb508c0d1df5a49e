/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing of an EXPR: filter_parse.c knows how terms are joined, filter_term.c the terms.
 */
#ifndef CMD_FILTER_PARSE_H
#define CMD_FILTER_PARSE_H

#include "common/filter_term.h"
#include "common/filter_word.h"

struct parse {
	struct filter *filter;
	struct words words;
	unsigned depth; /* of parentheses */
	char *error;
	size_t size;
};

/* For "%.*s": a word, of which a message shows no more than its beginning. */
#define WORD_SHOWN 40
#define WORD_ARG(word) ((word)->len < WORD_SHOWN ? (int)(word)->len : WORD_SHOWN), (word)->text

/* Says what is wrong, and at which word; false. */
bool parse_wrong(const struct parse *p, unsigned place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "nothing follows 'and' (word 3)" */
bool parse_ended(const struct parse *p);

/*
 * Takes one term from the words. False if there is none or it is wrong: then *t holds nothing,
 * and the error is told.
 */
bool term_parse(struct parse *p, struct term *t);

#endif
