/* SPDX-License-Identifier: BSD-2-Clause */
#include "tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format.h"

#define NAMES_MAX 16384
#define CHUNK 65536

int tree_init(struct tree *tree, const char *dir)
{
	tree->copied = dir != NULL;
	tree->fd = open(dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return tree->fd < 0 ? -errno : 0;
}

void tree_done(struct tree *tree)
{
	if (tree->fd >= 0)
		close(tree->fd);
	tree->fd = -1;
}

int tree_open(const struct tree *tree, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};
	long fd;

	if (!(flags & O_PATH))
		how.flags |= O_NONBLOCK | O_NOCTTY;
	if (tree->copied)
		fd = syscall(SYS_openat2, tree->fd, path, &how, sizeof(how));
	else
		fd = open(path, (int)how.flags);
	return fd < 0 ? -errno : (int)fd;
}

int tree_stat(const struct tree *tree, const char *path, struct stat *st)
{
	int fd = tree_open(tree, path, O_PATH), err;

	if (fd < 0)
		return fd;
	err = fstat(fd, st) ? -errno : 0;
	close(fd);
	return err;
}

bool tree_exists(const struct tree *tree, const char *path)
{
	struct stat st;

	return !tree_stat(tree, path, &st);
}

int tree_may_use(const struct tree *tree, const char *path)
{
	int fd = tree_open(tree, path, O_PATH), err;
	char self[40];

	if (fd < 0)
		return fd;
	/* The kernel's own answer, which knows of access control lists. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	err = faccessat(AT_FDCWD, self, R_OK | W_OK, AT_EACCESS) ? -errno : 0;
	close(fd);
	return err;
}

/* ---- reading ---- */

static int open_regular(const struct tree *tree, const char *path)
{
	int fd = tree_open(tree, path, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

int tree_read_all(int fd, size_t limit, char **data, size_t *len)
{
	size_t room = 0, at = 0;
	char *buf = NULL, *more;
	ssize_t n = 1;

	while (n) {
		if (room - at < 2) {
			room += CHUNK;
			more = realloc(buf, room);
			if (!more)
				goto fail;
			buf = more;
		}
		do
			n = read(fd, buf + at, room - at - 1);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			goto fail;
		at += (size_t)n;
		errno = EFBIG;
		if (at > limit)
			goto fail;
	}
	buf[at] = 0;
	*data = buf;
	*len = at;
	return 0;

fail:
	n = -errno;
	free(buf);
	return (int)n;
}

int tree_read_file(const struct tree *tree, const char *path, size_t limit, char **data,
		   size_t *len)
{
	int fd = open_regular(tree, path), err;

	if (fd < 0)
		return fd;
	err = tree_read_all(fd, limit, data, len);
	close(fd);
	return err;
}

__attribute__((format(printf, 2, 0)))
static int put_path(char path[PATH_MAX], const char *format, va_list args)
{
	int n = vsnprintf(path, PATH_MAX, format, args);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* One read: an attribute that changes under it is never two halves. */
static int read_line(const struct tree *tree, const char *path, char *buf, size_t size)
{
	int fd = open_regular(tree, path), err;
	char text[4096];
	ssize_t n;
	size_t len;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	text[n] = '\n';
	len = (size_t)((char *)rawmemchr(text, '\n') - text);
	if (!len)
		return -ENODATA;
	format_printable(buf, size, text, len);
	return 0;
}

int tree_read_line(const struct tree *tree, char *buf, size_t size, const char *path_format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int err;

	buf[0] = 0;
	va_start(args, path_format);
	err = put_path(path, path_format, args);
	va_end(args);
	return err ? err : read_line(tree, path, buf, size);
}

int tree_read_link(const struct tree *tree, char *buf, size_t size, const char *path_format, ...)
{
	char path[PATH_MAX], to[PATH_MAX];
	const char *last;
	va_list args;
	ssize_t n;
	int fd, err;

	buf[0] = 0;
	va_start(args, path_format);
	err = put_path(path, path_format, args);
	va_end(args);
	fd = err ? err : tree_open(tree, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", to, sizeof(to) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	to[n] = 0;
	last = strrchr(to, '/');
	last = last ? last + 1 : to;
	format_printable(buf, size, last, strlen(last));
	return 0;
}

/* ---- directories ---- */

static bool begins(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (!len)
		return name[0] != '.';
	return !strncmp(name, prefix, len) && isdigit((unsigned char)name[len]);
}

static int add_name(struct tree_names *names, const char *name)
{
	char **more;

	if (names->n == NAMES_MAX)
		return -E2BIG;
	more = reallocarray(names->name, names->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	names->name = more;
	more[names->n] = strdup(name);
	if (!more[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

int tree_list(const struct tree *tree, const char *path, const char *prefix,
	      struct tree_names *names)
{
	int fd = tree_open(tree, path, O_RDONLY | O_DIRECTORY), err = 0;
	const struct dirent *entry;
	DIR *dir;

	*names = (struct tree_names){ 0 };
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	while (!err && (entry = readdir(dir)))
		if (begins(entry->d_name, prefix))
			err = add_name(names, entry->d_name);
	closedir(dir);
	if (err)
		tree_names_free(names);
	else if (names->n)
		qsort(names->name, names->n, sizeof(*names->name), by_version);
	return err;
}

void tree_names_free(struct tree_names *names)
{
	while (names->n)
		free(names->name[--names->n]);
	free(names->name);
	names->name = NULL;
}
