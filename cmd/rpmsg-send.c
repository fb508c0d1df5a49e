/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-send: sends messages, waits for answers, measures round trips. */
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/send.h"

enum {
	KEY_REPLY = TOOL_KEY_FREE,
	KEY_FROM,
	KEY_EXPECT,
	KEY_TRY,
	KEY_SPOOF,
	KEY_SPLIT,
	KEY_PING,
	KEY_MAX_RTT,
	KEY_REPLAY,
	KEY_SPEED,
	KEY_LOOP,
	KEY_EXPECT_REPLIES,
	KEY_DRY_RUN,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "To whom:", 1 },
	{ "name", 'n', "NAME", 0, "to the service NAME, once it is announced", 0 },
	{ "dst", 'd', "ADDR", 0, "to this address of the other side", 0 },
	{ "src", 's', "ADDR", 0, "from this address, which is bound", 0 },
	{ "spoof", KEY_SPOOF, "ADDR", 0, "from this address without binding it", 0 },
	{ NULL, 0, NULL, 0, "What:", 2 },
	{ "hex", 'x', NULL, 0, "PAYLOADs are hex digits, all together one message", 0 },
	{ "escapes", 'e', NULL, 0, "\\n \\0 \\xHH \\\\ in PAYLOADs mean a byte", 0 },
	{ "file", 'f', "FILE", 0, "the whole FILE is the message (- is standard input)", 0 },
	{ "lines", 'l', NULL, 0, "each line of standard input or FILE is a message", 0 },
	{ "split", KEY_SPLIT, "N", OPTION_ARG_OPTIONAL,
	  "standard input or FILE in messages of up to N bytes (default: what fits)", 0 },
	{ "count", 'c', "N", 0, "send all messages N times; --ping and --replay stop after N", 0 },
	{ "interval", 'i', "SEC", 0, "pause between messages (with --ping and no -c: 1)", 0 },
	{ "try", KEY_TRY, NULL, 0, "do not wait for a transmit buffer: end with 5", 0 },
	{ NULL, 0, NULL, 0, "What comes back:", 3 },
	{ "reply", KEY_REPLY, "N", OPTION_ARG_OPTIONAL,
	  "wait for N answers and print them (default: one for each message)", 0 },
	{ "from", KEY_FROM, "any", 0,
	  "take answers from any address, not just the destination's", 0 },
	{ "expect", KEY_EXPECT, "PAYLOAD", 0,
	  "wait for answers; end with 3 if one is not PAYLOAD", 0 },
	{ "ping", KEY_PING, NULL, 0,
	  "one message at a time: print how long each answer takes, and a summary", 0 },
	{ "max-rtt", KEY_MAX_RTT, "MS", 0, "end with 3 if a round trip took longer", 0 },
	{ NULL, 0, NULL, 0, "A recording again:", 4 },
	{ "replay", KEY_REPLAY, "FILE", 0,
	  "send what our side sent in FILE: a capture, a recorder's file, lines of --out log, a "
	  "kernel's log (-n: only what belongs to that service)", 0 },
	{ "speed", KEY_SPEED, "FACTOR", 0,
	  "so many times as fast as it was; max or 0: as fast as possible", 0 },
	{ "loop", KEY_LOOP, "N", OPTION_ARG_OPTIONAL, "N times (default: for ever)", 0 },
	{ "expect-replies", KEY_EXPECT_REPLIES, NULL, 0,
	  "end with 3 if the other side does not answer as it did", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "send nothing, print what would be sent", 0 },
	{ 0 },
};

static const char doc[] =
	"Send rpmsg messages: each PAYLOAD is one, - is the whole of standard input."
	"\v-t is 5 seconds unless given, for each thing that is awaited: the service, a transmit "
	"buffer, the answers.";

static const char hello[] = "ping";

