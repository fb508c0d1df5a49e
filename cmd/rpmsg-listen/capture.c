/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/format.h"
#include "common/pcap.h"
#include "rpmsg-listen/capture_name.h"

/* A file that was finished and may be removed when there are too many. */
struct finished {
	STAILQ_ENTRY(finished) next;
	char path[];
};
STAILQ_HEAD(finished_list, finished);

/* The files of a bus, or of all, one after the other. */
struct series {
	struct capture *capture;
	char bus[CAPTURE_BUS_SIZE];
	struct pcap_writer *writer; /* NULL: not begun */
	char *path;
	uint64_t number;   /* of the file, from 1, where they have numbers */
	uint64_t packets;  /* in this file */
	uint64_t begin_ns; /* of the time that it is about, once it has packets */
	struct finished_list finished;
	uint64_t n_finished;
	SLIST_ENTRY(series) next;
};

struct capture {
	const char *name, *read;
	const struct capture_limits *limits;
	bool per_bus, timed;
	SLIST_HEAD(, series) all;
	struct series *current;
	uint64_t n_files;
};

bool capture_overwrites(const char *path, const char *read)
{
	struct stat r, w;

	if (strcmp(read, "-") == 0 ? fstat(STDIN_FILENO, &r) : stat(read, &r))
		return false;
	if (strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, &w) : stat(path, &w))
		return false;
	return S_ISREG(r.st_mode) && r.st_dev == w.st_dev && r.st_ino == w.st_ino;
}

bool capture_rotates(const struct capture_limits *limits)
{
	return limits->size || limits->packets || limits->time_ns;
}

bool capture_is_per_bus(const char *name)
{
	return capture_name_has_bus(name);
}

/* ---- a file ---- */

/* Whether files get numbers from the start, or else only where a name is taken. */
static bool is_numbered(const struct capture *c)
{
	return capture_rotates(c->limits) && (!c->timed || c->limits->size || c->limits->packets);
}

static int make_name(struct series *s, uint64_t time_ns, uint64_t number)
{
	const struct capture *c = s->capture;

	free(s->path);
	s->path = capture_name_expand(c->name, s->bus, c->timed ? &time_ns : NULL, number);
	return s->path ? 0 : -ENOMEM;
}

/* The first of the next names that nobody has. */
static int create_next(struct series *s, uint64_t time_ns)
{
	bool numbered = is_numbered(s->capture);
	int err;

	do {
		if (numbered)
			s->number++;
		err = make_name(s, time_ns, numbered ? s->number : 0);
		if (!err)
			err = pcap_writer_create(s->path, &s->writer);
		numbered = true;
	} while (err == -EEXIST && s->number < UINT64_MAX);
	return err;
}

static int begin_file(struct series *s, uint64_t time_ns)
{
	struct capture *c = s->capture;
	int err;

	if (capture_rotates(c->limits)) {
		err = create_next(s, time_ns);
	} else {
		err = make_name(s, time_ns, 0);
		if (!err && c->read && capture_overwrites(s->path, c->read))
			err = -EBUSY;
		if (!err)
			err = pcap_writer_open(s->path, &s->writer);
	}
	if (err)
		return err;
	if (c->limits->snaplen)
		pcap_writer_set_snaplen(s->writer, c->limits->snaplen);
	s->packets = 0;
	c->n_files++;
	tool_verbose("writing %s", s->path);
	return 0;
}

static void remove_oldest(struct series *s)
{
	struct finished *f = STAILQ_FIRST(&s->finished);

	if (unlink(f->path) && errno != ENOENT)
		tool_note("%s is not removed: %s", f->path, strerror(errno));
	STAILQ_REMOVE_HEAD(&s->finished, next);
	s->n_finished--;
	free(f);
}

/* Remembers the file at s->path, and makes room for the next. */
static int keep_finished(struct series *s)
{
	size_t size = strlen(s->path) + 1;
	struct finished *f = malloc(sizeof(*f) + size);

	if (!f)
		return -ENOMEM;
	memcpy(f->path, s->path, size);
	STAILQ_INSERT_TAIL(&s->finished, f, next);
	s->n_finished++;
	while (s->n_finished >= s->capture->limits->files)
		remove_oldest(s);
	return 0;
}

static int finish_file(struct series *s)
{
	int err = pcap_writer_close(s->writer);

	s->writer = NULL;
	if (!err && s->capture->limits->files)
		err = keep_finished(s);
	return err;
}

/* ---- the files of a bus ---- */

static struct series *find_series(struct capture *c, const char *bus)
{
	struct series *s;

	SLIST_FOREACH(s, &c->all, next)
		if (strcmp(s->bus, bus) == 0)
			return s;
	return NULL;
}

/* The files of bus, as it stands in names; NULL if memory ran out. */
static struct series *get_series(struct capture *c, const char *bus_name)
{
	char bus[CAPTURE_BUS_SIZE] = "";
	struct series *s = c->current;

