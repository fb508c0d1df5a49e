/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/channel_text.h"

#include <stdio.h>
#include <string.h>

#include "common/format.h"

static bool is_held(const struct rpmsg_channel_status *st)
{
	return st->holder_kind != RPMSG_HOLDER_NONE && st->holder_kind != RPMSG_HOLDER_BUS;
}

bool channel_is_bound(const struct rpmsg_channel_status *st)
{
	return st->origin == RPMSG_CHANNEL_SERVICE ? st->announced && st->peer_seen : is_held(st);
}

const char *channel_state(const struct rpmsg_channel_status *st)
{
	if (st->origin == RPMSG_CHANNEL_STATIC)
		return is_held(st) ? "static, bound" : "static";
	if (st->origin == RPMSG_CHANNEL_SERVICE && !st->announced)
		return "not announced yet";
	if (channel_is_bound(st))
		return "bound";
	if (st->origin == RPMSG_CHANNEL_LEARNED && st->info.src != RPMSG_ADDR_ANY)
		return "unbound";
	return "announced, never bound";
}

const char *channel_origin(enum rpmsg_channel_origin origin)
{
	switch (origin) {
	case RPMSG_CHANNEL_SERVICE:
		return "service";
	case RPMSG_CHANNEL_STATIC:
		return "static";
	case RPMSG_CHANNEL_LEARNED:
		break;
	}
	return "learned";
}

const char *holder_word(enum rpmsg_holder_kind kind)
{
	switch (kind) {
	case RPMSG_HOLDER_DRIVER:
		return "driver";
	case RPMSG_HOLDER_CLIENT:
	case RPMSG_HOLDER_SELF:
		return "client";
	case RPMSG_HOLDER_BUS:
		return "bus";
	case RPMSG_HOLDER_NONE:
		break;
	}
	return NULL;
}

void holder_text(enum rpmsg_holder_kind kind, int pid, const char *holder, char *text, size_t size)
{
	char name[HOLDER_TEXT_SIZE];

	format_printable(name, sizeof(name), holder, strlen(holder));
	switch (kind) {
	case RPMSG_HOLDER_DRIVER:
		snprintf(text, size, "driver %s", name);
		return;
	case RPMSG_HOLDER_CLIENT:
		snprintf(text, size, "pid %d (%s)", pid, name);
		return;
	case RPMSG_HOLDER_SELF:
		snprintf(text, size, "this process");
		return;
	case RPMSG_HOLDER_BUS:
		snprintf(text, size, "bus");
		return;
	case RPMSG_HOLDER_NONE:
		snprintf(text, size, "nobody");
	}
}

void holder_json(struct json_object *obj, enum rpmsg_holder_kind kind, int pid, const char *holder)
{
	format_json_string(obj, "holder", holder_word(kind));
	format_json_string(obj, "holder_name", holder);
	if (pid)
		format_json_uint(obj, "holder_pid", (uint64_t)pid);
}

void channel_json(struct json_object *obj, const struct rpmsg_channel_status *st)
{
	format_json_string(obj, "service", st->info.name);
	format_json_addr(obj, "src", st->info.src);
	format_json_addr(obj, "dst", st->info.dst);
	format_json_string(obj, "origin", channel_origin(st->origin));
	format_json_string(obj, "state", channel_state(st));
	holder_json(obj, st->holder_kind, st->holder_pid, st->holder);
}
