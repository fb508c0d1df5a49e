/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of this machine, or of another one's that were copied into a directory.
 *
 * Paths are absolute, as on the machine that is looked at; nothing outside the
 * directory is ever reached through a copy's links. What such files hold is not
 * to be trusted: reading is bounded and never waits, and lines come out as
 * printable ASCII.
 */
#ifndef CMD_TREE_H
#define CMD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct tree {
	int fd; /* of the directory */
	bool copied;
};

/* dir NULL: this machine itself. 0 or -errno. */
int tree_init(struct tree *tree, const char *dir);
void tree_done(struct tree *tree);

/* A descriptor, or -errno. */
int tree_open(const struct tree *tree, const char *path, int flags);
/* Follows links. 0 or -errno. */
int tree_stat(const struct tree *tree, const char *path, struct stat *st);
bool tree_exists(const struct tree *tree, const char *path);
/* Whether this process may read and write it: 0, -EACCES, or why that is not known. */
int tree_may_use(const struct tree *tree, const char *path);

/*
 * The first line of a regular file, cut to size - 1. 0; -ENODATA if it is empty;
 * -errno, and then buf is "".
 */
int tree_read_line(const struct tree *tree, char *buf, size_t size, const char *path_format, ...)
	__attribute__((format(printf, 4, 5)));
/* The last part of where a link points to; as above. */
int tree_read_link(const struct tree *tree, char *buf, size_t size, const char *path_format, ...)
	__attribute__((format(printf, 4, 5)));
/* The whole of a regular file, a NUL behind it, to be freed. -EFBIG beyond limit; -errno. */
int tree_read_file(const struct tree *tree, const char *path, size_t limit, char **data,
		   size_t *len);

/* All that can be read from fd, as above; for what is no regular file. */
int tree_read_all(int fd, size_t limit, char **data, size_t *len);

struct tree_names {
	char **name;
	size_t n;
};
/*
 * What is in a directory and begins with prefix and a digit ("": anything but what begins
 * with a dot), sorted, rpmsg2 before rpmsg10. 0 or -errno, and then there are none.
 */
int tree_list(const struct tree *tree, const char *path, const char *prefix,
	      struct tree_names *names);
void tree_names_free(struct tree_names *names);

#endif
