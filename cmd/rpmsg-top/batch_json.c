/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>

#include "common/stats_json.h"
#include "rpmsg-top/batch.h"

/* Three decimals are enough to add up by. */
static struct json_object *decimal(double n)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", n);
	return json_object_new_double_s(n, text);
}

static void add_rate(struct json_object *obj, const char *flow, bool known, double messages,
		     double bytes)
{
	struct json_object *to = json_object_object_get(obj, flow), *rate = NULL;

	if (known) {
		rate = json_object_new_object();
		json_object_object_add(rate, "messages", decimal(messages));
		json_object_object_add(rate, "bytes", decimal(bytes));
	}
	json_object_object_add(to, "rate", rate);
}

static int print_counts(struct batch *b, struct json_object *obj, bool known,
			const struct rates *r)
{
	if (!obj)
		return -ENOMEM;
	add_rate(obj, "tx", known, r->tx_messages, r->tx_bytes);
	add_rate(obj, "rx", known, r->rx_messages, r->rx_bytes);
	return format_json_line(&b->format, obj);
}

static int print_advice(struct batch *b, size_t bus)
{
	struct advice advice[BATCH_ADVICE_MAX];
	size_t n = advice_find(b->table, bus, advice, BATCH_ADVICE_MAX);
	int err = 0;

	for (size_t i = 0; i < n && i < BATCH_ADVICE_MAX && !err; i++) {
		const struct advice *a = &advice[i];
		const struct bus_row *row = table_bus(b->table, a->bus);
		uint64_t now = row->picture.time_ns;
		struct json_object *obj = format_json_new("advice", now ? now : format_now_ns(),
							  row->bus.name);

		if (!obj)
			return -ENOMEM;
		format_json_string(obj, "side",
				   a->side == RPMSG_SIDE_DEFAULT ? NULL : stats_side(a->side));
		format_json_string(obj, "level", batch_level(a->level));
		format_json_string(obj, "kind", advice_word(a->kind));
		format_json_string(obj, "text", a->text);
		err = format_json_line(&b->format, obj);
	}
	return err;
}

static int print_side(struct batch *b, size_t bus, int s)
{
	const enum rpmsg_side side = s ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
	const struct bus_row *row = table_bus(b->table, bus);
	const struct snapshot *p = &row->picture;
	int err = print_counts(b, stats_json_bus(p, side), row->fresh, &row->rates[s]);

	for (size_t i = 0; i < p->side[s].n_channels && !err; i++) {
		const struct row *channel = table_channel(b->table, bus, side, i);

		if (channel)
			err = print_counts(b, stats_json_channel(p, side, &p->side[s].channel[i]),
					   row->fresh, &channel->rates);
	}
	return err;
}

static int print_endpoints(struct batch *b)
{
	int err = 0;

	for (size_t i = 0; i < table_rows(b->table) && !err; i++) {
		const struct row *row = table_row(b->table, i);
		const struct bus_row *bus = table_bus(b->table, row->bus);

		if (row->id && !row->gone && b->fresh[row->bus])
			err = print_counts(b, stats_json_endpoint(&bus->picture, row->side,
								  &row->st),
					   bus->fresh, &row->rates);
	}
	return err;
}

int batch_print_json(struct batch *b)
{
	size_t n = table_buses(b->table);
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = print_advice(b, i);
	for (size_t i = 0; i < n && !err; i++) {
		for (int s = 0; s < 2 && !err; s++)
			if (b->fresh[i] && table_bus(b->table, i)->picture.side[s].served)
				err = print_side(b, i, s);
	}
	return err ? err : print_endpoints(b);
}
