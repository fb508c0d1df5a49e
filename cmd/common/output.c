/* SPDX-License-Identifier: BSD-2-Clause */
#include "output.h"

#include <rpmsg.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>

#include "run.h"

enum tool_exit output_failed(int err)
{
	run_write_failed(err);
	if (run_signal() == SIGPIPE)
		return TOOL_OK;
	tool_error("standard output: %s", rpmsg_strerror(err));
	__fpurge(stdout);
	clearerr(stdout);
	return TOOL_FAIL;
}
