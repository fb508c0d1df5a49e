/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpmsg-top/table.h"

#define SECOND UINT64_C(1000000000)

/* A source of one bus whose pictures the test makes up. */
struct made_up {
	struct source source;
	struct snapshot next;
	bool fresh, gone;
};

static size_t one_bus(struct source *src)
{
	(void)src;
	return 1;
}

static void describe(struct source *src, size_t bus, struct source_bus *state)
{
	const struct made_up *m = (const struct made_up *)src;

	(void)bus;
	*state = (struct source_bus){.name = "b0", .there = !m->gone};
}

static bool take(struct source *src, size_t bus, struct snapshot *picture)
{
	struct made_up *m = (struct made_up *)src;
	struct snapshot old = *picture;

	(void)bus;
	if (!m->fresh)
		return false;
	m->fresh = false;
	*picture = m->next;
	m->next = old;
	return true;
}

static const struct source_ops ops = {.buses = one_bus, .describe = describe, .take = take};

static struct made_up made;
static struct table *table;

static int begin(void **state)
{
	(void)state;
	made = (struct made_up){.source.ops = &ops};
	table = table_new();
	return table ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	table_free(table);
	snapshot_free(&made.next);
	return 0;
}

/* ---- pictures ---- */

static struct snapshot_side *picture(uint64_t clock_ns)
{
	struct snapshot_side *host = &made.next.side[0];

	strcpy(made.next.bus, "b0");
	made.next.clock_ns = clock_ns;
	host->served = true;
	host->info.up = true;
	host->n_channels = host->n_endpoints = 0;
	host->stats = (struct rpmsg_stats){.time_ns = clock_ns, .since_ns = 1};
	made.fresh = true;
	return host;
}

static struct rpmsg_endpoint_stats *endpoint(struct snapshot_side *side, uint64_t id, uint64_t tx,
					     uint64_t bytes)
{
	struct rpmsg_endpoint_stats *e = snapshot_add_endpoint(side);

	assert_non_null(e);
	*e = (struct rpmsg_endpoint_stats){.id = id, .addr = 1024 + (uint32_t)id, .dst = 30};
	e->counts.tx.messages = tx;
	e->counts.tx.bytes = bytes;
	return e;
}

static void channel(struct snapshot_side *side, const char *name, uint32_t src, uint32_t dst)
{
	struct rpmsg_channel_status *st = snapshot_add_channel(side);

	assert_non_null(st);
	*st = (struct rpmsg_channel_status){.info = {.src = src, .dst = dst}};
	strcpy(st->info.name, name);
}

static void update(void)
{
	assert_true(table_update(table, &made.source));
	assert_int_equal(table_error(table), 0);
}

static const struct row *row_of(uint64_t id)
{
	for (size_t i = 0; i < table_rows(table); i++)
		if (table_row(table, i)->id == id)
			return table_row(table, i);
	return NULL;
}

static void check_near(double got, double wanted)
{
	assert_true(got > wanted - 1e-6 && got < wanted + 1e-6);
}

/* ---- rates ---- */

static void test_rates(void **state)
{
	struct snapshot_side *s = picture(10 * SECOND);

	(void)state;
	endpoint(s, 1, 1000, 9000);
	update();
	assert_false(table_bus(table, 0)->fresh);
	check_near(row_of(1)->rates.tx_messages, 0);

	s = picture(12 * SECOND);
	endpoint(s, 1, 1100, 9300);
	endpoint(s, 2, 50, 100); /* new: all of it was sent since */
	s->stats.counts.tx.messages = 150;
	update();
	assert_true(table_bus(table, 0)->fresh);
	check_near(row_of(1)->rates.tx_messages, 50);
	check_near(row_of(1)->rates.tx_bytes, 150);
	check_near(row_of(2)->rates.tx_messages, 25);
	check_near(row_of(1)->share, 0.75);
	check_near(row_of(2)->share, 0.25);
	check_near(table_bus(table, 0)->rates[0].tx_messages, 75);
	check_near(row_of(1)->history[ROW_HISTORY - 1], 50);
	check_near(row_of(1)->history[ROW_HISTORY - 2], 0);
}

static void test_idle(void **state)
{
	(void)state;
	for (uint64_t t = 1; t <= 2; t++) {
		endpoint(picture(t * SECOND), 1, 7, 7);
		update();
	}
	check_near(row_of(1)->rates.tx_messages, 0);
	check_near(row_of(1)->share, 0);
}

static void test_time_moved(void **state)
{
	(void)state;
	endpoint(picture(SECOND), 1, 0, 0);
	update();
	table_restart(table);
	endpoint(picture(2 * SECOND), 1, 100, 100);
	update();
	assert_false(table_bus(table, 0)->fresh);
	check_near(row_of(1)->rates.tx_messages, 0);
	endpoint(picture(3 * SECOND), 1, 110, 110);
	update();
	check_near(row_of(1)->rates.tx_messages, 10);
}

/* ---- rows that come and go ---- */

