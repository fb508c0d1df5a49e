/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user link: we are the device (the remote processor) of a guest, which
 * connects to our socket, gives us its memory and says where its rings are. One
 * connection at a time; what a guest does wrong costs it that connection.
 *
 * A request that takes rings away is carried out, and answered, after the bus has
 * left them: control() says LINK_DOWN first and is called again.
 */
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/event.h"
#include "link/listen.h"
#include "link/shm.h"
#include "link/vhost_user.h"
#include "virtio/barrier.h"

#define BACKLOG 8
#define PAUSE_S 3            /* after there were no resources to take a connection */
#define REQUESTS_A_TURN 64   /* so that the rings have their turn */

struct vhost_link {
	struct link link; /* first */
	struct link_options opt;
	struct sockaddr_un addr;
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	int lock_fd;
	int listen_fd;
	int timer_fd;
	int wake_fd;      /* control has more to do */
	int inband_fd[2]; /* signalled by messages, where there is no kick fd */
	int sock;         /* -1: no guest */
	int watched_fd;   /* the kick fd in control_fd, or -1 */
	bool listening;   /* listen_fd is watched */
	struct vhost_conn conn;
	struct vhost_reader reader;
	bool have;        /* reader.msg is whole and not carried out */
	bool up;
	bool stopping;    /* LINK_DOWN was told, and the bus leaves the rings */
	bool ended;       /* the connection has, or is to */
	uint32_t calls_due; /* atomic; bit q: the backend channel was full */
};

static struct vhost_link *vhost_of(struct link *link)
{
	return container_of(link, struct vhost_link, link);
}

