/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole vhost-user messages, with file descriptors, over a stream socket. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/vhost_user.h"

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(VHOST_FDS * sizeof(int))];
};

void vhost_reader_init(struct vhost_reader *r)
{
	r->got = 0;
	r->msg.n_fds = 0;
	for (unsigned i = 0; i < VHOST_FDS; i++)
		r->msg.fd[i] = -1;
}

/* False if there are more than a message may have; the rest is closed. */
static bool take_fds(struct vhost_message *msg, struct msghdr *mh)
{
	bool fits = !(mh->msg_flags & MSG_CTRUNC);
	struct cmsghdr *cm;
	size_t i, n;
	int fd;

	for (cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (msg->n_fds < VHOST_FDS) {
				msg->fd[msg->n_fds++] = fd;
				continue;
			}
			close(fd);
			fits = false;
		}
	}
	return fits;
}

/* Reads up to len bytes to buf: their number, 0 at the end, -errno. */
static ssize_t read_part(struct vhost_message *msg, int sock, void *buf, size_t len, bool *fits)
{
	union control control;
	struct iovec iov = { buf, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			     /* not CMSG_SPACE: its padding would let one more in */
			     .msg_controllen = CMSG_LEN(VHOST_FDS * sizeof(int)) };
	ssize_t n;

	do {
		n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	*fits = take_fds(msg, &mh);
	return n;
}

static const char *head_flaw(const struct vhost_head *head)
{
	if ((head->flags & VHOST_FLAG_VERSION_MASK) != VHOST_FLAG_VERSION)
		return "another version";
	if (head->flags & VHOST_FLAG_REPLY)
		return "the flag of a reply";
	if (head->size > VHOST_PAYLOAD_MAX)
		return "more payload than any request has";
	return NULL;
}

int vhost_reader_step(struct vhost_reader *r, int sock, char *why, size_t size)
{
	const size_t head_size = sizeof(r->msg.head);
	struct vhost_message *msg = &r->msg;
	const char *flaw;
	bool fits;
	ssize_t n;

	while (r->got < head_size || r->got < head_size + msg->head.size) {
		if (r->got < head_size)
			n = read_part(msg, sock, (uint8_t *)&msg->head + r->got, head_size - r->got, &fits);
		else
			n = read_part(msg, sock, msg->payload.bytes + (r->got - head_size),
				      head_size + msg->head.size - r->got, &fits);
		if (n <= 0)
			return (int)n;
		r->got += (size_t)n;
		if (!fits) {
			snprintf(why, size, "a message with more than %u file descriptors", VHOST_FDS);
			return -EPROTO;
		}
		flaw = r->got == head_size ? head_flaw(&msg->head) : NULL;
		if (flaw) {
			snprintf(why, size, "%s (request %u, flags %#x, size %u): %s",
				 vhost_request_name(msg->head.request), msg->head.request,
				 msg->head.flags, msg->head.size, flaw);
			return -EPROTO;
		}
	}
	return 1;
}

void vhost_message_drop(struct vhost_message *msg)
{
	for (unsigned i = 0; i < msg->n_fds; i++) {
		if (msg->fd[i] >= 0)
			close(msg->fd[i]);
		msg->fd[i] = -1;
	}
	msg->n_fds = 0;
}

int vhost_message_send(int sock, const struct vhost_message *msg)
{
	struct iovec iov[] = {
		{ (void *)&msg->head, sizeof(msg->head) },
		{ (void *)&msg->payload, msg->head.size },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(msg->head) + msg->head.size ? 0 : -EAGAIN;
}
