/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/append.h"
#include "common/format_line.h"

#define NS_PER_S UINT64_C(1000000000)

#define LINE_MAX_SIZE (FORMAT_HEAD_MAX + 2 * FORMAT_PAYLOAD_MAX + 16)

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

void format_no_flush(struct format *fmt)
{
	fmt->flush = fmt->terminal;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NS_PER_S + ts.tv_nsec;
}

uint64_t format_real_ns(uint64_t clock_time)
{
	static int64_t offset; /* atomic: the first thread's holds for all */
	int64_t known = __atomic_load_n(&offset, __ATOMIC_RELAXED), first = 0;

	if (known)
		return clock_time + (uint64_t)known;
	known = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	if (!__atomic_compare_exchange_n(&offset, &first, known, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		known = first;
	return clock_time + (uint64_t)known;
}

uint64_t format_now_ns(void)
{
	return format_real_ns((uint64_t)clock_ns(CLOCK_MONOTONIC));
}

const char *format_addr(uint32_t addr, char buf[FORMAT_ADDR_SIZE])
{
	*append_addr(buf, addr) = '\0';
	return buf;
}

void format_printable(char *buf, size_t size, const void *text, size_t len)
{
	if (!size)
		return;
	*append_printable(buf, text, len < size ? len : size - 1) = '\0';
}

const char *format_direction(enum rpmsg_direction dir)
{
	return dir == RPMSG_H2R ? "h>r" : "r>h";
}

/* ---- putting a line out ---- */

int format_put_bytes(struct format *fmt, const char *bytes, size_t len)
{
	fwrite(bytes, 1, len, fmt->file);
	if (!ferror(fmt->file) && (!fmt->flush || !fflush(fmt->file)))
		return 0;
	return errno ? -errno : -EIO;
}

/* How much of a line of so many columns is shown. */
static size_t columns(const struct format *fmt, size_t len)
{
	struct winsize ws;

	if (!fmt->terminal || ioctl(fileno(fmt->file), TIOCGWINSZ, &ws) || !ws.ws_col)
		return len;
	return len < ws.ws_col ? len : ws.ws_col;
}

int format_put_line(struct format *fmt, char *line, size_t len, const char *color)
{
	len = columns(fmt, len);
	if (fmt->color)
		fputs(color, fmt->file);
	memcpy(line + len, "\033[0m\n", 5);
	if (fmt->color)
		return format_put_bytes(fmt, line, len + 5);
	line[len] = '\n';
	return format_put_bytes(fmt, line, len + 1);
}

/* ---- the pieces of a line ---- */

static char *put_date(char *at, uint64_t ns)
{
	time_t sec = (time_t)(ns / NS_PER_S);
	char date[64];
	struct tm tm;

	if (!localtime_r(&sec, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(date, "?");
	at = append_text(at, date);
	*at++ = '.';
	return append_digits(at, ns % NS_PER_S / 1000, 6);
}

char *format_put_time(struct format *fmt, uint64_t ns, char *at)
{
	uint64_t from = 0;

	if (!fmt->started) {
		fmt->started = true;
		fmt->first_ns = fmt->last_ns = ns;
	}
	if (fmt->time == FORMAT_TIME_DELTA)
		from = fmt->last_ns;
	else if (fmt->time == FORMAT_TIME_ZERO)
		from = fmt->first_ns;
	fmt->last_ns = ns;
	if (fmt->time == FORMAT_TIME_NONE)
		return at;
	*at++ = '(';
	at = fmt->time == FORMAT_TIME_DATE ? put_date(at, ns) :
					     append_seconds(at, ns > from ? ns - from : 0, 6);
	return append_text(at, ") ");
}

static char *put_name(char *at, const char *name)
{
	at = append_printable(at, name, strnlen(name, FORMAT_NAME_MAX));
	*at++ = ' ';
	return at;
}

static char *put_addrs(char *at, uint32_t src, uint32_t dst)
{
	at = append_addr(at, src);
	*at++ = '>';
	return append_addr(at, dst);
}

char *format_put_place(char *at, const char *bus, enum rpmsg_direction dir, const char *service,
		       uint32_t src, uint32_t dst)
{
	at = put_name(at, bus);
	at = put_name(at, format_direction(dir));
	at = put_name(at, service && *service ? service : "-");
	at = put_addrs(at, src, dst);
	*at++ = ' ';
	return at;
}

/* ---- messages ---- */

static size_t captured(const struct format_message *msg)
{
	return msg->len - msg->missing;
}

/* [LEN], or [LEN cut to CAPTURED]; with a blank behind. */
static char *put_length(char *at, const struct format_message *msg)
{
	*at++ = '[';
	at = append_uint(at, msg->len);
	if (msg->missing)
		at = append_uint(append_text(at, " cut to "), captured(msg));
	return append_text(at, "] ");
}

static int print_human(struct format *fmt, const struct format_message *msg)
{
	static char line[LINE_MAX_SIZE];
	char *at = line;

	if (!fmt->payload_only) {
		at = format_put_time(fmt, msg->time_ns, at);
		at = format_put_place(at, msg->bus, msg->dir, msg->service, msg->src, msg->dst);
		at = put_length(at, msg);
	}
	if (fmt->out == FORMAT_HEX)
		at = append_hex(at, msg->data, captured(msg));
	else
		at = append_printable(at, msg->data, captured(msg));
	return format_put_line(fmt, line, (size_t)(at - line),
			       msg->dir == RPMSG_H2R ? "\033[36m" : "\033[32m");
}

/* A message that was cut is no message to send again: a comment. */
static int print_log(struct format *fmt, const struct format_message *msg)
{
	static char line[LINE_MAX_SIZE];
	char *at = append_text(line, msg->missing ? "# (" : "(");

	at = append_text(append_seconds(at, msg->time_ns, 9), ") ");
	at = put_name(at, msg->bus);
	at = put_name(at, format_direction(msg->dir));
	at = put_addrs(at, msg->src, msg->dst);
	if (msg->missing) {
		*at++ = ' ';
		at = put_length(at, msg);
	}
	*at++ = '#';
	at = append_hex_upper(at, msg->data, captured(msg));
	*at++ = '\n';
	return format_put_bytes(fmt, line, (size_t)(at - line));
}

int format_message(struct format *fmt, const struct format_message *msg)
{
	if (msg->len > FORMAT_PAYLOAD_MAX || msg->missing > msg->len)
		return -EMSGSIZE;
	errno = 0;
	switch (fmt->out) {
	case FORMAT_RAW:
		return format_put_bytes(fmt, msg->data, captured(msg));
	case FORMAT_JSON:
		return format_json_message(fmt, msg);
	case FORMAT_LOG:
		return print_log(fmt, msg);
	default:
		return print_human(fmt, msg);
	}
}

int format_line(struct format *fmt, const char *line)
{
	size_t len = columns(fmt, strlen(line));

	errno = 0;
	fwrite(line, 1, len, fmt->file);
	return format_put_bytes(fmt, "\n", 1);
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
