/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything about a virtqueue that does not run for every message. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/vring.h"

/* ---- layout and memory ---- */

static size_t used_offset(uint32_t num, size_t align)
{
	const size_t avail_end = num * sizeof(struct vring_desc) + sizeof(struct vring_avail) +
				 (num + 1) * sizeof(uint16_t);

	return (avail_end + align - 1) & ~(align - 1);
}

size_t vring_bytes(uint32_t num, size_t align)
{
	return used_offset(num, align) + sizeof(struct vring_used) +
	       num * sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

void vring_place(struct vring *vr, uint32_t num, void *mem, size_t align)
{
	uint8_t *base = mem;

	vr->num = num;
	vr->desc = (struct vring_desc *)base;
	vr->avail = (struct vring_avail *)(base + num * sizeof(struct vring_desc));
	vr->used = (struct vring_used *)(base + used_offset(num, align));
}

static bool aligned(const void *p, size_t to)
{
	return p && (uintptr_t)p % to == 0;
}

static bool vring_valid(const struct vring *vr)
{
	return vr->num >= VRING_NUM_MIN && vr->num <= VRING_NUM_MAX &&
	       (vr->num & (vr->num - 1)) == 0 && aligned(vr->desc, sizeof(uint64_t)) &&
	       aligned(vr->avail, sizeof(uint16_t)) && aligned(vr->used, sizeof(uint32_t));
}

/* Behind the available ring: the used index that the driver wants to hear of. */
static uint16_t *used_event(const struct vring *vr)
{
	return &vr->avail->ring[vr->num];
}

/* Behind the used ring: the available index that the device wants to hear of. */
static uint16_t *avail_event(const struct vring *vr)
{
	return (uint16_t *)&vr->used->ring[vr->num];
}

static const struct vring_region *find_region(const struct vring_regions *regions, uint64_t addr,
					      uint64_t len)
{
	for (unsigned i = 0; i < regions->n; i++) {
		const struct vring_region *r = &regions->r[i];
		const uint64_t offset = addr - r->addr;

		if (offset < r->size && len <= r->size - offset)
			return r;
	}
	return NULL;
}

void *vring_translate(const struct vring_regions *regions, uint64_t addr, uint64_t len)
{
	const struct vring_region *r = find_region(regions, addr, len);

	return r ? r->host + (addr - r->addr) : NULL;
}

__attribute__((format(printf, 2, 3))) static int bad(char why[VRING_WHY_SIZE], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, VRING_WHY_SIZE, fmt, args);
	va_end(args);
	return -EPROTO;
}

/* ---- driver ---- */

int vring_driver_init(struct vring_driver *vq, const struct vring *vr,
		      const struct vring_options *opt)
{
	if (!vring_valid(vr))
		return -EINVAL;
	memset(vq, 0, sizeof(*vq));
	vq->free = calloc(vr->num, sizeof(*vq->free));
	vq->lent = calloc(vr->num, sizeof(*vq->lent));
	if (!vq->free || !vq->lent) {
		vring_driver_fini(vq);
		return -ENOMEM;
	}
	vq->vr = *vr;
	vq->opt = *opt;
	vq->odd = opt->swap;
	vq->native_event = opt->event_idx && !opt->swap;
	vq->avail_event = avail_event(vr);
	vq->mask = vr->num - 1;
	vq->armed = true;
	vq->n_free = vr->num;
	for (uint32_t i = 0; i < vr->num; i++) {
		vq->free[i] = (uint16_t)i;
		vq->lent[i] = VRING_NOT_LENT;
	}
	shm_store16(used_event(vr), 0);
	shm_store16(&vr->avail->flags, 0);
	shm_store_release16(&vr->avail->idx, 0);
	return 0;
}

void vring_driver_fini(struct vring_driver *vq)
{
	free(vq->free);
	free(vq->lent);
	vq->free = NULL;
	vq->lent = NULL;
	vq->n_free = 0;
}

int vring_driver_broken(struct vring_driver *vq, uint16_t idx)
{
	vq->broken = vq->odd = true;
	return bad(vq->why, "used index jumped from %u to %u (num %u)", vq->used_idx, idx,
		   vq->vr.num);
}

int vring_driver_bad_used(struct vring_driver *vq, uint32_t id)
{
	if (id > vq->mask)
		return bad(vq->why, "used id %u is not below %u", id, vq->vr.num);
	return bad(vq->why, "used id %u is not in flight", id);
}

uint32_t vring_driver_used(const struct vring_driver *vq)
{
	uint16_t n = (uint16_t)(order16(vq->opt.swap, shm_load_acquire16(&vq->vr.used->idx)) -
				vq->used_idx);

	return n <= vq->vr.num ? n : 0;
}

