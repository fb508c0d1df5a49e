/* SPDX-License-Identifier: BSD-2-Clause */
/* More in the ring than one dispatch handles: the bus's fd tells of the rest. */
#include <poll.h>

#include "loop_bus.h"

#define NUM 4096

static bool readable(struct rpmsg_bus *bus)
{
	struct pollfd p = { .fd = rpmsg_bus_fd(bus), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Dispatches a side as programs do: only when its fd says so. Number of dispatches. */
static int dispatch_while_readable(struct rpmsg_bus *bus)
{
	int n = 0;

	while (readable(bus)) {
		assert_true(rpmsg_bus_dispatch(bus, 0) >= 0);
		assert_true(++n < NUM);
	}
	return n;
}

static void fill(struct rpmsg_bus *from, struct rpmsg_bus *to, struct rpmsg_endpoint *sender)
{
	static struct inbox in;
	struct rpmsg_endpoint *ept = bind_addr(to, inbox_cb, &in, 50, RPMSG_ADDR_ANY);

	assert_non_null(ept);
	dispatch_while_readable(from);
	dispatch_while_readable(to);
	in.n = 0;
	for (int i = 0; i < NUM; i++)
		assert_int_equal(rpmsg_trysendto(sender, &i, sizeof(i), 50), 0);
	assert_true(dispatch_while_readable(to) > 1);
	assert_int_equal(in.n, NUM);
	rpmsg_destroy_ept(ept);
}

static void test_full_ring(void **state)
{
	struct rpmsg_bus_options opt = { .num = NUM, .buffer_size = 64 };
	struct loop_bus lb;

	(void)state;
	loop_bus_open(&lb, &opt);
	for (int host = 0; host < 2; host++) {
		struct rpmsg_bus *from = host ? lb.host : lb.remote, *to = host ? lb.remote : lb.host;
		static struct inbox in;
		struct rpmsg_endpoint *sender = bind_addr(from, inbox_cb, &in, 60, RPMSG_ADDR_ANY);

		assert_non_null(sender);
		fill(from, to, sender);
		fill(from, to, sender);
		rpmsg_destroy_ept(sender);
	}
	loop_bus_close(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
