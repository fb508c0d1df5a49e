/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of a recorder's file, beyond what <rpmsg.h> says of them. */
#ifndef RPMSG_RECORDING_INTERNAL_H
#define RPMSG_RECORDING_INTERNAL_H

#include "rpmsg.h"

/*
 * A reader of the file open as fd, which must come from an open() of its own, not
 * from a dup() of the writer's: else the writer's death is not seen. wake_fd becomes
 * readable after new records, or is -1. Both are the reader's from now on, also on
 * failure: NULL and errno.
 */
struct rpmsg_recording *recording_from_fd(int fd, int wake_fd, bool history);

#endif
