/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of recorded traffic, read up to a time, and what its records tell of each bus. */
#ifndef RPMSG_TOP_FILM_REEL_H
#define RPMSG_TOP_FILM_REEL_H

#include "common/input.h"
#include "rpmsg-top/film_bus.h"

/* Buses in one file that are shown; records of more are left out. */
#define REEL_BUSES_MAX 32u

struct reel;

/* What is told while it is read. */
struct reel_ear {
	void (*record)(size_t bus, const struct rpmsg_record *record, void *arg);
	bool (*stop)(void *arg); /* asked now and then: whether to leave it at that */
	void *arg;
};

/*
 * path "-" is standard input. follow: of a recorder's file also what comes yet. wait: what
 * to do while a pipe has nothing. 0 or -errno, and error says what is wrong with which file.
 */
int reel_open(const char *path, bool follow, const struct input_wait *wait, struct reel **reel,
	      char *error, size_t size);
void reel_close(struct reel *reel); /* NULL is allowed */
/* Whether it can be read again from its beginning: a pipe cannot. */
bool reel_can_restart(const struct reel *reel);
/* The same buses are there then, with nothing told. What is there stays if that fails. */
int reel_restart(struct reel *reel, char *error, size_t size);

/*
 * Takes all records up to until_ns (and at least those of the first one's time). 1; 0: that
 * is all there is for now; -EPIPE: all there will be; -EINTR: told to stop; else -errno, and
 * error says what is wrong where.
 */
int reel_read(struct reel *reel, uint64_t until_ns, const struct reel_ear *ear, char *error,
	      size_t size);

/* Looks on for the end of the file, a while; whether there is more to look at. */
bool reel_scan(struct reel *reel);

/* Times of the first record, the last one taken, and the last one seen: 0 if there is none yet. */
uint64_t reel_first(const struct reel *reel);
uint64_t reel_taken(const struct reel *reel);
uint64_t reel_last(const struct reel *reel);
size_t reel_buses(const struct reel *reel);
const struct film_bus *reel_bus(const struct reel *reel, size_t bus);
/* Records that are known to be missing before they got into the file or were read. */
uint64_t reel_lost(const struct reel *reel);
/* The pid of a recorder that did not end, or 0. */
int reel_crashed(const struct reel *reel);

#endif
