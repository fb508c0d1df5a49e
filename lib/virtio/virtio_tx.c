/* SPDX-License-Identifier: BSD-2-Clause */
/* The transmit queue: send, wait for a buffer, reserve and submit. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "link/event.h"
#include "virtio/barrier.h"
#include "virtio/virtio_bus.h"

static void end_full(struct tx *tx)
{
	if (tx->starved_since_ns)
		tx->full_ns += clock_ns(CLOCK_MONOTONIC) - tx->starved_since_ns;
	tx->full_since_ns = tx->starved_since_ns = 0;
}

/* With tx.lock: the queue is not full, if it was. */
static void note_room(struct virtio_bus *vb)
{
	struct tx *tx = &vb->tx;
	bool native = vb->host ? tx->queue.drv.native_event : tx->queue.dev.native_event;

	end_full(tx);
	tx->quick_limit = native && !vb->bus.recorder ? tx->limit : 0;
	bus_buffer(&vb->bus);
}

/* With tx.lock: it is; the next one sent takes the long way and says that there is room. */
static void note_full(struct virtio_bus *vb)
{
	if (!vb->tx.full_since_ns)
		vb->tx.full_since_ns = clock_ns(CLOCK_MONOTONIC);
	vb->tx.quick_limit = 0;
}

void tx_starved(struct virtio_bus *vb)
{
	note_full(vb);
	if (vb->tx.starved_since_ns)
		return;
	vb->tx.starved_since_ns = clock_ns(CLOCK_MONOTONIC);
	vb->tx.n_full++;
}

/* Nobody waits for a buffer: the other side need not tell of one. With tx.lock. */
static void disarm(struct virtio_bus *vb)
{
	if (vb->host)
		vring_driver_disarm(&vb->tx.queue.drv);
	else
		vring_device_disarm(&vb->tx.queue.dev);
}

static void fini_queue(struct virtio_bus *vb)
{
	struct tx *tx = &vb->tx;

	if (vb->host)
		vring_driver_fini(&tx->queue.drv);
	else
		virtio_device_fini(vb, &tx->queue.dev, tx->q, tx->n_spare);
}

int tx_init(struct virtio_bus *vb, const struct vring_options *opt)
{
	struct tx *tx = &vb->tx;
	int err;

	if (vb->host)
		err = vring_driver_init(&tx->queue.drv, &vb->link->ring[tx->q], opt);
	else
		err = virtio_device_init(vb, &tx->queue.dev, tx->q, opt);
	if (err)
		return err;
	tx->spare_at = tx->n_spare = tx->n_promised = 0;
	tx->spare = calloc(vb->num, sizeof(*tx->spare));
	if (!tx->spare) {
		fini_queue(vb);
		return -ENOMEM;
	}
	for (uint32_t id = 0; vb->host && id < vb->num; id++)
		vring_driver_describe(&tx->queue.drv, (uint16_t)id,
				      vb->tx_addr + (uint64_t)id * vb->buffer_size, 0, false);
	tx->mtu = vb->buffer_size - WIRE_HDR_SIZE;
	tx->limit = (size_t)tx->mtu + 1;
	tx->up = true;
	note_room(vb);
	disarm(vb);
	return 0;
}

void tx_stop(struct virtio_bus *vb)
{
	vb->tx.up = false;
	vb->tx.limit = 0;
	vb->tx.quick_limit = 0;
	end_full(&vb->tx);
	if (vb->tx.leader)
		event_fd_signal(vb->leave_fd);
	__atomic_add_fetch(&vb->tx.seq, 1, __ATOMIC_RELAXED);
	futex_wake_all(&vb->tx.seq);
}

void tx_fini(struct virtio_bus *vb)
{
	struct tx *tx = &vb->tx;

	tx_stop(vb);
	fini_queue(vb);
	free(tx->spare);
	tx->spare = NULL;
}

/* ---- buffers; tx.lock held ---- */

