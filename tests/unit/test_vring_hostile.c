/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtqueue whose other side writes what it should not. */
#include "vring_pair.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define NUM 256u

#if defined(__SANITIZE_THREAD__)
#define WATCHED_FOR_RACES 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED_FOR_RACES 1
#endif
#endif

/* One end is ours, the other is written by hand. */
static void each_variant(void (*fn)(struct pair *p))
{
	struct pair p;

	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, NUM, pair_variant(v));
		fn(&p);
		pair_close(&p);
	}
}

/* ---- against the driver ---- */

static void lend(struct pair *p, uint32_t n)
{
	while (n--) {
		const int id = vring_driver_alloc(&p->drv);

		assert_true(id >= 0);
		vring_driver_add(&p->drv, (uint16_t)id, pair_addr((uint32_t)id), PAIR_SIZE, true);
	}
}

static void used_is_bad(struct pair *p, const char *why)
{
	uint32_t len = 77;
	uint16_t id = 77, seen;

	assert_false(vring_driver_peek(&p->drv, &seen, NULL));
	assert_int_equal(vring_driver_get_used(&p->drv, &id, &len), -EPROTO);
	assert_string_equal(p->drv.why, why);
	assert_int_equal(id, 77);
	assert_int_equal(len, 77);
}

static void used_is(struct pair *p, uint16_t want)
{
	uint32_t len;
	uint16_t id;

	assert_int_equal(vring_driver_get_used(&p->drv, &id, &len), 1);
	assert_int_equal(id, want);
}

static void used_ids_out_of_range(struct pair *p)
{
	lend(p, 4);
	pair_give_back(p, 300, 8);
	pair_give_back(p, 256, 8);
	pair_give_back(p, 0xffffffff, 8);
	pair_give_back(p, 0x10002, 8); /* 2, if it were cut to 16 bits */
	pair_give_back(p, 2, 8);
	used_is_bad(p, "used id 300 is not below 256");
	used_is_bad(p, "used id 256 is not below 256");
	used_is_bad(p, "used id 4294967295 is not below 256");
	used_is_bad(p, "used id 65538 is not below 256");
	used_is(p, 2);
	assert_false(p->drv.broken);
}

static void used_ids_not_in_flight(struct pair *p)
{
	lend(p, 4);
	pair_give_back(p, 4, 8);  /* never lent */
	pair_give_back(p, 1, 8);
	pair_give_back(p, 1, 8);  /* twice */
	pair_give_back(p, 3, 8);
	used_is_bad(p, "used id 4 is not in flight");
	used_is(p, 1);
	used_is_bad(p, "used id 1 is not in flight");
	used_is(p, 3);
	/* Lent again it may come back again. */
	vring_driver_add(&p->drv, 1, pair_addr(1), PAIR_SIZE, true);
	pair_give_back(p, 1, 8);
	used_is(p, 1);
	assert_false(p->drv.broken);
}

/* Given back twice in one go, and lent again in between: the second was there before that. */
static void test_used_again_before_it_was_lent(void **state)
{
	struct pair p;
	uint16_t id = 0;

	(void)state;
	pair_open(&p, NUM, pair_variant(1));
	lend(&p, NUM);
	pair_give_back(&p, 9, 0);
	pair_give_back(&p, 9, 0);
	pair_give_back(&p, 3, 0);
	assert_true(vring_driver_claim(&p.drv, &id));
	assert_int_equal(id, 9);
	vring_driver_readd(&p.drv, id);
	assert_false(vring_driver_claim(&p.drv, &id));
	used_is_bad(&p, "used id 9 is not in flight");
	assert_true(vring_driver_claim(&p.drv, &id));
	assert_int_equal(id, 3);
	vring_driver_readd(&p.drv, id);
	pair_give_back(&p, 9, 0);
	used_is(&p, 9);
	pair_close(&p);
}

static void used_index_jumps(struct pair *p)
{
	lend(p, 8);
	for (uint32_t i = 0; i < 3; i++) {
		pair_give_back(p, i, 8);
		used_is(p, (uint16_t)i);
	}
	pair_set_used_idx(p, 1003);
	used_is_bad(p, "used index jumped from 3 to 1003 (num 256)");
	assert_true(p->drv.broken);
	/* Once broken it stays so, whatever the index is later. */
	pair_set_used_idx(p, 3);
	used_is_bad(p, "used index jumped from 3 to 1003 (num 256)");
	pair_give_back(p, 4, 8);
	used_is_bad(p, "used index jumped from 3 to 1003 (num 256)");
}

