/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The software bus that a tool starts when there is no other.
 */
#ifndef CMD_AUTOSTART_H
#define CMD_AUTOSTART_H

#include <rpmsg.h>

/*
 * Opens bus NAME, after starting "rpmsgd NAME=loop", which ends by itself some time
 * after its last client, unless somebody serves NAME by now. Of many processes at
 * once exactly one starts it. NULL after saying why on stderr; *started tells which.
 */
struct rpmsg_bus *autostart_loop(const char *name, const struct rpmsg_bus_options *options,
				 bool *started);

#endif
