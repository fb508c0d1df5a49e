/* SPDX-License-Identifier: BSD-2-Clause */
#include "link/event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* No file type, and a write of nothing that succeeds. */
bool event_fd_valid(int fd)
{
	const uint64_t none = 0;
	struct stat st;

	return !fstat(fd, &st) && !(st.st_mode & S_IFMT) &&
	       write(fd, &none, sizeof(none)) == sizeof(none);
}

int event_fd_unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

void event_fd_signal(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable already */
}

void event_fd_clear(int fd)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };
	/* The other side could make reads of the file wait again. */
	ssize_t n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) /* before Linux 5.8 */
		n = read(fd, &count, sizeof(count));
	if (n < 0)
		return; /* nothing in it */
}
