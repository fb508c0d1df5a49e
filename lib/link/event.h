/* SPDX-License-Identifier: BSD-2-Clause */
/* Eventfds that another process gave us: looked at before they are trusted. */
#ifndef RPMSG_EVENT_H
#define RPMSG_EVENT_H

#include <stdbool.h>

/* Whether fd is an eventfd: another kind could block us, or raise SIGPIPE. */
bool event_fd_valid(int fd);
/* Makes reads and writes of it return at once, for all who have it; 0 or -errno. */
int event_fd_unblock(int fd);
/* Makes it readable. Any thread, any signal handler. */
void event_fd_signal(int fd);
/* Makes it not readable; never waits. */
void event_fd_clear(int fd);

#endif
