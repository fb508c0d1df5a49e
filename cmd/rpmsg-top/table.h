/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows: one for each endpoint, and one for each channel that has none, with rates from one
 * picture to the next. A row that has gone stays, marked, for some seconds.
 */
#ifndef RPMSG_TOP_TABLE_H
#define RPMSG_TOP_TABLE_H

#include "common/short_text.h"
#include "rpmsg-top/recent.h"
#include "rpmsg-top/source.h"

#define ROW_HISTORY 60 /* pictures */

/* A second's worth, each way. */
struct rates {
	double tx_messages, rx_messages, tx_bytes, rx_bytes;
};

struct row {
	size_t bus;
	enum rpmsg_side side;
	uint64_t id;                  /* the endpoint's, or 0: a channel without */
	char service[RPMSG_NAME_SIZE]; /* printable, "" for none */
	uint32_t addr, dst;
	char owner[80];               /* "pid 12 (rpmsg-listen)", "nobody", ... */
	const char *state;            /* of the channel, as rpmsg-ns list has it, or "" */
	struct rpmsg_endpoint_stats st; /* of a channel: its counts and addresses alone are set */
	struct rates rates;
	double share;                 /* of the bus's bytes both ways, 0 to 1 */
	uint64_t last_ns;             /* the last message, by the picture's clock; 0: none */
	uint64_t errors;              /* failed sends and dropped messages */
	float history[ROW_HISTORY];   /* messages a second both ways, the newest last */
	bool gone, tagged;
};

/* What a bus as a whole does, a side each. */
struct bus_row {
	struct source_bus bus;
	struct snapshot picture;      /* the newest */
	struct rates rates[2];
	float history[2][ROW_HISTORY];
	bool fresh;                   /* there was a picture before, so that rates mean something */
	struct recent recent[2];      /* what grew lately */
};

struct table;

struct table *table_new(void);
void table_free(struct table *t);

/* Takes what src has new. True if anything changed. -ENOMEM is told by table_error(). */
bool table_update(struct table *t, struct source *src);
int table_error(const struct table *t);
/* Forgets rates and histories: time was moved. */
void table_restart(struct table *t);

size_t table_buses(const struct table *t);
const struct bus_row *table_bus(const struct table *t, size_t bus);
/* Grows when a channel of a picture is new, or has another address than in the one before. */
uint64_t table_channels(const struct table *t);
/*
 * The row of the i-th channel of a picture, also of one that has endpoints and is not among
 * table_rows(); NULL if it is not chosen.
 */
const struct row *table_channel(const struct table *t, size_t bus, enum rpmsg_side side, size_t i);

/* Those rows that are chosen, in order. Pointers hold until the next table_update(). */
size_t table_rows(const struct table *t);
struct row *table_row(const struct table *t, size_t i);

/* Order and choice; they take effect at once. A row can be found again by its key. */
void table_sort(struct table *t, enum column column, bool invert);
/* Rows that contain text, in any case; NULL: all. */
void table_choose(struct table *t, const char *text);
void table_choose_bus(struct table *t, long bus);     /* -1: all */
void table_choose_service(struct table *t, const char *name); /* exactly; NULL: all */
/* All rows, those that are not chosen too. */
void table_untag(struct table *t);

struct row_key {
	size_t bus;
	enum rpmsg_side side;
	uint64_t id;         /* 0: a channel, by the rest */
	uint32_t anchor;     /* the address that does not change, */
	bool own;            /* ours if so, else the other side's */
	char service[RPMSG_NAME_SIZE];
};
/* row is one of the table's. */
struct row_key row_key(const struct row *row);
/* Its place among those shown, or -1. */
long table_find(const struct table *t, const struct row_key *key);
/* The next row after i (before it, if not down) that contains text, going round to i; or -1. */
long table_search(const struct table *t, const char *text, long i, bool down);

/* Whether a record belongs to the row: by bus, direction and address. */
bool row_has(const struct row *row, const char *bus, const struct rpmsg_record *record);

/* Column names: "SERVICE" for headings, "service" for --sort. NULL, and -EINVAL, for none. */
const char *column_heading(enum column column);
const char *column_word(enum column column);
int column_parse(const char *word, enum column *column);
/* A cell as text, as batch and screen print it: "1.2k", "0x400", "3 s". */
void row_cell(const struct row *row, const struct table *t, enum column column, char *text,
	      size_t size);

#endif
