/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a tool says on stderr, and the exit codes all tools share.
 */
#ifndef CMD_ERRORS_H
#define CMD_ERRORS_H

#include <stdarg.h>

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAIL = 1,       /* runtime error */
	TOOL_NOT_FOUND = 2,  /* no such bus, device or service */
	TOOL_UNMET = 3,      /* an expectation was not met */
	TOOL_LATE = 4,       /* there, but not in time */
	TOOL_NO_BUFFER = 5,  /* no transmit buffer */
	TOOL_LINK_DOWN = 6,  /* the link went down */
	TOOL_USAGE = 64,
};

/* The one to report of two that both hold: 6, 5, 3, 4, then the first that is not TOOL_OK. */
enum tool_exit tool_exit_worse(enum tool_exit a, enum tool_exit b);

/* -1 with -q, 0, then 1 for each -v. */
void tool_set_verbosity(int level);
int tool_verbosity(void);

/* "PROGRAM: text" and a newline to stderr, in one write. Always. */
void tool_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, without the program's name and not with -q. */
void tool_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, only with -v. */
void tool_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* tool_error(), then returns TOOL_USAGE. */
enum tool_exit tool_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
