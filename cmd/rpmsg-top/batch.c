/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds: one as soon as there is a picture of each bus, then one each interval. */
#include "rpmsg-top/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/output.h"
#include "common/run.h"

#define NS_PER_S INT64_C(1000000000)
#define LATE_NS (2 * NS_PER_S) /* for how long a picture that is due is waited for */

/* A link as it was in the round before. */
struct link {
	bool known, up;
	uint32_t generation;
	uint64_t since_ns;
	uint64_t clock_ns; /* of the picture that was printed last */
};

struct rounds {
	struct batch batch;
	struct link *link;  /* of each bus */
	size_t n;
	int64_t due, deadline;
	uint64_t done;
	enum tool_exit code;
};

const char *batch_level(enum advice_level level)
{
	switch (level) {
	case ADVICE_ALARM:
		return "alarm";
	case ADVICE_WARNING:
		return "warning";
	case ADVICE_NOTE:
		break;
	}
	return "note";
}

/* ---- links ---- */

static const struct snapshot_side *some_side(const struct bus_row *bus)
{
	return bus->picture.side[0].served ? &bus->picture.side[0] : &bus->picture.side[1];
}

static struct link link_now(const struct bus_row *bus)
{
	const struct snapshot_side *side = some_side(bus);

	return (struct link){
		.known = true,
		.up = bus->bus.there && side->served && side->info.up,
		.generation = side->info.generation,
		.since_ns = side->stats.since_ns,
		.clock_ns = bus->picture.clock_ns,
	};
}

static int tell_link(struct rounds *r, const struct bus_row *bus, bool up)
{
	const struct format_event event = {
		.time_ns = format_now_ns(),
		.bus = bus->bus.name,
		.type = up ? "up" : "down",
		.text = up || bus->bus.there ? NULL : bus->bus.why,
	};

	if (!up && r->batch.cfg->exit_on_down)
		r->code = TOOL_LINK_DOWN;
	return format_event(&r->batch.format, &event);
}

/* Says what has become of a link since the round before: down, up again, or both. */
static int tell_changes(struct rounds *r, size_t i)
{
	const struct bus_row *bus = table_bus(r->batch.table, i);
	const struct link was = r->link[i], now = link_now(bus);
	bool other = now.generation != was.generation || now.since_ns != was.since_ns;
	int err = 0;

	r->link[i] = now;
	if (!was.known)
		return 0;
	if (was.up && (!now.up || other))
		err = tell_link(r, bus, false);
	if (!err && now.up && (!was.up || other))
		err = tell_link(r, bus, true);
	return err;
}

/* ---- a round ---- */

static bool grow(struct rounds *r)
{
	size_t n = table_buses(r->batch.table);
	struct link *link;
	bool *fresh;

	if (n <= r->n)
		return true;
	link = reallocarray(r->link, n, sizeof(*link));
	if (link)
		r->link = link;
	fresh = reallocarray(r->batch.fresh, n, sizeof(*fresh));
	if (fresh)
		r->batch.fresh = fresh;
	if (!link || !fresh)
		return false;
	memset(link + r->n, 0, (n - r->n) * sizeof(*link));
	memset(fresh + r->n, 0, (n - r->n) * sizeof(*fresh));
	r->n = n;
	return true;
}

/* Reads what is new. Whether there is nothing more to wait for. */
static bool update(struct rounds *r)
{
	bool all = true;

	table_update(r->batch.table, r->batch.src);
	if (table_error(r->batch.table) || !grow(r)) {
		tool_error("%s", strerror(ENOMEM));
		r->code = TOOL_FAIL;
		return false;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct bus_row *bus = table_bus(r->batch.table, i);

		r->batch.fresh[i] = bus->bus.there && bus->picture.clock_ns &&
				    bus->picture.clock_ns != r->link[i].clock_ns;
		all = all && (r->batch.fresh[i] || !bus->bus.there || bus->bus.silent_ns);
	}
	return all;
}

