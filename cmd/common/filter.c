/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/filter.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter_term.h"
#include "common/pcap.h"

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (int i = 0; i < f->n; i++) {
		struct term *t = &f->term[i];

		if (t->kind == TERM_NAME || t->kind == TERM_BUS)
			free(t->name.glob);
		if (t->kind == TERM_DATA)
			free(t->data.bytes);
	}
	free(f->term);
	free(f);
}

bool filter_needs_service(const struct filter *f)
{
	return f->needs_service;
}

bool filter_names_event(const struct filter *f)
{
	return f->names_event;
}

static bool is_message(const struct rpmsg_record *m)
{
	return m->type == RPMSG_RECORD_MESSAGE;
}

static bool name_holds(const struct term *t, const char *name)
{
	if (!name)
		return false;
	return t->name.plain ? !strcmp(t->name.glob, name) : !fnmatch(t->name.glob, name, 0);
}

/* An announcement tells its service itself. */
static const char *service_of(const struct rpmsg_record *m, const char *service)
{
	bool told = m->type == RPMSG_RECORD_ANNOUNCE || m->type == RPMSG_RECORD_WITHDRAW;

	return told && m->text ? m->text : service;
}

static bool addr_equals(const struct term *t, unsigned of, uint32_t addr)
{
	return t->addr.of & of && addr != RPMSG_ADDR_ANY && (addr & t->addr.mask) == t->addr.value;
}

static bool addr_holds(const struct term *t, const struct rpmsg_record *m)
{
	return addr_equals(t, TERM_OF_SRC, m->src) || addr_equals(t, TERM_OF_DST, m->dst);
}

static bool len_holds(const struct term *t, const struct rpmsg_record *m)
{
	if (!is_message(m))
		return false;
	if (m->len < t->len.least)
		return t->len.below;
	return m->len > t->len.most ? t->len.above : t->len.within;
}

/* Of a message that was cut, what is not there holds nothing. */
static bool data_holds(const struct term *t, const struct rpmsg_record *m)
{
	size_t len = is_message(m) ? pcap_captured(m) : 0;

	if (!is_message(m) || t->data.offset > len || t->data.len > len - t->data.offset)
		return false;
	if (!t->data.len)
		return true;
	if (t->data.anywhere)
		return memmem(m->data, len, t->data.bytes, t->data.len);
	return !memcmp(m->data + t->data.offset, t->data.bytes, t->data.len);
}

static bool event_holds(const struct term *t, const struct rpmsg_record *m)
{
	return !is_message(m) && (t->event == RPMSG_RECORD_MESSAGE || t->event == m->type);
}

static bool term_holds(const struct term *t, const struct rpmsg_record *m, const char *service)
{
	switch (t->kind) {
	case TERM_NAME:
		return name_holds(t, service_of(m, service));
	case TERM_BUS:
		return name_holds(t, m->bus);
	case TERM_ADDR:
		return addr_holds(t, m);
	case TERM_DIR:
		return m->dir == t->dir;
	case TERM_LEN:
		return len_holds(t, m);
	case TERM_DATA:
		return data_holds(t, m);
	case TERM_NS:
		return is_message(m) && m->dst == RPMSG_NS_ADDR;
	case TERM_EVENT:
		return event_holds(t, m);
	}
	return false;
}

bool filter_match(const struct filter *f, const struct rpmsg_record *m, const char *service)
{
	int step = f->n ? 0 : STEP_ACCEPT;

	while (step >= 0) {
		const struct term *t = &f->term[step];

		step = term_holds(t, m, service) ? t->yes : t->no;
	}
	return step == STEP_ACCEPT;
}
