/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsgd: lets several programs share rpmsg links. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/options.h"
#include "common/ready.h"
#include "rpmsgd.h"

#define STALL_MS 15000

enum key {
	KEY_BANNER = TOOL_KEY_FREE,
	KEY_READY_FD,
	KEY_LIST,
	KEY_STOP,
	KEY_GROUP,
	KEY_MODE,
	KEY_IDLE,
	KEY_STALL,
	KEY_RECORD_SIZE,
	KEY_NO_RECORD,
};

struct config {
	char **links;
	int n_links;
	bool list;
	const char *stop;
	int verbosity;
};

static const struct argp_option options[] = {
	{ "remote", 'R', NULL, 0, "be the remote side of shm: links", 0 },
	{ "daemon", 'D', NULL, 0, "go on in the background; returns when the buses are served", 0 },
	{ "banner", KEY_BANNER, NULL, 0, "say on stderr when the buses are served", 0 },
	{ "ready-fd", KEY_READY_FD, "N", 0,
	  "write a newline to descriptor N when the buses are served, and close it", 0 },
	{ "idle-exit", KEY_IDLE, "SEC", 0, "end SEC seconds after the last client has gone", 0 },
	{ "stall", KEY_STALL, "SEC", 0,
	  "drop what is kept for a client that takes nothing for SEC seconds (default: 15)", 0 },
	{ "record-size", KEY_RECORD_SIZE, "SIZE", 0,
	  "bytes of the flight recorder, with k, M or G if you like (default: 8M)", 0 },
	{ "no-record", KEY_NO_RECORD, NULL, 0, "do not record", 0 },
	{ "socket-group", KEY_GROUP, "GROUP", 0, "let the members of GROUP use the buses", 0 },
	{ "socket-mode", KEY_MODE, "MODE", 0,
	  "access mode of the sockets, octal (default: 600)", 0 },
	{ "list", KEY_LIST, NULL, 0,
	  "print the buses that are served: name, pid, link, socket", 0 },
	{ "stop", KEY_STOP, "NAME", 0, "end the rpmsgd that serves bus NAME", 0 },
	{ 0 },
};

/* ---- arguments of options ---- */

static int64_t arg_ms(struct argp_state *state, const char *option, const char *arg)
{
	return tool_arg_seconds(state, option, arg) / 1000000;
}

static int arg_mode(struct argp_state *state, const char *arg)
{
	size_t len = strlen(arg);

	if (len < 3 || len > 4 || strspn(arg, "01234567") != len || (len == 4 && arg[0] != '0'))
		argp_error(state, "--socket-mode: '%s' is not an octal mode such as 660", arg);
	return (int)strtoul(arg, NULL, 8);
}

