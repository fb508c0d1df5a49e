/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/pcap.h"
#include "common/services.h"

#define BATCH 4096      /* records of a bus between two looks at the others, */
#define BATCHES_MAX 32  /* and so many looks at most: a writer may be faster than we are */
#define PLENTY 2        /* looks after which events alone are looked for, */
#define EVENTS_BATCH 16 /* an event and what follows it */

struct events {
	struct services *services;
	uint64_t channels; /* table_channels() when they were learned */
	struct kept_event event[EVENTS_KEPT];
	struct kept_message message[MESSAGES_KEPT];
	size_t n_events, n_messages; /* ever; the place of the next is this modulo the size */

	struct pcap_writer *capture; /* or NULL */
	char *path;
	uint64_t captured;
	int capture_error;
	events_choice *keep;
	void *keep_arg;
};

struct events *events_new(void)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->services = services_new();
	if (e->services)
		return e;
	free(e);
	return NULL;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	events_capture_end(e);
	services_free(e->services);
	free(e);
}

/* ---- what is kept ---- */

/* The place of the i-th before the newest of n that there ever were. */
static bool find_place(size_t n, size_t room, size_t i, size_t *place)
{
	if (i >= n || i >= room)
		return false;
	*place = (n - 1 - i) % room;
	return true;
}

const struct kept_event *events_get(const struct events *e, size_t i)
{
	size_t place;

	return find_place(e->n_events, EVENTS_KEPT, i, &place) ? &e->event[place] : NULL;
}

const struct kept_message *events_message(const struct events *e, size_t i)
{
	size_t place;

	return find_place(e->n_messages, MESSAGES_KEPT, i, &place) ? &e->message[place] : NULL;
}

void events_forget_messages(struct events *e)
{
	e->n_messages = 0;
}

void events_forget(struct events *e)
{
	e->n_events = e->n_messages = 0;
}

/* What is withdrawn is not known any more, but by its record. */
static void keep_event(struct events *e, size_t bus, const struct rpmsg_record *r)
{
	struct kept_event *kept = &e->event[e->n_events++ % EVENTS_KEPT];
	struct announcement a;

	kept->bus = bus;
	kept->time_ns = r->time_ns;
	format_event_text(r, announcement_read(r, &a) ? a.name : services_find(e->services, r),
			  kept->text, sizeof(kept->text));
}

static void keep_message(struct events *e, size_t bus, const struct rpmsg_record *r)
{
	struct kept_message *kept = &e->message[e->n_messages++ % MESSAGES_KEPT];

	*kept = (struct kept_message){
		.bus = bus,
		.time_ns = r->time_ns,
		.dir = r->dir,
		.src = r->src,
		.dst = r->dst,
		.len = r->len,
	};
	memcpy(kept->data, r->data, r->len < sizeof(kept->data) ? r->len : sizeof(kept->data));
}

static void learn_side(struct events *e, const char *bus, const struct snapshot_side *side)
{
	for (size_t i = 0; i < side->n_channels; i++)
		services_learn_channel(e->services, bus, &side->info, &side->channel[i]);
}

void events_learn(struct events *e, const struct table *t)
{
	if (e->channels == table_channels(t))
		return;
	e->channels = table_channels(t);
	for (size_t bus = 0; bus < table_buses(t); bus++) {
		const struct bus_row *row = table_bus(t, bus);

		for (int s = 0; s < 2; s++)
			if (row->picture.side[s].served)
				learn_side(e, row->bus.name, &row->picture.side[s]);
	}
}

/* ---- the capture ---- */

int events_capture(struct events *e, const char *path, events_choice *keep, void *arg)
{
	char *copy = strdup(path);
	int err = copy ? events_capture_end(e) : -ENOMEM;

	e->capture_error = 0;
	if (!err)
		err = pcap_writer_create(path, &e->capture);
	if (err) {
		e->capture = NULL;
		free(copy);
		return err;
	}
	e->path = copy;
	e->captured = 0;
	e->keep = keep;
	e->keep_arg = arg;
	return 0;
}

const char *events_capture_path(const struct events *e, uint64_t *n)
{
	*n = e->captured;
	return e->path;
}

int events_capture_end(struct events *e)
{
	int err = pcap_writer_close(e->capture);

	e->capture = NULL;
	free(e->path);
	e->path = NULL;
	return err;
}

int events_capture_error(const struct events *e)
{
	return e->capture_error;
}

/* What was written before is whole, and stays. */
static void capture_failed(struct events *e, int err)
{
	events_capture_end(e);
	e->capture_error = err;
}

static void capture_record(struct events *e, size_t bus, const struct rpmsg_record *r)
{
	int err;

	if (e->keep && !e->keep(bus, r, e->keep_arg))
		return;
	err = pcap_writer_put(e->capture, r);
	if (err)
		capture_failed(e, err);
	else
		e->captured++;
}

/* The file can be read while it grows. */
static void capture_flush(struct events *e)
{
	int err = e->capture ? pcap_writer_flush(e->capture) : 0;

	if (err)
		capture_failed(e, err);
}

/* ---- reading ---- */

struct reading {
	struct events *e;
	size_t bus;
	events_choice *wanted;
	void *arg;
	bool any; /* new to those who look */
};

static void take(const struct rpmsg_record *r, void *arg)
{
	struct reading *reading = arg;
	struct events *e = reading->e;

	if (e->capture)
		capture_record(e, reading->bus, r);
	services_learn(e->services, r);
	if (r->type != RPMSG_RECORD_MESSAGE) {
		keep_event(e, reading->bus, r);
		reading->any = true;
	} else if (reading->wanted && reading->wanted(reading->bus, r, reading->arg)) {
		keep_message(e, reading->bus, r);
		reading->any = true;
	}
}

/*
 * Of messages that nobody captures more than PLENTY at once are passed over: to read them all
 * would cost a busy bus what it is watched for.
 */
static bool read_bus(struct reading *reading, struct source *src, int round)
{
	bool plenty = round >= PLENTY && !reading->e->capture;
	size_t max = plenty && source_skip(src, reading->bus) ? EVENTS_BATCH : BATCH;

	return source_records(src, reading->bus, max, take, reading) == max;
}

bool events_update(struct events *e, struct source *src, events_choice *wanted, void *arg)
{
	struct reading reading = {.e = e, .wanted = wanted, .arg = arg};
	uint64_t captured = e->captured;
	size_t n = source_buses(src);
	bool more = true;

	for (int i = 0; more && i < BATCHES_MAX; i++) {
		more = false;
		for (reading.bus = 0; reading.bus < n; reading.bus++)
			more |= read_bus(&reading, src, i);
	}
	capture_flush(e);
	return reading.any || e->captured != captured;
}
