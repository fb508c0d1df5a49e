/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rendezvous of a shm link. The host listens on shm-NAME.sock; the remote
 * connects, and watches the directory while nobody listens. Each side holds a
 * lock for as long as it is open, so there is one host and one remote. A timer
 * runs only after something went wrong: a connection that did not last, or no
 * resources to take one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "link/listen.h"
#include "link/shm.h"

#define BACKLOG 8
#define DELAY_MIN_MS 100
#define DELAY_MAX_MS 3200
#define LASTED_MS 1000 /* a connection that was worth having */

struct shm_link {
	struct shm_end end; /* first */
	struct sockaddr_un addr;
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 16];
	int lock_fd;
	int wake_fd; /* host: the listening socket; remote: inotify */
	int timer_fd;
	int delay_ms;         /* remote: before the next try */
	int64_t connected_ms; /* remote: when the last connection began */
	bool host_came;       /* remote: since the last try */
};

static struct shm_link *shm_link_of(struct link *link)
{
	return container_of(link, struct shm_link, end.link);
}

static int64_t now_ms(void)
{
	return (int64_t)clock_ms(CLOCK_MONOTONIC);
}

/* Makes control_fd readable in ms; 0: never. */
static void timer_set(struct shm_link *s, int ms)
{
	struct itimerspec its = { .it_value = { ms / 1000, ms % 1000 * 1000000L } };

	timerfd_settime(s->timer_fd, 0, &its, NULL);
}

static bool timer_fired(struct shm_link *s)
{
	uint64_t n;

	return read(s->timer_fd, &n, sizeof(n)) == sizeof(n);
}

static bool peer_allowed(struct shm_link *s, int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (cred.uid == geteuid() || cred.uid == 0)
		return true;
	shm_end_warn(&s->end, "connection refused: pid %ld is of uid %lu", (long)cred.pid,
		     (unsigned long)cred.uid);
	return false;
}

/* ---- host ---- */

static void host_listen(struct shm_link *s, bool on)
{
	struct epoll_event ev = { .events = on ? EPOLLIN : 0 };

	epoll_ctl(s->end.link.control_fd, EPOLL_CTL_MOD, s->wake_fd, &ev);
}

static void host_pause(struct shm_link *s, const char *what, int err)
{
	shm_end_warn(&s->end, "%s: %s; trying again in %d ms", what, strerror(err), DELAY_MAX_MS);
	host_listen(s, false);
	timer_set(s, DELAY_MAX_MS);
}

/*
 * Takes the newest connection: the remote's lock lets only one process be the
 * remote, so what came before is a stray or dead. While the link is up others
 * stay in the queue: a new remote may be faster than its predecessor's end.
 */
static void host_accept(struct shm_link *s)
{
	int fd, newest = -1, ret, i;

	for (i = 0; i < BACKLOG; i++) {
		/* cppcheck-suppress nullPointer ; accept4() allows it */
		fd = accept4(s->wake_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		if (!peer_allowed(s, fd)) {
			close(fd);
			continue;
		}
		if (newest >= 0)
			close(newest);
		newest = fd;
	}
	if (i < BACKLOG && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		host_pause(s, "cannot take a connection", errno);
	if (newest < 0)
		return;
	shm_end_clear(&s->end);
	ret = shm_end_start(&s->end, newest);
	if (ret && ret != -EPIPE && ret != -ECONNRESET)
		host_pause(s, "cannot make a link", -ret);
}

static enum link_change host_control(struct shm_link *s)
{
	enum link_change change = LINK_SAME;
	bool listen_again = timer_fired(s);

	if (s->end.state == SHM_ENDED) {
		shm_end_clear(&s->end);
		listen_again = true;
	} else if (s->end.state != SHM_IDLE) {
		change = shm_end_step(&s->end);
	}
	if (change == LINK_UP)
		host_listen(s, false);
	if (s->end.state == SHM_UP || change != LINK_SAME)
		return change;
	if (s->end.state == SHM_ENDED)
		shm_end_clear(&s->end);
	if (listen_again)
		host_listen(s, true);
	host_accept(s);
	return LINK_SAME;
}

static int host_serve(struct shm_link *s)
{
	struct epoll_event ev = { .events = EPOLLIN };

	s->wake_fd = listen_at(&s->addr, SOCK_SEQPACKET, BACKLOG);
	if (s->wake_fd < 0)
		return s->wake_fd;
	if (epoll_ctl(s->end.link.control_fd, EPOLL_CTL_ADD, s->wake_fd, &ev))
		return fail(errno, "%s: %s", s->end.name, strerror(errno));
	return 0;
}

/* ---- remote ---- */

static void remote_connect(struct shm_link *s)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	s->host_came = false;
	timer_set(s, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&s->addr, sizeof(s->addr)))
		err = errno;
	if (!err && peer_allowed(s, sock)) {
		s->connected_ms = now_ms();
		if (shm_end_start(&s->end, sock))
			timer_set(s, DELAY_MAX_MS);
		return;
	}
	if (sock >= 0)
		close(sock);
	if (err == ENOENT || err == ECONNREFUSED) {
		s->delay_ms = 0; /* nobody there: inotify tells */
		return;
	}
	if (err && err != EAGAIN)
		shm_end_warn(&s->end, "cannot connect to %s: %s", s->addr.sun_path, strerror(err));
	timer_set(s, DELAY_MAX_MS);
}

/* After a connection: at once if it lasted, else later and later. */
static void remote_retry(struct shm_link *s)
{
	int delay = s->delay_ms;

	if (now_ms() - s->connected_ms >= LASTED_MS)
		delay = 0;
	s->delay_ms = delay == 0 ? DELAY_MIN_MS : delay < DELAY_MAX_MS ? 2 * delay : delay;
	if (delay)
		timer_set(s, delay);
	else
		remote_connect(s);
}

