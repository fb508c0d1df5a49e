/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends to whom in a recording: names that come, go and move, and who can be told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rpmsg-send/replay_plan.h"
#include "virtio/wire.h"

#define RECORDS_MAX 32

static struct rpmsg_record records[RECORDS_MAX];
static uint8_t payload[RECORDS_MAX][WIRE_NS_SIZE];
static unsigned n_records;
static struct plan plan;

static int set_up(void **state)
{
	(void)state;
	n_records = 0;
	plan_init(&plan, RPMSG_SIDE_HOST, "live");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	plan_free(&plan);
	return 0;
}

/* Adds a record; its number. */
static struct rpmsg_record *record(enum rpmsg_direction dir, uint32_t src, uint32_t dst)
{
	struct rpmsg_record *r = &records[n_records];

	assert_true(n_records < RECORDS_MAX);
	*r = (struct rpmsg_record){ .seq = n_records, .time_ns = 1000 * (n_records + 1), .bus = "-",
				    .dir = dir, .src = src, .dst = dst, .text = "" };
	r->data = payload[n_records++];
	return r;
}

static unsigned to_remote(uint32_t src, uint32_t dst)
{
	record(RPMSG_H2R, src, dst);
	return n_records;
}

static unsigned to_host(uint32_t src, uint32_t dst)
{
	record(RPMSG_R2H, src, dst);
	return n_records;
}

