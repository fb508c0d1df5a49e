/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel itself sends and receives: the debug output of its virtio_rpmsg_bus,
 * read from the end of its log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/kernel_log.h"
#include "common/number.h"
#include "common/run.h"
#include "rpmsg-listen/debug_output.h"
#include "rpmsg-listen/kernel_bus.h"
#include "rpmsg-listen/listen.h"

#define LOG "/dev/kmsg"
#define RECORD_SIZE 8192 /* the kernel's records are no longer */
#define LEVEL_DEBUG 7
#define MARK_SIZE 96
#define NS_PER_S INT64_C(1000000000)
/* Records between two looks at signals and the deadline. */
#define BATCH 1024

struct view {
	struct listen *l;
	struct tree tree;
	struct kernel_buses buses;
	struct debug_output *debug;
	struct kernel_log *log;
	int fd;
	/*
	 * From the log's clock to CLOCK_MONOTONIC_RAW, which runs as it does. The least
	 * difference seen: a record is never read before it is written.
	 */
	int64_t offset_ns;
	int64_t real_ns;  /* from there to CLOCK_REALTIME */
	uint64_t last_ns; /* the time of the last message */
	uint64_t lost;    /* as told so far */
	char mark[MARK_SIZE]; /* the line of ours at which to stop */
	bool ended;           /* it was seen */
};

/* ---- time ---- */

static int64_t raw_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* A record of that time of the log was just read. */
static void learn_offset(struct view *v, uint64_t log_us)
{
	int64_t raw = raw_now(), offset = raw - (int64_t)(log_us * 1000);

	if (offset < v->offset_ns)
		v->offset_ns = offset;
	v->real_ns = (int64_t)format_now_ns() - raw;
}

/* CLOCK_REALTIME of a time of the log, never before that of the message before. */
static uint64_t real_time(struct view *v, uint64_t log_ns)
{
	uint64_t ns = log_ns + (uint64_t)(v->offset_ns + v->real_ns);

	if (ns > v->last_ns)
		v->last_ns = ns;
	return v->last_ns;
}

/* ---- records ---- */

static void tell_lost(struct view *v)
{
	uint64_t lost = kernel_log_lost(v->log);

	if (lost == v->lost)
		return;
	sink_lost(v->l, "kernel", lost - v->lost, LISTEN_NO_TIME);
	v->lost = lost;
	kernel_bus_learn(&v->tree, v->l->services);
}

static void show(struct view *v, struct rpmsg_record *m)
{
	if (!kernel_buses_have(&v->buses, m->bus))
		return;
	m->time_ns = real_time(v, m->time_ns);
	sink_message(v->l, m);
}

/* The driver says so when it gets a device. If it was loaded anew, its output is off. */
static bool is_online(const char *text, char bus[KERNEL_BUS_SIZE])
{
	int used = -1;

	return sscanf(text, "virtio_rpmsg_bus %23[^:]: rpmsg host is online%n", bus,
		      &used) == 1 && used > 0 && !text[used];
}

static void look_for_online(struct view *v, const char *text)
{
	char bus[KERNEL_BUS_SIZE];

	if (!is_online(text, bus) || v->l->closing || !kernel_buses_have(&v->buses, bus))
		return;
	if (debug_output_renew(v->debug) != TOOL_OK)
		sink_stop(v->l, TOOL_FAIL);
	sink_link(v->l, bus, true);
	kernel_bus_learn(&v->tree, v->l->services);
}

static void take(struct view *v, const struct kernel_line *line)
{
	struct rpmsg_record m;
	int n = kernel_log_put(v->log, line, &m);

	tell_lost(v);
	if (n > 0) {
		show(v, &m);
	} else if (n < 0) {
		tool_error("%s", rpmsg_strerror(n));
		sink_stop(v->l, TOOL_FAIL);
	} else if (line->foreign) {
		v->ended = v->l->closing && !strcmp(line->text, v->mark);
	} else {
		look_for_online(v, line->text);
	}
}

/* 1, 0 if there is none, -1 after saying why. */
static int read_record(struct view *v, char record[RECORD_SIZE + 1], struct kernel_line *line)
{
	ssize_t n;

	/* EPIPE: some were overwritten, and the next one's number tells how many */
	do
		n = read(v->fd, record, RECORD_SIZE);
	while (n < 0 && (errno == EPIPE || errno == EINTR));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0) {
		tool_error("%s: %s", LOG, strerror(errno));
		return -1;
	}
	record[n] = '\0';
	if (!kernel_line_read_record(line, record))
		return 1;
	tool_error("%s: a record that cannot be understood", LOG);
	return -1;
}

