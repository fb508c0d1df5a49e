/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures: pcap files with nanoseconds and link type 252, one packet a message.
 * A packet is 24 bytes of tags (dissector "rpmsg", direction, end), the rpmsg
 * header in little-endian order, and the payload.
 */
#ifndef RPMSG_CMD_PCAP_H
#define RPMSG_CMD_PCAP_H

#include <rpmsg.h>

/* Functions return 0 or -errno. A failed write fails all that follow. */
struct pcap_writer;

/*
 * Creates path, or takes standard output if it is "-". The file header is written
 * at once. Anything but a regular file gets each packet at once too.
 */
int pcap_writer_open(const char *path, struct pcap_writer **writer);
int pcap_writer_put(struct pcap_writer *writer, const struct rpmsg_record *record);
/* What was put so far is in the file. */
int pcap_writer_flush(struct pcap_writer *writer);
/* Flushes and closes. The writer is gone, also on error. NULL is allowed. */
int pcap_writer_close(struct pcap_writer *writer);

/* On failure error, of size bytes, says in words what is wrong with which file and packet. */
struct pcap_reader;

/* Opens path, or takes standard input if it is "-". -EPROTO: not such a capture. */
int pcap_reader_open(const char *path, struct pcap_reader **reader, char *error, size_t size);
/*
 * 1 and *record, 0 at the end, -EPROTO if the packet is not as above, -EIO if the
 * file is cut or cannot be read. seq counts messages from 0, bus is "-", data is
 * valid until the next call. Packets of the dissector "rpmsgev", which are events,
 * are passed over.
 */
int pcap_reader_next(struct pcap_reader *reader, struct rpmsg_record *record, char *error,
		     size_t size);
/* NULL is allowed. */
void pcap_reader_close(struct pcap_reader *reader);

#endif
