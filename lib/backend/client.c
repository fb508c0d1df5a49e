/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus served by rpmsgd: its life in this process, and its dispatch. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/client.h"
#include "record/recording.h"

/* ---- dispatch ---- */

static int client_fd(struct rpmsg_bus *bus)
{
	return client_of(bus)->epoll;
}

static void client_cancel(struct rpmsg_bus *bus)
{
	uint64_t one = 1;
	ssize_t n = write(client_of(bus)->cancel, &one, sizeof(one));

	(void)n; /* full is readable too */
}

static void clear(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n; /* whoever was first has cleared it */
}

static void read_out(struct client *c, struct client_endpoint *e, uint32_t events)
{
	client_read_out(e);
	if (events & (EPOLLHUP | EPOLLERR))
		epoll_ctl(c->epoll, EPOLL_CTL_DEL, e->out, NULL);
}

static int handle_endpoint(struct client *c, const struct epoll_event *ev, int max)
{
	struct client_endpoint *e = client_endpoint_get(c, (unsigned)(ev->data.u64 >> 3));
	int n = 1;

	if (!e)
		return 0;
	if ((ev->data.u64 & 7) == CLIENT_OUT)
		read_out(c, e, ev->events);
	else
		n = client_receive(c, e, max);
	client_endpoint_put(e);
	return n;
}

static void handle_control(struct client *c)
{
	client_read_control(c);
	if (__atomic_load_n(&c->lost, __ATOMIC_ACQUIRE))
		epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->control, NULL);
}

/* Data first: events that concern a channel come after what was sent on it. */
static int handle(struct client *c, const struct epoll_event *ev, int n_ev, int max)
{
	bool cancelled = false;
	int n = client_deliver(c, max);

	for (int i = 0; i < n_ev; i++) {
		switch (ev[i].data.u64 & 7) {
		case CLIENT_CONTROL:
			handle_control(c);
			break;
		case CLIENT_WAKE:
			clear(c->wake);
			break;
		case CLIENT_CANCEL:
			cancelled = true;
			break;
		default:
			if (!c->from)
				n += handle_endpoint(c, &ev[i], max - n);
		}
	}
	n += client_apply_events(c);
	if (c->from)
		client_wake(c);
	if (n || !cancelled)
		return n;
	clear(c->cancel);
	return -EINTR;
}

static int work(struct client *c, int timeout_ms, int max)
{
	struct epoll_event ev[64];
	int n;

	n = epoll_wait(c->epoll, ev, 64, c->from ? 0 : timeout_ms);
	return n < 0 ? -EINTR : handle(c, ev, n, max);
}

static int64_t left_ms(int64_t deadline)
{
	int64_t left = deadline - client_now_ns();

	return left <= 0 ? 0 : left / 1000000 + 1;
}

static int client_dispatch(struct rpmsg_bus *bus, int timeout_ms)
{
	int64_t deadline = client_now_ns() + timeout_ms * INT64_C(1000000);
	int n;

	/* A wake-up may turn out to be none of the caller's business. */
	do
		n = work(client_of(bus), timeout_ms < 0 ? -1 : (int)left_ms(deadline), INT_MAX);
	while (!n && (timeout_ms < 0 || left_ms(deadline)));
	return n;
}

static int client_spin(struct rpmsg_bus *bus, int max)
{
	int n = dispatch_enter(bus);

	if (n)
		return n;
	n = work(client_of(bus), 0, max);
	dispatch_leave(bus);
	return n;
}

static struct rpmsg_recording *client_recording(struct rpmsg_bus *bus, bool history)
{
	struct proto_head req = { .op = PROTO_RECORD }, rep;
	const size_t size = sizeof(rep);
	int fds[2], err;

	err = client_call(client_of(bus), &req, sizeof(req), &rep, size, size, fds, 2);
	if (err) {
		errno = -err;
		return NULL;
	}
	return recording_from_fd(fds[0], fds[1], history);
}

/* ---- life ---- */

static void free_client(struct client *c)
{
	struct client_event *e;

	while ((e = STAILQ_FIRST(&c->events))) {
		STAILQ_REMOVE_HEAD(&c->events, link);
		free(e);
	}
	if (c->from)
		client_endpoint_put(c->from);
	if (c->control >= 0)
		close(c->control);
	if (c->cancel >= 0)
		close(c->cancel);
	if (c->wake >= 0)
		close(c->wake);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c->slots.item);
	free(c->packet);
	free(c->record);
	free(c);
}

static void client_close(struct rpmsg_bus *bus)
{
	bus_stop(bus);
	bus_fini(bus);
	free_client(client_of(bus));
}

static const struct backend_ops client_ops = {
	.bind = client_bind,
	.unbind = client_unbind,
	.send = client_send,
	.failed = client_failed,
	.mtu = client_mtu,
	.poll = client_poll,
	.reserve = client_reserve,
	.submit = client_submit,
	.discard = client_discard,
	.hold = client_hold,
	.dispatch = client_dispatch,
	.spin = client_spin,
	.fd = client_fd,
	.channel_create = client_channel_create,
	.channel_destroy = client_channel_destroy,
	.info = client_info,
	.stats = client_stats,
	.for_each_endpoint = client_for_each_endpoint,
	.tx_free = client_tx_free,
	.for_each_channel = client_for_each_channel,
	.announced = client_announced,
	.cancel = client_cancel,
	.recording = client_recording,
	.close = client_close,
};

static int watch(struct client *c, int fd, enum client_kind kind)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = client_tag(kind, 0) };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static struct client *new_client(void)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	STAILQ_INIT(&c->events);
	c->control = -1;
	c->uid = UINT32_MAX;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->packet = malloc(PROTO_PACKET_MAX);
	c->record = malloc(proto_record_max(UINT16_MAX));
	if (c->epoll >= 0 && c->cancel >= 0 && c->wake >= 0 && c->packet && c->record &&
	    !watch(c, c->cancel, CLIENT_CANCEL) && !watch(c, c->wake, CLIENT_WAKE))
		return c;
	free_client(c);
	return NULL;
}

static int say_hello(struct client *c, enum rpmsg_side side)
{
	struct proto_hello req = { .head.op = PROTO_HELLO, .magic = PROTO_MAGIC,
				   .version = PROTO_VERSION, .side = side };
	const size_t size = sizeof(c->info);
	int err;

	err = client_call(c, &req, sizeof(req), &c->info, size, size, NULL, 0);
	if (err)
		return err;
	/* The same, validated. */
	return client_ask_info(c);
}

struct rpmsg_bus *client_bus_open(const char *spec, const struct rpmsg_bus_options *opt)
{
	struct client *c = new_client();
	int err;

	if (!c)
		return NULL;
	err = client_connect(c, spec);
	if (!err)
		err = say_hello(c, opt ? opt->side : RPMSG_SIDE_DEFAULT);
	if (!err)
		err = watch(c, c->control, CLIENT_CONTROL);
	if (!err)
		err = bus_init(&c->bus, &client_ops, c->info.name,
			       (enum rpmsg_side)c->info.side, opt);
	if (err) {
		free_client(c);
		errno = -err;
		return NULL;
	}
	bus_start(&c->bus);
	err = client_sync(c);
	if (!err)
		return &c->bus;
	client_close(&c->bus);
	errno = -err;
	return NULL;
}
