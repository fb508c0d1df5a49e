/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int slots_take(struct slots *s, void *item)
{
	unsigned slot = 0, n;
	void **more;

	while (slots_get(s, slot))
		slot++;
	if (slot == s->n) {
		n = s->n ? 2 * s->n : 8;
		more = reallocarray(s->item, n, sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + s->n, 0, (n - s->n) * sizeof(*more));
		s->item = more;
		s->n = n;
	}
	s->item[slot] = item;
	return (int)slot;
}
