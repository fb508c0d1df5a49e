/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels, name service, drivers. */
#include <errno.h>

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox a, b;
static int probed, removed, probe_error;
static struct rpmsg_device *probed_dev;
static char events[1024];

static int probe(struct rpmsg_device *rpdev)
{
	uint64_t *mine = rpmsg_dev_zalloc(&rpdev->dev, 100);

	assert_non_null(mine);
	assert_int_equal(*mine, 0);
	rpdev->dev.driver_data = mine;
	probed++;
	probed_dev = rpdev;
	if (probe_error)
		return probe_error;
	return rpdev->ept && rpdev->dst != RPMSG_ADDR_ANY ? rpmsg_send(rpdev->ept, "hello!", 6) : 0;
}

static void remove_dev(struct rpmsg_device *rpdev)
{
	assert_non_null(rpdev->dev.driver_data);
	removed++;
}

static int driver_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)priv;
	assert_ptr_equal(rpdev, probed_dev);
	return inbox_cb(rpdev, data, len, &a, src);
}

static const struct rpmsg_device_id ids[] = { { "other", 1 }, { "svc", 42 }, { "", 0 } };
static struct rpmsg_driver driver = {
	.drv.name = "test", .id_table = ids, .probe = probe, .remove = remove_dev, .callback = driver_cb,
};

static void note_event(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	static const char *const name[] = { "up", "down", "announce", "withdraw", "bound", "unbound",
					    "dropped" };
	size_t used = strlen(events);

	(void)bus, (void)arg;
	snprintf(events + used, sizeof(events) - used, "%s%s%s ", name[ev->type],
		 ev->info.name[0] ? ":" : "", ev->info.name);
}

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	probed = removed = probe_error = 0;
	events[0] = '\0';
	loop_bus_open(&lb, NULL);
	rpmsg_bus_set_event_fn(lb.host, note_event, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unregister_rpmsg_driver(&driver);
	loop_bus_close(&lb);
	return 0;
}

static void test_announce_and_withdraw(void **state)
{
	struct rpmsg_device *svc = rpmsg_service_create(lb.remote, "svc", RPMSG_ADDR_ANY, 0), *ch;
	struct rpmsg_endpoint *e;

	(void)state;
	assert_non_null(svc);
	assert_int_equal(svc->src, 1024);
	assert_true(rpmsg_bus_announced(lb.remote));
	loop_bus_settle(&lb);
	ch = rpmsg_bus_find_channel(lb.host, "svc");
	assert_non_null(ch);
	assert_int_equal(ch->dst, 1024);
	assert_int_equal(ch->src, RPMSG_ADDR_ANY);
	/* A learned channel is not announced back. */
	assert_string_equal(events, "announce:svc ");

	e = rpmsg_channel_bind(svc, inbox_cb, &b);
	assert_non_null(e);
	assert_int_equal(e->addr, 1024);
	assert_null(rpmsg_channel_bind(svc, inbox_cb, &b));
	assert_int_equal(errno, EBUSY);
	assert_int_equal(rpmsg_send(e, "x", 1), -EINVAL); /* nobody has sent to it */

	assert_non_null(rpmsg_channel_bind(ch, inbox_cb, &a));
	assert_int_equal(ch->src, 1024);
	assert_int_equal(rpmsg_send(ch->ept, "hi", 2), 0);
	loop_bus_settle(&lb);
	assert_int_equal(b.n, 1);
	assert_int_equal(rpmsg_send(e, "answer", 6), 0);
	loop_bus_settle(&lb);
	assert_int_equal(a.n, 1);

	/* The channel keeps its address; dynamic ones do not take it meanwhile. */
	rpmsg_destroy_ept(ch->ept);
	assert_null(ch->ept);
	assert_int_equal(bind_addr(lb.host, inbox_cb, &a, RPMSG_ADDR_ANY, 1)->addr, 1025);
	assert_int_equal(rpmsg_channel_bind(ch, inbox_cb, &a)->addr, 1024);

	assert_int_equal(rpmsg_service_destroy(svc), 0);
	assert_int_equal(rpmsg_send(e, "x", 1), -EPIPE);
	loop_bus_settle(&lb);
	assert_null(rpmsg_bus_find_channel(lb.host, "svc"));
	assert_string_equal(events, "announce:svc bound:svc unbound:svc bound:svc withdraw:svc ");
	rpmsg_destroy_ept(e);
	/* All is free again. */
	assert_int_equal(bind_addr(lb.remote, inbox_cb, &b, RPMSG_ADDR_ANY, 1)->addr, 1024);
}

