/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/traffic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pcap.h"
#include "common/text_reader.h"

/* Bytes that tell what a file is: not more, for a live capture may have no packet yet. */
#define SNIFF_SIZE 16

struct traffic {
	struct rpmsg_recording *recording; /* or input, and what reads it */
	struct input *input;
	FILE *stream; /* of text */
	struct text_reader *text;
	struct pcap_reader *capture; /* has a stream of its own */
	char name[];
};

__attribute__((format(printf, 4, 5)))
static int refuse(int err, char *error, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, size, fmt, args);
	va_end(args);
	return err;
}

/* ---- what it is ---- */

struct sniff {
	size_t n;
	uint8_t bytes[SNIFF_SIZE];
};

static bool begins(const struct sniff *s, const void *magic, size_t n)
{
	return s->n >= n && !memcmp(s->bytes, magic, n);
}

/* pcap, its nanosecond form, and pcapng; each in either byte order. */
static bool is_capture(const struct sniff *s)
{
	static const uint32_t magic[] = {
		0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a,
	};

	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if (begins(s, &magic[i], sizeof(magic[i])))
			return true;
	return false;
}

/* What unpacks it, or NULL. */
static const char *unpacker(const struct sniff *s)
{
	static const struct {
		const char *program;
		size_t n;
		uint8_t magic[6];
	} known[] = {
		{"zcat", 2, {0x1f, 0x8b}},
		{"zstdcat", 4, {0x28, 0xb5, 0x2f, 0xfd}},
		{"xzcat", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
		{"bzcat", 3, {'B', 'Z', 'h'}},
		{"lz4cat", 4, {0x04, 0x22, 0x4d, 0x18}},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (begins(s, known[i].magic, known[i].n))
			return known[i].program;
	return NULL;
}

static bool is_text(const struct sniff *s)
{
	static const char control[] = {'\t', '\n', '\r', '\f', '\033'};

	for (size_t i = 0; i < s->n; i++)
		if (s->bytes[i] == 0x7f ||
		    (s->bytes[i] < ' ' && !memchr(control, s->bytes[i], sizeof(control))))
			return false;
	return true;
}

/* ---- opening ---- */

static int open_capture(struct traffic *t, char *error, size_t size)
{
	FILE *stream = input_stream(t->input);

	if (!stream)
		return refuse(-ENOMEM, error, size, "%s: %s", t->name, strerror(ENOMEM));
	return pcap_reader_open(stream, t->name, &t->capture, error, size);
}

static int open_text(struct traffic *t, char *error, size_t size)
{
	t->stream = input_stream(t->input);
	if (t->stream)
		t->text = text_reader_new(t->stream, t->name);
	return t->text ? 0 : refuse(-ENOMEM, error, size, "%s: %s", t->name, strerror(ENOMEM));
}

/* 1, 0 if it is no recorder's file, or the error. */
static int open_recording(struct traffic *t, const char *path, char *error, size_t size)
{
	if (!input_is_regular(t->input))
		return 0;
	t->recording = rpmsg_recording_open(strcmp(path, "-") ? path : "/dev/stdin", true);
	if (!t->recording && errno == EMEDIUMTYPE)
		return 0;
	if (!t->recording)
		return refuse(-errno, error, size, "%s", rpmsg_error_detail());
	rpmsg_recording_set_events(t->recording, true);
	return 1;
}

static int open_what_it_is(struct traffic *t, const char *path, char *error, size_t size)
{
	struct sniff s;
	ssize_t n = input_peek(t->input, s.bytes, sizeof(s.bytes));
	const char *program;
	int found;

	if (n < 0)
		return refuse((int)n, error, size, "%s: %s", t->name, rpmsg_strerror((int)n));
	if (!n)
		return refuse(-EPROTO, error, size, "%s is empty", t->name);
	s.n = (size_t)n;
	if (is_capture(&s))
		return open_capture(t, error, size);
	found = open_recording(t, path, error, size);
	if (found)
		return found < 0 ? found : 0;
	if (is_text(&s))
		return open_text(t, error, size);
	program = unpacker(&s);
	if (program)
		return refuse(-EPROTO, error, size, "%s is compressed: give what '%s' makes of it "
			      "to standard input", t->name, program);
	return refuse(-EPROTO, error, size, "%s: neither a capture, a recorder's file%s, lines of "
		      "--out log nor a kernel's log", t->name,
		      input_is_regular(t->input) ? "" : " (which cannot come through a pipe)");
}

int traffic_open_wait(const char *path, const struct input_wait *wait, struct traffic **traffic,
		      char *error, size_t size)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct traffic *t = calloc(1, sizeof(*t) + strlen(name) + 1);
	int err;

	if (!t)
		return refuse(-ENOMEM, error, size, "%s: %s", name, strerror(ENOMEM));
	strcpy(t->name, name);
	err = input_open(path, wait, &t->input);
	if (err)
		refuse(err, error, size, "%s: %s", name, rpmsg_strerror(err));
	else
		err = open_what_it_is(t, path, error, size);
	if (err) {
		traffic_close(t);
		return err;
	}
	*traffic = t;
	return 0;
}

int traffic_open(const char *path, struct traffic **traffic, char *error, size_t size)
{
	return traffic_open_wait(path, NULL, traffic, error, size);
}

/* ---- reading ---- */

static int read_recording(struct traffic *t, struct rpmsg_record *record, char *error, size_t size)
{
	int n = rpmsg_recording_read(t->recording, record);

	if (n >= 0 || n == -EPIPE)
		return n;
	return refuse(n, error, size, "%s: %s", t->name, rpmsg_error_detail());
}

int traffic_read(struct traffic *t, struct rpmsg_record *record, char *error, size_t size)
{
	int n;

	if (t->recording)
		return read_recording(t, record, error, size);
	if (t->capture)
		n = pcap_reader_next(t->capture, record, error, size);
	else
		n = text_reader_next(t->text, record, error, size);
	if (n < 0 && input_interrupted(t->input))
		return -EINTR;
	return n ? n : -EPIPE;
}

bool traffic_set_follow(struct traffic *t, bool on)
{
	if (!t->recording)
		return false;
	rpmsg_recording_set_limit(t->recording, !on);
	return true;
}

uint64_t traffic_lost(const struct traffic *t, const char **what)
{
	*what = t->text && text_reader_is_kernel(t->text) ? "lines of the kernel's log" : NULL;
	if (t->text)
		return text_reader_lost(t->text);
	return t->recording ? rpmsg_recording_lost(t->recording) : 0;
}

int traffic_crashed(const struct traffic *t)
{
	return t->recording ? rpmsg_recording_crashed(t->recording) : 0;
}

void traffic_close(struct traffic *t)
{
	if (!t)
		return;
	rpmsg_recording_close(t->recording);
	pcap_reader_close(t->capture);
	text_reader_free(t->text);
	if (t->stream)
		fclose(t->stream);
	input_close(t->input);
	free(t);
}
