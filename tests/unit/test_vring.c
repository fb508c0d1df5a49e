/* SPDX-License-Identifier: BSD-2-Clause */
/* Both roles of a virtqueue against each other, as well-behaved peers. */
#include "vring_pair.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

/* ---- layout ---- */

static void test_layout(void **state)
{
	static uint8_t mem[16384] __attribute__((aligned(4096)));
	struct vring vr;

	(void)state;
	/* 256 descriptors fill a page; 6 + 2 * 256 bytes follow; the used part has a page of its own. */
	assert_int_equal(vring_bytes(256, 4096), 8192 + 6 + 8 * 256);
	vring_place(&vr, 256, mem, 4096);
	assert_int_equal(vr.num, 256);
	assert_ptr_equal(vr.desc, mem);
	assert_ptr_equal(vr.avail, mem + 4096);
	assert_ptr_equal(vr.used, mem + 8192);
	/* 2 * 16 + 6 + 2 * 2 = 42, rounded up to 44. */
	assert_int_equal(vring_bytes(2, 4), 44 + 6 + 8 * 2);
	vring_place(&vr, 2, mem, 4);
	assert_ptr_equal(vr.used, mem + 44);
	assert_int_equal(vring_bytes(32768, 4096), 524288 + 69632 + 6 + 8 * 32768);
}

static void refused(const struct vring *vr)
{
	const struct vring_options opt = { 0 };
	const struct vring_regions regions = { 0 };
	struct vring_driver drv;
	struct vring_device dev;

	assert_int_equal(vring_driver_init(&drv, vr, &opt), -EINVAL);
	assert_int_equal(vring_device_init(&dev, vr, &regions, &opt), -EINVAL);
}

static void test_bad_rings_are_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 6, 255, 32767, 49152, 65536, 0x80000000 };
	static uint8_t mem[4096] __attribute__((aligned(4096)));
	struct vring good, vr;

	(void)state;
	vring_place(&good, 4, mem, 64);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		vr = good;
		vr.num = sizes[i];
		refused(&vr);
	}
	vr = good;
	vr.desc = NULL;
	refused(&vr);
	vr = good;
	vr.desc = (void *)(mem + 4);
	refused(&vr);
	vr = good;
	vr.avail = (void *)(mem + 65);
	refused(&vr);
	vr = good;
	vr.used = (void *)(mem + 130);
	refused(&vr);
}

static void test_init_touches_only_its_own_words(void **state)
{
	struct pair p;
	struct vring_driver drv;

	(void)state;
	pair_open(&p, 4, pair_variant(0));
	memset(p.ring, 0xff, p.ring_size);
	assert_int_equal(vring_driver_init(&drv, &p.vr, &p.opt), 0);
	assert_int_equal(p.vr.avail->flags, 0);
	assert_int_equal(p.vr.avail->idx, 0);
	assert_int_equal(p.vr.avail->ring[4], 0);
	assert_int_equal(p.vr.used->flags, 0xffff);
	assert_int_equal(p.vr.used->idx, 0xffff);
	vring_driver_fini(&drv);
	pair_close(&p);
}

static void test_translate(void **state)
{
	uint8_t low[16], high[16];
	const struct vring_regions regions = {
		.n = 2,
		.r = { { 0x1000, sizeof(low), low }, { 0x1010, sizeof(high), high } },
	};
	const struct vring_regions top = { .n = 1, .r = { { UINT64_MAX - 15, 16, high } } };

	(void)state;
	assert_ptr_equal(vring_translate(&regions, 0x1000, 16), low);
	assert_ptr_equal(vring_translate(&regions, 0x100f, 1), low + 15);
	assert_ptr_equal(vring_translate(&regions, 0x1010, 16), high);
	assert_null(vring_translate(&regions, 0x0fff, 1));
	assert_null(vring_translate(&regions, 0x0fff, 2));
	assert_null(vring_translate(&regions, 0x100f, 2)); /* neighbours are not one region */
	assert_null(vring_translate(&regions, 0x1020, 0));
	assert_null(vring_translate(&regions, 0x1011, 16));
	assert_null(vring_translate(&regions, 0x1000, UINT64_MAX));
	assert_null(vring_translate(&regions, 0x1008, UINT64_MAX - 7));
	assert_null(vring_translate(&regions, UINT64_MAX, 2));
	assert_ptr_equal(vring_translate(&top, UINT64_MAX, 1), high + 15);
	assert_null(vring_translate(&top, UINT64_MAX, 2));
	assert_null(vring_translate(&top, 0, 1));
}

