/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns list: a table of the channels. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/channel_text.h"
#include "common/grid.h"
#include "common/kernel_driver.h"
#include "common/output.h"
#include "rpmsg-ns/ns.h"

enum { BUS, NAME }; /* the first column that is shown */

static const struct grid_column columns[] = {
	{"BUS", false}, {"NAME", false}, {"SRC", false},  {"DST", false}, {"MTU", true},
	{"TX", true},   {"RX", true},    {"STATE", false}, {"HOLDER", false},
};

static void add_row(struct grid *grid, const struct channel_row *row)
{
	const struct rpmsg_channel_status *st = &row->st;
	char addr[FORMAT_ADDR_SIZE], holder[HOLDER_TEXT_SIZE];

	grid_cell_text(grid, row->bus);
	grid_cell_text(grid, st->info.name);
	grid_cell(grid, "%s", format_addr(st->info.src, addr));
	grid_cell(grid, "%s", format_addr(st->info.dst, addr));
	if (st->mtu)
		grid_cell(grid, "%" PRIu32, st->mtu);
	else
		grid_cell(grid, "?");
	grid_cell(grid, "%" PRIu64, st->tx);
	grid_cell(grid, "%" PRIu64, st->rx);
	grid_cell(grid, "%s", channel_state(st));
	holder_text(st->holder_kind, st->holder_pid, st->holder, holder, sizeof(holder));
	grid_cell(grid, "%s", holder);
}

static int print_table(struct format *fmt, const struct channel_table *table, size_t first)
{
	struct grid grid = {.column = columns, .n_columns = sizeof(columns) / sizeof(*columns)};
	int err;

	for (size_t i = 0; i < table->n; i++)
		add_row(&grid, &table->row[i]);
	err = grid_print(&grid, fmt, "", first);
	grid_free(&grid);
	return err;
}

static int print_json(struct format *fmt, const struct channel_table *table)
{
	int err = 0;

	for (size_t i = 0; i < table->n && !err; i++)
		err = channel_print_json(fmt, &table->row[i]);
	return err;
}

/* The kernel's channel without an address is one that no driver has: there is no device of it. */
static void say_no_node(const struct channel_row *row)
{
	const struct rpmsg_channel_status *st = &row->st;
	char name[RPMSG_NAME_SIZE];
	const struct kernel_driver *driver;
	bool exact;

	if (!row->kernel || st->origin != RPMSG_CHANNEL_LEARNED ||
	    st->holder_kind != RPMSG_HOLDER_NONE || st->info.src != RPMSG_ADDR_ANY)
		return;
	format_printable(name, sizeof(name), st->info.name, strlen(st->info.name));
	driver = kernel_driver_find(st->info.name, &exact);
	if (!driver)
		tool_note("%s: no driver takes that name, so there is no /dev node; rpmsg-send and "
			  "rpmsg-listen need none", name);
	else if (exact)
		tool_note("%s: its driver %s does not have it, so there is no /dev node: "
			  "'rpmsg-ns doctor' says what to type", name, driver->name);
	else
		tool_note("%s: no driver takes that name, so there is no /dev node; %s takes '%s'",
			  name, driver->name, driver->service);
}

static void say_empty(const struct bus_set *set)
{
	struct rpmsg_bus_info info;

	for (size_t i = 0; i < set->n; i++) {
		if (bus_info(set->bus[i], &info))
			continue;
		tool_note("%s: no channels%s", info.name, info.up ? "" : ", the link is down");
	}
}

static enum tool_exit print_all(const struct config *cfg, const struct bus_set *set,
				const struct channel_table *table)
{
	struct format fmt = {.file = stdout, .out = cfg->tool.out};
	int err = 0;

	format_init(&fmt);
	if (fmt.out == FORMAT_JSON)
		err = print_json(&fmt, table);
	else if (table->n)
		err = print_table(&fmt, table, set->n > 1 ? BUS : NAME);
	else
		say_empty(set);
	for (size_t i = 0; i < table->n && !err && fmt.out != FORMAT_JSON; i++)
		say_no_node(&table->row[i]);
	return err ? output_failed(err) : TOOL_OK;
}

enum tool_exit run_list(struct config *cfg)
{
	struct channel_table table = {0};
	struct bus_set set = {0};
	enum tool_exit code = bus_open_set(&cfg->tool, &set);

	for (size_t i = 0; i < set.n && code == TOOL_OK; i++)
		code = channels_read(set.bus[i], &table);
	if (code == TOOL_OK)
		code = print_all(cfg, &set, &table);
	channels_free(&table);
	bus_close_set(&set);
	return code;
}
