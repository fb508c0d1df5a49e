/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_ring SPEC N: a remote side that returns N receive buffers which do not exist.
 * hostile_ring SPEC jump: one whose used index goes where it cannot.
 * Both wait for the link, and stay until it goes down.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/barrier.h"
#include "virtio/virtio_bus.h"

#define BAD_ID 77777u
#define LIMIT_MS 10000

static void return_bad(struct virtio_bus *vb, uint16_t n)
{
	struct vring *vr = &vb->link->ring[0];
	uint16_t idx = shm_load16(&vr->used->idx);

	for (uint16_t i = 0; i < n; i++)
		vr->used->ring[(uint16_t)(idx + i) % vr->num] =
			(struct vring_used_elem){ BAD_ID, 20 };
	shm_store_release16(&vr->used->idx, (uint16_t)(idx + n));
	vb->link->ops->notify(vb->link, 0);
}

static void jump(struct virtio_bus *vb)
{
	uint16_t *idx = &vb->link->ring[0].used->idx;

	shm_store_release16(idx, (uint16_t)(shm_load16(idx) + vb->num + 1));
	vb->link->ops->notify(vb->link, 0);
}

int main(int argc, char **argv)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_REMOTE };
	struct rpmsg_bus *bus;

	if (argc != 3)
		errx(64, "usage: hostile_ring SPEC N|jump");
	bus = rpmsg_bus_open(argv[1], &opt);
	if (!bus || rpmsg_bus_wait_up(bus, LIMIT_MS))
		errx(1, "%s: %s", argv[1], rpmsg_error_detail());
	if (!strcmp(argv[2], "jump"))
		jump(virtio_of(bus));
	else
		return_bad(virtio_of(bus), (uint16_t)atoi(argv[2]));
	while (peek(&bus->up))
		rpmsg_bus_dispatch(bus, -1);
	rpmsg_bus_close(bus);
	return 0;
}
