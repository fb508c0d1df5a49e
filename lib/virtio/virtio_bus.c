/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus on a link: up and down, dispatch, what the core asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "link/event.h"
#include "virtio/virtio_bus.h"

#define DISPATCH_MAX 1024    /* messages a dispatch, so that link control has its turn */
#define SPINS_PER_LOOK 4096u /* spins between looks at the fds */
#define MALFORMED_LOGGED 16u /* entries that are logged one by one */

enum { FD_CONTROL, FD_QUEUE0, FD_QUEUE1, FD_WAKE, FD_CANCEL, FD_ALARM };

uint64_t virtio_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

void virtio_wake(struct virtio_bus *vb)
{
	event_fd_signal(vb->wake_fd);
}

void virtio_notify(struct virtio_bus *vb, unsigned q)
{
	vb->kicks[q]++;
	bus_look_at_clock(&vb->bus);
	vb->link->ops->notify(vb->link, q);
}

static void record(struct virtio_bus *vb, enum rpmsg_record_type type, unsigned q, const char *why)
{
	struct rpmsg_record event = {
		.type = type, .dir = q ? RPMSG_H2R : RPMSG_R2H, .src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY, .text = why,
	};

	bus_record(&vb->bus, &event);
}

static void reset(struct virtio_bus *vb, unsigned q, const char *why)
{
	poke(&vb->broken, true);
	record(vb, RPMSG_RECORD_RESET, q, why);
	vb->link->ops->reset(vb->link);
}

void virtio_malformed(struct virtio_bus *vb, unsigned q, const char *why, bool broken)
{
	struct rpmsg_bus *bus = &vb->bus;
	uint64_t n = __atomic_add_fetch(&bus->malformed, 1, __ATOMIC_RELAXED);

	if (broken || n <= MALFORMED_LOGGED)
		log_say(&bus->log, RPMSG_LOG_ERROR, "bus %s: %s%s", bus->name, why,
			broken ? "; the link is reset" : "");
	if (broken)
		reset(vb, q, why);
	else
		record(vb, RPMSG_RECORD_MALFORMED, q, why);
}

/* ---- up and down ---- */

