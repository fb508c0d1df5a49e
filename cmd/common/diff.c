/* SPDX-License-Identifier: BSD-2-Clause */
#include "diff.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

#define SHOWN 16 /* bytes a line */

bool diff_same(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

static size_t first_difference(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t i = 0;

	while (i < a_len && i < b_len && a[i] == b[i])
		i++;
	return i;
}

/* "68 65 6c    hel", from byte start on. */
static void describe_side(const uint8_t *data, size_t len, size_t start, char *buf, size_t size)
{
	char hex[3 * SHOWN + 1] = "", plain[SHOWN + 1];
	size_t n = start < len ? len - start : 0;

	if (n > SHOWN)
		n = SHOWN;
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 3 * i, 4, "%02x ", data[start + i]);
	format_printable(plain, sizeof(plain), n ? data + start : data, n);
	snprintf(buf, size, "%-*s %s", 3 * SHOWN, hex, plain);
}

void diff_describe(const void *want, size_t want_len, const void *got, size_t got_len,
		   char text[DIFF_TEXT_SIZE])
{
	char want_text[96], got_text[96];
	size_t at = first_difference(want, want_len, got, got_len);
	size_t start = at > SHOWN / 2 ? at - SHOWN / 2 : 0;

	describe_side(want, want_len, start, want_text, sizeof(want_text));
	describe_side(got, got_len, start, got_text, sizeof(got_text));
	snprintf(text, DIFF_TEXT_SIZE,
		 "differs at byte %zu (shown from byte %zu on)\n"
		 "  expected %5zu bytes: %s\n"
		 "  got      %5zu bytes: %s",
		 at, start, want_len, want_text, got_len, got_text);
}
