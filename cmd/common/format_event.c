/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "common/append.h"
#include "common/event_kind.h"
#include "common/format_line.h"

/* Text of a record that was read may be as long as a payload. */
#define EVENT_LINE_MAX (2 * FORMAT_HEAD_MAX + FORMAT_PAYLOAD_MAX)
#define COLOR "\033[33m"

/* ---- of a program's own ---- */

static int own_json(struct format *fmt, const struct format_event *event)
{
	struct json_object *obj = format_json_new(event->type, event->time_ns, event->bus);

	if (!obj)
		return -ENOMEM;
	if (event->service) {
		format_json_string(obj, "service", event->service);
		format_json_addr(obj, "src", event->src);
		format_json_addr(obj, "dst", event->dst);
	}
	if (event->count)
		format_json_uint(obj, "count", event->count);
	if (event->text)
		format_json_string(obj, "text", event->text);
	return format_json_line(fmt, obj);
}

static char *put_own_service(char *at, const struct format_event *event)
{
	*at++ = ' ';
	at = append_printable(at, event->service, strnlen(event->service, FORMAT_NAME_MAX));
	*at++ = ' ';
	at = append_addr(at, event->src);
	*at++ = '>';
	return append_addr(at, event->dst);
}

static int own_human(struct format *fmt, const struct format_event *event)
{
	char line[3 * FORMAT_HEAD_MAX];
	char *at = format_put_time(fmt, event->time_ns, line);

	at = append_printable(at, event->bus, strnlen(event->bus, FORMAT_NAME_MAX));
	*at++ = ' ';
	at = append_printable(at, event->type, strnlen(event->type, FORMAT_NAME_MAX));
	if (event->service)
		at = put_own_service(at, event);
	if (event->count)
		at = append_uint(append_text(at, " "), event->count);
	if (event->text && *event->text)
		at = append_printable(append_text(at, " "), event->text,
				      strnlen(event->text, FORMAT_HEAD_MAX));
	return format_put_line(fmt, line, (size_t)(at - line), COLOR);
}

int format_event(struct format *fmt, const struct format_event *event)
{
	errno = 0;
	switch (fmt->out) {
	case FORMAT_TEXT:
	case FORMAT_HEX:
		return own_human(fmt, event);
	case FORMAT_JSON:
		return own_json(fmt, event);
	default:
		return 0;
	}
}

/* ---- that were recorded ---- */

/* What the numbers of each kind are; NULL: the kind has none, and 0 is not shown. */
static const struct {
	const char *value, *count;
} meaning[RPMSG_RECORD_TYPES] = {
	[RPMSG_RECORD_UP] = {"generation", NULL},
	[RPMSG_RECORD_DOWN] = {"generation", NULL},
	[RPMSG_RECORD_NO_RECIPIENT] = {NULL, "bytes"},
	[RPMSG_RECORD_BUFFER] = {NULL, "sends waited or failed"},
	[RPMSG_RECORD_STALL] = {"pid", "waiting"},
	[RPMSG_RECORD_DROP] = {"pid", "dropped"},
};

static bool is_known(const struct rpmsg_record *event)
{
	return (unsigned)event->type < RPMSG_RECORD_TYPES;
}

static bool names_service(const struct rpmsg_record *event)
{
	return event->type == RPMSG_RECORD_ANNOUNCE || event->type == RPMSG_RECORD_WITHDRAW;
}

static char *put_kind(char *at, const struct rpmsg_record *event)
{
	const char *word = event_kind_word(event->type);

	if (word)
		return append_text(at, word);
	return append_uint(append_text(at, "event "), (uint64_t)event->type);
}

/* The text says what is counted. */
static char *put_lost(char *at, const struct rpmsg_record *event)
{
	const char *what = event->text && *event->text ? event->text : "messages";

	at = append_uint(append_text(at, " "), event->count);
	*at++ = ' ';
	return append_printable(at, what, strnlen(what, FORMAT_PAYLOAD_MAX));
}

