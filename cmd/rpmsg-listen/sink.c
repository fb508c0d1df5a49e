/* SPDX-License-Identifier: BSD-2-Clause */
/* Where all messages end: filter, count, output, capture. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/output.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

static enum tool_exit open_filter(struct listen *l)
{
	char error[160];

	l->filter = filter_parse(l->cfg->expr, l->cfg->n_expr, error, sizeof(error));
	if (l->filter)
		return TOOL_OK;
	return tool_usage_error("expression: %s", error);
}

static void print_failed(struct listen *l, int err)
{
	l->done = true;
	l->code = tool_exit_worse(l->code, output_failed(err));
}

static void capture_failed(struct listen *l, int err)
{
	if (strcmp(l->cfg->write, "-") == 0) {
		print_failed(l, err);
		return;
	}
	l->done = true;
	tool_error("%s: %s", l->cfg->write, rpmsg_strerror(err));
	l->code = tool_exit_worse(l->code, TOOL_FAIL);
}

static enum tool_exit open_capture(struct listen *l)
{
	int err;

	if (!l->cfg->write)
		return TOOL_OK;
	err = pcap_writer_open(l->cfg->write, &l->capture);
	if (!err)
		return TOOL_OK;
	capture_failed(l, err);
	return TOOL_FAIL;
}

enum tool_exit sink_open(struct listen *l)
{
	const struct config *cfg = l->cfg;
	enum tool_exit code = open_filter(l);

	if (code != TOOL_OK)
		return code;
	l->services = services_new();
	if (!l->services) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	l->print = !cfg->write || cfg->tool.out_set;
	l->format = (struct format){.file = stdout, .out = cfg->tool.out, .time = cfg->time};
	format_init(&l->format);
	run_watch_stdout();
	return open_capture(l);
}

static void print(struct listen *l, const struct rpmsg_record *m, const char *service)
{
	const struct format_message msg = {
		.time_ns = m->time_ns,
		.bus = m->bus,
		.dir = m->dir,
		.service = service,
		.src = m->src,
		.dst = m->dst,
		.data = m->data,
		.len = m->len,
	};
	int err = format_message(&l->format, &msg);

	if (err)
		print_failed(l, err);
}

static void capture(struct listen *l, const struct rpmsg_record *m)
{
	int err = pcap_writer_put(l->capture, m);

	if (err)
		capture_failed(l, err);
}

void sink_message(struct listen *l, const struct rpmsg_record *m)
{
	const char *service;
	struct announcement a;

	if (l->done)
		return;
	services_learn(l->services, m);
	service = announcement_read(m, &a) ? a.name : services_find(l->services, m);
	if (!filter_match(l->filter, m, service))
		return;
	l->seen++;
	if (l->capture)
		capture(l, m);
	if (l->print && !l->done)
		print(l, m, service);
	if (l->seen == l->cfg->count)
		l->done = true;
}

void sink_sent(struct listen *l, const struct rpmsg_record *m)
{
	if (l->capture && !l->done)
		capture(l, m);
}

static void print_event(struct listen *l, const char *type, const char *bus, uint64_t count,
			const char *text)
{
	const struct format_event event = {
		.time_ns = format_now_ns(),
		.bus = bus,
		.type = type,
		.count = count,
		.text = text,
	};
	int err;

	if (!l->print || l->done || l->format.out != FORMAT_JSON)
		return;
	err = format_event(&l->format, &event);
	if (err)
		print_failed(l, err);
}

void sink_lost(struct listen *l, const char *bus, uint64_t count)
{
	if (!count)
		return;
	l->lost += count;
	tool_verbose("%s: %" PRIu64 " %s lost", bus, count,
		     l->lost_what ? l->lost_what : "messages");
	print_event(l, "lost", bus, count, l->lost_what);
}

void sink_link(struct listen *l, const char *bus, bool up)
{
	tool_note("%s: link %s", bus, up ? "up" : "down");
	print_event(l, up ? "up" : "down", bus, 0, NULL);
	if (!up && l->cfg->exit_on_down)
		sink_stop(l, TOOL_LINK_DOWN);
}

void sink_flush(struct listen *l)
{
	int err;

	if (l->done)
		return;
	if (l->print && fflush(stdout))
		print_failed(l, -errno);
	err = l->capture ? pcap_writer_flush(l->capture) : 0;
	if (err)
		capture_failed(l, err);
}

bool sink_stopped(const struct listen *l)
{
	return l->done || l->closing || run_stopped();
}

void sink_stop(struct listen *l, enum tool_exit code)
{
	l->closing = true;
	l->code = tool_exit_worse(l->code, code);
}

static void summary(const struct listen *l)
{
	const char *file = l->cfg->write;
	const char *s = l->seen == 1 ? "" : "s", *what = l->lost_what ? l->lost_what : "";
	const char *blank = l->lost_what ? " " : "";

	if (!file)
		tool_note("%" PRIu64 " message%s seen, %" PRIu64 "%s%s lost", l->seen, s, l->lost,
			  blank, what);
	else
		tool_note("%" PRIu64 " message%s written to %s, %" PRIu64 "%s%s lost", l->seen, s,
			  strcmp(file, "-") ? file : "standard output", l->lost, blank, what);
}

static void close_capture(struct listen *l)
{
	bool failed = l->code == TOOL_FAIL;
	int err = pcap_writer_close(l->capture);

	l->capture = NULL;
	if (err && !failed)
		capture_failed(l, err);
}

/* The count was not reached in time. A signal or the end of a file is no such thing. */
static void check_count(struct listen *l)
{
	if (l->code != TOOL_OK || l->seen >= l->cfg->count || run_stopped() ||
	    run_now() < l->deadline)
		return;
	tool_error("only %" PRIu64 " of %" PRIu64 " messages came in time", l->seen, l->cfg->count);
	l->code = TOOL_LATE;
}

enum tool_exit sink_close(struct listen *l)
{
	close_capture(l);
	if (l->running) {
		summary(l);
		check_count(l);
	}
	if (l->cfg->strict && l->lost) {
		tool_error("%s were lost", l->lost_what ? l->lost_what : "messages");
		l->code = tool_exit_worse(l->code, TOOL_FAIL);
	}
	filter_free(l->filter);
	services_free(l->services);
	return l->code;
}