/* ---- buffers going round ---- */

static uint16_t must_alloc(struct pair *p)
{
	int id = vring_driver_alloc(&p->drv);

	assert_in_range(id, 0, p->vr.num - 1);
	return (uint16_t)id;
}

/* Sends the number n in a buffer of its own. */
static uint16_t put(struct pair *p, uint64_t n)
{
	const uint16_t id = must_alloc(p);

	memcpy(p->data + (size_t)id * PAIR_SIZE, &n, sizeof(n));
	vring_driver_add(&p->drv, id, pair_addr(id), sizeof(n), false);
	return id;
}

static uint16_t must_take(struct pair *p, uint64_t n)
{
	struct vring_buf buf;
	uint64_t got;

	assert_int_equal(vring_device_take(&p->dev, &buf, false), 1);
	assert_int_equal(buf.len, sizeof(got));
	assert_ptr_equal(buf.ptr, p->data + (size_t)buf.head * PAIR_SIZE);
	memcpy(&got, buf.ptr, sizeof(got));
	assert_int_equal(got, n);
	return buf.head;
}

static void must_get_used(struct pair *p, uint16_t id, uint32_t len)
{
	uint32_t got_len;
	uint16_t got;

	assert_int_equal(vring_driver_get_used(&p->drv, &got, &got_len), 1);
	assert_int_equal(got, id);
	assert_int_equal(got_len, len);
}

static void no_more_used(struct pair *p)
{
	uint32_t len;
	uint16_t id;

	assert_int_equal(vring_driver_get_used(&p->drv, &id, &len), 0);
}

static void no_more_available(struct pair *p)
{
	struct vring_buf buf;

	assert_int_equal(vring_device_take(&p->dev, &buf, false), 0);
	assert_int_equal(vring_device_available(&p->dev), 0);
}

static void give(struct pair *p)
{
	vring_device_return(&p->dev, must_take(p, 0), 0);
}

static void get_back(struct pair *p)
{
	uint32_t len;
	uint16_t id;

	assert_int_equal(vring_driver_get_used(&p->drv, &id, &len), 1);
	vring_driver_free(&p->drv, id);
}

/* The whole ring there and back, rounds times. */
static void fill_and_drain(struct pair *p, unsigned rounds)
{
	uint64_t n = 0;

	while (rounds--) {
		for (uint32_t i = 0; i < p->vr.num; i++)
			put(p, n + i);
		assert_int_equal(vring_driver_alloc(&p->drv), -ENOMEM);
		assert_int_equal(vring_device_available(&p->dev), p->vr.num);
		for (uint32_t i = 0; i < p->vr.num; i++)
			vring_device_return(&p->dev, must_take(p, n + i), i);
		no_more_available(p);
		for (uint32_t i = 0; i < p->vr.num; i++) {
			must_get_used(p, (uint16_t)i, i);
			vring_driver_free(&p->drv, (uint16_t)i);
		}
		no_more_used(p);
		n += p->vr.num;
	}
}

static void test_every_size(void **state)
{
	struct pair p;

	(void)state;
	for (uint32_t num = VRING_NUM_MIN; num <= VRING_NUM_MAX; num *= 2)
		for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
			pair_open(&p, num, pair_variant(v));
			fill_and_drain(&p, 3);
			pair_close(&p);
		}
}

/* Far past 65536 with a changing number of buffers under way. */
static void go_round(struct pair *p, uint64_t total)
{
	uint64_t seed = 0x9e3779b97f4a7c15u, sent = 0, taken = 0, back = 0;
	uint32_t len;
	uint16_t id;

	while (back < total) {
		for (uint32_t n = pair_random(&seed) % (p->vr.num + 1); n && p->drv.n_free; n--)
			put(p, sent++);
		for (uint32_t n = pair_random(&seed) % (p->vr.num + 1); n && taken < sent; n--)
			vring_device_return(&p->dev, must_take(p, taken++), 0);
		while (vring_driver_get_used(&p->drv, &id, &len) == 1) {
			vring_driver_free(&p->drv, id);
			back++;
		}
	}
	assert_int_equal(pair_avail_idx(p), sent & 0xffff);
}