static void used_index_steps_back(struct pair *p)
{
	lend(p, 8);
	pair_give_back(p, 0, 8);
	used_is(p, 0);
	pair_set_used_idx(p, 0);
	used_is_bad(p, "used index jumped from 1 to 0 (num 256)");
	assert_true(p->drv.broken);
}

/* As far as the ring is long an index may go; what is stale there is found entry by entry. */
static void used_index_jumps_within_the_ring(struct pair *p)
{
	lend(p, 8);
	pair_set_used_idx(p, 256);
	used_is(p, 0);
	for (unsigned i = 1; i < 256; i++)
		used_is_bad(p, "used id 0 is not in flight");
	assert_false(p->drv.broken);
}

static void event_field_is_any_value(struct pair *p)
{
	uint64_t seed = 88172645463325252u;
	unsigned kicked = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint32_t len;
		uint16_t id;

		lend(p, 1);
		*p->drv.avail_event = (uint16_t)pair_random(&seed);
		p->vr.used->flags = (uint16_t)pair_random(&seed);
		kicked += vring_driver_kick_needed(&p->drv);
		pair_give_back(p, i % NUM, 0);
		assert_int_equal(vring_driver_get_used(&p->drv, &id, &len), 1);
		vring_driver_free(&p->drv, id);
	}
	assert_true(kicked < 1000);
}

#define EACH_VARIANT(fn) \
	static void test_##fn(void **state) \
	{ \
		(void)state; \
		each_variant(fn); \
	}

EACH_VARIANT(used_ids_out_of_range)
EACH_VARIANT(used_ids_not_in_flight)
EACH_VARIANT(used_index_jumps)
EACH_VARIANT(used_index_steps_back)
EACH_VARIANT(used_index_jumps_within_the_ring)
EACH_VARIANT(event_field_is_any_value)

/* ---- against the device ---- */

static void take_is_bad(struct pair *p, bool write, const char *why)
{
	struct vring_buf buf;

	assert_false(vring_device_peek(&p->dev, &buf, write) && buf.len);
	assert_int_equal(vring_device_take(&p->dev, &buf, write), -EPROTO);
	assert_string_equal(p->dev.why, why);
}

/* A good buffer passes, so the queue goes on. */
static void still_works(struct pair *p)
{
	const uint16_t used = pair_used_idx(p);
	struct vring_buf buf;

	pair_desc(p, 200, pair_addr(200), PAIR_SIZE, 0, 0);
	pair_offer(p, 200);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	assert_int_equal(buf.head, 200);
	assert_ptr_equal(buf.ptr, p->data + 200 * PAIR_SIZE);
	vring_device_return(&p->dev, 200, 0);
	assert_int_equal(pair_used_idx(p), (uint16_t)(used + 1));
	assert_false(p->dev.broken);
}

/* Behind a good buffer, so that the region is known and peek looks at it. */
static void peek_leaves_it(struct pair *p, bool write)
{
	struct vring_buf buf;

	pair_desc(p, 201, pair_addr(201), PAIR_SIZE, write ? VRING_DESC_F_WRITE : 0, 0);
	pair_offer(p, 201);
	pair_offer(p, 9);
	assert_int_equal(vring_device_take(&p->dev, &buf, write), 1);
	assert_false(vring_device_peek(&p->dev, &buf, write) && buf.len);
	vring_device_return(&p->dev, 201, 0);
}

/* Head 9 is offered and refused: it goes back with length 0 and can be offered again. */
static void refused(struct pair *p, bool write, const char *why)
{
	const uint16_t used = (uint16_t)(pair_used_idx(p) + 1);
	struct vring_used_elem *elem = &p->vr.used->ring[used & (NUM - 1)];

	peek_leaves_it(p, write);
	elem->len = 0xdddddddd;
	take_is_bad(p, write, why);
	assert_int_equal(pair_used_idx(p), (uint16_t)(used + 1));
	assert_int_equal(order32(p->opt.swap, elem->id), 9);
	assert_int_equal(elem->len, 0);
	still_works(p);
}

static void refused_desc(struct pair *p, uint64_t addr, uint32_t len, uint32_t flags,
			 uint32_t next, const char *why)
{
	pair_desc(p, 9, addr, len, flags, next);
	refused(p, false, why);
}

