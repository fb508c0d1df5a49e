/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded traffic that is text: lines as --out log prints them, or a kernel's log with the hex
 * dumps of virtio_rpmsg_bus as dmesg, journalctl, syslog or /dev/kmsg give it. The first
 * line that is not blank and no comment tells which.
 */
#ifndef CMD_TEXT_READER_H
#define CMD_TEXT_READER_H

#include <rpmsg.h>
#include <stdio.h>

struct text_reader;

/* For a stream that errors call name; both stay the caller's. NULL: no memory. */
struct text_reader *text_reader_new(FILE *stream, const char *name);
/*
 * 1 and *record, whose pointers end with the next call; 0 at the end; -EPROTO: a line is
 * wrong, or there is nothing of either kind; -errno of the stream. Then error, of size bytes,
 * says what is wrong with which line. A kernel's log that knows no date has times since boot.
 */
int text_reader_next(struct text_reader *reader, struct rpmsg_record *record, char *error,
		     size_t size);
/* Whether it is a kernel's log, as far as is known. */
bool text_reader_is_kernel(const struct text_reader *reader);
/* Lines of a kernel's log that are missing, or of messages that are not whole. */
uint64_t text_reader_lost(const struct text_reader *reader);
/* NULL is allowed. */
void text_reader_free(struct text_reader *reader);

#endif
