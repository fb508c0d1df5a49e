/* SPDX-License-Identifier: BSD-2-Clause */
/* What went wrong, in words: the log callback, the last error, names of errnos. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"

static _Thread_local char detail[512];

void log_say(const struct rpmsg_log *log, enum rpmsg_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!log->fn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log->fn(log->arg, level, text);
}

int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	errno = err;
	return -err;
}

const char *rpmsg_error_detail(void)
{
	return detail;
}

const char *rpmsg_strerror(int err)
{
	const char *text;

	if (err < 0)
		err = -err;
	if (err == ERESTARTSYS)
		return "No transmit buffer came back in time";
	text = strerrordesc_np(err);
	return text ? text : "Unknown error";
}

const char *rpmsg_version(void)
{
	return "0.1.0";
}
