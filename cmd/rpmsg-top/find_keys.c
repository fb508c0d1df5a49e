/* SPDX-License-Identifier: BSD-2-Clause */
/* Search and filter: what is typed takes effect at once. */
#include <string.h>

#include "rpmsg-top/screen.h"

void find_search(struct view *v, bool down, bool same)
{
	if (!*v->search)
		view_note(v, true, "no text to search for: /");
	else if (!view_search(v, down, same))
		view_note(v, true, "not found: %s", v->search);
	else
		*v->note = '\0';
}

void find_prompt(struct view *v, enum prompt_kind kind)
{
	prompt_open(&v->prompt, kind, kind == PROMPT_FILTER ? v->filter : "");
	v->key_before = v->key;
	v->chosen_before = v->chosen;
	*v->note = '\0';
	v->focus = PANE_TABLE;
}

/* To the row that was selected when the prompt was opened. */
static void go_back(struct view *v)
{
	v->chosen = true;
	v->key = v->key_before;
	view_settle(v);
	v->chosen = v->chosen_before;
}

static void take_text(struct view *v)
{
	if (v->prompt.kind == PROMPT_FILTER) {
		view_filter(v, v->prompt.text);
		return;
	}
	*v->note = '\0';
	go_back(v);
	if (!*v->prompt.text)
		return;
	memcpy(v->search, v->prompt.text, sizeof(v->search));
	find_search(v, true, true);
}

static void give_up(struct view *v)
{
	if (v->prompt.kind == PROMPT_FILTER)
		view_filter(v, v->prompt.before);
	go_back(v);
	*v->note = '\0';
}

void find_key(struct view *v, int key, bool pasted)
{
	switch (prompt_key(&v->prompt, key, pasted)) {
	case PROMPT_CHANGED:
		take_text(v);
		return;
	case PROMPT_GIVEN_UP:
		give_up(v);
		v->prompt.kind = PROMPT_NONE;
		return;
	case PROMPT_ACCEPTED:
		if (v->prompt.kind == PROMPT_SEARCH && !*v->prompt.text && *v->search)
			find_search(v, true, false);
		v->prompt.kind = PROMPT_NONE;
		return;
	case PROMPT_SAME:
		return;
	}
}
