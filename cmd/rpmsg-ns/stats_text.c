/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns stats for people: a head, endpoints, services, and messages that nobody received. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/channel_text.h"
#include "common/grid.h"
#include "common/short_text.h"
#include "common/stats_json.h"
#include "rpmsg-ns/stats.h"

#define LINE_SIZE 1024

/* What is printed of a side, until a line fails. */
struct report {
	struct format *fmt;
	const struct config *cfg;
	const struct snapshot *s;
	const struct snapshot_side *side;
	int err;
};

__attribute__((format(printf, 2, 3)))
static void line(struct report *r, const char *fmt, ...)
{
	char text[LINE_SIZE];
	va_list args;

	if (r->err)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->err = format_line(r->fmt, text);
}

/* How long ago, "-" for never. */
static const char *ago_text(const struct report *r, uint64_t last_ns, char text[SHORT_TEXT_SIZE])
{
	if (!last_ns)
		return "-";
	return short_duration(r->s->clock_ns > last_ns ? r->s->clock_ns - last_ns : 0, text);
}

/* ---- the head ---- */

static void print_link(struct report *r)
{
	const struct rpmsg_bus_info *info = &r->side->info;
	const struct rpmsg_stats *stats = &r->side->stats;
	char features[80], counted[SHORT_TEXT_SIZE];

	stats_features(info->features, features, sizeof(features));
	line(r, "%s %s: %s, generation %" PRIu32 "%s%s", r->s->bus, stats_side(info->side),
	     info->up ? "up" : "down", info->generation, *features ? ", " : "", features);
	line(r, "  counted       for %s, %" PRIu32 " channel%s, %" PRIu32 " endpoint%s",
	     short_duration(stats->time_ns - stats->since_ns, counted), stats->n_channels,
	     plural_s(stats->n_channels), stats->n_endpoints, plural_s(stats->n_endpoints));
	if (info->mtu_tx || info->mtu_rx)
		line(r, "  longest       %" PRIu32 " bytes sent, %" PRIu32 " received",
		     info->mtu_tx, info->mtu_rx);
}

static void print_ring(struct report *r, const char *name, const struct rpmsg_ring_stats *ring)
{
	char oldest[SHORT_TEXT_SIZE], full[SHORT_TEXT_SIZE];
	char holder[sizeof(ring->holder)], who[160] = "";

	if (!ring->size)
		return;
	format_printable(holder, sizeof(holder), ring->holder, strlen(ring->holder));
	if (ring->oldest_ns)
		snprintf(who, sizeof(who), ", the oldest for %s%s%s",
			 short_duration(ring->oldest_ns, oldest), *holder ? " by " : "", holder);
	line(r, "  %s       %" PRIu32 " buffers: %" PRIu32 " free, %" PRIu32 " in flight, %" PRIu32
	     " held%s", name, ring->size, ring->free, ring->in_flight, ring->held, who);
	line(r, "                kicks: %" PRIu64 " sent, %" PRIu64 " suppressed, %" PRIu64
	     " woke us; full %" PRIu64 " time%s, for %s", ring->kicks, ring->suppressed,
	     ring->wakeups, ring->full, plural_s(ring->full), short_duration(ring->full_ns, full));
}

static void print_flow(struct report *r, const char *name, const struct rpmsg_flow *flow)
{
	char ago[SHORT_TEXT_SIZE], last[SHORT_TEXT_SIZE + 20] = "";

	if (flow->last_ns)
		snprintf(last, sizeof(last), ", the last %s ago", ago_text(r, flow->last_ns, ago));
	line(r, "  %s      %" PRIu64 " message%s, %" PRIu64 " byte%s%s", name, flow->messages,
	     plural_s(flow->messages), flow->bytes, plural_s(flow->bytes), last);
}

static const char *errors_text(const struct rpmsg_counts *counts, char text[LINE_SIZE])
{
	size_t at = 0;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		if (counts->errors[i])
			at += (size_t)snprintf(text + at, LINE_SIZE - at, "%s%" PRIu64 " %s",
					       at ? ", " : "", counts->errors[i],
					       stats_error((enum rpmsg_send_error)i));
	return at ? text : "none";
}

static void print_trouble(struct report *r, const struct rpmsg_counts *counts)
{
	char errors[LINE_SIZE], waited[SHORT_TEXT_SIZE];

	line(r, "  failed sends  %s", errors_text(counts, errors));
	line(r, "  waits         %" PRIu64 " send%s waited for a buffer, %s in all", counts->waits,
	     plural_s(counts->waits), short_duration(counts->wait_ns, waited));
}

