/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/append.h"

#include <rpmsg.h>

#define NS_PER_S UINT64_C(1000000000)

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

char *append_digits(char *at, uint64_t value, unsigned n)
{
	char text[20];
	unsigned i = sizeof(text);

	do
		text[--i] = (char)('0' + value % 10);
	while (value /= 10);
	for (; sizeof(text) - i < n; n--)
		*at++ = '0';
	memcpy(at, text + i, sizeof(text) - i);
	return at + sizeof(text) - i;
}

char *append_uint(char *at, uint64_t value)
{
	return append_digits(at, value, 1);
}

char *append_addr(char *at, uint32_t addr)
{
	unsigned shift = 28;

	if (addr == RPMSG_ADDR_ANY) {
		*at++ = '?';
		return at;
	}
	*at++ = '0';
	*at++ = 'x';
	while (shift && !(addr >> shift))
		shift -= 4;
	for (; shift; shift -= 4)
		*at++ = lower[addr >> shift & 15];
	*at++ = lower[addr & 15];
	return at;
}

char *append_seconds(char *at, uint64_t ns, unsigned digits)
{
	uint64_t fraction = ns % NS_PER_S;

	at = append_uint(at, ns / NS_PER_S);
	*at++ = '.';
	for (unsigned i = 9; i > digits; i--)
		fraction /= 10;
	return append_digits(at, fraction, digits);
}

static char *put_hex(char *at, const void *data, size_t len, const char *digits)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++) {
		*at++ = digits[byte[i] >> 4];
		*at++ = digits[byte[i] & 15];
	}
	return at;
}

char *append_hex(char *at, const void *data, size_t len)
{
	return put_hex(at, data, len, lower);
}

char *append_hex_upper(char *at, const void *data, size_t len)
{
	return put_hex(at, data, len, upper);
}

char *append_printable(char *at, const void *text, size_t len)
{
	const uint8_t *c = text;

	for (size_t i = 0; i < len; i++)
		*at++ = c[i] >= 0x20 && c[i] < 0x7f ? (char)c[i] : '.';
	return at;
}

static char *put_escaped(char *at, uint8_t c)
{
	static const char names[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	const char *name = c ? strchr(names, c) : NULL;

	*at++ = '\\';
	if (name) {
		*at++ = name[1];
		return at;
	}
	at = append_text(at, "u00");
	return put_hex(at, &c, 1, lower);
}

char *append_json(char *at, const void *text, size_t len)
{
	const uint8_t *c = text;

	*at++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (c[i] < 0x20 || c[i] == '"' || c[i] == '\\')
			at = put_escaped(at, c[i]);
		else
			*at++ = (char)c[i];
	}
	*at++ = '"';
	return at;
}
