/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How messages and bus events are printed on stdout.
 */
#ifndef CMD_FORMAT_H
#define CMD_FORMAT_H

#include <json-c/json.h>
#include <rpmsg.h>
#include <stdio.h>

enum format_out {
	FORMAT_TEXT, /* a line for people; what is not printable ASCII is shown as "." */
	FORMAT_HEX,  /* the same line with the payload in hex */
	FORMAT_RAW,  /* payload bytes, nothing between messages */
	FORMAT_JSON, /* an object a line */
	FORMAT_LOG,  /* (SEC.NSEC) BUS h>r SRC>DST#HEX */
};

enum format_time {
	FORMAT_TIME_ABSOLUTE = 'a', /* seconds since 1970 */
	FORMAT_TIME_DELTA = 'd',    /* since the line before */
	FORMAT_TIME_ZERO = 'z',     /* since the first line */
	FORMAT_TIME_DATE = 'A',     /* local date and time */
	FORMAT_TIME_NONE = 'n',
};

/* Fill it, then format_init(). The rest belongs to format.c. */
struct format {
	FILE *file;
	enum format_out out;
	enum format_time time;
	bool payload_only; /* text and hex: the payload alone */
	/* private */
	bool terminal, color, flush, started;
	uint64_t first_ns, last_ns;
};

struct format_message {
	uint64_t time_ns; /* CLOCK_REALTIME */
	const char *bus;
	enum rpmsg_direction dir;
	const char *service; /* NULL or "": unknown */
	uint32_t src, dst;   /* RPMSG_ADDR_ANY: unknown */
	const void *data;    /* not NULL */
	size_t len;
	size_t missing;      /* bytes at the end of data that were not captured */
};

/* What a program has seen happen on a bus, beside messages. Unused members stay zero. */
struct format_event {
	uint64_t time_ns;
	const char *bus;
	const char *type;    /* "announce", "withdraw", "down", "up", "lost", "event", ... */
	const char *service; /* NULL: no service, and no addresses */
	uint32_t src, dst;
	uint64_t count; /* of "lost": how many; else not printed when 0 */
	const char *text; /* more, or NULL */
};

/* Looks at file: a terminal is cut to and coloured, a file is not flushed a line. */
void format_init(struct format *fmt);
/* Only a terminal is flushed a line: nobody waits for the next, the caller flushes at the end. */
void format_no_flush(struct format *fmt);

/*
 * Prints and, unless the output is a file, flushes. 0, or -errno of the write (-EPIPE: the
 * reader has gone), -ENOMEM. Events: text and hex a line, json an object, raw nothing; log
 * nothing, or a comment if the event was recorded.
 */
int format_message(struct format *fmt, const struct format_message *msg);
int format_event(struct format *fmt, const struct format_event *event);
/* service: whose addresses they are, or that is announced; NULL: not known. */
int format_recorded_event(struct format *fmt, const struct rpmsg_record *event,
			  const char *service);

/* A recorded event's line without its time; cut to size, which is not 0. For one thread. */
void format_event_text(const struct rpmsg_record *event, const char *service, char *text,
		       size_t size);

/* A line of one's own, ASCII, without its newline: cut, printed and flushed as above. */
int format_line(struct format *fmt, const char *line);

/* text|hex|raw|json|log, a|d|z|A|n. 0 or -EINVAL. */
int format_parse_out(const char *text, enum format_out *out);
int format_parse_time(const char *text, enum format_time *time);

/* CLOCK_REALTIME in nanoseconds, never going back within the process. */
uint64_t format_now_ns(void);

/* The same of a time of CLOCK_MONOTONIC. */
uint64_t format_real_ns(uint64_t clock_time);
/* "0x401", "?" for RPMSG_ADDR_ANY; buf holds 11 bytes. Returns buf. */
#define FORMAT_ADDR_SIZE 11
const char *format_addr(uint32_t addr, char buf[FORMAT_ADDR_SIZE]);
/* Copies text for a line: printable ASCII as it is, the rest as "."; cut to size - 1. */
void format_printable(char *buf, size_t size, const void *text, size_t len);

/* Objects of one's own: {"type":type,"ts":...,"bus":bus}; NULL if memory ran out. */
struct json_object *format_json_new(const char *type, uint64_t time_ns, const char *bus);
/* null for RPMSG_ADDR_ANY. */
void format_json_addr(struct json_object *obj, const char *key, uint32_t addr);
/* null for "" and NULL. */
void format_json_string(struct json_object *obj, const char *key, const char *text);
void format_json_uint(struct json_object *obj, const char *key, uint64_t value);
/* Prints it as a line, flushes as above, and frees it. 0, -errno; NULL is -ENOMEM. */
int format_json_line(struct format *fmt, struct json_object *obj);

#endif
