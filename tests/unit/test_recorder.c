/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/recorder.h"
#include "record/recording.h"
#include "record/ring_file.h"

static char dir[] = "/tmp/rpmsg-recorder-XXXXXX";
static char file[64], draft[80];

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.rec", dir);
	snprintf(draft, sizeof(draft), "%s.new", file);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(dir); /* nothing else may be there */
}

/* ---- what is written and what is read ---- */

static uint64_t random_state = 1;

static uint32_t random_u32(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33);
}

/* Message n: everything in it follows from n. */
static uint16_t message_len(uint32_t n)
{
	return (uint16_t)(n % 497);
}

static uint8_t message_byte(uint32_t n, unsigned i)
{
	return (uint8_t)(n * 31 + i);
}

static struct wire_hdr message(uint32_t n, uint8_t *data)
{
	struct wire_hdr hdr = { .src = n, .dst = ~n, .reserved = n * 3, .len = message_len(n),
				.flags = (uint16_t)(n * 5) };

	for (unsigned i = 0; i < hdr.len; i++)
		data[i] = message_byte(n, i);
	return hdr;
}

static void put(struct recorder *rec, int bus, uint32_t n)
{
	uint8_t data[512];
	struct wire_hdr hdr = message(n, data);

	recorder_put(rec, bus, n & 1 ? RPMSG_R2H : RPMSG_H2R, &hdr, data);
}

static void put_all(struct recorder *rec, uint32_t from, uint32_t to)
{
	int bus = recorder_add_bus(rec, "bus");

	for (uint32_t n = from; n < to; n++)
		put(rec, bus, n);
}

static bool message_right(const struct rpmsg_record *r)
{
	uint32_t n = r->src;

	if (r->dst != ~n || r->reserved != n * 3 || r->len != message_len(n) ||
	    r->flags != (uint16_t)(n * 5) || r->dir != (n & 1 ? RPMSG_R2H : RPMSG_H2R))
		return false;
	for (unsigned i = 0; i < r->len; i++)
		if (r->data[i] != message_byte(n, i))
			return false;
	return true;
}

static struct recorder *create(void)
{
	struct recorder *rec = recorder_create(file, RECORDER_SIZE_MIN);

	assert_non_null(rec);
	return rec;
}

static struct rpmsg_recording *open_file(bool history)
{
	struct rpmsg_recording *r = rpmsg_recording_open(file, history);

	if (!r)
		fail_msg("%s", rpmsg_error_detail());
	return r;
}

/* Reads on until nothing comes: how many, and why it ended. All are right and in order. */
static uint64_t read_all(struct rpmsg_recording *r, int *why)
{
	struct rpmsg_record record;
	uint64_t n = 0, next = 0, time_ns = 0;
	int result;

	while ((result = rpmsg_recording_read(r, &record)) == 1) {
		assert_true(message_right(&record));
		assert_int_equal(record.src, record.seq);
		assert_true(record.seq >= next);
		assert_true(record.time_ns >= time_ns);
		next = record.seq + 1;
		time_ns = record.time_ns;
		n++;
	}
	*why = result;
	return n;
}

static void every_field_comes_back(void **state)
{
	static const uint16_t lens[] = { 0, 1, 7, 8, 9, 15, 496, 65535 };
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	uint8_t data[65535 + 8];
	int bus[2] = { recorder_add_bus(rec, "first"), recorder_add_bus(rec, "second") };

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct wire_hdr hdr = { 0x400 + i, 0xfffffffe, 0x12345678, lens[i], 0xabcd };
		struct timespec now;
		struct rpmsg_record m;

		recorder_put(rec, bus[i & 1], i & 1 ? RPMSG_R2H : RPMSG_H2R, &hdr, data + i);
		clock_gettime(CLOCK_REALTIME, &now);
		assert_int_equal(rpmsg_recording_read(r, &m), 1);
		assert_int_equal(m.seq, i);
		assert_string_equal(m.bus, i & 1 ? "second" : "first");
		assert_int_equal(m.dir, i & 1 ? RPMSG_R2H : RPMSG_H2R);
		assert_int_equal(m.src, hdr.src);
		assert_int_equal(m.dst, hdr.dst);
		assert_int_equal(m.reserved, hdr.reserved);
		assert_int_equal(m.flags, hdr.flags);
		assert_int_equal(m.len, lens[i]);
		assert_memory_equal(m.data, data + i, m.len);
		assert_true(llabs((long long)(m.time_ns / 1000000000) - now.tv_sec) < 60);
		assert_int_equal(rpmsg_recording_read(r, &m), 0);
	}
	assert_int_equal(rpmsg_recording_end(r), 8);
	assert_int_equal(recorder_count(rec), 8);
	assert_int_equal(rpmsg_recording_lost(r), 0);
	rpmsg_recording_close(r);
	recorder_close(rec, true);
	assert_int_equal(access(file, F_OK), -1);
}

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

