/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

enum { FATAL, ENDING, ASKING };

static const struct {
	int sig, kind;
} handled[] = {
	{SIGSEGV, FATAL},  {SIGABRT, FATAL},  {SIGBUS, FATAL},   {SIGFPE, FATAL},
	{SIGILL, FATAL},   {SIGSYS, FATAL},   {SIGTRAP, FATAL},  {SIGQUIT, FATAL},
	{SIGUSR1, FATAL},  {SIGUSR2, FATAL},  {SIGALRM, FATAL},  {SIGXCPU, FATAL},
	{SIGINT, ENDING},  {SIGTERM, ENDING}, {SIGHUP, ENDING},  {SIGWINCH, ASKING},
	{SIGTSTP, ASKING}, {SIGCONT, ASKING},
};
static struct sigaction given[COUNT(handled)];

static struct signals_undo undo;
static volatile sig_atomic_t armed;
static volatile sig_atomic_t ended;
static volatile sig_atomic_t asked[3]; /* resize, stop, continue */
static int wake_fd = -1;
static void *alternate_stack; /* so that a stack that overflows gives the terminal back, too */

bool signals_in_background(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group >= 0 && group != getpgrp();
}

/* Whoever has the terminal now has set modes of its own, and to set ours would stop us. */
static void give_back(void)
{
	if (!armed)
		return;
	armed = 0;
	if (!signals_in_background(undo.fd))
		tcsetattr(undo.fd, TCSANOW, &undo.modes);
	(void)!write(undo.fd, undo.bytes, undo.len);
	if (undo.stderr_fd >= 0)
		dup2(undo.stderr_fd, STDERR_FILENO);
}

static struct sigaction *given_to(int sig)
{
	for (size_t i = 0; i < COUNT(handled); i++)
		if (handled[i].sig == sig)
			return &given[i];
	return NULL;
}

/*
 * The library turns a fault in memory that was truncated into "link down" and comes back;
 * where it does not it has put the default action in place.
 */
static bool bus_error_survived(siginfo_t *info, void *context)
{
	const struct sigaction *theirs = given_to(SIGBUS);
	struct sigaction now;

	if (info->si_code <= 0 || !(theirs->sa_flags & SA_SIGINFO))
		return false;
	theirs->sa_sigaction(SIGBUS, info, context);
	return !sigaction(SIGBUS, NULL, &now) && now.sa_handler != SIG_DFL;
}

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL;
}

/* A fault that is no signal of somebody's happens again on return, and then as if nobody cared. */
static void on_fatal(int sig, siginfo_t *info, void *context)
{
	int err = errno;

	if (sig == SIGBUS && bus_error_survived(info, context)) {
		errno = err;
		return;
	}
	give_back();
	sigaction(sig, given_to(sig), NULL);
	if (info->si_code <= 0 || !is_fault(sig))
		raise(sig);
	errno = err;
}

static void on_ending(int sig)
{
	const struct sigaction *theirs = given_to(sig);

	if (!ended && theirs->sa_handler != SIG_DFL) {
		ended = 1;
		theirs->sa_handler(sig);
		return;
	}
	signal(sig, SIG_DFL); /* first: the terminal may take nothing any more */
	give_back();
	raise(sig);
}

static void on_asking(int sig)
{
	static const uint64_t one = 1;
	int err = errno;

	asked[sig == SIGWINCH ? 0 : sig == SIGTSTP ? 1 : 2] = 1;
	(void)!write(wake_fd, &one, sizeof(one));
	errno = err;
}

static int handle(size_t i)
{
	struct sigaction act = {.sa_flags = SA_ONSTACK | SA_RESTART};

	if (handled[i].kind == FATAL) {
		act.sa_sigaction = on_fatal;
		act.sa_flags |= SA_SIGINFO;
	} else if (handled[i].kind == ENDING) {
		act.sa_handler = on_ending;
		act.sa_flags |= SA_NODEFER;
	} else {
		act.sa_handler = on_asking;
	}
	if (sigaction(handled[i].sig, NULL, &given[i]))
		return -errno;
	if (given[i].sa_handler == SIG_IGN && !is_fault(handled[i].sig))
		return 0;
	return sigaction(handled[i].sig, &act, NULL) ? -errno : 0;
}

static int set_alternate_stack(void)
{
	stack_t stack = {.ss_size = 64 * 1024}, now;

	if (!sigaltstack(NULL, &now) && !(now.ss_flags & SS_DISABLE))
		return 0;
	stack.ss_sp = alternate_stack = malloc(stack.ss_size);
	if (!stack.ss_sp)
		return -ENOMEM;
	return sigaltstack(&stack, NULL) ? -errno : 0;
}

int signals_install(void)
{
	int err = set_alternate_stack();

	if (err)
		return err;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	for (size_t i = 0; !err && i < COUNT(handled); i++)
		err = handle(i);
	return err;
}

void signals_remove(void)
{
	stack_t none = {.ss_flags = SS_DISABLE};

	for (size_t i = 0; i < COUNT(handled); i++)
		if (handled[i].kind != ENDING || !ended)
			sigaction(handled[i].sig, &given[i], NULL);
	if (alternate_stack)
		sigaltstack(&none, NULL);
	free(alternate_stack);
	alternate_stack = NULL;
	close(wake_fd);
	wake_fd = -1;
}

int signals_fd(void)
{
	return wake_fd;
}

unsigned signals_take(void)
{
	unsigned taken = 0;
	uint64_t count;

	(void)!read(wake_fd, &count, sizeof(count));
	for (unsigned i = 0; i < COUNT(asked); i++) {
		if (asked[i])
			taken |= 1U << i;
		asked[i] = 0;
	}
	return taken;
}

void signals_arm(const struct signals_undo *how)
{
	armed = 0;
	if (!how)
		return;
	undo = *how;
	armed = 1;
}

void signals_stop_self(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, mine;

	sigaction(SIGTSTP, &dfl, &mine);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &mine, NULL);
}
