/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding what is wrong with one side of a bus.
 *
 * advice.c         all of it, in order
 * advice_link.c    the link itself, and what was refused of what came in
 * advice_channel.c services and channels
 * advice_send.c    messages that do not get away, or not to anybody
 */
#ifndef RPMSG_TOP_FINDER_H
#define RPMSG_TOP_FINDER_H

#include "rpmsg-top/advice.h"

#define FINDER_MAX (3 * N_ADVICE)

struct finder {
	const struct bus_row *row;
	size_t bus;
	const struct snapshot_side *side, *other; /* other: NULL if it is not served here */
	const struct recent *recent;
	uint64_t now; /* by the pictures' clock */
	struct advice found[FINDER_MAX];
	size_t n;
};

void finder_say(struct finder *f, enum advice_level level, enum advice_kind kind, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));
/* level if it grew lately, else a note; ", the last 5 s ago" or "" in when. */
#define FINDER_WHEN_SIZE 40
enum advice_level finder_level(const struct finder *f, enum advice_level level,
			       const uint64_t *counts, size_t n, char when[FINDER_WHEN_SIZE]);
/* Whether it is a file: what it does not tell is not known. */
bool finder_is_file(const struct finder *f);

/* "0x400 of pid 12 (rpmsg-listen)" */
#define FINDER_WHO_SIZE 140
const char *finder_who(const struct rpmsg_endpoint_stats *st, char who[FINDER_WHO_SIZE]);
/* The endpoint of which there is most, NULL if there is none of any. */
typedef uint64_t finder_much(const struct rpmsg_endpoint_stats *st);
const struct rpmsg_endpoint_stats *finder_most(const struct finder *f, finder_much *much);

/* Of a bus that is not there, f->side is NULL. */
void find_link(struct finder *f);
void find_refused(struct finder *f);
void find_partial(struct finder *f);
void find_channels(struct finder *f);
void find_sends(struct finder *f);

#endif