/* Takes what is there, max records; how many it were. */
static size_t drain(struct view *v, size_t max)
{
	char record[RECORD_SIZE + 1];
	struct kernel_line line;
	size_t taken = 0;
	int n = 1;

	while (taken < max && !v->l->done && !v->ended) {
		n = read_record(v, record, &line);
		if (n != 1)
			break;
		if (!taken++)
			learn_offset(v, line.time_us);
		take(v, &line);
	}
	if (n == 0 && taken)
		learn_offset(v, line.time_us);
	if (n >= 0)
		return taken;
	v->ended = true;
	sink_stop(v->l, TOOL_FAIL);
	return taken;
}

/* ---- from here to there ---- */

/* Whoever reads the log sees whose messages these are, and we how far ours go. */
static void put_mark(struct view *v, const char *what)
{
	char text[MARK_SIZE + 8];

	snprintf(v->mark, sizeof(v->mark), "rpmsg-listen[%d]: messages of rpmsg, %s", (int)getpid(),
		 what);
	snprintf(text, sizeof(text), "<%d>%s\n", LOG_USER | LEVEL_DEBUG, v->mark);
	/* where it fails, the end of the log is the end */
	(void)!write(v->fd, text, strlen(text));
}

static enum tool_exit open_log(struct view *v)
{
	v->fd = open(LOG, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (v->fd >= 0 && lseek(v->fd, 0, SEEK_END) == 0)
		return TOOL_OK;
	if (errno == EPERM)
		tool_error("%s: reading the kernel's log is restricted: it takes CAP_SYSLOG, and "
			   "the kernel parameter printk.devkmsg must not be off", LOG);
	else
		tool_error("%s: %s%s", LOG, strerror(errno),
			   errno == EACCES ? ": run it as root" :
			   errno == ENOENT ? ": the kernel needs CONFIG_PRINTK" : "");
	return TOOL_FAIL;
}

/* A console that prints each line holds up who sends and receives. */
static void look_at_console(const struct view *v)
{
	char levels[64], all[8];
	int level;

	if (tree_read_line(&v->tree, levels, sizeof(levels), "/proc/sys/kernel/printk") ||
	    sscanf(levels, "%d", &level) != 1)
		return;
	if (level > LEVEL_DEBUG)
		tool_note("the console prints these messages too, which slows the bus: "
			  "'dmesg -n 7' stops that");
	else if (!tree_read_line(&v->tree, all, sizeof(all),
				 "/sys/module/printk/parameters/ignore_loglevel") && *all == 'Y')
		tool_note("the console prints these messages too, which slows the bus: "
			  "'echo N >/sys/module/printk/parameters/ignore_loglevel' stops that");
}

static enum tool_exit begin(struct view *v)
{
	enum tool_exit code = kernel_buses_find(&v->tree, &v->l->cfg->tool, &v->buses);

	if (code == TOOL_OK)
		code = open_log(v);
	if (code == TOOL_OK)
		code = debug_output_open(&v->debug);
	if (code != TOOL_OK)
		return code;
	v->log = kernel_log_new(true);
	if (!v->log) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	look_at_console(v);
	kernel_bus_learn(&v->tree, v->l->services);
	/* Read at once, its number and time are what to go by. */
	put_mark(v, "from here");
	drain(v, BATCH);
	return v->l->code;
}

static void loop(struct view *v)
{
	struct pollfd fd = {.fd = v->fd, .events = POLLIN};
	bool in_time = true;

	while (in_time && !sink_stopped(v->l)) {
		if (drain(v, BATCH) < BATCH) {
			sink_flush(v->l);
			if (!sink_stopped(v->l))
				run_wait(&fd, 1, v->l->deadline);
		}
		in_time = run_now() < v->l->deadline;
	}
}

/* Switches off first: nothing may come in between. Then shows what there was until now. */
static enum tool_exit finish(struct view *v)
{
	enum tool_exit code = debug_output_close(v->debug);

	v->debug = NULL;
	v->l->closing = true;
	put_mark(v, "to here");
	drain(v, SIZE_MAX);
	return code;
}

enum tool_exit kernel_run(struct listen *l)
{
	struct view v = {.l = l, .fd = -1, .offset_ns = INT64_MAX};
	int err = tree_init(&v.tree, NULL);
	enum tool_exit code;

	l->lost_what = "lines of the kernel's log";
	if (err) {
		tool_error("/: %s", strerror(-err));
		return TOOL_FAIL;
	}
	code = begin(&v);
	if (code == TOOL_OK) {
		l->running = true;
		listen_ready(l, "the kernel's messages");
		loop(&v);
		code = finish(&v);
	}
	debug_output_close(v.debug);
	kernel_log_free(v.log);
	if (v.fd >= 0)
		close(v.fd);
	tree_done(&v.tree);
	return code;
}