/* The next id that the device has used. */
static bool take_used(struct virtio_bus *vb, uint16_t *id)
{
	struct vring_driver *drv = &vb->tx.queue.drv;
	uint32_t len;
	int got;

	while ((got = vring_driver_get_used(drv, id, &len)) < 0) {
		virtio_malformed(vb, vb->tx.q, drv->why, drv->broken);
		if (drv->broken)
			return false;
	}
	return got > 0;
}

static bool take_host(struct virtio_bus *vb, struct tx_buf *b)
{
	int id = vring_driver_alloc(&vb->tx.queue.drv);

	if (id >= 0)
		b->buf.head = (uint16_t)id;
	else if (!take_used(vb, &b->buf.head))
		return false;
	b->ptr = vb->tx_buffers + (size_t)b->buf.head * vb->buffer_size;
	b->room = vb->buffer_size;
	return true;
}

static inline bool take_ring(struct virtio_bus *vb, struct tx_buf *b)
{
	struct vring_device *dev = &vb->tx.queue.dev;
	int got;

	while ((got = vring_device_take(dev, &b->buf, true)) < 0) {
		virtio_malformed(vb, vb->tx.q, dev->why, dev->broken);
		if (dev->broken)
			return false;
	}
	if (!got)
		return false;
	b->ptr = b->buf.ptr;
	b->room = b->ptr ? b->buf.len : vb->buffer_size;
	return true;
}

static struct tx_buf *spare(struct tx *tx, uint32_t num, uint32_t i)
{
	return &tx->spare[(tx->spare_at + i) & (num - 1)];
}

/*
 * Buffers are used in the order in which they were taken, so that those which are
 * not, when the link goes down, are the last ones: the ring can go on before them.
 */
static __attribute__((noinline)) bool take_spare(struct virtio_bus *vb, struct tx_buf *b)
{
	struct tx *tx = &vb->tx;

	if (tx->n_spare == tx->n_promised) {
		if (!take_ring(vb, spare(tx, vb->num, tx->n_spare)))
			return false;
		tx->n_spare++;
	}
	*b = *spare(tx, vb->num, 0);
	tx->spare_at++;
	tx->n_spare--;
	return true;
}

static inline bool take_remote(struct virtio_bus *vb, struct tx_buf *b)
{
	return __builtin_expect(vb->tx.n_spare != 0, 0) ? take_spare(vb, b) : take_ring(vb, b);
}

static inline bool take(struct virtio_bus *vb, struct tx_buf *b)
{
	return vb->host ? take_host(vb, b) : take_remote(vb, b);
}

/* Keeps an unsent buffer for the next send. A device may not return a buffer unused. */
static void untake(struct virtio_bus *vb, const struct tx_buf *b)
{
	struct tx *tx = &vb->tx;

	if (vb->host) {
		vring_driver_free(&tx->queue.drv, b->buf.head);
		return;
	}
	tx->spare_at--;
	tx->n_spare++;
	*spare(tx, vb->num, 0) = *b;
}

/* Puts a filled buffer of n bytes on the ring, and tells the other side if it wants to know. */
static void publish(struct virtio_bus *vb, const struct tx_buf *b, uint32_t n)
{
	struct tx *tx = &vb->tx;

	if (vb->host)
		vring_driver_add_again(&tx->queue.drv, b->buf.head, n);
	else
		vring_device_return(&tx->queue.dev, b->buf.head, n);
	if (vb->host ? vring_driver_kick_needed(&tx->queue.drv) :
		       vring_device_call_needed(&tx->queue.dev))
		virtio_notify(vb, tx->q);
}

uint32_t tx_free(struct virtio_bus *vb)
{
	struct tx *tx = &vb->tx;
	uint32_t n;
	uint16_t id;

	if (!tx->up)
		return 0;
	if (vb->host) {
		while (take_used(vb, &id))
			vring_driver_free(&tx->queue.drv, id);
		n = tx->queue.drv.n_free;
	} else {
		n = tx->n_spare - tx->n_promised + vring_device_available(&tx->queue.dev);
	}
	if (!n)
		note_full(vb);
	else if (tx->full_since_ns)
		note_room(vb);
	return n;
}

