/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/traffic.h"
#include "rpmsg-top/events.h"

/* A source of two buses with so many messages, and then so many events, each. */
struct made_up {
	struct source source;
	unsigned messages, events, given[2];
};

static const uint8_t payload[MESSAGE_BYTES_KEPT + 1] = "payload";

static size_t two_buses(struct source *src)
{
	(void)src;
	return 2;
}

static size_t records(struct source *src, size_t bus, size_t max,
		      void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	struct made_up *m = (struct made_up *)src;
	struct rpmsg_record r = {.bus = bus ? "b1" : "b0", .src = 0x400, .text = "", .data = payload};
	size_t n = 0;

	for (; n < max && m->given[bus] < m->messages + m->events; n++) {
		unsigned i = m->given[bus]++;

		r.time_ns = i + 1;
		r.type = i < m->messages ? RPMSG_RECORD_MESSAGE : RPMSG_RECORD_NO_RECIPIENT;
		r.dst = i;
		r.len = r.type ? 0 : sizeof(payload);
		r.count = r.type ? 5 : 0;
		fn(&r, arg);
	}
	return n;
}

static const struct source_ops ops = {.buses = two_buses, .records = records};

static struct events *events;
static char path[] = "/tmp/test_top_events.XXXXXX";

static int begin(void **state)
{
	(void)state;
	events = events_new();
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	close(mkstemp(path));
	return events ? unlink(path) : -1;
}

static int end(void **state)
{
	(void)state;
	events_free(events);
	unlink(path);
	return 0;
}

static bool of_bus_1(size_t bus, const struct rpmsg_record *record, void *arg)
{
	assert_string_equal(record->bus, bus ? "b1" : "b0");
	++*(unsigned *)arg;
	return bus == 1;
}

/* Records in the file: it must be one by now. */
static unsigned in_file(void)
{
	char error[256];
	struct rpmsg_record r;
	struct traffic *t;
	unsigned n = 0;

	assert_int_equal(traffic_open(path, &t, error, sizeof(error)), 0);
	while (traffic_read(t, &r, error, sizeof(error)) == 1)
		n++;
	traffic_close(t);
	return n;
}

static void test_kept(void **state)
{
	struct made_up m = {.source.ops = &ops, .messages = 3, .events = 2};
	const struct kept_message *message;
	unsigned asked = 0;

	(void)state;
	assert_true(events_update(events, &m.source, of_bus_1, &asked));
	assert_int_equal(asked, 6);
	message = events_message(events, 0);
	assert_int_equal(message->bus, 1);
	assert_int_equal(message->dst, 2);
	assert_int_equal(message->len, sizeof(payload));
	assert_memory_equal(message->data, payload, MESSAGE_BYTES_KEPT);
	assert_int_equal(events_message(events, 2)->dst, 0);
	assert_null(events_message(events, 3));
	assert_string_equal(events_get(events, 0)->text,
			    "b1 h>r - 0x400>0x4 no-recipient 5 bytes");
	assert_int_equal(events_get(events, 3)->bus, 0);
	assert_null(events_get(events, 4));
	assert_false(events_update(events, &m.source, of_bus_1, &asked));
	events_forget_messages(events);
	assert_null(events_message(events, 0));
	assert_non_null(events_get(events, 0));
	events_forget(events);
	assert_null(events_get(events, 0));
}

static void test_bounded(void **state)
{
	struct made_up m = {.source.ops = &ops, .messages = 20000, .events = 3 * EVENTS_KEPT};
	unsigned asked = 0;

	(void)state;
	assert_true(events_update(events, &m.source, of_bus_1, &asked));
	assert_int_equal(events_message(events, 0)->dst, 19999);
	assert_int_equal(events_message(events, MESSAGES_KEPT - 1)->dst, 20000 - MESSAGES_KEPT);
	assert_null(events_message(events, MESSAGES_KEPT));
	assert_non_null(events_get(events, EVENTS_KEPT - 1));
	assert_null(events_get(events, EVENTS_KEPT));
}

static void test_nothing_wanted(void **state)
{
	struct made_up m = {.source.ops = &ops, .messages = 5};

	(void)state;
	assert_false(events_update(events, &m.source, NULL, NULL));
	assert_null(events_message(events, 0));
}

static void test_capture(void **state)
{
	struct made_up m = {.source.ops = &ops, .messages = 4, .events = 1};
	unsigned asked = 0;
	uint64_t n;

	(void)state;
	assert_null(events_capture_path(events, &n));
	assert_int_equal(events_capture(events, path, of_bus_1, &asked), 0);
	assert_true(events_update(events, &m.source, NULL, NULL));
	assert_string_equal(events_capture_path(events, &n), path);
	assert_int_equal(n, 5);
	assert_int_equal(asked, 10);
	assert_int_equal(in_file(), 5); /* while it is being written */
	assert_int_equal(events_capture(events, path, NULL, NULL), -EEXIST);
	assert_null(events_capture_path(events, &n));
	assert_int_equal(in_file(), 5);
}

/* As on a disk that is full: messages are kept all the same, and the file is whole. */
static void test_capture_that_fails(void **state)
{
	struct made_up m = {.source.ops = &ops, .messages = 4};
	struct rlimit limit = {.rlim_cur = 500, .rlim_max = RLIM_INFINITY};
	unsigned asked = 0;
	uint64_t n;

	(void)state;
	assert_int_equal(events_capture(events, "/nowhere/x.pcap", NULL, NULL), -ENOENT);
	assert_int_equal(events_capture(events, path, NULL, NULL), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(events_update(events, &m.source, of_bus_1, &asked));
	limit.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(asked, 8);
	assert_int_equal(events_capture_error(events), -EFBIG);
	assert_null(events_capture_path(events, &n));
	assert_int_equal(in_file(), 2);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(events_capture(events, path, NULL, NULL), 0);
	assert_int_equal(events_capture_error(events), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_kept),
		test(test_bounded),
		test(test_nothing_wanted),
		test(test_capture),
		test(test_capture_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
