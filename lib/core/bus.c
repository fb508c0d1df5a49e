/* SPDX-License-Identifier: BSD-2-Clause */
/* One side of a link as a program sees it: life, dispatch, events, what can be asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/core.h"

#define SEND_TIMEOUT_MS 15000 /* the kernel document's limit */

_Thread_local uint32_t thread_id_known __attribute__((tls_model("initial-exec")));

uint32_t thread_id_ask(void)
{
	thread_id_known = (uint32_t)syscall(SYS_gettid);
	return thread_id_known;
}

static void tell_note(const struct rpmsg_bus *bus, const struct recorder *rec)
{
	if (recorder_note(rec))
		log_say(&bus->log, RPMSG_LOG_WARNING, "%s", recorder_note(rec));
}

static int attach_process_recorder(struct rpmsg_bus *bus)
{
	int err = 0;

	bus->recorder = bus->events = recorder_process(&err);
	if (!bus->recorder)
		return err;
	bus->recorder_shared = true;
	bus->record_id = recorder_add_bus(bus->recorder, bus->name);
	if (bus->record_id == 0) /* one of them tells */
		tell_note(bus, bus->recorder);
	return bus->record_id < 0 ? bus->record_id : 0;
}

int bus_init(struct rpmsg_bus *bus, const struct backend_ops *ops, const char *name,
	     enum rpmsg_side side, const struct rpmsg_bus_options *opt)
{
	int err;

	bus->ops = ops;
	bus->side = side;
	bus->since_ns = clock_ns(CLOCK_MONOTONIC);
	bus->pid = (int)getpid();
	bus_look_at_clock(bus);
	bus->send_timeout_ms = SEND_TIMEOUT_MS;
	if (opt) {
		bus->log = (struct rpmsg_log){ opt->log, opt->log_arg };
		if (opt->send_timeout_ms)
			bus->send_timeout_ms = opt->send_timeout_ms;
		if (opt->name)
			name = opt->name;
	}
	snprintf(bus->name, sizeof(bus->name), "%s", name);
	TAILQ_INIT(&bus->channels);
	TAILQ_INIT(&bus->leaving);
	TAILQ_INIT(&bus->drivers);
	TAILQ_INIT(&bus->withdrawals);
	LIST_INIT(&bus->root.epts);
	bus->root.bus = bus;
	bus->root.refs = 1;
	bus->root.pub.src = bus->root.pub.dst = RPMSG_ADDR_ANY;
	bus->root.pub.dev.name = bus->name;
	err = addr_table_init(&bus->addrs);
	if (err)
		return err;
	err = addr_take(&bus->addrs, RPMSG_NS_ADDR, NULL);
	if (!err)
		err = attach_process_recorder(bus);
	if (err)
		addr_table_fini(&bus->addrs);
	return err;
}

void bus_start(struct rpmsg_bus *bus)
{
	driver_add_bus(bus);
}

static struct channel *first_channel(struct rpmsg_bus *bus)
{
	struct channel *ch;

	lock_take(&bus->lock);
	ch = TAILQ_FIRST(&bus->channels);
	lock_drop(&bus->lock);
	return ch;
}

void bus_stop(struct rpmsg_bus *bus)
{
	struct endpoint *e;
	struct channel *ch;

	bus->closing = true;
	while ((ch = first_channel(bus)))
		channel_remove(ch);
	driver_remove_bus(bus);
	while ((e = LIST_FIRST(&bus->root.epts)))
		rpmsg_destroy_ept(&e->pub);
}

void bus_fini(struct rpmsg_bus *bus)
{
	struct ns_pending *p;

	while ((p = TAILQ_FIRST(&bus->withdrawals))) {
		TAILQ_REMOVE(&bus->withdrawals, p, link);
		free(p);
	}
	bus_record_end(bus);
	if (bus->events)
		recorder_remove_bus(bus->events);
	if (bus->recorder && !bus->recorder_shared)
		recorder_close(bus->recorder, true);
	else if (bus->events && !bus->recorder_shared)
		recorder_drop(bus->events);
	addr_table_fini(&bus->addrs);
}

