/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers: process-wide ones and those of one bus, offered to channels that exist
 * or come. A channel is claimed under the registry's lock before probe and until
 * remove has ended, so that each runs once, with no lock held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static struct lock registry;
static struct bus_driver_list process_drivers = TAILQ_HEAD_INITIALIZER(process_drivers);
static LIST_HEAD(, rpmsg_bus) buses = LIST_HEAD_INITIALIZER(buses);
static uint64_t passes;
static uint32_t busy_ended; /* futex: counts ends of probe and remove */

void driver_add_bus(struct rpmsg_bus *bus)
{
	lock_take(&registry);
	LIST_INSERT_HEAD(&buses, bus, link);
	lock_drop(&registry);
}

void driver_remove_bus(struct rpmsg_bus *bus)
{
	struct bus_driver *bd;

	lock_take(&registry);
	LIST_REMOVE(bus, link);
	while ((bd = TAILQ_FIRST(&bus->drivers))) {
		TAILQ_REMOVE(&bus->drivers, bd, link);
		free(bd);
	}
	lock_drop(&registry);
}

static const struct rpmsg_device_id *match(const struct rpmsg_driver *drv, const struct channel *ch)
{
	for (const struct rpmsg_device_id *id = drv->id_table; id && id->name[0]; id++)
		if (!strncmp(id->name, ch->pub.id.name, RPMSG_NAME_SIZE))
			return id;
	return NULL;
}

/* With the registry's lock. */
static void claim(struct channel *ch, struct rpmsg_driver *drv)
{
	ch->driver = drv;
	ch->driver_busy = thread_id();
}

static void unclaim(struct channel *ch, struct rpmsg_driver *now)
{
	lock_take(&registry);
	ch->driver = now;
	ch->driver_busy = 0;
	__atomic_add_fetch(&busy_ended, 1, __ATOMIC_RELAXED);
	lock_drop(&registry);
	futex_wake_all(&busy_ended);
}

static void free_managed(struct channel *ch)
{
	void **p = ch->pub.dev.managed;

	ch->pub.dev.managed = NULL;
	while (p) {
		void **next = *p;

		free(p);
		p = next;
	}
}

void *rpmsg_dev_zalloc(struct rpmsg_dev *dev, size_t size)
{
	union {
		void *next;
		max_align_t align;
	} *head;

	if (__builtin_add_overflow(size, sizeof(*head), &size)) {
		errno = ENOMEM;
		return NULL;
	}
	head = calloc(1, size);
	if (!head)
		return NULL;
	head->next = dev->managed;
	dev->managed = head;
	return head + 1;
}

static void drop_default_endpoint(struct channel *ch)
{
	struct rpmsg_endpoint *ept = ch->pub.ept;

	rpmsg_destroy_ept(ept);
	free_managed(ch);
	ch->pub.dev.driver_data = NULL;
}

/* ch is claimed for drv. Errors leave it without a driver. */
static int attach(struct channel *ch, struct rpmsg_driver *drv)
{
	const struct rpmsg_device_id *id = match(drv, ch);
	int err = 0;

	if (id)
		ch->pub.id.driver_data = id->driver_data;
	if (drv->callback && !rpmsg_channel_bind(&ch->pub, drv->callback, NULL))
		err = -errno;
	if (!err && drv->probe)
		err = drv->probe(&ch->pub);
	if (err) {
		log_say(&ch->bus->log, RPMSG_LOG_ERROR, "driver %s: probe of %s failed: %s",
			drv->drv.name, ch->text, rpmsg_strerror(err));
		drop_default_endpoint(ch);
	}
	unclaim(ch, err ? NULL : drv);
	if (err)
		return err;
	/* A local service is announced once its driver can answer (Linux: virtio_rpmsg_announce_create). */
	if (ch->origin == RPMSG_CHANNEL_STATIC && ch->pub.dst == RPMSG_ADDR_ANY && ch->pub.ept)
		ns_announce(ch);
	if (ch->gone)
		driver_detach(ch);
	return 0;
}

void driver_detach(struct channel *ch)
{
	struct rpmsg_driver *drv;

	lock_take(&registry);
	while (ch->driver_busy) {
		uint32_t seq = busy_ended;

		if (ch->driver_busy == thread_id()) { /* from within its own probe or remove */
			lock_drop(&registry);
			return;
		}
		lock_drop(&registry);
		futex_wait(&busy_ended, seq, -1);
		lock_take(&registry);
	}
	drv = ch->driver;
	if (drv)
		claim(ch, drv);
	lock_drop(&registry);
	if (!drv)
		return;
	if (ch->origin == RPMSG_CHANNEL_STATIC)
		ns_withdraw(ch);
	if (drv->remove)
		drv->remove(&ch->pub);
	drop_default_endpoint(ch);
	unclaim(ch, NULL);
}

static bool claimable(const struct channel *ch, const struct rpmsg_driver *drv)
{
	return !ch->driver && !ch->driver_busy && !ch->gone && match(drv, ch);
}