static void print_head(struct report *r)
{
	const struct rpmsg_stats *stats = &r->side->stats;

	print_link(r);
	print_ring(r, "tx ring", &stats->tx_ring);
	print_ring(r, "rx ring", &stats->rx_ring);
	print_flow(r, "sent    ", &stats->counts.tx);
	print_flow(r, "received", &stats->counts.rx);
	print_trouble(r, &stats->counts);
	line(r, "  thrown away   %" PRIu64 " not read, %" PRIu64 " for nobody, %" PRIu64
	     " malformed, %" PRIu64 " name service", stats->counts.dropped, stats->no_recipient,
	     stats->malformed, stats->ns_refused);
}

/* ---- endpoints, and channels without one ---- */

static const struct grid_column columns[] = {
	{"SERVICE", false}, {"SRC", false},      {"DST", false},    {"TX", true},
	{"TX-BYTES", true}, {"RX", true},        {"RX-BYTES", true}, {"LAST", true},
	{"ERRORS", true},   {"DROPPED", true},   {"WAITS", true},   {"WAITING", true},
	{"QUEUED", true},   {"HOLDER", false},
};

static void add_counts(struct report *r, struct grid *grid, const struct rpmsg_counts *c)
{
	uint64_t last = c->tx.last_ns > c->rx.last_ns ? c->tx.last_ns : c->rx.last_ns;
	char ago[SHORT_TEXT_SIZE];

	grid_cell(grid, "%" PRIu64, c->tx.messages);
	grid_cell(grid, "%" PRIu64, c->tx.bytes);
	grid_cell(grid, "%" PRIu64, c->rx.messages);
	grid_cell(grid, "%" PRIu64, c->rx.bytes);
	grid_cell(grid, "%s", ago_text(r, last, ago));
	grid_cell(grid, "%" PRIu64, counts_errors(c));
	grid_cell(grid, "%" PRIu64, c->dropped);
	grid_cell(grid, "%" PRIu64, c->waits);
}

static void add_address(struct grid *grid, uint32_t addr)
{
	char text[FORMAT_ADDR_SIZE];

	grid_cell(grid, "%s", format_addr(addr, text));
}

/* "3", or "3 for 12.0 s" if somebody is to blame. */
static void add_number_since(struct grid *grid, uint32_t n, uint64_t ns)
{
	char text[SHORT_TEXT_SIZE];

	if (n && ns)
		grid_cell(grid, "%" PRIu32 " for %s", n, short_duration(ns, text));
	else
		grid_cell(grid, "%" PRIu32, n);
}

static void add_endpoint(struct report *r, struct grid *grid,
			 const struct rpmsg_endpoint_stats *e)
{
	char holder[HOLDER_TEXT_SIZE];

	grid_cell_text(grid, e->channel.name);
	add_address(grid, e->addr);
	add_address(grid, e->dst);
	add_counts(r, grid, &e->counts);
	add_number_since(grid, e->waiting, e->waiting_ns);
	add_number_since(grid, e->queued, e->queued_ns);
	holder_text(e->holder_kind, e->holder_pid, e->holder, holder, sizeof(holder));
	grid_cell(grid, "%s", holder);
}

static void add_channel(struct report *r, struct grid *grid,
			const struct rpmsg_channel_status *ch)
{
	char holder[HOLDER_TEXT_SIZE];

	grid_cell_text(grid, ch->info.name);
	add_address(grid, ch->info.src);
	add_address(grid, ch->info.dst);
	add_counts(r, grid, &ch->counts);
	grid_cell(grid, "-");
	grid_cell(grid, "-");
	holder_text(ch->holder_kind, ch->holder_pid, ch->holder, holder, sizeof(holder));
	grid_cell(grid, "%s", holder);
}

static int by_channel(const void *a, const void *b)
{
	const struct rpmsg_channel_info *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = (x->src > y->src) - (x->src < y->src);
	return order ? order : (x->dst > y->dst) - (x->dst < y->dst);
}

/* The channels of all endpoints, sorted; to be freed. */
static struct rpmsg_channel_info *used_channels(const struct snapshot_side *side)
{
	struct rpmsg_channel_info *used = calloc(side->n_endpoints + 1, sizeof(*used));

	if (!used)
		return NULL;
	for (size_t i = 0; i < side->n_endpoints; i++)
		used[i] = side->endpoint[i].channel;
	qsort(used, side->n_endpoints, sizeof(*used), by_channel);
	return used;
}

