/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns stats: what has passed, failed and waited, once or in rounds. */
#include "rpmsg-ns/stats.h"

#include <string.h>

#include "common/bus.h"
#include "common/hint.h"
#include "common/number.h"
#include "common/output.h"
#include "common/run.h"
#include "common/stats_json.h"

/* Between rounds, if only their number is given. */
#define STEP_NS INT64_C(1000000000)

bool stats_wants(const struct config *cfg, const char *service)
{
	for (size_t i = 0; i < cfg->n_name; i++)
		if (!strcmp(cfg->name[i], service))
			return true;
	return !cfg->n_name;
}

/* ---- NAMEs that nobody has ---- */

static bool side_has(const struct snapshot_side *side, const char *name)
{
	for (size_t i = 0; i < side->n_channels && side->served; i++)
		if (!strcmp(side->channel[i].info.name, name))
			return true;
	return false;
}

static bool is_there(const struct stats *st, const char *name)
{
	for (size_t i = 0; i < st->n; i++)
		if (side_has(&st->bus[i].now.side[0], name) ||
		    side_has(&st->bus[i].now.side[1], name))
			return true;
	return false;
}

static void say_no_service(const struct stats *st, const char *name)
{
	char near[RPMSG_NAME_SIZE];

	for (size_t i = 0; i < 2 * st->n; i++) {
		struct rpmsg_bus *bus = st->bus[i / 2].sides.bus[i % 2];

		if (!bus || !hint_channel(bus, name, near))
			continue;
		tool_error("there is no service '%s'; did you mean '%s'?", name, near);
		return;
	}
	tool_error("there is no service '%s'", name);
}

static enum tool_exit check_names(const struct stats *st)
{
	enum tool_exit code = TOOL_OK;

	for (size_t i = 0; i < st->cfg->n_name; i++) {
		if (is_there(st, st->cfg->name[i]))
			continue;
		say_no_service(st, st->cfg->name[i]);
		code = TOOL_NOT_FOUND;
	}
	return code;
}

/* ---- a round ---- */

static int read_bus(struct stats_bus *b)
{
	struct snapshot swap = b->before;

	b->before = b->now;
	b->now = swap;
	for (int i = 0; i < 2; i++)
		if (b->sides.bus[i])
			rpmsg_bus_dispatch(b->sides.bus[i], 0);
	return snapshot_read(&b->now, &b->sides);
}

static enum tool_exit read_all(struct stats *st)
{
	for (size_t i = 0; i < st->n; i++) {
		int err = read_bus(&st->bus[i]);

		if (!err)
			continue;
		bus_error(st->bus[i].name, err);
		return err == -EPIPE ? TOOL_LINK_DOWN : TOOL_FAIL;
	}
	return TOOL_OK;
}

static int print_json(struct stats *st, const struct snapshot *s, enum rpmsg_side side)
{
	const struct snapshot_side *at = &s->side[side - RPMSG_SIDE_HOST];
	int err = format_json_line(&st->fmt, stats_json_bus(s, side));

	for (size_t i = 0; i < at->n_channels && !err; i++)
		if (stats_wants(st->cfg, at->channel[i].info.name))
			err = format_json_line(&st->fmt,
					       stats_json_channel(s, side, &at->channel[i]));
	for (size_t i = 0; i < at->n_endpoints && !err; i++)
		if (stats_wants(st->cfg, at->endpoint[i].channel.name))
			err = format_json_line(&st->fmt,
					       stats_json_endpoint(s, side, &at->endpoint[i]));
	return err;
}

static int print_bus(struct stats *st, struct stats_bus *b)
{
	const struct snapshot *s = &b->now;
	bool json = st->fmt.out == FORMAT_JSON;
	int err = 0;

	if (st->round && !json) {
		err = stats_since(&b->shown, &b->now, &b->before);
		s = &b->shown;
	}
	for (int i = 0; i < 2 && !err; i++) {
		enum rpmsg_side side = i ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;

		if (s->side[i].served)
			err = json ? print_json(st, s, side) : stats_print(st, s, side);
	}
	return err;
}

