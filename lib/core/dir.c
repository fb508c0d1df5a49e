/* SPDX-License-Identifier: BSD-2-Clause */
/* Where buses are served and looked for, and what they may be called. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"

#define NAME_MAX_LEN 32

/* An environment variable that names something, or NULL. */
static const char *env(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

static int put_path(char *path, size_t size, const char *dir, const char *sub)
{
	int n = snprintf(path, size, "%s%s", dir, sub);

	if (n < 0 || (size_t)n >= size)
		return fail(ENAMETOOLONG, "%s%s: name too long", dir, sub);
	return 0;
}

/* Without final slashes, which would make a link look like its target; absolute. */
static int put_rpmsg_dir(char *path, size_t size, const char *dir)
{
	char cwd[PATH_MAX];
	size_t len;
	int ret;

	if (*dir == '/') {
		ret = put_path(path, size, dir, "");
	} else {
		if (!getcwd(cwd, sizeof(cwd) - 1))
			return fail(errno, "RPMSG_DIR=%s: no working directory", dir);
		strcat(cwd, "/");
		ret = put_path(path, size, cwd, dir);
	}
	if (ret)
		return ret;
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	return 0;
}

/* $XDG_RUNTIME_DIR, which only counts when absolute (XDG base directory specification). */
static const char *runtime_dir(void)
{
	const char *dir = env("XDG_RUNTIME_DIR");

	return dir && *dir == '/' ? dir : NULL;
}

static int put_tmp_dir(char *path, size_t size)
{
	char sub[32];

	snprintf(sub, sizeof(sub), "%lu", (unsigned long)geteuid());
	return put_path(path, size, "/tmp/rpmsg-", sub);
}

int rpmsg_dir_lookup(unsigned i, char *path, size_t size)
{
	const char *dir = env("RPMSG_DIR");

	if (dir)
		return i ? -ENOENT : put_rpmsg_dir(path, size, dir);
	dir = runtime_dir();
	if (dir && i == 0)
		return put_path(path, size, dir, "/rpmsg");
	if (dir)
		i--;
	if (i == 0)
		return put_path(path, size, "/run/rpmsg", "");
	if (i == 1)
		return put_tmp_dir(path, size);
	return -ENOENT;
}

static int refuse_kind(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && S_ISLNK(st.st_mode))
		return fail(EPERM, "%s is a symbolic link, not a directory", path);
	return fail(EPERM, "%s is not a directory", path);
}

static int check(const char *path)
{
	struct stat st;
	int fd, ret;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return refuse_kind(path);
	if (fd < 0)
		return fail(errno == EACCES ? EPERM : errno, "%s: %s", path, strerror(errno));
	ret = fstat(fd, &st);
	close(fd);
	if (ret)
		return fail(errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return fail(EPERM, "%s belongs to uid %lu, we are uid %lu", path,
			    (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & 077)
		return fail(EPERM, "%s is open to others: mode %04o, wanted 0700", path,
			    st.st_mode & 07777);
	return 0;
}

static int make(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return fail(errno, "%s: %s", path, strerror(errno));
	return check(path);
}

int rpmsg_dir_serve(char *path, size_t size)
{
	const char *dir = env("RPMSG_DIR");
	int ret;

	if (dir) {
		ret = put_rpmsg_dir(path, size, dir);
		return ret ? ret : make(path);
	}
	if (geteuid() == 0) {
		ret = put_path(path, size, "/run/rpmsg", "");
		return ret ? ret : make(path);
	}
	dir = runtime_dir();
	if (dir && !access(dir, W_OK | X_OK)) {
		ret = put_path(path, size, dir, "/rpmsg");
		return ret ? ret : make(path);
	}
	ret = put_tmp_dir(path, size);
	return ret ? ret : make(path);
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

bool rpmsg_bus_name_valid(const char *name)
{
	size_t i;

	if (!name || !name_char(name[0]))
		return false;
	for (i = 1; name_char(name[i]) || name[i] == '.' || name[i] == '-'; i++)
		if (i == NAME_MAX_LEN)
			return false;
	return name[i] == '\0';
}
