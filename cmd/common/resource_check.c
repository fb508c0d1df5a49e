/* SPDX-License-Identifier: BSD-2-Clause */
/* What Linux's rpmsg wants of a resource table. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "resource_table.h"

#define NUM_MAX 32768U /* of a split virtqueue */
#define BUFFERS_MAX 256U /* a direction */

/* The status byte of a virtio device. */
enum { DRIVER_OK = 4, NEEDS_RESET = 0x40, FAILED = 0x80 };

/* Feature bits that belong to a device type rather than to the transport. */
#define DEVICE_FEATURES 0x00FFFFFFU

struct check {
	const struct resource_table *table;
	resource_finding_fn fn;
	void *arg;
	unsigned n;
};

__attribute__((format(printf, 2, 3)))
static void finding(struct check *c, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->n++;
	c->fn(c->arg, text);
}

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* To be chosen by Linux: all ones, or zero as some firmware has it. */
static bool chosen_by_linux(uint32_t value)
{
	return value == RESOURCE_ANY || !value;
}

/* Bytes in the legacy layout (virtio 1.x, section 2.7.2); num and align are sane. */
static uint64_t vring_size(const struct resource_vring *v)
{
	uint64_t first = 16 * (uint64_t)v->num + 2 * (3 + (uint64_t)v->num);
	uint64_t mask = (uint64_t)v->align - 1;

	return ((first + mask) & ~mask) + 2 * 3 + 8 * (uint64_t)v->num;
}

static const struct resource_carveout *find_carveout(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->table->n_carveout; i++)
		if (!strcmp(c->table->carveout[i].name, name))
			return &c->table->carveout[i];
	return NULL;
}

/* True if its size can be told. */
static bool check_shape(struct check *c, unsigned i, const struct resource_vring *v)
{
	if (!v->num)
		finding(c, "vring %u: number of buffers is 0", i);
	else if (!power_of_two(v->num))
		finding(c, "vring %u: number of buffers is %u, no power of two", i, v->num);
	else if (v->num > NUM_MAX)
		finding(c, "vring %u: number of buffers is %u, more than %u", i, v->num, NUM_MAX);
	if (!v->align)
		finding(c, "vring %u: alignment is 0", i);
	else if (!power_of_two(v->align) || v->align < 4)
		finding(c, "vring %u: alignment is %u, no power of two from 4", i, v->align);
	return power_of_two(v->num) && v->num <= NUM_MAX && power_of_two(v->align) && v->align >= 4;
}

static void check_place(struct check *c, unsigned i, const struct resource_vring *v)
{
	if (chosen_by_linux(v->da))
		return;
	if (v->da & (v->align - 1))
		finding(c, "vring %u: device address 0x%x is not aligned to 0x%x", i, v->da,
			v->align);
	if (v->da + vring_size(v) > UINT64_C(1) << 32)
		finding(c, "vring %u: 0x%x and %llu bytes of vring end beyond 32 bits", i, v->da,
			(unsigned long long)vring_size(v));
}

/* Carveouts of these names, if there, are what Linux puts vrings and buffers into. */
static void check_carveout(struct check *c, const char *name, uint64_t needed, uint32_t da)
{
	const struct resource_carveout *carveout = find_carveout(c, name);

	if (!carveout)
		return;
	if (carveout->len < needed)
		finding(c, "carveout %s has 0x%x bytes, 0x%llx are needed", name, carveout->len,
			(unsigned long long)needed);
	if (!chosen_by_linux(da) && carveout->da != RESOURCE_ANY &&
	    (da < carveout->da || da - carveout->da > carveout->len))
		finding(c, "carveout %s begins at 0x%x, its vring at 0x%x", name, carveout->da, da);
}

static bool overlap(const struct resource_vring *a, const struct resource_vring *b)
{
	if (chosen_by_linux(a->da) || chosen_by_linux(b->da))
		return false;
	return a->da < b->da + vring_size(b) && b->da < a->da + vring_size(a);
}

static void check_pair(struct check *c, const struct resource_vring *v, bool sane)
{
	if (v[0].num != v[1].num)
		finding(c, "vring 0 has %u buffers and vring 1 %u: Linux wants the same", v[0].num,
			v[1].num);
	if (v[0].notify_id == v[1].notify_id && !chosen_by_linux(v[0].notify_id))
		finding(c, "both vrings have notify id %u", v[0].notify_id);
	if (sane && overlap(&v[0], &v[1]))
		finding(c, "vring 1 at 0x%x overlaps vring 0 at 0x%x, which has %llu bytes",
			v[1].da, v[0].da, (unsigned long long)vring_size(&v[0]));
}

