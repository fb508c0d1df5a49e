/* SPDX-License-Identifier: BSD-2-Clause */
/* References to the memory of one generation. */
#include "link/link.h"

#include "core/sigbus.h"

int link_mem_init(struct link_mem *mem, uint8_t *base, size_t size,
		  void (*unmap)(struct link_mem *mem))
{
	*mem = (struct link_mem){ .refs = 1, .base = base, .size = size, .unmap = unmap };
	return sigbus_watch(base, size, &mem->lost);
}

void link_mem_get(struct link_mem *mem)
{
	__atomic_fetch_add(&mem->refs, 1, __ATOMIC_RELAXED);
}

void link_mem_put(struct link_mem *mem)
{
	/* The last one must see every use that others made before their put. */
	if (__atomic_sub_fetch(&mem->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sigbus_forget(&mem->lost);
	mem->unmap(mem);
}
