/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log_line.h"
#include "common/number.h"
#include "common/pcap.h"
#include "common/run.h"
#include "common/traffic.h"

#define NS_PER_S UINT64_C(1000000000)
#define NOON UINT64_C(1795435200) /* 2026-11-23 12:00:00 UTC */

static char dir[] = "/tmp/rpmsg-traffic-XXXXXX";
static char path[64];
static char error[256];

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	setenv("TZ", "UTC", 1);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir); /* nothing else may be there */
}

static void put_file(const void *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void expect_error(const char *words)
{
	if (!strstr(error, path) || !strstr(error, words))
		fail_msg("'%s' and '%s' are not both in '%s'", path, words, error);
}

static struct traffic *open_traffic(void)
{
	struct traffic *t;

	if (traffic_open(path, &t, error, sizeof(error)))
		fail_msg("%s", error);
	return t;
}

/* ---- lines of --out log ---- */

static void test_log_line(void **state)
{
	static const struct {
		const char *text, *bus, *data;
		uint64_t time_ns;
		enum rpmsg_direction dir;
		uint32_t src, dst;
		uint16_t len;
	} good[] = {
		{"(12.000000001) rpmsg0 h>r 0x400>0x32#68656C6C6F", "rpmsg0", "hello",
		 12 * NS_PER_S + 1, RPMSG_H2R, 0x400, 0x32, 5},
		{"  (0.5) - r>h 50>?#", "-", "", NS_PER_S / 2, RPMSG_R2H, 50, RPMSG_ADDR_ANY, 0},
		{"(7) a.b-c r>h ?>4294967294#0aFf", "a.b-c", "\x0a\xff", 7 * NS_PER_S, RPMSG_R2H,
		 RPMSG_ADDR_ANY, 0xfffffffe, 2},
	};
	struct rpmsg_record m;
	const char *why;
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		strcpy(line, good[i].text);
		assert_int_equal(log_line_read(line, &m, &why), 1);
		assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
		assert_int_equal(m.time_ns, good[i].time_ns);
		assert_string_equal(m.bus, good[i].bus);
		assert_int_equal(m.dir, good[i].dir);
		assert_int_equal(m.src, good[i].src);
		assert_int_equal(m.dst, good[i].dst);
		assert_int_equal(m.len, good[i].len);
		assert_memory_equal(m.data, good[i].data, m.len);
	}
}

static void test_log_line_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"x", "time"},
		{"(inf) a h>r 1>2#", "time"},
		{"(1.0000000001) a h>r 1>2#", "time"},
		{"(1.0 a h>r 1>2#", "time"},
		{"(99999999999999999999.0) a h>r 1>2#", "time"},
		{"(1.0)a h>r 1>2#", "blank"},
		{"(1.0) ", "bus"},
		{"(1.0)  h>r 1>2#", "bus"},
		{"(1.0) aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa h>r 1>2#", "bus"},
		{"(1.0) a h<r 1>2#", "direction"},
		{"(1.0) a h>r", "direction"},
		{"(1.0) a h>r 1#", "source"},
		{"(1.0) a h>r >2#", "source"},
		{"(1.0) a h>r 0xffffffff>2#", "source"},
		{"(1.0) a h>r 1>2", "destination"},
		{"(1.0) a h>r 1>x#", "destination"},
		{"(1.0) a h>r 1>2#0", "hex"},
		{"(1.0) a h>r 1>2#0g", "hex"},
		{"(1.0) a h>r 1>2#00 ", "hex"},
	};
	static const char *const skipped[] = {"", " \t", "# all", "  #(1.0) a h>r 1>2#"};
	struct rpmsg_record m;
	const char *why;
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(line, bad[i].text);
		assert_int_equal(log_line_read(line, &m, &why), -EINVAL);
		if (!strstr(why, bad[i].words))
			fail_msg("'%s': '%s'", bad[i].text, why);
	}
	for (size_t i = 0; i < sizeof(skipped) / sizeof(*skipped); i++) {
		strcpy(line, skipped[i]);
		assert_int_equal(log_line_read(line, &m, &why), 0);
	}
}

static void put_long_line(size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("(1.0) a h>r 1>2#", f);
	for (size_t i = 0; i < len; i++)
		fputs("5a", f);
	fclose(f);
}

static void test_longest_log_line(void **state)
{
	struct traffic *t;
	struct rpmsg_record m;

	(void)state;
	put_long_line(65535);
	t = open_traffic();
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), 1);
	assert_int_equal(m.len, 65535);
	assert_int_equal(m.data[65534], 0x5a);
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), -EPIPE);
	traffic_close(t);
	put_long_line(65536);
	t = open_traffic();
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), -EPROTO);
	expect_error("line 1 has more than 65535 bytes");
	traffic_close(t);
	put_long_line(1 << 20);
	t = open_traffic();
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), -EPROTO);
	expect_error("line 1 is too long");
	traffic_close(t);
}

