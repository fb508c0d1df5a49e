/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that are kept back until all that is held has been seen, because only the last of
 * them are wanted. Copies: no more memory than these take.
 */
#ifndef RPMSG_LISTEN_BACKLOG_H
#define RPMSG_LISTEN_BACKLOG_H

#include <rpmsg.h>

struct backlog;

struct backlog_item {
	struct rpmsg_record record;
	const char *service; /* or NULL */
	/* No record: bus is missing count here; time_ns is of what passed next, or UINT64_MAX. */
	bool gap;
};

/*
 * Keeps the last messages, or messages and events (0: all), with what stands between them, and of these only what
 * is at most since_ns older than the newest that has passed. NULL: no memory.
 */
struct backlog *backlog_new(uint64_t last, bool count_events, uint64_t since_ns);
/* NULL is allowed. */
void backlog_free(struct backlog *log);

/* A record of that time was read, whether or not it is added next. */
void backlog_pass(struct backlog *log, uint64_t time_ns);
/* Both copy; 0 or -ENOMEM. */
int backlog_add(struct backlog *log, const struct rpmsg_record *record, const char *service);
int backlog_add_gap(struct backlog *log, const char *bus, uint64_t count);

/* Takes the oldest; *item ends with the next call. False: there is none. */
bool backlog_take(struct backlog *log, struct backlog_item *item);

#endif
