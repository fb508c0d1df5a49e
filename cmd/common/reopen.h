/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus whose server ended, for tools that stay until it is served again.
 */
#ifndef CMD_REOPEN_H
#define CMD_REOPEN_H

#include <stdbool.h>

#include "options.h"

/* How often to try: nothing tells when a server starts. */
#define REOPEN_INTERVAL_NS (INT64_C(200) * 1000 * 1000)

/* Whether this connection is over for good. A link that is down is not. */
bool reopen_needed(struct rpmsg_bus *bus);
/* What the i-th of n open buses was opened as; name is what it is called. */
const char *reopen_spec(const struct tool_config *config, size_t i, size_t n, const char *name);
/* Tries once, says nothing; NULL and errno. */
struct rpmsg_bus *reopen_try(const struct tool_config *config, const char *spec);

#endif
