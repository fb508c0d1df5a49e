/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rpmsg-top/advice.h"

#define SECOND UINT64_C(1000000000)
#define NOW (10000 * SECOND)
#define MAX 20

/* ---- a bus whose pictures are made here ---- */

static struct {
	struct source source;
	struct source_bus bus;
	struct snapshot picture;
	struct table *table;
} fake;

static size_t one(struct source *src)
{
	(void)src;
	return 1;
}

static void describe(struct source *src, size_t bus, struct source_bus *state)
{
	(void)src, (void)bus;
	*state = fake.bus;
}

static void add_all(struct snapshot_side *to, const struct snapshot_side *from)
{
	to->served = from->served;
	to->info = from->info;
	to->stats = from->stats;
	to->n_channels = to->n_endpoints = 0;
	for (size_t i = 0; i < from->n_channels; i++)
		*snapshot_add_channel(to) = from->channel[i];
	for (size_t i = 0; i < from->n_endpoints; i++)
		*snapshot_add_endpoint(to) = from->endpoint[i];
}

static bool take(struct source *src, size_t bus, struct snapshot *picture)
{
	(void)src, (void)bus;
	picture->clock_ns = picture->time_ns = fake.picture.clock_ns;
	for (int s = 0; s < 2; s++)
		add_all(&picture->side[s], &fake.picture.side[s]);
	return true;
}

static const struct source_ops ops = {.buses = one, .describe = describe, .take = take};

static struct snapshot_side *const host = &fake.picture.side[0];

/* A host's side that is up since long ago, with nothing wrong. */
static int set_up(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.source.ops = &ops;
	fake.bus = (struct source_bus){.name = "b", .spec = "b", .there = true};
	fake.picture.clock_ns = NOW;
	host->served = true;
	host->info = (struct rpmsg_bus_info){
		.side = RPMSG_SIDE_HOST, .up = true, .generation = 1, .pid = 5,
		.features = RPMSG_F_NS | RPMSG_F_VERSION_1, .mtu_tx = 496, .mtu_rx = 240,
	};
	host->stats.since_ns = SECOND;
	host->stats.tx_ring = (struct rpmsg_ring_stats){.size = 8, .free = 8};
	host->stats.counts.rx.last_ns = NOW;
	fake.table = table_new();
	return fake.table ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	table_free(fake.table);
	snapshot_free(&fake.picture);
	return 0;
}

static struct advice found[MAX];

static size_t look(uint64_t clock_ns)
{
	fake.picture.clock_ns = clock_ns;
	table_update(fake.table, &fake.source);
	assert_int_equal(table_error(fake.table), 0);
	return advice_find(fake.table, 0, found, MAX);
}

static void is(size_t i, enum advice_level level, enum advice_kind kind, const char *begin)
{
	assert_int_equal(found[i].level, level);
	assert_int_equal(found[i].kind, kind);
	assert_int_equal(found[i].bus, 0);
	if (strncmp(found[i].text, begin, strlen(begin)) != 0)
		fail_msg("'%s' does not begin with '%s'", found[i].text, begin);
}

static struct rpmsg_channel_status *channel(enum rpmsg_channel_origin origin, const char *name,
					    uint32_t src, uint32_t dst)
{
	struct rpmsg_channel_status *st = snapshot_add_channel(host);

	assert_non_null(st);
	strcpy(st->info.name, name);
	st->info.src = src;
	st->info.dst = dst;
	st->origin = origin;
	st->announced = true;
	return st;
}

