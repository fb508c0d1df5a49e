/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/screen.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/run.h"
#include "rpmsg-top/draw.h"

/* Keys show at once; records, which may be many, at most so often. */
#define DRAW_NS INT64_C(200000000)
/* Clocks go on also when nothing comes. */
#define TICK_NS INT64_C(1000000000)
/* Between two looks for what is to be captured while all else is paused. */
#define CAPTURE_NS INT64_C(50000000)
#define SILENT_NS UINT64_C(1000000000)

enum { FD_KEYS, FD_WAKE, FD_SAID, FD_SOURCE, N_FDS };

struct screen {
	struct view *v;
	int64_t deadline;     /* -t */
	int64_t tick, drawn;  /* when the clock is due, when it was drawn */
	bool typed;
	uint64_t rounds, round_ns; /* pictures of the first bus there is, and the last's time */
	bool *up;             /* each bus's link, for --exit-on-down */
	size_t n_up;
};

/* ---- what is new ---- */

static bool link_is_up(const struct bus_row *bus)
{
	for (int side = 0; bus->bus.there && side < 2; side++)
		if (bus->picture.side[side].served && bus->picture.side[side].info.up)
			return true;
	return false;
}

/* The buses may become more. */
static bool *was_up(struct screen *s, size_t i)
{
	bool *up;

	if (i < s->n_up)
		return &s->up[i];
	up = reallocarray(s->up, i + 1, sizeof(*up));
	if (!up)
		return NULL;
	s->up = up;
	while (s->n_up <= i)
		s->up[s->n_up++] = false;
	return &s->up[i];
}

static void watch_links(struct screen *s)
{
	struct view *v = s->v;
	size_t n = v->cfg->exit_on_down ? table_buses(v->table) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct bus_row *bus = table_bus(v->table, i);
		bool now = link_is_up(bus), *before = was_up(s, i);

		if (!before)
			return;
		if (*before && !now) {
			tool_error("%s: link down", bus->bus.name);
			v->code = TOOL_LINK_DOWN;
			v->done = true;
		}
		*before = now;
	}
}

static void count_rounds(struct screen *s)
{
	struct view *v = s->v;
	uint64_t ns = 0;

	for (size_t i = 0; i < table_buses(v->table) && !ns; i++)
		if (table_bus(v->table, i)->bus.there)
			ns = table_bus(v->table, i)->picture.time_ns;
	if (!ns || ns == s->round_ns)
		return;
	s->round_ns = ns;
	s->rounds++;
	if (v->cfg->count && s->rounds >= v->cfg->count)
		v->done = true;
}

/* One that was ready before the key is not what was asked for; who is silent is not waited for. */
static bool has_hurried(const struct view *v)
{
	for (size_t i = 0; i < table_buses(v->table); i++) {
		const struct bus_row *bus = table_bus(v->table, i);

		if (bus->bus.there && bus->bus.silent_ns < SILENT_NS &&
		    bus->picture.clock_ns < (uint64_t)v->hurried_ns)
			return false;
	}
	return true;
}

static void take_pictures(struct screen *s)
{
	struct view *v = s->v;
	bool new = table_update(v->table, v->src);

	if (new) {
		if (has_hurried(v))
			v->hurried_ns = 0;
		events_learn(v->events, v->table);
		view_advise(v);
		view_settle(v); /* rows may have moved in memory */
	}
	if (table_error(v->table))
		view_note(v, true, "%s", rpmsg_strerror(table_error(v->table)));
	watch_links(s);
	count_rounds(s);
}

static void take_news(struct screen *s)
{
	struct view *v = s->v;

	if (v->film)
		source_time(v->src, &v->time);
	if (!v->paused || v->hurried_ns)
		take_pictures(s);
	if (!v->paused || records_captured(v))
		v->changed |= records_update(v);
}

/* ---- waiting ---- */

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A source whose pictures are not taken is readable all the time. */
static int source_poll_fd(const struct screen *s)
{
	const struct view *v = s->v;

	return v->paused && !v->hurried_ns ? -1 : source_fd(v->src);
}

static int64_t wake_time(const struct screen *s)
{
	const struct view *v = s->v;
	int64_t at = earliest(s->deadline, s->tick);

	if (*v->note)
		at = earliest(at, v->note_until);
	if (v->changed)
		at = earliest(at, s->drawn + DRAW_NS);
	if (v->paused && records_captured(v))
		at = earliest(at, run_deadline(CAPTURE_NS));
	return at;
}

