/* SPDX-License-Identifier: BSD-2-Clause */
/* Which service an address belongs to. */
#include <endian.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "pcap.h"
#include "services.h"

#define NS_MESSAGE_SIZE (RPMSG_NAME_SIZE + 8)
#define NS_DESTROY 1U

struct service {
	char bus[RPMSG_NAME_SIZE + 1];
	enum rpmsg_side side; /* whose address it is */
	uint32_t addr;
	char name[RPMSG_NAME_SIZE];
};

struct services {
	void *tree;
};

static int compare(const void *pa, const void *pb)
{
	const struct service *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->side != b->side)
		return a->side < b->side ? -1 : 1;
	return strcmp(a->bus, b->bus);
}

static void set_key(struct service *key, const char *bus, enum rpmsg_side side, uint32_t addr)
{
	memset(key, 0, sizeof(*key));
	strncpy(key->bus, bus ? bus : "", sizeof(key->bus) - 1);
	key->side = side;
	key->addr = addr;
}

struct services *services_new(void)
{
	return calloc(1, sizeof(struct services));
}

void services_free(struct services *s)
{
	if (!s)
		return;
	tdestroy(s->tree, free);
	free(s);
}

int services_learn_address(struct services *s, const char *bus, enum rpmsg_side side,
			   uint32_t addr, const char *name)
{
	struct service *new = malloc(sizeof(*new));
	struct service **node;

	if (!new)
		return -ENOMEM;
	set_key(new, bus, side, addr);
	strncpy(new->name, name, sizeof(new->name) - 1);
	node = tsearch(new, &s->tree, compare);
	if (!node) {
		free(new);
		return -ENOMEM;
	}
	if (*node != new) {
		free(*node);
		*node = new;
	}
	return 0;
}

/* Under another name nothing is withdrawn: whoever got that has refused it. */
static void drop(struct services *s, const char *bus, enum rpmsg_side side, uint32_t addr,
		 const char *name)
{
	struct service key, **node, *old;

	set_key(&key, bus, side, addr);
	node = tfind(&key, &s->tree, compare);
	if (!node || strcmp((*node)->name, name) != 0)
		return;
	old = *node;
	tdelete(old, &s->tree, compare);
	free(old);
}

struct search {
	const char *bus;
	struct service *found;
};

static void find_on_bus(const void *node, VISIT which, void *arg)
{
	struct service *s = *(struct service *const *)node;
	struct search *search = arg;

	if ((which == postorder || which == leaf) && !strcmp(s->bus, search->bus))
		search->found = s;
}

void services_forget(struct services *s, const char *bus)
{
	struct search search = {.bus = bus};

	for (;;) {
		search.found = NULL;
		twalk_r(s->tree, find_on_bus, &search);
		if (!search.found)
			return;
		tdelete(search.found, &s->tree, compare);
		free(search.found);
	}
}

static const char *look_up(const struct services *s, const char *bus, enum rpmsg_side side,
			   uint32_t addr)
{
	struct service key, *const *node;

	set_key(&key, bus, side, addr);
	node = tfind(&key, &s->tree, compare);
	return node ? (*node)->name : NULL;
}

static enum rpmsg_side other(enum rpmsg_side side)
{
	return side == RPMSG_SIDE_HOST ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
}

/* Where senders are not known who was meant tells the service. */
int services_learn_channel(struct services *s, const char *bus_name,
			   const struct rpmsg_bus_info *info,
			   const struct rpmsg_channel_status *st)
{
	bool own_src = info->fixed_dst || st->origin != RPMSG_CHANNEL_LEARNED;
	int err = 0;

	if (st->origin != RPMSG_CHANNEL_SERVICE && st->info.dst != RPMSG_ADDR_ANY)
		err = services_learn_address(s, bus_name, other(info->side), st->info.dst,
					     st->info.name);
	if (!err && own_src && st->info.src != RPMSG_ADDR_ANY)
		err = services_learn_address(s, bus_name, info->side, st->info.src, st->info.name);
	return err;
}

struct learn {
	struct services *services;
	const char *bus_name;
	struct rpmsg_bus_info info;
};

static int learn_channel(const struct rpmsg_channel_status *st, void *arg)
{
	struct learn *l = arg;

	return services_learn_channel(l->services, l->bus_name, &l->info, st);
}

int services_learn_bus(struct services *s, struct rpmsg_bus *bus, const char *bus_name)
{
	struct learn l = {.services = s, .bus_name = bus_name, .info.size = sizeof(l.info)};
	int err = rpmsg_bus_get_info(bus, &l.info);

	return err ? err : rpmsg_bus_for_each_channel(bus, learn_channel, &l);
}

static bool read_event(const struct rpmsg_record *event, struct announcement *a)
{
	if (event->type != RPMSG_RECORD_ANNOUNCE && event->type != RPMSG_RECORD_WITHDRAW)
		return false;
	*a = (struct announcement){
		.addr = event->src,
		.withdrawn = event->type == RPMSG_RECORD_WITHDRAW,
	};
	memcpy(a->name, event->text, strnlen(event->text, sizeof(a->name) - 1));
	return a->name[0] != '\0';
}

bool announcement_read(const struct rpmsg_record *m, struct announcement *a)
{
	uint32_t word[2];

	if (m->type != RPMSG_RECORD_MESSAGE)
		return read_event(m, a);
	if (m->dst != RPMSG_NS_ADDR || m->len != NS_MESSAGE_SIZE || pcap_is_cut(m))
		return false;
	memcpy(a->name, m->data, sizeof(a->name));
	a->name[sizeof(a->name) - 1] = '\0';
	memcpy(word, m->data + RPMSG_NAME_SIZE, sizeof(word));
	a->addr = le32toh(word[0]);
	a->withdrawn = le32toh(word[1]) & NS_DESTROY;
	return a->name[0] != '\0';
}

static enum rpmsg_side sender(const struct rpmsg_record *m)
{
	return m->dir == RPMSG_H2R ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
}

void services_learn(struct services *s, const struct rpmsg_record *m)
{
	struct announcement a;

	if (m->type == RPMSG_RECORD_DOWN)
		services_forget(s, m->bus);
	if (!announcement_read(m, &a))
		return;
	if (a.withdrawn)
		drop(s, m->bus, sender(m), a.addr, a.name);
	else if (a.addr != RPMSG_ADDR_ANY)
		services_learn_address(s, m->bus, sender(m), a.addr, a.name);
}

struct walk {
	void (*fn)(const struct service_entry *service, void *arg);
	void *arg;
};

static void visit(const void *node, VISIT which, void *arg)
{
	const struct service *s = *(struct service *const *)node;
	const struct walk *walk = arg;
	const struct service_entry entry = {s->bus, s->side, s->addr, s->name};

	if (which == postorder || which == leaf)
		walk->fn(&entry, walk->arg);
}

void services_for_each(const struct services *s,
		       void (*fn)(const struct service_entry *service, void *arg), void *arg)
{
	struct walk walk = {fn, arg};

	twalk_r(s->tree, visit, &walk);
}

const char *services_find(const struct services *s, const struct rpmsg_record *m)
{
	const char *name = look_up(s, m->bus, other(sender(m)), m->dst);

	return name ? name : look_up(s, m->bus, sender(m), m->src);
}
