/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What travels inside the buffers: the rpmsg header and the name service
 * message (drivers/rpmsg/rpmsg_internal.h and virtio_rpmsg_bus.c of Linux).
 * Encoded little-endian with VIRTIO_F_VERSION_1, else in native order.
 */
#ifndef RPMSG_WIRE_H
#define RPMSG_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rpmsg.h"
#include "virtio/byteorder.h"

#define WIRE_HDR_SIZE 16u
#define WIRE_NS_SIZE 40u
#define WIRE_NS_DESTROY 1u

struct wire_hdr {
	uint32_t src;
	uint32_t dst;
	uint32_t reserved;
	uint16_t len;
	uint16_t flags;
};
_Static_assert(sizeof(struct wire_hdr) == WIRE_HDR_SIZE, "rpmsg header is 16 bytes");

struct wire_ns {
	char name[RPMSG_NAME_SIZE];
	uint32_t addr;
	uint32_t flags;
};
_Static_assert(sizeof(struct wire_ns) == WIRE_NS_SIZE, "name service message is 40 bytes");

/* True if a link of these features has bytes in the other order than this CPU. */
static inline bool wire_swapped(uint64_t features)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	(void)features;
	return false; /* VERSION_1 is little-endian, legacy is native: both ours */
#else
	return features & RPMSG_F_VERSION_1;
#endif
}

/* In place, both directions. Where wire_swapped() is never true this costs nothing. */
static inline void wire_hdr_order(struct wire_hdr *h, bool swap)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	swap = false;
#endif
	h->src = order32(swap, h->src);
	h->dst = order32(swap, h->dst);
	h->reserved = order32(swap, h->reserved);
	h->len = order16(swap, h->len);
	h->flags = order16(swap, h->flags);
}

/*
 * Decodes and validates a name service message; -EPROTO for a wrong length, an
 * empty name or an address that cannot be one. The name is always terminated.
 */
int wire_ns_decode(struct wire_ns *ns, const void *data, size_t len, bool swap);
void wire_ns_encode(void *to, const char *name, uint32_t addr, uint32_t flags, bool swap);

#endif
