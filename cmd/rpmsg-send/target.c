/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom: an address, or the service with a name; and the endpoint to send from. */
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/hint.h"
#include "common/run.h"
#include "rpmsg-send/send.h"

struct choice {
	const char *name;
	bool found;
	struct rpmsg_channel_status st;
};

/* The oldest with that name, but rather one with a destination. */
static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct choice *choice = arg;

	if (!st->rpdev || strcmp(st->info.name, choice->name))
		return 0;
	if (choice->found &&
	    (choice->st.info.dst != RPMSG_ADDR_ANY || st->info.dst == RPMSG_ADDR_ANY))
		return 0;
	choice->found = true;
	choice->st = *st;
	return 0;
}

static enum tool_exit not_announced(struct session *s)
{
	char near[RPMSG_NAME_SIZE], hint[RPMSG_NAME_SIZE + 24] = "";

	if (hint_channel(s->bus, s->cfg->name, near))
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", near);
	tool_error("bus %s: service '%s' was not announced%s", s->bus_name, s->cfg->name, hint);
	return TOOL_NOT_FOUND;
}

/* Waits for the service. TOOL_OK with nothing found: to stop. */
static enum tool_exit find(struct session *s, struct choice *choice)
{
	int64_t deadline = session_deadline(s);
	int ret;

	for (;;) {
		ret = rpmsg_bus_for_each_channel(s->bus, consider, choice);
		if (ret)
			return session_failed(s, ret);
		if (choice->found)
			return TOOL_OK;
		ret = session_wait(s, NULL, deadline);
		if (ret < 0)
			return session_failed(s, ret);
		if (!ret)
			return not_announced(s);
	}
}

static void holder_text(const struct rpmsg_channel_status *st, char *buf, size_t size)
{
	if (st->holder_kind == RPMSG_HOLDER_CLIENT)
		snprintf(buf, size, "%s (pid %d)", st->holder, st->holder_pid);
	else if (st->holder_kind == RPMSG_HOLDER_DRIVER)
		snprintf(buf, size, "driver %s", st->holder);
	else
		snprintf(buf, size, "another program");
}

/* A service of our own side that somebody else holds: only that one hears who sends to it. */
static enum tool_exit held_without_peer(const struct rpmsg_channel_status *st)
{
	char holder[96];

	holder_text(st, holder, sizeof(holder));
	if (st->peer_seen) {
		tool_error("service '%s' is held by %s, which alone knows who its peer is: "
			   "name the destination with -d", st->info.name, holder);
		return TOOL_FAIL;
	}
	tool_error("service '%s' (0x%x) of this side: announced, never bound: nobody on the other "
		   "side has sent to it yet; it is held by %s", st->info.name, st->info.src,
		   holder);
	return TOOL_LATE;
}

/* A service of our own side has a destination once the other side has sent to it. */
static enum tool_exit learn_peer(struct session *s, const struct rpmsg_channel_status *st)
{
	int64_t deadline = session_deadline(s);
	int ret;

	tool_verbose("service '%s' is ours: waiting for the other side to send first",
		     st->info.name);
	while ((s->dst = rpmsg_endpoint_dst(s->ept)) == RPMSG_ADDR_ANY) {
		ret = session_wait(s, NULL, deadline);
		if (ret < 0)
			return session_failed(s, ret);
		if (ret)
			continue;
		tool_error("service '%s' (0x%x) of this side: announced, never bound: nobody on "
			   "the other side has sent to it yet", st->info.name, s->ept->addr);
		return TOOL_LATE;
	}
	return TOOL_OK;
}

/* Linux's rpmsg_char never learns who sent. */
static enum tool_exit no_peer(const struct rpmsg_channel_status *st)
{
	tool_error("service '%s' (0x%x) of this side: a service that announced itself cannot send "
		   "first on Linux, nor learn who has sent to it: name the destination with -d",
		   st->info.name, st->info.src);
	return TOOL_FAIL;
}

static enum tool_exit bind_failed(struct session *s)
{
	int err = errno;

	if (session_look(s) == -EPIPE || err == EPIPE)
		return session_down(s);
	errno = err;
	bus_error("cannot bind an endpoint", err);
	return TOOL_FAIL;
}

static struct rpmsg_endpoint *create(struct session *s, struct rpmsg_device *rpdev)
{
	struct rpmsg_channel_info info = { .src = s->cfg->src, .dst = s->dst };

	return rpmsg_create_ept(rpdev, answer_received, s, info);
}

static enum tool_exit bind_channel(struct session *s, const struct rpmsg_channel_status *st)
{
	s->channel = st->rpdev;
	s->dst = st->info.dst;
	if (s->dst == RPMSG_ADDR_ANY && s->fixed_dst)
		return no_peer(st);
	if (s->cfg->src == RPMSG_ADDR_ANY) {
		s->ept = rpmsg_channel_bind(s->channel, answer_received, s);
		if (!s->ept && errno != EBUSY)
			return bind_failed(s);
		if (!s->ept && s->dst == RPMSG_ADDR_ANY)
			return held_without_peer(st);
		if (!s->ept)
			tool_verbose("%s: using an endpoint of our own", rpmsg_error_detail());
	}
	if (!s->ept)
		s->ept = create(s, s->channel);
	if (!s->ept)
		return bind_failed(s);
	return s->dst == RPMSG_ADDR_ANY ? learn_peer(s, st) : TOOL_OK;
}

enum tool_exit target_bind(struct session *s)
{
	struct choice choice = { .name = s->cfg->name };
	enum tool_exit code;

	if (!s->cfg->name) {
		s->ept = create(s, rpmsg_bus_device(s->bus));
		return s->ept ? TOOL_OK : bind_failed(s);
	}
	code = find(s, &choice);
	return code || !choice.found ? code : bind_channel(s, &choice.st);
}
