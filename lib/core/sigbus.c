/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that another process may truncate raises SIGBUS when it is touched. A
 * program that asks for it gets zeros there instead, and the memory is marked lost: a
 * bus then takes its link down, a recording ends.
 *
 * The handler may interrupt anything: it takes no lock. Slots are never freed,
 * and each has a sequence number that is odd while the slot changes. A thread
 * that faults in some memory keeps that memory's own slot from changing.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rpmsg.h"
#include "core/lock.h"
#include "core/sigbus.h"

#define SLOTS 64

struct slot {
	uint32_t seq;
	uintptr_t base;
	size_t size;
	uint32_t *lost; /* NULL: free */
};

struct chunk {
	struct chunk *next;
	struct slot slot[SLOTS];
};

static struct chunk chunks;
static struct lock registry_lock;
static struct sigaction previous;
static bool installed;
static uintptr_t page_size;

/* Calls fn for each slot until it returns true; the slot, or NULL. */
static struct slot *slot_find(bool (*fn)(struct slot *slot, void *arg), void *arg)
{
	struct chunk *c;
	unsigned i;

	for (c = &chunks; c; c = __atomic_load_n(&c->next, __ATOMIC_ACQUIRE))
		for (i = 0; i < SLOTS; i++)
			if (fn(&c->slot[i], arg))
				return &c->slot[i];
	return NULL;
}

static bool slot_is(struct slot *slot, void *lost)
{
	return slot->lost == lost;
}

/* Each store is a release so that none comes before the odd number. */
static void slot_set(struct slot *slot, const void *base, size_t size, uint32_t *lost)
{
	uint32_t seq = slot->seq;

	__atomic_store_n(&slot->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->base, (uintptr_t)base, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->size, size, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->lost, lost, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->seq, seq + 2, __ATOMIC_RELEASE);
}

static struct slot *slot_add_chunk(void)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->next = chunks.next;
	__atomic_store_n(&chunks.next, c, __ATOMIC_RELEASE);
	return &c->slot[0];
}

int sigbus_watch(const void *base, size_t size, uint32_t *lost)
{
	struct slot *slot;

	lock_take(&registry_lock);
	slot = slot_find(slot_is, NULL);
	if (!slot)
		slot = slot_add_chunk();
	if (slot)
		slot_set(slot, base, size, lost);
	lock_drop(&registry_lock);
	return slot ? 0 : -ENOMEM;
}

void sigbus_forget(uint32_t *lost)
{
	struct slot *slot;

	lock_take(&registry_lock);
	slot = slot_find(slot_is, lost);
	if (slot)
		slot_set(slot, NULL, 0, NULL);
	lock_drop(&registry_lock);
}

struct fault {
	uintptr_t addr;
	bool found;
};

static bool map_zeros(uintptr_t from, uintptr_t end)
{
	void *at = mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	/* cppcheck-suppress memleak ; belongs to whoever mapped the range */
	return at == (void *)from;
}

/*
 * A truncation takes the end away, so all from the fault on goes and what lies
 * before stays readable. Huge pages can only be replaced as a whole.
 */
static bool slot_recover(struct slot *slot, void *arg)
{
	struct fault *fault = arg;
	uint32_t seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);
	uintptr_t base = __atomic_load_n(&slot->base, __ATOMIC_ACQUIRE);
	size_t size = __atomic_load_n(&slot->size, __ATOMIC_ACQUIRE);
	uint32_t *lost = __atomic_load_n(&slot->lost, __ATOMIC_ACQUIRE);
	uintptr_t page = fault->addr & ~(page_size - 1);

	if ((seq & 1) || seq != __atomic_load_n(&slot->seq, __ATOMIC_RELAXED))
		return false;
	if (!lost || fault->addr < base || fault->addr - base >= size)
		return false;
	if (!fault->found && !map_zeros(page, base + size) && !map_zeros(base, base + size))
		return true;
	fault->found = true;
	__atomic_store_n(lost, 1, __ATOMIC_RELEASE);
	return false; /* both ends of a loop have the same memory */
}

/* What would have happened without us, with the same siginfo. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t mask;

	if (previous.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
		sigaction(sig, &dfl, NULL);
		syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), sig, info);
		return; /* sig is blocked until here */
	}
	pthread_sigmask(SIG_BLOCK, &previous.sa_mask, &mask);
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(sig, info, context);
	else
		previous.sa_handler(sig);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	struct fault fault = { .addr = (uintptr_t)info->si_addr };
	int saved = errno;

	/* si_code <= 0: sent by a process, there is no address. */
	if (info->si_code > 0)
		slot_find(slot_recover, &fault);
	if (!fault.found)
		pass_on(sig, info, context);
	errno = saved;
}

int rpmsg_sigbus_install(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	int ret = 0;

	lock_take(&registry_lock);
	if (installed)
		goto out;
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* Known before the handler can run. */
	if (sigaction(SIGBUS, NULL, &previous) || sigaction(SIGBUS, &sa, NULL))
		ret = -errno;
	else
		installed = true;
out:
	lock_drop(&registry_lock);
	return ret;
}
