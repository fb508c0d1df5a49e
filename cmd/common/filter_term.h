/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an EXPR is compiled to: its terms in the order they are written, each of which says which
 * one to look at next. "and", "or" and "not" are in these steps alone, so they cost nothing.
 */
#ifndef CMD_FILTER_TERM_H
#define CMD_FILTER_TERM_H

#include "common/filter.h"

enum term_kind {
	TERM_NAME,
	TERM_BUS,
	TERM_ADDR,
	TERM_DIR,
	TERM_LEN,
	TERM_DATA,
	TERM_NS,
	TERM_EVENT,
};

#define TERM_OF_SRC 1U
#define TERM_OF_DST 2U

/* Steps that are no term's index. */
#define STEP_ACCEPT (-1)
#define STEP_REJECT (-2)

struct term {
	enum term_kind kind;
	int yes, no; /* the step after it */
	union {
		struct {
			char *glob;
			bool plain; /* no wildcard in it */
		} name; /* and bus */
		struct {
			unsigned of;
			uint32_t value, mask;
		} addr;
		struct {
			uint32_t least, most;
			bool below, within, above; /* which lengths hold */
		} len;
		struct {
			uint8_t *bytes;
			uint32_t len, offset;
			bool anywhere;
		} data;
		enum rpmsg_direction dir;
		enum rpmsg_record_type event; /* RPMSG_RECORD_MESSAGE: any */
	};
};

struct filter {
	struct term *term;
	int n, room;
	bool needs_service;
	bool names_event;
};

#endif
