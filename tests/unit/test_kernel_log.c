/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/kernel_log.h"

#define ROW 16U

/* What the kernel prints of one message, a string a line, and what is said beside it. */
struct printed {
	char *line[4200];
	size_t n;
};

static void add_line(struct printed *p, const char *text)
{
	assert_true(p->n < sizeof(p->line) / sizeof(*p->line));
	p->line[p->n] = strdup(text);
	assert_non_null(p->line[p->n++]);
}

static void clear(struct printed *p)
{
	while (p->n)
		free(p->line[--p->n]);
}

static void add_row(struct printed *p, enum rpmsg_direction dir, const uint8_t *data, size_t n)
{
	char hex[3 * ROW + 1] = "", chars[4 * ROW + 1] = "", text[160];

	for (size_t i = 0; i < n; i++) {
		sprintf(hex + strlen(hex), "%02x%s", data[i], i + 1 < n ? " " : "");
		/* /dev/kmsg shows the backslash as it shows what is not printable */
		if (data[i] == '\\')
			strcat(chars, "\\x5c");
		else
			sprintf(chars + strlen(chars), "%c",
				data[i] >= ' ' && data[i] < 127 ? data[i] : '.');
	}
	snprintf(text, sizeof(text), "rpmsg_virtio %cX: %-48s %s",
		 dir == RPMSG_H2R ? 'T' : 'R', hex, chars);
	add_line(p, text);
}

static void add_told(struct printed *p, const struct rpmsg_record *m)
{
	char text[200];

	if (m->dir == RPMSG_H2R)
		snprintf(text, sizeof(text),
			 "rpmsg_chrdev %s.clock.%d.%u: TX From 0x%x, To 0x%x, Len %u, Flags %u, "
			 "Reserved %d", m->bus, (int)m->src, m->dst, m->src, m->dst, m->len,
			 m->flags, (int)m->reserved);
	else
		snprintf(text, sizeof(text),
			 "virtio_rpmsg_bus %s: From: 0x%x, To: 0x%x, Len: %u, Flags: %u, "
			 "Reserved: %d", m->bus, m->src, m->dst, m->len, m->flags,
			 (int)m->reserved);
	add_line(p, text);
}

static void add_dump(struct printed *p, const struct rpmsg_record *m)
{
	const uint32_t word[4] = {m->src, m->dst, m->reserved, m->len | (uint32_t)m->flags << 16};
	uint8_t header[ROW];

	for (size_t i = 0; i < ROW; i++)
		header[i] = (uint8_t)(word[i / 4] >> (8 * (i % 4)));
	add_row(p, m->dir, header, ROW);
	for (size_t at = 0; at < m->len; at += ROW)
		add_row(p, m->dir, m->data + at, m->len - at < ROW ? m->len - at : ROW);
}

static void add_message(struct printed *p, const struct rpmsg_record *m)
{
	add_told(p, m);
	add_dump(p, m);
}

/* ---- what comes out ---- */

struct fixture {
	struct kernel_log *log;
	uint64_t seq, time_us;
	const char *caller;
	int n; /* messages so far */
	struct rpmsg_record last;
	uint8_t data[UINT16_MAX];
	char bus[32];
};

static int put(struct fixture *f, const struct kernel_line *line)
{
	struct rpmsg_record m;
	int n = kernel_log_put(f->log, line, &m);

	if (n != 1)
		return n;
	f->n++;
	f->last = m;
	memcpy(f->data, m.data, m.len);
	snprintf(f->bus, sizeof(f->bus), "%s", m.bus);
	return 1;
}

static int feed(struct fixture *f, const char *text)
{
	struct kernel_line line;
	char record[1024];

	snprintf(record, sizeof(record), "7,%" PRIu64 ",%" PRIu64 ",-%s%s;%s\n SUBSYSTEM=virtio\n",
		 f->seq++, f->time_us++, *f->caller ? ",caller=" : "", f->caller, text);
	assert_int_equal(kernel_line_read_record(&line, record), 0);
	assert_string_equal(line.text, text);
	return put(f, &line);
}