static void take_keys(struct screen *s)
{
	struct view *v = s->v;
	bool pasted;
	int key;

	while (!v->done && !run_stopped() && keyboard_next(&v->keyboard, &key, &pasted)) {
		s->typed = true;
		keys_take(v, key, pasted);
	}
}

static void take_said(struct view *v)
{
	char line[160];

	if (terminal_said(line, sizeof(line)))
		view_note(v, true, "%s", line);
}

static void resized(struct view *v)
{
	if (!terminal_attend())
		return;
	view_settle(v);
	if (v->page != PAGE_TABLE)
		keys_take(v, 0, false); /* where a page ends is another place now */
}

/* A terminal that was hung up is for ever readable, and nothing comes. */
static bool is_lost(const struct pollfd *fd)
{
	return fd->revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void wait_for_more(struct screen *s)
{
	struct view *v = s->v;
	struct pollfd fd[N_FDS] = {
		[FD_KEYS] = {.fd = v->terminal.keys_fd, .events = POLLIN},
		[FD_WAKE] = {.fd = v->terminal.wake_fd, .events = POLLIN},
		[FD_SAID] = {.fd = v->terminal.said_fd, .events = POLLIN},
		[FD_SOURCE] = {.fd = source_poll_fd(s), .events = POLLIN},
	};

	if (run_wait(fd, N_FDS, wake_time(s)) < 0)
		return;
	if (is_lost(&fd[FD_KEYS])) {
		v->code = TOOL_FAIL;
		v->done = true;
		return;
	}
	if (fd[FD_WAKE].revents) {
		resized(v);
		s->typed = true;
	}
	if (fd[FD_SAID].revents)
		take_said(v);
	if (fd[FD_KEYS].revents)
		take_keys(s);
}

/* ---- the loop ---- */

static void draw_if_due(struct screen *s)
{
	struct view *v = s->v;
	int64_t now = run_now();

	if (now >= s->tick) {
		s->tick = now + TICK_NS;
		v->changed = true;
	}
	if (*v->note && now >= v->note_until) {
		*v->note = '\0';
		v->changed = true;
	}
	if (!v->changed || (!s->typed && now < s->drawn + DRAW_NS))
		return;
	draw_view(v);
	v->changed = s->typed = false;
	s->drawn = now;
}

static void loop(struct screen *s)
{
	while (!s->v->done && !run_stopped() && run_now() < s->deadline) {
		take_news(s);
		draw_if_due(s);
		if (!s->v->done)
			wait_for_more(s);
	}
}

static void begin(struct view *v)
{
	const struct config *cfg = v->cfg;

	v->film = source_time(v->src, &v->time);
	v->bus = VIEW_ALL_BUSES;
	v->interval_ns = cfg->interval_ns;
	v->at = v->clicked_row = -1;
	v->show[PANE_MESSAGES] = v->show[PANE_EVENTS] = true;
	for (int pane = 0; pane < N_PANES; pane++)
		v->tail[pane].newest_ns = TAIL_OPEN;
	table_choose_service(v->table, cfg->name);
	if (cfg->filter)
		view_filter(v, cfg->filter);
	view_sort(v, cfg->sort, cfg->invert);
}

static enum tool_exit run(const struct config *cfg, struct view *v)
{
	struct screen s = {.v = v, .deadline = run_deadline(cfg->tool.timeout_ns)};
	enum tool_exit code = terminal_open(cfg, &v->terminal);

	if (code != TOOL_OK)
		return code;
	run_watch_stdout();
	draw_init(v);
	begin(v);
	loop(&s);
	source_want_records(v->src, false);
	terminal_close();
	free(s.up);
	return v->code;
}

enum tool_exit screen_run(const struct config *cfg, struct source *src)
{
	struct view v = {.cfg = cfg, .src = src};
	enum tool_exit code = TOOL_FAIL;

	v.table = table_new();
	v.events = events_new();
	if (v.table && v.events)
		code = run(cfg, &v);
	else
		tool_error("out of memory");
	events_free(v.events);
	table_free(v.table);
	picks_free(&v.wanted);
	picks_free(&v.kept);
	return code;
}
