/* SPDX-License-Identifier: BSD-2-Clause */
/* The channels of a bus at one moment, and what they are called. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "rpmsg-ns/ns.h"

struct reading {
	struct channel_table *table;
	const char *bus;
	bool kernel;
};

static int append(const struct rpmsg_channel_status *st, void *arg)
{
	struct reading *r = arg;
	struct channel_table *t = r->table;
	struct channel_row *row = reallocarray(t->row, t->n + 1, sizeof(*row));

	if (!row)
		return -ENOMEM;
	t->row = row;
	row += t->n++;
	memset(row, 0, sizeof(*row));
	memcpy(row->bus, r->bus, sizeof(row->bus));
	row->kernel = r->kernel;
	row->st = *st;
	row->st.rpdev = NULL;
	return 0;
}

enum tool_exit channels_read(struct rpmsg_bus *bus, struct channel_table *table)
{
	struct reading r = {.table = table};
	struct rpmsg_bus_info info;
	int err = bus_info(bus, &info);

	r.bus = info.name;
	r.kernel = !err && info.own_only;
	if (!err)
		err = rpmsg_bus_for_each_channel(bus, append, &r);
	if (!err)
		return TOOL_OK;
	bus_error("cannot list the channels", err);
	return err == -EPIPE ? TOOL_LINK_DOWN : TOOL_FAIL;
}

void channels_free(struct channel_table *table)
{
	free(table->row);
	table->row = NULL;
	table->n = 0;
}

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

static const char *holder_kind(enum rpmsg_holder_kind kind)
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

static const char *origin_name(enum rpmsg_channel_origin origin)
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

int channel_print_json(struct format *fmt, const struct channel_row *row)
{
	const struct rpmsg_channel_status *st = &row->st;
	struct json_object *obj = format_json_new("channel", format_now_ns(), row->bus);

	if (!obj)
		return -ENOMEM;
	format_json_string(obj, "service", st->info.name);
	format_json_addr(obj, "src", st->info.src);
	format_json_addr(obj, "dst", st->info.dst);
	format_json_string(obj, "origin", origin_name(st->origin));
	format_json_string(obj, "state", channel_state(st));
	format_json_string(obj, "holder", holder_kind(st->holder_kind));
	format_json_string(obj, "holder_name", st->holder);
	if (st->holder_pid)
		format_json_uint(obj, "holder_pid", (uint64_t)st->holder_pid);
	format_json_uint(obj, "tx", st->tx);
	format_json_uint(obj, "rx", st->rx);
	format_json_uint(obj, "mtu", st->mtu);
	return format_json_line(fmt, obj);
}
