/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-send/replay_plan.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/pcap.h"
#include "common/services.h"

/* From a number on an address belongs to party; the first had it before, too. */
struct tenancy {
	uint64_t from;
	struct party *party;
};

/* An address of a side. */
struct place {
	enum rpmsg_side side;
	uint32_t addr;
	struct party *nameless; /* or NULL */
	struct tenancy *tenancy; /* ascending */
	size_t n;
};

/* ---- keys ---- */

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_places(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return a->side != b->side ? order(a->side, b->side) : order(a->addr, b->addr);
}

static int compare_services(const void *pa, const void *pb)
{
	const struct party *a = pa, *b = pb;
	int result = strcmp(a->name, b->name);

	if (result)
		return result;
	return a->side != b->side ? order(a->side, b->side) : order(a->instance, b->instance);
}

static int compare_pairs(const void *pa, const void *pb)
{
	const struct pair *a = pa, *b = pb;

	if (a->ours != b->ours)
		return order((uintptr_t)a->ours, (uintptr_t)b->ours);
	return order((uintptr_t)a->theirs, (uintptr_t)b->theirs);
}

/* Puts new into a tree that has none like it. False: no memory, new is freed. */
static bool insert(void *new, void **tree, int (*compare)(const void *, const void *))
{
	if (tsearch(new, tree, compare))
		return true;
	free(new);
	return false;
}

static enum rpmsg_side sender(const struct rpmsg_record *record)
{
	return record->dir == RPMSG_H2R ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
}

static enum rpmsg_side receiver(const struct rpmsg_record *record)
{
	return record->dir == RPMSG_H2R ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
}

/* ---- which records count ---- */

static void forget(struct plan *plan);

/* In the first pass: another bus than before may turn out to be the one. */
static bool choose_bus(struct plan *plan, const char *bus)
{
	if (!strcmp(plan->bus, bus))
		return true;
	if (plan->bus[0] && strcmp(bus, plan->live_bus)) {
		snprintf(plan->other_bus, sizeof(plan->other_bus), "%s", bus);
		return false;
	}
	snprintf(plan->other_bus, sizeof(plan->other_bus), "%s", plan->bus);
	snprintf(plan->bus, sizeof(plan->bus), "%s", bus);
	forget(plan);
	return true;
}

bool plan_is_message(const struct plan *plan, const struct rpmsg_record *record)
{
	return record->type == RPMSG_RECORD_MESSAGE && record->dst != RPMSG_NS_ADDR &&
	       !strcmp(record->bus, plan->bus);
}

bool plan_is_ours(const struct plan *plan, const struct rpmsg_record *record)
{
	return sender(record) == plan->side;
}

/* ---- places and parties ---- */

static struct place *find_place(const struct plan *plan, enum rpmsg_side side, uint32_t addr)
{
	struct place key = { .side = side, .addr = addr }, *const *node;

	node = tfind(&key, &plan->places, compare_places);
	return node ? *node : NULL;
}

static struct place *get_place(struct plan *plan, enum rpmsg_side side, uint32_t addr)
{
	struct place *place = find_place(plan, side, addr);

	if (place)
		return place;
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->side = side;
	place->addr = addr;
	return insert(place, &plan->places, compare_places) ? place : NULL;
}

static struct party *new_party(enum rpmsg_side side, uint32_t addr, const char *name)
{
	struct party *party = calloc(1, sizeof(*party));

	if (!party)
		return NULL;
	party->side = side;
	party->addr = addr;
	party->live = RPMSG_ADDR_ANY;
	snprintf(party->name, sizeof(party->name), "%s", name);
	STAILQ_INIT(&party->others);
	return party;
}

/* Of the services of that name the one at addr, else the first that is at none. */
static struct party *get_service(struct plan *plan, enum rpmsg_side side, uint32_t addr,
				 const char *name)
{
	struct party key = { .side = side }, *const *node, *found = NULL, *party;

	snprintf(key.name, sizeof(key.name), "%s", name);
	while ((node = tfind(&key, &plan->services, compare_services))) {
		party = *node;
		if (party->offered && party->now == addr)
			return party;
		if (!party->offered && !found)
			found = party;
		key.instance++;
	}
	if (found)
		return found;
	party = new_party(side, addr, name);
	if (!party)
		return NULL;
	party->instance = key.instance;
	if (!insert(party, &plan->services, compare_services))
		return NULL;
	STAILQ_INSERT_TAIL(&plan->parties, party, next);
	return party;
}

/* Who had the address when record number was made: who came to it last, or else first. */
static struct party *tenant(const struct place *place, uint64_t number)
{
	size_t i = place->n;

