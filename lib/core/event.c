/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens to the link and its channels: told to the program's listener, and recorded. */
#include <stdio.h>
#include <string.h>

#include "core/core.h"

enum rpmsg_direction bus_direction(const struct rpmsg_bus *bus, bool sent)
{
	return sent == (bus->side == RPMSG_SIDE_HOST) ? RPMSG_H2R : RPMSG_R2H;
}

/* ---- recording ---- */

static int features_text(uint64_t features, char *text, size_t size)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} known[] = {
		{ RPMSG_F_VERSION_1, "VERSION_1" },
		{ RPMSG_F_NS, "NS" },
		{ RPMSG_F_EVENT_IDX, "EVENT_IDX" },
		{ RPMSG_F_INDIRECT, "INDIRECT" },
	};
	int n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (features & known[i].bit)
			n += snprintf(text + n, size - (size_t)n, "%s%s", n ? " " : "",
				      known[i].name);
	return n;
}

static void record_link(struct rpmsg_bus *bus, enum rpmsg_record_type type)
{
	struct rpmsg_record event = {
		.type = type, .dir = bus_direction(bus, true), .src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY, .value = bus->generation,
	};
	char text[80];
	long mtu;
	int n;

	if (type == RPMSG_RECORD_UP) {
		n = features_text(bus->features, text, sizeof(text));
		mtu = bus->ops->mtu(bus);
		if (mtu > 0 && mtu < UINT16_MAX) /* else it is not known */
			snprintf(text + n, sizeof(text) - (size_t)n, "%s%ld bytes", n ? ", " : "",
				 mtu);
		event.text = text;
	} else {
		bus_record_rest(bus);
	}
	bus_record(bus, &event);
}

/*
 * The side that has a service tells of it; the other one too, if it is not recorded here. While
 * the link is down nothing is offered; what is learned is withdrawn as it goes.
 */
static void record_channel(struct rpmsg_bus *bus, enum rpmsg_record_type type,
			   const struct rpmsg_channel_info *info, enum rpmsg_channel_origin origin)
{
	bool learned = origin == RPMSG_CHANNEL_LEARNED;
	struct rpmsg_record event = {
		.type = type, .dir = bus_direction(bus, !learned),
		.src = learned ? info->dst : info->src,
		.dst = origin == RPMSG_CHANNEL_STATIC ? info->dst : RPMSG_ADDR_ANY,
		.text = info->name,
	};

	if (learned && (peek(&bus->twin_recorded) || bus->closing))
		return;
	if (!peek(&bus->up) && (!learned || type == RPMSG_RECORD_ANNOUNCE))
		return;
	bus_record(bus, &event);
}

static void record(struct rpmsg_bus *bus, const struct rpmsg_event *ev)
{
	switch (ev->type) {
	case RPMSG_EVENT_UP:
		bus_record_state(bus);
		break;
	case RPMSG_EVENT_DOWN:
		record_link(bus, RPMSG_RECORD_DOWN);
		break;
	case RPMSG_EVENT_ANNOUNCE:
		record_channel(bus, RPMSG_RECORD_ANNOUNCE, &ev->info, ev->origin);
		break;
	case RPMSG_EVENT_WITHDRAW:
		record_channel(bus, RPMSG_RECORD_WITHDRAW, &ev->info, ev->origin);
		break;
	default:
		break; /* who is bound is no matter of the link; a drop is recorded where it is seen */
	}
}

static void channel_info(const struct channel *ch, struct rpmsg_channel_info *info)
{
	memcpy(info->name, ch->pub.id.name, sizeof(info->name));
	info->src = ch->pub.src;
	info->dst = ch->pub.dst;
}

void bus_record_state(struct rpmsg_bus *bus)
{
	struct rpmsg_channel_info info;
	struct channel *ch;

	if (!peek(&bus->up))
		return;
	record_link(bus, RPMSG_RECORD_UP);
	lock_take(&bus->lock);
	TAILQ_FOREACH(ch, &bus->channels, link) {
		channel_info(ch, &info);
		record_channel(bus, RPMSG_RECORD_ANNOUNCE, &info, ch->origin);
	}
	lock_drop(&bus->lock);
}

void bus_record_end(struct rpmsg_bus *bus)
{
	if (peek(&bus->up))
		record_link(bus, RPMSG_RECORD_DOWN);
	else
		bus_record_rest(bus);
}

/* ---- the listener ---- */

void bus_event(struct rpmsg_bus *bus, enum rpmsg_event_type type, struct channel *ch, uint64_t count)
{
	struct rpmsg_event ev = { .type = type, .count = count };
	rpmsg_event_fn fn;
	void *arg;

	ev.info.src = ev.info.dst = RPMSG_ADDR_ANY;
	lock_take(&bus->lock);
	fn = bus->event_fn;
	arg = bus->event_arg;
	if (ch) {
		channel_info(ch, &ev.info);
		ev.origin = ch->origin;
		ev.rpdev = &ch->pub;
	}
	lock_drop(&bus->lock);
	if (peek(&bus->events))
		record(bus, &ev);
	if (fn && !bus->closing)
		fn(bus, &ev, arg);
}

void rpmsg_bus_set_event_fn(struct rpmsg_bus *bus, rpmsg_event_fn fn, void *arg)
{
	lock_take(&bus->lock);
	bus->event_fn = fn;
	bus->event_arg = arg;
	lock_drop(&bus->lock);
}
