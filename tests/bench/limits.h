/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine itself allows, to hold the library against: a ring with one
 * producer and one consumer that checks nothing, and one cache line that goes to
 * the other core and back.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LINE_SIZE 64
#define RING_SLOTS 256u
#define SLOT_MAX 512u

/* Each side keeps the other's index as it saw it last, until that is not enough. */
struct ring {
	_Alignas(LINE_SIZE) uint32_t head;
	uint32_t tail_seen;
	_Alignas(LINE_SIZE) uint32_t tail;
	uint32_t head_seen;
	_Alignas(LINE_SIZE) uint8_t slot[RING_SLOTS * SLOT_MAX];
};

static inline bool ring_put(struct ring *r, const void *data, uint32_t len, uint32_t stride)
{
	uint32_t head = r->head;

	if (head - r->tail_seen == RING_SLOTS) {
		r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		if (head - r->tail_seen == RING_SLOTS)
			return false;
	}
	memcpy(r->slot + head % RING_SLOTS * stride, data, len);
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool ring_get(struct ring *r, void *data, uint32_t len, uint32_t stride)
{
	uint32_t tail = r->tail;

	if (tail == r->head_seen) {
		r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		if (tail == r->head_seen)
			return false;
	}
	memcpy(data, r->slot + tail % RING_SLOTS * stride, len);
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* The line holds a count: the one side makes it odd, the other even. */
struct line {
	_Alignas(LINE_SIZE) uint32_t word;
};

static inline bool line_is(const struct line *l, uint32_t word)
{
	return __atomic_load_n(&l->word, __ATOMIC_ACQUIRE) == word;
}

static inline void line_set(struct line *l, uint32_t word)
{
	__atomic_store_n(&l->word, word, __ATOMIC_RELEASE);
}

#endif