static void test_indices_wrap(void **state)
{
	struct pair p;

	(void)state;
	for (uint32_t num = 2; num <= 512; num *= 16)
		for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
			pair_open(&p, num, pair_variant(v));
			go_round(&p, 150000);
			pair_close(&p);
		}
}

/* The device fills what the driver posts, and says how much. */
static void test_device_writes(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		for (unsigned i = 0; i < 20; i++) {
			const uint16_t id = must_alloc(&p);

			vring_driver_add(&p.drv, id, pair_addr(id), PAIR_SIZE, true);
			assert_int_equal(vring_device_take(&p.dev, &buf, true), 1);
			assert_int_equal(buf.len, PAIR_SIZE);
			assert_int_equal(vring_device_scatter(&p.dev, &buf, "hello", 6), 0);
			assert_int_equal(vring_device_scatter(&p.dev, &buf, p.data, PAIR_SIZE + 1),
					 -EMSGSIZE);
			vring_device_return(&p.dev, buf.head, 6);
			must_get_used(&p, id, 6);
			assert_string_equal(p.data + (size_t)id * PAIR_SIZE, "hello");
			vring_driver_free(&p.drv, id);
		}
		pair_close(&p);
	}
}

static void test_any_order(void **state)
{
	uint64_t seed = 2463534242u;
	uint16_t order[64];
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 64, pair_variant(v));
		for (unsigned round = 0; round < 50; round++) {
			for (unsigned i = 0; i < 64; i++)
				put(&p, i);
			for (unsigned i = 0; i < 64; i++) {
				const unsigned j = pair_random(&seed) % (i + 1);

				order[i] = order[j];
				order[j] = must_take(&p, i);
			}
			for (unsigned i = 0; i < 64; i++)
				vring_device_return(&p.dev, order[i], i);
			for (unsigned i = 0; i < 64; i++) {
				must_get_used(&p, order[i], i);
				vring_driver_free(&p.drv, order[i]);
			}
			no_more_used(&p);
		}
		pair_close(&p);
	}
}

static void test_untake(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 4, pair_variant(v));
		put(&p, 7);
		put(&p, 8);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(vring_device_available(&p.dev), 2);
			assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
			assert_int_equal(vring_device_available(&p.dev), 1);
			vring_device_untake(&p.dev, &buf);
		}
		vring_device_return(&p.dev, must_take(&p, 7), 0);
		vring_device_return(&p.dev, must_take(&p, 8), 0);
		no_more_available(&p);
		pair_close(&p);
	}
}

/* The descriptors' page is made read-only, so a store into it ends the test. */
static void test_unchanged_descriptors_are_not_rewritten(void **state)
{
	const struct vring_options opt = pair_variant(1);
	struct pair p;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.opt = opt;
	p.ring_size = 4 * 4096;
	p.ring = mmap(NULL, p.ring_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p.ring, MAP_FAILED);
	p.data = calloc(256, PAIR_SIZE);
	vring_place(&p.vr, 256, p.ring, 4096);
	p.regions.n = 1;
	p.regions.r[0] = (struct vring_region){ PAIR_ADDR, 256 * PAIR_SIZE, p.data };
	pair_reset(&p);
	fill_and_drain(&p, 1);
	assert_int_equal(mprotect(p.vr.desc, 4096, PROT_READ), 0);
	fill_and_drain(&p, 2);
	vring_driver_fini(&p.drv);
	vring_device_fini(&p.dev);
	munmap(p.ring, p.ring_size);
	free(p.data);
}

