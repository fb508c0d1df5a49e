/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug output of the kernel's virtio_rpmsg_bus, which has its traffic in the
 * kernel's log. It is on while a process of ours wants it, and as it was before when the
 * last one ends. What one that was killed left on, the next to end switches off.
 */
#ifndef RPMSG_LISTEN_DEBUG_OUTPUT_H
#define RPMSG_LISTEN_DEBUG_OUTPUT_H

#include "common/errors.h"

struct debug_output;

/* Each says why it failed. */

enum tool_exit debug_output_open(struct debug_output **output);
/* On again: the driver was loaded anew. */
enum tool_exit debug_output_renew(struct debug_output *output);
/* NULL is allowed. */
enum tool_exit debug_output_close(struct debug_output *output);

#endif
