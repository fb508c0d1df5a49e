/* SPDX-License-Identifier: BSD-2-Clause */
/* Endpoints: the device behind each, and the messages that come in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define READS 64           /* messages of one endpoint in a row */

/* ---- references ---- */

struct chrdev_endpoint *chrdev_endpoint_get(struct chrdev *c, unsigned slot)
{
	struct chrdev_endpoint *e;

	lock_take(&c->bus.lock);
	e = slots_get(&c->slots, slot);
	if (e)
		e->refs++;
	lock_drop(&c->bus.lock);
	return e;
}

void chrdev_endpoint_put(struct chrdev_endpoint *e)
{
	unsigned left;

	lock_take(&e->chrdev->bus.lock);
	left = --e->refs;
	lock_drop(&e->chrdev->bus.lock);
	if (left)
		return;
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

/* ---- the device ---- */

/*
 * The first device gives the endpoint its descriptor, a later one takes that over:
 * the number is the same for life, so a sender in another thread never meets
 * somebody else's file.
 */
static int take_fd(struct chrdev_endpoint *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLPRI,
				  .data.u64 = chrdev_tag(CHRDEV_ENDPOINT, e->slot) };
	int epoll = e->chrdev->epoll;

	if (e->fd < 0) {
		__atomic_store_n(&e->fd, e->made.fd, __ATOMIC_RELEASE);
	} else {
		epoll_ctl(epoll, EPOLL_CTL_DEL, e->fd, NULL);
		if (dup3(e->made.fd, e->fd, O_CLOEXEC) < 0) {
			int err = -errno;

			chrdev_unmake(&e->made);
			return err;
		}
		close(e->made.fd);
		e->made.fd = e->fd;
	}
	return epoll_ctl(epoll, EPOLL_CTL_ADD, e->fd, &ev) ? -errno : 0;
}

/* The name under which an endpoint without a channel is listed in sysfs: who it belongs to. */
static void endpoint_name(const struct endpoint *ept, char *name)
{
	const char *text = ept->ch == &ept->bus->root ? program_invocation_short_name
						      : ept->ch->pub.id.name;

	snprintf(name, RPMSG_NAME_SIZE, "%s", text);
}

/* The kernel gave the channel to a driver: only rpmsg_chrdev lets programs at it. */
static int open_own(struct chrdev_endpoint *e, const struct chrdev_device *ch)
{
	if (strcmp(ch->driver, "rpmsg_chrdev") != 0)
		return fail(EBUSY, "channel %s is held by the kernel's driver %s", ch->info.name,
			    ch->driver);
	return chrdev_open_channel(&e->chrdev->place, ch, &e->made);
}

/* With making, the link up. *addr may be a wish. */
static int make(struct chrdev_endpoint *e, struct endpoint *ept, uint32_t *addr, bool own)
{
	struct chrdev *c = e->chrdev;
	struct rpmsg_channel_info info = { .src = *addr, .dst = e->dst };
	struct chrdev_device ch = { 0 };
	bool in_kernel = ept->ch != &c->bus.root && chrdev_channel_device(c, ept->ch, &ch);
	int err;

	endpoint_name(ept, info.name);
	if (own && in_kernel && ch.driver[0]) {
		err = open_own(e, &ch);
	} else {
		err = chrdev_make_endpoint(&c->place, &info, &e->made);
		/* It was the channel's while an endpoint was bound, but in this process alone. */
		if (err == -EADDRINUSE && own && *addr != RPMSG_ADDR_ANY) {
			info.src = RPMSG_ADDR_ANY;
			err = chrdev_make_endpoint(&c->place, &info, &e->made);
		}
	}
	if (!err)
		*addr = e->made.src;
	return err;
}

static void set_gone(struct chrdev_endpoint *e, bool gone)
{
	__atomic_store_n(&e->gone, gone, __ATOMIC_RELEASE);
}

/*
 * Gives back what a bind that failed, or an endpoint that ends, has of the kernel: at
 * once, so that it can be bound again, though the descriptor stays until the last reference.
 */
