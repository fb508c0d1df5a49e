/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-listen: shows, records and answers messages. */
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

enum {
	KEY_ECHO = TOOL_KEY_FREE,
	KEY_HELLO,
	KEY_TIME,
	KEY_FOLLOW,
	KEY_STRICT,
	KEY_BANNER,
	KEY_READY_FD,
	KEY_EXIT_ON_DOWN,
	KEY_KERNEL,
};

static const struct argp_option options[] = {
	{"name", 'n', "NAME", 0, "take part: bind the channel NAME, or offer it with -R", 1},
	{"src", 's', "ADDR", 0, "take part: bind this address of ours", 1},
	{"dst", 'd', "ADDR", 0, "the other side's address, for --hello or to choose a channel", 1},
	{"echo", KEY_ECHO, NULL, 0, "send each message back to its sender", 1},
	{"hello", KEY_HELLO, "PAYLOAD", OPTION_ARG_OPTIONAL,
	 "send first, so that the other side learns our address (default \"hello!\")", 1},
	{"count", 'c', "N", 0, "stop after N messages", 2},
	{"exit-on-down", KEY_EXIT_ON_DOWN, NULL, 0, "end with 6 when the link goes down", 2},
	{"strict", KEY_STRICT, NULL, 0, "end with 1 if any message was lost", 2},
	{"write", 'w', "FILE", 0, "write a capture (- is standard output)", 3},
	{"read", 'r', "FILE", 0, "read a capture or a recorder's file (- is standard input)", 3},
	{"kernel", KEY_KERNEL, NULL, 0,
	 "watch what this machine's kernel sends and receives, by its debug messages (root)", 3},
	{"follow", KEY_FOLLOW, NULL, 0, "with -r: wait for more until the recorder ends", 3},
	{"time", KEY_TIME, "FORM", 0,
	 "a: seconds since 1970, d: since the line before, z: since the first, A: date, "
	 "n: none", 3},
	{"banner", KEY_BANNER, NULL, 0, "say on stderr when nothing is missed from now on", 4},
	{"ready-fd", KEY_READY_FD, "N", 0, "write a newline to descriptor N then", 4},
	{0},
};

static const char doc[] =
	"Show the messages of a bus.\v"
	"Without -n, -s or -d all traffic of the bus is watched, and nothing is disturbed. "
	"EXPR chooses messages: 'name GLOB' (a service), 'addr ADDR', joined by 'and'.";

bool config_takes_part(const struct config *cfg)
{
	return cfg->name || cfg->src != RPMSG_ADDR_ANY || cfg->dst != RPMSG_ADDR_ANY;
}

static void check(struct argp_state *state, const struct config *cfg)
{
	bool part = config_takes_part(cfg);

	if (cfg->read && (part || cfg->tool.n_bus || cfg->tool.remote))
		argp_error(state, "-r reads a file: no bus, side, name or address goes with it");
	if (cfg->kernel && (part || cfg->read || cfg->tool.remote))
		argp_error(state, "--kernel watches: no file, side, name or address goes with it");
	if (cfg->kernel && cfg->exit_on_down)
		argp_error(state, "--kernel is not told when a link goes down: no --exit-on-down");
	if (cfg->follow && !cfg->read)
		argp_error(state, "--follow needs -r");
	if ((cfg->echo || cfg->hello) && !part)
		argp_error(state, "--echo and --hello take part: they need -n, -s or -d");
	if (cfg->hello && !cfg->name && cfg->dst == RPMSG_ADDR_ANY)
		argp_error(state, "--hello needs somebody to greet: -n or -d");
	if (cfg->write && strcmp(cfg->write, "-") == 0 && cfg->tool.out_set)
		argp_error(state, "-w - and --out both write to standard output");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct config *cfg = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cfg->tool;
		return 0;
	case 'n':
		cfg->name = tool_arg_name(state, "--name", arg);
		return 0;
	case 's':
		cfg->src = tool_arg_addr(state, "--src", arg);
		return 0;
	case 'd':
		cfg->dst = tool_arg_addr(state, "--dst", arg);
		return 0;
	case 'c':
		cfg->count = tool_arg_count(state, "--count", arg);
		return 0;
	case 'w':
		cfg->write = arg;
		return 0;
	case 'r':
		cfg->read = arg;
		return 0;
	case KEY_ECHO:
		cfg->echo = true;
		return 0;
	case KEY_HELLO:
		cfg->hello = arg ? arg : "hello!";
		return 0;
	case KEY_TIME:
		if (format_parse_time(arg, &cfg->time))
			argp_error(state, "--time: '%s' is none of a, d, z, A, n", arg);
		return 0;
	case KEY_FOLLOW:
		cfg->follow = true;
		return 0;
	case KEY_STRICT:
		cfg->strict = true;
		return 0;
	case KEY_BANNER:
		cfg->ready.banner = true;
		return 0;
	case KEY_READY_FD:
		cfg->ready.fd = ready_arg_fd(state, arg);
		return 0;
	case KEY_EXIT_ON_DOWN:
		cfg->exit_on_down = true;
		return 0;
	case KEY_KERNEL:
		cfg->kernel = true;
		return 0;
	case ARGP_KEY_ARGS:
		cfg->expr = state->argv + state->next;
		cfg->n_expr = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		check(state, cfg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum tool_exit listen_run(struct listen *l)
{
	if (l->cfg->read)
		return file_run(l);
	if (l->cfg->kernel)
		return kernel_run(l);
	if (config_takes_part(l->cfg))
		return part_run(l);
	return watch_run(l);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[EXPR]",
		.doc = doc,
		.children = tool_children,
	};
	struct config cfg = {
		.tool.timeout_ns = NUMBER_FOREVER,
		.src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY,
		.time = FORMAT_TIME_ABSOLUTE,
		.ready.fd = -1,
	};
	struct listen l = {.cfg = &cfg, .ready.fd = -1};
	enum tool_exit code;

	tool_parse(&argp, argc, argv, &cfg);
	if (run_init())
		return TOOL_FAIL;
	l.ready = cfg.ready;
	l.deadline = run_deadline(cfg.tool.timeout_ns);
	code = sink_open(&l);
	if (code == TOOL_OK)
		code = listen_run(&l);
	l.code = tool_exit_worse(l.code, code);
	code = sink_close(&l);
	if (cfg.strict && l.lost && !fflush(stdout))
		return TOOL_FAIL; /* also after a signal, which is how watching usually ends */
	return run_finish(code);
}
