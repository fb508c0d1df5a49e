/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/bpf.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pcap.h"

struct bpf {
	struct bpf_program program;
	uint8_t packet[PCAP_PACKET_MAX];
};

struct bpf *bpf_new(const char *text, char *error, size_t size)
{
	pcap_t *pcap = pcap_open_dead(DLT_WIRESHARK_UPPER_PDU, PCAP_PACKET_MAX);
	struct bpf *bpf = calloc(1, sizeof(*bpf));

	if (!pcap || !bpf) {
		snprintf(error, size, "out of memory");
	} else if (!pcap_compile(pcap, &bpf->program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		pcap_close(pcap);
		return bpf;
	} else {
		snprintf(error, size, "%s", pcap_geterr(pcap));
	}
	if (pcap)
		pcap_close(pcap);
	free(bpf);
	return NULL;
}

void bpf_free(struct bpf *bpf)
{
	if (!bpf)
		return;
	pcap_freecode(&bpf->program);
	free(bpf);
}

bool bpf_match(struct bpf *bpf, const struct rpmsg_record *record)
{
	struct pcap_pkthdr header = {0};

	header.caplen = (bpf_u_int32)pcap_packet_build(record, bpf->packet);
	header.len = (bpf_u_int32)pcap_packet_length(record);
	return pcap_offline_filter(&bpf->program, &header, bpf->packet) != 0;
}
