/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "common/pcap.h"

#define FILE_HEADER 24
#define PACKET_HEADER 16

static char dir[] = "/tmp/rpmsg-pcap-XXXXXX";
static char file[64];

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.pcap", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(dir);
}

static const uint8_t hello[] = "hello";

static const struct rpmsg_record record = {
	.seq = 77,
	.time_ns = UINT64_C(1700000000123456789),
	.bus = "somewhere",
	.dir = RPMSG_R2H,
	.src = 0x400,
	.dst = 0x401,
	.reserved = 0x11223344,
	.flags = 0x5566,
	.len = 5,
	.data = hello,
};

static const uint8_t packet[] = {
	/* clang-format off */
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 0x00, 0x00, 0x00,
	0x00, 0x23, 0x00, 0x04, 0x00, 0x00, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x00,
	0x00, 0x04, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00,
	0x44, 0x33, 0x22, 0x11, 0x05, 0x00, 0x66, 0x55,
	'h', 'e', 'l', 'l', 'o',
	/* clang-format on */
};

static size_t read_file(uint8_t *to, size_t size)
{
	FILE *f = fopen(file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(to, 1, size, f);
	fclose(f);
	return n;
}

static void write_file(const uint8_t *from, size_t size)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(from, 1, size, f), size);
	fclose(f);
}

static struct pcap_writer *writer_open(const char *path)
{
	struct pcap_writer *w = NULL;

	assert_int_equal(pcap_writer_open(path, &w), 0);
	assert_non_null(w);
	return w;
}

/* A capture of one packet: contents, wherever they came from, n bytes of them. */
static void write_packet(const uint8_t *contents, uint32_t n, uint32_t original)
{
	const uint32_t header[] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 252, 5, 6, n, original };
	uint8_t bytes[FILE_HEADER + PACKET_HEADER + 256];

	assert_true(n <= 256);
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), contents, n);
	write_file(bytes, sizeof(header) + n);
}

static int open_file(struct pcap_reader **reader, char *error, size_t size)
{
	FILE *stream = fopen(file, "re");

	assert_non_null(stream);
	return pcap_reader_open(stream, file, reader, error, size);
}

static struct pcap_reader *reader_open(void)
{
	struct pcap_reader *r;
	char error[256] = "";

	if (open_file(&r, error, sizeof(error)))
		fail_msg("%s", error);
	return r;
}

static void bytes_are_the_format(void **state)
{
	const uint32_t header[] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0 };
	const uint32_t packet_header[] = { 1700000000, 123456789, sizeof(packet), sizeof(packet) };
	struct pcap_writer *w = writer_open(file);
	uint8_t bytes[512];
	uint32_t type;

	(void)state;
	assert_int_equal(pcap_writer_put(w, &record), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	assert_int_equal(read_file(bytes, sizeof(bytes)), FILE_HEADER + PACKET_HEADER + sizeof(packet));
	assert_memory_equal(bytes, header, sizeof(header));
	memcpy(&type, bytes + 20, sizeof(type));
	assert_int_equal(type, 252);
	assert_memory_equal(bytes + FILE_HEADER, packet_header, PACKET_HEADER);
	assert_memory_equal(bytes + FILE_HEADER + PACKET_HEADER, packet, sizeof(packet));
}

