/* SPDX-License-Identifier: BSD-2-Clause */
/* Which buses are served, without a word to those who serve them. */
#ifndef CMD_SERVED_H
#define CMD_SERVED_H

#include <dirent.h>

/* For scandir: whether a file is called as a bus's socket is, NAME.sock. */
int served_filter(const struct dirent *entry);

/*
 * Calls see with each NAME that somebody serves and we may connect to, those of a directory
 * in order. Waits for nobody, so that one who is stuck is among them.
 */
void served_each(void (*see)(const char *name));

#endif