void rpmsg_bus_close(struct rpmsg_bus *bus)
{
	if (bus)
		bus->ops->close(bus);
}

/* ---- link changes ---- */

/* References the channel after one (which it drops), or the first; from the start again if that one went. */
static struct channel *next_channel(struct rpmsg_bus *bus, struct channel *after)
{
	struct channel *ch;

	lock_take(&bus->lock);
	ch = after && !after->gone ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&bus->channels);
	if (ch)
		ch->refs++;
	if (after)
		channel_put(after);
	lock_drop(&bus->lock);
	return ch;
}

void bus_link_up(struct rpmsg_bus *bus, uint64_t features)
{
	struct channel *ch = NULL;

	lock_take(&bus->lock);
	poke(&bus->up, true);
	bus->generation++;
	bus->features = features;
	bus->swap = wire_swapped(features);
	TAILQ_FOREACH(ch, &bus->channels, link)
		if (ch->announce_wanted)
			poke(&bus->ns_wanted, true);
	lock_drop(&bus->lock);
	bus_event(bus, RPMSG_EVENT_UP, NULL, 0);
	while ((ch = next_channel(bus, ch)))
		driver_match_channel(ch);
	ns_flush(bus);
}

static struct channel *first_learned(struct rpmsg_bus *bus)
{
	struct channel *ch;

	lock_take(&bus->lock);
	TAILQ_FOREACH(ch, &bus->channels, link)
		if (ch->origin == RPMSG_CHANNEL_LEARNED)
			break;
	lock_drop(&bus->lock);
	return ch;
}

void bus_link_down(struct rpmsg_bus *bus)
{
	struct ns_pending *p;
	struct channel *ch;

	lock_take(&bus->lock);
	poke(&bus->up, false);
	while ((p = TAILQ_FIRST(&bus->withdrawals))) {
		TAILQ_REMOVE(&bus->withdrawals, p, link);
		free(p);
	}
	endpoint_forget_dst(&bus->root);
	TAILQ_FOREACH(ch, &bus->channels, link) {
		ch->announced = false;
		endpoint_forget_dst(ch);
	}
	lock_drop(&bus->lock);
	while ((ch = first_learned(bus)))
		channel_remove(ch);
	ch = NULL;
	while ((ch = next_channel(bus, ch)))
		driver_detach(ch);
	bus_event(bus, RPMSG_EVENT_DOWN, NULL, 0);
}

/* ---- dispatch ---- */

int dispatch_busy(void)
{
	return fail(EBUSY, "the bus is being dispatched already");
}

int dispatch_enter(struct rpmsg_bus *bus)
{
	bool begun;

	lock_take(&bus->lock);
	begun = dispatch_begin(bus);
	lock_drop(&bus->lock);
	return begun ? 0 : dispatch_busy();
}

void dispatch_leave(struct rpmsg_bus *bus)
{
	lock_take(&bus->lock);
	dispatch_end(bus);
	lock_drop(&bus->lock);
}

int rpmsg_bus_dispatch(struct rpmsg_bus *bus, int timeout_ms)
{
	int n = dispatch_enter(bus);

	if (n)
		return n;
	if (peek(&bus->brake_due_ms) && !bus->ops->alarm)
		bus_record_due(bus);
	bus_look_at_clock(bus);
	n = bus->ops->dispatch(bus, timeout_ms);
	dispatch_leave(bus);
	return n;
}

int rpmsg_bus_spin(struct rpmsg_bus *bus, int max)
{
	return bus->ops->spin ? bus->ops->spin(bus, max) : rpmsg_bus_dispatch(bus, 0);
}

static int64_t now_ms(void)
{
	return (int64_t)clock_ms(CLOCK_MONOTONIC);
}

