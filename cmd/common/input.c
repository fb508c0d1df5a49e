/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"

/* What input_peek() can be asked for. */
#define PEEK_MAX 64
#define BUFFER_SIZE (256 * 1024)

struct input {
	int fd;
	struct input_wait wait;
	bool interrupted;
	size_t n_peeked, n_taken; /* of peeked, and of these how many the stream has got */
	char peeked[PEEK_MAX];
};

int input_open(const char *path, const struct input_wait *wait, struct input **input)
{
	static const struct input_wait forever = {.deadline = NUMBER_FOREVER};
	bool std = !strcmp(path, "-");
	struct input *in = calloc(1, sizeof(*in));
	int err;

	if (!in)
		return -ENOMEM;
	in->wait = wait ? *wait : forever;
	/* A FIFO's first writer is awaited as all else is, in poll(). */
	in->fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		     : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0) {
		err = -errno;
		free(in);
		return err;
	}
	*input = in;
	return 0;
}

bool input_is_regular(const struct input *in)
{
	struct stat st;

	return !fstat(in->fd, &st) && S_ISREG(st.st_mode);
}

/* 0 when a read does not block any more, or -EINTR. */
static int await(struct input *in)
{
	struct pollfd fd = {.fd = in->fd, .events = POLLIN};
	int n = run_wait(&fd, 1, 0);

	if (!n) {
		if (in->wait.idle)
			in->wait.idle(in->wait.arg);
		n = run_wait(&fd, 1, in->wait.deadline);
	}
	in->interrupted = n <= 0;
	return n > 0 ? 0 : -EINTR;
}

static ssize_t read_some(struct input *in, void *to, size_t size)
{
	ssize_t n;

	do {
		if (await(in))
			return -EINTR;
		n = read(in->fd, to, size);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

ssize_t input_peek(struct input *in, void *bytes, size_t size)
{
	ssize_t n = 1;

	if (size > PEEK_MAX)
		return -EINVAL;
	while (in->n_peeked < size && n > 0) {
		n = read_some(in, in->peeked + in->n_peeked, size - in->n_peeked);
		if (n < 0)
			return n;
		in->n_peeked += (size_t)n;
	}
	if (size > in->n_peeked)
		size = in->n_peeked;
	memcpy(bytes, in->peeked, size);
	return (ssize_t)size;
}

static ssize_t stream_read(void *cookie, char *to, size_t size)
{
	struct input *in = cookie;
	size_t left = in->n_peeked - in->n_taken;
	ssize_t n;

	if (left) {
		if (left < size)
			size = left;
		memcpy(to, in->peeked + in->n_taken, size);
		in->n_taken += size;
		return (ssize_t)size;
	}
	n = read_some(in, to, size);
	if (n >= 0)
		return n;
	errno = (int)-n;
	return -1;
}

FILE *input_stream(struct input *in)
{
	FILE *f = fopencookie(in, "r", (cookie_io_functions_t){.read = stream_read});

	if (f && setvbuf(f, NULL, _IOFBF, BUFFER_SIZE)) {
		fclose(f);
		return NULL;
	}
	return f;
}

bool input_interrupted(const struct input *in)
{
	return in->interrupted;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	close(in->fd);
	free(in);
}
