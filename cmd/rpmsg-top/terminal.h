/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal: taken over, given back, stopped and continued, its size; what is said on stderr
 * meanwhile. The rest of the screen draws with curses and knows none of this.
 */
#ifndef RPMSG_TOP_TERMINAL_H
#define RPMSG_TOP_TERMINAL_H

#include "rpmsg-top/top.h"

/* What it can do. */
struct terminal {
	bool utf8;  /* lines and blocks */
	bool color;
	bool mouse;
	int keys_fd; /* readable when something was typed */
	int wake_fd; /* readable when terminal_attend() has something to do */
	int said_fd; /* readable when terminal_said() has something; or -1 */
};

/* Says what is wrong, and then nothing was written to it. */
enum tool_exit terminal_open(const struct config *cfg, struct terminal *terminal);
/* Gives it back; what was said on stderr meanwhile is said then. */
void terminal_close(void);

/* Does what signals ask for: a new size, to stop, to go on. True if all is to be drawn again. */
bool terminal_attend(void);
/* All is drawn from scratch next time: something else wrote on the screen. */
void terminal_repaint(void);
/* Stops as ^Z does. */
void terminal_stop(void);
/* The next byte or key that was typed, or ERR. */
int terminal_getch(void);
/* The last line that somebody said on stderr since the last call; false: none. */
bool terminal_said(char *line, size_t size);

#endif
