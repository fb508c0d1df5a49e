/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/film_reel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/traffic.h"

#define STOP_EVERY 1024 /* records */
#define SCAN_AT_ONCE 8192

struct reel {
	const char *path;
	bool follow;
	struct input_wait wait;
	bool is_file;
	struct traffic *traffic;
	struct traffic *scan; /* looks for the end */
	bool scanned;
	uint64_t scanned_ns;
	struct rpmsg_record next; /* read, but of a later time, if has_next */
	bool has_next;
	uint64_t first_ns, taken_ns, last_ns;
	struct film_bus *bus[REEL_BUSES_MAX];
	size_t n_buses;
	size_t last_bus; /* that a record was of */
	uint64_t surplus; /* records of more buses */
	int ended;        /* how reading has ended, -errno */
	char error[300];
};

static int refuse(int err, const struct reel *reel, char *error, size_t size)
{
	snprintf(error, size, "%s: %s", reel->path, rpmsg_strerror(err));
	return err;
}

static int open_traffic(struct reel *reel, char *error, size_t size)
{
	struct traffic *t;
	int err = traffic_open_wait(reel->path, &reel->wait, &t, error, size);

	if (err)
		return err;
	traffic_close(reel->traffic);
	reel->traffic = t;
	traffic_set_follow(t, reel->follow);
	reel->has_next = false;
	reel->ended = 0;
	reel->first_ns = reel->taken_ns = reel->last_ns = reel->surplus = 0;
	return 0;
}

int reel_open(const char *path, bool follow, const struct input_wait *wait, struct reel **reel,
	      char *error, size_t size)
{
	struct reel *r = calloc(1, sizeof(*r));
	bool is_stdin = !strcmp(path, "-");
	struct stat st;
	int err;

	if (!r) {
		snprintf(error, size, "%s: %s", path, rpmsg_strerror(-ENOMEM));
		return -ENOMEM;
	}
	r->follow = follow;
	r->wait = *wait;
	r->is_file = !(is_stdin ? fstat(STDIN_FILENO, &st) : stat(path, &st)) &&
		     S_ISREG(st.st_mode);
	/* by that name it can be opened again, each time with a place of its own */
	r->path = is_stdin && r->is_file ? "/dev/stdin" : path;
	err = open_traffic(r, error, size);
	if (err) {
		reel_close(r);
		return err;
	}
	*reel = r;
	return 0;
}

void reel_close(struct reel *reel)
{
	if (!reel)
		return;
	for (size_t i = 0; i < reel->n_buses; i++)
		film_bus_free(reel->bus[i]);
	traffic_close(reel->traffic);
	traffic_close(reel->scan);
	free(reel);
}

bool reel_can_restart(const struct reel *reel)
{
	return reel->is_file;
}

int reel_restart(struct reel *reel, char *error, size_t size)
{
	int err;

	if (!reel->is_file)
		return refuse(-ESPIPE, reel, error, size);
	err = open_traffic(reel, error, size);
	if (err)
		return err;
	for (size_t i = 0; i < reel->n_buses; i++)
		film_bus_restart(reel->bus[i]);
	return 0;
}

/* ---- reading ---- */

/* The number of a record's bus; REEL_BUSES_MAX: there are too many. -ENOMEM. */
static int find_bus(struct reel *reel, const char *name, size_t *bus)
{
	*bus = reel->last_bus;
	if (*bus < reel->n_buses && !strcmp(film_bus_name(reel->bus[*bus]), name))
		return 0;
	for (*bus = 0; *bus < reel->n_buses; ++*bus)
		if (!strcmp(film_bus_name(reel->bus[*bus]), name))
			break;
	if (*bus == REEL_BUSES_MAX)
		return 0;
	if (*bus == reel->n_buses) {
		reel->bus[*bus] = film_bus_new(name);
		if (!reel->bus[*bus])
			return -ENOMEM;
		reel->n_buses++;
	}
	reel->last_bus = *bus;
	return 0;
}

static int take_next(struct reel *reel, const struct reel_ear *ear)
{
	size_t bus;
	int err = find_bus(reel, reel->next.bus, &bus);

	if (err)
		return err;
	reel->has_next = false;
	if (reel->next.time_ns > reel->taken_ns)
		reel->taken_ns = reel->next.time_ns;
	if (bus == REEL_BUSES_MAX) {
		reel->surplus++;
		return 0;
	}
	err = film_bus_put(reel->bus[bus], &reel->next);
	if (!err)
		ear->record(bus, &reel->next, ear->arg);
	return err;
}

/* As traffic_read(), but what is behind something broken is not read. */
static int read_next(struct reel *reel, char *error, size_t size)
{
	int n = reel->ended;

	if (!n)
		n = traffic_read(reel->traffic, &reel->next, reel->error, sizeof(reel->error));
	if (n < 0) {
		reel->ended = n;
		snprintf(error, size, "%s", n == -EPIPE || n == -EINTR ? "" : reel->error);
	}
	if (n != 1)
		return n;
	reel->has_next = true;
	if (!reel->first_ns)
		reel->first_ns = reel->next.time_ns;
	if (reel->next.time_ns > reel->last_ns)
		reel->last_ns = reel->next.time_ns;
	return 1;
}

int reel_read(struct reel *reel, uint64_t until_ns, const struct reel_ear *ear, char *error,
	      size_t size)
{
	uint64_t n_read = 0;
	int n;

	for (;;) {
		if (!reel->has_next) {
			n = read_next(reel, error, size);
			if (n != 1)
				return n;
		}
		if (reel->next.time_ns > until_ns && reel->next.time_ns > reel->first_ns)
			return 1;
		n = take_next(reel, ear);
		if (n)
			return refuse(n, reel, error, size);
		if (!(++n_read % STOP_EVERY) && ear->stop(ear->arg))
			return -EINTR;
	}
}

bool reel_scan(struct reel *reel)
{
	struct rpmsg_record record;
	char error[sizeof(reel->error)];
	int n = 1;

	if (reel->scanned || !reel->is_file)
		return false;
	if (!reel->scan) {
		n = !traffic_open(reel->path, &reel->scan, error, sizeof(error));
		if (n == 1)
			traffic_set_follow(reel->scan, false);
	}
	for (int i = 0; i < SCAN_AT_ONCE && n == 1; i++) {
		n = traffic_read(reel->scan, &record, error, sizeof(error));
		if (n == 1 && record.time_ns > reel->scanned_ns)
			reel->scanned_ns = record.time_ns;
	}
	if (n == 1)
		return true;
	traffic_close(reel->scan);
	reel->scan = NULL;
	reel->scanned = true;
	return false;
}

/* ---- what was read ---- */

uint64_t reel_first(const struct reel *reel)
{
	return reel->first_ns;
}

uint64_t reel_taken(const struct reel *reel)
{
	return reel->taken_ns;
}

uint64_t reel_last(const struct reel *reel)
{
	return reel->last_ns > reel->scanned_ns ? reel->last_ns : reel->scanned_ns;
}

size_t reel_buses(const struct reel *reel)
{
	return reel->n_buses;
}

const struct film_bus *reel_bus(const struct reel *reel, size_t bus)
{
	return reel->bus[bus];
}

uint64_t reel_lost(const struct reel *reel)
{
	const char *what;

	return traffic_lost(reel->traffic, &what) + reel->surplus;
}

int reel_crashed(const struct reel *reel)
{
	return traffic_crashed(reel->traffic);
}
