/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver in one thread, the device in another: what one publishes the other must see. */
#include "vring_pair.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define POLLED 100000u
#define SLEPT_FOR 20000u
#define PATIENCE_MS 60000 /* a wake-up that has not come by then is lost */

struct ends {
	struct pair p;
	bool sleeping;         /* wait for notifications, or look again and again */
	uint32_t buffers;
	bool device_writes;
	int kick_fd, call_fd;
	const char *trouble;   /* the device thread's; checked by the other */
	unsigned device_slept, driver_slept;
};

/* ---- notifications ---- */

static void notify(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* False if nobody told us in time. */
static bool wait_for(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&pfd, 1, PATIENCE_MS) == 1 && read(fd, &n, sizeof(n)) == sizeof(n);
}

/* ---- device ---- */

static bool device_wait(struct ends *e)
{
	if (!e->sleeping) {
		sched_yield();
		return true;
	}
	if (vring_device_arm(&e->p.dev))
		return true;
	e->device_slept++;
	if (!wait_for(e->kick_fd))
		return false;
	vring_device_disarm(&e->p.dev);
	return true;
}

static void fill(uint8_t *to, uint32_t n)
{
	for (uint32_t i = 0; i < PAIR_SIZE / sizeof(n); i++)
		memcpy(to + i * sizeof(n), &n, sizeof(n));
}

static bool filled(const uint8_t *from, uint32_t n)
{
	uint8_t want[PAIR_SIZE];

	fill(want, n);
	return memcmp(from, want, sizeof(want)) == 0;
}

static const char *device_run(struct ends *e)
{
	struct vring_buf buf;
	int ret;

	for (uint32_t n = 0; n < e->buffers; n++) {
		while ((ret = vring_device_take(&e->p.dev, &buf, e->device_writes)) == 0)
			if (!device_wait(e))
				return "the device was not kicked";
		if (ret < 0)
			return e->p.dev.why;
		if (e->device_writes)
			fill(buf.ptr, n);
		else if (!filled(buf.ptr, n))
			return "the device reads what was not sent";
		vring_device_return(&e->p.dev, buf.head, n);
		if (vring_device_call_needed(&e->p.dev))
			notify(e->call_fd);
	}
	return NULL;
}

static void *device_thread(void *arg)
{
	struct ends *e = arg;

	e->trouble = device_run(e);
	return NULL;
}

/* ---- driver ---- */

static bool driver_wait(struct ends *e)
{
	if (!e->sleeping) {
		sched_yield();
		return true;
	}
	if (vring_driver_arm(&e->p.drv))
		return true;
	e->driver_slept++;
	if (!wait_for(e->call_fd))
		return false;
	vring_driver_disarm(&e->p.drv);
	return true;
}

static void driver_add(struct ends *e, uint32_t n)
{
	const uint16_t id = (uint16_t)vring_driver_alloc(&e->p.drv);

	if (!e->device_writes)
		fill(e->p.data + (size_t)id * PAIR_SIZE, n);
	vring_driver_add(&e->p.drv, id, pair_addr(id), PAIR_SIZE, e->device_writes);
	if (vring_driver_kick_needed(&e->p.drv))
		notify(e->kick_fd);
}

static const char *driver_run(struct ends *e)
{
	uint32_t sent = 0, back = 0, len;
	uint16_t id;
	int ret;

	while (back < e->buffers) {
		while (sent < e->buffers && e->p.drv.n_free)
			driver_add(e, sent++);
		ret = vring_driver_get_used(&e->p.drv, &id, &len);
		if (ret < 0)
			return e->p.drv.why;
		if (ret == 0 && !driver_wait(e))
			return "the driver was not called";
		if (ret == 0)
			continue;
		if (len != back || (e->device_writes && !filled(e->p.data + (size_t)id * PAIR_SIZE, back)))
			return "the driver reads what was not written";
		vring_driver_free(&e->p.drv, id);
		back++;
	}
	return NULL;
}

/* ---- both ---- */

static void run(uint32_t num, unsigned variant, bool sleeping, bool device_writes)
{
	struct ends e = {
		.sleeping = sleeping,
		.buffers = sleeping ? SLEPT_FOR : POLLED,
		.device_writes = device_writes,
	};
	const char *trouble;
	pthread_t thread;

	pair_open(&e.p, num, pair_variant(variant));
	e.kick_fd = eventfd(0, EFD_CLOEXEC);
	e.call_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(e.kick_fd >= 0 && e.call_fd >= 0);
	if (!sleeping) {
		vring_driver_disarm(&e.p.drv);
		vring_device_disarm(&e.p.dev);
	}
	assert_int_equal(pthread_create(&thread, NULL, device_thread, &e), 0);
	trouble = driver_run(&e);
	if (trouble)
		fail_msg("%s (num %u, variant %u)", trouble, num, variant);
	pthread_join(thread, NULL);
	if (e.trouble)
		fail_msg("%s (num %u, variant %u)", e.trouble, num, variant);
	if (sleeping && num == 2)
		assert_true(e.device_slept + e.driver_slept > 0);
	close(e.kick_fd);
	close(e.call_fd);
	pair_close(&e.p);
}

