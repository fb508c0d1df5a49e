/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name service: announcements of the other side become channels, ours are
 * sent as buffers are free and again after each bring-up. A channel that was
 * learned is never announced back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static void refuse(struct rpmsg_bus *bus, uint32_t src, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void refuse(struct rpmsg_bus *bus, uint32_t src, const char *fmt, ...)
{
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_REFUSED, .dir = bus_direction(bus, false), .src = src,
		.dst = RPMSG_ADDR_ANY,
	};
	char why[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	bus->ns_refused++;
	log_say(&bus->log, RPMSG_LOG_WARNING, "name service: message from 0x%x %s", src, why);
	event.text = why;
	bus_record(bus, &event);
}

static void destroyed(struct rpmsg_bus *bus, const struct wire_ns *ns, uint32_t src)
{
	struct channel *ch;

	lock_take(&bus->lock);
	TAILQ_FOREACH(ch, &bus->channels, link)
		if (ch->origin == RPMSG_CHANNEL_LEARNED && ch->pub.dst == ns->addr &&
		    !strcmp(ch->pub.id.name, ns->name))
			break;
	lock_drop(&bus->lock);
	if (ch)
		channel_remove(ch);
	else
		refuse(bus, src, "destroys a channel that is not there (name '%s', address 0x%x)",
		       ns->name, ns->addr);
}

static void announced(struct rpmsg_bus *bus, const struct wire_ns *ns, uint32_t src)
{
	struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY, .dst = ns->addr };

	memcpy(info.name, ns->name, sizeof(info.name));
	if (channel_add(bus, &info, RPMSG_CHANNEL_LEARNED, false))
		return;
	refuse(bus, src, "announces a channel that %s (name '%s', address 0x%x)",
	       errno == EEXIST ? "is there already" : "cannot be made: no memory", ns->name,
	       ns->addr);
}

void ns_receive(struct rpmsg_bus *bus, const void *data, size_t len, uint32_t src)
{
	struct wire_ns ns;

	if (len != WIRE_NS_SIZE)
		refuse(bus, src, "is malformed: %zu bytes, not %u", len, WIRE_NS_SIZE);
	else if (!wire_ns_decode(&ns, data, len, bus->swap))
		(ns.flags & WIRE_NS_DESTROY ? destroyed : announced)(bus, &ns, src);
	else if (!ns.name[0])
		refuse(bus, src, "is malformed: no name (address 0x%x)", ns.addr);
	else
		refuse(bus, src, "is malformed: no address (name '%s')", ns.name);
}

void ns_announce(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;

	if (!bus->ops->send_ns)
		return;
	lock_take(&bus->lock);
	ch->announce_wanted = true;
	ch->announced = false;
	poke(&bus->ns_wanted, true);
	lock_drop(&bus->lock);
	ns_flush(bus);
}

void ns_withdraw(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;
	struct ns_pending *p = NULL;

	lock_take(&bus->lock);
	if (ch->announced && bus->up && bus->ops->send_ns)
		p = calloc(1, sizeof(*p));
	if (p) {
		memcpy(p->name, ch->pub.id.name, sizeof(p->name));
		p->addr = ch->pub.src;
		TAILQ_INSERT_TAIL(&bus->withdrawals, p, link);
		poke(&bus->ns_wanted, true);
	}
	ch->announce_wanted = ch->announced = false;
	lock_drop(&bus->lock);
	if (p)
		ns_flush(bus);
}

/* With lock. True if there is one to send: encoded in msg, its source address in *src. */
static bool next_message(struct rpmsg_bus *bus, uint8_t *msg, uint32_t *src, struct channel **ch)
{
	struct ns_pending *p = TAILQ_FIRST(&bus->withdrawals);

	*ch = NULL;
	if (p) {
		wire_ns_encode(msg, p->name, p->addr, WIRE_NS_DESTROY, bus->swap);
		*src = p->addr;
		return true;
	}
	TAILQ_FOREACH(*ch, &bus->channels, link) {
		if (!(*ch)->announce_wanted || (*ch)->announced)
			continue;
		wire_ns_encode(msg, (*ch)->pub.id.name, (*ch)->pub.src, 0, bus->swap);
		*src = (*ch)->pub.src;
		return true;
	}
	return false;
}

bool ns_flush(struct rpmsg_bus *bus)
{
	uint8_t msg[WIRE_NS_SIZE];
	struct ns_pending *p;
	struct channel *ch;
	uint32_t src;
	int err = 0;

	if (!bus->ops->send_ns)
		return true;
	/* The lock stays taken while sending: two threads may not announce the same twice. */
	lock_take(&bus->lock);
	while (bus->up && bus->features & RPMSG_F_NS && next_message(bus, msg, &src, &ch)) {
		err = bus->ops->send_ns(bus, src, msg);
		if (err)
			break;
		if (ch) {
			ch->announced = true;
			continue;
		}
		p = TAILQ_FIRST(&bus->withdrawals);
		TAILQ_REMOVE(&bus->withdrawals, p, link);
		free(p);
	}
	poke(&bus->ns_wanted, err != 0);
	lock_drop(&bus->lock);
	return !err;
}

bool rpmsg_bus_announced(struct rpmsg_bus *bus)
{
	return bus->ops->announced ? bus->ops->announced(bus) : ns_flush(bus);
}