/* The short way: buffers go round unmarked, in both directions, and past it the marks hold. */
static void test_short_way(void **state)
{
	struct vring_buf buf;
	struct pair p;
	uint32_t len;
	uint16_t id = 0;

	(void)state;
	pair_open(&p, 4, pair_variant(1));
	for (uint32_t i = 0; i < 4; i++)
		vring_driver_describe(&p.drv, (uint16_t)i, pair_addr(i), PAIR_SIZE, false);
	assert_false(vring_device_peek(&p.dev, &buf, false));
	put(&p, 0);
	assert_false(vring_device_peek(&p.dev, &buf, false)); /* the region is not known yet */
	give(&p);
	get_back(&p);
	for (uint32_t i = 0; i < 80000; i++) {
		assert_true(vring_driver_claim(&p.drv, &id));
		vring_driver_relen(&p.drv, id, i % PAIR_SIZE + 1);
		vring_driver_readd(&p.drv, id);
		assert_false(vring_device_peek(&p.dev, &buf, true));
		for (int twice = 0; twice < 2; twice++) {
			assert_true(vring_device_peek(&p.dev, &buf, false));
			assert_int_equal(buf.head, id);
			assert_int_equal(buf.len, i % PAIR_SIZE + 1);
			assert_ptr_equal(buf.ptr, p.data + (size_t)id * PAIR_SIZE);
		}
		vring_device_pass(&p.dev);
		assert_false(vring_device_peek(&p.dev, &buf, false));
		vring_device_give_back(&p.dev, buf.head, i);
		for (int twice = 0; twice < 2 && !p.drv.n_free; twice++) {
			assert_true(vring_driver_peek(&p.drv, &id, &len));
			assert_int_equal(len, i - 3);
		}
	}
	assert_int_equal(p.drv.n_free, 0);
	for (uint32_t i = 0; i < 4; i++)
		must_get_used(&p, (uint16_t)((80001 + i) % 4), 79996 + i);
	assert_false(vring_driver_claim(&p.drv, &id));
	pair_close(&p);
}

/* Asked after every add, whatever the event field held before. */
static void test_told_each(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, 4, pair_variant(1));
	for (uint32_t i = 0; i < 70000; i++) {
		const bool want = i % 3 == 0;

		if (want)
			vring_device_arm(&p.dev);
		put(&p, 0);
		assert_int_equal(vring_driver_kick_each(&p.drv), want);
		assert_false(vring_driver_kick_needed(&p.drv));
		if (want)
			vring_driver_arm(&p.drv);
		give(&p);
		assert_int_equal(vring_device_call_each(&p.dev), want);
		assert_false(vring_device_call_needed(&p.dev));
		get_back(&p);
	}
	pair_close(&p);
}

/* In the other byte order nothing is shown. */
static void test_short_way_declines(void **state)
{
	struct vring_buf buf;
	struct pair p;
	uint32_t len;
	uint16_t id;

	(void)state;
	pair_open(&p, 4, pair_variant(3));
	put(&p, 0);
	give(&p);
	assert_false(vring_driver_peek(&p.drv, &id, &len));
	put(&p, 1);
	assert_int_equal(vring_device_available(&p.dev), 1);
	assert_false(vring_device_peek(&p.dev, &buf, false));
	must_take(&p, 1);
	pair_close(&p);
}

static void test_described_once(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 4, pair_variant(v));
		for (uint32_t i = 0; i < 4; i++)
			vring_driver_describe(&p.drv, (uint16_t)i, pair_addr(i), PAIR_SIZE, i & 1);
		for (uint32_t i = 0; i < 12; i++) {
			const uint16_t id = must_alloc(&p);

			vring_driver_add_again(&p.drv, id, i + 1);
			assert_int_equal(vring_device_take(&p.dev, &buf, id & 1), 1);
			assert_int_equal(buf.head, id);
			assert_int_equal(buf.len, i + 1);
			assert_ptr_equal(buf.ptr, p.data + (size_t)id * PAIR_SIZE);
			vring_device_return(&p.dev, buf.head, i);
			must_get_used(&p, id, i);
			vring_driver_free(&p.drv, id);
		}
		pair_close(&p);
	}
}

/* ---- notifications ---- */

/* Straight from the definition: is event one of old, old + 1, ... now - 1? */
static bool passed(uint16_t event, uint16_t now, uint16_t old)
{
	for (uint16_t i = old; i != now; i++)
		if (i == event)
			return true;
	return false;
}

