/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/stats_json.h"

#include <stdio.h>
#include <string.h>

#include "common/append.h"
#include "common/channel_text.h"
#include "common/format.h"

/* ---- words ---- */

const char *stats_side(enum rpmsg_side side)
{
	return side == RPMSG_SIDE_REMOTE ? "remote" : "host";
}

const char *stats_error(enum rpmsg_send_error error)
{
	static const char *const word[RPMSG_ERRORS] = {
		[RPMSG_ERROR_NO_BUFFER] = "no_buffer", [RPMSG_ERROR_TIMEOUT] = "timeout",
		[RPMSG_ERROR_TOO_LONG] = "too_long",   [RPMSG_ERROR_NO_DST] = "no_dst",
		[RPMSG_ERROR_DOWN] = "down",           [RPMSG_ERROR_LOST] = "lost",
		[RPMSG_ERROR_OTHER] = "other",
	};

	return (unsigned)error < RPMSG_ERRORS ? word[error] : "other";
}

static const struct {
	uint64_t bit;
	const char *word;
} features_known[] = {
	{ RPMSG_F_VERSION_1, "VERSION_1" },
	{ RPMSG_F_NS, "NS" },
	{ RPMSG_F_INDIRECT, "INDIRECT" },
	{ RPMSG_F_EVENT_IDX, "EVENT_IDX" },
};
#define N_FEATURES (sizeof(features_known) / sizeof(*features_known))

void stats_features(uint64_t features, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < N_FEATURES && at < size; i++)
		if (features & features_known[i].bit)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " " : "",
					       features_known[i].word);
}

/* ---- pieces ---- */

static void add_seconds(struct json_object *obj, const char *key, uint64_t ns)
{
	char text[40];

	*append_seconds(text, ns, 9) = '\0';
	format_json_string(obj, key, text);
}

/* null if it is not known, which is 0. */
static void add_known_seconds(struct json_object *obj, const char *key, uint64_t ns)
{
	if (ns)
		add_seconds(obj, key, ns);
	else
		json_object_object_add(obj, key, NULL);
}

static void add_known(struct json_object *obj, const char *key, uint64_t value)
{
	if (value)
		format_json_uint(obj, key, value);
	else
		json_object_object_add(obj, key, NULL);
}

static void add_bool(struct json_object *obj, const char *key, bool value)
{
	json_object_object_add(obj, key, json_object_new_boolean(value));
}

static struct json_object *sizes_json(const struct rpmsg_flow *flow)
{
	struct json_object *obj = json_object_new_object();
	char range[32];

	for (unsigned k = 0; obj && k < RPMSG_FLOW_SIZES; k++) {
		if (!flow->sizes[k])
			continue;
		if (k < 2)
			snprintf(range, sizeof(range), "%u", k);
		else
			snprintf(range, sizeof(range), "%u-%u", 1U << (k - 1), (1U << k) - 1);
		format_json_uint(obj, range, flow->sizes[k]);
	}
	return obj;
}

static void add_flow(struct json_object *obj, const char *key, const struct rpmsg_flow *flow,
		     const struct snapshot *s)
{
	struct json_object *json = json_object_new_object();

	if (!json)
		return;
	format_json_uint(json, "messages", flow->messages);
	format_json_uint(json, "bytes", flow->bytes);
	add_known_seconds(json, "last", flow->last_ns ? snapshot_real_ns(s, flow->last_ns) : 0);
	json_object_object_add(json, "sizes", sizes_json(flow));
	json_object_object_add(obj, key, json);
}

static void add_counts(struct json_object *obj, const struct rpmsg_counts *counts,
		       const struct snapshot *s)
{
	struct json_object *errors = json_object_new_object();

	add_flow(obj, "tx", &counts->tx, s);
	add_flow(obj, "rx", &counts->rx, s);
	for (int i = 0; errors && i < RPMSG_ERRORS; i++)
		format_json_uint(errors, stats_error((enum rpmsg_send_error)i), counts->errors[i]);
	json_object_object_add(obj, "errors", errors);
	format_json_uint(obj, "dropped", counts->dropped);
	format_json_uint(obj, "waits", counts->waits);
	add_seconds(obj, "wait_seconds", counts->wait_ns);
}

static void add_ring(struct json_object *obj, const char *key, const struct rpmsg_ring_stats *ring)
{
	struct json_object *json = ring->size ? json_object_new_object() : NULL;

	json_object_object_add(obj, key, json);
	if (!json)
		return;
	format_json_uint(json, "size", ring->size);
	format_json_uint(json, "free", ring->free);
	format_json_uint(json, "in_flight", ring->in_flight);
	format_json_uint(json, "held", ring->held);
	add_known_seconds(json, "oldest_seconds", ring->oldest_ns);
	format_json_string(json, "holder", ring->holder);
	format_json_uint(json, "kicks", ring->kicks);
	format_json_uint(json, "suppressed", ring->suppressed);
	format_json_uint(json, "wakeups", ring->wakeups);
	format_json_uint(json, "full", ring->full);
	add_seconds(json, "full_seconds", ring->full_ns);
}

