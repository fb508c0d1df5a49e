/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes into the recorder beside messages, and no more of it than leaves messages
 * their place: events that one side can cause without end are recorded one by one up to
 * ONE_BY_ONE in PERIOD_MS, and the rest of that time is one event that sums them up.
 *
 * A shortage lasts from the first send that finds no transmit buffer until there is one.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/core.h"

#define ONE_BY_ONE 16u
#define PERIOD_MS 1000u

static const enum rpmsg_record_type braked[BRAKES] = {
	[BRAKE_NO_RECIPIENT] = RPMSG_RECORD_NO_RECIPIENT,
	[BRAKE_REFUSED] = RPMSG_RECORD_REFUSED,
	[BRAKE_MALFORMED] = RPMSG_RECORD_MALFORMED,
	[BRAKE_SHORTAGE] = RPMSG_RECORD_BUFFER,
};

static uint64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC_COARSE);
}

static void put(struct rpmsg_bus *bus, const struct rpmsg_record *event)
{
	struct recorder *rec = peek(&bus->events);

	if (rec)
		recorder_put_event(rec, bus->record_id, event);
}

/* ---- with brake_lock ---- */

static void put_no_buffer(struct rpmsg_bus *bus)
{
	struct shortage *s = &bus->shortage;
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_NO_BUFFER, .dir = bus_direction(bus, true), .src = s->src,
		.dst = s->dst, .text = s->holder,
	};

	s->told = true;
	put(bus, &event);
}

/* Ends the period of a brake: what it held back is told. */
static void sum_up(struct rpmsg_bus *bus, enum brake_kind kind)
{
	struct brake *b = &bus->brake[kind];
	bool lasting = kind == BRAKE_SHORTAGE && bus->shortage.on && !bus->shortage.told;
	uint64_t more = b->more - lasting;
	struct rpmsg_record event = {
		.type = braked[kind], .dir = b->dir, .src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY,
		.count = kind == BRAKE_SHORTAGE ? b->sends : more, .duration_ns = b->duration_ns,
	};
	char text[40];

	*b = (struct brake){ 0 };
	if (more) {
		snprintf(text, sizeof(text), "and %llu more", (unsigned long long)more);
		event.text = text;
		put(bus, &event);
	}
	if (lasting)
		put_no_buffer(bus);
}

static void be_woken_at(struct rpmsg_bus *bus, uint64_t due_ms, uint64_t now)
{
	poke(&bus->brake_due_ms, due_ms);
	if (bus->ops->alarm)
		bus->ops->alarm(bus, (unsigned)(due_ms - now));
}

/* Whether one more of that kind is recorded now; if not it is counted. */
static bool pass(struct rpmsg_bus *bus, enum brake_kind kind, enum rpmsg_direction dir)
{
	struct brake *b = &bus->brake[kind];
	uint64_t now = now_ms();

	if (now - b->from_ms >= PERIOD_MS) {
		sum_up(bus, kind);
		b->from_ms = now;
	}
	if (b->n < ONE_BY_ONE) {
		b->n++;
		return true;
	}
	b->dir = dir;
	if (!b->more++ && !bus->brake_due_ms)
		be_woken_at(bus, b->from_ms + PERIOD_MS, now);
	return false;
}

/* ---- events ---- */

static bool is_braked(enum rpmsg_record_type type, enum brake_kind *kind)
{
	for (int i = 0; i < BRAKE_SHORTAGE; i++) {
		if (braked[i] != type)
			continue;
		*kind = (enum brake_kind)i;
		return true;
	}
	return false;
}

void bus_record(struct rpmsg_bus *bus, const struct rpmsg_record *event)
{
	enum brake_kind kind;

	if (!peek(&bus->events))
		return;
	if (!is_braked(event->type, &kind)) {
		put(bus, event);
		return;
	}
	lock_take(&bus->brake_lock);
	if (pass(bus, kind, event->dir))
		put(bus, event);
	lock_drop(&bus->brake_lock);
}

void bus_record_due(struct rpmsg_bus *bus)
{
	uint64_t now = now_ms(), end, next = 0;

	lock_take(&bus->brake_lock);
	for (int i = 0; i < BRAKES; i++) {
		if (!bus->brake[i].more)
			continue;
		end = bus->brake[i].from_ms + PERIOD_MS;
		if (now >= end)
			sum_up(bus, (enum brake_kind)i);
		else if (!next || end < next)
			next = end;
	}
	poke(&bus->brake_due_ms, 0);
	if (next)
		be_woken_at(bus, next, now);
	else if (bus->ops->alarm)
		bus->ops->alarm(bus, 0);
	lock_drop(&bus->brake_lock);
}

void bus_record_rest(struct rpmsg_bus *bus)
{
	lock_take(&bus->brake_lock);
	for (int i = 0; i < BRAKES; i++)
		if (bus->brake[i].more)
			sum_up(bus, (enum brake_kind)i);
	poke(&bus->shortage.on, false);
	lock_drop(&bus->brake_lock);
}

/* ---- the shortage ---- */

void bus_no_buffer(struct rpmsg_bus *bus, uint32_t src, uint32_t dst, const char *holder)
{
	struct shortage *s = &bus->shortage;
	bool tell;

	if (bus_short_already(bus))
		return;
	lock_take(&bus->brake_lock);
	if (s->on) /* somebody else was first */
		goto out;
	tell = pass(bus, BRAKE_SHORTAGE, bus_direction(bus, true));
	s->since_ns = clock_ns(CLOCK_MONOTONIC);
	s->src = src;
	s->dst = dst;
	snprintf(s->holder, sizeof(s->holder), "%s", holder ? holder : "");
	__atomic_store_n(&s->sends, 1, __ATOMIC_RELAXED);
	s->told = false;
	poke(&s->on, true);
	if (tell)
		put_no_buffer(bus);
out:
	lock_drop(&bus->brake_lock);
}

void bus_shortage_over(struct rpmsg_bus *bus)
{
	struct shortage *s = &bus->shortage;
	struct brake *b = &bus->brake[BRAKE_SHORTAGE];
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_BUFFER, .dir = bus_direction(bus, true), .src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY,
	};

	lock_take(&bus->brake_lock);
	if (!s->on) /* likewise */
		goto out;
	poke(&s->on, false);
	event.count = __atomic_load_n(&s->sends, __ATOMIC_RELAXED);
	event.duration_ns = clock_ns(CLOCK_MONOTONIC) - s->since_ns;
	if (s->told) {
		put(bus, &event);
	} else {
		b->sends += event.count;
		b->duration_ns += event.duration_ns;
	}
out:
	lock_drop(&bus->brake_lock);
}
