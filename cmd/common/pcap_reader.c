/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "common/pcap.h"
#include "common/pcap_packet.h"

#define NS_PER_SEC 1000000000u

struct pcap_reader {
	char *name;
	pcap_t *pcap;
	uint64_t n_packets, n_messages;
	uint8_t spare[PCAP_SPARE_SIZE];
};

static int check_link_type(const struct pcap_reader *r, char *error, size_t size)
{
	int type = pcap_datalink(r->pcap);
	const char *name = pcap_datalink_val_to_name(type);

	if (type == DLT_WIRESHARK_UPPER_PDU)
		return 0;
	snprintf(error, size, "%s: not an rpmsg capture: link type %d (%s) instead of %d", r->name,
		 type, name ? name : "unknown", DLT_WIRESHARK_UPPER_PDU);
	return -EPROTO;
}

static int load(struct pcap_reader *r, FILE *f, char *error, size_t size)
{
	char why[PCAP_ERRBUF_SIZE];

	r->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!r->pcap) {
		fclose(f);
		snprintf(error, size, "%s: %s", r->name, why);
		return -EPROTO;
	}
	return check_link_type(r, error, size);
}

int pcap_reader_open(FILE *stream, const char *name, struct pcap_reader **reader, char *error,
		     size_t size)
{
	struct pcap_reader *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (r)
		r->name = strdup(name);
	if (r && r->name) {
		err = load(r, stream, error, size);
	} else {
		fclose(stream);
		snprintf(error, size, "%s: %s", name, rpmsg_strerror(err));
	}
	if (err) {
		pcap_reader_close(r);
		return err;
	}
	*reader = r;
	return 0;
}

int pcap_reader_next(struct pcap_reader *r, struct rpmsg_record *record, char *error, size_t size)
{
	struct pcap_pkthdr *h;
	const uint8_t *packet;
	const char *fault;
	int n = pcap_next_ex(r->pcap, &h, &packet);

	if (n == PCAP_ERROR_BREAK)
		return 0;
	r->n_packets++;
	fault = n == 1 ? pcap_packet_read(packet, h->caplen, h->len, record, r->spare) :
			 pcap_geterr(r->pcap);
	if (fault) {
		snprintf(error, size, "%s: packet %" PRIu64 "%s %s", r->name, r->n_packets,
			 n == 1 ? "" : ":", fault);
		return n == 1 ? -EPROTO : -EIO;
	}
	record->seq = r->n_messages;
	r->n_messages += record->type == RPMSG_RECORD_MESSAGE;
	record->time_ns = (uint64_t)h->ts.tv_sec * NS_PER_SEC + (uint64_t)h->ts.tv_usec;
	record->bus = "-";
	return 1;
}

void pcap_reader_close(struct pcap_reader *r)
{
	if (!r)
		return;
	if (r->pcap)
		pcap_close(r->pcap);
	free(r->name);
	free(r);
}