void tx_holder(const struct virtio_bus *vb, char *text, size_t size)
{
	const struct reservation *r;
	unsigned n = 0;

	LIST_FOREACH(r, &vb->tx.reserved, link)
		n += r->mem == vb->mem && r->generation == vb->generation;
	if (n)
		snprintf(text, size, "the %s side (%u reserved here)", vb->host ? "remote" : "host", n);
	else
		snprintf(text, size, "the %s side", vb->host ? "remote" : "host");
}

bool tx_arm(struct virtio_bus *vb)
{
	return vb->host ? vring_driver_arm(&vb->tx.queue.drv) : vring_device_arm(&vb->tx.queue.dev);
}

/* ---- waiting for a buffer ---- */

/* Both sides of a loop in one thread: nobody else could return a buffer. */
static bool only_we_could_help(const struct virtio_bus *vb)
{
	uint32_t other;

	if (!vb->link->loop)
		return false;
	other = __atomic_load_n(&vb->link->loop->tid[vb->host ? 1 : 0], __ATOMIC_RELAXED);
	return other ? other == thread_id() : __libc_single_threaded;
}

/* Sleeps on the queue's event fd. Without locks. */
static int sleep_on_fd(struct virtio_bus *vb, int event_fd, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = event_fd, .events = POLLIN },
		{ .fd = vb->cancel_fd, .events = POLLIN },
		{ .fd = vb->link->control_fd, .events = POLLIN },
		{ .fd = vb->leave_fd, .events = POLLIN },
	};

	if (poll(fds, 4, timeout_ms) <= 0)
		return 0; /* time is the caller's; a signal does not end the wait */
	if (fds[0].revents & POLLIN) {
		event_fd_clear(event_fd);
		__atomic_add_fetch(&vb->wakeups[vb->tx.q], 1, __ATOMIC_RELAXED);
	}
	if (fds[1].revents & POLLIN && virtio_take_cancel(vb))
		return fail(EINTR, "the wait for a transmit buffer was cancelled");
	if (fds[2].revents)
		virtio_link_control(vb);
	return 0;
}

/* With tx.lock. The link may have gone down meanwhile, and may be up again. */
static void end_lead(struct virtio_bus *vb)
{
	struct tx *tx = &vb->tx;
	const bool ours = vb->event_fd[tx->q] != tx->leader_fd;

	if (ours)
		close(tx->leader_fd);
	if (ours || !tx->up)
		event_fd_clear(vb->leave_fd);
	tx->leader_fd = -1;
}

static int lead(struct virtio_bus *vb, int timeout_ms)
{
	struct tx *tx = &vb->tx;
	int event_fd = vb->event_fd[tx->q];
	int err = 0;

	tx->leader = true;
	tx->leader_fd = event_fd;
	if (!tx_arm(vb)) {
		lock_drop(&tx->lock);
		/* The other side may be waiting for what we have received. */
		lock_take(&vb->bus.lock);
		rx_flush(vb);
		lock_drop(&vb->bus.lock);
		err = sleep_on_fd(vb, event_fd, timeout_ms);
		lock_take(&tx->lock);
	}
	if (tx->up)
		disarm(vb);
	/* Whoever polls for a buffer was to be told by what we have read. */
	if (tx->polled)
		virtio_wake(vb);
	tx->polled = false;
	tx->leader = false;
	end_lead(vb);
	__atomic_add_fetch(&tx->seq, 1, __ATOMIC_RELAXED);
	if (tx->followers)
		futex_wake_all(&tx->seq);
	return err;
}

static void follow(struct virtio_bus *vb, int timeout_ms)
{
	struct tx *tx = &vb->tx;
	uint32_t seq = __atomic_load_n(&tx->seq, __ATOMIC_RELAXED);

	tx->followers++;
	lock_drop(&tx->lock);
	futex_wait(&tx->seq, seq, timeout_ms);
	lock_take(&tx->lock);
	tx->followers--;
}