static void heads_out_of_range(struct pair *p)
{
	struct vring_buf buf;

	pair_offer(p, 256);
	pair_offer(p, 65535);
	take_is_bad(p, false, "available head 256 is not below 256");
	assert_false(vring_device_peek(&p->dev, &buf, false));
	take_is_bad(p, false, "available head 65535 is not below 256");
	assert_int_equal(pair_used_idx(p), 0);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 0);
	still_works(p);
}

static void heads_taken_twice(struct pair *p)
{
	struct vring_buf buf;

	pair_desc(p, 9, pair_addr(9), PAIR_SIZE, 0, 0);
	pair_offer(p, 9);
	pair_offer(p, 9);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	assert_false(vring_device_peek(&p->dev, &buf, false));
	take_is_bad(p, false, "available head 9 has been taken already");
	assert_int_equal(pair_used_idx(p), 0);
	vring_device_return(&p->dev, 9, 0);
	pair_offer(p, 9);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	vring_device_return(&p->dev, 9, 0);
	still_works(p);
}

static void available_index_jumps(struct pair *p)
{
	const char *why = "available index jumped from 3 to 1003 (num 256)";

	for (unsigned i = 0; i < 3; i++)
		still_works(p);
	pair_set_avail_idx(p, 1003);
	assert_int_equal(vring_device_available(&p->dev), 1);
	take_is_bad(p, false, why);
	assert_true(p->dev.broken);
	pair_set_avail_idx(p, 3);
	take_is_bad(p, false, why);
	pair_offer(p, 200);
	take_is_bad(p, false, why);
	assert_int_equal(vring_device_available(&p->dev), 1);
	assert_int_equal(pair_used_idx(p), 3);
}

static void available_index_steps_back(struct pair *p)
{
	still_works(p);
	pair_set_avail_idx(p, 0);
	take_is_bad(p, false, "available index jumped from 1 to 0 (num 256)");
	assert_true(p->dev.broken);
}

static void available_index_jumps_one_too_far(struct pair *p)
{
	pair_set_avail_idx(p, 257);
	take_is_bad(p, false, "available index jumped from 0 to 257 (num 256)");
	assert_true(p->dev.broken);
}

/* An index may say that the whole ring is full; the stale heads are found one by one. */
static void available_index_jumps_within_the_ring(struct pair *p)
{
	struct vring_buf buf;

	pair_desc(p, 0, pair_addr(0), PAIR_SIZE, 0, 0);
	pair_set_avail_idx(p, 256);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	for (unsigned i = 1; i < 256; i++)
		take_is_bad(p, false, "available head 0 has been taken already");
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 0);
	assert_false(p->dev.broken);
}

static void addresses_outside(struct pair *p)
{
	refused_desc(p, 0, 16, 0, 0, "descriptor 9: 0x0+16 is outside the memory");
	refused_desc(p, PAIR_ADDR - 1, 16, 0, 0, "descriptor 9: 0x3fffffff+16 is outside the memory");
	refused_desc(p, pair_addr(256), 1, 0, 0, "descriptor 9: 0x40004000+1 is outside the memory");
	refused_desc(p, pair_addr(256) - 8, 9, 0, 0,
		     "descriptor 9: 0x40003ff8+9 is outside the memory");
	refused_desc(p, PAIR_ADDR, 0x4001, 0, 0, "descriptor 9: 0x40000000+16385 is outside the memory");
	refused_desc(p, PAIR_ADDR, 0xffffffff, 0, 0,
		     "descriptor 9: 0x40000000+4294967295 is outside the memory");
	refused_desc(p, UINT64_MAX - 7, 16, 0, 0,
		     "descriptor 9: 0xfffffffffffffff8+16 is outside the memory");
	refused_desc(p, UINT64_MAX, 0xffffffff, 0, 0,
		     "descriptor 9: 0xffffffffffffffff+4294967295 is outside the memory");
	refused_desc(p, PAIR_ADDR + (1ull << 32), 16, 0, 0,
		     "descriptor 9: 0x140000000+16 is outside the memory");
}

