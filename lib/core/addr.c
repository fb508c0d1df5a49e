/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address to endpoint: a hash table with open addressing, so that the cost of a
 * lookup does not depend on how many endpoints there are. Dynamic addresses have
 * a bitmap beside it, in which the lowest free one is found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/* Addresses below it, which all that are given out are for long, have a table of their own. */
#define LOW_MAX (1u << 17)

int addr_table_init(struct addr_table *t)
{
	memset(t, 0, sizeof(*t));
	t->shift = 32 - 6;
	t->slot = calloc(1u << 6, sizeof(*t->slot));
	return t->slot ? 0 : -ENOMEM;
}

void addr_table_fini(struct addr_table *t)
{
	free(t->low);
	free(t->slot);
	free(t->dynamic);
	memset(t, 0, sizeof(*t));
}

static uint32_t first_slot(const struct addr_table *t, uint32_t addr)
{
	return (addr * 0x9E3779B1u) >> t->shift;
}

/* The slot or NULL. Valid until the next change. */
static struct addr_slot *find(const struct addr_table *t, uint32_t addr)
{
	uint32_t i = first_slot(t, addr);

	while (t->slot[i].key != (ADDR_TAKEN | addr)) {
		if (!t->slot[i].key)
			return NULL;
		i = (i + 1) & (UINT32_MAX >> t->shift);
	}
	return &t->slot[i];
}

struct endpoint *addr_search(const struct addr_table *t, uint32_t addr)
{
	struct addr_slot *s = find(t, addr);

	return s ? s->ept : NULL;
}

static void insert(struct addr_table *t, uint32_t addr, struct endpoint *ept)
{
	uint32_t i = first_slot(t, addr);

	while (t->slot[i].key & ADDR_TAKEN)
		i = (i + 1) & (UINT32_MAX >> t->shift);
	if (t->slot[i].key == ADDR_DELETED)
		t->n_deleted--;
	t->slot[i] = (struct addr_slot){ .key = ADDR_TAKEN | addr, .ept = ept };
	t->n++;
}

/* Keeps a quarter of the slots free, so that searches end soon. */
static int make_room(struct addr_table *t)
{
	uint32_t size = (UINT32_MAX >> t->shift) + 1;
	struct addr_table bigger = *t;

	if (t->n + t->n_deleted + 1 <= size - size / 4)
		return 0;
	if (t->n + 1 > size / 2)
		bigger.shift--;
	bigger.slot = calloc((size_t)(UINT32_MAX >> bigger.shift) + 1, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	bigger.n = bigger.n_deleted = 0;
	for (uint32_t i = 0; i < size; i++)
		if (t->slot[i].key & ADDR_TAKEN)
			insert(&bigger, (uint32_t)t->slot[i].key, t->slot[i].ept);
	free(t->slot);
	*t = bigger;
	return 0;
}

/* So that addr has its place among the low ones, if it is one. */
static int grow_low(struct addr_table *t, uint32_t addr)
{
	uint32_t n = t->n_low ? t->n_low : 64;
	struct endpoint **bigger;

	if (addr < t->n_low || addr >= LOW_MAX)
		return 0;
	while (n <= addr)
		n *= 2;
	bigger = calloc(n, sizeof(struct endpoint *));
	if (!bigger)
		return -ENOMEM;
	if (t->n_low)
		memcpy(bigger, t->low, t->n_low * sizeof(struct endpoint *));
	free(t->low);
	t->low = bigger;
	t->n_low = n;
	return 0;
}

static uint64_t *dynamic_word(const struct addr_table *t, uint32_t addr, uint64_t *bit)
{
	uint32_t i = addr - RPMSG_ADDR_DYNAMIC;

	if (addr < RPMSG_ADDR_DYNAMIC || i / 64 >= t->dynamic_words)
		return NULL;
	*bit = UINT64_C(1) << i % 64;
	return &t->dynamic[i / 64];
}

void addr_assign(struct addr_table *t, uint32_t addr, struct endpoint *ept)
{
	find(t, addr)->ept = ept;
	if (addr < t->n_low)
		t->low[addr] = ept;
}

int addr_take(struct addr_table *t, uint32_t addr, struct endpoint *ept)
{
	uint64_t bit, *word;

	if (find(t, addr))
		return -EADDRINUSE;
	if (make_room(t) || grow_low(t, addr))
		return -ENOMEM;
	insert(t, addr, ept);
	addr_assign(t, addr, ept);
	word = dynamic_word(t, addr, &bit);
	if (word)
		*word |= bit;
	return 0;
}

/* Doubles the bitmap; addresses that were bound by number may lie in the new part. */
static int grow_dynamic(struct addr_table *t)
{
	uint32_t words = t->dynamic_words ? t->dynamic_words * 2 : 4;
	uint64_t *bigger;

	if (words > (RPMSG_ADDR_ANY - RPMSG_ADDR_DYNAMIC) / 64)
		return -EADDRNOTAVAIL;
	bigger = realloc(t->dynamic, words * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->dynamic = bigger;
	for (uint32_t w = t->dynamic_words; w < words; w++) {
		bigger[w] = 0;
		for (uint32_t b = 0; b < 64; b++)
			if (find(t, RPMSG_ADDR_DYNAMIC + w * 64 + b))
				bigger[w] |= UINT64_C(1) << b;
	}
	t->dynamic_words = words;
	return 0;
}

int addr_take_dynamic(struct addr_table *t, uint32_t *addr, struct endpoint *ept)
{
	uint32_t w = t->dynamic_hint;
	int err;

	for (;; w++) {
		if (w >= t->dynamic_words) {
			err = grow_dynamic(t);
			if (err)
				return err;
		}
		if (t->dynamic[w] != UINT64_MAX)
			break;
	}
	t->dynamic_hint = w;
	*addr = RPMSG_ADDR_DYNAMIC + w * 64 + (uint32_t)__builtin_ctzll(~t->dynamic[w]);
	return addr_take(t, *addr, ept);
}

void addr_drop(struct addr_table *t, uint32_t addr)
{
	struct addr_slot *s = find(t, addr);
	uint64_t bit, *word;

	if (!s)
		return;
	addr_assign(t, addr, NULL);
	s->key = ADDR_DELETED;
	t->n--;
	t->n_deleted++;
	word = dynamic_word(t, addr, &bit);
	if (!word)
		return;
	*word &= ~bit;
	if ((addr - RPMSG_ADDR_DYNAMIC) / 64 < t->dynamic_hint)
		t->dynamic_hint = (addr - RPMSG_ADDR_DYNAMIC) / 64;
}
