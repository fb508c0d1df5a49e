/* SPDX-License-Identifier: BSD-2-Clause */
/* Small numbers for things that epoll's events name. The caller locks. All zero is empty. */
#ifndef RPMSG_SLOTS_H
#define RPMSG_SLOTS_H

#include <stddef.h>

struct slots {
	void **item; /* freed by the owner */
	unsigned n;
};

/* The lowest free number, which is item's from now on; or -ENOMEM. */
int slots_take(struct slots *s, void *item);
static inline void slots_drop(struct slots *s, unsigned slot)
{
	s->item[slot] = NULL;
}
/* What has the number, or NULL. */
static inline void *slots_get(const struct slots *s, unsigned slot)
{
	return slot < s->n ? s->item[slot] : NULL;
}

#endif
