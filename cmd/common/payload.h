/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that come from the command line, a file or standard input.
 */
#ifndef CMD_PAYLOAD_H
#define CMD_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/* No rpmsg link carries a longer message: the 16-bit length of its header. */
#define PAYLOAD_MAX 65535U

enum payload_form {
	PAYLOAD_PLAIN,   /* as it is */
	PAYLOAD_HEX,     /* hex digits; blanks and colons between bytes are skipped */
	PAYLOAD_ESCAPES, /* \n \0 \xHH and \\ mean a byte */
};

/* data is the holder's, from malloc; never NULL, also when len is 0. */
struct payload {
	uint8_t *data;
	size_t len;
};

/* Messages in the order they are sent. All zero is empty. */
struct payload_list {
	struct payload *item;
	size_t n;
};

/*
 * Reads len bytes of text in a form. 0, or -EINVAL (*why says what is wrong with the
 * text), -EMSGSIZE (longer than PAYLOAD_MAX), -ENOMEM; *why is set to static text.
 */
int payload_decode(const char *text, size_t len, enum payload_form form, struct payload *out,
		   const char **why);
/* The whole of a file ("-": standard input) in a form. Errors as above, and -errno of the file. */
int payload_read_file(const char *path, enum payload_form form, struct payload *out,
		      const char **why);
void payload_free(struct payload *payload);
/* The byte in the two hex digits that text, of len bytes, begins with, or -1. */
int payload_hex_byte(const char *text, size_t len);

/* Appends: *payload belongs to the list from then on. 0 or -ENOMEM. */
int payload_list_add(struct payload_list *list, struct payload *payload);
/*
 * Appends the messages that the arguments are: with PAYLOAD_HEX all together one,
 * else one each; an argument "-" is the whole of standard input. On error *bad is
 * the argument's index and nothing was added.
 */
int payload_list_add_args(struct payload_list *list, const char *const *args, size_t n,
			  enum payload_form form, size_t *bad, const char **why);
void payload_list_free(struct payload_list *list);

struct payload_lines; /* reads a message a line, without its newline, or pieces of a stream */

/* path "-" is standard input. NULL and errno. */
struct payload_lines *payload_lines_open(const char *path, enum payload_form form);
void payload_lines_close(struct payload_lines *lines);
/* From now on a line is whatever has come, up to size bytes (1..PAYLOAD_MAX), as it is. */
void payload_lines_split(struct payload_lines *lines, size_t size);
/*
 * 1 and *line, which is the reader's and ends with the next call; 0 at the end; -EAGAIN
 * if no whole line is there yet (poll payload_lines_fd() for POLLIN); errors as
 * payload_decode(), or of read. Never blocks. Waiting lines cost no system call.
 */
int payload_lines_next(struct payload_lines *lines, struct payload *line, const char **why);
int payload_lines_fd(const struct payload_lines *lines);
/* Number of the line last returned, from 1. */
uint64_t payload_lines_number(const struct payload_lines *lines);

#endif
