/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link: two vrings in shared memory and a way to notify, joining two sides.
 * An implementation (shm, vhost-user; later foreign memory) brings it up and
 * says when it goes down; the virtio bus does the rest. Queue 0 is where the
 * host receives, queue 1 where it sends. Used by one thread at a time, but for notify.
 */
#ifndef RPMSG_LINK_H
#define RPMSG_LINK_H

#include <stdint.h>

#include "rpmsg.h"
#include "core/lock.h"
#include "virtio/vring.h"

/*
 * The memory of one generation. Lives until the last reference: the link's own,
 * and one a hold or reserve. owner, under lock, is cleared when the link goes down.
 */
struct link_mem {
	struct lock lock;
	void *owner;
	unsigned refs; /* atomic */
	uint32_t lost; /* atomic; the other side took the memory away: what is read now is zero */
	uint8_t *base;
	size_t size;
	void (*unmap)(struct link_mem *mem); /* and frees mem */
};
/* One reference, the caller's, and watched for SIGBUS; -ENOMEM. */
int link_mem_init(struct link_mem *mem, uint8_t *base, size_t size,
		  void (*unmap)(struct link_mem *mem));
void link_mem_get(struct link_mem *mem);
void link_mem_put(struct link_mem *mem);

/*
 * Shared by the two ends of a loop: the thread that dispatched a side last, 0 if
 * none did, at [side - RPMSG_SIDE_HOST]. Written by the bus of that side.
 */
struct link_loop {
	uint32_t tid[2]; /* atomic */
	unsigned refs;   /* atomic; one an end */
};

struct link;

enum link_change { LINK_SAME, LINK_UP, LINK_DOWN };

struct link_ops {
	/*
	 * Handles what made control_fd readable. LINK_UP: everything below is valid,
	 * until the next call after the one that returned LINK_DOWN. One change a call:
	 * control_fd stays readable while there is more.
	 */
	enum link_change (*control)(struct link *link);
	/*
	 * Tells the other side about queue q. Any thread, with that queue's lock. Never
	 * blocks, never raises a signal.
	 */
	void (*notify)(struct link *link, unsigned q);
	/* Drops the connection (broken ring): control reports LINK_DOWN next. With a queue's lock. */
	void (*reset)(struct link *link);
	void (*close)(struct link *link);
};

struct link {
	const struct link_ops *ops;
	enum rpmsg_side side;
	int control_fd; /* epoll or socket; valid from open to close */

	/* valid while up */
	struct link_mem *mem;
	struct vring ring[2];
	struct vring_regions regions;
	uint64_t features;    /* negotiated */
	uint32_t generation;  /* bring-ups as the host counts them */
	uint32_t num;         /* of the larger ring */
	uint32_t buffer_size;
	/*
	 * Device side: the available index at which queue q goes on. Set by the link for
	 * LINK_UP, and by the bus when it has left the ring.
	 */
	uint16_t base[2];
	/*
	 * The memory stays in use over there when the link goes down: from then on we
	 * neither write to it nor rely on what is in it.
	 */
	bool borrowed;
	/* At LINK_DOWN: the other side waits for us to leave, until then its memory may be written. */
	bool awaited;
	uint8_t *buffers[2];        /* host side: what it posts on queue q */
	uint64_t buffers_addr[2];   /* the same in the device's terms */
	/*
	 * Readable when the other side notified us about queue q; reading 8 bytes
	 * clears it. To be taken out of any epoll at LINK_DOWN: the other side keeps
	 * it open too.
	 */
	int event_fd[2];

	/* loop: who dispatches each side, so that a wait that cannot end is seen */
	struct link_loop *loop;
	const struct rpmsg_log *log; /* the caller's of open, then the bus's */
};

struct link_options {
	uint32_t num;
	uint32_t buffer_size;
	uint64_t features; /* offered or accepted */
	bool inband;       /* vhost-user: offer notifications by messages */
};

/* shm.c. NULL and errno, with rpmsg_error_detail(). */
struct link *link_shm_open(const char *name, enum rpmsg_side side, const struct link_options *opt,
			   struct rpmsg_log *log);
/*
 * vhost_user.c: the remote processor of a guest that connects to the socket at path.
 * One guest at a time; the next may come when it has gone. NULL and errno, with
 * rpmsg_error_detail().
 */
struct link *link_vhost_open(const char *path, const struct link_options *opt,
			     struct rpmsg_log *log);
/*
 * loop.c: both ends, which come up at the first control call of each; pair[0] is
 * the host's. When one is closed or reset the other goes down, and both stay so.
 * 0 or -errno with rpmsg_error_detail().
 */
int link_loop_open(struct link *pair[2], const struct link_options *opt, struct rpmsg_log *log);

#endif
