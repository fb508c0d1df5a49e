/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running and ending: signals, a reader of stdout that goes away, deadlines.
 *
 * SIGINT, SIGTERM and SIGHUP (unless ignored) set a flag and end run_wait(); a second
 * one of the same kind kills. SIGPIPE is ignored: writing gives EPIPE. A tool leaves
 * its loop, finishes its output and returns run_finish() from main.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "errors.h"

#define RUN_FDS_MAX 64

/* Once, first thing in main after the options. Installs rpmsg_sigbus_install() too. 0 or -errno. */
int run_init(void);
/* From now on run_wait() also ends when nobody can read stdout any more. */
void run_watch_stdout(void);

/* True after a signal, or when stdout's reader is known to have gone. */
bool run_stopped(void);
/* The signal, SIGPIPE for a reader that has gone, or 0. */
int run_signal(void);
/* Tells that a write to stdout gave err: -EPIPE is remembered as SIGPIPE, others are ignored. */
void run_write_failed(int err);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t run_now(void);
/* now + ns, NUMBER_FOREVER if ns is that or it overflows. */
int64_t run_deadline(int64_t ns);

/*
 * Sleeps until one of n descriptors has what it is polled for (their count; revents set), the
 * deadline (0), or the tool has to stop (-EINTR: see run_signal()). Deadline 0 does not sleep,
 * NUMBER_FOREVER never comes. n is at most RUN_FDS_MAX; a negative fd is skipped.
 */
int run_wait(struct pollfd *fds, unsigned n, int64_t deadline);

/*
 * Flushes stdout, then ends as the shell should see it: re-raises the signal that came, else
 * returns code (TOOL_FAIL with a message if the flush failed).
 */
int run_finish(enum tool_exit code);

#endif
