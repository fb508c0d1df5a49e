/* SPDX-License-Identifier: BSD-2-Clause */
/* Which buses are served, and ending one: all that is asked is the lock files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "rpmsgd.h"

#define STOP_MS 20000

struct lock_file {
	int fd;
	pid_t pid;
	char link[420];
};

/* Opens DIR/NAME.lock if somebody holds it; false if not. */
static bool open_held(const char *dir, const char *name, struct lock_file *f)
{
	char path[PATH_MAX + 40];

	snprintf(path, sizeof(path), "%s/%s.lock", dir, name);
	f->link[0] = '\0';
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (f->fd < 0)
		return false;
	f->pid = place_holder(f->fd, f->link, sizeof(f->link));
	if (f->pid > 0)
		return true;
	close(f->fd);
	return false;
}

/* ---- --list ---- */

static int is_lock(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && !strcmp(d->d_name + len - 5, ".lock");
}

static void list_one(const char *dir, char *file)
{
	struct lock_file f;

	file[strlen(file) - 5] = '\0';
	if (!rpmsg_bus_name_valid(file) || !open_held(dir, file, &f))
		return;
	printf("%-16s %7d  %-24s %s/%s.sock\n", file, (int)f.pid, f.link, dir, file);
	close(f.fd);
}

enum tool_exit list_buses(void)
{
	char dir[PATH_MAX];

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++) {
		struct dirent **found;
		int n = scandir(dir, &found, is_lock, versionsort);

		for (int j = 0; j < n; j++) {
			list_one(dir, found[j]->d_name);
			free(found[j]);
		}
		if (n >= 0)
			free(found);
	}
	return fflush(stdout) ? TOOL_FAIL : TOOL_OK;
}

/* ---- --stop ---- */

static bool find_bus(const char *name, struct lock_file *f)
{
	char dir[PATH_MAX];

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++)
		if (open_held(dir, name, f))
			return true;
	return false;
}

static enum tool_exit await_end(int pidfd, const char *name, pid_t pid)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (poll(&p, 1, STOP_MS) == 1)
		return TOOL_OK;
	tool_error("bus %s: pid %d does not end", name, (int)pid);
	return TOOL_FAIL;
}

enum tool_exit stop_bus(const char *name)
{
	enum tool_exit code = TOOL_OK;
	struct lock_file f;
	char link[8];
	int pidfd;

	if (!rpmsg_bus_name_valid(name))
		return tool_usage_error("--stop: '%s' is not a bus NAME", name);
	if (!find_bus(name, &f)) {
		tool_error("nobody serves bus %s", name);
		return TOOL_NOT_FOUND;
	}
	pidfd = pidfd_open(f.pid, 0);
	/* The pid may have been another's by now, had the lock not the same holder still. */
	if (pidfd >= 0 && place_holder(f.fd, link, sizeof(link)) == f.pid &&
	    pidfd_send_signal(pidfd, SIGTERM, NULL, 0)) {
		tool_error("bus %s: pid %d: %s", name, (int)f.pid, strerror(errno));
		code = TOOL_FAIL;
	}
	if (pidfd >= 0 && code == TOOL_OK)
		code = await_end(pidfd, name, f.pid);
	if (pidfd >= 0)
		close(pidfd);
	close(f.fd);
	return code;
}