static uint32_t buffers(const struct resource_vring *v)
{
	return v->num < BUFFERS_MAX ? v->num : BUFFERS_MAX;
}

static void check_vrings(struct check *c, const struct resource_vdev *vdev, unsigned index)
{
	const struct resource_vring *v = vdev->vring;
	bool sane[RESOURCE_VRINGS];
	char name[RESOURCE_NAME_SIZE];

	for (unsigned i = 0; i < RESOURCE_VRINGS; i++) {
		sane[i] = check_shape(c, i, &v[i]);
		if (!sane[i])
			continue;
		check_place(c, i, &v[i]);
		snprintf(name, sizeof(name), "vdev%uvring%u", index, i);
		check_carveout(c, name, vring_size(&v[i]), v[i].da);
	}
	check_pair(c, v, sane[0] && sane[1]);
	snprintf(name, sizeof(name), "vdev%ubuffer", index);
	if (sane[0])
		check_carveout(c, name, (uint64_t)2 * buffers(&v[0]) * RESOURCE_BUFFER_SIZE, 0);
}

static void check_features(struct check *c, const struct resource_vdev *v)
{
	uint32_t unknown = v->features & DEVICE_FEATURES & ~(uint32_t)RPMSG_F_NS;

	if (!(v->features & RPMSG_F_NS))
		finding(c, "features 0x%x lack bit 0, the name service: Linux learns no channel",
			v->features);
	if (unknown)
		finding(c, "features 0x%x: bits 0x%x mean nothing to Linux, whose buffers have %u "
			"bytes whatever they say", v->features, unknown, RESOURCE_BUFFER_SIZE);
}

static void check_status(struct check *c, const struct resource_vdev *v)
{
	if (v->status & FAILED)
		finding(c, "status 0x%x: the driver has given the device up", v->status);
	else if (v->status & NEEDS_RESET)
		finding(c, "status 0x%x: the firmware asks for a reset", v->status);
	else if (!(v->status & DRIVER_OK))
		finding(c, "status 0x%x: no driver is ready", v->status);
}

static void check_rpmsg(struct check *c, unsigned index, bool in_use)
{
	const struct resource_vdev *v = &c->table->vdev[index];

	check_features(c, v);
	if (v->n_vring != RESOURCE_VRINGS)
		finding(c, "the rpmsg device has %u vrings: Linux wants %u", v->n_vring,
			RESOURCE_VRINGS);
	else
		check_vrings(c, v, index);
	if (in_use)
		check_status(c, v);
}

unsigned resource_table_check(const struct resource_table *table, bool in_use,
			      resource_finding_fn fn, void *arg)
{
	struct check c = { .table = table, .fn = fn, .arg = arg };
	bool any = false;

	for (unsigned i = 0; i < table->n_vdev; i++) {
		const struct resource_vdev *v = &table->vdev[i];

		/* Either makes Linux refuse the firmware, whatever the device is. */
		if (v->reserved)
			finding(&c, "virtio device %u: reserved bytes are 0x%x, not zero", i,
				v->reserved);
		if (v->n_vring > RESOURCE_VRINGS && v->id != RESOURCE_ID_RPMSG)
			finding(&c, "virtio device %u has %u vrings: Linux takes %u at most", i,
				v->n_vring, RESOURCE_VRINGS);
		if (v->id != RESOURCE_ID_RPMSG)
			continue;
		any = true;
		check_rpmsg(&c, i, in_use);
	}
	if (!table->n_vdev)
		finding(&c, "no virtio device: Linux makes no rpmsg bus");
	else if (!any)
		finding(&c, "virtio device id is %u: rpmsg's is %u", table->vdev[0].id,
			RESOURCE_ID_RPMSG);
	return c.n;
}

void resource_table_describe(const struct resource_table *table, char *buf, size_t size)
{
	const struct resource_vdev *v = NULL;

	buf[0] = 0;
	for (size_t i = 0; i < table->n_vdev && !v; i++)
		if (table->vdev[i].id == RESOURCE_ID_RPMSG)
			v = &table->vdev[i];
	if (v)
		snprintf(buf, size, "rpmsg device (id %u) with name service, %u vrings of %u, "
			 "alignment 0x%x, buffers of %u bytes", v->id, v->n_vring,
			 v->vring[0].num, v->vring[0].align, RESOURCE_BUFFER_SIZE);
}
