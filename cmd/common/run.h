/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running and ending: signals, a reader of stdout that goes away, deadlines.
 *
 * SIGINT, SIGTERM and SIGHUP (unless ignored) set a flag and end run_wait(); a second
 * one of the same kind kills. SIGPIPE and SIGXFSZ are ignored: writing fails. A tool leaves
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
/* From now on run_wait() also ends with -EINTR while fd is readable: look whether to stop. */
void run_watch_end(int fd);
/* In a child that is to run another program: signals are handled as before run_init(). */
void run_give_signals_back(void);

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
 * deadline (0), or the tool may have to stop (-EINTR: see run_signal()). Deadline 0 does not sleep,
 * NUMBER_FOREVER never comes. n is at most RUN_FDS_MAX; a negative fd is skipped.
 */
int run_wait(struct pollfd *fds, unsigned n, int64_t deadline);

/* Flushes stdout: code, or TOOL_FAIL with a message if that failed. */
enum tool_exit run_flush(enum tool_exit code);
/*
 * Flushes stdout, then ends as the shell should see it: re-raises the signal that came, else
 * returns code as run_flush() does.
 */
int run_finish(enum tool_exit code);

#endif
