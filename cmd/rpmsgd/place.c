/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a served bus. Who holds the lock of NAME.lock serves NAME; the
 * others belong to it. A lock ends with its process, so what a crash leaves is
 * taken over without asking anybody whether he still lives.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpmsgd.h"

struct place {
	int lock;
	char dir[PATH_MAX];
	char lock_path[PATH_MAX + 40];
	char socket[PATH_MAX + 40];
	char record[PATH_MAX + 40];
};

const char *place_socket(const struct place *p)
{
	return p->socket;
}

const char *place_record(const struct place *p)
{
	return p->record;
}

/* ---- the lock ---- */

pid_t place_holder(int fd, char *link, size_t size)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	char text[512] = "", *more;

	if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return -1;
	more = strchr(text, '\n');
	if (more)
		snprintf(link, size, "%.*s", (int)strcspn(more + 1, "\n"), more + 1);
	return atoi(text) > 0 ? atoi(text) : -1;
}

static void tell_holder(int fd, const char *name)
{
	char link[8];
	pid_t pid = place_holder(fd, link, sizeof(link));

	if (pid > 0)
		tool_error("bus %s is already served by pid %d", name, (int)pid);
	else
		tool_error("bus %s is already served", name);
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !lstat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A file that its holder removed while we waited for its lock is no lock: again. */
static int take_lock(struct place *p, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	for (;;) {
		int fd = open(p->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0) {
			tool_error("%s: %s", p->lock_path, strerror(errno));
			return -errno;
		}
		if (fcntl(fd, F_OFD_SETLK, &lock)) {
			tell_holder(fd, name);
			close(fd);
			return -EBUSY;
		}
		if (same_file(fd, p->lock_path))
			return fd;
		close(fd);
	}
}

/* The pid, and what is served, for those who find the lock taken. */
static int sign(int fd, const char *link)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%d\n%.400s\n", (int)getpid(), link);

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
		return -errno;
	return 0;
}

static bool wants_others(void)
{
	return server.opt.group || server.opt.mode >= 0;
}

/* A directory that another of our kind has opened for others to pass. */
static bool widened(const char *dir)
{
	struct stat st;

	return wants_others() && !lstat(dir, &st) && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 066);
}

struct place *place_take(const char *name, const char *link)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (rpmsg_dir_serve(p->dir, sizeof(p->dir)) && !widened(p->dir)) {
		tool_error("cannot serve bus %s: %s", name, rpmsg_error_detail());
		goto fail;
	}
	snprintf(p->lock_path, sizeof(p->lock_path), "%s/%s.lock", p->dir, name);
	snprintf(p->socket, sizeof(p->socket), "%s/%s.sock", p->dir, name);
	snprintf(p->record, sizeof(p->record), "%s/%s.rec", p->dir, name);
	p->lock = take_lock(p, name);
	if (p->lock < 0)
		goto fail;
	if (!sign(p->lock, link))
		return p;
	tool_error("%s: %s", p->lock_path, strerror(errno));
	close(p->lock);
fail:
	free(p);
	return NULL;
}

static int is_socket(const struct dirent *d)
{
	return d->d_type == DT_SOCK;
}

/* The last one closes the door. */
static void narrow(const char *dir)
{
	struct dirent **found;
	int n = scandir(dir, &found, is_socket, alphasort);

	for (int i = 0; i < n; i++)
		free(found[i]);
	if (n >= 0)
		free(found);
	if (n == 0)
		chmod(dir, 0700);
}

void place_leave(struct place *p)
{
	unlink(p->socket);
	if (wants_others())
		narrow(p->dir);
	unlink(p->lock_path);
	close(p->lock);
	free(p);
}

/* ---- the socket ---- */

/* Listens under a name nobody looks for, so that whoever finds the socket finds it ready. */
static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if ((unlink(path) && errno != ENOENT) || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    chmod(path, 0600) || listen(fd, SOMAXCONN)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int place_listen(struct place *p, const struct options *opt)
{
	char draft[PATH_MAX + 48];
	int fd, err = 0;

	snprintf(draft, sizeof(draft), "%s.new", p->socket);
	fd = listen_at(draft);
	if (fd < 0) {
		tool_error("cannot listen at %s: %s", p->socket, strerror(-fd));
		return fd;
	}
	err = policy_widen(p->dir, draft, opt);
	if (!err && rename(draft, p->socket)) {
		err = -errno;
		tool_error("%s: %s", p->socket, strerror(-err));
	}
	if (!err)
		return fd;
	unlink(draft);
	close(fd);
	return err;
}
