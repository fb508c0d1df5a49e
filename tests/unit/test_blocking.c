/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: sends that wait, endpoints destroyed from elsewhere. Runs under ThreadSanitizer too. */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "loop_bus.h"

static struct loop_bus lb;
static struct rpmsg_endpoint *h, *r;
static uint32_t next_seq, received;
static bool stop;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int in_order(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	uint32_t seq;

	(void)rpdev, (void)priv, (void)src;
	assert_int_equal(len, sizeof(seq));
	memcpy(&seq, data, sizeof(seq));
	assert_int_equal(seq, next_seq);
	next_seq++;
	return 0;
}

static int count_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	__atomic_add_fetch(&received, 1, __ATOMIC_RELAXED);
	return 0;
}

static int setup(void **state)
{
	struct rpmsg_bus_options opt = { .num = 8, .send_timeout_ms = 300 };

	(void)state;
	next_seq = received = 0;
	__atomic_store_n(&stop, false, __ATOMIC_RELEASE);
	loop_bus_open(&lb, &opt);
	h = bind_addr(lb.host, count_cb, NULL, 5, 77);
	r = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

static void *dispatch_remote(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		rpmsg_bus_dispatch(lb.remote, -1);
	return NULL;
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	assert_int_equal(pthread_create(t, NULL, fn, arg), 0);
}

static void end_remote(pthread_t t)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	rpmsg_bus_cancel(lb.remote);
	pthread_join(t, NULL);
}

/* A sender that blocks is woken, again and again. */
static void test_blocked_sender_is_woken(void **state)
{
	pthread_t t;

	(void)state;
	r = bind_addr(lb.remote, in_order, NULL, 77, 5);
	start(&t, dispatch_remote, NULL);
	for (uint32_t i = 0; i < 50000; i++)
		assert_int_equal(rpmsg_send(h, &i, sizeof(i)), 0);
	rpmsg_destroy_ept(r); /* waits for a callback that runs */
	end_remote(t);
	assert_true(next_seq > 50000 - 9);
}

static void *send_many(void *arg)
{
	int *errors = arg;

	for (int i = 0; i < 5000; i++)
		if (rpmsg_send(h, "x", 1))
			++*errors;
	return NULL;
}

/* Several senders sleep at once: one reads the event fd and wakes the others. */
static void test_many_blocked_senders(void **state)
{
	pthread_t t, sender[4];
	int errors[4] = { 0 };

	(void)state;
	r = bind_addr(lb.remote, count_cb, NULL, 77, 5);
	start(&t, dispatch_remote, NULL);
	for (int i = 0; i < 4; i++)
		start(&sender[i], send_many, &errors[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(sender[i], NULL);
		assert_int_equal(errors[i], 0);
	}
	end_remote(t);
	while (rpmsg_bus_dispatch(lb.remote, 0) > 0)
		;
	assert_int_equal(received, 20000);
}

static void *wait_forever(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		;
	return NULL;
}

/* Nobody consumes: the limit, and not before. A second thread exists, so it is no deadlock. */
static void test_time_limit(void **state)
{
	uint64_t start_ms;
	pthread_t t;

	(void)state;
	start(&t, wait_forever, NULL);
	for (int i = 0; i < 8; i++)
		assert_int_equal(rpmsg_send(h, "x", 1), 0);
	start_ms = now_ms();
	assert_int_equal(rpmsg_send(h, "x", 1), -ERESTARTSYS);
	assert_true(now_ms() - start_ms >= 300);
	assert_string_equal(rpmsg_strerror(-ERESTARTSYS), "No transmit buffer came back in time");
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
}

static void *cancel_host(void *arg)
{
	(void)arg;
	rpmsg_bus_cancel(lb.host);
	return NULL;
}

static void test_cancelled(void **state)
{
	pthread_t t;

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(rpmsg_send(h, "x", 1), 0);
	start(&t, cancel_host, NULL);
	assert_int_equal(rpmsg_send(h, "x", 1), -EINTR);
	pthread_join(t, NULL);
}

static void *close_remote(void *arg)
{
	(void)arg;
	rpmsg_bus_close(lb.remote);
	return NULL;
}

static void test_link_goes_down_under_a_sender(void **state)
{
	pthread_t t;

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(rpmsg_send(h, "x", 1), 0);
	start(&t, close_remote, NULL);
	assert_int_equal(rpmsg_send(h, "x", 1), -EPIPE);
	pthread_join(t, NULL);
	lb.remote = NULL;
}

/* Endpoints come and go in one thread while another delivers to them. */
static void *churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		struct rpmsg_endpoint *e = bind_addr(lb.remote, count_cb, NULL, 77, 5);

		assert_non_null(e);
		rpmsg_destroy_ept(e);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	rpmsg_bus_cancel(lb.remote);
	return NULL;
}

static void test_destroy_under_traffic(void **state)
{
	pthread_t t, c;

	(void)state;
	start(&t, dispatch_remote, NULL);
	start(&c, churn, NULL);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		rpmsg_trysend(h, "x", 1);
	pthread_join(c, NULL);
	pthread_join(t, NULL);
}

static int answer_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **self = priv;

	(void)rpdev;
	assert_int_equal(rpmsg_sendto(*self, data, len, src), 0);
	return 0;
}

/* Both sides answer from callbacks with blocking sends, through rings of 8. */
static void test_blocking_send_in_callback(void **state)
{
	struct rpmsg_endpoint *echo;
	pthread_t t;

	(void)state;
	echo = bind_addr(lb.remote, answer_cb, &echo, 77, 5);
	start(&t, dispatch_remote, NULL);
	for (int i = 0; i < 20000;) {
		if (!rpmsg_trysend(h, "x", 1))
			i++;
		rpmsg_bus_dispatch(lb.host, 0);
	}
	while (__atomic_load_n(&received, __ATOMIC_RELAXED) < 20000)
		rpmsg_bus_dispatch(lb.host, 1000);
	end_remote(t);
	assert_int_equal(received, 20000);
}

static uint32_t held_ms(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	assert_int_equal(info.tx_free, 0);
	return info.tx_held_ms;
}

static void fill_up(struct rpmsg_endpoint *e)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(rpmsg_trysend(e, "16 bytes of text", 16), 0);
	assert_int_equal(rpmsg_trysend(e, "16 bytes of text", 16), -ENOMEM);
}

static void full_again(struct rpmsg_endpoint *e, struct rpmsg_bus *from, struct rpmsg_bus *to)
{
	uint64_t end = now_ms() + 60;

	fill_up(e);
	while (now_ms() < end)
		usleep(1000);
	assert_true(held_ms(from) >= 50);
	assert_true(rpmsg_bus_dispatch(to, 0) >= 8);
	end = now_ms();
	fill_up(e);
	assert_true(held_ms(from) <= now_ms() - end);
}

/* How long the ring has been full counts from when it last became so. */
static void test_held_since(void **state)
{
	(void)state;
	r = bind_addr(lb.remote, count_cb, NULL, 77, 5);
	full_again(h, lb.host, lb.remote);
	full_again(r, lb.remote, lb.host);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_blocked_sender_is_woken), T(test_many_blocked_senders),
		T(test_time_limit),              T(test_cancelled),
		T(test_link_goes_down_under_a_sender), T(test_destroy_under_traffic),
		T(test_blocking_send_in_callback), T(test_held_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
