/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/kernel_date.h"

#include <ctype.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)
#define DAY_S (24 * 60 * 60)

/* Up to six digits behind a point or comma, if there are any; finer ones are passed over. */
static int64_t take_fraction(const char **at)
{
	int64_t us = 0, unit = US_PER_S / 10;
	const char *p = *at;

	if ((*p != '.' && *p != ',') || !isdigit((unsigned char)p[1]))
		return 0;
	for (p++; isdigit((unsigned char)*p); p++, unit /= 10)
		us += unit * (*p - '0');
	*at = p;
	return us;
}

/* Seconds since 1970 of a local time; -1: there is none. */
static time_t local_seconds(const struct tm *date)
{
	struct tm tm = *date;

	tm.tm_isdst = -1;
	return mktime(&tm);
}

/* The year is not told: this one, or the last if that is still to come. */
static time_t yearless_seconds(struct tm *date)
{
	time_t now = time(NULL), then;
	struct tm today;

	if (!localtime_r(&now, &today))
		return -1;
	date->tm_year = today.tm_year;
	then = local_seconds(date);
	if (then <= now + DAY_S) /* another machine's clock may be ahead */
		return then;
	date->tm_year--;
	return local_seconds(date);
}

/* "Mon Nov 23 12:00:00 2026" of dmesg -T, "Nov 23 12:00:00.123456" of syslog. */
static bool take_named_month(const char **at, int64_t *us)
{
	struct tm date = {0};
	const char *p = strptime(*at, "%a %b %d %H:%M:%S %Y", &date);
	time_t s;

	if (p) {
		s = local_seconds(&date);
		*us = 0;
	} else {
		date = (struct tm){0};
		p = strptime(*at, "%b %d %H:%M:%S", &date);
		if (!p)
			return false;
		s = yearless_seconds(&date);
		*us = take_fraction(&p);
	}
	if (s < 0)
		return false;
	*us += s * US_PER_S;
	*at = p;
	return true;
}

/* "2026-11-23T12:00:00,123456+01:00" of dmesg --time-format iso and journalctl -o short-iso. */
static bool take_iso(const char **at, int64_t *us)
{
	struct tm date = {0}, zone = {0};
	const char *p = strptime(*at, "%Y-%m-%dT%H:%M:%S", &date), *end;
	time_t s;

	if (!p)
		return false;
	*us = take_fraction(&p);
	end = strptime(p, "%z", &zone);
	s = end ? timegm(&date) - zone.tm_gmtoff : local_seconds(&date);
	if (s < 0)
		return false;
	*us += s * US_PER_S;
	*at = end ? end : p;
	return true;
}

/* "1763899200.123456" of journalctl -o short-unix. */
static bool take_unix(const char **at, int64_t *us)
{
	const char *p = *at;
	int64_t s = 0;

	for (; isdigit((unsigned char)*p) && p - *at < 12; p++)
		s = 10 * s + (*p - '0');
	if (p == *at || *p != '.')
		return false;
	*us = s * US_PER_S + take_fraction(&p);
	if (*p != ' ')
		return false;
	*at = p;
	return true;
}

bool kernel_date_take(const char **at, uint64_t *us)
{
	int64_t value;

	if (!take_iso(at, &value) && !take_unix(at, &value) && !take_named_month(at, &value))
		return false;
	*us = (uint64_t)value;
	return true;
}
