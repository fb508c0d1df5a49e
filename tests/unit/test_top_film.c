/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/number.h"
#include "common/pcap.h"
#include "common/run.h"
#include "rpmsg-top/film_bus.h"
#include "rpmsg-top/film_kept.h"
#include "rpmsg-top/source.h"

#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)
#define LIMIT_NS (30 * (int64_t)SECOND)

static char path[] = "/tmp/rpmsg-film.XXXXXX";

/* ---- files: message i is sent after i seconds, and is i bytes long ---- */

static const uint8_t payload[200];

static struct rpmsg_record message(unsigned i)
{
	return (struct rpmsg_record){
		.time_ns = START + i * SECOND,
		.bus = "-",
		.dir = i % 2 ? RPMSG_R2H : RPMSG_H2R,
		.src = i % 2 ? 50 : 1024,
		.dst = i % 2 ? 1024 : 50,
		.len = (uint16_t)i,
		.data = payload,
	};
}

static void write_file(unsigned n)
{
	struct pcap_writer *writer;

	assert_int_equal(pcap_writer_open(path, &writer), 0);
	for (unsigned i = 0; i < n; i++) {
		const struct rpmsg_record m = message(i);

		assert_int_equal(pcap_writer_put(writer, &m), 0);
	}
	assert_int_equal(pcap_writer_close(writer), 0);
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

/* ---- sources ---- */

static struct source *open_film(const char *file, bool batch)
{
	const struct config cfg = {.read = file, .batch = batch, .interval_ns = SECOND / 20};
	struct source *src;

	assert_int_equal(film_open(&cfg, &src), TOOL_OK);
	assert_non_null(src);
	return src;
}

static struct source_time time_of(struct source *src)
{
	struct source_time t;

	src->ops->time(src, &t);
	return t;
}

/* Until it has gone there: a seek may take longer than it is waited for. */
static void seek(struct source *src, uint64_t to)
{
	const int64_t deadline = run_deadline(LIMIT_NS);

	assert_int_equal(src->ops->seek(src, to), 0);
	while (time_of(src).now_ns != to && run_now() < deadline)
		usleep(1000);
	assert_int_equal(time_of(src).now_ns, to);
}

/* Messages in all that the newest picture has, both ways, by the bus and by its endpoints. */
static uint64_t messages(struct source *src)
{
	struct snapshot picture = {0};
	uint64_t n, by_endpoint = 0;

	assert_true(src->ops->take(src, 0, &picture));
	assert_false(src->ops->take(src, 0, &picture));
	n = picture.side[0].stats.counts.tx.messages + picture.side[1].stats.counts.tx.messages;
	for (int s = 0; s < 2; s++)
		for (size_t i = 0; i < picture.side[s].n_endpoints; i++)
			by_endpoint += picture.side[s].endpoint[i].counts.tx.messages;
	assert_int_equal(by_endpoint, n);
	assert_int_equal(picture.clock_ns, time_of(src).now_ns);
	snapshot_free(&picture);
	return n;
}

static void test_forward_and_back(void **state)
{
	struct source *src;

	(void)state;
	write_file(100);
	src = open_film(path, true);
	assert_int_equal(time_of(src).first_ns, START);
	assert_int_equal(time_of(src).now_ns, START);
	assert_int_equal(messages(src), 1);
	seek(src, START + 10 * SECOND);
	assert_int_equal(messages(src), 11);
	seek(src, START + 12 * SECOND - 1);
	assert_int_equal(messages(src), 12);
	seek(src, START + 5 * SECOND);
	assert_int_equal(messages(src), 6);
	seek(src, START + 99 * SECOND);
	assert_int_equal(messages(src), 100);
	assert_true(time_of(src).ended);
	/* beyond both ends */
	assert_int_equal(src->ops->seek(src, START + 500 * SECOND), 0);
	assert_int_equal(time_of(src).now_ns, START + 99 * SECOND);
	assert_int_equal(src->ops->seek(src, 0), 0);
	assert_int_equal(time_of(src).now_ns, START);
	assert_int_equal(messages(src), 1);
	assert_false(time_of(src).ended);
	src->ops->close(src);
}

static void test_its_end_is_looked_for(void **state)
{
	const int64_t deadline = run_deadline(LIMIT_NS);
	struct source *src;

	(void)state;
	write_file(100);
	src = open_film(path, false);
	while (time_of(src).last_ns != START + 99 * SECOND && run_now() < deadline)
		usleep(1000);
	assert_int_equal(time_of(src).last_ns, START + 99 * SECOND);
	assert_int_equal(time_of(src).now_ns, START);
	assert_int_equal(messages(src), 1);
	src->ops->close(src);
}

static void test_pipe(void **state)
{
	char command[64];
	struct source *src;
	FILE *pipe;
	int was;

	(void)state;
	write_file(20);
	snprintf(command, sizeof(command), "cat %s", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	was = dup(STDIN_FILENO);
	assert_int_not_equal(dup2(fileno(pipe), STDIN_FILENO), -1);
	src = open_film("-", true);
	seek(src, START + 9 * SECOND);
	assert_int_equal(messages(src), 10);
	assert_int_equal(src->ops->seek(src, START + 8 * SECOND), -ESPIPE);
	seek(src, START + 19 * SECOND);
	assert_int_equal(messages(src), 20);
	src->ops->close(src);
	if (was >= 0)
		dup2(was, STDIN_FILENO);
	close(was);
	pclose(pipe);
}

static void test_broken_in_the_middle(void **state)
{
	struct source *src;

	(void)state;
	write_file(20);
	assert_int_equal(truncate(path, 24 + 20 * 10), 0);
	src = open_film(path, true);
	assert_int_equal(src->ops->seek(src, START + 19 * SECOND), 0);
	assert_true(time_of(src).ended);
	assert_non_null(strstr(time_of(src).error, "packet 4: "));
	assert_int_equal(time_of(src).now_ns, START + 2 * SECOND);
	assert_int_equal(messages(src), 3);
	seek(src, START);
	assert_string_equal(time_of(src).error, "");
	src->ops->close(src);
}

static void test_runs(void **state)
{
	const int64_t deadline = run_deadline(LIMIT_NS);
	struct source *src;

	(void)state;
	write_file(2);
	src = open_film(path, false);
	assert_false(time_of(src).running);
	src->ops->run(src, true);
	while (!time_of(src).ended && run_now() < deadline)
		usleep(1000);
	assert_int_equal(time_of(src).now_ns, START + SECOND);
	assert_false(time_of(src).running);
	assert_int_equal(messages(src), 2);
	src->ops->close(src);
}

/* ---- records ---- */

static void hear(const struct rpmsg_record *record, void *arg)
{
	unsigned *next = arg;

	assert_int_equal(record->len, *next);
	assert_int_equal(record->time_ns, START + *next * SECOND);
	++*next;
}

static void test_records(void **state)
{
	struct source *src;
	unsigned next = 11;

	(void)state;
	write_file(100);
	src = open_film(path, true);
	seek(src, START + 10 * SECOND);
	src->ops->want_records(src, true);
	assert_int_equal(src->ops->records(src, 0, 1000, hear, &next), 0);
	seek(src, START + 30 * SECOND);
	assert_int_equal(src->ops->records(src, 0, 5, hear, &next), 5);
	assert_int_equal(src->ops->records(src, 0, 1000, hear, &next), 15);
	assert_int_equal(next, 31);
	/* back: those before are not what comes next */
	seek(src, START + 40 * SECOND);
	seek(src, START + 1 * SECOND);
	next = 0;
	assert_int_equal(src->ops->records(src, 0, 1000, hear, &next), 2);
	src->ops->want_records(src, false);
	seek(src, START + 50 * SECOND);
	assert_int_equal(src->ops->records(src, 0, 1000, hear, &next), 0);
	src->ops->close(src);
}

static void hear_in_order(const struct rpmsg_record *record, void *arg)
{
	uint64_t *next = arg;

	assert_int_equal(record->seq, *next);
	assert_string_equal(record->bus, "x");
	if (record->type != RPMSG_RECORD_MESSAGE)
		assert_string_equal(record->text, "why");
	++*next;
}

static void test_messages_and_events_in_order(void **state)
{
	static const uint8_t large[60000];
	struct kept *k = kept_new();
	uint64_t next = 0;
	int dropped = 0;

	(void)state;
	assert_non_null(k);
	for (uint64_t i = 0; i < 20; i++) {
		const struct rpmsg_record m = {
			.seq = i, .bus = "x", .text = i % 3 ? NULL : "why",
			.type = i % 3 ? RPMSG_RECORD_MESSAGE : RPMSG_RECORD_REFUSED,
			.len = i % 3 ? 5 : 0, .data = payload,
		};

		assert_int_equal(kept_put(k, &m), 0);
	}
	assert_int_equal(kept_take(k, 7, hear_in_order, &next), 7);
	assert_int_equal(kept_take(k, 100, hear_in_order, &next), 13);
	/* bounded: the oldest go */
	for (uint64_t i = 0; i < 1000; i++) {
		const struct rpmsg_record m = {
			.seq = i, .bus = "x", .len = sizeof(large), .data = large,
		};
		int n = kept_put(k, &m);

		assert_true(n >= 0);
		dropped += n;
	}
	assert_in_range(dropped, 500, 999);
	next = (uint64_t)dropped;
	assert_int_equal(kept_take(k, 1000, hear_in_order, &next), 1000 - dropped);
	assert_int_equal(next, 1000);
	kept_free(k);
}

/* ---- what is recorded while it is shown ---- */

static int deaf(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

static struct rpmsg_endpoint *bind_on(struct rpmsg_bus *bus, uint32_t addr)
{
	const struct rpmsg_channel_info info = {.src = addr, .dst = 50};

	return rpmsg_create_ept(rpmsg_bus_device(bus), deaf, NULL, info);
}

static uint64_t sent_by(struct source *src, uint32_t addr)
{
	static struct snapshot picture;

	src->ops->take(src, 0, &picture);
	for (size_t i = 0; i < picture.side[0].n_endpoints; i++)
		if (picture.side[0].endpoint[i].addr == addr)
			return picture.side[0].endpoint[i].counts.tx.messages;
	return 0;
}

static void test_recorded_now(void **state)
{
	char rec[sizeof(path) + 8];
	const int64_t deadline = run_deadline(LIMIT_NS);
	struct rpmsg_bus *pair[2];
	struct rpmsg_endpoint *ept;
	struct source *src;

	(void)state;
	snprintf(rec, sizeof(rec), "%s.rec", path);
	assert_int_equal(rpmsg_bus_open_loop(pair, NULL), 0);
	assert_int_equal(rpmsg_bus_record(pair[0], rec, 0), 0);
	ept = bind_on(pair[0], 1024);
	assert_non_null(bind_on(pair[1], 50));
	assert_int_equal(rpmsg_send(ept, "one", 3), 0);
	src = open_film(rec, false);
	src->ops->run(src, true);
	while (sent_by(src, 1024) < 1 && run_now() < deadline)
		usleep(1000);
	assert_int_equal(rpmsg_send(ept, "two", 3), 0);
	while (sent_by(src, 1024) < 2 && run_now() < deadline)
		usleep(1000);
	assert_int_equal(sent_by(src, 1024), 2);
	assert_false(time_of(src).ended);
	rpmsg_bus_close(pair[0]);
	rpmsg_bus_close(pair[1]);
	while (!time_of(src).ended && run_now() < deadline)
		usleep(1000);
	assert_true(time_of(src).ended);
	assert_string_equal(time_of(src).error, "");
	src->ops->close(src);
	unlink(rec);
}

/* ---- what records tell of a bus ---- */

static void put(struct film_bus *b, struct rpmsg_record m, uint64_t s)
{
	m.time_ns = START + s * SECOND;
	m.bus = "x";
	m.data = payload;
	if (m.type != RPMSG_RECORD_MESSAGE && !m.text)
		m.text = "";
	assert_int_equal(film_bus_put(b, &m), 0);
}

static struct film_bus *new_bus(void)
{
	struct film_bus *b = film_bus_new("x");

	assert_non_null(b);
	return b;
}

static void look(const struct film_bus *b, uint64_t s, struct snapshot *picture)
{
	assert_int_equal(film_bus_picture(b, START + s * SECOND, picture), 0);
}

static const struct rpmsg_endpoint_stats *endpoint(const struct snapshot_side *side, uint32_t addr)
{
	for (size_t i = 0; i < side->n_endpoints; i++)
		if (side->endpoint[i].addr == addr)
			return &side->endpoint[i];
	return NULL;
}

static struct rpmsg_record offer(uint32_t addr, const char *name)
{
	return (struct rpmsg_record){.type = RPMSG_RECORD_ANNOUNCE, .dir = RPMSG_R2H, .src = addr,
				     .dst = RPMSG_ADDR_ANY, .text = name};
}

static struct rpmsg_record sent(uint32_t src, uint32_t dst, unsigned len)
{
	return (struct rpmsg_record){
		.dir = RPMSG_H2R, .src = src, .dst = dst, .len = (uint16_t)len,
	};
}

static struct rpmsg_record link_is(enum rpmsg_record_type type, uint32_t generation,
				   const char *features)
{
	return (struct rpmsg_record){.type = type, .dir = RPMSG_H2R, .src = RPMSG_ADDR_ANY,
				     .dst = RPMSG_ADDR_ANY, .value = generation, .text = features};
}

static void test_addresses_change_hands(void **state)
{
	struct film_bus *b = new_bus();
	struct snapshot p = {0};
	const struct rpmsg_endpoint_stats *e;

	(void)state;
	put(b, offer(50, "echo"), 0);
	look(b, 0, &p);
	assert_int_equal(p.side[0].n_endpoints + p.side[1].n_endpoints, 0);
	assert_int_equal(p.side[0].n_channels, 1);
	assert_int_equal(p.side[0].channel[0].origin, RPMSG_CHANNEL_LEARNED);
	assert_int_equal(p.side[0].channel[0].info.src, RPMSG_ADDR_ANY);
	assert_int_equal(p.side[1].channel[0].origin, RPMSG_CHANNEL_SERVICE);
	assert_false(p.side[1].channel[0].peer_seen);
	put(b, sent(1024, 50, 5), 1);
	put(b, link_is(RPMSG_RECORD_DOWN, 1, ""), 2);
	look(b, 2, &p);
	assert_int_equal(p.side[0].n_channels + p.side[1].n_channels, 0);
	assert_false(p.side[0].info.up || p.side[1].info.up);
	/* the same addresses, and who has them now is new */
	put(b, link_is(RPMSG_RECORD_UP, 2, "VERSION_1 NS, 496 bytes"), 3);
	put(b, offer(50, "sensor"), 3);
	put(b, sent(1024, 50, 7), 4);
	look(b, 5, &p);
	assert_int_equal(p.side[0].info.generation, 2);
	assert_true(p.side[0].info.features == (RPMSG_F_VERSION_1 | RPMSG_F_NS));
	assert_int_equal(p.side[0].info.mtu_tx, 496);
	e = endpoint(&p.side[0], 1024);
	assert_string_equal(e->channel.name, "sensor");
	assert_int_equal(e->channel.dst, 50);
	assert_int_equal(e->counts.tx.bytes, 7);
	e = endpoint(&p.side[1], 50);
	assert_string_equal(e->channel.name, "sensor");
	assert_int_equal(e->counts.rx.messages, 1);
	assert_int_equal(p.side[0].stats.counts.tx.bytes, 12);
	assert_int_equal(p.side[0].channel[0].holder_kind, RPMSG_HOLDER_CLIENT);
	assert_true(p.side[1].channel[0].peer_seen);
	snapshot_free(&p);
	film_bus_free(b);
}

static void put_nobody(struct film_bus *b, unsigned i, uint64_t s)
{
	put(b, (struct rpmsg_record){.type = RPMSG_RECORD_NO_RECIPIENT, .dir = RPMSG_H2R, .src = 7,
				     .dst = 99, .count = i}, s);
}

static void test_no_recipient(void **state)
{
	struct film_bus *b = new_bus();
	const struct rpmsg_stats *st;
	struct snapshot p = {0};

	(void)state;
	/* as the other side reads them: all that was sent before the first is told of */
	for (unsigned i = 1; i <= 3; i++)
		put(b, sent(7, 99, i), 0);
	for (unsigned i = 1; i <= 3; i++)
		put_nobody(b, i, 0);
	for (unsigned i = 4; i <= 30; i++)
		put(b, sent(7, 99, i), 0);
	for (unsigned i = 4; i <= 16; i++)
		put_nobody(b, i, 0);
	put(b, (struct rpmsg_record){.type = RPMSG_RECORD_NO_RECIPIENT, .dir = RPMSG_H2R,
				     .src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY, .count = 14,
				     .text = "and 14 more"}, 1);
	look(b, 1, &p);
	st = &p.side[1].stats;
	assert_int_equal(st->no_recipient, 30);
	assert_int_equal(st->n_strays, 1);
	assert_int_equal(st->stray[0].src, 7);
	assert_int_equal(st->stray[0].dst, 99);
	assert_int_equal(st->stray[0].messages, 30);
	assert_int_equal(st->stray[0].bytes, 30 * 31 / 2);
	assert_int_equal(st->counts.rx.messages, 30);
	assert_int_equal(p.side[0].stats.counts.tx.messages, 30);
	assert_null(endpoint(&p.side[1], 99));
	/* later somebody has it */
	put(b, sent(7, 99, 5), 10);
	look(b, 10, &p);
	assert_int_equal(endpoint(&p.side[1], 99)->counts.rx.messages, 1);
	assert_int_equal(p.side[1].stats.stray[0].messages, 30);
	snapshot_free(&p);
	film_bus_free(b);
}

/* The other side is behind: some messages come between what is told of others. */
static void test_no_recipient_told_late(void **state)
{
	struct film_bus *b = new_bus();
	struct snapshot p = {0};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put(b, sent(7, 99, 10), 0);
	put_nobody(b, 10, 0);
	put(b, sent(7, 99, 10), 0);
	for (unsigned i = 0; i < 3; i++)
		put_nobody(b, 10, 0);
	look(b, 0, &p);
	assert_int_equal(p.side[1].stats.no_recipient, 4);
	assert_int_equal(p.side[1].stats.stray[0].messages, 4);
	assert_int_equal(p.side[1].stats.stray[0].bytes, 40);
	assert_null(endpoint(&p.side[1], 99));
	snapshot_free(&p);
	film_bus_free(b);
}

static void test_shortages(void **state)
{
	const struct rpmsg_record none = {.type = RPMSG_RECORD_NO_BUFFER, .dir = RPMSG_H2R,
					  .src = 1024, .dst = 50, .text = "pid 7 (x)"};
	const struct rpmsg_record again = {.type = RPMSG_RECORD_BUFFER, .dir = RPMSG_H2R,
					   .src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY,
					   .count = 5, .duration_ns = 2 * SECOND};
	struct film_bus *b = new_bus();
	struct snapshot p = {0};

	(void)state;
	put(b, sent(1024, 50, 5), 0);
	put(b, none, 1);
	look(b, 2, &p);
	assert_int_equal(p.side[0].stats.tx_ring.full_ns, SECOND);
	put(b, again, 3);
	put(b, again, 4); /* a sum of some that were not told one by one */
	look(b, 10, &p);
	assert_int_equal(p.side[0].stats.counts.errors[RPMSG_ERROR_NO_BUFFER], 10);
	assert_int_equal(endpoint(&p.side[0], 1024)->counts.errors[RPMSG_ERROR_NO_BUFFER], 1);
	assert_int_equal(p.side[0].stats.tx_ring.full, 2);
	assert_int_equal(p.side[0].stats.tx_ring.full_ns, 4 * SECOND);
	snapshot_free(&p);
	film_bus_free(b);
}

static void test_more_addresses_than_rows(void **state)
{
	struct film_bus *b = new_bus();
	struct snapshot p = {0};

	(void)state;
	for (uint32_t i = 0; i < FILM_ADDRESSES_MAX + 10; i++)
		put(b, sent(2000 + i, 50, 1), 0);
	look(b, 0, &p);
	assert_int_equal(p.side[0].n_endpoints + p.side[1].n_endpoints, FILM_ADDRESSES_MAX);
	assert_int_equal(p.side[0].stats.counts.tx.messages, FILM_ADDRESSES_MAX + 10);
	assert_int_equal(endpoint(&p.side[1], 50)->counts.rx.messages, FILM_ADDRESSES_MAX + 10);
	assert_int_equal(film_bus_rowless(b), 11);
	film_bus_restart(b);
	look(b, 0, &p);
	assert_int_equal(p.side[0].n_endpoints, 0);
	assert_int_equal(p.side[0].stats.counts.tx.messages, 0);
	snapshot_free(&p);
	film_bus_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forward_and_back),
		cmocka_unit_test(test_its_end_is_looked_for),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_broken_in_the_middle),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_messages_and_events_in_order),
		cmocka_unit_test(test_recorded_now),
		cmocka_unit_test(test_addresses_change_hands),
		cmocka_unit_test(test_no_recipient),
		cmocka_unit_test(test_no_recipient_told_late),
		cmocka_unit_test(test_shortages),
		cmocka_unit_test(test_more_addresses_than_rows),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
