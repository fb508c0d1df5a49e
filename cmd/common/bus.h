/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening the bus a tool was told to use, or finding the default one.
 *
 * All of these say on stderr what went wrong and return the exit code for it.
 */
#ifndef CMD_BUS_H
#define CMD_BUS_H

#include "options.h"

/* The one bus of the config; several -b or "all" is a usage error. */
enum tool_exit bus_open(const struct tool_config *config, struct rpmsg_bus **bus);

/*
 * The same, but a bus that nobody serves is waited for until deadline (see run.h), and
 * then TOOL_NOT_FOUND; TOOL_OK with *bus NULL if a signal came or stdout's reader went.
 */
enum tool_exit bus_open_wait(const struct tool_config *config, int64_t deadline,
			     struct rpmsg_bus **bus);

struct bus_set {
	struct rpmsg_bus **bus;
	size_t n;
};

/* Every bus of the config, "all" being each served one. None served is TOOL_NOT_FOUND. */
enum tool_exit bus_open_set(const struct tool_config *config, struct bus_set *set);
void bus_close_set(struct bus_set *set);
/* Whether "all" is among the buses of the config. */
bool bus_names_all(const struct tool_config *config);

/*
 * Dispatches until the link is up. TOOL_OK, TOOL_LATE at the deadline; TOOL_OK with
 * the link still down if run_stopped(). Says nothing.
 */
enum tool_exit bus_wait_up(struct rpmsg_bus *bus, int64_t deadline);

/* rpmsg_bus_get_info() with size set. */
int bus_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info);

/* "text: error (detail)" from the library's last error err. */
void bus_error(const char *text, int err);

#endif
