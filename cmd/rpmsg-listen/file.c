/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: a capture, or the file of a recorder, which may be still growing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

/* How often a recorder's file without a wake-up is looked at. */
#define LOOK_NS (INT64_C(20) * 1000 * 1000)

static enum tool_exit read_failed(const struct listen *l, int err)
{
	tool_error("%s: %s", l->cfg->read, err == -EPROTO ? "is damaged" : rpmsg_strerror(err));
	return TOOL_FAIL;
}
