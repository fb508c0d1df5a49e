/* SPDX-License-Identifier: BSD-2-Clause */
#include "format.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* The longest line: everything before the payload, and a payload in hex. */
#define HEAD_MAX 256
#define LINE_MAX_SIZE (HEAD_MAX + 2 * 65536 + 2)

void format_init(struct format *fmt)
{
	const char *no_color = getenv("NO_COLOR");
	struct stat st;
	int fd = fileno(fmt->file);

	fmt->terminal = isatty(fd);
	fmt->color = fmt->terminal && !(no_color && *no_color);
	fmt->flush = fstat(fd, &st) || !S_ISREG(st.st_mode);
	fmt->started = false;
	fmt->first_ns = fmt->last_ns = 0;
}

uint64_t format_now_ns(void)
{
	static int64_t offset;
	struct timespec mono, real;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	now = (int64_t)mono.tv_sec * (int64_t)NS_PER_S + mono.tv_nsec;
	if (!offset) {
		clock_gettime(CLOCK_REALTIME, &real);
		offset = (int64_t)real.tv_sec * (int64_t)NS_PER_S + real.tv_nsec - now;
	}
	return (uint64_t)(now + offset);
}

const char *format_addr(uint32_t addr, char buf[FORMAT_ADDR_SIZE])
{
	if (addr == RPMSG_ADDR_ANY)
		strcpy(buf, "?");
	else
		snprintf(buf, FORMAT_ADDR_SIZE, "0x%x", addr);
	return buf;
}

void format_printable(char *buf, size_t size, const void *text, size_t len)
{
	const unsigned char *c = text;
	size_t i;

	if (!size)
		return;
	for (i = 0; i < len && i < size - 1; i++)
		buf[i] = c[i] >= 0x20 && c[i] < 0x7f ? (char)c[i] : '.';
	buf[i] = 0;
}

static size_t put_hex(char *buf, const void *data, size_t len, const char *digits)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++) {
		buf[2 * i] = digits[byte[i] >> 4];
		buf[2 * i + 1] = digits[byte[i] & 15];
	}
	buf[2 * len] = 0;
	return 2 * len;
}

static const char *direction(enum rpmsg_direction dir)
{
	return dir == RPMSG_H2R ? "h>r" : "r>h";
}

/* 0 or -errno of the last write to fmt's file. */
static int finish(struct format *fmt)
{
	if (!ferror(fmt->file) && (!fmt->flush || !fflush(fmt->file)))
		return 0;
	return errno ? -errno : -EIO;
}

static void put_seconds(char *buf, size_t size, uint64_t ns)
{
	snprintf(buf, size, "(%llu.%06llu) ", (unsigned long long)(ns / NS_PER_S),
		 (unsigned long long)(ns % NS_PER_S / 1000));
}

