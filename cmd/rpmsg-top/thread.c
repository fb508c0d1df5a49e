/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/thread.h"

#include <signal.h>
#include <time.h>

#include "common/run.h"

#define NS_PER_S INT64_C(1000000000)

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	static const int own[] = {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t all, old;
	int err;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

bool thread_end(pthread_t thread, int64_t deadline)
{
	int64_t ns = deadline - run_now();
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	ns = until.tv_nsec + (ns > 0 ? ns : 0);
	until.tv_sec += ns / NS_PER_S;
	until.tv_nsec = ns % NS_PER_S;
	if (!pthread_timedjoin_np(thread, NULL, &until))
		return true;
	pthread_detach(thread);
	return false;
}