#define say(v, level, fmt, ...) \
	log_say((v)->link.log, RPMSG_LOG_##level, "vhost-user:%s: " fmt, (v)->addr.sun_path, \
		##__VA_ARGS__)

static void watch(struct vhost_link *v, int fd, uint32_t events, int how)
{
	struct epoll_event ev = { .events = events };

	if (epoll_ctl(v->link.control_fd, how, fd, &ev) && how != EPOLL_CTL_DEL)
		say(v, ERROR, "cannot watch a file descriptor: %s", strerror(errno));
}

/* ---- the connection ---- */

static void watch_listen(struct vhost_link *v, bool on)
{
	watch(v, v->listen_fd, on ? EPOLLIN : 0, EPOLL_CTL_MOD);
	v->listening = on;
}

static void pause_listen(struct vhost_link *v)
{
	struct itimerspec its = { .it_value = { PAUSE_S, 0 } };

	say(v, WARNING, "cannot take a connection: %s; trying again in %d s", strerror(errno),
	    PAUSE_S);
	watch_listen(v, false);
	timerfd_settime(v->timer_fd, 0, &its, NULL);
}

static void accept_guest(struct vhost_link *v)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	/* cppcheck-suppress nullPointer ; accept4() allows it */
	int fd = accept4(v->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_listen(v);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	say(v, INFO, "a guest is connected (pid %ld)", (long)cred.pid);
	v->sock = fd;
	v->have = v->ended = false;
	vhost_conn_init(&v->conn, v->opt.features, v->opt.inband);
	vhost_reader_init(&v->reader);
	watch(v, fd, EPOLLIN, EPOLL_CTL_ADD);
}

/* There is one guest: another waits for its end. */
static void look_for_another(struct vhost_link *v)
{
	struct pollfd pfd = { .fd = v->listen_fd, .events = POLLIN };

	if (!v->listening || poll(&pfd, 1, 0) <= 0)
		return;
	say(v, WARNING, "another guest waits for the connected one to go");
	watch_listen(v, false);
}

static void unwatch_kick(struct vhost_link *v)
{
	/* The guest holds the same file: closing ours would not end the watch. */
	if (v->watched_fd >= 0)
		watch(v, v->watched_fd, 0, EPOLL_CTL_DEL);
	v->watched_fd = -1;
}

/* The same goes for the backend channel, which is watched while a call is due. */
static void unwatch_backend(struct vhost_link *v)
{
	if (v->conn.backend_fd >= 0)
		watch(v, v->conn.backend_fd, 0, EPOLL_CTL_DEL);
}

static void end_connection(struct vhost_link *v)
{
	unwatch_kick(v);
	unwatch_backend(v);
	vhost_message_drop(&v->reader.msg);
	vhost_conn_fini(&v->conn);
	watch(v, v->sock, 0, EPOLL_CTL_DEL);
	close(v->sock);
	v->sock = -1;
	v->have = v->ended = false;
	say(v, INFO, "the guest is gone");
	watch_listen(v, true);
}

/* ---- telling the guest ---- */

/* A call that the backend channel has no room for is made when it has. */
static void call_in_band(struct vhost_link *v, unsigned q)
{
	struct vhost_message msg = {
		.head = { VHOST_BACKEND_VRING_CALL, VHOST_FLAG_VERSION, sizeof(msg.payload.state) },
		.payload.state = { q, 0 },
	};
	int fd = v->conn.backend_fd;

	if (vhost_message_send(fd, &msg) != -EAGAIN)
		return;
	__atomic_fetch_or(&v->calls_due, 1u << q, __ATOMIC_RELAXED);
	/* Each event but the first needs to be asked for. */
	unwatch_backend(v);
	watch(v, fd, EPOLLOUT | EPOLLONESHOT, EPOLL_CTL_ADD);
}

static void notify(struct link *link, unsigned q)
{
	struct vhost_link *v = vhost_of(link);
	const struct vhost_conn *c = &v->conn;

	if (c->ring[q].call.kind != VHOST_CALL_NONE)
		vhost_call_send(&c->ring[q].call);
	else if (vhost_has(c, VHOST_PROTOCOL_INBAND) && c->backend_fd >= 0)
		call_in_band(v, q);
}

static void call_again(struct vhost_link *v)
{
	uint32_t due = __atomic_exchange_n(&v->calls_due, 0, __ATOMIC_RELAXED);

	for (unsigned q = 0; due && v->up && q < VHOST_RINGS; q++)
		if (due >> q & 1)
			notify(&v->link, q);
}

/* ---- up and down ---- */

/* Until the driver is there its first kick is awaited; afterwards the bus has the fd. */
static void watch_kick(struct vhost_link *v)
{
	const struct vhost_ring *ring = &v->conn.ring[0];

	if (v->sock < 0 || v->up || ring->started || ring->halted || ring->kick_fd < 0 ||
	    v->watched_fd >= 0)
		return;
	watch(v, ring->kick_fd, EPOLLIN, EPOLL_CTL_ADD);
	v->watched_fd = ring->kick_fd;
}

static void look_for_kick(struct vhost_link *v)
{
	struct vhost_ring *ring = &v->conn.ring[0];
	struct pollfd pfd = { .fd = ring->kick_fd, .events = POLLIN };

	if (v->up || ring->started || ring->halted || ring->kick_fd < 0 || poll(&pfd, 1, 0) <= 0)
		return;
	ring->started = true;
	unwatch_kick(v); /* it stays readable */
}

static enum link_change come_up(struct vhost_link *v, const struct vring ring[VHOST_RINGS])
{
	struct vhost_conn *c = &v->conn;
	struct link *link = &v->link;

	unwatch_kick(v);
	link->mem = &c->memory->mem;
	link_mem_get(link->mem);
	link->regions = c->memory->guest;
	link->features = c->features & ~VHOST_F_PROTOCOL_FEATURES;
	link->buffer_size = v->opt.buffer_size;
	link->num = ring[0].num > ring[1].num ? ring[0].num : ring[1].num;
	link->generation++;
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		link->ring[q] = ring[q];
		link->base[q] = c->ring[q].base;
		link->event_fd[q] = c->ring[q].kick_fd >= 0 ? c->ring[q].kick_fd : v->inband_fd[q];
	}
	v->up = true;
	say(v, INFO, "the driver is ready: features %#" PRIx64 ", rings of %u and %u, %u memory region%s",
	    link->features, ring[0].num, ring[1].num, link->regions.n,
	    link->regions.n == 1 ? "" : "s");
	/* A driver posts its buffers before it kicks: this is not the memory that it wrote to. */
	if (!link->base[0] && !shm_load16(&ring[0].avail->idx))
		say(v, WARNING, "the driver has posted no buffers: is the guest's memory shared "
		    "(QEMU: share=on)?");
	/* Of what another used in these rings before us nobody may have told. */
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		if (link->base[q])
			notify(link, q);
	return LINK_UP;
}

static enum link_change go_down(struct vhost_link *v)
{
	v->up = false;
	v->stopping = true;
	v->link.awaited = !v->ended;
	event_fd_signal(v->wake_fd);
	say(v, INFO, "the rings are stopped by %s",
	    v->ended ? "the end of the connection" : vhost_request_name(v->reader.msg.head.request));
	return LINK_DOWN;
}