static void feed_all(struct fixture *f, const struct printed *p)
{
	for (size_t i = 0; i < p->n; i++)
		feed(f, p->line[i]);
}

static void expect_last(const struct fixture *f, const struct rpmsg_record *m)
{
	assert_int_equal(f->last.dir, m->dir);
	assert_int_equal(f->last.src, m->src);
	assert_int_equal(f->last.dst, m->dst);
	assert_int_equal(f->last.reserved, m->reserved);
	assert_int_equal(f->last.flags, m->flags);
	assert_int_equal(f->last.len, m->len);
	assert_memory_equal(f->data, m->data, m->len);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->log = kernel_log_new(true);
	f->seq = 100;
	f->time_us = 5000000;
	f->caller = "";
	*state = f;
	return f->log ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kernel_log_free(f->log);
	free(f);
	return 0;
}

static void untold(struct fixture *f)
{
	kernel_log_free(f->log);
	f->log = kernel_log_new(false);
	assert_non_null(f->log);
}

static const uint8_t pattern[600] =
	"hello \\ kernel, 0123456789 abcdefghijklmnopqrstuvwxyz\x01\xff";

static const struct rpmsg_record tx = {
	.bus = "virtio0", .dir = RPMSG_H2R, .src = 0x400, .dst = 0x32, .len = 21, .data = pattern,
};
static const struct rpmsg_record rx = {
	.bus = "virtio0", .dir = RPMSG_R2H, .src = 0x32, .dst = 0x400, .len = 5,
	.data = pattern + 6, .reserved = 0xfffe0007, .flags = 3,
};

/* ---- records and lines ---- */

static void test_record(void **state)
{
	struct kernel_line line;
	char plain[] = "7,4711,123456789,-;text; with, all\n SUBSYSTEM=x\n DEVICE=+x:y\n";
	char called[] = "7,1,2,c,caller=T4194304;a";
	char later[] = "6,1,2,-,more=1,caller=C7,other;b\n";
	char user[] = "12,18446744073709551615,3,-;rpmsg_virtio TX: 00\n";

	(void)state;
	assert_int_equal(kernel_line_read_record(&line, plain), 0);
	assert_true(line.numbered && line.timed && !line.foreign);
	assert_int_equal(line.seq, 4711);
	assert_int_equal(line.time_us, 123456789);
	assert_string_equal(line.caller, "");
	assert_string_equal(line.text, "text; with, all");
	assert_int_equal(kernel_line_read_record(&line, called), 0);
	assert_string_equal(line.caller, "T4194304");
	assert_string_equal(line.text, "a");
	assert_int_equal(kernel_line_read_record(&line, later), 0);
	assert_string_equal(line.caller, "C7");
	assert_int_equal(kernel_line_read_record(&line, user), 0);
	assert_true(line.foreign && line.seq == UINT64_MAX);
	assert_string_equal(line.text, "rpmsg_virtio TX: 00");
}

static void test_bad_record(void **state)
{
	static const char *const bad[] = {
		"", ";", "7", "7,1,2,-", "7,1,2;x", "7,1,2,;x", "x,1,2,-;x", "7,,2,-;x", "7,1,,-;x",
		"7,-1,2,-;x", "7,18446744073709551616,2,-;x", "7,1,2 ,-;x", "7,1,2,-,caller=;x",
		"7,1,2,-,caller=X1;x", "7,1,2,-,caller=T99999999999999;x",
	};
	struct kernel_line line;
	char record[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(record, bad[i]);
		if (kernel_line_read_record(&line, record) != -EPROTO)
			fail_msg("'%s' was taken", bad[i]);
	}
}

#define NOON_US UINT64_C(1795435200000000) /* 2026-11-23 12:00:00 UTC */

