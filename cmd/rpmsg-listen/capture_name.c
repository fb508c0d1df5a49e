/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/capture_name.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define EXPANDED_MAX 256 /* bytes of what one conversion of strftime() gives */
#define DIGITS_MIN 5

/* Finds the next conversion: the character behind its %, or NULL. */
static const char *next_conversion(const char *at)
{
	at = strchr(at, '%');
	return at && at[1] ? at + 1 : NULL;
}

bool capture_name_has_bus(const char *pattern)
{
	for (const char *c = next_conversion(pattern); c; c = next_conversion(c + 1))
		if (*c == 'b')
			return true;
	return false;
}

bool capture_name_has_time(const char *pattern)
{
	for (const char *c = next_conversion(pattern); c; c = next_conversion(c + 1))
		if (*c != 'b' && *c != '%')
			return true;
	return false;
}

void capture_name_bus(char to[CAPTURE_BUS_SIZE], const char *bus)
{
	size_t i;

	for (i = 0; i < CAPTURE_BUS_SIZE - 1 && bus[i]; i++)
		to[i] = isalnum((unsigned char)bus[i]) || strchr("_.-", bus[i]) ? bus[i] : '_';
	to[i] = '\0';
	if (to[0] == '.' || to[0] == '-')
		to[0] = '_';
}

/* ---- making one ---- */

static void put_time(FILE *out, const char *conversion, const uint64_t *time_ns)
{
	const char format[] = {'%', *conversion, '\0'};
	time_t sec = (time_t)(*time_ns / NS_PER_S);
	char text[EXPANDED_MAX];
	struct tm tm;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* it is the user's */
	if (localtime_r(&sec, &tm) && strftime(text, sizeof(text), format, &tm))
		fputs(text, out);
#pragma GCC diagnostic pop
}

static void put_pattern(FILE *out, const char *at, const char *bus, const uint64_t *time_ns)
{
	const char *c;

	for (c = next_conversion(at); c; c = next_conversion(at)) {
		fwrite(at, 1, (size_t)(c - 1 - at), out);
		at = c + 1;
		if (*c == 'b')
			fputs(bus, out);
		else if (*c == '%')
			fputc('%', out);
		else if (time_ns)
			put_time(out, c, time_ns);
		else
			fprintf(out, "%%%c", *c);
	}
	fputs(at, out);
}

/* Where a name's extension begins, or its end. */
static const char *extension(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	const char *dot = strrchr(base, '.');

	return dot && dot > base ? dot : name + strlen(name);
}

static char *expand(const char *pattern, const char *bus, const uint64_t *time_ns)
{
	char *name = NULL;
	size_t size;
	FILE *out = open_memstream(&name, &size);

	if (!out)
		return NULL;
	put_pattern(out, pattern, bus, time_ns);
	if (!fclose(out))
		return name;
	free(name);
	return NULL;
}

char *capture_name_expand(const char *pattern, const char *bus, const uint64_t *time_ns,
			  uint64_t number)
{
	char *name = expand(pattern, bus, time_ns), *numbered;
	const char *end;

	if (!name || !number)
		return name;
	end = extension(name);
	if (asprintf(&numbered, "%.*s_%0*" PRIu64 "%s", (int)(end - name), name, DIGITS_MIN, number,
		     end) < 0)
		numbered = NULL;
	free(name);
	return numbered;
}

/* ---- those that are there ---- */

/* The number in file, or 0 if it is not called STEM_NUMBER and then end. */
static uint64_t number_of(const char *file, const char *stem, size_t len, const char *end)
{
	const char *digits = file + len + 1;
	uint64_t number;
	char *rest;

	if (strncmp(file, stem, len) != 0 || file[len] != '_' || !isdigit((unsigned char)*digits))
		return 0;
	number = strtoull(digits, &rest, 10);
	return rest - digits >= DIGITS_MIN && strcmp(rest, end) == 0 ? number : 0;
}

uint64_t capture_name_highest(const char *pattern, const char *bus)
{
	char *name = expand(pattern, bus, NULL), *place = name ? strdup(name) : NULL;
	const char *slash = name ? strrchr(name, '/') : NULL, *stem = slash ? slash + 1 : name;
	DIR *dir = place ? opendir(dirname(place)) : NULL;
	const char *end = name ? extension(name) : NULL;
	uint64_t highest = 0, number;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		number = number_of(entry->d_name, stem, (size_t)(end - stem), end);
		if (number > highest)
			highest = number;
	}
	if (dir)
		closedir(dir);
	free(place);
	free(name);
	return highest;
}
