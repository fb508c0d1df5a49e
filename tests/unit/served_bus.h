/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real rpmsgd, a child of the test, and its clients: "both" is a software bus, "one" the host
 * side of shm:far, whose remote side is the test's, so that it decides when anything is consumed.
 */
#ifndef TEST_SERVED_BUS_H
#define TEST_SERVED_BUS_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpmsgd/rpmsgd.h"

#ifndef STALL_MS
#define STALL_MS 15000
#endif
#define NUM 8
#define LONG_MS 10000

static char dir[] = "/tmp/rpmsg-client-test.XXXXXX";
static pid_t daemon_pid;

/* ---- the server ---- */

__attribute__((noreturn)) static inline void run_server(int ready)
{
	static struct served both = { .name = "both", .link = "loop:num=8" },
			     one = { .name = "one", .link = "shm:far,num=8" };

	server.opt = (struct options){ .record = true, .mode = -1, .idle_ms = -1,
				       .stall_ms = STALL_MS, .ready_fd = -1 };
	tool_set_verbosity(-1);
	STAILQ_INIT(&server.buses);
	STAILQ_INSERT_TAIL(&server.buses, &both, link_);
	STAILQ_INSERT_TAIL(&server.buses, &one, link_);
	if (server_start() || write(ready, "", 1) != 1)
		_exit(1);
	server_run();
	_exit(0);
}

static inline int start_server(void **state)
{
	int fds[2];
	char byte;

	(void)state;
	if (pipe(fds))
		return -1;
	daemon_pid = fork();
	if (daemon_pid == 0)
		run_server(fds[1]);
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		return -1;
	close(fds[0]);
	return 0;
}

static inline int end_server(void **state)
{
	int status;

	(void)state;
	if (daemon_pid <= 0)
		return 0;
	kill(daemon_pid, SIGTERM);
	if (waitpid(daemon_pid, &status, 0) != daemon_pid || status)
		return -1;
	daemon_pid = 0;
	return 0;
}

static inline int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || setenv("RPMSG_DIR", dir, 1))
		return -1;
	return unsetenv("RPMSG_RECORD");
}

/* Whatever is left behind makes this fail. */
static inline int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, end_server)

/* ---- what the tests are made of ---- */

static inline struct rpmsg_bus *open_timed(const char *spec, enum rpmsg_side side,
					    int send_timeout_ms)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = side,
					 .send_timeout_ms = send_timeout_ms };
	struct rpmsg_bus *bus = rpmsg_bus_open(spec, &opt);

	if (!bus)
		fail_msg("%s: %s", spec, rpmsg_error_detail());
	return bus;
}

static inline struct rpmsg_bus *open_bus(const char *spec, enum rpmsg_side side)
{
	return open_timed(spec, side, 0);
}

struct heard {
	unsigned n;
	char text[512];
	uint32_t src;
};

static inline int hear(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct heard *h = priv;

	(void)rpdev;
	h->n++;
	h->src = src;
	memcpy(h->text, data, (size_t)len);
	h->text[len] = '\0';
	return 0;
}

static inline struct rpmsg_endpoint *bind_addr(struct rpmsg_bus *bus, uint32_t src, uint32_t dst,
					       struct heard *h)
{
	struct rpmsg_channel_info info = { .src = src, .dst = dst };
	struct rpmsg_endpoint *ept;

	memset(h, 0, sizeof(*h));
	ept = rpmsg_create_ept(rpmsg_bus_device(bus), hear, h, info);
	if (!ept)
		fail_msg("bind 0x%x: %s", src, rpmsg_error_detail());
	return ept;
}

static inline int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Something comes; a wake-up for nothing is not it. */
static inline void step(struct rpmsg_bus *bus)
{
	int64_t end = now_ms() + LONG_MS;
	int n;

	do
		n = rpmsg_bus_dispatch(bus, LONG_MS);
	while (n == 0 && now_ms() < end);
	assert_true(n > 0);
}

static inline void dispatch_until_heard(struct rpmsg_bus *bus, const struct heard *h, unsigned n)
{
	while (h->n < n)
		step(bus);
	assert_int_equal(h->n, n);
}

static inline struct rpmsg_device *await_channel(struct rpmsg_bus *bus, const char *name)
{
	struct rpmsg_device *dev;

	while (!(dev = rpmsg_bus_find_channel(bus, name)))
		step(bus);
	return dev;
}

static inline void await_no_channel(struct rpmsg_bus *bus, const char *name)
{
	while (rpmsg_bus_find_channel(bus, name))
		step(bus);
}

static inline void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static inline bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

/* ---- a ring of "one" that nobody empties until the test does ---- */

struct ring {
	struct rpmsg_bus *host, *far;
	struct rpmsg_endpoint *ept;
	struct heard at_host, at_far;
};

static inline void ring_open(struct ring *r, int send_timeout_ms)
{
	r->host = open_timed("one", RPMSG_SIDE_HOST, send_timeout_ms);
	r->far = open_bus("shm:far", RPMSG_SIDE_REMOTE);
	assert_int_equal(rpmsg_bus_wait_up(r->far, LONG_MS), 0);
	assert_int_equal(rpmsg_bus_wait_up(r->host, LONG_MS), 0);
	bind_addr(r->far, 50, RPMSG_ADDR_ANY, &r->at_far);
	r->ept = bind_addr(r->host, RPMSG_ADDR_ANY, 50, &r->at_host);
}

static inline void ring_close(struct ring *r)
{
	rpmsg_bus_close(r->host);
	rpmsg_bus_close(r->far);
}

static inline void fill(struct ring *r)
{
	for (int i = 0; i < NUM; i++)
		assert_int_equal(rpmsg_trysend(r->ept, "x", 1), 0);
}

#endif