/* ---- what a file is ---- */

static void refused(const void *bytes, size_t size, const char *words)
{
	struct traffic *t;

	put_file(bytes, size);
	assert_int_equal(traffic_open(path, &t, error, sizeof(error)), -EPROTO);
	expect_error(words);
}

static void test_other_files(void **state)
{
	struct traffic *t;
	uint8_t ring[8192] = "rpmsgrec\xfe\0\0\0";

	(void)state;
	refused("", 0, "is empty");
	refused("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10, "compressed");
	refused("\x28\xb5\x2f\xfd\x04\x58\x01\0", 8, "zstdcat");
	refused("\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16, "neither a capture, a recorder's file,");
	refused("\x89PNG\r\n\x1a\n", 8, "neither a capture");
	refused("text\0", 5, "neither a capture");
	refused(ring, sizeof(ring), "recording of version 254");
	refused("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0", 24, "link type 1");
	unlink(path);
	assert_int_equal(traffic_open(path, &t, error, sizeof(error)), -ENOENT);
	expect_error("No such file");
	assert_int_equal(traffic_open(dir, &t, error, sizeof(error)), -EISDIR);
}

static void read_refused(const char *text, const char *words)
{
	struct traffic *t;
	struct rpmsg_record m;
	int n;

	put_file(text, strlen(text));
	t = open_traffic();
	do
		n = traffic_read(t, &m, error, sizeof(error));
	while (n == 1);
	assert_int_equal(n, -EPROTO);
	expect_error(words);
	traffic_close(t);
}

static void test_other_text(void **state)
{
	(void)state;
	read_refused("Dear\nreader,\n", "neither a capture, a recorder's file, lines of --out log "
		     "nor a kernel's log: it begins with 'Dear'");
	read_refused("[    1.000000] Linux\n", "no message of rpmsg");
	read_refused("# all\n\n(1.0) a h>r 1>2#00\r\n(1.0) a h>r 1>2\n",
		     "line 4 has no destination");
	read_refused("(1.0) a h>r 1>2#00\n[    1.000000] Linux\n", "line 2 has no time");
}

/* ---- kernels' logs ---- */

/* What a message from the host's 0x400 to 0x32 is printed as. */
static const char told[] =
	"rpmsg_chrdev virtio0.clock.1024.50: TX From 0x400, To 0x32, Len 5, Flags 0, Reserved 0\n";
static const char header[] =
	"rpmsg_virtio TX: 00 04 00 00 32 00 00 00 00 00 00 00 05 00 00 00  ....2...........\n";
static const char payload[] =
	"rpmsg_virtio TX: 68 65 6c 6c 6f                                   hello\n";

static void put_line(FILE *f, const char *text, const char *begin)
{
	fputs(begin, f);
	fputs(text, f);
}

static void put_kernel_message(FILE *f, const char *begin)
{
	put_line(f, told, begin);
	put_line(f, header, begin);
	put_line(f, payload, begin);
}

static void expect_message(struct traffic *t, uint64_t time_ns)
{
	struct rpmsg_record m;
	int n = traffic_read(t, &m, error, sizeof(error));

	if (n < 0)
		fail_msg("%d %s", n, error);
	assert_int_equal(n, 1);
	assert_int_equal(m.time_ns, time_ns);
	assert_int_equal(m.dir, RPMSG_H2R);
	assert_int_equal(m.src, 0x400);
	assert_int_equal(m.dst, 0x32);
	assert_int_equal(m.len, 5);
	assert_memory_equal(m.data, "hello", 5);
	assert_string_equal(m.bus, "virtio0");
}

static void expect_end(struct traffic *t, uint64_t lost)
{
	struct rpmsg_record m;
	const char *what;

	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), -EPIPE);
	assert_int_equal(traffic_lost(t, &what), lost);
	assert_string_equal(what, "lines of the kernel's log");
}

static void test_kernel_styles(void **state)
{
	static const struct {
		const char *begin;
		uint64_t time_ns;
	} styles[] = {
		{"[    7.000001] ", 7000001000},
		{"[    7.000001][  T12] ", 7000001000},
		{"<7>[    7.000001] ", 7000001000},
		{"kern  :debug : [    7.000001] ", 7000001000},
		{"[    7.000001] board kernel: ", 7000001000},
		{"[Mon Nov 23 12:00:00 2026] ", NOON * NS_PER_S},
		{"2026-11-23T13:00:00.000001+0100 board kernel: ", NOON * NS_PER_S + 1000},
		{"1795435200.000001 board kernel: ", NOON * NS_PER_S + 1000},
		{"2026-11-23T12:00:00 board kernel: [    7.000001] ", NOON * NS_PER_S},
		{"board kernel: ", 0},
	};
	struct traffic *t;
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs("\r\nanother line\r\n", f);
		put_kernel_message(f, styles[i].begin);
		put_kernel_message(f, styles[i].begin);
		fclose(f);
		t = open_traffic();
		expect_message(t, styles[i].time_ns);
		expect_message(t, styles[i].time_ns);
		expect_end(t, 0);
		traffic_close(t);
	}
}

