/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages that go out. An endpoint's device writes to the destination it was
 * made with and to no other. Nothing tells when a transmit buffer comes back, so
 * whoever waits for one tries again by the clock, and nobody else is woken.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define BACKOFF_MIN_MS 1u
#define BACKOFF_MAX_MS 20u
#define LOOK_LATER_MS 250u
#define LEN_MAX UINT16_MAX

const char chrdev_no_destination[] =
	"no destination: a service that announced itself cannot send first, nor answer: Linux's "
	"rpmsg_char keeps no sender; name the other side's address when the endpoint is made";

/* ---- one message ---- */

void chrdev_note(struct chrdev_endpoint *e, const void *data, size_t len, bool sent)
{
	struct rpmsg_bus *bus = &e->chrdev->bus;
	struct wire_hdr h = { .src = sent ? e->addr : RPMSG_ADDR_ANY, .len = (uint16_t)len,
			      .dst = sent ? e->dst : e->addr };

	if (bus->recorder)
		poke(&bus->now_ns, recorder_put(bus->recorder, bus->record_id,
						sent ? RPMSG_H2R : RPMSG_R2H, &h, data));
}

static int check_addresses(const struct chrdev_endpoint *e, uint32_t src, uint32_t dst)
{
	if (dst == e->dst && src == e->addr)
		return 0;
	if (src != e->addr)
		return fail(EOPNOTSUPP, "endpoint 0x%x cannot send as 0x%x: Linux's rpmsg_char "
					"sends from the endpoint's own address only", e->addr, src);
	if (e->dst == RPMSG_ADDR_ANY)
		return fail(EOPNOTSUPP, "endpoint 0x%x cannot send to 0x%x: it was made without a "
					"destination, and Linux's rpmsg_char never learns one",
			    e->addr, dst);
	return fail(EOPNOTSUPP, "endpoint 0x%x cannot send to 0x%x: Linux's rpmsg_char sends to "
				"the destination it was made with (0x%x) only", e->addr, dst,
		    e->dst);
}

static int too_long(const struct rpmsg_bus *bus, size_t len, uint32_t mtu)
{
	if (mtu)
		return fail(EMSGSIZE, "%zu bytes; bus %s takes at most %u", len, bus->name, mtu);
	return fail(EMSGSIZE, "%zu bytes are more than bus %s takes", len, bus->name);
}

static int write_failed(struct chrdev_endpoint *e, size_t len, int err)
{
	const struct rpmsg_bus *bus = &e->chrdev->bus;

	switch (err) {
	case EPIPE:
	case ENODEV:
		__atomic_store_n(&e->gone, true, __ATOMIC_RELEASE);
		chrdev_wake(e->chrdev);
		return fail(EPIPE, "the device of endpoint 0x%x is gone: its channel was "
				   "withdrawn, or the firmware is not running any more", e->addr);
	case EMSGSIZE:
		return too_long(bus, len, 0);
	case EINVAL:
		return fail(EINVAL, "the kernel refuses to send from 0x%x to 0x%x", e->addr,
			    e->dst);
	case ERESTARTSYS:
		return fail(ERESTARTSYS, "no transmit buffer of bus %s came back in time",
			    bus->name);
	case ENXIO:
	case EOPNOTSUPP:
		return fail(err, "the kernel's driver of bus %s has no way to send", bus->name);
	default:
		return fail(err, "bus %s: %s", bus->name, rpmsg_strerror(err));
	}
}

static int no_buffer(struct chrdev_endpoint *e)
{
	if (peek(&e->paused))
		return fail(ENOMEM, "the other side of endpoint 0x%x takes no messages now",
			    e->addr);
	return fail(ENOMEM, "no transmit buffer for endpoint 0x%x is free", e->addr);
}

/* -ENOMEM: not now. */
static int try_write(struct chrdev_endpoint *e, const void *data, size_t len)
{
	struct chrdev *c = e->chrdev;
	int fd = __atomic_load_n(&e->fd, __ATOMIC_ACQUIRE);

	if (peek(&e->paused))
		chrdev_read_flow(e);
	if (peek(&e->paused))
		return no_buffer(e);
	while (write(fd, data, len) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != ENOMEM)
			return write_failed(e, len, errno);
		poke(&e->starved, true);
		return no_buffer(e);
	}
	poke(&e->starved, false);
	poke(&c->backoff_ms, BACKOFF_MIN_MS);
	bus_buffer(&c->bus);
	bus_look_at_clock(&c->bus);
	if (c->bus.recorder)
		chrdev_note(e, data, len, true);
	return 0;
}

/* Sleeps for ms: 0, or -EINTR when cancelled. */
static int nap(struct chrdev *c, unsigned ms)
{
	struct pollfd p = { .fd = c->cancel, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, (int)ms) > 0 && read(c->cancel, &count, sizeof(count)) > 0 ? -EINTR : 0;
}

/* After a try that found no room. */
static int wait_write(struct chrdev_endpoint *e, const void *data, size_t len)
{
	struct chrdev *c = e->chrdev;
	int timeout = c->bus.send_timeout_ms;
	int64_t end = timeout < 0 ? INT64_MAX : chrdev_now_ms() + timeout;
	unsigned ms = BACKOFF_MIN_MS;
	int err;

	do {
		if (chrdev_now_ms() >= end)
			return write_failed(e, len, ERESTARTSYS);
		if (nap(c, ms))
			return fail(EINTR, "cancelled");
		ms = ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS;
		err = try_write(e, data, len);
	} while (err == -ENOMEM);
	return err;
}

