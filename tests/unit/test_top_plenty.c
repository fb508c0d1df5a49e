/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus with more messages than can be looked at: what rpmsg-top reads of them, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpmsg-top/events.h"

#define MESSAGES 100000u
#define EVENT_AT 70000u /* before this message */

/* A bus that has so much at once. */
struct busy {
	struct source source; /* first */
	size_t next;
	bool event_read;
	size_t read;
};

static size_t one_bus(struct source *src)
{
	(void)src;
	return 1;
}

static bool event_is_next(const struct busy *b)
{
	return b->next == EVENT_AT && !b->event_read;
}

static size_t records(struct source *src, size_t bus, size_t max,
		      void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	struct busy *b = (struct busy *)src;
	struct rpmsg_record r = {.bus = "busy", .data = (const uint8_t *)"x", .len = 1};
	size_t n = 0;

	assert_int_equal(bus, 0);
	for (; n < max && (b->next < MESSAGES || event_is_next(b)); n++) {
		r.type = event_is_next(b) ? RPMSG_RECORD_RESET : RPMSG_RECORD_MESSAGE;
		r.text = event_is_next(b) ? "why" : NULL;
		r.dst = (uint32_t)b->next;
		if (event_is_next(b)) {
			b->event_read = true;
		} else {
			b->next++;
			b->read++;
		}
		fn(&r, arg);
	}
	return n;
}

static void pass_over(struct source *src, size_t bus)
{
	struct busy *b = (struct busy *)src;

	assert_int_equal(bus, 0);
	b->next = b->next <= EVENT_AT && !b->event_read ? EVENT_AT : MESSAGES;
}

static const struct source_ops live_ops = {.buses = one_bus, .records = records, .skip = pass_over};
static const struct source_ops file_ops = {.buses = one_bus, .records = records};

static bool any(size_t bus, const struct rpmsg_record *record, void *arg)
{
	(void)bus;
	(void)record;
	(void)arg;
	return true;
}

static void most_are_passed_over(void **state)
{
	struct busy b = {.source.ops = &live_ops};
	struct events *events = events_new();

	(void)state;
	assert_true(events_update(events, &b.source, any, NULL));
	assert_int_equal(b.next, MESSAGES);
	assert_in_range(b.read, 1000, 10000);
	/* the event is not among those, and messages are shown */
	assert_true(b.event_read);
	assert_non_null(events_get(events, 0));
	assert_non_null(strstr(events_get(events, 0)->text, "why"));
	assert_non_null(events_message(events, MESSAGES_KEPT - 1));
	events_free(events);
}

static void none_are_of_a_file(void **state)
{
	struct busy b = {.source.ops = &file_ops};
	struct events *events = events_new();

	(void)state;
	assert_true(events_update(events, &b.source, any, NULL));
	assert_int_equal(b.read, MESSAGES);
	assert_int_equal(events_message(events, 0)->dst, MESSAGES - 1);
	events_free(events);
}

static void none_are_while_captured(void **state)
{
	char path[] = "/tmp/rpmsg-plenty-XXXXXX";
	struct busy b = {.source.ops = &live_ops};
	struct events *events = events_new();
	int fd = mkstemp(path);
	uint64_t n;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(events_capture(events, path, NULL, NULL), 0);
	assert_true(events_update(events, &b.source, any, NULL));
	assert_int_equal(b.read, MESSAGES);
	assert_string_equal(events_capture_path(events, &n), path);
	assert_int_equal(n, MESSAGES + 1);
	events_free(events);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(most_are_passed_over),
		cmocka_unit_test(none_are_of_a_file),
		cmocka_unit_test(none_are_while_captured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
