/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * many_endpoints BUS SIDE N [ROUNDS]: N endpoints on the lowest free addresses of a side (host or
 * remote), a process for each thousand of them. With ROUNDS all are destroyed and made again so
 * often. Prints "ready" and keeps them until SIGTERM.
 */
#include <err.h>
#include <rpmsg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT_ENDPOINTS 1000U /* a client may not have many more */
#define CLIENTS_MAX 64U

static struct rpmsg_bus *bus;
static struct rpmsg_endpoint *ept[CLIENT_ENDPOINTS];

static int ignore(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

static void create(unsigned n)
{
	const struct rpmsg_channel_info info = { "", RPMSG_ADDR_ANY, RPMSG_ADDR_ANY };

	for (unsigned i = 0; i < n; i++) {
		ept[i] = rpmsg_create_ept(rpmsg_bus_device(bus), ignore, NULL, info);
		if (!ept[i])
			errx(1, "endpoint %u: %s", i, rpmsg_error_detail());
	}
}

static void destroy(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rpmsg_destroy_ept(ept[i]);
}

/* A client, until SIGTERM, which also its parent's end is. */
__attribute__((noreturn)) static void live(const char *spec, enum rpmsg_side side, unsigned n,
					   unsigned rounds, int ready)
{
	const struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = side };
	sigset_t end;
	int sig;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	bus = rpmsg_bus_open(spec, &opt);
	if (!bus)
		errx(1, "%s: %s", spec, rpmsg_error_detail());
	create(n);
	for (; rounds; rounds--) {
		destroy(n);
		create(n);
	}
	if (write(ready, "", 1) != 1)
		err(1, "write");
	close(ready);
	sigwait(&end, &sig);
	rpmsg_bus_close(bus);
	exit(0);
}

static pid_t start(const char *spec, enum rpmsg_side side, unsigned n, unsigned rounds,
		   const int ready[2])
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	close(ready[0]);
	live(spec, side, n, rounds, ready[1]);
}

int main(int argc, char **argv)
{
	enum rpmsg_side side;
	unsigned n, rounds, clients = 0;
	pid_t pid[CLIENTS_MAX];
	sigset_t set;
	int ready[2], sig;
	char byte;

	if (argc < 4)
		errx(64, "usage: many_endpoints BUS SIDE N [ROUNDS]");
	side = strcmp(argv[2], "remote") ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
	n = (unsigned)strtoul(argv[3], NULL, 10);
	rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pipe(ready))
		err(1, "pipe");
	for (unsigned part; n && clients < CLIENTS_MAX; n -= part) {
		part = n < CLIENT_ENDPOINTS ? n : CLIENT_ENDPOINTS;
		pid[clients++] = start(argv[1], side, part, rounds, ready);
	}
	close(ready[1]);
	for (unsigned i = 0; i < clients; i++)
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "a client has ended");
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	for (unsigned i = 0; i < clients; i++)
		kill(pid[i], SIGTERM);
	while (wait(NULL) > 0)
		continue;
	return 0;
}
