/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/backlog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct entry {
	TAILQ_ENTRY(entry) link;
	struct rpmsg_record record;
	const char *service;
	bool gap;
	bool timeless; /* a gap is as old as what passes next */
	char room[];   /* for what the record points to */
};
TAILQ_HEAD(entry_list, entry);

struct backlog {
	struct entry_list list; /* oldest first */
	uint64_t last, n_counted;
	bool count_events;
	uint64_t since_ns, newest_ns;
	struct entry *taken;
};

struct backlog *backlog_new(uint64_t last, bool count_events, uint64_t since_ns)
{
	struct backlog *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	TAILQ_INIT(&log->list);
	log->last = last;
	log->count_events = count_events;
	log->since_ns = since_ns;
	return log;
}

static bool is_counted(const struct backlog *log, const struct entry *e)
{
	return !e->gap && (log->count_events || e->record.type == RPMSG_RECORD_MESSAGE);
}

static void detach(struct backlog *log, struct entry *e)
{
	log->n_counted -= is_counted(log, e);
	TAILQ_REMOVE(&log->list, e, link);
}

void backlog_free(struct backlog *log)
{
	struct entry *e;

	if (!log)
		return;
	while ((e = TAILQ_FIRST(&log->list))) {
		detach(log, e);
		free(e);
	}
	free(log->taken);
	free(log);
}

/* Whether the oldest is not among those that are wanted any more. */
static bool is_surplus(const struct backlog *log, const struct entry *e)
{
	if (!e->timeless && log->newest_ns > log->since_ns &&
	    e->record.time_ns < log->newest_ns - log->since_ns)
		return true;
	if (!log->last || log->n_counted < log->last)
		return false;
	return log->n_counted > log->last || !is_counted(log, e);
}

static void trim(struct backlog *log)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&log->list)) && is_surplus(log, e)) {
		detach(log, e);
		free(e);
	}
}

void backlog_pass(struct backlog *log, uint64_t time_ns)
{
	struct entry *e;

	TAILQ_FOREACH_REVERSE(e, &log->list, entry_list, link) {
		if (!e->timeless)
			break;
		e->timeless = false;
		e->record.time_ns = time_ns;
	}
	if (time_ns > log->newest_ns)
		log->newest_ns = time_ns;
	trim(log);
}

static const char *copy_text(char **room, const char *text)
{
	char *copy = *room;

	if (!text)
		return NULL;
	*room = stpcpy(copy, text) + 1;
	return copy;
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static struct entry *entry_new(const struct rpmsg_record *m, const char *service)
{
	size_t size = m->len + text_size(m->bus) + text_size(m->text) + text_size(service);
	struct entry *e = calloc(1, sizeof(*e) + size);
	char *room;

	if (!e)
		return NULL;
	room = e->room;
	e->record = *m;
	if (m->data) {
		e->record.data = memcpy(room, m->data, m->len);
		room += m->len;
	}
	e->record.bus = copy_text(&room, m->bus);
	e->record.text = copy_text(&room, m->text);
	e->service = copy_text(&room, service);
	return e;
}

static int add(struct backlog *log, struct entry *e)
{
	if (!e)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&log->list, e, link);
	log->n_counted += is_counted(log, e);
	trim(log);
	return 0;
}

int backlog_add(struct backlog *log, const struct rpmsg_record *record, const char *service)
{
	return add(log, entry_new(record, service));
}

int backlog_add_gap(struct backlog *log, const char *bus, uint64_t count)
{
	const struct rpmsg_record record = {.bus = bus, .time_ns = UINT64_MAX, .count = count};
	struct entry *e = entry_new(&record, NULL);

	if (e)
		e->gap = e->timeless = true;
	return add(log, e);
}

bool backlog_take(struct backlog *log, struct backlog_item *item)
{
	struct entry *e = TAILQ_FIRST(&log->list);

	free(log->taken);
	log->taken = e;
	if (!e)
		return false;
	detach(log, e);
	*item = (struct backlog_item){.record = e->record, .service = e->service, .gap = e->gap};
	return true;
}
