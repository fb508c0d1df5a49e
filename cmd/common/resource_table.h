/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resource table with which a firmware tells Linux's remoteproc what it wants: read
 * from a firmware image, from memory or from debugfs, and held against what Linux's rpmsg
 * takes. Source of the rules: include/linux/rsc_table.h, drivers/remoteproc of Linux 6.12.
 */
#ifndef CMD_RESOURCE_TABLE_H
#define CMD_RESOURCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESOURCE_VDEVS 8
#define RESOURCE_VRINGS 2 /* kept of a virtio device, and what Linux wants it to have */
#define RESOURCE_CARVEOUTS 32
#define RESOURCE_NAME_SIZE 33

#define RESOURCE_ANY 0xFFFFFFFFU /* an address or notify id that Linux is to choose */
#define RESOURCE_ID_RPMSG 7U
#define RESOURCE_BUFFER_SIZE 512U /* of Linux's rpmsg, which takes no other */

struct resource_vring {
	uint32_t da, align, num, notify_id;
};

struct resource_vdev {
	uint32_t id, notify_id, features, driver_features, config_len, status, n_vring;
	uint32_t reserved; /* both bytes of it; 0 is right */
	struct resource_vring vring[RESOURCE_VRINGS]; /* the first of n_vring */
};

struct resource_carveout {
	uint32_t da, len;
	char name[RESOURCE_NAME_SIZE]; /* as it was read: maybe not printable */
};

struct resource_table {
	struct resource_vdev vdev[RESOURCE_VDEVS];
	size_t n_vdev;
	struct resource_carveout carveout[RESOURCE_CARVEOUTS];
	size_t n_carveout;
};

#define RESOURCE_WHY_SIZE 128

/*
 * The table's place in a firmware image: the section .resource_table of an ELF file, all of
 * anything else. 0; -ENOENT an ELF file without one; -EINVAL a damaged one. On error why
 * says what is wrong and where, as below.
 */
int resource_table_find(const void *image, size_t size, const void **table, size_t *len,
			char why[RESOURCE_WHY_SIZE]);
/* -EINVAL: Linux would refuse it whole, or it is not one. */
int resource_table_parse(const void *table, size_t len, struct resource_table *out,
			 char why[RESOURCE_WHY_SIZE]);
/* What debugfs prints of a table. -ENOENT: it says that there is none. */
int resource_table_parse_text(const char *text, size_t len, struct resource_table *out,
			      char why[RESOURCE_WHY_SIZE]);

typedef void (*resource_finding_fn)(void *arg, const char *text);
/*
 * Calls fn with each thing that Linux's rpmsg will not take or do without, and returns their
 * number. in_use: the processor runs, so that the driver's marks in the table count too.
 */
unsigned resource_table_check(const struct resource_table *table, bool in_use,
			      resource_finding_fn fn, void *arg);
/* The rpmsg device in words: what a table without findings is. */
void resource_table_describe(const struct resource_table *table, char *buf, size_t size);

#endif
