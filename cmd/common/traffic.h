/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded traffic from a file, whatever it is: a capture (pcap, pcapng), a recorder's file, lines
 * as --out log prints them, or a kernel's log with the hex dumps of virtio_rpmsg_bus. The
 * first bytes tell which; a pipe can be read too, but for a recorder's file.
 */
#ifndef CMD_TRAFFIC_H
#define CMD_TRAFFIC_H

#include <rpmsg.h>

#include "common/input.h"

struct traffic;

/*
 * Opens path, or takes standard input if it is "-". wait, or NULL, is what to do while a pipe
 * has nothing. 0 or -errno; on failure error, of size bytes, says what is wrong with which
 * file. -EPROTO: none of the above, -EINTR: see input.h.
 */
int traffic_open(const char *path, struct traffic **traffic, char *error, size_t size);
int traffic_open_wait(const char *path, const struct input_wait *wait, struct traffic **traffic,
		      char *error, size_t size);
/*
 * 1 and *record, events too; 0 if there is none yet (a recorder's file that is followed);
 * -EPIPE at the end; -EINTR: see input.h; else -errno, and error says which packet or line is
 * wrong and how. Pointers in *record end with the next call.
 */
int traffic_read(struct traffic *traffic, struct rpmsg_record *record, char *error, size_t size);
/*
 * Whether a recorder's file is read until its writer ends (as it is at first), or what is
 * there now is all. False, and nothing changes, if it is no recorder's file.
 */
bool traffic_set_follow(struct traffic *traffic, bool on);
/* How much is known to be missing so far; *what: NULL for messages, else what is counted. */
uint64_t traffic_lost(const struct traffic *traffic, const char **what);
/* The pid of a recorder that did not end: it died, or this is a copy of its file; else 0. */
int traffic_crashed(const struct traffic *traffic);
/* NULL is allowed. */
void traffic_close(struct traffic *traffic);

#endif
