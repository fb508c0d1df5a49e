/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics as JSON objects, a line each: {"type":"stats","what":"bus"|"channel"|"endpoint",...}.
 * rpmsg-ns stats -j and rpmsg-top --batch -j print the same, the latter with rates added.
 */
#ifndef CMD_STATS_JSON_H
#define CMD_STATS_JSON_H

#include <json-c/json.h>

#include "common/snapshot.h"

/* The caller's, for format_json_line(); NULL if memory ran out. s->side[side] is served. */
struct json_object *stats_json_bus(const struct snapshot *s, enum rpmsg_side side);
struct json_object *stats_json_channel(const struct snapshot *s, enum rpmsg_side side,
				       const struct rpmsg_channel_status *channel);
struct json_object *stats_json_endpoint(const struct snapshot *s, enum rpmsg_side side,
					const struct rpmsg_endpoint_stats *endpoint);

/* "host" or "remote"; the word of an error kind ("no_buffer"), as all forms of output have it. */
const char *stats_side(enum rpmsg_side side);
const char *stats_error(enum rpmsg_send_error error);
/* Negotiated features as words with spaces between: "VERSION_1 NS EVENT_IDX"; cut to size. */
void stats_features(uint64_t features, char *text, size_t size);

#endif
