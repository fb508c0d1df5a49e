/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys out of what was typed: escape sequences that mean nothing are dropped whole, what was
 * pasted is marked.
 */
#ifndef RPMSG_TOP_KEYBOARD_H
#define RPMSG_TOP_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Beyond all that curses has. */
#define KEYBOARD_PASTE_BEGIN 0x1001
#define KEYBOARD_PASTE_END 0x1002

#define KEY_CTRL(letter) ((letter) & 0x1f)
#define KEY_ESCAPE 0x1b

struct keyboard {
	bool pasting;
	int64_t last_ns; /* when something was typed */
};

/* The next key, and whether it was pasted; false: there is none yet. */
bool keyboard_next(struct keyboard *keyboard, int *key, bool *pasted);

#endif
