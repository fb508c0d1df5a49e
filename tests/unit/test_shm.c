/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "link_ends.h"
#include "link/shm.h"

#include <cmocka.h> /* last: it takes the name fail */

#define FEATURES (RPMSG_F_NS | RPMSG_F_VERSION_1 | RPMSG_F_EVENT_IDX)
#define ROUNDS 200

static struct log_text text;
static struct rpmsg_log logger = { log_keep, &text };
static const struct link_options options = { .num = 16, .buffer_size = 64, .features = FEATURES };

static struct link *open_side(enum rpmsg_side side)
{
	struct link *link = link_shm_open("x", side, &options, &logger);

	assert_non_null(link);
	return link;
}

static void close_link(struct link *link)
{
	link->ops->close(link);
}

/* ---- a side in another process ---- */

struct child {
	pid_t pid;
	int up; /* reads its generation at each LINK_UP, 0 when it is open */
};

/* What the host puts into its first receive buffer and where, for the remote to find. */
static void host_leaves_note(struct link *link)
{
	if (link->side != RPMSG_SIDE_HOST)
		return;
	memcpy(link->buffers[0], "note", 5);
	link->ring[0].desc[0].addr = link->buffers_addr[0];
	link->ops->notify(link, 0);
}

static void child_tell(int fd, uint32_t what)
{
	if (write(fd, &what, sizeof(what)) != sizeof(what))
		_exit(1);
}

static void child_serve(enum rpmsg_side side, int fd)
{
	struct link *link = link_shm_open("x", side, &options, &logger);

	if (!link)
		_exit(2);
	child_tell(fd, 0);
	for (;;) {
		readable(link->control_fd, -1);
		if (link->ops->control(link) != LINK_UP)
			continue;
		host_leaves_note(link);
		child_tell(fd, link->generation);
	}
}

static void child_start(struct child *child, enum rpmsg_side side)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0) {
		close(fd[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		child_serve(side, fd[1]);
	}
	close(fd[1]);
	child->up = fd[0];
}

static uint32_t child_said(struct child *child)
{
	uint32_t what;

	assert_true(readable(child->up, PATIENCE_MS));
	assert_int_equal(read(child->up, &what, sizeof(what)), sizeof(what));
	return what;
}

static void child_kill(struct child *child)
{
	int status;

	assert_int_equal(kill(child->pid, SIGKILL), 0);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFSIGNALED(status));
	close(child->up);
}

/* ---- meeting ---- */

static void host_first(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST), *remote;

	(void)state;
	assert_false(readable(host->control_fd, 50));
	remote = open_side(RPMSG_SIDE_REMOTE);
	assert_true(await_both_up(host, remote));
	assert_int_equal(host->generation, 1);
	assert_int_equal(remote->generation, 1);
	assert_true(host->features == FEATURES && remote->features == FEATURES);
	assert_null(host->loop);
	close_link(remote);
	close_link(host);
}

static void remote_first(void **state)
{
	struct link *remote = open_side(RPMSG_SIDE_REMOTE), *host;

	(void)state;
	assert_false(readable(remote->control_fd, 50));
	assert_int_equal(remote->ops->control(remote), LINK_SAME);
	host = open_side(RPMSG_SIDE_HOST);
	assert_true(await_both_up(host, remote));
	close_link(host);
	assert_true(await_change(remote, NULL, LINK_DOWN));
	assert_true(readable(remote->control_fd, PATIENCE_MS));
	assert_int_equal(remote->ops->control(remote), LINK_SAME);
	assert_false(readable(remote->control_fd, 50));
	host = open_side(RPMSG_SIDE_HOST);
	assert_true(await_both_up(host, remote));
	close_link(host);
	close_link(remote);
}

static void geometry_is_the_hosts(void **state)
{
	struct link_options mine = { .num = 256, .buffer_size = 512,
				   .features = RPMSG_F_NS | RPMSG_F_INDIRECT };
	struct link *remote, *host = open_side(RPMSG_SIDE_HOST);

	(void)state;
	remote = link_shm_open("x", RPMSG_SIDE_REMOTE, &mine, &logger);
	assert_non_null(remote);
	assert_true(await_both_up(host, remote));
	assert_int_equal(remote->num, 16);
	assert_int_equal(remote->buffer_size, 64);
	assert_true(host->features == RPMSG_F_NS && remote->features == RPMSG_F_NS);
	close_link(host);
	close_link(remote);
}

