/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Ready": from now on nothing is missed. Told once, as --banner and --ready-fd ask.
 */
#ifndef CMD_READY_H
#define CMD_READY_H

#include <argp.h>
#include <stdbool.h>

struct ready {
	bool banner;
	int fd; /* or -1 */
	bool told;
};

/* For parsers: an open descriptor, or argp_error(). */
int ready_arg_fd(struct argp_state *state, const char *arg);
/* Writes "ready: text" to stderr and a newline to the descriptor, the first time. */
void ready_tell(struct ready *ready, const char *text);

#endif
