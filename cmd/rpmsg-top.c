/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-top: a live picture of buses: who talks, who is stuck, who holds the buffers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "rpmsg-top/source.h"
#include "rpmsg-top/table.h"

#define NS_PER_S (INT64_C(1000) * 1000 * 1000)
#define INTERVAL_MIN (NS_PER_S / 10)
#define INTERVAL_MAX (NS_PER_S * 3600)

enum {
	KEY_BATCH = TOOL_KEY_FREE,
	KEY_SORT,
	KEY_FILTER,
	KEY_EXIT_ON_DOWN,
	KEY_ASCII,
	KEY_NO_MOUSE,
};

static const struct argp_option options[] = {
	{"interval", 'i', "SEC", 0, "time between two pictures (default 1)", 1},
	{"count", 'c', "N", 0, "end after N pictures", 1},
	{"exit-on-down", KEY_EXIT_ON_DOWN, NULL, 0, "end with 6 when a link goes down", 1},
	{"name", 'n', "NAME", 0, "rows of the service NAME alone", 2},
	{"filter", KEY_FILTER, "TEXT", 0, "rows that contain TEXT alone", 2},
	{"sort", KEY_SORT, "COLUMN", 0,
	 "order of rows (default share); a - before it turns it round", 2},
	{"read", 'r', "FILE", 0,
	 "show a capture, a recorder's file, lines of --out log or a kernel's log "
	 "(- is standard input)", 3},
	{"write", 'w', "FILE", 0, "the capture that the key w writes", 3},
	{"batch", KEY_BATCH, NULL, 0, "no screen: print pictures one after the other", 4},
	{"ascii", KEY_ASCII, NULL, 0, "no line and block characters", 5},
	{"no-mouse", KEY_NO_MOUSE, NULL, 0, "leave the mouse to the terminal", 5},
	{0},
};

static const char doc[] =
	"Show whether messages flow, who talks, who is stuck and who holds the buffers.\v"
	"The key h shows what the others do. With --batch pictures are printed as text, or with "
	"-j as JSON.";

static enum column parse_column(struct argp_state *state, const char *word)
{
	enum column column;
	char words[256] = "";

	if (!column_parse(word, &column))
		return column;
	for (int i = 0; i < N_COLUMNS; i++) {
		strcat(words, i ? ", " : "");
		strcat(words, column_word((enum column)i));
	}
	argp_error(state, "--sort: '%s' is none of %s", word, words);
	return COLUMN_SHARE;
}

static void set_sort(struct argp_state *state, struct config *cfg, const char *arg)
{
	cfg->invert = *arg == '-';
	cfg->sort = parse_column(state, arg + cfg->invert);
}

static void set_interval(struct argp_state *state, struct config *cfg, const char *arg)
{
	cfg->interval_ns = tool_arg_seconds(state, "--interval", arg);
	if (cfg->interval_ns < INTERVAL_MIN || cfg->interval_ns > INTERVAL_MAX)
		argp_error(state, "--interval: '%s' is not from 0.1 to 3600", arg);
}

static void check_file(struct argp_state *state, const struct config *cfg)
{
	if (cfg->tool.n_bus || cfg->tool.remote)
		argp_error(state, "--bus and --remote mean nothing with --read");
	if (cfg->exit_on_down)
		argp_error(state, "--exit-on-down means nothing with --read");
}

static void check_options(struct argp_state *state, const struct config *cfg)
{
	if (cfg->tool.out != FORMAT_TEXT && cfg->tool.out != FORMAT_JSON)
		argp_error(state, "--out: there is text and json here");
	if (cfg->tool.out_set && !cfg->batch)
		argp_error(state, "--out and --json belong to --batch");
	if (cfg->batch && (cfg->write || cfg->ascii || cfg->no_mouse))
		argp_error(state, "--write, --ascii and --no-mouse are for the screen: without "
				  "--batch");
	if (cfg->write && strcmp(cfg->write, "-") == 0)
		argp_error(state, "--write: standard output has the screen; name a file");
	if (cfg->read)
		check_file(state, cfg);
	if (!cfg->batch && !isatty(STDOUT_FILENO))
		argp_error(state, "standard output is no terminal: use --batch");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct config *cfg = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cfg->tool;
		return 0;
	case 'i':
		set_interval(state, cfg, arg);
		return 0;
	case 'c':
		cfg->count = tool_arg_count(state, "--count", arg);
		return 0;
	case 'n':
		cfg->name = tool_arg_name(state, "--name", arg);
		return 0;
	case 'r':
		cfg->read = arg;
		return 0;
	case 'w':
		cfg->write = arg;
		return 0;
	case KEY_BATCH:
		cfg->batch = true;
		return 0;
	case KEY_SORT:
		set_sort(state, cfg, arg);
		return 0;
	case KEY_FILTER:
		cfg->filter = arg;
		return 0;
	case KEY_EXIT_ON_DOWN:
		cfg->exit_on_down = true;
		return 0;
	case KEY_ASCII:
		cfg->ascii = true;
		return 0;
	case KEY_NO_MOUSE:
		cfg->no_mouse = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much", arg);
		return EINVAL;
	case ARGP_KEY_END:
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
		.doc = doc,
		.children = tool_children,
	};
	struct config cfg = {
		.tool.timeout_ns = NUMBER_FOREVER,
		.interval_ns = NS_PER_S,
		.sort = COLUMN_SHARE,
	};
	struct source *src;
	enum tool_exit code;

	tool_parse(&argp, argc, argv, &cfg);
	if (run_init())
		return TOOL_FAIL;
	code = source_open(&cfg, &src);
	if (code == TOOL_OK && src) {
		code = cfg.batch ? batch_run(&cfg, src) : screen_run(&cfg, src);
		source_close(src);
	}
	return run_finish(code);
}