static void test_another_server(void **state)
{
	struct snapshot_side *s;

	(void)state;
	for (uint64_t t = 1; t <= 2; t++) {
		s = picture(t * SECOND);
		endpoint(s, 1, 1000 * t, 0);
		endpoint(s, 2, 5, 5);
		update();
	}
	table_row(table, 0)->tagged = true;
	s = picture(3 * SECOND);
	s->stats.since_ns = 2;
	endpoint(s, 1, 5000, 0); /* the same number, and not the same endpoint */
	update();
	assert_int_equal(table_rows(table), 1);
	assert_false(row_of(1)->tagged);
	assert_false(table_bus(table, 0)->fresh);
	check_near(row_of(1)->rates.tx_messages, 0);
	check_near(row_of(1)->history[ROW_HISTORY - 2], 0);
}

static void test_counter_back(void **state)
{
	(void)state;
	endpoint(picture(SECOND), 1, 1000, 1000);
	update();
	endpoint(picture(2 * SECOND), 1, 10, 2000);
	update();
	check_near(row_of(1)->rates.tx_messages, 0);
	check_near(row_of(1)->rates.tx_bytes, 0);
}

static void test_gone(void **state)
{
	struct row_key key;

	(void)state;
	endpoint(picture(SECOND), 1, 0, 0);
	update();
	endpoint(picture(2 * SECOND), 1, 10, 10);
	update();
	key = row_key(row_of(1));
	picture(3 * SECOND);
	update();
	assert_true(row_of(1)->gone);
	check_near(row_of(1)->rates.tx_messages, 0);
	assert_int_equal(table_find(table, &key), 0);
	made.gone = true;
	update();
	assert_false(table_bus(table, 0)->picture.side[0].served);
	assert_int_equal(table_rows(table), 1);
}

/* The last ones go all at once, while nothing else changes: none may be shown that is freed. */
static void test_long_gone(void **state)
{
	(void)state;
	endpoint(picture(SECOND), 1, 0, 0);
	update();
	made.gone = true;
	update();
	for (int i = 0; table_rows(table) && i < 1200; i++) {
		usleep(50000);
		table_update(table, &made.source);
	}
	assert_int_equal(table_rows(table), 0);
}

/* It went between the question for its picture and that for its state. */
static void test_gone_meanwhile(void **state)
{
	(void)state;
	made.gone = true;
	channel(picture(SECOND), "echo", RPMSG_ADDR_ANY, 0x400);
	table_update(table, &made.source);
	assert_int_equal(table_rows(table), 0);
	assert_int_equal(table_bus(table, 0)->picture.clock_ns, 0);
	made.gone = false;
	update();
	assert_int_equal(table_rows(table), 0);
	channel(picture(2 * SECOND), "echo", RPMSG_ADDR_ANY, 0x400);
	update();
	assert_int_equal(table_rows(table), 1);
	assert_false(table_bus(table, 0)->fresh);
}

static void test_channel_without_endpoint(void **state)
{
	struct snapshot_side *s = picture(SECOND);
	struct rpmsg_endpoint_stats *e;

	(void)state;
	channel(s, "echo", RPMSG_ADDR_ANY, 0x400);
	channel(s, "other", RPMSG_ADDR_ANY, 0x401);
	update();
	assert_int_equal(table_rows(table), 2);
	assert_string_equal(row_of(0)->state, "announced, never bound");

	s = picture(2 * SECOND);
	channel(s, "echo", 0x402, 0x400);
	channel(s, "other", RPMSG_ADDR_ANY, 0x401);
	e = endpoint(s, 1, 0, 0);
	strcpy(e->channel.name, "echo");
	e->channel.src = 0x402;
	e->channel.dst = 0x400;
	update();
	assert_int_equal(table_rows(table), 2);
	assert_string_equal(row_of(1)->service, "echo");
	assert_string_equal(row_of(0)->service, "other");
	assert_string_equal(table_channel(table, 0, RPMSG_SIDE_HOST, 0)->service, "echo");
	assert_null(table_channel(table, 0, RPMSG_SIDE_HOST, 2));

	s = picture(3 * SECOND);
	channel(s, "echo", 0x402, 0x400);
	update();
	assert_true(row_of(1)->gone);
	assert_string_equal(row_of(0)->state, "unbound");
}

/* ---- order and choice ---- */

#define MANY 10000

static void many(uint64_t clock_ns)
{
	struct snapshot_side *s = picture(clock_ns);

	for (uint64_t id = 1; id <= MANY; id++)
		endpoint(s, id, id % 10, 0);
	update();
}