static int watch(struct virtio_bus *vb, int fd, uint32_t what, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = what };

	return epoll_ctl(vb->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static void unwatch_queues(struct virtio_bus *vb)
{
	for (int q = 0; q < 2; q++) {
		if (vb->event_fd[q] < 0)
			continue;
		/* The other side holds the same file: closing alone would not end the watch. */
		epoll_ctl(vb->epoll_fd, EPOLL_CTL_DEL, vb->event_fd[q], NULL);
		if (vb->event_fd[q] != vb->tx.leader_fd)
			close(vb->event_fd[q]);
		vb->event_fd[q] = -1;
	}
}

/*
 * The transmit queue's fd is edge-triggered and never read here, so that a sender
 * that sleeps on it does not lose its wake-up to us.
 */
static int watch_queues(struct virtio_bus *vb)
{
	for (unsigned q = 0; q < 2; q++) {
		uint32_t events = q == vb->tx.q ? EPOLLIN | EPOLLET : EPOLLIN;
		int err;

		vb->event_fd[q] = fcntl(vb->link->event_fd[q], F_DUPFD_CLOEXEC, 3);
		if (vb->event_fd[q] < 0)
			return -errno;
		err = watch(vb, vb->event_fd[q], FD_QUEUE0 + q, events);
		if (err)
			return err;
	}
	return 0;
}

int virtio_device_init(struct virtio_bus *vb, struct vring_device *dev, unsigned q,
		       const struct vring_options *opt)
{
	struct vring_options at_base = *opt;

	at_base.resume = vb->link->borrowed;
	at_base.base = vb->link->base[q];
	return vring_device_init(dev, &vb->link->ring[q], &vb->link->regions, &at_base);
}

void virtio_device_fini(struct virtio_bus *vb, struct vring_device *dev, unsigned q, uint32_t n)
{
	vb->link->base[q] = (uint16_t)(dev->avail_idx - n);
	vring_device_fini(dev);
}

/* Sets up this generation's queues. With both locks. */
static int set_up(struct virtio_bus *vb)
{
	struct link *link = vb->link;
	struct vring_options opt = {
		.event_idx = link->features & RPMSG_F_EVENT_IDX,
		.indirect = link->features & RPMSG_F_INDIRECT,
		.swap = wire_swapped(link->features),
	};
	int err;

	vb->generation++;
	poke(&vb->broken, false);
	vb->swap = opt.swap;
	vb->buffer_size = link->buffer_size;
	vb->num = link->num;
	vb->rx_buffers = link->buffers[vb->rx.q];
	vb->tx_buffers = link->buffers[vb->tx.q];
	vb->rx_addr = link->buffers_addr[vb->rx.q];
	vb->tx_addr = link->buffers_addr[vb->tx.q];
	err = watch_queues(vb);
	if (!err)
		err = rx_init(vb, &opt);
	if (err)
		goto unwatch;
	err = tx_init(vb, &opt);
	if (err)
		goto fini_rx;
	vb->mem = link->mem;
	link_mem_get(vb->mem);
	rx_arm(vb);
	return 0;
fini_rx:
	rx_fini(vb);
unwatch:
	unwatch_queues(vb);
	return err;
}

/* With both locks; tx.up tells whether there is anything to take down. */
static void take_down(struct virtio_bus *vb)
{
	rx_fini(vb);
	tx_fini(vb);
	unwatch_queues(vb);
}

static void drop_mem(struct virtio_bus *vb)
{
	if (!vb->mem)
		return;
	lock_take(&vb->mem->lock);
	vb->mem->owner = NULL;
	lock_drop(&vb->mem->lock);
	lock_take(&vb->bus.lock);
	link_mem_put(vb->mem);
	vb->mem = NULL;
	lock_drop(&vb->bus.lock);
}

void virtio_link_control(struct virtio_bus *vb)
{
	lock_take(&vb->bus.lock);
	lock_take(&vb->tx.lock);
	if (vb->pending == LINK_SAME)
		poke(&vb->pending, vb->link->ops->control(vb->link));
	if (vb->pending == LINK_DOWN && vb->tx.up) {
		/* Senders fail from here on; the rings stay until dispatch has left them. */
		tx_stop(vb);
	}
	lock_drop(&vb->tx.lock);
	lock_drop(&vb->bus.lock);
	if (peek(&vb->pending) != LINK_SAME)
		virtio_wake(vb);
}

static void come_up(struct virtio_bus *vb)
{
	uint64_t features = vb->link->features;
	char why[64];
	int err;

	lock_take(&vb->bus.lock);
	lock_take(&vb->tx.lock);
	poke(&vb->pending, LINK_SAME);
	err = set_up(vb);
	if (err) {
		snprintf(why, sizeof(why), "link refused: %s", rpmsg_strerror(err));
		reset(vb, vb->rx.q, why);
	}
	lock_drop(&vb->tx.lock);
	lock_drop(&vb->bus.lock);
	if (err) {
		log_say(&vb->bus.log, RPMSG_LOG_ERROR, "bus %s: %s", vb->bus.name, why);
		return;
	}
	lock_take(&vb->mem->lock);
	vb->mem->owner = vb;
	lock_drop(&vb->mem->lock);
	bus_link_up(&vb->bus, features);
}

static void go_down(struct virtio_bus *vb)
{
	bool was_up = vb->bus.up;

	/* What the other side sent before it went was accepted there. */
	if (was_up && !peek(&vb->mem->lost)) {
		lock_take(&vb->bus.lock);
		rx_drain(vb);
		lock_drop(&vb->bus.lock);
	}
	drop_mem(vb);
	lock_take(&vb->bus.lock);
	lock_take(&vb->tx.lock);
	poke(&vb->pending, LINK_SAME);
	if (was_up)
		take_down(vb);
	lock_drop(&vb->tx.lock);
	lock_drop(&vb->bus.lock);
	if (was_up)
		bus_link_down(&vb->bus);
}

/* Acts on what control found. Number of changes. */
static int link_changes(struct virtio_bus *vb)
{
	enum link_change change = peek(&vb->pending);

	if (change == LINK_UP)
		come_up(vb);
	else if (change == LINK_DOWN)
		go_down(vb);
	return change != LINK_SAME;
}

/* ---- dispatch ---- */

bool virtio_take_cancel(struct virtio_bus *vb)
{
	if (!__atomic_exchange_n(&vb->cancelled, false, __ATOMIC_ACQ_REL))
		return false;
	event_fd_clear(vb->cancel_fd);
	return true;
}

static void cancel(struct rpmsg_bus *bus)
{
	struct virtio_bus *vb = virtio_of(bus);

	__atomic_store_n(&vb->cancelled, true, __ATOMIC_RELEASE);
	event_fd_signal(vb->cancel_fd);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Without a timer what is due waits for the next event of its kind. */
static void alarm_in(struct rpmsg_bus *bus, unsigned ms)
{
	struct virtio_bus *vb = virtio_of(bus);
	struct itimerspec at = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
	};

	if (!ms) {
		close_fd(vb->alarm_fd);
		vb->alarm_fd = -1;
		return;
	}
	if (vb->alarm_fd < 0) {
		vb->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (vb->alarm_fd < 0 || watch(vb, vb->alarm_fd, FD_ALARM, EPOLLIN))
			return;
	}
	timerfd_settime(vb->alarm_fd, 0, &at, NULL);
}

/* A buffer came back; a sender that sleeps on it counts that itself. */
static void count_tx_wakeup(struct virtio_bus *vb)
{
	lock_take(&vb->tx.lock);
	if (!vb->tx.leader)
		__atomic_add_fetch(&vb->wakeups[vb->tx.q], 1, __ATOMIC_RELAXED);
	lock_drop(&vb->tx.lock);
}

/* One event of the epoll set. Number of things handled, or -EINTR. */
static int handle_fd(struct virtio_bus *vb, uint32_t what)
{
	switch (what) {
	case FD_CONTROL:
		virtio_link_control(vb);
		return link_changes(vb);
	case FD_WAKE:
		event_fd_clear(vb->wake_fd);
		vb->rx_kicked = true;
		return link_changes(vb);
	case FD_CANCEL:
		return virtio_take_cancel(vb) ? -EINTR : 0;
	case FD_ALARM:
		bus_record_due(&vb->bus); /* sets the timer anew, or ends it */
		return 0;
	default:
		if (vb->event_fd[what - FD_QUEUE0] < 0)
			return 0;
		if (what - FD_QUEUE0 != vb->rx.q) {
			count_tx_wakeup(vb);
			return 0;
		}
		event_fd_clear(vb->event_fd[vb->rx.q]);
		__atomic_add_fetch(&vb->wakeups[vb->rx.q], 1, __ATOMIC_RELAXED);
		vb->rx_kicked = true;
		return 0;
	}
}

static int wait_fds(struct virtio_bus *vb, int timeout_ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(vb->epoll_fd, ev, 8, timeout_ms);
	int done = 0, err = 0;

	if (n < 0)
		return -errno;
	bus_look_at_clock(&vb->bus);
	for (int i = 0; i < n; i++) {
		int ret = handle_fd(vb, ev[i].data.u32);

		if (ret < 0)
			err = ret;
		else
			done += ret;
	}
	return err && !done ? err : done;
}

/* Delivers what is in the ring, DISPATCH_MAX at most; leaves notification armed. */
static int ring_messages(struct virtio_bus *vb)
{
	int n = 0;

	if (!vb->bus.up)
		return 0;
	lock_take(&vb->bus.lock);
	vb->rx_kicked = false;
	rx_disarm(vb);
	while (n < DISPATCH_MAX && peek(&vb->pending) == LINK_SAME && !peek(&vb->broken)) {
		n += rx_messages(vb, DISPATCH_MAX - n);
		if (n < DISPATCH_MAX && !rx_arm(vb))
			break;
	}
	if (peek(&vb->mem->lost) && !peek(&vb->broken))
		reset(vb, vb->rx.q, "the shared memory was cut short");
	lock_drop(&vb->bus.lock);
	if (n >= DISPATCH_MAX || peek(&vb->pending) != LINK_SAME)
		virtio_wake(vb);
	return n;
}

void virtio_flush_ns(struct virtio_bus *vb)
{
	struct rpmsg_bus *bus = &vb->bus;

	while (peek(&bus->ns_wanted) && peek(&bus->up) && !ns_flush(bus)) {
		bool free_now;

		lock_take(&vb->tx.lock);
		free_now = vb->tx.up && tx_arm(vb);
		lock_drop(&vb->tx.lock);
		if (!free_now)
			return;
	}
}

static void note_dispatcher(struct virtio_bus *vb)
{
	uint32_t *tid;

	if (!vb->link->loop)
		return;
	tid = &vb->link->loop->tid[vb->host ? 0 : 1];
	if (__atomic_load_n(tid, __ATOMIC_RELAXED) != thread_id())
		__atomic_store_n(tid, thread_id(), __ATOMIC_RELAXED);
}

static int dispatch(struct rpmsg_bus *bus, int timeout_ms)
{
	struct virtio_bus *vb = virtio_of(bus);
	int n, events;

	note_dispatcher(vb);
	n = ring_messages(vb);
	virtio_flush_ns(vb);
	events = wait_fds(vb, n ? 0 : timeout_ms);
	if (events < 0)
		return n ? n : events;
	if (!n || vb->rx_kicked)
		n += ring_messages(vb);
	virtio_flush_ns(vb);
	return n + events;
}

int virtio_look(struct virtio_bus *vb)
{
	vb->spins_left = SPINS_PER_LOOK;
	note_dispatcher(vb);
	return wait_fds(vb, 0);
}

/* ---- what the core asks ---- */

static int get_fd(struct rpmsg_bus *bus)
{
	return virtio_of(bus)->epoll_fd;
}

static long get_mtu(struct rpmsg_bus *bus)
{
	struct virtio_bus *vb = virtio_of(bus);
	long mtu;

	lock_take(&vb->tx.lock);
	mtu = vb->tx.up ? (long)vb->tx.mtu : -EPIPE;
	lock_drop(&vb->tx.lock);
	return mtu;
}

static int get_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info)
{
	struct virtio_bus *vb = virtio_of(bus);

	lock_take(&vb->tx.lock);
	info->both_sides = vb->link->loop != NULL;
	info->num = vb->num;
	info->buffer_size = vb->buffer_size;
	info->mtu_tx = info->mtu_rx = vb->buffer_size ? vb->buffer_size - WIRE_HDR_SIZE : 0;
	info->tx_free = tx_free(vb);
	if (vb->tx.full_since_ns && !info->tx_free) {
		info->tx_held_ms =
			(uint32_t)((clock_ns(CLOCK_MONOTONIC) - vb->tx.full_since_ns) / 1000000);
		tx_holder(vb, info->tx_holder, sizeof(info->tx_holder));
	}
	lock_drop(&vb->tx.lock);
	return 0;
}

