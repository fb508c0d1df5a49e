/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Did you mean": the known name that is nearest to a mistyped one.
 */
#ifndef CMD_HINT_H
#define CMD_HINT_H

#include <rpmsg.h>

/* Edits (insert, delete, replace, swap neighbours) from a to b, letters' case ignored. */
unsigned hint_distance(const char *a, const char *b);
/* Whether b is close enough to a to be meant: a few edits, or one begins with the other. */
bool hint_near(const char *a, const char *b);
/* The one of n known words that is nearest to a mistyped one, or NULL. */
const char *hint_word(const char *word, const char *const *known, size_t n);
/*
 * The nearest channel name on the bus, copied to buf. False if none is near.
 */
bool hint_channel(struct rpmsg_bus *bus, const char *name, char buf[RPMSG_NAME_SIZE]);

#endif
