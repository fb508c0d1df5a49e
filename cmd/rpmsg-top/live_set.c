/* SPDX-License-Identifier: BSD-2-Clause */
/* Which buses are watched: those that were named, and for "all" what is served meanwhile. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/run.h"
#include "common/served.h"
#include "rpmsg-top/live.h"
#include "rpmsg-top/thread.h"

#define LOOK_NS INT64_C(1000000000)
/* Buses in all: servers may come with ever new names, and each has a thread. */
#define BUSES_MAX 256

void live_free_bus(struct live_bus *b)
{
	if (b->first)
		rpmsg_bus_close(b->first);
	snapshot_free(&b->ready);
	pthread_mutex_destroy(&b->record_lock);
	if (b->wake >= 0)
		close(b->wake);
	free(b);
}

static struct live_bus *new_bus(struct live *l, struct rpmsg_bus *first, const char *spec,
				const char *name)
{
	struct live_bus *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->live = l;
	pthread_mutex_init(&b->record_lock, NULL);
	snprintf(b->spec, sizeof(b->spec), "%s", spec);
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->there = true; /* until its thread finds that it is not */
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->wake >= 0) {
		b->first = first;
		return b;
	}
	live_free_bus(b);
	return NULL;
}

int live_add_bus(struct live *l, struct rpmsg_bus *first, const char *spec, const char *name)
{
	struct live_bus **more = reallocarray(l->bus, l->n + 1, sizeof(struct live_bus *)), *b;
	int err;

	if (!more)
		return -ENOMEM;
	l->bus = more;
	b = new_bus(l, first, spec, name);
	if (!b)
		return -errno;
	err = thread_start(&b->thread, live_watch, b);
	if (!err) {
		l->bus[l->n++] = b;
		return 0;
	}
	b->first = NULL;
	live_free_bus(b);
	return err;
}

static void see_bus(void *arg, const char *dir, const char *name)
{
	struct live *l = arg;

	if (l->n >= BUSES_MAX)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->bus[i]->name, name))
			return;
	if (served_answers(dir, name))
		live_add_bus(l, NULL, name, name); /* if it cannot be, then next time */
}

void live_look_for_more(struct live *l)
{
	char dir[PATH_MAX];

	if (!l->all || run_now() < l->look_ns)
		return;
	l->look_ns = run_now() + LOOK_NS;
	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++)
		served_sockets(dir, see_bus, l);
}