/* Who asks so is about to send, as rpmsgd for its clients. */
static uint32_t get_tx_free(struct rpmsg_bus *bus)
{
	struct virtio_bus *vb = virtio_of(bus);
	uint32_t n;

	lock_take(&vb->tx.lock);
	n = tx_free(vb);
	if (!n && vb->tx.up)
		tx_starved(vb);
	lock_drop(&vb->tx.lock);
	return n;
}

/* Quick sends do not record. */
static void recorded(struct rpmsg_bus *bus)
{
	struct virtio_bus *vb = virtio_of(bus);

	lock_take(&vb->tx.lock);
	vb->tx.quick_limit = 0;
	lock_drop(&vb->tx.lock);
}

/* ---- open and close ---- */

static void free_bus(struct virtio_bus *vb)
{
	vb->link->ops->close(vb->link);
	close_fd(vb->epoll_fd);
	close_fd(vb->wake_fd);
	close_fd(vb->cancel_fd);
	close_fd(vb->leave_fd);
	close_fd(vb->alarm_fd);
	free(vb);
}

static void free_reservations(struct virtio_bus *vb)
{
	struct reservation *r;

	while ((r = LIST_FIRST(&vb->tx.reserved))) {
		LIST_REMOVE(r, link);
		link_mem_put(r->mem);
		free(r->copy);
		free(r);
	}
}

