/* SPDX-License-Identifier: BSD-2-Clause */
/* Going on without the terminal, once the buses are served. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpmsgd.h"

static int parent_fd = -1;

/* The child says when it serves; one that ends before has said why, and its exit status is ours. */
__attribute__((noreturn))
static void await_child(int fd, pid_t pid)
{
	int status = 0;
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(TOOL_OK);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : TOOL_FAIL);
}

/* Whatever else the caller had open is not for us to keep open. */
static void close_others(int keep_a, int keep_b)
{
	int low = keep_a < keep_b ? keep_a : keep_b, high = keep_a < keep_b ? keep_b : keep_a;

	if (low <= 2)
		low = 2;
	if (low > 3)
		close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

int detach_begin(const struct options *opt)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		await_child(fds[0], pid);
	}
	setsid();
	parent_fd = fds[1];
	close_others(parent_fd, opt->ready_fd);
	return 0;
}

void detach_ready(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Only now: sockets may be named from where we were started. */
	if (chdir("/"))
		tool_verbose("cannot leave the directory: %s", strerror(errno));
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (null > 2)
		close(null);
	if (write(parent_fd, "", 1) < 0)
		tool_verbose("whoever started us is gone");
	close(parent_fd);
}
