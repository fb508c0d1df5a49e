/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive queue: check, copy, deliver, return; or keep. bus->lock held, but for release. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "virtio/barrier.h"
#include "virtio/virtio_bus.h"

/* The host owns the buffers: all of them are posted. */
static void post_all(struct virtio_bus *vb)
{
	struct vring_driver *drv = &vb->rx.queue.drv;
	int id;

	while ((id = vring_driver_alloc(drv)) >= 0)
		vring_driver_add(drv, (uint16_t)id, vb->rx_addr + (uint64_t)id * vb->buffer_size,
				 vb->buffer_size, true);
	if (vring_driver_kick_needed(drv))
		virtio_notify(vb, vb->rx.q);
}

int rx_init(struct virtio_bus *vb, const struct vring_options *opt)
{
	struct rx *rx = &vb->rx;
	int err;

	rx->copy = malloc(vb->buffer_size);
	if (!rx->copy)
		return -ENOMEM;
	if (vb->host)
		err = vring_driver_init(&rx->queue.drv, &vb->link->ring[rx->q], opt);
	else
		err = virtio_device_init(vb, &rx->queue.dev, rx->q, opt);
	if (err) {
		free(rx->copy);
		rx->copy = NULL;
		return err;
	}
	rx->n_held = 0;
	if (vb->host)
		post_all(vb);
	return 0;
}

/* What was delivered, or is held, is not delivered again when the ring goes on. */
static void leave_ring(struct virtio_bus *vb)
{
	struct vring_device *dev = &vb->rx.queue.dev;

	if (vb->link->awaited && !dev->broken) {
		vring_device_return_all(dev);
		if (vring_device_call_needed(dev))
			virtio_notify(vb, vb->rx.q);
	}
	virtio_device_fini(vb, dev, vb->rx.q, 0);
}

void rx_fini(struct virtio_bus *vb)
{
	struct rx *rx = &vb->rx;

	if (vb->host)
		vring_driver_fini(&rx->queue.drv);
	else
		leave_ring(vb);
	free(rx->copy);
	rx->copy = NULL;
}

static void return_buffer(struct virtio_bus *vb, uint16_t head)
{
	if (vb->host)
		vring_driver_add_again(&vb->rx.queue.drv, head, vb->buffer_size);
	else
		vring_device_return(&vb->rx.queue.dev, head, 0);
}

static inline __attribute__((always_inline)) void flush(struct virtio_bus *vb, bool host)
{
	if (!vb->tx.up)
		return;
	if (host ? vring_driver_kick_needed(&vb->rx.queue.drv) :
		   vring_device_call_needed(&vb->rx.queue.dev))
		virtio_notify(vb, vb->rx.q);
}

void rx_flush(struct virtio_bus *vb)
{
	flush(vb, vb->host);
}

bool rx_arm(struct virtio_bus *vb)
{
	return vb->host ? vring_driver_arm(&vb->rx.queue.drv) : vring_device_arm(&vb->rx.queue.dev);
}

void rx_disarm(struct virtio_bus *vb)
{
	if (vb->host)
		vring_driver_disarm(&vb->rx.queue.drv);
	else
		vring_device_disarm(&vb->rx.queue.dev);
}

/* ---- one message ---- */

static __attribute__((noinline)) void record(struct virtio_bus *vb, struct wire_hdr h,
					     const void *data)
{
	uint64_t now = recorder_put(vb->bus.recorder, vb->bus.record_id,
				    vb->host ? RPMSG_R2H : RPMSG_H2R, &h, data);

	poke(&vb->bus.now_ns, now);
}

static void record_no_recipient(struct virtio_bus *vb, const struct wire_hdr *h)
{
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_NO_RECIPIENT, .dir = bus_direction(&vb->bus, false),
		.src = h->src, .dst = h->dst, .count = h->len,
	};

	bus_record(&vb->bus, &event);
}

