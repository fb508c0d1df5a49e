/* SPDX-License-Identifier: BSD-2-Clause */
/* The control connection: finding the server, requests and replies, the queue of events. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/client.h"
#include "core/clock.h"

#define EVENTS_MAX 4096 /* more than that queued: forget them and ask for the whole */

int64_t client_now_ns(void)
{
	return (int64_t)clock_ns(CLOCK_MONOTONIC);
}

int64_t client_now_ms(void)
{
	return (int64_t)clock_ms(CLOCK_MONOTONIC_COARSE);
}

/* ---- connecting ---- */

/* Who listens there. */
static void read_credentials(struct client *c)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(c->control, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return;
	c->info.pid = (uint32_t)cred.pid;
	c->uid = cred.uid;
}

static int connect_path(struct client *c, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = CLIENT_ANSWER_MS / 1000 };
	int fd, err;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A listener with a full backlog makes connect wait; not for ever. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		err = errno == EAGAIN ? ETIMEDOUT : errno;
		if (err == EINTR)
			continue;
		close(fd);
		return -err;
	}
	c->control = fd;
	read_credentials(c);
	return 0;
}

/* A name that was looked up leads to a server of ours or of root's, or to nobody. */
static int check_server(struct client *c, const char *path)
{
	if (c->uid == 0 || c->uid == geteuid() || secure_getenv("RPMSG_DIR"))
		return 0;
	return fail(EACCES, "%s is served by pid %d of uid %u: if you mean it, name its path",
		    path, (int)c->info.pid, c->uid);
}

/* Why a path did not lead to a server, if that leaves others to try. */
static const char *not_here(const char *path, int err)
{
	struct stat st;

	if (err == -ENOENT)
		return "not there";
	if (err == -ECONNREFUSED)
		return "nobody listens";
	/* A directory that is closed to us may have nothing for us; a socket has. */
	if (err == -EACCES && stat(path, &st))
		return "no permission";
	return NULL;
}

static int connect_name(struct client *c, const char *name)
{
	char tried[400] = "", dir[256], path[300];
	const char *why;
	size_t n = 0;
	int err;

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++) {
		snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
		err = connect_path(c, path);
		if (!err)
			return check_server(c, path);
		why = not_here(path, err);
		if (!why)
			return fail(-err, "bus %s: %s: %s", name, path, rpmsg_strerror(err));
		if (n < sizeof(tried))
			n += (size_t)snprintf(tried + n, sizeof(tried) - n, "%s%s (%s)",
					      i ? ", " : "", path, why);
	}
	return fail(ENOENT, "nobody serves bus %s: tried %s", name, tried);
}

int client_connect(struct client *c, const char *spec)
{
	int err;

	if (*spec != '/')
		return connect_name(c, spec);
	err = connect_path(c, spec);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return fail(ENOENT, "nobody serves %s (%s)", spec,
			    err == -ENOENT ? "not there" : "nobody listens");
	return err ? fail(-err, "%s: %s", spec, rpmsg_strerror(err)) : 0;
}

/* ---- packets ---- */

