/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bus tells of itself at one moment: both of its sides, as far as they are served here.
 */
#ifndef CMD_SNAPSHOT_H
#define CMD_SNAPSHOT_H

#include <rpmsg.h>

/* A side of a bus. */
struct snapshot_side {
	bool served; /* else nothing else is set */
	struct rpmsg_bus_info info;
	struct rpmsg_stats stats;
	struct rpmsg_channel_status *channel; /* rpdev is not kept */
	size_t n_channels;
	struct rpmsg_endpoint_stats *endpoint; /* by id */
	size_t n_endpoints;
	size_t room_channels, room_endpoints; /* private */
};

struct snapshot {
	char bus[RPMSG_BUS_NAME_SIZE];
	uint64_t time_ns;  /* CLOCK_REALTIME, */
	uint64_t clock_ns; /* and by the clock of last_ns in all counts */
	struct snapshot_side side[2]; /* host, remote */
};

/* A bus with those of its sides that are asked for. All zero is none. */
struct sides {
	struct rpmsg_bus *bus[2]; /* host, remote; or NULL */
};

/*
 * Takes bus over, and opens the other side of it too if rpmsgd serves that and both is set. spec:
 * as bus was opened. 0, or -errno with rpmsg_error_detail(); sides is to be closed in any case.
 */
int sides_open(struct sides *sides, struct rpmsg_bus *bus, const char *spec, bool both);
void sides_close(struct sides *sides);

/*
 * Reads anew into *snapshot (all zero at first), using its memory again. 0, -ENOMEM, or what
 * the library says (-EPIPE: the server has gone); then *snapshot holds nothing of use.
 */
int snapshot_read(struct snapshot *snapshot, const struct sides *sides);
void snapshot_free(struct snapshot *snapshot);

/* CLOCK_REALTIME of a last_ns in it. */
uint64_t snapshot_real_ns(const struct snapshot *snapshot, uint64_t last_ns);

/* For who makes one up: appends a zeroed element; NULL if memory ran out. */
struct rpmsg_channel_status *snapshot_add_channel(struct snapshot_side *side);
struct rpmsg_endpoint_stats *snapshot_add_endpoint(struct snapshot_side *side);

/* more's counts are added to sum; the later last_ns stays. */
void counts_add(struct rpmsg_counts *sum, const struct rpmsg_counts *more);
uint64_t counts_errors(const struct rpmsg_counts *counts);

#endif
