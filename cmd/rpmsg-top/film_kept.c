/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/film_kept.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A second of a busy bus has its place. */
#define MESSAGE_BYTES_MAX (16u << 20)
#define EVENT_BYTES_MAX (512u << 10)

struct copy {
	STAILQ_ENTRY(copy) link;
	uint64_t number;
	size_t size;
	struct rpmsg_record record;
	char room[]; /* for what it points to */
};
STAILQ_HEAD(copies, copy);

struct kept {
	struct copies copies[2]; /* messages, events */
	size_t bytes[2];
	uint64_t n;
	char bus[RPMSG_BUS_NAME_SIZE]; /* the same for all */
};

struct kept *kept_new(void)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	STAILQ_INIT(&k->copies[0]);
	STAILQ_INIT(&k->copies[1]);
	return k;
}

static void drop_first(struct kept *k, int kind)
{
	struct copy *c = STAILQ_FIRST(&k->copies[kind]);

	STAILQ_REMOVE_HEAD(&k->copies[kind], link);
	k->bytes[kind] -= c->size;
	free(c);
}

void kept_clear(struct kept *k)
{
	for (int kind = 0; kind < 2; kind++)
		while (!STAILQ_EMPTY(&k->copies[kind]))
			drop_first(k, kind);
}

void kept_free(struct kept *k)
{
	if (k)
		kept_clear(k);
	free(k);
}

static struct copy *copy_of(const struct rpmsg_record *m)
{
	size_t text = m->text ? strlen(m->text) + 1 : 0, data = m->data ? m->len : 0;
	size_t size = sizeof(struct copy) + data + text;
	struct copy *c = malloc(size);

	if (!c)
		return NULL;
	c->size = size;
	c->record = *m;
	if (m->data)
		c->record.data = memcpy(c->room, m->data, data);
	if (m->text)
		c->record.text = memcpy(c->room + data, m->text, text);
	return c;
}

int kept_put(struct kept *k, const struct rpmsg_record *record)
{
	int kind = record->type != RPMSG_RECORD_MESSAGE, n = 0;
	size_t max = kind ? EVENT_BYTES_MAX : MESSAGE_BYTES_MAX;
	struct copy *c = copy_of(record);

	if (!c)
		return -ENOMEM;
	if (!k->bus[0])
		strncpy(k->bus, record->bus, sizeof(k->bus) - 1);
	c->record.bus = k->bus;
	c->number = k->n++;
	STAILQ_INSERT_TAIL(&k->copies[kind], c, link);
	for (k->bytes[kind] += c->size; k->bytes[kind] > max; n++)
		drop_first(k, kind);
	return n;
}

size_t kept_take(struct kept *k, size_t max,
		 void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	const struct copy *first[2];
	size_t n = 0;

	for (; n < max; n++) {
		int kind;

		first[0] = STAILQ_FIRST(&k->copies[0]);
		first[1] = STAILQ_FIRST(&k->copies[1]);
		if (!first[0] && !first[1])
			break;
		kind = !first[0] || (first[1] && first[1]->number < first[0]->number);
		fn(&first[kind]->record, arg);
		drop_first(k, kind);
	}
	return n;
}