static error_t parse_serving(int key, char *arg, struct argp_state *state)
{
	struct options *opt = &server.opt;

	switch (key) {
	case 'R':
		opt->remote = true;
		return 0;
	case 'D':
		opt->detach = true;
		return 0;
	case KEY_BANNER:
		opt->banner = true;
		return 0;
	case KEY_READY_FD:
		opt->ready_fd = ready_arg_fd(state, arg);
		return 0;
	case KEY_IDLE:
		opt->idle_ms = arg_ms(state, "--idle-exit", arg);
		return 0;
	case KEY_STALL:
		opt->stall_ms = arg_ms(state, "--stall", arg);
		return 0;
	case KEY_RECORD_SIZE:
		opt->record_size = tool_arg_size(state, "--record-size", arg, 1);
		return 0;
	case KEY_NO_RECORD:
		opt->record = false;
		return 0;
	case KEY_GROUP:
		opt->group = arg;
		return 0;
	case KEY_MODE:
		opt->mode = arg_mode(state, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct config *cfg = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cfg->verbosity;
		return 0;
	case KEY_LIST:
		cfg->list = true;
		return 0;
	case KEY_STOP:
		cfg->stop = arg;
		return 0;
	case ARGP_KEY_ARGS:
		cfg->links = state->argv + state->next;
		cfg->n_links = state->argc - state->next;
		return 0;
	case ARGP_KEY_END:
		if (cfg->n_links && (cfg->list || cfg->stop))
			argp_error(state, "--list and --stop take no LINK");
		if (!cfg->n_links && !cfg->list && !cfg->stop)
			argp_error(state, "no LINK to serve");
		return 0;
	default:
		return parse_serving(key, arg, state);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = tool_basic_children,
	.args_doc = "[NAME=]LINK...\n--list\n--stop NAME",
	.doc = "Serves rpmsg buses to several programs.\v"
	       "LINK is loop[:num=N,size=N] (a software bus: both sides), "
	       "shm:NAME[,num=N][,size=N], vhost-user:SOCKET, /dev/rpmsg_ctrlN or rproc:NAME. "
	       "Without NAME= the buses are called rpmsg0, rpmsg1, ...",
};

/* ---- what is to be served ---- */

static int add_link(const char *arg, unsigned *n_unnamed)
{
	struct served *b = calloc(1, sizeof(*b)), *other;

	if (!b) {
		tool_error("%s", strerror(ENOMEM));
		return TOOL_FAIL;
	}
	if (link_parse(arg, b, n_unnamed)) {
		free(b);
		return TOOL_USAGE;
	}
	STAILQ_FOREACH(other, &server.buses, link_)
		if (!strcmp(other->name, b->name)) {
			free(b);
			return (int)tool_usage_error("two buses are called %s", other->name);
		}
	STAILQ_INSERT_TAIL(&server.buses, b, link_);
	return 0;
}

static int add_links(const struct config *cfg)
{
	unsigned n_unnamed = 0;
	int err = 0;

	for (int i = 0; i < cfg->n_links && !err; i++)
		err = add_link(cfg->links[i], &n_unnamed);
	return err;
}

static void free_links(void)
{
	struct served *b;

	while ((b = STAILQ_FIRST(&server.buses))) {
		STAILQ_REMOVE_HEAD(&server.buses, link_);
		free(b);
	}
}

static void tell_ready(void)
{
	struct served *b;

	STAILQ_FOREACH(b, &server.buses, link_)
		if (server.opt.banner)
			tool_error("ready: %s is served: %s at %s", b->name, b->link,
				   place_socket(b->place));
	if (server.opt.ready_fd >= 0) {
		if (write(server.opt.ready_fd, "\n", 1) < 0)
			tool_error("--ready-fd: %s", strerror(errno));
		close(server.opt.ready_fd);
	}
	if (server.opt.detach)
		detach_ready();
}

static int serve(void)
{
	if (server.opt.detach && detach_begin(&server.opt)) {
		tool_error("cannot go to the background: %s", strerror(errno));
		return TOOL_FAIL;
	}
	if (server.opt.record)
		unsetenv("RPMSG_RECORD"); /* a bus has one recorder, and this is ours to place */
	if (server_start())
		return TOOL_FAIL;
	tell_ready();
	server_run();
	return TOOL_OK;
}

/* SIGTERM is how a daemon is ended; of the others the shell is to know. */
static void finish_signal(int sig)
{
	sigset_t set;

	if (!sig || sig == SIGTERM)
		return;
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	struct config cfg = { 0 };
	int code;

	server.opt = (struct options){ .record = true, .mode = -1, .idle_ms = -1,
				       .stall_ms = STALL_MS, .ready_fd = -1 };
	STAILQ_INIT(&server.buses);
	tool_parse(&argp, argc, argv, &cfg);
	if (cfg.stop)
		return (int)stop_bus(cfg.stop);
	if (cfg.list)
		return (int)list_buses();
	code = add_links(&cfg);
	if (!code)
		code = serve();
	free_links();
	finish_signal(server.signal);
	return code;
}
