/* SPDX-License-Identifier: BSD-2-Clause */
/* The buses that rpmsgd serves, and the directories they are looked for in. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/served.h"
#include "rpmsg-ns/doctor.h"

static void say_link(struct doctor *d, const char *bus, const struct rpmsg_bus_info *info)
{
	if (info->up)
		doctor_say(d, DOCTOR_OK, "bus", bus, NULL, "served by pid %d, link up%s", info->pid,
			   info->both_sides ? ", both sides (a software bus)" : "");
	else
		doctor_say(d, DOCTOR_BAD, "bus", bus, NULL,
			   "served by pid %d, link down: the other side is not there", info->pid);
}

static void say_bus(void *arg, const char *dir, const char *name)
{
	struct doctor *d = arg;
	struct rpmsg_bus_options options = { .size = sizeof(options) };
	char path[PATH_MAX + NAME_MAX + 1];
	struct rpmsg_bus_info info;
	struct rpmsg_bus *bus;

	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	bus = rpmsg_bus_open(path, &options);
	if (!bus && (errno == ENOENT || errno == ECONNREFUSED)) {
		doctor_say(d, DOCTOR_UNSEEN, "bus", name, NULL, "%s is left over, nobody serves it",
			   path);
	} else if (!bus) {
		doctor_say(d, DOCTOR_UNSEEN, "bus", name, NULL, "%s", *rpmsg_error_detail() ?
			   rpmsg_error_detail() : strerror(errno));
	} else if (!bus_info(bus, &info)) {
		d->n_served++;
		say_link(d, name, &info);
	}
	rpmsg_bus_close(bus);
}

/*
 * A directory of this user's must be one, and its alone; so must be the one that was named.
 * Others' are only looked into.
 */
static void say_dir(struct doctor *d, const char *dir, bool named)
{
	struct doctor_command next = { 0 };
	struct stat st;

	if (lstat(dir, &st)) {
		if (errno != ENOENT)
			doctor_say(d, DOCTOR_UNSEEN, "dir", dir, NULL, "%s", strerror(errno));
		return;
	}
	snprintf(next.text, sizeof(next.text), "chmod 700 %s", doctor_quote(dir).text);
	if (!S_ISDIR(st.st_mode))
		doctor_say(d, DOCTOR_BAD, "dir", dir, NULL, "is no directory%s",
			   S_ISLNK(st.st_mode) ? " but a symbolic link" : "");
	else if (st.st_uid != geteuid() && named)
		doctor_say(d, DOCTOR_BAD, "dir", dir, "export RPMSG_DIR=$HOME/.rpmsg",
			   "belongs to uid %lu: this user cannot serve buses there",
			   (unsigned long)st.st_uid);
	else if (st.st_uid == geteuid() && st.st_mode & 077)
		doctor_say(d, DOCTOR_BAD, "dir", dir, next.text,
			   "is open to others (mode %04o): rpmsgd refuses it",
			   (unsigned)st.st_mode & 07777);
	else if (access(dir, R_OK | X_OK))
		doctor_say(d, DOCTOR_UNSEEN, "dir", dir, NULL, "%s", strerror(errno));
}

void doctor_buses(struct doctor *d)
{
	const char *named = getenv("RPMSG_DIR");
	char dir[PATH_MAX];

	for (unsigned i = 0; !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++) {
		say_dir(d, dir, named && *named);
		served_sockets(dir, say_bus, d);
	}
	if (!d->n_served)
		doctor_say(d, DOCTOR_UNSEEN, "bus", "rpmsgd", NULL, "serves no bus");
}