/* tx.lock is dropped while asleep. 0: b is taken. */
static int wait_take(struct virtio_bus *vb, struct tx_buf *b)
{
	struct tx *tx = &vb->tx;
	int limit = vb->bus.send_timeout_ms;
	uint32_t generation = vb->generation;
	uint64_t start = virtio_now_ms();
	int err = 0;

	while (tx->up && vb->generation == generation) {
		uint64_t gone = virtio_now_ms() - start;
		int left = limit < 0 ? -1 : (int)((uint64_t)limit + 1 - gone);

		if (take(vb, b))
			return 0;
		if (only_we_could_help(vb))
			return fail(EDEADLK, "no transmit buffer, and only this thread could free one");
		if (limit >= 0 && gone > (uint64_t)limit)
			return fail(ERESTARTSYS, "no transmit buffer came back in %d ms", limit);
		if (tx->leader)
			follow(vb, left);
		else
			err = lead(vb, left);
		if (err)
			return err;
	}
	return fail(EPIPE, "the link of bus %s %s", vb->bus.name, tx->up ? "went down" : "is down");
}

static void record_no_buffer(struct virtio_bus *vb, uint32_t src, uint32_t dst)
{
	char holder[64];

	if (bus_short_already(&vb->bus))
		return;
	tx_holder(vb, holder, sizeof(holder));
	bus_no_buffer(&vb->bus, src, dst, holder);
}

/* e, or NULL for the bus itself, sends. 0: b is taken after all. */
static __attribute__((noinline)) int no_buffer(struct virtio_bus *vb, struct endpoint *e,
					       struct tx_buf *b, uint32_t src, uint32_t dst, bool wait)
{
	uint64_t start;
	int err;

	if (!vb->tx.up)
		return fail(EPIPE, "the link of bus %s is down", vb->bus.name);
	tx_starved(vb);
	record_no_buffer(vb, src, dst);
	if (!wait)
		return fail(ENOMEM, "no transmit buffer is free (%u of %u are out)", vb->num, vb->num);
	start = endpoint_wait_begin(e);
	err = wait_take(vb, b);
	endpoint_wait_end(e, start);
	return err;
}

/* ---- sending ---- */

static __attribute__((noinline)) int cannot_send(struct virtio_bus *vb, size_t len)
{
	if (!vb->tx.up)
		return fail(EPIPE, "the link of bus %s is down", vb->bus.name);
	return fail(EMSGSIZE, "%zu bytes are more than the %u that fit", len, vb->tx.mtu);
}

/* A buffer of several pieces: put together in private memory first. */
static int fill_chain(struct virtio_bus *vb, const struct tx_buf *b, const struct wire_hdr *h,
		      const void *data, size_t len)
{
	uint8_t *whole = malloc(WIRE_HDR_SIZE + len);
	int err;

	if (!whole)
		return -ENOMEM;
	memcpy(whole, h, WIRE_HDR_SIZE);
	if (len)
		memcpy(whole + WIRE_HDR_SIZE, data, len);
	err = vring_device_scatter(&vb->tx.queue.dev, &b->buf, whole, WIRE_HDR_SIZE + len);
	free(whole);
	return err;
}

/* Writes header and payload. On error b is kept for the next. */
static int fill(struct virtio_bus *vb, const struct tx_buf *b, struct wire_hdr h, const void *data,
		size_t len)
{
	int err = 0;

	wire_hdr_order(&h, vb->swap);
	if (__builtin_expect(b->ptr && b->room >= WIRE_HDR_SIZE + len, 1)) {
		shm_copy_to(b->ptr, &h, WIRE_HDR_SIZE);
		shm_copy_to(b->ptr + WIRE_HDR_SIZE, data, len);
		return 0;
	}
	if (b->ptr)
		err = fail(EMSGSIZE, "%zu bytes do not fit in the other side's buffer of %u", len, b->room);
	else
		err = fill_chain(vb, b, &h, data, len);
	if (err)
		untake(vb, b);
	return err;
}

/* What is about to be counted in flow. */
static __attribute__((noinline)) void record(struct virtio_bus *vb, struct rpmsg_flow *flow,
					     struct wire_hdr h, const void *data)
{
	uint64_t now = recorder_put(vb->bus.recorder, vb->bus.record_id,
				    vb->host ? RPMSG_H2R : RPMSG_R2H, &h, data);