/* The other side's driver sends from its probe: the service must be bound by then. */
static void test_announced_when_bound(void **state)
{
	struct rpmsg_device *svc;

	(void)state;
	svc = rpmsg_service_create(lb.remote, "svc", RPMSG_ADDR_ANY, RPMSG_SERVICE_ON_BIND);
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	loop_bus_settle(&lb);
	assert_int_equal(probed, 0);
	assert_non_null(rpmsg_channel_bind(svc, inbox_cb, &b));
	loop_bus_settle(&lb);
	assert_int_equal(probed, 1);
	assert_int_equal(b.n, 1);
	rpmsg_destroy_ept(svc->ept);
	loop_bus_settle(&lb);
	assert_non_null(rpmsg_bus_find_channel(lb.host, "svc")); /* stays announced */
}

static void test_host_announces_too(void **state)
{
	(void)state;
	assert_non_null(rpmsg_service_create(lb.host, "from-host", 60, 0));
	assert_non_null(rpmsg_service_create(lb.host, "from-host", 61, 0)); /* several may share a name */
	assert_null(rpmsg_service_create(lb.host, "from-host", 60, 0));
	assert_int_equal(errno, EEXIST);
	assert_null(rpmsg_service_create(lb.host, "other", 61, 0));
	assert_int_equal(errno, EADDRINUSE);
	assert_null(rpmsg_service_create(lb.host, "", 62, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(rpmsg_service_create(lb.host, "12345678901234567890123456789012", 62, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(rpmsg_service_create(lb.host, "keep", 62, RPMSG_SERVICE_PERSIST));
	assert_int_equal(errno, EOPNOTSUPP);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_find_channel(lb.remote, "from-host")->dst, 60);
}

static void test_driver_before_and_after(void **state)
{
	struct rpmsg_device *svc;

	(void)state;
	assert_int_equal(register_rpmsg_driver(&driver), 0);
	assert_int_equal(register_rpmsg_driver(&driver), -EBUSY);
	svc = rpmsg_service_create(lb.remote, "svc", RPMSG_ADDR_ANY, 0);
	assert_int_equal(probed, 1); /* a service of our own is a channel too */
	assert_non_null(svc->ept);
	unregister_rpmsg_driver(&driver);
	assert_int_equal(removed, 1);
	assert_null(svc->ept);

	assert_non_null(rpmsg_channel_bind(svc, inbox_cb, &b));
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	loop_bus_settle(&lb);
	assert_int_equal(probed, 2);
	loop_bus_settle(&lb);
	assert_int_equal(b.n, 1);
	assert_memory_equal(b.data, "hello!", 6);
	assert_int_equal(probed_dev->id.driver_data, 42);
	assert_int_equal(rpmsg_send(svc->ept, "to driver", 9), 0);
	loop_bus_settle(&lb);
	assert_int_equal(a.n, 1);
	assert_int_equal(rpmsg_service_destroy(svc), 0);
	loop_bus_settle(&lb);
	assert_int_equal(removed, 2);
}

static void test_driver_for_existing(void **state)
{
	(void)state;
	assert_non_null(rpmsg_service_create(lb.remote, "svc", 99, 0));
	loop_bus_settle(&lb);
	probe_error = -EIO;
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	assert_int_equal(probed, 1);
	assert_non_null(strstr(lb.log, "probe of svc"));
	assert_null(rpmsg_bus_find_channel(lb.host, "svc")->ept);
	unregister_rpmsg_driver(&driver);
	assert_int_equal(removed, 0);
	probe_error = 0;
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	assert_int_equal(probed, 2);
	assert_non_null(rpmsg_bus_find_channel(lb.host, "svc")->ept);
}

static void test_driver_without_callback(void **state)
{
	struct rpmsg_driver quiet = driver;

	(void)state;
	quiet.callback = NULL;
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &quiet), 0);
	assert_non_null(rpmsg_service_create(lb.remote, "svc", 99, 0));
	loop_bus_settle(&lb);
	assert_int_equal(probed, 1);
	assert_null(rpmsg_bus_find_channel(lb.host, "svc")->ept);
	unregister_rpmsg_driver(&quiet);
	assert_int_equal(removed, 1);
}

/* A static channel with a source of its own is announced once its driver can answer (Linux). */
static void test_static_channels(void **state)
{
	struct rpmsg_channel_info local = { "svc", 200, RPMSG_ADDR_ANY };
	struct rpmsg_channel_info fixed = { "fixed", RPMSG_ADDR_ANY, 300 };
	struct rpmsg_device *ch;

	(void)state;
	ch = rpmsg_channel_create(rpmsg_bus_device(lb.host), &fixed);
	assert_non_null(ch);
	assert_null(rpmsg_channel_create(ch, &fixed));
	assert_int_equal(errno, EEXIST);
	assert_non_null(rpmsg_channel_create(ch, &local));
	loop_bus_settle(&lb);
	assert_null(rpmsg_bus_find_channel(lb.remote, "svc"));
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_find_channel(lb.remote, "svc")->dst, 200);
	unregister_rpmsg_driver(&driver);
	loop_bus_settle(&lb);
	assert_null(rpmsg_bus_find_channel(lb.remote, "svc"));
	assert_int_equal(rpmsg_channel_destroy(ch, &fixed), 0);
	assert_int_equal(rpmsg_channel_destroy(rpmsg_bus_device(lb.host), &fixed), -ENOENT);
}

