/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns watch: the channels there are, then what happens to them. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/channel_text.h"
#include "common/number.h"
#include "common/output.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-ns/ns.h"

struct watch {
	struct config *cfg;
	struct format format;
	struct bus_set set;
	struct source *source; /* set.n of them */
	enum tool_exit code;
	bool done;
};

struct source {
	struct watch *w;
	struct rpmsg_bus *bus; /* NULL while its server is gone */
	const char *spec;
	char name[RPMSG_BUS_NAME_SIZE];
	struct channel_table there; /* told at the start: an event that repeats it is not */
	bool up;
};

static void print(struct watch *w, const struct format_event *event)
{
	int err;

	if (w->done)
		return;
	err = format_event(&w->format, event);
	if (!err)
		return;
	w->code = output_failed(err);
	w->done = true;
}

static void print_channel(struct source *s, const char *type, const struct rpmsg_channel_info *info,
			  const char *text)
{
	const struct format_event event = {
		.time_ns = format_now_ns(),
		.bus = s->name,
		.type = type,
		.service = info->name,
		.src = info->src,
		.dst = info->dst,
		.text = text,
	};

	print(s->w, &event);
}

static void print_bus(struct source *s, const char *type, uint64_t count)
{
	const struct format_event event = {
		.time_ns = format_now_ns(),
		.bus = s->name,
		.type = type,
		.count = count,
	};

	print(s->w, &event);
}

static bool same(const struct rpmsg_channel_status *st, const struct rpmsg_event *event)
{
	bool ours = event->origin == RPMSG_CHANNEL_SERVICE;

	return st->origin == event->origin && strcmp(st->info.name, event->info.name) == 0 &&
	       (ours ? st->info.src == event->info.src : st->info.dst == event->info.dst);
}

/* Takes it off the list of those told at the start; whether it was there. */
static bool forget(struct source *s, const struct rpmsg_event *event)
{
	for (size_t i = 0; i < s->there.n; i++) {
		if (!same(&s->there.row[i].st, event))
			continue;
		s->there.row[i] = s->there.row[--s->there.n];
		return true;
	}
	return false;
}

static void set_up(struct source *s, bool up)
{
	if (s->up == up)
		return;
	s->up = up;
	if (!up)
		channels_free(&s->there);
	print_bus(s, up ? "up" : "down", 0);
}

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct source *s = arg;

	(void)bus;
	switch (event->type) {
	case RPMSG_EVENT_UP:
		set_up(s, true);
		return;
	case RPMSG_EVENT_DOWN:
		set_up(s, false);
		return;
	case RPMSG_EVENT_ANNOUNCE:
		if (!forget(s, event))
			print_channel(s, "announce", &event->info, NULL);
		return;
	case RPMSG_EVENT_WITHDRAW:
		forget(s, event);
		print_channel(s, "withdraw", &event->info, NULL);
		return;
	case RPMSG_EVENT_BOUND:
		print_channel(s, "bound", &event->info, NULL);
		return;
	case RPMSG_EVENT_UNBOUND:
		print_channel(s, "unbound", &event->info, NULL);
		return;
	case RPMSG_EVENT_DROPPED:
		print_bus(s, "lost", event->count);
	}
}

/* Tells what is there, and follows the bus from now on. */
static enum tool_exit begin(struct source *s)
{
	struct rpmsg_bus_info info;
	enum tool_exit code;

	rpmsg_bus_set_event_fn(s->bus, happened, s);
	if (bus_info(s->bus, &info))
		return TOOL_LINK_DOWN;
	memcpy(s->name, info.name, sizeof(s->name));
	code = channels_read(s->bus, &s->there);
	if (code != TOOL_OK)
		return code;
	set_up(s, info.up);
	for (size_t i = 0; i < s->there.n; i++)
		print_channel(s, "announce", &s->there.row[i].st.info,
			      channel_state(&s->there.row[i].st));
	return TOOL_OK;
}

static enum tool_exit begin_all(struct watch *w)
{
	enum tool_exit code = TOOL_OK;

	if (w->set.n > RUN_FDS_MAX) {
		tool_error("%zu buses are too many to watch at once", w->set.n);
		return TOOL_FAIL;
	}
	w->source = calloc(w->set.n, sizeof(*w->source));
	if (!w->source) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	for (size_t i = 0; i < w->set.n && code == TOOL_OK; i++) {
		struct source *s = &w->source[i];
		struct rpmsg_bus_info info;

		s->w = w;
		s->bus = w->set.bus[i];
		s->up = bus_info(s->bus, &info) || info.up; /* only a link that is down is told */
		s->spec = reopen_spec(&w->cfg->tool, i, w->set.n, s->name);
		code = begin(s);
	}
	return code;
}

/* Lets go of a bus whose server has gone, and looks for the next. */
static void renew(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];

	if (s->bus && !s->up && reopen_needed(s->bus)) {
		tool_note("%s: nobody serves it any more", s->name);
		rpmsg_bus_set_event_fn(s->bus, NULL, NULL);
		rpmsg_bus_close(s->bus);
		s->bus = w->set.bus[i] = NULL;
	}
	if (s->bus)
		return;
	s->bus = w->set.bus[i] = reopen_try(&w->cfg->tool, s->spec);
	if (s->bus)
		begin(s);
}

/* A file gets what there is, too, before nothing happens for a while. */
static void flush(struct watch *w)
{
	if (w->done || !fflush(stdout))
		return;
	w->code = output_failed(-errno);
	w->done = true;
}

/* Sleeps until a bus has something; false at the deadline or the end. */
static bool wait_for_events(struct watch *w)
{
	struct pollfd fd[RUN_FDS_MAX];
	int64_t deadline = w->cfg->deadline, again = NUMBER_FOREVER;
	int n;

	flush(w);
	for (size_t i = 0; i < w->set.n; i++) {
		struct rpmsg_bus *bus = w->source[i].bus;

		fd[i] = (struct pollfd){.fd = bus ? rpmsg_bus_fd(bus) : -1, .events = POLLIN};
		if (!bus)
			again = run_deadline(REOPEN_INTERVAL_NS);
	}
	n = run_wait(fd, (unsigned)w->set.n, again < deadline ? again : deadline);
	return n > 0 || (n == 0 && run_now() < deadline);
}

static void loop(struct watch *w)
{
	while (!w->done && wait_for_events(w)) {
		for (size_t i = 0; i < w->set.n; i++) {
			if (w->source[i].bus)
				rpmsg_bus_dispatch(w->source[i].bus, 0);
			renew(w, i);
		}
	}
}

enum tool_exit run_watch(struct config *cfg)
{
	struct watch w = {.cfg = cfg, .format = {.file = stdout, .out = cfg->tool.out}};
	enum tool_exit code = bus_open_set(&cfg->tool, &w.set);

	if (code != TOOL_OK)
		return code;
	w.format.time = FORMAT_TIME_ABSOLUTE;
	format_init(&w.format);
	run_watch_stdout();
	code = begin_all(&w);
	if (code == TOOL_OK) {
		ready_tell(&cfg->ready, "watching");
		loop(&w);
		code = w.code;
	}
	for (size_t i = 0; w.source && i < w.set.n; i++) {
		channels_free(&w.source[i].there);
		if (w.source[i].bus)
			rpmsg_bus_set_event_fn(w.source[i].bus, NULL, NULL);
	}
	bus_close_set(&w.set);
	free(w.source);
	return code;
}
