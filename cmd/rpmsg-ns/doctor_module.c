/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's drivers: there, to be loaded, or not configured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "rpmsg-ns/doctor.h"

#define LIST_MAX ((size_t)16 << 20)
#define TOPIC "module"

/* What is in the folder of the running kernel's modules. */
struct modules {
	char release[DOCTOR_WORD_SIZE]; /* "": not known */
	char *builtin, *files;          /* NULL: not there */
};

struct module {
	const char *name;
	const char *path; /* in sysfs, when it is there, whether loaded or built in */
	const char *config;
	const char *part_of;          /* what it was in before it stood alone */
	unsigned since_major, since_minor; /* Linux of which it does */
	bool optional;
};

static const struct module module[] = {
	{ "rpmsg_core", "/sys/bus/rpmsg", "CONFIG_RPMSG", NULL, 0, 0, false },
	{ "virtio_rpmsg_bus", "/sys/bus/virtio/drivers/virtio_rpmsg_bus", "CONFIG_RPMSG_VIRTIO",
	  NULL, 0, 0, false },
	{ "rpmsg_ns", DOCTOR_DRIVERS "/rpmsg_ns", "CONFIG_RPMSG_NS", "virtio_rpmsg_bus", 5, 11,
	  false },
	{ "rpmsg_char", DOCTOR_DRIVERS "/rpmsg_chrdev", "CONFIG_RPMSG_CHAR", NULL, 0, 0, false },
	{ "rpmsg_ctrl", DOCTOR_DRIVERS "/rpmsg_ctrl", "CONFIG_RPMSG_CTRL", "rpmsg_char", 5, 18,
	  false },
	{ "rpmsg_tty", DOCTOR_DRIVERS "/rpmsg_tty", "CONFIG_RPMSG_TTY", NULL, 0, 0, true },
};

static void read_release(const struct doctor *d, char *release)
{
	struct tree_names names;
	struct utsname host;

	release[0] = 0;
	if (!d->tree.copied) {
		if (!uname(&host))
			snprintf(release, DOCTOR_WORD_SIZE, "%s", host.release);
		return;
	}
	if (!tree_read_line(&d->tree, release, DOCTOR_WORD_SIZE, "/proc/sys/kernel/osrelease"))
		return;
	if (tree_list(&d->tree, "/lib/modules", "", &names))
		return;
	if (names.n == 1)
		snprintf(release, DOCTOR_WORD_SIZE, "%s", names.name[0]);
	tree_names_free(&names);
}

static char *read_list(const struct doctor *d, const char *release, const char *file)
{
	char path[DOCTOR_PATH_SIZE], *text;
	size_t len;

	snprintf(path, sizeof(path), "/lib/modules/%s/%s", release, file);
	return *release && !tree_read_file(&d->tree, path, LIST_MAX, &text, &len) ? text : NULL;
}

/* Whether name is what a path like kernel/drivers/rpmsg/rpmsg_char.ko.xz ends with; "-" is "_". */
static bool is_file_of(const char *file, const char *name)
{
	for (; *name; name++, file++)
		if (*file != *name && !(*name == '_' && *file == '-'))
			return false;
	return !strncmp(file, ".ko", 3);
}

static bool is_listed(const char *list, const char *name)
{
	const char *path, *end, *file;

	for (path = list; path && *path; path = *end ? strchrnul(end, '\n') : end) {
		path += *path == '\n';
		end = path + strcspn(path, ":\n");
		file = memrchr(path, '/', (size_t)(end - path));
		if (is_file_of(file ? file + 1 : path, name))
			return true;
	}
	return false;
}

static bool is_there(const struct doctor *d, const struct module *m)
{
	char loaded[64];

	snprintf(loaded, sizeof(loaded), "/sys/module/%s/initstate", m->name);
	return tree_exists(&d->tree, loaded) || tree_exists(&d->tree, m->path);
}

/* Whether this kernel is older than the module. */
static bool is_older(const char *release, const struct module *m)
{
	unsigned major, minor;

	if (sscanf(release, "%3u.%4u", &major, &minor) != 2)
		return false;
	return major < m->since_major || (major == m->since_major && minor < m->since_minor);
}

static void say_module(struct doctor *d, const struct modules *have, const struct module *m)
{
	enum doctor_status bad = m->optional ? DOCTOR_UNSEEN : DOCTOR_BAD;
	struct doctor_command next = { 0 };

	doctor_run(d, &next, "modprobe %s", m->name);
	if (is_there(d, m))
		doctor_say(d, DOCTOR_OK, TOPIC, m->name, NULL, "there");
	else if (is_listed(have->builtin, m->name))
		doctor_say(d, DOCTOR_OK, TOPIC, m->name, NULL, "built in");
	else if (is_listed(have->files, m->name))
		doctor_say(d, bad, TOPIC, m->name, next.text, "not loaded");
	else if (m->part_of && is_older(have->release, m))
		doctor_say(d, DOCTOR_OK, TOPIC, m->name, NULL, "part of %s in Linux %s", m->part_of,
			   have->release);
	else if (!have->files)
		doctor_say(d, bad, TOPIC, m->name, next.text,
			   "not there; without /lib/modules/%s nothing tells if it can be (%s)",
			   *have->release ? have->release : "RELEASE", m->config);
	else
		doctor_say(d, bad, TOPIC, m->name, NULL,
			   "not part of this kernel: build one with %s=m", m->config);
}

void doctor_modules(struct doctor *d)
{
	struct modules have;

	read_release(d, have.release);
	have.builtin = read_list(d, have.release, "modules.builtin");
	have.files = read_list(d, have.release, "modules.dep");
	for (size_t i = 0; i < sizeof(module) / sizeof(*module); i++)
		say_module(d, &have, &module[i]);
	free(have.builtin);
	free(have.files);
}
