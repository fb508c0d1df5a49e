/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options every tool has: -b -R -t -o -j -q -v -h -? --usage -V.
 *
 * A tool has its own option table in a struct argp whose children are
 * tool_children, hands its config's struct tool_config to child_inputs[0] in
 * ARGP_KEY_INIT, and parses with tool_parse().
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <argp.h>

#include "errors.h"
#include "format.h"

#define TOOL_BUS_MAX 32

struct tool_config {
	const char *bus[TOOL_BUS_MAX]; /* SPECs in order; none: $RPMSG_BUS or the default */
	size_t n_bus;
	bool remote;
	bool no_autostart; /* a software bus that is not there yet would be of no use */
	bool timeout_set;
	int64_t timeout_ns; /* NUMBER_FOREVER for inf; the tool's default if not timeout_set */
	bool out_set;
	enum format_out out;
	int verbosity;
};

extern const struct argp_child tool_children[];
/* Those of them that need no bus: -q -v -h -? --usage -V. child_inputs[0] is an int, the verbosity. */
extern const struct argp_child tool_basic_children[];

/* Keys from here on are free for a tool's long options without a letter. */
#define TOOL_KEY_FREE 0x200

/*
 * Parses; misuse and help end the process as all tools do (64 on stderr, 0 on
 * stdout). argp->children must be one of the two above. config holds the tool's defaults.
 */
void tool_parse(const struct argp *argp, int argc, char **argv, void *config);

/*
 * For parsers: parse one option's argument, or argp_error() with the option named
 * ("--count: '3x' is not a number"), which ends the process.
 */
uint64_t tool_arg_number(struct argp_state *state, const char *option, const char *arg,
			 uint64_t min, uint64_t max);
uint32_t tool_arg_addr(struct argp_state *state, const char *option, const char *arg);
uint64_t tool_arg_count(struct argp_state *state, const char *option, const char *arg);
uint64_t tool_arg_size(struct argp_state *state, const char *option, const char *arg, uint64_t unit);
int64_t tool_arg_seconds(struct argp_state *state, const char *option, const char *arg);
int64_t tool_arg_ms(struct argp_state *state, const char *option, const char *arg);
/* A channel name: 1 to RPMSG_NAME_SIZE - 1 bytes. */
const char *tool_arg_name(struct argp_state *state, const char *option, const char *arg);

#endif