static void reset_brings_a_new_generation(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST), *remote = open_side(RPMSG_SIDE_REMOTE);
	struct link_mem *old;
	uint32_t gen;

	(void)state;
	assert_true(await_both_up(host, remote));
	for (gen = 2; gen < 5; gen++) {
		struct link *one = gen % 2 ? host : remote, *two = gen % 2 ? remote : host;

		old = host->mem;
		link_mem_get(old);
		memset(host->buffers[0], 0x55, 64);
		one->ops->reset(one);
		assert_int_equal(one->ops->control(one), LINK_DOWN);
		assert_int_equal(two->ops->control(two), LINK_DOWN);
		assert_true(await_both_up(host, remote));
		assert_int_equal(host->generation, gen);
		assert_int_equal(remote->generation, gen);
		assert_ptr_not_equal(host->mem->base, old->base);
		assert_int_equal(host->buffers[0][0], 0);
		link_mem_put(old);
	}
	assert_int_equal(text.lines, 0);
	close_link(host);
	close_link(remote);
}

static void names_are_apart(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST), *remote;

	(void)state;
	remote = link_shm_open("x.y", RPMSG_SIDE_REMOTE, &options, &logger);
	assert_non_null(remote);
	assert_false(readable(remote->control_fd, 50));
	assert_false(readable(host->control_fd, 0));
	close_link(host);
	close_link(remote);
}

static void bad_arguments(void **state)
{
	static const char *const names[] = { "", "a/b", ".x", NULL };
	struct link_options bad = { .num = 100, .buffer_size = 512 };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_null(link_shm_open(names[i], RPMSG_SIDE_HOST, &options, &logger));
		assert_int_equal(errno, EINVAL);
		assert_non_null(strstr(rpmsg_error_detail(), "not a valid name"));
	}
	assert_null(link_shm_open("x", RPMSG_SIDE_DEFAULT, &options, &logger));
	assert_int_equal(errno, EINVAL);
	assert_null(link_shm_open("x", RPMSG_SIDE_HOST, &bad, &logger));
	assert_int_equal(errno, EINVAL);
}

static void long_directory_is_told(void **state)
{
	char dir[256], *old = strdup(getenv("RPMSG_DIR"));

	(void)state;
	snprintf(dir, sizeof(dir), "%s/%080d", old, 7);
	setenv("RPMSG_DIR", dir, 1);
	assert_null(link_shm_open("x", RPMSG_SIDE_HOST, &options, &logger));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_non_null(strstr(rpmsg_error_detail(), dir));
	rmdir(dir);
	setenv("RPMSG_DIR", old, 1);
	free(old);
}

/* ---- who holds a side ---- */

static void check_holder(enum rpmsg_side side, const char *word)
{
	char want[128];
	struct child child;

	child_start(&child, side);
	assert_int_equal(child_said(&child), 0);
	assert_null(link_shm_open("x", side, &options, &logger));
	assert_int_equal(errno, EBUSY);
	snprintf(want, sizeof(want), "side %s of shm:x is held by pid %ld (test_shm)", word,
		 (long)child.pid);
	assert_string_equal(rpmsg_error_detail(), want);
	child_kill(&child);
	close_link(open_side(side));
}

static void second_holder_is_refused(void **state)
{
	(void)state;
	check_holder(RPMSG_SIDE_HOST, "host");
	check_holder(RPMSG_SIDE_REMOTE, "remote");
}

static void files_are_private_and_go(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST), *remote = open_side(RPMSG_SIDE_REMOTE);
	static const char *const files[] = { "shm-x.sock", "shm-x.host.lock", "shm-x.remote.lock" };
	char path[256];
	struct stat st;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		dir_path(path, sizeof(path), files[i]);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_false(dir_has("shm-x.sock.new"));
	close_link(host);
	assert_false(dir_has("shm-x.sock") || dir_has("shm-x.host.lock"));
	assert_true(dir_has("shm-x.remote.lock"));
	close_link(remote);
}

static void take_and_drop(const char *lock, const char *witness)
{
	int fd, n = 0;

	while (n < 500) {
		fd = shm_lock_take(lock, "it");
		if (fd == -EBUSY) {
			sched_yield();
			continue;
		}
		if (fd < 0)
			_exit(1);
		if (mkdir(witness, 0700) || rmdir(witness))
			_exit(2);
		shm_lock_drop(fd, lock);
		n++;
	}
	_exit(0);
}

static void locks_exclude(void **state)
{
	char lock[256], witness[256];
	pid_t pid[4];
	int i, status;

	(void)state;
	dir_path(lock, sizeof(lock), "lock");
	dir_path(witness, sizeof(witness), "witness");
	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			alarm(60);
			take_and_drop(lock, witness);
		}
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	rmdir(witness);
}

/* ---- two processes ---- */

static void memory_and_notifications_cross(void **state)
{
	struct link *remote = open_side(RPMSG_SIDE_REMOTE);
	struct child host;
	char *note;

	(void)state;
	child_start(&host, RPMSG_SIDE_HOST);
	assert_true(await_change(remote, NULL, LINK_UP));
	assert_true(readable(remote->event_fd[0], PATIENCE_MS));
	assert_false(readable(remote->event_fd[1], 0));
	note = vring_translate(&remote->regions, remote->ring[0].desc[0].addr, 64);
	assert_non_null(note);
	assert_string_equal(note, "note");
	child_kill(&host);
	assert_true(await_change(remote, NULL, LINK_DOWN));
	close_link(remote);
	close_link(open_side(RPMSG_SIDE_HOST));
}

