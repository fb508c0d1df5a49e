/* SPDX-License-Identifier: BSD-2-Clause */
/* Live buses as a source. A thread each talks to them, so that nothing here waits for a bus. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-top/live.h"
#include "rpmsg-top/thread.h"

#define NS_PER_S INT64_C(1000000000)
#define CLOSE_NS (NS_PER_S / 2) /* for a thread whose bus does not answer */
#define SILENT_NS NS_PER_S      /* an answer may take this long */

static struct live *live_of(struct source *src)
{
	return (struct live *)src;
}

static void ring(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

void live_tell(struct live_bus *b, unsigned news)
{
	b->news |= news;
	ring(b->live->fd);
}

/* ---- what is asked ---- */

static int live_fd(struct source *src)
{
	return live_of(src)->fd;
}

static size_t live_buses(struct source *src)
{
	struct live *l = live_of(src);

	live_look_for_more(l);
	return l->n;
}

static void live_describe(struct source *src, size_t bus, struct source_bus *state)
{
	struct live *l = live_of(src);
	struct live_bus *b = l->bus[bus];
	int64_t silent;

	*state = (struct source_bus){.lost = live_record_lost(b)};
	pthread_mutex_lock(&l->lock);
	memcpy(state->name, b->name, sizeof(state->name));
	memcpy(state->spec, b->spec, sizeof(state->spec));
	memcpy(state->why, b->why, sizeof(state->why));
	memcpy(state->refused, b->refused, sizeof(state->refused));
	memcpy(state->no_records, b->no_records, sizeof(state->no_records));
	state->there = b->there;
	state->records = b->can_record;
	state->partial = b->partial;
	silent = b->asked_ns ? run_now() - b->asked_ns : 0;
	pthread_mutex_unlock(&l->lock);
	if (silent >= SILENT_NS)
		state->silent_ns = (uint64_t)silent;
	if (state->partial)
		snprintf(state->missing, sizeof(state->missing),
			 "Linux tells nothing of its rings, nor of messages of others");
}

static void clear_if_taken(struct live *l)
{
	uint64_t count;

	for (size_t i = 0; i < l->n; i++)
		if (l->bus[i]->news)
			return;
	(void)!read(l->fd, &count, sizeof(count));
}

static bool live_take(struct source *src, size_t bus, struct snapshot *picture)
{
	struct live *l = live_of(src);
	struct live_bus *b = l->bus[bus];
	struct snapshot old = *picture;
	bool new;

	pthread_mutex_lock(&l->lock);
	new = b->news & LIVE_PICTURE;
	if (new) {
		*picture = b->ready;
		b->ready = old;
	}
	b->news = 0;
	clear_if_taken(l);
	pthread_mutex_unlock(&l->lock);
	return new;
}

static void wake_all(struct live *l)
{
	for (size_t i = 0; i < l->n; i++)
		ring(l->bus[i]->wake);
}

static void live_set_interval(struct source *src, int64_t ns)
{
	struct live *l = live_of(src);

	pthread_mutex_lock(&l->lock);
	l->interval_ns = ns;
	l->start_ns = run_now();
	pthread_mutex_unlock(&l->lock);
	wake_all(l);
}

static void live_hurry(struct source *src)
{
	struct live *l = live_of(src);

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n; i++)
		l->bus[i]->hurry = true;
	pthread_mutex_unlock(&l->lock);
	wake_all(l);
}

static void live_want_records(struct source *src, bool on)
{
	struct live *l = live_of(src);
	bool was;

	pthread_mutex_lock(&l->lock);
	was = l->want_records;
	l->want_records = on;
	pthread_mutex_unlock(&l->lock);
	if (was != on)
		wake_all(l);
}

static size_t live_records(struct source *src, size_t bus, size_t max,
			   void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	return live_record_read(live_of(src)->bus[bus], max, fn, arg);
}

static void live_skip(struct source *src, size_t bus)
{
	live_record_skip(live_of(src)->bus[bus]);
}

/* ---- beginning and end ---- */

static void free_live(struct live *l)
{
	for (size_t i = 0; i < l->n; i++)
		live_free_bus(l->bus[i]);
	free(l->bus);
	if (l->fd >= 0)
		close(l->fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Whether all threads have ended. One that waits for a dead bus is left to the process's end. */
static bool join_all(struct live *l)
{
	const int64_t deadline = run_deadline(CLOSE_NS);
	bool all = true;

	for (size_t i = 0; i < l->n; i++)
		if (!thread_end(l->bus[i]->thread, deadline))
			all = false;
	return all;
}

static void live_close(struct source *src)
{
	struct live *l = live_of(src);

	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	wake_all(l);
	if (join_all(l))
		free_live(l);
}

static const struct source_ops live_ops = {
	.close = live_close,
	.fd = live_fd,
	.buses = live_buses,
	.describe = live_describe,
	.take = live_take,
	.set_interval = live_set_interval,
	.hurry = live_hurry,
	.want_records = live_want_records,
	.records = live_records,
	.skip = live_skip,
};

static struct live *new_live(const struct config *cfg)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->source.ops = &live_ops;
	l->cfg = cfg;
	l->start_ns = run_now();
	l->interval_ns = cfg->interval_ns;
	pthread_mutex_init(&l->lock, NULL);
	l->all = bus_names_all(&cfg->tool);
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->fd >= 0)
		return l;
	free_live(l);
	return NULL;
}

/* Takes a bus of the set over. */
static int add_opened(struct live *l, struct bus_set *set, size_t i)
{
	struct rpmsg_bus_info info;
	const char *name = bus_info(set->bus[i], &info) ? "?" : info.name;
	int err = live_add_bus(l, set->bus[i], reopen_spec(&l->cfg->tool, i, set->n, name), name);

	if (!err)
		set->bus[i] = NULL;
	return err;
}

static struct live *start(const struct config *cfg, struct bus_set *set)
{
	struct live *l = new_live(cfg);
	int err = 0;

	if (!l)
		return NULL;
	for (size_t i = 0; i < set->n && !err; i++)
		err = add_opened(l, set, i);
	if (!err)
		return l;
	live_close(&l->source);
	errno = -err;
	return NULL;
}

enum tool_exit live_open(const struct config *cfg, struct source **src)
{
	struct bus_set set;
	enum tool_exit code = bus_open_set(&cfg->tool, &set);
	struct live *l;

	*src = NULL;
	if (code || !set.n)
		return code;
	l = start(cfg, &set);
	if (!l) {
		tool_error("cannot watch: %s", strerror(errno));
		code = TOOL_FAIL;
	}
	bus_close_set(&set);
	if (l)
		*src = &l->source;
	return code;
}