static void test_need_event(void **state)
{
	static const uint16_t starts[] = { 0, 1, 100, 32767, 32768, 65530, 65535 };

	(void)state;
	for (size_t s = 0; s < sizeof(starts) / sizeof(*starts); s++)
		for (uint16_t n = 0; n < 12; n++)
			for (int e = -14; e < 14; e++) {
				const uint16_t old = starts[s], now = (uint16_t)(old + n);
				const uint16_t event = (uint16_t)(old + e);

				assert_int_equal(vring_need_event(event, now, old),
						 passed(event, now, old));
			}
}

/* Moves both indices on, so that a test can be run across a wrap. */
static void advance(struct pair *p, uint32_t n)
{
	while (n--) {
		put(p, 0);
		give(p);
		get_back(p);
	}
	vring_driver_kick_needed(&p->drv);
	vring_device_call_needed(&p->dev);
}

static void kicks(struct pair *p)
{
	/* Nothing added: nothing to tell. */
	assert_false(vring_driver_kick_needed(&p->drv));
	/* Armed: the first of several tells, and they are told of once. */
	assert_false(vring_device_arm(&p->dev));
	put(p, 0);
	put(p, 0);
	put(p, 0);
	assert_true(vring_driver_kick_needed(&p->drv));
	assert_false(vring_driver_kick_needed(&p->drv));
	/* Busy: not wanted. */
	vring_device_disarm(&p->dev);
	put(p, 0);
	assert_false(vring_driver_kick_needed(&p->drv));
	/* Arming while something is there says so. */
	assert_true(vring_device_arm(&p->dev));
	for (unsigned i = 0; i < 4; i++)
		give(p);
	assert_false(vring_device_arm(&p->dev));
	put(p, 0);
	assert_true(vring_driver_kick_needed(&p->drv));
	give(p);
	for (unsigned i = 0; i < 5; i++)
		get_back(p);
}

static void calls(struct pair *p)
{
	for (unsigned i = 0; i < 5; i++)
		put(p, 0);
	vring_device_call_needed(&p->dev);
	assert_false(vring_device_call_needed(&p->dev));
	assert_false(vring_driver_arm(&p->drv));
	give(p);
	give(p);
	assert_true(vring_device_call_needed(&p->dev));
	assert_false(vring_device_call_needed(&p->dev));
	vring_driver_disarm(&p->drv);
	give(p);
	assert_false(vring_device_call_needed(&p->dev));
	assert_true(vring_driver_arm(&p->drv));
	for (unsigned i = 0; i < 3; i++)
		get_back(p);
	assert_false(vring_driver_arm(&p->drv));
	give(p);
	assert_true(vring_device_call_needed(&p->dev));
	give(p);
	get_back(p);
	get_back(p);
}

static void test_notifications(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		put(&p, 0); /* on from the start */
		assert_true(vring_driver_kick_needed(&p.drv));
		give(&p);
		assert_true(vring_device_call_needed(&p.dev));
		get_back(&p);
		kicks(&p);
		calls(&p);
		advance(&p, 65536 - 2 - (uint32_t)pair_avail_idx(&p));
		kicks(&p);
		advance(&p, 65536 - 2 - (uint32_t)pair_avail_idx(&p));
		calls(&p);
		pair_close(&p);
	}
}

/* With events one wish is for one notification; an armed flag stays. */
static void test_event_is_for_one(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		assert_false(vring_device_arm(&p.dev));
		assert_false(vring_driver_arm(&p.drv));
		put(&p, 0);
		assert_true(vring_driver_kick_needed(&p.drv));
		put(&p, 0);
		assert_int_equal(vring_driver_kick_needed(&p.drv), !p.opt.event_idx);
		give(&p);
		assert_true(vring_device_call_needed(&p.dev));
		give(&p);
		assert_int_equal(vring_device_call_needed(&p.dev), !p.opt.event_idx);
		pair_close(&p);
	}
}

/* Without events the flags say it: bits of the specification, in the link's order. */
static void test_flags(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v += 2) {
		pair_open(&p, 8, pair_variant(v));
		vring_driver_disarm(&p.drv);
		vring_device_disarm(&p.dev);
		assert_int_equal(p.vr.avail->flags, order16(p.opt.swap, 1));
		assert_int_equal(p.vr.used->flags, order16(p.opt.swap, 1));
		vring_driver_arm(&p.drv);
		vring_device_arm(&p.dev);
		assert_int_equal(p.vr.avail->flags, 0);
		assert_int_equal(p.vr.used->flags, 0);
		pair_close(&p);
	}
}