static void unmake(struct chrdev_endpoint *e)
{
	struct chrdev_made made = e->made;

	if (e->fd >= 0) {
		epoll_ctl(e->chrdev->epoll, EPOLL_CTL_DEL, e->fd, NULL);
		if (made.record >= 0)
			ioctl(e->fd, CHRDEV_DESTROY_EPT);
		dup3(e->chrdev->nothing, e->fd, O_CLOEXEC);
		made.fd = -1;
	}
	chrdev_unmake(&made);
	e->made = (struct chrdev_made){ .fd = -1, .record = -1 };
}

static int attach(struct chrdev_endpoint *e, struct endpoint *ept, uint32_t *addr, bool own)
{
	int err = make(e, ept, addr, own);

	if (!err)
		err = take_fd(e);
	if (err)
		return err;
	e->addr = *addr;
	chrdev_read_flow(e);
	set_gone(e, false);
	return 0;
}

/* The link is down: the address is asked of the kernel when it comes up. */
static int attach_later(struct chrdev_endpoint *e, uint32_t *addr)
{
	struct chrdev *c = e->chrdev;

	lock_take(&c->bus.lock);
	if (*addr == RPMSG_ADDR_ANY) {
		*addr = RPMSG_ADDR_DYNAMIC;
		for (unsigned i = 0; i < c->slots.n; i++) {
			const struct chrdev_endpoint *other = slots_get(&c->slots, i);

			if (other && other != e && other->addr >= *addr)
				*addr = other->addr + 1;
		}
	}
	lock_drop(&c->bus.lock);
	if (*addr >= CHRDEV_ADDR_END)
		return fail(EADDRNOTAVAIL, "address 0x%x: Linux binds none from 0x%x on", *addr,
			    CHRDEV_ADDR_END);
	e->addr = *addr;
	return 0;
}

static struct chrdev_endpoint *new_endpoint(struct chrdev *c, struct endpoint *ept, uint32_t dst)
{
	struct chrdev_endpoint *e = calloc(1, sizeof(*e));
	int slot;

	if (!e)
		return NULL;
	*e = (struct chrdev_endpoint){ .chrdev = c, .ept = ept, .refs = 1, .dst = dst, .fd = -1,
				       .gone = true, .made = { .fd = -1, .record = -1 } };
	lock_take(&c->bus.lock);
	slot = slots_take(&c->slots, e);
	lock_drop(&c->bus.lock);
	if (slot < 0) {
		free(e);
		return NULL;
	}
	e->slot = (unsigned)slot;
	return e;
}

/* From now on nobody finds it. */
static void leave_slot(struct chrdev_endpoint *e)
{
	struct chrdev *c = e->chrdev;

	lock_take(&c->bus.lock);
	e->ept = NULL;
	slots_drop(&c->slots, e->slot);
	lock_drop(&c->bus.lock);
}

int chrdev_bind(struct endpoint *ept, uint32_t *addr, uint32_t dst, bool own)
{
	struct chrdev *c = chrdev_of(ept->bus);
	struct chrdev_endpoint *e = new_endpoint(c, ept, dst);
	int err;

	if (!e)
		return -ENOMEM;
	lock_take(&c->making);
	err = c->place.ctrl[0] ? attach(e, ept, addr, own) : attach_later(e, addr);
	lock_drop(&c->making);
	if (!err) {
		ept->backend = e;
		return 0;
	}
	leave_slot(e);
	unmake(e);
	chrdev_endpoint_put(e);
	if (err == -EPIPE)
		chrdev_wake(c);
	return err;
}

void chrdev_unbind(struct endpoint *ept)
{
	struct chrdev_endpoint *e = ept->backend;
	struct chrdev *c = e->chrdev;

	leave_slot(e);
	lock_take(&c->making);
	unmake(e);
	lock_drop(&c->making);
	chrdev_endpoint_put(e);
}

/* One that has lived through a restart. Its record was of a device that is no more. */
static void renew(struct chrdev_endpoint *e, struct endpoint *ept)
{
	uint32_t addr = e->addr;
	int err;

	chrdev_record_drop(e->made.record, e->made.id);
	e->made.record = -1;
	err = attach(e, ept, &addr, ept->own);
	if (err)
		log_say(&e->chrdev->bus.log, RPMSG_LOG_ERROR,
			"bus %s: the endpoint at 0x%x is lost: %s", e->chrdev->bus.name, e->addr,
			rpmsg_error_detail());
}

