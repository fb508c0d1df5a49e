/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a capture as described line by line on standard input:
 *
 *	h>r|r>h SRC DST [HEX]               a message
 *	announce|destroy h|r ADDR NAME      a name service message of that side
 *
 * Message N is N seconds and N nanoseconds after 1,000,000,000 s.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pcap.h"
#include "virtio/wire.h"

static void put(struct pcap_writer *writer, struct rpmsg_record *record)
{
	int r;

	record->time_ns = UINT64_C(1000000000) * (1000000000 + record->seq) + record->seq;
	record->seq++;
	r = pcap_writer_put(writer, record);
	if (r)
		errx(1, "put: %s", rpmsg_strerror(r));
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

static bool parse_message(const char *line, struct rpmsg_record *record, uint8_t *data)
{
	char dir[4], hex[4096] = "";

	if (sscanf(line, "%3[hr>] %i %i %4095s", dir, (int *)&record->src, (int *)&record->dst, hex) < 3)
		return false;
	record->dir = *dir == 'h' ? RPMSG_H2R : RPMSG_R2H;
	record->len = unhex(hex, data);
	return true;
}

static bool parse_ns(const char *line, struct rpmsg_record *record, uint8_t *data)
{
	char what[16], side, name[RPMSG_NAME_SIZE];
	uint32_t addr;

	if (sscanf(line, "%15[a-z] %c %i %31s", what, &side, (int *)&addr, name) != 4)
		return false;
	record->dir = side == 'h' ? RPMSG_H2R : RPMSG_R2H;
	record->src = addr;
	record->dst = RPMSG_NS_ADDR;
	record->len = WIRE_NS_SIZE;
	wire_ns_encode(data, name, addr, *what == 'd' ? WIRE_NS_DESTROY : 0,
		       __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
	return true;
}

int main(int argc, char **argv)
{
	struct pcap_writer *writer;
	uint8_t data[2048];
	struct rpmsg_record record = { .bus = "test", .data = data };
	char line[4200];
	int r;

	if (argc != 2)
		errx(64, "usage: gen_capture FILE < LINES");
	r = pcap_writer_open(argv[1], &writer);
	if (r)
		errx(1, "%s: %s", argv[1], rpmsg_strerror(r));
	while (fgets(line, sizeof(line), stdin)) {
		if (!parse_message(line, &record, data) && !parse_ns(line, &record, data))
			errx(1, "what is this: %s", line);
		put(writer, &record);
	}
	r = pcap_writer_close(writer);
	if (r)
		errx(1, "%s: %s", argv[1], rpmsg_strerror(r));
	return 0;
}
