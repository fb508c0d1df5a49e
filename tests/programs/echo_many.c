/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo_many BUS CLIENTS MESSAGES: CLIENTS clients on the remote side, each with a
 * service of its own that echoes, and one on the host side that talks to all of
 * them: MESSAGES to each, of which a few are under way at a time. Each answer is
 * checked; none may be missing.
 */
#include <rpmsg.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNDER_WAY 4

struct peer {
	struct rpmsg_bus *bus;
	struct rpmsg_endpoint *here, *there;
	char name[RPMSG_NAME_SIZE];
	unsigned sent, got;
	/* an echo that found no buffer */
	struct {
		uint8_t data[512];
		int len;
		uint32_t dst;
	} back[UNDER_WAY];
	unsigned n_back;
};

static struct peer *peers;
static unsigned n_peers, n_messages, n_bad;

__attribute__((noreturn))
static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rpmsg_error_detail());
	exit(1);
}

static int message(const struct peer *p, unsigned i, uint8_t *buf)
{
	int n = snprintf((char *)buf, 64, "%s message %u ", p->name, i);

	memset(buf + n, (int)(i & 0xff), i % 400);
	return n + (int)(i % 400);
}

static void send_back(struct peer *p)
{
	while (p->n_back) {
		int err = rpmsg_trysendto(p->there, p->back[0].data, p->back[0].len, p->back[0].dst);

		if (err == -ENOMEM)
			return;
		if (err)
			die("echo");
		memmove(&p->back[0], &p->back[1], sizeof(p->back[0]) * --p->n_back);
	}
}

static int echo(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct peer *p = priv;

	(void)rpdev;
	if (p->n_back == UNDER_WAY)
		die("more under way than sent");
	memcpy(p->back[p->n_back].data, data, (size_t)len);
	p->back[p->n_back].len = len;
	p->back[p->n_back++].dst = src;
	send_back(p);
	return 0;
}

static int answer(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	uint8_t want[512];
	struct peer *p = priv;

	(void)rpdev, (void)src;
	if (len != message(p, p->got, want) || memcmp(data, want, (size_t)len))
		n_bad++;
	p->got++;
	return 0;
}

static void open_peer(struct peer *p, const char *bus, unsigned i)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_REMOTE };
	struct rpmsg_device *dev;

	snprintf(p->name, sizeof(p->name), "echo-%u", i);
	p->bus = rpmsg_bus_open(bus, &opt);
	if (!p->bus)
		die("open");
	dev = rpmsg_service_create(p->bus, p->name, RPMSG_ADDR_ANY, 0);
	if (!dev)
		die("service");
	p->there = rpmsg_channel_bind(dev, echo, p);
	if (!p->there)
		die("bind");
}

static void bind_host(struct rpmsg_bus *host, struct peer *p)
{
	struct rpmsg_device *dev;

	while (!(dev = rpmsg_bus_find_channel(host, p->name)))
		if (rpmsg_bus_dispatch(host, 10000) <= 0)
			die("no announcement");
	p->here = rpmsg_channel_bind(dev, answer, p);
	if (!p->here)
		die("bind to service");
}

static void send_more(struct peer *p)
{
	uint8_t buf[512];

	while (p->sent < n_messages && p->sent - p->got < UNDER_WAY) {
		int err = rpmsg_trysend(p->here, buf, message(p, p->sent, buf));

		if (err == -ENOMEM) {
			rpmsg_poll(p->here);
			return;
		}
		if (err)
			die("send");
		p->sent++;
	}
}

static bool done(void)
{
	for (unsigned i = 0; i < n_peers; i++)
		if (peers[i].got < n_messages)
			return false;
	return true;
}

static void serve(struct rpmsg_bus *host, struct pollfd *fds)
{
	for (unsigned i = 0; i < n_peers; i++) {
		send_more(&peers[i]);
		if (peers[i].n_back && rpmsg_poll(peers[i].there) == POLLOUT)
			send_back(&peers[i]);
	}
	if (poll(fds, n_peers + 1, 20000) <= 0)
		die("nothing comes any more");
	for (unsigned i = 0; i < n_peers; i++)
		if (fds[i].revents)
			rpmsg_bus_dispatch(peers[i].bus, 0);
	if (fds[n_peers].revents)
		rpmsg_bus_dispatch(host, 0);
}

int main(int argc, char **argv)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_HOST };
	struct rpmsg_bus *host;
	struct pollfd *fds;

	if (argc != 4) {
		fprintf(stderr, "usage: echo_many BUS CLIENTS MESSAGES\n");
		return 64;
	}
	n_peers = (unsigned)strtoul(argv[2], NULL, 10);
	n_messages = (unsigned)strtoul(argv[3], NULL, 10);
	peers = calloc(n_peers, sizeof(*peers));
	fds = calloc(n_peers + 1, sizeof(*fds));
	host = rpmsg_bus_open(argv[1], &opt);
	if (!peers || !fds || !host)
		die("open");
	for (unsigned i = 0; i < n_peers; i++) {
		open_peer(&peers[i], argv[1], i);
		fds[i] = (struct pollfd){ .fd = rpmsg_bus_fd(peers[i].bus), .events = POLLIN };
	}
	fds[n_peers] = (struct pollfd){ .fd = rpmsg_bus_fd(host), .events = POLLIN };
	for (unsigned i = 0; i < n_peers; i++)
		bind_host(host, &peers[i]);
	puts("ready");
	fflush(stdout);
	while (!done())
		serve(host, fds);
	for (unsigned i = 0; i < n_peers; i++)
		rpmsg_bus_close(peers[i].bus);
	rpmsg_bus_close(host);
	free(peers);
	free(fds);
	printf("%u clients, %u bad\n", n_peers, n_bad);
	return n_bad != 0;
}