static void print_round(struct rounds *r)
{
	struct batch *b = &r->batch;
	int err = 0;

	for (size_t i = 0; i < r->n && !err; i++)
		err = tell_changes(r, i);
	if (!err)
		err = b->format.out == FORMAT_JSON ? batch_print_json(b) : batch_print_text(b);
	if (!err && fflush(stdout))
		err = -errno;
	if (err)
		r->code = tool_exit_worse(output_failed(err), r->code);
	r->done++;
}

static bool is_over(const struct rounds *r)
{
	return r->code != TOOL_OK || run_stopped() ||
	       (r->batch.cfg->count && r->done >= r->batch.cfg->count);
}

/* ---- live ---- */

static bool has_any(const struct rounds *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->batch.fresh[i])
			return true;
	return false;
}

/*
 * Until all pictures of the round are there, or it is too late for them; false at the end. They
 * come at their time: of one that was kept waiting the next may take the place.
 */
static bool wait_for_round(struct rounds *r)
{
	for (;;) {
		struct pollfd fd = {.fd = source_fd(r->batch.src), .events = POLLIN};
		bool all = update(r);
		int64_t now = run_now(), until = all ? r->due : r->due + LATE_NS;

		if (r->code != TOOL_OK)
			return false;
		if ((all && has_any(r)) || now >= until)
			return true;
		if (now >= r->deadline ||
		    run_wait(&fd, 1, until < r->deadline ? until : r->deadline) < 0)
			return false;
	}
}

static void run_live(struct rounds *r)
{
	r->due = run_now();
	while (!is_over(r) && wait_for_round(r)) {
		print_round(r);
		r->due += r->batch.cfg->interval_ns;
		if (r->due < run_now())
			r->due = run_now();
	}
}

/* ---- a file: each interval of its time is a round ---- */

/* All that can be read was shown. */
static void end_film(struct rounds *r, const struct source_time *time)
{
	if (!*time->error)
		return;
	tool_error("%s", time->error);
	r->code = TOOL_FAIL;
}

static void run_film(struct rounds *r)
{
	const uint64_t step = (uint64_t)r->batch.cfg->interval_ns;
	struct source_time time;
	int err = 0;

	update(r);
	while (!is_over(r) && !err && run_now() < r->deadline) {
		print_round(r);
		source_time(r->batch.src, &time);
		if (is_over(r))
			return;
		if (time.now_ns >= time.last_ns) {
			end_film(r, &time);
			return;
		}
		err = source_seek(r->batch.src, time.now_ns + step);
		update(r);
	}
	if (!err)
		return;
	tool_error("%s: %s", r->batch.cfg->read, strerror(-err));
	r->code = TOOL_FAIL;
}

/* ---- all of it ---- */

static int prepare(struct rounds *r)
{
	const struct config *cfg = r->batch.cfg;
	struct table *t = table_new();

	if (!t)
		return -ENOMEM;
	r->batch.table = t;
	table_sort(t, cfg->sort, cfg->invert);
	table_choose(t, cfg->filter);
	table_choose_service(t, cfg->name);
	return table_error(t);
}

enum tool_exit batch_run(const struct config *cfg, struct source *src)
{
	struct rounds r = {
		.batch = {
			.cfg = cfg,
			.src = src,
			.format = {.file = stdout, .out = cfg->tool.out},
		},
		.deadline = run_deadline(cfg->tool.timeout_ns),
	};
	struct source_time time;

	if (prepare(&r)) {
		tool_error("%s", strerror(ENOMEM));
		r.code = TOOL_FAIL;
	}
	format_init(&r.batch.format);
	format_no_flush(&r.batch.format);
	run_watch_stdout();
	if (r.code == TOOL_OK && source_time(src, &time))
		run_film(&r);
	else if (r.code == TOOL_OK)
		run_live(&r);
	table_free(r.batch.table);
	free(r.batch.fresh);
	free(r.link);
	return r.code;
}
