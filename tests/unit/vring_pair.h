/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtqueue with both its ends and some memory for buffers, for test_vring*.c. */
#ifndef TESTS_VRING_PAIR_H
#define TESTS_VRING_PAIR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/vring.h"

#define PAIR_ADDR 0x40000000ull /* of the buffers, in the device's terms */
#define PAIR_SIZE 64u           /* bytes a buffer */

struct pair {
	struct vring vr;
	struct vring_options opt;
	struct vring_regions regions;
	struct vring_driver drv;
	struct vring_device dev;
	void *ring;
	size_t ring_size;
	uint8_t *data;
	size_t data_size;
};

/* The options that change how rings are read and written, one bit each. */
#define PAIR_VARIANTS 4u

static inline struct vring_options pair_variant(unsigned i)
{
	return (struct vring_options){
		.event_idx = i & 1,
		.swap = i & 2,
		.indirect = true,
	};
}

/* Both ends as they are before the first buffer. */
static inline void pair_reset(struct pair *p)
{
	vring_driver_fini(&p->drv);
	vring_device_fini(&p->dev);
	memset(p->ring, 0, p->ring_size);
	assert_int_equal(vring_driver_init(&p->drv, &p->vr, &p->opt), 0);
	assert_int_equal(vring_device_init(&p->dev, &p->vr, &p->regions, &p->opt), 0);
}

/* Rings and data end where their blocks do, so that a sanitizer sees the first byte past them. */
static inline void pair_open(struct pair *p, uint32_t num, struct vring_options opt)
{
	const size_t align = 64;

	memset(p, 0, sizeof(*p));
	p->opt = opt;
	p->ring_size = vring_bytes(num, align);
	assert_int_equal(posix_memalign(&p->ring, align, p->ring_size), 0);
	p->data_size = (size_t)num * PAIR_SIZE;
	p->data = calloc(1, p->data_size);
	assert_non_null(p->data);
	vring_place(&p->vr, num, p->ring, align);
	p->regions.n = 1;
	p->regions.r[0] = (struct vring_region){ PAIR_ADDR, p->data_size, p->data };
	pair_reset(p);
}

static inline void pair_close(struct pair *p)
{
	vring_driver_fini(&p->drv);
	vring_device_fini(&p->dev);
	free(p->ring);
	free(p->data);
}

static inline uint64_t pair_addr(uint32_t id)
{
	return PAIR_ADDR + (uint64_t)id * PAIR_SIZE;
}

/* ---- what a driver or a device that is not ours writes ---- */

static inline void pair_desc(struct pair *p, uint32_t i, uint64_t addr, uint32_t len,
			     uint32_t flags, uint32_t next)
{
	const bool swap = p->opt.swap;

	p->vr.desc[i] = (struct vring_desc){
		.addr = order64(swap, addr),
		.len = order32(swap, len),
		.flags = order16(swap, (uint16_t)flags),
		.next = order16(swap, (uint16_t)next),
	};
}

/* An entry of an indirect table that lies at buffer id. */
static inline void pair_indirect(struct pair *p, uint32_t id, uint32_t i, uint64_t addr,
				 uint32_t len, uint32_t flags, uint32_t next)
{
	const bool swap = p->opt.swap;
	const struct vring_desc d = {
		.addr = order64(swap, addr),
		.len = order32(swap, len),
		.flags = order16(swap, (uint16_t)flags),
		.next = order16(swap, (uint16_t)next),
	};

	memcpy(p->data + (size_t)id * PAIR_SIZE + i * sizeof(d), &d, sizeof(d));
}

static inline uint16_t pair_avail_idx(const struct pair *p)
{
	return order16(p->opt.swap, p->vr.avail->idx);
}

static inline uint16_t pair_used_idx(const struct pair *p)
{
	return order16(p->opt.swap, p->vr.used->idx);
}

static inline void pair_set_avail_idx(struct pair *p, uint32_t idx)
{
	p->vr.avail->idx = order16(p->opt.swap, (uint16_t)idx);
}

static inline void pair_set_used_idx(struct pair *p, uint32_t idx)
{
	p->vr.used->idx = order16(p->opt.swap, (uint16_t)idx);
}

static inline void pair_offer(struct pair *p, uint32_t head)
{
	const uint16_t idx = pair_avail_idx(p);

	p->vr.avail->ring[idx & (p->vr.num - 1)] = order16(p->opt.swap, (uint16_t)head);
	pair_set_avail_idx(p, idx + 1u);
}

static inline void pair_give_back(struct pair *p, uint32_t id, uint32_t len)
{
	const uint16_t idx = pair_used_idx(p);

	p->vr.used->ring[idx & (p->vr.num - 1)] = (struct vring_used_elem){
		.id = order32(p->opt.swap, id),
		.len = order32(p->opt.swap, len),
	};
	pair_set_used_idx(p, idx + 1u);
}

/* xorshift64: the same numbers in every run. */
static inline uint32_t pair_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

#endif