static void send_ns(const char *name, uint32_t addr, uint32_t flags, int len)
{
	struct rpmsg_endpoint *e = bind_addr(lb.remote, inbox_cb, &b, 500, RPMSG_NS_ADDR);
	struct {
		char name[32];
		uint32_t addr, flags;
		char more[8];
	} msg = { .addr = addr, .flags = flags };

	memcpy(msg.name, name, strnlen(name, 32));
	assert_int_equal(rpmsg_send(e, &msg, len), 0);
	rpmsg_destroy_ept(e);
	loop_bus_settle(&lb);
}

static void test_name_service_refuses(void **state)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	(void)state;
	send_ns("good", 7, 0, 40);
	assert_string_equal(events, "announce:good ");
	send_ns("good", 7, 0, 40);   /* twice */
	send_ns("good", 7, 0, 39);   /* short */
	send_ns("good", 7, 0, 41);   /* long */
	send_ns("good", 7, 0, 0);
	send_ns("", 8, 0, 40);
	send_ns("any", RPMSG_ADDR_ANY, 0, 40);
	send_ns("never", 9, 1, 40);  /* unmatched destroy */
	send_ns("good", 9, 1, 40);
	assert_int_equal(rpmsg_bus_get_info(lb.host, &info), 0);
	assert_int_equal(info.ns_refused, 8);
	assert_string_equal(events, "announce:good ");
	send_ns("12345678901234567890123456789012", 10, 0, 40); /* no NUL: cut, terminated */
	assert_non_null(rpmsg_bus_find_channel(lb.host, "1234567890123456789012345678901"));
	send_ns("good", 7, 1, 40);
	assert_null(rpmsg_bus_find_channel(lb.host, "good"));
}

