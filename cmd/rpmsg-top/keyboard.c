/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/keyboard.h"

#include <curses.h>

#include "common/run.h"
#include "rpmsg-top/terminal.h"

#define BELL 0x07
/* A paste whose end does not come within this time of silence was cut off. */
#define PASTE_PAUSE_NS INT64_C(500000000)

/* ESC [ parameters, then a letter or such. */
static void skip_control_sequence(void)
{
	int c;

	do
		c = terminal_getch();
	while (c != ERR && (c < 0x40 || c > 0x7e));
}

/* ESC ] and its like: text up to BEL, or ESC and a backslash. */
static void skip_control_string(void)
{
	int c;

	do
		c = terminal_getch();
	while (c != ERR && c != BELL && c != KEY_ESCAPE);
	if (c == KEY_ESCAPE)
		terminal_getch();
}

/*
 * What follows an ESC at once belongs to it. True: nothing does, it is the key. Several ESCs at
 * once are one: of somebody who presses it again because the line is slow.
 */
static bool is_escape_key(void)
{
	int c;

	do
		c = terminal_getch();
	while (c == KEY_ESCAPE);
	switch (c) {
	case ERR:
		return true;
	case '[':
		skip_control_sequence();
		return false;
	case 'O':
		terminal_getch();
		return false;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		skip_control_string();
		return false;
	default: /* Alt and a key */
		return false;
	}
}

static void watch_paste(struct keyboard *k)
{
	int64_t now = run_now();

	if (k->pasting && now - k->last_ns > PASTE_PAUSE_NS)
		k->pasting = false;
	k->last_ns = now;
}

bool keyboard_next(struct keyboard *k, int *key, bool *pasted)
{
	int c;

	while ((c = terminal_getch()) != ERR) {
		if (c == KEY_RESIZE)
			continue;
		watch_paste(k);
		if (c == KEYBOARD_PASTE_BEGIN || c == KEYBOARD_PASTE_END) {
			k->pasting = c == KEYBOARD_PASTE_BEGIN;
			continue;
		}
		if (c == KEY_ESCAPE && !k->pasting && !is_escape_key())
			continue;
		*key = c;
		*pasted = k->pasting;
		return true;
	}
	return false;
}
