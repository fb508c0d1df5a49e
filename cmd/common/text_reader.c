/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/text_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/kernel_log.h"
#include "common/log_line.h"
#include "common/payload.h"

/* The longest line there is: a message of --out log with all that stands before its data. */
#define LINE_SIZE (2 * PAYLOAD_MAX + 256)
#define QUOTE_SIZE 40 /* of a line in an error */

enum kind { KIND_UNKNOWN, KIND_LOG, KIND_KERNEL };

struct text_reader {
	FILE *stream;
	const char *name;
	enum kind kind;
	uint64_t n_lines, n_records;
	struct kernel_log *log;
	bool is_kernel;     /* a line of the kernel's was there */
	char first[QUOTE_SIZE]; /* line, of a kernel's log that may be none */
	int64_t offset_us;  /* from the kernel's clock to the time of day, once it is known */
	bool has_offset;
	char line[LINE_SIZE];
};

struct text_reader *text_reader_new(FILE *stream, const char *name)
{
	struct text_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->stream = stream;
	r->name = name;
	r->log = kernel_log_new(false);
	if (r->log)
		return r;
	free(r);
	return NULL;
}

void text_reader_free(struct text_reader *r)
{
	if (!r)
		return;
	kernel_log_free(r->log);
	free(r);
}

bool text_reader_is_kernel(const struct text_reader *r)
{
	return r->kind == KIND_KERNEL;
}

uint64_t text_reader_lost(const struct text_reader *r)
{
	return kernel_log_lost(r->log);
}

__attribute__((format(printf, 4, 5)))
static int refuse(const struct text_reader *r, char *error, size_t size, const char *fmt, ...)
{
	int at = snprintf(error, size, "%s: ", r->name);
	va_list args;

	va_start(args, fmt);
	if (at > 0 && (size_t)at < size)
		vsnprintf(error + at, size - (size_t)at, fmt, args);
	va_end(args);
	return -EPROTO;
}

/* Takes a line without its end into r->line: 1, 0 at the end, or the error. */
static int read_line(struct text_reader *r, char *error, size_t size)
{
	size_t n = 0;
	int c;

	errno = 0;
	while ((c = getc_unlocked(r->stream)) != EOF && c != '\n') {
		if (n == LINE_SIZE - 1)
			return refuse(r, error, size, "line %" PRIu64 " is too long",
				      r->n_lines + 1);
		r->line[n++] = c ? (char)c : '.'; /* a crash may leave such bytes in a log */
	}
	if (c == EOF && ferror(r->stream)) {
		c = errno ? errno : EIO;
		refuse(r, error, size, "%s", strerror(c));
		return -c;
	}
	if (c == EOF && !n)
		return 0;
	while (n && r->line[n - 1] == '\r')
		n--;
	r->line[n] = '\0';
	r->n_lines++;
	return 1;
}

/* ---- lines of --out log ---- */

static int put_log_line(struct text_reader *r, struct rpmsg_record *record, char *error,
			size_t size)
{
	const char *why;
	int n = log_line_read(r->line, record, &why);

	if (n == 1)
		record->seq = r->n_records++;
	return n >= 0 ? n : refuse(r, error, size, "line %" PRIu64 " %s", r->n_lines, why);
}

/* ---- a kernel's log ---- */

/*
 * A log may tell the kernel's clock, the date, or both: then the date is of the first such line,
 * and goes on with the clock, which is finer.
 */
static void read_time(struct text_reader *r, struct kernel_line *line)
{
	if (line->timed && line->date_us && !r->has_offset) {
		r->offset_us = (int64_t)(line->date_us - line->time_us);
		r->has_offset = true;
	}
	if (line->timed || !line->date_us)
		return;
	line->timed = true;
	line->time_us = line->date_us - (uint64_t)r->offset_us;
}

static int put_kernel_line(struct text_reader *r, struct rpmsg_record *record)
{
	struct kernel_line line;
	int n;

	if (!kernel_line_is_record(r->line))
		kernel_line_read_text(&line, r->line);
	else if (kernel_line_read_record(&line, r->line))
		return 0;
	if (line.numbered || line.timed || line.date_us || line.text != r->line)
		r->is_kernel = true;
	read_time(r, &line);
	n = kernel_log_put(r->log, &line, record);
	if (n != 1)
		return n;
	record->time_ns += (uint64_t)r->offset_us * 1000;
	record->seq = r->n_records++;
	return 1;
}

/* What is there if there was no message at all. */
static int end_kernel(struct text_reader *r, char *error, size_t size)
{
	kernel_log_end(r->log);
	if (r->n_records || kernel_log_lost(r->log))
		return 0;
	if (r->is_kernel)
		return refuse(r, error, size, "a kernel's log with no message of rpmsg in it: the "
			      "debug output of virtio_rpmsg_bus was off");
	return refuse(r, error, size, "neither a capture, a recorder's file, lines of --out log "
		      "nor a kernel's log: it begins with '%s'", r->first);
}

/* ---- both ---- */

static void find_kind(struct text_reader *r)
{
	const char *text = r->line + strspn(r->line, " \t");

	if (!*text || *text == '#')
		return;
	r->kind = log_line_begins(text) ? KIND_LOG : KIND_KERNEL;
	format_printable(r->first, sizeof(r->first), text, strlen(text));
}

int text_reader_next(struct text_reader *r, struct rpmsg_record *record, char *error, size_t size)
{
	int n;

	do {
		n = read_line(r, error, size);
		if (n < 0)
			return n;
		if (!n)
			return r->kind == KIND_KERNEL ? end_kernel(r, error, size) : 0;
		if (r->kind == KIND_UNKNOWN)
			find_kind(r);
		if (r->kind == KIND_LOG)
			n = put_log_line(r, record, error, size);
		else
			n = r->kind == KIND_KERNEL ? put_kernel_line(r, record) : 0;
	} while (!n);
	if (n == -ENOMEM)
		refuse(r, error, size, "%s", strerror(ENOMEM));
	return n;
}