/* With events the flags stay 0, as the specification wants, and the event fields speak. */
static void test_event_fields(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned v = 1; v < PAIR_VARIANTS; v += 2) {
		pair_open(&p, 8, pair_variant(v));
		advance(&p, 300);
		vring_driver_disarm(&p.drv);
		vring_device_disarm(&p.dev);
		vring_driver_arm(&p.drv);
		vring_device_arm(&p.dev);
		assert_int_equal(p.vr.avail->flags, 0);
		assert_int_equal(p.vr.used->flags, 0);
		assert_int_equal(p.vr.avail->ring[8], order16(p.opt.swap, 300));
		assert_int_equal(*p.drv.avail_event, order16(p.opt.swap, 300));
		pair_close(&p);
	}
}

/* Neither side asks: an event index left behind is met once every 65536 buffers. */
static void test_silence(void **state)
{
	unsigned kicked, called;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		kicked = called = 0;
		pair_open(&p, 8, pair_variant(v));
		advance(&p, 1);
		vring_driver_disarm(&p.drv);
		vring_device_disarm(&p.dev);
		for (unsigned i = 0; i < 2 * 65536; i++) {
			put(&p, 0);
			kicked += vring_driver_kick_needed(&p.drv);
			give(&p);
			called += vring_device_call_needed(&p.dev);
			get_back(&p);
		}
		assert_int_equal(kicked, p.opt.event_idx ? 2 : 0);
		assert_int_equal(called, p.opt.event_idx ? 2 : 0);
		pair_close(&p);
	}
}

/* ---- chains and indirect tables ---- */

/* Pieces 1, 2, 3 of the data: 10, 20 and 30 bytes. */
static void make_chain(struct pair *p, uint32_t flags)
{
	pair_desc(p, 5, pair_addr(1), 10, flags | VRING_DESC_F_NEXT, 2);
	pair_desc(p, 2, pair_addr(2), 20, flags | VRING_DESC_F_NEXT, 7);
	pair_desc(p, 7, pair_addr(3), 30, flags, 0xffff);
	pair_offer(p, 5);
}

static void check_gather(struct pair *p, const struct vring_buf *buf, size_t cap)
{
	uint8_t whole[60], got[61];

	memcpy(whole, p->data + PAIR_SIZE, 10);
	memcpy(whole + 10, p->data + 2 * PAIR_SIZE, 20);
	memcpy(whole + 30, p->data + 3 * PAIR_SIZE, 30);
	memset(got, 0xa5, sizeof(got));
	if (cap > sizeof(whole)) {
		assert_int_equal(vring_device_gather(&p->dev, buf, got, cap), sizeof(whole));
		cap = sizeof(whole);
	} else {
		assert_int_equal(vring_device_gather(&p->dev, buf, got, cap), cap);
	}
	assert_memory_equal(got, whole, cap);
	assert_int_equal(got[cap], 0xa5);
}

static void fill_data(struct pair *p)
{
	for (size_t i = 0; i < p->data_size; i++)
		p->data[i] = (uint8_t)(i * 7 + i / 256);
}

static void test_gather_chain(void **state)
{
	static const size_t caps[] = { 0, 1, 9, 10, 11, 30, 59, 60, 61 };
	struct vring_buf buf;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		fill_data(&p);
		for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++) {
			make_chain(&p, 0);
			assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
			assert_int_equal(buf.head, 5);
			assert_null(buf.ptr);
			assert_int_equal(buf.len, 60);
			check_gather(&p, &buf, caps[i]);
			vring_device_return(&p.dev, buf.head, 0);
		}
		pair_close(&p);
	}
}

