/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/log_line.h"

#include <ctype.h>
#include <string.h>

#include "common/number.h"
#include "common/payload.h"

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* Cuts off what stands before the first delimiter and moves behind it; NULL: there is none. */
static char *take(char **at, char delimiter)
{
	char *word = *at, *end = strchr(word, delimiter);

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return word;
}

static int read_time(char **at, uint64_t *time_ns, const char **why)
{
	char *text = take(at, ')');
	const char *unused;
	int64_t ns;

	/* "inf" is a number of seconds elsewhere */
	if (!text || !isdigit((unsigned char)*text) || number_parse_seconds(text, &ns, &unused))
		return refuse(why, "has no time like (12.000000001)");
	*time_ns = (uint64_t)ns;
	return **at == ' ' ? 0 : refuse(why, "has no blank after its time");
}

static int read_bus(char **at, const char **bus, const char **why)
{
	++*at;
	*bus = take(at, ' ');
	if (!*bus || !**bus)
		return refuse(why, "has no bus");
	return strlen(*bus) < RPMSG_BUS_NAME_SIZE ? 0 : refuse(why, "has too long a bus");
}

static int read_direction(char **at, enum rpmsg_direction *dir, const char **why)
{
	const char *word = take(at, ' ');

	if (word && !strcmp(word, "h>r"))
		*dir = RPMSG_H2R;
	else if (word && !strcmp(word, "r>h"))
		*dir = RPMSG_R2H;
	else
		return refuse(why, "has no direction, h>r or r>h");
	return 0;
}

/* "?" is an address that was not known. */
static bool read_address(const char *text, uint32_t *addr)
{
	const char *why;

	*addr = RPMSG_ADDR_ANY;
	return text && (!strcmp(text, "?") || !number_parse_addr(text, addr, &why));
}

/* In place: a byte takes the room of half its digits. */
static int read_data(char *hex, struct rpmsg_record *record, const char **why)
{
	size_t len = strlen(hex);
	int byte;

	if (len / 2 > PAYLOAD_MAX)
		return refuse(why, "has more than 65535 bytes of data");
	for (size_t i = 0; i < len; i += 2) {
		byte = payload_hex_byte(hex + i, len - i);
		if (byte < 0)
			return refuse(why, "has data that is not hex, two digits a byte");
		hex[i / 2] = (char)byte;
	}
	record->data = (const uint8_t *)hex;
	record->len = (uint16_t)(len / 2);
	return 0;
}

bool log_line_begins(const char *line)
{
	return line[0] == '(' && isdigit((unsigned char)line[1]);
}

int log_line_read(char *line, struct rpmsg_record *record, const char **why)
{
	char *at = line + strspn(line, " \t");

	*record = (struct rpmsg_record){.text = ""};
	if (!*at || *at == '#')
		return 0;
	if (!log_line_begins(at++))
		return refuse(why, "has no time like (12.000000001)");
	if (read_time(&at, &record->time_ns, why) || read_bus(&at, &record->bus, why) ||
	    read_direction(&at, &record->dir, why))
		return -EINVAL;
	if (!read_address(take(&at, '>'), &record->src))
		return refuse(why, "has no source address");
	if (!read_address(take(&at, '#'), &record->dst))
		return refuse(why, "has no destination address");
	return read_data(at, record, why) ? -EINVAL : 1;
}
