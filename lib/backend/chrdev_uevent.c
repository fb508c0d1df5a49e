/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Word of what changes in sysfs: the kernel's uevents. Where they are not to be
 * had (no netlink, or it is forbidden) a timer says "look again" instead.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define KERNEL_GROUP 1u
#define LOOK_MS 500
#define UEVENT_MAX 8192

static int open_netlink(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	const int type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(AF_NETLINK, type, NETLINK_KOBJECT_UEVENT), one = 1;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) &&
	    !bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	close(fd);
	return -EACCES;
}

static int open_timer(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = LOOK_MS * 1000000L,
				    .it_value.tv_nsec = LOOK_MS * 1000000L };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

int chrdev_uevents_open(bool *timer)
{
	int fd = open_netlink();

	*timer = fd < 0;
	return fd < 0 ? open_timer() : fd;
}

/* Anybody may send to a netlink socket, but nobody as the kernel. */
static bool from_kernel(struct msghdr *msg)
{
	const struct sockaddr_nl *sa = msg->msg_name;
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct ucred cred;

	if (msg->msg_namelen != sizeof(*sa) || sa->nl_pid || !cmsg ||
	    cmsg->cmsg_type != SCM_CREDENTIALS || cmsg->cmsg_len != CMSG_LEN(sizeof(cred)))
		return false;
	memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	return cred.pid == 0;
}

/* "ACTION@PATH", then KEY=VALUE, each with its NUL. */
bool chrdev_uevent_concerns(const char *text, size_t len)
{
	static const char *const wanted[] = { "SUBSYSTEM=rpmsg", "SUBSYSTEM=remoteproc" };
	size_t at = 0;

	while (at < len) {
		size_t n = strnlen(text + at, len - at);

		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (n == strlen(wanted[i]) && !memcmp(text + at, wanted[i], n))
				return true;
		at += n + 1;
	}
	return false;
}

/* One message: 1 it concerns us, 0 it does not, -1 there is none. */
static int read_one(int fd)
{
	char text[UEVENT_MAX], control[CMSG_SPACE(sizeof(struct ucred))];
	struct sockaddr_nl sa;
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = { .msg_name = &sa, .msg_namelen = sizeof(sa), .msg_iov = &iov,
			      .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return errno == ENOBUFS ? 1 : errno == EINTR ? 0 : -1; /* some were lost: look */
	return from_kernel(&msg) && chrdev_uevent_concerns(text, (size_t)n);
}

bool chrdev_uevents_read(int fd, bool timer)
{
	uint64_t times;
	bool concern = false;
	int one;

	if (timer)
		return read(fd, &times, sizeof(times)) > 0;
	while ((one = read_one(fd)) >= 0)
		concern |= one;
	return concern;
}
