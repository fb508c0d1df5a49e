/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/kernel_bus.h"

#include <stdio.h>
#include <string.h>

#include "common/number.h"

#define VIRTIO "virtio"
#define DRIVER "/sys/bus/virtio/drivers/virtio_rpmsg_bus"
#define CHANNELS "/sys/bus/rpmsg/devices"
#define CONTROL "/dev/rpmsg_ctrl"

/* ---- which ---- */

static bool is_name(const char *text, size_t len)
{
	size_t prefix = sizeof(VIRTIO) - 1;

	return len > prefix && len < KERNEL_BUS_SIZE && !strncmp(text, VIRTIO, prefix) &&
	       prefix + strspn(text + prefix, "0123456789") >= len;
}

/* A channel's or control device's name is that of its bus, a dot, and more. */
static bool bus_of(const char *channel, char name[KERNEL_BUS_SIZE])
{
	size_t len = strcspn(channel, ".");

	if (!channel[len] || !is_name(channel, len))
		return false;
	memcpy(name, channel, len);
	name[len] = '\0';
	return true;
}

/* The virtio device that spec means, if it may be one. */
static bool resolve(const struct tree *tree, const char *spec, char name[KERNEL_BUS_SIZE])
{
	const char *number = spec + sizeof(CONTROL) - 1;
	char device[128];

	if (is_name(spec, strlen(spec))) {
		strcpy(name, spec);
		return true;
	}
	if (strncmp(spec, CONTROL, sizeof(CONTROL) - 1) != 0 || !*number ||
	    number[strspn(number, "0123456789")])
		return false;
	return !tree_read_link(tree, device, sizeof(device), "/sys/class/rpmsg/rpmsg_ctrl%s/device",
			       number) && bus_of(device, name);
}

static bool is_listed(const struct tree_names *there, const char *name)
{
	for (size_t i = 0; i < there->n; i++)
		if (!strcmp(there->name[i], name))
			return true;
	return false;
}

static enum tool_exit not_there(const struct tree_names *there, const char *spec)
{
	char list[256] = "none";
	size_t at = 0;

	for (size_t i = 0; i < there->n && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
				       there->name[i]);
	tool_error("--kernel: '%s' is none of the kernel's rpmsg buses (%s)", spec, list);
	return TOOL_NOT_FOUND;
}

enum tool_exit kernel_buses_find(const struct tree *tree, const struct tool_config *config,
				 struct kernel_buses *buses)
{
	enum tool_exit code = TOOL_OK;
	struct tree_names there;

	tree_list(tree, DRIVER, VIRTIO, &there); /* none, if the driver is not there */
	buses->n = 0;
	while (code == TOOL_OK && buses->n < config->n_bus) {
		const char *spec = config->bus[buses->n];
		char *name = buses->name[buses->n];

		if (resolve(tree, spec, name) && is_listed(&there, name))
			buses->n++;
		else
			code = not_there(&there, spec);
	}
	if (code == TOOL_OK && !there.n)
		tool_note("the kernel has no rpmsg bus yet");
	tree_names_free(&there);
	return code;
}

bool kernel_buses_have(const struct kernel_buses *buses, const char *name)
{
	for (size_t i = 0; i < buses->n; i++)
		if (!strcmp(buses->name[i], name))
			return true;
	return !buses->n;
}

/* ---- what is on them ---- */

static uint32_t read_addr(const struct tree *tree, const char *channel, const char *which)
{
	char text[32];
	const char *why;
	uint32_t addr;

	if (tree_read_line(tree, text, sizeof(text), CHANNELS "/%s/%s", channel, which) ||
	    number_parse_addr(text, &addr, &why))
		return RPMSG_ADDR_ANY;
	return addr;
}

static void learn(const struct tree *tree, struct services *services, const char *channel)
{
	char bus[KERNEL_BUS_SIZE], name[RPMSG_NAME_SIZE], announced[8];
	enum rpmsg_side side;
	uint32_t addr;

	if (!bus_of(channel, bus) ||
	    tree_read_line(tree, name, sizeof(name), CHANNELS "/%s/name", channel) ||
	    tree_read_line(tree, announced, sizeof(announced), CHANNELS "/%s/announce", channel))
		return;
	side = strcmp(announced, "true") ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
	addr = read_addr(tree, channel, side == RPMSG_SIDE_HOST ? "src" : "dst");
	/* the kernel's own pseudo devices are no services */
	if (addr == RPMSG_ADDR_ANY || addr == RPMSG_NS_ADDR || !strcmp(name, "rpmsg_ctrl"))
		return;
	services_learn_address(services, bus, side, addr, name);
}

void kernel_bus_learn(const struct tree *tree, struct services *services)
{
	struct tree_names channels;

	if (tree_list(tree, CHANNELS, "", &channels))
		return;
	for (size_t i = 0; i < channels.n; i++)
		learn(tree, services, channels.name[i]);
	tree_names_free(&channels);
}