static void direction_is_in_the_tag(void **state)
{
	struct pcap_writer *w = writer_open(file);
	struct rpmsg_record r = record;
	uint8_t bytes[512];

	(void)state;
	r.dir = RPMSG_H2R;
	assert_int_equal(pcap_writer_put(w, &r), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	read_file(bytes, sizeof(bytes));
	assert_int_equal(bytes[FILE_HEADER + PACKET_HEADER + 19], 0);
}

static void a_bpf_filter_finds_the_header(void **state)
{
	struct pcap_pkthdr h = { .caplen = sizeof(packet), .len = sizeof(packet) };
	pcap_t *p = pcap_open_dead(252, 262144);
	struct bpf_program program;

	(void)state;
	assert_non_null(p);
	assert_int_equal(pcap_compile(p, &program, "link[28:4] = 0x01040000", 1, 0), 0);
	assert_true(pcap_offline_filter(&program, &h, packet));
	pcap_freecode(&program);
	assert_int_equal(pcap_compile(p, &program, "link[28:4] = 0x02040000", 1, 0), 0);
	assert_false(pcap_offline_filter(&program, &h, packet));
	pcap_freecode(&program);
	pcap_close(p);
}

static void what_was_written_is_read(void **state)
{
	static uint8_t data[65535];
	struct pcap_writer *w = writer_open(file);
	struct pcap_reader *r;
	struct rpmsg_record m;
	char error[256] = "";

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	for (unsigned i = 0; i < 66; i++) {
		struct rpmsg_record out = { .time_ns = UINT64_C(999999999) * i, .dir = i & 1, .src = i,
					    .dst = ~i, .reserved = i << 24, .flags = (uint16_t)~i,
					    .len = (uint16_t)(i < 65 ? i * 1000 : 65535), .data = data };

		assert_int_equal(pcap_writer_put(w, &out), 0);
	}
	assert_int_equal(pcap_writer_close(w), 0);
	r = reader_open();
	for (unsigned i = 0; i < 66; i++) {
		assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
		assert_int_equal(m.seq, i);
		assert_int_equal(m.time_ns, UINT64_C(999999999) * i);
		assert_string_equal(m.bus, "-");
		assert_int_equal(m.dir, i & 1);
		assert_int_equal(m.src, i);
		assert_int_equal(m.dst, ~i);
		assert_int_equal(m.reserved, i << 24);
		assert_int_equal(m.flags, (uint16_t)~i);
		assert_int_equal(m.len, i < 65 ? i * 1000 : 65535);
		assert_memory_equal(m.data, data, m.len);
	}
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 0);
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 0);
	pcap_reader_close(r);
	pcap_reader_close(NULL);
	assert_int_equal(pcap_writer_close(NULL), 0);
}

/* ---- when it is in the file ---- */

static void a_file_has_it_after_a_flush(void **state)
{
	struct pcap_writer *w = writer_open(file);
	uint8_t bytes[512];

	(void)state;
	assert_int_equal(read_file(bytes, sizeof(bytes)), FILE_HEADER);
	assert_int_equal(pcap_writer_put(w, &record), 0);
	assert_int_equal(pcap_writer_flush(w), 0);
	assert_int_equal(read_file(bytes, sizeof(bytes)), FILE_HEADER + PACKET_HEADER + sizeof(packet));
	assert_int_equal(pcap_writer_close(w), 0);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* What fd is, std_fd is while fn runs. */
static void with_std_fd(int std_fd, int fd, void (*fn)(int arg), int arg)
{
	int saved = dup(std_fd);

	fflush(stdout);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, std_fd), std_fd);
	fn(arg);
	dup2(saved, std_fd);
	close(saved);
}

static int n_got;

static void write_to_stdout(int reader)
{
	struct pcap_writer *w = NULL;
	uint8_t bytes[512];

	n_got = -1;
	if (pcap_writer_open("-", &w))
		return;
	if (readable(reader) && read(reader, bytes, sizeof(bytes)) == FILE_HEADER &&
	    !readable(reader) && !pcap_writer_put(w, &record) && readable(reader))
		n_got = (int)read(reader, bytes, sizeof(bytes));
	pcap_writer_close(w);
}

static void a_pipe_has_each_packet_at_once(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	with_std_fd(STDOUT_FILENO, fd[1], write_to_stdout, fd[0]);
	assert_int_equal(n_got, PACKET_HEADER + sizeof(packet));
	close(fd[0]);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFD), 0); /* still open */
	close(fd[1]);
}

static void write_to_closed(int unused)
{
	struct pcap_writer *w;

	(void)unused;
	n_got = pcap_writer_open("-", &w);
}

static void write_errors_are_reported(void **state)
{
	struct pcap_writer *w = NULL;
	int fd[2];

	(void)state;
	assert_int_equal(pcap_writer_open("/nonexistent/x", &w), -ENOENT);
	assert_int_equal(pcap_writer_open("/dev/full", &w), -ENOSPC);
	assert_null(w);

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	with_std_fd(STDOUT_FILENO, fd[1], write_to_closed, 0);
	assert_int_equal(n_got, -EPIPE);
	close(fd[1]);
	signal(SIGPIPE, SIG_DFL);
}

