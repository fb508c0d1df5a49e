/* SPDX-License-Identifier: BSD-2-Clause */
#include "link/listen.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"

/* Something else than a socket is somebody's. */
static int check_place(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && !S_ISSOCK(st.st_mode))
		return fail(EEXIST, "%s is there and is not a socket", path);
	return 0;
}

static int put(int fd, const struct sockaddr_un *addr, int backlog)
{
	struct sockaddr_un tmp = { .sun_family = AF_UNIX };
	int n = snprintf(tmp.sun_path, sizeof(tmp.sun_path), "%s.new", addr->sun_path);

	if (n < 0 || (size_t)n >= sizeof(tmp.sun_path))
		return fail(ENAMETOOLONG, "%s: too long for a socket", addr->sun_path);
	unlink(tmp.sun_path);
	if (bind(fd, (struct sockaddr *)&tmp, sizeof(tmp)))
		return fail(errno, "%s: %s", tmp.sun_path, strerror(errno));
	if (!chmod(tmp.sun_path, 0600) && !listen(fd, backlog) &&
	    !rename(tmp.sun_path, addr->sun_path))
		return 0;
	n = errno;
	unlink(tmp.sun_path);
	return fail(n, "%s: %s", addr->sun_path, strerror(n));
}

int listen_at(const struct sockaddr_un *addr, int type, int backlog)
{
	int ret = check_place(addr->sun_path), fd;

	if (ret)
		return ret;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(errno, "%s: %s", addr->sun_path, strerror(errno));
	ret = put(fd, addr, backlog);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}
