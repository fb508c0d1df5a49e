/* SPDX-License-Identifier: BSD-2-Clause */
/* Telling scripts that a tool is ready. */
#include <errno.h>
#include <fcntl.h>
#include <rpmsg.h>
#include <unistd.h>

#include "options.h"
#include "ready.h"

int ready_arg_fd(struct argp_state *state, const char *arg)
{
	int fd = (int)tool_arg_number(state, "--ready-fd", arg, 0, INT32_MAX);

	if (fcntl(fd, F_GETFD) < 0)
		argp_error(state, "--ready-fd: %d is not open", fd);
	return fd;
}

void ready_tell(struct ready *ready, const char *text)
{
	if (ready->told)
		return;
	ready->told = true;
	if (ready->banner)
		tool_error("ready: %s", text);
	if (ready->fd < 0)
		return;
	if (write(ready->fd, "\n", 1) < 0)
		tool_error("--ready-fd: %s", rpmsg_strerror(errno));
	close(ready->fd);
}
