/* SPDX-License-Identifier: BSD-2-Clause */
/* The terms of an EXPR: a keyword and what follows it. */
#include "common/filter_term.h"

#include <stdlib.h>
#include <string.h>

#include "common/event_kind.h"
#include "common/filter_parse.h"
#include "common/hint.h"
#include "common/number.h"
#include "common/payload.h"

#define NUMBER_SIZE 32
#define LIST_SIZE 160

struct keyword {
	const char *word;
	const char *needs; /* what follows it, in words */
	enum term_kind kind;
	unsigned detail; /* which one of its kind */
	bool (*parse)(struct parse *p, const struct keyword *k, struct term *t);
};

/* What fingers type that know other tools; the rest is found by its likeness. */
static const struct {
	const char *typed, *meant;
} aliases[] = {
	{"source", "src"},   {"from", "src"},    {"destination", "dst"}, {"to", "dst"},
	{"host", "addr"},    {"port", "addr"},   {"service", "name"},    {"channel", "name"},
	{"payload", "data"}, {"size", "len"},    {"greater", "len >="},  {"less", "len <="},
	{"h", "h2r"},        {"r", "r2h"},       {"link", "--bpf"},
};

/* ---- words ---- */

static bool is_joint(const struct word *word)
{
	static const char *const joint[] = {"and", "or", "not", "&&", "||", "(", ")"};

	for (size_t i = 0; i < sizeof(joint) / sizeof(*joint); i++)
		if (word_is(word, joint[i]))
			return true;
	return false;
}

static bool not_that(const struct parse *p, const struct keyword *k, const struct word *word)
{
	return parse_wrong(p, word->place, "'%s' needs %s, not '%.*s'", k->word, k->needs,
			   WORD_ARG(word));
}

/* Takes the value that a keyword needs. */
static bool take_value(struct parse *p, const struct keyword *k, struct word *value)
{
	const struct word *last = &p->words.last;

	*value = words_peek_value(&p->words);
	if (!value->text)
		return parse_wrong(p, last->place, "'%s' needs %s, but nothing follows '%.*s'",
				   k->word, k->needs, WORD_ARG(last));
	if (is_joint(value))
		return not_that(p, k, value);
	if (!value->end)
		return parse_wrong(p, value->place, "%c%.*s: there is no second %c",
				   value->text[-1], WORD_ARG(value), value->text[-1]);
	words_take(&p->words, value);
	return true;
}

/* The len bytes at text, a part of word. */
static bool read_number(const struct parse *p, const struct keyword *k, const struct word *word,
			const char *text, size_t len, uint32_t max, uint32_t *number)
{
	char digits[NUMBER_SIZE] = "";
	const char *why;
	uint64_t value;
	int err;

	if (len < sizeof(digits))
		memcpy(digits, text, len);
	err = number_parse(digits, 0, max, &value, &why);
	if (err == -ERANGE)
		return parse_wrong(p, word->place, "'%s': '%s' %s", k->word, digits, why);
	if (err)
		return not_that(p, k, word);
	*number = (uint32_t)value;
	return true;
}

/* For a word that is none of n known ones: one that it is like, or all. */
static bool unknown(const struct parse *p, const struct word *word, const char *what,
		    const char *const *known, size_t n)
{
	char typed[WORD_SHOWN + 1] = "", list[LIST_SIZE] = "";
	const char *meant;

	if (word->quoted)
		return parse_wrong(p, word->place, "text in quotes is no %s", what);
	memcpy(typed, word->text, word->len < WORD_SHOWN ? word->len : WORD_SHOWN);
	meant = hint_word(typed, known, n);
	if (meant)
		return parse_wrong(p, word->place, "'%s': did you mean '%s'?", typed, meant);
	for (size_t i = 0; i < n; i++) {
		strncat(list, i ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, known[i], sizeof(list) - strlen(list) - 1);
	}
	return parse_wrong(p, word->place, "'%s' is no %s: there are %s", typed, what, list);
}

/* ---- what follows a keyword ---- */

