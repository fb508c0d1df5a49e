/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where numbers are read from text. Each call returns 0 and sets
 * *value, or returns -EINVAL (not a number) or -ERANGE (out of range), leaves
 * *value alone and sets *why to static text such as "is not a number". Empty
 * text, blanks, signs and anything after the number are errors.
 */
#ifndef CMD_NUMBER_H
#define CMD_NUMBER_H

#include <stdint.h>

/* A time that never comes: what "inf" means. */
#define NUMBER_FOREVER INT64_MAX

/* Decimal or 0x, min..max. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value, const char **why);
/* An rpmsg address: decimal or 0x, 0..0xfffffffe (ANY is no address). */
int number_parse_addr(const char *text, uint32_t *addr, const char **why);
/* A count of 1..UINT64_MAX. */
int number_parse_count(const char *text, uint64_t *count, const char **why);
/* Bytes, 1..INT64_MAX: N units, or N with a letter for powers of 1024: k, M, G, small or capital. */
int number_parse_size(const char *text, uint64_t unit, uint64_t *bytes, const char **why);
/* Seconds, with up to nine digits of fraction, or "inf" (NUMBER_FOREVER): nanoseconds. */
int number_parse_seconds(const char *text, int64_t *ns, const char **why);
/* Milliseconds with a fraction, not "inf": nanoseconds. */
int number_parse_ms(const char *text, int64_t *ns, const char **why);

#endif
