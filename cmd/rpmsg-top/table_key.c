/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "rpmsg-top/entry.h"

#define BUCKETS_FIRST 256

static uint32_t mix(uint32_t hash, uint64_t value)
{
	uint64_t h = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(h >> 32 ^ h);
}

static uint32_t key_hash(const struct entry_key *key)
{
	uint32_t hash = mix(mix(0, key->bus), (uint64_t)key->side);

	if (key->id)
		return mix(hash, key->id);
	hash = mix(mix(hash, key->anchor), key->service);
	for (size_t i = 0; i < RPMSG_NAME_SIZE && key->name[i]; i++)
		hash = mix(hash, (uint8_t)key->name[i]);
	return hash;
}

static bool has_key(const struct entry *e, const struct entry_key *key)
{
	if (e->row.bus != key->bus || e->row.side != key->side || e->row.id != key->id)
		return false;
	return key->id || (e->anchor == key->anchor && e->service == key->service &&
			   !strncmp(e->row.st.channel.name, key->name, RPMSG_NAME_SIZE));
}

static struct entry *find(const struct table *t, const struct entry_key *key, uint32_t hash)
{
	struct entry *e = t->n_buckets ? t->bucket[hash & (t->n_buckets - 1)] : NULL;

	while (e && (e->hash != hash || !has_key(e, key)))
		e = e->next;
	return e;
}

struct entry *entry_find(const struct table *t, const struct entry_key *key)
{
	return find(t, key, key_hash(key));
}

static void link_entry(struct table *t, struct entry *e)
{
	struct entry **head = &t->bucket[e->hash & (t->n_buckets - 1)];

	e->next = *head;
	*head = e;
}

/* False: memory ran out. */
static bool grow(struct table *t)
{
	size_t n_old = t->n_buckets, n = n_old ? 2 * n_old : BUCKETS_FIRST;
	struct entry **old = t->bucket, **new = calloc(n, sizeof(struct entry *));

	if (!new)
		return false;
	t->bucket = new;
	t->n_buckets = n;
	for (size_t i = 0; i < n_old; i++) {
		while (old[i]) {
			struct entry *e = old[i];

			old[i] = e->next;
			link_entry(t, e);
		}
	}
	free(old);
	return true;
}

static struct entry *add(struct table *t, const struct entry_key *key, uint32_t hash)
{
	struct entry *e;

	if (t->n_entries >= t->n_buckets && !grow(t))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->hash = hash;
	e->anchor = key->anchor;
	e->service = key->service;
	e->row.bus = key->bus;
	e->row.side = key->side;
	e->row.id = key->id;
	link_entry(t, e);
	t->n_entries++;
	return e;
}

struct entry *entry_get(struct table *t, const struct entry_key *key, bool *is_new)
{
	uint32_t hash = key_hash(key);
	struct entry *e = find(t, key, hash);

	*is_new = !e;
	return e ? e : add(t, key, hash);
}

void entries_sweep(struct table *t, bool (*drop)(struct table *t, struct entry *e, void *arg),
		   void *arg)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct entry **at = &t->bucket[i], *e;

		while ((e = *at)) {
			if (!drop(t, e, arg)) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			t->n_gone -= e->row.gone;
			t->n_entries--;
			free(e);
		}
	}
}
