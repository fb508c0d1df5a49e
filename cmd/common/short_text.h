/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and times that fit a narrow column or a sentence. */
#ifndef CMD_SHORT_TEXT_H
#define CMD_SHORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define SHORT_TEXT_SIZE 24

/* 999, 12.3k, 4.5M: at most 5 characters. */
void short_number(double n, char *text, size_t size);
/* How long ago: "now", "3 s", "2 min", "5 h", "3 d". */
void short_time(uint64_t ns, char *text, size_t size);
/* For how long: "0.3 s", "59.9 s", then the same. Returns text. */
const char *short_duration(uint64_t ns, char text[SHORT_TEXT_SIZE]);

/* "s" but for one. */
static inline const char *plural_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

#endif
