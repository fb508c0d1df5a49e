/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-extcap: rpmsg buses in Wireshark's list of interfaces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bpf.h"
#include "common/options.h"
#include "rpmsg-extcap/extcap.h"

#define LINK_TYPE 252 /* Wireshark upper PDU, as rpmsg-pcap(5) */

enum {
	KEY_INTERFACES = TOOL_KEY_FREE,
	KEY_VERSION,
	KEY_INTERFACE,
	KEY_DLTS,
	KEY_CONFIG,
	KEY_CAPTURE,
	KEY_CAPTURE_FILTER,
	KEY_FIFO,
	KEY_HISTORY,
	KEY_DIRECTION,
	KEY_SNAPLEN,
	KEY_EVENTS,
	KEY_FILTER,
	KEY_HOST,
	KEY_BUS,
	KEY_PORT,
	KEY_COMMAND,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What Wireshark asks for:", 1 },
	{ "extcap-interfaces", KEY_INTERFACES, NULL, 0, "list the interfaces", 0 },
	{ "extcap-version", KEY_VERSION, "VERSION", OPTION_ARG_OPTIONAL, "Wireshark's own version", 0 },
	{ "extcap-interface", KEY_INTERFACE, "IFACE", 0, "rpmsg-NAME, ssh:HOST/BUS or rpmsg-ssh", 0 },
	{ "extcap-dlts", KEY_DLTS, NULL, 0, "list the link types of IFACE", 0 },
	{ "extcap-config", KEY_CONFIG, NULL, 0, "list what can be chosen about IFACE", 0 },
	{ "capture", KEY_CAPTURE, NULL, 0, "capture from IFACE", 0 },
	{ "extcap-capture-filter", KEY_CAPTURE_FILTER, "BPF", 0,
	  "what to capture, in pcap-filter(7)'s language; without --capture: check it", 0 },
	{ "fifo", KEY_FIFO, "FILE", 0, "where the capture goes", 0 },
	{ NULL, 0, NULL, 0, "What its dialog lets one choose:", 2 },
	{ "history", KEY_HISTORY, NULL, 0, "start at the oldest record held", 0 },
	{ "direction", KEY_DIRECTION, "DIR", 0, "both, h2r (host to remote) or r2h", 0 },
	{ "snaplen", KEY_SNAPLEN, "N", 0, "keep N bytes of a message (0: all)", 0 },
	{ "events", KEY_EVENTS, NULL, 0, "capture events too", 0 },
	{ "filter", KEY_FILTER, "EXPR", 0, "what to capture, in rpmsg-listen(1)'s language", 0 },
	{ "remote-host", KEY_HOST, "HOST", 0, "rpmsg-ssh: the machine, as ssh knows it", 0 },
	{ "remote-bus", KEY_BUS, "BUS", 0, "rpmsg-ssh: the bus there (rpmsg0)", 0 },
	{ "remote-port", KEY_PORT, "PORT", 0, "its port for ssh (0: as ssh is configured)", 0 },
	{ "remote-command", KEY_COMMAND, "CMD", 0, "rpmsg-listen as its shell finds it", 0 },
	{ 0 },
};

static const char doc[] =
	"Show rpmsg buses in Wireshark's list of interfaces, and capture from them.\v"
	"Wireshark runs this by itself: see its manual page.";

struct request {
	struct config cfg;
	bool list, dlts, dialog, capture;
	const char *host, *bus;
};

static enum direction arg_direction(struct argp_state *state, const char *arg)
{
	static const char *const name[] = {
		[DIRECTION_BOTH] = "both", [DIRECTION_H2R] = "h2r", [DIRECTION_R2H] = "r2h"
	};

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		if (strcmp(arg, name[i]) == 0)
			return (enum direction)i;
	argp_error(state, "--direction: '%s' is none of both, h2r, r2h", arg);
	return DIRECTION_BOTH;
}