/* The date is told once, the kernel's clock goes on. */
static void test_date_and_clock(void **state)
{
	FILE *f = fopen(path, "w");
	struct traffic *t;

	(void)state;
	assert_non_null(f);
	put_kernel_message(f, "2026-11-23T12:00:00 board kernel: [    7.000000] ");
	put_kernel_message(f, "2026-11-23T12:00:09 board kernel: [    9.500000] ");
	fclose(f);
	t = open_traffic();
	expect_message(t, NOON * NS_PER_S);
	expect_message(t, NOON * NS_PER_S + 2500000000);
	expect_end(t, 0);
	traffic_close(t);
}

static void test_kernel_gaps(void **state)
{
	const char *begin = "[    7.000000] ";
	FILE *f = fopen(path, "w");
	struct traffic *t;

	(void)state;
	assert_non_null(f);
	put_kernel_message(f, begin);
	put_line(f, told, begin); /* its end is missing: 2 lines */
	put_line(f, header, begin);
	fputs("** 9 printk messages dropped **\n", f);
	put_kernel_message(f, begin);
	put_line(f, told, begin); /* the log ends: 2 lines */
	put_line(f, header, begin);
	fclose(f);
	t = open_traffic();
	expect_message(t, 7 * NS_PER_S);
	expect_message(t, 7 * NS_PER_S);
	expect_end(t, 2 + 9 + 2);
	traffic_close(t);
}

/* Records of /dev/kmsg have numbers: what is missing is told exactly. */
static void test_kmsg_records(void **state)
{
	FILE *f = fopen(path, "w");
	struct traffic *t;

	(void)state;
	assert_non_null(f);
	put_line(f, told, "7,100,7000000,-;");
	fputs(" SUBSYSTEM=virtio\n DEVICE=+virtio:virtio0\n", f);
	put_line(f, header, "7,101,7000000,-;");
	put_line(f, payload, "7,102,7000001,-;");
	fputs("12,103,7000002,-;rpmsg_virtio TX: 00\n", f); /* a program's */
	put_line(f, told, "7,110,7000000,-;");
	put_line(f, header, "7,111,7000000,-;");
	put_line(f, payload, "7,112,7000001,-;");
	fclose(f);
	t = open_traffic();
	expect_message(t, 7 * NS_PER_S);
	expect_message(t, 7 * NS_PER_S);
	expect_end(t, 6);
	traffic_close(t);
}

static void test_text_with_any_bytes(void **state)
{
	FILE *f = fopen(path, "w");
	struct traffic *t;

	(void)state;
	assert_non_null(f);
	fputs("[    1.000000] Linux version\n", f);
	fwrite("\0\0\xff\x01 \0junk\n", 1, 11, f);
	put_kernel_message(f, "[    7.000000] ");
	fclose(f);
	t = open_traffic();
	expect_message(t, 7 * NS_PER_S);
	expect_end(t, 0);
	traffic_close(t);
}

/* ---- pipes ---- */

static const struct rpmsg_record hello = {
	.time_ns = 7 * NS_PER_S, .bus = "virtio0", .dir = RPMSG_H2R, .src = 0x400, .dst = 0x32,
	.len = 5, .data = (const uint8_t *)"hello",
};

/* The same traffic as a capture, as lines of --out log, and as a kernel's log. */
static void put_kind(int kind)
{
	struct pcap_writer *w;
	FILE *f;

	if (kind == 0) {
		assert_int_equal(pcap_writer_open(path, &w), 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pcap_writer_put(w, &hello), 0);
		assert_int_equal(pcap_writer_close(w), 0);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 3; i++) {
		if (kind == 1)
			fputs("(7.0) virtio0 h>r 0x400>0x32#68656c6c6f\n", f);
		else
			put_kernel_message(f, "[    7.000000] ");
	}
	fclose(f);
}

struct feed {
	char bytes[4096];
	size_t size;
	const char *fifo;
};

