/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of links: waiting for changes, the log, the count of open fds. */
#ifndef LINK_ENDS_H
#define LINK_ENDS_H

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"
#include "link/link.h"

#define PATIENCE_MS 10000

/* All that was logged since it was last emptied. */
struct log_text {
	char text[4096];
	unsigned lines;
};

static inline void log_keep(void *arg, enum rpmsg_log_level level, const char *text)
{
	struct log_text *log = arg;
	size_t used = strlen(log->text);

	snprintf(log->text + used, sizeof(log->text) - used, "%d:%s\n", (int)level, text);
	log->lines++;
}

static inline int64_t test_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline bool readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

/* Serves a, and b unless NULL, until a reports wanted; false: it took too long. */
static inline bool await_change(struct link *a, struct link *b, enum link_change wanted)
{
	int64_t end = test_ms() + PATIENCE_MS;
	struct pollfd pfd[2] = { { .fd = a->control_fd, .events = POLLIN },
				 { .fd = b ? b->control_fd : -1, .events = POLLIN } };

	while (test_ms() < end) {
		if (poll(pfd, 2, (int)(end - test_ms())) < 1)
			continue;
		if (pfd[0].revents && a->ops->control(a) == wanted)
			return true;
		if (pfd[1].revents)
			b->ops->control(b);
	}
	return false;
}

/* Serves both until both have reported UP. */
static inline bool await_both_up(struct link *a, struct link *b)
{
	struct link *link[2] = { a, b };
	bool up[2] = { false, false };
	int64_t end = test_ms() + PATIENCE_MS;
	int i;

	while (test_ms() < end && !(up[0] && up[1])) {
		struct pollfd pfd[2] = { { .fd = a->control_fd, .events = POLLIN },
					 { .fd = b->control_fd, .events = POLLIN } };

		if (poll(pfd, 2, (int)(end - test_ms())) < 1)
			continue;
		for (i = 0; i < 2; i++)
			if (pfd[i].revents && link[i]->ops->control(link[i]) == LINK_UP)
				up[i] = true;
	}
	return up[0] && up[1];
}

static inline unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline unsigned count_fds(void)
{
	return count_entries("/proc/self/fd");
}

/* A directory of our own as RPMSG_DIR. */
static inline int dir_set_up(void **state)
{
	char *dir = strdup("/tmp/rpmsg-shm-XXXXXX");

	if (!dir || !mkdtemp(dir) || setenv("RPMSG_DIR", dir, 1))
		return -1;
	*state = dir;
	return 0;
}

/* Fails if anything was left there. */
static inline int dir_tear_down(void **state)
{
	int ret = rmdir(*state);

	free(*state);
	return ret;
}

static inline void dir_path(char *path, size_t size, const char *file)
{
	snprintf(path, size, "%s/%s", getenv("RPMSG_DIR"), file);
}

static inline bool dir_has(const char *file)
{
	char path[256];

	dir_path(path, sizeof(path), file);
	return !access(path, F_OK);
}

#endif
