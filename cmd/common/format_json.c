/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "common/append.h"
#include "common/format_line.h"

/* Each byte of a payload in hex and escaped in text, and the rest. */
#define JSON_LINE_MAX ((2 + 6) * FORMAT_PAYLOAD_MAX + 1024)

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
	*append_seconds(ts, time_ns, 9) = '\0';
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
	int err;

	if (!obj)
		return -ENOMEM;
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text) {
		json_object_put(obj);
		return -ENOMEM;
	}
	fputs(text, fmt->file);
	err = format_put_bytes(fmt, "\n", 1);
	json_object_put(obj);
	return err;
}

/* ---- a message: as json-c prints it, for each line counts ---- */

/* A name, null if there is none; what is not UTF-8 would not be JSON. */
static char *put_name(char *at, const char *name)
{
	char printable[FORMAT_NAME_MAX];
	size_t len = name ? strnlen(name, FORMAT_NAME_MAX) : 0;
	const char *text = name;

	if (!len)
		return append_text(at, "null");
	if (!valid_utf8((const uint8_t *)name, len)) {
		append_printable(printable, name, len);
		text = printable;
	}
	return append_json(at, text, len);
}

static char *put_addr(char *at, uint32_t addr)
{
	return addr == RPMSG_ADDR_ANY ? append_text(at, "null") : append_uint(at, addr);
}

static char *put_head(char *at, const struct format_message *msg)
{
	at = append_seconds(append_text(at, "{\"type\":\"msg\",\"ts\":\""), msg->time_ns, 9);
	at = put_name(append_text(at, "\",\"bus\":"), msg->bus);
	at = append_text(append_text(at, ",\"dir\":\""), format_direction(msg->dir));
	at = put_name(append_text(at, "\",\"service\":"), msg->service);
	at = put_addr(append_text(at, ",\"src\":"), msg->src);
	at = put_addr(append_text(at, ",\"dst\":"), msg->dst);
	return append_uint(append_text(at, ",\"len\":"), msg->len);
}

int format_json_message(struct format *fmt, const struct format_message *msg)
{
	static char line[JSON_LINE_MAX];
	size_t captured = msg->len - msg->missing;
	char *at = put_head(line, msg);

	if (msg->missing)
		at = append_uint(append_text(at, ",\"captured\":"), captured);
	at = append_hex(append_text(at, ",\"data\":\""), msg->data, captured);
	*at++ = '"';
	if (valid_utf8(msg->data, captured))
		at = append_json(append_text(at, ",\"text\":"), msg->data, captured);
	at = append_text(at, "}\n");
	return format_put_bytes(fmt, line, (size_t)(at - line));
}
