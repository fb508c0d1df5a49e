/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-top: who talks, who is stuck, who holds the buffers.
 *
 * source.h   where it all comes from: live buses (live.c), or a file (film.c)
 * table.h    rows: rates, order, choice
 * advice.h   what is wrong, in words
 * events.h   what happened, and the messages of a row
 * batch.c    rounds of text or JSON on stdout
 * screen.h   the terminal; draw_*.c what is on it; keys.c what is typed
 */
#ifndef RPMSG_TOP_H
#define RPMSG_TOP_H

#include "common/options.h"

enum column {
	COLUMN_BUS, COLUMN_SIDE, COLUMN_SERVICE, COLUMN_SRC, COLUMN_DST, COLUMN_OWNER,
	COLUMN_TX_RATE, COLUMN_RX_RATE,   /* messages a second */
	COLUMN_TX_BYTES, COLUMN_RX_BYTES, /* bytes a second */
	COLUMN_SHARE, COLUMN_LAST, COLUMN_ERRORS, COLUMN_WAITING, COLUMN_QUEUED,
	COLUMN_TX, COLUMN_RX,             /* messages in all */
	N_COLUMNS
};

struct config {
	struct tool_config tool;
	const char *read;    /* a file to show instead of a bus, or NULL */
	const char *write;   /* what key w writes, or NULL: a name with the time in it */
	const char *name;    /* rows of this service only, or NULL */
	const char *filter;  /* rows that contain it only, or NULL */
	enum column sort;
	bool invert;
	bool batch;
	uint64_t count;      /* rounds, 0: no end */
	int64_t interval_ns;
	bool exit_on_down;
	bool ascii;          /* no lines and blocks, also where the terminal has them */
	bool no_mouse;
};

struct source;

/* batch.c */
enum tool_exit batch_run(const struct config *cfg, struct source *src);
/* screen.c */
enum tool_exit screen_run(const struct config *cfg, struct source *src);

#endif
