/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this machine's kernel shows of rpmsg hardware. Directories are arguments
 * (normally MACHINE_DEV and MACHINE_REMOTEPROC).
 */
#ifndef CMD_MACHINE_H
#define CMD_MACHINE_H

#include <stddef.h>

#define MACHINE_DEV "/dev"
#define MACHINE_REMOTEPROC "/sys/class/remoteproc"

/* Each returns the number found, -1 if memory ran out, and text that the caller frees, or NULL. */

/* The rpmsg_ctrlN in dev: their paths, with ", " between. */
int machine_control_devices(const char *dev, char **list);
/* The remote processors in dir: "remoteproc0 (m4): offline" with ", " between. */
int machine_remote_processors(const char *dir, char **list);

#endif
