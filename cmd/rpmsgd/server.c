/* SPDX-License-Identifier: BSD-2-Clause */
/* The round of the loop: what is ready, then what came of it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "rpmsgd.h"

struct server server;

static struct watch signals = { .fd = -1 };

static void on_signal(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	if (read(w->fd, &si, sizeof(si)) == sizeof(si))
		server.signal = (int)si.ssi_signo;
}

static int watch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : loop_add(&signals, fd, EPOLLIN, on_signal);
}

/* An endpoint takes two descriptors, a client one. */
static void raise_fd_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur == rl.rlim_max)
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static int start_buses(void)
{
	struct served *b;

	STAILQ_FOREACH(b, &server.buses, link_)
		if (bus_serve(b))
			return -1;
	return 0;
}

static void end_buses(void)
{
	struct served *b;

	STAILQ_FOREACH(b, &server.buses, link_)
		bus_end(b);
}

int server_start(void)
{
	int err;

	TAILQ_INIT(&server.dirty);
	TAILQ_INIT(&server.blocked);
	raise_fd_limit();
	err = loop_init();
	if (!err)
		err = watch_signals();
	if (!err)
		err = rpmsg_sigbus_install();
	if (err) {
		tool_error("cannot start: %s", strerror(-err));
		return err;
	}
	server.idle_since = loop_now();
	err = start_buses();
	if (err)
		end_buses();
	return err;
}

/* Closing a client may be news to others, who may turn out to be lost. */
static void finish_round(void)
{
	struct served *b;
	bool again;

	do {
		again = false;
		inbox_flush_all();
		STAILQ_FOREACH(b, &server.buses, link_)
			again |= client_bury(b);
	} while (again);
	STAILQ_FOREACH(b, &server.buses, link_)
		bus_round(b);
	inbox_trim();
}

static bool idle_too_long(int *timeout)
{
	int64_t left;

	if (server.opt.idle_ms < 0)
		return false;
	if (server.n_clients) {
		server.idle_since = loop_now();
		return false;
	}
	left = server.idle_since + server.opt.idle_ms - loop_now();
	if (left <= 0)
		return true;
	if (*timeout < 0 || left < *timeout)
		*timeout = left < 3600000 ? (int)left : 3600000;
	return false;
}

void server_run(void)
{
	for (;;) {
		int timeout = inbox_look_after();

		finish_round();
		if (server.signal || idle_too_long(&timeout))
			break;
		loop_turn(timeout);
		finish_round();
	}
	end_buses();
}
