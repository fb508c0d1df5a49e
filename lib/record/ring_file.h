/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder's file: one header page, then a ring of records, native byte order.
 *
 * Positions count bytes from the start of the recording and never wrap; the place
 * in the ring is position modulo size. Records are whole: where one does not fit
 * before the end of the ring a pad record fills it up. `last` is the position of
 * the newest record; the one word that publishes it. Before the writer overwrites
 * records it moves `tail` past them, so a reader that has copied something looks
 * at `tail` again to know whether the copy is good.
 *
 * The writer holds a write lock (OFD) on byte RING_LOCK_WRITER while it lives.
 */
#ifndef RPMSG_RING_FILE_H
#define RPMSG_RING_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "rpmsg.h"
#include "virtio/barrier.h"

#define RING_MAGIC UINT64_C(0x63657267736d7072) /* "rpmsgrec" on little-endian */
#define RING_VERSION 2u
#define RING_HEADER_SIZE 4096u
#define RING_BUSES 16u
#define RING_NAME_WORDS (RPMSG_BUS_NAME_SIZE / 8)
#define RING_NONE UINT64_MAX /* `last` before the first record */
#define RING_LOCK_WRITER 0
#define RING_LOCK_MAKER 1

struct ring_header {
	uint64_t magic;
	uint32_t version;
	uint32_t pid;
	uint64_t size; /* of the ring in bytes, a multiple of 8 */
	uint64_t clock_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC in ns, modulo 2^64 */
	uint64_t bus[RING_BUSES][RING_NAME_WORDS];
	_Alignas(64) uint64_t last;
	uint64_t tail;
	uint64_t ended;
	uint64_t open; /* buses that are recorded: who dies with none has left nothing undone */
	uint64_t event; /* where the newest event ends, stored before `last`; 0: not known */
};
_Static_assert(sizeof(struct ring_header) <= RING_HEADER_SIZE, "one page");

enum ring_type { RING_MESSAGE = 1, RING_PAD = 2, RING_EVENT = 3 };

/* A record in words; a pad has only RING_WORD_KIND. */
enum {
	RING_WORD_KIND, /* length of all, type, bus, direction: 32, 8, 8, 8 bits */
	RING_WORD_SEQ,  /* of the message; an event: of the next one */
	RING_WORD_TIME, /* CLOCK_MONOTONIC, ns */
	RING_WORD_ADDR, /* src, dst */
	RING_WORD_REST, /* reserved, len, flags: 32, 16, 16 bits; an event: value, of the text, type */
	RING_WORD_DATA,
	RING_WORD_COUNT = RING_WORD_DATA, /* of an event, until its text */
	RING_WORD_DURATION,
	RING_WORD_TEXT,
};
#define RING_RECORD_SIZE(len) ((RING_WORD_DATA * 8u + (size_t)(len) + 7u) & ~(size_t)7)
#define RING_RECORD_MAX RING_RECORD_SIZE(UINT16_MAX)
#define RING_TEXT_MAX 255u
#define RING_EVENT_SIZE(len) ((RING_WORD_TEXT * 8u + (size_t)(len) + 7u) & ~(size_t)7)

static inline uint64_t ring_kind(size_t length, enum ring_type type, unsigned bus, unsigned dir)
{
	return (uint32_t)length | (uint64_t)type << 32 | (uint64_t)(bus & 0xff) << 40 |
	       (uint64_t)(dir & 0xff) << 48;
}

static inline uint32_t ring_kind_length(uint64_t kind)
{
	return (uint32_t)kind;
}

static inline unsigned ring_kind_type(uint64_t kind)
{
	return (kind >> 32) & 0xff;
}

static inline unsigned ring_kind_bus(uint64_t kind)
{
	return (kind >> 40) & 0xff;
}

static inline unsigned ring_kind_dir(uint64_t kind)
{
	return (unsigned)(kind >> 48);
}

static inline uint64_t ring_load_acquire(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void ring_store_release(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/*
 * Writer, after moving tail: no store to the ring may pass it. Pairs with
 * ring_fence_read(), between a reader's copy and its second look at tail. gcc's
 * ThreadSanitizer knows no fences and needs none, as every access is atomic.
 */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define RING_FENCE(order) __atomic_signal_fence(order)
#else
#define RING_FENCE(order) __atomic_thread_fence(order)
#endif

static inline void ring_fence_write(void)
{
	RING_FENCE(__ATOMIC_RELEASE);
}

static inline void ring_fence_read(void)
{
	RING_FENCE(__ATOMIC_ACQUIRE);
}

static inline struct flock ring_lock(short type, off_t byte)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
}

/* fd must not share the writer's open file description: its own locks are not seen. */
static inline bool ring_writer_lives(int fd)
{
	struct flock lock = ring_lock(F_RDLCK, RING_LOCK_WRITER);

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type == F_WRLCK;
}

#endif
