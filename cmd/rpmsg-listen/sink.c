/* SPDX-License-Identifier: BSD-2-Clause */
/* Where all messages end: filter, count, output, capture. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/event_kind.h"
#include "common/output.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

static enum tool_exit open_filter(struct listen *l)
{
	char error[256];

	l->filter = filter_parse(l->cfg->expr, l->cfg->n_expr, error, sizeof(error));
	if (!l->filter)
		return tool_usage_error("expression: %s", error);
	if (!l->cfg->bpf)
		return TOOL_OK;
	l->bpf = bpf_new(l->cfg->bpf, error, sizeof(error));
	return l->bpf ? TOOL_OK : tool_usage_error("--bpf: %s", error);
}

static void print_failed(struct listen *l, int err)
{
	l->done = true;
	l->code = tool_exit_worse(l->code, output_failed(err));
}

static void capture_failed(struct listen *l, int err)
{
	l->capture_failed = true;
	if (err == -EINTR && run_stopped()) { /* in open() of a FIFO that nobody reads */
		l->done = true;
		return;
	}
	if (strcmp(l->cfg->write, "-") == 0) {
		print_failed(l, err);
		return;
	}
	l->done = true;
	tool_error("%s: %s", capture_path(l->capture),
		   err == -EBUSY ? "it is being written or read already" : rpmsg_strerror(err));
	l->code = tool_exit_worse(l->code, TOOL_FAIL);
}

static enum tool_exit open_capture(struct listen *l)
{
	int err;

	if (!l->cfg->write)
		return TOOL_OK;
	err = capture_open(l->cfg->write, &l->cfg->limits, l->cfg->read, &l->capture);
	if (!err)
		return TOOL_OK;
	capture_failed(l, err);
	return TOOL_FAIL;
}

/* What is read has been there all the time: nobody waits for its lines. */
static bool is_regular(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && !stat(path, &st) && S_ISREG(st.st_mode);
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
	if (cfg->read && !cfg->follow && is_regular(cfg->read))
		format_no_flush(&l->format);
	if (l->print || !cfg->command) /* else it is the command's matter */
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
		.missing = m->len - pcap_captured(m),
	};
	int err = m->type == RPMSG_RECORD_MESSAGE ? format_message(&l->format, &msg) :
						    format_recorded_event(&l->format, m, service);

	if (err)
		print_failed(l, err);
}

/* An announcement's own name is in *a. */
static const char *find_service(const struct listen *l, const struct rpmsg_record *m,
				struct announcement *a)
{
	return announcement_read(m, a) ? a->name : services_find(l->services, m);
}

static bool is_chosen(struct listen *l, const struct rpmsg_record *m, const char *service)
{
	return filter_match(l->filter, m, service) && (!l->bpf || bpf_match(l->bpf, m));
}

struct known {
	struct listen *l;
	const struct rpmsg_record *first;
	int err;
};

static void put_known(const struct service_entry *service, void *arg)
{
	struct known *k = arg;
	const struct rpmsg_record announce = {
		.type = RPMSG_RECORD_ANNOUNCE,
		.time_ns = k->first->time_ns,
		.bus = service->bus,
		.dir = service->side == RPMSG_SIDE_HOST ? RPMSG_H2R : RPMSG_R2H,
		.src = service->addr,
		.dst = RPMSG_ADDR_ANY,
		.value = 1, /* nothing happened: it is known */
		.text = service->name,
	};

	if (k->err || !is_chosen(k->l, &announce, service->name))
		return;
	if (!capture_is_per_bus(k->l->cfg->write) || !strcmp(service->bus, k->first->bus))
		k->err = capture_put_first(k->l->capture, &announce);
}

/* Who reads a file that begins in the middle learns from it whose the addresses are. */
static int begin_capture(struct listen *l, const struct rpmsg_record *first)
{
	struct known known = {.l = l, .first = first};

	if (l->cfg->events)
		services_for_each(l->services, put_known, &known);
	return known.err;
}

