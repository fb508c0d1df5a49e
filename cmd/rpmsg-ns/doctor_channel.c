/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's channels: who has them, and why there is no node for those that nobody has. */
#include <errno.h>
#include <string.h>

#include "common/kernel_driver.h"
#include "common/number.h"
#include "rpmsg-ns/doctor.h"

#define TOPIC "channel"

struct channel {
	const char *device; /* its directory */
	char name[DOCTOR_WORD_SIZE];
	uint32_t src, dst;
};

/* 0x401, or as the class has it, 1025 and -1. */
static int read_addr(const struct doctor *d, const char *dir, const char *device,
		     const char *file, uint32_t *addr)
{
	char text[DOCTOR_WORD_SIZE];
	const char *why;
	uint64_t value;
	int err = tree_read_line(&d->tree, text, sizeof(text), "%s/%s/%s", dir, device, file);

	if (err)
		return err;
	*addr = RPMSG_ADDR_ANY;
	if (!strcmp(text, "-1"))
		return 0;
	if (number_parse(text, 0, UINT32_MAX, &value, &why))
		return -EPROTO;
	*addr = (uint32_t)value;
	return 0;
}

static int read_channel(const struct doctor *d, const char *dir, const char *device,
			struct channel *ch)
{
	int err = tree_read_line(&d->tree, ch->name, sizeof(ch->name), "%s/%s/name", dir, device);

	ch->device = device;
	if (!err)
		err = read_addr(d, dir, device, "src", &ch->src);
	if (!err)
		err = read_addr(d, dir, device, "dst", &ch->dst);
	return err;
}

static bool has_driver(const struct doctor *d, const struct kernel_driver *drv)
{
	char path[DOCTOR_PATH_SIZE];

	snprintf(path, sizeof(path), DOCTOR_DRIVERS "/%s", drv->name);
	return tree_exists(&d->tree, path);
}

/* The endpoint device that some program has made for the channel, if there is one. */
static bool find_endpoint(const struct doctor *d, const struct channel *ch, char *node, size_t size)
{
	struct tree_names names;
	struct channel ept;
	bool found = false;

	if (tree_list(&d->tree, DOCTOR_CLASS, "rpmsg", &names))
		return false;
	for (size_t i = 0; i < names.n && !found; i++) {
		found = !read_channel(d, DOCTOR_CLASS, names.name[i], &ept) &&
			ept.dst == ch->dst && !strcmp(ept.name, ch->name);
		if (found)
			format_printable(node, size, names.name[i], strlen(names.name[i]));
	}
	tree_names_free(&names);
	return found;
}

/* The control device of the channel's bus: the parent is what the names of both begin with. */
static bool find_control(const struct doctor *d, const char *device, char *node, size_t size)
{
	size_t len = strcspn(device, ".") + 1;
	char above[DOCTOR_WORD_SIZE];
	struct tree_names names;
	bool found = false;

	if (tree_list(&d->tree, DOCTOR_CLASS, "rpmsg_ctrl", &names))
		return false;
	for (size_t i = 0; i < names.n && !found; i++) {
		found = names.n == 1 ||
			(!tree_read_link(&d->tree, above, sizeof(above), DOCTOR_CLASS "/%s/device",
					 names.name[i]) && !strncmp(above, device, len));
		if (found)
			format_printable(node, size, names.name[i], strlen(names.name[i]));
	}
	tree_names_free(&names);
	return found;
}

static void say_known(struct doctor *d, const struct channel *ch, const struct kernel_driver *drv)
{
	struct doctor_command next = { 0 };
	bool there = has_driver(d, drv);

	if (there)
		doctor_write(d, &next, ch->device, DOCTOR_DRIVERS "/%s/bind", drv->name);
	else
		doctor_run(d, &next, "modprobe %s", drv->module);
	doctor_say(d, DOCTOR_BAD, TOPIC, ch->name, next.text, "no driver, so no /dev node: %s %s",
		   drv->name, there ? "does not have it" : "is not there");
}

static void say_near(struct doctor *d, const struct channel *ch, const struct kernel_driver *drv)
{
	struct doctor_command next = { 0 };

	if (!has_driver(d, drv))
		doctor_run(d, &next, "modprobe %s", drv->module);
	doctor_write(d, &next, drv->name, DOCTOR_CHANNELS "/%s/driver_override", ch->device);
	doctor_write(d, &next, ch->device, "/sys/bus/rpmsg/drivers_probe");
	doctor_say(d, DOCTOR_BAD, TOPIC, ch->name, next.text,
		   "no driver takes that name, so no /dev node: %s takes '%s', which the firmware "
		   "may announce instead", drv->name, drv->service);
}

static void say_strange(struct doctor *d, const struct channel *ch)
{
	struct doctor_command next = { 0 };
	char node[DOCTOR_WORD_SIZE];

	if (find_control(d, ch->device, node, sizeof(node)))
		snprintf(next.text, sizeof(next.text), "rpmsg-send -b /dev/%s -n %s hello", node,
			 doctor_quote(ch->name).text);
	else
		doctor_run(d, &next, "modprobe rpmsg_ctrl");
	doctor_say(d, DOCTOR_BAD, TOPIC, ch->name, next.text,
		   "no driver takes that name, so no /dev node, and nobody has made an endpoint");
}

static void say_unbound(struct doctor *d, const struct channel *ch)
{
	const struct kernel_driver *drv;
	char node[DOCTOR_WORD_SIZE];
	bool exact;

	if (find_endpoint(d, ch, node, sizeof(node))) {
		doctor_say(d, DOCTOR_OK, TOPIC, ch->name, NULL, "no driver, used through /dev/%s",
			   node);
		return;
	}
	drv = kernel_driver_find(ch->name, &exact);
	if (drv && exact)
		say_known(d, ch, drv);
	else if (drv)
		say_near(d, ch, drv);
	else
		say_strange(d, ch);
}

static void say_bound(struct doctor *d, const struct channel *ch, const char *by)
{
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];

	doctor_say(d, DOCTOR_OK, TOPIC, ch->name, NULL, "%s>%s, driver %s",
		   format_addr(ch->src, src), format_addr(ch->dst, dst), by);
}

/* The bus's own devices for control and name service. */
static bool is_pseudo(const char *name)
{
	return !strcmp(name, "rpmsg_ctrl") || !strcmp(name, "rpmsg_ns");
}

static bool say_channel(struct doctor *d, const char *device)
{
	char by[DOCTOR_WORD_SIZE];
	struct channel ch;
	int err = read_channel(d, DOCTOR_CHANNELS, device, &ch);

	if (is_pseudo(ch.name))
		return false;
	if (err)
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, device, NULL,
			   "its name and addresses cannot be read: %s", strerror(-err));
	else if (tree_read_link(&d->tree, by, sizeof(by), DOCTOR_CHANNELS "/%s/driver", device))
		say_unbound(d, &ch);
	else
		say_bound(d, &ch, by);
	return true;
}

void doctor_channels(struct doctor *d)
{
	struct tree_names names;
	size_t n = 0;
	int err = tree_list(&d->tree, DOCTOR_CHANNELS, "", &names);

	for (size_t i = 0; i < names.n; i++)
		n += say_channel(d, names.name[i]);
	tree_names_free(&names);
	if (err && err != -ENOENT)
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, DOCTOR_CHANNELS, NULL, "cannot be read: %s",
			   strerror(-err));
	else if (!n)
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, "channels", "rpmsg-ns wait NAME -t inf",
			   "none: the other side has announced nothing (yet)");
}
