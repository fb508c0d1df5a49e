/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One split virtqueue (virtio 1.x, section 2.7), driver role and device role.
 * Knows nothing of rpmsg. All bookkeeping is private; what the other side can
 * write is read once and checked. Not thread-safe: the caller locks.
 *
 * A bad entry is -EPROTO with the words in vq->why; it has been consumed and
 * the queue can go on, unless vq->broken (an index that cannot be): then every
 * further call is -EPROTO.
 *
 * What runs for every message is inline, in vring_fast.h at the end.
 */
#ifndef RPMSG_VRING_H
#define RPMSG_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VRING_DESC_F_NEXT 1u
#define VRING_DESC_F_WRITE 2u
#define VRING_DESC_F_INDIRECT 4u
#define VRING_AVAIL_F_NO_INTERRUPT 1u
#define VRING_USED_F_NO_NOTIFY 1u

#define VRING_NUM_MIN 2u
#define VRING_NUM_MAX 32768u
#define VRING_INDIRECT_MAX 65536u /* entries of an indirect table */

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* num, then used_event */
};
struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[]; /* num, then avail_event */
};

/* Where the three parts lie in our address space. num is a power of two, 2..32768. */
struct vring {
	uint32_t num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/*
 * Bytes of a ring laid out in one piece, used part aligned to align (a power of
 * two, at least 4), event fields included; and the pointers into it.
 */
size_t vring_bytes(uint32_t num, size_t align);
void vring_place(struct vring *vr, uint32_t num, void *mem, size_t align);

/* Addresses of the other side that may appear in descriptors. No region goes past 2^64. */
#define VRING_REGIONS_MAX 8
struct vring_region {
	uint64_t addr;
	uint64_t size;
	uint8_t *host;
};
struct vring_regions {
	unsigned n;
	struct vring_region r[VRING_REGIONS_MAX];
};
/* NULL unless all len bytes from addr lie in one region. */
void *vring_translate(const struct vring_regions *regions, uint64_t addr, uint64_t len);

struct vring_options {
	bool event_idx; /* negotiated */
	bool indirect;  /* negotiated */
	bool swap;      /* other byte order */
	bool resume;    /* device: go on at base in a ring that another may have used */
	uint16_t base;  /* the next available index then */
};

#define VRING_WHY_SIZE 96

/* ---- driver role: owns the descriptor table; descriptor i is buffer i ---- */

#define VRING_NOT_LENT UINT64_MAX

struct vring_driver {
	struct vring vr;
	struct vring_options opt;
	bool armed;
	bool broken;
	bool odd;              /* swap or broken: not for the inline path */
	bool native_event;     /* event_idx, in our byte order */
	uint16_t used_idx;     /* next to be read */
	uint16_t kicked_idx;   /* the available index at the last decision about a kick */
	uint16_t used_seen;    /* the other side's index as last read; if swap, used_idx */
	uint64_t n_added;      /* buffers in all; the low 16 bits are the available index */
	uint64_t n_added_seen; /* n_added when used_seen was read: only these can be used there */
	uint32_t mask;
	uint32_t n_free;
	uint32_t free_at;      /* the first free id in free[] */
	uint16_t *avail_event; /* the device's event field */
	uint16_t *free;        /* a queue, so that ids stay in order: see vring_keep16 */
	uint64_t *lent;        /* per id: n_added before it was added; VRING_NOT_LENT once found used */
	char why[VRING_WHY_SIZE];
};

/*
 * Resets the shared words that the driver owns, notifications on; the device's
 * are taken to be zero. -EINVAL (size, alignment), -ENOMEM.
 */
int vring_driver_init(struct vring_driver *vq, const struct vring *vr,
		      const struct vring_options *opt);
void vring_driver_fini(struct vring_driver *vq);
/* Takes the longest free descriptor id, -ENOMEM if none: look for used ones then. */
static inline int vring_driver_alloc(struct vring_driver *vq);
/* Gives an id back that alloc or get_used returned. */
static inline void vring_driver_free(struct vring_driver *vq, uint16_t id);
/*
 * Makes id available to the device, visible at once; addr is in the device's
 * terms. Cheapest, here and for the device, if all but the data is as it was when
 * id was last added.
 */
static inline void vring_driver_add(struct vring_driver *vq, uint16_t id, uint64_t addr,
				    uint32_t len, bool device_writes);
/*
 * The two halves of it, for who always adds id with the same address and direction:
 * describe once, then add again with a length each time.
 */
void vring_driver_describe(struct vring_driver *vq, uint16_t id, uint64_t addr, uint32_t len,
			   bool device_writes);
static inline void vring_driver_add_again(struct vring_driver *vq, uint16_t id, uint32_t len);
/*
 * Whether the device wants to be told of what was added since the last call.
 * Has the fence. To be called at least once every 65535 adds.
 */
static inline bool vring_driver_kick_needed(struct vring_driver *vq);
/*
 * 1 and the next used id (now ours) with its written length, 0 if none, -EPROTO.
 * The length is what the device says: hold it against the buffer before use.
 */
static inline int vring_driver_get_used(struct vring_driver *vq, uint16_t *id, uint32_t *len);
/* Buffers that the device has used and get_used() has not returned. 0 if what it says cannot be. */
uint32_t vring_driver_used(const struct vring_driver *vq);
/*
 * Asks for an interrupt at the next used buffer; true if one is there already
 * (nothing was lost). Has the fence.
 */
bool vring_driver_arm(struct vring_driver *vq);
/* One interrupt may still come, and with event_idx one more every 65536 buffers. */
void vring_driver_disarm(struct vring_driver *vq);

/* ---- device role ---- */

struct vring_device {
	struct vring vr;
	struct vring_options opt;
	bool armed;
	bool broken;
	bool odd;               /* as the driver's */
	bool native_event;
	uint16_t avail_idx;     /* next to be read */
	uint16_t used_idx;      /* next to be published */
	uint16_t avail_seen;    /* the other side's index as last read; if swap, avail_idx */
	uint16_t signalled_idx; /* used_idx at the last decision about a call */
	uint32_t mask;
	uint16_t *used_event;   /* the driver's event field */
	uint8_t *taken;         /* per head: 1 while we have it */
	struct vring_region last; /* copy of the one that the last piece lay in */
	const struct vring_regions *regions;
	char why[VRING_WHY_SIZE];
};

/*
 * A taken buffer. ptr is NULL for a chain of several pieces: use gather or
 * scatter, once. ptr may have any alignment.
 */
struct vring_buf {
	uint16_t head;
	uint32_t len; /* of the single piece; of a chain the sum, which may not hold */
	void *ptr;
	struct vring_desc first; /* of a chain: the head's private copy; else not set */
};

/*
 * Starts with notifications on, at index zero or where opt says. *regions stays the
 * caller's and must not change. -EINVAL (size, alignment), -ENOMEM.
 */
int vring_device_init(struct vring_device *vq, const struct vring *vr,
		      const struct vring_regions *regions, const struct vring_options *opt);
void vring_device_fini(struct vring_device *vq);
/* Buffers that a take would find now; 1 if there is none and the queue is broken: the take tells. */
uint32_t vring_device_available(struct vring_device *vq);
/*
 * 1 and the next buffer, 0 if none, -EPROTO. write: the pieces must be device-writable,
 * else readable. A bad buffer with a good head has been returned with length 0: ask
 * call_needed.
 */
static inline int vring_device_take(struct vring_device *vq, struct vring_buf *buf, bool write);
/* Puts the last taken buffer back, with no take since: the next take gets it again. */
void vring_device_untake(struct vring_device *vq, const struct vring_buf *buf);
/*
 * Copies a readable buffer to private memory, cap bytes at most; bytes copied or
 * -EPROTO. The head stays taken.
 */
long vring_device_gather(struct vring_device *vq, const struct vring_buf *buf, void *to,
			 size_t cap);
/* Copies n bytes into a writable buffer; -EMSGSIZE if smaller, -EPROTO. The head stays taken. */
int vring_device_scatter(struct vring_device *vq, const struct vring_buf *buf, const void *from,
			 size_t n);
/* Returns a taken head, visible at once. */
static inline void vring_device_return(struct vring_device *vq, uint16_t head, uint32_t written);
/* Returns all that are taken, with length 0. */
void vring_device_return_all(struct vring_device *vq);
/*
 * Whether the driver wants to be told of what was returned since the last call.
 * Has the fence. To be called at least once every 65535 returns.
 */
static inline bool vring_device_call_needed(struct vring_device *vq);
/* As the driver's, for available buffers. */
bool vring_device_arm(struct vring_device *vq);
void vring_device_disarm(struct vring_device *vq);

#include "virtio/vring_fast.h"

#endif
