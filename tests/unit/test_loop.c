/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "link_ends.h"

#include <cmocka.h> /* last: it takes the name fail */

#define FEATURES (RPMSG_F_NS | RPMSG_F_VERSION_1 | RPMSG_F_EVENT_IDX)

static struct log_text text;
static struct rpmsg_log logger = { log_keep, &text };

static void open_pair(struct link *pair[2], uint32_t num, uint32_t size)
{
	struct link_options opt = { .num = num, .buffer_size = size, .features = FEATURES };

	text = (struct log_text){ .lines = 0 };
	assert_int_equal(link_loop_open(pair, &opt, &logger), 0);
}

static void close_pair(struct link *pair[2])
{
	pair[0]->ops->close(pair[0]);
	pair[1]->ops->close(pair[1]);
}

static void up_at_once(struct link *pair[2])
{
	int i;

	for (i = 1; i >= 0; i--) {
		assert_true(readable(pair[i]->control_fd, 0));
		assert_int_equal(pair[i]->ops->control(pair[i]), LINK_UP);
		assert_false(readable(pair[i]->control_fd, 0));
		assert_int_equal(pair[i]->ops->control(pair[i]), LINK_SAME);
	}
}

static void comes_up(void **state)
{
	struct link *pair[2];
	int i, q;

	(void)state;
	open_pair(pair, 256, 512);
	up_at_once(pair);
	assert_int_equal(pair[0]->side, RPMSG_SIDE_HOST);
	assert_int_equal(pair[1]->side, RPMSG_SIDE_REMOTE);
	for (i = 0; i < 2; i++) {
		assert_true(pair[i]->features == FEATURES);
		assert_int_equal(pair[i]->num, 256);
		assert_int_equal(pair[i]->buffer_size, 512);
		assert_int_equal(pair[i]->generation, 1);
		assert_int_equal(pair[i]->mem->refs, 1);
		assert_int_equal(pair[i]->loop->refs, 2);
		for (q = 0; q < 2; q++)
			assert_int_equal(pair[i]->ring[q].num, 256);
	}
	assert_ptr_equal(pair[0]->loop, pair[1]->loop);
	assert_ptr_not_equal(pair[0]->mem, pair[1]->mem);
	assert_int_equal(text.lines, 0);
	close_pair(pair);
}

static void one_mapping(void **state)
{
	struct link *pair[2];
	void *there;
	int q;

	(void)state;
	open_pair(pair, 16, 64);
	up_at_once(pair);
	assert_ptr_equal(pair[0]->mem->base, pair[1]->mem->base);
	for (q = 0; q < 2; q++) {
		assert_ptr_equal(pair[0]->ring[q].desc, pair[1]->ring[q].desc);
		assert_ptr_equal(pair[0]->ring[q].avail, pair[1]->ring[q].avail);
		assert_ptr_equal(pair[0]->ring[q].used, pair[1]->ring[q].used);
		there = vring_translate(&pair[1]->regions, pair[0]->buffers_addr[q], 16 * 64);
		assert_ptr_equal(there, pair[0]->buffers[q]);
	}
	close_pair(pair);
}

/* Each part whole, inside, apart from the others; no cache line written by both sides. */
static void check_layout(uint32_t num, uint32_t size)
{
	struct link *pair[2];
	uintptr_t from[8], to[8];
	int q, i, j;

	open_pair(pair, num, size);
	for (q = 0; q < 2; q++) {
		struct vring *vr = &pair[0]->ring[q];

		from[4 * q] = (uintptr_t)vr->desc;
		to[4 * q] = from[4 * q] + 16ul * num;
		from[4 * q + 1] = (uintptr_t)vr->avail;
		to[4 * q + 1] = from[4 * q + 1] + 6 + 2ul * num;
		from[4 * q + 2] = (uintptr_t)vr->used;
		to[4 * q + 2] = from[4 * q + 2] + 6 + 8ul * num;
		from[4 * q + 3] = (uintptr_t)pair[0]->buffers[q];
		to[4 * q + 3] = from[4 * q + 3] + (uintptr_t)num * size;
		assert_int_equal(from[4 * q] % 4096, 0);
		assert_int_equal(from[4 * q + 2] % 64, 0);
		assert_int_equal(from[4 * q + 3] % 64, 0);
		assert_true((to[4 * q + 1] - 1) / 64 < from[4 * q + 2] / 64);
	}
	for (i = 0; i < 8; i++) {
		assert_true(from[i] >= (uintptr_t)pair[0]->mem->base);
		assert_true(to[i] <= (uintptr_t)pair[0]->mem->base + pair[0]->mem->size);
		for (j = 0; j < i; j++)
			assert_true(to[i] <= from[j] || to[j] <= from[i]);
	}
	close_pair(pair);
}

