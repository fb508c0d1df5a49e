/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures: pcap files with nanoseconds and link type 252, one packet a message.
 * A packet is 24 bytes of tags (dissector "rpmsg", direction, end), the rpmsg
 * header in little-endian order, and the payload.
 *
 * Functions that can fail write a line that names the file into err, an array of
 * CAPTURE_ERR_SIZE, and return NULL or -errno.
 */
#ifndef RPMSG_CMD_PCAP_H
#define RPMSG_CMD_PCAP_H

#include <rpmsg.h>

#define CAPTURE_ERR_SIZE 512

struct capture_writer;

/*
 * Creates path, or takes standard output if it is "-". The file header is written
 * at once. Anything but a regular file gets each packet at once too.
 */
struct capture_writer *capture_writer_open(const char *path, char *err);
int capture_write(struct capture_writer *writer, const struct rpmsg_record *record, char *err);
/* What was written so far is in the file. */
int capture_flush(struct capture_writer *writer, char *err);
/* Flushes and closes. The writer is gone, also on error. NULL is allowed. */
int capture_writer_close(struct capture_writer *writer, char *err);

struct capture_reader;

/* Opens path, or takes standard input if it is "-". */
struct capture_reader *capture_reader_open(const char *path, char *err);
/*
 * 1 and *record, 0 at the end, -EPROTO if a packet is not as above, -EIO if the file
 * is cut or cannot be read; err names the packet by its number, from 1. seq counts
 * messages from 0, bus is "-", data is valid until the next call. Packets of
 * dissector "rpmsgev", which are events, are passed over.
 */
int capture_read(struct capture_reader *reader, struct rpmsg_record *record, char *err);
void capture_reader_close(struct capture_reader *reader);

#endif
