/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/picks.h"

#include <errno.h>
#include <stdlib.h>

void picks_clear(struct picks *p)
{
	p->n = 0;
}

void picks_free(struct picks *p)
{
	free(p->item);
	*p = (struct picks){0};
}

static int add(struct picks *p, uint32_t addr, const struct row *row)
{
	size_t room = p->room ? 2 * p->room : 16;
	struct pick *item;

	if (p->n == p->room) {
		item = reallocarray(p->item, room, sizeof(*item));
		if (!item)
			return -ENOMEM;
		p->item = item;
		p->room = room;
	}
	p->item[p->n++] = (struct pick){.addr = addr, .row = row};
	return 0;
}

/* A channel that nobody has bound is known by the other side's address. */
int picks_add(struct picks *p, const struct row *row)
{
	int err = 0;

	if (row->addr != RPMSG_ADDR_ANY)
		err = add(p, row->addr, row);
	if (!err && !row->id && row->dst != RPMSG_ADDR_ANY)
		err = add(p, row->dst, row);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

void picks_sort(struct picks *p)
{
	if (p->n > 1)
		qsort(p->item, p->n, sizeof(*p->item), compare);
}

static size_t first_of(const struct picks *p, uint32_t addr)
{
	size_t from = 0, to = p->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (p->item[middle].addr < addr)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool have(const struct picks *p, uint32_t addr, size_t bus, const char *name,
		 const struct rpmsg_record *record)
{
	for (size_t i = first_of(p, addr); i < p->n && p->item[i].addr == addr; i++)
		if (p->item[i].row->bus == bus && row_has(p->item[i].row, name, record))
			return true;
	return false;
}

bool picks_have(const struct picks *p, size_t bus, const char *name,
		const struct rpmsg_record *record)
{
	return have(p, record->src, bus, name, record) || have(p, record->dst, bus, name, record);
}
