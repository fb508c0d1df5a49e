/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages that virtio_rpmsg_bus prints when its debug output is on, put
 * together from the lines of the kernel's log. A message is a line that tells
 * device, addresses and length, then a hex dump, 16 bytes a line, header first.
 *
 * A message is given whole or not at all. Where senders at once are told apart
 * neither by the kernel's callers nor by what they print, theirs are lost.
 */
#ifndef CMD_KERNEL_LOG_H
#define CMD_KERNEL_LOG_H

#include <rpmsg.h>

#include "common/kernel_line.h"

struct kernel_log;

/*
 * told: only dumps after a line that tells of them are taken. Else others are too, until
 * there is such a line: for a log in which only the dumps were on. NULL: no memory.
 */
struct kernel_log *kernel_log_new(bool told);
void kernel_log_free(struct kernel_log *log);

/*
 * Takes the next line. 1 and *m if it makes a message whole, 0 if not, -ENOMEM. time_ns is on the
 * kernel's clock (0: unknown), bus is the virtio device ("-": unknown); what *m points
 * to ends with the next call.
 */
int kernel_log_put(struct kernel_log *log, const struct kernel_line *line,
		   struct rpmsg_record *m);

/* Nothing more comes: messages that are not whole are dropped. */
void kernel_log_end(struct kernel_log *log);

/*
 * Lines that are missing by their numbers, or as the log says, and those of messages that were
 * dropped because some of theirs are missing or cannot be told apart.
 */
uint64_t kernel_log_lost(const struct kernel_log *log);

#endif