static void test_text(void **state)
{
	static const struct {
		const char *text, *message, *caller;
		bool timed;
		uint64_t us, date_us;
	} lines[] = {
		{"[    1.000002] driver virtio0: x", "driver virtio0: x", "", true, 1000002, 0},
		{"[123456.654321][   T42] a", "a", "T42", true, 123456654321, 0},
		{"[    0.000000][    C0] a", "a", "C0", true, 0, 0},
		{"kern  :debug : [    7.000000] a b", "a b", "", true, 7000000, 0},
		{"<7>[    7.000000] a b", "a b", "", true, 7000000, 0},
		{"[    7.100000] board kernel: a", "a", "", true, 7100000, 0},
		{"[Mon Nov 23 12:00:00 2026] a", "a", "", false, 0, NOON_US},
		{"[Mon Nov 23 12:00:00 2026][   T42] a", "a", "T42", false, 0, NOON_US},
		{"kern  :debug : [Mon Nov 23 12:00:00 2026] a", "a", "", false, 0, NOON_US},
		{"daemon:info  : 2026-11-23T12:00:00 a", "a", "", false, 0, NOON_US},
		{"2026-11-23T12:00:00,000001+00:00 a", "a", "", false, 0, NOON_US + 1},
		{"2026-11-23T13:00:00.5+0100 board kernel: a", "a", "", false, 0, NOON_US + 500000},
		{"2026-11-23T12:00:00 board kernel: [    7.000000] a", "a", "", true, 7000000,
		 NOON_US},
		{"1795435200.000007 board kernel: a", "a", "", false, 0, NOON_US + 7},
		/* what is dumped looks like anything */
		{"[    1.000000] rpmsg_virtio TX: 5b  [2.000000] kernel: a",
		 "rpmsg_virtio TX: 5b  [2.000000] kernel: a", "", true, 1000000, 0},
		{"board kernel: rpmsg_virtio TX: 5b  [2.000000] kernel: a",
		 "rpmsg_virtio TX: 5b  [2.000000] kernel: a", "", false, 0, 0},
		{"a [7] b", "a [7] b", "", false, 0, 0},
		{"[1.5] a", "[1.5] a", "", false, 0, 0},
		{"[Mon Nov 23 12:00 2026] a", "[Mon Nov 23 12:00 2026] a", "", false, 0, 0},
		{"[99999999999999999999.000000] a", "[99999999999999999999.000000] a", "", false,
		 0, 0},
		{"[    1.000000][ T4", "[ T4", "", true, 1000000, 0},
		{"", "", "", false, 0, 0},
	};
	struct kernel_line line;

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		kernel_line_read_text(&line, lines[i].text);
		assert_string_equal(line.text, lines[i].message);
		assert_string_equal(line.caller, lines[i].caller);
		assert_int_equal(line.timed, lines[i].timed);
		if (line.timed)
			assert_int_equal(line.time_us, lines[i].us);
		assert_int_equal(line.date_us, lines[i].date_us);
		assert_false(line.numbered);
		assert_int_equal(line.missing, 0);
	}
}

/* The last such day: today's is today's, that after next week's was a year ago. */
static void test_date_without_year(void **state)
{
	const time_t day = 24 * 60 * 60, now = time(NULL) / day * day;
	struct kernel_line line;
	char text[80];
	struct tm tm;
	time_t then;

	(void)state;
	setenv("TZ", "UTC", 1);
	for (int days = -300; days <= 60; days += 8) { /* never tomorrow */
		then = now + days * day;
		assert_non_null(gmtime_r(&then, &tm));
		if (tm.tm_mon == 1 && tm.tm_mday == 29)
			continue; /* not in each year */
		strftime(text, sizeof(text), "%b %e %H:%M:%S board kernel: a", &tm);
		if (days > 0) {
			tm.tm_year--;
			then = timegm(&tm);
		}
		kernel_line_read_text(&line, text);
		assert_string_equal(line.text, "a");
		assert_int_equal(line.date_us, (uint64_t)then * 1000000);
	}
}

