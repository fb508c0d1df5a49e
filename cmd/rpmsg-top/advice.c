/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/channel_text.h"
#include "common/format.h"
#include "rpmsg-top/finder.h"

static const char *const words[N_ADVICE] = {
	[ADVICE_LINK_DOWN] = "link-down",
	[ADVICE_NO_NS] = "no-ns",
	[ADVICE_NO_CHANNEL] = "no-channel",
	[ADVICE_NEVER_BOUND] = "never-bound",
	[ADVICE_PEER_SILENT] = "peer-silent",
	[ADVICE_NO_RECIPIENT] = "no-recipient",
	[ADVICE_NO_BUFFER] = "no-buffer",
	[ADVICE_NO_PROGRESS] = "no-progress",
	[ADVICE_NOT_READ] = "not-read",
	[ADVICE_WAITING] = "waiting",
	[ADVICE_TOO_LONG] = "too-long",
	[ADVICE_SEND_ERRORS] = "send-errors",
	[ADVICE_MALFORMED] = "malformed",
	[ADVICE_NS_REFUSED] = "ns-refused",
	[ADVICE_RESTARTED] = "restarted",
	[ADVICE_PARTIAL] = "partial",
};

const char *advice_word(enum advice_kind kind)
{
	return words[kind];
}

/* ---- what finders need ---- */

static const char *side_prefix(const struct finder *f)
{
	if (!f->side || !f->other)
		return "";
	return f->side->info.side == RPMSG_SIDE_REMOTE ? " remote" : " host";
}

void finder_say(struct finder *f, enum advice_level level, enum advice_kind kind, const char *fmt,
		...)
{
	struct advice *a = &f->found[f->n];
	char text[2 * sizeof(a->text)];
	va_list args;
	int n;

	if (f->n == FINDER_MAX)
		return;
	f->n++;
	*a = (struct advice){.level = level, .kind = kind, .bus = f->bus};
	if (f->side)
		a->side = f->side->info.side;
	n = snprintf(text, sizeof(text), "%s%s: ", f->row->bus.name, side_prefix(f));
	va_start(args, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, args);
	va_end(args);
	format_printable(a->text, sizeof(a->text), text, strlen(text));
}

enum advice_level finder_level(const struct finder *f, enum advice_level level,
			       const uint64_t *counts, size_t n, char when[FINDER_WHEN_SIZE])
{
	uint64_t last = 0, ago;
	char text[16];

	for (size_t i = 0; i < n; i++)
		if (counts[i] > last)
			last = counts[i];
	*when = '\0';
	if (!recent_is(last, f->now, &ago))
		return ADVICE_NOTE;
	short_time(ago, text, sizeof(text));
	snprintf(when, FINDER_WHEN_SIZE, ", the last %s%s", strcmp(text, "now") ? text : "just now",
		 strcmp(text, "now") ? " ago" : "");
	return level;
}

bool finder_is_file(const struct finder *f)
{
	return f->row->bus.partial && f->side && !f->side->info.own_only;
}

const char *finder_who(const struct rpmsg_endpoint_stats *st, char who[FINDER_WHO_SIZE])
{
	char holder[HOLDER_TEXT_SIZE], addr[FORMAT_ADDR_SIZE];

	format_addr(st->addr, addr);
	holder_text(st->holder_kind, st->holder_pid, st->holder, holder, sizeof(holder));
	if (st->holder_kind == RPMSG_HOLDER_NONE)
		snprintf(who, FINDER_WHO_SIZE, "%s", addr);
	else
		snprintf(who, FINDER_WHO_SIZE, "%s of %s", addr, holder);
	return who;
}

const struct rpmsg_endpoint_stats *finder_most(const struct finder *f, finder_much *much)
{
	const struct rpmsg_endpoint_stats *most = NULL;
	uint64_t max = 0;

	for (size_t i = 0; i < f->side->n_endpoints; i++) {
		uint64_t n = much(&f->side->endpoint[i]);

		if (n > max) {
			max = n;
			most = &f->side->endpoint[i];
		}
	}
	return most;
}

/* ---- all of it ---- */

static void find_side(struct finder *f, int s)
{
	const struct snapshot *picture = &f->row->picture;

	f->side = &picture->side[s];
	f->other = picture->side[!s].served ? &picture->side[!s] : NULL;
	f->recent = &f->row->recent[s];
	find_link(f);
	find_refused(f);
	if (!f->side->info.up)
		return;
	find_channels(f);
	find_sends(f);
}

static void find_all(struct finder *f)
{
	const struct snapshot_side *side = f->row->picture.side;

	if (!f->row->bus.there || (!side[0].served && !side[1].served)) {
		find_link(f);
		return;
	}
	for (int s = 0; s < 2; s++)
		if (f->row->picture.side[s].served)
			find_side(f, s);
	f->side = f->other = NULL;
	find_partial(f);
}

static int by_level(const void *pa, const void *pb)
{
	const struct advice *a = pa, *b = pb;

	if (a->level != b->level)
		return a->level > b->level ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->side < b->side ? -1 : a->side > b->side;
}

size_t advice_find(const struct table *t, size_t bus, struct advice *advice, size_t max)
{
	struct finder f = {.row = table_bus(t, bus), .bus = bus};

	if (!f.row)
		return 0;
	f.now = f.row->picture.clock_ns;
	find_all(&f);
	qsort(f.found, f.n, sizeof(*f.found), by_level);
	if (f.n < max)
		max = f.n;
	memcpy(advice, f.found, max * sizeof(*advice));
	return max;
}