static void close_bus(struct rpmsg_bus *bus)
{
	struct virtio_bus *vb = virtio_of(bus);

	bus_stop(bus);
	ns_flush(bus);
	drop_mem(vb);
	if (bus->up)
		take_down(vb);
	free_reservations(vb);
	bus_fini(bus);
	free_bus(vb);
}

#define SHARED_OPS \
	.mtu = get_mtu, \
	.poll = tx_poll, \
	.reserve = tx_reserve, \
	.submit = tx_submit, \
	.discard = tx_discard, \
	.hold = rx_hold, \
	.dispatch = dispatch, \
	.fd = get_fd, \
	.info = get_info, \
	.recorded = recorded, \
	.rings = virtio_rings, \
	.tx_free = get_tx_free, \
	.send_ns = tx_send_ns, \
	.cancel = cancel, \
	.alarm = alarm_in, \
	.close = close_bus

static const struct backend_ops host_ops = {
	.send = tx_send_host,
	.spin = rx_spin_host,
	SHARED_OPS,
};
static const struct backend_ops remote_ops = {
	.send = tx_send_remote,
	.spin = rx_spin_remote,
	SHARED_OPS,
};

static int open_fds(struct virtio_bus *vb)
{
	int err;

	vb->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	vb->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vb->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vb->leave_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vb->epoll_fd < 0 || vb->wake_fd < 0 || vb->cancel_fd < 0 || vb->leave_fd < 0)
		return fail(errno, "no file descriptors for bus %s", vb->bus.name);
	err = watch(vb, vb->wake_fd, FD_WAKE, EPOLLIN);
	if (!err)
		err = watch(vb, vb->cancel_fd, FD_CANCEL, EPOLLIN);
	if (!err)
		err = watch(vb, vb->link->control_fd, FD_CONTROL, EPOLLIN);
	return err;
}

