/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus that nobody serves: whoever did may have left what was recorded last, if it crashed. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rpmsg-listen/listen.h"

static void tell(const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + RPMSG_BUS_NAME_SIZE + sizeof("/.rec")];

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++) {
		snprintf(path, sizeof(path), "%s/%s.rec", dir, name);
		if (!access(path, R_OK))
			tool_note("what was recorded of it last is still there: rpmsg-listen -r %s",
				  path);
	}
}

void salvage_tell(const struct tool_config *config)
{
	const char *env = getenv("RPMSG_BUS");

	for (size_t i = 0; i < config->n_bus; i++)
		if (rpmsg_bus_name_valid(config->bus[i]))
			tell(config->bus[i]);
	if (!config->n_bus)
		tell(rpmsg_bus_name_valid(env) ? env : "rpmsg0");
}