static void put_date(char *buf, size_t size, uint64_t ns)
{
	time_t sec = (time_t)(ns / NS_PER_S);
	char date[64];
	struct tm tm;

	if (!localtime_r(&sec, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(date, "?");
	snprintf(buf, size, "(%s.%06llu) ", date, (unsigned long long)(ns % NS_PER_S / 1000));
}

/* The time of a line in the chosen style, with a blank behind. */
static void put_time(struct format *fmt, uint64_t ns, char *buf, size_t size)
{
	uint64_t last;

	if (!fmt->started) {
		fmt->started = true;
		fmt->first_ns = fmt->last_ns = ns;
	}
	last = fmt->last_ns;
	fmt->last_ns = ns;
	switch (fmt->time) {
	case FORMAT_TIME_DELTA:
		put_seconds(buf, size, ns > last ? ns - last : 0);
		return;
	case FORMAT_TIME_ZERO:
		put_seconds(buf, size, ns > fmt->first_ns ? ns - fmt->first_ns : 0);
		return;
	case FORMAT_TIME_DATE:
		put_date(buf, size, ns);
		return;
	case FORMAT_TIME_NONE:
		buf[0] = 0;
		return;
	default:
		put_seconds(buf, size, ns);
	}
}

/* Columns of the terminal, or SIZE_MAX. */
static size_t columns(const struct format *fmt)
{
	struct winsize ws;

	if (!fmt->terminal || ioctl(fileno(fmt->file), TIOCGWINSZ, &ws) || !ws.ws_col)
		return SIZE_MAX;
	return ws.ws_col;
}

/* line is ASCII of len bytes: a byte is a column. */
static int put_line(struct format *fmt, const char *line, size_t len, const char *color)
{
	size_t width = columns(fmt);

	if (len > width)
		len = width;
	if (fmt->color)
		fputs(color, fmt->file);
	fwrite(line, 1, len, fmt->file);
	fputs(fmt->color ? "\033[0m\n" : "\n", fmt->file);
	return finish(fmt);
}

/* TIME BUS h>r SERVICE SRC>DST [LEN], with a blank behind. Its length. */
static size_t put_head(struct format *fmt, const struct format_message *msg, char *buf)
{
	char time[96], service[RPMSG_NAME_SIZE] = "-", src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];
	int n;

	put_time(fmt, msg->time_ns, time, sizeof(time));
	if (msg->service && *msg->service)
		format_printable(service, sizeof(service), msg->service, strlen(msg->service));
	n = snprintf(buf, HEAD_MAX, "%s%.40s %s %s %s>%s [%zu] ", time, msg->bus,
		     direction(msg->dir), service, format_addr(msg->src, src),
		     format_addr(msg->dst, dst), msg->len);
	return (size_t)n;
}

static int print_human(struct format *fmt, const struct format_message *msg)
{
	static char line[LINE_MAX_SIZE];
	size_t at = fmt->payload_only ? 0 : put_head(fmt, msg, line);

	if (fmt->out == FORMAT_HEX) {
		at += put_hex(line + at, msg->data, msg->len, "0123456789abcdef");
	} else {
		format_printable(line + at, sizeof(line) - at, msg->data, msg->len);
		at += msg->len;
	}
	return put_line(fmt, line, at, msg->dir == RPMSG_H2R ? "\033[36m" : "\033[32m");
}

static int print_log(struct format *fmt, const struct format_message *msg)
{
	static char hex[2 * 65536 + 1];
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];

	put_hex(hex, msg->data, msg->len, "0123456789ABCDEF");
	fprintf(fmt->file, "(%llu.%09llu) %s %s %s>%s#%s\n",
		(unsigned long long)(msg->time_ns / NS_PER_S),
		(unsigned long long)(msg->time_ns % NS_PER_S), msg->bus, direction(msg->dir),
		format_addr(msg->src, src), format_addr(msg->dst, dst), hex);
	return finish(fmt);
}