	poke(&vb->bus.now_ns, now);
	poke(&flow->last_ns, now);
}

/* With tx.lock, which it drops. e: who sends, or NULL for the bus itself. */
static int send_locked(struct virtio_bus *vb, struct endpoint *e, uint32_t src, uint32_t dst,
		       const void *data, size_t len, bool wait)
{
	struct rpmsg_flow *flow = e ? &e->counts.tx : &vb->bus.root.past.tx;
	struct tx *tx = &vb->tx;
	struct wire_hdr h = { .src = src, .dst = dst, .len = (uint16_t)len };
	struct tx_buf b;
	int err = 0;

	if (__builtin_expect(len >= tx->limit, 0)) {
		err = cannot_send(vb, len);
		goto out;
	}
	if (__builtin_expect(!take(vb, &b), 0)) {
		err = no_buffer(vb, e, &b, src, dst, wait);
		if (err)
			goto out;
	}
	if (__builtin_expect(tx->full_since_ns != 0, 0))
		note_room(vb);
	err = fill(vb, &b, h, data, len);
	if (err)
		goto out;
	if (__builtin_expect(vb->bus.recorder != NULL, 0))
		record(vb, flow, h, data);
	publish(vb, &b, (uint32_t)(WIRE_HDR_SIZE + len));
	flow_count(flow, len);
out:
	lock_drop(&tx->lock);
	return err ? endpoint_failed(e, err) : 0;
}

static __attribute__((noinline)) int send_any(struct endpoint *e, const void *data, size_t len,
					      uint32_t src, uint32_t dst, bool wait)
{
	struct virtio_bus *vb = virtio_of(e->bus);

	lock_take(&vb->tx.lock);
	return send_locked(vb, e, src, dst, data, len, wait);
}

/* The same for who has the lock, briefly. */
static __attribute__((noinline)) int send_held(struct endpoint *e, const void *data, size_t len,
					       uint32_t src, uint32_t dst, bool wait)
{
	struct virtio_bus *vb = virtio_of(e->bus);

	lock_brief_keep(&vb->tx.lock);
	return send_locked(vb, e, src, dst, data, len, wait);
}

/* ---- the quick way: all is as usual ---- */

/* The ends of a quick send that need a call. */
static __attribute__((noinline)) int tell(struct virtio_bus *vb)
{
	virtio_notify(vb, vb->tx.q);
	if (lock_brief_end(&vb->tx.lock))
		lock_wake(&vb->tx.lock);
	return 0;
}

static __attribute__((noinline)) int wake(struct lock *lock)
{
	lock_wake(lock);
	return 0;
}

/* A buffer at hand, in one piece and with room for size bytes. False leaves the queue as it was. */
static inline __attribute__((always_inline)) bool claim(struct virtio_bus *vb, uint32_t size,
							struct tx_buf *b, bool host)
{
	struct tx *tx = &vb->tx;

	if (host) {
		if (!vring_driver_claim(&tx->queue.drv, &b->buf.head))
			return false;
		b->ptr = vb->tx_buffers + (size_t)b->buf.head * vb->buffer_size;
		vring_driver_relen(&tx->queue.drv, b->buf.head, size);
		return true;
	}
	if (tx->n_spare || !vring_device_peek(&tx->queue.dev, &b->buf, true) || b->buf.len < size)
		return false;
	vring_device_pass(&tx->queue.dev);
	b->ptr = b->buf.ptr;
	return true;
}

/* The header in our byte order, to any alignment. */
static inline void put_header(uint8_t *p, uint32_t src, uint32_t dst, uint16_t len)
{
	const uint32_t reserved = 0;
	const uint16_t len_flags[] = { len, 0 };

	memcpy(p + offsetof(struct wire_hdr, src), &src, sizeof(src));
	memcpy(p + offsetof(struct wire_hdr, dst), &dst, sizeof(dst));
	memcpy(p + offsetof(struct wire_hdr, reserved), &reserved, sizeof(reserved));
	memcpy(p + offsetof(struct wire_hdr, len), len_flags, sizeof(len_flags));
}