/* The host's announcements are looked at as closely. */
static void test_name_service_of_the_host(void **state)
{
	struct rpmsg_endpoint *e = bind_addr(lb.host, inbox_cb, &a, 500, RPMSG_NS_ADDR);
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	uint8_t msg[40] = { 0 };

	(void)state;
	memset(msg, 'n', 32); /* no NUL */
	assert_int_equal(rpmsg_send(e, msg, 40), 0);
	assert_int_equal(rpmsg_send(e, msg, 39), 0);
	memset(msg + 32, 0xff, 4); /* address ANY */
	assert_int_equal(rpmsg_send(e, msg, 40), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_get_info(lb.remote, &info), 0);
	assert_int_equal(info.ns_refused, 2);
	assert_non_null(rpmsg_bus_find_channel(lb.remote, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"));
}

/* Announcements wait for buffers, and none is lost. */
static void test_announcements_wait(void **state)
{
	struct rpmsg_bus_options opt = { .num = 2 };
	struct rpmsg_endpoint *e;
	struct loop_bus tiny;
	char name[16];

	(void)state;
	loop_bus_open(&tiny, &opt);
	e = bind_addr(tiny.remote, inbox_cb, &b, 5, 77);
	assert_int_equal(rpmsg_trysend(e, "x", 1), 0);
	assert_int_equal(rpmsg_trysend(e, "x", 1), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_non_null(rpmsg_service_create(tiny.remote, name, RPMSG_ADDR_ANY, 0));
	}
	assert_false(rpmsg_bus_announced(tiny.remote));
	loop_bus_settle(&tiny);
	assert_true(rpmsg_bus_announced(tiny.remote));
	assert_non_null(rpmsg_bus_find_channel(tiny.host, "s0"));
	assert_non_null(rpmsg_bus_find_channel(tiny.host, "s19"));
	loop_bus_close(&tiny);
}

static int count(const struct rpmsg_channel_status *st, void *arg)
{
	struct rpmsg_channel_status *want = arg;

	if (!strcmp(st->info.name, want->info.name))
		*want = *st;
	return 0;
}

static void test_status(void **state)
{
	struct rpmsg_channel_status st = { .info.name = "svc" };
	struct rpmsg_device *svc = rpmsg_service_create(lb.remote, "svc", 99, 0);

	(void)state;
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_for_each_channel(lb.host, count, &st), 0);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_DRIVER);
	assert_string_equal(st.holder, "test");
	assert_int_equal(st.tx, 1);
	assert_int_equal(st.mtu, 496);
	assert_int_equal(rpmsg_bus_for_each_channel(lb.remote, count, &st), 0);
	assert_int_equal(st.origin, RPMSG_CHANNEL_SERVICE);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_BUS);
	assert_true(st.announced);
	assert_false(st.peer_seen);
	assert_non_null(rpmsg_channel_bind(svc, inbox_cb, &b));
	assert_int_equal(rpmsg_send(probed_dev->ept, "x", 1), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_for_each_channel(lb.remote, count, &st), 0);
	assert_int_equal(st.holder_kind, RPMSG_HOLDER_SELF);
	assert_true(st.peer_seen);
	assert_int_equal(st.rx, 1);
}

/* When one side goes away the other loses its learned channels and says so. */
static void test_link_down(void **state)
{
	struct rpmsg_endpoint *h, *r;

	(void)state;
	assert_non_null(rpmsg_service_create(lb.remote, "svc", 99, 0));
	assert_int_equal(rpmsg_bus_register_driver(lb.host, &driver), 0);
	loop_bus_settle(&lb);
	h = bind_addr(lb.host, inbox_cb, &a, 5, RPMSG_ADDR_ANY);
	r = bind_addr(lb.remote, inbox_cb, &b, 77, 5);
	assert_int_equal(rpmsg_send(r, "x", 1), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_endpoint_dst(h), 77);
	events[0] = '\0';
	rpmsg_bus_close(lb.remote);
	lb.remote = NULL;
	while (!strstr(events, "down"))
		assert_true(rpmsg_bus_dispatch(lb.host, 1000) > 0);
	assert_int_equal(removed, 1);
	assert_null(rpmsg_bus_find_channel(lb.host, "svc"));
	assert_int_equal(rpmsg_endpoint_dst(h), RPMSG_ADDR_ANY); /* learned, so forgotten */
	assert_int_equal(rpmsg_sendto(h, "x", 1, 77), -EPIPE);
	assert_int_equal(rpmsg_get_mtu(h), -EPIPE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_announce_and_withdraw), T(test_announced_when_bound),  T(test_host_announces_too),
		T(test_driver_before_and_after), T(test_driver_for_existing),
		T(test_driver_without_callback), T(test_static_channels),
		T(test_name_service_refuses),    T(test_announcements_wait),
		T(test_name_service_of_the_host),
		T(test_status),                  T(test_link_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
