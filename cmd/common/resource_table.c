/* SPDX-License-Identifier: BSD-2-Clause */
/* The table as it lies in memory: little-endian words at offsets that the firmware chose. */
#include "resource_table.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Sizes in bytes, of what stands before the entries and of the entries without their type. */
enum {
	HEAD = 16,
	TYPE = 4,
	CARVEOUT = 52,
	TRACE = 44,
	VDEV_HEAD = 24,
	VRING = 20,
};

enum { TYPE_CARVEOUT, TYPE_DEVMEM, TYPE_TRACE, TYPE_VDEV };

struct entry {
	uint32_t index;
	const uint8_t *data; /* behind its type */
	size_t room;
	char *why;
};

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static int truncated(const struct entry *e, const char *what, uint64_t needed)
{
	snprintf(e->why, RESOURCE_WHY_SIZE,
		 "entry %u, a %s, is cut off: it has %zu bytes and needs %llu", e->index, what,
		 e->room, (unsigned long long)needed);
	return -EINVAL;
}

static int too_many(const struct entry *e, const char *what, unsigned most)
{
	snprintf(e->why, RESOURCE_WHY_SIZE, "entry %u: more than %u %ss", e->index, most, what);
	return -EINVAL;
}

static int add_carveout(struct resource_table *out, const struct entry *e)
{
	struct resource_carveout *c = &out->carveout[out->n_carveout];

	if (e->room < CARVEOUT)
		return truncated(e, "carveout", CARVEOUT);
	if (out->n_carveout == RESOURCE_CARVEOUTS)
		return too_many(e, "carveout", RESOURCE_CARVEOUTS);
	c->da = word(e->data);
	c->len = word(e->data + 8);
	memcpy(c->name, e->data + 20, sizeof(c->name) - 1);
	out->n_carveout++;
	return 0;
}

static void read_vring(const uint8_t *data, struct resource_vring *vring)
{
	vring->da = word(data);
	vring->align = word(data + 4);
	vring->num = word(data + 8);
	vring->notify_id = word(data + 12);
}

static int add_vdev(struct resource_table *out, const struct entry *e)
{
	struct resource_vdev *v = &out->vdev[out->n_vdev];
	uint64_t needed;

	if (e->room < VDEV_HEAD)
		return truncated(e, "virtio device", VDEV_HEAD);
	if (out->n_vdev == RESOURCE_VDEVS)
		return too_many(e, "virtio device", RESOURCE_VDEVS);
	v->id = word(e->data);
	v->notify_id = word(e->data + 4);
	v->features = word(e->data + 8);
	v->driver_features = word(e->data + 12);
	v->config_len = word(e->data + 16);
	v->status = e->data[20];
	v->n_vring = e->data[21];
	v->reserved = e->data[22] | (uint32_t)e->data[23] << 8;
	needed = VDEV_HEAD + (uint64_t)VRING * v->n_vring + v->config_len;
	if (needed > e->room)
		return truncated(e, "virtio device", needed);
	for (uint32_t i = 0; i < v->n_vring && i < RESOURCE_VRINGS; i++)
		read_vring(e->data + VDEV_HEAD + VRING * i, &v->vring[i]);
	out->n_vdev++;
	return 0;
}

static int add_entry(struct resource_table *out, uint32_t type, const struct entry *e)
{
	switch (type) {
	case TYPE_CARVEOUT:
		return add_carveout(out, e);
	case TYPE_DEVMEM:
		return e->room < CARVEOUT ? truncated(e, "device memory", CARVEOUT) : 0;
	case TYPE_TRACE:
		return e->room < TRACE ? truncated(e, "trace buffer", TRACE) : 0;
	case TYPE_VDEV:
		return add_vdev(out, e);
	default: /* a vendor's, or one that Linux passes over */
		return 0;
	}
}

static int check_head(const uint8_t *table, size_t len, char *why)
{
	uint32_t num;

	if (len < HEAD) {
		snprintf(why, RESOURCE_WHY_SIZE, "%zu bytes are less than a table's head of %d",
			 len, HEAD);
		return -EINVAL;
	}
	num = word(table + 4);
	if (word(table) != 1)
		snprintf(why, RESOURCE_WHY_SIZE, "version is %u, not 1: no resource table",
			 word(table));
	else if (word(table + 8) || word(table + 12))
		snprintf(why, RESOURCE_WHY_SIZE, "reserved words are 0x%x 0x%x, not zero",
			 word(table + 8), word(table + 12));
	else if (num > (len - HEAD) / 4)
		snprintf(why, RESOURCE_WHY_SIZE, "%u entries do not fit into %zu bytes", num, len);
	else
		return 0;
	return -EINVAL;
}

int resource_table_parse(const void *data, size_t len, struct resource_table *out,
			 char why[RESOURCE_WHY_SIZE])
{
	const uint8_t *table = data;
	uint32_t num, offset;
	struct entry e = { .why = why };
	int err;

	*out = (struct resource_table){ 0 };
	err = check_head(table, len, why);
	if (err)
		return err;
	num = word(table + 4);
	for (; !err && e.index < num; e.index++) {
		offset = word(table + HEAD + (size_t)4 * e.index);
		if (offset < HEAD + (uint64_t)4 * num || offset > len || len - offset < TYPE) {
			snprintf(why, RESOURCE_WHY_SIZE,
				 "entry %u: offset 0x%x is outside 0x%zx..0x%zx", e.index, offset,
				 HEAD + (size_t)4 * num, len);
			return -EINVAL;
		}
		e.data = table + offset + TYPE;
		e.room = len - offset - TYPE;
		err = add_entry(out, word(table + offset), &e);
	}
	return err;
}