/* ---- cases ---- */

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < N_ADVICE; i++) {
		assert_non_null(advice_word((enum advice_kind)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(advice_word((enum advice_kind)i),
						advice_word((enum advice_kind)k));
	}
}

static void test_all_is_well(void **state)
{
	struct rpmsg_channel_status *st;

	(void)state;
	st = channel(RPMSG_CHANNEL_LEARNED, "echo", 1024, 50);
	st->holder_kind = RPMSG_HOLDER_CLIENT;
	channel(RPMSG_CHANNEL_SERVICE, "own", 1025, 51)->peer_seen = true;
	host->stats.tx_ring = (struct rpmsg_ring_stats){
		.size = 8, .in_flight = 8, .oldest_ns = 1000,
	};
	host->stats.counts.waits = 100;
	assert_int_equal(look(NOW), 0);
	/* and of a bus that tells nothing of its rings */
	memset(&host->stats.tx_ring, 0, sizeof(host->stats.tx_ring));
	host->info.features = 0;
	assert_int_equal(look(NOW + SECOND), 0);
}

static void test_counters_grow_old(void **state)
{
	(void)state;
	host->stats.malformed = 3;
	host->stats.counts.errors[RPMSG_ERROR_TOO_LONG] = 4;
	channel(RPMSG_CHANNEL_LEARNED, "echo", 1024, 50);
	/* who knows when */
	assert_int_equal(look(NOW), 2);
	is(0, ADVICE_NOTE, ADVICE_TOO_LONG,
	   "b: 4 sends too long: at most 496 bytes can be sent and 240 ");
	is(1, ADVICE_NOTE, ADVICE_MALFORMED,
	   "b: 3 malformed ring entries or headers: 'rpmsg-listen -b b ");
	host->stats.malformed = 5;
	assert_int_equal(look(NOW + SECOND), 2);
	is(0, ADVICE_ALARM, ADVICE_MALFORMED,
	   "b: 5 malformed ring entries or headers, the last just now");
	strcpy(fake.bus.refused, "used id 9");
	assert_int_equal(look(NOW + 41 * SECOND), 2);
	is(0, ADVICE_ALARM, ADVICE_MALFORMED,
	   "b: 5 malformed ring entries or headers, the last 40 s ago: used id 9: ");
	look(NOW + 62 * SECOND);
	is(1, ADVICE_NOTE, ADVICE_MALFORMED, "b: 5 malformed ring entries or headers: used id 9: ");
	/* between pictures that are an hour apart it may have been at any time */
	host->stats.malformed = 6;
	look(NOW + 3700 * SECOND);
	is(1, ADVICE_NOTE, ADVICE_MALFORMED, "b: 6 malformed");
}

static void test_a_young_server(void **state)
{
	(void)state;
	channel(RPMSG_CHANNEL_LEARNED, "echo", 1024, 50);
	host->stats.counts.errors[RPMSG_ERROR_LOST] = 1;
	host->stats.counts.errors[RPMSG_ERROR_OTHER] = 2;
	host->stats.since_ns = NOW - 20 * SECOND;
	assert_int_equal(look(NOW), 1);
	is(0, ADVICE_WARNING, ADVICE_SEND_ERRORS,
	   "b: 3 sends failed, the last just now: 1 lost with the link, 2 for other reasons");
	/* another one, and then that is long ago */
	memset(host->stats.counts.errors, 0, sizeof(host->stats.counts.errors));
	host->stats.since_ns = NOW;
	assert_int_equal(look(NOW + SECOND), 1);
	is(0, ADVICE_NOTE, ADVICE_RESTARTED, "b: its server is another one since a moment ago");
	assert_int_equal(look(NOW + 70 * SECOND), 0);
}

static void test_strays(void **state)
{
	(void)state;
	channel(RPMSG_CHANNEL_LEARNED, "echo", 1024, 50);
	host->stats.no_recipient = 7;
	host->stats.n_strays = 2;
	host->stats.stray[0] = (struct rpmsg_stray){7, 99, 5, 50, NOW - 3 * SECOND};
	host->stats.stray[1] = (struct rpmsg_stray){8, 98, 2, 20, NOW - 90 * SECOND};
	assert_int_equal(look(NOW), 2);
	is(0, ADVICE_ALARM, ADVICE_NO_RECIPIENT,
	   "b: 5 messages (50 bytes) from 0x7 to 0x63 lost, the last 3 s ago: nobody has 0x63 ");
	is(1, ADVICE_NOTE, ADVICE_NO_RECIPIENT, "b: 2 messages (20 bytes) from 0x8 to 0x62 lost: ");
	/* a backend that has counted them only */
	host->stats.n_strays = 0;
	host->stats.no_recipient = 8;
	assert_int_equal(look(NOW + SECOND), 1);
	is(0, ADVICE_ALARM, ADVICE_NO_RECIPIENT,
	   "b: 8 messages to addresses that nobody has, the last ");
}

static void test_who_tried_first(void **state)
{
	(void)state;
	channel(RPMSG_CHANNEL_SERVICE, "echo", 50, RPMSG_ADDR_ANY);
	assert_int_equal(look(NOW), 1);
	is(0, ADVICE_NOTE, ADVICE_PEER_SILENT,
	   "b: 'echo' (0x32): announced, and nobody has written");
	host->channel[0].counts.errors[RPMSG_ERROR_NO_DST] = 2;
	host->stats.counts.errors[RPMSG_ERROR_NO_DST] = 2;
	assert_int_equal(look(NOW + SECOND), 2);
	is(0, ADVICE_WARNING, ADVICE_PEER_SILENT,
	   "b: 'echo' (0x32): announced, and nobody has written");
	assert_non_null(strstr(found[0].text, "(it has tried)"));
	is(1, ADVICE_WARNING, ADVICE_SEND_ERRORS, "b: 2 sends failed, ");
}

static void test_kernel(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{"rpmsg-tty",
		 "b: 'rpmsg-tty' (0x32): its driver rpmsg_tty does not have it, so there is "},
		{"rpmsg-tyt",
		 "b: 'rpmsg-tyt' (0x32): no driver takes that name, so there is no /dev "
			      "node; rpmsg_tty takes 'rpmsg-tty'"},
		{"thermometer",
		 "b: 'thermometer' (0x32): no driver takes that name, so there is no /dev "
				"node; rpmsg-send"},
	};

	(void)state;
	host->info.own_only = true;
	fake.bus.partial = true;
	strcpy(fake.bus.missing, "Linux tells nothing of its rings");
	channel(RPMSG_CHANNEL_LEARNED, "x", RPMSG_ADDR_ANY, 50);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		strcpy(host->channel[0].info.name, cases[i].name);
		assert_int_equal(look(NOW + i * SECOND), 2);
		is(0, ADVICE_WARNING, ADVICE_NEVER_BOUND, cases[i].text);
		is(1, ADVICE_NOTE, ADVICE_PARTIAL, "b: Linux tells nothing of its rings");
	}
	/* a driver has it */
	host->channel[0].info.src = 1024;
	host->channel[0].holder_kind = RPMSG_HOLDER_DRIVER;
	assert_int_equal(look(NOW + 10 * SECOND), 1);
}