/* A message that no endpoint gets: name service, or nobody's. */
static __attribute__((noinline)) void receive_other(struct virtio_bus *vb, struct wire_hdr hdr,
						    const uint8_t *data, bool in_ring)
{
	const struct wire_hdr *h = &hdr;
	struct rpmsg_bus *bus = &vb->bus;

	if (in_ring) {
		shm_copy_from(vb->rx.copy, data, h->len);
		data = vb->rx.copy;
	}
	if (bus->recorder)
		record(vb, *h, data);
	bus->root.past.rx.last_ns = peek(&bus->now_ns);
	flow_count(&bus->root.past.rx, h->len);
	if (h->dst == RPMSG_NS_ADDR && bus->features & RPMSG_F_NS) {
		lock_drop(&bus->lock);
		ns_receive(bus, data, h->len, h->src);
		lock_take(&bus->lock);
		return;
	}
	bus->no_recipient++;
	stray_count(bus, h->src, h->dst, h->len);
	record_no_recipient(vb, h);
	log_say(&bus->log, RPMSG_LOG_DEBUG, "message of %u bytes from 0x%x has no recipient at 0x%x",
		h->len, h->src, h->dst);
}

static __attribute__((noinline)) void bad_length(struct virtio_bus *vb, unsigned len, unsigned room)
{
	char why[96];

	if (room < WIRE_HDR_SIZE)
		snprintf(why, sizeof(why), "buffer of %u bytes is shorter than a header", room);
	else
		snprintf(why, sizeof(why), "header says %u bytes of payload, the buffer has %u", len,
			 room - WIRE_HDR_SIZE);
	virtio_malformed(vb, vb->rx.q, why, false);
}

static __attribute__((noinline)) void bad_used(struct virtio_bus *vb, unsigned id, unsigned used)
{
	char why[96];

	snprintf(why, sizeof(why), "used length %u of buffer %u is more than its %u bytes", used, id,
		 vb->buffer_size);
	virtio_malformed(vb, vb->rx.q, why, false);
}

/* In place: the callback may keep it. True if it did. */
static __attribute__((noinline)) bool deliver_in_place(struct virtio_bus *vb, struct endpoint *e,
						       uint8_t *data, struct wire_hdr h,
						       uint16_t head, bool in_ring)
{
	struct rx *rx = &vb->rx;

	if (vb->bus.recorder)
		record(vb, h, data);
	rx->head = head;
	rx->len = h.len;
	rx->in_ring = in_ring;
	rx->held = false;
	vb->bus.running_data = data;
	e->counts.rx.last_ns = peek(&vb->bus.now_ns);
	endpoint_deliver(&vb->bus, e, data, h.len, h.src);
	vb->bus.running_data = NULL;
	return rx->held;
}

/*
 * The message of descriptor head lies in the ring or, if in_ring is false, in
 * rx->copy; room bytes of it are there. Its header is copied and checked, and only
 * the copy used. True if the buffer was kept.
 */
static bool receive(struct virtio_bus *vb, uint8_t *msg, uint32_t room, uint16_t head, bool in_ring)
{
	struct rpmsg_bus *bus = &vb->bus;
	uint8_t *data = msg + WIRE_HDR_SIZE;
	struct endpoint *e;
	struct wire_hdr h;

	if (room < WIRE_HDR_SIZE) {
		bad_length(vb, 0, room);
		return false;
	}
	shm_copy_from(&h, msg, WIRE_HDR_SIZE);
	wire_hdr_order(&h, vb->swap);
	if (h.len > room - WIRE_HDR_SIZE) {
		bad_length(vb, h.len, room);
		return false;
	}
	e = addr_endpoint(&bus->addrs, h.dst);
	if (!e) {
		receive_other(vb, h, data, in_ring);
		return false;
	}
	if (peek(&e->in_place))
		return deliver_in_place(vb, e, data, h, head, in_ring);
	if (in_ring) {
		shm_copy_from(vb->rx.copy, data, h.len);
		data = vb->rx.copy;
	}
	if (bus->recorder)
		record(vb, h, data);
	e->counts.rx.last_ns = peek(&bus->now_ns);
	endpoint_deliver(bus, e, data, h.len, h.src);
	return false;
}

/*
 * Both queues' ways to the next message: 1 with its descriptor in *head, to be
 * returned; 0 for none; -1 for one that was refused or kept.
 */
