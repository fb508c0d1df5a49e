/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the kernel's drivers takes which service. */
#ifndef CMD_KERNEL_DRIVER_H
#define CMD_KERNEL_DRIVER_H

#include <stdbool.h>

struct kernel_driver {
	const char *service, *name, *module;
};

/* The driver for a service's name, or for one that may be meant: *exact tells which. NULL: none. */
const struct kernel_driver *kernel_driver_find(const char *service, bool *exact);

#endif