int rpmsg_bus_wait_up(struct rpmsg_bus *bus, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	while (!peek(&bus->up)) {
		int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
		int n;

		if (timeout_ms >= 0 && left <= 0 && timeout_ms != 0)
			return -ETIMEDOUT;
		n = rpmsg_bus_dispatch(bus, (int)(left < 0 && timeout_ms >= 0 ? 0 : left));
		if (n < 0)
			return n;
		if (timeout_ms == 0 && !peek(&bus->up))
			return -ETIMEDOUT;
	}
	return 0;
}

void rpmsg_bus_cancel(struct rpmsg_bus *bus)
{
	bus->ops->cancel(bus);
}

int rpmsg_bus_fd(struct rpmsg_bus *bus)
{
	return bus->ops->fd(bus);
}

struct rpmsg_device *rpmsg_bus_device(struct rpmsg_bus *bus)
{
	return &bus->root.pub;
}

struct rpmsg_bus *rpmsg_device_bus(struct rpmsg_device *rpdev)
{
	return channel_of(rpdev)->bus;
}

/* ---- questions ---- */

int rpmsg_bus_get_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info)
{
	struct rpmsg_bus_info full = { .size = sizeof(full), .pid = bus->pid };
	struct rpmsg_counts counts;
	size_t size = info->size;
	int err;

	if (size < offsetof(struct rpmsg_bus_info, tx_holder) || size > sizeof(full))
		return fail(EINVAL, "rpmsg_bus_info.size is not set");
	memcpy(full.name, bus->name, sizeof(full.name));
	lock_take(&bus->lock);
	full.side = bus->side;
	full.up = bus->up;
	full.generation = bus->generation;
	full.features = bus->features;
	bus_counts(bus, &counts);
	full.tx = counts.tx.messages;
	full.rx = counts.rx.messages;
	full.no_recipient = bus->no_recipient;
	full.malformed = peek(&bus->malformed);
	full.ns_refused = bus->ns_refused;
	lock_drop(&bus->lock);
	err = bus->ops->info(bus, &full);
	if (err)
		return err;
	full.size = size;
	memcpy(info, &full, size);
	return 0;
}

/* With lock. */
static void fill_status(struct rpmsg_bus *bus, struct channel *ch, struct rpmsg_channel_status *st)
{
	long mtu = bus->ops->mtu(bus); /* -EPIPE: down */

	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	memcpy(st->info.name, ch->pub.id.name, sizeof(st->info.name));
	st->info.src = ch->pub.src;
	st->info.dst = ch->pub.dst;
	st->origin = ch->origin;
	st->announced = ch->announced;
	channel_counts(ch, &st->counts);
	st->tx = st->counts.tx.messages;
	st->rx = st->counts.rx.messages;
	st->rpdev = &ch->pub;
	if (ch->driver) {
		st->holder_kind = RPMSG_HOLDER_DRIVER;
		snprintf(st->holder, sizeof(st->holder), "%s", ch->driver->drv.name);
	} else if (ch->pub.ept) {
		st->holder_kind = RPMSG_HOLDER_SELF;
	} else if (ch->origin == RPMSG_CHANNEL_SERVICE) {
		st->holder_kind = RPMSG_HOLDER_BUS;
	}
	if (ch->pub.ept)
		st->peer_seen = rpmsg_endpoint_dst(ch->pub.ept) != RPMSG_ADDR_ANY;
	st->mtu = mtu > 0 ? (uint32_t)mtu : 0;
}

int channel_each(struct rpmsg_bus *bus, int (*fn)(const struct rpmsg_channel_status *st, void *arg),
		 void *arg)
{
	struct rpmsg_channel_status *all;
	struct channel *ch;
	size_t n = 0, i = 0;
	int ret = 0;

	lock_take(&bus->lock);
	TAILQ_FOREACH(ch, &bus->channels, link)
		n++;
	all = calloc(n ? n : 1, sizeof(*all));
	if (all)
		TAILQ_FOREACH(ch, &bus->channels, link)
			fill_status(bus, ch, &all[i++]);
	lock_drop(&bus->lock);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < n && !ret; i++)
		ret = fn(&all[i], arg);
	free(all);
	return ret;
}