static enum tool_exit print_round(struct stats *st)
{
	int err = 0;

	for (size_t i = 0; i < st->n && !err; i++)
		err = print_bus(st, &st->bus[i]);
	return err ? output_failed(err) : TOOL_OK;
}

/* ---- rounds ---- */

/* Serves links that end in this process until the next round; false: it is over. */
static bool wait_for_round(struct stats *st, int64_t next)
{
	int64_t until = next < st->cfg->deadline ? next : st->cfg->deadline;
	struct pollfd fd[RUN_FDS_MAX];
	int n;

	for (;;) {
		for (size_t i = 0; i < 2 * st->n; i++) {
			struct rpmsg_bus *bus = st->bus[i / 2].sides.bus[i % 2];

			if (bus)
				rpmsg_bus_dispatch(bus, 0);
			fd[i] = (struct pollfd){.fd = bus ? rpmsg_bus_fd(bus) : -1,
						.events = POLLIN};
		}
		n = run_wait(fd, (unsigned)(2 * st->n), until);
		if (n <= 0)
			return n == 0 && next < st->cfg->deadline;
		if (run_now() >= until)
			return next < st->cfg->deadline;
	}
}

static enum tool_exit rounds(struct stats *st)
{
	const struct config *cfg = st->cfg;
	uint64_t count = cfg->count ? cfg->count : cfg->interval_ns ? UINT64_MAX : 1;
	int64_t step = cfg->interval_ns ? cfg->interval_ns : STEP_NS;
	int64_t next = run_now();
	enum tool_exit code;

	if (count > 1 && 2 * st->n > RUN_FDS_MAX) {
		tool_error("%zu buses are too many to read again and again", st->n);
		return TOOL_FAIL;
	}
	for (;;) {
		code = read_all(st);
		if (code == TOOL_OK && !st->round)
			code = check_names(st);
		if (code == TOOL_OK)
			code = print_round(st);
		if (code != TOOL_OK || ++st->round == count || run_stopped())
			return code;
		next = next > NUMBER_FOREVER - step ? NUMBER_FOREVER : next + step;
		if (next < run_now())
			next = run_now();
		if (!wait_for_round(st, next))
			return TOOL_OK;
	}
}

static void say_partial(const struct stats *st)
{
	struct rpmsg_bus_info info;

	for (size_t i = 0; i < 2 * st->n; i++) {
		struct rpmsg_bus *bus = st->bus[i / 2].sides.bus[i % 2];

		if (bus && !bus_info(bus, &info) && info.own_only)
			tool_note("%s: the kernel tells neither of its rings nor of others' "
				  "messages", info.name);
	}
}

/* ---- metrics ---- */

static enum tool_exit metrics(struct stats *st)
{
	enum tool_exit code = stats_open_any(st);
	int err;

	for (size_t i = 0; i < st->n && code == TOOL_OK; i++) {
		struct stats_bus *b = &st->bus[i];

		err = b->served ? read_bus(b) : 0;
		if (err)
			tool_note("%s: %s", b->name, rpmsg_strerror(err));
		if (err)
			b->served = false;
	}
	if (code != TOOL_OK)
		return code;
	err = stats_print_metrics(st);
	return err ? output_failed(err) : TOOL_OK;
}

enum tool_exit run_stats(struct config *cfg)
{
	struct stats st = {.cfg = cfg, .fmt = {.file = stdout, .out = cfg->tool.out}};
	enum tool_exit code;

	format_init(&st.fmt);
	cfg->tool.no_autostart = true;
	if (cfg->openmetrics) {
		code = metrics(&st);
	} else {
		run_watch_stdout();
		code = stats_open(&st);
		say_partial(&st);
		if (code == TOOL_OK)
			code = rounds(&st);
	}
	stats_close(&st);
	return code;
}
