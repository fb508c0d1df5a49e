/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-ns stats --openmetrics: text as the OpenMetrics specification 1.0 has it, of which the
 * textfile collector of Prometheus' node_exporter understands all that is used here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/append.h"
#include "common/channel_text.h"
#include "common/stats_json.h"
#include "rpmsg-ns/stats.h"

/* ---- a thing that has metrics, and its labels ---- */

enum scope { SCOPE_BUS, SCOPE_SIDE, SCOPE_RING, SCOPE_CHANNEL, SCOPE_ENDPOINT, N_SCOPES };

static const char *const prefix[N_SCOPES] = {
	[SCOPE_BUS] = "rpmsg",
	[SCOPE_SIDE] = "rpmsg_bus",
	[SCOPE_RING] = "rpmsg_ring",
	[SCOPE_CHANNEL] = "rpmsg_channel",
	[SCOPE_ENDPOINT] = "rpmsg_endpoint",
};

/* Each byte of a name may take five. */
#define LABELS_SIZE 512

struct item {
	const struct stats_bus *bus;
	const struct snapshot_side *side; /* the following as far as the scope has it, else NULL */
	const struct rpmsg_ring_stats *ring;
	const struct rpmsg_channel_status *channel;
	const struct rpmsg_endpoint_stats *endpoint;
	const struct rpmsg_counts *counts;
	char labels[LABELS_SIZE];
};

/*
 * What another chose, so that two that differ stay two: what is not printable ASCII is \xHH, a
 * backslash too, and that backslash is escaped as labels have it.
 */
static char *append_value(char *at, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"')
			at = append_text(at, "\\\"");
		else if (c < ' ' || c > '~' || c == '\\')
			at += sprintf(at, "\\\\x%02x", c);
		else
			*at++ = (char)c;
	}
	return at;
}

static char *append_label(char *at, const char *name, const char *value)
{
	at = append_text(append_text(at, name), "=\"");
	return append_text(append_value(at, value), "\"");
}

/* "" for an address that there is not. */
static char *append_address(char *at, const char *name, uint32_t addr)
{
	char text[FORMAT_ADDR_SIZE] = "";

	if (addr != RPMSG_ADDR_ANY)
		format_addr(addr, text);
	return append_label(at, name, text);
}

static char *append_place(char *at, const char *service, uint32_t src, uint32_t dst)
{
	at = append_label(append_text(at, ","), "service", service);
	at = append_address(append_text(at, ","), "src", src);
	return append_address(append_text(at, ","), "dst", dst);
}

static void set_labels(struct item *item)
{
	char *at = append_label(item->labels, "bus", item->bus->name);

	if (item->side)
		at = append_label(append_text(at, ","), "side", stats_side(item->side->info.side));
	if (item->ring)
		at = append_label(append_text(at, ","), "queue",
				  item->ring == &item->side->stats.tx_ring ? "tx" : "rx");
	if (item->channel) {
		at = append_place(at, item->channel->info.name, item->channel->info.src,
				  item->channel->info.dst);
		at = append_label(append_text(at, ","), "origin",
				  channel_origin(item->channel->origin));
	}
	if (item->endpoint)
		at = append_place(at, item->endpoint->channel.name, item->endpoint->addr,
				  item->endpoint->dst);
	*at = '\0';
}

/* ---- samples ---- */

enum type { COUNTER, GAUGE, HISTOGRAM };

struct family;

struct output {
	FILE *file;
	const struct family *family;
	enum scope scope;
	bool begun; /* its head is written: there is none without samples */
};

struct family {
	unsigned scopes; /* 1 << scope, or'ed */
	enum type type;
	const char *name; /* behind the scope's prefix */
	const char *help;
	void (*put)(struct output *out, const struct item *item);
};

static void begin_family(struct output *out)
{
	static const char *const word[] = {"counter", "gauge", "histogram"};
	const struct family *f = out->family;

	if (out->begun)
		return;
	out->begun = true;
	fprintf(out->file, "# HELP %s_%s %s\n# TYPE %s_%s %s\n", prefix[out->scope], f->name,
		f->help, prefix[out->scope], f->name, word[f->type]);
}

/* suffix: of a histogram's sample; more: labels besides the item's, or "". */
static void begin_sample(struct output *out, const struct item *item, const char *suffix,
			 const char *more)
{
	begin_family(out);
	fprintf(out->file, "%s_%s%s{%s%s%s} ", prefix[out->scope], out->family->name,
		out->family->type == COUNTER ? "_total" : suffix, item->labels, *more ? "," : "",
		more);
}

static void put_number(struct output *out, const struct item *item, const char *more, uint64_t n)
{
	begin_sample(out, item, "", more);
	fprintf(out->file, "%" PRIu64 "\n", n);
}

