/* SPDX-License-Identifier: BSD-2-Clause */
/* The channels of a bus at one moment. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/channel_text.h"
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

int channel_print_json(struct format *fmt, const struct channel_row *row)
{
	const struct rpmsg_channel_status *st = &row->st;
	struct json_object *obj = format_json_new("channel", format_now_ns(), row->bus);

	if (!obj)
		return -ENOMEM;
	channel_json(obj, st);
	format_json_uint(obj, "tx", st->tx);
	format_json_uint(obj, "rx", st->rx);
	format_json_uint(obj, "mtu", st->mtu);
	return format_json_line(fmt, obj);
}