static void wrong_directions(struct pair *p)
{
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_WRITE, 0,
		     "descriptor 9 is device-writable");
	pair_desc(p, 9, pair_addr(9), 16, 0, 0);
	refused(p, true, "descriptor 9 is not device-writable");
	pair_desc(p, 10, pair_addr(10), 16, VRING_DESC_F_WRITE, 0);
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 10,
		     "descriptor 10 is device-writable");
	pair_desc(p, 9, pair_addr(9), 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 10);
	pair_desc(p, 10, pair_addr(10), 16, 0, 0);
	refused(p, true, "descriptor 10 is not device-writable");
}

static void zero_lengths(struct pair *p)
{
	refused_desc(p, pair_addr(9), 0, 0, 0, "descriptor 9 has length 0");
	pair_desc(p, 9, pair_addr(9), 0, VRING_DESC_F_WRITE, 0);
	refused(p, true, "descriptor 9 has length 0");
	pair_desc(p, 10, pair_addr(10), 0, 0, 0);
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 10, "descriptor 10 has length 0");
}

static void chains_that_go_wrong(struct pair *p)
{
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 256,
		     "descriptor 9: next 256 is not below 256");
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 65535,
		     "descriptor 9: next 65535 is not below 256");
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 9,
		     "descriptor 9: chain of more than 256");
	pair_desc(p, 10, pair_addr(10), 16, VRING_DESC_F_NEXT, 9);
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 10,
		     "descriptor 10: chain of more than 256");
	pair_desc(p, 10, PAIR_ADDR - 1, 16, 0, 0);
	refused_desc(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 10,
		     "descriptor 10: 0x3fffffff+16 is outside the memory");
	/* A large circle: 256 from 9 on end at 64. */
	for (uint32_t i = 0; i < 200; i++)
		pair_desc(p, i, pair_addr(i), 16, VRING_DESC_F_NEXT, (i + 1) % 200);
	refused(p, false, "descriptor 64: chain of more than 256");
}

static void indirect_where_it_may_not_be(struct pair *p)
{
	pair_indirect(p, 20, 0, pair_addr(30), 16, 0, 0);
	p->dev.opt.indirect = false;
	refused_desc(p, pair_addr(20), 16, VRING_DESC_F_INDIRECT, 0,
		     "descriptor 9 is indirect, which was not agreed");
	p->dev.opt.indirect = true;
	refused_desc(p, pair_addr(20), 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 10,
		     "descriptor 9 is indirect and has a next one");
	pair_indirect(p, 20, 0, pair_addr(21), 16, VRING_DESC_F_INDIRECT, 0);
	refused_desc(p, pair_addr(20), 16, VRING_DESC_F_INDIRECT, 0,
		     "indirect descriptor 0 is indirect itself");
	pair_indirect(p, 20, 0, pair_addr(30), 16, VRING_DESC_F_NEXT, 1);
	pair_indirect(p, 20, 1, pair_addr(20), 16, VRING_DESC_F_INDIRECT, 0);
	refused_desc(p, pair_addr(20), 32, VRING_DESC_F_INDIRECT, 0,
		     "indirect descriptor 1 is indirect itself");
}

static void indirect_tables_of_bad_shape(struct pair *p)
{
	static const uint32_t sizes[] = { 0, 1, 8, 15, 17, 24, 16 * 65536 + 16, 0xfffffff0 };
	char why[VRING_WHY_SIZE];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(why, sizeof(why), "descriptor 9: indirect table of %u bytes", sizes[i]);
		refused_desc(p, pair_addr(20), sizes[i], VRING_DESC_F_INDIRECT, 0, why);
	}
	refused_desc(p, 0x1000, 16, VRING_DESC_F_INDIRECT, 0,
		     "descriptor 9: indirect table 0x1000+16 is outside the memory");
	refused_desc(p, pair_addr(256) - 16, 32, VRING_DESC_F_INDIRECT, 0,
		     "descriptor 9: indirect table 0x40003ff0+32 is outside the memory");
	refused_desc(p, PAIR_ADDR, 16 * 65536, VRING_DESC_F_INDIRECT, 0,
		     "descriptor 9: indirect table 0x40000000+1048576 is outside the memory");
	refused_desc(p, UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0,
		     "descriptor 9: indirect table 0xfffffffffffffff0+32 is outside the memory");
}

static void indirect_entry(struct pair *p, uint64_t addr, uint32_t len, uint32_t flags,
			   uint32_t next, const char *why)
{
	pair_indirect(p, 20, 0, pair_addr(30), 16, VRING_DESC_F_NEXT, 1);
	pair_indirect(p, 20, 1, addr, len, flags, next);
	refused_desc(p, pair_addr(20), 32, VRING_DESC_F_INDIRECT, 0, why);
}