static void test_missing(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} lines[] = {
		{"** 12 printk messages dropped **", 12},
		{"[    7.000000] ** 5 printk messages dropped **", 5},
		{"Nov 23 12:00:00 board systemd-journald[7]: Missed 53 kernel messages", 53},
		{"** some printk messages dropped **", 0},
		{"Missed 7 calls", 0},
	};
	struct fixture *f = *state;
	struct kernel_line line;
	struct printed p = {.n = 0};
	uint64_t lost = 0;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		kernel_line_read_text(&line, lines[i].text);
		assert_int_equal(line.missing, lines[i].n);
		put(f, &line);
		lost += lines[i].n;
		assert_int_equal(kernel_log_lost(f->log), lost);
	}
	/* what was being printed then is not whole */
	add_message(&p, &tx);
	feed(f, p.line[0]);
	feed(f, p.line[1]);
	kernel_line_read_text(&line, lines[0].text);
	put(f, &line);
	feed(f, p.line[2]);
	feed(f, p.line[3]);
	assert_int_equal(f->n, 0);
	assert_int_equal(kernel_log_lost(f->log), lost + 12 + 2);
	/* nor what is being printed at the end */
	feed(f, p.line[0]);
	feed(f, p.line[1]);
	kernel_log_end(f->log);
	assert_int_equal(kernel_log_lost(f->log), lost + 12 + 4);
	clear(&p);
}

/* ---- messages ---- */

static void test_message(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	add_message(&p, &tx);
	assert_int_equal(p.n, 4);
	feed_all(f, &p);
	assert_int_equal(f->n, 1);
	expect_last(f, &tx);
	assert_string_equal(f->bus, "virtio0");
	assert_int_equal(f->last.time_ns, UINT64_C(5000001000)); /* of the header's row */
	clear(&p);
	add_message(&p, &rx);
	feed_all(f, &p);
	assert_int_equal(f->n, 2);
	expect_last(f, &rx);
	assert_int_equal(f->last.seq, 1);
	assert_int_equal(kernel_log_lost(f->log), 0);
	clear(&p);
}

static void test_lengths(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[UINT16_MAX];
	static const uint16_t len[] = {0, 1, 15, 16, 17, 31, 32, 33, 495, 496, UINT16_MAX};
	struct printed p = {.n = 0};
	struct rpmsg_record m = tx;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	m.data = big;
	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		m.len = len[i];
		add_message(&p, &m);
		feed_all(f, &p);
		assert_int_equal(f->n, i + 1);
		expect_last(f, &m);
		clear(&p);
	}
	assert_int_equal(kernel_log_lost(f->log), 0);
}

