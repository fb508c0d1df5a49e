/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The software bus that a tool starts when there is no other.
 */
#ifndef CMD_AUTOSTART_H
#define CMD_AUTOSTART_H

#include <stdbool.h>

/*
 * Starts "rpmsgd NAME=loop" (idle exit on) unless somebody serves NAME by now, and
 * returns once it is ready. Of many processes at once exactly one starts it. 0 with
 * *started, or -errno after saying why on stderr.
 */
int autostart_loop(const char *name, bool *started);

#endif
