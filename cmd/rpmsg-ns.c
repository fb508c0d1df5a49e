/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns: the name service: lists, watches, awaits and makes announcements. */
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
	{0},
};

static const char doc[] =
	"List, watch, await and make announcements of services.\v"
	"list: a table of the channels (this is the default). watch: what happens to them. "
	"wait: until all NAMEs are announced, the bus being waited for too (-t, default 5 "
	"seconds). announce: a service that belongs to the bus, until it is withdrawn.";

struct command {
	const char *name;
	enum tool_exit (*run)(struct config *cfg);
	size_t min, max; /* arguments */
	bool awaits;     /* -t has a default */
};

static const struct command commands[] = {
	{"list", run_list, 0, 0, false},
	{"watch", run_watch, 0, 0, false},
	{"wait", run_await, 1, SIZE_MAX, true},
	{"announce", run_announce, 1, 1, true},
	{"withdraw", run_withdraw, 1, 1, true},
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
	argp_error(state, "'%s' is no command: list, watch, wait, announce, withdraw", name);
	return NULL;
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
	for (size_t i = 0; i < cfg->n_name; i++)
		tool_arg_name(state, command->name, cfg->name[i]);
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
		.args_doc = "[list | watch | wait NAME... | announce NAME | withdraw NAME]",
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
