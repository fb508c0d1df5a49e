/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small futex lock. While the process has one thread no atomic
 * read-modify-write is needed and none is done; the word means the same either
 * way, so a thread may be created while the lock is held.
 * 0: free, 1: taken, 2: taken and somebody sleeps.
 */
#ifndef RPMSG_LOCK_H
#define RPMSG_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/single_threaded.h>

struct lock {
	uint32_t word;
};

void lock_slow(struct lock *lock);
void lock_wake(struct lock *lock);

/* The process has one thread. What is called shared below is for when this is false. */
static inline bool lock_alone(void)
{
	return __libc_single_threaded;
}

static inline bool lock_try_shared(struct lock *lock)
{
	uint32_t free_word = 0;

	return __atomic_compare_exchange_n(&lock->word, &free_word, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* True if lock_wake() has to follow. */
static inline bool lock_drop_shared(struct lock *lock)
{
	return __builtin_expect(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2, 0);
}

/* False if it is taken. */
static inline bool lock_try(struct lock *lock)
{
	if (!lock_alone())
		return lock_try_shared(lock);
	if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&lock->word, 1, __ATOMIC_RELAXED);
	return true;
}

static inline void lock_take(struct lock *lock)
{
	if (lock_alone()) /* nobody has it */
		__atomic_store_n(&lock->word, 1, __ATOMIC_RELAXED);
	else if (__builtin_expect(!lock_try_shared(lock), 0))
		lock_slow(lock);
}

static inline void lock_drop(struct lock *lock)
{
	if (lock_alone())
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
	else if (lock_drop_shared(lock))
		lock_wake(lock);
}

/*
 * For a piece of code in which no thread can begin: one thread alone leaves the
 * word as it is, which is free. False if the lock is taken.
 */
static inline bool lock_brief_try(struct lock *lock)
{
	return lock_alone() || lock_try_shared(lock);
}

/* True if lock_wake() has to follow. */
static inline bool lock_brief_end(struct lock *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) && lock_drop_shared(lock);
}

/* Goes on as after lock_take(). */
static inline void lock_brief_keep(struct lock *lock)
{
	if (lock_alone())
		lock_take(lock);
}

/* Sleeps while *word == value, timeout_ms at most (-1 for ever); 0 or -ETIMEDOUT, -EINTR, -EAGAIN. */
int futex_wait(uint32_t *word, uint32_t value, int timeout_ms);
void futex_wake_all(uint32_t *word);

#endif
