/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "virtio/wire.h"

int wire_ns_decode(struct wire_ns *ns, const void *data, size_t len, bool swap)
{
	if (len != WIRE_NS_SIZE)
		return -EPROTO;
	memcpy(ns, data, WIRE_NS_SIZE);
	ns->name[RPMSG_NAME_SIZE - 1] = '\0';
	ns->addr = order32(swap, ns->addr);
	ns->flags = order32(swap, ns->flags);
	if (!ns->name[0] || ns->addr == RPMSG_ADDR_ANY)
		return -EPROTO;
	return 0;
}

void wire_ns_encode(void *to, const char *name, uint32_t addr, uint32_t flags, bool swap)
{
	struct wire_ns ns = { .addr = order32(swap, addr), .flags = order32(swap, flags) };

	strncpy(ns.name, name, RPMSG_NAME_SIZE - 1);
	memcpy(to, &ns, sizeof(ns));
}
