/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of files that another process may truncate: what rpmsg_sigbus_install() looks after. */
#ifndef RPMSG_SIGBUS_H
#define RPMSG_SIGBUS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Watches size bytes at base. When some of them have gone, *lost is set, atomically, and they
 * read as zeros. lost is the watch's key; 0 or -ENOMEM.
 */
int sigbus_watch(const void *base, size_t size, uint32_t *lost);
/* Before the memory is unmapped. One that is not watched is allowed. */
void sigbus_forget(uint32_t *lost);

#endif
