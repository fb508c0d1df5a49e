/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file or pipe to read: its first bytes can be looked at before they are read, and a
 * wait for more ends when the tool has to stop.
 */
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* What to do while nothing is there. */
struct input_wait {
	int64_t deadline;        /* as in run.h: then reading ends */
	void (*idle)(void *arg); /* called before each sleep, or NULL */
	void *arg;
};

struct input;

/* Opens path, or takes standard input if it is "-". wait, or NULL, is copied. 0 or -errno. */
int input_open(const char *path, const struct input_wait *wait, struct input **input);
/* Whether it is a file on a disk, not a pipe or the like. */
bool input_is_regular(const struct input *input);
/*
 * The first bytes, size at most and fewer only at the end: how many, or -errno. Only before
 * input_stream(). -EINTR: the deadline came or the tool has to stop.
 */
ssize_t input_peek(struct input *input, void *bytes, size_t size);
/* All of it, from its first byte; read errors are as above. To be closed first. NULL: no memory. */
FILE *input_stream(struct input *input);
/* Whether a read ended with -EINTR. */
bool input_interrupted(const struct input *input);
/* NULL is allowed. */
void input_close(struct input *input);

#endif
