/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels: learned from the other side, offered by ours (services), or made by hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static bool addr_matches(uint32_t wanted, uint32_t addr)
{
	return wanted == RPMSG_ADDR_ANY || wanted == addr;
}

struct channel *channel_find(struct rpmsg_bus *bus, const char *name, uint32_t src, uint32_t dst)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &bus->channels, link)
		if (!strcmp(ch->pub.id.name, name) && addr_matches(src, ch->pub.src) &&
		    addr_matches(dst, ch->pub.dst))
			return ch;
	return NULL;
}

/* The key is (name, remote address), or our address where the remote one is open. With lock. */
static bool exists(struct rpmsg_bus *bus, const struct rpmsg_channel_info *info)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &bus->channels, link) {
		if (strcmp(ch->pub.id.name, info->name) || ch->pub.dst != info->dst)
			continue;
		if (info->dst != RPMSG_ADDR_ANY || ch->pub.src == info->src)
			return true;
	}
	return false;
}

static int reserve_src(struct rpmsg_bus *bus, struct channel *ch)
{
	int err;

	if (ch->pub.src == RPMSG_ADDR_ANY)
		err = addr_take_dynamic(&bus->addrs, &ch->pub.src, NULL);
	else
		err = addr_take(&bus->addrs, ch->pub.src, NULL);
	if (err == -EADDRINUSE)
		return fail(EADDRINUSE, "address 0x%x is bound already", ch->pub.src);
	ch->reserved_src = !err;
	return err;
}

static int insert(struct rpmsg_bus *bus, struct channel *ch, bool take_src)
{
	struct rpmsg_channel_info info = { .src = ch->pub.src, .dst = ch->pub.dst };
	int err = 0;

	memcpy(info.name, ch->pub.id.name, sizeof(info.name));
	if (exists(bus, &info))
		err = fail(EEXIST, "channel %s to 0x%x exists already", info.name, info.dst);
	else if (take_src)
		err = reserve_src(bus, ch);
	if (err)
		return err;
	TAILQ_INSERT_TAIL(&bus->channels, ch, link);
	ch->refs = 2; /* the list's and channel_add's */
	return 0;
}

static void set_text(struct channel *ch)
{
	snprintf(ch->text, sizeof(ch->text), "%s.%x.%x", ch->pub.id.name, ch->pub.src, ch->pub.dst);
	ch->pub.dev.name = ch->text;
}

struct channel *channel_add(struct rpmsg_bus *bus, const struct rpmsg_channel_info *info,
			    enum rpmsg_channel_origin origin, bool take_src)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int err;

	if (!ch)
		return NULL;
	memcpy(ch->pub.id.name, info->name, RPMSG_NAME_SIZE - 1);
	ch->pub.src = info->src;
	ch->pub.dst = info->dst;
	ch->bus = bus;
	ch->origin = origin;
	LIST_INIT(&ch->epts);
	lock_take(&bus->lock);
	err = insert(bus, ch, take_src);
	lock_drop(&bus->lock);
	if (err) {
		free(ch);
		errno = -err;
		return NULL;
	}
	set_text(ch);
	bus_event(bus, RPMSG_EVENT_ANNOUNCE, ch, 0);
	driver_match_channel(ch);
	lock_take(&bus->lock);
	channel_put(ch);
	lock_drop(&bus->lock);
	return ch;
}

void channel_put(struct channel *ch)
{
	if (--ch->refs)
		return;
	free(ch);
}

struct channel *channel_after(struct rpmsg_bus *bus, struct channel *ch)
{
	struct channel *next;

	if (!ch)
		return &bus->root;
	next = ch == &bus->root ? TAILQ_FIRST(&bus->channels) : TAILQ_NEXT(ch, link);
	return next || ch->gone ? next : TAILQ_FIRST(&bus->leaving);
}

void channel_remove(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;

	lock_take(&bus->lock);
	if (ch->gone) {
		lock_drop(&bus->lock);
		return;
	}
	ch->gone = true;
	channel_counts_stay(ch);
	TAILQ_REMOVE(&bus->channels, ch, link);
	TAILQ_INSERT_TAIL(&bus->leaving, ch, link);
	lock_drop(&bus->lock);

	driver_detach(ch);
	ns_withdraw(ch);
	endpoint_deafen_all(ch);
	bus_event(bus, RPMSG_EVENT_WITHDRAW, ch, 0);

	lock_take(&bus->lock);
	TAILQ_REMOVE(&bus->leaving, ch, link);
	if (ch->reserved_src)
		addr_drop(&bus->addrs, ch->pub.src);
	channel_put(ch);
	lock_drop(&bus->lock);
}

