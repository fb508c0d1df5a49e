/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file as a source. A thread reads it, so that a long way through it, or a pipe that has
 * nothing, holds up nobody. Its time stands still, is moved, or runs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-top/film_kept.h"
#include "rpmsg-top/film_reel.h"
#include "rpmsg-top/source.h"
#include "rpmsg-top/thread.h"

#define NS_PER_S INT64_C(1000000000)
#define SEEK_WAIT_NS (NS_PER_S / 4) /* most moves are over by then; the others go on */
#define LOOK_NS (NS_PER_S / 20)     /* for signals, while a move is waited for */
#define CLOSE_NS (NS_PER_S / 2)     /* for a thread that waits for a pipe */

/* A bus as the main thread sees it. */
struct shown {
	char name[RPMSG_BUS_NAME_SIZE];
	struct snapshot picture;
	bool fresh;
	struct kept *kept; /* NULL: nobody has wanted records yet */
	uint64_t lost, overrun, rowless;
	char refused[160];
};

struct film {
	struct source source; /* first */
	const char *path;
	bool batch;
	int fd;
	pthread_t thread;
	struct reel *reel; /* the thread's, but for reel_can_restart() */
	bool at_end;       /* the thread's: a record that comes is a new one */

	pthread_mutex_t lock;
	pthread_cond_t asked, done; /* for the thread; for those who wait for it */
	bool closing, want_records;
	uint64_t wanted_ns, n_asked, n_done;
	int64_t interval_ns, due_ns; /* due: when to go on while it runs */
	struct source_time time;
	int crashed;
	struct shown shown[REEL_BUSES_MAX];
	size_t n_shown;
};

static struct film *film_of(struct source *src)
{
	return (struct film *)src;
}

/* ---- the thread ---- */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void hear_record(size_t bus, const struct rpmsg_record *record, void *arg)
{
	struct film *f = arg;
	struct shown *s = &f->shown[bus];
	int n = 0;

	pthread_mutex_lock(&f->lock);
	if (f->want_records && !s->kept)
		s->kept = kept_new();
	if (f->want_records && s->kept)
		n = kept_put(s->kept, record);
	if (n > 0 && f->time.running)
		s->overrun += (unsigned)n;
	pthread_mutex_unlock(&f->lock);
}

static bool is_wanted_elsewhere(void *arg)
{
	struct film *f = arg;
	bool so;

	pthread_mutex_lock(&f->lock);
	so = f->closing || f->n_asked - f->n_done > 1;
	pthread_mutex_unlock(&f->lock);
	return so;
}

/* With the lock. */
static int show_bus(struct film *f, size_t i)
{
	const struct film_bus *b = reel_bus(f->reel, i);
	struct shown *s = &f->shown[i];

	snprintf(s->name, sizeof(s->name), "%s", film_bus_name(b));
	snprintf(s->refused, sizeof(s->refused), "%s", film_bus_refused(b));
	s->lost = film_bus_lost(b) + (i ? 0 : reel_lost(f->reel));
	s->rowless = film_bus_rowless(b);
	s->fresh = true;
	return film_bus_picture(b, f->time.now_ns, &s->picture);
}

/* With the lock. */
static void show(struct film *f, uint64_t now)
{
	const uint64_t one = 1;
	int err = 0;

	f->time.first_ns = reel_first(f->reel);
	f->time.now_ns = now;
	f->time.last_ns = later(reel_last(f->reel), now);
	f->crashed = f->time.ended ? reel_crashed(f->reel) : 0;
	for (size_t i = 0; i < reel_buses(f->reel) && !err; i++)
		err = show_bus(f, i);
	f->n_shown = reel_buses(f->reel);
	if (err)
		snprintf(f->time.error, sizeof(f->time.error), "%s: %s", f->path,
			 rpmsg_strerror(err));
	(void)!write(f->fd, &one, sizeof(one));
}

/* Where time is after it was to go to wanted. Beyond the end it goes only while it runs. */
static uint64_t arrived(const struct film *f, uint64_t wanted, int n, bool runs)
{
	if (n == 1 || (runs && n == 0))
		return later(wanted, reel_first(f->reel));
	if (wanted < f->time.now_ns)
		return reel_taken(f->reel);
	return later(reel_taken(f->reel), f->time.now_ns);
}

