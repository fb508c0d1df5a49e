/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a virtqueue that runs for every message; included by vring.h, which
 * has the contracts. What is not the usual case is out of line, the other byte
 * order included: there it is made from the same bodies.
 */
#ifndef RPMSG_VRING_FAST_H
#define RPMSG_VRING_FAST_H

#include <errno.h>

#include "virtio/barrier.h"
#include "virtio/byteorder.h"
#include "virtio/vring.h"

#define VRING_RARE(cond) __builtin_expect(!!(cond), 0)
#define VRING_BODY static inline __attribute__((always_inline))

int vring_driver_broken(struct vring_driver *vq, uint16_t idx);
int vring_driver_bad_used(struct vring_driver *vq, uint32_t id);
void vring_driver_add_again_swapped(struct vring_driver *vq, uint16_t id, uint32_t len);
void vring_driver_add_swapped(struct vring_driver *vq, uint16_t id, uint64_t addr, uint32_t len,
			      bool device_writes);
bool vring_driver_kick_odd(const struct vring_driver *vq, uint16_t now, uint16_t old);
int vring_driver_get_used_odd(struct vring_driver *vq, uint16_t *id, uint32_t *len);

int vring_device_broken(struct vring_device *vq, uint16_t idx);
int vring_device_bad_head(struct vring_device *vq, uint32_t head);
int vring_device_take_slow(struct vring_device *vq, struct vring_buf *buf, uint16_t head,
			   bool write);
int vring_device_take_odd(struct vring_device *vq, struct vring_buf *buf, bool write);
void vring_device_return_swapped(struct vring_device *vq, uint16_t head, uint32_t written);
bool vring_device_call_odd(const struct vring_device *vq, uint16_t now, uint16_t old);

/*
 * Stores only what differs. Buffers that go round in order meet their old values
 * in the rings, and a line that is not written stays in both caches. The old value
 * is ours and decides nothing else, so that a plain load will do.
 */
static inline void vring_keep16(uint16_t *p, uint16_t v)
{
	if (*p != v)
		shm_store16(p, v);
}

static inline void vring_keep32(uint32_t *p, uint32_t v)
{
	if (*p != v)
		shm_store32(p, v);
}

static inline void vring_keep64(uint64_t *p, uint64_t v)
{
	if (*p != v)
		shm_store64(p, v);
}

/* Both words as one. */
static inline void vring_keep_elem(struct vring_used_elem *p, uint32_t id, uint32_t len)
{
	const struct vring_used_elem elem = { id, len };

	if (memcmp(p, &elem, sizeof(elem)) != 0)
		memcpy(p, &elem, sizeof(elem));
}