/* As Linux 6.12 prints it, by its dmesg. */
static void test_real_lines(void **state)
{
	static const char *const text[] = {
		"[    1.140000] virtio_rpmsg_bus virtio0: From: 0x400, To: 0x35, Len: 40, "
		"Flags: 0, Reserved: 0",
		"[    1.140000] rpmsg_virtio RX: 00 04 00 00 35 00 00 00 00 00 00 00 28 00 00 00  "
		"....5.......(...",
		"[    1.140000] rpmsg_virtio RX: 72 70 6d 73 67 2d 63 6c 69 65 6e 74 2d 73 61 6d  "
		"rpmsg-client-sam",
		"[    1.140000] rpmsg_virtio RX: 70 6c 65 00 00 00 00 00 00 00 00 00 00 00 00 00  "
		"ple.............",
		"[    1.140000] rpmsg_virtio RX: 00 04 00 00 00 00 00 00                          "
		"........",
		"[    1.140000] virtio_rpmsg_bus virtio0: creating channel rpmsg-client-sample "
		"addr 0x400",
		"[    1.210000] rpmsg_client_sample virtio0.rpmsg-client-sample.-1.1024: "
		"new channel: 0x400 -> 0x400!",
		"[    1.210000] rpmsg_client_sample virtio0.rpmsg-client-sample.-1.1024: "
		"TX From 0x400, To 0x400, Len 12, Flags 0, Reserved 0",
		"[    1.210000] rpmsg_virtio TX: 00 04 00 00 00 04 00 00 00 00 00 00 0c 00 00 00  "
		"................",
		"[    1.210000] rpmsg_virtio TX: 68 65 6c 6c 6f 20 77 6f 72 6c 64 21              "
		"hello world!",
		"[    1.230000] virtio_rpmsg_bus virtio0: From: 0x401, To: 0x999, Len: 0, "
		"Flags: 0, Reserved: 0",
		"[    1.230000] rpmsg_virtio RX: 01 04 00 00 99 09 00 00 00 00 00 00 00 00 00 00  "
		"................",
		"[    1.230000] virtio_rpmsg_bus virtio0: msg received with no recipient",
	};
	static const uint8_t name[40] = "rpmsg-client-sample\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4";
	static const struct rpmsg_record wanted[] = {
		{.dir = RPMSG_R2H, .src = 0x400, .dst = 0x35, .len = 40, .data = name},
		{.dir = RPMSG_H2R, .src = 0x400, .dst = 0x400, .len = 12,
		 .data = (const uint8_t *)"hello world!"},
		{.dir = RPMSG_R2H, .src = 0x401, .dst = 0x999, .data = name},
	};
	struct fixture *f = *state;
	struct kernel_line line;

	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++) {
		kernel_line_read_text(&line, text[i]);
		if (put(f, &line) == 1)
			expect_last(f, &wanted[f->n - 1]);
	}
	assert_int_equal(f->n, 3);
	assert_string_equal(f->bus, "virtio0");
	assert_int_equal(f->last.time_ns, UINT64_C(1230000000));
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *device, *bus;
	} told[] = {
		{"rpmsg virtio3.a b.1024.50", "virtio3"},
		{"rpmsg_ns virtio12.rpmsg_ns.53.53", "virtio12"},
		{"virtio_rpmsg_bus:rpmsg_send_offchannel_raw:6: rpmsg_x virtio1.: TX From 0x7.1.2",
		 "virtio1"},
		{"[77] rpmsg virtio0. virtio5.9.9", "virtio0"},
	};
	char text[200];
	struct printed p = {.n = 0};
	struct rpmsg_record m = tx;

	m.len = 0;
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		snprintf(text, sizeof(text),
			 "%s: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0", told[i].device);
		add_line(&p, text);
		add_dump(&p, &m);
		feed_all(f, &p);
		assert_int_equal(f->n, i + 1);
		expect_last(f, &m);
		assert_string_equal(f->bus, told[i].bus);
		clear(&p);
	}
}

/* Lines that only resemble one that tells of a dump. */
static void test_not_told(void **state)
{
	struct fixture *f = *state;
	static const char *const line[] = {
		"rpmsg virtio0.a.1.2: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0 x",
		"rpmsg virtio0.a.1.2: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved ",
		"rpmsg virtio0.a.1.2: TX From 0x400, To 0x32, Len -1, Flags 0, Reserved 0",
		"rpmsg virtio0.a.1.2: TX From 0x400, To 0x32, Len 65536, Flags 0, Reserved 0",
		"rpmsg virtio0.a.1.2: TX From 0x400, To 0x32, Len 0, Flags 65536, Reserved 0",
		"rpmsg virtio0.a.1.2: TX From 0x123456789, To 0x32, Len 0, Flags 0, Reserved 0",
		"rpmsg virtio.a.1.2: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0",
		"rpmsg virtio0x.a.1.2: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0",
		"x virtio000000000000000000: TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0",
		"virtio_rpmsg_bus virtio0: Received 3 messages",
		": TX From 0x400, To 0x32, Len 0, Flags 0, Reserved 0",
	};
	struct printed p = {.n = 0};
	struct rpmsg_record m = tx;

	m.len = 0;
	for (size_t i = 0; i < sizeof(line) / sizeof(*line); i++) {
		add_line(&p, line[i]);
		add_dump(&p, &m);
		feed_all(f, &p);
		if (f->n)
			fail_msg("'%s' told of a dump", line[i]);
		clear(&p);
	}
	f->time_us += 20000000;
	feed(f, "by now a dump would have been given up");
	assert_int_equal(kernel_log_lost(f->log), 0);
}

