/* SPDX-License-Identifier: BSD-2-Clause */
/* The buses that rpmsg-ns stats reads. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/reopen.h"
#include "common/served.h"
#include "rpmsg-ns/stats.h"

static struct stats_bus *add_bus(struct stats *st)
{
	struct stats_bus *more = reallocarray(st->bus, st->n + 1, sizeof(*more));

	if (!more) {
		tool_error("out of memory");
		return NULL;
	}
	st->bus = more;
	more[st->n] = (struct stats_bus){0};
	return &more[st->n++];
}

/* Takes bus over; 0 or -errno. */
static int open_sides(const struct stats *st, struct stats_bus *b, struct rpmsg_bus *bus,
		      const char *spec)
{
	struct rpmsg_bus_info info;
	int err = bus_info(bus, &info);

	if (!err)
		memcpy(b->name, info.name, sizeof(b->name));
	err = sides_open(&b->sides, bus, spec ? spec : b->name, !st->cfg->tool.remote);
	b->served = !err;
	return err;
}

void stats_close(struct stats *st)
{
	while (st->n) {
		struct stats_bus *b = &st->bus[--st->n];

		sides_close(&b->sides);
		snapshot_free(&b->now);
		snapshot_free(&b->before);
		snapshot_free(&b->shown);
	}
	free(st->bus);
	st->bus = NULL;
}

/* ---- all must be there ---- */

static enum tool_exit take(struct stats *st, struct bus_set *set, size_t i)
{
	struct stats_bus *b = add_bus(st);
	struct rpmsg_bus_info info;
	int err;

	if (!b)
		return TOOL_FAIL;
	err = bus_info(set->bus[i], &info);
	if (!err)
		err = open_sides(st, b, set->bus[i],
				 reopen_spec(&st->cfg->tool, i, set->n, info.name));
	set->bus[i] = NULL;
	if (!err)
		return TOOL_OK;
	bus_error(b->name, err);
	return err == -EPIPE || err == -ENOENT ? TOOL_LINK_DOWN : TOOL_FAIL;
}

enum tool_exit stats_open(struct stats *st)
{
	struct bus_set set = {0};
	enum tool_exit code = bus_open_set(&st->cfg->tool, &set);

	for (size_t i = 0; i < set.n && code == TOOL_OK; i++)
		code = take(st, &set, i);
	bus_close_set(&set);
	return code;
}

/* ---- those that are there ---- */

/* What a bus would be called that cannot be asked. */
static void name_of(const char *spec, char name[RPMSG_BUS_NAME_SIZE])
{
	const char *slash = strrchr(spec, '/'), *at = slash ? slash + 1 : spec;
	size_t len, suffix = strlen(".sock");

	if (!strncmp(spec, "shm:", strlen("shm:")))
		at = spec + strlen("shm:");
	else if (!strncmp(spec, "vhost-user:", strlen("vhost-user:")))
		at = "vhost-user";
	len = strcspn(at, ",");
	if (*spec == '/' && len > suffix && !strncmp(at + len - suffix, ".sock", suffix))
		len -= suffix;
	snprintf(name, RPMSG_BUS_NAME_SIZE, "%.*s", (int)len, at);
}

static bool is_known(const struct stats *st, const char *name)
{
	for (size_t i = 0; i < st->n; i++)
		if (!strcmp(st->bus[i].name, name))
			return true;
	return false;
}

static void say_not_served(const struct stats_bus *b, int err)
{
	const char *detail = rpmsg_error_detail();

	tool_note("%s: %s", b->name, *detail ? detail : rpmsg_strerror(err));
}

/* Two SPECs of one bus are one. */
static enum tool_exit try_bus(struct stats *st, const char *spec)
{
	struct rpmsg_bus *bus = reopen_try(&st->cfg->tool, spec);
	int err = bus ? 0 : -errno;
	struct stats_bus *b = NULL;
	struct rpmsg_bus_info info = {.name = ""};

	if (err == -EINVAL) {
		bus_error(spec, err);
		return TOOL_USAGE;
	}
	name_of(spec, info.name);
	if (bus)
		bus_info(bus, &info);
	if (!is_known(st, info.name))
		b = add_bus(st);
	if (!b) {
		rpmsg_bus_close(bus);
		return is_known(st, info.name) ? TOOL_OK : TOOL_FAIL;
	}
	memcpy(b->name, info.name, sizeof(b->name));
	if (bus)
		err = open_sides(st, b, bus, spec);
	if (err)
		say_not_served(b, err);
	return TOOL_OK;
}

struct trial {
	struct stats *st;
	enum tool_exit code;
};

static void try_socket(void *arg, const char *dir, const char *name)
{
	struct trial *trial = arg;

	(void)dir;
	if (trial->code == TOOL_OK && !is_known(trial->st, name))
		trial->code = try_bus(trial->st, name);
}

/* A socket that nobody listens on is what a killed rpmsgd leaves. */
static enum tool_exit try_all(struct stats *st)
{
	struct trial trial = {.st = st, .code = TOOL_OK};
	char dir[PATH_MAX];

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++)
		served_sockets(dir, try_socket, &trial);
	return trial.code;
}

static enum tool_exit try_spec(struct stats *st, const char *spec)
{
	return strcmp(spec, "all") ? try_bus(st, spec) : try_all(st);
}

enum tool_exit stats_open_any(struct stats *st)
{
	const struct tool_config *tool = &st->cfg->tool;
	const char *env = getenv("RPMSG_BUS");
	enum tool_exit code = TOOL_OK;

	if (!tool->n_bus)
		return try_spec(st, env && *env && strcmp(env, "none") ? env : "all");
	for (size_t i = 0; i < tool->n_bus && code == TOOL_OK; i++)
		code = try_spec(st, tool->bus[i]);
	return code;
}