/* Reads up to wanted, and shows what there is then; a newer wish may end it before. */
static void move(struct film *f, uint64_t wanted, bool runs)
{
	const struct reel_ear ear = {hear_record, is_wanted_elsewhere, f};
	char error[sizeof(f->time.error)] = "";
	bool was_at_end = f->at_end;
	int n = reel_read(f->reel, wanted, &ear, error, sizeof(error));

	/* What is recorded now is shown now, however long ago the one before it was. */
	if (n == 1 && runs && was_at_end) {
		wanted = reel_last(f->reel);
		n = reel_read(f->reel, wanted, &ear, error, sizeof(error));
	}
	f->at_end = n == 0;
	pthread_mutex_lock(&f->lock);
	memcpy(f->time.error, error, sizeof(error));
	f->time.ended = n < 0 && n != -EINTR;
	if (f->time.ended)
		f->time.running = false;
	show(f, arrived(f, wanted, n, runs));
	pthread_mutex_unlock(&f->lock);
}

/* With the lock, which is not held meanwhile. */
static void serve_move(struct film *f)
{
	char error[sizeof(f->time.error)] = "";
	uint64_t wanted = f->wanted_ns, serial = f->n_asked;
	bool back = wanted < reel_taken(f->reel);
	int err = 0;

	f->n_done = serial - 1;
	f->due_ns = run_now() + f->interval_ns;
	for (size_t i = 0; i < REEL_BUSES_MAX && back; i++)
		if (f->shown[i].kept)
			kept_clear(f->shown[i].kept);
	pthread_mutex_unlock(&f->lock);
	if (back)
		err = reel_restart(f->reel, error, sizeof(error));
	if (!err)
		move(f, wanted, false);
	pthread_mutex_lock(&f->lock);
	if (err)
		memcpy(f->time.error, error, sizeof(error));
	f->n_done = serial;
	pthread_cond_broadcast(&f->done);
}

/* With the lock, as above. */
static void run_on(struct film *f)
{
	uint64_t wanted = f->time.now_ns + (uint64_t)f->interval_ns;
	int64_t now = run_now();

	f->due_ns += f->interval_ns;
	if (f->due_ns < now)
		f->due_ns = now + f->interval_ns;
	pthread_mutex_unlock(&f->lock);
	move(f, wanted, true);
	pthread_mutex_lock(&f->lock);
}

/* With the lock, as above: where the end is, for those who ask how far it is. */
static bool scan(struct film *f)
{
	const uint64_t one = 1;
	bool more;

	if (f->batch)
		return false;
	pthread_mutex_unlock(&f->lock);
	more = reel_scan(f->reel);
	pthread_mutex_lock(&f->lock);
	f->time.last_ns = later(f->time.last_ns, reel_last(f->reel));
	(void)!write(f->fd, &one, sizeof(one));
	return more;
}

