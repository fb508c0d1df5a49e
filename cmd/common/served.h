/* SPDX-License-Identifier: BSD-2-Clause */
/* Which buses are served, without a word to those who serve them. */
#ifndef CMD_SERVED_H
#define CMD_SERVED_H

#include <stdbool.h>

/* Calls see with each NAME that has a socket in dir, served or left over, in order. */
void served_sockets(const char *dir, void (*see)(void *arg, const char *dir, const char *name),
		    void *arg);
/* Whether somebody takes connections at NAME's socket in dir. Waits for nobody. */
bool served_answers(const char *dir, const char *name);

/*
 * Calls see with each NAME that somebody serves and we may connect to, those of a directory
 * in order. Waits for nobody, so that one who is stuck is among them.
 */
void served_each(void (*see)(const char *name));

#endif
