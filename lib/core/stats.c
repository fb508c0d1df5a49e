/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted of endpoints, channels and the bus, and who may ask for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/core.h"

/* ---- counting ---- */

void bus_look_at_clock(struct rpmsg_bus *bus)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);

	if (now > peek(&bus->now_ns)) /* a recorder's time is exact */
		poke(&bus->now_ns, now);
}

void flow_count_atomic(struct rpmsg_flow *flow, size_t len, uint64_t now_ns)
{
	__atomic_add_fetch(&flow->bytes, len, __ATOMIC_RELAXED);
	__atomic_add_fetch(&flow->sizes[flow_class(len)], 1, __ATOMIC_RELAXED);
	poke(&flow->last_ns, now_ns);
}

static enum rpmsg_send_error error_kind(int err)
{
	switch (err) {
	case -ENOMEM:
		return RPMSG_ERROR_NO_BUFFER;
	case -ERESTARTSYS:
		return RPMSG_ERROR_TIMEOUT;
	case -EMSGSIZE:
		return RPMSG_ERROR_TOO_LONG;
	case -EINVAL:
		return RPMSG_ERROR_NO_DST;
	case -EPIPE:
		return RPMSG_ERROR_DOWN;
	default:
		return RPMSG_ERROR_OTHER;
	}
}

int endpoint_failed(struct endpoint *e, int err)
{
	if (e)
		__atomic_add_fetch(&e->counts.errors[error_kind(err)], 1, __ATOMIC_RELAXED);
	return err;
}

int endpoint_refused(struct endpoint *e, int err)
{
	endpoint_failed(e, err);
	if (e->bus->ops->failed)
		e->bus->ops->failed(e);
	return err;
}

uint64_t endpoint_wait_begin(struct endpoint *e)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!e)
		return now;
	if (!peek(&e->waiting))
		poke(&e->waiting_since_ns, now);
	__atomic_add_fetch(&e->waiting, 1, __ATOMIC_RELEASE);
	return now;
}

void endpoint_wait_end(struct endpoint *e, uint64_t start_ns)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!e)
		return;
	__atomic_sub_fetch(&e->waiting, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&e->counts.waits, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&e->counts.wait_ns, now - start_ns, __ATOMIC_RELAXED);
}

void rpmsg_endpoint_count(struct rpmsg_endpoint *ept, const struct rpmsg_counts *more)
{
	struct rpmsg_counts *c = &endpoint_of(ept)->counts;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		if (more->errors[i])
			__atomic_add_fetch(&c->errors[i], more->errors[i], __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->dropped, more->dropped, __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->waits, more->waits, __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->wait_ns, more->wait_ns, __ATOMIC_RELAXED);
}

/* The newest pair is the first; one that is not there takes the place of the last. */
void stray_count(struct rpmsg_bus *bus, uint32_t src, uint32_t dst, size_t len)
{
	struct rpmsg_stray s = { .src = src, .dst = dst };
	uint32_t i;

	for (i = 0; i < bus->n_strays; i++)
		if (bus->stray[i].src == src && bus->stray[i].dst == dst)
			break;
	if (i < bus->n_strays) {
		s = bus->stray[i];
	} else if (bus->n_strays < RPMSG_STRAYS) {
		bus->n_strays++;
	} else {
		i--;
		bus->strays_forgotten = true;
	}
	memmove(&bus->stray[1], &bus->stray[0], i * sizeof(s));
	s.messages++;
	s.bytes += len;
	s.last_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	bus->stray[0] = s;
}

/* ---- adding up; with bus->lock ---- */

/* Whether each message that is counted sets last_ns. */
static bool tells_when(const struct rpmsg_bus *bus)
{
	return bus->recorder || !bus->tx_lock;
}