static void indirect_entries_that_are_wrong(struct pair *p)
{
	indirect_entry(p, pair_addr(9), 0, 0, 0, "indirect descriptor 1 has length 0");
	indirect_entry(p, pair_addr(9), 16, VRING_DESC_F_WRITE, 0,
		       "indirect descriptor 1 is device-writable");
	indirect_entry(p, PAIR_ADDR - 1, 16, 0, 0,
		       "indirect descriptor 1: 0x3fffffff+16 is outside the memory");
	indirect_entry(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 2,
		       "indirect descriptor 1: next 2 is not below 2");
	indirect_entry(p, pair_addr(9), 16, VRING_DESC_F_NEXT, 0,
		       "indirect descriptor 1: chain of more than 2");
}

/* The chain is changed after it was found good. */
static void chains_that_change(struct pair *p)
{
	struct vring_buf buf;
	uint8_t mem[128];

	pair_desc(p, 9, pair_addr(9), 16, VRING_DESC_F_NEXT, 10);
	pair_desc(p, 10, pair_addr(10), 16, 0, 0);
	pair_offer(p, 9);
	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	pair_desc(p, 10, PAIR_ADDR - 16, 16, 0, 0);
	assert_int_equal(vring_device_gather(&p->dev, &buf, mem, sizeof(mem)), -EPROTO);
	assert_string_equal(p->dev.why, "descriptor 10: 0x3ffffff0+16 is outside the memory");
	/* The first has been copied when it was taken; what is there now does not count. */
	pair_desc(p, 9, 0, 0, 0xffff, 0xffff);
	pair_desc(p, 10, pair_addr(10), 1, 0, 0);
	assert_int_equal(vring_device_gather(&p->dev, &buf, mem, sizeof(mem)), 17);
	vring_device_return(&p->dev, 9, 0);

	pair_desc(p, 9, pair_addr(9), 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 10);
	pair_desc(p, 10, pair_addr(10), 16, VRING_DESC_F_WRITE, 0);
	pair_offer(p, 9);
	assert_int_equal(vring_device_take(&p->dev, &buf, true), 1);
	pair_desc(p, 10, pair_addr(10), 4, VRING_DESC_F_WRITE, 0);
	assert_int_equal(vring_device_scatter(&p->dev, &buf, mem, 32), -EPROTO);
	assert_string_equal(p->dev.why, "the chain from head 9 changed");
	pair_desc(p, 10, pair_addr(256) - 8, 16, VRING_DESC_F_WRITE, 0);
	assert_int_equal(vring_device_scatter(&p->dev, &buf, mem, 32), -EPROTO);
	vring_device_return(&p->dev, 9, 0);
	still_works(p);
}

EACH_VARIANT(heads_out_of_range)
EACH_VARIANT(heads_taken_twice)
EACH_VARIANT(available_index_jumps)
EACH_VARIANT(available_index_steps_back)
EACH_VARIANT(available_index_jumps_one_too_far)
EACH_VARIANT(available_index_jumps_within_the_ring)
EACH_VARIANT(addresses_outside)
EACH_VARIANT(wrong_directions)
EACH_VARIANT(zero_lengths)
EACH_VARIANT(chains_that_go_wrong)
EACH_VARIANT(indirect_where_it_may_not_be)
EACH_VARIANT(indirect_tables_of_bad_shape)
EACH_VARIANT(indirect_entries_that_are_wrong)
EACH_VARIANT(chains_that_change)

/* ---- anything at all ---- */

#define FUZZ_NUM 8u

struct fuzz {
	struct pair p;
	uint64_t seed;
	struct vring_buf taken[FUZZ_NUM];
	unsigned n_taken;
	bool write;             /* what the device is there for, till the next start */
	bool ours[FUZZ_NUM];    /* the driver's ids, as the driver must see them */
	unsigned good, refused, broken, chains, refused_later;
};

/* A value that a check is likely to be wrong about. */
static uint64_t odd_value(struct fuzz *f)
{
	static const uint64_t values[] = {
		0, 1, 2, 15, 16, 17, FUZZ_NUM - 1, FUZZ_NUM, FUZZ_NUM + 1, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX - 15, UINT64_MAX, PAIR_ADDR,
		PAIR_ADDR - 1, PAIR_ADDR + FUZZ_NUM * PAIR_SIZE - 16,
		PAIR_ADDR + FUZZ_NUM * PAIR_SIZE,
	};
	const uint32_t r = pair_random(&f->seed);

	if (r % 4 == 0)
		return pair_random(&f->seed);
	return values[(r >> 2) % (sizeof(values) / sizeof(*values))];
}

