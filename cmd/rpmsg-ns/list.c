/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns list: a table of the channels. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/kernel_driver.h"
#include "common/output.h"
#include "rpmsg-ns/ns.h"

enum { BUS, NAME, SRC, DST, MTU, TX, RX, STATE, HOLDER, N_COLUMNS };

#define CELL_SIZE 96
#define GAP 2

struct line {
	char cell[N_COLUMNS][CELL_SIZE];
};

static const struct line header = {{
	"BUS", "NAME", "SRC", "DST", "MTU", "TX", "RX", "STATE", "HOLDER",
}};

static void set_holder(char *cell, const struct rpmsg_channel_status *st)
{
	char holder[sizeof(st->holder) + 1];

	format_printable(holder, sizeof(holder), st->holder, strlen(st->holder));
	switch (st->holder_kind) {
	case RPMSG_HOLDER_DRIVER:
		snprintf(cell, CELL_SIZE, "driver %s", holder);
		return;
	case RPMSG_HOLDER_CLIENT:
		snprintf(cell, CELL_SIZE, "pid %d (%s)", st->holder_pid, holder);
		return;
	case RPMSG_HOLDER_SELF:
		snprintf(cell, CELL_SIZE, "this process");
		return;
	case RPMSG_HOLDER_BUS:
		snprintf(cell, CELL_SIZE, "bus");
		return;
	case RPMSG_HOLDER_NONE:
		snprintf(cell, CELL_SIZE, "nobody");
	}
}

static void set_line(struct line *line, const struct channel_row *row)
{
	const struct rpmsg_channel_status *st = &row->st;

	snprintf(line->cell[BUS], CELL_SIZE, "%s", row->bus);
	format_printable(line->cell[NAME], CELL_SIZE, st->info.name, strlen(st->info.name));
	format_addr(st->info.src, line->cell[SRC]);
	format_addr(st->info.dst, line->cell[DST]);
	if (st->mtu)
		snprintf(line->cell[MTU], CELL_SIZE, "%" PRIu32, st->mtu);
	else
		strcpy(line->cell[MTU], "?");
	snprintf(line->cell[TX], CELL_SIZE, "%" PRIu64, st->tx);
	snprintf(line->cell[RX], CELL_SIZE, "%" PRIu64, st->rx);
	snprintf(line->cell[STATE], CELL_SIZE, "%s", channel_state(st));
	set_holder(line->cell[HOLDER], st);
}

static void widen(size_t width[N_COLUMNS], const struct line *line)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		size_t len = strlen(line->cell[i]);

		if (len > width[i])
			width[i] = len;
	}
}

static bool is_number(int column)
{
	return column == MTU || column == TX || column == RX;
}

static int print_line(struct format *fmt, const struct line *line, const size_t width[N_COLUMNS],
		      int first)
{
	char text[N_COLUMNS * (CELL_SIZE + GAP) + 1], *end = text;

	for (int i = first; i < N_COLUMNS; i++) {
		int w = i == HOLDER ? 0 : (int)width[i];

		end += sprintf(end, "%*s%*s", i > first ? GAP : 0, "", is_number(i) ? w : -w,
			       line->cell[i]);
	}
	return format_line(fmt, text);
}

static int print_table(struct format *fmt, const struct channel_table *table, int first)
{
	size_t width[N_COLUMNS] = {0};
	struct line line;
	int err;

	widen(width, &header);
	for (size_t i = 0; i < table->n; i++) {
		set_line(&line, &table->row[i]);
		widen(width, &line);
	}
	err = print_line(fmt, &header, width, first);
	for (size_t i = 0; i < table->n && !err; i++) {
		set_line(&line, &table->row[i]);
		err = print_line(fmt, &line, width, first);
	}
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
