/* SPDX-License-Identifier: BSD-2-Clause */
/* An endpoint of a client: two pairs of sockets and a place on the bus. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpmsgd.h"

#define SOCKET_BYTES (208 << 10)

void ep_who(const struct client *c, char *text, size_t size)
{
	snprintf(text, size, "pid %d (%s)", (int)c->pid, c->command);
}

struct ep *ep_new(struct client *c)
{
	struct ep *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->client = c;
	e->side = c->side;
	e->id = ++c->next_ep;
	e->number = ++c->side->last_ep;
	e->out.fd = -1;
	e->in.fd = -1;
	e->out_fd = -1;
	e->in_fd = -1;
	inbox_init(e);
	TAILQ_INSERT_TAIL(&c->eps, e, of_client);
	TAILQ_INSERT_TAIL(&c->side->eps, e, of_side);
	c->n_eps++;
	c->side->n_eps++;
	return e;
}

static int pair(struct watch *w, void (*ready)(struct watch *, uint32_t), int *theirs)
{
	int size = SOCKET_BYTES, fds[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	err = loop_add(w, fds[0], EPOLLIN, ready);
	if (err) {
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	*theirs = fds[1];
	return 0;
}

int ep_connect(struct ep *e, int fds[2])
{
	int err = pair(&e->out, outbox_ready, &fds[0]);

	if (err)
		return err;
	e->out_fd = e->out.fd;
	err = pair(&e->in, inbox_ready, &fds[1]);
	e->in_fd = e->in.fd;
	if (err)
		close(fds[0]);
	return err;
}

void ep_channel_gone(struct ep *e)
{
	e->gone = true;
	e->chan = NULL;
	credit_void(e);
	outbox_state(e);
	inbox_end(e);
}

void ep_free(struct ep *e)
{
	struct client *c = e->client;

	if (e->out_fd >= 0)
		outbox_drain(e);
	loop_remove(&e->out);
	loop_remove(&e->in);
	if (e->side->next_page == e)
		e->side->next_page = TAILQ_NEXT(e, of_side);
	TAILQ_REMOVE(&c->eps, e, of_client);
	TAILQ_REMOVE(&e->side->eps, e, of_side);
	c->n_eps--;
	e->side->n_eps--;
	inbox_fini(e);
	outbox_fini(e);
	if (e->out_fd >= 0)
		close(e->out_fd);
	if (e->in_fd >= 0)
		close(e->in_fd);
	free(e);
}