void chrdev_endpoints_renew(struct chrdev *c)
{
	unsigned n;

	lock_take(&c->bus.lock);
	n = c->slots.n;
	lock_drop(&c->bus.lock);
	for (unsigned i = 0; i < n; i++) {
		struct chrdev_endpoint *e = chrdev_endpoint_get(c, i);
		struct endpoint *ept = NULL;

		if (!e)
			continue;
		lock_take(&c->bus.lock);
		if (e->ept && e->ept->bound)
			ept = e->ept;
		lock_drop(&c->bus.lock);
		if (ept)
			renew(e, ept);
		chrdev_endpoint_put(e);
	}
}

/* ---- flow control ---- */

void chrdev_read_flow(struct chrdev_endpoint *e)
{
	int paused = 0;

	/* A kernel that does not know the request has no flow control. */
	if (ioctl(e->fd, CHRDEV_GET_OUTGOING_FLOW, &paused))
		paused = 0;
	__atomic_store_n(&e->paused, paused != 0, __ATOMIC_RELAXED);
}

int chrdev_set_incoming_flow(struct endpoint *ept, bool pause)
{
	struct chrdev_endpoint *e = ept->backend;

	if (!ioctl(e->fd, CHRDEV_SET_INCOMING_FLOW, (unsigned long)pause))
		return 0;
	if (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOTTY)
		return fail(EOPNOTSUPP, "bus %s has no flow control", ept->bus->name);
	return fail(errno, "flow control of bus %s: %s", ept->bus->name, strerror(errno));
}

/* ---- what comes in ---- */

struct rpmsg_held *chrdev_hold(struct endpoint *ept, const void *data)
{
	return held_copy(data, chrdev_of(ept->bus)->rx_len);
}

/* The device is gone: what it had received went with it. */
static void lose(struct chrdev_endpoint *e)
{
	struct chrdev *c = e->chrdev;

	epoll_ctl(c->epoll, EPOLL_CTL_DEL, e->fd, NULL);
	set_gone(e, true);
	c->look = true;
}

/* An endpoint is known to the core only after chrdev_bind() has returned to it. */
static bool bound_yet(struct chrdev_endpoint *e)
{
	struct chrdev *c = e->chrdev;
	bool yet;

	lock_take(&c->bus.lock);
	yet = !e->ept || e->ept->bound || e->ept->ch->gone;
	lock_drop(&c->bus.lock);
	return yet;
}

static void deliver(struct chrdev_endpoint *e, size_t len)
{
	struct chrdev *c = e->chrdev;

	bus_look_at_clock(&c->bus);
	lock_take(&c->bus.lock);
	if (e->ept && e->ept->bound) {
		chrdev_note(e, c->buffer, len, false);
		e->ept->counts.rx.last_ns = peek(&c->bus.now_ns);
		c->rx_len = len;
		c->bus.running_data = c->buffer;
		endpoint_deliver(&c->bus, e->ept, c->buffer, (int)len, RPMSG_ADDR_ANY);
	}
	lock_drop(&c->bus.lock);
}

/* Messages, an empty one being nothing special, until there is none. */
static int read_messages(struct chrdev_endpoint *e)
{
	struct chrdev *c = e->chrdev;
	ssize_t len;
	int n;

	for (n = 0; n < READS; n++) {
		len = read(e->fd, c->buffer, CHRDEV_BUFFER_SIZE);
		if (len < 0) {
			if (errno == EPIPE || errno == ENODEV)
				lose(e);
			break;
		}
		deliver(e, (size_t)len);
	}
	return n;
}

int chrdev_receive(struct chrdev_endpoint *e, uint32_t events)
{
	int n = 0;

	if (!bound_yet(e))
		return 0;
	if (events & EPOLLPRI)
		chrdev_read_flow(e);
	if (events & EPOLLIN)
		n = read_messages(e);
	if (events & (EPOLLERR | EPOLLHUP) && !peek(&e->gone))
		lose(e);
	return n + (events & (EPOLLPRI | EPOLLERR | EPOLLHUP) ? 1 : 0);
}
