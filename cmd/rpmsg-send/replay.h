/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rooms of --replay.
 *
 * replay.c        what to send when         replay_reel.c    the file, read several times
 * replay_plan.c   who sends to whom         replay_map.c     where that is on the live bus
 * replay_local.c  the endpoints we send from  replay_expect.c  what should come back
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "rpmsg-send/replay_plan.h"
#include "rpmsg-send/send.h"

/* An endpoint of ours. Where an endpoint has one destination only there is one for each pair. */
struct local {
	struct replay *replay;
	struct party *ours;
	struct pair *only; /* or NULL */
	struct rpmsg_endpoint *ept;   /* NULL: its channel has gone */
	struct rpmsg_device *channel; /* whose own endpoint it is, or NULL */
	bool listening;               /* else what comes was for who had the address before */
	uint32_t addr;                /* that ept has, or had before its channel went; else ANY */
	uint32_t *client;             /* who wrote to it first, second, ... */
	unsigned n_clients;           /* at most those of ours */
	STAILQ_ENTRY(local) next;
};

struct replay {
	struct session *s;
	const struct send_config *cfg;
	struct reel *reel;
	struct plan plan;
	struct expect *expect; /* or NULL */
	STAILQ_HEAD(, local) locals;
	/* the clock: message n is due at base + (time - plan.first_ns) / speed, or by interval */
	int64_t base;
	uint64_t n;
	int64_t late_ns; /* most */
};

/* ---- replay.c ---- */

/* Tells the clock that what came at that time in the recording has come now. */
void replay_came(struct replay *r, uint64_t time_ns);

/* ---- replay_reel.c ---- */

struct reel;
struct reel_pass; /* reading it once; several may be under way */

/* Opens path; what is no regular file is copied to a temporary one first. Says why if not. */
enum tool_exit reel_open(const char *path, struct reel **reel);
void reel_close(struct reel *reel);
/* How the file is called. */
const char *reel_name(const struct reel *reel);
/* Messages that are known to be missing in it. */
uint64_t reel_lost(const struct reel *reel, const char **what);

/* The first pass finds the end; the others end there. Says why if not. */
enum tool_exit reel_start(struct reel *reel, struct reel_pass **pass);
/* 1 and *record, its number in *number; 0 at the end; -EINTR to stop; -EIO, and it has said why. */
int reel_next(struct reel_pass *pass, struct rpmsg_record *record, uint64_t *number);
void reel_end(struct reel_pass *pass);

/* ---- replay_map.c ---- */

/* As session_wait(), and takes in what channels that came or went have changed. */
int map_wait(struct replay *r, int64_t deadline);
/* Waits for all that messages go to; lists those that were not announced: TOOL_NOT_FOUND. */
enum tool_exit map_await_all(struct replay *r);
/*
 * Where a message of the pair goes now, waiting for who is not there (*waited). TOOL_OK with
 * ANY: to stop.
 */
enum tool_exit map_destination(struct replay *r, struct pair *pair, uint32_t *dst, bool *waited);
/* The same, as far as it is known: else ANY. */
uint32_t map_look_up(const struct pair *pair);
/* Says on stderr who is where. */
void map_tell(const struct replay *r);

/* ---- replay_local.c ---- */

/* Binds all endpoints that the plan needs. Says why if not. */
enum tool_exit local_bind_all(struct replay *r);
/* Binds those again whose channel has gone, as far as it can be done now. */
void local_renew_all(struct replay *r);
/* Whether it is bound. Says why if not. */
enum tool_exit local_ready(struct local *local);
void local_free_all(struct replay *r);
/* The pair whose message comes to local from src; NULL: none such was recorded. */
struct pair *local_pair(struct local *local, uint32_t src);

/* ---- replay_expect.c ---- */

enum tool_exit expect_start(struct replay *r);
void expect_end(struct expect *expect);
/* From the first message again. All that was expected has come. */
enum tool_exit expect_rewind(struct expect *expect);
/* Reads what should come before record number; true when all of that has come. */
bool expect_met(struct expect *expect, uint64_t number);
/* Compares what came. */
void expect_got(struct expect *expect, struct local *local, uint32_t src, const void *data,
		size_t len);
/* Waits until expect_met(), or says what is missing: TOOL_UNMET. */
enum tool_exit expect_await(struct expect *expect, uint64_t number);
/* TOOL_OK, TOOL_UNMET, or TOOL_FAIL if the file could not be read. */
enum tool_exit expect_code(const struct expect *expect);
/* Tells of differences that were not shown one by one. */
void expect_summary(const struct expect *expect);

#endif
