/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/grid.h"
#include "common/stats_json.h"
#include "rpmsg-top/batch.h"

#define LINE_SIZE 512

/* ---- the head ---- */

static int print_time(struct batch *b)
{
	uint64_t ns = 0;
	char line[64];
	struct tm tm;
	time_t sec;

	for (size_t i = 0; i < table_buses(b->table); i++)
		if (table_bus(b->table, i)->picture.time_ns > ns)
			ns = table_bus(b->table, i)->picture.time_ns;
	sec = (time_t)((ns ? ns : format_now_ns()) / 1000000000);
	if (!localtime_r(&sec, &tm) ||
	    !strftime(line, sizeof(line), "rpmsg-top %Y-%m-%d %H:%M:%S", &tm))
		return 0;
	return format_line(&b->format, line);
}

static int print_advice(struct batch *b, size_t bus)
{
	struct advice advice[BATCH_ADVICE_MAX];
	size_t n = advice_find(b->table, bus, advice, BATCH_ADVICE_MAX);
	char line[LINE_SIZE];
	int err = 0;

	for (size_t i = 0; i < n && i < BATCH_ADVICE_MAX && !err; i++) {
		snprintf(line, sizeof(line), "%s: %s", batch_level(advice[i].level),
			 advice[i].text);
		err = format_line(&b->format, line);
	}
	return err;
}

/* "; ring of 256: 200 free, 56 in flight, 0 held, the oldest for 12 s by pid 7 (x)" */
static void put_ring(const struct rpmsg_ring_stats *ring, char *text, size_t size)
{
	char holder[sizeof(ring->holder)], time[SHORT_TEXT_SIZE];
	int n;

	if (!ring->size) {
		snprintf(text, size, "; ring not known");
		return;
	}
	n = snprintf(text, size, "; ring of %u: %u free, %u in flight, %u held", ring->size,
		     ring->free, ring->in_flight, ring->held);
	if (n < 0 || (size_t)n >= size || !ring->oldest_ns)
		return;
	format_printable(holder, sizeof(holder), ring->holder,
			 strnlen(ring->holder, sizeof(ring->holder)));
	snprintf(text + n, size - (size_t)n, ", the oldest for %s%s%s",
		 short_duration(ring->oldest_ns, time), *holder ? " by " : "", holder);
}

static int print_flow(struct batch *b, const char *what, const struct rpmsg_flow *flow,
		      double messages, double bytes, bool known,
		      const struct rpmsg_ring_stats *ring)
{
	char line[LINE_SIZE], ring_text[256], m[16] = "-", n[16] = "-";

	if (known) {
		short_number(messages, m, sizeof(m));
		short_number(bytes, n, sizeof(n));
	}
	put_ring(ring, ring_text, sizeof(ring_text));
	snprintf(line, sizeof(line), "  %s %s msg/s, %s B/s; %" PRIu64 " message%s, %" PRIu64
		 " byte%s%s", what, m, n, flow->messages, plural_s(flow->messages), flow->bytes,
		 plural_s(flow->bytes), ring_text);
	return format_line(&b->format, line);
}

/* Of what is not known nothing is said. */
static int print_link(struct batch *b, const struct bus_row *bus, int s)
{
	const struct rpmsg_bus_info *info = &bus->picture.side[s].info;
	const struct rpmsg_stats *st = &bus->picture.side[s].stats;
	char line[LINE_SIZE], features[160], generation[32] = "", mtu[64] = "";

	stats_features(info->features, features, sizeof(features));
	if (info->generation)
		snprintf(generation, sizeof(generation), ", generation %u", info->generation);
	if (info->mtu_tx || info->mtu_rx)
		snprintf(mtu, sizeof(mtu), ", MTU %u out %u in", info->mtu_tx, info->mtu_rx);
	snprintf(line, sizeof(line), "%s %s: %s%s%s%s%s, %u channel%s, %u endpoint%s",
		 bus->bus.name, stats_side(s ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST),
		 info->up ? "up" : "down", generation, *features ? ", " : "", features, mtu,
		 st->n_channels, plural_s(st->n_channels), st->n_endpoints,
		 plural_s(st->n_endpoints));
	return format_line(&b->format, line);
}

static int print_side(struct batch *b, const struct bus_row *bus, int s)
{
	const struct rpmsg_stats *st = &bus->picture.side[s].stats;
	const struct rates *r = &bus->rates[s];
	int err = print_link(b, bus, s);

	if (!err)
		err = print_flow(b, "sent    ", &st->counts.tx, r->tx_messages, r->tx_bytes,
				 bus->fresh, &st->tx_ring);
	if (!err)
		err = print_flow(b, "received", &st->counts.rx, r->rx_messages, r->rx_bytes,
				 bus->fresh, &st->rx_ring);
	return err;
}

static int print_fault(struct batch *b, const struct source_bus *bus, const char *what,
		       const char *more)
{
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "%s: %s%s", bus->name, what, more);
	return format_line(&b->format, line);
}

static int print_bus(struct batch *b, size_t i)
{
	const struct bus_row *bus = table_bus(b->table, i);
	char time[SHORT_TEXT_SIZE];
	int err = 0;

	if (bus->bus.silent_ns)
		err = print_fault(b, &bus->bus, "no answer for ",
				  short_duration(bus->bus.silent_ns, time));
	if (!bus->bus.there && !err)
		err = print_fault(b, &bus->bus, "not there: ", bus->bus.why);
	if (!b->fresh[i] || err)
		return err;
	for (int s = 0; s < 2 && !err; s++)
		if (bus->picture.side[s].served)
			err = print_side(b, bus, s);
	return err;
}

/* ---- the rows ---- */

static void put_row(struct grid *grid, struct batch *b, const struct row *row)
{
	char cell[GRID_CELL_SIZE];

	for (int c = 0; c < N_COLUMNS; c++) {
		row_cell(row, b->table, (enum column)c, cell, sizeof(cell));
		grid_cell(grid, "%s", cell);
	}
}

static int print_rows(struct batch *b)
{
	struct grid_column column[N_COLUMNS];
	struct grid grid = {.column = column, .n_columns = N_COLUMNS};
	bool any = false;
	int err = 0;

	for (int c = 0; c < N_COLUMNS; c++)
		column[c] = (struct grid_column){
			.heading = column_heading((enum column)c),
			.number = c > COLUMN_OWNER,
		};
	for (size_t i = 0; i < table_rows(b->table); i++) {
		const struct row *row = table_row(b->table, i);

		if (row->gone || !b->fresh[row->bus])
			continue;
		put_row(&grid, b, row);
		any = true;
	}
	if (any)
		err = grid_print(&grid, &b->format, "", 0);
	grid_free(&grid);
	return err;
}

int batch_print_text(struct batch *b)
{
	size_t n = table_buses(b->table);
	int err = print_time(b);

	for (size_t i = 0; i < n && !err; i++)
		err = print_advice(b, i);
	for (size_t i = 0; i < n && !err; i++)
		err = print_bus(b, i);
	if (!err)
		err = print_rows(b);
	return err ? err : format_line(&b->format, "");
}