/* Any descriptor, more often than not nearly right. */
static struct vring_desc odd_desc(struct fuzz *f)
{
	const uint32_t r = pair_random(&f->seed);
	const uint32_t id = (r >> 8) % FUZZ_NUM;
	const bool swap = f->p.opt.swap;
	uint64_t addr = pair_addr(id) + (r >> 11) % 2 * 3;
	uint64_t len = 16 + (r >> 12) % 3 * 16, next = (r >> 28) % FUZZ_NUM;
	uint64_t flags = (f->write ? VRING_DESC_F_WRITE : 0) |
			 ((r >> 16) % 4 == 0 ? VRING_DESC_F_INDIRECT : 0) |
			 ((r >> 18) % 2 ? VRING_DESC_F_NEXT : 0);

	if (r % 16 == 0)
		addr = odd_value(f);
	if (r % 16 == 1)
		len = odd_value(f);
	if (r % 16 == 2)
		flags = odd_value(f);
	if (r % 16 == 3)
		next = odd_value(f);
	return (struct vring_desc){
		.addr = order64(swap, addr),
		.len = order32(swap, (uint32_t)len),
		.flags = order16(swap, (uint16_t)flags),
		.next = order16(swap, (uint16_t)next),
	};
}

static void scribble(struct fuzz *f)
{
	struct pair *p = &f->p;
	const uint32_t r = pair_random(&f->seed);
	const uint32_t at = (r >> 8) % FUZZ_NUM;
	const struct vring_desc d = odd_desc(f);

	switch (r % 16) {
	case 0:
		((uint8_t *)p->ring)[(r >> 8) % p->ring_size] = (uint8_t)odd_value(f);
		break;
	case 1:
		p->vr.avail->ring[at] = (uint16_t)odd_value(f);
		break;
	case 2:
		p->vr.used->ring[at].id = (uint32_t)odd_value(f);
		break;
	case 3:
		if (r >> 28 == 0)
			p->vr.avail->idx = (uint16_t)odd_value(f);
		break;
	case 4:
		if (r >> 28 == 0)
			p->vr.used->idx = (uint16_t)odd_value(f);
		break;
	case 5:
		*p->drv.avail_event = (uint16_t)odd_value(f);
		*p->dev.used_event = (uint16_t)odd_value(f);
		break;
	case 6:
		pair_offer(p, at);
		break;
	case 7:
		pair_give_back(p, at, (uint32_t)odd_value(f));
		break;
	case 8:
	case 9:
	case 10:
	case 11:
		/* An entry of an indirect table, which may lie anywhere. */
		memcpy(p->data + at * PAIR_SIZE + (r >> 16) % 4 * sizeof(d), &d, sizeof(d));
		break;
	default:
		p->vr.desc[at] = d;
		if (r >> 30)
			pair_offer(p, at);
	}
}

/* As much as can be copied, so that the whole chain is walked. */
static size_t most(const struct fuzz *f, const struct vring_buf *buf, size_t cap)
{
	return f->write && buf->len < cap ? buf->len : cap;
}

static void fuzz_use(struct fuzz *f, const struct vring_buf *buf)
{
	uint8_t mem[4 * PAIR_SIZE] = { 0 };
	const uint32_t r = pair_random(&f->seed);
	const size_t n = r % 2 ? r / 2 % sizeof(mem) : most(f, buf, sizeof(mem));
	const size_t room = f->p.data_size;
	long ret;

	if (buf->ptr) {
		const size_t offset = (size_t)((uint8_t *)buf->ptr - f->p.data);

		assert_true(offset < room && buf->len > 0 && buf->len <= room - offset);
	} else {
		f->chains++;
	}
	ret = f->write ? vring_device_scatter(&f->p.dev, buf, mem, n) :
			 vring_device_gather(&f->p.dev, buf, mem, n);
	assert_true(ret == -EPROTO || (f->write && ret == -EMSGSIZE) || (ret >= 0 && ret <= (long)n));
	f->refused_later += ret == -EPROTO;
}

