/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread of a bus: takes pictures at their time, dispatches, opens it again when it went. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/number.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-top/live.h"

#define NS_PER_S INT64_C(1000000000)
#define RECORDS_NS (NS_PER_S / 20) /* between two looks at a recording in which much happens */

/* What the thread is to do, as of one moment. */
struct orders {
	bool stop, hurry, records;
	int64_t start_ns, interval_ns;
};

static struct orders take_orders(struct live_bus *b)
{
	struct live *l = b->live;
	struct orders o;

	pthread_mutex_lock(&l->lock);
	o = (struct orders){
		.stop = l->stop,
		.hurry = b->hurry,
		.records = l->want_records,
		.start_ns = l->start_ns,
		.interval_ns = l->interval_ns,
	};
	b->hurry = false;
	pthread_mutex_unlock(&l->lock);
	return o;
}

/* ---- the connection ---- */

/* A question begins or has its answer: a wait for it is seen from outside. */
static void asking(struct live_bus *b, bool on)
{
	pthread_mutex_lock(&b->live->lock);
	if (!on)
		b->asked_ns = 0;
	else if (!b->asked_ns)
		b->asked_ns = run_now();
	pthread_mutex_unlock(&b->live->lock);
}

static void set_gone(struct live_bus *b, const char *why)
{
	pthread_mutex_lock(&b->live->lock);
	if (b->there || strcmp(b->why, why) != 0) {
		b->there = false;
		b->news &= ~(unsigned)LIVE_PICTURE;
		snprintf(b->why, sizeof(b->why), "%s", why);
		live_tell(b, LIVE_STATE);
	}
	pthread_mutex_unlock(&b->live->lock);
}

/* Open: its picture comes with the next round. */
static void set_there(struct live_bus *b)
{
	pthread_mutex_lock(&b->live->lock);
	b->there = true;
	*b->why = '\0';
	live_tell(b, LIVE_STATE);
	pthread_mutex_unlock(&b->live->lock);
}

static const char *reason(int err)
{
	const char *detail = rpmsg_error_detail();

	return *detail ? detail : rpmsg_strerror(err);
}

static void lose(struct live_bus *b, const char *why)
{
	set_gone(b, why);
	live_record_lose(b);
	sides_close(&b->sides);
	b->sides = (struct sides){0};
	b->reopen_ns = run_now() + REOPEN_INTERVAL_NS;
}

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct live_bus *b = arg;

	(void)bus;
	if (event->type == RPMSG_EVENT_UP || event->type == RPMSG_EVENT_DOWN)
		b->happened = true;
}

/* Takes bus over; its other side is opened too. A question that a picture answers stays open. */
static void attach(struct live_bus *b, struct rpmsg_bus *bus)
{
	int err;

	asking(b, true);
	err = sides_open(&b->sides, bus, b->spec, !b->live->cfg->tool.remote);
	if (err) {
		if (err != -EPIPE)
			asking(b, false);
		lose(b, reason(err));
		return;
	}
	for (int s = 0; s < 2; s++)
		if (b->sides.bus[s])
			rpmsg_bus_set_event_fn(b->sides.bus[s], happened, b);
	if (b->live->cfg->batch)
		set_there(b);
	else
		b->next_ns = 0;
}

static void reopen(struct live_bus *b)
{
	struct rpmsg_bus *bus;
	int err;

	asking(b, true);
	bus = reopen_try(&b->live->cfg->tool, b->spec);
	err = errno;
	if (!bus && err == ENOENT)
		set_gone(b, "nobody serves it");
	else if (!bus)
		set_gone(b, reason(err));
	if (!bus && err != EPIPE)
		asking(b, false);
	b->reopen_ns = run_now() + REOPEN_INTERVAL_NS;
	if (bus)
		attach(b, bus);
}

struct rpmsg_bus *live_any_side(const struct live_bus *b)
{
	return b->sides.bus[0] ? b->sides.bus[0] : b->sides.bus[1];
}

static bool is_open(const struct live_bus *b)
{
	return live_any_side(b);
}

/* ---- pictures ---- */

static bool own_only(const struct snapshot *s)
{
	return (s->side[0].served && s->side[0].info.own_only) ||
	       (s->side[1].served && s->side[1].info.own_only);
}

/* The moment of a picture is when its server counted: we may have read it much later. */
static void set_time(struct snapshot *s)
{
	uint64_t counted = s->side[s->side[0].served ? 0 : 1].stats.time_ns;

	if (!counted || counted > s->clock_ns)
		return;
	s->time_ns -= s->clock_ns - counted;
	s->clock_ns = counted;
}

