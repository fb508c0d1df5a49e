/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "recording_file.h"

static void end_is_seen(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	struct rpmsg_record m;

	(void)state;
	assert_int_equal(rpmsg_recording_fd(r), -1);
	assert_int_equal(rpmsg_recording_read(r, &m), 0);
	put_all(rec, 0, 1);
	recorder_close(rec, false);
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_int_equal(rpmsg_recording_read(r, &m), -EPIPE);
	assert_int_equal(rpmsg_recording_read(r, &m), -EPIPE);
	rpmsg_recording_close(r);
	r = open_file(false);
	assert_int_equal(rpmsg_recording_read(r, &m), -EPIPE);
	assert_int_equal(rpmsg_recording_end(r), 1);
	rpmsg_recording_close(r);
}

static void starts_at_the_next(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	struct rpmsg_record m;

	(void)state;
	put_all(rec, 0, 5000); /* wraps */
	r = open_file(false);
	assert_int_equal(rpmsg_recording_read(r, &m), 0);
	put_all(rec, 5000, 5001);
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_int_equal(m.seq, 5000);
	assert_true(message_right(&m));
	assert_int_equal(rpmsg_recording_lost(r), 0);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

static void wrapping_loses_the_oldest_alone(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	uint64_t n, held = 0;
	int why;

	(void)state;
	for (uint32_t at = 0; at < 20000; at += 97) {
		put_all(rec, at, at + 97);
		r = open_file(true);
		n = read_all(r, &why);
		assert_int_equal(why, 0);
		assert_int_equal(n + rpmsg_recording_lost(r), at + 97);
		assert_int_equal(rpmsg_recording_end(r), at + 97);
		assert_true(n >= held || n > 700); /* never fewer than the ring can hold */
		held = n;
		rpmsg_recording_close(r);
	}
	recorder_close(rec, false);
}

static void overtaken_reader_counts(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	struct rpmsg_record m;
	uint64_t n;
	int why;

	(void)state;
	put_all(rec, 0, 10);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rpmsg_recording_read(r, &m), 1);
	put_all(rec, 10, 3000);
	n = read_all(r, &why);
	assert_int_equal(why, 0);
	assert_true(rpmsg_recording_lost(r) > 1000);
	assert_int_equal(5 + n + rpmsg_recording_lost(r), 3000);
	put_all(rec, 3000, 9000);
	n += read_all(r, &why);
	assert_int_equal(5 + n + rpmsg_recording_lost(r), 9000);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

static void largest_messages_wrap(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	int bus = recorder_add_bus(rec, "x");
	static uint8_t data[65535];
	struct rpmsg_record m;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct wire_hdr hdr = { i, 0, 0, (uint16_t)(65535 - i * 97), 0 };

		memset(data, (int)i, sizeof(data));
		recorder_put(rec, bus, RPMSG_H2R, &hdr, data);
		assert_int_equal(rpmsg_recording_read(r, &m), 1);
		assert_int_equal(m.seq, i);
		assert_int_equal(m.len, hdr.len);
		assert_memory_equal(m.data, data, m.len);
	}
	assert_int_equal(rpmsg_recording_lost(r), 0);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* ---- several threads ---- */

#define WRITERS 2
#define READERS 3
#define EACH 100000u

struct writing {
	struct recorder *rec;
	uint32_t from;
};

struct reading {
	uint64_t read, lost;
	bool right;
	int why;
};

static void *writer_main(void *arg)
{
	struct writing *w = arg;

	put_all(w->rec, w->from, w->from + EACH);
	return NULL;
}

/* Reads until the end: each writer's messages in its order, each gap in the numbers counted. */
static void *reader_main(void *arg)
{
	struct reading *reading = arg;
	struct rpmsg_recording *r = rpmsg_recording_open(file, true);
	uint64_t next[WRITERS] = { 0, EACH }, next_seq = 0;
	struct rpmsg_record m;

	reading->right = r != NULL;
	if (!r)
		return NULL;
	while ((reading->why = rpmsg_recording_read(r, &m)) >= 0) {
		if (!reading->why) {
			sched_yield();
			continue;
		}
		unsigned w = m.src / EACH;

		if (w >= WRITERS || m.src < next[w] || m.seq < next_seq || !message_right(&m) ||
		    m.seq != reading->read + rpmsg_recording_lost(r) || strcmp(m.bus, "bus")) {
			reading->right = false;
			break;
		}
		next[w] = m.src + 1;
		next_seq = m.seq + 1;
		reading->read++;
	}
	reading->lost = rpmsg_recording_lost(r);
	rpmsg_recording_close(r);
	return NULL;
}

static void writers_and_readers_at_once(void **state)
{
	struct recorder *rec = create();
	struct writing writing[WRITERS];
	struct reading reading[READERS] = { 0 };
	pthread_t writer[WRITERS], reader[READERS];
	int i;

	(void)state;
	for (i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, reader_main, &reading[i]), 0);
	for (i = 0; i < WRITERS; i++) {
		writing[i] = (struct writing){ rec, (uint32_t)i * EACH };
		assert_int_equal(pthread_create(&writer[i], NULL, writer_main, &writing[i]), 0);
	}
	for (i = 0; i < WRITERS; i++)
		pthread_join(writer[i], NULL);
	assert_int_equal(recorder_count(rec), WRITERS * EACH);
	recorder_close(rec, false);
	for (i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		assert_true(reading[i].right);
		assert_int_equal(reading[i].why, -EPIPE);
		assert_true(reading[i].read > 0);
		assert_int_equal(reading[i].read + reading[i].lost, WRITERS * EACH);
	}
}