static void bus_names(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	struct wire_hdr hdr = { 0 };
	struct rpmsg_record m;
	char name[64];

	(void)state;
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "%d-a-name-that-is-longer-than-there-is-room", i);
		assert_int_equal(recorder_add_bus(rec, name), i);
	}
	assert_int_equal(recorder_add_bus(rec, name), 15);
	assert_int_equal(recorder_add_bus(rec, "another"), -ENOSPC);
	recorder_put(rec, 15, RPMSG_H2R, &hdr, NULL);
	r = open_file(true);
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	name[RPMSG_NAME_SIZE - 1] = '\0';
	assert_string_equal(m.bus, name);
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

/* Reads until the end: each writer's messages in its order, numbers without a gap that is not counted. */
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

/* ---- the file, its maker and its end ---- */

/* Runs fn in a child, which can only say by its exit status what it thinks. */
static pid_t child(int (*fn)(void))
{
	pid_t pid;

	fflush(NULL); /* one that ends with exit() would print it again */
	pid = fork();
	if (!pid)
		_exit(fn());
	assert_true(pid > 0);
	return pid;
}

static int child_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int create_errno(void)
{
	struct recorder *rec = recorder_create(file, RECORDER_SIZE_MIN);
	char mine[32];

	if (rec)
		return 0;
	snprintf(mine, sizeof(mine), "pid %d", (int)getppid());
	if (errno == EBUSY && !strstr(rpmsg_error_detail(), mine))
		return 255;
	return errno;
}

