/* SPDX-License-Identifier: BSD-2-Clause */
#include "errors.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int verbosity;

/* Lower is said first. */
static int rank(enum tool_exit code)
{
	switch (code) {
	case TOOL_LINK_DOWN:
		return 0;
	case TOOL_NO_BUFFER:
		return 1;
	case TOOL_UNMET:
		return 2;
	case TOOL_LATE:
		return 3;
	case TOOL_OK:
		return 5;
	default:
		return 4;
	}
}

enum tool_exit tool_exit_worse(enum tool_exit a, enum tool_exit b)
{
	return rank(b) < rank(a) ? b : a;
}

void tool_set_verbosity(int level)
{
	verbosity = level;
}

int tool_verbosity(void)
{
	return verbosity;
}

__attribute__((format(printf, 2, 0)))
static void say(const char *who, const char *fmt, va_list args)
{
	char text[2048];
	int at = who ? snprintf(text, sizeof(text), "%s: ", who) : 0;
	int len = vsnprintf(text + at, sizeof(text) - (size_t)at, fmt, args);

	if (len < 0)
		return;
	if (at + len > (int)sizeof(text) - 2)
		len = (int)sizeof(text) - 2 - at;
	text[at + len] = '\n';
	(void)!write(STDERR_FILENO, text, (size_t)(at + len) + 1);
}

void tool_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(program_invocation_short_name, fmt, args);
	va_end(args);
}

void tool_note(const char *fmt, ...)
{
	va_list args;

	if (verbosity < 0)
		return;
	va_start(args, fmt);
	say(NULL, fmt, args);
	va_end(args);
}

void tool_verbose(const char *fmt, ...)
{
	va_list args;

	if (verbosity < 1)
		return;
	va_start(args, fmt);
	say(NULL, fmt, args);
	va_end(args);
}

enum tool_exit tool_usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(program_invocation_short_name, fmt, args);
	va_end(args);
	return TOOL_USAGE;
}
