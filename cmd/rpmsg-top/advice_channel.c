/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/format.h"
#include "common/kernel_driver.h"
#include "rpmsg-top/finder.h"

/* Some of the channels: how many, and the first of them. */
struct some {
	const struct rpmsg_channel_status *first;
	size_t n;
};

static struct some channels(const struct finder *f,
			    bool (*is)(const struct rpmsg_channel_status *st))
{
	struct some some = {0};

	for (size_t i = 0; i < f->side->n_channels; i++) {
		const struct rpmsg_channel_status *st = &f->side->channel[i];

		if (is(st) && !some.n++)
			some.first = st;
	}
	return some;
}

/* "'echo' (0x401)", "'echo' (0x401) and 3 more" */
#define SOME_SIZE (RPMSG_NAME_SIZE + 64)
static void put_some(const struct some *some, uint32_t addr, char text[SOME_SIZE])
{
	char name[RPMSG_NAME_SIZE], at[FORMAT_ADDR_SIZE], more[32] = "";

	format_printable(name, sizeof(name), some->first->info.name,
			 strnlen(some->first->info.name, sizeof(name)));
	if (some->n > 1)
		snprintf(more, sizeof(more), " and %zu more", some->n - 1);
	snprintf(text, SOME_SIZE, "'%s' (%s)%s", name, format_addr(addr, at), more);
}

/* ---- the other side's ---- */

static bool is_never_bound(const struct rpmsg_channel_status *st)
{
	return st->origin == RPMSG_CHANNEL_LEARNED && st->holder_kind == RPMSG_HOLDER_NONE &&
	       st->info.src == RPMSG_ADDR_ANY;
}

/* Of the kernel's bus: it has a device for what a driver has, and for nothing else. */
static void say_no_node(struct finder *f, const struct some *some, const char *what)
{
	const struct kernel_driver *driver;
	bool exact;

	driver = kernel_driver_find(some->first->info.name, &exact);
	if (!driver)
		finder_say(f, ADVICE_WARNING, ADVICE_NEVER_BOUND, "%s: no driver takes that name, "
			   "so there is no /dev node; rpmsg-send and rpmsg-listen -n need none",
			   what);
	else if (exact)
		finder_say(f, ADVICE_WARNING, ADVICE_NEVER_BOUND, "%s: its driver %s does not have "
			   "it, so there is no /dev node: 'rpmsg-ns doctor' says what to type",
			   what, driver->name);
	else
		finder_say(f, ADVICE_WARNING, ADVICE_NEVER_BOUND, "%s: no driver takes that name, "
			   "so there is no /dev node; %s takes '%s'", what, driver->name,
			   driver->service);
}

static void say_never_bound(struct finder *f)
{
	struct some some = channels(f, is_never_bound);
	char what[SOME_SIZE];

	if (!some.n)
		return;
	put_some(&some, some.first->info.dst, what);
	if (f->side->info.own_only)
		say_no_node(f, &some, what);
	else if (finder_is_file(f))
		finder_say(f, ADVICE_NOTE, ADVICE_NEVER_BOUND, "%s: announced, and nobody has sent "
			   "to it, or got anything from it, so far", what);
	else
		finder_say(f, ADVICE_WARNING, ADVICE_NEVER_BOUND, "%s: announced, never bound: it "
			   "waits for a program on this side (rpmsg-send -n, rpmsg-listen -n, a "
			   "driver)", what);
}

/* ---- ours ---- */

static bool is_unheard(const struct rpmsg_channel_status *st)
{
	return st->origin == RPMSG_CHANNEL_SERVICE && st->announced && !st->peer_seen;
}

static bool has_waited_in_vain(const struct finder *f, const struct rpmsg_channel_status *st)
{
	return st->counts.errors[RPMSG_ERROR_NO_DST] &&
	       f->recent->grew_ns[RECENT_ERROR + RPMSG_ERROR_NO_DST];
}

static void say_peer_silent(struct finder *f)
{
	struct some some = channels(f, is_unheard);
	char what[SOME_SIZE];
	bool failed = false;

	if (!some.n)
		return;
	for (size_t i = 0; i < f->side->n_channels && !failed; i++)
		failed = is_unheard(&f->side->channel[i]) &&
			 has_waited_in_vain(f, &f->side->channel[i]);
	put_some(&some, some.first->info.src, what);
	finder_say(f, failed ? ADVICE_WARNING : ADVICE_NOTE, ADVICE_PEER_SILENT, "%s: announced, "
		   "and nobody has written to it: it cannot send until the other side sends "
		   "first%s", what, failed ? " (it has tried)" : "");
}

static bool any(const struct rpmsg_channel_status *st)
{
	(void)st;
	return true;
}

/* Who knows addresses needs no channel; before a recording began there may have been some. */
static void say_no_channel(struct finder *f)
{
	uint64_t ago;

	if (channels(f, any).n || finder_is_file(f) ||
	    (f->other && (f->other->n_channels || f->side->info.side == RPMSG_SIDE_REMOTE)) ||
	    recent_is(f->side->stats.counts.rx.last_ns, f->now, &ago))
		return;
	finder_say(f, ADVICE_NOTE, ADVICE_NO_CHANNEL, "link up, and nothing is announced: does the "
		   "firmware create its service? 'rpmsg-ns -b %s wait NAME -t inf' tells when it "
		   "does", f->row->bus.spec);
}

void find_channels(struct finder *f)
{
	say_no_channel(f);
	say_never_bound(f);
	say_peer_silent(f);
}
