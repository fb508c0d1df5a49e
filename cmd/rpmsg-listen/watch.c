/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching: the recordings of one or several buses, merged by time. Nothing on
 * the bus knows of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/number.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

/* Messages between two looks at signals, the deadline and the buses. */
#define BATCH 1024

struct source {
	struct listen *l;
	struct rpmsg_bus *bus;       /* NULL while its server is gone */
	struct rpmsg_recording *rec; /* NULL likewise */
	const char *spec;
	char name[RPMSG_BUS_NAME_SIZE];
	int server;   /* its pid */
	bool up;
	struct rpmsg_record next;
	bool has_next;
	bool ended;    /* its writer has gone, or end was reached */
	uint64_t end;  /* nothing from this number on */
	uint64_t lost; /* as told so far */
};

struct watch {
	struct listen *l;
	struct bus_set set;
	struct source *source; /* set.n of them */
	struct pollfd fd[RUN_FDS_MAX];
};

static void set_up(struct source *s, bool up)
{
	if (s->up == up)
		return;
	s->up = up;
	sink_link(s->l, s->name, up);
}

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct source *s = arg;

	if (event->type == RPMSG_EVENT_UP)
		services_learn_bus(s->l->services, bus, s->name);
	if (event->type == RPMSG_EVENT_UP || event->type == RPMSG_EVENT_DOWN)
		set_up(s, event->type == RPMSG_EVENT_UP);
}

static void tell_lost(struct source *s)
{
	uint64_t lost = rpmsg_recording_lost(s->rec);

	if (lost == s->lost)
		return;
	sink_lost(s->l, s->name, lost - s->lost);
	s->lost = lost;
	services_learn_bus(s->l->services, s->bus, s->name);
}

/* Has the next message of s at hand, if there is one; false then and on an error. */
static bool peek(struct source *s)
{
	int n;

	if (s->has_next || s->ended || !s->rec)
		return s->has_next;
	n = rpmsg_recording_read(s->rec, &s->next);
	tell_lost(s);
	if (n == 1 && s->next.seq < s->end) {
		s->next.bus = s->name;
		s->has_next = true;
		return true;
	}
	s->ended = n != 0;
	if (n == -EPROTO) {
		tool_error("the recording of %s is damaged", s->name);
		sink_stop(s->l, TOOL_FAIL);
	}
	return false;
}

static struct source *oldest(struct watch *w)
{
	struct source *found = NULL;

	for (size_t i = 0; i < w->set.n; i++) {
		struct source *s = &w->source[i];

		if (peek(s) && (!found || s->next.time_ns < found->next.time_ns))
			found = s;
	}
	return found;
}

/* Shows what is there, max messages; how many it were. */
static size_t drain(struct watch *w, size_t max)
{
	struct source *s;
	size_t n = 0;

	while (n < max && !w->l->done && (s = oldest(w))) {
		s->has_next = false;
		sink_message(w->l, &s->next);
		n++;
	}
	return n;
}

/* Starts to follow s->bus. NULL and errno if it has no recording. */
static struct rpmsg_recording *follow(struct source *s)
{
	struct rpmsg_bus_info info;
	bool history;
	int err = bus_info(s->bus, &info);

	if (err) {
		errno = -err;
		return NULL;
	}
	/* Another server's record began after what was seen of the one before. */
	history = s->server && s->server != info.pid;
	s->rec = rpmsg_recording_open_bus(s->bus, history);
	if (!s->rec)
		return NULL;
	memcpy(s->name, info.name, sizeof(s->name));
	s->server = info.pid;
	s->end = UINT64_MAX;
	s->lost = 0;
	s->ended = s->has_next = false;
	services_learn_bus(s->l->services, s->bus, s->name);
	rpmsg_bus_set_event_fn(s->bus, happened, s);
	set_up(s, info.up);
	if (info.own_only)
		tool_note("%s: own endpoints only: what other programs and drivers exchange on the "
			  "kernel's bus is not seen here", s->name);
	return s->rec;
}

static enum tool_exit attach(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];
	struct rpmsg_bus_info info;

	s->l = w->l;
	s->bus = w->set.bus[i];
	if (!bus_info(s->bus, &info)) {
		memcpy(s->name, info.name, sizeof(s->name));
		s->up = info.up;
	}
	s->spec = reopen_spec(&w->l->cfg->tool, i, w->set.n, s->name);
	if (follow(s))
		return TOOL_OK;
	if (errno == EOPNOTSUPP)
		tool_error("%s has no recorder to watch: serve it with rpmsgd, or take part "
			   "with -n or -s", s->name);
	else
		bus_error(s->name, errno);
	return TOOL_FAIL;
}

