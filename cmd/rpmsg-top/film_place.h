/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of a recorded bus, on both sides, with what was seen of each. One that is used by
 * another service than before is another place.
 */
#ifndef RPMSG_TOP_FILM_PLACE_H
#define RPMSG_TOP_FILM_PLACE_H

#include <rpmsg.h>

struct place {
	struct rpmsg_endpoint_stats st; /* channel.name: its own service, or the one it uses */
	int side;            /* 0 host, 1 remote */
	bool replaced;       /* by a later place with the same address */
	bool offered;        /* a service is at it now, or a channel that was made by hand */
	bool by_hand;
	bool heard;          /* the service has got a message */
	bool stale;          /* the link went since: another may have the address now */
	uint32_t user;       /* who was the first to talk to the service, or ANY */
	bool nobodys;        /* messages to it had no recipient, at nobodys_ns the last time, */
	uint64_t nobodys_ns;
	uint64_t untold;     /* and of so many since no record has told yet */
	uint64_t stalled_ns; /* since when its program does not read; 0: it does */
};

struct places;

struct places *places_new(uint32_t max); /* NULL: no memory */
void places_free(struct places *ps);
void places_clear(struct places *ps);

/* Pointers end with the next place that is made. */
struct place *places_find(const struct places *ps, int side, uint32_t addr);
/* The same, made if it is not there. 0, -ENOSPC: there are max of them, -ENOMEM. */
int places_get(struct places *ps, int side, uint32_t addr, struct place **p);
/* All, in order of their numbers; p NULL: the first. NULL: no more. */
const struct place *places_next(const struct places *ps, const struct place *p);
/* Whether anything was seen of it but its announcement. */
bool place_is_seen(const struct place *p);

/* A message passes between two: who has no service's name takes the other's. */
void places_join(struct places *ps, struct place **a, struct place **b);

/* dst: ANY, or of a channel that was made by hand. 0 or -ENOMEM; too many are left out. */
int places_offer(struct places *ps, int side, uint32_t addr, const char *name, uint32_t dst);
/* Nothing happens under another name. */
void places_withdraw(struct places *ps, int side, uint32_t addr, const char *name);
/* The link went: nothing is offered any more. */
void places_unlink(struct places *ps);

#endif