static int add_rows(struct report *r, struct grid *grid)
{
	const struct snapshot_side *side = r->side;
	struct rpmsg_channel_info *used = used_channels(side);

	if (!used)
		return -ENOMEM;
	for (size_t i = 0; i < side->n_endpoints; i++)
		if (stats_wants(r->cfg, side->endpoint[i].channel.name))
			add_endpoint(r, grid, &side->endpoint[i]);
	for (size_t i = 0; i < side->n_channels; i++) {
		const struct rpmsg_channel_info *info = &side->channel[i].info;

		if (stats_wants(r->cfg, info->name) &&
		    !bsearch(info, used, side->n_endpoints, sizeof(*used), by_channel))
			add_channel(r, grid, &side->channel[i]);
	}
	free(used);
	return 0;
}

static void print_rows(struct report *r)
{
	struct grid grid = {.column = columns, .n_columns = sizeof(columns) / sizeof(*columns)};

	if (r->err)
		return;
	r->err = add_rows(r, &grid);
	if (!r->err && grid.n_cells)
		r->err = grid_print(&grid, r->fmt, "  ", 0);
	grid_free(&grid);
}

/* ---- the services that were named ---- */

static const char *sizes_text(const struct rpmsg_flow *flow, char text[LINE_SIZE])
{
	size_t at = 0;

	for (unsigned k = 0; k < RPMSG_FLOW_SIZES && at < LINE_SIZE; k++) {
		if (!flow->sizes[k])
			continue;
		at += (size_t)snprintf(text + at, LINE_SIZE - at, "%s%" PRIu64 " of %u",
				       at ? ", " : "", flow->sizes[k], k ? 1U << (k - 1) : 0);
		if (k > 1 && at < LINE_SIZE)
			at += (size_t)snprintf(text + at, LINE_SIZE - at, "-%u", (1U << k) - 1);
	}
	if (!at)
		return "no messages";
	if (at < LINE_SIZE)
		snprintf(text + at, LINE_SIZE - at, " bytes");
	return text;
}

static void print_service(struct report *r, const struct rpmsg_channel_status *ch)
{
	char name[RPMSG_NAME_SIZE], src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];
	char sizes[LINE_SIZE];

	format_printable(name, sizeof(name), ch->info.name, strlen(ch->info.name));
	line(r, "%s %s>%s: %s, %s", name, format_addr(ch->info.src, src),
	     format_addr(ch->info.dst, dst), channel_origin(ch->origin), channel_state(ch));
	line(r, "  sent          %s", sizes_text(&ch->counts.tx, sizes));
	line(r, "  received      %s", sizes_text(&ch->counts.rx, sizes));
	print_trouble(r, &ch->counts);
}

static void print_services(struct report *r)
{
	for (size_t i = 0; i < r->side->n_channels && r->cfg->n_name; i++)
		if (stats_wants(r->cfg, r->side->channel[i].info.name))
			print_service(r, &r->side->channel[i]);
}

/* ---- messages that nobody received ---- */

static const struct grid_column stray_columns[] = {
	{"SRC", false}, {"DST", false}, {"MESSAGES", true}, {"BYTES", true}, {"LAST", true},
};

static void print_strays(struct report *r)
{
	struct grid grid = {.column = stray_columns,
			    .n_columns = sizeof(stray_columns) / sizeof(*stray_columns)};
	const struct rpmsg_stats *stats = &r->side->stats;
	char ago[SHORT_TEXT_SIZE];

	if (r->err || !stats->n_strays || r->cfg->n_name)
		return;
	for (uint32_t i = 0; i < stats->n_strays && i < RPMSG_STRAYS; i++) {
		const struct rpmsg_stray *stray = &stats->stray[i];

		add_address(&grid, stray->src);
		add_address(&grid, stray->dst);
		grid_cell(&grid, "%" PRIu64, stray->messages);
		grid_cell(&grid, "%" PRIu64, stray->bytes);
		grid_cell(&grid, "%s", ago_text(r, stray->last_ns, ago));
	}
	line(r, "  received for addresses that nobody has%s:",
	     stats->strays_forgotten ? ", the latest" : "");
	if (!r->err)
		r->err = grid_print(&grid, r->fmt, "  ", 0);
	grid_free(&grid);
}

int stats_print(struct stats *st, const struct snapshot *s, enum rpmsg_side side)
{
	struct report r = {
		.fmt = &st->fmt,
		.cfg = st->cfg,
		.s = s,
		.side = &s->side[side - RPMSG_SIDE_HOST],
	};

	print_head(&r);
	print_rows(&r);
	print_services(&r);
	print_strays(&r);
	return r.err;
}
