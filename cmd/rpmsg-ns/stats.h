/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns stats: what stats.c reads, and those who print it. */
#ifndef RPMSG_NS_STATS_H
#define RPMSG_NS_STATS_H

#include "common/snapshot.h"
#include "rpmsg-ns/ns.h"

struct stats_bus {
	char name[RPMSG_BUS_NAME_SIZE];
	struct sides sides;
	bool served; /* else it has no pictures */
	struct snapshot now, before, shown;
};
/* All zero is none. */
struct stats {
	struct config *cfg;
	struct format fmt;
	struct stats_bus *bus;
	size_t n;
	uint64_t round; /* from 0 */
};

/* Whether NAMEs choose this service. */
bool stats_wants(const struct config *cfg, const char *service);

/* stats_open.c: says what went wrong; sides that are open are to be closed in any case. */
enum tool_exit stats_open(struct stats *st);
/* The same, but a bus that cannot be opened is one that is not served. */
enum tool_exit stats_open_any(struct stats *st);
void stats_close(struct stats *st);

/* stats_since.c: makes *shown what has come in *now since *before; -ENOMEM. */
int stats_since(struct snapshot *shown, const struct snapshot *now, const struct snapshot *before);

/* stats_text.c: a report of what is shown of a side; 0 or -errno. */
int stats_print(struct stats *st, const struct snapshot *s, enum rpmsg_side side);

/* stats_metrics.c: all buses; 0 or -errno. */
int stats_print_metrics(struct stats *st);

#endif