	if (c->per_bus)
		capture_name_bus(bus, bus_name);
	if (!s || strcmp(s->bus, bus) != 0)
		s = find_series(c, bus);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->capture = c;
	memcpy(s->bus, bus, sizeof(bus));
	STAILQ_INIT(&s->finished);
	if (is_numbered(c) && !c->timed)
		s->number = capture_name_highest(c->name, s->bus);
	SLIST_INSERT_HEAD(&c->all, s, next);
	return s;
}

/* Whether a file could be made now. */
static int check_place(struct series *s)
{
	int err = make_name(s, format_now_ns(), 0);
	char *copy = err ? NULL : strdup(s->path);

	if (!copy)
		return -ENOMEM;
	if (access(dirname(copy), W_OK | X_OK))
		err = -errno;
	free(copy);
	return err;
}

/* Files that are called by time begin with their first packet. */
int capture_add_bus(struct capture *c, const char *bus)
{
	struct series *s = c->current = get_series(c, bus);

	if (!s)
		return -ENOMEM;
	if (s->writer)
		return 0;
	return c->timed ? check_place(s) : begin_file(s, 0);
}

static uint64_t period(const struct capture *c)
{
	return (uint64_t)c->limits->time_ns;
}

static bool is_over(const struct series *s, const struct rpmsg_record *record)
{
	const struct capture_limits *limits = s->capture->limits;

	if (!s->packets)
		return false;
	if (limits->packets && s->packets >= limits->packets)
		return true;
	if (limits->time_ns && record->time_ns > s->begin_ns &&
	    record->time_ns - s->begin_ns >= period(s->capture))
		return true;
	return limits->size && pcap_writer_size(s->writer) +
	       pcap_writer_need(s->writer, record) > limits->size;
}

/* When the time begins that record belongs to, times being counted from the first packet. */
static uint64_t begin_of(const struct series *s, const struct rpmsg_record *record)
{
	uint64_t gone = record->time_ns - s->begin_ns;

	if (!s->begin_ns || record->time_ns < s->begin_ns)
		return record->time_ns;
	return s->capture->limits->time_ns ? record->time_ns - gone % period(s->capture) :
					     record->time_ns;
}

int capture_turn_to(struct capture *c, const struct rpmsg_record *record)
{
	struct series *s = c->current = get_series(c, record->bus);
	int err = 0;

	if (!s)
		return -ENOMEM;
	if (is_over(s, record))
		err = finish_file(s);
	if (err || (s->writer && s->packets))
		return err;
	s->begin_ns = begin_of(s, record);
	if (!s->writer)
		err = begin_file(s, s->begin_ns);
	return err ? err : 1;
}

int capture_put_first(struct capture *c, const struct rpmsg_record *record)
{
	return pcap_writer_put(c->current->writer, record);
}

int capture_put(struct capture *c, const struct rpmsg_record *record)
{
	c->current->packets++;
	return pcap_writer_put(c->current->writer, record);
}

/* ---- all of them ---- */

int capture_open(const char *name, const struct capture_limits *limits, const char *read,
		 struct capture **capture)
{
	struct capture *c = calloc(1, sizeof(*c));

	*capture = c;
	if (!c)
		return -ENOMEM;
	SLIST_INIT(&c->all);
	c->name = name;
	c->read = read;
	c->limits = limits;
	c->per_bus = capture_name_has_bus(name);
	c->timed = limits->time_ns && capture_name_has_time(name);
	return c->per_bus ? 0 : capture_add_bus(c, "");
}

/* Calls fn for all; stops at the first that fails. */
static int for_all(struct capture *c, int (*fn)(struct series *s))
{
	struct series *s;
	int err;

	SLIST_FOREACH(s, &c->all, next) {
		c->current = s;
		err = fn(s);
		if (err)
			return err;
	}
	return 0;
}

static int flush(struct series *s)
{
	return s->writer ? pcap_writer_flush(s->writer) : 0;
}

/* What was to be called by time and got no packet is called by the time of its end. */
static int close_series(struct series *s)
{
	int err = 0;

	if (s->capture->timed && !s->writer && !s->begin_ns)
		err = begin_file(s, format_now_ns());
	if (!err)
		err = pcap_writer_close(s->writer);
	s->writer = NULL;
	return err;
}

int capture_flush(struct capture *c)
{
	return for_all(c, flush);
}

int capture_close(struct capture *c)
{
	return for_all(c, close_series);
}

const char *capture_path(const struct capture *c)
{
	return c && c->current && c->current->path ? c->current->path : "capture";
}

void capture_describe(const struct capture *c, char *text, size_t size)
{
	if (strcmp(c->name, "-") == 0)
		snprintf(text, size, "standard output");
	else if (c->n_files == 1)
		snprintf(text, size, "%s", capture_path(c));
	else
		snprintf(text, size, "%" PRIu64 " files", c->n_files);
}

void capture_free(struct capture *c)
{
	struct series *s;

	while (c && (s = SLIST_FIRST(&c->all))) {
		SLIST_REMOVE_HEAD(&c->all, next);
		while (s->n_finished) {
			struct finished *f = STAILQ_FIRST(&s->finished);

			STAILQ_REMOVE_HEAD(&s->finished, next);
			s->n_finished--;
			free(f);
		}
		pcap_writer_close(s->writer);
		free(s->path);
		free(s);
	}
	free(c);
}