static void hand_over(struct live_bus *b)
{
	struct snapshot old;

	set_time(&b->work);
	pthread_mutex_lock(&b->live->lock);
	old = b->ready;
	b->ready = b->work;
	b->work = old;
	b->there = true;
	*b->why = '\0';
	b->partial = own_only(&b->ready);
	live_tell(b, LIVE_PICTURE);
	pthread_mutex_unlock(&b->live->lock);
}

static bool is_lost(const struct live_bus *b)
{
	for (int s = 0; s < 2; s++)
		if (b->sides.bus[s] && reopen_needed(b->sides.bus[s]))
			return true;
	return false;
}

/*
 * What changed with the link is looked at without delay. Not for rounds, whose pictures come at
 * their time, so that rates are since the round before: there only a server that went is.
 */
static void look_at_link(struct live_bus *b)
{
	if (!b->happened)
		return;
	b->happened = false;
	if (!b->live->cfg->batch) {
		b->next_ns = 0;
		return;
	}
	asking(b, true);
	if (is_lost(b))
		lose(b, reason(-EPIPE));
	else
		asking(b, false);
}

static void take_picture(struct live_bus *b)
{
	char why[sizeof(b->why)];
	int err;

	asking(b, true);
	err = snapshot_read(&b->work, &b->sides);
	if (!err) {
		live_refused_look(b, &b->work);
		asking(b, false);
		hand_over(b);
		return;
	}
	snprintf(why, sizeof(why), "%s", reason(err));
	if (is_lost(b)) {
		lose(b, why);
		return;
	}
	asking(b, false);
	set_gone(b, why);
}

/* The next of the times at which all buses are looked at; what was missed is left out. */
static int64_t next_time(const struct orders *o, int64_t now)
{
	int64_t n = now < o->start_ns ? 0 : (now - o->start_ns) / o->interval_ns + 1;

	return o->start_ns + n * o->interval_ns;
}

static void picture_if_due(struct live_bus *b, const struct orders *o)
{
	if (is_open(b) && (o->hurry || run_now() >= b->next_ns)) {
		b->next_ns = next_time(o, run_now());
		take_picture(b);
	} else if (b->next_ns) {
		b->next_ns = next_time(o, run_now());
	}
}

/* ---- the loop ---- */

static struct timespec until(int64_t deadline)
{
	int64_t left = deadline - run_now();

	if (left < 0)
		left = 0;
	return (struct timespec){.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
}

enum { WAKE, HOST, REMOTE, RECORDS, N_FDS };

static int bus_fd(struct rpmsg_bus *bus)
{
	return bus ? rpmsg_bus_fd(bus) : -1;
}

/* Sleeps until there is something to do, and does what cannot wait. */
static void wait_for_work(struct live_bus *b)
{
	int64_t now = run_now(), deadline = is_open(b) ? b->next_ns : b->reopen_ns;
	int record_fd = live_record_fd(b);
	bool early = record_fd >= 0 && now < b->record_ns;
	struct pollfd fd[N_FDS] = {
		[WAKE] = {.fd = b->wake, .events = POLLIN},
		[HOST] = {.fd = bus_fd(b->sides.bus[0]), .events = POLLIN},
		[REMOTE] = {.fd = bus_fd(b->sides.bus[1]), .events = POLLIN},
		[RECORDS] = {.fd = early ? -1 : record_fd, .events = POLLIN},
	};
	struct timespec ts;
	uint64_t count;

	if (early && b->record_ns < deadline)
		deadline = b->record_ns;
	ts = until(deadline);
	if (ppoll(fd, N_FDS, &ts, NULL) <= 0)
		return;
	if (fd[WAKE].revents)
		(void)!read(b->wake, &count, sizeof(count));
	if (fd[HOST].revents)
		rpmsg_bus_dispatch(b->sides.bus[0], 0);
	if (fd[REMOTE].revents)
		rpmsg_bus_dispatch(b->sides.bus[1], 0);
	if (fd[RECORDS].revents) {
		live_record_told(b);
		b->record_ns = run_now() + RECORDS_NS;
	}
}

void *live_watch(void *arg)
{
	struct live_bus *b = arg;
	struct rpmsg_bus *bus = b->first;
	struct orders o = take_orders(b);

	b->first = NULL;
	if (bus)
		attach(b, bus);
	while (!o.stop) {
		if (!is_open(b) && run_now() >= b->reopen_ns)
			reopen(b);
		picture_if_due(b, &o);
		live_record_keep(b, o.records);
		wait_for_work(b);
		look_at_link(b);
		o = take_orders(b);
	}
	live_record_end(b);
	sides_close(&b->sides);
	snapshot_free(&b->work);
	return NULL;
}
