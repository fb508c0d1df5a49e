/* SPDX-License-Identifier: BSD-2-Clause */
/* A sender's bus: open, waiting for it, its events. */
#include <string.h>

#include "common/bus.h"
#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/send.h"

static void on_event(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct session *s = arg;

	(void)bus;
	if (event->type == RPMSG_EVENT_ANNOUNCE || event->type == RPMSG_EVENT_WITHDRAW)
		s->changed = true;
	if (event->type == RPMSG_EVENT_DOWN)
		s->down = true;
	else if (event->type == RPMSG_EVENT_WITHDRAW && s->channel && event->rpdev == s->channel)
		s->withdrawn = true;
	else if (event->type == RPMSG_EVENT_DROPPED)
		tool_note("%llu message%s to us dropped: not read in time",
			  (unsigned long long)event->count, plural_s(event->count));
}

/* The link may not have come up yet; that it went away earlier is no reason to give up. */
static enum tool_exit await_link(struct session *s)
{
	struct rpmsg_bus_info info;

	if (!bus_wait_up(s->bus, session_deadline(s)))
		return TOOL_OK;
	if (!bus_info(s->bus, &info) && info.generation)
		return session_down(s);
	tool_error("bus %s: nobody is on the other side of the link", s->bus_name);
	return TOOL_NOT_FOUND;
}

enum tool_exit session_open(struct session *s, const struct send_config *cfg)
{
	struct rpmsg_bus_info info;
	enum tool_exit code;

	s->cfg = cfg;
	s->dst = cfg->dst;
	s->deadline = run_deadline(cfg->tool.timeout_set ? cfg->tool.timeout_ns : NUMBER_FOREVER);
	s->fmt = (struct format){
		.file = stdout,
		.out = cfg->tool.out,
		.time = FORMAT_TIME_NONE,
		.payload_only = true,
	};
	format_init(&s->fmt);
	code = bus_open(&cfg->tool, &s->bus);
	if (!s->bus)
		return code;
	if (bus_info(s->bus, &info)) {
		bus_error("bus", EIO);
		return TOOL_FAIL;
	}
	memcpy(s->bus_name, info.name, sizeof(s->bus_name));
	s->side = info.side;
	s->fixed_dst = info.fixed_dst;
	code = await_link(s);
	rpmsg_bus_set_event_fn(s->bus, on_event, s);
	return code;
}

void session_close(struct session *s)
{
	rpmsg_destroy_ept(s->ept);
	rpmsg_bus_close(s->bus);
	s->ept = NULL;
	s->bus = NULL;
}

int64_t session_deadline(const struct session *s)
{
	/* A replay has a duration of its own: -t is for each thing that is awaited. */
	if (s->cfg->replay)
		return run_deadline(s->cfg->tool.timeout_ns);
	return s->cfg->tool.timeout_set ? s->deadline : run_deadline(SEND_AWAIT_NS);
}

int session_look(struct session *s)
{
	int n = rpmsg_bus_dispatch(s->bus, 0);

	if (run_stopped())
		return -EINTR;
	if (s->down || n == -EPIPE)
		return -EPIPE;
	return n;
}

int session_wait(struct session *s, struct pollfd *more, int64_t deadline)
{
	struct pollfd fds[2] = { { .fd = rpmsg_bus_fd(s->bus), .events = POLLIN }, { .fd = -1 } };
	int ready;

	if (more)
		fds[1] = *more;
	ready = run_wait(fds, 2, deadline);
	if (more)
		more->revents = ready > 0 ? fds[1].revents : 0;
	if (ready < 0)
		return ready;
	if (fds[0].revents)
		ready = session_look(s);
	if (s->down)
		return -EPIPE;
	return ready < 0 ? ready : ready || fds[0].revents ? 1 : 0;
}

enum tool_exit session_failed(const struct session *s, int err)
{
	if (err == -EINTR)
		return TOOL_OK;
	if (err == -EPIPE)
		return session_down(s);
	tool_error("bus %s: %s", s->bus_name, rpmsg_strerror(err));
	return TOOL_FAIL;
}

enum tool_exit session_finish(struct session *s)
{
	rpmsg_destroy_ept(s->ept);
	s->ept = NULL;
	return session_look(s) == -EPIPE ? session_down(s) : TOOL_OK;
}

enum tool_exit session_down(const struct session *s)
{
	tool_error("bus %s: the link is down", s->bus_name);
	return TOOL_LINK_DOWN;
}
