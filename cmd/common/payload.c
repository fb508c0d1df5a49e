/* SPDX-License-Identifier: BSD-2-Clause */
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rpmsg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest text of a message: each byte is four characters at most (\xHH). */
#define TEXT_MAX (4 * (size_t)PAYLOAD_MAX)

static const char TOO_LONG[] = "is longer than 65535 bytes, which no rpmsg link carries";

static int refuse(int err, const char **why, const char *text)
{
	*why = text;
	return err;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int payload_hex_byte(const char *text, size_t len)
{
	if (len < 2 || hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0)
		return -1;
	return hex_digit(text[0]) << 4 | hex_digit(text[1]);
}

/* out has room for len bytes. Both return the number of bytes or -EINVAL. */
static long decode_hex(const char *text, size_t len, uint8_t *out, const char **why)
{
	size_t n = 0, i = 0;
	int byte;

	while (i < len) {
		if (strchr(" \t\r\n:", text[i]) && text[i]) {
			i++;
			continue;
		}
		if (hex_digit(text[i]) < 0)
			return refuse(-EINVAL, why, "is not hex: only digits 0-9 a-f and blanks");
		byte = payload_hex_byte(text + i, len - i);
		if (byte < 0)
			return refuse(-EINVAL, why, "is not hex: a byte is two digits");
		out[n++] = (uint8_t)byte;
		i += 2;
	}
	return (long)n;
}

static long decode_escapes(const char *text, size_t len, uint8_t *out, const char **why)
{
	static const char bad[] = "has an unknown escape: there are \\n \\0 \\xHH and \\\\";
	size_t n = 0, i = 0;
	int byte;

	while (i < len) {
		if (text[i] != '\\') {
			out[n++] = (uint8_t)text[i++];
			continue;
		}
		if (++i == len)
			return refuse(-EINVAL, why, bad);
		switch (text[i]) {
		case 'n':
			out[n++] = '\n';
			break;
		case '0':
			out[n++] = 0;
			break;
		case '\\':
			out[n++] = '\\';
			break;
		case 'x':
			byte = payload_hex_byte(text + i + 1, len - i - 1);
			if (byte < 0)
				return refuse(-EINVAL, why, bad);
			out[n++] = (uint8_t)byte;
			i += 2;
			break;
		default:
			return refuse(-EINVAL, why, bad);
		}
		i++;
	}
	return (long)n;
}

int payload_decode(const char *text, size_t len, enum payload_form form, struct payload *out,
		   const char **why)
{
	uint8_t *data;
	long n = (long)len;

	if (len > TEXT_MAX)
		return refuse(-EMSGSIZE, why, TOO_LONG);
	data = malloc(len + 1);
	if (!data)
		return refuse(-ENOMEM, why, "does not fit into memory");
	if (form == PAYLOAD_HEX)
		n = decode_hex(text, len, data, why);
	else if (form == PAYLOAD_ESCAPES)
		n = decode_escapes(text, len, data, why);
	else
		memcpy(data, text, len);
	if (n > (long)PAYLOAD_MAX)
		n = refuse(-EMSGSIZE, why, TOO_LONG);
	if (n < 0) {
		free(data);
		return (int)n;
	}
	out->data = data;
	out->len = (size_t)n;
	return 0;
}

/* Reads until the end or until text is longer than a message can be. */
static ssize_t read_all(int fd, char *text)
{
	size_t n = 0;
	ssize_t got;

	while (n <= TEXT_MAX) {
		got = read(fd, text + n, TEXT_MAX + 1 - n);
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static int open_input(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	return fd < 0 ? -errno : fd;
}

static void close_input(int fd)
{
	if (fd > STDIN_FILENO)
		close(fd);
}

int payload_read_file(const char *path, enum payload_form form, struct payload *out,
		      const char **why)
{
	int fd = open_input(path);
	char *text;
	ssize_t n;
	int err;

	if (fd < 0)
		return refuse(fd, why, rpmsg_strerror(fd));
	text = malloc(TEXT_MAX + 1);
	if (!text) {
		close_input(fd);
		return refuse(-ENOMEM, why, "does not fit into memory");
	}
	n = read_all(fd, text);
	err = n < 0 ? refuse((int)n, why, rpmsg_strerror((int)n))
		    : payload_decode(text, (size_t)n, form, out, why);
	free(text);
	close_input(fd);
	return err;
}

void payload_free(struct payload *payload)
{
	free(payload->data);
	payload->data = NULL;
	payload->len = 0;
}

int payload_list_add(struct payload_list *list, struct payload *payload)
{
	struct payload *item;

	/* Room doubles whenever the count is a power of two. */
	if (!(list->n & (list->n - 1))) {
		item = reallocarray(list->item, list->n ? 2 * list->n : 1, sizeof(*item));
		if (!item)
			return -ENOMEM;
		list->item = item;
	}
	list->item[list->n++] = *payload;
	return 0;
}

void payload_list_free(struct payload_list *list)
{
	while (list->n)
		payload_free(&list->item[--list->n]);
	free(list->item);
	list->item = NULL;
}

static int add_one(struct payload_list *list, const char *arg, enum payload_form form,
		   const char **why)
{
	struct payload payload;
	int err;

	if (!strcmp(arg, "-"))
		err = payload_read_file(arg, form, &payload, why);
	else
		err = payload_decode(arg, strlen(arg), form, &payload, why);
	if (err)
		return err;
	err = payload_list_add(list, &payload);
	if (err) {
		payload_free(&payload);
		*why = "does not fit into memory";
	}
	return err;
}

/* All arguments are one message: appends each one's bytes. */
static int add_joined(struct payload_list *list, const char *const *args, size_t n,
		      enum payload_form form, size_t *bad, const char **why)
{
	struct payload all = { .data = malloc(PAYLOAD_MAX) };
	struct payload_list part = { 0 };
	int err = all.data ? 0 : refuse(-ENOMEM, why, "does not fit into memory");

	for (size_t i = 0; !err && i < n; i++) {
		*bad = i;
		err = add_one(&part, args[i], form, why);
		if (err)
			break;
		if (part.item->len > PAYLOAD_MAX - all.len) {
			err = refuse(-EMSGSIZE, why, TOO_LONG);
		} else {
			memcpy(all.data + all.len, part.item->data, part.item->len);
			all.len += part.item->len;
		}
		payload_list_free(&part);
	}
	if (!err && payload_list_add(list, &all))
		err = refuse(-ENOMEM, why, "does not fit into memory");
	if (err)
		payload_free(&all);
	return err;
}

int payload_list_add_args(struct payload_list *list, const char *const *args, size_t n,
			  enum payload_form form, size_t *bad, const char **why)
{
	size_t before = list->n;
	int err;

	*bad = 0;
	if (!n)
		return 0;
	if (form == PAYLOAD_HEX)
		return add_joined(list, args, n, form, bad, why);
	for (size_t i = 0; i < n; i++) {
		err = add_one(list, args[i], form, why);
		if (!err)
			continue;
		*bad = i;
		while (list->n > before)
			payload_free(&list->item[--list->n]);
		return err;
	}
	return 0;
}

struct payload_lines {
	int fd;
	enum payload_form form;
	bool ended;
	size_t piece; /* 0: lines */
	uint64_t number;
	size_t start, seen, end; /* text not yet returned, of which seen has no newline */
	struct payload decoded;
	char text[TEXT_MAX + 1];
};

struct payload_lines *payload_lines_open(const char *path, enum payload_form form)
{
	struct payload_lines *lines = malloc(sizeof(*lines));

	if (!lines)
		return NULL;
	lines->fd = open_input(path);
	if (lines->fd < 0) {
		errno = -lines->fd;
		free(lines);
		return NULL;
	}
	lines->form = form;
	lines->ended = false;
	lines->piece = lines->number = 0;
	lines->start = lines->seen = lines->end = 0;
	lines->decoded = (struct payload){ 0 };
	return lines;
}

void payload_lines_split(struct payload_lines *lines, size_t size)
{
	lines->piece = size;
}

void payload_lines_close(struct payload_lines *lines)
{
	if (!lines)
		return;
	close_input(lines->fd);
	payload_free(&lines->decoded);
	free(lines);
}

/* 1 something was read or the end reached, else -errno. */
static int refill(struct payload_lines *lines, const char **why)
{
	struct pollfd pfd = { .fd = lines->fd, .events = POLLIN };
	ssize_t got;

	if (lines->start) {
		memmove(lines->text, lines->text + lines->start, lines->end - lines->start);
		lines->seen -= lines->start;
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->end == sizeof(lines->text))
		return refuse(-EMSGSIZE, why, TOO_LONG);
	if (poll(&pfd, 1, 0) <= 0)
		return -EAGAIN;
	got = read(lines->fd, lines->text + lines->end, sizeof(lines->text) - lines->end);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got < 0)
		return refuse(-errno, why, rpmsg_strerror(errno));
	lines->end += (size_t)got;
	lines->ended = got == 0;
	return 1;
}

static int take(struct payload_lines *lines, size_t len, struct payload *line, const char **why)
{
	char *text = lines->text + lines->start;
	int err;

	lines->start = lines->seen = lines->start + len + (lines->start + len < lines->end);
	lines->number++;
	if (lines->form == PAYLOAD_PLAIN) {
		if (len > PAYLOAD_MAX)
			return refuse(-EMSGSIZE, why, TOO_LONG);
		*line = (struct payload){ .data = (uint8_t *)text, .len = len };
		return 1;
	}
	payload_free(&lines->decoded);
	err = payload_decode(text, len, lines->form, &lines->decoded, why);
	if (err)
		return err;
	*line = lines->decoded;
	return 1;
}

static int next_piece(struct payload_lines *lines, struct payload *piece, const char **why)
{
	size_t len;
	int ret = 1;

	while (ret > 0 && !lines->ended && lines->end - lines->start < lines->piece)
		ret = refill(lines, why);
	len = lines->end - lines->start;
	if (!len || (ret < 0 && ret != -EAGAIN))
		return ret < 0 ? ret : 0;
	if (len > lines->piece)
		len = lines->piece;
	*piece = (struct payload){ .data = (uint8_t *)lines->text + lines->start, .len = len };
	lines->start = lines->seen = lines->start + len;
	lines->number++;
	return 1;
}

int payload_lines_next(struct payload_lines *lines, struct payload *line, const char **why)
{
	char *newline;
	int ret;

	if (lines->piece)
		return next_piece(lines, line, why);
	for (;;) {
		newline = memchr(lines->text + lines->seen, '\n', lines->end - lines->seen);
		if (newline)
			return take(lines, (size_t)(newline - lines->text) - lines->start, line,
				    why);
		lines->seen = lines->end;
		if (lines->ended && lines->start == lines->end)
			return 0;
		if (lines->ended)
			return take(lines, lines->end - lines->start, line, why);
		ret = refill(lines, why);
		if (ret < 0)
			return ret;
	}
}

int payload_lines_fd(const struct payload_lines *lines)
{
	return lines->fd;
}

uint64_t payload_lines_number(const struct payload_lines *lines)
{
	return lines->number;
}
