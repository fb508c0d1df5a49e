/* SPDX-License-Identifier: BSD-2-Clause */
/* What a channel's state, origin and holder are called, for people and as JSON. */
#ifndef CMD_CHANNEL_TEXT_H
#define CMD_CHANNEL_TEXT_H

#include <json-c/json.h>
#include <rpmsg.h>

/* Whether somebody uses it: our side's holder, or for a service of ours the other side. */
bool channel_is_bound(const struct rpmsg_channel_status *st);
/* "bound", "announced, never bound", ... */
const char *channel_state(const struct rpmsg_channel_status *st);
/* "learned", "service", "static" */
const char *channel_origin(enum rpmsg_channel_origin origin);

/* "driver", "client", "bus"; NULL: nobody */
const char *holder_word(enum rpmsg_holder_kind kind);
/* "pid 12 (rpmsg-listen)", "driver x", "nobody", ...: printable, cut to size. */
#define HOLDER_TEXT_SIZE 96
void holder_text(enum rpmsg_holder_kind kind, int pid, const char *holder, char *text,
		 size_t size);

/* Adds holder, holder_name, and holder_pid if there is one. */
void holder_json(struct json_object *obj, enum rpmsg_holder_kind kind, int pid,
		 const char *holder);
/* Adds service, src, dst, origin, state and the holder. */
void channel_json(struct json_object *obj, const struct rpmsg_channel_status *st);

#endif
