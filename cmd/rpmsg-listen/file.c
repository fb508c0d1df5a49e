/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: a file of any kind that holds traffic, of which a recorder's may be still growing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "common/traffic.h"
#include "rpmsg-listen/listen.h"

/* How often a growing file is looked at, and one that is not there yet. */
#define LOOK_NS (INT64_C(20) * 1000 * 1000)
/* Records between two looks at the deadline. */
#define BATCH 1024

struct file {
	struct listen *l;
	struct traffic *traffic;
	uint64_t lost; /* as told so far */
	char bus[RPMSG_BUS_NAME_SIZE]; /* of the last record */
	char error[512];
};

static void flush(void *arg)
{
	sink_flush(arg);
}

/* Sleeps a while; false when the time is over or the tool has to stop. */
static bool pause_a_while(const struct listen *l)
{
	int64_t look = run_deadline(LOOK_NS);
	int n = run_wait(NULL, 0, look < l->deadline ? look : l->deadline);

	return n >= 0 && run_now() < l->deadline;
}

/* With --follow: until the program that is to record has made the file. */
static bool await_file(const struct listen *l)
{
	bool told = false;

	if (!l->cfg->follow || !strcmp(l->cfg->read, "-"))
		return true;
	while (access(l->cfg->read, F_OK) && errno == ENOENT) {
		if (!told)
			tool_note("%s is not there yet: waiting for it", l->cfg->read);
		told = true;
		if (sink_stopped(l) || !pause_a_while(l))
			return false;
	}
	return true;
}

static enum tool_exit open_file(struct file *f)
{
	const struct input_wait wait = {.deadline = f->l->deadline, .idle = flush, .arg = f->l};
	const struct config *cfg = f->l->cfg;
	int err = traffic_open_wait(cfg->read, &wait, &f->traffic, f->error, sizeof(f->error));

	if (err == -EINTR)
		return TOOL_OK;
	if (err) {
		tool_error("%s", f->error);
		return TOOL_FAIL;
	}
	if (traffic_set_follow(f->traffic, false) || !cfg->follow)
		return TOOL_OK;
	tool_error("%s: only a recorder's file can be followed", cfg->read);
	return TOOL_FAIL;
}

/* What is missing before next; NULL: at the end. */
static void tell_lost(struct file *f, const struct rpmsg_record *next)
{
	uint64_t lost = traffic_lost(f->traffic, &f->l->lost_what);

	if (next && strcmp(f->bus, next->bus) != 0)
		snprintf(f->bus, sizeof(f->bus), "%s", next->bus);
	if (lost == f->lost)
		return;
	sink_lost(f->l, f->bus, lost - f->lost, next ? next->time_ns : LISTEN_NO_TIME);
	f->lost = lost;
}

/* Takes the next record: as traffic_read(). */
static int read_record(struct file *f)
{
	struct rpmsg_record m;
	int n = traffic_read(f->traffic, &m, f->error, sizeof(f->error));

	tell_lost(f, n == 1 ? &m : NULL);
	if (n == 1)
		sink_message(f->l, &m);
	return n;
}

/* Shows all there is, and what comes if the file is followed. How it ended: -errno. */
static int read_records(struct file *f)
{
	struct listen *l = f->l;
	uint64_t n_read = 0;
	int n;

	while (!sink_stopped(l) && (++n_read % BATCH || run_now() < l->deadline)) {
		n = read_record(f);
		if (n == 1)
			continue;
		sink_flush(l);
		if (n < 0)
			return n;
		if (!pause_a_while(l))
			break;
	}
	return -EINTR;
}

/* What had been recorded before a signal or the deadline came. */
static int read_rest(struct file *f)
{
	int n = -EPIPE;

	f->l->closing = true;
	traffic_set_follow(f->traffic, false);
	while (!f->l->done && (n = read_record(f)) == 1)
		;
	return n;
}

/* What is there already goes through the backlog, if only the last of it is wanted. */
static int read_file(struct file *f)
{
	const struct config *cfg = f->l->cfg;
	int err;

	if (cfg->last || cfg->since_ns != NUMBER_FOREVER) {
		sink_hold(f->l, (uint64_t)cfg->since_ns);
		err = read_records(f);
		sink_release(f->l);
		if (err != -EPIPE || !cfg->follow)
			return err;
	}
	if (!cfg->follow)
		return read_records(f);
	traffic_set_follow(f->traffic, true);
	err = read_records(f);
	return err == -EINTR ? read_rest(f) : err;
}

static void tell_crashed(const struct file *f)
{
	int pid = traffic_crashed(f->traffic);

	if (pid)
		tool_note("%s: pid %d did not end this recording: it died, or this is a copy "
			  "from before", f->l->cfg->read, pid);
}

enum tool_exit file_run(struct listen *l)
{
	struct file f = {.l = l, .bus = "-"};
	enum tool_exit code = TOOL_OK;
	int err = 0;

	if (await_file(l))
		code = open_file(&f);
	if (code == TOOL_OK && f.traffic) {
		l->running = true;
		listen_ready(l, l->cfg->read);
		err = read_file(&f);
		tell_crashed(&f);
	}
	traffic_close(f.traffic);
	if (!err || err == -EINTR || err == -EPIPE)
		return code;
	tool_error("%s", f.error);
	return TOOL_FAIL;
}
