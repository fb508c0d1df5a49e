/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_bus CTRL: what the library says and does on a kernel's bus, whose other side echoes on
 * services rpmsg-raw and other and listens at 77. kernel_bus CTRL full: the same while that side
 * takes nothing. A line for each check; fails with the first that does not hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/chrdev.h"

static const char *ctrl;

static void check(bool ok, const char *what)
{
	printf("%s: %s\n", ok ? "ok" : "NOT OK", what);
	if (ok)
		return;
	printf("errno %d (%s), detail '%s'\n", errno, strerror(errno), rpmsg_error_detail());
	exit(1);
}

/* A refusal: its errno, and what it says. */
static void refused(int ret, int err, const char *words, const char *what)
{
	if (ret != -err || !strstr(rpmsg_error_detail(), words))
		printf("got %d\n", ret);
	check(ret == -err && strstr(rpmsg_error_detail(), words), what);
	printf("    %s\n", rpmsg_error_detail());
}

static int as_error(const void *p)
{
	return p ? 0 : -errno;
}

struct got {
	struct rpmsg_endpoint *ept;
	int n, len;
	uint32_t src;
	struct rpmsg_held *held;
	char text[600];
};

static int receive(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct got *g = priv;

	(void)rpdev;
	g->n++;
	g->len = len;
	g->src = src;
	memcpy(g->text, data, (size_t)len);
	if (g->held)
		return 0;
	g->held = g->ept ? rpmsg_rx_hold(g->ept, data) : NULL;
	return 0;
}

static struct rpmsg_bus *open_bus(int timeout_ms)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .send_timeout_ms = timeout_ms };
	struct rpmsg_bus *bus = rpmsg_bus_open(ctrl, &opt);

	check(bus, "the bus is there");
	check(!rpmsg_bus_wait_up(bus, 10000), "and up");
	return bus;
}

static bool await(struct rpmsg_bus *bus, struct got *g, int n)
{
	for (int i = 0; g->n < n && i < 1000; i++)
		rpmsg_bus_dispatch(bus, 10);
	return g->n == n;
}

static struct rpmsg_device *await_channel(struct rpmsg_bus *bus, const char *name)
{
	struct rpmsg_device *rpdev = NULL;

	for (int i = 0; !rpdev && i < 1000; i++) {
		rpdev = rpmsg_bus_find_channel(bus, name);
		if (!rpdev)
			rpmsg_bus_dispatch(bus, 10);
	}
	check(rpdev, name);
	return rpdev;
}

static struct rpmsg_endpoint *bind_to(struct rpmsg_bus *bus, struct got *g, uint32_t src,
				      uint32_t dst)
{
	struct rpmsg_channel_info info = { "", src, dst };

	return rpmsg_create_ept(rpmsg_bus_device(bus), receive, g, info);
}

/* ---- what can be sent ---- */

static void messages(struct rpmsg_bus *bus)
{
	struct rpmsg_device *rpdev = await_channel(bus, "other");
	struct got g = { 0 };
	struct rpmsg_endpoint *ept = rpmsg_channel_bind(rpdev, receive, &g);
	char big[497];
	size_t room;
	void *buf;

	check(ept && ept->addr >= 1024, "a channel without driver is bound");
	check(rpdev->src == ept->addr, "and has the endpoint's address");
	memset(big, 'b', sizeof(big));
	check(!rpmsg_send(ept, "hello", 5) && await(bus, &g, 1) && g.len == 5, "an echo");
	check(g.src == RPMSG_ADDR_ANY, "whose sender is not known");
	check(rpmsg_endpoint_dst(ept) == rpdev->dst, "nor learned");
	check(!rpmsg_send(ept, NULL, 0) && await(bus, &g, 2) && g.len == 0, "an empty message");
	check(rpmsg_get_mtu(ept) == 496, "the MTU is 496");
	check(!rpmsg_trysend(ept, big, 496) && await(bus, &g, 3) && g.len == 496, "a long one");
	refused(rpmsg_send(ept, big, 497), EMSGSIZE, "at most 496", "one too long");
	refused(rpmsg_sendto(ept, "x", 1, rpdev->dst + 1), EOPNOTSUPP, "made with", "to another");
	refused(rpmsg_trysend_offchannel(ept, 5, rpdev->dst, "x", 1), EOPNOTSUPP, "own address",
		"from another");
	check(!rpmsg_sendto(ept, "x", 1, rpdev->dst) && await(bus, &g, 4), "to its own");
	buf = rpmsg_tx_reserve(ept, &room, true);
	check(buf && room == 496, "a reserved buffer");
	memcpy(buf, "zero", 4);
	rpmsg_endpoint_set_in_place(ept, true);
	g.ept = ept;
	check(!rpmsg_tx_submit(ept, buf, 4, RPMSG_ADDR_ANY) && await(bus, &g, 5), "is sent");
	check(g.held && !memcmp(rpmsg_held_data(g.held), "zero", 4), "and its echo held");
	rpmsg_rx_release(g.held);
	refused(chrdev_set_incoming_flow(endpoint_of(ept), true), EOPNOTSUPP, "no flow control",
		"flow control");
	check(!((struct chrdev_endpoint *)endpoint_of(ept)->backend)->paused, "nobody pauses us");
	rpmsg_destroy_ept(ept);
}