static void fuzz_take(struct fuzz *f)
{
	struct vring_buf buf;
	int ret;

	vring_device_available(&f->p.dev);
	if (f->n_taken == FUZZ_NUM)
		return;
	ret = vring_device_take(&f->p.dev, &buf, f->write);
	if (ret < 0) {
		assert_int_equal(ret, -EPROTO);
		assert_true(f->p.dev.why[0] != '\0');
		f->refused++;
	}
	if (ret <= 0)
		return;
	assert_true(buf.head < FUZZ_NUM);
	for (unsigned i = 0; i < f->n_taken; i++)
		assert_int_not_equal(f->taken[i].head, buf.head);
	f->good++;
	f->taken[f->n_taken++] = buf;
	if (pair_random(&f->seed) % 8 == 0) {
		vring_device_untake(&f->p.dev, &buf);
		f->n_taken--;
	}
}

static void fuzz_return(struct fuzz *f)
{
	unsigned i;

	if (f->n_taken == 0)
		return;
	i = pair_random(&f->seed) % f->n_taken;
	fuzz_use(f, &f->taken[i]);
	vring_device_return(&f->p.dev, f->taken[i].head, pair_random(&f->seed));
	f->n_taken--;
	f->taken[i] = f->taken[f->n_taken];
	vring_device_call_needed(&f->p.dev);
}

static void fuzz_add(struct fuzz *f)
{
	const int id = vring_driver_alloc(&f->p.drv);

	if (id < 0)
		return;
	assert_in_range(id, 0, FUZZ_NUM - 1);
	assert_true(f->ours[id]);
	f->ours[id] = false;
	vring_driver_add(&f->p.drv, (uint16_t)id, pair_addr((uint32_t)id), PAIR_SIZE,
			 f->write);
	vring_driver_kick_needed(&f->p.drv);
}

static void fuzz_get_used(struct fuzz *f)
{
	uint32_t len;
	uint16_t id;
	const int ret = vring_driver_get_used(&f->p.drv, &id, &len);

	if (ret < 0) {
		assert_int_equal(ret, -EPROTO);
		assert_true(f->p.drv.why[0] != '\0');
		f->refused++;
	}
	if (ret <= 0)
		return;
	assert_true(id < FUZZ_NUM);
	assert_false(f->ours[id]); /* it was in flight, and comes back once */
	f->ours[id] = true;
	vring_driver_free(&f->p.drv, id);
	assert_true(f->p.drv.n_free <= FUZZ_NUM);
	f->good++;
}

static void fuzz_arm(struct fuzz *f)
{
	switch (pair_random(&f->seed) % 4) {
	case 0:
		vring_driver_arm(&f->p.drv);
		break;
	case 1:
		vring_driver_disarm(&f->p.drv);
		break;
	case 2:
		vring_device_arm(&f->p.dev);
		break;
	default:
		vring_device_disarm(&f->p.dev);
	}
}

static void fuzz_begin(struct fuzz *f)
{
	pair_reset(&f->p);
	f->n_taken = 0;
	f->write = pair_random(&f->seed) % 2;
	memset(f->ours, 1, sizeof(f->ours));
}

static void fuzz_step(struct fuzz *f)
{
	switch (pair_random(&f->seed) % 8) {
	case 0:
	case 1:
		fuzz_add(f);
		break;
	case 2:
	case 3:
		fuzz_take(f);
		break;
	case 4:
		fuzz_return(f);
		break;
	case 5:
		fuzz_get_used(f);
		break;
	case 6:
		fuzz_arm(f);
		break;
	default:
		scribble(f);
	}
	if (f->p.drv.broken || f->p.dev.broken) {
		fuzz_get_used(f);
		fuzz_take(f);
		f->broken++;
		fuzz_begin(f);
	}
}

static void test_fuzz(void **state)
{
	struct fuzz f;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		memset(&f, 0, sizeof(f));
		f.seed = 0x2545f4914f6cdd1du + v;
		pair_open(&f.p, FUZZ_NUM, pair_variant(v));
		fuzz_begin(&f);
		for (unsigned i = 0; i < 2000000; i++)
			fuzz_step(&f);
		/* It is a test only if all of these were met. */
		assert_true(f.good > 10000);
		assert_true(f.refused > 1000);
		assert_true(f.broken > 100);
		assert_true(f.chains > 100);
		assert_true(f.refused_later > 10);
		pair_close(&f.p);
	}
}

/* ---- changed while it is looked at ---- */