static void layouts(void **state)
{
	(void)state;
	check_layout(2, 32);
	check_layout(2, 40);
	check_layout(256, 512);
	check_layout(1024, 65536);
	check_layout(32768, 32);
}

static void bad_options(void **state)
{
	static const struct link_options bad[] = {
		{ .num = 0, .buffer_size = 512 },
		{ .num = 1, .buffer_size = 512 },
		{ .num = 3, .buffer_size = 512 },
		{ .num = 65536, .buffer_size = 512 },
		{ .num = 256, .buffer_size = 0 },
		{ .num = 256, .buffer_size = 24 },
		{ .num = 256, .buffer_size = 500 },
		{ .num = 256, .buffer_size = 65544 },
	};
	struct link *pair[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(link_loop_open(pair, &bad[i], &logger), -EINVAL);
		assert_non_null(strstr(rpmsg_error_detail(), "power of two"));
	}
}

static void notifies(void **state)
{
	struct link *pair[2];
	unsigned i, q, n;
	uint64_t count;

	(void)state;
	open_pair(pair, 16, 64);
	up_at_once(pair);
	for (i = 0; i < 2; i++) {
		struct link *from = pair[i], *to = pair[!i];

		for (q = 0; q < 2; q++) {
			assert_false(readable(to->event_fd[q], 0));
			for (n = 0; n < 3; n++)
				from->ops->notify(from, q);
			assert_true(readable(to->event_fd[q], 0));
			assert_false(readable(to->event_fd[!q], 0));
			assert_false(readable(from->event_fd[q], 0));
			assert_int_equal(read(to->event_fd[q], &count, sizeof(count)), 8);
			assert_false(readable(to->event_fd[q], 0));
			assert_int_equal(read(to->event_fd[q], &count, sizeof(count)), -1);
		}
	}
	close_pair(pair);
}

static void goes_down(struct link *end)
{
	assert_true(await_change(end, NULL, LINK_DOWN));
	assert_non_null(end->mem); /* whoever is told may still look at it */
	assert_true(readable(end->control_fd, 0));
	assert_int_equal(end->ops->control(end), LINK_SAME);
	assert_null(end->mem);
	assert_false(readable(end->control_fd, 0));
	assert_int_equal(end->ops->control(end), LINK_SAME);
	end->ops->notify(end, 0);
}

static void close_is_down(void **state)
{
	struct link *pair[2];
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_pair(pair, 16, 64);
		up_at_once(pair);
		pair[i]->ops->close(pair[i]);
		assert_int_equal(pair[!i]->loop->refs, 1);
		goes_down(pair[!i]);
		pair[!i]->ops->close(pair[!i]);
	}
}

static void close_before_up(void **state)
{
	struct link *pair[2];

	(void)state;
	open_pair(pair, 16, 64);
	pair[0]->ops->close(pair[0]);
	assert_int_equal(pair[1]->ops->control(pair[1]), LINK_UP);
	goes_down(pair[1]);
	pair[1]->ops->close(pair[1]);
}

static void reset_is_down(void **state)
{
	struct link *pair[2];
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_pair(pair, 16, 64);
		up_at_once(pair);
		pair[i]->ops->reset(pair[i]);
		goes_down(pair[i]);
		goes_down(pair[!i]);
		pair[i]->ops->reset(pair[i]);
		close_pair(pair);
	}
}

static void memory_outlives_link(void **state)
{
	struct link *pair[2];
	struct link_mem *mem;

	(void)state;
	open_pair(pair, 16, 64);
	up_at_once(pair);
	mem = pair[1]->mem;
	link_mem_get(mem);
	memcpy(pair[0]->buffers[0], "kept", 5);
	close_pair(pair);
	assert_int_equal(mem->refs, 1);
	assert_non_null(memmem(mem->base, mem->size, "kept", 5));
	link_mem_put(mem);
}

static void nothing_leaks(void **state)
{
	struct link *pair[2];
	unsigned fds, maps, i;

	(void)state;
	open_pair(pair, 16, 64);
	close_pair(pair);
	fds = count_fds();
	maps = count_entries("/proc/self/map_files");
	for (i = 0; i < 200; i++) {
		open_pair(pair, 256, 512);
		up_at_once(pair);
		close_pair(pair);
	}
	assert_int_equal(count_fds(), fds);
	assert_in_range(count_entries("/proc/self/map_files"), 0, maps + 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_up),	   cmocka_unit_test(one_mapping),
		cmocka_unit_test(layouts),	   cmocka_unit_test(bad_options),
		cmocka_unit_test(notifies),	   cmocka_unit_test(close_is_down),
		cmocka_unit_test(close_before_up), cmocka_unit_test(reset_is_down),
		cmocka_unit_test(memory_outlives_link), cmocka_unit_test(nothing_leaks),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
