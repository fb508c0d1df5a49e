/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RPMSG_LISTEN_H
#define RPMSG_LISTEN_H

#include <sys/un.h>

/*
 * Listens at addr with mode 0600. The socket appears under its name only when it
 * listens, so that who sees it can connect; one that is there is replaced: the caller
 * has the lock that its owner had. A non-blocking fd, or -errno with rpmsg_error_detail().
 */
int listen_at(const struct sockaddr_un *addr, int type, int backlog);

#endif