static struct timespec clock_at(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static void *work(void *arg)
{
	struct film *f = arg;
	struct timespec due;
	bool more = true;

	pthread_mutex_lock(&f->lock);
	while (!f->closing) {
		if (f->n_done != f->n_asked) {
			serve_move(f);
		} else if (f->time.running && run_now() >= f->due_ns) {
			run_on(f);
		} else if (more) {
			more = scan(f);
		} else if (!f->time.running) {
			pthread_cond_wait(&f->asked, &f->lock);
		} else {
			due = clock_at(f->due_ns);
			pthread_cond_timedwait(&f->asked, &f->lock, &due);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* The thread, before it sleeps for a pipe: what has come is shown. */
static void show_meanwhile(void *arg)
{
	struct film *f = arg;

	if (!f->reel || !reel_first(f->reel) || f->batch)
		return;
	pthread_mutex_lock(&f->lock);
	show(f, later(reel_taken(f->reel), f->time.now_ns));
	pthread_mutex_unlock(&f->lock);
}

/* ---- what is asked ---- */

static int film_fd(struct source *src)
{
	return film_of(src)->fd;
}

/* One there is always, for what is wrong with the file to be said of. */
static size_t film_buses(struct source *src)
{
	struct film *f = film_of(src);
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->n_shown ? f->n_shown : 1;
	pthread_mutex_unlock(&f->lock);
	return n;
}

static void say_missing(const struct shown *s, char *text, size_t size)
{
	if (s->rowless)
		snprintf(text, size, "%llu message%s beyond %u addresses: without a row; owners and "
			 "rings are not in a file", (unsigned long long)s->rowless,
			 plural_s(s->rowless), FILM_ADDRESSES_MAX);
	else
		snprintf(text, size, "a file tells of messages and events: not who owns an "
			 "address, nor how full the rings are");
}

static void film_describe(struct source *src, size_t bus, struct source_bus *state)
{
	struct film *f = film_of(src);
	const struct shown *s = &f->shown[bus];

	*state = (struct source_bus){.partial = true, .records = true};
	snprintf(state->spec, sizeof(state->spec), "%s", f->path);
	pthread_mutex_lock(&f->lock);
	state->there = f->n_shown > 0;
	snprintf(state->name, sizeof(state->name), "%s", state->there ? s->name : "-");
	memcpy(state->refused, s->refused, sizeof(state->refused));
	state->lost = s->lost + s->overrun;
	if (*f->time.error)
		snprintf(state->why, sizeof(state->why), "%.*s", (int)sizeof(state->why) - 1,
			 f->time.error);
	else if (f->crashed)
		snprintf(state->why, sizeof(state->why), "pid %d did not end this recording: it "
			 "died, or this is a copy from before", f->crashed);
	else if (!state->there)
		snprintf(state->why, sizeof(state->why), "nothing is recorded in it%s",
			 f->time.ended ? "" : " yet");
	say_missing(s, state->missing, sizeof(state->missing));
	pthread_mutex_unlock(&f->lock);
}

static void clear_if_taken(struct film *f)
{
	uint64_t n;

	for (size_t i = 0; i < f->n_shown; i++)
		if (f->shown[i].fresh)
			return;
	(void)!read(f->fd, &n, sizeof(n));
}

static bool film_take(struct source *src, size_t bus, struct snapshot *picture)
{
	struct film *f = film_of(src);
	struct shown *s = &f->shown[bus];
	struct snapshot old = *picture;
	bool fresh;

	pthread_mutex_lock(&f->lock);
	fresh = s->fresh;
	if (fresh) {
		*picture = s->picture;
		s->picture = old;
		s->fresh = false;
	}
	clear_if_taken(f);
	pthread_mutex_unlock(&f->lock);
	return fresh;
}

static void film_set_interval(struct source *src, int64_t ns)
{
	struct film *f = film_of(src);

	pthread_mutex_lock(&f->lock);
	f->interval_ns = ns;
	f->due_ns = run_now() + ns;
	pthread_cond_signal(&f->asked);
	pthread_mutex_unlock(&f->lock);
}

static void film_want_records(struct source *src, bool on)
{
	struct film *f = film_of(src);

	pthread_mutex_lock(&f->lock);
	f->want_records = on;
	for (size_t i = 0; i < REEL_BUSES_MAX && !on; i++) {
		kept_free(f->shown[i].kept);
		f->shown[i].kept = NULL;
	}
	pthread_mutex_unlock(&f->lock);
}

static size_t film_records(struct source *src, size_t bus, size_t max,
			   void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	struct film *f = film_of(src);
	size_t n = 0;

	pthread_mutex_lock(&f->lock);
	if (f->shown[bus].kept)
		n = kept_take(f->shown[bus].kept, max, fn, arg);
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* ---- time ---- */

static void film_time(struct source *src, struct source_time *time)
{
	struct film *f = film_of(src);

	pthread_mutex_lock(&f->lock);
	*time = f->time;
	pthread_mutex_unlock(&f->lock);
}

/* With the lock. Waits until it is served, or for_ns; false: not yet. */
static bool ask_move(struct film *f, uint64_t wanted, int64_t for_ns)
{
	int64_t deadline = run_deadline(for_ns), now;
	struct timespec look;
	uint64_t serial;

	f->wanted_ns = wanted;
	serial = ++f->n_asked;
	pthread_cond_signal(&f->asked);
	while (f->n_done < serial && !run_stopped()) {
		now = run_now();
		if (now >= deadline)
			return false;
		look = clock_at(deadline - now < LOOK_NS ? deadline : now + LOOK_NS);
		pthread_cond_timedwait(&f->done, &f->lock, &look);
	}
	return true;
}

static int film_seek(struct source *src, uint64_t time_ns)
{
	struct film *f = film_of(src);
	int err = 0;

	pthread_mutex_lock(&f->lock);
	if (time_ns < f->time.first_ns)
		time_ns = f->time.first_ns;
	if (time_ns < f->time.now_ns && !reel_can_restart(f->reel))
		err = -ESPIPE;
	else
		ask_move(f, time_ns, f->batch ? NUMBER_FOREVER : SEEK_WAIT_NS);
	pthread_mutex_unlock(&f->lock);
	return err;
}

static void film_hurry(struct source *src)
{
	struct film *f = film_of(src);

	pthread_mutex_lock(&f->lock);
	if (f->n_done == f->n_asked)
		ask_move(f, f->time.now_ns, 0);
	pthread_mutex_unlock(&f->lock);
}

static void film_run(struct source *src, bool on)
{
	struct film *f = film_of(src);

	pthread_mutex_lock(&f->lock);
	f->time.running = on && !f->time.ended;
	f->due_ns = run_now() + f->interval_ns;
	pthread_cond_signal(&f->asked);
	pthread_mutex_unlock(&f->lock);
}

/* ---- beginning and end ---- */

static void free_film(struct film *f)
{
	for (size_t i = 0; i < REEL_BUSES_MAX; i++) {
		snapshot_free(&f->shown[i].picture);
		kept_free(f->shown[i].kept);
	}
	reel_close(f->reel);
	if (f->fd >= 0)
		close(f->fd);
	pthread_cond_destroy(&f->asked);
	pthread_cond_destroy(&f->done);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* A thread that waits for a pipe is left to the end of the process. */
static void film_close(struct source *src)
{
	struct film *f = film_of(src);
	pthread_mutex_lock(&f->lock);
	f->closing = true;
	pthread_cond_signal(&f->asked);
	pthread_mutex_unlock(&f->lock);
	if (thread_end(f->thread, run_deadline(CLOSE_NS)))
		free_film(f);
}

static const struct source_ops film_ops = {
	.close = film_close,
	.fd = film_fd,
	.buses = film_buses,
	.describe = film_describe,
	.take = film_take,
	.set_interval = film_set_interval,
	.hurry = film_hurry,
	.want_records = film_want_records,
	.records = film_records,
	.time = film_time,
	.seek = film_seek,
	.run = film_run,
};

static struct film *new_film(const struct config *cfg)
{
	struct film *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (!f)
		return NULL;
	f->source.ops = &film_ops;
	f->path = cfg->read;
	f->batch = cfg->batch;
	f->interval_ns = cfg->interval_ns;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->asked, &attr);
	pthread_cond_init(&f->done, &attr);
	pthread_condattr_destroy(&attr);
	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return f;
}

/* The first picture; a file that is broken before its first record has none. */
static enum tool_exit begin(struct film *f)
{
	char error[sizeof(f->time.error)] = "";

	pthread_mutex_lock(&f->lock);
	ask_move(f, 0, f->batch ? NUMBER_FOREVER : SEEK_WAIT_NS);
	if (!f->n_shown)
		memcpy(error, f->time.error, sizeof(error));
	pthread_mutex_unlock(&f->lock);
	if (!*error)
		return TOOL_OK;
	tool_error("%s", error);
	return TOOL_FAIL;
}

enum tool_exit film_open(const struct config *cfg, struct source **src)
{
	struct film *f = new_film(cfg);
	const struct input_wait wait = {
		.deadline = NUMBER_FOREVER, .idle = show_meanwhile, .arg = f,
	};
	char error[sizeof(f->time.error)] = "out of memory";
	int err = f && f->fd >= 0 ? 0 : -ENOMEM;

	*src = NULL;
	if (!err)
		err = reel_open(cfg->read, !cfg->batch, &wait, &f->reel, error, sizeof(error));
	if (!err)
		err = thread_start(&f->thread, work, f);
	if (err) {
		if (err != -EINTR)
			tool_error("%s", error);
		if (f)
			free_film(f);
		return err == -EINTR ? TOOL_OK : TOOL_FAIL;
	}
	if (begin(f) != TOOL_OK) {
		film_close(&f->source);
		return TOOL_FAIL;
	}
	*src = &f->source;
	return TOOL_OK;
}
