/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every load and store of memory that the other side can write goes through
 * here. C11 atomics, so that ThreadSanitizer sees the same order as the CPU.
 */
#ifndef RPMSG_BARRIER_H
#define RPMSG_BARRIER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Pairs with shm_store_release16() of the other side: what was written before its store is seen after this load. */
static inline uint16_t shm_load_acquire16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void shm_store_release16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* Relaxed: exactly one load, so that a value that is checked is the value that is used. */
static inline uint16_t shm_load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t shm_load32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t shm_load64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void shm_store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void shm_store32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void shm_store64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* Of a message, at any alignment: one load, which the compiler may not do again later. */
static inline uint32_t shm_read16(const void *p)
{
	uint16_t half;
	uint32_t v;

	memcpy(&half, p, sizeof(half));
	v = half;
	__asm__ volatile("" : "+r"(v));
	return v;
}

static inline uint32_t shm_read32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	__asm__ volatile("" : "+r"(v));
	return v;
}

/*
 * Store before load: an index must be visible before the other side's event
 * field or index is read. One of these on each side keeps a wake-up from being lost.
 */
static inline void shm_fence(void)
{
#if defined(__SANITIZE_THREAD__)
	static uint32_t word; /* TSan has no fences: a seq_cst read-modify-write orders as strongly */
	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
#elif defined(__x86_64__)
	/* Cheaper than mfence, which also waits for non-temporal stores. */
	__asm__ volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Sizes that copy_quick() can do: those of a move of 8 or 16 bytes and a second one that may overlap. */
static inline bool copy_is_quick(size_t n)
{
	return n - 8 <= 24;
}

static inline void copy_quick(void *dst, const void *src, size_t n)
{
	typedef struct {
		uint64_t a, b;
	} half;
	half head, tail;
	uint64_t first, last;

	if (__builtin_expect(n >= 16, 1)) {
		memcpy(&head, src, 16);
		memcpy(&tail, (const char *)src + n - 16, 16);
		memcpy(dst, &head, 16);
		memcpy((char *)dst + n - 16, &tail, 16);
		return;
	}
	memcpy(&first, src, 8);
	memcpy(&last, (const char *)src + n - 8, 8);
	memcpy(dst, &first, 8);
	memcpy((char *)dst + n - 8, &last, 8);
}

/* memcpy without a call for short messages; NULL is fine for none. */
static inline void copy_small(void *dst, const void *src, size_t n)
{
	if (__builtin_expect(copy_is_quick(n), 1))
		copy_quick(dst, src, n);
	else if (n)
		memcpy(dst, src, n);
}

/*
 * Copies out of shared memory. The compiler may not look at the source again
 * afterwards: past the asm it must assume that it changed.
 */
static inline void shm_copy_from(void *dst, const void *shared, size_t n)
{
	copy_small(dst, shared, n);
	__asm__ volatile("" ::: "memory");
}

static inline void shm_copy_to(void *shared, const void *src, size_t n)
{
	copy_small(shared, src, n);
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
