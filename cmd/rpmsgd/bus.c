/* SPDX-License-Identifier: BSD-2-Clause */
/* A served bus: its place, its sides, those who come to its socket, its recorder's readers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpmsgd.h"

#define ACCEPTS_A_TURN 64

/* ---- connections ---- */

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without a descriptor for him the one who waits would keep us awake: he is sent away. */
static void send_away(struct served *b)
{
	int fd;

	if (b->spare_fd >= 0)
		close(b->spare_fd);
	/* cppcheck-suppress nullPointer ; accept4() allows it */
	fd = accept4(b->listen.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		tool_note("%s: a client was refused: %s", b->name, strerror(EMFILE));
		close(fd);
	}
	b->spare_fd = open_spare();
}

static void on_connect(struct watch *w, uint32_t events)
{
	struct served *b = watch_of(w, struct served, listen);

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		/* cppcheck-suppress nullPointer ; accept4() allows it */
		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			client_accept(b, fd);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno == EMFILE || errno == ENFILE)
			send_away(b);
		return;
	}
}

/* ---- the recorder and its readers ---- */

/*
 * A reader is told by 8 bytes on a socket, and told again once he has read them. A
 * socket, since of an eventfd he could take away O_NONBLOCK, and hold us up.
 */
struct subscriber {
	int fd;
	struct client *client;
	LIST_ENTRY(subscriber) link;
};

int subscriber_add(struct client *c, int fd)
{
	struct subscriber *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->client = c;
	c->n_subscribers++;
	LIST_INSERT_HEAD(&c->served->subscribers, s, link);
	return 0;
}

static void subscriber_drop(struct subscriber *s)
{
	s->client->n_subscribers--;
	LIST_REMOVE(s, link);
	close(s->fd);
	free(s);
}

void subscriber_drop_all(struct client *c)
{
	struct subscriber *s, *next;

	for (s = LIST_FIRST(&c->served->subscribers); s; s = next) {
		next = LIST_NEXT(s, link);
		if (s->client == c)
			subscriber_drop(s);
	}
}

static bool is_gone(const struct subscriber *s)
{
	struct pollfd p = { .fd = s->fd };

	return poll(&p, 1, 0) > 0;
}

void subscriber_drop_gone(struct client *c)
{
	struct subscriber *s, *next;

	for (s = LIST_FIRST(&c->served->subscribers); s; s = next) {
		next = LIST_NEXT(s, link);
		if (s->client == c && is_gone(s))
			subscriber_drop(s);
	}
}

static bool subscriber_tell(struct subscriber *s)
{
	uint64_t one = 1;
	int unread = 0;

	if (!ioctl(s->fd, SIOCOUTQ, &unread) && unread)
		return true;
	return send(s->fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 || errno == EAGAIN;
}

void bus_round(struct served *b)
{
	struct side *s = &b->side[b->side[0].bus ? 0 : 1];
	struct subscriber *sub, *next;
	uint64_t n;

	if (!b->record || !s->bus)
		return;
	n = rpmsg_bus_record_count(s->bus);
	if (n == b->recorded)
		return;
	b->recorded = n;
	for (sub = LIST_FIRST(&b->subscribers); sub; sub = next) {
		next = LIST_NEXT(sub, link);
		if (!subscriber_tell(sub))
			subscriber_drop(sub);
	}
}

/* One side sees every message once; what else happens is either's to tell. */
static int start_recorder(struct served *b)
{
	struct side *s = &b->side[b->side[0].bus ? 0 : 1], *other = side_other(s);

	if (!server.opt.record)
		return 0;
	b->record = strdup(place_record(b->place));
	if (!b->record)
		return -ENOMEM;
	if (!rpmsg_bus_record(s->bus, b->record, server.opt.record_size) &&
	    (!other || !rpmsg_bus_record_with(other->bus, s->bus)))
		return 0;
	tool_error("%s: cannot record: %s", b->name, rpmsg_error_detail());
	return -1;
}

/* ---- life ---- */

static int start_sides(struct served *b)
{
	for (int i = 0; i < 2; i++)
		if (b->side[i].bus && side_start(&b->side[i])) {
			tool_error("%s: %s", b->name, strerror(errno));
			return -1;
		}
	return 0;
}

int bus_serve(struct served *b)
{
	int fd;

	TAILQ_INIT(&b->clients);
	LIST_INIT(&b->subscribers);
	b->spare_fd = open_spare();
	b->listen.fd = -1;
	for (int i = 0; i < 2; i++) {
		b->side[i].served = b;
		b->side[i].watch.fd = -1;
	}
	b->place = place_take(b->name, b->link);
	if (!b->place || link_open(b) || start_recorder(b) || start_sides(b))
		return -1;
	fd = place_listen(b->place, &server.opt);
	if (fd < 0)
		return fd;
	if (!loop_add(&b->listen, fd, EPOLLIN, on_connect))
		return 0;
	close(fd);
	return -1;
}

void bus_end(struct served *b)
{
	struct client *c;

	if (!b->place)
		return; /* never began */
	while ((c = TAILQ_FIRST(&b->clients)))
		client_free(c);
	for (int i = 0; i < 2; i++)
		if (b->side[i].bus)
			side_end(&b->side[i]);
	if (b->listen.fd >= 0) {
		int fd = b->listen.fd;

		loop_remove(&b->listen);
		close(fd);
	}
	if (b->spare_fd >= 0)
		close(b->spare_fd);
	free(b->record);
	place_leave(b->place);
	b->place = NULL;
}