static void put_seconds(struct output *out, const struct item *item, const char *more, uint64_t ns)
{
	char text[40];

	*append_seconds(text, ns, 9) = '\0';
	begin_sample(out, item, "", more);
	fprintf(out->file, "%s\n", text);
}

#define TX "direction=\"tx\""
#define RX "direction=\"rx\""

/* ---- of a bus ---- */

static void put_served(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->bus->served);
}

static void put_up(struct output *out, const struct item *item)
{
	bool up = item->bus->served;

	for (int i = 0; i < 2; i++)
		if (item->bus->now.side[i].served)
			up = up && item->bus->now.side[i].info.up;
	put_number(out, item, "", up);
}

/* ---- of a side ---- */

static void put_features(struct output *out, const struct item *item)
{
	char features[80], label[100];

	stats_features(item->side->info.features, features, sizeof(features));
	*append_label(label, "features", features) = '\0';
	put_number(out, item, label, 1);
}

static void put_generation(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->info.generation);
}

static void put_start(struct output *out, const struct item *item)
{
	put_seconds(out, item, "",
		    snapshot_real_ns(&item->bus->now, item->side->stats.since_ns));
}

static void put_mtu(struct output *out, const struct item *item)
{
	put_number(out, item, TX, item->side->info.mtu_tx);
	put_number(out, item, RX, item->side->info.mtu_rx);
}

static void put_channels(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->stats.n_channels);
}

static void put_endpoints(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->stats.n_endpoints);
}

static void put_no_recipient(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->stats.no_recipient);
}

static void put_malformed(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->stats.malformed);
}

static void put_ns_refused(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->side->stats.ns_refused);
}

/* ---- of a ring ---- */

static void put_buffers(struct output *out, const struct item *item)
{
	put_number(out, item, "state=\"free\"", item->ring->free);
	put_number(out, item, "state=\"in_flight\"", item->ring->in_flight);
	put_number(out, item, "state=\"held\"", item->ring->held);
}

static void put_oldest(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->ring->oldest_ns);
}

static void put_kicks(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->ring->kicks);
}

static void put_suppressed(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->ring->suppressed);
}

static void put_wakeups(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->ring->wakeups);
}

static void put_full(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->ring->full);
}

static void put_full_seconds(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->ring->full_ns);
}

/* ---- of what has counts ---- */

static void put_messages(struct output *out, const struct item *item)
{
	put_number(out, item, TX, item->counts->tx.messages);
	put_number(out, item, RX, item->counts->rx.messages);
}

static void put_bytes(struct output *out, const struct item *item)
{
	put_number(out, item, TX, item->counts->tx.bytes);
	put_number(out, item, RX, item->counts->rx.bytes);
}

static void put_last_of(struct output *out, const struct item *item, const char *direction,
			const struct rpmsg_flow *flow)
{
	if (flow->last_ns)
		put_seconds(out, item, direction,
			    snapshot_real_ns(&item->bus->now, flow->last_ns));
}

static void put_last(struct output *out, const struct item *item)
{
	put_last_of(out, item, TX, &item->counts->tx);
	put_last_of(out, item, RX, &item->counts->rx);
}

static void put_errors(struct output *out, const struct item *item)
{
	char label[40];

	for (int i = 0; i < RPMSG_ERRORS; i++) {
		snprintf(label, sizeof(label), "error=\"%s\"",
			 stats_error((enum rpmsg_send_error)i));
		put_number(out, item, label, item->counts->errors[i]);
	}
}

static void put_dropped(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->counts->dropped);
}

static void put_waits(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->counts->waits);
}

static void put_wait_seconds(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->counts->wait_ns);
}

static void put_histogram(struct output *out, const struct item *item, const char *direction,
			  const struct rpmsg_flow *flow)
{
	uint64_t below = 0;
	char label[64];

	for (unsigned k = 0; k < RPMSG_FLOW_SIZES; k++) {
		below += flow->sizes[k];
		snprintf(label, sizeof(label), "%s,le=\"%u.0\"", direction, (1U << k) - 1);
		begin_sample(out, item, "_bucket", label);
		fprintf(out->file, "%" PRIu64 "\n", below);
	}
	snprintf(label, sizeof(label), "%s,le=\"+Inf\"", direction);
	begin_sample(out, item, "_bucket", label);
	fprintf(out->file, "%" PRIu64 "\n", below);
	begin_sample(out, item, "_sum", direction);
	fprintf(out->file, "%" PRIu64 "\n", flow->bytes);
	begin_sample(out, item, "_count", direction);
	fprintf(out->file, "%" PRIu64 "\n", below);
}

static void put_sizes(struct output *out, const struct item *item)
{
	put_histogram(out, item, TX, &item->counts->tx);
	put_histogram(out, item, RX, &item->counts->rx);
}

