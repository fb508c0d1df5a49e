/* SPDX-License-Identifier: BSD-2-Clause */
/* The epoll loop. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "rpmsgd.h"

#define BATCH 64

static int epoll_fd = -1;
static struct epoll_event found[BATCH]; /* by this turn */
static int n_found;
static uint64_t now_ns;

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int loop_init(void)
{
	now_ns = clock_ns();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -errno : 0;
}

int loop_add(struct watch *w, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t))
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	w->fd = fd;
	w->events = events;
	w->ready = ready;
	return 0;
}

void loop_change(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->fd < 0 || w->events == events)
		return;
	w->events = events;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_remove(struct watch *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	for (int i = 0; i < n_found; i++)
		if (found[i].data.ptr == w)
			found[i].data.ptr = NULL;
}

void loop_turn(int timeout_ms)
{
	n_found = epoll_wait(epoll_fd, found, BATCH, timeout_ms);
	now_ns = clock_ns();
	for (int i = 0; i < n_found; i++) {
		struct watch *w = found[i].data.ptr;

		if (w)
			w->ready(w, found[i].events);
	}
	n_found = 0;
}

int64_t loop_now(void)
{
	return (int64_t)(now_ns / 1000000);
}

uint64_t loop_now_ns(void)
{
	return now_ns;
}
