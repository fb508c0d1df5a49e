/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoints BUS N: N endpoints on each side of BUS. The host's i-th, from 0 on, has address
 * 0x20000 + i and sends i % 9 + 1 messages of i % 100 bytes to the remote's i-th, 0x10000 + i.
 *
 * Prints "done" when all have come, and then keeps the endpoints until SIGTERM.
 */
#include <rpmsg.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REMOTE 0x10000U
#define HOST 0x20000U
#define SILENCE_MS 30000

static unsigned received; /* of the process that is the remote side */

static unsigned messages_of(unsigned i)
{
	return i % 9 + 1;
}

static int bytes_of(unsigned i)
{
	return (int)(i % 100);
}

static int receive(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	unsigned i = src - HOST;

	(void)rpdev, (void)data, (void)priv;
	if (len != bytes_of(i))
		errx(1, "%d bytes from 0x%x, not %d", len, src, bytes_of(i));
	received++;
	return 0;
}

static struct rpmsg_bus *open_side(const char *spec, enum rpmsg_side side)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = side };
	struct rpmsg_bus *bus = rpmsg_bus_open(spec, &opt);

	if (!bus)
		errx(1, "%s: %s", spec, rpmsg_error_detail());
	return bus;
}

static struct rpmsg_endpoint **bind_all(struct rpmsg_bus *bus, uint32_t first, unsigned n)
{
	struct rpmsg_endpoint **ept = calloc(n, sizeof(struct rpmsg_endpoint *));

	if (!ept)
		err(1, "calloc");
	for (unsigned i = 0; i < n; i++) {
		struct rpmsg_channel_info info = { .src = first + i, .dst = RPMSG_ADDR_ANY };

		ept[i] = rpmsg_create_ept(rpmsg_bus_device(bus), receive, NULL, info);
		if (!ept[i])
			errx(1, "endpoint %u: %s", i, rpmsg_error_detail());
	}
	return ept;
}

static void report(int fd)
{
	if (write(fd, "", 1) != 1)
		err(1, "write");
}

static void await(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		errx(1, "the other side has ended");
}

static void remote(const char *spec, unsigned n, int fd)
{
	struct rpmsg_bus *bus = open_side(spec, RPMSG_SIDE_REMOTE);
	unsigned all = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < n; i++)
		all += messages_of(i);
	bind_all(bus, REMOTE, n);
	report(fd);
	while (received < all)
		if (rpmsg_bus_dispatch(bus, SILENCE_MS) <= 0)
			errx(1, "%u messages of %u have come", received, all);
	report(fd);
	pause();
}

static void host(const char *spec, unsigned n)
{
	struct rpmsg_bus *bus = open_side(spec, RPMSG_SIDE_HOST);
	struct rpmsg_endpoint **ept = bind_all(bus, HOST, n);
	static const char data[100];

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < messages_of(i); k++) {
			int r = rpmsg_sendto(ept[i], data, bytes_of(i), REMOTE + i);

			if (r)
				errx(1, "endpoint %u: %s", i, rpmsg_strerror(r));
		}
}

static void raise_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		err(1, "getrlimit");
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

int main(int argc, char **argv)
{
	unsigned n;
	int fd[2];
	pid_t pid;

	if (argc != 3)
		errx(64, "usage: endpoints BUS N");
	n = (unsigned)strtoul(argv[2], NULL, 10);
	raise_limit();
	if (pipe(fd))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		remote(argv[1], n, fd[1]);
	close(fd[1]);
	await(fd[0]);
	host(argv[1], n);
	await(fd[0]);
	puts("done");
	fflush(stdout);
	pause();
	return 0;
}
