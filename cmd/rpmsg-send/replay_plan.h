/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sends to whom in recorded traffic, by the names of services where there are any.
 *
 * Traffic is read twice for it: plan_learn() takes from name service (and events) which
 * address belonged to which service when, plan_add() then counts messages between parties.
 * Records have numbers, from 1, in the order of the traffic. Nothing here knows a live bus.
 */
#ifndef REPLAY_PLAN_H
#define REPLAY_PLAN_H

#include <rpmsg.h>
#include <sys/queue.h>

struct local; /* replay.h */

/* An expected message, until it comes. */
struct want {
	TAILQ_ENTRY(want) in_all;
	STAILQ_ENTRY(want) in_flow;
	struct pair *pair;
	uint64_t number;
	uint64_t time_ns;
	size_t len;
	uint8_t data[];
};
/* What is expected in this order. */
STAILQ_HEAD(flow, want);

/* A service, whatever addresses it had, or an address that belonged to none. */
struct party {
	STAILQ_ENTRY(party) next;
	enum rpmsg_side side;
	uint32_t addr;              /* a service's: the first */
	char name[RPMSG_NAME_SIZE]; /* "": no service */
	unsigned instance;          /* which of those with its name at one time; from 0 */
	bool offered;               /* while learning: at the address now */
	uint32_t now;
	unsigned n_clients;         /* see struct pair */
	struct flow others;         /* from those who cannot be told apart, see pair_flow() */
	/* on the live bus */
	struct local *local;         /* ours */
	struct rpmsg_device *device; /* the other side's service; NULL: not there */
	uint32_t live;               /* its address, or ANY */
	unsigned seen;
};

/* One party of each side, and the messages between them. */
struct pair {
	STAILQ_ENTRY(pair) next;
	struct party *ours, *theirs;
	bool selected;
	uint64_t sent, received;
	/*
	 * theirs has no name and a dynamic address, but wrote first to ours, which could be
	 * known before: who it is on another bus is seen there. The client-th that did, from 0.
	 */
	bool is_client;
	unsigned client;
	struct flow flow;
	struct local *local;
};

/* Messages that cannot be sent: how many, and the first of them. */
#define FAULTS_KEPT 10
struct faults {
	uint64_t n;
	struct {
		uint64_t number;
		size_t len;
	} first[FAULTS_KEPT];
};

struct plan {
	enum rpmsg_side side; /* ours */
	const char *name;     /* of the service that alone counts, or NULL */
	size_t mtu;           /* 0: not known */
	char bus[RPMSG_BUS_NAME_SIZE]; /* whose records count; "" before the first */
	char live_bus[RPMSG_BUS_NAME_SIZE];
	char other_bus[RPMSG_BUS_NAME_SIZE]; /* that is in the traffic too, or "" */
	STAILQ_HEAD(, party) parties; /* in the order of the traffic, as are the pairs */
	STAILQ_HEAD(, pair) pairs;
	void *places, *services, *pair_tree;
	uint64_t sent, received; /* messages of selected pairs */
	uint64_t unselected;     /* sent by others */
	uint64_t first_ns;       /* when the first of sent was sent */
	uint64_t last_ns;        /* the last message of both */
	struct faults cut, cut_received, long_ones, nowhere;
};

/* name and mtu as in struct plan. */
void plan_init(struct plan *plan, enum rpmsg_side side, const char *live_bus);
void plan_free(struct plan *plan);

/*
 * Of several buses in the traffic the one called live_bus counts, else the first
 * (and plan->other_bus names another). 0 or -ENOMEM.
 */
int plan_learn(struct plan *plan, const struct rpmsg_record *record, uint64_t number);
int plan_add(struct plan *plan, const struct rpmsg_record *record, uint64_t number);

/* Whether it is a message of the plan's bus, no name service. */
bool plan_is_message(const struct plan *plan, const struct rpmsg_record *record);
bool plan_is_ours(const struct plan *plan, const struct rpmsg_record *record);
/* The pair of a message that was added; NULL for one that was not. */
struct pair *plan_pair(const struct plan *plan, const struct rpmsg_record *record, uint64_t number);

/* Whether the party can be reached by those who know only names and well-known addresses. */
bool party_is_known(const struct party *party);
/* Whether a sender of a live message can be told to be theirs. */
bool pair_is_distinct(const struct pair *pair);
/* Where a received message of the pair stands in line. */
struct flow *pair_flow(struct pair *pair);

/* "echo (0x401)", "echo#2 (0x402)" or "0x401". Returns text. */
#define PARTY_TEXT_SIZE (RPMSG_NAME_SIZE + 32)
const char *party_text(const struct party *party, char text[PARTY_TEXT_SIZE]);

#endif