/* What follows a packet that was lost would make the capture wrong. */
static void a_failure_stays(void **state)
{
	struct pcap_writer *w;
	int fd[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(mkfifo(file, 0600), 0);
	fd[0] = open(file, O_RDONLY | O_NONBLOCK);
	assert_true(fd[0] >= 0);
	w = writer_open(file);
	assert_int_equal(pcap_writer_put(w, &record), 0);
	close(fd[0]);
	assert_int_equal(pcap_writer_put(w, &record), -EPIPE);
	assert_int_equal(pcap_writer_put(w, &record), -EPIPE);
	assert_int_equal(pcap_writer_flush(w), -EPIPE);
	assert_int_equal(pcap_writer_close(w), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
}

/* ---- a file that may not grow, as on a full disk ---- */

static off_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_size;
}

static void allow_size(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Whatever fits in the middle of a packet: the file ends with the one before. */
static void a_full_disk_ends_it_with_a_whole_packet(void **state)
{
	const off_t one = PACKET_HEADER + sizeof(packet);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (off_t room = FILE_HEADER; room < FILE_HEADER + 3 * one; room += 7) {
		struct pcap_writer *w;

		unlink(file);
		allow_size((rlim_t)room);
		w = writer_open(file);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pcap_writer_put(w, &record), 0);
		assert_int_equal(pcap_writer_flush(w), -EFBIG);
		assert_int_equal(pcap_writer_put(w, &record), -EFBIG);
		assert_int_equal(pcap_writer_close(w), -EFBIG);
		allow_size(RLIM_INFINITY);
		assert_int_equal(file_size(), FILE_HEADER + (room - FILE_HEADER) / one * one);
	}
	signal(SIGXFSZ, SIG_DFL);
}

static void no_room_for_a_header(void **state)
{
	struct pcap_writer *w = NULL;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	allow_size(FILE_HEADER - 1);
	assert_int_equal(pcap_writer_open(file, &w), -EFBIG);
	allow_size(RLIM_INFINITY);
	assert_null(w);
	assert_int_equal(file_size(), 0);
	signal(SIGXFSZ, SIG_DFL);
}

static void nothing_is_overwritten_by_create(void **state)
{
	struct pcap_writer *w = NULL;

	(void)state;
	write_file(packet, 3);
	assert_int_equal(pcap_writer_create(file, &w), -EEXIST);
	assert_null(w);
	assert_int_equal(file_size(), 3);
	unlink(file);
	assert_int_equal(pcap_writer_create(file, &w), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	assert_int_equal(file_size(), FILE_HEADER);
}

/* More than one buffer holds, with packets of the largest size between small ones. */
static void nothing_is_torn_between_buffers(void **state)
{
	static uint8_t data[UINT16_MAX];
	struct pcap_writer *w = writer_open(file);
	uint64_t size = FILE_HEADER;
	struct pcap_reader *r;
	struct rpmsg_record m;
	char error[256];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct rpmsg_record out = { .src = i, .len = i % 7 ? 100 : UINT16_MAX, .data = data };

		size += pcap_writer_need(w, &out);
		assert_int_equal(pcap_writer_put(w, &out), 0);
	}
	assert_int_equal(pcap_writer_size(w), size);
	assert_int_equal(pcap_writer_close(w), 0);
	assert_int_equal(file_size(), size);
	r = reader_open();
	for (; pcap_reader_next(r, &m, error, sizeof(error)) == 1; n++)
		assert_int_equal(m.src, n);
	assert_int_equal(n, 100);
	pcap_reader_close(r);
}

/* ---- files that are not what they should be ---- */

static void next_refused(int result, const char *words)
{
	struct pcap_reader *r = reader_open();
	struct rpmsg_record m;
	char error[256] = "";

	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), result);
	if (!strstr(error, words) || !strstr(error, "packet 1") || strncmp(error, file, strlen(file)))
		fail_msg("\"%s\" is not about packet 1 and \"%s\"", error, words);
	pcap_reader_close(r);
}

static void byte_refused(unsigned at, uint8_t value, const char *words)
{
	uint8_t bad[sizeof(packet)];

	memcpy(bad, packet, sizeof(packet));
	bad[at] = value;
	write_packet(bad, sizeof(bad), sizeof(bad));
	next_refused(-EPROTO, words);
}