/* Something came into the directory: most likely a host. */
static void remote_look(struct shm_link *s)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(s->wake_fd, events, sizeof(events)) > 0)
		s->host_came = true;
}

static enum link_change remote_control(struct shm_link *s)
{
	enum link_change change = LINK_SAME;
	bool fired = timer_fired(s), ended;

	remote_look(s);
	if (s->end.state != SHM_IDLE && s->end.state != SHM_ENDED)
		change = shm_end_step(&s->end);
	ended = s->end.state == SHM_ENDED;
	if (change != LINK_SAME || (!ended && s->end.state != SHM_IDLE))
		return change;
	if (ended)
		shm_end_clear(&s->end);
	if (s->host_came || fired)
		remote_connect(s);
	else if (ended)
		remote_retry(s);
	return LINK_SAME;
}

/* The watch comes before the first try: a host that comes in between is seen. */
static int remote_seek(struct shm_link *s, const char *dir)
{
	struct epoll_event ev = { .events = EPOLLIN };

	s->wake_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->wake_fd < 0 || inotify_add_watch(s->wake_fd, dir, IN_MOVED_TO) < 0 ||
	    epoll_ctl(s->end.link.control_fd, EPOLL_CTL_ADD, s->wake_fd, &ev))
		return fail(errno, "%s: cannot watch %s: %s", s->end.name, dir, strerror(errno));
	remote_connect(s);
	return 0;
}

/* ---- both ---- */

static enum link_change shm_control(struct link *link)
{
	struct shm_link *s = shm_link_of(link);

	return link->side == RPMSG_SIDE_HOST ? host_control(s) : remote_control(s);
}

static void shm_close(struct link *link)
{
	struct shm_link *s = shm_link_of(link);

	if (s->wake_fd >= 0 && link->side == RPMSG_SIDE_HOST)
		unlink(s->addr.sun_path);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	shm_end_fini(&s->end);
	if (s->lock_fd >= 0)
		shm_lock_drop(s->lock_fd, s->lock_path);
	free(s);
}

static const struct link_ops shm_ops = {
	.control = shm_control,
	.notify = shm_end_notify,
	.reset = shm_end_reset,
	.close = shm_close,
};

static int take_paths(struct shm_link *s, const char *dir, const char *name, const char *side)
{
	int n = snprintf(s->addr.sun_path, sizeof(s->addr.sun_path), "%s/shm-%s.sock", dir, name);

	if (n < 0 || (size_t)n >= sizeof(s->addr.sun_path))
		return fail(ENAMETOOLONG, "%s/shm-%s.sock: too long for a socket", dir, name);
	s->addr.sun_family = AF_UNIX;
	n = snprintf(s->lock_path, sizeof(s->lock_path), "%s/shm-%s.%s.lock", dir, name, side);
	return n < 0 || (size_t)n >= sizeof(s->lock_path) ? fail(ENAMETOOLONG, "%s", dir) : 0;
}

static int meet(struct shm_link *s, const char *name)
{
	const char *side = s->end.link.side == RPMSG_SIDE_HOST ? "host" : "remote";
	struct epoll_event ev = { .events = EPOLLIN };
	char dir[sizeof(s->addr.sun_path)], what[RPMSG_NAME_SIZE + 32];
	int ret;

	ret = rpmsg_dir_serve(dir, sizeof(dir));
	if (!ret)
		ret = take_paths(s, dir, name, side);
	if (ret)
		return ret;
	snprintf(what, sizeof(what), "side %s of %s", side, s->end.name);
	s->lock_fd = shm_lock_take(s->lock_path, what);
	if (s->lock_fd < 0)
		return s->lock_fd;
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer_fd < 0 ||
	    epoll_ctl(s->end.link.control_fd, EPOLL_CTL_ADD, s->timer_fd, &ev))
		return fail(errno, "%s: no timer: %s", s->end.name, strerror(errno));
	return s->end.link.side == RPMSG_SIDE_HOST ? host_serve(s) : remote_seek(s, dir);
}

static int check_options(const char *name, enum rpmsg_side side, const struct link_options *opt)
{
	if (!rpmsg_bus_name_valid(name))
		return fail(EINVAL, "shm:%s: not a valid name", name ? name : "");
	if (side != RPMSG_SIDE_HOST && side != RPMSG_SIDE_REMOTE)
		return fail(EINVAL, "shm:%s: no side %d", name, side);
	if (!shm_geometry_valid(opt->num, opt->buffer_size))
		return fail(EINVAL, "shm:%s: num=%u, size=%u: " SHM_GEOMETRY, name, opt->num,
			    opt->buffer_size);
	return 0;
}

struct link *link_shm_open(const char *name, enum rpmsg_side side, const struct link_options *opt,
			   struct rpmsg_log *log)
{
	char text[RPMSG_NAME_SIZE + 8];
	struct shm_link *s;
	int ret;

	if (check_options(name, side, opt))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		fail(ENOMEM, "shm:%s: %s", name, strerror(ENOMEM));
		return NULL;
	}
	s->lock_fd = s->wake_fd = s->timer_fd = -1;
	snprintf(text, sizeof(text), "shm:%s", name);
	ret = shm_end_init(&s->end, &shm_ops, side, text, opt, log);
	if (!ret)
		ret = meet(s, name);
	if (!ret)
		return &s->end.link;
	shm_close(&s->end.link);
	errno = -ret;
	return NULL;
}
