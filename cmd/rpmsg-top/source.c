/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/source.h"

enum tool_exit source_open(const struct config *cfg, struct source **src)
{
	*src = NULL;
	return cfg->read ? film_open(cfg, src) : live_open(cfg, src);
}

void source_close(struct source *src)
{
	if (src)
		src->ops->close(src);
}

int source_fd(struct source *src)
{
	return src->ops->fd(src);
}

size_t source_buses(struct source *src)
{
	return src->ops->buses(src);
}

void source_describe(struct source *src, size_t bus, struct source_bus *state)
{
	src->ops->describe(src, bus, state);
}

bool source_take(struct source *src, size_t bus, struct snapshot *picture)
{
	return src->ops->take(src, bus, picture);
}

void source_set_interval(struct source *src, int64_t ns)
{
	src->ops->set_interval(src, ns);
}

void source_hurry(struct source *src)
{
	src->ops->hurry(src);
}

void source_want_records(struct source *src, bool on)
{
	src->ops->want_records(src, on);
}

size_t source_records(struct source *src, size_t bus, size_t max,
		      void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	return src->ops->records(src, bus, max, fn, arg);
}

bool source_skip(struct source *src, size_t bus)
{
	if (src->ops->skip)
		src->ops->skip(src, bus);
	return src->ops->skip;
}

bool source_time(struct source *src, struct source_time *time)
{
	if (!src->ops->time)
		return false;
	src->ops->time(src, time);
	return true;
}

int source_seek(struct source *src, uint64_t time_ns)
{
	return src->ops->seek ? src->ops->seek(src, time_ns) : -ESPIPE;
}

void source_run(struct source *src, bool on)
{
	if (src->ops->run)
		src->ops->run(src, on);
}
