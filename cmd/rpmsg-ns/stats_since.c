/* SPDX-License-Identifier: BSD-2-Clause */
/* What has come from one picture of a bus to the next. */
#include <errno.h>
#include <string.h>

#include "rpmsg-ns/stats.h"

/* What counts goes up, unless it began anew. */
static void since(uint64_t *n, uint64_t before)
{
	if (*n >= before)
		*n -= before;
}

static void flow_since(struct rpmsg_flow *flow, const struct rpmsg_flow *before)
{
	since(&flow->messages, before->messages);
	since(&flow->bytes, before->bytes);
	for (int i = 0; i < RPMSG_FLOW_SIZES; i++)
		since(&flow->sizes[i], before->sizes[i]);
}

static void counts_since(struct rpmsg_counts *counts, const struct rpmsg_counts *before)
{
	flow_since(&counts->tx, &before->tx);
	flow_since(&counts->rx, &before->rx);
	for (int i = 0; i < RPMSG_ERRORS; i++)
		since(&counts->errors[i], before->errors[i]);
	since(&counts->dropped, before->dropped);
	since(&counts->waits, before->waits);
	since(&counts->wait_ns, before->wait_ns);
}

static void ring_since(struct rpmsg_ring_stats *ring, const struct rpmsg_ring_stats *before)
{
	since(&ring->kicks, before->kicks);
	since(&ring->suppressed, before->suppressed);
	since(&ring->wakeups, before->wakeups);
	since(&ring->full, before->full);
	since(&ring->full_ns, before->full_ns);
}

/* A stray without new messages is none. */
static void strays_since(struct rpmsg_stats *stats, const struct rpmsg_stats *before)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < stats->n_strays; i++) {
		struct rpmsg_stray s = stats->stray[i];

		for (uint32_t k = 0; k < before->n_strays; k++) {
			if (before->stray[k].src != s.src || before->stray[k].dst != s.dst)
				continue;
			since(&s.messages, before->stray[k].messages);
			since(&s.bytes, before->stray[k].bytes);
		}
		if (s.messages)
			stats->stray[kept++] = s;
	}
	stats->n_strays = kept;
	stats->strays_forgotten = false;
}

static void stats_of_side_since(struct rpmsg_stats *stats, const struct rpmsg_stats *before)
{
	counts_since(&stats->counts, &before->counts);
	since(&stats->no_recipient, before->no_recipient);
	since(&stats->malformed, before->malformed);
	since(&stats->ns_refused, before->ns_refused);
	ring_since(&stats->tx_ring, &before->tx_ring);
	ring_since(&stats->rx_ring, &before->rx_ring);
	strays_since(stats, before);
	stats->since_ns = before->time_ns;
}

/* The address that a channel keeps for its life: ours is not known before somebody binds it. */
static bool same_channel(const struct rpmsg_channel_status *a, const struct rpmsg_channel_status *b)
{
	bool service = a->origin == RPMSG_CHANNEL_SERVICE;

	return a->origin == b->origin && !strcmp(a->info.name, b->info.name) &&
	       (service ? a->info.src == b->info.src : a->info.dst == b->info.dst);
}

/* Both lists are in order of age, so that what is on both is found where the last one was. */
static void channels_since(struct snapshot_side *side, const struct snapshot_side *before)
{
	size_t from = 0;

	for (size_t i = 0; i < side->n_channels; i++) {
		size_t k = from;

		while (k < before->n_channels &&
		       !same_channel(&side->channel[i], &before->channel[k]))
			k++;
		if (k == before->n_channels)
			continue;
		counts_since(&side->channel[i].counts, &before->channel[k].counts);
		from = k + 1;
	}
}

static void endpoints_since(struct snapshot_side *side, const struct snapshot_side *before)
{
	size_t k = 0;

	for (size_t i = 0; i < side->n_endpoints; i++) {
		struct rpmsg_endpoint_stats *e = &side->endpoint[i];

		while (k < before->n_endpoints && before->endpoint[k].id < e->id)
			k++;
		if (k < before->n_endpoints && before->endpoint[k].id == e->id)
			counts_since(&e->counts, &before->endpoint[k].counts);
	}
}

static int copy_side(struct snapshot_side *to, const struct snapshot_side *from)
{
	to->served = from->served;
	to->info = from->info;
	to->stats = from->stats;
	to->n_channels = to->n_endpoints = 0;
	for (size_t i = 0; i < from->n_channels; i++) {
		struct rpmsg_channel_status *channel = snapshot_add_channel(to);

		if (!channel)
			return -ENOMEM;
		*channel = from->channel[i];
	}
	for (size_t i = 0; i < from->n_endpoints; i++) {
		struct rpmsg_endpoint_stats *endpoint = snapshot_add_endpoint(to);

		if (!endpoint)
			return -ENOMEM;
		*endpoint = from->endpoint[i];
	}
	return 0;
}

int stats_since(struct snapshot *shown, const struct snapshot *now, const struct snapshot *before)
{
	memcpy(shown->bus, now->bus, sizeof(shown->bus));
	shown->time_ns = now->time_ns;
	shown->clock_ns = now->clock_ns;
	for (int i = 0; i < 2; i++) {
		int err = copy_side(&shown->side[i], &now->side[i]);

		if (err)
			return err;
		if (!now->side[i].served || !before->side[i].served)
			continue;
		stats_of_side_since(&shown->side[i].stats, &before->side[i].stats);
		channels_since(&shown->side[i], &before->side[i]);
		endpoints_since(&shown->side[i], &before->side[i]);
	}
	return 0;
}
