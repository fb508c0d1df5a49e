/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of sources. */
#ifndef RPMSG_TOP_THREAD_H
#define RPMSG_TOP_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Signals are the caller's, but for those that the thread itself causes. 0 or -errno. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);
/* Waits for its end until deadline (see run.h). False: it is left, and what it uses has to stay. */
bool thread_end(pthread_t thread, int64_t deadline);

#endif
