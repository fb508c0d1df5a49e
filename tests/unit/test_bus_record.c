/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that records itself, by RPMSG_RECORD: each message once, in the right direction. */
#include <errno.h>
#include <unistd.h>

#include "loop_bus.h"

static char path[] = "/tmp/test_bus_record.XXXXXX";
static struct inbox in;

static void test_process_records_itself(void **state)
{
	struct rpmsg_endpoint *h, *r;
	struct rpmsg_recording *rec;
	struct rpmsg_record m;
	uint64_t before = 0;
	struct loop_bus lb;

	(void)state;
	assert_int_equal(setenv("RPMSG_RECORD", path, 1), 0);
	loop_bus_open(&lb, NULL);
	h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	assert_int_equal(rpmsg_bus_record(lb.host, "/tmp/never-made", 0), -EBUSY);
	rec = rpmsg_recording_open(path, true);
	assert_non_null(rec);

	assert_non_null(rpmsg_service_create(lb.remote, "svc", 100, 0));
	loop_bus_settle(&lb); /* the host records what it receives when it does */
	for (int i = 0; i < 10; i++) {
		char text[16];

		snprintf(text, sizeof(text), "message %d", i);
		assert_int_equal(rpmsg_trysend(i % 2 ? r : h, text, 9), 0);
		loop_bus_settle(&lb);
	}
	assert_int_equal(rpmsg_trysendto(h, NULL, 0, 4242), 0); /* to nobody: it was sent, too */
	loop_bus_settle(&lb);
	assert_true(rpmsg_bus_record_count(lb.host) >= 12); /* events count too */
	assert_int_equal(rpmsg_bus_record_count(lb.remote), rpmsg_bus_record_count(lb.host));

	for (uint64_t i = 0; i < 12; i++) {
		assert_int_equal(rpmsg_recording_read(rec, &m), 1);
		assert_int_equal(m.seq, i);
		assert_true(m.time_ns >= before);
		assert_string_equal(m.bus, "loop");
		before = m.time_ns;
		if (i == 0) {
			assert_int_equal(m.dst, RPMSG_NS_ADDR);
			assert_int_equal(m.dir, RPMSG_R2H);
			assert_int_equal(m.len, 40);
		} else if (i == 11) {
			assert_int_equal(m.dst, 4242);
			assert_int_equal(m.len, 0);
		} else {
			assert_int_equal(m.dir, i % 2 ? RPMSG_H2R : RPMSG_R2H);
			assert_int_equal(m.src, i % 2 ? 5 : 77);
			assert_int_equal(m.len, 9);
			assert_int_equal(m.data[8], '0' + i - 1);
		}
	}
	assert_int_equal(rpmsg_recording_read(rec, &m), 0);
	assert_int_equal(rpmsg_recording_lost(rec), 0);
	rpmsg_recording_close(rec);
	loop_bus_close(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_process_records_itself) };
	int fd = mkstemp(path), failures;

	if (fd < 0)
		return 1;
	close(fd);
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failures;
}
