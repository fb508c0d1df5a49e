/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a link: what had been sent before it arrives, then the bus is down. */
#include <errno.h>

#include "virtio/virtio_bus.h"

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox in;
static int n_when_down;

static int count_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct rpmsg_endpoint **self = priv;

	inbox_cb(rpdev, data, len, &in, src);
	assert_int_equal(in.data[0], in.n);
	assert_int_equal(rpmsg_trysend(*self, "too late", 8), -EPIPE);
	return 0;
}

static void note_down(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	(void)bus, (void)arg;
	if (ev->type == RPMSG_EVENT_DOWN)
		n_when_down = in.n;
}

/* What a sender sees first, or epoll together with the last kick. */
static void down_is_seen_first(int from, int to)
{
	struct rpmsg_endpoint *self, *sender;

	memset(&in, 0, sizeof(in));
	n_when_down = -1;
	loop_bus_open(&lb, NULL);
	sender = bind_addr(lb.pair[from], inbox_cb, &in, 5, 77);
	self = bind_addr(lb.pair[to], count_cb, &self, 77, 5);
	loop_bus_settle(&lb);
	rpmsg_bus_set_event_fn(lb.pair[to], note_down, NULL);
	for (uint8_t i = 1; i <= 200; i++)
		assert_int_equal(rpmsg_trysend(sender, &i, 1), 0);
	rpmsg_bus_close(lb.pair[from]);
	virtio_link_control(virtio_of(lb.pair[to]));
	assert_int_equal(virtio_of(lb.pair[to])->pending, LINK_DOWN);
	while (n_when_down < 0)
		assert_true(rpmsg_bus_dispatch(lb.pair[to], 5000) > 0);
	assert_int_equal(n_when_down, 200);
	rpmsg_bus_close(lb.pair[to]);
}

static void test_remote_gets_the_last(void **state)
{
	(void)state;
	down_is_seen_first(0, 1);
}

static void test_host_gets_the_last(void **state)
{
	(void)state;
	down_is_seen_first(1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remote_gets_the_last),
		cmocka_unit_test(test_host_gets_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