static void detach(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];

	if (!s->bus)
		return;
	rpmsg_recording_close(s->rec);
	rpmsg_bus_close(s->bus);
	s->rec = NULL;
	s->bus = w->set.bus[i] = NULL;
}

/* Lets go of a bus whose server has gone, all of its record being shown; looks for the next. */
static void renew(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];

	if (s->bus && s->ended && reopen_needed(s->bus)) {
		detach(w, i);
		tool_note("%s: nobody serves it any more", s->name);
		set_up(s, false);
	}
	if (s->bus || sink_stopped(w->l))
		return;
	s->bus = w->set.bus[i] = reopen_try(&w->l->cfg->tool, s->spec);
	if (s->bus && !follow(s))
		detach(w, i);
}

static enum tool_exit attach_all(struct watch *w)
{
	enum tool_exit code;

	if (2 * w->set.n > RUN_FDS_MAX) {
		tool_error("%zu buses are too many to watch at once", w->set.n);
		return TOOL_FAIL;
	}
	w->source = calloc(w->set.n, sizeof(*w->source));
	if (!w->source) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	for (size_t i = 0; i < w->set.n; i++) {
		code = attach(w, i);
		if (code != TOOL_OK)
			return code;
	}
	return TOOL_OK;
}

static void detach_all(struct watch *w)
{
	for (size_t i = 0; w->source && i < w->set.n; i++)
		if (w->source[i].l)
			detach(w, i);
	free(w->source);
}

/* Sleeps until a bus or a recording has something; false at the deadline. */
static bool wait_for_work(struct watch *w)
{
	int64_t deadline = w->l->deadline, again = NUMBER_FOREVER;
	int n;

	for (size_t i = 0; i < w->set.n; i++) {
		struct source *s = &w->source[i];
		int bus_fd = s->bus ? rpmsg_bus_fd(s->bus) : -1;
		int rec_fd = s->rec && !s->ended ? rpmsg_recording_fd(s->rec) : -1;

		w->fd[2 * i] = (struct pollfd){.fd = bus_fd, .events = POLLIN};
		w->fd[2 * i + 1] = (struct pollfd){.fd = rec_fd, .events = POLLIN};
		if (rec_fd < 0)
			again = run_deadline(REOPEN_INTERVAL_NS);
	}
	n = run_wait(w->fd, (unsigned)(2 * w->set.n), again < deadline ? again : deadline);
	return n != 0 || run_now() < deadline;
}

static void clear_wakeups(struct watch *w)
{
	uint64_t count;

	for (size_t i = 0; i < w->set.n; i++)
		if (w->fd[2 * i + 1].revents)
			(void)!read(w->fd[2 * i + 1].fd, &count, sizeof(count));
}

static void dispatch_all(struct watch *w)
{
	for (size_t i = 0; i < w->set.n; i++)
		if (w->source[i].bus)
			rpmsg_bus_dispatch(w->source[i].bus, 0);
}

static void loop(struct watch *w)
{
	bool in_time = true;

	while (in_time && !sink_stopped(w->l)) {
		clear_wakeups(w);
		dispatch_all(w);
		if (drain(w, BATCH) == BATCH) {
			in_time = run_now() < w->l->deadline;
			continue;
		}
		for (size_t i = 0; i < w->set.n; i++)
			renew(w, i);
		sink_flush(w->l);
		if (!sink_stopped(w->l))
			in_time = wait_for_work(w);
	}
}

/* Shows what had been recorded before the end. */
static void finish(struct watch *w)
{
	w->l->closing = true;
	for (size_t i = 0; i < w->set.n; i++)
		if (w->source[i].rec)
			w->source[i].end = rpmsg_recording_end(w->source[i].rec);
	drain(w, SIZE_MAX);
}

enum tool_exit watch_run(struct listen *l)
{
	struct watch w = {.l = l};
	enum tool_exit code = bus_open_set(&l->cfg->tool, &w.set);

	if (code != TOOL_OK)
		return code;
	code = attach_all(&w);
	if (code == TOOL_OK) {
		l->running = true;
		ready_tell(&l->ready, "watching");
		loop(&w);
		finish(&w);
	}
	detach_all(&w);
	bus_close_set(&w.set);
	return code;
}
