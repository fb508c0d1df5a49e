/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio bus: rpmsg on a link's two virtqueues. The host is the driver of
 * both, the remote the device of both; a side transmits on one and receives on
 * the other (drivers/rpmsg/virtio_rpmsg_bus.c).
 *
 * Locks, in this order: a link_mem's, bus->lock (the receive queue), tx.lock (the
 * transmit queue). The link's control runs with both queues' locks.
 */
#ifndef RPMSG_VIRTIO_BUS_H
#define RPMSG_VIRTIO_BUS_H

#include "core/core.h"
#include "link/link.h"
#include "virtio/vring.h"
#include "virtio/wire.h"

/* One of the two, by side. */
struct queue {
	struct vring_driver drv;
	struct vring_device dev;
};

/* A transmit buffer on its way from take to submit. */
struct tx_buf {
	uint8_t *ptr; /* NULL: a chain, reached by scatter */
	uint32_t room;
	struct vring_buf buf; /* remote; host uses head as the id */
};

/* A reserved transmit buffer. */
struct reservation {
	struct tx_buf b;
	uint8_t *data;       /* what the caller writes to */
	uint8_t *copy;       /* when the buffer is a chain */
	uint32_t generation;
	struct link_mem *mem;
	uint64_t since_ns;
	LIST_ENTRY(reservation) link;
};

struct tx {
	struct lock lock;
	bool up;
	size_t limit;          /* lengths below it can be sent: mtu + 1, or 0 while down */
	size_t quick_limit;    /* the same for the quick way; 0 also if recorded, the ring is full or unusual */
	unsigned q;
	uint32_t mtu;
	struct queue queue;
	bool polled;           /* somebody waits on the bus's fd for a buffer */
	bool leader;           /* somebody sleeps on the event fd */
	int leader_fd;         /* that fd, which the leader closes if the link goes down; or -1 */
	uint32_t followers;
	uint32_t seq;          /* futex: the leader looked at the ring */
	uint64_t full_since_ns; /* when it was first seen so; 0: not full */
	uint64_t starved_since_ns; /* when a send first found it so; 0: none has */
	uint64_t n_full, full_ns; /* times that one did; how long those were that are over */
	LIST_HEAD(, reservation) reserved;
	/* remote: a queue of what was taken and not sent, n_spare of num, first at spare_at */
	struct tx_buf *spare;
	uint32_t spare_at;
	uint32_t n_spare;
	uint32_t n_promised;   /* of them, to reservations of a borrowed link */
};

struct rx {
	unsigned q;
	struct queue queue;
	uint8_t *copy;         /* private copy of the message in delivery */
	uint16_t head;         /* descriptor of the message in delivery */
	uint16_t len;          /* its payload */
	bool in_ring;          /* its data lies in the ring's buffer */
	bool held;             /* it was kept */
	uint32_t n_held;       /* buffers of this generation that are */
	uint64_t held_since_ns; /* since when one or the other is, or the last was given back */
};

/* A queue as rings() saw it last: what has not moved since then has been out since then. */
struct ring_seen {
	uint32_t generation;
	uint16_t idx;
	uint64_t since_ns; /* 0: nothing was out */
};

struct virtio_bus {
	struct rpmsg_bus bus; /* first */
	struct link *link;
	bool host;
	struct rx rx;
	struct tx tx;
	struct link_mem *mem;  /* this generation's; our reference */
	uint8_t *rx_buffers;   /* host: what queue 0's descriptors stand for */
	uint8_t *tx_buffers;
	uint64_t rx_addr, tx_addr;
	uint32_t buffer_size;
	uint32_t num;
	uint32_t generation;   /* of what is set up */
	bool swap;
	int epoll_fd;
	int wake_fd;           /* keeps the epoll fd readable while there is more to do */
	int cancel_fd;
	int leave_fd;          /* wakes the leader when the link goes down */
	int alarm_fd;          /* a timer, or -1 until it is wanted */
	bool cancelled;        /* atomic */
	int event_fd[2];       /* our duplicates of the link's, in the epoll set */
	bool broken;           /* atomic; a ring is, and the link was reset */
	bool rx_kicked;        /* a fd that tells of messages was cleared since the ring was looked at */
	enum link_change pending; /* atomic; seen by a sender, for dispatch to act on */
	unsigned spins_left;   /* to the next look at the fds; not 0 */
	uint64_t kicks[2];     /* of each queue, since the bus was made; with its lock */
	uint64_t wakeups[2];   /* atomic */
	uint64_t suppressed[2]; /* as rings() said last; with both locks */
	struct ring_seen seen[2]; /* with both locks */
};