bool vring_driver_arm(struct vring_driver *vq)
{
	const bool swap = vq->opt.swap;

	if (vq->opt.event_idx)
		vring_keep16(used_event(&vq->vr), order16(swap, vq->used_idx));
	else if (!vq->armed)
		shm_store16(&vq->vr.avail->flags, 0);
	vq->armed = true;
	/* Pairs with the fence of call_needed. */
	shm_fence();
	return order16(swap, shm_load_acquire16(&vq->vr.used->idx)) != vq->used_idx;
}

void vring_driver_disarm(struct vring_driver *vq)
{
	/* An event index that is not moved on falls behind, and nothing reaches it. */
	if (vq->armed && !vq->opt.event_idx)
		shm_store16(&vq->vr.avail->flags,
			    order16(vq->opt.swap, VRING_AVAIL_F_NO_INTERRUPT));
	vq->armed = false;
}

void vring_driver_describe(struct vring_driver *vq, uint16_t id, uint64_t addr, uint32_t len,
			   bool device_writes)
{
	const bool swap = vq->opt.swap;
	struct vring_desc *desc = &vq->vr.desc[id];

	shm_store64(&desc->addr, order64(swap, addr));
	shm_store32(&desc->len, order32(swap, len));
	shm_store16(&desc->flags, order16(swap, device_writes ? VRING_DESC_F_WRITE : 0));
}

void vring_driver_add_again_swapped(struct vring_driver *vq, uint16_t id, uint32_t len)
{
	vring_keep32(&vq->vr.desc[id].len, order32(true, len));
	vring_driver_publish_body(vq, id, true);
}

void vring_driver_add_swapped(struct vring_driver *vq, uint16_t id, uint64_t addr, uint32_t len,
			      bool device_writes)
{
	vring_driver_add_body(vq, id, addr, len, device_writes, true);
}

/* The caller has fenced. */
bool vring_driver_kick_odd(const struct vring_driver *vq, uint16_t now, uint16_t old)
{
	const bool swap = vq->opt.swap;

	if (vq->opt.event_idx)
		return vring_need_event(order16(swap, shm_load16(vq->avail_event)), now, old);
	return !(order16(swap, shm_load16(&vq->vr.used->flags)) & VRING_USED_F_NO_NOTIFY);
}

int vring_driver_get_used_odd(struct vring_driver *vq, uint16_t *id, uint32_t *len)
{
	uint16_t seen;
	int ret;

	if (vq->broken)
		return -EPROTO;
	ret = vring_driver_look(vq, &seen, true);
	if (ret <= 0)
		return ret;
	ret = vring_driver_read_used(vq, id, len, true);
	vq->used_seen = vq->used_idx;
	return ret;
}

/* ---- device ---- */

int vring_device_init(struct vring_device *vq, const struct vring *vr,
		      const struct vring_regions *regions, const struct vring_options *opt)
{
	if (!vring_valid(vr))
		return -EINVAL;
	memset(vq, 0, sizeof(*vq));
	vq->taken = calloc(vr->num, sizeof(*vq->taken));
	if (!vq->taken)
		return -ENOMEM;
	vq->vr = *vr;
	vq->opt = *opt;
	vq->odd = opt->swap;
	vq->native_event = opt->event_idx && !opt->swap;
	vq->used_event = used_event(vr);
	vq->regions = regions;
	vq->mask = vr->num - 1;
	vq->armed = true;
	if (opt->resume) {
		vq->avail_idx = vq->avail_seen = opt->base;
		vq->used_idx = vq->signalled_idx = order16(opt->swap, shm_load16(&vr->used->idx));
	}
	shm_store16(avail_event(vr), order16(opt->swap, vq->avail_idx));
	shm_store16(&vr->used->flags, 0);
	shm_store_release16(&vr->used->idx, order16(opt->swap, vq->used_idx));
	return 0;
}

void vring_device_fini(struct vring_device *vq)
{
	free(vq->taken);
	vq->taken = NULL;
}

void vring_device_return_all(struct vring_device *vq)
{
	for (uint32_t head = 0; head <= vq->mask; head++)
		if (vq->taken[head])
			vring_device_return(vq, (uint16_t)head, 0);
}

int vring_device_broken(struct vring_device *vq, uint16_t idx)
{
	vq->broken = vq->odd = true;
	return bad(vq->why, "available index jumped from %u to %u (num %u)", vq->avail_idx, idx,
		   vq->vr.num);
}

int vring_device_bad_head(struct vring_device *vq, uint32_t head)
{
	if (head > vq->mask)
		return bad(vq->why, "available head %u is not below %u", head, vq->vr.num);
	return bad(vq->why, "available head %u has been taken already", head);
}

