/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's writer: a ring file of messages that readers map
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
 * lives) with %p in path as the pid. size 0: the default. NULL and errno.
 */
struct recorder *recorder_create(const char *path, size_t size);
/* Marks the end for readers and, if remove, takes the file away. */
void recorder_close(struct recorder *rec, bool remove);
/* Registers a bus's name; the id goes into its records, or -ENOSPC after 16. */
int recorder_add_bus(struct recorder *rec, const char *name);
/* One message; hdr in host byte order, hdr->len bytes of data, which is private memory or ours to read. */
void recorder_put(struct recorder *rec, int bus, enum rpmsg_direction dir,
		  const struct wire_hdr *hdr, const void *data);
uint64_t recorder_count(const struct recorder *rec);

/* The recorder of RPMSG_RECORD, made at first use and shared by the process; NULL if unset or -errno in *err. */
struct recorder *recorder_process(int *err);

#endif