static void test_gather_single(void **state)
{
	struct vring_buf buf;
	uint8_t got[PAIR_SIZE];
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(1));
	fill_data(&p);
	pair_desc(&p, 3, pair_addr(3), 20, 0, 9);
	pair_offer(&p, 3);
	assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
	assert_int_equal(vring_device_gather(&p.dev, &buf, got, 19), 19);
	assert_int_equal(vring_device_gather(&p.dev, &buf, got, sizeof(got)), 20);
	assert_memory_equal(got, p.data + 3 * PAIR_SIZE, 20);
	pair_close(&p);
}

static void test_scatter_chain(void **state)
{
	struct vring_buf buf;
	uint8_t from[60];
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i + 1);
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		make_chain(&p, VRING_DESC_F_WRITE);
		assert_int_equal(vring_device_take(&p.dev, &buf, true), 1);
		assert_null(buf.ptr);
		assert_int_equal(vring_device_scatter(&p.dev, &buf, from, 61), -EMSGSIZE);
		assert_int_equal(p.data[PAIR_SIZE], 0);
		assert_int_equal(vring_device_scatter(&p.dev, &buf, from, 31), 0);
		assert_int_equal(p.data[3 * PAIR_SIZE], 31);
		assert_int_equal(p.data[3 * PAIR_SIZE + 1], 0);
		assert_int_equal(vring_device_scatter(&p.dev, &buf, from, 60), 0);
		assert_memory_equal(p.data + PAIR_SIZE, from, 10);
		assert_memory_equal(p.data + 2 * PAIR_SIZE, from + 10, 20);
		assert_memory_equal(p.data + 3 * PAIR_SIZE, from + 30, 30);
		assert_int_equal(p.data[PAIR_SIZE + 10], 0);
		vring_device_return(&p.dev, buf.head, 60);
		assert_int_equal(pair_used_idx(&p), 1);
		assert_int_equal(order32(p.opt.swap, p.vr.used->ring[0].id), 5);
		assert_int_equal(order32(p.opt.swap, p.vr.used->ring[0].len), 60);
		pair_close(&p);
	}
}

static void test_longest_chain(void **state)
{
	struct vring_buf buf;
	uint8_t got[8 * PAIR_SIZE];
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(1));
	fill_data(&p);
	for (uint32_t i = 0; i < 8; i++)
		pair_desc(&p, i, pair_addr(i), PAIR_SIZE, i < 7 ? VRING_DESC_F_NEXT : 0, i + 1);
	pair_offer(&p, 0);
	assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
	assert_int_equal(vring_device_gather(&p.dev, &buf, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, p.data, sizeof(got));
	pair_close(&p);
}

static void make_table(struct pair *p, uint32_t at, uint32_t flags)
{
	pair_indirect(p, at, 0, pair_addr(1), 10, flags | VRING_DESC_F_NEXT, 2);
	pair_indirect(p, at, 2, pair_addr(2), 20, flags | VRING_DESC_F_NEXT, 1);
	pair_indirect(p, at, 1, pair_addr(3), 30, flags, 0);
}

static void test_indirect(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		pair_open(&p, 8, pair_variant(v));
		fill_data(&p);
		make_table(&p, 6, 0);
		/* A reader ignores WRITE of the descriptor that points to the table. */
		pair_desc(&p, 4, pair_addr(6), 48, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
		pair_offer(&p, 4);
		assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
		assert_int_equal(buf.head, 4);
		assert_int_equal(buf.len, 60);
		check_gather(&p, &buf, 61);
		vring_device_return(&p.dev, 4, 0);
		pair_close(&p);
	}
}

static void test_indirect_unaligned(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(1));
	fill_data(&p);
	make_table(&p, 5, 0);
	memmove(p.data + 6 * PAIR_SIZE + 3, p.data + 5 * PAIR_SIZE, 48);
	pair_desc(&p, 4, pair_addr(6) + 3, 48, VRING_DESC_F_INDIRECT, 0);
	pair_offer(&p, 4);
	assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
	check_gather(&p, &buf, 60);
	pair_close(&p);
}

/* One piece, wherever its descriptor is, can be used in place. */
static void test_indirect_single(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(0));
	pair_indirect(&p, 6, 0, pair_addr(1), 10, VRING_DESC_F_WRITE, 0);
	pair_desc(&p, 4, pair_addr(6), 16, VRING_DESC_F_INDIRECT, 0);
	pair_offer(&p, 4);
	assert_int_equal(vring_device_take(&p.dev, &buf, true), 1);
	assert_ptr_equal(buf.ptr, p.data + PAIR_SIZE);
	assert_int_equal(buf.len, 10);
	pair_close(&p);
}

