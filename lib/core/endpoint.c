/* SPDX-License-Identifier: BSD-2-Clause */
/* Endpoints: an address bound to a callback, from create to destroy. */
#include <errno.h>
#include <stdlib.h>

#include "core/core.h"

/* Binds in the core's own table. With lock. */
static int bind_local(struct endpoint *e, uint32_t *addr)
{
	struct addr_table *t = &e->bus->addrs;
	int err;

	if (*addr == RPMSG_ADDR_ANY)
		return addr_take_dynamic(t, addr, e);
	if (e->own && e->ch->reserved_src && *addr == e->ch->pub.src) {
		addr_assign(t, *addr, e);
		return 0;
	}
	err = addr_take(t, *addr, e);
	if (err == -EADDRINUSE)
		return fail(EADDRINUSE, "address 0x%x is bound already", *addr);
	return err;
}

/* With lock, after a change of dst, in_place or the bus's recorder. */
static void note_plain(struct endpoint *e)
{
	e->plain = !e->in_place && e->dst != RPMSG_ADDR_ANY && !e->bus->recorder;
}

static int bind_endpoint(struct endpoint *e, uint32_t addr)
{
	struct rpmsg_bus *bus = e->bus;
	struct channel *ch = e->ch;
	int err = 0;

	lock_take(&bus->lock);
	if (ch->gone)
		err = fail(EPIPE, "channel %s is gone", ch->pub.id.name);
	else if (e->own && ch->pub.ept)
		err = fail(EBUSY, "channel %s is bound in this process", ch->pub.id.name);
	else if (!bus->ops->bind)
		err = bind_local(e, &addr);
	lock_drop(&bus->lock);
	if (!err && bus->ops->bind)
		err = bus->ops->bind(e, &addr, e->dst, e->own);
	if (err)
		return err;

	lock_take(&bus->lock);
	e->pub.addr = addr;
	e->id = ++bus->last_id;
	__atomic_store_n(&e->bound, true, __ATOMIC_RELEASE);
	poke(&e->send, bus->ops->send);
	ch->refs++;
	note_plain(e);
	LIST_INSERT_HEAD(&ch->epts, e, link);
	if (e->own) {
		ch->pub.src = addr;
		ch->pub.ept = &e->pub;
		ch->reserved_src = !bus->ops->bind;
	}
	lock_drop(&bus->lock);
	return 0;
}

void endpoint_note_recorder(struct rpmsg_bus *bus)
{
	struct channel *ch = NULL;
	struct endpoint *e;

	while ((ch = channel_after(bus, ch)))
		LIST_FOREACH(e, &ch->epts, link)
			note_plain(e);
}

static void own_bound(struct channel *ch)
{
	bool announce;

	lock_take(&ch->bus->lock);
	announce = ch->announce_on_bind;
	ch->announce_on_bind = false;
	lock_drop(&ch->bus->lock);
	bus_event(ch->bus, RPMSG_EVENT_BOUND, ch, 0);
	if (announce)
		ns_announce(ch);
}

struct rpmsg_endpoint *endpoint_create(struct channel *ch, rpmsg_rx_cb_t cb, void *priv,
				       uint32_t addr, uint32_t dst, bool own)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	int err;

	if (!e) {
		errno = ENOMEM;
		return NULL;
	}
	e->pub.rpdev = &ch->pub;
	e->pub.cb = cb;
	e->pub.priv = priv;
	e->bus = ch->bus;
	e->ch = ch;
	e->send = endpoint_send_unbound;
	e->dst = dst;
	e->learn = true;
	e->own = own;
	err = bind_endpoint(e, addr);
	if (err) {
		free(e);
		errno = -err;
		return NULL;
	}
	if (own)
		own_bound(ch);
	return &e->pub;
}

struct rpmsg_endpoint *rpmsg_create_ept(struct rpmsg_device *rpdev, rpmsg_rx_cb_t cb, void *priv,
					struct rpmsg_channel_info chinfo)
{
	struct channel *ch;
	uint32_t dst;
	bool own;

	if (!rpdev || !cb) {
		fail(EINVAL, "an endpoint needs a device and a callback");
		return NULL;
	}
	ch = channel_of(rpdev);
	dst = chinfo.dst != RPMSG_ADDR_ANY ? chinfo.dst : rpdev->dst;
	lock_take(&ch->bus->lock);
	/* As rpmsg_char does: the channel's own source means the channel's own endpoint. */
	own = ch != &ch->bus->root && chinfo.src != RPMSG_ADDR_ANY && chinfo.src == rpdev->src &&
	      !rpdev->ept;
	lock_drop(&ch->bus->lock);
	return endpoint_create(ch, cb, priv, chinfo.src, dst, own);
}