static void test_buffers(void **state)
{
	struct rpmsg_ring_stats *tx = &host->stats.tx_ring;

	(void)state;
	channel(RPMSG_CHANNEL_LEARNED, "echo", 1024, 50);
	*tx = (struct rpmsg_ring_stats){.size = 8, .in_flight = 8, .oldest_ns = 12 * SECOND,
					.holder = "pid 7 (x)"};
	assert_int_equal(look(NOW), 1);
	is(0, ADVICE_ALARM, ADVICE_NO_BUFFER,
	   "b: no transmit buffer is free: all 8 are with pid 7 (x), none came back for 12 s");
	*tx = (struct rpmsg_ring_stats){
		.size = 8, .free = 5, .in_flight = 3, .oldest_ns = 2 * SECOND,
	};
	assert_int_equal(look(NOW + SECOND), 1);
	is(0, ADVICE_WARNING, ADVICE_NO_PROGRESS,
	   "b: 3 of 8 transmit buffers with the remote side, and ");
	tx->oldest_ns = SECOND / 2;
	assert_int_equal(look(NOW + 2 * SECOND), 0);
}

static void test_the_worst_first(void **state)
{
	const char *hostile = "a\033[2J\nb";

	(void)state;
	strcpy(channel(RPMSG_CHANNEL_LEARNED, "x", RPMSG_ADDR_ANY, 50)->info.name, hostile);
	channel(RPMSG_CHANNEL_SERVICE, "own", 51, RPMSG_ADDR_ANY);
	host->stats.tx_ring = (struct rpmsg_ring_stats){.size = 8, .in_flight = 8,
							.oldest_ns = 12 * SECOND};
	assert_int_equal(look(NOW), 3);
	is(0, ADVICE_ALARM, ADVICE_NO_BUFFER, "b: ");
	is(1, ADVICE_WARNING, ADVICE_NEVER_BOUND, "b: 'a.[2J.b' (0x32): announced, never bound");
	is(2, ADVICE_NOTE, ADVICE_PEER_SILENT, "b: ");
	memset(found, 0, sizeof(found));
	assert_int_equal(advice_find(fake.table, 0, found, 1), 1);
	is(0, ADVICE_ALARM, ADVICE_NO_BUFFER, "b: ");
	assert_string_equal(found[1].text, "");
	assert_int_equal(advice_find(fake.table, 1, found, MAX), 0);
}

static void test_gone(void **state)
{
	(void)state;
	fake.bus.there = false;
	strcpy(fake.bus.why, "nobody serves it");
	assert_int_equal(look(NOW), 1);
	is(0, ADVICE_ALARM, ADVICE_LINK_DOWN, "b: nobody serves it");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		CASE(test_all_is_well),
		CASE(test_counters_grow_old),
		CASE(test_a_young_server),
		CASE(test_strays),
		CASE(test_who_tried_first),
		CASE(test_kernel),
		CASE(test_buffers),
		CASE(test_the_worst_first),
		CASE(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
