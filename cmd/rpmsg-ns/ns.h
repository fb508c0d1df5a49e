/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns: a file for each command. */
#ifndef RPMSG_NS_H
#define RPMSG_NS_H

#include "common/options.h"
#include "common/ready.h"

struct config {
	struct tool_config tool;
	enum tool_exit (*run)(struct config *cfg);
	char **name;  /* the command's arguments */
	size_t n_name;
	uint32_t src; /* RPMSG_ADDR_ANY: not given */
	bool only_new, gone, bound, hold, all, dry_run;
	uint64_t count;      /* stats: rounds, 0: not given */
	int64_t interval_ns; /* likewise */
	bool openmetrics;
	const char *sysroot, *table, *dmesg; /* or NULL */
	struct ready ready;
	int64_t deadline;
};

enum tool_exit run_list(struct config *cfg);     /* list.c */
enum tool_exit run_watch(struct config *cfg);    /* watch.c */
enum tool_exit run_await(struct config *cfg);    /* await.c */
enum tool_exit run_announce(struct config *cfg); /* announce.c */
enum tool_exit run_withdraw(struct config *cfg);
enum tool_exit run_doctor(struct config *cfg);   /* doctor.c */
enum tool_exit run_gc(struct config *cfg);       /* gc.c */
enum tool_exit run_stats(struct config *cfg);    /* stats.c */

/* ---- channels.c: what is on a bus at one moment ---- */

struct channel_row {
	char bus[RPMSG_BUS_NAME_SIZE];
	bool kernel;                    /* it is the kernel's */
	struct rpmsg_channel_status st; /* rpdev is not kept */
};
/* All zero is empty. */
struct channel_table {
	struct channel_row *row;
	size_t n;
};
/* Appends the channels of a bus; says what went wrong. */
enum tool_exit channels_read(struct rpmsg_bus *bus, struct channel_table *table);
void channels_free(struct channel_table *table);

/* {"type":"channel",...}, one line; -errno. */
int channel_print_json(struct format *fmt, const struct channel_row *row);

#endif
