/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-listen ... -- CMD ARG...: CMD runs when nothing is missed any more, the recording
 * ends with it, and its exit status is ours.
 *
 * While it runs, signals are its matter. Those of the terminal go to both of us; one that
 * somebody sent to us alone is passed on. Either way CMD decides whether to end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run.h"
#include "rpmsg-listen/listen.h"

/* As the shell and env(1) have it. */
enum { CANNOT_RUN = 126, NOT_FOUND = 127 };

static const int passed[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
#define N_PASSED (sizeof(passed) / sizeof(*passed))

static pid_t child;  /* 0: not started */
static int child_fd; /* readable when a child of ours has ended */
static bool ended;   /* status is that of child */
static int status;
static struct sigaction before[N_PASSED];

static void pass_on(int sig, siginfo_t *info, void *context)
{
	int err = errno;

	(void)context;
	if (info->si_code <= 0) /* not from the kernel */
		kill(child, sig);
	errno = err;
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};

	for (size_t i = 0; i < N_PASSED; i++)
		if (!sigaction(passed[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
			sigaction(passed[i], &act, NULL);
}

static void release_signals(void)
{
	for (size_t i = 0; i < N_PASSED; i++)
		sigaction(passed[i], &before[i], NULL);
}

/* The tools that CMD runs use the bus that is recorded, unless told otherwise. */
static void name_bus(const struct config *cfg)
{
	const char *env = getenv("RPMSG_BUS");

	if ((!env || !*env) && !cfg->kernel && cfg->tool.n_bus == 1 &&
	    strcmp(cfg->tool.bus[0], "all") != 0)
		setenv("RPMSG_BUS", cfg->tool.bus[0], 1);
}

__attribute__((noreturn))
static void become(const struct config *cfg, const sigset_t *mask, const struct sigaction *chld)
{
	int err;

	run_give_signals_back();
	sigaction(SIGCHLD, chld, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	name_bus(cfg);
	execvp(cfg->command[0], cfg->command);
	err = errno;
	tool_error("%s: %s", cfg->command[0], strerror(err));
	_exit(err == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

/* With all of these signals blocked, so that none comes to the wrong one of us. */
static int start(const struct config *cfg, const sigset_t *mask)
{
	struct sigaction old, act = {.sa_handler = SIG_DFL};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	child_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child_fd < 0)
		return -errno;
	sigaction(SIGCHLD, &act, &old); /* where it is ignored there is no status */
	child = fork();
	if (!child)
		become(cfg, mask, &old);
	if (child > 0)
		return 0;
	child = 0;
	return -errno;
}

static void command_start(struct listen *l)
{
	sigset_t block, mask;
	int err;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	for (size_t i = 0; i < N_PASSED; i++)
		sigaddset(&block, passed[i]);
	sigprocmask(SIG_BLOCK, &block, &mask);
	err = start(l->cfg, &mask);
	if (err) {
		tool_error("%s: %s", l->cfg->command[0], strerror(-err));
		sink_stop(l, TOOL_FAIL);
	} else {
		catch_signals();
		run_watch_end(child_fd);
	}
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

void listen_ready(struct listen *l, const char *text)
{
	ready_tell(&l->ready, text);
	if (l->cfg->command && !child && !sink_stopped(l))
		command_start(l);
}

/* It is still a zombie when its signals are ours again: no other process has its number. */
static bool reap(int options)
{
	siginfo_t info = {0};
	int err;

	do
		err = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | options);
	while (err && errno == EINTR);
	if (!err && !info.si_pid)
		return false;
	release_signals();
	waitpid(child, &status, 0);
	ended = true;
	return true;
}

bool command_ended(void)
{
	struct signalfd_siginfo info;
	bool any = false;

	if (!child || ended)
		return ended;
	while (read(child_fd, &info, sizeof(info)) > 0)
		any = true;
	return any && reap(WNOHANG);
}

/* No core of ours: CMD's is there, if it is wanted. */
static int end_by(int sig)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	raise(sig);
	return 128 + sig; /* it is blocked */
}

int command_finish(const struct listen *l, enum tool_exit code)
{
	const char *name = l->cfg->command[0];

	if (!child) {
		tool_error("%s was not run", name);
		return run_finish(code != TOOL_OK ? code : TOOL_FAIL);
	}
	if (!ended)
		reap(0);
	code = run_flush(code);
	if (WIFSIGNALED(status))
		return end_by(WTERMSIG(status));
	if (WEXITSTATUS(status))
		return WEXITSTATUS(status);
	if (code != TOOL_OK || run_stopped())
		tool_note("%s: exit status 0", name);
	return run_finish(code);
}
