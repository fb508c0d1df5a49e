/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that wait for a transmit buffer, in order. */
#ifndef RPMSG_LISTEN_OUTBOX_H
#define RPMSG_LISTEN_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct letter {
	STAILQ_ENTRY(letter) link;
	uint32_t dst;
	size_t len;
	uint8_t data[];
};

struct outbox {
	STAILQ_HEAD(letter_list, letter) letters;
	size_t n;
};

void outbox_init(struct outbox *box);
/* Copies; 0 or -ENOMEM. */
int outbox_add(struct outbox *box, uint32_t dst, const void *data, size_t len);
/* The oldest, or NULL. */
const struct letter *outbox_first(const struct outbox *box);
void outbox_drop_first(struct outbox *box);

#endif