uint32_t vring_device_available(struct vring_device *vq)
{
	uint16_t seen = vq->avail_seen;
	int r = vq->broken ? -EPROTO : vring_device_look(vq, &seen, vq->opt.swap);

	if (r < 0 && vq->avail_idx == seen)
		return 1;
	return (uint16_t)(seen - vq->avail_idx);
}

bool vring_device_arm(struct vring_device *vq)
{
	const bool swap = vq->opt.swap;

	if (vq->opt.event_idx)
		vring_keep16(avail_event(&vq->vr), order16(swap, vq->avail_idx));
	else if (!vq->armed)
		shm_store16(&vq->vr.used->flags, 0);
	vq->armed = true;
	/* Pairs with the fence of kick_needed. */
	shm_fence();
	return order16(swap, shm_load_acquire16(&vq->vr.avail->idx)) != vq->avail_idx;
}

void vring_device_disarm(struct vring_device *vq)
{
	if (vq->armed && !vq->opt.event_idx)
		shm_store16(&vq->vr.used->flags, order16(vq->opt.swap, VRING_USED_F_NO_NOTIFY));
	vq->armed = false;
}

/* ---- chains and indirect tables ---- */

/* An entry of a table, which need not be aligned if it is an indirect one. */
static struct vring_desc read_desc(const void *table, uint32_t index, bool swap)
{
	struct vring_desc d;

	shm_copy_from(&d, (const uint8_t *)table + index * sizeof(d), sizeof(d));
	d.addr = order64(swap, d.addr);
	d.len = order32(swap, d.len);
	d.flags = order16(swap, d.flags);
	d.next = order16(swap, d.next);
	return d;
}

/* A walk over the pieces of one buffer. Each descriptor is read once and checked. */
struct walk {
	struct vring_device *vq;
	const void *table;
	uint32_t n;         /* entries of the table */
	uint32_t left;      /* descriptors that a chain without a loop may still have */
	uint32_t index;     /* of d in the table */
	struct vring_desc d;
	bool write;
	bool indirect;      /* the table is an indirect one */
	bool begun;
};

struct piece {
	uint8_t *ptr;
	uint32_t len;
};

static void walk_start(struct walk *w, struct vring_device *vq, const struct vring_desc *first,
		       uint16_t head, bool write)
{
	*w = (struct walk){
		.vq = vq,
		.table = vq->vr.desc,
		.n = vq->vr.num,
		.left = vq->vr.num - 1,
		.index = head,
		.d = *first,
		.write = write,
	};
}

static const char *walk_what(const struct walk *w)
{
	return w->indirect ? "indirect descriptor" : "descriptor";
}

/* From a descriptor that is indirect to the first one of its table. */
static int walk_enter(struct walk *w)
{
	struct vring_device *vq = w->vq;
	const uint32_t size = sizeof(struct vring_desc);

	if (!vq->opt.indirect)
		return bad(vq->why, "descriptor %u is indirect, which was not agreed", w->index);
	if (w->indirect)
		return bad(vq->why, "indirect descriptor %u is indirect itself", w->index);
	if (w->d.flags & VRING_DESC_F_NEXT)
		return bad(vq->why, "descriptor %u is indirect and has a next one", w->index);
	if (w->d.len == 0 || w->d.len % size || w->d.len / size > VRING_INDIRECT_MAX)
		return bad(vq->why, "descriptor %u: indirect table of %u bytes", w->index, w->d.len);
	w->table = vring_translate(vq->regions, w->d.addr, w->d.len);
	if (!w->table)
		return bad(vq->why, "descriptor %u: indirect table 0x%llx+%u is outside the memory",
			   w->index, (unsigned long long)w->d.addr, w->d.len);
	w->n = w->d.len / size;
	w->left = w->n - 1;
	w->index = 0;
	w->indirect = true;
	w->d = read_desc(w->table, 0, vq->opt.swap);
	return 0;
}

/* To the next descriptor of the table: 1, 0 at the end, -EPROTO. */
static int walk_step(struct walk *w)
{
	struct vring_device *vq = w->vq;

	if (!(w->d.flags & VRING_DESC_F_NEXT))
		return 0;
	if (w->d.next >= w->n)
		return bad(vq->why, "%s %u: next %u is not below %u", walk_what(w), w->index,
			   w->d.next, w->n);
	if (w->left-- == 0)
		return bad(vq->why, "%s %u: chain of more than %u", walk_what(w), w->index, w->n);
	w->index = w->d.next;
	w->d = read_desc(w->table, w->index, vq->opt.swap);
	return 1;
}