static void packets_are_checked(void **state)
{
	(void)state;
	byte_refused(0, 1, "not for the dissector rpmsg");
	byte_refused(3, 9, "not for the dissector rpmsg");
	byte_refused(8, 'x', "not for the dissector rpmsg");
	byte_refused(11, 'x', "not for the dissector rpmsg");
	byte_refused(13, 0x22, "other tags");
	byte_refused(16, 1, "other tags");
	byte_refused(19, 2, "direction");
	byte_refused(23, 1, "other tags");
	byte_refused(36, 4, "another length");
	byte_refused(36, 6, "another length");
	byte_refused(37, 1, "another length");
	write_packet(packet, sizeof(packet) - 1, sizeof(packet) - 1);
	next_refused(-EPROTO, "another length");
	write_packet(packet, sizeof(packet), sizeof(packet) - 1); /* more is there than there was */
	next_refused(-EPROTO, "another length");
	write_packet(packet, 39, sizeof(packet));
	next_refused(-EPROTO, "too short for an rpmsg header");
	write_packet(packet, 39, 39);
	next_refused(-EPROTO, "too short for an rpmsg header");
	write_packet(packet, 23, 23);
	next_refused(-EPROTO, "too short for its tags");
	write_packet(packet, 0, 0);
	next_refused(-EPROTO, "too short for its tags");
}

static void cut_file_is_told(void **state)
{
	(void)state;
	write_packet(packet, sizeof(packet), sizeof(packet));
	assert_int_equal(truncate(file, FILE_HEADER + PACKET_HEADER + 10), 0);
	next_refused(-EIO, "trunc");
	assert_int_equal(truncate(file, FILE_HEADER + 7), 0);
	next_refused(-EIO, "trunc");
}

static void open_refused(int result, const char *words)
{
	struct pcap_reader *r;
	char error[256] = "";

	assert_int_equal(open_file(&r, error, sizeof(error)), result);
	if (!strstr(error, words) || strncmp(error, file, strlen(file)))
		fail_msg("\"%s\" is not about \"%s\"", error, words);
}

static void other_files_are_refused(void **state)
{
	uint32_t header[] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1 };

	(void)state;
	write_file((const uint8_t *)header, sizeof(header));
	open_refused(-EPROTO, "EN10MB");
	header[0] = 0;
	write_file((const uint8_t *)header, sizeof(header));
	open_refused(-EPROTO, "file format");
	write_file((const uint8_t *)header, 0);
	open_refused(-EPROTO, "trunc");
}

/* Microseconds, and the other byte order, as other tools may have written it. */
static void other_variants_are_read(void **state)
{
	uint32_t header[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 252, 5, 6, 45, 45 };
	uint8_t bytes[sizeof(header) + sizeof(packet)];
	struct rpmsg_record m;
	struct pcap_reader *r;
	char error[256];

	(void)state;
	memcpy(bytes + sizeof(header), packet, sizeof(packet));
	for (int swap = 0; swap < 2; swap++) {
		if (swap)
			for (unsigned i = 0; i < sizeof(header) / 4; i++)
				header[i] = i == 1 ? 2 << 8 | 4 << 24 : __builtin_bswap32(header[i]);
		memcpy(bytes, header, sizeof(header));
		write_file(bytes, sizeof(bytes));
		r = reader_open();
		assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
		assert_int_equal(m.time_ns, 5000006000);
		assert_int_equal(m.dst, 0x401);
		pcap_reader_close(r);
	}
}

/* ---- messages that were cut ---- */

static uint8_t long_data[100];

static struct rpmsg_record long_record(uint16_t len)
{
	struct rpmsg_record r = record;

	for (unsigned i = 0; i < sizeof(long_data); i++)
		long_data[i] = (uint8_t)(i + 1);
	r.len = len;
	r.data = long_data;
	return r;
}

/* Reads the next message, which must be one of len bytes of which captured are there. */
static void next_is(struct pcap_reader *r, uint16_t len, size_t captured)
{
	struct rpmsg_record m;
	char error[256] = "";

	if (pcap_reader_next(r, &m, error, sizeof(error)) != 1)
		fail_msg("%s", error);
	assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(m.len, len);
	assert_int_equal(pcap_is_cut(&m), captured < len);
	assert_int_equal(pcap_captured(&m), captured);
	assert_memory_equal(m.data, long_data, captured);
	for (size_t i = captured; i < len; i++)
		assert_int_equal(m.data[i], 0);
}

