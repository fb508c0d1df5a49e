/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where pictures and records come from: live buses, each watched by a thread of its own so that
 * one that does not answer holds up nobody, or a file, whose time the user moves.
 */
#ifndef RPMSG_TOP_SOURCE_H
#define RPMSG_TOP_SOURCE_H

#include "common/snapshot.h"
#include "rpmsg-top/top.h"

struct source;

/* A bus of it. Strings are for people. */
struct source_bus {
	char name[RPMSG_BUS_NAME_SIZE];
	char spec[128];
	bool there;          /* it is served and answers; else why says what is wrong */
	char why[160];
	uint64_t silent_ns;  /* for how long a question has had no answer, 0: none is open */
	bool records;        /* source_records() has its traffic; else no_records says why not */
	char no_records[160];
	uint64_t lost;       /* records that were overwritten, or passed over, unread */
	bool partial;        /* the bus tells of a part only: see missing */
	char missing[160];   /* what it does not tell (the kernel's bus, a file) */
	char refused[160];   /* the last ring entry that was refused, as its record has it, or "" */
};

/*
 * Opens what cfg names; on failure says what went wrong. Pictures begin to come, one each
 * cfg->interval_ns, the first at once; a live bus that goes is looked for until it is back.
 */
enum tool_exit source_open(const struct config *cfg, struct source **src);
void source_close(struct source *src); /* also while a bus does not answer */

/* Readable when there is something new; source_take() of all buses clears it. */
int source_fd(struct source *src);
size_t source_buses(struct source *src);
void source_describe(struct source *src, size_t bus, struct source_bus *state);
/*
 * The newest picture of a bus, exchanged for *picture (all zero at first), if it is newer than
 * the last one that was taken. A bus that is not there has none.
 */
bool source_take(struct source *src, size_t bus, struct snapshot *picture);
void source_set_interval(struct source *src, int64_t ns);
/* Asks for a picture now. */
void source_hurry(struct source *src);

/*
 * Whether records are read (as long as nobody wants them they cost nothing), and then those of a
 * bus since the last call, events too, oldest first, at most max; how many it were.
 */
void source_want_records(struct source *src, bool on);
size_t source_records(struct source *src, size_t bus, size_t max,
		      void (*fn)(const struct rpmsg_record *record, void *arg), void *arg);
/*
 * Passes over the messages that a bus has up to its next event, if there is one: they are more
 * than can be looked at. False, and nothing done, for a file.
 */
bool source_skip(struct source *src, size_t bus);

/* ---- a file: its time stands still, or runs as it did ---- */

struct source_time {
	uint64_t first_ns, last_ns; /* of its records; last_ns grows while it is read */
	uint64_t now_ns;            /* what pictures show: all up to here */
	bool running;
	bool ended;                 /* nothing comes after now_ns */
	char error[300];            /* why nothing more can be read, or "": a broken file */
};
/* False: live. */
bool source_time(struct source *src, struct source_time *time);
/*
 * To a time, first_ns to last_ns; pictures and records follow. 0 or -errno: a pipe cannot
 * go back.
 */
int source_seek(struct source *src, uint64_t time_ns);
void source_run(struct source *src, bool on);

/* ---- for live.c and film.c ---- */

struct source_ops {
	void (*close)(struct source *src);
	int (*fd)(struct source *src);
	size_t (*buses)(struct source *src);
	void (*describe)(struct source *src, size_t bus, struct source_bus *state);
	bool (*take)(struct source *src, size_t bus, struct snapshot *picture);
	void (*set_interval)(struct source *src, int64_t ns);
	void (*hurry)(struct source *src);
	void (*want_records)(struct source *src, bool on);
	size_t (*records)(struct source *src, size_t bus, size_t max,
			  void (*fn)(const struct rpmsg_record *record, void *arg), void *arg);
	/* NULL: a file */
	void (*skip)(struct source *src, size_t bus);
	/* NULL: live */
	void (*time)(struct source *src, struct source_time *time);
	int (*seek)(struct source *src, uint64_t time_ns);
	void (*run)(struct source *src, bool on);
};
struct source {
	const struct source_ops *ops; /* first in what live.c and film.c have */
};
enum tool_exit live_open(const struct config *cfg, struct source **src);
enum tool_exit film_open(const struct config *cfg, struct source **src);

#endif