static void close_fds(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* Takes what descriptors came with a packet; closes those beyond max. Count. */
static unsigned take_fds(struct msghdr *msg, int *fds, unsigned max)
{
	unsigned n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t count;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (n < max)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

/* One packet: its length, or -EAGAIN, -EPIPE (the connection is over), -EPROTO. */
static int receive(struct client *c, void *buf, size_t size, int *fds, unsigned *n_fds)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { buf, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct proto_head head;
	ssize_t len;

	*n_fds = 0;
	len = recvmsg(c->control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	if (len == 0)
		return -EPIPE;
	*n_fds = take_fds(&msg, fds, 2);
	if ((size_t)len >= sizeof(head) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		memcpy(&head, buf, sizeof(head));
		if (head.size == (size_t)len)
			return (int)len;
	}
	close_fds(fds, *n_fds);
	*n_fds = 0;
	return -EPROTO;
}

static int wait_for(int fd, short what, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		int64_t left = deadline - client_now_ns();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left / 1000000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int transmit(struct client *c, const void *buf, size_t size, int64_t deadline)
{
	while (send(c->control, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		int err;

		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -EPIPE;
		err = wait_for(c->control, POLLOUT, deadline);
		if (err)
			return err;
	}
	return 0;
}

/* ---- events ---- */

void client_wake(struct client *c)
{
	uint64_t one = 1;
	ssize_t n = write(c->wake, &one, sizeof(one));

	(void)n; /* full is readable too */
}

static void drop_events(struct client *c)
{
	struct client_event *e;

	while ((e = STAILQ_FIRST(&c->events))) {
		STAILQ_REMOVE_HEAD(&c->events, link);
		free(e);
	}
	c->n_events = 0;
	c->resync = true;
}

/* What cannot be kept is replaced by the question for the whole. */
static void queue_event(struct client *c, const struct proto_event *ev)
{
	struct client_event *e = malloc(sizeof(*e));

	lock_take(&c->queue_lock);
	if (!e || ev->head.op == PROTO_RESYNC || c->n_events >= EVENTS_MAX) {
		free(e);
		drop_events(c);
	} else {
		e->ev = *ev;
		STAILQ_INSERT_TAIL(&c->events, e, link);
		c->n_events++;
	}
	lock_drop(&c->queue_lock);
	client_wake(c);
}

static bool event_ok(const struct proto_event *ev, size_t len)
{
	if (ev->head.op == PROTO_RESYNC)
		return len == sizeof(struct proto_head) || len == sizeof(*ev);
	return len == sizeof(*ev) && ev->head.op >= PROTO_EVENT &&
	       ev->head.op <= PROTO_EVENT + RPMSG_EVENT_DROPPED &&
	       ev->origin <= RPMSG_CHANNEL_STATIC &&
	       proto_text_ok(ev->info.name, sizeof(ev->info.name));
}

void client_lose(struct client *c, const char *why)
{
	if (__atomic_load_n(&c->lost, __ATOMIC_ACQUIRE))
		return;
	c->lost_why = why;
	__atomic_store_n(&c->lost, true, __ATOMIC_RELEASE);
	shutdown(c->control, SHUT_RDWR);
	client_wake(c);
}

/*
 * Reads one packet with c->call held: an event is queued (1), a reply is left in c->packet
 * (0 and its length), -EAGAIN, or the connection is over.
 */
static int next_packet(struct client *c, int *len, int *fds, unsigned *n_fds)
{
	struct proto_head head;
	struct proto_event ev;

	*len = receive(c, c->packet, PROTO_PACKET_MAX, fds, n_fds);
	if (*len == -EAGAIN)
		return -EAGAIN;
	if (*len < 0) {
		client_lose(c, *len == -EPIPE ? "it closed the connection" : "malformed packet");
		return -EPIPE;
	}
	memcpy(&head, c->packet, sizeof(head));
	if (head.seq)
		return 0;
	close_fds(fds, *n_fds);
	memset(&ev, 0, sizeof(ev));
	memcpy(&ev, c->packet, (size_t)*len < sizeof(ev) ? (size_t)*len : sizeof(ev));
	if (!event_ok(&ev, (size_t)*len)) {
		client_lose(c, "malformed event");
		return -EPIPE;
	}
	queue_event(c, &ev);
	return 1;
}

void client_read_control(struct client *c)
{
	int fds[2], len, r = 1;
	unsigned n_fds;

	if (!lock_try(&c->call))
		return;
	while (r == 1 && !__atomic_load_n(&c->lost, __ATOMIC_ACQUIRE)) {
		r = next_packet(c, &len, fds, &n_fds);
		if (r)
			continue;
		close_fds(fds, n_fds);
		client_lose(c, "a reply that nobody asked for");
	}
	lock_drop(&c->call);
}

/* ---- calls ---- */

static int refused(const void *buf, int len)
{
	struct proto_error e;

	if ((size_t)len != sizeof(e))
		return -EPROTO;
	memcpy(&e, buf, sizeof(e));
	if (e.head.status >= 0 || e.head.status < -4095 ||
	    !proto_text_ok(e.detail, sizeof(e.detail)))
		return -EPROTO;
	return fail(-e.head.status, "%s", e.detail);
}

/* With c->call held: the reply is in c->packet. */
static int exchange(struct client *c, struct proto_head *req, int *fds, unsigned *n_fds, int *len)
{
	int64_t deadline = client_now_ns() + CLIENT_ANSWER_MS * INT64_C(1000000);
	struct proto_head head;
	int r;

	if (__atomic_load_n(&c->lost, __ATOMIC_ACQUIRE))
		return -EPIPE;
	if (++c->seq == 0)
		c->seq = 1;
	req->seq = c->seq;
	r = transmit(c, req, req->size, deadline);
	if (r == -EPIPE)
		client_lose(c, "it closed the connection");
	while (!r) {
		r = next_packet(c, len, fds, n_fds);
		if (r == 0)
			break;
		r = r == -EAGAIN ? wait_for(c->control, POLLIN, deadline) : r < 0 ? r : 0;
	}
	if (r == -ETIMEDOUT)
		client_lose(c, "it does not answer");
	if (r)
		return -EPIPE;
	memcpy(&head, c->packet, sizeof(head));
	if (head.seq == req->seq && head.op == req->op)
		return 0;
	close_fds(fds, *n_fds);
	client_lose(c, "a reply to another request");
	return -EPIPE;
}

/* With c->call held: 0 or -errno, the server's with its detail. */
static int take_reply(struct client *c, void *reply, size_t len, size_t min, size_t max)
{
	struct proto_head head;

	memcpy(&head, c->packet, sizeof(head));
	if (head.status)
		return refused(c->packet, (int)len);
	if (len < min || len > max)
		return -EPROTO;
	memcpy(reply, c->packet, len);
	return 0;
}

int client_call(struct client *c, void *req, size_t req_size, void *reply, size_t reply_size,
		size_t max, int *fds, unsigned n_fds)
{
	struct proto_head *rq = req;
	int got[2] = { -1, -1 }, len, lost, err = 0;
	unsigned n_got = 0;

	rq->size = (uint32_t)req_size;
	lock_take(&c->call);
	lost = exchange(c, rq, got, &n_got, &len);
	if (!lost)
		err = take_reply(c, reply, (size_t)len, reply_size, max);
	lock_drop(&c->call);
	if (lost)
		return fail(-lost, "lost rpmsgd (pid %u): %s", c->info.pid, c->lost_why);
	if (!err && n_got != n_fds)
		err = -EPROTO;
	if (err) {
		close_fds(got, n_got);
		return err == -EPROTO ? fail(EPROTO, "malformed reply from rpmsgd") : err;
	}
	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = got[i];
	return 0;
}

int client_ask_page(struct client *c, enum proto_op op, uint64_t after, void *reply,
		    size_t item_size, uint32_t max)
{
	struct proto_list req = { .head.op = op, .after = after };
	struct proto_page page;
	int err;

	err = client_call(c, &req, sizeof(req), reply, sizeof(page),
			  sizeof(page) + max * item_size, NULL, 0);
	if (err)
		return err;
	memcpy(&page, reply, sizeof(page));
	if (page.n <= max && page.head.size == sizeof(page) + page.n * item_size &&
	    (page.n || !page.more))
		return 0;
	return fail(EPROTO, "malformed list from rpmsgd");
}
