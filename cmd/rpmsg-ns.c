/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns: the name service, and what is wrong with a machine that should have one. */
#include <string.h>

#include "common/hint.h"
#include "common/number.h"
#include "common/run.h"
#include "rpmsg-ns/ns.h"

#define AWAIT_NS (INT64_C(5) * 1000 * 1000 * 1000)

enum {
	KEY_NEW = TOOL_KEY_FREE,
	KEY_GONE,
	KEY_BOUND,
	KEY_HOLD,
	KEY_BANNER,
	KEY_READY_FD,
	KEY_SYSROOT,
	KEY_TABLE,
	KEY_DMESG,
	KEY_ALL,
	KEY_DRY_RUN,
	KEY_OPENMETRICS,
};

static const struct argp_option options[] = {
	{"new", KEY_NEW, NULL, 0, "wait: announced after now", 1},
	{"gone", KEY_GONE, NULL, 0, "wait: until it is not there (any more)", 1},
	{"bound", KEY_BOUND, NULL, 0, "wait: until somebody uses it", 1},
	{"src", 's', "ADDR", 0, "announce: at this address; withdraw: the one there", 2},
	{"hold", KEY_HOLD, NULL, 0, "announce: until this process ends", 2},
	{"banner", KEY_BANNER, NULL, 0, "watch, announce: say on stderr when ready", 3},
	{"ready-fd", KEY_READY_FD, "N", 0,
	 "watch, announce: write a newline to descriptor N then", 3},
	{"sysroot", KEY_SYSROOT, "DIR", 0, "doctor: a machine's files in DIR, not this machine", 4},
	{"table", KEY_TABLE, "FILE", 0,
	 "doctor: only the resource table in FILE, a firmware or the table itself", 4},
	{"dmesg", KEY_DMESG, "FILE", 0, "doctor: a kernel's log in FILE, not /dev/kmsg", 4},
	{"all", KEY_ALL, NULL, 0, "gc: also endpoints that others made and nobody has open", 5},
	{"dry-run", KEY_DRY_RUN, NULL, 0, "gc: only say what would be removed", 5},
	{"interval", 'i', "SEC", 0, "stats: again and again, what has come since", 6},
	{"count", 'c', "N", 0, "stats: so many times", 6},
	{"openmetrics", KEY_OPENMETRICS, NULL, 0,
	 "stats: text for the textfile collector of Prometheus' node_exporter", 6},
	{0},
};

static const char doc[] =
	"List, watch, await and make announcements of services; say what is wrong with a board.\v"
	"list: a table of the channels (this is the default). watch: what happens to them. "
	"wait: until all NAMEs are announced, the bus being waited for too (-t, default 5 "
	"seconds). announce: a service that belongs to the bus, until it is withdrawn. doctor: "
	"what works, what does not, and what to type next. gc: removes the /dev/rpmsgN that killed "
	"programs left. stats: what has passed, failed and waited, of the bus or of the NAMEs.";

struct command {
	const char *name;
	enum tool_exit (*run)(struct config *cfg);
	size_t min, max; /* arguments */
	bool awaits;     /* -t has a default */
	size_t max_bus;  /* that can be named */
};

static const struct command commands[] = {
	{"list", run_list, 0, 0, false, TOOL_BUS_MAX},
	{"watch", run_watch, 0, 0, false, TOOL_BUS_MAX},
	{"wait", run_await, 1, SIZE_MAX, true, TOOL_BUS_MAX},
	{"announce", run_announce, 1, 1, true, TOOL_BUS_MAX},
	{"withdraw", run_withdraw, 1, 1, true, TOOL_BUS_MAX},
	{"doctor", run_doctor, 0, 0, false, 0},
	{"gc", run_gc, 0, 0, false, 1},
	{"stats", run_stats, 0, SIZE_MAX, false, TOOL_BUS_MAX},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *find_command(struct argp_state *state, const char *name)
{
	const char *near = NULL;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		if (hint_near(name, commands[i].name))
			near = commands[i].name;
	}
	if (near)
		argp_error(state, "'%s' is no command; did you mean '%s'?", name, near);
	argp_error(state, "'%s' is no command: list, watch, wait, announce, withdraw, doctor, gc, "
		   "stats", name);
	return NULL;
}

/* Of the two commands that open no bus. */
static void check_machine_options(struct argp_state *state, const struct config *cfg)
{
	bool doctor = cfg->run == run_doctor, gc = cfg->run == run_gc;

	if ((cfg->sysroot || cfg->table || cfg->dmesg) && !doctor)
		argp_error(state, "--sysroot, --table and --dmesg belong to doctor");
	if (cfg->table && (cfg->sysroot || cfg->dmesg))
		argp_error(state, "--table excludes --sysroot and --dmesg");
	if ((cfg->all || cfg->dry_run) && !gc)
		argp_error(state, "--all and --dry-run belong to gc");
	if ((cfg->tool.remote || cfg->tool.timeout_set) && (doctor || gc))
		argp_error(state, "--remote and --timeout mean nothing to %s",
			   doctor ? "doctor" : "gc");
}