/*
 * Straight code without a call but at the end, so that few registers are saved; if
 * is_short, without one for the copy either. What it does not do goes to send_any()
 * or send_held(), before anything has been changed.
 */
static inline __attribute__((always_inline)) int send_quick(struct endpoint *e, const void *data,
							    size_t len, uint32_t src, uint32_t dst,
							    bool wait, bool host, bool is_short)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct tx *tx = &vb->tx;
	const uint32_t size = (uint32_t)(WIRE_HDR_SIZE + len);
	struct tx_buf b;

	if (__builtin_expect(!lock_brief_try(&tx->lock), 0))
		return send_any(e, data, len, src, dst, wait);
	if (__builtin_expect(len >= tx->quick_limit || !claim(vb, size, &b, host), 0))
		return send_held(e, data, len, src, dst, wait);
	put_header(b.ptr, src, dst, (uint16_t)len);
	if (is_short)
		copy_quick(b.ptr + WIRE_HDR_SIZE, data, len);
	else
		shm_copy_to(b.ptr + WIRE_HDR_SIZE, data, len);
	flow_count(&e->counts.tx, len);
	if (host)
		vring_driver_readd(&tx->queue.drv, b.buf.head);
	else
		vring_device_give_back(&tx->queue.dev, b.buf.head, size);
	if (__builtin_expect(host ? vring_driver_kick_each(&tx->queue.drv) :
				    vring_device_call_each(&tx->queue.dev), 0))
		return tell(vb);
	if (lock_brief_end(&tx->lock))
		return wake(&tx->lock);
	return 0;
}

static __attribute__((noinline)) int send_long_host(struct endpoint *e, const void *data,
						    size_t len, uint32_t src, uint32_t dst,
						    bool wait)
{
	return send_quick(e, data, len, src, dst, wait, true, false);
}

static __attribute__((noinline)) int send_long_remote(struct endpoint *e, const void *data,
						      size_t len, uint32_t src, uint32_t dst,
						      bool wait)
{
	return send_quick(e, data, len, src, dst, wait, false, false);
}

int tx_send_host(struct endpoint *e, const void *data, size_t len, uint32_t src, uint32_t dst,
		 bool wait)
{
	if (__builtin_expect(!copy_is_quick(len), 0))
		return send_long_host(e, data, len, src, dst, wait);
	return send_quick(e, data, len, src, dst, wait, true, true);
}

int tx_send_remote(struct endpoint *e, const void *data, size_t len, uint32_t src, uint32_t dst,
		   bool wait)
{
	if (__builtin_expect(!copy_is_quick(len), 0))
		return send_long_remote(e, data, len, src, dst, wait);
	return send_quick(e, data, len, src, dst, wait, false, true);
}

int tx_send_ns(struct rpmsg_bus *bus, uint32_t src, const void *msg)
{
	struct virtio_bus *vb = virtio_of(bus);

	lock_take(&vb->tx.lock);
	return send_locked(vb, NULL, src, RPMSG_NS_ADDR, msg, WIRE_NS_SIZE, false);
}

int tx_poll(struct endpoint *e)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct tx *tx = &vb->tx;
	int mask = 0;

	lock_take(&tx->lock);
	if (!tx->up)
		mask = POLLERR;
	else if (tx_free(vb) || (tx_arm(vb) && tx_free(vb)))
		mask = POLLOUT;
	tx->polled = !mask;
	lock_drop(&tx->lock);
	return mask;
}

/* ---- reserve, submit, discard ---- */

/* With tx.lock: fills in r for the taken buffer r->b. */
static int reserve_taken(struct virtio_bus *vb, struct reservation *r)
{
	if (r->b.ptr && !vb->link->borrowed) {
		r->data = r->b.ptr + WIRE_HDR_SIZE;
	} else {
		r->copy = malloc(r->b.room);
		if (!r->copy)
			return -ENOMEM;
		r->data = r->copy + WIRE_HDR_SIZE;
	}
	r->generation = vb->generation;
	r->mem = vb->mem;
	r->since_ns = clock_ns(CLOCK_MONOTONIC);
	link_mem_get(r->mem);
	if (vb->link->borrowed) {
		untake(vb, &r->b);
		vb->tx.n_promised++;
	}
	LIST_INSERT_HEAD(&vb->tx.reserved, r, link);
	return 0;
}

