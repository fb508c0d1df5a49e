/* SPDX-License-Identifier: BSD-2-Clause */
/* Passing over messages of a recording: which, how many, and that no event is among them. */
#include <errno.h>
#include <pthread.h>

#include "recording_file.h"

static void put_event(struct recorder *rec, uint64_t count)
{
	const struct rpmsg_record event = { .type = RPMSG_RECORD_DROP, .count = count };

	recorder_put_event(rec, recorder_add_bus(rec, "bus"), &event);
}

static struct rpmsg_recording *open_with_events(bool history)
{
	struct rpmsg_recording *r = open_file(history);

	rpmsg_recording_set_events(r, true);
	return r;
}

static void next_is_event(struct rpmsg_recording *r, uint64_t count)
{
	struct rpmsg_record m;

	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_int_equal(m.type, RPMSG_RECORD_DROP);
	assert_int_equal(m.count, count);
}

static void next_is_message(struct rpmsg_recording *r, uint64_t seq)
{
	struct rpmsg_record m;

	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(m.seq, seq);
	assert_int_equal(m.src, seq);
	assert_true(message_right(&m));
}

static void next_is_nothing(struct rpmsg_recording *r)
{
	struct rpmsg_record m;

	assert_int_equal(rpmsg_recording_read(r, &m), 0);
}

static void to_the_end(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);

	(void)state;
	assert_int_equal(rpmsg_recording_skip(r), 0);
	put_all(rec, 0, 100);
	next_is_message(r, 0);
	assert_int_equal(rpmsg_recording_skip(r), 99);
	assert_int_equal(rpmsg_recording_skip(r), 0);
	next_is_nothing(r);
	put_all(rec, 100, 102);
	next_is_message(r, 100);
	next_is_message(r, 101);
	assert_int_equal(rpmsg_recording_lost(r), 0);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

static void to_each_event(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_with_events(true), *messages = open_file(true);

	(void)state;
	put_event(rec, 1);
	put_all(rec, 0, 50);
	put_event(rec, 2);
	put_event(rec, 3);
	put_all(rec, 50, 90);
	assert_int_equal(rpmsg_recording_skip(r), 0);
	next_is_event(r, 1);
	assert_int_equal(rpmsg_recording_skip(r), 50);
	assert_int_equal(rpmsg_recording_skip(r), 0);
	next_is_event(r, 2);
	assert_int_equal(rpmsg_recording_skip(r), 0);
	next_is_event(r, 3);
	next_is_message(r, 50);
	assert_int_equal(rpmsg_recording_skip(r), 39);
	next_is_nothing(r);
	put_all(rec, 90, 91);
	put_event(rec, 4);
	assert_int_equal(rpmsg_recording_skip(r), 1);
	next_is_event(r, 4);
	/* who does not read events passes over them too */
	assert_int_equal(rpmsg_recording_skip(messages), 91);
	next_is_nothing(messages);
	assert_int_equal(rpmsg_recording_lost(r) + rpmsg_recording_lost(messages), 0);
	rpmsg_recording_close(r);
	rpmsg_recording_close(messages);
	recorder_close(rec, false);
}

/* Where the last event is, is not known of what another version has written. */
static void events_are_looked_for(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_with_events(true);
	struct ring_header *header;
	size_t size;

	(void)state;
	put_all(rec, 0, 10);
	put_event(rec, 1);
	put_all(rec, 10, 20);
	header = (struct ring_header *)map_file(&size);
	header->event = 0;
	next_is_message(r, 0);
	assert_int_equal(rpmsg_recording_skip(r), 9);
	next_is_event(r, 1);
	assert_int_equal(rpmsg_recording_skip(r), 10);
	next_is_nothing(r);
	munmap(header, size);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* The ring goes round several times between two looks. */
static void overwritten_are_counted_once(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_with_events(true);
	struct rpmsg_record m;
	uint64_t n = 0;

	(void)state;
	put_event(rec, 1);
	next_is_event(r, 1);
	put_all(rec, 0, 7000);
	assert_int_equal(rpmsg_recording_skip(r), 7000);
	assert_int_equal(rpmsg_recording_lost(r), 0);
	put_all(rec, 7000, 14000);
	put_event(rec, 2);
	put_all(rec, 14000, 14010);
	for (bool found = false; !found;) {
		n += rpmsg_recording_skip(r);
		assert_int_equal(rpmsg_recording_read(r, &m), 1);
		found = m.type == RPMSG_RECORD_DROP;
		n += !found;
	}
	assert_int_equal(m.count, 2);
	assert_int_equal(m.seq, 14000);
	assert_true(rpmsg_recording_lost(r) > 1000);
	assert_int_equal(n + rpmsg_recording_lost(r), 7000);
	assert_int_equal(rpmsg_recording_skip(r), 10);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

static void limit_holds(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);

	(void)state;
	put_all(rec, 0, 10);
	rpmsg_recording_set_limit(r, true);
	put_all(rec, 10, 20);
	assert_int_equal(rpmsg_recording_skip(r), 0);
	next_is_message(r, 0);
	rpmsg_recording_set_limit(r, false);
	assert_int_equal(rpmsg_recording_skip(r), 19);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* ---- at once ---- */

#define MESSAGES 200000u
#define EVENT_EVERY 1000u

static void *write_all(void *arg)
{
	struct recorder *rec = arg;
	int bus = recorder_add_bus(rec, "bus");

	for (uint32_t n = 0; n < MESSAGES; n++) {
		put(rec, bus, n);
		if (n % EVENT_EVERY == EVENT_EVERY - 1)
			put_event(rec, n);
	}
	recorder_close(rec, false);
	return NULL;
}

static void while_it_is_written(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_with_events(true);
	uint64_t read = 0, passed = 0, events = 0, newest = 0;
	struct rpmsg_record m;
	pthread_t writer;
	int result;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, rec), 0);
	while ((result = rpmsg_recording_read(r, &m)) >= 0) {
		if (result && m.type == RPMSG_RECORD_MESSAGE) {
			assert_true(message_right(&m));
			assert_int_equal(m.seq, read + passed + rpmsg_recording_lost(r));
			read++;
		} else if (result) {
			assert_int_equal(m.seq, m.count + 1);
			assert_true(!events || m.count > newest);
			newest = m.count;
			events++;
		}
		if (read % 16 == 0)
			passed += rpmsg_recording_skip(r);
	}
	pthread_join(writer, NULL);
	assert_int_equal(result, -EPIPE);
	assert_int_equal(read + passed + rpmsg_recording_lost(r), MESSAGES);
	assert_int_equal(newest, MESSAGES - 1);
	assert_true(passed > 0 && read > 0);
	rpmsg_recording_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(to_the_end),
		TEST(to_each_event),
		TEST(events_are_looked_for),
		TEST(overwritten_are_counted_once),
		TEST(limit_holds),
		TEST(while_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