static void a_snap_length_cuts_payloads(void **state)
{
	struct pcap_writer *w = writer_open(file);
	struct rpmsg_record m = long_record(100), ns = long_record(40);
	uint64_t size = FILE_HEADER;
	struct pcap_reader *r;

	(void)state;
	ns.dst = RPMSG_NS_ADDR;
	pcap_writer_set_snaplen(w, 20);
	size += pcap_writer_need(w, &m);
	assert_int_equal(pcap_writer_put(w, &m), 0);
	pcap_writer_set_snaplen(w, 7);
	for (int i = 0; i < 3; i++) {
		m.len = (uint16_t)(i ? 6 + i : 100);
		size += pcap_writer_need(w, &m);
		assert_int_equal(pcap_writer_put(w, &m), 0);
		assert_int_equal(pcap_writer_size(w), size);
	}
	assert_int_equal(size, FILE_HEADER + 4 * (PACKET_HEADER + 40 + 7) + 13);
	assert_int_equal(pcap_writer_need(w, &ns), PACKET_HEADER + 40 + 40);
	assert_int_equal(pcap_writer_put(w, &ns), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	r = reader_open();
	next_is(r, 100, 20);
	next_is(r, 100, 7);
	next_is(r, 7, 7);
	next_is(r, 8, 7);
	next_is(r, 40, 40);
	pcap_reader_close(r);
}

/* It is written again as it was. */
static void what_was_cut_stays_cut(void **state)
{
	static uint8_t bytes[PCAP_PACKET_MAX];
	struct rpmsg_record m = long_record(100);
	struct pcap_writer *w = writer_open(file);
	struct pcap_reader *r;
	char error[256];

	(void)state;
	pcap_writer_set_snaplen(w, 7);
	assert_int_equal(pcap_writer_put(w, &m), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	r = reader_open();
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_int_equal(pcap_packet_build(&m, bytes), 40 + 7);
	assert_int_equal(pcap_packet_length(&m), 40 + 100);
	w = writer_open(file); /* the reader has it in its buffer */
	assert_int_equal(pcap_writer_put(w, &m), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	pcap_reader_close(r);
	r = reader_open();
	next_is(r, 100, 7);
	pcap_reader_close(r);
}

/* ---- events ---- */

static const struct rpmsg_record event = {
	.type = RPMSG_RECORD_DROP,
	.time_ns = UINT64_C(1700000000123456789),
	.dir = RPMSG_R2H,
	.src = RPMSG_ADDR_ANY,
	.dst = 0x401,
	.value = 0x11223344,
	.count = UINT64_C(0x0102030405060708),
	.duration_ns = UINT64_C(0x1112131415161718),
	.text = "cat",
};

static const uint8_t event_packet[] = {
	/* clang-format off */
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 'e', 'v', 0x00,
	0x00, 0x23, 0x00, 0x04, 0x00, 0x00, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x00,
	0xff, 0xff, 0xff, 0xff, 0x01, 0x04, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 24 + 3, 0x00, RPMSG_RECORD_DROP, 0x00,
	0x44, 0x33, 0x22, 0x11, 0x00, 0x00, 0x00, 0x00,
	0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
	0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
	'c', 'a', 't',
	/* clang-format on */
};

static void events_are_packets(void **state)
{
	uint8_t bytes[PCAP_PACKET_MAX];

	(void)state;
	assert_int_equal(pcap_packet_build(&event, bytes), sizeof(event_packet));
	assert_int_equal(pcap_packet_length(&event), sizeof(event_packet));
	assert_memory_equal(bytes, event_packet, sizeof(event_packet));
}

static void the_text_of_an_event_is_limited(void **state)
{
	uint8_t bytes[PCAP_PACKET_MAX];
	struct rpmsg_record e = event;
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	e.text = text;
	assert_int_equal(pcap_packet_build(&e, bytes), 64 + 255);
	e.text = NULL;
	assert_int_equal(pcap_packet_build(&e, bytes), 64);
}

static void events_are_read_in_their_place(void **state)
{
	struct pcap_writer *w = writer_open(file);
	struct pcap_reader *r;
	struct rpmsg_record m;
	char error[256];

	(void)state;
	pcap_writer_set_snaplen(w, 1); /* not for events */
	assert_int_equal(pcap_writer_put(w, &record), 0);
	assert_int_equal(pcap_writer_need(w, &event), PACKET_HEADER + sizeof(event_packet));
	assert_int_equal(pcap_writer_put(w, &event), 0);
	assert_int_equal(pcap_writer_put(w, &record), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	r = reader_open();
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_int_equal(m.seq, 1); /* of the next message */
	assert_int_equal(m.time_ns, event.time_ns);
	assert_int_equal(m.type, RPMSG_RECORD_DROP);
	assert_int_equal(m.dir, RPMSG_R2H);
	assert_int_equal(m.src, RPMSG_ADDR_ANY);
	assert_int_equal(m.dst, 0x401);
	assert_int_equal(m.value, event.value);
	assert_int_equal(m.count, event.count);
	assert_int_equal(m.duration_ns, event.duration_ns);
	assert_string_equal(m.text, "cat");
	assert_int_equal(m.len, 0);
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_int_equal(m.seq, 1);
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 0);
	pcap_reader_close(r);
}

/* A kind that is not known yet, and a text that is longer and stranger than ours. */
static void later_events_are_read(void **state)
{
	static uint8_t bytes[sizeof(event_packet) + 100];
	struct pcap_reader *r;
	struct rpmsg_record m;
	char error[256];

	(void)state;
	memcpy(bytes, event_packet, sizeof(event_packet));
	bytes[38] = 0x39;
	bytes[39] = 0x30;
	bytes[36] += 100;
	bytes[sizeof(event_packet)] = 0x1b;
	write_packet(bytes, sizeof(bytes), sizeof(bytes));
	r = reader_open();
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_int_equal(m.type, 12345);
	assert_int_equal(strlen(m.text), 103);
	assert_memory_equal(m.text, "cat....", 7);
	pcap_reader_close(r);

	/* cut in its text */
	write_packet(event_packet, sizeof(event_packet) - 2, sizeof(event_packet));
	r = reader_open();
	assert_int_equal(pcap_reader_next(r, &m, error, sizeof(error)), 1);
	assert_string_equal(m.text, "c");
	pcap_reader_close(r);
}

static void events_are_checked(void **state)
{
	uint8_t bad[sizeof(event_packet)];

	(void)state;
	memcpy(bad, event_packet, sizeof(bad));
	bad[38] = 0;
	write_packet(bad, sizeof(bad), sizeof(bad));
	next_refused(-EPROTO, "kind 0");
	bad[38] = 1;
	bad[36] = 23;
	write_packet(bad, 40 + 23, 40 + 23);
	next_refused(-EPROTO, "without all of its members");
	write_packet(event_packet, 40 + 23, sizeof(event_packet));
	next_refused(-EPROTO, "without all of its members");
	write_packet(event_packet, sizeof(event_packet) - 1, sizeof(event_packet) - 1);
	next_refused(-EPROTO, "another length");
}

static void damaged_files_do_no_harm(void **state)
{
	struct pcap_writer *w = writer_open(file);
	static uint8_t good[4096], bad[4096];
	size_t size;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(pcap_writer_put(w, i % 3 ? &record : &event), 0);
	assert_int_equal(pcap_writer_close(w), 0);
	size = read_file(good, sizeof(good));
	srandom(1);
	for (int round = 0; round < 3000; round++) {
		struct rpmsg_record m;
		struct pcap_reader *r;
		char error[256];
		unsigned sum = 0;

		memcpy(bad, good, size);
		for (long n = random() % 8; n >= 0; n--)
			bad[(size_t)random() % size] ^= (uint8_t)(1 << random() % 8);
		write_file(bad, size - (size_t)random() % 100);
		if (open_file(&r, error, sizeof(error)))
			continue;
		while (pcap_reader_next(r, &m, error, sizeof(error)) == 1) {
			for (unsigned i = 0; i < m.len; i++)
				sum += m.data[i];
			sum += m.type == RPMSG_RECORD_MESSAGE ? 0 : (unsigned)strlen(m.text);
		}
		assert_true(sum < size * 255);
		pcap_reader_close(r);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_are_the_format),
		TEST(direction_is_in_the_tag),
		TEST(a_bpf_filter_finds_the_header),
		TEST(what_was_written_is_read),
		TEST(a_file_has_it_after_a_flush),
		TEST(a_pipe_has_each_packet_at_once),
		TEST(write_errors_are_reported),
		TEST(a_failure_stays),
		TEST(a_full_disk_ends_it_with_a_whole_packet),
		TEST(no_room_for_a_header),
		TEST(nothing_is_overwritten_by_create),
		TEST(nothing_is_torn_between_buffers),
		TEST(packets_are_checked),
		TEST(cut_file_is_told),
		TEST(other_files_are_refused),
		TEST(other_variants_are_read),
		TEST(a_snap_length_cuts_payloads),
		TEST(what_was_cut_stays_cut),
		TEST(events_are_packets),
		TEST(the_text_of_an_event_is_limited),
		TEST(events_are_read_in_their_place),
		TEST(later_events_are_read),
		TEST(events_are_checked),
		TEST(damaged_files_do_no_harm),
	};

	return cmocka_run_group_tests_name("pcap", tests, NULL, NULL);
}