static void test_foreign_lines(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	static const char *const foreign[] = {
		"usb 1-1: new device", "", "virtio_rpmsg_bus virtio0: Received 1 messages",
		"rpmsg_client_sample rx: 68 65 6c 6c 6f", " rpmsg_virtio TX: 00 00",
		"rpmsg_virtio TX:",
	};
	size_t n = sizeof(foreign) / sizeof(*foreign);

	add_message(&p, &tx);
	for (size_t i = 0; i < p.n; i++) {
		feed(f, foreign[i % n]);
		feed(f, p.line[i]);
		feed(f, foreign[(i + 3) % n]);
	}
	assert_int_equal(f->n, 1);
	expect_last(f, &tx);
	assert_int_equal(kernel_log_lost(f->log), 0);
	clear(&p);
}

/* What a program wrote into the log is not the kernel's. */
static void test_forged_line(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	struct kernel_line line;
	char record[300];

	add_message(&p, &rx);
	for (size_t i = 0; i < p.n; i++) {
		snprintf(record, sizeof(record), "15,%" PRIu64 ",1,-;%s\n", f->seq++, p.line[i]);
		assert_int_equal(kernel_line_read_record(&line, record), 0);
		assert_int_equal(put(f, &line), 0);
	}
	assert_int_equal(f->n, 0);
	clear(&p);
}

/* ---- what is missing ---- */

/* Any run of lines missing: the message is not shown, what follows is. */
static void test_gap(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	uint64_t lost = 0;
	size_t n;
	int seen;

	add_message(&p, &tx);
	n = p.n;
	add_message(&p, &rx);
	feed(f, "begins");
	for (size_t from = 0; from < n; from++) {
		for (size_t to = from + 1; to <= n; to++) {
			seen = f->n;
			for (size_t i = 0; i < p.n; i++) {
				if (i < from || i >= to)
					feed(f, p.line[i]);
				else
					f->seq++;
			}
			assert_int_equal(f->n, seen + 1);
			expect_last(f, &rx);
			lost += to; /* those missing, and those before them */
			assert_int_equal(kernel_log_lost(f->log), lost);
		}
	}
	clear(&p);
}

/* A whole message missing, and nothing else. */
static void test_gap_between(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	add_message(&p, &tx);
	feed_all(f, &p);
	f->seq += 12;
	feed_all(f, &p);
	assert_int_equal(f->n, 2);
	assert_int_equal(kernel_log_lost(f->log), 12);
	clear(&p);
}

/* The log began before. */
static void test_begins_in_a_dump(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	add_dump(&p, &tx);
	add_message(&p, &rx);
	feed_all(f, &p);
	assert_int_equal(f->n, 1);
	expect_last(f, &rx);
	assert_int_equal(kernel_log_lost(f->log), 0);
	clear(&p);
}

static void test_mutated(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	struct rpmsg_record m = rx;
	char *text;

	m.len = 40;
	add_message(&p, &m);
	for (size_t i = 1; i < p.n; i++) {
		for (size_t at = 17; at < 17 + 3 * (i < 4 ? ROW : 8) - 1; at++) {
			int seen = f->n;

			text = p.line[i];
			p.line[i] = strdup(text);
			p.line[i][at] = p.line[i][at] == ' ' ? '0' : 'x';
			feed_all(f, &p);
			free(p.line[i]);
			p.line[i] = text;
			if (f->n != seen)
				fail_msg("line %zu damaged at %zu was taken", i, at);
			assert_true(kernel_log_lost(f->log) > 0);
			feed_all(f, &p);
			assert_int_equal(f->n, seen + 1);
			expect_last(f, &m);
		}
	}
	clear(&p);
}

/* A row short of a byte is no row of this message. */
static void test_short_row(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	add_told(&p, &tx);
	add_dump(&p, &tx);
	free(p.line[--p.n]);
	free(p.line[--p.n]);
	add_row(&p, RPMSG_H2R, pattern, ROW - 1);
	add_row(&p, RPMSG_H2R, pattern + ROW, 5);
	feed_all(f, &p);
	assert_int_equal(f->n, 0);
	clear(&p);
}

