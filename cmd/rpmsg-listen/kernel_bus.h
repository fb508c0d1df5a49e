/* SPDX-License-Identifier: BSD-2-Clause */
/* The rpmsg buses of this machine's kernel, by their virtio devices ("virtio0"). */
#ifndef RPMSG_LISTEN_KERNEL_BUS_H
#define RPMSG_LISTEN_KERNEL_BUS_H

#include <stdbool.h>

#include "common/options.h"
#include "common/services.h"
#include "common/tree.h"

#define KERNEL_BUS_SIZE 24

/* Those that are to be shown. */
struct kernel_buses {
	char name[TOOL_BUS_MAX][KERNEL_BUS_SIZE];
	size_t n; /* 0: all */
};

/*
 * Those that -b names, each a virtio device or a /dev/rpmsg_ctrlN. Says what is wrong with
 * one that is not there, and if there is none at all.
 */
enum tool_exit kernel_buses_find(const struct tree *tree, const struct tool_config *config,
				 struct kernel_buses *buses);
bool kernel_buses_have(const struct kernel_buses *buses, const char *name);

/* Learns the channels that the kernel has now. */
void kernel_bus_learn(const struct tree *tree, struct services *services);

#endif