static int check(struct chrdev_endpoint *e, size_t len)
{
	struct chrdev *c = e->chrdev;
	uint32_t mtu = peek(&c->mtu);

	if (!peek(&c->bus.up))
		return fail(EPIPE, "the link of bus %s is down", c->bus.name);
	if (__atomic_load_n(&e->gone, __ATOMIC_ACQUIRE))
		return write_failed(e, len, EPIPE);
	return len > LEN_MAX || (mtu && len > mtu) ? too_long(&c->bus, len, mtu) : 0;
}

/* The kernel does not tell who has the buffers. */
static void note_no_buffer(const struct chrdev_endpoint *e)
{
	struct rpmsg_bus *bus = &e->chrdev->bus;

	if (!bus_short_already(bus))
		bus_no_buffer(bus, e->addr, e->dst,
			      peek(&e->paused) ? "the other side: it takes no messages now" : NULL);
}

/* There was none. */
static int no_buffer_yet(struct endpoint *ept, const void *data, size_t len, bool wait)
{
	uint64_t start;
	int err;

	note_no_buffer(ept->backend);
	if (!wait)
		return -ENOMEM;
	start = endpoint_wait_begin(ept);
	err = wait_write(ept->backend, data, len);
	endpoint_wait_end(ept, start);
	return err;
}

static int put(struct endpoint *ept, const void *data, size_t len, bool wait)
{
	struct chrdev_endpoint *e = ept->backend;
	int err = check(e, len);

	if (!err)
		err = try_write(e, data, len);
	if (err == -ENOMEM)
		err = no_buffer_yet(ept, data, len, wait);
	if (!err)
		flow_count_atomic(&ept->counts.tx, (unsigned)len, peek(&ept->bus->now_ns));
	return err;
}

int chrdev_send(struct endpoint *ept, const void *data, size_t len, uint32_t src, uint32_t dst,
		bool wait)
{
	int err = check_addresses(ept->backend, src, dst);

	if (!err)
		err = put(ept, data, len, wait);
	return err ? endpoint_failed(ept, err) : 0;
}

/* The buffers' size where that is known, else the most that a message can have. */
long chrdev_mtu(struct rpmsg_bus *bus)
{
	uint32_t mtu = peek(&chrdev_of(bus)->mtu);

	if (!peek(&bus->up))
		return fail(EPIPE, "the link of bus %s is down", bus->name);
	return mtu ? (long)mtu : LEN_MAX;
}

/* ---- waiting in the program's loop ---- */

/* With starving. */
static void arm(struct chrdev *c, unsigned ms)
{
	struct itimerspec at = { .it_value.tv_nsec = (long)ms * 1000000 };

	if (!c->armed)
		c->armed = !timerfd_settime(c->timer, 0, &at, NULL);
}

/* A little later each time that nothing could be sent. */
static void retry_later(struct chrdev *c)
{
	unsigned ms = peek(&c->backoff_ms);

	lock_take(&c->starving);
	if (!c->armed)
		poke(&c->backoff_ms, ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS);
	arm(c, ms);
	lock_drop(&c->starving);
}

void chrdev_look_later(struct chrdev *c)
{
	lock_take(&c->starving);
	arm(c, LOOK_LATER_MS);
	lock_drop(&c->starving);
}

void chrdev_retry(struct chrdev *c)
{
	uint64_t times;

	lock_take(&c->starving);
	if (read(c->timer, &times, sizeof(times)) > 0)
		c->armed = false;
	lock_drop(&c->starving);
	c->look |= !peek(&c->bus.up);
	lock_take(&c->bus.lock);
	for (unsigned i = 0; i < c->slots.n; i++) {
		struct chrdev_endpoint *e = slots_get(&c->slots, i);

		if (e)
			poke(&e->starved, false);
	}
	lock_drop(&c->bus.lock);
}

int chrdev_poll(struct endpoint *ept)
{
	struct chrdev_endpoint *e = ept->backend;
	struct chrdev *c = e->chrdev;

	if (!peek(&c->bus.up) || peek(&e->gone))
		return POLLERR;
	if (peek(&e->paused)) /* the device tells when that ends */
		return 0;
	if (!peek(&e->starved))
		return POLLOUT;
	retry_later(c);
	return 0;
}

/* ---- zero copy, which here is a copy ---- */

struct chrdev_tx {
	size_t room;
	uint32_t generation;
	bool wait;
	_Alignas(8) uint8_t data[];
};

void *chrdev_reserve(struct endpoint *ept, size_t *room, bool wait)
{
	long mtu = chrdev_mtu(ept->bus);
	struct chrdev_tx *tx;

	tx = mtu < 0 ? NULL : malloc(sizeof(*tx) + (size_t)mtu);
	if (!tx) {
		errno = -endpoint_failed(ept, mtu < 0 ? (int)mtu : -ENOMEM);
		return NULL;
	}
	*tx = (struct chrdev_tx){ .room = (size_t)mtu, .wait = wait,
				  .generation = peek(&ept->bus->generation) };
	*room = tx->room;
	/* cppcheck-suppress memleak ; the caller's until submit or discard */
	return tx->data;
}

int chrdev_submit(struct endpoint *ept, void *buf, uint32_t dst, size_t len)
{
	struct chrdev_tx *tx = container_of(buf, struct chrdev_tx, data);
	const struct chrdev_endpoint *e = ept->backend;
	int err;

	if (len > tx->room)
		err = fail(EMSGSIZE, "%zu bytes do not fit the buffer", len);
	else if (tx->generation != peek(&ept->bus->generation))
		err = fail(EPIPE, "the link of bus %s went down", ept->bus->name);
	else
		err = check_addresses(e, ept->pub.addr, dst);
	if (!err)
		err = put(ept, buf, len, tx->wait);
	free(tx);
	return err ? endpoint_failed(ept, err) : 0;
}

void chrdev_discard(struct endpoint *ept, void *buf)
{
	(void)ept;
	free(container_of(buf, struct chrdev_tx, data));
}
