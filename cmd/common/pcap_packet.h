/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet of a capture, read. */
#ifndef RPMSG_CMD_PCAP_PACKET_H
#define RPMSG_CMD_PCAP_PACKET_H

#include <rpmsg.h>

/* For what a record that was read points to, beside the packet. */
#define PCAP_SPARE_SIZE 65536u

/*
 * Reads a packet, length bytes long, of which captured are there, into all of record but seq,
 * time_ns and bus. Its pointers go into packet and spare, of PCAP_SPARE_SIZE bytes. NULL, or
 * what is wrong with the packet.
 */
const char *pcap_packet_read(const uint8_t *packet, size_t captured, size_t length,
			     struct rpmsg_record *record, void *spare);

#endif