void *tx_reserve(struct endpoint *e, size_t *room, bool wait)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct reservation *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return NULL;
	lock_take(&vb->tx.lock);
	if (!vb->tx.up || !take(vb, &r->b))
		err = no_buffer(vb, e, &r->b, e->pub.addr, peek(&e->dst), wait);
	if (!err && vb->tx.full_since_ns)
		note_room(vb);
	if (!err && r->b.room < WIRE_HDR_SIZE) {
		untake(vb, &r->b);
		err = fail(EMSGSIZE, "the other side's buffer has %u bytes", r->b.room);
	}
	if (!err) {
		err = reserve_taken(vb, r);
		if (err)
			untake(vb, &r->b);
	}
	lock_drop(&vb->tx.lock);
	if (err) {
		free(r);
		errno = -endpoint_failed(e, err);
		return NULL;
	}
	*room = r->b.room - WIRE_HDR_SIZE;
	return r->data;
}

static bool stale(const struct virtio_bus *vb, const struct reservation *r)
{
	return !vb->tx.up || r->mem != vb->mem || r->generation != vb->generation;
}

/* With tx.lock: takes the reservation of buf off the list, and the buffer it was promised. */
static struct reservation *find_reserved(struct virtio_bus *vb, const void *buf)
{
	struct reservation *r;

	LIST_FOREACH(r, &vb->tx.reserved, link)
		if (r->data == buf)
			break;
	if (!r)
		return NULL;
	LIST_REMOVE(r, link);
	if (vb->link->borrowed && !stale(vb, r)) {
		vb->tx.n_promised--;
		take_remote(vb, &r->b);
	}
	return r;
}

static void free_reserved(struct reservation *r)
{
	link_mem_put(r->mem);
	free(r->copy);
	free(r);
}

int tx_submit(struct endpoint *e, void *buf, uint32_t dst, size_t len)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct wire_hdr h = { .src = e->pub.addr, .dst = dst, .len = (uint16_t)len }, wired;
	struct reservation *r;
	int err = 0;

	lock_take(&vb->tx.lock);
	r = find_reserved(vb, buf);
	if (!r) {
		lock_drop(&vb->tx.lock);
		return fail(EINVAL, "not a reserved transmit buffer");
	}
	wired = h;
	wire_hdr_order(&wired, vb->swap);
	shm_copy_to(r->data - WIRE_HDR_SIZE, &wired, WIRE_HDR_SIZE);
	if (stale(vb, r))
		err = fail(EPIPE, "the link went down since the buffer was reserved");
	else if (len > r->b.room - WIRE_HDR_SIZE)
		err = fail(EMSGSIZE, "%zu bytes are more than the %zu that fit", len,
			   (size_t)r->b.room - WIRE_HDR_SIZE);
	else if (r->copy)
		err = vring_device_scatter(&vb->tx.queue.dev, &r->b.buf, r->copy, WIRE_HDR_SIZE + len);
	if (!err) {
		if (vb->bus.recorder)
			record(vb, &e->counts.tx, h, r->data);
		publish(vb, &r->b, (uint32_t)(WIRE_HDR_SIZE + len));
		flow_count(&e->counts.tx, len);
	} else if (!stale(vb, r)) {
		untake(vb, &r->b);
	}
	lock_drop(&vb->tx.lock);
	free_reserved(r);
	return err ? endpoint_failed(e, err) : 0;
}

void tx_discard(struct endpoint *e, void *buf)
{
	struct virtio_bus *vb = virtio_of(e->bus);
	struct reservation *r;

	lock_take(&vb->tx.lock);
	r = find_reserved(vb, buf);
	if (r && !stale(vb, r))
		untake(vb, &r->b);
	lock_drop(&vb->tx.lock);
	if (r)
		free_reserved(r);
}