/* The remote side changed its header between the two looks that the kernel takes. */
static void test_header_differs(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	struct rpmsg_record other[4] = {rx, rx, rx, rx};

	other[0].src++;
	other[1].dst++;
	other[2].len++;
	other[3].flags++;
	for (size_t i = 0; i < 4; i++) {
		add_told(&p, &rx);
		add_dump(&p, &other[i]);
	}
	add_message(&p, &tx);
	feed_all(f, &p);
	assert_int_equal(f->n, 1);
	expect_last(f, &tx);
	clear(&p);
}

/* Pasted lines may have lost what is at their end. */
static void test_without_text(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};
	size_t hex = strlen("rpmsg_virtio TX: ");

	add_message(&p, &tx);
	p.line[1][hex + 3 * ROW - 1] = '\0';
	p.line[2][hex + 3 * ROW] = '\0';
	p.line[3][hex + 3 * (tx.len - ROW) - 1] = '\0';
	feed_all(f, &p);
	assert_int_equal(f->n, 1);
	expect_last(f, &tx);
	clear(&p);
}

/* ---- several at once ---- */

static void interleave(struct fixture *f, const struct printed *a, const struct printed *b,
		       unsigned order, const char *caller_a, const char *caller_b)
{
	size_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		bool first = j == b->n || (i < a->n && !(order >> (i + j) & 1));

		f->caller = first ? caller_a : caller_b;
		feed(f, first ? a->line[i++] : b->line[j++]);
	}
}

/* Both directions at once are always told apart, and so are callers. */
static void test_told_apart(void **state)
{
	struct fixture *f = *state;
	struct printed a = {.n = 0}, b = {.n = 0};
	struct rpmsg_record other = tx;

	add_message(&a, &tx);
	add_message(&b, &rx);
	for (unsigned order = 0; order < 1U << (a.n + b.n); order++) {
		f->n = 0;
		interleave(f, &a, &b, order, "", "");
		assert_int_equal(f->n, 2);
	}
	clear(&b);
	other.data = pattern + 40;
	add_message(&b, &other);
	for (unsigned order = 0; order < 1U << (a.n + b.n); order++) {
		f->n = 0;
		interleave(f, &a, &b, order, "T1", "T2");
		assert_int_equal(f->n, 2);
		assert_true(f->data[0] == pattern[0] || f->data[0] == pattern[40]);
	}
	assert_int_equal(kernel_log_lost(f->log), 0);
	clear(&a);
	clear(&b);
}

/* Feeds n messages, interleaved at random; what is shown is one of them, and right. */
static void feed_mixed(struct fixture *f, const struct printed *p, const struct rpmsg_record *m,
		       size_t n)
{
	size_t at[4] = {0}, left = 0;

	for (size_t i = 0; i < n; i++)
		left += p[i].n;
	while (left) {
		size_t i = (size_t)rand() % n;

		if (at[i] == p[i].n)
			continue;
		left--;
		if (feed(f, p[i].line[at[i]++]) == 1)
			expect_last(f, &m[f->last.src - m[0].src]);
	}
}

/* Senders at once, no callers: nothing wrong is shown, and what follows is whole again. */
static void test_tangled(void **state)
{
	struct fixture *f = *state;
	struct printed p[4] = {{.n = 0}};
	struct rpmsg_record m[4];
	int shown = 0, lost = 0;

	for (size_t i = 0; i < 4; i++) {
		m[i] = tx;
		m[i].src += (uint32_t)i;
		m[i].data = pattern + i;
		add_message(&p[i], &m[i]);
	}
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t n = 2 + (size_t)round % 3;

		f->n = 0;
		feed_mixed(f, p, m, n);
		shown += f->n;
		lost += (int)n - f->n;
		assert_int_equal(kernel_log_lost(f->log), lost * (int)p[0].n);
		f->n = 0;
		feed_all(f, &p[0]);
		assert_int_equal(f->n, 1);
		expect_last(f, &m[0]);
	}
	assert_true(shown > 1000);
	assert_true(lost > 1000);
	for (size_t i = 0; i < 4; i++)
		clear(&p[i]);
}

