/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversion between this CPU's byte order and a link's; the same both ways. */
#ifndef RPMSG_BYTEORDER_H
#define RPMSG_BYTEORDER_H

#include <stdbool.h>
#include <stdint.h>

static inline uint16_t order16(bool swap, uint16_t v)
{
	return swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t order32(bool swap, uint32_t v)
{
	return swap ? __builtin_bswap32(v) : v;
}

static inline uint64_t order64(bool swap, uint64_t v)
{
	return swap ? __builtin_bswap64(v) : v;
}

#endif
