/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/short_text.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_S UINT64_C(1000000000)

void short_number(double n, char *text, size_t size)
{
	static const char *const unit[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t i = 0;

	if (!(n > 0))
		n = 0;
	if (n > 9e20)
		n = 9e20;
	if (n < 1000 && n == (double)(unsigned)n) {
		snprintf(text, size, "%u", (unsigned)n);
		return;
	}
	for (; n >= 999.5; n /= 1000)
		i++;
	snprintf(text, size, n < 99.95 ? "%.1f%s" : "%.0f%s", n, unit[i]);
}

void short_time(uint64_t ns, char *text, size_t size)
{
	uint64_t s = ns / NS_PER_S;

	if (s < 1)
		snprintf(text, size, "now");
	else if (s < 60)
		snprintf(text, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(text, size, "%" PRIu64 " min", s / 60);
	else if (s < 86400)
		snprintf(text, size, "%" PRIu64 " h", s / 3600);
	else
		snprintf(text, size, "%" PRIu64 " d", s / 86400);
}

const char *short_duration(uint64_t ns, char text[SHORT_TEXT_SIZE])
{
	uint64_t tenths = ns / (NS_PER_S / 10);

	if (tenths < 600)
		snprintf(text, SHORT_TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " s", tenths / 10,
			 tenths % 10);
	else
		short_time(ns, text, SHORT_TEXT_SIZE);
	return text;
}