/* Three that differ in length, each in a row of its own: no doubt whose row it is. */
static void test_tangled_lengths(void **state)
{
	struct fixture *f = *state;
	struct printed p[3] = {{.n = 0}};
	struct rpmsg_record m = tx;

	for (unsigned i = 0; i < 3; i++) {
		m.src = 0x400 + i;
		m.len = (uint16_t)(3 + i);
		add_message(&p[i], &m);
	}
	for (size_t line = 0; line < 3; line++)
		for (size_t i = 0; i < 3; i++)
			feed(f, p[(i + line) % 3].line[line]);
	assert_int_equal(f->n, 3);
	assert_int_equal(kernel_log_lost(f->log), 0);
	for (size_t i = 0; i < 3; i++)
		clear(&p[i]);
}

/* A dump that never comes does not spoil what follows, nor pile up. */
static void test_never_dumped(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0}, told = {.n = 0};
	struct rpmsg_record other = tx;

	other.dst = 0x99;
	add_told(&told, &other);
	add_message(&p, &tx);
	for (int i = 0; i < 1000; i++) {
		feed_all(f, &told);
		feed_all(f, &p);
	}
	assert_int_equal(f->n, 1000);
	assert_in_range(kernel_log_lost(f->log), 900, 1000);
	f->time_us += 20000000;
	feed_all(f, &p);
	assert_int_equal(kernel_log_lost(f->log), 1000);
	f->caller = "T7"; /* of one caller it is clear at once */
	feed_all(f, &told);
	feed_all(f, &p);
	assert_int_equal(kernel_log_lost(f->log), 1001);
	clear(&p);
	clear(&told);
}

/* ---- nothing but dumps ---- */

static void test_untold(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	untold(f);
	add_dump(&p, &tx);
	add_dump(&p, &rx);
	feed_all(f, &p);
	assert_int_equal(f->n, 2);
	expect_last(f, &rx);
	assert_string_equal(f->bus, "-");
	clear(&p);
	add_dump(&p, &tx);
	f->n = 0;
	feed(f, p.line[0]);
	feed(f, p.line[1]);
	f->seq++;
	feed_all(f, &p);
	assert_int_equal(f->n, 1);
	expect_last(f, &tx);
	clear(&p);
}

static void test_untold_until_told(void **state)
{
	struct fixture *f = *state;
	struct printed p = {.n = 0};

	untold(f);
	add_dump(&p, &tx);
	add_message(&p, &rx);
	add_dump(&p, &tx); /* from here on a dump by itself is the rest of something */
	feed_all(f, &p);
	assert_int_equal(f->n, 2);
	expect_last(f, &rx);
	untold(f);
	feed(f, p.line[0]);
	feed(f, p.line[1]);
	clear(&p);
	add_message(&p, &tx);
	feed_all(f, &p);
	assert_int_equal(f->n, 3);
	expect_last(f, &tx);
	clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_date_without_year),
		cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		WITH_LOG(test_message),
		WITH_LOG(test_lengths),
		WITH_LOG(test_real_lines),
		WITH_LOG(test_names),
		WITH_LOG(test_not_told),
		WITH_LOG(test_foreign_lines),
		WITH_LOG(test_forged_line),
		WITH_LOG(test_gap),
		WITH_LOG(test_gap_between),
		WITH_LOG(test_begins_in_a_dump),
		WITH_LOG(test_mutated),
		WITH_LOG(test_short_row),
		WITH_LOG(test_header_differs),
		WITH_LOG(test_without_text),
		WITH_LOG(test_told_apart),
		WITH_LOG(test_tangled),
		WITH_LOG(test_tangled_lengths),
		WITH_LOG(test_never_dumped),
		WITH_LOG(test_untold),
		WITH_LOG(test_untold_until_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
