/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns: their names, what stands in a cell, how two rows compare. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/format.h"
#include "common/stats_json.h"
#include "rpmsg-top/entry.h"

static const struct {
	const char *heading, *word;
} name[N_COLUMNS] = {
	[COLUMN_BUS] = {"BUS", "bus"},
	[COLUMN_SIDE] = {"SIDE", "side"},
	[COLUMN_SERVICE] = {"SERVICE", "service"},
	[COLUMN_SRC] = {"SRC", "src"},
	[COLUMN_DST] = {"DST", "dst"},
	[COLUMN_OWNER] = {"OWNER", "owner"},
	[COLUMN_TX_RATE] = {"TX/s", "tx-rate"},
	[COLUMN_RX_RATE] = {"RX/s", "rx-rate"},
	[COLUMN_TX_BYTES] = {"TXB/s", "tx-bytes"},
	[COLUMN_RX_BYTES] = {"RXB/s", "rx-bytes"},
	[COLUMN_SHARE] = {"SHARE", "share"},
	[COLUMN_LAST] = {"LAST", "last"},
	[COLUMN_ERRORS] = {"ERRORS", "errors"},
	[COLUMN_WAITING] = {"WAITING", "waiting"},
	[COLUMN_QUEUED] = {"QUEUED", "queued"},
	[COLUMN_TX] = {"TX", "tx"},
	[COLUMN_RX] = {"RX", "rx"},
};

const char *column_heading(enum column column)
{
	return (unsigned)column < N_COLUMNS ? name[column].heading : NULL;
}

const char *column_word(enum column column)
{
	return (unsigned)column < N_COLUMNS ? name[column].word : NULL;
}

int column_parse(const char *word, enum column *column)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		if (strcasecmp(word, name[i].word) == 0) {
			*column = (enum column)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- order: text and addresses from the first on, numbers from the largest on ---- */

static int compare_text(const struct row *a, const struct row *b, enum column column)
{
	return column == COLUMN_SERVICE ? strcmp(a->service, b->service) :
					  strcmp(a->owner, b->owner);
}

static uint64_t place(const struct row *row, enum column column)
{
	switch (column) {
	case COLUMN_BUS:
		return row->bus;
	case COLUMN_SIDE:
		return (uint64_t)row->side;
	case COLUMN_SRC:
		return row->addr;
	default:
		return row->dst;
	}
}

static double rate(const struct row *row, enum column column)
{
	switch (column) {
	case COLUMN_TX_RATE:
		return row->rates.tx_messages;
	case COLUMN_RX_RATE:
		return row->rates.rx_messages;
	case COLUMN_TX_BYTES:
		return row->rates.tx_bytes;
	case COLUMN_RX_BYTES:
		return row->rates.rx_bytes;
	default:
		return row->share;
	}
}

static uint64_t count(const struct row *row, enum column column)
{
	switch (column) {
	case COLUMN_LAST:
		return row->last_ns;
	case COLUMN_ERRORS:
		return row->errors;
	case COLUMN_WAITING:
		return row->st.waiting;
	case COLUMN_QUEUED:
		return row->st.queued;
	case COLUMN_TX:
		return row->st.counts.tx.messages;
	default:
		return row->st.counts.rx.messages;
	}
}

int column_compare(enum column column, const struct row *a, const struct row *b)
{
	switch (column) {
	case COLUMN_SERVICE:
	case COLUMN_OWNER:
		return compare_text(a, b, column);
	case COLUMN_BUS:
	case COLUMN_SIDE:
	case COLUMN_SRC:
	case COLUMN_DST:
		return (place(a, column) > place(b, column)) -
		       (place(a, column) < place(b, column));
	case COLUMN_TX_RATE:
	case COLUMN_RX_RATE:
	case COLUMN_TX_BYTES:
	case COLUMN_RX_BYTES:
	case COLUMN_SHARE:
		return (rate(a, column) < rate(b, column)) - (rate(a, column) > rate(b, column));
	default:
		return (count(a, column) < count(b, column)) -
		       (count(a, column) > count(b, column));
	}
}

/* ---- cells ---- */

static void put_rate(const struct bus_row *bus, double n, char *text, size_t size)
{
	if (bus->fresh)
		short_number(n, text, size);
	else
		snprintf(text, size, "-");
}

static void put_last(const struct row *row, const struct bus_row *bus, char *text, size_t size)
{
	uint64_t now = bus->picture.clock_ns;

	if (row->last_ns)
		short_time(now > row->last_ns ? now - row->last_ns : 0, text, size);
	else
		snprintf(text, size, "-");
}

/* "3", "3 (12 s)": how many, and for how long already. */
static void put_pile(uint32_t n, uint64_t ns, char *text, size_t size)
{
	char number[16], time[16];

	short_number(n, number, sizeof(number));
	short_time(ns, time, sizeof(time));
	if (n && ns)
		snprintf(text, size, "%s (%s)", number, time);
	else
		snprintf(text, size, "%s", number);
}

static void put_owner(const struct row *row, char *text, size_t size)
{
	if (row->id)
		snprintf(text, size, "%s", row->owner);
	else
		snprintf(text, size, "%s: %s", row->owner, row->state);
}

static void put_addr(uint32_t addr, char *text, size_t size)
{
	char buf[FORMAT_ADDR_SIZE];

	snprintf(text, size, "%s", format_addr(addr, buf));
}

void row_cell(const struct row *row, const struct table *t, enum column column, char *text,
	      size_t size)
{
	const struct bus_row *bus = table_bus(t, row->bus);

	switch (column) {
	case COLUMN_BUS:
		snprintf(text, size, "%s", bus->bus.name);
		return;
	case COLUMN_SIDE:
		snprintf(text, size, "%s", stats_side(row->side));
		return;
	case COLUMN_SERVICE:
		snprintf(text, size, "%s", *row->service ? row->service : "-");
		return;
	case COLUMN_SRC:
	case COLUMN_DST:
		put_addr(column == COLUMN_SRC ? row->addr : row->dst, text, size);
		return;
	case COLUMN_OWNER:
		put_owner(row, text, size);
		return;
	case COLUMN_TX_RATE:
	case COLUMN_RX_RATE:
	case COLUMN_TX_BYTES:
	case COLUMN_RX_BYTES:
		put_rate(bus, rate(row, column), text, size);
		return;
	case COLUMN_SHARE:
		snprintf(text, size, "%.0f%%", 100 * row->share);
		return;
	case COLUMN_LAST:
		put_last(row, bus, text, size);
		return;
	case COLUMN_WAITING:
		put_pile(row->st.waiting, row->st.waiting_ns, text, size);
		return;
	case COLUMN_QUEUED:
		put_pile(row->st.queued, row->st.queued_ns, text, size);
		return;
	default:
		short_number((double)count(row, column), text, size);
	}
}