static void check_stats_options(struct argp_state *state, const struct config *cfg)
{
	bool rounds = cfg->count || cfg->interval_ns;

	if ((rounds || cfg->openmetrics) && cfg->run != run_stats)
		argp_error(state, "--interval, --count and --openmetrics belong to stats");
	if (cfg->openmetrics && (rounds || cfg->tool.out_set || cfg->tool.timeout_set))
		argp_error(state, "--openmetrics excludes --interval, --count, --timeout, --out "
			   "and --json");
}

static void check_options(struct argp_state *state, const struct config *cfg)
{
	bool await = cfg->run == run_await, announce = cfg->run == run_announce;

	if ((cfg->only_new || cfg->gone || cfg->bound) && !await)
		argp_error(state, "--new, --gone and --bound belong to wait");
	if (cfg->gone && (cfg->only_new || cfg->bound))
		argp_error(state, "--gone excludes --new and --bound");
	if (cfg->hold && !announce)
		argp_error(state, "--hold belongs to announce");
	if (cfg->src != RPMSG_ADDR_ANY && !announce && cfg->run != run_withdraw)
		argp_error(state, "--src belongs to announce and withdraw");
	if ((cfg->ready.banner || cfg->ready.fd >= 0) && !announce && cfg->run != run_watch)
		argp_error(state, "--banner and --ready-fd belong to watch and announce");
	if (cfg->tool.out != FORMAT_TEXT && cfg->tool.out != FORMAT_JSON)
		argp_error(state, "--out: there is text and json here");
	check_machine_options(state, cfg);
	check_stats_options(state, cfg);
}

/* args: the command and its arguments. */
static void set_command(struct argp_state *state, struct config *cfg, char **args, size_t n)
{
	const struct command *command = find_command(state, n ? args[0] : "list");

	cfg->name = args + (n ? 1 : 0);
	cfg->n_name = n ? n - 1 : 0;
	cfg->run = command->run;
	if (!cfg->tool.timeout_set && command->awaits)
		cfg->tool.timeout_ns = AWAIT_NS;
	if (cfg->n_name < command->min)
		argp_error(state, "%s needs a NAME", command->name);
	if (cfg->n_name > command->max)
		argp_error(state, "%s: '%s' is too much", command->name, cfg->name[command->max]);
	if (cfg->tool.n_bus > command->max_bus)
		argp_error(state, "--bus: %s takes %s", command->name,
			   command->max_bus ? "one" : "none, it looks at the whole machine");
	for (size_t i = 0; i < cfg->n_name; i++)
		tool_arg_name(state, command->name, cfg->name[i]);
}

static int64_t interval_arg(struct argp_state *state, const char *arg)
{
	int64_t ns = tool_arg_seconds(state, "--interval", arg);

	if (!ns || ns == NUMBER_FOREVER)
		argp_error(state, "--interval: '%s' is no time between rounds", arg);
	return ns;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct config *cfg = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cfg->tool;
		return 0;
	case 's':
		cfg->src = tool_arg_addr(state, "--src", arg);
		return 0;
	case KEY_NEW:
		cfg->only_new = true;
		return 0;
	case KEY_GONE:
		cfg->gone = true;
		return 0;
	case KEY_BOUND:
		cfg->bound = true;
		return 0;
	case KEY_HOLD:
		cfg->hold = true;
		return 0;
	case KEY_BANNER:
		cfg->ready.banner = true;
		return 0;
	case KEY_READY_FD:
		cfg->ready.fd = ready_arg_fd(state, arg);
		return 0;
	case KEY_SYSROOT:
		cfg->sysroot = arg;
		return 0;
	case KEY_TABLE:
		cfg->table = arg;
		return 0;
	case KEY_DMESG:
		cfg->dmesg = arg;
		return 0;
	case KEY_ALL:
		cfg->all = true;
		return 0;
	case KEY_DRY_RUN:
		cfg->dry_run = true;
		return 0;
	case 'i':
		cfg->interval_ns = interval_arg(state, arg);
		return 0;
	case 'c':
		cfg->count = tool_arg_count(state, "--count", arg);
		return 0;
	case KEY_OPENMETRICS:
		cfg->openmetrics = true;
		return 0;
	case ARGP_KEY_ARGS:
		cfg->name = state->argv + state->next;
		cfg->n_name = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		set_command(state, cfg, cfg->name, cfg->n_name);
		check_options(state, cfg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[list | watch | wait NAME... | announce NAME | withdraw NAME | "
			    "doctor | gc | stats [NAME...]]",
		.doc = doc,
		.children = tool_children,
	};
	struct config cfg = {
		.tool.timeout_ns = NUMBER_FOREVER,
		.src = RPMSG_ADDR_ANY,
		.ready.fd = -1,
	};

	tool_parse(&argp, argc, argv, &cfg);
	if (run_init())
		return TOOL_FAIL;
	cfg.deadline = run_deadline(cfg.tool.timeout_ns);
	return run_finish(cfg.run(&cfg));
}