static void flow_add(struct rpmsg_bus *bus, struct rpmsg_flow *sum, struct rpmsg_flow *more)
{
	uint64_t now = peek(&bus->now_ns), last, n = 0, k;

	for (int i = 0; i < RPMSG_FLOW_SIZES; i++) {
		k = peek(&more->sizes[i]);
		sum->sizes[i] += k;
		n += k;
	}
	last = peek(&more->last_ns);
	if (n != more->messages && now > last && !(last && tells_when(bus)))
		poke(&more->last_ns, last = now);
	more->messages = n;
	sum->messages += n;
	sum->bytes += peek(&more->bytes);
	if (last > sum->last_ns)
		sum->last_ns = last;
}

static void counts_sum(struct rpmsg_bus *bus, struct rpmsg_counts *sum, struct rpmsg_counts *more)
{
	flow_add(bus, &sum->tx, &more->tx);
	flow_add(bus, &sum->rx, &more->rx);
	for (int i = 0; i < RPMSG_ERRORS; i++)
		sum->errors[i] += peek(&more->errors[i]);
	sum->dropped += peek(&more->dropped);
	sum->waits += peek(&more->waits);
	sum->wait_ns += peek(&more->wait_ns);
}

/* Sends count into what is added up here, or into where it is added to. */
static void lock_tx(struct rpmsg_bus *bus, bool on)
{
	if (!bus->tx_lock)
		return;
	if (on)
		lock_take(bus->tx_lock);
	else
		lock_drop(bus->tx_lock);
}

static void add_locked(struct rpmsg_bus *bus, struct rpmsg_counts *sum, struct rpmsg_counts *more)
{
	lock_tx(bus, true);
	counts_sum(bus, sum, more);
	lock_tx(bus, false);
}

void channel_counts(struct channel *ch, struct rpmsg_counts *counts)
{
	struct rpmsg_bus *bus = ch->bus;
	struct endpoint *e;

	*counts = (struct rpmsg_counts){ 0 };
	lock_tx(bus, true);
	counts_sum(bus, counts, &ch->past);
	LIST_FOREACH(e, &ch->epts, link)
		counts_sum(bus, counts, &e->counts);
	lock_tx(bus, false);
}

void endpoint_counts_stay(struct endpoint *e)
{
	struct channel *ch = e->ch;

	add_locked(ch->bus, ch->gone ? &ch->bus->root.past : &ch->past, &e->counts);
}

void channel_counts_stay(struct channel *ch)
{
	add_locked(ch->bus, &ch->bus->root.past, &ch->past);
	ch->past = (struct rpmsg_counts){ 0 };
}

void bus_counts(struct rpmsg_bus *bus, struct rpmsg_counts *sum)
{
	struct rpmsg_counts counts;
	struct channel *ch = NULL;

	*sum = (struct rpmsg_counts){ 0 };
	while ((ch = channel_after(bus, ch))) {
		channel_counts(ch, &counts);
		counts_sum(bus, sum, &counts);
	}
}

/* ---- endpoints; with bus->lock ---- */

/* Another thread may have begun after we looked. */
static uint64_t waited(uint64_t since_ns)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	return now > since_ns ? now - since_ns : 0;
}

static void describe(struct endpoint *e, struct rpmsg_endpoint_stats *st)
{
	const struct channel *ch = e->ch;

	*st = (struct rpmsg_endpoint_stats){
		.size = sizeof(*st), .id = e->id, .addr = e->pub.addr, .dst = peek(&e->dst),
		.own = e->own, .holder_kind = RPMSG_HOLDER_SELF, .holder_pid = e->bus->pid,
		.channel = { .src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY },
		.waiting = __atomic_load_n(&e->waiting, __ATOMIC_ACQUIRE),
	};
	if (ch != &e->bus->root && !ch->gone) {
		memcpy(st->channel.name, ch->pub.id.name, sizeof(st->channel.name));
		st->channel.src = ch->pub.src;
		st->channel.dst = ch->pub.dst;
	}
	if (e->own && ch->driver) {
		st->holder_kind = RPMSG_HOLDER_DRIVER;
		snprintf(st->holder, sizeof(st->holder), "%s", ch->driver->drv.name);
	}
	if (st->waiting)
		st->waiting_ns = waited(peek(&e->waiting_since_ns));
	add_locked(e->bus, &st->counts, &e->counts);
}