static void check_target(struct argp_state *state, const struct send_config *cfg)
{
	if (cfg->tool.n_bus > 1)
		argp_error(state, "one bus, not several");
	if (cfg->replay)
		return;
	if (!cfg->name && cfg->dst == RPMSG_ADDR_ANY)
		argp_error(state, "to whom? -n NAME or -d ADDR");
	if (cfg->name && cfg->dst != RPMSG_ADDR_ANY)
		argp_error(state, "-n and -d exclude each other");
	if (cfg->spoof != RPMSG_ADDR_ANY && cfg->src != RPMSG_ADDR_ANY)
		argp_error(state, "-s and --spoof exclude each other");
	if (cfg->spoof != RPMSG_ADDR_ANY && (cfg->reply || cfg->expect_text || cfg->ping))
		argp_error(state, "--spoof: answers would go to an address that is not ours");
}

/* What says to whom, what, or what comes back is in the file. */
static void check_replay(struct argp_state *state, const struct send_config *cfg)
{
	const struct {
		bool given;
		const char *option;
	} other[] = {
		{ cfg->n_args, "PAYLOAD" },
		{ cfg->dst != RPMSG_ADDR_ANY, "-d" },
		{ cfg->src != RPMSG_ADDR_ANY, "-s" },
		{ cfg->spoof != RPMSG_ADDR_ANY, "--spoof" },
		{ cfg->form == PAYLOAD_HEX, "-x" },
		{ cfg->form == PAYLOAD_ESCAPES, "-e" },
		{ cfg->file, "-f" },
		{ cfg->lines, "-l" },
		{ cfg->split, "--split" },
		{ cfg->reply, "--reply" },
		{ cfg->expect_text, "--expect" },
		{ cfg->ping, "--ping" },
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		if (other[i].given)
			argp_error(state, "--replay and %s exclude each other", other[i].option);
	if (cfg->speed_set && cfg->interval_set)
		argp_error(state, "--speed and -i exclude each other");
	if (cfg->dry_run && (cfg->loop || cfg->expect_replies))
		argp_error(state, "--dry-run and --%s exclude each other",
			   cfg->loop ? "loop" : "expect-replies");
}

static void check_no_replay(struct argp_state *state, const struct send_config *cfg)
{
	const char *option = cfg->speed_set ? "speed" : cfg->loop ? "loop" :
			     cfg->expect_replies ? "expect-replies" :
			     cfg->dry_run ? "dry-run" : NULL;

	if (option)
		argp_error(state, "--%s needs --replay", option);
}

static void check_answers(struct argp_state *state, const struct send_config *cfg)
{
	bool answers = cfg->reply || cfg->expect_text || cfg->ping;

	if (cfg->ping && cfg->reply)
		argp_error(state, "--ping and --reply exclude each other");
	if (cfg->ping && (cfg->lines || cfg->split))
		argp_error(state, "--ping and --%s exclude each other", cfg->lines ? "lines" : "split");
	if (cfg->ping && (cfg->tool.out == FORMAT_RAW || cfg->tool.out == FORMAT_LOG))
		argp_error(state, "--ping prints text or json");
	if (cfg->max_rtt_ns >= 0 && !cfg->ping)
		argp_error(state, "--max-rtt needs --ping");
	if (cfg->from_any && !answers)
		argp_error(state, "--from needs --reply, --expect or --ping");
}

static void check_sources(struct argp_state *state, const struct send_config *cfg)
{
	const char *stream = cfg->lines ? "-l" : cfg->split ? "--split" : NULL;
	size_t stdins = 0;

	for (size_t i = 0; i < cfg->n_args; i++)
		stdins += !strcmp(cfg->args[i], "-");
	if (stdins > 1)
		argp_error(state, "standard input can be read once");
	if (cfg->file && cfg->n_args)
		argp_error(state, "-f and PAYLOAD exclude each other");
	if (stream && cfg->n_args)
		argp_error(state, "%s and PAYLOAD exclude each other", stream);
	if (stream && cfg->count_set)
		argp_error(state, "%s and -c exclude each other: input is read once", stream);
	if (cfg->split && cfg->lines)
		argp_error(state, "-l and --split exclude each other");
	if (cfg->split && cfg->form != PAYLOAD_PLAIN)
		argp_error(state, "--split sends bytes as they are: no -x or -e");
	if (!stream && !cfg->file && !cfg->n_args && !cfg->ping && !cfg->replay)
		argp_error(state, "no message: PAYLOAD, -f, -l or --split ('' is the empty message)");
}

static void refuse_payload(struct argp_state *state, const char *what, int err, const char *why)
{
	if (err == -EINVAL || err == -EMSGSIZE)
		argp_error(state, "%s %s", what, why);
	else
		argp_failure(state, TOOL_FAIL, 0, "%s: %s", what, why);
}

static void read_expected(struct argp_state *state, struct send_config *cfg)
{
	const char *why;
	int err;

	if (!cfg->expect_text)
		return;
	err = payload_decode(cfg->expect_text, strlen(cfg->expect_text), cfg->form, &cfg->expect,
			     &why);
	if (err)
		refuse_payload(state, "--expect", err, why);
}

/* Adds what is one message: a file, or ping's own. */
static void add_message(struct argp_state *state, struct send_config *cfg)
{
	struct payload message = { 0 };
	const char *why = "does not fit into memory";
	int err;

	if (cfg->file)
		err = payload_read_file(cfg->file, cfg->form, &message, &why);
	else
		err = payload_decode(hello, strlen(hello), PAYLOAD_PLAIN, &message, &why);
	if (!err)
		err = payload_list_add(&cfg->messages, &message);
	if (err)
		refuse_payload(state, cfg->file ? cfg->file : hello, err, why);
}

static void read_messages(struct argp_state *state, struct send_config *cfg)
{
	const char *why;
	size_t bad;
	int err;

	if (cfg->lines || cfg->split || cfg->replay)
		return;
	if (!cfg->n_args) {
		add_message(state, cfg);
		return;
	}
	err = payload_list_add_args(&cfg->messages, cfg->args, cfg->n_args, cfg->form, &bad, &why);
	if (err)
		refuse_payload(state, cfg->args[bad], err, why);
}

static void set_form(struct argp_state *state, struct send_config *cfg, enum payload_form form)
{
	if (cfg->form != PAYLOAD_PLAIN && cfg->form != form)
		argp_error(state, "-x and -e exclude each other");
	cfg->form = form;
}

static void set_reply(struct argp_state *state, struct send_config *cfg, const char *arg)
{
	cfg->reply = true;
	cfg->replies = arg ? tool_arg_count(state, "--reply", arg) : 0;
}

/* A factor has the form of seconds, and nine digits are fine for it. */
static void set_speed(struct argp_state *state, struct send_config *cfg, const char *arg)
{
	cfg->speed_set = true;
	cfg->speed = strcmp(arg, "max") ? (double)tool_arg_seconds(state, "--speed", arg) / 1e9 : 0;
}

static error_t parse_replay(int key, char *arg, struct argp_state *state, struct send_config *cfg)
{
	switch (key) {
	case KEY_REPLAY:
		if (cfg->replay)
			argp_error(state, "--replay: one file, not several");
		cfg->replay = arg;
		return 0;
	case KEY_SPEED:
		set_speed(state, cfg, arg);
		return 0;
	case KEY_LOOP:
		cfg->loop = true;
		cfg->rounds = arg ? tool_arg_count(state, "--loop", arg) : 0;
		return 0;
	case KEY_EXPECT_REPLIES:
		cfg->expect_replies = true;
		return 0;
	case KEY_DRY_RUN:
		cfg->dry_run = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_answer(int key, char *arg, struct argp_state *state, struct send_config *cfg)
{
	switch (key) {
	case KEY_REPLY:
		set_reply(state, cfg, arg);
		return 0;
	case KEY_FROM:
		if (strcmp(arg, "any"))
			argp_error(state, "--from: '%s' is not 'any'", arg);
		cfg->from_any = true;
		return 0;
	case KEY_EXPECT:
		cfg->expect_text = arg;
		return 0;
	case KEY_PING:
		cfg->ping = true;
		return 0;
	case KEY_MAX_RTT:
		cfg->max_rtt_ns = tool_arg_ms(state, "--max-rtt", arg);
		return 0;
	default:
		return parse_replay(key, arg, state, cfg);
	}
}

static error_t parse_message(int key, char *arg, struct argp_state *state, struct send_config *cfg)
{
	switch (key) {
	case 'x':
		set_form(state, cfg, PAYLOAD_HEX);
		return 0;
	case 'e':
		set_form(state, cfg, PAYLOAD_ESCAPES);
		return 0;
	case 'f':
		if (cfg->file)
			argp_error(state, "-f: one file, not several");
		cfg->file = arg;
		return 0;
	case 'l':
		cfg->lines = true;
		return 0;
	case KEY_SPLIT:
		cfg->split = true;
		cfg->piece = arg ? tool_arg_count(state, "--split", arg) : 0;
		return 0;
	case 'c':
		cfg->count = tool_arg_count(state, "--count", arg);
		cfg->count_set = true;
		return 0;
	case 'i':
		cfg->interval_ns = tool_arg_seconds(state, "--interval", arg);
		cfg->interval_set = true;
		return 0;
	case KEY_TRY:
		cfg->try = true;
		return 0;
	default:
		return parse_answer(key, arg, state, cfg);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct send_config *cfg = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &cfg->tool;
		return 0;
	case 'n':
		cfg->name = tool_arg_name(state, "--name", arg);
		return 0;
	case 'd':
		cfg->dst = tool_arg_addr(state, "--dst", arg);
		return 0;
	case 's':
		cfg->src = tool_arg_addr(state, "--src", arg);
		return 0;
	case KEY_SPOOF:
		cfg->spoof = tool_arg_addr(state, "--spoof", arg);
		return 0;
	case ARGP_KEY_ARGS:
		cfg->args = (const char *const *)&state->argv[state->next];
		cfg->n_args = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		check_target(state, cfg);
		if (cfg->replay)
			check_replay(state, cfg);
		else
			check_no_replay(state, cfg);
		check_answers(state, cfg);
		check_sources(state, cfg);
		read_expected(state, cfg);
		return 0;
	case ARGP_KEY_SUCCESS:
		read_messages(state, cfg);
		return 0;
	default:
		return parse_message(key, arg, state, cfg);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[PAYLOAD...]",
	.doc = doc,
	.children = tool_children,
};

/* What was queued for our address before we send is nobody's answer. */
static enum tool_exit drop_queued(struct session *s)
{
	int ret;

	do {
		ret = session_look(s);
	} while (ret > 0);
	if (s->queued)
		tool_note("%llu message%s queued before dropped", (unsigned long long)s->queued,
			  plural_s(s->queued));
	return ret < 0 ? session_failed(s, ret) : TOOL_OK;
}

static enum tool_exit run(struct session *s, const struct send_config *cfg)
{
	enum tool_exit code;
	bool answers = cfg->reply || cfg->expect_text || cfg->ping;

	if (cfg->replay)
		return replay_run(s, cfg);
	code = session_open(s, cfg);
	if (!code && !run_stopped())
		code = target_bind(s);
	if (!code && !run_stopped())
		code = drop_queued(s);
	if (code || run_stopped())
		return code;
	code = cfg->ping ? ping_run(s) : batch_run(s);
	answer_summary(s);
	if (code || run_stopped() || answers)
		return code;
	return session_finish(s);
}

int main(int argc, char **argv)
{
	static struct send_config cfg = {
		.tool.timeout_ns = SEND_AWAIT_NS,
		.dst = RPMSG_ADDR_ANY,
		.src = RPMSG_ADDR_ANY,
		.spoof = RPMSG_ADDR_ANY,
		.count = 1,
		.speed = 1,
		.max_rtt_ns = -1,
	};
	static struct session s;
	enum tool_exit code = TOOL_FAIL;
	int err;

	tool_parse(&argp, argc, argv, &cfg);
	err = run_init();
	if (err) {
		tool_error("cannot handle signals: %s", rpmsg_strerror(err));
		return TOOL_FAIL;
	}
	if (cfg.reply || cfg.ping || cfg.dry_run)
		run_watch_stdout();
	code = run(&s, &cfg);
	session_close(&s);
	payload_list_free(&cfg.messages);
	payload_free(&cfg.expect);
	return run_finish(code);
}