static bool parse_glob(struct parse *p, const struct keyword *k, struct term *t)
{
	struct word value;

	if (!take_value(p, k, &value))
		return false;
	if (!value.quoted && value.len && strchr("=<>!", *value.text)) /* as in "len=5" */
		return not_that(p, k, &value);
	t->name.glob = strndup(value.text, value.len);
	if (!t->name.glob)
		return parse_wrong(p, 0, "out of memory");
	t->name.plain = !strpbrk(t->name.glob, "*?[\\");
	return true;
}

/* ADDR or ADDR/MASK. The address ANY, which nobody has, is no ADDR. */
static bool parse_addr(struct parse *p, const struct keyword *k, struct term *t)
{
	struct word value;
	const char *slash;
	size_t len;

	t->addr.of = k->detail;
	t->addr.mask = UINT32_MAX;
	if (!take_value(p, k, &value))
		return false;
	slash = memchr(value.text, '/', value.len);
	len = slash ? (size_t)(slash - value.text) : value.len;
	if (!read_number(p, k, &value, value.text, len, UINT32_MAX, &t->addr.value))
		return false;
	if (slash && !read_number(p, k, &value, slash + 1, value.len - len - 1, UINT32_MAX,
				  &t->addr.mask))
		return false;
	if (!slash && t->addr.value == RPMSG_ADDR_ANY)
		return parse_wrong(p, value.place,
				   "'%s': '%.*s' is the address ANY, which nobody has", k->word,
				   WORD_ARG(&value));
	t->addr.value &= t->addr.mask;
	return true;
}

static bool parse_plain(struct parse *p, const struct keyword *k, struct term *t)
{
	(void)p;
	if (k->kind == TERM_DIR)
		t->dir = (enum rpmsg_direction)k->detail;
	return true;
}

/* Which lengths hold: below, at, above a number. */
static const struct comparison {
	const char *word;
	bool below, at, above;
} comparisons[] = {
	{"=", false, true, false}, {"==", false, true, false}, {"!=", true, false, true},
	{"<", true, false, false}, {"<=", true, true, false},  {">", false, false, true},
	{">=", false, true, true},
};

static const struct comparison *take_comparison(struct parse *p)
{
	struct word word = words_peek(&p->words);

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		if (!word_is(&word, comparisons[i].word))
			continue;
		words_take(&p->words, &word);
		return &comparisons[i];
	}
	return NULL;
}

/* OP N, N, or A-B. */
static bool parse_len(struct parse *p, const struct keyword *k, struct term *t)
{
	const struct comparison *c = take_comparison(p);
	const char *dash, *end;
	struct word value;

	if (!take_value(p, k, &value))
		return false;
	end = value.text + value.len;
	dash = c ? NULL : memchr(value.text, '-', value.len);
	c = c ? c : &comparisons[0];
	t->len.below = c->below;
	t->len.within = c->at;
	t->len.above = c->above;
	if (!read_number(p, k, &value, value.text, (size_t)((dash ? dash : end) - value.text),
			 PAYLOAD_MAX, &t->len.least))
		return false;
	t->len.most = t->len.least;
	if (dash && !read_number(p, k, &value, dash + 1, (size_t)(end - dash - 1), PAYLOAD_MAX,
				 &t->len.most))
		return false;
	if (t->len.most < t->len.least)
		return parse_wrong(p, value.place, "'%s': '%.*s' begins above its end", k->word,
				   WORD_ARG(&value));
	return true;
}

/* Text, which is in quotes, or hex. */
static bool read_bytes(const struct parse *p, const struct keyword *k, const struct word *value,
		       struct payload *bytes)
{
	bool prefix = !value->quoted && value->len > 2 && !strncasecmp(value->text, "0x", 2);
	size_t skip = prefix ? 2 : 0;
	const char *why;
	int err;

	err = payload_decode(value->text + skip, value->len - skip,
			     value->quoted ? PAYLOAD_PLAIN : PAYLOAD_HEX, bytes, &why);
	if (!err)
		return true;
	return parse_wrong(p, value->place, "'%s' needs %s: '%.*s' %s", k->word, k->needs,
			   WORD_ARG(value), why);
}

