/* SPDX-License-Identifier: BSD-2-Clause */
/* A line that is edited: printable ASCII. */
#ifndef RPMSG_TOP_PROMPT_H
#define RPMSG_TOP_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#define PROMPT_SIZE 64

enum prompt_kind { PROMPT_NONE, PROMPT_SEARCH, PROMPT_FILTER };

struct prompt {
	enum prompt_kind kind;
	char text[PROMPT_SIZE];
	size_t len, at;           /* at: the cursor */
	char before[PROMPT_SIZE]; /* what Esc goes back to */
};

enum prompt_result { PROMPT_SAME, PROMPT_CHANGED, PROMPT_ACCEPTED, PROMPT_GIVEN_UP };

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text);
/* What a key does; what was pasted is text alone. */
enum prompt_result prompt_key(struct prompt *p, int key, bool pasted);

#endif
