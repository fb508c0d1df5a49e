/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock file that says who holds it. The lock is what counts: a file left by a
 * killed holder is taken over. The holder removes the file before it lets go, so
 * whoever gets the lock looks whether it is still the file that others will find.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/shm.h"

static bool still_there(int fd, const char *path)
{
	struct stat ours, theirs;

	return !fstat(fd, &ours) && !stat(path, &theirs) && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

static int say_held(int fd, const char *what)
{
	char text[64], *command;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *p;

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	command = strchr(text, ' ');
	if (!command)
		return fail(EBUSY, "%s is held by a process that is just starting", what);
	*command++ = '\0';
	return fail(EBUSY, "%s is held by pid %s (%s)", what, text, command);
}

static int say_ours(int fd)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%ld %.32s\n", (long)getpid(),
			 program_invocation_short_name);

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
}

int shm_lock_take(const char *path, const char *what)
{
	int fd, ret;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return fail(errno, "%s: %s", path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			ret = errno == EWOULDBLOCK ? say_held(fd, what)
						   : fail(errno, "%s: %s", path, strerror(errno));
			close(fd);
			return ret;
		}
		if (still_there(fd, path))
			break;
		close(fd);
	}
	errno = 0;
	ret = say_ours(fd);
	if (ret) {
		shm_lock_drop(fd, path);
		return fail(-ret, "%s: %s", path, strerror(-ret));
	}
	return fd;
}

void shm_lock_drop(int fd, const char *path)
{
	unlink(path);
	close(fd);
}
