/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows are shown, in which order, and where a row is among them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/append.h"
#include "common/stats_json.h"
#include "rpmsg-top/entry.h"

/* ---- choice ---- */

/* All words of a row that one may look for. */
#define WORDS_SIZE 320

static void row_words(const struct table *t, const struct row *row, char words[WORDS_SIZE])
{
	const char *const word[] = {
		t->bus[row->bus].row.bus.name, stats_side(row->side), row->service, row->owner,
		row->state,
	};
	char *at = words;

	for (size_t i = 0; i < sizeof(word) / sizeof(*word); i++) {
		at = append_text(at, word[i]);
		*at++ = ' ';
	}
	at = append_addr(at, row->addr);
	*at++ = ' ';
	*append_addr(at, row->dst) = '\0';
}

static bool row_contains(const struct table *t, const struct row *row, const char *text)
{
	char words[WORDS_SIZE];

	row_words(t, row, words);
	return strcasestr(words, text) != NULL;
}

bool row_is_chosen(const struct table *t, const struct row *row)
{
	if (t->only_bus >= 0 && row->bus != (size_t)t->only_bus)
		return false;
	if (*t->service && strcmp(t->service, row->service) != 0)
		return false;
	return !t->text || row_contains(t, row, t->text);
}

/* ---- order ---- */

static int compare_place(const struct row *a, const struct row *b)
{
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->side != b->side)
		return a->side < b->side ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->dst != b->dst)
		return a->dst < b->dst ? -1 : 1;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return strcmp(a->service, b->service);
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct entry *const *a = pa, *const *b = pb;
	const struct table *t = arg;
	int order = column_compare(t->sort, &(*a)->row, &(*b)->row);

	if (order)
		return t->invert ? -order : order;
	return compare_place(&(*a)->row, &(*b)->row);
}

static int make_room(struct table *t)
{
	struct entry **room;

	if (t->n_entries <= t->room_shown)
		return 0;
	room = reallocarray(t->shown, 2 * t->n_entries, sizeof(struct entry *));
	if (!room)
		return -ENOMEM;
	t->shown = room;
	t->room_shown = 2 * t->n_entries;
	return 0;
}

void rows_choose(struct table *t)
{
	int err = make_room(t);

	t->n_shown = 0;
	if (err) {
		t->err = err;
		return;
	}
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct entry *e = t->bucket[i]; e; e = e->next) {
			bool covered = !e->row.id && e->covered == e->seen;

			if (!covered && row_is_chosen(t, &e->row))
				t->shown[t->n_shown++] = e;
		}
	}
	if (t->n_shown)
		qsort_r(t->shown, t->n_shown, sizeof(struct entry *), compare_rows, t);
}

void table_sort(struct table *t, enum column column, bool invert)
{
	t->sort = column;
	t->invert = invert;
	rows_choose(t);
}

void table_choose(struct table *t, const char *text)
{
	char *copy = text && *text ? strdup(text) : NULL;

	if (text && *text && !copy) {
		t->err = -ENOMEM;
		return;
	}
	free(t->text);
	t->text = copy;
	rows_choose(t);
}

void table_choose_bus(struct table *t, long bus)
{
	t->only_bus = bus;
	rows_choose(t);
}

void table_choose_service(struct table *t, const char *name)
{
	strncpy(t->service, name ? name : "", sizeof(t->service) - 1);
	rows_choose(t);
}

void table_untag(struct table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct entry *e = t->bucket[i]; e; e = e->next)
			e->row.tagged = false;
}

/* ---- places ---- */

size_t table_rows(const struct table *t)
{
	return t->n_shown;
}

struct row *table_row(const struct table *t, size_t i)
{
	return i < t->n_shown ? &t->shown[i]->row : NULL;
}

struct row_key row_key(const struct row *row)
{
	const struct entry *e = (const struct entry *)row;
	struct row_key key = {
		.bus = row->bus,
		.side = row->side,
		.id = row->id,
		.anchor = e->anchor,
		.own = e->service,
	};

	memcpy(key.service, row->service, sizeof(key.service));
	return key;
}

/* A channel may have learned its other address meanwhile. */
static bool has_row_key(const struct entry *e, const struct row_key *key)
{
	if (e->row.bus != key->bus || e->row.side != key->side || e->row.id != key->id)
		return false;
	return key->id || (e->anchor == key->anchor && e->service == key->own &&
			   !strcmp(e->row.service, key->service));
}

long table_find(const struct table *t, const struct row_key *key)
{
	for (size_t i = 0; i < t->n_shown; i++)
		if (has_row_key(t->shown[i], key))
			return (long)i;
	return -1;
}

long table_search(const struct table *t, const char *text, long i, bool down)
{
	long n = (long)t->n_shown;

	for (long k = 1; k <= n; k++) {
		long at = (i + (down ? k : n - k)) % n;

		if (at < 0)
			at += n;
		if (row_contains(t, &t->shown[at]->row, text))
			return at;
	}
	return -1;
}

/* ---- records ---- */

static bool is_address(uint32_t mine, uint32_t of_record)
{
	return mine != RPMSG_ADDR_ANY && mine == of_record;
}

bool row_has(const struct row *row, const char *bus, const struct rpmsg_record *record)
{
	bool sent = (record->dir == RPMSG_H2R) == (row->side == RPMSG_SIDE_HOST);
	uint32_t ours = sent ? record->src : record->dst, theirs = sent ? record->dst : record->src;

	if (strcmp(bus, record->bus) != 0)
		return false;
	if (row->addr != RPMSG_ADDR_ANY)
		return is_address(row->addr, ours);
	return is_address(row->dst, theirs);
}
