/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --expect-replies: what the recording has of the other direction should come again. Its
 * order counts between the same two parties; how messages of several parties mingle does not.
 *
 * The file is read a second time for it, only as far as needed: up to the message that is
 * sent next, or on to what may be meant by one that has come early.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/diff.h"
#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/replay.h"

/* What is read ahead at most. */
#define AHEAD_MAX (64UL * 1024 * 1024)
/* Differences that are shown one by one. */
#define SHOWN_MAX 10
/* How far on a message is looked for, if it is not the next one. */
#define LOST_MAX 64
#define TEXT_BYTES 40

struct expect {
	struct replay *replay;
	struct reel_pass *pass;
	uint64_t number; /* the last record that was read */
	bool ended;      /* there are no more */
	TAILQ_HEAD(, want) wants;
	size_t ahead; /* bytes of them */
	uint64_t differences;
	uint64_t met;
	uint64_t settled; /* wants, in one way or the other */
	enum tool_exit code;
};

/* ---- telling ---- */

static const char *printable(const void *data, size_t len, char text[TEXT_BYTES + 4])
{
	format_printable(text, TEXT_BYTES + 1, data, len);
	if (len > TEXT_BYTES)
		strcat(text, "...");
	return text;
}

/* Counts a difference; whether to show it. */
static bool differs(struct expect *e)
{
	e->code = tool_exit_worse(e->code, TOOL_UNMET);
	return e->differences++ < SHOWN_MAX;
}

static void tell_missing(struct expect *e, const struct want *want)
{
	char theirs[PARTY_TEXT_SIZE], ours[PARTY_TEXT_SIZE], text[TEXT_BYTES + 4];

	if (differs(e))
		tool_error("message %llu of %s, from %s to %s, did not come: %zu bytes: %s",
			   (unsigned long long)want->number, reel_name(e->replay->reel),
			   party_text(want->pair->theirs, theirs),
			   party_text(want->pair->ours, ours), want->len,
			   printable(want->data, want->len, text));
}

static void tell_different(struct expect *e, const struct want *want, const void *data, size_t len)
{
	char theirs[PARTY_TEXT_SIZE], ours[PARTY_TEXT_SIZE], diff[DIFF_TEXT_SIZE];

	if (!differs(e))
		return;
	diff_describe(want->data, want->len, data, len, diff);
	tool_error("message %llu of %s, from %s to %s, %s", (unsigned long long)want->number,
		   reel_name(e->replay->reel), party_text(want->pair->theirs, theirs),
		   party_text(want->pair->ours, ours), diff);
}

static void tell_extra(struct expect *e, const struct local *local, uint32_t src, const void *data,
		       size_t len)
{
	char ours[PARTY_TEXT_SIZE], addr[FORMAT_ADDR_SIZE], text[TEXT_BYTES + 4];

	if (differs(e))
		tool_error("a message from %s to %s that %s has not: %zu bytes: %s",
			   format_addr(src, addr), party_text(local->ours, ours),
			   reel_name(e->replay->reel), len, printable(data, len, text));
}

void expect_summary(const struct expect *e)
{
	unsigned long long more = e->differences > SHOWN_MAX ? e->differences - SHOWN_MAX : 0;

	if (more)
		tool_error("%llu more difference%s", more, plural_s(more));
	tool_verbose("%llu message%s came as expected", (unsigned long long)e->met,
		     plural_s(e->met));
}

enum tool_exit expect_code(const struct expect *e)
{
	return e->code;
}

/* ---- what is expected ---- */

static void forget(struct expect *e, struct want *want, struct flow *flow)
{
	STAILQ_REMOVE_HEAD(flow, in_flow);
	TAILQ_REMOVE(&e->wants, want, in_all);
	e->ahead -= sizeof(*want) + want->len;
	e->settled++;
	free(want);
}

static bool add(struct expect *e, struct pair *pair, const struct rpmsg_record *record)
{
	struct want *want = malloc(sizeof(*want) + record->len);

	if (!want)
		return false;
	want->pair = pair;
	want->number = e->number;
	want->time_ns = record->time_ns;
	want->len = record->len;
	if (want->len)
		memcpy(want->data, record->data, want->len);
	STAILQ_INSERT_TAIL(pair_flow(pair), want, in_flow);
	TAILQ_INSERT_TAIL(&e->wants, want, in_all);
	e->ahead += sizeof(*want) + want->len;
	return true;
}

