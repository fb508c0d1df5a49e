/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is inside a table.
 *
 * table.c      buses, and what a new picture changes
 * table_key.c  finding the entry of an endpoint or channel
 * table_rows.c which rows are shown, and in which order
 */
#ifndef RPMSG_TOP_ENTRY_H
#define RPMSG_TOP_ENTRY_H

#include "rpmsg-top/table.h"

/* An endpoint, or a channel: of those only they are shown that no endpoint stands for. */
struct entry {
	struct row row; /* first */
	struct entry *next;
	uint32_t hash;
	uint32_t anchor;    /* of a channel: the address that does not change, */
	bool service;       /* ours if so, else the other side's */
	uint64_t covered;   /* number of the picture that had an endpoint on it */
	uint64_t seen;      /* number of the last picture that it was in, */
	uint64_t clock_ns;  /* and its clock, 0: no rates from that one */
	int64_t gone_ns;    /* when it went, by run_now() */
};

/* What a picture has told of a side, for the next one. */
struct before {
	bool served;
	uint64_t since_ns;
	uint64_t clock_ns;
	struct rates totals;
};

struct bus_state {
	struct bus_row row;
	struct before before[2];
	uint64_t clock_ns;          /* of the newest picture, 0: no rates from that one */
	struct entry **channel[2];  /* as the picture has them */
	size_t n_channels[2];
};

struct table {
	struct bus_state *bus;
	size_t n_buses;
	struct entry **bucket;
	size_t n_buckets;           /* 0 or a power of two */
	size_t n_entries, n_gone;
	uint64_t picture;           /* counts them */
	uint64_t channels;          /* counts those that came or changed */
	int err;

	struct entry **shown;
	size_t n_shown, room_shown;
	enum column sort;
	bool invert;
	long only_bus;
	char *text;                 /* or NULL */
	char service[RPMSG_NAME_SIZE]; /* or "" */
};

/* ---- table_key.c ---- */

struct entry_key {
	size_t bus;
	enum rpmsg_side side;
	uint64_t id;      /* 0: a channel, by the rest */
	const char *name;
	uint32_t anchor;
	bool service;
};
/* NULL if it is not there. */
struct entry *entry_find(const struct table *t, const struct entry_key *key);
/* The same, made if it is not there; NULL if memory ran out. */
struct entry *entry_get(struct table *t, const struct entry_key *key, bool *is_new);
/* Frees those for which drop says so. */
void entries_sweep(struct table *t, bool (*drop)(struct table *t, struct entry *e, void *arg),
		   void *arg);

/* ---- table_rows.c ---- */

/* Makes shown anew. */
void rows_choose(struct table *t);
bool row_is_chosen(const struct table *t, const struct row *row);

/* ---- column.c ---- */

/* Below 0: a comes before b. 0: they are equal there. */
int column_compare(enum column column, const struct row *a, const struct row *b);

#endif
