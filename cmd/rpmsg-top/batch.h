/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds on standard output.
 *
 * batch.c       when a round is due
 * batch_text.c  for people
 * batch_json.c  for programs
 */
#ifndef RPMSG_TOP_BATCH_H
#define RPMSG_TOP_BATCH_H

#include "rpmsg-top/advice.h"

#define BATCH_ADVICE_MAX 64 /* of a bus */

struct batch {
	const struct config *cfg;
	struct source *src;
	struct table *table;
	struct format format;
	bool *fresh;        /* of each bus: it has a picture for this round */
};

/* 0, or -errno of the write. */
int batch_print_text(struct batch *b);
int batch_print_json(struct batch *b);

/* The word of a level. */
const char *batch_level(enum advice_level level);

#endif