/* The pair that the record is expected of, or NULL. An address that only listened is nobody now. */
static struct pair *expected_of(const struct replay *r, const struct rpmsg_record *record,
				uint64_t number)
{
	struct pair *pair;

	if (!plan_is_message(&r->plan, record) || plan_is_ours(&r->plan, record))
		return NULL;
	pair = plan_pair(&r->plan, record, number);
	return pair && pair->selected && (pair->local || pair->ours->local) ? pair : NULL;
}

/* Reads one record more. False: there is none, or no room for it. */
static bool read_on(struct expect *e)
{
	struct rpmsg_record record;
	struct pair *pair;
	int n;

	if (e->ended || e->ahead >= AHEAD_MAX)
		return false;
	n = reel_next(e->pass, &record, &e->number);
	if (n == 1) {
		pair = expected_of(e->replay, &record, e->number);
		if (!pair || add(e, pair, &record))
			return true;
		tool_error("%s", rpmsg_strerror(ENOMEM));
	}
	e->ended = true;
	if (n == -EIO || n == 1)
		e->code = TOOL_FAIL;
	return false;
}

/* ---- what comes ---- */

/* One further on that is the same: those before it were lost on the way. */
static bool has_same(const struct flow *flow, const void *data, size_t len)
{
	const struct want *want = STAILQ_FIRST(flow);

	for (unsigned i = 0; want && i < LOST_MAX; i++, want = STAILQ_NEXT(want, in_flow))
		if (diff_same(want->data, want->len, data, len))
			return true;
	return false;
}

static void compare(struct expect *e, struct flow *flow, const void *data, size_t len)
{
	struct want *want = STAILQ_FIRST(flow);
	bool same = diff_same(want->data, want->len, data, len);

	if (!same && has_same(flow, data, len)) {
		while (!diff_same(want->data, want->len, data, len)) {
			tell_missing(e, want);
			forget(e, want, flow);
			want = STAILQ_FIRST(flow);
		}
	} else if (!same) {
		tell_different(e, want, data, len);
	}
	e->met += same;
	replay_came(e->replay, want->time_ns);
	forget(e, want, flow);
}

void expect_got(struct expect *e, struct local *local, uint32_t src, const void *data, size_t len)
{
	struct pair *pair = local_pair(local, src);
	struct flow *flow = pair && pair->selected ? pair_flow(pair) : NULL;

	while (flow && STAILQ_EMPTY(flow) && read_on(e))
		;
	if (flow && !STAILQ_EMPTY(flow))
		compare(e, flow, data, len);
	else
		tell_extra(e, local, src, data, len);
}

/* ---- waiting for it ---- */

bool expect_met(struct expect *e, uint64_t number)
{
	while (e->number + 1 < number && read_on(e))
		;
	return TAILQ_EMPTY(&e->wants) || TAILQ_FIRST(&e->wants)->number >= number;
}

static enum tool_exit give_up(struct expect *e, uint64_t number)
{
	struct want *want;

	TAILQ_FOREACH(want, &e->wants, in_all)
		if (want->number < number)
			tell_missing(e, want);
	return e->code;
}

enum tool_exit expect_await(struct expect *e, uint64_t number)
{
	struct session *s = e->replay->s;
	int64_t deadline = session_deadline(s);
	uint64_t settled;
	int ret;

	while (!expect_met(e, number) && e->code != TOOL_FAIL) {
		settled = e->settled;
		ret = map_wait(e->replay, deadline);
		if (ret < 0)
			return session_failed(s, ret);
		if (e->settled != settled)
			deadline = session_deadline(s);
		else if (!ret)
			return give_up(e, number);
	}
	return e->code == TOOL_FAIL ? TOOL_FAIL : TOOL_OK;
}

/* ---- beginning and end ---- */

static void forget_all(struct expect *e)
{
	struct want *want;

	while ((want = TAILQ_FIRST(&e->wants)))
		forget(e, want, pair_flow(want->pair));
}

enum tool_exit expect_rewind(struct expect *e)
{
	forget_all(e);
	reel_end(e->pass);
	e->number = 0;
	e->ended = false;
	return reel_start(e->replay->reel, &e->pass);
}

enum tool_exit expect_start(struct replay *r)
{
	struct expect *e = calloc(1, sizeof(*e));

	if (!e) {
		tool_error("%s", rpmsg_strerror(ENOMEM));
		return TOOL_FAIL;
	}
	e->replay = r;
	TAILQ_INIT(&e->wants);
	r->expect = e;
	return expect_rewind(e);
}

void expect_end(struct expect *e)
{
	if (!e)
		return;
	forget_all(e);
	reel_end(e->pass);
	free(e);
}
