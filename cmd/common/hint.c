/* SPDX-License-Identifier: BSD-2-Clause */
#include "hint.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Names are channel names; longer ones are compared by their beginnings. */
#define HINT_MAX 63

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned hint_distance(const char *a, const char *b)
{
	unsigned row[3][HINT_MAX + 1]; /* the one before last, the last, this one */
	unsigned *before = row[0], *last = row[1], *now = row[2], *spare;
	size_t n = strnlen(a, HINT_MAX), m = strnlen(b, HINT_MAX);

	for (size_t j = 0; j <= m; j++)
		now[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		spare = before;
		before = last;
		last = now;
		now = spare;
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned edit = same(a[i - 1], b[j - 1]) ? 0 : 1;

			now[j] = least(last[j - 1] + edit, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return now[m];
}

static bool begins(const char *text, const char *with)
{
	size_t len = strlen(with);

	return len >= 3 && !strncasecmp(text, with, len);
}

bool hint_near(const char *a, const char *b)
{
	size_t longer = strlen(a) > strlen(b) ? strlen(a) : strlen(b);

	if (!*a || !*b)
		return false;
	return begins(a, b) || begins(b, a) ||
	       hint_distance(a, b) <= least((unsigned)longer / 3, 4);
}

const char *hint_word(const char *word, const char *const *known, size_t n)
{
	const char *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (hint_near(word, known[i]) &&
		    (!best || hint_distance(word, known[i]) < hint_distance(word, best)))
			best = known[i];
	return best;
}

struct nearest {
	const char *name;
	char *best;
	unsigned distance;
};

static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct nearest *nearest = arg;
	unsigned distance = hint_distance(nearest->name, st->info.name);

	if (!hint_near(nearest->name, st->info.name) || distance >= nearest->distance)
		return 0;
	nearest->distance = distance;
	memcpy(nearest->best, st->info.name, RPMSG_NAME_SIZE);
	return 0;
}

bool hint_channel(struct rpmsg_bus *bus, const char *name, char buf[RPMSG_NAME_SIZE])
{
	struct nearest nearest = { .name = name, .best = buf, .distance = HINT_MAX + 1 };

	return !rpmsg_bus_for_each_channel(bus, consider, &nearest) &&
	       nearest.distance <= HINT_MAX;
}
