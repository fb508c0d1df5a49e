/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text put together piece by piece, where a line a message is too often for printf(). Each call
 * writes at `at`, ends without a NUL, and returns the end; room is the caller's matter.
 */
#ifndef CMD_APPEND_H
#define CMD_APPEND_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline char *append_text(char *at, const char *text)
{
	size_t n = strlen(text);

	memcpy(at, text, n);
	return at + n;
}

/* Decimal, at most 20 digits; with at least so many digits. */
char *append_uint(char *at, uint64_t value);
char *append_digits(char *at, uint64_t value, unsigned n);
/* "0x401", "?" for RPMSG_ADDR_ANY: at most 10 bytes. */
char *append_addr(char *at, uint32_t addr);
/* Seconds and so many digits (9 or 6) of their fraction. */
char *append_seconds(char *at, uint64_t ns, unsigned digits);
/* Two digits a byte. */
char *append_hex(char *at, const void *data, size_t len);
char *append_hex_upper(char *at, const void *data, size_t len);
/* Printable ASCII as it is, the rest as ".". */
char *append_printable(char *at, const void *text, size_t len);
/* A JSON string with its quotes, of UTF-8: at most 6 bytes a byte, and 2. */
char *append_json(char *at, const void *text, size_t len);

#endif
