/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures: pcap files with nanoseconds and link type 252, one packet a record.
 * A packet is 24 bytes of tags (dissector "rpmsg", or "rpmsgev" for an event; direction; end),
 * the rpmsg header in little-endian order, and the payload, or what an event says.
 */
#ifndef RPMSG_CMD_PCAP_H
#define RPMSG_CMD_PCAP_H

#include <rpmsg.h>
#include <stdio.h>

/* ---- packets ---- */

#define PCAP_PACKET_MAX (24u + 16u + 65535u)

/*
 * A message that was cut when it was captured (a snap length) keeps the len of its header, and
 * count says how many bytes at the end of its payload are missing: 0 in all others. data has
 * len bytes all the same: those that are missing are 0 and mean nothing. In a message that was
 * read data is never NULL.
 */
static inline bool pcap_is_cut(const struct rpmsg_record *message)
{
	return message->count > 0;
}

/* Bytes of a message's payload that are known. */
static inline size_t pcap_captured(const struct rpmsg_record *message)
{
	return message->count < message->len ? message->len - (size_t)message->count : 0;
}

/* The packet of a record as a capture has it, at most PCAP_PACKET_MAX bytes: how many they are. */
size_t pcap_packet_build(const struct rpmsg_record *record, uint8_t *packet);
/* How many there would be if the message were not cut. */
size_t pcap_packet_length(const struct rpmsg_record *record);

/* ---- writing: functions return 0 or -errno ---- */

/*
 * Whole packets alone get into the file: also where a disk is full, a file that was being
 * written ends with its last whole packet. A failed write fails all that follow.
 */
struct pcap_writer;

/*
 * Creates path, or takes standard output if it is "-". The file header is written
 * at once. Anything but a regular file gets each packet at once too.
 */
int pcap_writer_open(const char *path, struct pcap_writer **writer);
/* The same for a path that must not be there yet: else -EEXIST. */
int pcap_writer_create(const char *path, struct pcap_writer **writer);
/* Of messages from now on at most so many bytes of payload are kept; name service is kept whole. */
void pcap_writer_set_snaplen(struct pcap_writer *writer, size_t bytes);
int pcap_writer_put(struct pcap_writer *writer, const struct rpmsg_record *record);
/* What was put so far is in the file. */
int pcap_writer_flush(struct pcap_writer *writer);
/* Bytes of the file, with what is not flushed yet; and by how many record would make it longer. */
uint64_t pcap_writer_size(const struct pcap_writer *writer);
size_t pcap_writer_need(const struct pcap_writer *writer, const struct rpmsg_record *record);
/* Flushes and closes. The writer is gone, also on error. NULL is allowed. */
int pcap_writer_close(struct pcap_writer *writer);

/* ---- reading: on failure error, of size bytes, says what is wrong with which file and packet */

struct pcap_reader;

/*
 * Reads a stream that errors call name; it is the reader's from now on, also on failure.
 * -EPROTO: not such a capture.
 */
int pcap_reader_open(FILE *stream, const char *name, struct pcap_reader **reader, char *error,
		     size_t size);
/*
 * 1 and *record, a message or an event, whose type may be none that is known; 0 at the end;
 * -EPROTO if the packet is not as above, -EIO if the file is cut or cannot be read. seq counts
 * messages from 0, bus is "-"; data and text are valid until the next call.
 */
int pcap_reader_next(struct pcap_reader *reader, struct rpmsg_record *record, char *error,
		     size_t size);
/* NULL is allowed. */
void pcap_reader_close(struct pcap_reader *reader);

#endif