static struct json_object *stray_json(const struct rpmsg_stray *stray, const struct snapshot *s)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	format_json_addr(obj, "src", stray->src);
	format_json_addr(obj, "dst", stray->dst);
	format_json_uint(obj, "messages", stray->messages);
	format_json_uint(obj, "bytes", stray->bytes);
	add_known_seconds(obj, "last", stray->last_ns ? snapshot_real_ns(s, stray->last_ns) : 0);
	return obj;
}

static void add_strays(struct json_object *obj, const struct rpmsg_stats *stats,
		       const struct snapshot *s)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; array && i < stats->n_strays && i < RPMSG_STRAYS; i++)
		json_object_array_add(array, stray_json(&stats->stray[i], s));
	json_object_object_add(obj, "strays", array);
	add_bool(obj, "strays_forgotten", stats->strays_forgotten);
}

static void add_features(struct json_object *obj, uint64_t features)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < N_FEATURES; i++)
		if (features & features_known[i].bit)
			json_object_array_add(array,
					      json_object_new_string(features_known[i].word));
	json_object_object_add(obj, "features", array);
}

/* ---- lines ---- */

/* When the side counted: the other one has done that earlier or later. */
static uint64_t side_time(const struct snapshot *s, enum rpmsg_side side)
{
	uint64_t counted = s->side[side - RPMSG_SIDE_HOST].stats.time_ns;

	return counted ? snapshot_real_ns(s, counted) : s->time_ns;
}

static struct json_object *new_line(const struct snapshot *s, enum rpmsg_side side,
				    const char *what)
{
	struct json_object *obj = format_json_new("stats", side_time(s, side), s->bus);

	if (!obj)
		return NULL;
	format_json_string(obj, "what", what);
	format_json_string(obj, "side", stats_side(side));
	return obj;
}

struct json_object *stats_json_bus(const struct snapshot *s, enum rpmsg_side side)
{
	const struct snapshot_side *at = &s->side[side - RPMSG_SIDE_HOST];
	const struct rpmsg_bus_info *info = &at->info;
	struct json_object *obj = new_line(s, side, "bus");

	if (!obj)
		return NULL;
	add_bool(obj, "up", info->up);
	format_json_uint(obj, "generation", info->generation);
	add_features(obj, info->features);
	add_known(obj, "num", info->num);
	add_known(obj, "buffer_size", info->buffer_size);
	add_known(obj, "mtu_tx", info->mtu_tx);
	add_known(obj, "mtu_rx", info->mtu_rx);
	format_json_uint(obj, "channels", at->stats.n_channels);
	format_json_uint(obj, "endpoints", at->stats.n_endpoints);
	add_counts(obj, &at->stats.counts, s);
	format_json_uint(obj, "no_recipient", at->stats.no_recipient);
	format_json_uint(obj, "malformed", at->stats.malformed);
	format_json_uint(obj, "ns_refused", at->stats.ns_refused);
	add_ring(obj, "tx_ring", &at->stats.tx_ring);
	add_ring(obj, "rx_ring", &at->stats.rx_ring);
	add_strays(obj, &at->stats, s);
	return obj;
}

struct json_object *stats_json_channel(const struct snapshot *s, enum rpmsg_side side,
				       const struct rpmsg_channel_status *channel)
{
	struct json_object *obj = new_line(s, side, "channel");

	if (!obj)
		return NULL;
	channel_json(obj, channel);
	add_known(obj, "mtu", channel->mtu);
	add_counts(obj, &channel->counts, s);
	return obj;
}

struct json_object *stats_json_endpoint(const struct snapshot *s, enum rpmsg_side side,
					const struct rpmsg_endpoint_stats *endpoint)
{
	struct json_object *obj = new_line(s, side, "endpoint");

	if (!obj)
		return NULL;
	format_json_uint(obj, "id", endpoint->id);
	format_json_string(obj, "service", endpoint->channel.name);
	format_json_addr(obj, "src", endpoint->addr);
	format_json_addr(obj, "dst", endpoint->dst);
	add_bool(obj, "own", endpoint->own);
	holder_json(obj, endpoint->holder_kind, endpoint->holder_pid, endpoint->holder);
	add_counts(obj, &endpoint->counts, s);
	format_json_uint(obj, "waiting", endpoint->waiting);
	add_seconds(obj, "waiting_seconds", endpoint->waiting_ns);
	format_json_uint(obj, "queued", endpoint->queued);
	add_seconds(obj, "queued_seconds", endpoint->queued_ns);
	format_json_uint(obj, "held", endpoint->held);
	add_seconds(obj, "held_seconds", endpoint->held_ns);
	return obj;
}