static void test_polling(void **state)
{
	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		run(64, v, false, false);
		run(64, v, false, true);
	}
}

/* Small rings are empty and full all the time, so nearly every buffer meets a sleeper. */
static void test_sleeping(void **state)
{
	(void)state;
	for (unsigned v = 0; v < PAIR_VARIANTS; v++) {
		run(2, v, true, false);
		run(16, v, true, true);
	}
}

/* ---- telling and asking at the same moment ---- */

#define ROUNDS 100000u
#define ROUNDS_MS 1000 /* on a busy machine fewer rounds have to do */

struct moment {
	struct pair p;
	bool calls;            /* the device tells, the driver asks; else the other way round */
	uint32_t at[2];        /* steps that each thread has begun */
	bool stop;             /* set between rounds */
	bool seen;             /* what the asker found */
	unsigned lost;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Both threads leave this at nearly the same time. */
static void meet(struct moment *m, unsigned me)
{
	const uint32_t step = __atomic_add_fetch(&m->at[me], 1, __ATOMIC_ACQ_REL);
	unsigned spins = 0;

	while (__atomic_load_n(&m->at[!me], __ATOMIC_ACQUIRE) < step)
		if (++spins % 100 == 0)
			sched_yield();
		else
			cpu_relax();
}

static bool tell(struct moment *m)
{
	if (m->calls) {
		vring_device_return(&m->p.dev, 0, 0);
		return vring_device_call_needed(&m->p.dev);
	}
	vring_driver_add_again(&m->p.drv, 0, PAIR_SIZE);
	return vring_driver_kick_needed(&m->p.drv);
}

static void *ask(void *arg)
{
	struct moment *m = arg;
	uint64_t seed = 521288629;

	for (;;) {
		meet(m, 1);
		if (m->stop)
			break;
		for (uint32_t n = pair_random(&seed) % 64; n; n--)
			__asm__ volatile("");
		m->seen = m->calls ? vring_driver_arm(&m->p.drv) : vring_device_arm(&m->p.dev);
		meet(m, 1);
	}
	return NULL;
}

/* The buffer has gone one way in each round; the quiet way is here. */
static void before_round(struct moment *m)
{
	struct vring_buf buf;

	vring_device_disarm(&m->p.dev);
	vring_driver_disarm(&m->p.drv);
	if (!m->calls)
		return;
	vring_driver_add_again(&m->p.drv, 0, PAIR_SIZE);
	assert_int_equal(vring_device_take(&m->p.dev, &buf, false), 1);
}

static void after_round(struct moment *m)
{
	struct vring_buf buf;
	uint32_t len;
	uint16_t id;

	if (!m->calls) {
		assert_int_equal(vring_device_take(&m->p.dev, &buf, false), 1);
		vring_device_return(&m->p.dev, buf.head, 0);
	}
	assert_int_equal(vring_driver_get_used(&m->p.drv, &id, &len), 1);
}

/* Either the asker sees the buffer or the teller sees the wish: else both would wait. */
static void at_the_same_time(unsigned variant, bool calls)
{
	const int64_t end = now_ms() + ROUNDS_MS;
	struct moment m = { .calls = calls };
	pthread_t thread;

	pair_open(&m.p, 2, pair_variant(variant));
	assert_int_equal(vring_driver_alloc(&m.p.drv), 0);
	vring_driver_describe(&m.p.drv, 0, pair_addr(0), PAIR_SIZE, false);
	assert_int_equal(pthread_create(&thread, NULL, ask, &m), 0);
	for (unsigned i = 0; i < ROUNDS && now_ms() < end; i++) {
		bool told;

		before_round(&m);
		meet(&m, 0);
		told = tell(&m);
		meet(&m, 0);
		m.lost += !told && !m.seen;
		after_round(&m);
	}
	m.stop = true;
	meet(&m, 0);
	pthread_join(thread, NULL);
	assert_int_equal(m.lost, 0);
	pair_close(&m.p);
}

static void test_no_wish_is_lost(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 2; v++) { /* with flags, with events */
		at_the_same_time(v, false);
		at_the_same_time(v, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_polling),
		cmocka_unit_test(test_sleeping),
		cmocka_unit_test(test_no_wish_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
