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
#include "common/run.h"
#include "rpmsg-listen/listen.h"

/* Messages between two looks at signals, the deadline and the buses. */
#define BATCH 1024
/* How often a recording without a wake-up is looked at. */
#define LOOK_NS (INT64_C(20) * 1000 * 1000)

struct source {
	struct listen *l;
	struct rpmsg_bus *bus;
	struct rpmsg_recording *rec;
	char name[RPMSG_NAME_SIZE];
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

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct source *s = arg;

	if (event->type == RPMSG_EVENT_UP)
		services_learn_bus(s->l->services, bus, s->name);
	if (event->type == RPMSG_EVENT_UP || event->type == RPMSG_EVENT_DOWN)
		sink_link(s->l, s->name, event->type == RPMSG_EVENT_UP);
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

	if (s->has_next || s->ended)
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
	if (n == -EPIPE)
		sink_link(s->l, s->name, false);
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

static enum tool_exit attach(struct source *s)
{
	struct rpmsg_bus_info info;

	bus_info(s->bus, &info);
	memcpy(s->name, info.name, sizeof(s->name));
	s->end = UINT64_MAX;
	s->rec = rpmsg_recording_open_bus(s->bus, false);
	if (!s->rec && errno == EOPNOTSUPP) {
		tool_error("%s keeps no record to watch: serve it with rpmsgd, or take part with -n or -s",
			   s->name);
		return TOOL_FAIL;
	}
	if (!s->rec) {
		bus_error(s->name, errno);
		return TOOL_FAIL;
	}
	services_learn_bus(s->l->services, s->bus, s->name);
	rpmsg_bus_set_event_fn(s->bus, happened, s);
	return TOOL_OK;
}

static enum tool_exit attach_all(struct watch *w)
{
	enum tool_exit code;

	w->source = calloc(w->set.n, sizeof(*w->source));
	if (!w->source) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	for (size_t i = 0; i < w->set.n; i++) {
		w->source[i].l = w->l;
		w->source[i].bus = w->set.bus[i];
		code = attach(&w->source[i]);
		if (code != TOOL_OK)
			return code;
	}
	return TOOL_OK;
}

static void detach_all(struct watch *w)
{
	for (size_t i = 0; w->source && i < w->set.n; i++) {
		rpmsg_bus_set_event_fn(w->source[i].bus, NULL, NULL);
		rpmsg_recording_close(w->source[i].rec);
	}
	free(w->source);
}

/* Sleeps until a bus or a recording has something; false at the deadline. */
static bool wait_for_work(struct watch *w)
{
	int64_t deadline = w->l->deadline, look = NUMBER_FOREVER;
	int n;

	for (size_t i = 0; i < w->set.n; i++) {
		struct source *s = &w->source[i];
		int fd = s->ended ? -1 : rpmsg_recording_fd(s->rec);

		w->fd[2 * i] = (struct pollfd){.fd = rpmsg_bus_fd(s->bus), .events = POLLIN};
		w->fd[2 * i + 1] = (struct pollfd){.fd = fd, .events = POLLIN};
		if (fd < 0 && !s->ended)
			look = run_deadline(LOOK_NS);
	}
	n = run_wait(w->fd, (unsigned)(2 * w->set.n), look < deadline ? look : deadline);
	return n != 0 || run_now() < deadline;
}

static void clear_wakeups(struct watch *w)
{
	uint64_t count;

	for (size_t i = 0; i < w->set.n; i++)
		if (w->fd[2 * i + 1].revents)
			(void)!read(w->fd[2 * i + 1].fd, &count, sizeof(count));
}

static enum tool_exit loop(struct watch *w)
{
	bool in_time = true;

	while (in_time && !sink_stopped(w->l)) {
		clear_wakeups(w);
		for (size_t i = 0; i < w->set.n; i++)
			rpmsg_bus_dispatch(w->set.bus[i], 0);
		if (drain(w, BATCH) == BATCH) {
			in_time = run_now() < w->l->deadline;
			continue;
		}
		sink_flush(w->l);
		if (!sink_stopped(w->l))
			in_time = wait_for_work(w);
	}
	return TOOL_OK;
}

/* Shows what had been recorded before the end. */
static void finish(struct watch *w)
{
	w->l->closing = true;
	for (size_t i = 0; i < w->set.n; i++)
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
		code = loop(&w);
		finish(&w);
	}
	detach_all(&w);
	bus_close_set(&w.set);
	return code;
}