static int next_host(struct virtio_bus *vb, uint16_t *head)
{
	struct vring_driver *drv = &vb->rx.queue.drv;
	uint32_t used;
	int got = vring_driver_get_used(drv, head, &used);

	if (got <= 0) {
		if (got < 0)
			virtio_malformed(vb, vb->rx.q, drv->why, drv->broken);
		return got;
	}
	if (used > vb->buffer_size) {
		bad_used(vb, *head, used);
		return 1;
	}
	if (receive(vb, vb->rx_buffers + (size_t)*head * vb->buffer_size, used, *head, true))
		return -1;
	return 1;
}

static int receive_chain(struct virtio_bus *vb, const struct vring_buf *buf)
{
	struct vring_device *dev = &vb->rx.queue.dev;
	long n = vring_device_gather(dev, buf, vb->rx.copy, vb->buffer_size);

	if (n < 0)
		virtio_malformed(vb, vb->rx.q, dev->why, dev->broken);
	else
		receive(vb, vb->rx.copy, (uint32_t)n, buf->head, false);
	return 1;
}

static int next_remote(struct virtio_bus *vb, uint16_t *head)
{
	struct vring_device *dev = &vb->rx.queue.dev;
	struct vring_buf buf;
	int got = vring_device_take(dev, &buf, false);

	if (got < 0)
		virtio_malformed(vb, vb->rx.q, dev->why, dev->broken);
	if (got <= 0)
		return got;
	*head = buf.head;
	if (!buf.ptr)
		return receive_chain(vb, &buf);
	if (receive(vb, buf.ptr, buf.len < vb->buffer_size ? buf.len : vb->buffer_size, *head, true))
		return -1;
	return 1;
}

/* The next message, whatever it is: 1, 0 if there is none, -1 if it is the last for now. */
static __attribute__((noinline)) int next_any(struct virtio_bus *vb)
{
	uint16_t head;
	int got = vb->host ? next_host(vb, &head) : next_remote(vb, &head);

	if (got == 0)
		return 0;
	/* A link that goes down keeps its buffers; a broken ring has nothing more to say. */
	if (peek(&vb->pending) != LINK_SAME)
		return -1;
	if (got < 0 && peek(&vb->broken)) {
		vb->spins_left = 1;
		return -1;
	}
	if (got > 0)
		return_buffer(vb, head);
	return 1;
}

/* ---- the quick way: as usual, for a plain endpoint ---- */

struct usual {
	struct endpoint *ept;
	uint8_t *msg;
	uint32_t src;
	uint32_t len;
	uint16_t head;
};

/* Shows the next message, which stays the ring's. Reads each word once. False: next_any() does it. */
static inline __attribute__((always_inline)) bool next_usual(struct virtio_bus *vb, struct usual *m,
							     bool host)
{
	struct vring_buf buf;
	uint32_t room;

	if (host) {
		if (!vring_driver_peek(&vb->rx.queue.drv, &m->head, &room))
			return false;
		m->msg = vb->rx_buffers + (size_t)m->head * vb->buffer_size;
	} else {
		if (!vring_device_peek(&vb->rx.queue.dev, &buf, false))
			return false;
		m->head = buf.head;
		m->msg = buf.ptr;
		room = buf.len;
	}
	room -= WIRE_HDR_SIZE; /* a shorter one gets far too long */
	if (__builtin_expect(room > vb->tx.mtu, 0))
		return false;
	m->src = shm_read32(m->msg + offsetof(struct wire_hdr, src));
	m->len = shm_read16(m->msg + offsetof(struct wire_hdr, len));
	m->ept = addr_endpoint(&vb->bus.addrs, shm_read32(m->msg + offsetof(struct wire_hdr, dst)));
	return __builtin_expect(m->len <= room && m->ept && m->ept->plain, 1);
}

static inline __attribute__((always_inline)) void deliver_usual(struct virtio_bus *vb,
								const struct usual *m, bool host)
{
	uint8_t *copy = vb->rx.copy;

	shm_copy_from(copy, m->msg + WIRE_HDR_SIZE, m->len);
	if (host)
		vring_driver_pass(&vb->rx.queue.drv);
	else
		vring_device_pass(&vb->rx.queue.dev);
	endpoint_run(&vb->bus, m->ept, copy, (int)m->len, m->src);
}

