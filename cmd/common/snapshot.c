/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/format.h"
#include "common/run.h"

/* ---- the sides of a bus ---- */

static int open_other(struct sides *sides, const char *spec, enum rpmsg_side side)
{
	const struct rpmsg_bus_options options = { .size = sizeof(options), .side = side };
	struct rpmsg_bus *bus = rpmsg_bus_open(spec, &options);

	if (!bus)
		return -errno;
	sides->bus[side - RPMSG_SIDE_HOST] = bus;
	return 0;
}

int sides_open(struct sides *sides, struct rpmsg_bus *bus, const char *spec, bool both)
{
	struct rpmsg_bus_info info;
	int err = bus_info(bus, &info);

	*sides = (struct sides){ 0 };
	if (err) {
		sides->bus[0] = bus;
		return err;
	}
	sides->bus[info.side - RPMSG_SIDE_HOST] = bus;
	if (!both || !info.both_sides)
		return 0;
	return open_other(sides, spec,
			  info.side == RPMSG_SIDE_HOST ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST);
}

void sides_close(struct sides *sides)
{
	rpmsg_bus_close(sides->bus[0]);
	rpmsg_bus_close(sides->bus[1]);
	*sides = (struct sides){ 0 };
}

/* ---- reading ---- */

/* An element more, zeroed; NULL if memory ran out. */
static void *extend(void **array, size_t *n, size_t *room, size_t size)
{
	if (*n == *room) {
		size_t more = *room ? 2 * *room : 16;
		void *larger = reallocarray(*array, more, size);

		if (!larger)
			return NULL;
		*array = larger;
		*room = more;
	}
	return memset((char *)*array + (*n)++ * size, 0, size);
}

struct rpmsg_channel_status *snapshot_add_channel(struct snapshot_side *side)
{
	void *array = side->channel, *added;

	added = extend(&array, &side->n_channels, &side->room_channels, sizeof(*side->channel));
	side->channel = array;
	return added;
}

struct rpmsg_endpoint_stats *snapshot_add_endpoint(struct snapshot_side *side)
{
	void *array = side->endpoint, *added;

	added = extend(&array, &side->n_endpoints, &side->room_endpoints, sizeof(*side->endpoint));
	side->endpoint = array;
	return added;
}

static int keep_channel(const struct rpmsg_channel_status *st, void *arg)
{
	struct rpmsg_channel_status *kept = snapshot_add_channel(arg);

	if (!kept)
		return -ENOMEM;
	*kept = *st;
	kept->rpdev = NULL;
	return 0;
}

static int keep_endpoint(const struct rpmsg_endpoint_stats *st, void *arg)
{
	struct rpmsg_endpoint_stats *kept = snapshot_add_endpoint(arg);

	if (!kept)
		return -ENOMEM;
	*kept = *st;
	return 0;
}

static int read_side(struct snapshot_side *side, struct rpmsg_bus *bus)
{
	int err;

	side->stats = (struct rpmsg_stats){ .size = sizeof(side->stats) };
	err = rpmsg_bus_get_stats(bus, &side->stats);
	if (!err)
		err = bus_info(bus, &side->info);
	if (!err)
		err = rpmsg_bus_for_each_channel(bus, keep_channel, side);
	if (!err)
		err = rpmsg_bus_for_each_endpoint(bus, keep_endpoint, side);
	side->served = !err;
	return err;
}

int snapshot_read(struct snapshot *snapshot, const struct sides *sides)
{
	int err = 0;

	for (int i = 0; i < 2; i++) {
		snapshot->side[i].served = false;
		snapshot->side[i].n_channels = snapshot->side[i].n_endpoints = 0;
	}
	for (int i = 0; i < 2 && !err; i++) {
		if (!sides->bus[i])
			continue;
		err = read_side(&snapshot->side[i], sides->bus[i]);
		memcpy(snapshot->bus, snapshot->side[i].info.name, sizeof(snapshot->bus));
	}
	snapshot->clock_ns = (uint64_t)run_now();
	snapshot->time_ns = format_real_ns(snapshot->clock_ns);
	return err;
}

uint64_t snapshot_real_ns(const struct snapshot *snapshot, uint64_t last_ns)
{
	return snapshot->time_ns - snapshot->clock_ns + last_ns;
}

void snapshot_free(struct snapshot *snapshot)
{
	for (int i = 0; i < 2; i++) {
		free(snapshot->side[i].channel);
		free(snapshot->side[i].endpoint);
	}
	*snapshot = (struct snapshot){ 0 };
}

/* ---- counts ---- */

static void flow_add(struct rpmsg_flow *sum, const struct rpmsg_flow *more)
{
	sum->messages += more->messages;
	sum->bytes += more->bytes;
	if (more->last_ns > sum->last_ns)
		sum->last_ns = more->last_ns;
	for (int i = 0; i < RPMSG_FLOW_SIZES; i++)
		sum->sizes[i] += more->sizes[i];
}

void counts_add(struct rpmsg_counts *sum, const struct rpmsg_counts *more)
{
	flow_add(&sum->tx, &more->tx);
	flow_add(&sum->rx, &more->rx);
	for (int i = 0; i < RPMSG_ERRORS; i++)
		sum->errors[i] += more->errors[i];
	sum->dropped += more->dropped;
	sum->waits += more->waits;
	sum->wait_ns += more->wait_ns;
}

uint64_t counts_errors(const struct rpmsg_counts *counts)
{
	uint64_t n = 0;

	for (int i = 0; i < RPMSG_ERRORS; i++)
		n += counts->errors[i];
	return n;
}
