/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures that -w writes: one file, one for each bus (%b in its name), or one after the
 * other, by size, time and number of packets. rpmsg-listen(1), CAPTURES, has the rules.
 */
#ifndef RPMSG_LISTEN_CAPTURE_H
#define RPMSG_LISTEN_CAPTURE_H

#include <stdio.h>
#include <rpmsg.h>

struct capture_limits {
	uint64_t size;    /* bytes of a file, 0: no limit */
	uint64_t packets; /* in a file, likewise */
	int64_t time_ns;  /* that a file is about, likewise */
	uint64_t files;   /* kept of each bus, likewise */
	uint64_t snaplen; /* bytes kept of a payload, likewise */
};

/* Whether both paths, "-" being standard output and input, are one regular file. */
bool capture_overwrites(const char *path, const char *read);
/* Whether there is more than one file after the other. */
bool capture_rotates(const struct capture_limits *limits);
/* Whether the name has a place for the bus. */
bool capture_is_per_bus(const char *name);

struct capture;

/*
 * Functions return 0 or -errno; after a failure capture_path() says which file it was about.
 * Nothing can be written then, but the files hold all packets up to there.
 */
/* read: a path that is not overwritten (-EBUSY), or NULL. It, name and limits must stay. */
int capture_open(const char *name, const struct capture_limits *limits, const char *read,
		 struct capture **capture);
/* A bus whose records may come: its file is there from now on. */
int capture_add_bus(struct capture *capture, const char *bus);
/*
 * Finds the file that record goes to, or begins it. 1: it is empty, and capture_put_first() may
 * put before the record what readers should know; else 0.
 */
int capture_turn_to(struct capture *capture, const struct rpmsg_record *record);
int capture_put_first(struct capture *capture, const struct rpmsg_record *record);
/* Into the file found last. */
int capture_put(struct capture *capture, const struct rpmsg_record *record);
int capture_flush(struct capture *capture);
const char *capture_path(const struct capture *capture);
/* The file, or how many they were, to be read after "written to". */
void capture_describe(const struct capture *capture, char *text, size_t size);
/* Flushes and closes. */
int capture_close(struct capture *capture);
/* NULL is allowed. */
void capture_free(struct capture *capture);

#endif
