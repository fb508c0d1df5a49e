/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-listen: shows, records and answers messages. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

enum {
	KEY_ECHO = TOOL_KEY_FREE,
	KEY_HELLO,
	KEY_TIME,
	KEY_FOLLOW,
	KEY_HISTORY,
	KEY_NO_FOLLOW,
	KEY_SINCE,
	KEY_LAST,
	KEY_STRICT,
	KEY_BANNER,
	KEY_READY_FD,
	KEY_EXIT_ON_DOWN,
	KEY_KERNEL,
	KEY_BPF,
	KEY_EVENTS,
	KEY_SNAPLEN,
	KEY_ROTATE_COUNT,
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
	{"rotate-size", 'C', "SIZE", 0,
	 "with -w: begin the next file before one is larger (millions of bytes, or k, M, G)", 3},
	{"rotate-time", 'G', "SEC", 0, "with -w: begin the next file after SEC seconds", 3},
	{"rotate-count", KEY_ROTATE_COUNT, "N", 0, "with -w: begin the next file after N packets",
	 3},
	{"files", 'W', "N", 0, "keep the newest N of these files", 3},
	{"snaplen", KEY_SNAPLEN, "N", 0, "with -w: keep N bytes of a payload at most (0: all)", 3},
	{"events", KEY_EVENTS, NULL, 0,
	 "show and write events too: link, announcements, losses ...", 3},
	{"read", 'r', "FILE", 0,
	 "read a capture, a recorder's file, lines of --out log or a kernel's log "
	 "(- is standard input)", 3},
	{"kernel", KEY_KERNEL, NULL, 0,
	 "watch what this machine's kernel sends and receives, by its debug messages (root)", 3},
	{"follow", KEY_FOLLOW, NULL, 0, "with -r: wait for more until the recorder ends", 3},
	{"history", KEY_HISTORY, NULL, 0, "begin with the oldest message that is still recorded", 3},
	{"no-follow", KEY_NO_FOLLOW, NULL, 0, "show what is recorded now, and no more", 3},
	{"since", KEY_SINCE, "SEC", 0, "begin with what was recorded in the last SEC seconds", 3},
	{"last", KEY_LAST, "N", 0, "begin with the last N messages that were recorded", 3},
	{"bpf", KEY_BPF, "EXPR", 0, "choose by libpcap's own language, pcap-filter(7)", 3},
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
	"EXPR chooses: 'name GLOB' (a service), 'bus GLOB', 'src|dst|addr ADDR[/MASK]', 'h2r', 'r2h', "
	"'len OP N', 'data HEX', 'ns' (name service), 'event [KIND]'; and, or, not, ( ).";

bool config_takes_part(const struct config *cfg)
{
	return cfg->name || cfg->src != RPMSG_ADDR_ANY || cfg->dst != RPMSG_ADDR_ANY;
}

static void check_command(struct argp_state *state, const struct config *cfg)
{
	if (!*cfg->command)
		argp_error(state, "a command follows --");
	if (cfg->read)
		argp_error(state, "-r reads what was recorded: no command goes with it");
	if (cfg->write && strcmp(cfg->write, "-") == 0)
		argp_error(state, "-w - and the command both write to standard output");
}

static void check_history(struct argp_state *state, const struct config *cfg)
{
	if (cfg->history && (config_takes_part(cfg) || cfg->kernel))
		argp_error(state, "--history, --no-follow, --since and --last are for what a "
			   "recorder holds: no --kernel, name or address goes with them");
	if (cfg->no_follow && cfg->follow)
		argp_error(state, "--follow and --no-follow contradict each other");
	if (cfg->no_follow && cfg->command)
		argp_error(state, "--no-follow would end before the command");
}

static void check_capture(struct argp_state *state, const struct config *cfg)
{
	const struct capture_limits *limits = &cfg->limits;
	bool rotates = capture_rotates(limits);

	if (!cfg->write && (rotates || limits->snaplen))
		argp_error(state, "-C, -G, --rotate-count and --snaplen are about -w FILE");
	if (limits->files && !rotates)
		argp_error(state, "-W needs -C, -G or --rotate-count");
	if (rotates && strcmp(cfg->write, "-") == 0)
		argp_error(state, "standard output cannot be rotated");
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
	check_history(state, cfg);
	if ((cfg->echo || cfg->hello) && !part)
		argp_error(state, "--echo and --hello take part: they need -n, -s or -d");
	if (cfg->hello && !cfg->name && cfg->dst == RPMSG_ADDR_ANY)
		argp_error(state, "--hello needs somebody to greet: -n or -d");
	if (cfg->write && strcmp(cfg->write, "-") == 0 && cfg->tool.out_set)
		argp_error(state, "-w - and --out both write to standard output");
	if (cfg->read && cfg->write && capture_overwrites(cfg->write, cfg->read))
		argp_error(state, "-w %s would overwrite what -r reads", cfg->write);
	check_capture(state, cfg);
	if (cfg->command)
		check_command(state, cfg);
}

static int64_t arg_period(struct argp_state *state, const char *arg)
{
	int64_t ns = tool_arg_seconds(state, "--rotate-time", arg);

	if (ns == 0 || ns == NUMBER_FOREVER)
		argp_error(state, "--rotate-time: '%s' is no time after which a file can end", arg);
	return ns;
}

static error_t parse_limit(int key, const char *arg, struct argp_state *state,
			   struct capture_limits *limits)
{
	switch (key) {
	case 'C':
		limits->size = tool_arg_size(state, "--rotate-size", arg, 1000000);
		return 0;
	case 'G':
		limits->time_ns = arg_period(state, arg);
		return 0;
	case KEY_ROTATE_COUNT:
		limits->packets = tool_arg_count(state, "--rotate-count", arg);
		return 0;
	case 'W':
		limits->files = tool_arg_count(state, "--files", arg);
		return 0;
	case KEY_SNAPLEN:
		limits->snaplen = tool_arg_number(state, "--snaplen", arg, 0, UINT16_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What of a recording is shown. */
static error_t parse_extent(int key, const char *arg, struct argp_state *state, struct config *cfg)
{
	switch (key) {
	case KEY_FOLLOW:
		cfg->follow = true;
		return 0;
	case KEY_HISTORY:
		cfg->history = true;
		return 0;
	case KEY_NO_FOLLOW:
		cfg->history = cfg->no_follow = cfg->tool.no_autostart = true;
		return 0;
	case KEY_SINCE:
		cfg->history = true;
		cfg->since_ns = tool_arg_seconds(state, "--since", arg);
		return 0;
	case KEY_LAST:
		cfg->history = true;
		cfg->last = tool_arg_count(state, "--last", arg);
		return 0;
	default:
		return parse_limit(key, arg, state, &cfg->limits);
	}
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
	case KEY_BPF:
		cfg->bpf = arg;
		return 0;
	case KEY_EVENTS:
		cfg->events = true;
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
		return parse_extent(key, arg, state, cfg);
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

/* What follows the first --; the rest alone is for argp. NULL if there is none. */
static char **split_command(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			*argc = i;
			argv[i] = NULL;
			return argv + i + 1;
		}
	return NULL;
}

/* Who filters events wants to see them; a capture has them if --events says so, and only then. */
static void ask_for_events(struct config *cfg, const struct filter *filter)
{
	if (cfg->events || !filter_names_event(filter))
		return;
	if (cfg->write)
		tool_note("events are written with --events, else not");
	else
		cfg->events = true;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[EXPR] [-- CMD ARG...]",
		.doc = doc,
		.children = tool_children,
	};
	struct config cfg = {
		.tool.timeout_ns = NUMBER_FOREVER,
		.src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY,
		.time = FORMAT_TIME_ABSOLUTE,
		.since_ns = NUMBER_FOREVER,
		.ready.fd = -1,
	};
	struct listen l = {.cfg = &cfg, .last_ns = LISTEN_NO_TIME, .ready.fd = -1};
	enum tool_exit code;

	cfg.command = split_command(&argc, argv);
	tool_parse(&argp, argc, argv, &cfg);
	if (run_init())
		return TOOL_FAIL;
	l.ready = cfg.ready;
	l.deadline = run_deadline(cfg.tool.timeout_ns);
	code = sink_open(&l);
	if (code == TOOL_OK)
		ask_for_events(&cfg, l.filter);
	if (code == TOOL_OK)
		code = listen_run(&l);
	l.code = tool_exit_worse(l.code, code);
	code = sink_close(&l);
	if (cfg.command)
		return command_finish(&l, code);
	if (cfg.strict && l.lost && !fflush(stdout))
		return TOOL_FAIL; /* also after a signal, which is how watching usually ends */
	return run_finish(code);
}