struct rpmsg_endpoint *rpmsg_channel_bind(struct rpmsg_device *rpdev, rpmsg_rx_cb_t cb, void *priv)
{
	struct channel *ch;

	if (!rpdev || !cb || channel_of(rpdev) == &channel_of(rpdev)->bus->root) {
		fail(EINVAL, "binding needs a channel and a callback");
		return NULL;
	}
	ch = channel_of(rpdev);
	return endpoint_create(ch, cb, priv, ch->pub.src, ch->pub.dst, true);
}

/* With lock: takes the address away. The own endpoint's stays reserved for its channel. */
static void unbind_local(struct endpoint *e)
{
	struct rpmsg_bus *bus = e->bus;
	struct channel *ch = e->ch;

	if (!e->bound)
		return;
	__atomic_store_n(&e->bound, false, __ATOMIC_RELEASE);
	poke(&e->send, endpoint_send_unbound);
	if (e->own)
		ch->pub.ept = NULL;
	if (bus->ops->bind)
		return;
	if (e->own && !ch->gone)
		addr_assign(&bus->addrs, e->pub.addr, NULL);
	else
		addr_drop(&bus->addrs, e->pub.addr);
}

/* With lock. The running callback's end wakes us; see endpoint_deliver(). */
static void await_callback(struct endpoint *e)
{
	struct rpmsg_bus *bus = e->bus;

	e->awaited = true;
	while (bus->running == e) {
		uint32_t seq = __atomic_load_n(&bus->running_seq, __ATOMIC_RELAXED);

		lock_drop(&bus->lock);
		futex_wait(&bus->running_seq, seq, -1);
		lock_take(&bus->lock);
	}
}

void rpmsg_destroy_ept(struct rpmsg_endpoint *ept)
{
	struct endpoint *e;
	struct rpmsg_bus *bus;
	struct channel *ch;
	bool told, later;

	if (!ept)
		return;
	e = endpoint_of(ept);
	bus = e->bus;
	ch = e->ch;
	if (bus->ops->unbind)
		bus->ops->unbind(e);

	lock_take(&bus->lock);
	told = e->own && e->bound && !ch->gone;
	unbind_local(e);
	LIST_REMOVE(e, link);
	endpoint_counts_stay(e);
	e->dead = true;
	later = bus->running == e && peek(&bus->dispatcher) == thread_id();
	if (told)
		ch->refs++;
	if (!later) {
		await_callback(e);
		channel_put(ch);
		free(e);
	}
	lock_drop(&bus->lock);

	if (!told)
		return;
	bus_event(bus, RPMSG_EVENT_UNBOUND, ch, 0);
	lock_take(&bus->lock);
	channel_put(ch);
	lock_drop(&bus->lock);
}

void endpoint_deafen_all(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;
	struct endpoint *e;

	lock_take(&bus->lock);
	while ((e = LIST_FIRST(&ch->epts))) {
		unbind_local(e);
		LIST_REMOVE(e, link);
		LIST_INSERT_HEAD(&bus->root.epts, e, link);
	}
	lock_drop(&bus->lock);
}

void endpoint_forget_dst(struct channel *ch)
{
	struct endpoint *e;

	LIST_FOREACH(e, &ch->epts, link) {
		if (!e->dst_learned)
			continue;
		e->dst_learned = false;
		poke(&e->dst, RPMSG_ADDR_ANY);
		note_plain(e);
	}
}

void endpoint_learn_dst(struct endpoint *e, uint32_t src)
{
	if (!peek(&e->learn) || src == RPMSG_ADDR_ANY)
		return;
	e->dst_learned = true;
	poke(&e->dst, src);
	note_plain(e);
}

void endpoint_callback_ended(struct rpmsg_bus *bus, struct endpoint *e)
{
	if (!e->awaited) {
		channel_put(e->ch);
		free(e);
		return;
	}
	__atomic_add_fetch(&bus->running_seq, 1, __ATOMIC_RELAXED);
	futex_wake_all(&bus->running_seq);
}

void rpmsg_endpoint_set_learn(struct rpmsg_endpoint *ept, bool on)
{
	__atomic_store_n(&endpoint_of(ept)->learn, on, __ATOMIC_RELAXED);
}

uint32_t rpmsg_endpoint_dst(const struct rpmsg_endpoint *ept)
{
	const struct endpoint *e = container_of(ept, const struct endpoint, pub);

	return __atomic_load_n(&e->dst, __ATOMIC_RELAXED);
}

void rpmsg_endpoint_set_in_place(struct rpmsg_endpoint *ept, bool on)
{
	struct endpoint *e = endpoint_of(ept);

	lock_take(&e->bus->lock);
	poke(&e->in_place, on);
	note_plain(e);
	lock_drop(&e->bus->lock);
}
