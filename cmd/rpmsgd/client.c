/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's connection: its packets, and its end. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpmsgd.h"

#define REQUESTS_A_TURN 16
#define EVENT_BYTES_MAX 65536U /* queued, a reply among them; then the client asks for the whole */

struct packet {
	STAILQ_ENTRY(packet) link;
	size_t len;
	unsigned n_fds;
	int fds[2];
	uint8_t data[];
};

static unsigned n_doomed;

void client_doom(struct client *c, const char *why)
{
	if (c->doomed)
		return;
	c->doomed = why ? why : "";
	n_doomed++;
}

/* ---- what it is sent ---- */

static void close_fds(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* 0, -EAGAIN, or another -errno. */
static int transmit(struct client *c, const void *data, size_t len, const int *fds, unsigned n_fds)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	return sendmsg(c->control.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int enqueue(struct client *c, const void *data, size_t len, const int *fds, unsigned n_fds)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (!p)
		return -ENOMEM;
	p->len = len;
	p->n_fds = n_fds;
	for (unsigned i = 0; i < n_fds; i++)
		p->fds[i] = fds[i];
	memcpy(p->data, data, len);
	STAILQ_INSERT_TAIL(&c->packets, p, link);
	c->queued += len;
	loop_change(&c->control, EPOLLOUT);
	return 0;
}

void client_packet(struct client *c, const void *data, size_t len, const int *fds, unsigned n_fds)
{
	int err = -EAGAIN;

	if (c->doomed)
		err = -EPIPE;
	else if (STAILQ_EMPTY(&c->packets))
		err = transmit(c, data, len, fds, n_fds);
	if (err == -EAGAIN && !enqueue(c, data, len, fds, n_fds))
		return;
	close_fds(fds, n_fds);
	if (err == -EPIPE || err == -ECONNRESET)
		client_doom(c, NULL);
	else if (err)
		client_doom(c, "cannot be sent a reply");
}

void client_event(struct client *c, const struct proto_event *ev)
{
	if (c->queued + sizeof(*ev) > EVENT_BYTES_MAX)
		c->resync = true;
	if (!c->resync)
		client_packet(c, ev, sizeof(*ev), NULL, 0);
}

static void flush(struct client *c)
{
	struct proto_head resync = { .op = PROTO_RESYNC, .size = sizeof(resync) };
	struct packet *p;
	int err;

	while ((p = STAILQ_FIRST(&c->packets))) {
		err = transmit(c, p->data, p->len, p->fds, p->n_fds);
		if (err == -EAGAIN)
			return;
		if (err)
			client_doom(c, NULL);
		STAILQ_REMOVE_HEAD(&c->packets, link);
		c->queued -= p->len;
		close_fds(p->fds, p->n_fds);
		free(p);
	}
	loop_change(&c->control, EPOLLIN);
	if (!c->resync)
		return;
	c->resync = false;
	client_packet(c, &resync, sizeof(resync), NULL, 0);
}

/* ---- what it says ---- */

static void read_requests(struct client *c)
{
	_Alignas(8) uint8_t buf[REQUEST_MAX];

	/* The next request is read when the last reply is on its way. */
	for (int i = 0; i < REQUESTS_A_TURN && STAILQ_EMPTY(&c->packets) && !c->doomed; i++) {
		ssize_t n = recv(c->control.fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			client_doom(c, NULL);
		else if ((size_t)n > sizeof(buf))
			client_doom(c, "a request is too long");
		else
			control_request(c, buf, (size_t)n);
	}
}

static void on_ready(struct watch *w, uint32_t events)
{
	struct client *c = watch_of(w, struct client, control);

	if (events & EPOLLOUT)
		flush(c);
	if (events & EPOLLIN)
		read_requests(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_doom(c, NULL);
}

/* ---- life ---- */

void client_accept(struct served *b, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->served = b;
	TAILQ_INIT(&c->eps);
	TAILQ_INIT(&c->chans);
	STAILQ_INIT(&c->packets);
	c->admitted = policy_admit(fd, c);
	if (loop_add(&c->control, fd, EPOLLIN, on_ready)) {
		close(fd);
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&b->clients, c, link);
	server.n_clients++;
	tool_verbose("%s: client pid %d (%s)", b->name, (int)c->pid, c->command);
}

static void free_packets(struct client *c)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&c->packets))) {
		STAILQ_REMOVE_HEAD(&c->packets, link);
		close_fds(p->fds, p->n_fds);
		free(p);
	}
}

void client_free(struct client *c)
{
	int fd = c->control.fd;
	struct chan *ch;
	struct ep *e;

	if (c->doomed)
		n_doomed--;
	else
		c->doomed = "";
	if (*c->doomed)
		tool_note("%s: client pid %d (%s) closed: %s", c->served->name, (int)c->pid,
			  c->command, c->doomed);
	TAILQ_REMOVE(&c->served->clients, c, link);
	server.n_clients--;
	loop_remove(&c->control);
	while ((e = TAILQ_FIRST(&c->eps)))
		ep_free(e);
	while ((ch = TAILQ_FIRST(&c->chans))) {
		chan_disown(ch);
		control_destroy(ch);
	}
	subscriber_drop_all(c);
	free_packets(c);
	close(fd);
	free(c);
}

bool client_bury(struct served *b)
{
	struct client *c, *next;
	bool any = false;

	if (!n_doomed)
		return false;
	for (c = TAILQ_FIRST(&b->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->doomed)
			continue;
		client_free(c);
		any = true;
	}
	return any;
}

static bool hung_up(const struct client *c)
{
	struct pollfd p = { .fd = c->control.fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
}

bool client_reap(struct served *b, const struct client *but)
{
	struct client *c, *next;
	bool any = false;

	for (c = TAILQ_FIRST(&b->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c == but || !hung_up(c))
			continue;
		client_free(c);
		any = true;
	}
	return any;
}