/* ---- what can be bound ---- */

static void binding(struct rpmsg_bus *bus)
{
	struct rpmsg_bus *bus2 = open_bus(0);
	struct got g = { 0 };
	struct rpmsg_endpoint *ept, *more;
	char text[32];

	ept = rpmsg_channel_bind(await_channel(bus, "rpmsg-raw"), receive, &g);
	check(ept && !rpmsg_send(ept, "raw", 3) && await(bus, &g, 1), "rpmsg_char's is bound");
	more = rpmsg_channel_bind(await_channel(bus2, "rpmsg-raw"), receive, &g);
	snprintf(text, sizeof(text), "held by pid %d", (int)getpid());
	refused(as_error(more), EBUSY, text, "one opener");
	rpmsg_destroy_ept(ept);
	more = rpmsg_channel_bind(await_channel(bus2, "rpmsg-raw"), receive, &g);
	check(more, "and the next, when it is free");
	rpmsg_bus_close(bus2);
	ept = bind_to(bus, &g, 0x80000000, 77);
	refused(as_error(ept), EADDRNOTAVAIL, "0x80000000", "an address beyond the kernel's");
	ept = bind_to(bus, &g, 0x35, 77);
	refused(as_error(ept), EADDRINUSE, "rpmsg_ns", "the name service's");
	ept = bind_to(bus, &g, 900, 77);
	check(ept && ept->addr == 900, "a free address");
	more = bind_to(bus, &g, 900, 78);
	refused(as_error(more), EADDRINUSE, "bound already", "the same again");
	rpmsg_destroy_ept(ept);
	ept = bind_to(bus, &g, 0, RPMSG_ADDR_ANY);
	check(ept, "address 0, without destination");
	refused(rpmsg_send(ept, "x", 1), EINVAL, "keeps no sender", "which cannot send");
	refused(rpmsg_sendto(ept, "x", 1, 77), EOPNOTSUPP, "without a destination", "at all");
	rpmsg_destroy_ept(ept);
}

/* ---- an endpoint whose address nobody can see ---- */

static int open_invisible(const struct chrdev_place *place)
{
	struct chrdev_info info = { "invisible", RPMSG_ADDR_ANY, 77 };
	struct chrdev_list nodes;
	int fd = open(ctrl, O_RDWR | O_CLOEXEC), node = -1;

	check(fd >= 0 && !ioctl(fd, CHRDEV_CREATE_EPT, &info), "another program's endpoint");
	close(fd);
	check(!chrdev_scan_nodes(place, &nodes), "is listed");
	for (size_t i = 0; i < nodes.n; i++)
		if (!strcmp(nodes.item[i].info.name, "invisible"))
			node = chrdev_open_node(&nodes.item[i]);
	chrdev_list_free(&nodes);
	check(node >= 0, "and opened");
	return node;
}

static void left(const struct rpmsg_leftover *l, void *arg)
{
	(void)arg;
	printf("    left: %s %s %d\n", l->node, l->info.name, l->err);
}

static void invisible(struct rpmsg_bus *bus)
{
	struct chrdev_place place;
	struct got g = { 0 };
	struct rpmsg_endpoint *ept, *more;
	uint32_t addr;
	int fd;

	ept = bind_to(bus, &g, RPMSG_ADDR_ANY, 77);
	check(ept, "the lowest free address");
	addr = ept->addr;
	rpmsg_destroy_ept(ept);
	check(!chrdev_locate(strrchr(ctrl, '/') + 1, &place), "the bus's place");
	fd = open_invisible(&place);
	ept = bind_to(bus, &g, RPMSG_ADDR_ANY, 77);
	check(ept && ept->addr == addr + 1, "the next, if it turns out to be taken");
	more = bind_to(bus, &g, addr, 99);
	refused(as_error(more), EADDRINUSE, "bound already", "that one by its number");
	rpmsg_destroy_ept(ept);
	check(!ioctl(fd, CHRDEV_DESTROY_EPT), "the other program ends");
	close(fd);
	check(rpmsg_chrdev_gc(ctrl, RPMSG_GC_DRY_RUN, left, NULL) == 1, "what was in the way");
	check(rpmsg_chrdev_gc(ctrl, 0, NULL, NULL) == 1, "is cleared away");
	check(rpmsg_chrdev_gc(NULL, RPMSG_GC_ALL, left, NULL) == 0, "nothing is left");
}