static void live_writer_is_not_replaced(void **state)
{
	struct recorder *rec = create();
	struct stat before, after;
	char mine[32];

	(void)state;
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	assert_null(recorder_create(file, 0));
	assert_int_equal(errno, EBUSY);
	snprintf(mine, sizeof(mine), "pid %d", (int)getpid());
	assert_non_null(strstr(rpmsg_error_detail(), mine));
	assert_int_equal(child_status(child(create_errno)), EBUSY);
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	recorder_close(rec, false);
	rec = create();
	assert_int_equal(stat(file, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	recorder_close(rec, false);
}

static int pipe_fd[2];

static int record_and_hang(void)
{
	struct recorder *rec = recorder_create(file, RECORDER_SIZE_MIN);

	if (!rec)
		return 1;
	put_all(rec, 0, 3000);
	if (write(pipe_fd[1], "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void killed_writer_is_salvaged_and_replaced(void **state)
{
	struct rpmsg_recording *r, *late;
	struct recorder *rec;
	uint64_t n;
	int why;
	pid_t pid;
	char x;

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	pid = child(record_and_hang);
	close(pipe_fd[1]);
	assert_int_equal(read(pipe_fd[0], &x, 1), 1);
	close(pipe_fd[0]);
	r = open_file(true);
	n = read_all(r, &why);
	assert_int_equal(why, 0);
	assert_null(recorder_create(file, 0));
	assert_int_equal(errno, EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(child_status(pid), 128 + SIGKILL);
	assert_int_equal(read_all(r, &why), 0);
	assert_int_equal(why, -EPIPE);
	assert_int_equal(n + rpmsg_recording_lost(r), 3000);
	late = open_file(true);
	assert_int_equal(read_all(late, &why), n);
	assert_int_equal(why, -EPIPE);
	rpmsg_recording_close(late);
	rec = create();
	assert_int_equal(read_all(r, &why), 0); /* the old file, as before */
	assert_int_equal(why, -EPIPE);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* Writers are killed in the middle of what they do: the rest must be whole. */
static int record_for_ever(void)
{
	struct recorder *rec = recorder_create(file, RECORDER_SIZE_MIN);
	uint32_t n = 0;
	int bus;

	if (!rec || write(pipe_fd[1], "x", 1) != 1)
		return 1;
	bus = recorder_add_bus(rec, "bus");
	for (;;)
		put(rec, bus, n++);
}

static void kill_at_any_moment_leaves_it_whole(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct timespec soon = { 0, (long)(random_u32() % 3000000) };
		struct rpmsg_recording *r;
		uint64_t n, end;
		pid_t pid;
		char x;
		int why;

		assert_int_equal(pipe(pipe_fd), 0);
		pid = child(record_for_ever);
		close(pipe_fd[1]);
		assert_int_equal(read(pipe_fd[0], &x, 1), 1);
		close(pipe_fd[0]);
		nanosleep(&soon, NULL); /* any length is right */
		kill(pid, SIGKILL);
		assert_int_equal(child_status(pid), 128 + SIGKILL);
		r = open_file(true);
		end = rpmsg_recording_end(r);
		n = read_all(r, &why);
		assert_int_equal(why, -EPIPE);
		assert_int_equal(n + rpmsg_recording_lost(r), end);
		rpmsg_recording_close(r);
	}
}

static int create_and_wait(void)
{
	struct recorder *rec;
	char x;

	if (read(pipe_fd[0], &x, 1) != 0) /* until all are there */
		return 3;
	rec = recorder_create(file, RECORDER_SIZE_MIN);
	if (!rec)
		return errno == EBUSY ? 1 : 2;
	for (int i = 0; i < 100; i++)
		put_all(rec, 0, 10); /* still alive when the others look */
	kill(getpid(), SIGSTOP);
	return 0;
}

static void one_of_many_makers_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		pid_t pid[6];
		int won = 0, status;

		assert_int_equal(pipe(pipe_fd), 0);
		for (int i = 0; i < 6; i++) {
			pid[i] = fork();
			assert_true(pid[i] >= 0);
			if (!pid[i]) {
				close(pipe_fd[1]);
				_exit(create_and_wait());
			}
		}
		close(pipe_fd[1]);
		close(pipe_fd[0]);
		for (int i = 0; i < 6; i++) {
			assert_int_equal(waitpid(pid[i], &status, WUNTRACED), pid[i]);
			won += WIFSTOPPED(status);
			assert_true(WIFSTOPPED(status) || WEXITSTATUS(status) == 1);
			if (!WIFSTOPPED(status))
				pid[i] = 0;
		}
		for (int i = 0; i < 6; i++)
			if (pid[i]) {
				kill(pid[i], SIGKILL);
				child_status(pid[i]);
			}
		assert_int_equal(won, 1);
		assert_int_equal(access(draft, F_OK), -1);
	}
}

static void other_files_are_left_alone(void **state)
{
	static const char text[] = "somebody's notes, much longer than nothing";
	char back[sizeof(text)] = "";
	struct recorder *rec;
	FILE *f;

	(void)state;
	f = fopen(file, "w");
	assert_non_null(f);
	fwrite(text, 1, sizeof(text), f);
	fclose(f);
	assert_null(recorder_create(file, 0));
	assert_int_equal(errno, EEXIST);
	assert_int_equal(access(draft, F_OK), -1);
	assert_null(rpmsg_recording_open(file, true));
	assert_int_equal(errno, EPROTO);
	assert_non_null(strstr(rpmsg_error_detail(), file));
	f = fopen(file, "r");
	assert_int_equal(fread(back, 1, sizeof(back), f), sizeof(text));
	fclose(f);
	assert_string_equal(back, text);
	assert_int_equal(truncate(file, 0), 0); /* as mktemp makes them */
	rec = create();
	recorder_close(rec, false);

	unlink(file);
	assert_int_equal(symlink("/dev/null", file), 0);
	assert_null(recorder_create(file, 0));
	assert_int_equal(errno, ELOOP);
	unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_null(recorder_create(file, 0));
	assert_int_equal(errno, EEXIST);
	assert_null(recorder_create("", 0));
	assert_int_equal(errno, EINVAL);
	assert_null(recorder_create("/nonexistent/x.rec", 0));
	assert_int_equal(errno, ENOENT);
	assert_null(recorder_create(file, SIZE_MAX));
	assert_int_equal(errno, EFBIG);
	assert_null(rpmsg_recording_open("/nonexistent/x.rec", true));
	assert_int_equal(errno, ENOENT);
}

static void draft_of_a_crash_is_used(void **state)
{
	struct recorder *rec;
	FILE *f;

	(void)state;
	f = fopen(draft, "w");
	assert_non_null(f);
	fputs("half", f);
	fclose(f);
	rec = create();
	assert_int_equal(access(draft, F_OK), -1);
	recorder_close(rec, true);
	assert_int_equal(mkdir(draft, 0700), 0);
	assert_null(recorder_create(file, 0));
	assert_int_equal(rmdir(draft), 0);
}

static int create_limited(void)
{
	struct rlimit limit = { RECORDER_SIZE_MIN / 2, RECORDER_SIZE_MIN / 2 };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	return create_errno();
}

static void no_room_is_told_at_once(void **state)
{
	struct recorder *rec;

	(void)state;
	assert_int_equal(child_status(child(create_limited)), EFBIG);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(access(draft, F_OK), -1);
	rec = create();
	put_all(rec, 0, 10);
	recorder_close(rec, false);
	assert_int_equal(child_status(child(create_limited)), EFBIG);
	assert_int_equal(access(file, F_OK), 0); /* the old one stays */
}

static void size_is_rounded_and_allocated(void **state)
{
	struct recorder *rec;
	struct stat st;

	(void)state;
	rec = recorder_create(file, RECORDER_SIZE_MIN + 1);
	assert_non_null(rec);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > (off_t)RECORDER_SIZE_MIN);
	assert_int_equal(st.st_size % sysconf(_SC_PAGESIZE), 0);
	assert_true(st.st_blocks * 512 >= st.st_size);
	put_all(rec, 0, 3000);
	recorder_close(rec, true);
	rec = recorder_create(file, 1);
	assert_non_null(rec);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, RECORDER_SIZE_MIN);
	recorder_close(rec, true);
	rec = recorder_create(file, 0);
	assert_non_null(rec);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, RECORDER_SIZE_DEFAULT);
	recorder_close(rec, true);
}

static void only_its_own_file_is_removed(void **state)
{
	struct recorder *rec = create();
	FILE *f;

	(void)state;
	unlink(file);
	f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	recorder_close(rec, true);
	assert_int_equal(access(file, F_OK), 0);
	recorder_close(NULL, true);
}

static void relative_path_survives_chdir(void **state)
{
	char *home = getcwd(NULL, 0);
	struct recorder *rec;

	(void)state;
	assert_int_equal(chdir(dir), 0);
	rec = recorder_create("a.rec", RECORDER_SIZE_MIN);
	assert_non_null(rec);
	assert_int_equal(chdir(home), 0);
	free(home);
	assert_int_equal(access(file, F_OK), 0);
	recorder_close(rec, true);
	assert_int_equal(access(file, F_OK), -1);
}

/* ---- RPMSG_RECORD ---- */

static int process_records(void)
{
	struct recorder *rec;
	int err = 1;

	rec = recorder_process(&err);
	if (!rec || err || recorder_process(&err) != rec)
		return 1;
	put_all(rec, 0, 100);
	if (!fork()) /* the end of a child is not the end of the recording */
		exit(0);
	wait(NULL);
	put_all(rec, 100, 200);
	exit(0);
}

static void process_record(void **state)
{
	struct rpmsg_recording *r;
	struct stat st;
	char value[128], name[128];
	pid_t pid;
	int why;

	(void)state;
	snprintf(value, sizeof(value), "%s/%%p-%%p.rec,300k", dir);
	setenv("RPMSG_RECORD", value, 1);
	pid = child(process_records);
	assert_int_equal(child_status(pid), 0);
	unsetenv("RPMSG_RECORD");
	snprintf(name, sizeof(name), "%s/%d-%d.rec", dir, (int)pid, (int)pid);
	assert_int_equal(rename(name, file), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, 300 << 10);
	r = open_file(true);
	assert_int_equal(read_all(r, &why), 200);
	assert_int_equal(why, -EPIPE);
	rpmsg_recording_close(r);
}

static void process_record_is_checked(void **state)
{
	static const char *const bad[] = { "/tmp/x,", "/tmp/x,1x", "/tmp/x,-1", "/tmp/x,1kk", "/tmp/x, 1",
					   "/tmp/x,99999999999999999999", "/tmp/x,17179869184G", ",1M" };
	int err = 1;

	(void)state;
	unsetenv("RPMSG_RECORD");
	assert_null(recorder_process(&err));
	assert_int_equal(err, 0);
	setenv("RPMSG_RECORD", "", 1);
	assert_null(recorder_process(&err));
	assert_int_equal(err, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		setenv("RPMSG_RECORD", bad[i], 1);
		assert_null(recorder_process(&err));
		assert_int_equal(err, -EINVAL);
	}
	setenv("RPMSG_RECORD", "/nonexistent/x", 1);
	assert_null(recorder_process(&err));
	assert_int_equal(err, -ENOENT);
	unsetenv("RPMSG_RECORD");
}

/* ---- files that are not what they should be ---- */

static uint8_t *map_file(size_t *size)
{
	int fd = open(file, O_RDWR);
	struct stat st;
	uint8_t *map;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	map = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

static void header_refused(size_t at, uint64_t value, const char *words)
{
	size_t size;
	uint8_t *map = map_file(&size);
	uint64_t good;

	memcpy(&good, map + at, 8);
	memcpy(map + at, &value, 8);
	assert_null(rpmsg_recording_open(file, true));
	assert_int_equal(errno, EPROTO);
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
	header_refused(offsetof(struct ring_header, magic), 7, "not a recording");
	header_refused(offsetof(struct ring_header, magic), __builtin_bswap64(RING_MAGIC), "byte order");
	header_refused(offsetof(struct ring_header, version), 9, "version 9");
	header_refused(offsetof(struct ring_header, size), UINT64_MAX, "says");
	header_refused(offsetof(struct ring_header, size), 0, "says");
	header_refused(offsetof(struct ring_header, tail), UINT64_MAX, "oldest");
	rpmsg_recording_close(open_file(true));
	assert_int_equal(truncate(file, RECORDER_SIZE_MIN - 4096), 0);
	assert_null(rpmsg_recording_open(file, true));
	assert_int_equal(errno, EPROTO);
	assert_null(rpmsg_recording_open(dir, true));
	assert_int_equal(errno, EPROTO);
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
		assert_int_equal(errno, EPROTO);
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

static void every_length_in_the_ring_is_checked(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	struct rpmsg_record m;
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
		r = open_file(true);
		assert_int_equal(rpmsg_recording_read(r, &m), length == RING_RECORD_SIZE(0) ? 1 : -EPROTO);
		rpmsg_recording_close(r);
	}
	munmap(map, size);
}

static void writer_survives_scribbling(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;
	uint8_t *map;
	size_t size;
	uint64_t n;
	int why;

	(void)state;
	put_all(rec, 0, 3000);
	map = map_file(&size);
	for (size_t at = RING_HEADER_SIZE; at < size; at++)
		map[at] = (uint8_t)random_u32();
	put_all(rec, 3000, 9000);
	r = open_file(true);
	n = read_all(r, &why);
	assert_int_equal(why, 0);
	assert_true(n > 100);
	assert_int_equal(n + rpmsg_recording_lost(r), 9000);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
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
	assert_int_equal(errno, EPROTO);
	assert_false(fd_open(fd) || fd_open(wake[0]));
	close(wake[1]);
	recorder_close(rec, false);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(end_is_seen),
		TEST(starts_at_the_next),
		TEST(wrapping_loses_the_oldest_alone),
		TEST(overtaken_reader_counts),
		TEST(largest_messages_wrap),
		TEST(bus_names),
		TEST(writers_and_readers_at_once),
		TEST(live_writer_is_not_replaced),
		TEST(killed_writer_is_salvaged_and_replaced),
		TEST(kill_at_any_moment_leaves_it_whole),
		TEST(one_of_many_makers_wins),
		TEST(other_files_are_left_alone),
		TEST(draft_of_a_crash_is_used),
		TEST(no_room_is_told_at_once),
		TEST(size_is_rounded_and_allocated),
		TEST(only_its_own_file_is_removed),
		TEST(relative_path_survives_chdir),
		TEST(process_record),
		cmocka_unit_test(process_record_is_checked),
		TEST(header_is_checked),
		TEST(damaged_files_do_no_harm),
		TEST(every_length_in_the_ring_is_checked),
		TEST(writer_survives_scribbling),
		TEST(fds_are_taken),
	};

	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