struct rpmsg_bus *virtio_bus_create(struct link *link, const char *name,
				    const struct rpmsg_bus_options *opt)
{
	struct virtio_bus *vb = calloc(1, sizeof(*vb));
	int err;

	if (!vb) {
		link->ops->close(link);
		errno = ENOMEM;
		return NULL;
	}
	vb->link = link;
	vb->spins_left = 1;
	vb->host = link->side == RPMSG_SIDE_HOST;
	vb->rx.q = vb->host ? 0 : 1;
	vb->tx.q = vb->host ? 1 : 0;
	vb->event_fd[0] = vb->event_fd[1] = vb->tx.leader_fd = vb->alarm_fd = -1;
	LIST_INIT(&vb->tx.reserved);
	vb->bus.tx_lock = &vb->tx.lock;
	err = open_fds(vb);
	if (!err)
		err = bus_init(&vb->bus, vb->host ? &host_ops : &remote_ops, name, link->side, opt);
	if (err) {
		free_bus(vb);
		errno = -err;
		return NULL;
	}
	link->log = &vb->bus.log;
	vb->bus.loop = link->loop;
	vb->bus.twin_recorded = link->loop && vb->bus.events;
	if (link->loop && !vb->host)
		vb->bus.recorder = NULL; /* the host's end records each message once */
	bus_start(&vb->bus);
	return &vb->bus;
}