/* ---- services ---- */

static void services(struct rpmsg_bus *bus)
{
	struct rpmsg_device *svc = rpmsg_service_create(bus, "kernel-test", RPMSG_ADDR_ANY, 0);
	struct got g = { 0 };
	struct rpmsg_endpoint *ept;

	check(svc && svc->src >= 1024, "a service of any name");
	check(rpmsg_bus_announced(bus), "is announced");
	refused(as_error(rpmsg_service_create(bus, "kernel-test", svc->src, 0)), EADDRINUSE,
		"kernel-test", "once only");
	refused(as_error(rpmsg_service_create(bus, "x", 0x80000000, 0)), EADDRNOTAVAIL, "Linux",
		"not at any address");
	ept = rpmsg_channel_bind(svc, receive, &g);
	check(ept && ept->addr == svc->src, "its endpoint has its address");
	refused(rpmsg_trysend(ept, "x", 1), EINVAL, "cannot send first", "and cannot send");
	rpmsg_destroy_ept(ept);
	check(!rpmsg_service_destroy(svc), "it is withdrawn");
	svc = rpmsg_service_create(bus, "rpmsg-tty", 600, 0);
	check(svc && svc->src == 600, "a service for a driver of the kernel");
	ept = rpmsg_channel_bind(svc, receive, &g);
	refused(as_error(ept), EBUSY, "rpmsg_tty", "is that driver's");
	check(!rpmsg_service_destroy(svc), "and withdrawn");
}

/* ---- the other side takes nothing ---- */

static void full(void)
{
	struct rpmsg_bus *bus = open_bus(200);
	struct got g = { 0 };
	struct rpmsg_endpoint *ept = bind_to(bus, &g, RPMSG_ADDR_ANY, 77);
	int err = 0, n = 0;

	check(ept && rpmsg_poll(ept) == POLLOUT, "an endpoint that may try");
	while (n < 100000 && !(err = rpmsg_trysend(ept, "fill", 4)))
		n++;
	refused(err, ENOMEM, "no transmit buffer", "the ring is full");
	check(rpmsg_poll(ept) == 0, "and there is nothing to be had");
	refused(rpmsg_send(ept, "wait", 4), ERESTARTSYS, "in time", "waiting ends");
	rpmsg_bus_cancel(bus);
	refused(rpmsg_send(ept, "wait", 4), EINTR, "cancelled", "or is cancelled");
	check(rpmsg_poll(ept) == 0, "still nothing");
	check(rpmsg_bus_dispatch(bus, 10000) > 0, "the clock says when to try again");
	check(rpmsg_poll(ept) == POLLOUT, "then");
	rpmsg_bus_close(bus);
}

/* ---- the firmware stops ---- */

static void restart(void)
{
	struct rpmsg_bus *bus = open_bus(0);
	struct got g = { 0 };
	struct rpmsg_endpoint *ept = bind_to(bus, &g, 500, 77);
	struct rpmsg_device *rpdev = await_channel(bus, "rpmsg-raw");
	struct rpmsg_endpoint *raw = rpmsg_channel_bind(rpdev, receive, &g);
	int err;

	check(ept && raw && !rpmsg_send(ept, "before", 6), "endpoints that work");
	puts("stop");
	fflush(stdout);
	while (!(err = rpmsg_send(raw, "x", 1)))
		poll(NULL, 0, 1);
	refused(err, EPIPE, "gone", "the endpoint's device goes");
	for (int i = 0; i < 1000 && !rpmsg_bus_wait_up(bus, 0); i++)
		rpmsg_bus_dispatch(bus, 10);
	refused(rpmsg_send(ept, "x", 1), EPIPE, "link of bus", "and the link");
	check(rpmsg_poll(ept) == POLLERR, "polling says so");
	puts("start");
	fflush(stdout);
	check(!rpmsg_bus_wait_up(bus, 10000), "it is up again");
	check(!rpmsg_send(ept, "after", 5), "with the endpoint that belongs to no channel");
	refused(rpmsg_send(raw, "x", 1), EPIPE, "channel is gone", "not with the one that did");
	rpmsg_bus_close(bus);
}

int main(int argc, char **argv)
{
	struct rpmsg_bus *bus;

	if (argc < 2)
		return 64;
	ctrl = argv[1];
	if (argc > 2 && !strcmp(argv[2], "full")) {
		full();
	} else if (argc > 2 && !strcmp(argv[2], "restart")) {
		restart();
	} else {
		bus = open_bus(0);
		messages(bus);
		binding(bus);
		invisible(bus);
		services(bus);
		rpmsg_bus_close(bus);
	}
	puts("all of it");
	return 0;
}
