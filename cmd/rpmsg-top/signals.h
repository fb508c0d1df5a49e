/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals while the screen is up: what asks for something is told through a descriptor, what
 * kills gives the terminal back first. SIGINT, SIGTERM and SIGHUP stay common/run.h's matter,
 * until a second one kills.
 */
#ifndef RPMSG_TOP_SIGNALS_H
#define RPMSG_TOP_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define SIGNALS_RESIZE 1U
#define SIGNALS_STOP 2U
#define SIGNALS_CONTINUE 4U

/* How a terminal is given back when nothing but async-signal-safe calls can be made. */
struct signals_undo {
	int fd;
	struct termios modes;
	int stderr_fd; /* where descriptor 2 went before, or -1 */
	char bytes[512];
	size_t len;
};

/* Before curses is started, which leaves alone what is handled. 0 or -errno. */
int signals_install(void);
void signals_remove(void);
/* Readable when signals_take() has something; what that is. */
int signals_fd(void);
unsigned signals_take(void);

/* From now on a fatal signal does this first; NULL: no longer. *undo is copied. */
void signals_arm(const struct signals_undo *undo);
/* Whether others have the terminal: to set its modes stops this process. */
bool signals_in_background(int fd);
/* Stops this process as SIGTSTP does by default; returns when it is continued. */
void signals_stop_self(void);

#endif
