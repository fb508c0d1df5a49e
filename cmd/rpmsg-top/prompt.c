/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/prompt.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "rpmsg-top/keyboard.h"

#define DELETE 0x7f

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text)
{
	*p = (struct prompt){.kind = kind};
	snprintf(p->text, sizeof(p->text), "%s", text);
	memcpy(p->before, p->text, sizeof(p->before));
	p->len = p->at = strlen(p->text);
}

static enum prompt_result insert(struct prompt *p, int key)
{
	if (p->len + 1 >= sizeof(p->text))
		return PROMPT_SAME;
	memmove(p->text + p->at + 1, p->text + p->at, p->len - p->at + 1);
	p->text[p->at++] = (char)key;
	p->len++;
	return PROMPT_CHANGED;
}

/* Takes away what is between from and the cursor, or the other way round. */
static enum prompt_result cut(struct prompt *p, size_t from, size_t to)
{
	if (from == to)
		return PROMPT_SAME;
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
	return PROMPT_CHANGED;
}

static size_t word_begin(const struct prompt *p)
{
	size_t at = p->at;

	while (at && p->text[at - 1] == ' ')
		at--;
	while (at && p->text[at - 1] != ' ')
		at--;
	return at;
}

static enum prompt_result move_to(struct prompt *p, size_t at)
{
	p->at = at;
	return PROMPT_SAME;
}

static enum prompt_result edit(struct prompt *p, int key)
{
	switch (key) {
	case KEY_BACKSPACE:
	case KEY_CTRL('h'):
	case DELETE:
		return cut(p, p->at ? p->at - 1 : 0, p->at);
	case KEY_DC:
	case KEY_CTRL('d'):
		return cut(p, p->at, p->at < p->len ? p->at + 1 : p->len);
	case KEY_CTRL('u'):
		return cut(p, 0, p->at);
	case KEY_CTRL('k'):
		return cut(p, p->at, p->len);
	case KEY_CTRL('w'):
		return cut(p, word_begin(p), p->at);
	case KEY_LEFT:
	case KEY_CTRL('b'):
		return move_to(p, p->at ? p->at - 1 : 0);
	case KEY_RIGHT:
	case KEY_CTRL('f'):
		return move_to(p, p->at < p->len ? p->at + 1 : p->len);
	case KEY_HOME:
	case KEY_CTRL('a'):
		return move_to(p, 0);
	case KEY_END:
	case KEY_CTRL('e'):
		return move_to(p, p->len);
	default:
		return PROMPT_SAME;
	}
}

enum prompt_result prompt_key(struct prompt *p, int key, bool pasted)
{
	if (key >= ' ' && key < DELETE)
		return insert(p, key);
	if (pasted)
		return PROMPT_SAME;
	if (key == '\n' || key == '\r' || key == KEY_ENTER)
		return PROMPT_ACCEPTED;
	if (key == KEY_ESCAPE || key == KEY_CTRL('g'))
		return PROMPT_GIVEN_UP;
	return edit(p, key);
}
