/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of the records that a source reads: the last events, the last messages of one row,
 * and, while it is wanted, a capture of everything. Bounded: the oldest go first.
 */
#ifndef RPMSG_TOP_EVENTS_H
#define RPMSG_TOP_EVENTS_H

#include "rpmsg-top/table.h"

#define EVENTS_KEPT 1000
#define MESSAGES_KEPT 500
#define MESSAGE_BYTES_KEPT 128 /* of a payload */

struct kept_event {
	size_t bus;
	uint64_t time_ns;
	char text[200]; /* as rpmsg-listen --events has it, without time */
};
struct kept_message {
	size_t bus;
	uint64_t time_ns;
	enum rpmsg_direction dir;
	uint32_t src, dst;
	uint16_t len;
	uint8_t data[MESSAGE_BYTES_KEPT]; /* the first len of them are set */
};

struct events;
struct events *events_new(void);
void events_free(struct events *e);

/* Whether a record is one of those that are meant. */
typedef bool events_choice(size_t bus, const struct rpmsg_record *record, void *arg);

/* Reads what src has, and keeps wanted's messages (NULL: none). True if anything was new. */
bool events_update(struct events *e, struct source *src, events_choice *wanted, void *arg);
/* Services are known by announcements that are read, and by channels: t has new pictures. */
void events_learn(struct events *e, const struct table *t);
/* i counts from 0, the newest; NULL beyond the last. */
const struct kept_event *events_get(const struct events *e, size_t i);
const struct kept_message *events_message(const struct events *e, size_t i);
/* Others' messages are wanted from now on: forgets those that are kept; all events. */
void events_forget_messages(struct events *e);
void events_forget(struct events *e);

/*
 * A capture of what is shown (keep: says of which records) from now on. 0 or -errno; a write that
 * fails ends it, and is said by events_capture_error(). Ended by events_free() too.
 */
int events_capture(struct events *e, const char *path, events_choice *keep, void *arg);
/* Path and records of the capture that is being written, or NULL. */
const char *events_capture_path(const struct events *e, uint64_t *n);
int events_capture_end(struct events *e);
int events_capture_error(const struct events *e);

#endif