/* A byte a write: whoever reads gets them in any pieces. */
static void *feed_slowly(void *arg)
{
	const struct feed *feed = arg;
	int fd = open(feed->fifo, O_WRONLY);

	for (size_t i = 0; fd >= 0 && i < feed->size; i++)
		if (write(fd, feed->bytes + i, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static void read_pipe(struct feed *feed)
{
	struct rpmsg_record m;
	struct traffic *t;
	pthread_t thread;
	int n, messages = 0;

	assert_int_equal(mkfifo(feed->fifo, 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed_slowly, feed), 0);
	n = traffic_open(feed->fifo, &t, error, sizeof(error));
	if (n)
		fail_msg("%s", error);
	while ((n = traffic_read(t, &m, error, sizeof(error))) == 1) {
		assert_int_equal(m.time_ns, hello.time_ns);
		assert_int_equal(m.len, 5);
		assert_memory_equal(m.data, "hello", 5);
		assert_int_equal(m.seq, messages);
		messages++;
	}
	assert_int_equal(n, -EPIPE);
	assert_int_equal(messages, 3);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(traffic_set_follow(t, true));
	traffic_close(t);
	unlink(feed->fifo);
}

static void test_pipes(void **state)
{
	char fifo[80];
	struct feed feed = {.fifo = fifo};
	FILE *f;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	for (int kind = 0; kind < 3; kind++) {
		put_kind(kind);
		f = fopen(path, "r");
		assert_non_null(f);
		feed.size = fread(feed.bytes, 1, sizeof(feed.bytes), f);
		fclose(f);
		assert_true(feed.size > 0 && feed.size < sizeof(feed.bytes));
		read_pipe(&feed);
	}
}

static void count_idle(void *arg)
{
	++*(int *)arg;
}

/* Waiting for more ends at the deadline, and before it somebody is told that nothing is there. */
static void test_deadline(void **state)
{
	int idle = 0, fd;
	struct input_wait wait = {.deadline = run_deadline(50000000), .idle = count_idle,
				  .arg = &idle};
	static const char line[] = "(7.0) virtio0 h>r 0x400>0x32#68656c6c6f\n(";
	struct rpmsg_record m;
	struct traffic *t;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(traffic_open_wait(path, &wait, &t, error, sizeof(error)), -EINTR);
	assert_int_equal(idle, 1);
	assert_int_equal(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
	wait.deadline = run_deadline(50000000);
	assert_int_equal(traffic_open_wait(path, &wait, &t, error, sizeof(error)), 0);
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), 1);
	assert_int_equal(idle, 1);
	assert_int_equal(traffic_read(t, &m, error, sizeof(error)), -EINTR);
	assert_int_equal(idle, 2);
	assert_true(run_now() >= wait.deadline);
	traffic_close(t);
	close(fd);
}

/* ---- a recorder's file ---- */

static int ignore(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev;
	(void)data;
	(void)len;
	(void)priv;
	(void)src;
	return 0;
}

static void test_recording(void **state)
{
	struct rpmsg_bus_options options = {.size = sizeof(options), .name = "board"};
	struct rpmsg_bus *pair[2];
	struct rpmsg_endpoint *ept;
	struct rpmsg_channel_info info = {.src = 0x400, .dst = 0x32};
	struct rpmsg_record m;
	struct traffic *t;
	const char *what;
	int n;

	(void)state;
	assert_int_equal(rpmsg_bus_open_loop(pair, &options), 0);
	assert_int_equal(rpmsg_bus_record(pair[0], path, 0), 0);
	ept = rpmsg_create_ept(rpmsg_bus_device(pair[0]), ignore, NULL, info);
	assert_non_null(ept);
	t = open_traffic();
	assert_true(traffic_set_follow(t, false));
	assert_int_equal(rpmsg_trysend(ept, "hello", 5), 0);
	/* recorded after what is all there is */
	while ((n = traffic_read(t, &m, error, sizeof(error))) == 1)
		assert_int_not_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(n, -EPIPE);
	assert_true(traffic_set_follow(t, true));
	while ((n = traffic_read(t, &m, error, sizeof(error))) == 1 && m.type)
		;
	assert_int_equal(n, 1);
	assert_string_equal(m.bus, "board");
	assert_memory_equal(m.data, "hello", 5);
	while ((n = traffic_read(t, &m, error, sizeof(error))) == 1)
		assert_int_not_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(n, 0);
	assert_int_equal(traffic_crashed(t), 0);
	assert_int_equal(traffic_lost(t, &what), 0);
	assert_null(what);
	rpmsg_destroy_ept(ept);
	rpmsg_bus_close(pair[0]);
	rpmsg_bus_close(pair[1]);
	while ((n = traffic_read(t, &m, error, sizeof(error))) == 1)
		;
	assert_int_equal(n, -EPIPE);
	traffic_close(t);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line),
		cmocka_unit_test(test_log_line_refused),
		TEST(test_longest_log_line),
		TEST(test_other_files),
		TEST(test_other_text),
		TEST(test_kernel_styles),
		TEST(test_date_and_clock),
		TEST(test_kernel_gaps),
		TEST(test_kmsg_records),
		TEST(test_text_with_any_bytes),
		TEST(test_pipes),
		TEST(test_deadline),
		TEST(test_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
