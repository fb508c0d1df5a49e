/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/filter_word.h"

#include <stdlib.h>
#include <string.h>

#define BLANK " \t\n\r"
#define COMPARE "<>=!"

bool words_init(struct words *w, char *const *args, size_t n)
{
	size_t size = 1;
	char *end;

	for (size_t i = 0; i < n; i++)
		size += strlen(args[i]) + 1;
	*w = (struct words){.text = malloc(size)};
	if (!w->text)
		return false;
	w->at = end = w->text;
	for (size_t i = 0; i < n; i++) {
		if (i)
			*end++ = ' ';
		end = stpcpy(end, args[i]);
	}
	*end = '\0';
	return true;
}

void words_free(struct words *w)
{
	free(w->text);
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool is_joint(const char *at)
{
	return (at[0] == '&' || at[0] == '|') && at[1] == at[0];
}

/* The length of the operator that stands at this place, or 0. */
static size_t operator_len(const char *at, bool value)
{
	if (is_one_of(*at, "()"))
		return 1;
	if (is_joint(at))
		return 2;
	if (value || !is_one_of(*at, COMPARE))
		return 0;
	return at[1] == '=' ? 2 : 1;
}

static size_t plain_len(const char *at, bool value)
{
	size_t len = 0;

	while (at[len] && !is_one_of(at[len], BLANK) && !operator_len(at + len, value))
		len++;
	return len;
}

static struct word read_word(const struct words *w, bool value)
{
	const char *at = w->at + strspn(w->at, BLANK);
	struct word word = {.place = w->last.place + 1};

	if (!*at)
		return word;
	word.quoted = is_one_of(*at, "\"'");
	if (word.quoted) {
		const char *close = strchr(at + 1, *at);

		word.text = at + 1;
		word.len = close ? (size_t)(close - word.text) : strlen(word.text);
		word.end = close ? close + 1 : NULL;
		return word;
	}
	word.text = at;
	word.len = operator_len(at, value);
	if (!word.len)
		word.len = plain_len(at, value);
	word.end = at + word.len;
	return word;
}

struct word words_peek(const struct words *w)
{
	return read_word(w, false);
}

struct word words_peek_value(const struct words *w)
{
	return read_word(w, true);
}

void words_take(struct words *w, const struct word *word)
{
	if (!word->text)
		return;
	w->at = word->end ? word->end : strchr(w->at, '\0');
	w->last = *word;
}

bool word_is(const struct word *word, const char *text)
{
	return word->text && !word->quoted && word->len == strlen(text) &&
	       memcmp(word->text, text, word->len) == 0;
}
