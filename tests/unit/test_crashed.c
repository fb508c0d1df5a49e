/* SPDX-License-Identifier: BSD-2-Clause */
/* The recording of a process that died is kept, once, and nothing else is taken for one. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "recording_file.h"

/* A process that records messages from to to, and is killed with so many buses open. Its pid. */
static pid_t crash_with(uint32_t from, uint32_t to, unsigned open)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct recorder *rec;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rec = recorder_create(file, RECORDER_SIZE_MIN);
		if (rec) {
			int bus = recorder_add_bus(rec, "bus");
			const struct rpmsg_record up = { .type = RPMSG_RECORD_UP };

			recorder_put_event(rec, bus, &up);
			for (uint32_t n = from; n < to; n++)
				put(rec, bus, n);
			for (unsigned n = 1; n < open; n++)
				recorder_add_bus(rec, "bus");
			if (!open)
				recorder_remove_bus(rec);
			kill(getpid(), SIGKILL);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return pid;
}

static pid_t crash(uint32_t from, uint32_t to)
{
	return crash_with(from, to, 1);
}

static void assert_kept(uint32_t messages, int pid)
{
	struct rpmsg_recording *r = rpmsg_recording_open(kept, true);
	int why;

	assert_non_null(r);
	assert_int_equal(rpmsg_recording_crashed(r), pid);
	assert_int_equal(rpmsg_recording_end(r), messages);
	assert_int_equal(read_all(r, &why), messages);
	assert_int_equal(why, -EPIPE);
	rpmsg_recording_close(r);
}

static void crashed_is_kept_until_the_next_crash(void **state)
{
	struct recorder *rec;
	char note[160];
	pid_t pid;

	(void)state;
	pid = crash(0, 100);
	assert_int_equal(access(kept, F_OK), -1);
	rec = create();
	assert_kept(100, pid);
	snprintf(note, sizeof(note), "the recording of pid %d, which died, is kept in %s", (int)pid,
		 kept);
	assert_string_equal(recorder_note(rec), note);
	put_all(rec, 0, 10);
	recorder_close(rec, false);

	rec = create(); /* the one before has ended */
	assert_null(recorder_note(rec));
	recorder_close(rec, true);
	assert_kept(100, pid);

	crash(0, 0); /* a crash with nothing to tell */
	pid = crash(0, 50);
	rec = create();
	recorder_close(rec, true);
	assert_kept(50, pid);
}

static void crash_without_messages_replaces_none(void **state)
{
	struct recorder *rec;
	pid_t pid;

	(void)state;
	pid = crash(0, 100);
	for (int i = 0; i < 3; i++)
		crash(0, 0);
	rec = create();
	assert_null(recorder_note(rec));
	recorder_close(rec, true);
	assert_kept(100, pid);
}

static void all_closed_is_not_crashed(void **state)
{
	struct rpmsg_recording *r;
	pid_t pid;

	(void)state;
	crash_with(0, 100, 0);
	r = open_file(true);
	assert_int_equal(rpmsg_recording_crashed(r), 0);
	rpmsg_recording_close(r);
	pid = crash_with(0, 10, 2);
	assert_int_equal(access(kept, F_OK), -1);
	recorder_close(create(), true);
	assert_kept(10, pid);
}

static void live_and_ended_are_not_crashed(void **state)
{
	struct recorder *rec = create();
	struct rpmsg_recording *r;

	(void)state;
	put_all(rec, 0, 10);
	r = open_file(true);
	assert_int_equal(rpmsg_recording_crashed(r), 0);
	recorder_close(rec, false);
	assert_int_equal(rpmsg_recording_crashed(r), 0);
	rpmsg_recording_close(r);
}

static void what_is_in_the_way_stays(void **state)
{
	struct recorder *rec;
	struct stat st;
	FILE *f;

	(void)state;
	f = fopen(kept, "w");
	assert_non_null(f);
	fputs("somebody's notes", f);
	fclose(f);
	crash(0, 100);
	rec = create();
	assert_non_null(strstr(recorder_note(rec), "cannot be kept in"));
	assert_non_null(strstr(recorder_note(rec), strerror(EEXIST)));
	recorder_close(rec, true);
	assert_int_equal(stat(kept, &st), 0);
	assert_int_equal(st.st_size, 16);

	unlink(kept);
	assert_int_equal(symlink("/dev/null", kept), 0);
	crash(0, 100);
	rec = create();
	assert_non_null(strstr(recorder_note(rec), "cannot be kept in"));
	recorder_close(rec, true);
	assert_int_equal(lstat(kept, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void damaged_is_not_kept(void **state)
{
	struct recorder *rec;
	uint8_t *map;
	size_t size;

	(void)state;
	crash(0, 100);
	map = map_file(&size);
	memset(map + RING_HEADER_SIZE, 0xff, size - RING_HEADER_SIZE);
	munmap(map, size);
	rec = create();
	assert_null(recorder_note(rec));
	recorder_close(rec, true);
	assert_int_equal(access(kept, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(crashed_is_kept_until_the_next_crash),
		TEST(crash_without_messages_replaces_none),
		TEST(all_closed_is_not_crashed),
		TEST(live_and_ended_are_not_crashed),
		TEST(what_is_in_the_way_stays),
		TEST(damaged_is_not_kept),
	};

	return cmocka_run_group_tests_name("crashed", tests, NULL, NULL);
}