/* ---- files that are not what they should be ---- */

static void header_refused(size_t at, uint64_t value, int err, const char *words)
{
	size_t size;
	uint8_t *map = map_file(&size);
	uint64_t good;

	memcpy(&good, map + at, 8);
	memcpy(map + at, &value, 8);
	assert_null(rpmsg_recording_open(file, true));
	assert_int_equal(errno, err);
	if (!strstr(rpmsg_error_detail(), words))
		fail_msg("\"%s\" not in \"%s\"", words, rpmsg_error_detail());
	memcpy(map + at, &good, 8);
	munmap(map, size);
}

static void header_is_checked(void **state)
{
	struct recorder *rec = create();

	(void)state;
	put_all(rec, 0, 5000);
	recorder_close(rec, false);
	header_refused(offsetof(struct ring_header, magic), 7, EMEDIUMTYPE, "not a recording");
	header_refused(offsetof(struct ring_header, magic), __builtin_bswap64(RING_MAGIC), EPROTO,
		       "byte order");
	header_refused(offsetof(struct ring_header, version), 9, EPROTO, "version 9");
	header_refused(offsetof(struct ring_header, size), UINT64_MAX, EPROTO, "says");
	header_refused(offsetof(struct ring_header, size), 0, EPROTO, "says");
	header_refused(offsetof(struct ring_header, tail), UINT64_MAX, EPROTO, "oldest");
	header_refused(offsetof(struct ring_header, last), (uint64_t)1 << 62, EPROTO, "newest");
	rpmsg_recording_close(open_file(true));
	assert_int_equal(truncate(file, RING_HEADER_SIZE - 1), 0);
	assert_null(rpmsg_recording_open(file, true));
	assert_int_equal(errno, EMEDIUMTYPE);
	assert_null(rpmsg_recording_open(dir, true));
	assert_int_equal(errno, EMEDIUMTYPE);
}

/* Reads what is left: how many, the number after the last of them, and the cut as the end. */
static uint64_t read_cut(bool limit, uint64_t *next)
{
	struct rpmsg_recording *r = open_file(true);
	struct rpmsg_record m;
	uint64_t n = 0;
	int result;

	if (limit)
		rpmsg_recording_set_limit(r, true);
	for (*next = 0; (result = rpmsg_recording_read(r, &m)) == 1; n++) {
		assert_true(message_right(&m));
		assert_int_equal(m.src, m.seq);
		assert_true(m.seq >= *next);
		*next = m.seq + 1;
	}
	assert_int_equal(result, -EPROTO);
	assert_non_null(strstr(rpmsg_error_detail(), "cut to"));
	assert_int_equal(rpmsg_recording_lost(r) + n, *next);
	assert_int_equal(rpmsg_recording_read(r, &m), -EPROTO);
	rpmsg_recording_close(r);
	return n;
}

static uint64_t place_of_newest(void)
{
	size_t size;
	uint8_t *map = map_file(&size);
	const struct ring_header *h = (const struct ring_header *)map;
	uint64_t place = h->last % h->size;

	munmap(map, size);
	return place;
}