/* The bus has left the rings. */
static void finish_down(struct vhost_link *v)
{
	struct link *link = &v->link;

	v->stopping = false;
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		/* What was told to the bus is not the first kick of the next driver. */
		event_fd_clear(link->event_fd[q]);
		link->event_fd[q] = -1;
		v->conn.ring[q].base = link->base[q];
	}
	link_mem_put(link->mem);
	link->mem = NULL;
	if (v->ended)
		end_connection(v);
}

/* ---- requests ---- */

static void trace(struct vhost_link *v)
{
	const struct vhost_message *msg = &v->reader.msg;
	char hex[2 * VHOST_PAYLOAD_MAX + 1];

	if (!v->link.log->fn || msg->head.request == VHOST_VRING_KICK)
		return;
	for (uint32_t i = 0; i < msg->head.size; i++)
		snprintf(hex + 2 * i, 3, "%02x", msg->payload.bytes[i]);
	hex[2 * msg->head.size] = '\0';
	say(v, DEBUG, "< %s %u %u %u [%s]", vhost_request_name(msg->head.request),
	    msg->head.request, msg->head.flags, msg->n_fds, hex);
}

static void drop_guest(struct vhost_link *v, const char *what, const char *why)
{
	say(v, WARNING, "connection dropped, the guest's %s: %s", what, why);
	v->ended = true;
}

/* Reads on: true when a request is there. */
static bool next_request(struct vhost_link *v)
{
	char why[128];
	int ret = vhost_reader_step(&v->reader, v->sock, why, sizeof(why));

	if (ret == -EAGAIN)
		return false;
	if (ret == -EPROTO)
		drop_guest(v, "message", why);
	else if (ret <= 0)
		v->ended = true;
	v->have = ret > 0;
	if (v->have)
		trace(v);
	return v->have;
}

static void carry_out(struct vhost_link *v)
{
	struct vhost_message *msg = &v->reader.msg, reply;
	uint32_t request = msg->head.request;
	int ret;

	unwatch_kick(v); /* the request may bring another */
	if (request == VHOST_SET_BACKEND_REQ_FD)
		unwatch_backend(v);
	ret = vhost_request(&v->conn, msg, &reply);
	if (ret)
		drop_guest(v, vhost_request_name(request), v->conn.why);
	else if (reply.head.request && vhost_message_send(v->sock, &reply))
		drop_guest(v, "socket", "it takes no replies");
	else if (request == VHOST_VRING_KICK && v->up)
		event_fd_signal(v->inband_fd[msg->payload.state.index]);
	else if (request == VHOST_SET_VRING_CALL && v->up)
		/* What was used until now may not have been told. */
		notify(&v->link, msg->payload.number & VHOST_INDEX_MASK);
	vhost_message_drop(msg);
	vhost_reader_init(&v->reader);
	v->have = false;
}

/* One step with a guest: LINK_SAME and *more if there may be another one now. */
static enum link_change step(struct vhost_link *v, bool *more)
{
	struct vring ring[VHOST_RINGS];
	int ready = 0;

	look_for_kick(v);
	if (!v->up && !v->have && !v->ended)
		ready = vhost_conn_ready(&v->conn, ring);
	if (ready > 0)
		return come_up(v, ring);
	if (ready < 0)
		drop_guest(v, "set-up", v->conn.why);
	*more = !v->ended && (v->have || next_request(v));
	if (v->up && (v->ended || (*more && vhost_stops_rings(&v->conn, &v->reader.msg))))
		return go_down(v);
	if (*more)
		carry_out(v);
	if (v->ended && !v->up) {
		end_connection(v);
		*more = false;
	}
	return LINK_SAME;
}

static enum link_change vhost_control(struct link *link)
{
	struct vhost_link *v = vhost_of(link);
	enum link_change change = LINK_SAME;
	uint64_t expired;
	bool more = true;

	event_fd_clear(v->wake_fd);
	call_again(v);
	if (read(v->timer_fd, &expired, sizeof(expired)) == sizeof(expired))
		watch_listen(v, true);
	if (v->stopping)
		finish_down(v);
	if (v->sock < 0)
		accept_guest(v);
	for (int i = 0; i < REQUESTS_A_TURN && more && change == LINK_SAME && v->sock >= 0; i++)
		change = step(v, &more);
	if (more && change == LINK_SAME && v->sock >= 0)
		event_fd_signal(v->wake_fd);
	watch_kick(v);
	if (v->sock >= 0 && !v->ended)
		look_for_another(v);
	return change;
}