static void tell(enum rpmsg_direction dir, const char *name, uint32_t addr, uint32_t flags)
{
	struct rpmsg_record *r = record(dir, addr, RPMSG_NS_ADDR);

	r->len = WIRE_NS_SIZE;
	wire_ns_encode(payload[n_records - 1], name, addr, flags,
		       __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
}

static void announce(const char *name, uint32_t addr)
{
	tell(RPMSG_R2H, name, addr, 0);
}

static void withdraw(const char *name, uint32_t addr)
{
	tell(RPMSG_R2H, name, addr, WIRE_NS_DESTROY);
}

static void happens(enum rpmsg_record_type type, enum rpmsg_direction dir, uint32_t src,
		    const char *text)
{
	struct rpmsg_record *r = record(dir, src, RPMSG_ADDR_ANY);

	r->type = type;
	r->text = text;
}

static void make(void)
{
	for (unsigned i = 0; i < n_records; i++)
		assert_int_equal(plan_learn(&plan, &records[i], i + 1), 0);
	for (unsigned i = 0; i < n_records; i++)
		assert_int_equal(plan_add(&plan, &records[i], i + 1), 0);
}

static struct pair *pair_of(unsigned number)
{
	struct pair *pair = plan_pair(&plan, &records[number - 1], number);

	assert_non_null(pair);
	return pair;
}

static void check_theirs(unsigned number, const char *name, unsigned instance)
{
	assert_string_equal(pair_of(number)->theirs->name, name);
	assert_int_equal(pair_of(number)->theirs->instance, instance);
}

static void test_a_name_counts_before_it_was_announced(void **state)
{
	unsigned early, later, other;

	(void)state;
	early = to_remote(0x400, 0x401);
	announce("echo", 0x401);
	later = to_remote(0x400, 0x401);
	other = to_remote(0x400, 0x402);
	make();
	check_theirs(early, "echo", 0);
	assert_ptr_equal(pair_of(early), pair_of(later));
	assert_int_equal(pair_of(early)->sent, 2);
	check_theirs(other, "", 0);
	assert_int_equal(plan.sent, 3);
	assert_int_equal(plan.first_ns, 1000);
}

static void test_a_service_that_moves_stays_the_same(void **state)
{
	unsigned first, gone, moved;

	(void)state;
	announce("echo", 0x401);
	first = to_remote(0x400, 0x401);
	withdraw("echo", 0x401);
	gone = to_remote(0x400, 0x401);
	announce("echo", 0x402);
	moved = to_remote(0x400, 0x402);
	make();
	assert_ptr_equal(pair_of(first), pair_of(gone));
	assert_ptr_equal(pair_of(first), pair_of(moved));
	check_theirs(first, "echo", 0);
}

static void test_an_address_is_one_service_after_another(void **state)
{
	unsigned first, second, third, fourth;

	(void)state;
	announce("a", 0x401);
	first = to_remote(0x400, 0x401);
	withdraw("a", 0x401);
	announce("b", 0x401);
	second = to_remote(0x400, 0x401);
	announce("a", 0x401); /* it was not withdrawn, as after a crash */
	third = to_remote(0x400, 0x401);
	announce("b", 0x402);
	fourth = to_remote(0x400, 0x402);
	make();
	check_theirs(first, "a", 0);
	check_theirs(second, "b", 0);
	assert_ptr_equal(pair_of(second), pair_of(fourth));
	assert_ptr_equal(pair_of(first), pair_of(third));
}

static void test_services_of_one_name_are_counted(void **state)
{
	unsigned first, second, again, after;

	(void)state;
	announce("raw", 0x401);
	announce("raw", 0x402);
	announce("raw", 0x402);
	first = to_remote(0x400, 0x401);
	second = to_remote(0x400, 0x402);
	withdraw("raw", 0x401);
	announce("raw", 0x403);
	again = to_remote(0x400, 0x403);
	happens(RPMSG_RECORD_DOWN, RPMSG_H2R, RPMSG_ADDR_ANY, "");
	announce("raw", 0x404);
	after = to_remote(0x400, 0x404);
	make();
	check_theirs(first, "raw", 0);
	check_theirs(second, "raw", 1);
	check_theirs(again, "raw", 0);
	check_theirs(after, "raw", 0);
}

static void test_events_tell_of_services_of_the_other_side(void **state)
{
	unsigned theirs, ours;

	(void)state;
	happens(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 0x401, "echo");
	happens(RPMSG_RECORD_ANNOUNCE, RPMSG_H2R, 0x400, "made-by-hand");
	happens(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 0x402, "");
	happens(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 0x402, "longer-than-any-name-can-be-at-all");
	theirs = to_remote(0x400, 0x401);
	ours = to_remote(0x400, 0x402);
	make();
	check_theirs(theirs, "echo", 0);
	check_theirs(ours, "", 0);
	assert_string_equal(pair_of(theirs)->ours->name, "");
}

static void test_only_messages_count(void **state)
{
	(void)state;
	announce("echo", 0x401);
	happens(RPMSG_RECORD_NO_RECIPIENT, RPMSG_H2R, 0x400, "");
	record(RPMSG_H2R, 0x400, RPMSG_NS_ADDR)->len = 3;
	make();
	assert_int_equal(plan.sent, 0);
	assert_int_equal(plan.received, 0);
	assert_true(STAILQ_EMPTY(&plan.pairs));
}

static void test_a_name_selects(void **state)
{
	unsigned wanted, other;

	(void)state;
	plan.name = "echo";
	announce("echo", 0x401);
	other = to_remote(0x400, 0x402);
	wanted = to_remote(0x400, 0x401);
	make();
	assert_true(pair_of(wanted)->selected);
	assert_false(pair_of(other)->selected);
	assert_int_equal(plan.sent, 1);
	assert_int_equal(plan.unselected, 1);
	assert_int_equal(plan.first_ns, records[wanted - 1].time_ns);
}

static void test_who_wrote_first_is_a_client(void **state)
{
	unsigned first, second, answer, known, late;

	(void)state;
	tell(RPMSG_H2R, "ours", 0x400, 0);
	first = to_host(0x500, 0x400);
	to_host(0x30, 0x400);
	second = to_host(0x501, 0x400);
	answer = to_remote(0x400, 0x501);
	known = to_remote(0x400, 0x30);
	late = to_remote(0x400, 0x502); /* wrote afterwards */
	to_host(0x502, 0x400);
	make();
	assert_true(pair_of(first)->is_client);
	assert_int_equal(pair_of(first)->client, 0);
	assert_ptr_equal(pair_of(second), pair_of(answer));
	assert_int_equal(pair_of(answer)->client, 1);
	assert_false(pair_of(known)->is_client);
	assert_false(pair_of(late)->is_client);
	assert_int_equal(pair_of(first)->ours->n_clients, 2);
}

static void test_nobody_can_know_a_free_address(void **state)
{
	unsigned stranger, asked;

	(void)state;
	stranger = to_host(0x500, 0x400);
	to_remote(0x400, 0x401);
	asked = to_host(0x401, 0x400);
	make();
	assert_false(pair_of(stranger)->is_client);
	assert_false(pair_is_distinct(pair_of(stranger)));
	assert_ptr_equal(pair_flow(pair_of(stranger)), &pair_of(stranger)->ours->others);
	assert_true(pair_is_distinct(pair_of(asked)));
	assert_ptr_equal(pair_flow(pair_of(asked)), &pair_of(asked)->flow);
}

static void test_what_cannot_be_sent_is_listed(void **state)
{
	(void)state;
	plan.mtu = 8;
	record(RPMSG_H2R, 0x400, 0x401)->len = 8;
	record(RPMSG_H2R, 0x400, 0x401)->len = 9;
	record(RPMSG_R2H, 0x401, 0x400)->len = 9;
	record(RPMSG_H2R, 0x400, RPMSG_ADDR_ANY);
	records[0].count = 1;
	records[2].count = 1;
	for (unsigned i = 0; i < 2 * FAULTS_KEPT; i++)
		record(RPMSG_H2R, 0x400, 0x401)->len = 10;
	make();
	assert_int_equal(plan.cut.n, 1);
	assert_int_equal(plan.cut.first[0].number, 1);
	assert_int_equal(plan.cut_received.n, 1);
	assert_int_equal(plan.cut_received.first[0].number, 3);
	assert_int_equal(plan.nowhere.n, 1);
	assert_int_equal(plan.nowhere.first[0].number, 4);
	assert_int_equal(plan.long_ones.n, 1 + 2 * FAULTS_KEPT);
	assert_int_equal(plan.long_ones.first[0].number, 2);
	assert_int_equal(plan.long_ones.first[FAULTS_KEPT - 1].number, 3 + FAULTS_KEPT);
	assert_int_equal(plan.long_ones.first[FAULTS_KEPT - 1].len, 10);
}

static void test_the_live_bus_is_chosen_from_several(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		to_remote(0x400, 0x401);
	announce("echo", 0x401);
	records[0].bus = "first";
	records[1].bus = "live";
	records[2].bus = "third";
	records[3].bus = "live";
	records[4].bus = "live";
	make();
	assert_string_equal(plan.bus, "live");
	assert_string_equal(plan.other_bus, "third");
	assert_int_equal(plan.sent, 2);
	check_theirs(4, "echo", 0);
	assert_false(plan_is_message(&plan, &records[0]));
}

static void test_another_bus_is_told(void **state)
{
	(void)state;
	to_remote(0x400, 0x401);
	to_remote(0x400, 0x401);
	records[0].bus = "first";
	records[1].bus = "second";
	make();
	assert_string_equal(plan.bus, "first");
	assert_string_equal(plan.other_bus, "second");
	assert_int_equal(plan.sent, 1);
}

static void test_the_remote_sends_what_came_to_the_host(void **state)
{
	unsigned answer;

	(void)state;
	plan.side = RPMSG_SIDE_REMOTE;
	announce("echo", 0x401);
	to_remote(0x400, 0x401);
	answer = to_host(0x401, 0x400);
	make();
	assert_int_equal(plan.sent, 1);
	assert_int_equal(plan.received, 1);
	assert_string_equal(pair_of(answer)->ours->name, "echo");
	assert_int_equal(pair_of(answer)->theirs->addr, 0x400);
	assert_true(pair_of(answer)->is_client);
}

static void test_parties_in_words(void **state)
{
	struct party party = { .addr = 0x401, .name = "echo" };
	char text[PARTY_TEXT_SIZE];

	(void)state;
	assert_string_equal(party_text(&party, text), "echo (0x401)");
	party.instance = 1;
	assert_string_equal(party_text(&party, text), "echo#2 (0x401)");
	party.name[0] = '\0';
	party.instance = 0;
	assert_string_equal(party_text(&party, text), "0x401");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_name_counts_before_it_was_announced),
		TEST(test_a_service_that_moves_stays_the_same),
		TEST(test_an_address_is_one_service_after_another),
		TEST(test_services_of_one_name_are_counted),
		TEST(test_events_tell_of_services_of_the_other_side),
		TEST(test_only_messages_count),
		TEST(test_a_name_selects),
		TEST(test_who_wrote_first_is_a_client),
		TEST(test_nobody_can_know_a_free_address),
		TEST(test_what_cannot_be_sent_is_listed),
		TEST(test_the_live_bus_is_chosen_from_several),
		TEST(test_another_bus_is_told),
		TEST(test_the_remote_sends_what_came_to_the_host),
		TEST(test_parties_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
