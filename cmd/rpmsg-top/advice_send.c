/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/format.h"
#include "rpmsg-top/finder.h"

/* Buffers come and go within this time as long as the other side lives. */
#define STUCK_NS (UINT64_C(1) * 1000 * 1000 * 1000)
#define STRAYS_SAID 3

static const char *other_side(const struct finder *f)
{
	return f->side->info.side == RPMSG_SIDE_REMOTE ? "host" : "remote";
}

/* ---- messages for nobody ---- */

static void say_stray(struct finder *f, const struct rpmsg_stray *s, const char *more)
{
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE], when[FINDER_WHEN_SIZE];
	enum advice_level level = finder_level(f, ADVICE_ALARM, &s->last_ns, 1, when);

	format_addr(s->src, src);
	format_addr(s->dst, dst);
	finder_say(f, level, ADVICE_NO_RECIPIENT, "%" PRIu64 " message%s (%" PRIu64 " bytes) from "
		   "%s to %s lost%s: nobody has %s here%s", s->messages, plural_s(s->messages),
		   s->bytes, src, dst, when, dst, more);
}

static void find_strays(struct finder *f)
{
	const struct rpmsg_stats *st = &f->side->stats;
	uint32_t n = st->n_strays < RPMSG_STRAYS ? st->n_strays : RPMSG_STRAYS;
	char more[64] = "", when[FINDER_WHEN_SIZE];
	enum advice_level level;

	for (uint32_t i = 0; i < n && i < STRAYS_SAID; i++) {
		if (i == STRAYS_SAID - 1 && n > STRAYS_SAID)
			snprintf(more, sizeof(more), "; nor %" PRIu32 "%s others", n - STRAYS_SAID,
				 st->strays_forgotten ? " or more" : "");
		say_stray(f, &st->stray[i], more);
	}
	if (n || !st->no_recipient)
		return;
	level = finder_level(f, ADVICE_ALARM, &f->recent->grew_ns[RECENT_NO_RECIPIENT], 1, when);
	finder_say(f, level, ADVICE_NO_RECIPIENT, "%" PRIu64 " message%s to addresses that nobody "
		   "has%s", st->no_recipient, plural_s(st->no_recipient), when);
}

/* ---- buffers ---- */

static const char *holder(const struct finder *f, const struct rpmsg_ring_stats *ring, char *text,
			  size_t size)
{
	if (*ring->holder)
		snprintf(text, size, "%s", ring->holder);
	else
		snprintf(text, size, "the %s side", other_side(f));
	return text;
}

static void say_stuck(struct finder *f)
{
	const struct rpmsg_ring_stats *tx = &f->side->stats.tx_ring;
	char since[16], who[80];

	if (!tx->size || tx->oldest_ns < STUCK_NS || !(tx->in_flight + tx->held))
		return;
	short_time(tx->oldest_ns, since, sizeof(since));
	holder(f, tx, who, sizeof(who));
	if (!tx->free)
		finder_say(f, ADVICE_ALARM, ADVICE_NO_BUFFER, "no transmit buffer is free: all %"
			   PRIu32 " are with %s, none came back for %s: it must read (or run, if "
			   "it is stopped); until then nobody can send", tx->size, who, since);
	else
		finder_say(f, ADVICE_WARNING, ADVICE_NO_PROGRESS, "%" PRIu32 " of %" PRIu32
			   " transmit buffers with %s, and none came back for %s: it does not "
			   "read; after a restart it may look at another ring",
			   tx->in_flight + tx->held, tx->size, who, since);
}

/* What came in, and this side's server or program does not look at. */
static void say_not_taken(struct finder *f)
{
	const struct rpmsg_ring_stats *rx = &f->side->stats.rx_ring;
	char since[16];

	if (!rx->size || !rx->in_flight || rx->oldest_ns < STUCK_NS || rx->held)
		return;
	short_time(rx->oldest_ns, since, sizeof(since));
	finder_say(f, ADVICE_WARNING, ADVICE_NO_PROGRESS, "received messages lie in the ring for "
		   "%s (%" PRIu32 " of them): this side does not take them", since, rx->in_flight);
}

static uint64_t times_no_buffer(const struct rpmsg_endpoint_stats *st)
{
	return st->counts.errors[RPMSG_ERROR_NO_BUFFER] + st->counts.errors[RPMSG_ERROR_TIMEOUT];
}

static void say_no_buffer(struct finder *f)
{
	const uint64_t *errors = f->side->stats.counts.errors;
	const uint64_t n = errors[RPMSG_ERROR_NO_BUFFER] + errors[RPMSG_ERROR_TIMEOUT];
	const struct rpmsg_ring_stats *tx = &f->side->stats.tx_ring;
	const struct rpmsg_endpoint_stats *most = finder_most(f, times_no_buffer);
	const uint64_t grew[] = {
		f->recent->grew_ns[RECENT_ERROR + RPMSG_ERROR_NO_BUFFER],
		f->recent->grew_ns[RECENT_ERROR + RPMSG_ERROR_TIMEOUT],
	};
	char when[FINDER_WHEN_SIZE], who[FINDER_WHO_SIZE], gave_up[48] = "";
	enum advice_level level = finder_level(f, ADVICE_WARNING, grew, 2, when);

	if (!n)
		return;
	if (errors[RPMSG_ERROR_TIMEOUT])
		snprintf(gave_up, sizeof(gave_up), " (%" PRIu64 " gave up waiting)",
			 errors[RPMSG_ERROR_TIMEOUT]);
	finder_say(f, level, ADVICE_NO_BUFFER, "%" PRIu64 " send%s found no transmit "
		   "buffer%s%s%s%s; the ring was full %" PRIu64 " time%s, %.1f s in all", n,
		   plural_s(n), gave_up, when, most ? ", most from " : "",
		   most ? finder_who(most, who) : "", tx->full, plural_s(tx->full),
		   (double)tx->full_ns / 1e9);
}

