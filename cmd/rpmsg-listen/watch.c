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
	bool ended;    /* its writer has gone, or the limit was reached */
	uint64_t since_ns; /* what is older is not shown */
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

static void tell_lost(struct source *s, uint64_t next_ns)
{
	uint64_t lost = rpmsg_recording_lost(s->rec);

	if (lost == s->lost)
		return;
	sink_lost(s->l, s->name, lost - s->lost, next_ns);
	s->lost = lost;
	services_learn_bus(s->l->services, s->bus, s->name);
}

/* What is older than is wanted is passed over, together with what was lost before it. */
static int read_on(struct source *s)
{
	int n;

	while ((n = rpmsg_recording_read(s->rec, &s->next)) == 1 && s->next.time_ns < s->since_ns) {
		s->next.bus = s->name;
		services_learn(s->l->services, &s->next);
		if (s->next.type == RPMSG_RECORD_DOWN)
			services_learn_bus(s->l->services, s->bus, s->name);
		s->lost = rpmsg_recording_lost(s->rec);
	}
	return n;
}

/* Has the next message of s at hand, if there is one; false then and on an error. */
static bool peek(struct source *s)
{
	int n;

	if (s->has_next || s->ended || !s->rec)
		return s->has_next;
	n = read_on(s);
	tell_lost(s, n == 1 ? s->next.time_ns : LISTEN_NO_TIME);
	if (n == 1) {
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
		if (s->next.type == RPMSG_RECORD_DOWN) /* it may be up again */
			services_learn_bus(w->l->services, s->bus, s->name);
		n++;
	}
	return n;
}

/* What is held already and is wanted, of a bus that was not seen before. */
static void begin_past(struct source *s)
{
	uint64_t now = rpmsg_recording_now(s->rec), since = (uint64_t)s->l->cfg->since_ns;

	s->since_ns = now > since ? now - since : 0;
	rpmsg_recording_set_limit(s->rec, true);
}

/* Starts to follow s->bus. NULL and errno if it has no recording. */
static struct rpmsg_recording *follow(struct source *s)
{
	bool first = !s->server, past = first && s->l->cfg->history;
	struct rpmsg_bus_info info;
	int err = bus_info(s->bus, &info);

	if (err) {
		errno = -err;
		return NULL;
	}
	/* Another server's record began after what was seen of the one before. */
	s->rec = rpmsg_recording_open_bus(s->bus, past || (!first && s->server != info.pid));
	if (!s->rec)
		return NULL;
	rpmsg_recording_set_events(s->rec, true); /* who goes with the link is in them too */
	memcpy(s->name, info.name, sizeof(s->name));
	if (!first && s->server != info.pid)
		services_forget(s->l->services, s->name);
	s->server = info.pid;
	s->since_ns = s->lost = 0;
	if (past)
		begin_past(s);
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
	if (follow(s)) {
		sink_bus(s->l, s->name);
		return TOOL_OK;
	}
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

/*
 * Lets go of a bus whose server has gone, all of its record being shown; looks for the next.
 * True if it is there: its record may hold something already.
 */
static bool renew(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];

	if (s->bus && s->ended && reopen_needed(s->bus)) {
		detach(w, i);
		tool_note("%s: nobody serves it any more", s->name);
		set_up(s, false);
	}
	if (s->bus || sink_stopped(w->l))
		return false;
	s->bus = w->set.bus[i] = reopen_try(&w->l->cfg->tool, s->spec);
	if (s->bus && !follow(s))
		detach(w, i);
	return s->bus;
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
	bool in_time = true, renewed;

	while (in_time && !sink_stopped(w->l)) {
		clear_wakeups(w);
		dispatch_all(w);
		if (drain(w, BATCH) == BATCH) {
			in_time = run_now() < w->l->deadline;
			continue;
		}
		renewed = false;
		for (size_t i = 0; i < w->set.n; i++)
			renewed |= renew(w, i);
		sink_flush(w->l);
		if (!renewed && !sink_stopped(w->l))
			in_time = wait_for_work(w);
	}
}

/* Shows what had been recorded when it began, and leads over to what is recorded from then on. */
static void show_past(struct watch *w)
{
	if (w->l->cfg->last)
		sink_hold(w->l, UINT64_MAX);
	while (!sink_stopped(w->l) && drain(w, BATCH) == BATCH)
		;
	sink_release(w->l);
	for (size_t i = 0; i < w->set.n; i++) {
		struct source *s = &w->source[i];

		if (!s->rec || w->l->cfg->no_follow || sink_stopped(w->l))
			continue;
		rpmsg_recording_set_limit(s->rec, false);
		s->ended = false;
	}
}

/* Shows what had been recorded before the end. */
static void finish(struct watch *w)
{
	w->l->closing = true;
	for (size_t i = 0; i < w->set.n; i++)
		if (w->source[i].rec)
			rpmsg_recording_set_limit(w->source[i].rec, true);
	drain(w, SIZE_MAX);
}

enum tool_exit watch_run(struct listen *l)
{
	struct watch w = {.l = l};
	enum tool_exit code = bus_open_set(&l->cfg->tool, &w.set);

	if (code == TOOL_NOT_FOUND)
		salvage_tell(&l->cfg->tool);
	if (code != TOOL_OK)
		return code;
	code = attach_all(&w);
	if (code == TOOL_OK) {
		l->running = true;
		if (l->cfg->history)
			show_past(&w);
		listen_ready(l, "watching");
		if (!l->cfg->no_follow) {
			loop(&w);
			finish(&w);
		}
	}
	detach_all(&w);
	bus_close_set(&w.set);
	return code;
}
