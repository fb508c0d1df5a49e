/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user front-end for tests, as far as its socket goes: requests with real
 * file descriptors to a bus of this process, and the replies. Bus and front-end share
 * a thread, so whatever waits here serves the bus meanwhile.
 */
#ifndef TEST_VHOST_FRONT_H
#define TEST_VHOST_FRONT_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "link_ends.h"
#include "link/vhost_user.h"
#include "rpmsg.h"

#include <cmocka.h> /* last: it takes the name fail */

#define FRONT_FDS_MAX 12

struct front {
	struct rpmsg_bus *bus;
	struct rpmsg_device *service; /* what it offers */
	struct log_text log;          /* without the requests */
	char path[64];
	int sock;
};

/* Without a bus of this process somebody else serves it. */
static inline void front_turn(struct rpmsg_bus *bus, int timeout_ms)
{
	if (bus)
		rpmsg_bus_dispatch(bus, timeout_ms);
	else
		poll(NULL, 0, timeout_ms);
}

/* Serves the bus until cond holds. */
#define serve_until(bus, cond) \
	do { \
		int64_t end_ = test_ms() + PATIENCE_MS; \
		while (!(cond)) { \
			if (test_ms() > end_) \
				fail_msg("still not so: %s", #cond); \
			front_turn(bus, 5); \
		} \
	} while (0)

/* Serves the bus for as long as there is something to do. */
static inline void serve_all(struct rpmsg_bus *bus)
{
	int quiet = 0;

	for (int i = 0; quiet < 2; i++) {
		assert_in_range(i, 0, 100000); /* it would never be done */
		quiet = rpmsg_bus_dispatch(bus, 0) > 0 ? 0 : quiet + 1;
	}
}

static inline bool bus_is_up(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	return info.up;
}

static inline uint32_t bus_generation(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	return info.generation;
}

static inline void front_log(void *arg, enum rpmsg_log_level level, const char *text)
{
	if (level <= RPMSG_LOG_INFO)
		log_keep(arg, level, text);
}

/* spec_more: what follows the socket in the SPEC, such as ",inband". */
static inline void front_open(struct front *f, const char *spec_more, uint64_t features_off)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .features_off = features_off,
					 .log = front_log, .log_arg = &f->log };
	char spec[128];

	*f = (struct front){ .sock = -1 };
	dir_path(f->path, sizeof(f->path), "guest.sock");
	snprintf(spec, sizeof(spec), "vhost-user:%s%s", f->path, spec_more);
	f->bus = rpmsg_bus_open(spec, &opt);
	if (!f->bus)
		fail_msg("%s: %s", spec, rpmsg_error_detail());
}

static inline int front_dial(const struct front *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
	assert_true(sock >= 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

static inline void front_connect(struct front *f)
{
	f->sock = front_dial(f);
}

static inline void front_hang_up(struct front *f)
{
	if (f->sock >= 0)
		close(f->sock);
	f->sock = -1;
}

static inline void front_close(struct front *f)
{
	front_hang_up(f);
	rpmsg_bus_close(f->bus);
}

static inline bool front_logged(const struct front *f, const char *words)
{
	return strstr(f->log.text, words);
}

/* Bytes as they are, in one write; the fds stay ours. */
static inline void front_write(const struct front *f, const void *data, size_t len, const int *fd,
			       size_t n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FRONT_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fd, n_fds * sizeof(int));
	}
	if (sendmsg(f->sock, &mh, MSG_NOSIGNAL) != (ssize_t)len)
		fail_msg("cannot send: %s; the log:\n%s", strerror(errno), f->log.text);
}

static inline size_t front_encode(uint8_t *to, uint32_t request, uint32_t flags,
				  const void *payload, uint32_t size)
{
	struct vhost_head head = { request, flags, size };

	memcpy(to, &head, sizeof(head));
	if (size)
		memcpy(to + sizeof(head), payload, size);
	return sizeof(head) + size;
}

static inline void front_send(const struct front *f, uint32_t request, uint32_t flags,
			      const void *payload, uint32_t size, const int *fd, size_t n_fds)
{
	uint8_t msg[sizeof(struct vhost_head) + 2 * VHOST_PAYLOAD_MAX];

	assert_in_range(size, 0, 2 * VHOST_PAYLOAD_MAX);
	front_write(f, msg, front_encode(msg, request, flags, payload, size), fd, n_fds);
}

/* True when the backend has ended the connection, and nothing more is to be read. */
static inline bool front_ended(const struct front *f)
{
	char byte;

	return recv(f->sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 ||
	       (errno == ECONNRESET && recv(f->sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
		errno != EAGAIN);
}

/* Serves the bus until n bytes are there. */
static inline void front_read(const struct front *f, void *to, size_t n)
{
	uint8_t *p = to;
	ssize_t got;

	while (n) {
		serve_until(f->bus, readable(f->sock, 0));
		got = recv(f->sock, p, n, MSG_DONTWAIT);
		if (got <= 0)
			fail_msg("no reply: the connection has ended; the log:\n%s", f->log.text);
		p += got;
		n -= (size_t)got;
	}
}

/* The reply to the request that was sent last, of exactly size bytes. */
static inline void front_reply(const struct front *f, uint32_t request, void *payload,
			       uint32_t size)
{
	struct vhost_head head;

	front_read(f, &head, sizeof(head));
	assert_int_equal(head.request, request);
	assert_int_equal(head.flags, VHOST_FLAG_VERSION | VHOST_FLAG_REPLY);
	assert_int_equal(head.size, size);
	front_read(f, payload, size);
}

static inline uint64_t front_ask(const struct front *f, uint32_t request)
{
	uint64_t number;

	front_send(f, request, VHOST_FLAG_VERSION, NULL, 0, NULL, 0);
	front_reply(f, request, &number, sizeof(number));
	return number;
}

/* A request whose success is to be acknowledged. */
static inline void front_do_fds(const struct front *f, uint32_t request, const void *payload,
				uint32_t size, const int *fd, size_t n_fds)
{
	uint64_t failed = 1;

	front_send(f, request, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, payload, size, fd, n_fds);
	front_reply(f, request, &failed, sizeof(failed));
	assert_int_equal(failed, 0);
}

static inline void front_do(const struct front *f, uint32_t request, const void *payload,
			    uint32_t size)
{
	front_do_fds(f, request, payload, size, NULL, 0);
}

static inline int new_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static inline int new_memory(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static inline void new_sockets(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

static inline void new_pipe(int fd[2])
{
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
}

#endif
