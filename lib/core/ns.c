/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name service: announcements of the other side become channels, ours are
 * sent as buffers are free and again after each bring-up. A channel that was
 * learned is never announced back.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static void refuse(struct rpmsg_bus *bus, const char *what, const struct wire_ns *ns)
{
	bus->ns_refused++;
	log_say(&bus->log, RPMSG_LOG_WARNING, "name service: %s (name '%s', address 0x%x)", what,
		ns->name, ns->addr);
}

static void destroyed(struct rpmsg_bus *bus, const struct wire_ns *ns)
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
		refuse(bus, "destroys a channel that is not there", ns);
}

void ns_receive(struct rpmsg_bus *bus, const void *data, size_t len, uint32_t src)
{
	struct wire_ns ns;
	struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY };

	if (wire_ns_decode(&ns, data, len, bus->swap)) {
		bus->ns_refused++;
		log_say(&bus->log, RPMSG_LOG_WARNING,
			"name service: malformed message of %zu bytes from 0x%x", len, src);
		return;
	}
	if (ns.flags & WIRE_NS_DESTROY) {
		destroyed(bus, &ns);
		return;
	}
	memcpy(info.name, ns.name, sizeof(info.name));
	info.dst = ns.addr;
	if (!channel_add(bus, &info, RPMSG_CHANNEL_LEARNED, false))
		refuse(bus, "announces a channel that is there already", &ns);
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
