/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "recording_file.h"

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

static void put_event(struct recorder *rec, int bus, const char *text)
{
	const struct rpmsg_record e = {
		.type = RPMSG_RECORD_MALFORMED, .dir = RPMSG_R2H, .src = 0x35, .dst = RPMSG_ADDR_ANY,
		.value = 7, .count = UINT64_MAX, .duration_ns = 1, .text = text,
	};

	recorder_put_event(rec, bus, &e);
}

static void events_come_in_order_if_wanted(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *all = open_file(true), *messages = open_file(true);
	int bus = recorder_add_bus(rec, "bus");
	struct rpmsg_record m;
	int why;

	(void)state;
	rpmsg_recording_set_events(all, true);
	for (uint32_t n = 0; n < 3; n++) {
		put_event(rec, bus, "used id 300 is not below 256");
		put(rec, bus, n);
	}
	put_event(rec, bus, NULL);
	assert_int_equal(recorder_count(rec), 7);
	for (uint32_t n = 0; n < 7; n++) {
		assert_int_equal(rpmsg_recording_read(all, &m), 1);
		assert_int_equal(m.seq, n / 2);
		assert_string_equal(m.bus, "bus");
		if (n % 2) {
			assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
			assert_true(message_right(&m));
			continue;
		}
		assert_int_equal(m.type, RPMSG_RECORD_MALFORMED);
		assert_int_equal(m.dir, RPMSG_R2H);
		assert_int_equal(m.src, 0x35);
		assert_int_equal(m.dst, RPMSG_ADDR_ANY);
		assert_int_equal(m.value, 7);
		assert_true(m.count == UINT64_MAX);
		assert_int_equal(m.duration_ns, 1);
		assert_int_equal(m.len, 0);
		assert_string_equal(m.text, n < 6 ? "used id 300 is not below 256" : "");
	}
	assert_int_equal(rpmsg_recording_read(all, &m), 0);
	assert_int_equal(read_all(messages, &why), 3);
	assert_int_equal(rpmsg_recording_end(all), 3);
	rpmsg_recording_close(all);
	rpmsg_recording_close(messages);
	recorder_close(rec, false);
}

static void text_of_an_event_is_printable_and_bounded(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	int bus = recorder_add_bus(rec, "bus");
	struct rpmsg_record m;
	char text[300];

	(void)state;
	rpmsg_recording_set_events(r, true);
	put_event(rec, bus, "a\nb\x1b[2J\xff");
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_string_equal(m.text, "a.b.[2J.");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	put_event(rec, bus, text);
	assert_int_equal(rpmsg_recording_read(r, &m), 1);
	assert_int_equal(strlen(m.text), 255);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

static void loss_counts_messages_among_events(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true), *only = open_file(true);
	int bus = recorder_add_bus(rec, "bus");
	struct rpmsg_record m;
	uint64_t n = 0, events = 0;
	int why;

	(void)state;
	rpmsg_recording_set_events(r, true);
	for (uint32_t i = 0; i < 6000; i++) {
		put(rec, bus, i);
		if (i % 3 == 0)
			put_event(rec, bus, "x");
	}
	while (rpmsg_recording_read(r, &m) == 1) {
		if (m.type == RPMSG_RECORD_MESSAGE)
			n++;
		else
			events++;
	}
	assert_true(events > 100);
	assert_int_equal(n + rpmsg_recording_lost(r), 6000);
	assert_int_equal(read_all(only, &why), n);
	assert_int_equal(rpmsg_recording_lost(only), rpmsg_recording_lost(r));
	rpmsg_recording_close(r);
	rpmsg_recording_close(only);
	recorder_close(rec, false);
}

static void limit_ends_a_reader(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r = open_file(true);
	uint64_t n;
	int why;

	(void)state;
	rpmsg_recording_set_limit(r, true);
	put_all(rec, 0, 1);
	assert_int_equal(read_all(r, &why), 0);
	assert_int_equal(why, -EPIPE);
	rpmsg_recording_set_limit(r, true);
	put_all(rec, 1, 5000);
	assert_int_equal(read_all(r, &why), 0); /* overwritten: nothing below the limit is left */
	assert_int_equal(why, -EPIPE);
	assert_int_equal(rpmsg_recording_lost(r), 1);
	rpmsg_recording_set_limit(r, false);
	n = read_all(r, &why);
	assert_true(n > 700);
	assert_int_equal(why, 0);
	assert_int_equal(n + rpmsg_recording_lost(r), 5000);
	put_event(rec, 0, "the newest is an event");
	rpmsg_recording_set_limit(r, true);
	put_all(rec, 5000, 5001);
	assert_int_equal(read_all(r, &why), 0);
	rpmsg_recording_set_limit(r, false);
	assert_int_equal(read_all(r, &why), 1);
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
	name[RPMSG_BUS_NAME_SIZE - 1] = '\0';
	assert_string_equal(m.bus, name);
	rpmsg_recording_close(r);
	recorder_close(rec, false);
}

/* ---- the file, its maker and its end ---- */

/* Runs fn in a child, which can only say by its exit status what it thinks. */
static pid_t child(int (*fn)(void))
{
	pid_t pid;

	fflush(NULL); /* one that ends with exit() would print it again */
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed case leaves nobody behind */
		_exit(fn());
	}
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

	close(pipe_fd[1]);
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
		for (int i = 0; i < 6; i++)
			pid[i] = child(create_and_wait);
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
	assert_int_equal(errno, EMEDIUMTYPE);
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

/* Whatever the ring is filled with, the writer goes on, and what it writes can be read. */
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
	for (uint32_t round = 0; round < 50; round++) {
		for (size_t at = RING_HEADER_SIZE; at < size; at += 4) {
			uint32_t word = round < 25 ? round * 8 : random_u32();

			memcpy(map + at, &word, 4);
		}
		put_all(rec, (round + 1) * 3000, (round + 2) * 3000);
		r = open_file(true);
		n = read_all(r, &why);
		assert_int_equal(why, 0);
		assert_true(n > 100);
		assert_int_equal(n + rpmsg_recording_lost(r), (round + 2) * 3000);
		rpmsg_recording_close(r);
	}
	recorder_close(rec, false);
	munmap(map, size);
}

/* ---- RPMSG_RECORD ---- */

static int process_records(void)
{
	struct rpmsg_recording *r;
	struct recorder *rec;
	int why, err = 1;

	rec = recorder_process(&err);
	if (!rec || err || recorder_process(&err) != rec)
		return 1;
	put_all(rec, 0, 100);
	if (!fork()) /* the end of a child is not the end of the recording */
		exit(0);
	wait(NULL);
	snprintf(file, sizeof(file), "%s/%d-%d.rec", dir, (int)getpid(), (int)getpid());
	r = rpmsg_recording_open(file, true);
	if (!r || read_all(r, &why) != 100 || why)
		return 2;
	rpmsg_recording_close(r);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(events_come_in_order_if_wanted),
		TEST(text_of_an_event_is_printable_and_bounded),
		TEST(loss_counts_messages_among_events),
		TEST(limit_ends_a_reader),
		TEST(bus_names),
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
		TEST(writer_survives_scribbling),
		TEST(process_record),
		TEST(process_record_is_checked),
	};

	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
