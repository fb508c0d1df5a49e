/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live buses.
 *
 * live.c        the source: what the main thread asks of it
 * live_set.c    which buses there are
 * live_watch.c  the thread of a bus, which alone talks to that bus
 * live_record.c the bus's recording: the thread opens and closes it, the main thread reads it
 * live_refused.c the thread: what was wrong with the last ring entry that was refused
 */
#ifndef RPMSG_TOP_LIVE_H
#define RPMSG_TOP_LIVE_H

#include <pthread.h>

#include "rpmsg-top/source.h"

enum live_news { LIVE_PICTURE = 1, LIVE_STATE = 2, LIVE_RECORDS = 4 };

struct live;

struct live_bus {
	struct live *live;
	char spec[sizeof(((struct source_bus *)0)->spec)];
	char name[RPMSG_BUS_NAME_SIZE];
	pthread_t thread;
	int wake;                  /* eventfd: there is something to do for the thread */

	/* with live->lock */
	bool there;
	char why[160];
	char refused[160];
	bool partial;
	bool hurry;
	int64_t asked_ns;          /* the first question that has no answer, 0: none */
	struct snapshot ready;
	unsigned news;             /* that was not taken */
	bool can_record;
	char no_records[160];

	/* with record_lock; the thread alone sets it */
	pthread_mutex_t record_lock;
	struct rpmsg_recording *recording;
	uint64_t lost_before;      /* of the recordings before this one, or passed over */

	/* the thread's own */
	struct rpmsg_bus *first;   /* as it was opened; NULL once sides has it */
	struct sides sides;
	struct snapshot work;
	int server;                /* the pid of who was recorded last */
	bool recording_tried;      /* on this connection */
	bool happened;             /* something did with its link, or its server */
	int64_t next_ns;           /* of the next picture, 0: now */
	int64_t reopen_ns, record_ns;
	uint64_t n_refused;        /* as of the last look at what they were, */
	int64_t refused_ns;        /* and when the next may be */
};

struct live {
	struct source source; /* first */
	const struct config *cfg;
	struct live_bus **bus;
	size_t n;
	bool all;                  /* what is served later belongs to it */
	int64_t look_ns;           /* when that is looked for again */
	int fd;                    /* eventfd: some bus has news */

	pthread_mutex_t lock;
	bool stop, want_records;
	int64_t start_ns, interval_ns;
};

/* With live->lock. */
void live_tell(struct live_bus *b, unsigned news);

/* ---- live_set.c, for the main thread ---- */

/*
 * first: as it was opened, taken over if this succeeds; NULL: its thread opens it, so that who
 * does not answer holds up nobody. 0 or -errno.
 */
int live_add_bus(struct live *l, struct rpmsg_bus *first, const char *spec, const char *name);
/* Of "all": adds what is served by now, if it is time to look. */
void live_look_for_more(struct live *l);
/* Whose thread has ended. */
void live_free_bus(struct live_bus *b);

/* live_watch.c: struct live_bus is the argument. */
void *live_watch(void *arg);
/* The thread, while its bus is open. */
struct rpmsg_bus *live_any_side(const struct live_bus *b);

/* live_refused.c */
void live_refused_look(struct live_bus *b, const struct snapshot *picture);

/* ---- live_record.c ---- */

/* The thread: opens and closes it as is wanted. */
void live_record_keep(struct live_bus *b, bool wanted);
/* What tells of new records, or -1. */
int live_record_fd(struct live_bus *b);
/* Tells of new records. */
void live_record_told(struct live_bus *b);
/* The thread: its bus has gone; what was recorded can still be read. */
void live_record_lose(struct live_bus *b);
void live_record_end(struct live_bus *b);
/* The main thread. */
size_t live_record_read(struct live_bus *b, size_t max,
			void (*fn)(const struct rpmsg_record *record, void *arg), void *arg);
void live_record_skip(struct live_bus *b);
uint64_t live_record_lost(struct live_bus *b);

#endif