static void test_many(void **state)
{
	struct row_key key;

	(void)state;
	for (uint64_t t = 1; t <= 3; t++)
		many(t * SECOND);
	assert_int_equal(table_rows(table), MANY);
	for (size_t i = 0; i < MANY; i++) /* all are equal: by number */
		assert_int_equal(table_row(table, i)->id, i + 1);
	table_sort(table, COLUMN_TX, false);
	for (size_t i = 1; i < MANY; i++) {
		const struct row *a = table_row(table, i - 1), *b = table_row(table, i);
		uint64_t ta = a->st.counts.tx.messages, tb = b->st.counts.tx.messages;

		assert_true(ta > tb || (ta == tb && a->id < b->id));
	}
	key = row_key(row_of(4242));
	table_sort(table, COLUMN_SRC, true);
	assert_int_equal(table_row(table, 0)->id, MANY);
	assert_int_equal(table_row(table, (size_t)table_find(table, &key))->id, 4242);
	table_choose(table, "0x13F7");
	assert_int_equal(table_rows(table), 1);
	assert_int_equal(table_row(table, 0)->addr, 0x13f7);
	table_choose_bus(table, 1);
	assert_int_equal(table_rows(table), 0);
	assert_null(table_row(table, 0));
}

static void test_search(void **state)
{
	struct snapshot_side *s = picture(SECOND);

	(void)state;
	for (uint64_t id = 1; id <= 5; id++)
		endpoint(s, id, 0, 0);
	strcpy(s->endpoint[1].channel.name, "Alpha");
	strcpy(s->endpoint[3].channel.name, "alphabet");
	update();
	assert_int_equal(table_search(table, "alpha", -1, true), 1);
	assert_int_equal(table_search(table, "alpha", 1, true), 3);
	assert_int_equal(table_search(table, "alpha", 3, true), 1);
	assert_int_equal(table_search(table, "alpha", 3, false), 1);
	assert_int_equal(table_search(table, "alpha", 1, false), 3);
	assert_int_equal(table_search(table, "alphabet", 3, true), 3);
	assert_int_equal(table_search(table, "beta", 0, true), -1);
	table_choose_service(table, "Alpha");
	assert_int_equal(table_rows(table), 1);
	table_choose_service(table, NULL);
	assert_int_equal(table_rows(table), 5);
}

static void test_records(void **state)
{
	struct rpmsg_record r = {.bus = "b0", .dir = RPMSG_H2R, .src = 0x401, .dst = 0x1e};
	const struct row host = {.side = RPMSG_SIDE_HOST, .id = 1, .addr = 0x401, .dst = 0x1e};
	const struct row remote = {.side = RPMSG_SIDE_REMOTE, .id = 1, .addr = 0x1e, .dst = 0x401};

	(void)state;
	assert_true(row_has(&host, "b0", &r));
	assert_true(row_has(&remote, "b0", &r));
	assert_false(row_has(&host, "b1", &r));
	r.dir = RPMSG_R2H; /* the same addresses, the other side's */
	assert_false(row_has(&host, "b0", &r));
	assert_false(row_has(&remote, "b0", &r));
	r.src = 0x1e;
	r.dst = 0x401;
	assert_true(row_has(&host, "b0", &r));
}

/* ---- text ---- */

static void check_number(double n, const char *wanted)
{
	char text[16];

	short_number(n, text, sizeof(text));
	assert_string_equal(text, wanted);
	assert_true(strlen(text) <= 5);
}

static void check_time(uint64_t seconds, const char *wanted)
{
	char text[16];

	short_time(seconds * SECOND, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void check_duration(uint64_t ns, const char *wanted)
{
	char text[SHORT_TEXT_SIZE];

	assert_string_equal(short_duration(ns, text), wanted);
}

static void test_short(void **state)
{
	(void)state;
	check_number(0, "0");
	check_number(-1, "0");
	check_number(0.25, "0.2");
	check_number(9.97, "10.0");
	check_number(99.96, "100");
	check_number(999, "999");
	check_number(999.6, "1.0k");
	check_number(1000, "1.0k");
	check_number(12345, "12.3k");
	check_number(999499, "999k");
	check_number(999950, "1.0M");
	check_number(18446744073709551615.0, "18.4E");
	check_number(1e300, "900E");
	check_time(0, "now");
	check_time(59, "59 s");
	check_time(60, "1 min");
	check_time(3600, "1 h");
	check_time(86400, "1 d");
	check_duration(0, "0.0 s");
	check_duration(SECOND / 10, "0.1 s");
	check_duration(60 * SECOND - 1, "59.9 s");
	check_duration(60 * SECOND, "1 min");
	check_duration(UINT64_MAX, "213503 d");
	assert_string_equal(plural_s(0), "s");
	assert_string_equal(plural_s(1), "");
}

static void test_columns(void **state)
{
	enum column column;

	(void)state;
	for (int i = 0; i < N_COLUMNS; i++) {
		assert_non_null(column_heading((enum column)i));
		assert_int_equal(column_parse(column_word((enum column)i), &column), 0);
		assert_int_equal(column, i);
	}
	assert_null(column_heading(N_COLUMNS));
	assert_int_equal(column_parse("speed", &column), -EINVAL);
	assert_int_equal(column_parse("", &column), -EINVAL);
}

#define test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_rates),
		test(test_idle),
		test(test_time_moved),
		test(test_another_server),
		test(test_counter_back),
		test(test_gone),
		test(test_long_gone),
		test(test_gone_meanwhile),
		test(test_channel_without_endpoint),
		test(test_many),
		test(test_search),
		test(test_records),
		test(test_short),
		test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
