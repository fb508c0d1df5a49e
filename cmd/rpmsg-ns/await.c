/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns wait: until all services named are there, or as the options say. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/channel_text.h"
#include "common/hint.h"
#include "common/number.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-ns/ns.h"

/* Nothing tells that a service of ours has heard from somebody: looked at while --bound waits. */
#define LOOK_NS (INT64_C(50) * 1000 * 1000)

struct wanted {
	const char *name;
	bool there, bound; /* as of the last look */
	bool announced;    /* since the start */
	bool ever;         /* was there at some time */
};

struct await {
	const struct config *cfg;
	struct rpmsg_bus *bus;
	struct wanted *wanted; /* cfg->n_name of them */
};

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct await *a = arg;

	(void)bus;
	if (event->type != RPMSG_EVENT_ANNOUNCE)
		return;
	for (size_t i = 0; i < a->cfg->n_name; i++)
		if (strcmp(a->wanted[i].name, event->info.name) == 0)
			a->wanted[i].announced = a->wanted[i].ever = true;
}

static int note(const struct rpmsg_channel_status *st, void *arg)
{
	struct await *a = arg;

	for (size_t i = 0; i < a->cfg->n_name; i++) {
		struct wanted *w = &a->wanted[i];

		if (strcmp(w->name, st->info.name) != 0)
			continue;
		w->there = w->ever = true;
		w->bound |= channel_is_bound(st);
	}
	return 0;
}

static int look(struct await *a)
{
	for (size_t i = 0; i < a->cfg->n_name; i++)
		a->wanted[i].there = a->wanted[i].bound = false;
	return rpmsg_bus_for_each_channel(a->bus, note, a);
}

static bool met(const struct config *cfg, const struct wanted *w)
{
	if (cfg->gone)
		return !w->there;
	return w->there && (!cfg->only_new || w->announced) && (!cfg->bound || w->bound);
}

static bool all_met(const struct await *a)
{
	for (size_t i = 0; i < a->cfg->n_name; i++)
		if (!met(a->cfg, &a->wanted[i]))
			return false;
	return true;
}

/* Opens the bus, as soon as it is served. */
static enum tool_exit open_bus(struct await *a)
{
	enum tool_exit code = bus_open_wait(&a->cfg->tool, a->cfg->deadline, &a->bus);

	if (code == TOOL_OK && a->bus)
		rpmsg_bus_set_event_fn(a->bus, happened, a);
	return code;
}

static void close_bus(struct await *a)
{
	if (a->bus)
		rpmsg_bus_set_event_fn(a->bus, NULL, NULL);
	rpmsg_bus_close(a->bus);
	a->bus = NULL;
}

/* Looks once; TOOL_LATE: not yet. */
static enum tool_exit check(struct await *a)
{
	int err;

	err = rpmsg_bus_dispatch(a->bus, 0);
	if (err >= 0 || err == -EINTR)
		err = look(a);
	if (!err)
		return all_met(a) ? TOOL_OK : TOOL_LATE;
	if (err != -EPIPE) {
		bus_error("cannot list the channels", err);
		return TOOL_FAIL;
	}
	if (!reopen_needed(a->bus))
		return TOOL_LATE;
	close_bus(a);
	err = (int)open_bus(a);
	return err ? (enum tool_exit)err : TOOL_LATE;
}

static enum tool_exit wait_until_met(struct await *a)
{
	for (;;) {
		int64_t deadline = a->cfg->deadline, again = NUMBER_FOREVER;
		struct pollfd fd = {.events = POLLIN};
		enum tool_exit code;
		int n;

		if (!a->bus || run_stopped())
			return TOOL_OK;
		code = check(a);
		if (code != TOOL_LATE || !a->bus)
			return code;
		if (a->cfg->bound)
			again = run_deadline(LOOK_NS);
		fd.fd = rpmsg_bus_fd(a->bus);
		n = run_wait(&fd, 1, again < deadline ? again : deadline);
		if (n == 0 && run_now() >= deadline)
			return TOOL_LATE;
	}
}

static enum tool_exit say_missing(const struct await *a)
{
	enum tool_exit code = TOOL_LATE;
	char near[RPMSG_NAME_SIZE];

	for (size_t i = 0; i < a->cfg->n_name; i++) {
		const struct wanted *w = &a->wanted[i];

		if (met(a->cfg, w))
			continue;
		if (a->cfg->gone) {
			tool_error("'%s' is still there", w->name);
		} else if (!w->ever) {
			tool_error("'%s' was not announced", w->name);
			if (hint_channel(a->bus, w->name, near))
				tool_note("did you mean '%s'?", near);
			code = TOOL_NOT_FOUND;
		} else if (!w->there) {
			tool_error("'%s' was there, and went again", w->name);
		} else if (a->cfg->only_new && !w->announced) {
			tool_error("'%s' is there, but was not announced anew", w->name);
		} else {
			tool_error("'%s' is announced, but was not bound", w->name);
		}
	}
	return code;
}

enum tool_exit run_await(struct config *cfg)
{
	struct await a = {.cfg = cfg};
	enum tool_exit code;

	a.wanted = calloc(cfg->n_name, sizeof(*a.wanted));
	if (!a.wanted) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	for (size_t i = 0; i < cfg->n_name; i++)
		a.wanted[i].name = cfg->name[i];
	code = open_bus(&a);
	if (code == TOOL_OK)
		code = wait_until_met(&a);
	if (code == TOOL_LATE)
		code = say_missing(&a);
	close_bus(&a);
	free(a.wanted);
	return code;
}
