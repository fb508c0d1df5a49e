/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the guest is told of used buffers: an eventfd from QEMU, a stream socket from
 * User-Mode Linux, a pipe from others; 8 bytes in each case.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/event.h"
#include "link/vhost_user.h"

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int open_reader(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static enum vhost_call_kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return VHOST_CALL_NONE;
	if (S_ISSOCK(st.st_mode))
		return VHOST_CALL_SOCKET;
	if (S_ISFIFO(st.st_mode))
		return VHOST_CALL_PIPE;
	return event_fd_valid(fd) ? VHOST_CALL_EVENT : VHOST_CALL_NONE;
}

int vhost_call_set(struct vhost_call *call, int fd)
{
	struct vhost_call new = { .kind = kind_of(fd), .fd = fd, .reader = -1 };

	vhost_call_clear(call);
	if (new.kind == VHOST_CALL_PIPE)
		new.reader = open_reader(fd);
	if (new.kind == VHOST_CALL_NONE || (new.kind == VHOST_CALL_PIPE && new.reader < 0) ||
	    (new.kind != VHOST_CALL_SOCKET && event_fd_unblock(fd))) {
		vhost_call_clear(&new);
		return -EINVAL;
	}
	*call = new;
	return 0;
}

void vhost_call_clear(struct vhost_call *call)
{
	close_if_open(call->fd);
	close_if_open(call->reader);
	*call = (struct vhost_call)VHOST_CALL_INIT;
}

void vhost_call_send(const struct vhost_call *call)
{
	const uint64_t one = 1;
	ssize_t n = 0;

	/* One that is full wakes the guest just as well; one that is broken has no guest. */
	if (call->kind == VHOST_CALL_SOCKET)
		n = send(call->fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (call->kind != VHOST_CALL_NONE)
		n = write(call->fd, &one, sizeof(one));
	if (n < 0)
		return;
}