/* Its numbers, with what they are, and its text: what there is. */
static char *put_details(char *at, const struct rpmsg_record *event)
{
	const char *value = is_known(event) ? meaning[event->type].value : NULL;
	const char *count = is_known(event) ? meaning[event->type].count : NULL;
	const char *join = " ";

	if (names_service(event))
		return event->value ? append_text(at, " (known already)") : at;
	if (event->type == RPMSG_RECORD_LOST)
		return put_lost(at, event);
	if (event->value || value) {
		at = append_text(append_text(at, join), value ? value : "value");
		at = append_uint(append_text(at, " "), event->value);
		join = ", ";
	}
	if (event->count || count) {
		at = append_uint(append_text(at, join), event->count);
		at = append_text(append_text(at, " "), count ? count : "counted");
		join = ", ";
	}
	if (event->duration_ns) {
		at = append_seconds(append_text(at, join), event->duration_ns, 6);
		at = append_text(at, " s");
		join = ", ";
	}
	if (!event->text || !*event->text)
		return at;
	at = append_text(at, *join == ' ' ? " " : ": ");
	return append_printable(at, event->text, strnlen(event->text, FORMAT_PAYLOAD_MAX));
}

static char *put_record(char *at, const struct rpmsg_record *event, const char *service)
{
	at = format_put_place(at, event->bus, event->dir, service, event->src, event->dst);
	return put_details(put_kind(at, event), event);
}

void format_event_text(const struct rpmsg_record *event, const char *service, char *text,
		       size_t size)
{
	static char line[EVENT_LINE_MAX];
	size_t len = (size_t)(put_record(line, event, service) - line);

	if (len >= size)
		len = size - 1;
	memcpy(text, line, len);
	text[len] = '\0';
}

static int record_json(struct format *fmt, const struct rpmsg_record *event, const char *service)
{
	static const unsigned own = 1U << RPMSG_RECORD_UP | 1U << RPMSG_RECORD_DOWN |
				    1U << RPMSG_RECORD_ANNOUNCE | 1U << RPMSG_RECORD_WITHDRAW |
				    1U << RPMSG_RECORD_LOST;
	char kind[32], duration[32];
	bool is_own = is_known(event) && own >> event->type & 1;
	struct json_object *obj;

	*put_kind(kind, event) = '\0';
	obj = format_json_new(is_own ? kind : "event", event->time_ns, event->bus);
	if (!obj)
		return -ENOMEM;
	if (!is_own)
		format_json_string(obj, "event", kind);
	format_json_string(obj, "dir", format_direction(event->dir));
	if (service)
		format_json_string(obj, "service", service);
	format_json_addr(obj, "src", event->src);
	format_json_addr(obj, "dst", event->dst);
	if (event->value)
		format_json_uint(obj, "value", event->value);
	if (event->count)
		format_json_uint(obj, "count", event->count);
	*append_seconds(duration, event->duration_ns, 9) = '\0';
	if (event->duration_ns)
		format_json_string(obj, "duration", duration);
	if (event->text && *event->text && !names_service(event))
		format_json_string(obj, "text", event->text);
	return format_json_line(fmt, obj);
}

/* For those who read the lines back it is a comment. */
static int record_log(struct format *fmt, const struct rpmsg_record *event, const char *service)
{
	static char line[EVENT_LINE_MAX];
	char *at = append_seconds(append_text(line, "# ("), event->time_ns, 9);

	at = put_record(append_text(at, ") "), event, service);
	*at++ = '\n';
	return format_put_bytes(fmt, line, (size_t)(at - line));
}

static int record_human(struct format *fmt, const struct rpmsg_record *event, const char *service)
{
	static char line[EVENT_LINE_MAX];
	char *at = put_record(format_put_time(fmt, event->time_ns, line), event, service);

	return format_put_line(fmt, line, (size_t)(at - line), COLOR);
}

int format_recorded_event(struct format *fmt, const struct rpmsg_record *event,
			  const char *service)
{
	errno = 0;
	switch (fmt->out) {
	case FORMAT_RAW:
		return 0;
	case FORMAT_JSON:
		return record_json(fmt, event, service);
	case FORMAT_LOG:
		return record_log(fmt, event, service);
	default:
		return record_human(fmt, event, service);
	}
}