/* The beginning of the ring is left, be it the oldest records or the newest. */
static void cut_files_give_what_they_have(void **state)
{
	const size_t left = 30000;
	struct recorder *rec = create();
	uint32_t end, whole = 0;
	uint64_t next, n;

	(void)state;
	put_all(rec, 0, 500); /* the ring is not full yet */
	recorder_close(rec, false);
	assert_int_equal(truncate(file, (off_t)(RING_HEADER_SIZE + left)), 0);
	n = read_cut(false, &next);
	for (size_t at = 0; (at += RING_RECORD_SIZE(message_len(whole))) <= left; whole++)
		;
	assert_int_equal(n, whole);
	assert_int_equal(next, whole);
	assert_int_equal(read_cut(true, &next), whole);

	unlink(file);
	rec = create();
	put_all(rec, 0, 3000);
	for (end = 3000; place_of_newest() > 20000; end++)
		put(rec, 0, end);
	recorder_close(rec, false);
	assert_int_equal(truncate(file, (off_t)(RING_HEADER_SIZE + left)), 0);
	n = read_cut(false, &next);
	assert_true(n > 0 && n < next);
	assert_int_equal(next, end);
}

/* In a process of its own: the handler is for good. */
static void cut_both(void)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	struct rpmsg_record m;
	bool good;

	put_all(rec, 0, 500);
	good = !rpmsg_sigbus_install() && rpmsg_recording_read(r, &m) == 1 && message_right(&m) &&
	       !truncate(file, 0) && rpmsg_recording_read(r, &m) == -EPROTO &&
	       strstr(rpmsg_error_detail(), "while it was read");
	put_all(rec, 500, 3000);
	recorder_close(rec, false);
	rpmsg_recording_close(r);
	_exit(good ? 0 : 1);
}

