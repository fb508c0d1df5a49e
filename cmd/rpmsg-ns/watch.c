/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns watch: the channels there are, then what happens to them. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/number.h"
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
	char bus[RPMSG_NAME_SIZE];
	struct channel_table there; /* told at the start: an event that repeats it is not */
	bool down;                  /* for good: the server has gone */
};

static void print(struct watch *w, const struct format_event *event)
{
	int err;

	if (w->done)
		return;
	err = format_event(&w->format, event);
	if (!err)
		return;
	w->code = output_result(err);
	w->done = true;
}

static void print_channel(struct source *s, const char *type, const struct rpmsg_channel_info *info,
			  const char *text)
{
	const struct format_event event = {
		.time_ns = format_now_ns(),
		.bus = s->bus,
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
		.bus = s->bus,
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

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct source *s = arg;

	(void)bus;
	switch (event->type) {
	case RPMSG_EVENT_UP:
		print_bus(s, "up", 0);
		return;
	case RPMSG_EVENT_DOWN:
		channels_free(&s->there);
		print_bus(s, "down", 0);
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

static enum tool_exit begin(struct watch *w, size_t i)
{
	struct source *s = &w->source[i];
	struct rpmsg_bus_info info;
	enum tool_exit code;

	s->w = w;
	bus_info(w->set.bus[i], &info);
	memcpy(s->bus, info.name, sizeof(s->bus));
	rpmsg_bus_set_event_fn(w->set.bus[i], happened, s);
	code = channels_read(w->set.bus[i], &s->there);
	if (code != TOOL_OK)
		return code;
	if (!info.up)
		print_bus(s, "down", 0);
	for (size_t k = 0; k < s->there.n; k++)
		print_channel(s, "announce", &s->there.row[k].st.info,
			      channel_state(&s->there.row[k].st));
	return TOOL_OK;
}

static enum tool_exit begin_all(struct watch *w)
{
	enum tool_exit code = TOOL_OK;

	w->source = calloc(w->set.n, sizeof(*w->source));
	if (!w->source) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	for (size_t i = 0; i < w->set.n && code == TOOL_OK; i++)
		code = begin(w, i);
	return code;
}