	if (!i)
		return place->nameless;
	while (--i && place->tenancy[i].from > number)
		;
	return place->tenancy[i].party;
}

/* ---- learning ---- */

static int move_in(struct place *place, struct party *party, uint64_t number)
{
	struct party *last = place->n ? place->tenancy[place->n - 1].party : NULL;
	struct tenancy *more;

	if (last == party)
		return 0;
	more = reallocarray(place->tenancy, place->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	place->tenancy = more;
	more[place->n++] = (struct tenancy){ .from = number, .party = party };
	if (last && last->now == place->addr)
		last->offered = false;
	return 0;
}

static int announced(struct plan *plan, enum rpmsg_side side, uint32_t addr, const char *name,
		     uint64_t number)
{
	struct place *place = get_place(plan, side, addr);
	struct party *party = place ? get_service(plan, side, addr, name) : NULL;
	int err = party ? move_in(place, party, number) : -ENOMEM;

	if (err)
		return err;
	party->offered = true;
	party->now = addr;
	return 0;
}

static void withdrawn(struct plan *plan, enum rpmsg_side side, uint32_t addr, const char *name)
{
	struct party *party;

	STAILQ_FOREACH(party, &plan->parties, next)
		if (party->side == side && party->now == addr && !strcmp(party->name, name))
			party->offered = false;
}

static void link_down(struct plan *plan)
{
	struct party *party;

	STAILQ_FOREACH(party, &plan->parties, next)
		party->offered = false;
}

/*
 * What our side made known counts if it was on the link: only that comes as a message.
 * Of the other side events tell as well, where a capture begins later.
 */
static int learn_event(struct plan *plan, const struct rpmsg_record *event, uint64_t number)
{
	if (event->type == RPMSG_RECORD_DOWN)
		link_down(plan);
	if (plan_is_ours(plan, event) || event->src == RPMSG_ADDR_ANY)
		return 0;
	if (event->type == RPMSG_RECORD_WITHDRAW)
		withdrawn(plan, sender(event), event->src, event->text);
	if (event->type != RPMSG_RECORD_ANNOUNCE || !*event->text ||
	    strlen(event->text) >= RPMSG_NAME_SIZE)
		return 0;
	return announced(plan, sender(event), event->src, event->text, number);
}

int plan_learn(struct plan *plan, const struct rpmsg_record *record, uint64_t number)
{
	struct announcement a;

	if (!choose_bus(plan, record->bus))
		return 0;
	if (record->type != RPMSG_RECORD_MESSAGE)
		return learn_event(plan, record, number);
	if (!announcement_read(record, &a) || a.addr == RPMSG_ADDR_ANY)
		return 0;
	if (!a.withdrawn)
		return announced(plan, sender(record), a.addr, a.name, number);
	withdrawn(plan, sender(record), a.addr, a.name);
	return 0;
}

/* ---- pairs ---- */

static struct party *get_party(struct plan *plan, enum rpmsg_side side, uint32_t addr,
			       uint64_t number)
{
	struct place *place = get_place(plan, side, addr);

	if (!place)
		return NULL;
	if (!place->n && !place->nameless) {
		place->nameless = new_party(side, addr, "");
		if (place->nameless)
			STAILQ_INSERT_TAIL(&plan->parties, place->nameless, next);
	}
	return tenant(place, number);
}

static struct pair *find_pair(const struct plan *plan, struct party *ours, struct party *theirs)
{
	struct pair key = { .ours = ours, .theirs = theirs }, *const *node;

	node = tfind(&key, &plan->pair_tree, compare_pairs);
	return node ? *node : NULL;
}

static bool is_selected(const struct plan *plan, const struct pair *pair)
{
	return !plan->name || !strcmp(pair->ours->name, plan->name) ||
	       !strcmp(pair->theirs->name, plan->name);
}

static struct pair *get_pair(struct plan *plan, struct party *ours, struct party *theirs)
{
	struct pair *pair = find_pair(plan, ours, theirs);

	if (pair)
		return pair;
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return NULL;
	pair->ours = ours;
	pair->theirs = theirs;
	pair->selected = is_selected(plan, pair);
	STAILQ_INIT(&pair->flow);
	if (!insert(pair, &plan->pair_tree, compare_pairs))
		return NULL;
	STAILQ_INSERT_TAIL(&plan->pairs, pair, next);
	return pair;
}

static void add_fault(struct faults *faults, uint64_t number, size_t len)
{
	if (faults->n < FAULTS_KEPT) {
		faults->first[faults->n].number = number;
		faults->first[faults->n].len = len;
	}
	faults->n++;
}

static void count_sent(struct plan *plan, struct pair *pair, const struct rpmsg_record *record,
		       uint64_t number)
{
	pair->sent++;
	if (!pair->selected) {
		plan->unselected++;
		return;
	}
	if (!plan->sent++)
		plan->first_ns = record->time_ns;
	plan->last_ns = record->time_ns;
	if (pcap_is_cut(record))
		add_fault(&plan->cut, number, record->len);
	if (plan->mtu && record->len > plan->mtu)
		add_fault(&plan->long_ones, number, record->len);
	if (record->dst == RPMSG_ADDR_ANY)
		add_fault(&plan->nowhere, number, record->len);
}

static bool is_dynamic(const struct party *party)
{
	return !party_is_known(party) && party->addr != RPMSG_ADDR_ANY;
}

static void count_received(struct plan *plan, struct pair *pair, const struct rpmsg_record *record,
			   uint64_t number)
{
	if (!pair->sent && !pair->received && is_dynamic(pair->theirs) &&
	    party_is_known(pair->ours)) {
		pair->is_client = true;
		pair->client = pair->ours->n_clients++;
	}
	pair->received++;
	if (!pair->selected)
		return;
	plan->received++;
	plan->last_ns = record->time_ns;
	if (pcap_is_cut(record))
		add_fault(&plan->cut_received, number, record->len);
}

int plan_add(struct plan *plan, const struct rpmsg_record *record, uint64_t number)
{
	bool sent = plan_is_ours(plan, record);
	struct party *from, *to;
	struct pair *pair;

	if (!plan_is_message(plan, record))
		return 0;
	from = get_party(plan, sender(record), record->src, number);
	to = get_party(plan, receiver(record), record->dst, number);
	if (!from || !to)
		return -ENOMEM;
	pair = sent ? get_pair(plan, from, to) : get_pair(plan, to, from);
	if (!pair)
		return -ENOMEM;
	if (sent)
		count_sent(plan, pair, record, number);
	else
		count_received(plan, pair, record, number);
	return 0;
}

struct pair *plan_pair(const struct plan *plan, const struct rpmsg_record *record, uint64_t number)
{
	const struct place *from = find_place(plan, sender(record), record->src);
	const struct place *to = find_place(plan, receiver(record), record->dst);

	if (!from || !to)
		return NULL;
	if (plan_is_ours(plan, record))
		return find_pair(plan, tenant(from, number), tenant(to, number));
	return find_pair(plan, tenant(to, number), tenant(from, number));
}

bool party_is_known(const struct party *party)
{
	return party->name[0] || party->addr < RPMSG_ADDR_DYNAMIC;
}

bool pair_is_distinct(const struct pair *pair)
{
	return party_is_known(pair->theirs) || pair->is_client ||
	       (pair->sent && pair->theirs->addr != RPMSG_ADDR_ANY);
}

struct flow *pair_flow(struct pair *pair)
{
	return pair_is_distinct(pair) ? &pair->flow : &pair->ours->others;
}

const char *party_text(const struct party *party, char text[PARTY_TEXT_SIZE])
{
	char addr[FORMAT_ADDR_SIZE], which[16] = "";

	format_addr(party->addr, addr);
	if (party->instance)
		snprintf(which, sizeof(which), "#%u", party->instance + 1);
	if (party->name[0])
		snprintf(text, PARTY_TEXT_SIZE, "%s%s (%s)", party->name, which, addr);
	else
		snprintf(text, PARTY_TEXT_SIZE, "%s", addr);
	return text;
}

/* ---- the plan ---- */

void plan_init(struct plan *plan, enum rpmsg_side side, const char *live_bus)
{
	*plan = (struct plan){ .side = side };
	snprintf(plan->live_bus, sizeof(plan->live_bus), "%s", live_bus);
	STAILQ_INIT(&plan->parties);
	STAILQ_INIT(&plan->pairs);
}

static void free_place(void *node)
{
	struct place *place = node;

	free(place->tenancy);
	free(place);
}

static void keep(void *node)
{
	(void)node;
}

static void forget(struct plan *plan)
{
	struct party *party;
	struct pair *pair;

	tdestroy(plan->places, free_place);
	tdestroy(plan->services, keep);
	tdestroy(plan->pair_tree, keep);
	plan->places = plan->services = plan->pair_tree = NULL;
	while ((pair = STAILQ_FIRST(&plan->pairs))) {
		STAILQ_REMOVE_HEAD(&plan->pairs, next);
		free(pair);
	}
	while ((party = STAILQ_FIRST(&plan->parties))) {
		STAILQ_REMOVE_HEAD(&plan->parties, next);
		free(party);
	}
}

void plan_free(struct plan *plan)
{
	forget(plan);
}
