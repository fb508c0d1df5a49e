/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes in /dev: there, usable by this user, in use by somebody. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpmsg-ns/doctor.h"

#define TOPIC "node"
#define RULES "/etc/udev/rules.d/60-rpmsg.rules"
#define RULE "SUBSYSTEM==\"rpmsg\", GROUP=\"dialout\", MODE=\"0660\""

/* The class whose devices are nodes of these names. */
static const struct {
	const char *class, *prefix;
} kind[] = {
	{ DOCTOR_CLASS, "rpmsg_ctrl" },
	{ DOCTOR_CLASS, "rpmsg" },
	{ "/sys/class/tty", "ttyRPMSG" },
};
#define N_KINDS (sizeof(kind) / sizeof(*kind))

/* ---- who has it open ---- */

static bool has_open(const struct doctor *d, const char *pid, const struct stat *node)
{
	char path[DOCTOR_PATH_SIZE];
	struct tree_names fds;
	struct stat st;
	bool open = false;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	if (tree_list(&d->tree, path, "", &fds))
		return false;
	for (size_t i = 0; i < fds.n && !open; i++) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, fds.name[i]);
		open = !tree_stat(&d->tree, path, &st) && st.st_dev == node->st_dev &&
		       st.st_ino == node->st_ino;
	}
	tree_names_free(&fds);
	return open;
}

/* ", open in pid 12 (name)", or "". What other users' processes have open /proc does not tell. */
static void put_user(const struct doctor *d, const struct stat *node, char *buf, size_t size)
{
	struct tree_names pids;
	char name[DOCTOR_WORD_SIZE];

	buf[0] = 0;
	if (tree_list(&d->tree, "/proc", "", &pids))
		return;
	for (size_t i = 0; i < pids.n && !*buf; i++) {
		const char *pid = pids.name[i];

		if (strspn(pid, "0123456789") != strlen(pid) || !has_open(d, pid, node))
			continue;
		tree_read_line(&d->tree, name, sizeof(name), "/proc/%s/comm", pid);
		snprintf(buf, size, ", open in pid %.10s (%s)", pid, name);
	}
	tree_names_free(&pids);
}

/* ---- rights ---- */

static void put_owner(const struct doctor *d, const struct stat *st, char *buf, size_t size)
{
	/* Of a copy, names would be those of the wrong machine. */
	const struct passwd *user = d->tree.copied ? NULL : getpwuid(st->st_uid);
	const struct group *group = d->tree.copied ? NULL : getgrgid(st->st_gid);
	char uid[16], gid[16];

	snprintf(uid, sizeof(uid), "%lu", (unsigned long)st->st_uid);
	snprintf(gid, sizeof(gid), "%lu", (unsigned long)st->st_gid);
	snprintf(buf, size, "%.60s:%.60s, mode %04o", user ? user->pw_name : uid,
		 group ? group->gr_name : gid, (unsigned)st->st_mode & 07777);
}

/* A group that may use it and is not root's is to be joined; else there has to be one. */
static void put_remedy(const struct doctor *d, const struct stat *st, struct doctor_command *next)
{
	const struct group *group = getgrgid(st->st_gid);
	const struct passwd *user = getpwuid(geteuid());

	if (!d->tree.copied && group && user && st->st_gid && (st->st_mode & 060) == 060)
		doctor_run(d, next, "usermod -aG %s %s", doctor_quote(group->gr_name).text,
			   doctor_quote(user->pw_name).text);
	else
		doctor_write(d, next, RULE, RULES);
}

static void say_rights(struct doctor *d, const char *node, const struct stat *st)
{
	char path[DOCTOR_PATH_SIZE], owner[DOCTOR_PATH_SIZE], user[DOCTOR_PATH_SIZE];
	struct doctor_command next = { 0 };
	int err;

	snprintf(path, sizeof(path), "/dev/%s", node);
	put_owner(d, st, owner, sizeof(owner));
	err = tree_may_use(&d->tree, path);
	if (err == -EACCES) {
		put_remedy(d, st, &next);
		doctor_say(d, DOCTOR_BAD, TOPIC, path, next.text,
			   "this user may not read and write it (%s)", owner);
	} else if (err) {
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, path, NULL, "%s", strerror(-err));
	} else {
		put_user(d, st, user, sizeof(user));
		doctor_say(d, DOCTOR_OK, TOPIC, path, NULL, "usable (%s)%s", owner, user);
	}
}

/* ---- there, or not ---- */

static void say_missing(struct doctor *d, const char *class, const char *node)
{
	struct doctor_command next = { 0 };
	unsigned major, minor;
	char dev[DOCTOR_WORD_SIZE], path[DOCTOR_PATH_SIZE];

	snprintf(path, sizeof(path), "/dev/%s", node);
	tree_read_line(&d->tree, dev, sizeof(dev), "%s/%s/dev", class, node);
	if (sscanf(dev, "%9u:%9u", &major, &minor) == 2)
		doctor_run(d, &next, "mknod %s c %u %u", doctor_quote(path).text, major, minor);
	else
		doctor_run(d, &next, "udevadm trigger");
	doctor_say(d, DOCTOR_BAD, TOPIC, path, next.text,
		   "the kernel has the device, and neither devtmpfs nor udev has made its node");
}

static void say_node(struct doctor *d, const char *class, const char *node)
{
	char path[DOCTOR_PATH_SIZE];
	struct stat st;
	int err;

	snprintf(path, sizeof(path), "/dev/%s", node);
	err = tree_stat(&d->tree, path, &st);
	if (err == -ENOENT)
		say_missing(d, class, node);
	else if (err)
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, path, NULL, "%s", strerror(-err));
	else
		say_rights(d, node, &st);
}

static size_t say_kind(struct doctor *d, const char *class, const char *prefix)
{
	struct tree_names names;
	size_t n;

	if (tree_list(&d->tree, class, prefix, &names))
		return 0;
	for (size_t i = 0; i < names.n; i++)
		say_node(d, class, names.name[i]);
	n = names.n;
	tree_names_free(&names);
	return n;
}

/* Nodes that somebody made by hand and whose devices are gone. */
static void say_stale(struct doctor *d, const char *class, const char *prefix)
{
	char there[DOCTOR_PATH_SIZE], path[DOCTOR_PATH_SIZE];
	struct doctor_command next;
	struct tree_names names;

	if (tree_list(&d->tree, "/dev", prefix, &names))
		return;
	for (size_t i = 0; i < names.n; i++) {
		snprintf(there, sizeof(there), "%s/%s", class, names.name[i]);
		if (tree_exists(&d->tree, there))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", names.name[i]);
		next = (struct doctor_command){ 0 };
		doctor_run(d, &next, "rm %s", doctor_quote(path).text);
		doctor_say(d, DOCTOR_BAD, TOPIC, path, next.text,
			   "the kernel has no such device (any more)");
	}
	tree_names_free(&names);
}

void doctor_nodes(struct doctor *d)
{
	size_t n_control = say_kind(d, kind[0].class, kind[0].prefix);

	for (size_t i = 1; i < N_KINDS; i++)
		say_kind(d, kind[i].class, kind[i].prefix);
	for (size_t i = 0; i < N_KINDS; i++)
		say_stale(d, kind[i].class, kind[i].prefix);
	if (!n_control)
		doctor_say(d, d->running ? DOCTOR_BAD : DOCTOR_UNSEEN, TOPIC, "/dev/rpmsg_ctrlN",
			   NULL, "the kernel has none: it comes with a bus whose driver is there, "
			   "and rpmsg_ctrl");
}
