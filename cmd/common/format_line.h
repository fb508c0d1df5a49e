/* SPDX-License-Identifier: BSD-2-Clause */
/* What the forms of output share. */
#ifndef CMD_FORMAT_LINE_H
#define CMD_FORMAT_LINE_H

#include "common/format.h"

/* Of a line: all before the payload, or all that is not text of the other side's. */
#define FORMAT_HEAD_MAX 256
/* Bytes of a bus's or service's name that are shown. */
#define FORMAT_NAME_MAX 40
#define FORMAT_PAYLOAD_MAX 65535

/* The time of a line in the chosen style, with a blank behind. */
char *format_put_time(struct format *fmt, uint64_t ns, char *at);
/* BUS h>r SERVICE SRC>DST, with a blank behind. */
char *format_put_place(char *at, const char *bus, enum rpmsg_direction dir, const char *service,
		       uint32_t src, uint32_t dst);
const char *format_direction(enum rpmsg_direction dir);

/* Prints a line of ASCII, without its newline, for which there is room: cut, coloured, flushed. */
int format_put_line(struct format *fmt, char *line, size_t len, const char *color);
/* Prints what is a whole line already. */
int format_put_bytes(struct format *fmt, const char *bytes, size_t len);

/* format_json.c */
int format_json_message(struct format *fmt, const struct format_message *msg);

#endif