/* ---- what the bus calls ---- */

static void reset(struct link *link)
{
	struct vhost_link *v = vhost_of(link);

	if (v->sock >= 0)
		shutdown(v->sock, SHUT_RDWR);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void vhost_close(struct link *link)
{
	struct vhost_link *v = vhost_of(link);

	if (v->up || v->stopping) {
		v->ended = true;
		v->up = false;
		finish_down(v);
	} else if (v->sock >= 0) {
		end_connection(v);
	}
	if (v->listen_fd >= 0)
		unlink(v->addr.sun_path);
	close_if_open(v->listen_fd);
	close_if_open(v->timer_fd);
	close_if_open(v->wake_fd);
	close_if_open(v->inband_fd[0]);
	close_if_open(v->inband_fd[1]);
	close_if_open(link->control_fd);
	if (v->lock_fd >= 0)
		shm_lock_drop(v->lock_fd, v->lock_path);
	free(v);
}

static const struct link_ops vhost_ops = {
	.control = vhost_control,
	.notify = notify,
	.reset = reset,
	.close = vhost_close,
};

/* ---- open ---- */

/* The socket is removed when the program may be in another directory. */
static int take_path(struct vhost_link *v, const char *path)
{
	char dir[PATH_MAX] = "", what[160];
	int n;

	if (*path != '/' && !getcwd(dir, sizeof(dir)))
		return fail(errno, "vhost-user:%s: %s", path, strerror(errno));
	n = snprintf(v->addr.sun_path, sizeof(v->addr.sun_path), "%s%s%s", dir, *dir ? "/" : "",
		     path);
	if (n < 0 || (size_t)n >= sizeof(v->addr.sun_path))
		return fail(ENAMETOOLONG, "vhost-user:%s: too long for a socket", path);
	v->addr.sun_family = AF_UNIX;
	snprintf(v->lock_path, sizeof(v->lock_path), "%s.lock", v->addr.sun_path);
	snprintf(what, sizeof(what), "vhost-user:%s", path);
	v->lock_fd = shm_lock_take(v->lock_path, what);
	return v->lock_fd < 0 ? v->lock_fd : 0;
}

static int open_fds(struct vhost_link *v)
{
	v->link.control_fd = epoll_create1(EPOLL_CLOEXEC);
	v->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->inband_fd[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->inband_fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (v->link.control_fd < 0 || v->wake_fd < 0 || v->inband_fd[0] < 0 ||
	    v->inband_fd[1] < 0 || v->timer_fd < 0)
		return fail(errno, "vhost-user:%s: no file descriptors: %s", v->addr.sun_path,
			    strerror(errno));
	v->listen_fd = listen_at(&v->addr, SOCK_STREAM, BACKLOG);
	if (v->listen_fd < 0)
		return v->listen_fd;
	watch(v, v->listen_fd, EPOLLIN, EPOLL_CTL_ADD);
	v->listening = true;
	watch(v, v->wake_fd, EPOLLIN, EPOLL_CTL_ADD);
	watch(v, v->timer_fd, EPOLLIN, EPOLL_CTL_ADD);
	return 0;
}

struct link *link_vhost_open(const char *path, const struct link_options *opt,
			     struct rpmsg_log *log)
{
	struct vhost_link *v = calloc(1, sizeof(*v));
	int ret;

	if (!v) {
		fail(ENOMEM, "vhost-user:%s: %s", path, strerror(ENOMEM));
		return NULL;
	}
	v->link = (struct link){ .ops = &vhost_ops, .side = RPMSG_SIDE_REMOTE, .control_fd = -1,
				 .event_fd = { -1, -1 }, .borrowed = true, .log = log };
	v->opt = *opt;
	v->lock_fd = v->listen_fd = v->timer_fd = v->wake_fd = v->sock = v->watched_fd = -1;
	v->inband_fd[0] = v->inband_fd[1] = -1;
	ret = take_path(v, path);
	if (!ret)
		ret = open_fds(v);
	if (!ret)
		return &v->link;
	vhost_close(&v->link);
	errno = -ret;
	return NULL;
}
