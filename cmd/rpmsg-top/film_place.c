/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/film_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256u
#define PLACES_FIRST 64u

struct places {
	struct place *place;
	uint32_t n, room, max;
	uint32_t *slot;   /* 1 + an index of place, 0: empty; at most half of them are taken */
	uint32_t n_slots; /* a power of two */
	uint32_t n_taken;
};

struct places *places_new(uint32_t max)
{
	struct places *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->max = max;
	ps->n_slots = SLOTS_FIRST;
	ps->slot = calloc(ps->n_slots, sizeof(*ps->slot));
	if (ps->slot)
		return ps;
	free(ps);
	return NULL;
}

void places_free(struct places *ps)
{
	if (!ps)
		return;
	free(ps->place);
	free(ps->slot);
	free(ps);
}

void places_clear(struct places *ps)
{
	ps->n = ps->n_taken = 0;
	memset(ps->slot, 0, ps->n_slots * sizeof(*ps->slot));
}

/* ---- finding ---- */

/* The slot that has the address, or the empty one where it belongs. */
static uint32_t *slot_of(const struct places *ps, int side, uint32_t addr)
{
	uint64_t hash = ((uint64_t)addr << 1 | (unsigned)side) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t i = (uint32_t)(hash >> 32) & (ps->n_slots - 1);

	for (;; i = (i + 1) & (ps->n_slots - 1)) {
		const struct place *p = ps->slot[i] ? &ps->place[ps->slot[i] - 1] : NULL;

		if (!p || (p->st.addr == addr && p->side == side))
			return &ps->slot[i];
	}
}

struct place *places_find(const struct places *ps, int side, uint32_t addr)
{
	uint32_t i = *slot_of(ps, side, addr);

	return i ? &ps->place[i - 1] : NULL;
}

const struct place *places_next(const struct places *ps, const struct place *p)
{
	const struct place *end = ps->place + ps->n;

	for (p = p ? p + 1 : ps->place; p < end; p++)
		if (!p->replaced)
			return p;
	return NULL;
}

bool place_is_seen(const struct place *p)
{
	const struct rpmsg_counts *c = &p->st.counts;

	return c->tx.messages || c->rx.messages || c->dropped || c->errors[RPMSG_ERROR_NO_BUFFER] ||
	       p->stalled_ns;
}

/* ---- making ---- */

static int more_slots(struct places *ps)
{
	uint32_t n = 2 * ps->n_slots;
	uint32_t *slot = calloc(n, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	free(ps->slot);
	ps->slot = slot;
	ps->n_slots = n;
	for (uint32_t i = 0; i < ps->n; i++)
		if (!ps->place[i].replaced)
			*slot_of(ps, ps->place[i].side, ps->place[i].st.addr) = i + 1;
	return 0;
}

static int make_room(struct places *ps)
{
	uint32_t room = ps->room ? 2 * ps->room : PLACES_FIRST;
	struct place *place;

	if (ps->n == ps->max)
		return -ENOSPC;
	if (2 * (ps->n_taken + 1) > ps->n_slots && more_slots(ps))
		return -ENOMEM;
	if (ps->n < ps->room)
		return 0;
	place = reallocarray(ps->place, room, sizeof(*place));
	if (!place)
		return -ENOMEM;
	ps->place = place;
	ps->room = room;
	return 0;
}

static int add(struct places *ps, int side, uint32_t addr, struct place **p)
{
	int err = make_room(ps);
	uint32_t *slot;

	if (err)
		return err;
	slot = slot_of(ps, side, addr);
	ps->n_taken += !*slot;
	*p = &ps->place[ps->n++];
	**p = (struct place){
		.st = {
			.size = sizeof((*p)->st),
			.id = ps->n,
			.channel = {.src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY},
			.addr = addr,
			.dst = RPMSG_ADDR_ANY,
		},
		.side = side,
		.user = RPMSG_ADDR_ANY,
	};
	if (*slot)
		ps->place[*slot - 1].replaced = true;
	*slot = ps->n;
	return 0;
}

int places_get(struct places *ps, int side, uint32_t addr, struct place **p)
{
	*p = places_find(ps, side, addr);
	return *p ? 0 : add(ps, side, addr, p);
}

/* ---- services ---- */

static void set_channel(struct place *p, const char *name, uint32_t src, uint32_t dst)
{
	memset(p->st.channel.name, 0, sizeof(p->st.channel.name));
	memcpy(p->st.channel.name, name, strnlen(name, sizeof(p->st.channel.name) - 1));
	p->st.channel.src = src;
	p->st.channel.dst = dst;
}

static bool has_name(const struct place *p, const char *name)
{
	return !strncmp(p->st.channel.name, name, sizeof(p->st.channel.name));
}

/* *p begins anew, if there is room for another. */
static void replace(struct places *ps, struct place **p)
{
	struct place *new;

	if (!add(ps, (*p)->side, (*p)->st.addr, &new))
		*p = new;
}

int places_offer(struct places *ps, int side, uint32_t addr, const char *name, uint32_t dst)
{
	struct place *p;
	int err = places_get(ps, side, addr, &p);

	if (err)
		return err == -ENOSPC ? 0 : err;
	if (!has_name(p, name) && p->st.channel.name[0] && place_is_seen(p))
		replace(ps, &p);
	set_channel(p, name, addr, dst);
	p->st.own = p->offered = true;
	p->by_hand = dst != RPMSG_ADDR_ANY;
	p->nobodys = p->stale = false;
	return 0;
}

static void withdraw(struct place *p)
{
	p->offered = p->heard = false;
	p->user = p->st.dst = RPMSG_ADDR_ANY;
}

void places_withdraw(struct places *ps, int side, uint32_t addr, const char *name)
{
	struct place *p = places_find(ps, side, addr);

	if (p && p->offered && has_name(p, name))
		withdraw(p);
}

void places_unlink(struct places *ps)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		withdraw(&ps->place[i]);
		ps->place[i].stale = true;
	}
}

/* user talks to the service at p; true: both may have moved. */
static bool use(struct places *ps, struct place *p, struct place *user)
{
	const uint32_t at = p->st.addr;
	char name[RPMSG_NAME_SIZE];
	bool other;

	if (p->user == RPMSG_ADDR_ANY)
		p->user = user->st.addr;
	if (user->st.channel.name[0] && !user->stale)
		return false;
	memcpy(name, p->st.channel.name, sizeof(name));
	other = user->st.channel.name[0] && !has_name(user, name);
	if (other)
		replace(ps, &user);
	set_channel(user, name, user->st.addr, at);
	user->stale = false;
	return other;
}

void places_join(struct places *ps, struct place **a, struct place **b)
{
	const int sides[2] = {(*a)->side, (*b)->side};
	const uint32_t addr[2] = {(*a)->st.addr, (*b)->st.addr};

	if ((*a)->offered == (*b)->offered)
		return;
	if (!((*b)->offered ? use(ps, *b, *a) : use(ps, *a, *b)))
		return;
	*a = places_find(ps, sides[0], addr[0]);
	*b = places_find(ps, sides[1], addr[1]);
}
