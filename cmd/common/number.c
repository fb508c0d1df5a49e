/* SPDX-License-Identifier: BSD-2-Clause */
#include "number.h"

#include <errno.h>
#include <rpmsg.h>
#include <string.h>

static int refuse(int err, const char **why, const char *text)
{
	*why = text;
	return err;
}

static int not_a_number(const char *text, const char **why)
{
	if (!*text)
		return refuse(-EINVAL, why, "is empty");
	if (*text == '-')
		return refuse(-EINVAL, why, "is negative");
	return refuse(-EINVAL, why, "is not a number");
}

/* 0..15, or 16 for anything else. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/*
 * Reads digits of a base from *at, which moves behind them. -EINVAL if there is
 * none, -ERANGE on overflow (and *at is still moved).
 */
static int read_digits(const char **at, unsigned base, uint64_t *value)
{
	const char *c = *at;
	bool over = false;
	uint64_t v = 0;

	for (; digit(*c) < base; c++) {
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit(*c), &v))
			over = true;
	}
	if (c == *at)
		return -EINVAL;
	*at = c;
	*value = v;
	return over ? -ERANGE : 0;
}

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value, const char **why)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *at = hex ? text + 2 : text;
	uint64_t v;
	int err = read_digits(&at, hex ? 16 : 10, &v);

	if (err == -EINVAL || *at)
		return not_a_number(text, why);
	if (err || v > max)
		return refuse(-ERANGE, why, "is too large");
	if (v < min)
		return refuse(-ERANGE, why, "is too small");
	*value = v;
	return 0;
}

int number_parse_addr(const char *text, uint32_t *addr, const char **why)
{
	uint64_t v;
	int err = number_parse(text, 0, UINT32_MAX, &v, why);

	if (err)
		return err;
	if (v == RPMSG_ADDR_ANY)
		return refuse(-ERANGE, why, "is the address ANY, which nobody has");
	*addr = (uint32_t)v;
	return 0;
}

int number_parse_count(const char *text, uint64_t *count, const char **why)
{
	return number_parse(text, 1, UINT64_MAX, count, why);
}

/* What a letter at the end multiplies by, or 0. */
static uint64_t size_unit(const char *end)
{
	if (!*end || end[1])
		return 0;
	switch (*end) {
	case 'k':
	case 'K':
		return UINT64_C(1) << 10;
	case 'm':
	case 'M':
		return UINT64_C(1) << 20;
	case 'g':
	case 'G':
		return UINT64_C(1) << 30;
	default:
		return 0;
	}
}

int number_parse_size(const char *text, uint64_t unit, uint64_t *bytes, const char **why)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *at = hex ? text + 2 : text;
	uint64_t v = 0;
	int err = read_digits(&at, hex ? 16 : 10, &v);

	if (err == -EINVAL)
		return not_a_number(text, why);
	if (*at)
		unit = size_unit(at);
	if (!unit)
		return refuse(-EINVAL, why, "is not a size such as 100, 64k, 20M or 1G");
	if (err || __builtin_mul_overflow(v, unit, &v) || v > INT64_MAX)
		return refuse(-ERANGE, why, "is too large");
	if (!v)
		return refuse(-ERANGE, why, "is too small");
	*bytes = v;
	return 0;
}

/* WHOLE[.FRACTION] or .FRACTION of a unit of 10^digits nanoseconds. */
static int parse_time(const char *text, unsigned digits, int64_t *ns, const char **why)
{
	uint64_t whole = 0, fraction = 0, total, unit = 1;
	const char *at = text, *point;
	int err = 0;

	if (*at != '.')
		err = read_digits(&at, 10, &whole);
	if (err == -EINVAL)
		return not_a_number(text, why);
	if (*at == '.') {
		point = ++at;
		if (read_digits(&at, 10, &fraction) == -EINVAL)
			return not_a_number(text, why);
		if (!*at && at - point > (int)digits)
			return refuse(-ERANGE, why, "is finer than a nanosecond");
		for (size_t i = (size_t)(at - point); i < digits; i++)
			fraction *= 10;
	}
	if (*at)
		return not_a_number(text, why);
	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	if (err || __builtin_mul_overflow(whole, unit, &total) ||
	    __builtin_add_overflow(total, fraction, &total) || total >= NUMBER_FOREVER)
		return refuse(-ERANGE, why, "is too large");
	*ns = (int64_t)total;
	return 0;
}

int number_parse_seconds(const char *text, int64_t *ns, const char **why)
{
	if (!strcmp(text, "inf")) {
		*ns = NUMBER_FOREVER;
		return 0;
	}
	return parse_time(text, 9, ns, why);
}

int number_parse_ms(const char *text, int64_t *ns, const char **why)
{
	return parse_time(text, 6, ns, why);
}
