/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the last records of a bus, until somebody takes them: bounded, events by themselves. */
#ifndef RPMSG_TOP_FILM_KEPT_H
#define RPMSG_TOP_FILM_KEPT_H

#include <rpmsg.h>

struct kept;

struct kept *kept_new(void); /* NULL: no memory */
void kept_free(struct kept *k); /* NULL is allowed */
void kept_clear(struct kept *k);

/* The oldest go when there are too many: how many went, or -ENOMEM. */
int kept_put(struct kept *k, const struct rpmsg_record *record);
/* The oldest, at most max: how many it were. What *record points to ends with the call of fn. */
size_t kept_take(struct kept *k, size_t max,
		 void (*fn)(const struct rpmsg_record *record, void *arg), void *arg);

#endif
