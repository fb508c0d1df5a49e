/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole messages with file descriptors over a SOCK_SEQPACKET connection. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/shm.h"

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(SHM_FDS * sizeof(int))];
};

int shm_message_send(int sock, struct shm_message *msg, enum shm_type type, size_t len)
{
	union control control = { 0 };
	struct iovec iov = { &msg->head, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;

	msg->head = (struct shm_head){ SHM_MAGIC, SHM_VERSION, (uint16_t)type };
	if (msg->n_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(msg->n_fds * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(msg->n_fds * sizeof(int));
		memcpy(CMSG_DATA(cm), msg->fd, msg->n_fds * sizeof(int));
	}
	return sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void take_fds(struct shm_message *msg, struct msghdr *mh)
{
	struct cmsghdr *cm;
	size_t i, n;

	for (cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n && msg->n_fds < SHM_FDS; i++)
			memcpy(&msg->fd[msg->n_fds++], CMSG_DATA(cm) + i * sizeof(int),
			       sizeof(int));
	}
}

int shm_message_recv(int sock, struct shm_message *msg)
{
	union control control;
	struct iovec iov = { &msg->head, sizeof(struct shm_setup) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			     /* not CMSG_SPACE: its padding would let one more in */
			     .msg_controllen = CMSG_LEN(SHM_FDS * sizeof(int)) };
	ssize_t n;
	unsigned i;

	msg->n_fds = 0;
	for (i = 0; i < SHM_FDS; i++)
		msg->fd[i] = -1;
	n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	take_fds(msg, &mh);
	msg->len = (size_t)n;
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		shm_message_drop(msg);
		return -EMSGSIZE;
	}
	if (n == 0) {
		shm_message_drop(msg);
		return 0;
	}
	return 1;
}

void shm_message_drop(struct shm_message *msg)
{
	unsigned i;

	for (i = 0; i < SHM_FDS; i++) {
		if (msg->fd[i] >= 0)
			close(msg->fd[i]);
		msg->fd[i] = -1;
	}
}
