/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the parties of the other side are on the live bus: services by their names, those who
 * wrote to a service of ours first in the order in which they do so now, all others
 * at the address that they had.
 */
#include <stdio.h>
#include <string.h>

#include "common/hint.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/replay.h"

/* Of several services with one name the oldest is the first, as it was in the recording. */
static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct replay *r = arg;
	struct party *party;

	if (st->origin == RPMSG_CHANNEL_SERVICE || !st->rpdev || st->info.dst == RPMSG_ADDR_ANY)
		return 0;
	STAILQ_FOREACH(party, &r->plan.parties, next) {
		if (party->side == r->s->side || strcmp(party->name, st->info.name))
			continue;
		if (party->seen++ != party->instance)
			continue;
		party->live = st->info.dst;
		party->device = st->rpdev;
	}
	return 0;
}

/* Looks where the services of the other side are. 0 or -errno. */
static int refresh(struct replay *r)
{
	struct party *party;
	int err;

	r->s->changed = false;
	STAILQ_FOREACH(party, &r->plan.parties, next) {
		party->live = RPMSG_ADDR_ANY;
		party->device = NULL;
		party->seen = 0;
	}
	err = rpmsg_bus_for_each_channel(r->s->bus, consider, r);
	if (!err)
		local_renew_all(r);
	return err;
}

int map_wait(struct replay *r, int64_t deadline)
{
	int ret = session_wait(r->s, NULL, deadline);
	int err = ret >= 0 && r->s->changed ? refresh(r) : 0;

	return err ? err : ret;
}

/* Messages go to it, so it has to be there. */
static bool is_missing(const struct pair *pair)
{
	return pair->selected && pair->sent && pair->theirs->name[0] &&
	       pair->theirs->live == RPMSG_ADDR_ANY;
}

static bool all_there(const struct replay *r)
{
	const struct pair *pair;

	STAILQ_FOREACH(pair, &r->plan.pairs, next)
		if (is_missing(pair))
			return false;
	return true;
}

static uint64_t messages_to(const struct replay *r, const struct party *party)
{
	const struct pair *pair;
	uint64_t n = 0;

	STAILQ_FOREACH(pair, &r->plan.pairs, next)
		if (pair->selected && pair->theirs == party)
			n += pair->sent;
	return n;
}

static void tell_missing(const struct replay *r, const struct party *party)
{
	char text[PARTY_TEXT_SIZE], near[RPMSG_NAME_SIZE], hint[RPMSG_NAME_SIZE + 24] = "";
	uint64_t n = messages_to(r, party);

	if (hint_channel(r->s->bus, party->name, near) && strcmp(near, party->name))
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", near);
	tool_error("bus %s: service %s was not announced: %llu message%s to it%s",
		   r->s->bus_name, party_text(party, text), (unsigned long long)n, plural_s(n),
		   hint);
}

static enum tool_exit tell_all_missing(struct replay *r)
{
	struct pair *pair;

	STAILQ_FOREACH(pair, &r->plan.pairs, next) {
		if (!is_missing(pair))
			continue;
		tell_missing(r, pair->theirs);
		pair->theirs->live = 0; /* told */
	}
	tool_note("nothing was sent");
	return TOOL_NOT_FOUND;
}

enum tool_exit map_await_all(struct replay *r)
{
	int64_t deadline = session_deadline(r->s);
	int ret = refresh(r);

	for (;;) {
		if (ret >= 0 && all_there(r))
			return TOOL_OK;
		if (ret >= 0)
			ret = map_wait(r, deadline);
		if (ret < 0)
			return session_failed(r->s, ret);
		if (!ret)
			return tell_all_missing(r);
	}
}

uint32_t map_look_up(const struct pair *pair)
{
	if (pair->theirs->name[0])
		return pair->theirs->live;
	if (!pair->is_client)
		return pair->theirs->addr;
	if (!pair->local || pair->client >= pair->local->n_clients)
		return RPMSG_ADDR_ANY;
	return pair->local->client[pair->client];
}

static enum tool_exit nobody(const struct replay *r, const struct pair *pair)
{
	char ours[PARTY_TEXT_SIZE], theirs[PARTY_TEXT_SIZE];

	party_text(pair->ours, ours);
	party_text(pair->theirs, theirs);
	if (pair->is_client)
		tool_error("after %llu message%s: nobody has written to %s as %s did, to whom "
			   "the next one goes", (unsigned long long)r->s->sent,
			   plural_s(r->s->sent), ours, theirs);
	else
		tool_error("bus %s: service %s was withdrawn after %llu message%s", r->s->bus_name,
			   theirs, (unsigned long long)r->s->sent, plural_s(r->s->sent));
	return TOOL_NOT_FOUND;
}

enum tool_exit map_destination(struct replay *r, struct pair *pair, uint32_t *dst, bool *waited)
{
	int64_t deadline = 0;
	/* A channel may have come or gone while the last message waited for a buffer. */
	int ret = r->s->changed ? refresh(r) : 0;

	*waited = false;
	for (;;) {
		if (ret < 0)
			return session_failed(r->s, ret);
		*dst = map_look_up(pair);
		if (*dst != RPMSG_ADDR_ANY)
			return TOOL_OK;
		if (!deadline)
			deadline = session_deadline(r->s);
		*waited = true;
		ret = map_wait(r, deadline);
		if (!ret)
			return nobody(r, pair);
	}
}

static void tell_pair(const struct pair *pair)
{
	char ours[PARTY_TEXT_SIZE], theirs[PARTY_TEXT_SIZE], now[FORMAT_ADDR_SIZE];
	const char *where = pair->is_client ? "whoever writes first" :
					      format_addr(map_look_up(pair), now);

	tool_note("%s > %s, now %s: %llu message%s", party_text(pair->ours, ours),
		  party_text(pair->theirs, theirs), where, (unsigned long long)pair->sent,
		  plural_s(pair->sent));
}

void map_tell(const struct replay *r)
{
	const struct pair *pair;

	STAILQ_FOREACH(pair, &r->plan.pairs, next)
		if (pair->selected && pair->sent)
			tell_pair(pair);
}