/* 1 and the next piece, 0 at the end, -EPROTO. */
static int walk_next(struct walk *w, struct piece *piece)
{
	struct vring_device *vq = w->vq;
	const struct vring_region *r;
	int ret;

	if (w->begun) {
		ret = walk_step(w);
		if (ret <= 0)
			return ret;
	}
	w->begun = true;
	while (w->d.flags & VRING_DESC_F_INDIRECT) {
		ret = walk_enter(w);
		if (ret < 0)
			return ret;
	}
	if (!(w->d.flags & VRING_DESC_F_WRITE) == w->write)
		return bad(vq->why, "%s %u is %sdevice-writable", walk_what(w), w->index,
			   w->write ? "not " : "");
	if (w->d.len == 0)
		return bad(vq->why, "%s %u has length 0", walk_what(w), w->index);
	r = find_region(vq->regions, w->d.addr, w->d.len);
	if (!r)
		return bad(vq->why, "%s %u: 0x%llx+%u is outside the memory", walk_what(w), w->index,
			   (unsigned long long)w->d.addr, w->d.len);
	vq->last = *r;
	piece->ptr = r->host + (w->d.addr - r->addr);
	piece->len = w->d.len;
	return 1;
}

/* Walks the whole buffer once, so that a bad one is found before it is used. */
static int inspect(struct vring_device *vq, struct vring_buf *buf, bool write)
{
	struct piece piece;
	struct walk w;
	uint64_t sum = 0;
	uint32_t n = 0;
	int ret;

	walk_start(&w, vq, &buf->first, buf->head, write);
	for (ret = walk_next(&w, &piece); ret > 0; ret = walk_next(&w, &piece)) {
		buf->ptr = n++ ? NULL : piece.ptr;
		sum += piece.len;
	}
	buf->len = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	return ret;
}

/* The head is marked as taken. */
int vring_device_take_slow(struct vring_device *vq, struct vring_buf *buf, uint16_t head,
			   bool write)
{
	buf->head = head;
	buf->first = read_desc(vq->vr.desc, head, vq->opt.swap);
	if (inspect(vq, buf, write) == 0)
		return 1;
	vring_device_return(vq, head, 0);
	return -EPROTO;
}

void vring_device_untake(struct vring_device *vq, const struct vring_buf *buf)
{
	vq->taken[buf->head] = 0;
	vq->avail_idx--;
	vq->avail_seen = vq->avail_idx;
}

long vring_device_gather(struct vring_device *vq, const struct vring_buf *buf, void *to, size_t cap)
{
	struct piece piece = { .ptr = buf->ptr, .len = buf->len };
	uint8_t *out = to;
	size_t done = 0, n;
	struct walk w;
	int ret;

	if (piece.ptr) {
		n = piece.len < cap ? piece.len : cap;
		shm_copy_from(out, piece.ptr, n);
		return (long)n;
	}
	walk_start(&w, vq, &buf->first, buf->head, false);
	while (done < cap) {
		ret = walk_next(&w, &piece);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		n = piece.len < cap - done ? piece.len : cap - done;
		shm_copy_from(out + done, piece.ptr, n);
		done += n;
	}
	return (long)done;
}

int vring_device_scatter(struct vring_device *vq, const struct vring_buf *buf, const void *from,
			 size_t n)
{
	const uint8_t *in = from;
	struct piece piece;
	struct walk w;
	size_t part;
	int ret;

	if (buf->len < n)
		return -EMSGSIZE;
	if (buf->ptr) {
		shm_copy_to(buf->ptr, in, n);
		return 0;
	}
	walk_start(&w, vq, &buf->first, buf->head, true);
	while (n > 0) {
		ret = walk_next(&w, &piece);
		if (ret < 0)
			return ret;
		if (ret == 0) /* shorter than when it was taken */
			return bad(vq->why, "the chain from head %u changed", buf->head);
		part = piece.len < n ? piece.len : n;
		shm_copy_to(piece.ptr, in, part);
		in += part;
		n -= part;
	}
	return 0;
}

int vring_device_take_odd(struct vring_device *vq, struct vring_buf *buf, bool write)
{
	uint16_t seen;
	int ret;

	if (vq->broken)
		return -EPROTO;
	ret = vring_device_look(vq, &seen, true);
	if (ret <= 0)
		return ret;
	ret = vring_device_read_avail(vq, buf, write, true);
	vq->avail_seen = vq->avail_idx;
	return ret;
}

void vring_device_return_swapped(struct vring_device *vq, uint16_t head, uint32_t written)
{
	vring_device_return_body(vq, head, written, true);
}

/* The caller has fenced. */
bool vring_device_call_odd(const struct vring_device *vq, uint16_t now, uint16_t old)
{
	const bool swap = vq->opt.swap;

	if (vq->opt.event_idx)
		return vring_need_event(order16(swap, shm_load16(vq->used_event)), now, old);
	return !(order16(swap, shm_load16(&vq->vr.avail->flags)) & VRING_AVAIL_F_NO_INTERRUPT);
}
