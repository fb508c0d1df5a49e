/* SPDX-License-Identifier: BSD-2-Clause */
/* The page with all that is known of the selected row. */
#include <inttypes.h>
#include <stdio.h>

#include "common/format.h"
#include "common/stats_json.h"
#include "rpmsg-top/draw.h"

#define NS_PER_S 1e9

static void write_name(struct sheet *s, const struct row *row, const struct bus_row *bus)
{
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];

	sheet_text(s, STYLE_TITLE, "%s  %s > %s  on the %s side of %s%s",
		   *row->service ? row->service : "(no service)", format_addr(row->addr, src),
		   format_addr(row->dst, dst), stats_side(row->side), bus->bus.name,
		   row->gone ? "  GONE" : "");
	if (row->id)
		sheet_text(s, STYLE_PLAIN, "endpoint  number %" PRIu64 "%s", row->id,
			   row->st.own ? ", the channel's own" : "");
	else
		sheet_text(s, STYLE_PLAIN, "channel   %s", row->state);
	sheet_text(s, STYLE_PLAIN, "owner     %s", row->owner);
}

static void write_flow(struct sheet *s, const char *word, const struct rpmsg_flow *flow,
		       const struct bus_row *bus, double messages, double bytes)
{
	uint64_t now = bus->picture.clock_ns;
	char last[16] = "never", rate[16] = "-", byte_rate[16] = "-";

	if (flow->last_ns)
		short_time(now > flow->last_ns ? now - flow->last_ns : 0, last, sizeof(last));
	if (bus->fresh) {
		short_number(messages, rate, sizeof(rate));
		short_number(bytes, byte_rate, sizeof(byte_rate));
	}
	sheet_text(s, STYLE_PLAIN, "%-9s %" PRIu64 " message%s  %" PRIu64 " byte%s  %s msg/s  "
		   "%s B/s  last %s", word, flow->messages, plural_s(flow->messages), flow->bytes,
		   plural_s(flow->bytes), rate, byte_rate, last);
}

static void write_flows(struct sheet *s, const struct row *row, const struct bus_row *bus)
{
	const struct rpmsg_counts *c = &row->st.counts;

	write_flow(s, "sent", &c->tx, bus, row->rates.tx_messages, row->rates.tx_bytes);
	write_flow(s, "received", &c->rx, bus, row->rates.rx_messages, row->rates.rx_bytes);
}

static void write_pile(struct sheet *s, const char *word, uint32_t n, uint64_t ns,
		       const char *what, const char *how)
{
	enum style style = n ? STYLE_WARNING : STYLE_PLAIN;

	if (ns)
		sheet_text(s, style, "%-9s %" PRIu32 " %s%s %s, for %.1f s", word, n, what,
			   plural_s(n), how, (double)ns / NS_PER_S);
	else
		sheet_text(s, style, "%-9s %" PRIu32 " %s%s %s", word, n, what, plural_s(n), how);
}

static void write_waits(struct sheet *s, const struct rpmsg_endpoint_stats *st)
{
	sheet_text(s, STYLE_PLAIN, "waits     %" PRIu64 " send%s waited for a buffer, %.3f s in all",
		   st->counts.waits, plural_s(st->counts.waits),
		   (double)st->counts.wait_ns / NS_PER_S);
	write_pile(s, "waiting", st->waiting, st->waiting_ns, "sender", "without a buffer");
	write_pile(s, "queued", st->queued, st->queued_ns, "message", "kept until it reads");
	write_pile(s, "held", st->held, st->held_ns, "buffer", "of the ring not given back");
}

static void write_errors(struct sheet *s, const struct rpmsg_counts *c)
{
	char text[400] = "";
	size_t n = 0;

	for (int i = 0; i < RPMSG_ERRORS && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %" PRIu64 "  ",
				      stats_error((enum rpmsg_send_error)i), c->errors[i]);
	sheet_text(s, counts_errors(c) ? STYLE_ALARM : STYLE_PLAIN, "errors    %s", text);
	sheet_text(s, c->dropped ? STYLE_ALARM : STYLE_PLAIN,
		   "dropped   %" PRIu64 " message%s, because its program did not read", c->dropped,
		   plural_s(c->dropped));
}

/* ---- sizes ---- */

static void size_range(int i, char *text, size_t size)
{
	if (i < 2)
		snprintf(text, size, "%d", i);
	else
		snprintf(text, size, "%u-%u", 1U << (i - 1), (1U << i) - 1);
}

static uint64_t most_of(const struct rpmsg_counts *c, int *first, int *last)
{
	uint64_t max = 0;

	*first = *last = -1;
	for (int i = 0; i < RPMSG_FLOW_SIZES; i++) {
		uint64_t n = c->tx.sizes[i] > c->rx.sizes[i] ? c->tx.sizes[i] : c->rx.sizes[i];

		if (!n)
			continue;
		if (*first < 0)
			*first = i;
		*last = i;
		if (n > max)
			max = n;
	}
	return max;
}

static void put_size(struct pen *p, uint64_t n, uint64_t max, int width)
{
	pen_bar(p, STYLE_GOOD, width, (double)n / (double)max, 0);
	pen_put(p, STYLE_PLAIN, " %-10" PRIu64 " ", n);
}

static void write_sizes(struct sheet *s, const struct rpmsg_counts *c)
{
	int first, last, width = (s->width - 12 - 24) / 2;
	uint64_t max = most_of(c, &first, &last);
	char range[24];

	if (!max)
		return;
	width = width > 30 ? 30 : width;
	width = width < 0 ? 0 : width;
	sheet_text(s, STYLE_TITLE, "%-12s%-*s%s", "bytes", width + 12, "sent", "received");
	for (int i = first; i <= last; i++) {
		struct pen p = sheet_line(s);

		size_range(i, range, sizeof(range));
		pen_put(&p, STYLE_PLAIN, "%-12s", range);
		put_size(&p, c->tx.sizes[i], max, width);
		put_size(&p, c->rx.sizes[i], max, width);
	}
}

/* Of the row's bus. */
static void write_findings(const struct view *v, struct sheet *s, size_t bus)
{
	for (size_t i = 0; i < v->n_advice; i++) {
		enum style style = v->advice[i].level == ADVICE_ALARM ? STYLE_ALARM : STYLE_PLAIN;

		if (v->advice[i].bus != bus)
			continue;
		sheet_line(s);
		sheet_text(s, style, "finding   %s", v->advice[i].text);
	}
}

void draw_detail(const struct view *v, struct sheet *s)
{
	const struct row *row = view_row(v);
	const struct bus_row *bus;

	if (!row) {
		sheet_text(s, STYLE_DIM, "no row is selected");
		return;
	}
	bus = table_bus(v->table, row->bus);
	write_name(s, row, bus);
	write_flows(s, row, bus);
	write_waits(s, &row->st);
	write_errors(s, &row->st.counts);
	sheet_line(s);
	write_sizes(s, &row->st.counts);
	write_findings(v, s, row->bus);
}
