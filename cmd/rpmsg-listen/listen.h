/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-listen: messages come from one of four sources (the recordings of
 * buses, an endpoint of ours, a file, the kernel's log) and all go through one
 * sink, which filters, counts, prints and writes them.
 */
#ifndef RPMSG_LISTEN_H
#define RPMSG_LISTEN_H

#include "common/bpf.h"
#include "common/filter.h"
#include "common/options.h"
#include "common/pcap.h"
#include "common/ready.h"
#include "common/services.h"
#include "rpmsg-listen/backlog.h"
#include "rpmsg-listen/capture.h"

/* A time that is not known. */
#define LISTEN_NO_TIME UINT64_MAX

struct config {
	struct tool_config tool;
	const char *name;    /* -n or NULL */
	uint32_t src, dst;   /* RPMSG_ADDR_ANY: not given */
	const char *hello;   /* or NULL */
	const char *read;    /* -r or NULL */
	const char *write;   /* -w or NULL */
	uint64_t count;      /* 0: no limit */
	enum format_time time;
	bool history;        /* begin with what is held; the three below imply it */
	bool no_follow;      /* end with what is held now */
	int64_t since_ns;    /* NUMBER_FOREVER: not given */
	uint64_t last;       /* 0: not given */
	bool echo, follow, strict, exit_on_down, kernel;
	bool events;         /* events are shown and written too */
	struct capture_limits limits;
	struct ready ready;
	const char *bpf;     /* --bpf or NULL */
	char **expr;
	size_t n_expr;
	char **command;      /* what follows --, or NULL */
};

/* Whether an endpoint is bound: -n, -s or -d. */
bool config_takes_part(const struct config *cfg);

struct listen {
	const struct config *cfg;
	int64_t deadline;
	struct filter *filter;
	struct bpf *bpf; /* or NULL */
	struct services *services;
	struct format format;
	bool print;
	struct capture *capture; /* or NULL */
	uint64_t last_ns; /* when the last record was, or LISTEN_NO_TIME */
	unsigned n_buses;
	uint64_t n_events;
	struct backlog *backlog; /* what is kept back, or NULL */
	uint64_t seen, lost;
	const char *lost_what; /* what is counted as lost; NULL: messages */
	struct ready ready;
	bool running;        /* there was something to listen to */
	bool capture_failed;
	bool closing;        /* what is there is still shown, nothing is waited for */
	bool done;           /* no more output: the count is reached, or writing failed */
	enum tool_exit code;
};

/* ---- sink.c ---- */

/* Opens what the config asks for. On failure it has said why. */
enum tool_exit sink_open(struct listen *l);
/* Closes all, says what was seen and lost; the exit code of the whole. */
enum tool_exit sink_close(struct listen *l);
/* A bus from which records may come: what it goes into is there from now on. */
void sink_bus(struct listen *l, const char *bus);
/* A message that came, was seen on the bus, or stood in a file; or an event. */
void sink_message(struct listen *l, const struct rpmsg_record *m);
/*
 * Keeps back what comes until sink_release(), which shows the last of it: --last, and what is not
 * more than since_ns older than the newest.
 */
void sink_hold(struct listen *l, uint64_t since_ns);
void sink_release(struct listen *l);
/* A message that we sent: it goes into the capture alone. */
void sink_sent(struct listen *l, const struct rpmsg_record *m);
/*
 * Messages, or what lost_what says, that nobody will see any more. next_ns: when the record behind
 * them was, or LISTEN_NO_TIME.
 */
void sink_lost(struct listen *l, const char *bus, uint64_t count, uint64_t next_ns);
/* The link of a bus came up or went down. Ends the run if the config says so. */
void sink_link(struct listen *l, const char *bus, bool up);
/* Nothing more is there now: hands on what is buffered. */
void sink_flush(struct listen *l);
/* Whether to leave the loop. */
bool sink_stopped(const struct listen *l);
/* Leaves the loop with code. */
void sink_stop(struct listen *l, enum tool_exit code);

/* ---- salvage.c ---- */

/* Nobody serves the buses that were named: says where the last traffic of one that crashed is. */
void salvage_tell(const struct tool_config *config);

/* ---- command.c ---- */

/* From now on nothing is missed: tells it, and runs the command if there is one. The first time. */
void listen_ready(struct listen *l, const char *text);
/* Whether it ran and has ended. */
bool command_ended(void);
/* Awaits its end, and ends as it did; with code if it ended with 0, or was not run. */
int command_finish(const struct listen *l, enum tool_exit code);

/* ---- the sources: each runs until there is no more, and returns what it ends with ---- */

enum tool_exit watch_run(struct listen *l);  /* watch.c */
enum tool_exit part_run(struct listen *l);   /* part.c */
enum tool_exit file_run(struct listen *l);   /* file.c */
enum tool_exit kernel_run(struct listen *l); /* kernel.c */

#endif
