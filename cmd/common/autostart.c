/* SPDX-License-Identifier: BSD-2-Clause */
#include "autostart.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "number.h"
#include "run.h"

#define READY_NS INT64_C(10000000000)
#define END_NS INT64_C(1000000000)
#define READY_FD 3

extern char **environ;

/*
 * The lock is on a file of its own in the directory where buses are served; its
 * name can be no bus's. It stays: removing it would let two in.
 */
static int take_lock(void)
{
	char path[PATH_MAX];
	size_t len;
	int fd, err = rpmsg_dir_serve(path, sizeof(path));

	if (err) {
		tool_error("cannot start a software bus: %s", rpmsg_error_detail());
		return err;
	}
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "/.start.lock");
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd;
	err = -errno;
	if (err != -EINTR)
		tool_error("cannot start a software bus: %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

/* Nothing of ours but /dev/null on 0 to 2 and the pipe's end on READY_FD. */
static int plan_files(posix_spawn_file_actions_t *files, int ready)
{
	int err = 0;

	/* The pipe first: the number it has may be 0 to 2 if those were closed. */
	err = posix_spawn_file_actions_adddup2(files, ready, READY_FD);
	for (int fd = 0; !err && fd <= 2; fd++)
		err = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(files, READY_FD + 1);
	if (!err)
		err = posix_spawn_file_actions_addchdir_np(files, "/");
	return err;
}

static int plan_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						     POSIX_SPAWN_SETSIGDEF);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	return err ? err : posix_spawnattr_setsigdefault(attr, &all);
}

/* 0 and *pid, or an errno. */
static int spawn(const char *path, const char *name, int ready, pid_t *pid)
{
	char program[] = "rpmsgd", idle[] = "--idle-exit=5", fd[] = "--ready-fd=3";
	char bus[RPMSG_NAME_SIZE + 8];
	char *const argv[] = { program, idle, fd, bus, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int err;

	snprintf(bus, sizeof(bus), "%s=loop", name);
	err = posix_spawn_file_actions_init(&files);
	if (err)
		return err;
	err = posix_spawnattr_init(&attr);
	if (err)
		goto out_files;
	err = plan_files(&files, ready);
	if (!err)
		err = plan_signals(&attr);
	if (!err)
		err = posix_spawnp(pid, path, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
out_files:
	posix_spawn_file_actions_destroy(&files);
	return err;
}

/* Waits for the daemon's word. False if it ended, or is silent for too long. */
static bool await_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;

	return run_wait(&pfd, 1, run_deadline(READY_NS)) > 0 && read(fd, &byte, 1) == 1;
}

/* One that closed the pipe is about to end. */
static void await_end(pid_t pid)
{
	struct pollfd pfd = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	if (pfd.fd < 0)
		return;
	run_wait(&pfd, 1, run_deadline(END_NS));
	close(pfd.fd);
}

static void tell_failure(const char *path, const char *name, pid_t pid)
{
	int status;

	await_end(pid);
	if (run_stopped())
		return;
	if (waitpid(pid, &status, WNOHANG) == pid && WIFEXITED(status))
		tool_error("%s did not start (exit status %d): try '%s %s=loop' to see why", path,
			   WEXITSTATUS(status), path, name);
	else
		tool_error("%s (pid %d) does not get ready", path, (int)pid);
}

static int start(const char *name)
{
	char path[PATH_MAX];
	int ready[2], err;
	pid_t pid;
	bool ok;

	if (pipe2(ready, O_CLOEXEC)) {
		tool_error("cannot start a software bus: %s", strerror(errno));
		return -errno;
	}
	beside_find("rpmsgd", path, sizeof(path));
	err = spawn(path, name, ready[1], &pid);
	close(ready[1]);
	ok = !err && await_ready(ready[0]);
	close(ready[0]);
	if (err)
		tool_error("cannot start %s: %s", path, strerror(err));
	else if (!ok)
		tell_failure(path, name, pid);
	return err ? -err : ok ? 0 : -EIO;
}

struct rpmsg_bus *autostart_loop(const char *name, const struct rpmsg_bus_options *options,
				 bool *started)
{
	struct rpmsg_bus *bus = NULL;
	int lock = take_lock();

	*started = false;
	if (lock < 0)
		return NULL;
	bus = rpmsg_bus_open(name, options);
	if (!bus && errno == ENOENT) {
		if (start(name))
			goto out;
		*started = true;
		bus = rpmsg_bus_open(name, options);
	}
	if (!bus)
		tool_error("%s", rpmsg_error_detail());
out:
	close(lock);
	return bus;
}
