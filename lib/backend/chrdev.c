/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's rpmsg bus: its life in this process, and its dispatch. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/chrdev.h"
#include "core/clock.h"
#include "link/event.h"

int64_t chrdev_now_ms(void)
{
	return (int64_t)clock_ms(CLOCK_MONOTONIC);
}

/* ---- dispatch ---- */

static int chrdev_fd(struct rpmsg_bus *bus)
{
	return chrdev_of(bus)->epoll;
}

static void chrdev_cancel(struct rpmsg_bus *bus)
{
	event_fd_signal(chrdev_of(bus)->cancel);
}

void chrdev_wake(struct chrdev *c)
{
	event_fd_signal(c->wake);
}

static int handle_endpoint(struct chrdev *c, const struct epoll_event *ev)
{
	struct chrdev_endpoint *e = chrdev_endpoint_get(c, (unsigned)(ev->data.u64 >> 3));
	int n;

	if (!e)
		return 0;
	n = chrdev_receive(e, ev->events);
	chrdev_endpoint_put(e);
	return n;
}

static int handle_one(struct chrdev *c, const struct epoll_event *ev)
{
	switch (ev->data.u64 & 7) {
	case CHRDEV_WAKE:
		event_fd_clear(c->wake);
		c->look = true;
		return 0;
	case CHRDEV_UEVENTS:
		c->look |= chrdev_uevents_read(c->uevents, c->uevents_timer);
		return 0;
	case CHRDEV_TIMER:
		chrdev_retry(c);
		return 1;
	default:
		return handle_endpoint(c, ev);
	}
}

/* Counts as handled only if it brought something. */
static int look(struct chrdev *c)
{
	uint32_t generation = c->bus.generation;
	bool up = c->bus.up;
	int n;

	if (!c->look)
		return 0;
	c->look = false;
	n = chrdev_sync(c);
	if (n < 0) {
		log_say(&c->bus.log, RPMSG_LOG_ERROR, "bus %s: cannot read its channels: %s",
			c->bus.name, rpmsg_strerror(n));
		return 0;
	}
	return n + (c->bus.up != up) + (c->bus.generation != generation);
}

/* Messages first: what was sent on a channel before it went is delivered before it goes. */
static int handle(struct chrdev *c, const struct epoll_event *ev, int n_ev)
{
	bool cancelled = false;
	int n = 0;

	for (int i = 0; i < n_ev; i++) {
		if ((ev[i].data.u64 & 7) == CHRDEV_CANCEL)
			cancelled = true;
		else
			n += handle_one(c, &ev[i]);
	}
	n += look(c);
	if (n || !cancelled)
		return n;
	event_fd_clear(c->cancel);
	return -EINTR;
}

static int work(struct chrdev *c, int timeout_ms)
{
	struct epoll_event ev[64];
	int n = epoll_wait(c->epoll, ev, 64, timeout_ms);

	return n < 0 ? -EINTR : handle(c, ev, n);
}

static int chrdev_dispatch(struct rpmsg_bus *bus, int timeout_ms)
{
	int64_t end = chrdev_now_ms() + timeout_ms, left = timeout_ms;
	int n;

	/* A wake-up may turn out to be none of the caller's business. */
	do {
		n = work(chrdev_of(bus), timeout_ms < 0 ? -1 : (int)left);
		left = end - chrdev_now_ms();
	} while (!n && (timeout_ms < 0 || left > 0));
	return n;
}

static int chrdev_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info)
{
	info->mtu_tx = info->mtu_rx = peek(&chrdev_of(bus)->mtu);
	info->own_only = true;
	info->fixed_dst = true;
	return 0;
}

/* ---- life ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void free_chrdev(struct chrdev *c)
{
	close_fd(c->epoll);
	close_fd(c->cancel);
	close_fd(c->wake);
	close_fd(c->nothing);
	close_fd(c->uevents);
	close_fd(c->timer);
	free(c->slots.item);
	free(c->buffer);
	free(c);
}

static void chrdev_close(struct rpmsg_bus *bus)
{
	struct chrdev *c = chrdev_of(bus);

	bus_stop(bus);
	chrdev_mirror_fini(c);
	bus_fini(bus);
	free_chrdev(c);
}

static const struct backend_ops chrdev_ops = {
	.bind = chrdev_bind,
	.unbind = chrdev_unbind,
	.send = chrdev_send,
	.mtu = chrdev_mtu,
	.poll = chrdev_poll,
	.reserve = chrdev_reserve,
	.submit = chrdev_submit,
	.discard = chrdev_discard,
	.hold = chrdev_hold,
	.dispatch = chrdev_dispatch,
	.fd = chrdev_fd,
	.channel_create = chrdev_channel_create,
	.channel_destroy = chrdev_channel_destroy,
	.info = chrdev_info,
	.for_each_channel = chrdev_for_each_channel,
	.no_destination = chrdev_no_destination,
	.cancel = chrdev_cancel,
	.close = chrdev_close,
};

static bool watch(struct chrdev *c, int fd, enum chrdev_kind kind)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = chrdev_tag(kind, 0) };

	return fd >= 0 && !epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static bool open_fds(struct chrdev *c)
{
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->uevents = chrdev_uevents_open(&c->uevents_timer);
	return c->epoll >= 0 && c->nothing >= 0 && watch(c, c->cancel, CHRDEV_CANCEL) &&
	       watch(c, c->wake, CHRDEV_WAKE) && watch(c, c->timer, CHRDEV_TIMER) &&
	       watch(c, c->uevents, CHRDEV_UEVENTS);
}

static struct chrdev *new_chrdev(const char *spec)
{
	struct chrdev *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	snprintf(c->spec, sizeof(c->spec), "%s", spec);
	TAILQ_INIT(&c->channels);
	c->backoff_ms = 1;
	c->epoll = c->cancel = c->wake = c->nothing = c->timer = c->uevents = -1;
	c->buffer = malloc(CHRDEV_BUFFER_SIZE);
	if (c->buffer && open_fds(c))
		return c;
	free_chrdev(c);
	return NULL;
}

static int check_spec(const char *spec, const struct rpmsg_bus_options *opt)
{
	struct chrdev_place place;
	int err;

	if (strlen(spec) >= CHRDEV_PATH_SIZE)
		return fail(ENAMETOOLONG, "a SPEC of %zu bytes", strlen(spec));
	if (opt && opt->side == RPMSG_SIDE_REMOTE)
		return fail(EOPNOTSUPP, "Linux is the host of its buses, never the remote side");
	err = chrdev_find(spec, &place);
	if (err)
		return err;
	return place.ctrl[0] ? chrdev_check_control(place.ctrl) : 0;
}

/* What records and tools call it: the SPEC's last part. */
static const char *name_of(const char *spec)
{
	const char *slash = strrchr(spec, '/');

	return slash ? slash + 1 : spec;
}

struct rpmsg_bus *chrdev_bus_open(const char *spec, const struct rpmsg_bus_options *opt)
{
	struct chrdev *c;
	int err = check_spec(spec, opt);

	if (err)
		return NULL;
	c = new_chrdev(spec);
	if (!c)
		return NULL;
	err = bus_init(&c->bus, &chrdev_ops, name_of(spec), RPMSG_SIDE_HOST, opt);
	if (err) {
		free_chrdev(c);
		errno = -err;
		return NULL;
	}
	bus_start(&c->bus);
	err = chrdev_sync(c);
	if (err >= 0)
		return &c->bus;
	chrdev_close(&c->bus);
	errno = -err;
	return NULL;
}