/* ---- of a channel ---- */

static void put_bound(struct output *out, const struct item *item)
{
	put_number(out, item, "", channel_is_bound(item->channel));
}

/* ---- of an endpoint ---- */

static void put_holder(struct output *out, const struct item *item)
{
	const char *kind = holder_word(item->endpoint->holder_kind);
	char labels[LABELS_SIZE];
	char *at = append_label(labels, "kind", kind ? kind : "");

	*append_label(append_text(at, ","), "holder", item->endpoint->holder) = '\0';
	put_number(out, item, labels, 1);
}

static void put_waiting(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->endpoint->waiting);
}

static void put_waiting_seconds(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->endpoint->waiting_ns);
}

static void put_queued(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->endpoint->queued);
}

static void put_queued_seconds(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->endpoint->queued_ns);
}

static void put_held(struct output *out, const struct item *item)
{
	put_number(out, item, "", item->endpoint->held);
}

static void put_held_seconds(struct output *out, const struct item *item)
{
	put_seconds(out, item, "", item->endpoint->held_ns);
}

/* ---- all of them ---- */

#define BUS (1U << SCOPE_BUS)
#define SIDE (1U << SCOPE_SIDE)
#define RING (1U << SCOPE_RING)
#define CHANNEL (1U << SCOPE_CHANNEL)
#define ENDPOINT (1U << SCOPE_ENDPOINT)

static const struct family families[] = {
	{BUS, GAUGE, "served", "Whether the bus could be asked.", put_served},
	{BUS, GAUGE, "up", "Whether the link is up.", put_up},
	{SIDE, GAUGE, "info", "Negotiated features.", put_features},
	{SIDE, GAUGE, "generation", "Times that the link has come up.", put_generation},
	{SIDE, GAUGE, "start_timestamp_seconds", "When counting began.", put_start},
	{SIDE, GAUGE, "mtu_bytes", "Longest message, 0 if not known.", put_mtu},
	{SIDE, GAUGE, "channels", "Channels there are.", put_channels},
	{SIDE, GAUGE, "endpoints", "Endpoints there are.", put_endpoints},
	{SIDE, COUNTER, "no_recipient_messages", "Received for an address that nobody has.",
	 put_no_recipient},
	{SIDE, COUNTER, "malformed", "Ring entries and headers refused.", put_malformed},
	{SIDE, COUNTER, "ns_refused_messages", "Name service messages refused.", put_ns_refused},
	{RING, GAUGE, "buffers", "Buffers of the virtqueue by state.", put_buffers},
	{RING, GAUGE, "oldest_seconds", "For how long a buffer has been out, 0 if none is.",
	 put_oldest},
	{RING, COUNTER, "kicks", "Notifications sent.", put_kicks},
	{RING, COUNTER, "kicks_suppressed", "Buffers without a notification of their own.",
	 put_suppressed},
	{RING, COUNTER, "wakeups", "Notifications received.", put_wakeups},
	{RING, COUNTER, "full", "Times that no buffer was free for a send.", put_full},
	{RING, COUNTER, "full_seconds", "For how long none was.", put_full_seconds},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "messages", "Messages sent and received.",
	 put_messages},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "payload_bytes", "Bytes of payload.", put_bytes},
	{SIDE | CHANNEL | ENDPOINT, GAUGE, "last_message_timestamp_seconds",
	 "When the last message passed.", put_last},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "send_errors", "Failed sends.", put_errors},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "dropped_messages",
	 "Received and thrown away because nobody read them.", put_dropped},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "send_waits", "Sends that waited for a buffer.",
	 put_waits},
	{SIDE | CHANNEL | ENDPOINT, COUNTER, "send_wait_seconds", "For how long they waited.",
	 put_wait_seconds},
	{SIDE | CHANNEL, HISTOGRAM, "message_size_bytes", "Messages by payload.", put_sizes},
	{CHANNEL, GAUGE, "bound", "Whether somebody uses the channel.", put_bound},
	{ENDPOINT, GAUGE, "info", "Whose the endpoint is.", put_holder},
	{ENDPOINT, GAUGE, "waiting_sends", "Sends that wait for a buffer now.", put_waiting},
	{ENDPOINT, GAUGE, "waiting_seconds", "For how long.", put_waiting_seconds},
	{ENDPOINT, GAUGE, "queued_messages", "Received and not read yet.", put_queued},
	{ENDPOINT, GAUGE, "queued_seconds", "For how long nothing was read.", put_queued_seconds},
	{ENDPOINT, GAUGE, "held_buffers", "Buffers of the ring among them.", put_held},
	{ENDPOINT, GAUGE, "held_seconds", "For how long the oldest.", put_held_seconds},
};
#define N_FAMILIES (sizeof(families) / sizeof(*families))

