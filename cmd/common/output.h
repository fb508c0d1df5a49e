/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard output that cannot be written. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "errors.h"

/*
 * Says why (err: -errno) and gives up what is still buffered: TOOL_FAIL. A reader that
 * has gone is no failure but run_signal()'s matter: TOOL_OK.
 */
enum tool_exit output_failed(int err);

#endif