/* A dialog's field that is left empty says nothing. */
static const char *arg_text(struct argp_state *state, const char *option, const char *arg)
{
	for (const char *c = arg; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			argp_error(state, "%s: a control character at byte %td", option, c - arg);
	return *arg ? arg : NULL;
}

static error_t parse_choice(int key, char *arg, struct argp_state *state)
{
	struct request *r = state->input;

	switch (key) {
	case KEY_HISTORY:
		r->cfg.history = true;
		return 0;
	case KEY_DIRECTION:
		r->cfg.direction = arg_direction(state, arg);
		return 0;
	case KEY_SNAPLEN:
		r->cfg.snaplen = (uint32_t)tool_arg_number(state, "--snaplen", arg, 0, UINT16_MAX);
		return 0;
	case KEY_EVENTS:
		r->cfg.events = true;
		return 0;
	case KEY_FILTER:
		r->cfg.filter = arg_text(state, "--filter", arg);
		return 0;
	case KEY_HOST:
		r->host = arg;
		return 0;
	case KEY_BUS:
		r->bus = arg;
		return 0;
	case KEY_PORT:
		r->cfg.port = (uint16_t)tool_arg_number(state, "--remote-port", arg, 0, UINT16_MAX);
		return 0;
	case KEY_COMMAND:
		r->cfg.command = arg_text(state, "--remote-command", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check_iface(struct argp_state *state, struct request *r)
{
	struct iface *iface = &r->cfg.iface;
	const char *name = r->cfg.iface_name, *wrong = iface_parse(name, iface);
	bool ask = !wrong && iface->remote && !*iface->host;

	if (wrong)
		argp_error(state, "--extcap-interface: '%s' %s", name, wrong);
	if ((r->host || r->bus) && !ask)
		argp_error(state, "--remote-host and --remote-bus are for rpmsg-ssh alone");
	wrong = r->host ? iface_set_host(iface, r->host) : NULL;
	if (wrong)
		argp_error(state, "--remote-host: '%s' %s", r->host, wrong);
	wrong = ask ? iface_set_bus(iface, r->bus ? r->bus : "rpmsg0") : NULL;
	if (wrong)
		argp_error(state, "--remote-bus: '%s' %s", r->bus, wrong);
}

static void check(struct argp_state *state, struct request *r)
{
	bool filter = r->cfg.bpf && !r->capture; /* to be checked alone */

	if (r->list + r->dlts + r->dialog + r->capture + filter != 1)
		argp_error(state, "Wireshark asks for one of --extcap-interfaces, --extcap-dlts, "
			   "--extcap-config, --capture");
	if (r->list)
		return;
	if (!r->cfg.iface_name)
		argp_error(state, "--extcap-interface is missing");
	check_iface(state, r);
	if (r->capture && !r->cfg.fifo)
		argp_error(state, "--capture needs --fifo");
	if (r->capture && r->cfg.iface.remote && !*r->cfg.iface.host)
		argp_error(state, "rpmsg-ssh needs --remote-host");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *r = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &r->cfg.verbosity;
		return 0;
	case KEY_INTERFACES:
		r->list = true;
		return 0;
	case KEY_VERSION:
		return 0;
	case KEY_INTERFACE:
		r->cfg.iface_name = arg;
		return 0;
	case KEY_DLTS:
		r->dlts = true;
		return 0;
	case KEY_CONFIG:
		r->dialog = true;
		return 0;
	case KEY_CAPTURE:
		r->capture = true;
		return 0;
	case KEY_CAPTURE_FILTER:
		r->cfg.bpf = arg_text(state, "--extcap-capture-filter", arg);
		return 0;
	case KEY_FIFO:
		r->cfg.fifo = arg;
		return 0;
	case ARGP_KEY_END:
		check(state, r);
		return 0;
	default:
		return parse_choice(key, arg, state);
	}
}

/* Wireshark takes what is printed for what is wrong. */
static void check_filter(const char *text)
{
	char error[256];
	struct bpf *bpf = bpf_new(text, error, sizeof(error));

	if (!bpf)
		printf("%s\n", error);
	bpf_free(bpf);
}

static enum tool_exit answer(const struct request *r)
{
	if (r->capture)
		return capture_run(&r->cfg);
	if (r->list)
		iface_list();
	else if (r->cfg.bpf)
		check_filter(r->cfg.bpf);
	else if (r->dlts)
		printf("dlt {number=%d}{name=rpmsg}{display=rpmsg messages}\n", LINK_TYPE);
	else
		dialog_print(&r->cfg.iface);
	return TOOL_OK;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = doc,
		.children = tool_basic_children,
	};
	struct request r = { .list = false };
	enum tool_exit code;

	tool_parse(&argp, argc, argv, &r);
	code = answer(&r);
	if (fflush(stdout)) {
		tool_error("standard output: %m");
		return TOOL_FAIL;
	}
	return (int)code;
}