static void remote_is_killed_often(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST);
	struct child remote;
	unsigned fds = count_fds(), files = 0;
	uint32_t gen;

	(void)state;
	for (gen = 1; gen <= ROUNDS; gen++) {
		child_start(&remote, RPMSG_SIDE_REMOTE);
		assert_true(await_change(host, NULL, LINK_UP));
		assert_int_equal(host->generation, gen);
		child_kill(&remote);
		assert_true(await_change(host, NULL, LINK_DOWN));
		assert_int_equal(host->ops->control(host), LINK_SAME);
		if (gen == 1)
			files = count_entries(getenv("RPMSG_DIR"));
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_entries(getenv("RPMSG_DIR")), files);
	close_link(host);
	close_link(open_side(RPMSG_SIDE_REMOTE));
}

static void host_is_killed_often(void **state)
{
	struct link *remote = open_side(RPMSG_SIDE_REMOTE);
	struct child host;
	unsigned fds = count_fds(), files = 0;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		child_start(&host, RPMSG_SIDE_HOST);
		assert_true(await_change(remote, NULL, LINK_UP));
		child_kill(&host);
		assert_true(await_change(remote, NULL, LINK_DOWN));
		if (i == 0)
			files = count_entries(getenv("RPMSG_DIR"));
	}
	while (readable(remote->control_fd, 300))
		assert_int_equal(remote->ops->control(remote), LINK_SAME);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_entries(getenv("RPMSG_DIR")), files);
	close_link(remote);
	close_link(open_side(RPMSG_SIDE_HOST));
}

/* The next remote comes before the host has seen the end of the one before. */
static void successor_is_early(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST);
	struct child one, two;

	(void)state;
	child_start(&one, RPMSG_SIDE_REMOTE);
	assert_true(await_change(host, NULL, LINK_UP));
	child_kill(&one);
	child_start(&two, RPMSG_SIDE_REMOTE);
	assert_int_equal(child_said(&two), 0);
	assert_true(await_change(host, NULL, LINK_DOWN));
	assert_true(await_change(host, NULL, LINK_UP));
	assert_int_equal(child_said(&two), 2);
	child_kill(&two);
	close_link(host);
	close_link(open_side(RPMSG_SIDE_REMOTE));
}

static void reconnecting_leaks_nothing(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST), *remote;
	unsigned fds = count_fds(), maps = count_entries("/proc/self/map_files"), i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		remote = open_side(RPMSG_SIDE_REMOTE);
		assert_true(await_both_up(host, remote));
		close_link(remote);
		assert_int_equal(host->ops->control(host), LINK_DOWN);
		assert_int_equal(host->ops->control(host), LINK_SAME);
	}
	assert_int_equal(host->generation, ROUNDS);
	assert_int_equal(count_fds(), fds);
	assert_in_range(count_entries("/proc/self/map_files"), 0, maps + 20);
	close_link(host);
}

/* ---- no fds left: later, not never, and no spinning ---- */

static void host_survives_lack_of_fds(void **state)
{
	struct link *host = open_side(RPMSG_SIDE_HOST);
	struct rlimit was, low;
	struct child remote;
	unsigned calls = 0;
	int64_t end;

	(void)state;
	child_start(&remote, RPMSG_SIDE_REMOTE);
	assert_int_equal(child_said(&remote), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	low = was;
	low.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (end = test_ms() + 500; test_ms() < end; calls++)
		if (readable(host->control_fd, 100))
			assert_int_equal(host->ops->control(host), LINK_SAME);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_in_range(calls, 1, 10);
	assert_non_null(strstr(text.text, "cannot take a connection"));
	assert_true(await_change(host, NULL, LINK_UP));
	child_kill(&remote);
	close_link(host);
	close_link(open_side(RPMSG_SIDE_REMOTE));
}

static int set_up(void **state)
{
	text = (struct log_text){ .lines = 0 };
	return dir_set_up(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, dir_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(host_first),
		TEST(remote_first),
		TEST(geometry_is_the_hosts),
		TEST(reset_brings_a_new_generation),
		TEST(names_are_apart),
		TEST(bad_arguments),
		TEST(long_directory_is_told),
		TEST(second_holder_is_refused),
		TEST(files_are_private_and_go),
		TEST(locks_exclude),
		TEST(memory_and_notifications_cross),
		TEST(remote_is_killed_often),
		TEST(host_is_killed_often),
		TEST(successor_is_early),
		TEST(reconnecting_leaks_nothing),
		TEST(host_survives_lack_of_fds),
	};

	return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