int rpmsg_bus_for_each_channel(struct rpmsg_bus *bus,
			       int (*fn)(const struct rpmsg_channel_status *st, void *arg), void *arg)
{
	if (bus->ops->for_each_channel)
		return bus->ops->for_each_channel(bus, fn, arg);
	return channel_each(bus, fn, arg);
}

int rpmsg_channel_get_status(struct rpmsg_device *rpdev, struct rpmsg_channel_status *st)
{
	struct channel *ch = rpdev ? channel_of(rpdev) : NULL;

	if (!ch || ch == &ch->bus->root)
		return fail(EINVAL, "not a channel");
	lock_take(&ch->bus->lock);
	fill_status(ch->bus, ch, st);
	lock_drop(&ch->bus->lock);
	return 0;
}

/* ---- recording ---- */

int rpmsg_bus_record(struct rpmsg_bus *bus, const char *path, size_t size)
{
	struct rpmsg_counts before;
	struct recorder *rec;
	int id;

	if (bus->events)
		return fail(EBUSY, "the bus has a recorder already");
	rec = recorder_create(path, size);
	if (!rec)
		return -errno;
	id = recorder_add_bus(rec, bus->name);
	if (id < 0) {
		recorder_close(rec, true);
		return id;
	}
	tell_note(bus, rec);
	lock_take(&bus->lock);
	bus_counts(bus, &before); /* from here on each message tells its time */
	bus->record_id = id;
	bus->recorder = rec;
	poke(&bus->events, rec);
	endpoint_note_recorder(bus);
	if (bus->ops->recorded)
		bus->ops->recorded(bus);
	lock_drop(&bus->lock);
	bus_record_state(bus);
	return 0;
}

int rpmsg_bus_record_with(struct rpmsg_bus *bus, struct rpmsg_bus *other)
{
	int id;

	if (bus->events)
		return fail(EBUSY, "the bus has a recorder already");
	if (!other->events)
		return 0;
	id = recorder_add_bus(other->events, bus->name);
	if (id < 0)
		return id;
	lock_take(&bus->lock);
	bus->record_id = id;
	bus->recorder_shared = other->recorder_shared;
	poke(&bus->events, bus->recorder_shared ? other->events : recorder_ref(other->events));
	lock_drop(&bus->lock);
	if (bus->loop && bus->loop == other->loop) {
		poke(&bus->twin_recorded, true);
		poke(&other->twin_recorded, true);
	}
	bus_record_state(bus);
	return 0;
}

/* The backend tells of the end of a shortage, if it is one. */
static int record_no_buffer(struct rpmsg_bus *bus, const struct rpmsg_record *event)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	bool told = event->text && *event->text;
	int err;

	if (bus_short_already(bus))
		return 0;
	err = bus->ops->info(bus, &info);
	if (!err && !info.tx_free)
		bus_no_buffer(bus, event->src, event->dst, told ? event->text : info.tx_holder);
	return err;
}

int rpmsg_bus_record_event(struct rpmsg_bus *bus, const struct rpmsg_record *event)
{
	if (event->type <= RPMSG_RECORD_MESSAGE || event->type >= RPMSG_RECORD_LOST ||
	    event->dir > RPMSG_R2H)
		return fail(EINVAL, "type %d, direction %d: no such event", event->type, event->dir);
	if (event->type == RPMSG_RECORD_NO_BUFFER)
		return record_no_buffer(bus, event);
	bus_record(bus, event);
	return 0;
}

uint64_t rpmsg_bus_record_count(struct rpmsg_bus *bus)
{
	return bus->events ? recorder_count(bus->events) : 0;
}

struct rpmsg_recording *rpmsg_recording_open_bus(struct rpmsg_bus *bus, bool history)
{
	if (bus->ops->recording)
		return bus->ops->recording(bus, history);
	fail(EOPNOTSUPP, "bus %s has no recorder that others can read", bus->name);
	return NULL;
}
