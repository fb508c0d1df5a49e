/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of rows, and whether a record belongs to one of them: quick also for thousands. */
#ifndef RPMSG_TOP_PICKS_H
#define RPMSG_TOP_PICKS_H

#include "rpmsg-top/table.h"

struct pick {
	uint32_t addr;
	const struct row *row;
};
/* All zero is empty. Rows are the table's: to be cleared before the next table_update(). */
struct picks {
	struct pick *item;
	size_t n, room;
};

void picks_clear(struct picks *p);
void picks_free(struct picks *p);
/* 0 or -ENOMEM. picks_sort() before the next question. */
int picks_add(struct picks *p, const struct row *row);
void picks_sort(struct picks *p);
/* bus: its index, name: its name. */
bool picks_have(const struct picks *p, size_t bus, const char *name,
		const struct rpmsg_record *record);

#endif