static void test_chain_ends_in_table(void **state)
{
	struct vring_buf buf;
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(1));
	fill_data(&p);
	pair_indirect(&p, 6, 0, pair_addr(2), 20, VRING_DESC_F_NEXT, 1);
	pair_indirect(&p, 6, 1, pair_addr(3), 30, 0, 0);
	pair_desc(&p, 4, pair_addr(1), 10, VRING_DESC_F_NEXT, 0);
	pair_desc(&p, 0, pair_addr(6), 32, VRING_DESC_F_INDIRECT, 0);
	pair_offer(&p, 4);
	assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
	assert_int_equal(buf.len, 60);
	check_gather(&p, &buf, 60);
	pair_close(&p);
}

static void test_largest_table(void **state)
{
	const uint32_t n = VRING_INDIRECT_MAX, pieces = 2 * (n * 16 / PAIR_SIZE);
	struct vring_buf buf;
	uint8_t *got;
	struct pair p;

	(void)state;
	pair_open(&p, 32768, pair_variant(0));
	assert_true(p.data_size >= 2 * n * sizeof(struct vring_desc));
	for (uint32_t i = 0; i < n; i++)
		pair_indirect(&p, 0, i, pair_addr(pieces / 2) + i, 1,
			      i < n - 1 ? VRING_DESC_F_NEXT : 0, i + 1);
	for (uint32_t i = 0; i < n; i++)
		p.data[(size_t)pieces / 2 * PAIR_SIZE + i] = (uint8_t)(i * 31);
	pair_desc(&p, 0, PAIR_ADDR, n * 16, VRING_DESC_F_INDIRECT, 0);
	pair_offer(&p, 0);
	assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
	assert_int_equal(buf.len, n);
	got = malloc(n);
	assert_non_null(got);
	assert_int_equal(vring_device_gather(&p.dev, &buf, got, n), n);
	assert_memory_equal(got, p.data + (size_t)pieces / 2 * PAIR_SIZE, n);
	free(got);
	pair_close(&p);
}

/* Buffers in turn from two regions: the remembered one must not stick. */
static void test_regions_in_turn(void **state)
{
	uint8_t other[PAIR_SIZE];
	struct vring_buf buf;
	struct pair p;

	(void)state;
	pair_open(&p, 8, pair_variant(1));
	p.regions.n = 2;
	p.regions.r[1] = (struct vring_region){ 0x1000, sizeof(other), other };
	for (unsigned i = 0; i < 20; i++) {
		pair_desc(&p, 1, i % 2 ? 0x1000 : pair_addr(2), PAIR_SIZE, 0, 0);
		pair_offer(&p, 1);
		assert_int_equal(vring_device_take(&p.dev, &buf, false), 1);
		assert_ptr_equal(buf.ptr, i % 2 ? other : p.data + 2 * PAIR_SIZE);
		vring_device_return(&p.dev, 1, 0);
	}
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_bad_rings_are_refused),
		cmocka_unit_test(test_init_touches_only_its_own_words),
		cmocka_unit_test(test_translate),
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_indices_wrap),
		cmocka_unit_test(test_device_writes),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_untake),
		cmocka_unit_test(test_unchanged_descriptors_are_not_rewritten),
		cmocka_unit_test(test_described_once),
		cmocka_unit_test(test_short_way),
		cmocka_unit_test(test_told_each),
		cmocka_unit_test(test_short_way_declines),
		cmocka_unit_test(test_need_event),
		cmocka_unit_test(test_notifications),
		cmocka_unit_test(test_event_is_for_one),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_event_fields),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_gather_chain),
		cmocka_unit_test(test_gather_single),
		cmocka_unit_test(test_scatter_chain),
		cmocka_unit_test(test_longest_chain),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_indirect_unaligned),
		cmocka_unit_test(test_indirect_single),
		cmocka_unit_test(test_chain_ends_in_table),
		cmocka_unit_test(test_largest_table),
		cmocka_unit_test(test_regions_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