static inline struct virtio_bus *virtio_of(struct rpmsg_bus *bus)
{
	return container_of(bus, struct virtio_bus, bus);
}

#define VIRTIO_FEATURES (RPMSG_F_VERSION_1 | RPMSG_F_NS | RPMSG_F_EVENT_IDX | RPMSG_F_INDIRECT)

/* virtio_bus.c */
/* Takes the link over, also on failure. */
struct rpmsg_bus *virtio_bus_create(struct link *link, const char *name,
				    const struct rpmsg_bus_options *opt);
/* Lets the link look at its connection; takes both locks. What comes of it waits in vb->pending. */
void virtio_link_control(struct virtio_bus *vb);
/* Counts, logs and records a malformed entry of queue q; broken takes the link down. With its lock. */
void virtio_malformed(struct virtio_bus *vb, unsigned q, const char *why, bool broken);
/* Tells the other side of queue q. With its lock. */
void virtio_notify(struct virtio_bus *vb, unsigned q);
/* Looks at the fds without sleep, as a spin does now and then: things handled or -errno. */
int virtio_look(struct virtio_bus *vb);
/* A device's queue q, from where the link says; and where it stopped, less n taken and not used. */
int virtio_device_init(struct virtio_bus *vb, struct vring_device *dev, unsigned q,
		       const struct vring_options *opt);
void virtio_device_fini(struct virtio_bus *vb, struct vring_device *dev, unsigned q, uint32_t n);
/* Announcements that found no buffer go out when one is back. */
void virtio_flush_ns(struct virtio_bus *vb);
/* Makes the bus's fd readable. */
void virtio_wake(struct virtio_bus *vb);
/* True once for each rpmsg_bus_cancel(). */
bool virtio_take_cancel(struct virtio_bus *vb);
uint64_t virtio_now_ms(void);

/* virtio_tx.c */
int tx_init(struct virtio_bus *vb, const struct vring_options *opt);
void tx_fini(struct virtio_bus *vb);
/* Sends fail and sleeping senders wake up; the rings stay. With tx.lock. */
void tx_stop(struct virtio_bus *vb);
send_fn tx_send_host, tx_send_remote;
int tx_send_ns(struct rpmsg_bus *bus, uint32_t src, const void *msg);
int tx_poll(struct endpoint *e);
void *tx_reserve(struct endpoint *e, size_t *room, bool wait);
int tx_submit(struct endpoint *e, void *buf, uint32_t dst, size_t len);
void tx_discard(struct endpoint *e, void *buf);
/* Who has kept a transmit buffer longest, of those that are out. With tx.lock. */
void tx_holder(const struct virtio_bus *vb, char *text, size_t size);
/* Transmit buffers free now. With tx.lock. */
uint32_t tx_free(struct virtio_bus *vb);
/* Somebody who has something to send found none. With tx.lock. */
void tx_starved(struct virtio_bus *vb);
/* Asks to be notified of a free one; true if there is one already. With tx.lock. */
bool tx_arm(struct virtio_bus *vb);

/* virtio_rx.c */
int rx_init(struct virtio_bus *vb, const struct vring_options *opt);
void rx_fini(struct virtio_bus *vb);
/* Delivers max messages at most and tells the other side of returned buffers. With bus->lock. */
int rx_messages(struct virtio_bus *vb, int max);
/* The link went: delivers what it had brought, and returns nothing. With bus->lock. */
void rx_drain(struct virtio_bus *vb);
/* rpmsg_bus_spin(). */
int rx_spin_host(struct rpmsg_bus *bus, int max);
int rx_spin_remote(struct rpmsg_bus *bus, int max);
/* Tells the other side of buffers returned so far, if it wants to know. With bus->lock. */
void rx_flush(struct virtio_bus *vb);
/* Asks to be notified; true if something is there already. With bus->lock. */
bool rx_arm(struct virtio_bus *vb);
/* Asks not to be: we look by ourselves. With bus->lock. */
void rx_disarm(struct virtio_bus *vb);
struct rpmsg_held *rx_hold(struct endpoint *e, const void *data);

/* virtio_stats.c */
void virtio_rings(struct rpmsg_bus *bus, struct rpmsg_stats *stats);

#endif