/* ---- programs ---- */

static uint64_t unread(const struct rpmsg_endpoint_stats *st)
{
	return st->queued && st->queued_ns >= STUCK_NS ? st->queued_ns : 0;
}

static uint64_t dropped(const struct rpmsg_endpoint_stats *st)
{
	return st->counts.dropped;
}

static void say_not_read(struct finder *f)
{
	const struct rpmsg_endpoint_stats *most = finder_most(f, unread);
	char since[16], who[FINDER_WHO_SIZE];

	if (!most)
		return;
	short_time(most->queued_ns, since, sizeof(since));
	finder_say(f, ADVICE_WARNING, ADVICE_NOT_READ, "%s has read nothing for %s: %" PRIu32
		   " message%s waiting, %" PRIu32 " of them in the ring; in the end they are "
		   "dropped", finder_who(most, who), since, most->queued, plural_s(most->queued),
		   most->held);
}

static void say_dropped(struct finder *f)
{
	const struct rpmsg_endpoint_stats *most = finder_most(f, dropped);
	const uint64_t n = f->side->stats.counts.dropped;
	char when[FINDER_WHEN_SIZE], who[FINDER_WHO_SIZE];
	enum advice_level level = finder_level(f, ADVICE_ALARM,
					       &f->recent->grew_ns[RECENT_DROPPED], 1, when);

	if (!n)
		return;
	finder_say(f, level, ADVICE_NOT_READ, "%" PRIu64 " message%s dropped%s: not read in time "
		   "by the program that has the address%s%s", n, plural_s(n), when,
		   most ? ", most by " : "", most ? finder_who(most, who) : "");
}

static uint64_t waits(const struct rpmsg_endpoint_stats *st)
{
	return st->waiting && st->waiting_ns >= STUCK_NS ? st->waiting_ns : 0;
}

static void say_waiting(struct finder *f)
{
	const struct rpmsg_endpoint_stats *longest = finder_most(f, waits);
	char since[16], who[FINDER_WHO_SIZE];
	uint64_t n = 0;

	if (!longest)
		return;
	for (size_t i = 0; i < f->side->n_endpoints; i++)
		if (waits(&f->side->endpoint[i]))
			n += f->side->endpoint[i].waiting;
	short_time(longest->waiting_ns, since, sizeof(since));
	finder_say(f, ADVICE_WARNING, ADVICE_WAITING, "%" PRIu64 " sender%s waiting for a transmit "
		   "buffer, longest %s, for %s (rpmsg_send() gives up after 15 s unless told "
		   "otherwise)", n, plural_s(n), finder_who(longest, who), since);
}

/* ---- sends that failed ---- */

static uint64_t too_long(const struct rpmsg_endpoint_stats *st)
{
	return st->counts.errors[RPMSG_ERROR_TOO_LONG];
}

static void say_too_long(struct finder *f)
{
	const struct rpmsg_bus_info *info = &f->side->info;
	const uint64_t n = f->side->stats.counts.errors[RPMSG_ERROR_TOO_LONG];
	const struct rpmsg_endpoint_stats *most = finder_most(f, too_long);
	char when[FINDER_WHEN_SIZE], who[FINDER_WHO_SIZE];
	const uint64_t *grew = &f->recent->grew_ns[RECENT_ERROR + RPMSG_ERROR_TOO_LONG];
	enum advice_level level = finder_level(f, ADVICE_WARNING, grew, 1, when);

	if (!n)
		return;
	finder_say(f, level, ADVICE_TOO_LONG, "%" PRIu64 " send%s too long%s: at most %" PRIu32
		   " bytes can be sent and %" PRIu32 " received (a buffer less 16 of header)%s%s",
		   n, plural_s(n), when, info->mtu_tx, info->mtu_rx, most ? "; most from " : "",
		   most ? finder_who(most, who) : "");
}

static void say_errors(struct finder *f)
{
	static const struct {
		enum rpmsg_send_error error;
		const char *what;
	} kinds[] = {
		{RPMSG_ERROR_LOST, "lost with the link"},
		{RPMSG_ERROR_NO_DST, "without a destination yet"},
		{RPMSG_ERROR_DOWN, "while link or channel were gone"},
		{RPMSG_ERROR_OTHER, "for other reasons"},
	};
	const uint64_t *errors = f->side->stats.counts.errors;
	uint64_t grew[sizeof(kinds) / sizeof(*kinds)], sum = 0;
	char when[FINDER_WHEN_SIZE], text[160] = "";
	enum advice_level level;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const uint64_t n = errors[kinds[i].error];

		grew[i] = n ? f->recent->grew_ns[RECENT_ERROR + kinds[i].error] : 0;
		sum += n;
		if (n && at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIu64 " %s",
					       at ? ", " : "", n, kinds[i].what);
	}
	if (!sum)
		return;
	level = finder_level(f, ADVICE_WARNING, grew, sizeof(grew) / sizeof(*grew), when);
	finder_say(f, level, ADVICE_SEND_ERRORS, "%" PRIu64 " send%s failed%s: %s", sum,
		   plural_s(sum), when, text);
}

void find_sends(struct finder *f)
{
	find_strays(f);
	say_stuck(f);
	say_not_taken(f);
	say_no_buffer(f);
	say_not_read(f);
	say_dropped(f);
	say_waiting(f);
	say_too_long(f);
	say_errors(f);
}