/* BYTES, @OFFSET BYTES, or contains BYTES. */
static bool parse_data(struct parse *p, const struct keyword *k, struct term *t)
{
	struct payload bytes;
	struct word value;

	if (!take_value(p, k, &value))
		return false;
	t->data.anywhere = word_is(&value, "contains");
	if (!value.quoted && *value.text == '@') {
		if (!read_number(p, k, &value, value.text + 1, value.len - 1, PAYLOAD_MAX,
				 &t->data.offset) ||
		    !take_value(p, k, &value))
			return false;
	} else if (t->data.anywhere && !take_value(p, k, &value)) {
		return false;
	}
	if (!read_bytes(p, k, &value, &bytes))
		return false;
	t->data.bytes = bytes.data;
	t->data.len = (uint32_t)bytes.len;
	return true;
}

static bool unknown_kind(const struct parse *p, const struct word *word)
{
	const char *known[RPMSG_RECORD_TYPES - 1];

	for (int i = 1; i < RPMSG_RECORD_TYPES; i++)
		known[i - 1] = event_kind_word((enum rpmsg_record_type)i);
	return unknown(p, word, "kind of event", known, RPMSG_RECORD_TYPES - 1);
}

static bool parse_event(struct parse *p, const struct keyword *k, struct term *t)
{
	struct word word = words_peek(&p->words);

	(void)k;
	t->event = RPMSG_RECORD_MESSAGE;
	if (!word.text || is_joint(&word))
		return true;
	words_take(&p->words, &word);
	for (int i = 1; i < RPMSG_RECORD_TYPES; i++) {
		t->event = (enum rpmsg_record_type)i;
		if (word_is(&word, event_kind_word(t->event)))
			return true;
	}
	return unknown_kind(p, &word);
}

/* ---- the keywords ---- */

#define NEEDS_NAME "a name or GLOB"
#define NEEDS_ADDR "an address"
#define NEEDS_LEN "a number"
#define NEEDS_DATA "hex, or text in quotes"

static const struct keyword keywords[] = {
	{"name", NEEDS_NAME, TERM_NAME, 0, parse_glob},
	{"bus", NEEDS_NAME, TERM_BUS, 0, parse_glob},
	{"src", NEEDS_ADDR, TERM_ADDR, TERM_OF_SRC, parse_addr},
	{"dst", NEEDS_ADDR, TERM_ADDR, TERM_OF_DST, parse_addr},
	{"addr", NEEDS_ADDR, TERM_ADDR, TERM_OF_SRC | TERM_OF_DST, parse_addr},
	{"h2r", NULL, TERM_DIR, RPMSG_H2R, parse_plain},
	{"r2h", NULL, TERM_DIR, RPMSG_R2H, parse_plain},
	{"len", NEEDS_LEN, TERM_LEN, 0, parse_len},
	{"data", NEEDS_DATA, TERM_DATA, 0, parse_data},
	{"ns", NULL, TERM_NS, 0, parse_plain},
	{"event", NULL, TERM_EVENT, 0, parse_event},
};
#define N_KEYWORDS (sizeof(keywords) / sizeof(*keywords))

static bool unknown_keyword(const struct parse *p, const struct word *word)
{
	const char *known[N_KEYWORDS];

	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (word_is(word, aliases[i].typed))
			return parse_wrong(p, word->place, "'%s': did you mean '%s'?",
					   aliases[i].typed, aliases[i].meant);
	for (size_t i = 0; i < N_KEYWORDS; i++)
		known[i] = keywords[i].word;
	return unknown(p, word, "keyword", known, N_KEYWORDS);
}

bool term_parse(struct parse *p, struct term *t)
{
	struct word word = words_peek(&p->words);

	if (!word.text)
		return parse_ended(p);
	if (is_joint(&word))
		return parse_wrong(p, word.place, "'%.*s': a term was expected", WORD_ARG(&word));
	for (size_t i = 0; i < N_KEYWORDS; i++) {
		if (!word_is(&word, keywords[i].word))
			continue;
		words_take(&p->words, &word);
		t->kind = keywords[i].kind;
		return keywords[i].parse(p, &keywords[i], t);
	}
	return unknown_keyword(p, &word);
}
