/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <rpmsg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "number.h"

#define NS_PER_S INT64_C(1000000000)

static volatile sig_atomic_t caught;
static int wake_fd = -1;   /* an eventfd that a signal makes readable, for good */
static int stdout_fd = -1; /* polled for a reader that goes away */
static int end_fd = -1;    /* of run_watch_end() */

/* What is changed, and how it was. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ };
#define N_SIGNALS (sizeof(signals) / sizeof(*signals))
static struct sigaction given[N_SIGNALS];

static void on_signal(int sig)
{
	static const uint64_t one = 1;
	int err = errno;

	caught = sig;
	(void)!write(wake_fd, &one, sizeof(one));
	errno = err;
}

static int handle(int sig, struct sigaction *old)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	if (sig == SIGPIPE || sig == SIGXFSZ)
		act = (struct sigaction){ .sa_handler = SIG_IGN };
	if (sigaction(sig, NULL, old))
		return -errno;
	if (sig == SIGHUP && old->sa_handler == SIG_IGN)
		return 0;
	return sigaction(sig, &act, NULL) ? -errno : 0;
}

/*
 * A standard descriptor that the caller closed would be reused for a socket or a
 * ring. In its place comes one that refuses what it is not for.
 */
static int fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		/* cppcheck-suppress leakReturnValNotUsed */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return -errno;
	return 0;
}

int run_init(void)
{
	int err;

	err = fill_standard_fds();
	if (err)
		return err;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		err = handle(signals[i], &given[i]);
		if (err)
			return err;
	}
	return rpmsg_sigbus_install();
}

void run_give_signals_back(void)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaction(signals[i], &given[i], NULL);
}

void run_watch_stdout(void)
{
	struct stat st;

	if (!fstat(STDOUT_FILENO, &st) && !S_ISREG(st.st_mode))
		stdout_fd = STDOUT_FILENO;
}

void run_watch_end(int fd)
{
	end_fd = fd;
}

bool run_stopped(void)
{
	return caught != 0;
}

int run_signal(void)
{
	return caught;
}

void run_write_failed(int err)
{
	if (err == -EPIPE && !caught)
		caught = SIGPIPE;
}

int64_t run_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t run_deadline(int64_t ns)
{
	int64_t at;

	if (ns == NUMBER_FOREVER || __builtin_add_overflow(run_now(), ns, &at))
		return NUMBER_FOREVER;
	return at;
}

/* ppoll until the deadline; its return value. */
static int poll_until(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct timespec ts;
	int64_t left;

	if (deadline == NUMBER_FOREVER)
		return ppoll(fds, n, NULL, NULL);
	left = deadline ? deadline - run_now() : 0;
	if (left < 0)
		left = 0;
	ts = (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	return ppoll(fds, n, &ts, NULL);
}

int run_wait(struct pollfd *fds, unsigned n, int64_t deadline)
{
	struct pollfd all[RUN_FDS_MAX + 3];
	int ready;

	if (n > RUN_FDS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		all[i] = fds[i];
	all[n] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
	all[n + 1] = (struct pollfd){ .fd = stdout_fd };
	all[n + 2] = (struct pollfd){ .fd = end_fd, .events = POLLIN };
	do {
		if (run_stopped())
			return -EINTR;
		ready = poll_until(all, n + 3, deadline);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	if (all[n + 1].revents & (POLLERR | POLLHUP))
		run_write_failed(-EPIPE);
	if (run_stopped() || all[n + 2].revents)
		return -EINTR;
	for (unsigned i = 0; i < n; i++)
		fds[i].revents = all[i].revents;
	return ready;
}

enum tool_exit run_flush(enum tool_exit code)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	run_write_failed(-errno);
	if (run_stopped())
		return code;
	tool_error("standard output: %s", errno ? strerror(errno) : "write error");
	return TOOL_FAIL;
}

int run_finish(enum tool_exit code)
{
	code = run_flush(code);
	if (!run_stopped())
		return (int)code;
	signal(caught, SIG_DFL);
	raise(caught);
	return 128 + caught; /* it is blocked */
}