/* Whether event is among the indices old..now - 1, which have just been published. */
static inline bool vring_need_event(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* ---- driver ---- */

static inline int vring_driver_alloc(struct vring_driver *vq)
{
	if (!vq->n_free)
		return -ENOMEM;
	vq->n_free--;
	return vq->free[vq->free_at++ & vq->mask];
}

static inline void vring_driver_free(struct vring_driver *vq, uint16_t id)
{
	vq->free[(vq->free_at + vq->n_free++) & vq->mask] = id;
}

VRING_BODY void vring_driver_publish_body(struct vring_driver *vq, uint16_t id, bool swap)
{
	struct vring_avail *avail = vq->vr.avail;
	const uint64_t at = vq->n_added;

	vring_keep16(&avail->ring[at & vq->mask], order16(swap, id));
	vq->lent[id] = at;
	/* Pairs with the device's acquiring load of avail->idx. */
	shm_store_release16(&avail->idx, order16(swap, (uint16_t)(at + 1)));
	vq->n_added = at + 1;
}

VRING_BODY void vring_driver_add_body(struct vring_driver *vq, uint16_t id, uint64_t addr,
				      uint32_t len, bool device_writes, bool swap)
{
	struct vring_desc *desc = &vq->vr.desc[id];

	vring_keep64(&desc->addr, order64(swap, addr));
	vring_keep32(&desc->len, order32(swap, len));
	vring_keep16(&desc->flags, order16(swap, device_writes ? VRING_DESC_F_WRITE : 0));
	vring_driver_publish_body(vq, id, swap);
}

static inline void vring_driver_add(struct vring_driver *vq, uint16_t id, uint64_t addr,
				    uint32_t len, bool device_writes)
{
	if (VRING_RARE(vq->opt.swap))
		vring_driver_add_swapped(vq, id, addr, len, device_writes);
	else
		vring_driver_add_body(vq, id, addr, len, device_writes, false);
}

/* For an id that vring_driver_describe() or an earlier add described. */
static inline void vring_driver_add_again(struct vring_driver *vq, uint16_t id, uint32_t len)
{
	if (VRING_RARE(vq->opt.swap)) {
		vring_driver_add_again_swapped(vq, id, len);
		return;
	}
	vring_keep32(&vq->vr.desc[id].len, len);
	vring_driver_publish_body(vq, id, false);
}

static inline bool vring_driver_kick_needed(struct vring_driver *vq)
{
	const uint16_t now = (uint16_t)vq->n_added, old = vq->kicked_idx;

	if (now == old)
		return false;
	vq->kicked_idx = now;
	/* Pairs with the fence of the device's arm. */
	shm_fence();
	if (VRING_RARE(!vq->native_event))
		return vring_driver_kick_odd(vq, now, old);
	return vring_need_event(shm_load16(vq->avail_event), now, old);
}

/* Reads the device's index: 1 and *seen if it has moved, 0, -EPROTO. */
VRING_BODY int vring_driver_look(struct vring_driver *vq, uint16_t *seen, bool swap)
{
	const uint16_t at = vq->used_idx;
	/* Pairs with the device's releasing store of used->idx. */
	const uint16_t idx = order16(swap, shm_load_acquire16(&vq->vr.used->idx));

	/* One comparison for the usual case: nothing new is 65535 here. */
	if (VRING_RARE((uint16_t)(idx - at - 1) > vq->mask))
		return idx == at ? 0 : vring_driver_broken(vq, idx);
	*seen = idx;
	vq->n_added_seen = vq->n_added;
	return 1;
}

VRING_BODY int vring_driver_read_used(struct vring_driver *vq, uint16_t *id, uint32_t *len,
				      bool swap)
{
	const uint32_t mask = vq->mask;
	const struct vring_used_elem *elem = &vq->vr.used->ring[vq->used_idx & mask];
	const uint32_t used = order32(swap, shm_load32(&elem->id));

	vq->used_idx++;
	if (VRING_RARE(used > mask || vq->lent[used] >= vq->n_added_seen))
		return vring_driver_bad_used(vq, used);
	vq->lent[used] = VRING_NOT_LENT;
	*id = (uint16_t)used;
	*len = order32(swap, shm_load32(&elem->len));
	return 1;
}

static inline int vring_driver_get_used(struct vring_driver *vq, uint16_t *id, uint32_t *len)
{
	int r;

	if (vq->used_idx == vq->used_seen) {
		if (VRING_RARE(vq->odd))
			return vring_driver_get_used_odd(vq, id, len);
		r = vring_driver_look(vq, &vq->used_seen, false);
		if (r <= 0)
			return r;
	}
	return vring_driver_read_used(vq, id, len, false);
}

/* ---- device ---- */

/* Reads the driver's index: 1 and *seen if it has moved, 0, -EPROTO. */
VRING_BODY int vring_device_look(struct vring_device *vq, uint16_t *seen, bool swap)
{
	const uint16_t at = vq->avail_idx;
	/* Pairs with the driver's releasing store of avail->idx. */
	const uint16_t idx = order16(swap, shm_load_acquire16(&vq->vr.avail->idx));

	/* One comparison for the usual case: nothing new is 65535 here. */
	if (VRING_RARE((uint16_t)(idx - at - 1) > vq->mask))
		return idx == at ? 0 : vring_device_broken(vq, idx);
	*seen = idx;
	return 1;
}

VRING_BODY int vring_device_read_avail(struct vring_device *vq, struct vring_buf *buf, bool write,
				       bool swap)
{
	const uint32_t mask = vq->mask;
	const uint32_t head =
		order16(swap, shm_load16(&vq->vr.avail->ring[vq->avail_idx & mask]));
	const struct vring_desc *desc;
	uint64_t offset, last;
	uint32_t len;
	uint16_t flags;

	vq->avail_idx++;
	if (VRING_RARE(head > mask || vq->taken[head]))
		return vring_device_bad_head(vq, head);
	vq->taken[head] = 1;

	desc = &vq->vr.desc[head];
	flags = order16(swap, shm_load16(&desc->flags));
	len = order32(swap, shm_load32(&desc->len));
	offset = order64(swap, shm_load64(&desc->addr)) - vq->last.addr;
	last = (uint64_t)len - 1; /* does not pass for a length of 0 */
	if (VRING_RARE(flags != (write ? VRING_DESC_F_WRITE : 0) || last >= vq->last.size ||
		       offset >= vq->last.size - last))
		return vring_device_take_slow(vq, buf, (uint16_t)head, write);
	buf->head = (uint16_t)head;
	buf->len = len;
	buf->ptr = vq->last.host + offset;
	return 1;
}

static inline int vring_device_take(struct vring_device *vq, struct vring_buf *buf, bool write)
{
	int r;

	if (vq->avail_idx == vq->avail_seen) {
		if (VRING_RARE(vq->odd))
			return vring_device_take_odd(vq, buf, write);
		r = vring_device_look(vq, &vq->avail_seen, false);
		if (r <= 0)
			return r;
	}
	return vring_device_read_avail(vq, buf, write, false);
}

VRING_BODY void vring_device_publish_body(struct vring_device *vq, uint16_t head, uint32_t written,
					  bool swap)
{
	struct vring_used *used = vq->vr.used;
	const uint16_t at = vq->used_idx, next = (uint16_t)(at + 1);

	vring_keep_elem(&used->ring[at & vq->mask], order32(swap, head), order32(swap, written));
	/* Pairs with the driver's acquiring load of used->idx. */
	shm_store_release16(&used->idx, order16(swap, next));
	vq->used_idx = next;
}

VRING_BODY void vring_device_return_body(struct vring_device *vq, uint16_t head, uint32_t written,
					 bool swap)
{
	vq->taken[head] = 0;
	vring_device_publish_body(vq, head, written, swap);
}

static inline void vring_device_return(struct vring_device *vq, uint16_t head, uint32_t written)
{
	if (VRING_RARE(vq->opt.swap))
		vring_device_return_swapped(vq, head, written);
	else
		vring_device_return_body(vq, head, written, false);
}

static inline bool vring_device_call_needed(struct vring_device *vq)
{
	const uint16_t now = vq->used_idx, old = vq->signalled_idx;

	if (now == old)
		return false;
	vq->signalled_idx = now;
	/* Pairs with the fence of the driver's arm. */
	shm_fence();
	if (VRING_RARE(!vq->native_event))
		return vring_device_call_odd(vq, now, old);
	return vring_need_event(shm_load16(vq->used_event), now, old);
}

/*
 * ---- the short way ----
 *
 * For buffers that are done with before the next is looked at, in our byte order.
 * peek shows the next buffer and changes nothing; false if there is none or if
 * anything about it is not as usual: then the calls above sort it out. pass makes
 * it ours, but unmarked: it is to be given back (readd, give_back) or marked (keep)
 * before the next peek or take. Between the two others may be returned.
 */

/* len may be NULL. */
static inline bool vring_driver_peek(struct vring_driver *vq, uint16_t *id, uint32_t *len)
{
	const uint16_t at = vq->used_idx;
	const struct vring_used *used = vq->vr.used;
	const struct vring_used_elem *elem = &used->ring[at & vq->mask];
	uint32_t used_id;

	if (at == vq->used_seen) {
		/* Pairs with the device's releasing store of used->idx. */
		const uint16_t idx = shm_load_acquire16(&used->idx);

		if ((uint16_t)(idx - at - 1) > vq->mask || vq->odd)
			return false;
		vq->used_seen = idx;
		vq->n_added_seen = vq->n_added;
	}
	used_id = shm_load32(&elem->id);
	if (VRING_RARE(used_id > vq->mask || vq->lent[used_id] >= vq->n_added_seen))
		return false;
	*id = (uint16_t)used_id;
	if (len)
		*len = shm_load32(&elem->len);
	return true;
}

static inline void vring_driver_pass(struct vring_driver *vq)
{
	vq->used_idx++;
}

/* A free id, or the next used one; passed already. */
static inline bool vring_driver_claim(struct vring_driver *vq, uint16_t *id)
{
	if (VRING_RARE(vq->n_free)) {
		*id = (uint16_t)vring_driver_alloc(vq);
		return true;
	}
	if (!vring_driver_peek(vq, id, NULL))
		return false;
	vring_driver_pass(vq);
	return true;
}

/* Adds it once more as it is described, but for a length set with vring_driver_relen(). */
static inline void vring_driver_readd(struct vring_driver *vq, uint16_t id)
{
	vring_driver_publish_body(vq, id, false);
}

static inline void vring_driver_relen(struct vring_driver *vq, uint16_t id, uint32_t len)
{
	vring_keep32(&vq->vr.desc[id].len, len);
}

/* After each single add: whether the device wants to be told. Needs native_event; has the fence. */
static inline bool vring_driver_kick_each(struct vring_driver *vq)
{
	const uint16_t now = (uint16_t)vq->n_added;

	vq->kicked_idx = now;
	shm_fence();
	return shm_load16(vq->avail_event) == (uint16_t)(now - 1);
}

/* Shows single pieces in the region of the last one; any length. */
static inline bool vring_device_peek(struct vring_device *vq, struct vring_buf *buf, bool write)
{
	const uint16_t at = vq->avail_idx;
	const struct vring_avail *avail = vq->vr.avail;
	const struct vring_desc *desc;
	uint64_t offset, left;
	uint16_t head;

	if (at == vq->avail_seen) {
		/* Pairs with the driver's releasing store of avail->idx. */
		const uint16_t idx = shm_load_acquire16(&avail->idx);

		if ((uint16_t)(idx - at - 1) > vq->mask || vq->odd)
			return false;
		vq->avail_seen = idx;
	}
	head = shm_load16(&avail->ring[at & vq->mask]);
	if (VRING_RARE(head > vq->mask || vq->taken[head]))
		return false;
	desc = &vq->vr.desc[head];
	buf->len = shm_load32(&desc->len);
	offset = shm_load64(&desc->addr) - vq->last.addr;
	if (VRING_RARE(shm_load16(&desc->flags) != (write ? VRING_DESC_F_WRITE : 0) ||
		       __builtin_sub_overflow(vq->last.size, offset, &left) || buf->len > left))
		return false;
	buf->head = head;
	buf->ptr = vq->last.host + offset;
	return true;
}

static inline void vring_device_pass(struct vring_device *vq)
{
	vq->avail_idx++;
}

static inline void vring_device_keep(struct vring_device *vq, uint16_t head)
{
	vq->taken[head] = 1;
}

static inline void vring_device_give_back(struct vring_device *vq, uint16_t head, uint32_t written)
{
	vring_device_publish_body(vq, head, written, false);
}

/* As the driver's. */
static inline bool vring_device_call_each(struct vring_device *vq)
{
	const uint16_t now = vq->used_idx;

	vq->signalled_idx = now;
	shm_fence();
	return shm_load16(vq->used_event) == (uint16_t)(now - 1);
}

#endif
