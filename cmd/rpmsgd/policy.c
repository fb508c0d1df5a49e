/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may use a bus, and how much of it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpmsgd.h"

/* ---- who ---- */

/* The kernel's name of the process; a client chooses it, so only what can be printed is kept. */
static void read_command(pid_t pid, char *text, size_t size)
{
	char path[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '.';
	if (!*text)
		snprintf(text, size, "?");
}

static bool in_group(int fd, gid_t primary, gid_t group)
{
	gid_t groups[256];
	socklen_t len = sizeof(groups);

	if (primary == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static int find_group(const char *name, gid_t *gid)
{
	char space[16384];
	struct group gr, *found;

	if (getgrnam_r(name, &gr, space, sizeof(space), &found) || !found)
		return -ENOENT;
	*gid = gr.gr_gid;
	return 0;
}

/* Those whom --socket-group or --socket-mode let connect are meant to. */
static bool invited(int fd, gid_t primary)
{
	gid_t gid;

	if (server.opt.mode >= 0 && server.opt.mode & 02)
		return true;
	return server.opt.group && !find_group(server.opt.group, &gid) &&
	       in_group(fd, primary, gid);
}

bool policy_admit(int fd, struct client *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	c->pid = cred.pid;
	c->uid = cred.uid;
	read_command(cred.pid, c->command, sizeof(c->command));
	return cred.uid == 0 || cred.uid == geteuid() || invited(fd, cred.gid);
}

/* ---- how much ---- */

int policy_bind(const struct client *c, char *text, size_t size)
{
	if (c->n_eps < CLIENT_EPS_MAX)
		return 0;
	snprintf(text, size, "a client may have %u endpoints", CLIENT_EPS_MAX);
	return -EMFILE;
}

int policy_create(const struct client *c, unsigned flags, char *text, size_t size)
{
	if (flags & ~(RPMSG_SERVICE_PERSIST | RPMSG_SERVICE_ON_BIND)) {
		snprintf(text, size, "unknown flags 0x%x", flags);
		return -EINVAL;
	}
	if (c->n_chans < CLIENT_CHANS_MAX)
		return 0;
	snprintf(text, size, "a client may have %u channels of its own", CLIENT_CHANS_MAX);
	return -EMFILE;
}

int policy_destroy(const struct client *c, const struct chan *ch, char *text, size_t size)
{
	char who[64];

	if (ch->owner == c || ch->persist)
		return 0;
	if (ch->owner) {
		ep_who(ch->owner, who, sizeof(who));
		snprintf(text, size, "channel %s belongs to %s", ch->rpdev->id.name, who);
	} else {
		snprintf(text, size, "channel %s was announced by the other side",
			 ch->rpdev->id.name);
	}
	return -EPERM;
}

/* ---- others than ourselves ---- */

static int widen(const char *path, const struct options *opt, gid_t gid, mode_t mode)
{
	if ((opt->group && chown(path, (uid_t)-1, gid)) || chmod(path, mode)) {
		tool_error("%s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
}

/* Others may pass the directory, not look around in it. What is open already stays open. */
static int widen_dir(const char *dir, const struct options *opt, gid_t gid, mode_t mode)
{
	struct stat st;

	if (stat(dir, &st)) {
		tool_error("%s: %s", dir, strerror(errno));
		return -errno;
	}
	mode = (st.st_mode & 0777) | (mode & 060 ? 010 : 0) | (mode & 06 ? 01 : 0);
	return widen(dir, opt, gid, mode);
}

int policy_widen(const char *dir, const char *socket, const struct options *opt)
{
	mode_t mode = opt->mode >= 0 ? (mode_t)opt->mode : 0660;
	gid_t gid = 0;
	int err;

	if (!opt->group && opt->mode < 0)
		return 0;
	if (opt->group && find_group(opt->group, &gid)) {
		tool_error("--socket-group: there is no group '%s'", opt->group);
		return -EINVAL;
	}
	err = widen(socket, opt, gid, mode);
	return err ? err : widen_dir(dir, opt, gid, mode);
}
