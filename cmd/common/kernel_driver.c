/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_driver.h"

#include <string.h>
#include <strings.h>

#include "hint.h"

static const struct kernel_driver drivers[] = {
	{ "rpmsg-raw", "rpmsg_chrdev", "rpmsg_char" },
	{ "rpmsg_chrdev", "rpmsg_chrdev", "rpmsg_char" },
	{ "rpmsg-tty", "rpmsg_tty", "rpmsg_tty" },
	{ "rpmsg-client-sample", "rpmsg_client_sample", "rpmsg_client_sample" },
};
#define N_DRIVERS (sizeof(drivers) / sizeof(*drivers))

static const char *behind_prefix(const char *name)
{
	return !strncasecmp(name, "rpmsg", 5) && name[5] ? name + 6 : name;
}

const struct kernel_driver *kernel_driver_find(const char *service, bool *exact)
{
	*exact = true;
	for (size_t i = 0; i < N_DRIVERS; i++)
		if (!strcmp(drivers[i].service, service))
			return &drivers[i];
	*exact = false;
	for (size_t i = 0; i < N_DRIVERS; i++)
		if (hint_near(behind_prefix(service), behind_prefix(drivers[i].service)))
			return &drivers[i];
	return NULL;
}
