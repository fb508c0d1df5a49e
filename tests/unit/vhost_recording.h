/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversations recorded from real front-ends: the lines that `rpmsgd -v -v` logs.
 *
 *     < NAME id flags n_fds [payload in hex]     a request
 *     the driver is ready: ...                   the link came up
 *     the rings are stopped by ...               it went down
 *
 * Whatever stands before that on a line, and every other line, is ignored. Kicks in band
 * are not recorded.
 */
#ifndef TEST_VHOST_RECORDING_H
#define TEST_VHOST_RECORDING_H

#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/vhost_user.h"

#define RECORDED_MAX 512u

enum recorded_kind { RECORDED_REQUEST, RECORDED_UP, RECORDED_DOWN };

struct recorded {
	enum recorded_kind kind;
	unsigned line;
	uint32_t id, flags, size;
	unsigned n_fds;
	union vhost_payload payload;
};

struct recording {
	char path[256];
	unsigned n;
	bool marked; /* it says where the link came up and went down */
	struct recorded event[RECORDED_MAX];
};

/* The text from the third blank before the bracket on: numbers in front of the payload. */
static inline const char *recorded_numbers(const char *from, const char *bracket)
{
	unsigned blanks = 0;

	while (bracket > from && blanks < 4)
		blanks += *--bracket == ' ';
	return blanks == 4 ? bracket : NULL;
}

static inline bool recorded_parse_request(struct recorded *r, const char *text)
{
	const char *bracket = strrchr(text, '['), *numbers;
	unsigned byte;

	numbers = bracket ? recorded_numbers(text, bracket) : NULL;
	if (!numbers || sscanf(numbers, "%u %u %u", &r->id, &r->flags, &r->n_fds) != 3)
		return false;
	r->kind = RECORDED_REQUEST;
	r->size = 0;
	for (const char *p = bracket + 1; *p != ']'; p += 2) {
		if (r->size == sizeof(r->payload) || sscanf(p, "%2x", &byte) != 1 || !p[1])
			return false;
		r->payload.bytes[r->size++] = (uint8_t)byte;
	}
	return r->n_fds <= VHOST_FDS;
}

/* False: it is a request that cannot be read. */
static inline bool recording_add_line(struct recording *rec, const char *text, unsigned line)
{
	struct recorded *r = &rec->event[rec->n];
	const char *request = strstr(text, "< ");

	memset(r, 0, sizeof(*r));
	r->line = line;
	if (*text == '#')
		return true;
	if (strstr(text, "the driver is ready"))
		r->kind = RECORDED_UP;
	else if (strstr(text, "the rings are stopped"))
		r->kind = RECORDED_DOWN;
	else if (!request)
		return true;
	else if (!recorded_parse_request(r, request))
		return false;
	rec->marked |= r->kind != RECORDED_REQUEST;
	rec->n++;
	return true;
}

/* False with the reason on stderr. */
static inline bool recording_read(struct recording *rec, const char *path)
{
	char text[2 * VHOST_PAYLOAD_MAX + 256];
	FILE *f = fopen(path, "re");
	unsigned line = 0;
	bool ok = f;

	memset(rec, 0, sizeof(*rec));
	snprintf(rec->path, sizeof(rec->path), "%s", path);
	while (ok && fgets(text, sizeof(text), f))
		ok = rec->n < RECORDED_MAX && recording_add_line(rec, text, ++line);
	if (f)
		fclose(f);
	if (ok && rec->n)
		return true;
	fprintf(stderr, "%s:%u: %s\n", path, line, ok ? "it has no request" : "it cannot be read");
	return false;
}

/* Calls fn for each recording there is: their number. Programs run in the top folder. */
static inline unsigned recording_for_each(void (*fn)(const struct recording *rec))
{
	static struct recording rec;
	unsigned n = 0;
	glob_t found;

	if (glob("tests/unit/vhost/*.txt", 0, NULL, &found))
		return 0;
	for (; n < found.gl_pathc; n++) {
		if (!recording_read(&rec, found.gl_pathv[n]))
			break;
		fn(&rec);
	}
	if (n < found.gl_pathc)
		n = 0;
	globfree(&found);
	return n;
}

#endif