static size_t count_endpoints(struct rpmsg_bus *bus)
{
	const struct endpoint *e;
	struct channel *ch = NULL;
	size_t n = 0;

	while ((ch = channel_after(bus, ch)))
		LIST_FOREACH(e, &ch->epts, link)
			n++;
	return n;
}

static int by_id(const void *a, const void *b)
{
	const struct rpmsg_endpoint_stats *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* To be freed; NULL: no memory. */
static struct rpmsg_endpoint_stats *describe_all(struct rpmsg_bus *bus, size_t *n)
{
	struct rpmsg_endpoint_stats *all = calloc(count_endpoints(bus) + 1, sizeof(*all));
	struct channel *ch = NULL;
	struct endpoint *e;

	*n = 0;
	if (!all)
		return NULL;
	while ((ch = channel_after(bus, ch)))
		LIST_FOREACH(e, &ch->epts, link)
			describe(e, &all[(*n)++]);
	return all;
}

/* ---- questions ---- */

int rpmsg_bus_for_each_endpoint(struct rpmsg_bus *bus,
				int (*fn)(const struct rpmsg_endpoint_stats *st, void *arg),
				void *arg)
{
	struct rpmsg_endpoint_stats *all;
	size_t n;
	int ret = 0;

	if (bus->ops->for_each_endpoint)
		return bus->ops->for_each_endpoint(bus, fn, arg);
	lock_take(&bus->lock);
	all = describe_all(bus, &n);
	lock_drop(&bus->lock);
	if (!all)
		return -ENOMEM;
	qsort(all, n, sizeof(*all), by_id);
	for (size_t i = 0; i < n && !ret; i++)
		ret = fn(&all[i], arg);
	free(all);
	return ret;
}

int rpmsg_endpoint_get_stats(struct rpmsg_endpoint *ept, struct rpmsg_endpoint_stats *st)
{
	struct endpoint *e;

	if (!ept || st->size != sizeof(*st))
		return fail(EINVAL, ept ? "rpmsg_endpoint_stats.size is not set" : "no endpoint");
	e = endpoint_of(ept);
	lock_take(&e->bus->lock);
	describe(e, st);
	lock_drop(&e->bus->lock);
	return 0;
}

/* With bus->lock. */
static void copy_strays(const struct rpmsg_bus *bus, struct rpmsg_stats *stats)
{
	stats->no_recipient = bus->no_recipient;
	stats->malformed = peek(&bus->malformed);
	stats->ns_refused = bus->ns_refused;
	stats->n_strays = bus->n_strays;
	stats->strays_forgotten = bus->strays_forgotten;
	memcpy(stats->stray, bus->stray, sizeof(stats->stray));
}

int rpmsg_bus_get_stats(struct rpmsg_bus *bus, struct rpmsg_stats *stats)
{
	struct channel *ch;

	if (stats->size != sizeof(*stats))
		return fail(EINVAL, "rpmsg_stats.size is not set");
	if (bus->ops->stats)
		return bus->ops->stats(bus, stats);
	*stats = (struct rpmsg_stats){
		.size = sizeof(*stats), .time_ns = clock_ns(CLOCK_MONOTONIC), .since_ns = bus->since_ns,
	};
	lock_take(&bus->lock);
	bus_counts(bus, &stats->counts);
	TAILQ_FOREACH(ch, &bus->channels, link)
		stats->n_channels++;
	stats->n_endpoints = (uint32_t)count_endpoints(bus);
	copy_strays(bus, stats);
	lock_drop(&bus->lock);
	if (bus->ops->rings)
		bus->ops->rings(bus, stats);
	return 0;
}

uint32_t rpmsg_bus_tx_free(struct rpmsg_bus *bus)
{
	return bus->ops->tx_free ? bus->ops->tx_free(bus) : 0;
}