/* The i-th driver of the bus's own and the process's. With the registry's lock. */
static struct bus_driver *nth_driver(struct rpmsg_bus *bus, unsigned i)
{
	struct bus_driver *bd;

	TAILQ_FOREACH(bd, &bus->drivers, link)
		if (i-- == 0)
			return bd;
	TAILQ_FOREACH(bd, &process_drivers, link)
		if (i-- == 0)
			return bd;
	return NULL;
}

void driver_match_channel(struct channel *ch)
{
	if (!peek(&ch->bus->up))
		return;
	for (unsigned i = 0;; i++) {
		struct bus_driver *bd;
		bool mine;

		lock_take(&registry);
		bd = nth_driver(ch->bus, i);
		mine = bd && claimable(ch, bd->drv);
		if (mine)
			claim(ch, bd->drv);
		lock_drop(&registry);
		if (!bd || (mine && !attach(ch, bd->drv)))
			return;
	}
}

/* Claims and references the next channel that this pass has not offered to drv. With the registry's lock. */
static struct channel *next_offer(struct rpmsg_bus *only, struct rpmsg_driver *drv, uint64_t pass)
{
	struct rpmsg_bus *bus;
	struct channel *ch = NULL;

	LIST_FOREACH(bus, &buses, link) {
		if ((only && bus != only) || !peek(&bus->up))
			continue;
		lock_take(&bus->lock);
		TAILQ_FOREACH(ch, &bus->channels, link)
			if (ch->driver_pass != pass && claimable(ch, drv))
				break;
		if (ch) {
			ch->refs++;
			ch->driver_pass = pass;
			claim(ch, drv);
		}
		lock_drop(&bus->lock);
		if (ch)
			return ch;
	}
	return NULL;
}

static void put_locked(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;

	lock_take(&bus->lock);
	channel_put(ch);
	lock_drop(&bus->lock);
}

static bool registered(const struct bus_driver_list *list, const struct rpmsg_driver *drv)
{
	const struct bus_driver *bd;

	TAILQ_FOREACH(bd, list, link)
		if (bd->drv == drv)
			return true;
	return false;
}

static int add_driver(struct rpmsg_bus *bus, struct rpmsg_driver *drv)
{
	struct bus_driver_list *list = bus ? &bus->drivers : &process_drivers;
	struct bus_driver *bd;
	struct channel *ch;
	uint64_t pass;

	if (!drv || !drv->drv.name || !drv->id_table)
		return fail(EINVAL, "a driver needs a name and an id table");
	bd = calloc(1, sizeof(*bd));
	if (!bd)
		return -ENOMEM;
	bd->drv = drv;
	lock_take(&registry);
	if (registered(list, drv) || registered(&process_drivers, drv)) {
		lock_drop(&registry);
		free(bd);
		return fail(EBUSY, "driver %s is registered already", drv->drv.name);
	}
	TAILQ_INSERT_TAIL(list, bd, link);
	pass = ++passes;
	while ((ch = next_offer(bus, drv, pass))) {
		lock_drop(&registry);
		attach(ch, drv);
		put_locked(ch);
		lock_take(&registry);
	}
	lock_drop(&registry);
	return 0;
}

int register_rpmsg_driver(struct rpmsg_driver *rpdrv)
{
	return add_driver(NULL, rpdrv);
}

int rpmsg_bus_register_driver(struct rpmsg_bus *bus, struct rpmsg_driver *rpdrv)
{
	return bus ? add_driver(bus, rpdrv) : -EINVAL;
}

static void forget(struct bus_driver_list *list, const struct rpmsg_driver *drv)
{
	struct bus_driver *bd;

	TAILQ_FOREACH(bd, list, link) {
		if (bd->drv != drv)
			continue;
		TAILQ_REMOVE(list, bd, link);
		free(bd);
		return;
	}
}

/* References a channel that drv drives. With the registry's lock. */
static struct channel *next_driven(const struct rpmsg_driver *drv)
{
	struct rpmsg_bus *bus;
	struct channel *ch = NULL;

	LIST_FOREACH(bus, &buses, link) {
		lock_take(&bus->lock);
		TAILQ_FOREACH(ch, &bus->channels, link)
			if (ch->driver == drv && ch->driver_busy != thread_id())
				break;
		if (ch)
			ch->refs++;
		lock_drop(&bus->lock);
		if (ch)
			return ch;
	}
	return NULL;
}

void unregister_rpmsg_driver(struct rpmsg_driver *rpdrv)
{
	struct rpmsg_bus *bus;
	struct channel *ch;

	lock_take(&registry);
	forget(&process_drivers, rpdrv);
	LIST_FOREACH(bus, &buses, link)
		forget(&bus->drivers, rpdrv);
	while ((ch = next_driven(rpdrv))) {
		lock_drop(&registry);
		driver_detach(ch);
		put_locked(ch);
		lock_take(&registry);
	}
	lock_drop(&registry);
}
