/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's writer: a ring file of messages and events that readers map
 * read-only. It never waits for a reader. Safe from several threads.
 */
#ifndef RPMSG_RECORDER_H
#define RPMSG_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#include "rpmsg.h"
#include "virtio/wire.h"

struct recorder;

#define RECORDER_SIZE_DEFAULT (8u << 20)
#define RECORDER_SIZE_MIN (256u << 10)

/*
 * Creates the file (0600, replacing one whose writer is dead; -EBUSY while one
 * lives, -EEXIST for any other file) with %p in path as the pid. size 0: the default.
 * A recording that was not ended is kept as path.crashed. NULL and errno.
 */
struct recorder *recorder_create(const char *path, size_t size);
/* What to tell of the recording that had the name before, or NULL. */
const char *recorder_note(const struct recorder *rec);
/* Another user of it, who ends with recorder_drop(). */
struct recorder *recorder_ref(struct recorder *rec);
void recorder_drop(struct recorder *rec);
/* recorder_drop() by its maker: marks the end for readers and, if remove, takes the file away. */
void recorder_close(struct recorder *rec, bool remove);
/* The id that goes into the records of a bus, the same for the same name; -ENOSPC after 16. */
int recorder_add_bus(struct recorder *rec, const char *name);
/* For each recorder_add_bus(): nothing more comes of that bus. */
void recorder_remove_bus(struct recorder *rec);
/*
 * One message; hdr in host byte order, hdr->len bytes of data that nobody else writes to. The time
 * that it was given, by CLOCK_MONOTONIC.
 */
uint64_t recorder_put(struct recorder *rec, int bus, enum rpmsg_direction dir,
		      const struct wire_hdr *hdr, const void *data);
/* An event; its text is cut and made printable. */
void recorder_put_event(struct recorder *rec, int bus, const struct rpmsg_record *event);
/* Messages and events. */
uint64_t recorder_count(const struct recorder *rec);

/*
 * The recorder of RPMSG_RECORD=FILE[,SIZE], made at first use and shared by the process, with
 * k, M or G after SIZE. Its end is marked when the process exits. NULL if unset, *err being 0,
 * or with -errno in *err.
 */
struct recorder *recorder_process(int *err);

#endif
