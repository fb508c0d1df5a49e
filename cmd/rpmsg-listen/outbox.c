/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *box)
{
	STAILQ_INIT(&box->letters);
	box->n = 0;
}

int outbox_add(struct outbox *box, uint32_t dst, const void *data, size_t len)
{
	struct letter *letter = malloc(sizeof(*letter) + len);

	if (!letter)
		return -ENOMEM;
	letter->dst = dst;
	letter->len = len;
	memcpy(letter->data, data, len);
	STAILQ_INSERT_TAIL(&box->letters, letter, link);
	box->n++;
	return 0;
}

const struct letter *outbox_first(const struct outbox *box)
{
	return STAILQ_FIRST(&box->letters);
}

void outbox_drop_first(struct outbox *box)
{
	struct letter *letter = STAILQ_FIRST(&box->letters);

	STAILQ_REMOVE_HEAD(&box->letters, link);
	box->n--;
	free(letter);
}