static inline __attribute__((always_inline)) int messages(struct virtio_bus *vb, int max, bool host)
{
	struct usual m;
	int n = 0;

	while (n < max) {
		if (__builtin_expect(!next_usual(vb, &m, host), 0)) {
			int got = next_any(vb);

			n += got != 0;
			if (got <= 0)
				break;
			continue;
		}
		deliver_usual(vb, &m, host);
		n++;
		if (__builtin_expect(peek(&vb->pending) != LINK_SAME, 0)) {
			if (!host)
				vring_device_keep(&vb->rx.queue.dev, m.head);
			break;
		}
		if (host)
			vring_driver_readd(&vb->rx.queue.drv, m.head);
		else
			vring_device_give_back(&vb->rx.queue.dev, m.head, 0);
	}
	flush(vb, host);
	return n;
}

void rx_drain(struct virtio_bus *vb)
{
	for (uint32_t i = 0; i < vb->num && !peek(&vb->broken); i++)
		if (!next_any(vb))
			return;
}

int rx_messages(struct virtio_bus *vb, int max)
{
	return vb->host ? messages(vb, max, true) : messages(vb, max, false);
}

/* ---- spin ---- */

/* With bus->lock, dropped meanwhile. */
static __attribute__((noinline)) int look(struct virtio_bus *vb)
{
	int n;

	lock_drop(&vb->bus.lock);
	n = virtio_look(vb);
	lock_take(&vb->bus.lock);
	if (vb->bus.up)
		rx_disarm(vb);
	return n;
}

static inline __attribute__((always_inline)) int spin(struct rpmsg_bus *bus, int max, bool host)
{
	struct virtio_bus *vb = virtio_of(bus);
	int n = 0;

	lock_take(&bus->lock);
	if (__builtin_expect(!dispatch_begin(bus), 0)) {
		lock_drop(&bus->lock);
		return dispatch_busy();
	}
	if (__builtin_expect(!bus->up || peek(&vb->pending) != LINK_SAME || --vb->spins_left == 0, 0)) {
		n = look(vb);
		if (n || !bus->up)
			goto out;
	}
	n = messages(vb, max, host);
out:
	dispatch_end(bus);
	lock_drop(&bus->lock);
	if (__builtin_expect(peek(&bus->ns_wanted), 0))
		virtio_flush_ns(vb);
	return n;
}

int rx_spin_host(struct rpmsg_bus *bus, int max)
{
	return spin(bus, max, true);
}

int rx_spin_remote(struct rpmsg_bus *bus, int max)
{
	return spin(bus, max, false);
}

/* ---- holding ---- */

struct virtio_held {
	struct rpmsg_held pub; /* first */
	struct link_mem *mem;
	uint32_t generation;
	uint16_t head;
};

static void release(struct rpmsg_held *pub)
{
	struct virtio_held *held = container_of(pub, struct virtio_held, pub);
	struct virtio_bus *vb;

	lock_take(&held->mem->lock);
	vb = held->mem->owner;
	if (vb) {
		lock_take(&vb->bus.lock);
		if (vb->mem == held->mem && vb->generation == held->generation) {
			return_buffer(vb, held->head);
			vb->rx.n_held--;
			vb->rx.held_since_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
			if (peek(&vb->bus.dispatcher) != thread_id())
				rx_flush(vb);
		}
		lock_drop(&vb->bus.lock);
	}
	lock_drop(&held->mem->lock);
	link_mem_put(held->mem);
	free(held);
}

struct rpmsg_held *rx_hold(struct endpoint *e, const void *data)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct virtio_held *held;

	if (!vb->rx.in_ring) /* put together from several pieces */
		return held_copy(data, vb->rx.len);
	held = malloc(sizeof(*held) + (vb->link->borrowed ? vb->rx.len : 0));
	if (!held)
		return NULL;
	if (vb->link->borrowed) {
		shm_copy_from(held + 1, data, vb->rx.len);
		data = held + 1;
	}
	held->pub = (struct rpmsg_held){ .data = data, .release = release };
	held->mem = vb->mem;
	held->generation = vb->generation;
	held->head = vb->rx.head;
	link_mem_get(held->mem);
	vb->rx.held = true;
	if (!vb->rx.n_held++)
		vb->rx.held_since_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	return &held->pub;
}