static void capture(struct listen *l, const struct rpmsg_record *m)
{
	int err = capture_turn_to(l->capture, m);

	if (err > 0)
		err = begin_capture(l, m);
	if (!err)
		err = capture_put(l->capture, m);
	if (err)
		capture_failed(l, err);
}

static void put_out(struct listen *l, const struct rpmsg_record *m, const char *service)
{
	l->last_ns = m->time_ns;
	if (l->capture)
		capture(l, m);
	if (l->print && !l->done)
		print(l, m, service);
}

/* What -c and --last count: messages, and events for who has EXPR choose them. */
static uint64_t counted(const struct listen *l)
{
	return l->seen + (filter_names_event(l->filter) ? l->n_events : 0);
}

static void show(struct listen *l, const struct rpmsg_record *m, const char *service)
{
	if (m->type == RPMSG_RECORD_MESSAGE)
		l->seen++;
	else
		l->n_events++;
	put_out(l, m, service);
	if (l->cfg->count && counted(l) >= l->cfg->count)
		l->done = true;
}

/* err is what the backlog made of it. */
static void keep_back(struct listen *l, int err)
{
	if (!err)
		return;
	tool_error("out of memory");
	l->done = true;
	l->code = tool_exit_worse(l->code, TOOL_FAIL);
}

static void take(struct listen *l, const struct rpmsg_record *m)
{
	bool by_service = filter_needs_service(l->filter);
	const char *service = NULL;
	struct announcement a;

	if (by_service)
		service = find_service(l, m, &a);
	if (!is_chosen(l, m, service))
		return;
	if (l->print && !by_service)
		service = find_service(l, m, &a);
	if (l->backlog)
		keep_back(l, backlog_add(l->backlog, m, service));
	else
		show(l, m, service);
}

void sink_message(struct listen *l, const struct rpmsg_record *m)
{
	if (l->done)
		return;
	if (l->backlog)
		backlog_pass(l->backlog, m->time_ns);
	if (m->type == RPMSG_RECORD_MESSAGE || l->cfg->events)
		take(l, m);
	services_learn(l->services, m);
}

void sink_hold(struct listen *l, uint64_t since_ns)
{
	l->backlog = backlog_new(l->cfg->last, filter_names_event(l->filter), since_ns);
	keep_back(l, l->backlog ? 0 : -ENOMEM);
}

void sink_release(struct listen *l)
{
	struct backlog *log = l->backlog;
	struct backlog_item item;

	l->backlog = NULL;
	while (log && !l->done && backlog_take(log, &item)) {
		if (item.gap)
			sink_lost(l, item.record.bus, item.record.count,
				  item.record.time_ns);
		else
			show(l, &item.record, item.service);
	}
	backlog_free(log);
}

void sink_bus(struct listen *l, const char *bus)
{
	int err;

	if (!l->capture || l->done)
		return;
	if (!capture_is_per_bus(l->cfg->write)) {
		if (++l->n_buses == 2)
			tool_verbose("%s does not tell buses apart: with %%b in its name each bus "
				     "gets its own", l->cfg->write);
		return;
	}
	err = capture_add_bus(l->capture, bus);
	if (err)
		capture_failed(l, err);
}

void sink_sent(struct listen *l, const struct rpmsg_record *m)
{
	struct announcement a;

	if (l->capture && !l->done && is_chosen(l, m, find_service(l, m, &a)))
		capture(l, m);
}

/*
 * Something that no source has recorded: shown and written with --events, else only JSON tells.
 * time_ns: now if it is LISTEN_NO_TIME.
 */
static void add_event(struct listen *l, enum rpmsg_record_type type, uint64_t time_ns,
		      const char *bus, uint64_t count, const char *text)
{
	const struct rpmsg_record event = {
		.type = type,
		.time_ns = time_ns != LISTEN_NO_TIME ? time_ns : format_now_ns(),
		.bus = bus,
		.src = RPMSG_ADDR_ANY,
		.dst = RPMSG_ADDR_ANY,
		.count = count,
		.text = text ? text : "",
	};
	const struct format_event told = {
		.time_ns = event.time_ns,
		.bus = bus,
		.type = event_kind_word(type),
		.count = count,
		.text = text,
	};
	int err;

	if (l->done)
		return;
	if (l->cfg->events) {
		put_out(l, &event, NULL);
		return;
	}
	err = l->print && l->format.out == FORMAT_JSON ? format_event(&l->format, &told) : 0;
	if (err)
		print_failed(l, err);
}

