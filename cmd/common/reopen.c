/* SPDX-License-Identifier: BSD-2-Clause */
#include "reopen.h"

#include <stdlib.h>
#include <string.h>

#include "bus.h"

static int pass(const struct rpmsg_channel_status *st, void *arg)
{
	(void)st;
	(void)arg;
	return 1;
}

bool reopen_needed(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	if (!rpmsg_bus_get_info(bus, &info) && info.up)
		return false;
	return rpmsg_bus_for_each_channel(bus, pass, NULL) == -EPIPE;
}

const char *reopen_spec(const struct tool_config *config, size_t i, size_t n, const char *name)
{
	const char *env = getenv("RPMSG_BUS");

	if (bus_names_all(config))
		return name;
	if (config->n_bus == n)
		return config->bus[i];
	if (config->n_bus == 0 && env && *env && strcmp(env, "none"))
		return env;
	return name;
}

struct rpmsg_bus *reopen_try(const struct tool_config *config, const char *spec)
{
	const struct rpmsg_bus_options options = {
		.size = sizeof(options),
		.side = config->remote ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_DEFAULT,
	};

	return rpmsg_bus_open(spec, &options);
}
