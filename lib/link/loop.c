/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ends of a shm link in one process: the same memory and notifications,
 * over a socket pair instead of a rendezvous. The handshake is done at open.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/shm.h"

struct loop_end {
	struct shm_end end; /* first */
	int news_fd;        /* readable: LINK_UP is to be told; -1: it was */
};

static struct loop_end *loop_end_of(struct link *link)
{
	return container_of(link, struct loop_end, end.link);
}

static enum link_change loop_control(struct link *link)
{
	struct loop_end *le = loop_end_of(link);
	enum link_change change = LINK_SAME;

	if (le->news_fd >= 0) {
		epoll_ctl(link->control_fd, EPOLL_CTL_DEL, le->news_fd, NULL);
		close(le->news_fd);
		le->news_fd = -1;
		return LINK_UP;
	}
	if (le->end.state == SHM_UP)
		change = shm_end_step(&le->end);
	else if (le->end.state == SHM_ENDED)
		shm_end_clear(&le->end);
	return change;
}

static void loop_close(struct link *link)
{
	struct loop_end *le = loop_end_of(link);

	if (le->news_fd >= 0)
		close(le->news_fd);
	shm_end_fini(&le->end);
	if (link->loop && !__atomic_sub_fetch(&link->loop->refs, 1, __ATOMIC_ACQ_REL))
		free(link->loop);
	free(le);
}

static const struct link_ops loop_ops = {
	.control = loop_control,
	.notify = shm_end_notify,
	.reset = shm_end_reset,
	.close = loop_close,
};

static struct loop_end *loop_end_new(enum rpmsg_side side, const struct link_options *opt,
				     struct rpmsg_log *log)
{
	struct loop_end *le = calloc(1, sizeof(*le));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!le)
		return NULL;
	le->news_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shm_end_init(&le->end, &loop_ops, side, "loop", opt, log) || le->news_fd < 0 ||
	    epoll_ctl(le->end.link.control_fd, EPOLL_CTL_ADD, le->news_fd, &ev)) {
		loop_close(&le->end.link);
		return NULL;
	}
	return le;
}

static int handshake(struct shm_end *host, struct shm_end *remote)
{
	int sv[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv))
		return -errno;
	ret = shm_end_start(remote, sv[1]);
	if (ret) {
		close(sv[0]);
		return ret;
	}
	ret = shm_end_start(host, sv[0]);
	if (ret)
		return ret;
	shm_end_step(remote);
	if (shm_end_step(host) == LINK_UP && shm_end_step(remote) == LINK_UP)
		return 0;
	return -EPROTO;
}

static int share(struct link *host, struct link *remote)
{
	struct link_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->refs = 2;
	host->loop = loop;
	remote->loop = loop;
	return 0;
}

int link_loop_open(struct link *pair[2], const struct link_options *opt, struct rpmsg_log *log)
{
	struct loop_end *host, *remote = NULL;
	int ret;

	if (!shm_geometry_valid(opt->num, opt->buffer_size))
		return fail(EINVAL, "loop: num=%u, size=%u: " SHM_GEOMETRY, opt->num,
			    opt->buffer_size);
	host = loop_end_new(RPMSG_SIDE_HOST, opt, log);
	if (host)
		remote = loop_end_new(RPMSG_SIDE_REMOTE, opt, log);
	ret = remote ? handshake(&host->end, &remote->end) : -errno;
	if (!ret)
		ret = share(&host->end.link, &remote->end.link);
	if (ret)
		goto close;
	pair[0] = &host->end.link;
	pair[1] = &remote->end.link;
	return 0;
close:
	if (remote)
		loop_close(&remote->end.link);
	if (host)
		loop_close(&host->end.link);
	return fail(-ret, "loop: %s", strerror(-ret));
}
