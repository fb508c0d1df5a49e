/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/stats_json.h"
#include "rpmsg-top/finder.h"

#define SILENT_NS (UINT64_C(2) * 1000 * 1000 * 1000)

/* Of a bus without a picture. */
static void say_gone(struct finder *f)
{
	char text[16];

	if (f->row->bus.there && f->row->bus.silent_ns < SILENT_NS)
		return;
	if (f->row->bus.there) {
		short_time(f->row->bus.silent_ns, text, sizeof(text));
		finder_say(f, ADVICE_ALARM, ADVICE_LINK_DOWN, "its server takes connections, but "
			   "has not answered for %s: is it stopped?", text);
		return;
	}
	finder_say(f, ADVICE_ALARM, ADVICE_LINK_DOWN, "%s",
		   *f->row->bus.why ? f->row->bus.why : "it is not served");
}

/* Once for both sides. */
static void say_silent(struct finder *f)
{
	char text[16];

	if (f->row->bus.silent_ns < SILENT_NS ||
	    (f->other && f->side->info.side == RPMSG_SIDE_REMOTE))
		return;
	short_time(f->row->bus.silent_ns, text, sizeof(text));
	finder_say(f, ADVICE_ALARM, ADVICE_LINK_DOWN, "its server (pid %d) has not answered for "
		   "%s: is it stopped? What is shown is older", f->side->info.pid, text);
}

static void say_down(struct finder *f)
{
	const char *other = f->side->info.side == RPMSG_SIDE_REMOTE ? "host" : "remote";

	if (f->side->info.up)
		return;
	finder_say(f, finder_is_file(f) ? ADVICE_NOTE : ADVICE_ALARM, ADVICE_LINK_DOWN, "link "
		   "down: the %s side is not there (yet, or any more), and nothing can be sent "
		   "until it comes", other);
}

/* Which features there are is not known of every bus. */
static void say_no_ns(struct finder *f)
{
	const uint64_t features = f->side->info.features;
	char text[160];

	if (!f->side->info.up || !features || features & RPMSG_F_NS)
		return;
	stats_features(features, text, sizeof(text));
	finder_say(f, ADVICE_WARNING, ADVICE_NO_NS, "without feature NS nothing is announced "
		   "either way (there is: %s): use addresses (-s, -d), or let both sides offer NS",
		   text);
}

static void say_restarted(struct finder *f)
{
	const uint32_t generation = f->side->info.generation;
	char when[FINDER_WHEN_SIZE], text[16];
	uint64_t ago;

	if (recent_is(f->recent->restarted_ns, f->now, &ago)) {
		short_time(ago, text, sizeof(text));
		finder_say(f, ADVICE_NOTE, ADVICE_RESTARTED, "its server is another one since %s "
			   "ago: counts began at 0, and programs had to open it anew",
			   strcmp(text, "now") ? text : "a moment");
		return;
	}
	if (generation < 2)
		return;
	finder_level(f, ADVICE_NOTE, &f->recent->grew_ns[RECENT_GENERATION], 1, when);
	finder_say(f, ADVICE_NOTE, ADVICE_RESTARTED, "the link came up %" PRIu32 " times%s: each "
		   "time all channels go and are announced again", generation, when);
}

void find_link(struct finder *f)
{
	if (!f->side) {
		say_gone(f);
		return;
	}
	say_silent(f);
	say_down(f);
	say_no_ns(f);
	say_restarted(f);
}

static void say_malformed(struct finder *f)
{
	const uint64_t n = f->side->stats.malformed;
	const char *last = f->row->bus.refused;
	char when[FINDER_WHEN_SIZE];
	enum advice_level level = finder_level(f, ADVICE_ALARM,
					       &f->recent->grew_ns[RECENT_MALFORMED], 1, when);

	if (!n)
		return;
	if (*last)
		finder_say(f, level, ADVICE_MALFORMED, "%" PRIu64 " malformed ring entries or "
			   "headers%s: %s: do both sides agree on address, size and alignment of "
			   "the ring?", n, when, last);
	else
		finder_say(f, level, ADVICE_MALFORMED, "%" PRIu64 " malformed ring entries or "
			   "headers%s: 'rpmsg-listen -b %s --history event malformed or event "
			   "reset' has the values", n, when, f->row->bus.name);
}

static void say_ns_refused(struct finder *f)
{
	const uint64_t n = f->side->stats.ns_refused;
	char when[FINDER_WHEN_SIZE];
	enum advice_level level = finder_level(f, ADVICE_WARNING,
					       &f->recent->grew_ns[RECENT_NS_REFUSED], 1, when);

	if (n)
		finder_say(f, level, ADVICE_NS_REFUSED, "%" PRIu64 " name service message%s "
			   "refused%s: malformed, announced twice, or destroyed and not there; the "
			   "event says which", n, plural_s(n), when);
}

void find_refused(struct finder *f)
{
	say_malformed(f);
	say_ns_refused(f);
}

/* A file that is broken, or that its writer did not end, says why though it is there. */
void find_partial(struct finder *f)
{
	const struct source_bus *bus = &f->row->bus;

	if (*bus->why)
		finder_say(f, ADVICE_WARNING, ADVICE_PARTIAL, "%s", bus->why);
	if (bus->partial)
		finder_say(f, ADVICE_NOTE, ADVICE_PARTIAL, "%s", bus->missing);
}