static void a_cut_while_it_is_mapped_is_survived(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		cut_both();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void now_is_the_time_of_the_next_record(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	uint64_t before = rpmsg_recording_now(r), after;
	struct rpmsg_record m;

	(void)state;
	put_all(rec, 0, 1);
	after = rpmsg_recording_now(r);
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_in_range(m.time_ns, before, after);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* Every byte that a record says it has can be read, and reading comes to an end. */
static void read_damaged(bool history)
{
	struct rpmsg_recording *r = rpmsg_recording_open(file, history);
	struct rpmsg_record m;
	uint64_t sum = 0;
	unsigned n = 0;
	int result;

	if (!r) {
		assert_true(errno == EPROTO || errno == EMEDIUMTYPE);
		return;
	}
	while ((result = rpmsg_recording_read(r, &m)) == 1) {
		for (unsigned i = 0; i < m.len; i++)
			sum += m.data[i];
		assert_true(m.dir == RPMSG_H2R || m.dir == RPMSG_R2H);
		sum += strlen(m.bus);
		assert_true(++n < RECORDER_SIZE_MIN / RING_RECORD_SIZE(0));
	}
	assert_true(result == -EPIPE || result == -EPROTO);
	assert_true(sum || !n);
	rpmsg_recording_end(r);
	rpmsg_recording_lost(r);
	rpmsg_recording_close(r);
}

static void damage(uint8_t *map, size_t size)
{
	static const uint64_t odd[] = { 0, 1, 7, 8, 40, 1 << 16, RECORDER_SIZE_MIN, UINT32_MAX,
					UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63 };
	size_t at = random_u32() % size;

	switch (random_u32() % 4) {
	case 0: /* control words */
		at = offsetof(struct ring_header, last) / 8 + random_u32() % 3;
		memcpy(map + at * 8, &odd[random_u32() % 11], 8);
		break;
	case 1:
		at = at / 8 * 8;
		memcpy(map + at, &odd[random_u32() % 11], 8);
		break;
	case 2: /* the header page */
		map[random_u32() % 1024] ^= (uint8_t)(1 + random_u32() % 255);
		break;
	default:
		map[at] ^= (uint8_t)(1 << random_u32() % 8);
	}
}

static void damaged_files_do_no_harm(void **state)
{
	struct recorder *rec = create();
	uint8_t *good, *map;
	size_t size;

	(void)state;
	put_all(rec, 0, 3000);
	recorder_close(rec, false);
	map = map_file(&size);
	good = malloc(size);
	assert_non_null(good);
	memcpy(good, map, size);
	for (int round = 0; round < 1000; round++) {
		for (uint32_t n = random_u32() % 20 + 1; n; n--)
			damage(map, size);
		read_damaged(round & 1);
		memcpy(map, good, size);
	}
	free(good);
	munmap(map, size);
}

static int read_one(void)
{
	struct rpmsg_recording *r = open_file(true);
	struct rpmsg_record m;
	int result = rpmsg_recording_read(r, &m);

	rpmsg_recording_close(r);
	return result;
}

static void every_length_in_the_ring_is_checked(void **state)
{
	struct recorder *rec = create();
	uint64_t *word;
	uint8_t *map;
	size_t size;

	(void)state;
	put_all(rec, 0, 1);
	recorder_close(rec, false);
	map = map_file(&size);
	word = (uint64_t *)(map + RING_HEADER_SIZE);
	for (unsigned length = 0; length < RING_RECORD_MAX + 64; length++) {
		*word = ring_kind(length, RING_MESSAGE, 0, 0);
		assert_int_equal(read_one(), length == RING_RECORD_SIZE(0) ? 1 : -EPROTO);
	}
	for (unsigned length = 0; length < RING_RECORD_MAX + 64; length += 8) {
		*word = ring_kind(length, RING_PAD, 0, 0);
		assert_int_equal(read_one(), -EPROTO);
	}
	*word = ring_kind(size - RING_HEADER_SIZE, RING_PAD, 0, 0);
	assert_int_equal(read_one(), -EPROTO);
	for (unsigned bits = 32; bits < 64; bits++) { /* type, bus, direction, and above */
		*word = ring_kind(RING_RECORD_SIZE(0), RING_MESSAGE, 0, 0) ^ UINT64_C(1) << bits;
		assert_int_equal(read_one(), bits == 48 ? 1 : -EPROTO);
	}
	munmap(map, size);
}

/* A text of 256 bytes takes as much room as the longest one that there is. */
static void text_of_an_event_is_checked(void **state)
{
	const struct rpmsg_record event = { .type = RPMSG_RECORD_RESET };
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	struct rpmsg_record m;
	uint64_t *word;
	uint8_t *map;
	size_t size;

	(void)state;
	recorder_put_event(rec, recorder_add_bus(rec, "bus"), &event);
	recorder_close(rec, false);
	map = map_file(&size);
	word = (uint64_t *)(map + RING_HEADER_SIZE);
	for (unsigned len = RING_TEXT_MAX - 1; len <= RING_TEXT_MAX + 1; len++) {
		*word = ring_kind(RING_EVENT_SIZE(len), RING_EVENT, 0, 0);
		word[RING_WORD_REST] = (uint64_t)len << 32 | (uint64_t)RPMSG_RECORD_RESET << 48;
		memset(word + RING_WORD_TEXT, 'x', len);
		r = open_file(true);
		rpmsg_recording_set_events(r, true);
		assert_int_equal(rpmsg_recording_read(r, &m), len <= RING_TEXT_MAX ? 1 : -EPROTO);
		if (len <= RING_TEXT_MAX)
			assert_int_equal(strlen(m.text), len);
		rpmsg_recording_close(r);
	}
	munmap(map, size);
}

/* Numbers may be missing after what was overwritten, but nowhere else, and never go back. */
static void numbers_are_checked(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	uint64_t *second;
	uint8_t *map;
	size_t size;
	int why;

	(void)state;
	put_all(rec, 0, 3);
	recorder_close(rec, false);
	map = map_file(&size);
	second = (uint64_t *)(map + RING_HEADER_SIZE + RING_RECORD_SIZE(0));
	for (uint64_t seq = 0; seq < 4; seq++) {
		second[RING_WORD_SEQ] = seq;
		r = open_file(true);
		assert_int_equal(read_all(r, &why), seq == 1 ? 3 : 1);
		assert_int_equal(why, seq == 1 ? -EPIPE : -EPROTO);
		rpmsg_recording_close(r);
	}
	munmap(map, size);
}

static bool fd_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void fds_are_taken(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	int fd, wake[2];

	(void)state;
	assert_int_equal(pipe(wake), 0);
	fd = open(file, O_RDONLY);
	r = recording_from_fd(fd, wake[0], true);
	assert_non_null(r);
	assert_int_equal(rpmsg_recording_fd(r), wake[0]);
	rpmsg_recording_close(r);
	assert_false(fd_open(fd) || fd_open(wake[0]));
	close(wake[1]);
	assert_int_equal(pipe(wake), 0);
	fd = open("/dev/zero", O_RDONLY);
	assert_null(recording_from_fd(fd, wake[0], true));
	assert_int_equal(errno, EMEDIUMTYPE);
	assert_false(fd_open(fd) || fd_open(wake[0]));
	close(wake[1]);
	recorder_close(rec, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(end_is_seen),
		TEST(starts_at_the_next),
		TEST(wrapping_loses_the_oldest_alone),
		TEST(overtaken_reader_counts),
		TEST(largest_messages_wrap),
		TEST(writers_and_readers_at_once),
		TEST(header_is_checked),
		TEST(cut_files_give_what_they_have),
		TEST(a_cut_while_it_is_mapped_is_survived),
		TEST(now_is_the_time_of_the_next_record),
		TEST(damaged_files_do_no_harm),
		TEST(every_length_in_the_ring_is_checked),
		TEST(text_of_an_event_is_checked),
		TEST(numbers_are_checked),
		TEST(fds_are_taken),
	};

	return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
