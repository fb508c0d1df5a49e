/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link: two vrings in shared memory and a way to notify, joining two sides.
 * An implementation (shm; later vhost-user, foreign memory) brings it up and
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
	uint8_t *base;
	size_t size;
	void (*unmap)(struct link_mem *mem);
};
void link_mem_get(struct link_mem *mem);
void link_mem_put(struct link_mem *mem);

struct link;

enum link_change { LINK_SAME, LINK_UP, LINK_DOWN };

struct link_ops {
	/* Handles what made control_fd readable; LINK_UP: everything below is valid until LINK_DOWN. */
	enum link_change (*control)(struct link *link);
	/* Tells the other side about queue q. Any thread. Never blocks, never raises a signal. */
	void (*notify)(struct link *link, unsigned q);
	/* Clears event_fd[q]. */
	void (*drain)(struct link *link, unsigned q);
	/* Drops the connection (broken ring): control reports LINK_DOWN next. */
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
	uint32_t num;
	uint32_t buffer_size;
	uint8_t *buffers[2];        /* host side: what it posts on queue q */
	uint64_t buffers_addr[2];   /* the same in the device's terms */
	int event_fd[2];      /* readable when the other side notified us about queue q */

	/* loop: who dispatches each side, so that a wait that cannot end is seen */
	struct link_loop *loop;
	struct rpmsg_log *log;
};

struct link_options {
	uint32_t num;
	uint32_t buffer_size;
	uint64_t features; /* offered or accepted */
};

/* shm.c. NULL and errno, with rpmsg_error_detail(). */
struct link *link_shm_open(const char *name, enum rpmsg_side side, const struct link_options *opt,
			   struct rpmsg_log *log);
/* loop.c: both ends, which come up at the first control call. */
int link_loop_open(struct link *pair[2], const struct link_options *opt, struct rpmsg_log *log);

#endif
