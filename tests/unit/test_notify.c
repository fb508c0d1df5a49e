/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is told of what: only those that wait, with EVENT_IDX and with the flags. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "virtio/virtio_bus.h"

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox in;
static struct rpmsg_endpoint *h, *r;
static int told_within;

static void open_bus(uint64_t features_off)
{
	struct rpmsg_bus_options opt = { .num = 8, .features_off = features_off };

	loop_bus_open(&lb, &opt);
	memset(&in, 0, sizeof(in));
	told_within = 0;
	h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	loop_bus_settle(&lb);
}

static int event_idx(void **state)
{
	(void)state;
	open_bus(0);
	return 0;
}

static int flags(void **state)
{
	(void)state;
	open_bus(RPMSG_F_EVENT_IDX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

/* How often the other side notified bus about queue q since the last call. */
static int told(struct rpmsg_bus *bus, unsigned q)
{
	uint64_t n = 0;

	if (read(virtio_of(bus)->event_fd[q], &n, sizeof(n)) < 0)
		assert_int_equal(errno, EAGAIN);
	return (int)n;
}

static int fill(struct rpmsg_endpoint *e)
{
	int n = 0;

	while (!rpmsg_trysend(e, "x", 1))
		n++;
	return n;
}

/* Returned buffers are nothing to tell of while nobody waits for one. */
static void test_no_one_waits(void **state)
{
	(void)state;
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(fill(h), 8);
		assert_int_equal(fill(r), 8);
		loop_bus_settle(&lb);
		if (i)
			continue;
		/* An event index starts at 0, so that of the first one both are told. */
		told(lb.host, 1);
		told(lb.remote, 0);
	}
	assert_int_equal(in.n, 160);
	assert_int_equal(told(lb.host, 1), 0);
	assert_int_equal(told(lb.remote, 0), 0);
}

static void test_one_polls(void **state)
{
	(void)state;
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	for (int i = 0; i < 10; i++) {
		fill(h);
		assert_int_equal(rpmsg_poll(h), 0);
		loop_bus_settle(&lb);
		assert_true(told(lb.host, 1) >= 1);
		assert_int_equal(rpmsg_poll(h), POLLOUT);
	}
}

static int send_more_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	told(lb.remote, 1);
	if (in.n < 20)
		assert_int_equal(rpmsg_trysend(h, "again", 5), 0);
	told_within += told(lb.remote, 1);
	return inbox_cb(rpdev, data, len, priv, src);
}

/* Who is looking at the ring is not told to look at it. */
static void test_not_while_receiving(void **state)
{
	(void)state;
	r = bind_addr(lb.remote, send_more_cb, &in, 77, 5);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_trysend(h, "first", 5), 0);
	assert_int_equal(told(lb.remote, 1), 1);
	loop_bus_settle(&lb);
	assert_int_equal(in.n, 21);
	assert_int_equal(told_within, 0);
}

static void *send_blocking(void *arg)
{
	int *err = arg;

	*err = rpmsg_send(h, "waits", 5);
	return NULL;
}

static bool sleeps(struct rpmsg_bus *bus)
{
	struct tx *tx = &virtio_of(bus)->tx;
	bool leader;

	lock_take(&tx->lock);
	leader = tx->leader;
	lock_drop(&tx->lock);
	return leader;
}

/* A thread that sleeps for a buffer does not keep the news from one that polls for one. */
static void test_sleeper_and_poller(void **state)
{
	struct pollfd fd = { rpmsg_bus_fd(lb.host), POLLIN, 0 };
	int err = -1;
	pthread_t t;

	(void)state;
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	loop_bus_settle(&lb);
	fill(h);
	assert_int_equal(pthread_create(&t, NULL, send_blocking, &err), 0);
	while (!sleeps(lb.host))
		usleep(100);
	assert_int_equal(rpmsg_poll(h), 0);
	assert_true(rpmsg_bus_dispatch(lb.remote, 0) >= 8); /* the sleeper may be as quick as this */
	pthread_join(t, NULL);
	assert_int_equal(err, 0);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(rpmsg_poll(h), POLLOUT);
}

int main(void)
{
#define T(f) \
	cmocka_unit_test_setup_teardown(f, event_idx, teardown), \
	cmocka_unit_test_setup_teardown(f, flags, teardown)
	const struct CMUnitTest tests[] = {
		T(test_no_one_waits),
		T(test_one_polls),
		T(test_not_while_receiving),
		T(test_sleeper_and_poller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
