/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a capture as described line by line on standard input:
 *
 *	h>r|r>h SRC DST [HEX|xN]                                  a message; xN: N bytes 0, 1, 2, ...
 *	announce|destroy h|r ADDR NAME                            a name service message of that side
 *	event KIND h>r|r>h SRC DST VALUE COUNT NANOSEC [TEXT]     an event; KIND is its word or number
 *
 * An address may be "any". Record N is N seconds and N nanoseconds after 1,000,000,000 s.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event_kind.h"
#include "common/pcap.h"
#include "virtio/wire.h"

#define HEX_MAX 4096

static void put(struct pcap_writer *writer, struct rpmsg_record *record)
{
	int r;

	record->time_ns = UINT64_C(1000000000) * (1000000000 + record->seq) + record->seq;
	record->seq++;
	r = pcap_writer_put(writer, record);
	if (r)
		errx(1, "put: %s", rpmsg_strerror(r));
}

static uint32_t address(const char *word)
{
	return strcmp(word, "any") ? (uint32_t)strtoul(word, NULL, 0) : RPMSG_ADDR_ANY;
}

static uint16_t unhex(const char *hex, uint8_t *to)
{
	uint16_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned byte;

		if (sscanf(hex, "%2x", &byte) != 1)
			errx(1, "not hex: %s", hex);
		to[n++] = (uint8_t)byte;
	}
	return n;
}

static uint16_t count_up(const char *number, uint8_t *to)
{
	unsigned long n = strtoul(number, NULL, 0);

	if (n > UINT16_MAX)
		errx(1, "longer than a message can be: %s", number);
	for (unsigned long i = 0; i < n; i++)
		to[i] = (uint8_t)i;
	return (uint16_t)n;
}

static bool parse_message(const char *line, struct rpmsg_record *record, uint8_t *data)
{
	char dir[4], src[16], dst[16], payload[HEX_MAX + 1] = "";

	if (sscanf(line, "%3[hr>] %15s %15s %4096s", dir, src, dst, payload) < 3)
		return false;
	record->dir = *dir == 'h' ? RPMSG_H2R : RPMSG_R2H;
	record->src = address(src);
	record->dst = address(dst);
	record->len = *payload == 'x' ? count_up(payload + 1, data) : unhex(payload, data);
	record->data = data;
	return true;
}

static bool parse_ns(const char *line, struct rpmsg_record *record, uint8_t *data)
{
	char what[16], side, addr[16], name[RPMSG_NAME_SIZE];

	if (sscanf(line, "%15[a-z] %c %15s %31s", what, &side, addr, name) != 4)
		return false;
	record->dir = side == 'h' ? RPMSG_H2R : RPMSG_R2H;
	record->src = address(addr);
	record->dst = RPMSG_NS_ADDR;
	record->len = WIRE_NS_SIZE;
	record->data = data;
	wire_ns_encode(data, name, record->src, *what == 'd' ? WIRE_NS_DESTROY : 0,
		       __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
	return true;
}

static enum rpmsg_record_type kind_of(const char *word)
{
	for (unsigned kind = RPMSG_RECORD_UP; kind < RPMSG_RECORD_TYPES; kind++)
		if (!strcmp(word, event_kind_word((enum rpmsg_record_type)kind)))
			return (enum rpmsg_record_type)kind;
	return (enum rpmsg_record_type)strtoul(word, NULL, 0);
}

static bool parse_event(char *line, struct rpmsg_record *record)
{
	char kind[16], dir[4], src[16], dst[16];
	int text = 0;

	if (sscanf(line, "event %15s %3[hr>] %15s %15s %" SCNu32 " %" SCNu64 " %" SCNu64 " %n", kind,
		   dir, src, dst, &record->value, &record->count, &record->duration_ns, &text) != 7)
		return false;
	record->type = kind_of(kind);
	record->dir = *dir == 'h' ? RPMSG_H2R : RPMSG_R2H;
	record->src = address(src);
	record->dst = address(dst);
	line[strcspn(line, "\n")] = '\0';
	record->text = line + text;
	return true;
}

int main(int argc, char **argv)
{
	static uint8_t data[UINT16_MAX];
	struct pcap_writer *writer;
	char line[HEX_MAX + 100];
	uint64_t n = 0;
	int r;

	if (argc != 2)
		errx(64, "usage: gen_capture FILE < LINES");
	r = pcap_writer_open(argv[1], &writer);
	if (r)
		errx(1, "%s: %s", argv[1], rpmsg_strerror(r));
	while (fgets(line, sizeof(line), stdin)) {
		struct rpmsg_record record = { .seq = n++, .bus = "test" };

		if (!parse_event(line, &record) && !parse_message(line, &record, data) &&
		    !parse_ns(line, &record, data))
			errx(1, "what is this: %s", line);
		put(writer, &record);
	}
	r = pcap_writer_close(writer);
	if (r)
		errx(1, "%s: %s", argv[1], rpmsg_strerror(r));
	return 0;
}