/* ---- who has them ---- */

static void put(struct output *out, struct item *item)
{
	set_labels(item);
	out->family->put(out, item);
}

static void put_rings(struct output *out, struct item *item)
{
	const struct rpmsg_ring_stats *ring[] = {
		&item->side->stats.tx_ring, &item->side->stats.rx_ring,
	};

	for (int i = 0; i < 2; i++) {
		item->ring = ring[i];
		if (ring[i]->size)
			put(out, item);
	}
	item->ring = NULL;
}

static void put_all_channels(struct output *out, struct item *item, const struct config *cfg)
{
	for (size_t i = 0; i < item->side->n_channels; i++) {
		item->channel = &item->side->channel[i];
		item->counts = &item->channel->counts;
		if (stats_wants(cfg, item->channel->info.name))
			put(out, item);
	}
	item->channel = NULL;
}

static void put_all_endpoints(struct output *out, struct item *item, const struct config *cfg)
{
	for (size_t i = 0; i < item->side->n_endpoints; i++) {
		item->endpoint = &item->side->endpoint[i];
		item->counts = &item->endpoint->counts;
		if (stats_wants(cfg, item->endpoint->channel.name))
			put(out, item);
	}
	item->endpoint = NULL;
}

static void put_side(struct output *out, struct item *item, const struct config *cfg)
{
	switch (out->scope) {
	case SCOPE_RING:
		put_rings(out, item);
		return;
	case SCOPE_CHANNEL:
		put_all_channels(out, item, cfg);
		return;
	case SCOPE_ENDPOINT:
		put_all_endpoints(out, item, cfg);
		return;
	default:
		item->counts = &item->side->stats.counts;
		put(out, item);
	}
}

static void put_family(struct output *out, const struct stats *st)
{
	struct item item;

	out->begun = false;
	for (size_t i = 0; i < st->n; i++) {
		item = (struct item){.bus = &st->bus[i]};
		if (out->scope == SCOPE_BUS)
			put(out, &item);
		for (int k = 0; k < 2 && item.bus->served && out->scope != SCOPE_BUS; k++) {
			item.side = &item.bus->now.side[k];
			if (item.side->served)
				put_side(out, &item, st->cfg);
		}
	}
}

/* ---- one sample for each set of labels: the collector refuses a file that has two ---- */

static int by_address(const void *a, const void *b)
{
	const struct rpmsg_endpoint_stats *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->id < y->id) - (x->id > y->id);
}

/* An endpoint that lost its channel may live beside a newer one that has its address: that one. */
static void keep_addresses_once(struct snapshot_side *side)
{
	size_t kept = 0;

	if (side->n_endpoints)
		qsort(side->endpoint, side->n_endpoints, sizeof(*side->endpoint), by_address);
	for (size_t i = 0; i < side->n_endpoints; i++)
		if (!kept || side->endpoint[kept - 1].addr != side->endpoint[i].addr)
			side->endpoint[kept++] = side->endpoint[i];
	side->n_endpoints = kept;
}

static int by_key(const void *a, const void *b)
{
	const struct rpmsg_channel_status *x = a, *y = b;
	int order = strcmp(x->info.name, y->info.name);

	if (!order)
		order = (x->info.src > y->info.src) - (x->info.src < y->info.src);
	if (!order)
		order = (x->info.dst > y->info.dst) - (x->info.dst < y->info.dst);
	return order ? order : (int)x->origin - (int)y->origin;
}

static void keep_channels_once(struct snapshot_side *side)
{
	size_t kept = 0;

	if (side->n_channels)
		qsort(side->channel, side->n_channels, sizeof(*side->channel), by_key);
	for (size_t i = 0; i < side->n_channels; i++)
		if (!kept || by_key(&side->channel[kept - 1], &side->channel[i]))
			side->channel[kept++] = side->channel[i];
	side->n_channels = kept;
}

int stats_print_metrics(struct stats *st)
{
	struct output out = {.file = st->fmt.file};

	for (size_t i = 0; i < 2 * st->n; i++) {
		struct snapshot_side *side = &st->bus[i / 2].now.side[i % 2];

		keep_addresses_once(side);
		keep_channels_once(side);
	}
	errno = 0;
	for (size_t i = 0; i < N_SCOPES * N_FAMILIES; i++) {
		out.family = &families[i % N_FAMILIES];
		out.scope = (enum scope)(i / N_FAMILIES);
		if (out.family->scopes >> out.scope & 1)
			put_family(&out, st);
	}
	fputs("# EOF\n", out.file);
	if (!ferror(out.file) && !fflush(out.file))
		return 0;
	return errno ? -errno : -EIO;
}
