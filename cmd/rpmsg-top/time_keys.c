/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys that move the time of a file. */
#include <errno.h>

#include "rpmsg-top/screen.h"

static uint64_t later(uint64_t at, uint64_t by, uint64_t last)
{
	return last - at > by ? at + by : last;
}

static uint64_t earlier(uint64_t at, uint64_t by, uint64_t first)
{
	return at - first > by ? at - by : first;
}

/* Rates and what happened are told anew from there, but for the step that is a round like any. */
static void seek(struct view *v, uint64_t to, bool step)
{
	bool back = to < v->time.now_ns;
	int err;

	if (to == v->time.now_ns) {
		view_note(v, false, to == v->time.first_ns ? "the beginning" : "the end");
		return;
	}
	err = source_seek(v->src, to);
	if (err == -ESPIPE || err == -EPIPE) {
		view_note(v, true, "a pipe cannot go back");
		return;
	}
	if (err) {
		view_note(v, true, "%s", rpmsg_strerror(err));
		return;
	}
	v->time.now_ns = to; /* for the next key, which may come before anything is read */
	if (back)
		events_forget(v->events);
	if (!step)
		table_restart(v->table);
	view_settle(v);
}

static void run(struct view *v)
{
	source_run(v->src, !v->time.running);
}

bool time_key(struct view *v, int key)
{
	const struct source_time *at = &v->time;
	uint64_t by = (uint64_t)v->interval_ns;

	if (!v->film)
		return false;
	switch (key) {
	case '[':
	case '{':
		seek(v, earlier(at->now_ns, key == '{' ? 10 * by : by, at->first_ns), false);
		return true;
	case ']':
	case '}':
		seek(v, later(at->now_ns, key == '}' ? 10 * by : by, at->last_ns), key == ']');
		return true;
	case '0':
		seek(v, at->first_ns, false);
		return true;
	case '$':
		seek(v, at->last_ns, false);
		return true;
	case 'p':
	case 'Z':
		run(v);
		return true;
	default:
		return false;
	}
}
