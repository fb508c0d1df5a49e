/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/kernel_line.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/kernel_date.h"

#define US_PER_S UINT64_C(1000000)
#define FACILITY_SHIFT 3 /* below it is the level */

/* Digits at *at, which moves on. False if there are none, or too many. */
static bool take_number(const char **at, uint64_t *value)
{
	const char *p = *at;

	*value = 0;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return false;
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* T or C and a number. */
static bool take_caller(const char **at, char caller[KERNEL_CALLER_SIZE])
{
	const char *p = *at;
	uint64_t id;

	if (*p != 'T' && *p != 'C')
		return false;
	p++;
	if (!take_number(&p, &id) || p - *at >= KERNEL_CALLER_SIZE)
		return false;
	memcpy(caller, *at, (size_t)(p - *at));
	caller[p - *at] = '\0';
	*at = p;
	return true;
}

/* What follows the flags: ",caller=T12", and whatever later kernels add. */
static int read_fields(struct kernel_line *line, const char *at)
{
	static const char key[] = "caller=";

	while (take_char(&at, ',')) {
		if (!strncmp(at, key, sizeof(key) - 1)) {
			at += sizeof(key) - 1;
			if (!take_caller(&at, line->caller))
				return -EPROTO;
		}
		at += strcspn(at, ",");
	}
	return *at ? -EPROTO : 0;
}

bool kernel_line_is_record(const char *text)
{
	uint64_t number;

	return take_number(&text, &number) && take_char(&text, ',') &&
	       take_number(&text, &number) && take_char(&text, ',') &&
	       take_number(&text, &number) && take_char(&text, ',') && strchr(text, ';');
}

int kernel_line_read_record(struct kernel_line *line, char *record)
{
	const char *at = record;
	char *text = strchr(record, ';');
	uint64_t priority;

	*line = (struct kernel_line){.numbered = true, .timed = true, .text = ""};
	if (!text)
		return -EPROTO;
	*text++ = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (!take_number(&at, &priority) || !take_char(&at, ',') ||
	    !take_number(&at, &line->seq) || !take_char(&at, ',') ||
	    !take_number(&at, &line->time_us) || !take_char(&at, ',') || !*at)
		return -EPROTO;
	at += strcspn(at, ",");
	if (read_fields(line, at))
		return -EPROTO;
	line->foreign = priority >> FACILITY_SHIFT;
	line->text = text;
	return 0;
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " ");
}

/* "[ SECONDS.MICROSECONDS]" */
static bool take_time(const char **at, uint64_t *us)
{
	const char *p = *at, *point;
	uint64_t s;

	if (!take_char(&p, '['))
		return false;
	p = skip_blanks(p);
	if (!take_number(&p, &s) || !take_char(&p, '.'))
		return false;
	point = p;
	if (!take_number(&p, us) || p - point != 6 || !take_char(&p, ']') ||
	    __builtin_mul_overflow(s, US_PER_S, &s) || __builtin_add_overflow(s, *us, us))
		return false;
	*at = p;
	return true;
}

/* "[   T123]" */
static bool take_caller_column(const char **at, char caller[KERNEL_CALLER_SIZE])
{
	const char *p = *at;

	if (!take_char(&p, '['))
		return false;
	p = skip_blanks(p);
	if (!take_caller(&p, caller) || !take_char(&p, ']')) {
		*caller = '\0';
		return false;
	}
	*at = p;
	return true;
}

/* "[Mon Nov 23 12:00:00 2026]" */
static bool take_bracketed_date(const char **at, uint64_t *us)
{
	const char *p = *at;

	if (!take_char(&p, '[') || !kernel_date_take(&p, us) || !take_char(&p, ']'))
		return false;
	*at = p;
	return true;
}

/* Behind the time in brackets before end and the caller that may follow; at if there is none. */
static const char *read_bracket(struct kernel_line *line, const char *at, const char *end)
{
	uint64_t us;

	for (const char *p = at; (p = strchr(p, '[')) && p < end; p++) {
		line->timed = take_time(&p, &us);
		if (line->timed)
			line->time_us = us;
		else if (!take_bracketed_date(&p, &line->date_us))
			continue;
		take_caller_column(&p, line->caller);
		return p;
	}
	return at;
}

/* Lines that are missing, in the kernel's words on its console, or in journald's. */
static uint64_t read_missing(const char *text)
{
	const char *dropped = strstr(text, "** "), *missed = strstr(text, "Missed ");
	int used = 0;
	uint64_t n;

	if (dropped && sscanf(dropped, "** %" SCNu64 " printk messages dropped **%n", &n,
			      &used) == 1 && used)
		return n;
	if (missed && sscanf(missed, "Missed %" SCNu64 " kernel messages%n", &n, &used) == 1 &&
	    used)
		return n;
	return 0;
}

/* Behind "kern  :debug : " of dmesg -x, or text. */
static const char *skip_facility(const char *text)
{
	int used = 0;

	sscanf(text, "%*15[a-z0-9] :%*15[a-z] : %n", &used);
	return text + used;
}

void kernel_line_read_text(struct kernel_line *line, const char *text)
{
	static const char journal[] = " kernel: ";
	/* what is dumped may look like anything */
	const char *row = strstr(text, "rpmsg_virtio "), *end = row ? row : text + strlen(text);
	const char *at = skip_facility(text), *from;

	*line = (struct kernel_line){.text = text};
	kernel_date_take(&at, &line->date_us);
	at = skip_blanks(read_bracket(line, at, end));
	from = strstr(at, journal);
	if (from && from < end)
		at = from + sizeof(journal) - 1;
	line->text = row ? row : at;
	line->missing = read_missing(at);
}
