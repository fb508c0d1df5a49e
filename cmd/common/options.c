/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { KEY_USAGE = 0x100 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Common options:", 90 },
	{ "bus", 'b', "SPEC", 0,
	  "the bus: NAME, /PATH.sock, shm:NAME[,num=N][,size=N], vhost-user:SOCKET, "
	  "/dev/rpmsg_ctrlN, rproc:NAME "
	  "(default: $RPMSG_BUS, else rpmsg0, else the kernel's only one, else a software bus)", 0 },
	{ "remote", 'R', NULL, 0, "act on the remote side", 0 },
	{ "timeout", 't', "SEC", 0, "total time; inf for none", 0 },
	{ "out", 'o', "FORM", 0, "print as text, hex, raw, json or log", 0 },
	{ "json", 'j', NULL, 0, "the same as --out json", 0 },
	{ 0 },
};

static const struct argp_option basic_options[] = {
	{ "quiet", 'q', NULL, 0, "say less on stderr", 0 },
	{ "verbose", 'v', NULL, 0, "say more on stderr (twice: still more)", 0 },
	{ "help", 'h', NULL, 0, "print this and exit", 0 },
	{ NULL, '?', NULL, OPTION_ALIAS, NULL, 0 },
	{ "usage", KEY_USAGE, NULL, 0, "print the options in short and exit", 0 },
	{ "version", 'V', NULL, 0, "print the version and exit", 0 },
	{ 0 },
};

static void set_out(struct tool_config *config, struct argp_state *state, const char *arg)
{
	if (format_parse_out(arg, &config->out))
		argp_error(state, "--out: '%s' is none of text, hex, raw, json, log", arg);
	config->out_set = true;
}

static void add_bus(struct tool_config *config, struct argp_state *state, const char *spec)
{
	if (!*spec)
		argp_error(state, "--bus: SPEC is empty");
	if (config->n_bus == TOOL_BUS_MAX)
		argp_error(state, "--bus: more than %d buses", TOOL_BUS_MAX);
	config->bus[config->n_bus++] = spec;
}

static void print_version(struct argp_state *state)
{
	printf("%s %s\n", state->name, rpmsg_version());
	exit(fflush(stdout) ? TOOL_FAIL : TOOL_OK);
}

static error_t parse_basic(int key, char *arg, struct argp_state *state)
{
	int *verbosity = state->input;

	(void)arg;
	switch (key) {
	case 'q':
		*verbosity = -1;
		return 0;
	case 'v':
		*verbosity = *verbosity < 0 ? 1 : *verbosity + 1;
		return 0;
	case 'h':
	case '?':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case 'V':
		print_version(state);
		return 0;
	case ARGP_KEY_SUCCESS:
		tool_set_verbosity(*verbosity);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp basic = { .options = basic_options, .parser = parse_basic };

const struct argp_child tool_basic_children[] = { { &basic, 0, NULL, 91 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct tool_config *config = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &config->verbosity;
		return 0;
	case 'b':
		add_bus(config, state, arg);
		return 0;
	case 'R':
		config->remote = true;
		return 0;
	case 't':
		config->timeout_ns = tool_arg_seconds(state, "--timeout", arg);
		config->timeout_set = true;
		return 0;
	case 'o':
		set_out(config, state, arg);
		return 0;
	case 'j':
		set_out(config, state, "json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp common = {
	.options = options, .parser = parse, .children = tool_basic_children,
};

const struct argp_child tool_children[] = { { &common, 0, NULL, 0 }, { 0 } };

void tool_parse(const struct argp *argp, int argc, char **argv, void *config)
{
	argp_err_exit_status = TOOL_USAGE;
	argv[0] = program_invocation_short_name;
	if (argp_parse(argp, argc, argv, ARGP_NO_HELP, NULL, config))
		exit(TOOL_FAIL);
}

__attribute__((noreturn))
static void bad(struct argp_state *state, const char *option, const char *arg, const char *why)
{
	argp_error(state, "%s: '%s' %s", option, arg, why);
	exit(TOOL_USAGE);
}

uint64_t tool_arg_number(struct argp_state *state, const char *option, const char *arg,
			 uint64_t min, uint64_t max)
{
	const char *why;
	uint64_t value;

	if (number_parse(arg, min, max, &value, &why))
		bad(state, option, arg, why);
	return value;
}

uint32_t tool_arg_addr(struct argp_state *state, const char *option, const char *arg)
{
	const char *why;
	uint32_t addr;

	if (number_parse_addr(arg, &addr, &why))
		bad(state, option, arg, why);
	return addr;
}

uint64_t tool_arg_count(struct argp_state *state, const char *option, const char *arg)
{
	const char *why;
	uint64_t count;

	if (number_parse_count(arg, &count, &why))
		bad(state, option, arg, why);
	return count;
}

uint64_t tool_arg_size(struct argp_state *state, const char *option, const char *arg, uint64_t unit)
{
	const char *why;
	uint64_t bytes;

	if (number_parse_size(arg, unit, &bytes, &why))
		bad(state, option, arg, why);
	return bytes;
}

int64_t tool_arg_seconds(struct argp_state *state, const char *option, const char *arg)
{
	const char *why;
	int64_t ns;

	if (number_parse_seconds(arg, &ns, &why))
		bad(state, option, arg, why);
	return ns;
}

int64_t tool_arg_ms(struct argp_state *state, const char *option, const char *arg)
{
	const char *why;
	int64_t ns;

	if (number_parse_ms(arg, &ns, &why))
		bad(state, option, arg, why);
	return ns;
}

const char *tool_arg_name(struct argp_state *state, const char *option, const char *arg)
{
	if (!*arg)
		bad(state, option, arg, "is empty");
	if (strlen(arg) >= RPMSG_NAME_SIZE)
		bad(state, option, arg, "is longer than 31 bytes, the most a channel's name has");
	return arg;
}
