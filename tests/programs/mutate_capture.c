/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutate_capture IN OUT N SEED: writes N packets to OUT, each a packet of IN with some damage
 * done to it. The same SEED does the same damage. The tags before the rpmsg header stay as they
 * are but for the direction, so that each packet still reaches its dissector.
 */
#include <err.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 24u
#define HEADER 16u
#define DIR_AT 19u
#define PACKET_MAX (PREFIX + HEADER + UINT16_MAX)
#define ROOM (2 * PACKET_MAX)
#define PACKETS_MAX 1024u

struct packet {
	uint32_t captured, length;
	uint8_t *bytes;
};

static uint64_t state;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

static uint8_t random_byte(void)
{
	static const uint8_t odd[] = { 0x00, 0x01, 0x35, 0x7f, 0x80, 0xfe, 0xff };

	return random_below(2) ? odd[random_below(sizeof(odd))] : (uint8_t)random_below(256);
}

static size_t read_packets(const char *path, struct packet *packets)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	size_t n = 0;

	if (!pcap)
		errx(1, "%s", error);
	while (n < PACKETS_MAX && pcap_next_ex(pcap, &h, &bytes) == 1) {
		if (h->caplen < PREFIX + HEADER || h->caplen > PACKET_MAX)
			errx(1, "%s: a packet of %u bytes", path, h->caplen);
		packets[n].captured = packets[n].length = h->caplen;
		packets[n].bytes = malloc(h->caplen);
		if (!packets[n].bytes)
			err(1, NULL);
		memcpy(packets[n++].bytes, bytes, h->caplen);
	}
	pcap_close(pcap);
	if (n == 0)
		errx(1, "%s: no packets", path);
	return n;
}

/* One of: a byte of the header, a byte anywhere, the direction, shorter, longer, cut at capture. */
static void damage(struct packet *p)
{
	uint32_t body = p->captured - PREFIX;

	switch (random_below(8)) {
	case 0:
		p->bytes[DIR_AT] = random_byte();
		break;
	case 1:
		p->captured -= random_below(body + 1);
		p->length = p->captured;
		break;
	case 2:
		p->captured -= random_below(body + 1);
		break;
	case 3:
		for (uint32_t more = random_below(64); more > 0 && p->captured < ROOM; more--)
			p->bytes[p->captured++] = random_byte();
		p->length = p->captured;
		break;
	case 4:
	case 5:
		if (body > 0)
			p->bytes[PREFIX + random_below(body)] = random_byte();
		break;
	default:
		if (body > 0)
			p->bytes[PREFIX + random_below(body < HEADER ? body : HEADER)] = random_byte();
		break;
	}
}

static void write_packet(pcap_dumper_t *dump, const struct packet *from, uint32_t at)
{
	static uint8_t bytes[ROOM];
	struct packet p = { from->captured, from->length, bytes };
	struct pcap_pkthdr h = { .ts = { .tv_sec = 1000000000 + at, .tv_usec = at } };

	memcpy(bytes, from->bytes, from->captured);
	for (uint32_t n = 1 + random_below(4); n > 0; n--)
		damage(&p);
	h.caplen = p.captured;
	h.len = p.length;
	pcap_dump((u_char *)dump, &h, bytes);
}

int main(int argc, char **argv)
{
	static struct packet packets[PACKETS_MAX];
	pcap_t *pcap;
	pcap_dumper_t *dump;
	uint32_t n;
	size_t n_in;

	if (argc != 5)
		errx(64, "usage: mutate_capture IN OUT N SEED");
	n = (uint32_t)strtoul(argv[3], NULL, 0);
	state = strtoull(argv[4], NULL, 0) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	n_in = read_packets(argv[1], packets);
	pcap = pcap_open_dead_with_tstamp_precision(DLT_WIRESHARK_UPPER_PDU, ROOM,
						    PCAP_TSTAMP_PRECISION_NANO);
	dump = pcap ? pcap_dump_open(pcap, argv[2]) : NULL;
	if (!dump)
		errx(1, "%s: %s", argv[2], pcap ? pcap_geterr(pcap) : "no memory");
	for (uint32_t i = 0; i < n; i++)
		write_packet(dump, &packets[i % n_in], i);
	if (pcap_dump_flush(dump) != 0)
		errx(1, "%s: cannot be written", argv[2]);
	pcap_dump_close(dump);
	pcap_close(pcap);
	for (size_t i = 0; i < n_in; i++)
		free(packets[i].bytes);
	return 0;
}