struct racer {
	struct pair *p;
	bool stop;
};

/* Descriptors that are now good, now not, as fast as can be. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	struct vring_desc *desc = racer->p->vr.desc;
	volatile struct vring_desc *table = (volatile struct vring_desc *)racer->p->data;
	uint64_t seed = 362436069;

	while (!__atomic_load_n(&racer->stop, __ATOMIC_RELAXED)) {
		const uint32_t r = pair_random(&seed);

		shm_store64(&desc[1].addr, r & 1 ? pair_addr(1) : UINT64_MAX - 31);
		shm_store32(&desc[1].len, r & 2 ? 16 : 0xffffff00);
		shm_store16(&desc[1].flags, (r >> 2) & 7);
		shm_store16(&desc[1].next, r & 32 ? 2 : 0xfffe);
		shm_store16(&desc[2].next, r & 64 ? 1 : 3);
		table[1].len = r & 128 ? 16 : 0xfffffff0;
		table[1].next = r & 256 ? 2 : 0xfff0;
		table[1].addr = r & 512 ? pair_addr(2) : PAIR_ADDR - 16;
	}
	return NULL;
}

/* Takes chains and tables that another thread tears at; the sanitizers watch. */
static void test_changed_meanwhile(void **state)
{
	unsigned good = 0, bad = 0;
	uint8_t mem[4 * PAIR_SIZE];
	struct racer racer;
	struct vring_buf buf;
	pthread_t thread;
	struct pair p;

	(void)state;
#ifdef WATCHED_FOR_RACES
	print_message("sanitizer: the race is the test\n");
	skip();
#endif
	pair_open(&p, 8, pair_variant(0));
	pair_desc(&p, 0, pair_addr(3), 16, VRING_DESC_F_NEXT, 1);
	pair_desc(&p, 2, pair_addr(4), 16, VRING_DESC_F_NEXT, 1);
	pair_desc(&p, 3, PAIR_ADDR, 48, VRING_DESC_F_INDIRECT, 0);
	pair_desc(&p, 4, PAIR_ADDR, 48, VRING_DESC_F_INDIRECT, 0);
	pair_indirect(&p, 0, 0, pair_addr(5), 16, VRING_DESC_F_NEXT, 1);
	pair_indirect(&p, 0, 1, pair_addr(6), 16, VRING_DESC_F_NEXT, 2);
	pair_indirect(&p, 0, 2, pair_addr(7), 16, 0, 0);
	racer = (struct racer){ .p = &p };
	assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
	/* Until both ways were seen often; 100,000 times at least. */
	for (unsigned i = 0; i < 100000 || good < 100 || bad < 100; i++) {
		pair_offer(&p, i % 2 ? 4 : i % 4);
		if (vring_device_take(&p.dev, &buf, false) < 0) {
			bad++;
			continue;
		}
		good += vring_device_gather(&p.dev, &buf, mem, sizeof(mem)) > 0;
		vring_device_return(&p.dev, buf.head, 0);
	}
	__atomic_store_n(&racer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_ids_out_of_range),
		cmocka_unit_test(test_used_ids_not_in_flight),
		cmocka_unit_test(test_used_again_before_it_was_lent),
		cmocka_unit_test(test_used_index_jumps),
		cmocka_unit_test(test_used_index_steps_back),
		cmocka_unit_test(test_used_index_jumps_within_the_ring),
		cmocka_unit_test(test_event_field_is_any_value),
		cmocka_unit_test(test_heads_out_of_range),
		cmocka_unit_test(test_heads_taken_twice),
		cmocka_unit_test(test_available_index_jumps),
		cmocka_unit_test(test_available_index_steps_back),
		cmocka_unit_test(test_available_index_jumps_one_too_far),
		cmocka_unit_test(test_available_index_jumps_within_the_ring),
		cmocka_unit_test(test_addresses_outside),
		cmocka_unit_test(test_wrong_directions),
		cmocka_unit_test(test_zero_lengths),
		cmocka_unit_test(test_chains_that_go_wrong),
		cmocka_unit_test(test_indirect_where_it_may_not_be),
		cmocka_unit_test(test_indirect_tables_of_bad_shape),
		cmocka_unit_test(test_indirect_entries_that_are_wrong),
		cmocka_unit_test(test_chains_that_change),
		cmocka_unit_test(test_fuzz),
		cmocka_unit_test(test_changed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