/* Bytes of the UTF-8 sequence at text, 0 if it is none (RFC 3629: no surrogates, shortest form). */
static size_t utf8_sequence(const uint8_t *text, size_t len)
{
	uint8_t low = 0x80, high = 0xbf, lead = text[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (n == 1)
		return 1;
	if (lead < 0xc2 || lead > 0xf4 || n > len)
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return n;
}

static bool valid_utf8(const uint8_t *text, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_sequence(text + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

/* What is not UTF-8 (a name that the other side chose) would not be JSON. */
static struct json_object *json_text(const char *text)
{
	char printable[256];

	if (!text || !*text)
		return NULL;
	if (valid_utf8((const uint8_t *)text, strlen(text)))
		return json_object_new_string(text);
	format_printable(printable, sizeof(printable), text, strlen(text));
	return json_object_new_string(printable);
}

struct json_object *format_json_new(const char *type, uint64_t time_ns, const char *bus)
{
	struct json_object *obj = json_object_new_object();
	char ts[40];

	if (!obj)
		return NULL;
	snprintf(ts, sizeof(ts), "%llu.%09llu", (unsigned long long)(time_ns / NS_PER_S),
		 (unsigned long long)(time_ns % NS_PER_S));
	format_json_string(obj, "type", type);
	format_json_string(obj, "ts", ts);
	format_json_string(obj, "bus", bus);
	return obj;
}

void format_json_addr(struct json_object *obj, const char *key, uint32_t addr)
{
	json_object_object_add(obj, key,
			       addr == RPMSG_ADDR_ANY ? NULL : json_object_new_int64(addr));
}

void format_json_string(struct json_object *obj, const char *key, const char *text)
{
	json_object_object_add(obj, key, json_text(text));
}

void format_json_uint(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

int format_json_line(struct format *fmt, struct json_object *obj)
{
	const char *text;

	if (!obj)
		return -ENOMEM;
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text) {
		json_object_put(obj);
		return -ENOMEM;
	}
	fputs(text, fmt->file);
	fputc('\n', fmt->file);
	json_object_put(obj);
	return finish(fmt);
}

static int print_json(struct format *fmt, const struct format_message *msg)
{
	static char hex[2 * 65536 + 1];
	struct json_object *obj = format_json_new("msg", msg->time_ns, msg->bus);
	size_t n;

	if (!obj)
		return -ENOMEM;
	format_json_string(obj, "dir", direction(msg->dir));
	format_json_string(obj, "service", msg->service);
	format_json_addr(obj, "src", msg->src);
	format_json_addr(obj, "dst", msg->dst);
	format_json_uint(obj, "len", msg->len);
	n = put_hex(hex, msg->data, msg->len, "0123456789abcdef");
	json_object_object_add(obj, "data", json_object_new_string_len(hex, (int)n));
	if (valid_utf8(msg->data, msg->len))
		json_object_object_add(obj, "text",
				       json_object_new_string_len(msg->data, (int)msg->len));
	return format_json_line(fmt, obj);
}

int format_message(struct format *fmt, const struct format_message *msg)
{
	if (msg->len > 65535)
		return -EMSGSIZE;
	errno = 0;
	switch (fmt->out) {
	case FORMAT_RAW:
		fwrite(msg->data, 1, msg->len, fmt->file);
		return finish(fmt);
	case FORMAT_JSON:
		return print_json(fmt, msg);
	case FORMAT_LOG:
		return print_log(fmt, msg);
	default:
		return print_human(fmt, msg);
	}
}

static int event_json(struct format *fmt, const struct format_event *event)
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

static int event_human(struct format *fmt, const struct format_event *event)
{
	char line[3 * HEAD_MAX], time[96], text[256] = "", service[RPMSG_NAME_SIZE];
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE], count[32] = "";
	char names[RPMSG_NAME_SIZE + 2 * FORMAT_ADDR_SIZE + 4] = "";
	int n;

	put_time(fmt, event->time_ns, time, sizeof(time));
	if (event->service) {
		format_printable(service, sizeof(service), event->service, strlen(event->service));
		snprintf(names, sizeof(names), " %s %s>%s", service, format_addr(event->src, src),
			 format_addr(event->dst, dst));
	}
	if (event->count)
		snprintf(count, sizeof(count), " %llu", (unsigned long long)event->count);
	if (event->text)
		format_printable(text, sizeof(text), event->text, strlen(event->text));
	n = snprintf(line, sizeof(line), "%s%.40s %.40s%s%s%s%s", time, event->bus, event->type,
		     names, count, *text ? " " : "", text);
	return put_line(fmt, line, (size_t)n, "\033[33m");
}

int format_event(struct format *fmt, const struct format_event *event)
{
	errno = 0;
	switch (fmt->out) {
	case FORMAT_TEXT:
	case FORMAT_HEX:
		return event_human(fmt, event);
	case FORMAT_JSON:
		return event_json(fmt, event);
	default:
		return 0;
	}
}

int format_line(struct format *fmt, const char *line)
{
	errno = 0;
	return put_line(fmt, line, strlen(line), "");
}

int format_parse_out(const char *text, enum format_out *out)
{
	static const char *const name[] = { "text", "hex", "raw", "json", "log" };

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++) {
		if (!strcmp(text, name[i])) {
			*out = (enum format_out)i;
			return 0;
		}
	}
	return -EINVAL;
}

int format_parse_time(const char *text, enum format_time *time)
{
	if (!*text || text[1] || !strchr("adzAn", *text))
		return -EINVAL;
	*time = (enum format_time)*text;
	return 0;
}