static int check_name(const char *name)
{
	size_t len = strnlen(name, RPMSG_NAME_SIZE);

	if (len == 0)
		return fail(EINVAL, "a channel needs a name");
	if (len == RPMSG_NAME_SIZE)
		return fail(EINVAL, "a channel's name has at most %d bytes", RPMSG_NAME_SIZE - 1);
	return 0;
}

/* True if the channel's first binding is to announce it. */
static bool announce_later(struct channel *ch, unsigned flags)
{
	bool later;

	lock_take(&ch->bus->lock);
	later = flags & RPMSG_SERVICE_ON_BIND && !ch->pub.ept;
	ch->announce_on_bind = later;
	lock_drop(&ch->bus->lock);
	return later;
}

static struct channel *create(struct rpmsg_bus *bus, const struct rpmsg_channel_info *wanted,
			      enum rpmsg_channel_origin origin, unsigned flags)
{
	struct rpmsg_channel_info info = *wanted;
	bool service = origin == RPMSG_CHANNEL_SERVICE;
	uint64_t remote_id = 0;
	struct channel *ch;
	int err;

	if (bus->ops->channel_create) {
		err = bus->ops->channel_create(bus, &info, origin, flags, &remote_id);
		if (err) {
			errno = -err;
			return NULL;
		}
	} else if (flags & RPMSG_SERVICE_PERSIST) {
		fail(EOPNOTSUPP, "a bus in this process cannot keep a service after its end");
		return NULL;
	}
	if (bus->ops->channel_create) {
		/* The server's event may have brought it into the list already. */
		lock_take(&bus->lock);
		TAILQ_FOREACH(ch, &bus->channels, link)
			if (ch->remote_id == remote_id)
				break;
		lock_drop(&bus->lock);
		if (ch)
			return ch;
	}
	ch = channel_add(bus, &info, origin,
			 !bus->ops->channel_create && (service || info.src != RPMSG_ADDR_ANY));
	if (!ch)
		return NULL;
	ch->remote_id = remote_id;
	if (service && !bus->ops->channel_create && !announce_later(ch, flags))
		ns_announce(ch);
	return ch;
}

struct rpmsg_device *rpmsg_channel_create(struct rpmsg_device *rpdev,
					  const struct rpmsg_channel_info *info)
{
	struct channel *ch;

	if (!rpdev || !info || check_name(info->name)) {
		errno = EINVAL;
		return NULL;
	}
	ch = create(channel_of(rpdev)->bus, info, RPMSG_CHANNEL_STATIC, 0);
	return ch ? &ch->pub : NULL;
}

/* Gives up a channel: at the server if there is one, and here. */
static int destroy(struct channel *ch)
{
	struct rpmsg_bus *bus = ch->bus;
	int err = 0;

	if (bus->ops->channel_destroy)
		err = bus->ops->channel_destroy(bus, ch);
	if (!err)
		channel_remove(ch);
	return err;
}

int rpmsg_channel_destroy(struct rpmsg_device *rpdev, const struct rpmsg_channel_info *info)
{
	struct rpmsg_bus *bus;
	struct channel *ch;

	if (!rpdev || !info || check_name(info->name))
		return -EINVAL;
	bus = channel_of(rpdev)->bus;
	lock_take(&bus->lock);
	ch = channel_find(bus, info->name, info->src, info->dst);
	lock_drop(&bus->lock);
	if (!ch)
		return fail(ENOENT, "there is no channel %s", info->name);
	return destroy(ch);
}

struct rpmsg_device *rpmsg_service_create(struct rpmsg_bus *bus, const char *name, uint32_t src,
					  unsigned flags)
{
	struct rpmsg_channel_info info = { .src = src, .dst = RPMSG_ADDR_ANY };
	struct channel *ch;

	if (!bus || !name || check_name(name)) {
		errno = EINVAL;
		return NULL;
	}
	strncpy(info.name, name, RPMSG_NAME_SIZE - 1);
	ch = create(bus, &info, RPMSG_CHANNEL_SERVICE, flags);
	return ch ? &ch->pub : NULL;
}

int rpmsg_service_destroy(struct rpmsg_device *rpdev)
{
	if (!rpdev || channel_of(rpdev)->origin != RPMSG_CHANNEL_SERVICE)
		return fail(EINVAL, "not a service");
	return destroy(channel_of(rpdev));
}

struct rpmsg_device *rpmsg_bus_find_channel(struct rpmsg_bus *bus, const char *name)
{
	struct channel *ch;

	lock_take(&bus->lock);
	ch = channel_find(bus, name, RPMSG_ADDR_ANY, RPMSG_ADDR_ANY);
	lock_drop(&bus->lock);
	if (!ch) {
		fail(ENOENT, "there is no channel %s", name);
		return NULL;
	}
	return &ch->pub;
}
