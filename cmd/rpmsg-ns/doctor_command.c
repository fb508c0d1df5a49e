/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpmsg-ns/doctor.h"

static const char plain[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";

struct doctor_word doctor_quote(const char *word)
{
	struct doctor_word quoted;
	size_t at = 0;

	if (*word && strspn(word, plain) == strlen(word) && strlen(word) < sizeof(quoted.text)) {
		strcpy(quoted.text, word);
		return quoted;
	}
	quoted.text[at++] = '\'';
	/* Room for the longest piece, the last quote and the end. */
	for (; *word && at < sizeof(quoted.text) - 6; word++) {
		if (*word == '\'') {
			memcpy(quoted.text + at, "'\\''", 4);
			at += 4;
		} else {
			quoted.text[at++] = *word;
		}
	}
	quoted.text[at++] = '\'';
	quoted.text[at] = 0;
	return quoted;
}

__attribute__((format(printf, 2, 0)))
static void append(struct doctor_command *c, const char *format, va_list args)
{
	size_t at = strlen(c->text), room = sizeof(c->text) - at;
	int n = vsnprintf(c->text + at, room, format, args);

	if (n < 0 || (size_t)n >= room)
		c->text[0] = 0;
}

__attribute__((format(printf, 2, 3)))
static void add(struct doctor_command *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(c, format, args);
	va_end(args);
}

static const char *between(const struct doctor_command *c)
{
	return *c->text ? "; " : "";
}

void doctor_run(const struct doctor *d, struct doctor_command *c, const char *format, ...)
{
	va_list args;

	add(c, "%s%s", between(c), d->root ? "" : "sudo ");
	va_start(args, format);
	append(c, format, args);
	va_end(args);
}

void doctor_write(const struct doctor *d, struct doctor_command *c, const char *word,
		  const char *path_format, ...)
{
	char path[DOCTOR_PATH_SIZE];
	va_list args;

	va_start(args, path_format);
	vsnprintf(path, sizeof(path), path_format, args);
	va_end(args);
	add(c, d->root ? "%secho %s >%s" : "%secho %s | sudo tee %s", between(c),
	    doctor_quote(word).text, doctor_quote(path).text);
}