/* In a capture it stands in its place: no packet is older than the one before. */
void sink_lost(struct listen *l, const char *bus, uint64_t count, uint64_t next_ns)
{
	uint64_t place_ns = l->last_ns != LISTEN_NO_TIME ? l->last_ns : next_ns;

	if (!count)
		return;
	if (l->backlog) {
		keep_back(l, backlog_add_gap(l->backlog, bus, count));
		return;
	}
	l->lost += count;
	tool_verbose("%s: %" PRIu64 " %s lost", bus, count,
		     l->lost_what ? l->lost_what : "messages");
	add_event(l, RPMSG_RECORD_LOST, l->cfg->events ? place_ns : LISTEN_NO_TIME, bus,
		  count, l->lost_what);
}

/* Whether the link's ups and downs are events of a recorder. */
static bool is_recorded(const struct config *cfg)
{
	return !cfg->kernel && !config_takes_part(cfg);
}

void sink_link(struct listen *l, const char *bus, bool up)
{
	tool_note("%s: link %s", bus, up ? "up" : "down");
	if (!l->cfg->events || !is_recorded(l->cfg))
		add_event(l, up ? RPMSG_RECORD_UP : RPMSG_RECORD_DOWN, LISTEN_NO_TIME, bus,
			  0, NULL);
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
	err = l->capture ? capture_flush(l->capture) : 0;
	if (err)
		capture_failed(l, err);
}

bool sink_stopped(const struct listen *l)
{
	return l->done || l->closing || run_stopped() || command_ended();
}

void sink_stop(struct listen *l, enum tool_exit code)
{
	l->closing = true;
	l->code = tool_exit_worse(l->code, code);
}

static void summary(const struct listen *l)
{
	char where[PATH_MAX] = "seen", events[48] = "";

	if (l->capture && !l->capture_failed) {
		int n = snprintf(where, sizeof(where), "written to ");

		capture_describe(l->capture, where + n, sizeof(where) - (size_t)n);
	}
	if (l->n_events)
		snprintf(events, sizeof(events), " and %" PRIu64 " event%s", l->n_events,
			 l->n_events == 1 ? "" : "s");
	tool_note("%" PRIu64 " message%s%s %s, %" PRIu64 "%s%s lost", l->seen,
		  l->seen == 1 ? "" : "s", events, where, l->lost, l->lost_what ? " " : "",
		  l->lost_what ? l->lost_what : "");
}

static void close_capture(struct listen *l)
{
	bool failed = l->code == TOOL_FAIL;
	int err = l->capture ? capture_close(l->capture) : 0;

	if (err && !failed)
		capture_failed(l, err);
}

/* The count was not reached in time. A signal or the end of a file is no such thing. */
static void check_count(struct listen *l)
{
	if (l->code != TOOL_OK || counted(l) >= l->cfg->count || run_stopped() ||
	    run_now() < l->deadline)
		return;
	tool_error("only %" PRIu64 " of %" PRIu64 " %s came in time", counted(l), l->cfg->count,
		   filter_names_event(l->filter) ? "records" : "messages");
	l->code = TOOL_LATE;
}

enum tool_exit sink_close(struct listen *l)
{
	sink_release(l);
	close_capture(l);
	if (l->running)
		summary(l);
	check_count(l);
	if (l->cfg->strict && l->lost) {
		tool_error("%" PRIu64 " %s were lost", l->lost,
			   l->lost_what ? l->lost_what : "messages");
		l->code = tool_exit_worse(l->code, TOOL_FAIL);
	}
	filter_free(l->filter);
	bpf_free(l->bpf);
	capture_free(l->capture);
	services_free(l->services);
	return l->code;
}
