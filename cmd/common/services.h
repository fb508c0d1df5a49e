/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which service an address belongs to: learned from name service messages in
 * the traffic and from a bus's list of channels. One table serves many buses.
 */
#ifndef CMD_SERVICES_H
#define CMD_SERVICES_H

#include <stdbool.h>
#include <rpmsg.h>

struct services;

struct services *services_new(void);
void services_free(struct services *s);

/* Learns the channels that are there now; -errno. */
int services_learn_bus(struct services *s, struct rpmsg_bus *bus, const char *bus_name);
/* The same of one channel of the bus that info is about. */
int services_learn_channel(struct services *s, const char *bus_name,
			   const struct rpmsg_bus_info *info,
			   const struct rpmsg_channel_status *channel);
/* Learns that addr, an address of side, belongs to a service; -ENOMEM. */
int services_learn_address(struct services *s, const char *bus, enum rpmsg_side side,
			   uint32_t addr, const char *name);
/* Learns from a record if announcement_read() understands it; all of a bus go with its link. */
void services_learn(struct services *s, const struct rpmsg_record *m);

/* Forgets all of a bus. */
void services_forget(struct services *s, const char *bus);

/* The service that a message belongs to, or NULL. Valid until the next change. */
const char *services_find(const struct services *s, const struct rpmsg_record *m);

struct service_entry {
	const char *bus;
	enum rpmsg_side side;
	uint32_t addr;
	const char *name;
};
/* All that are known, by address. fn may change nothing. */
void services_for_each(const struct services *s,
		       void (*fn)(const struct service_entry *service, void *arg), void *arg);

/* What a name service message, or an event, announces. name is terminated. False: nothing. */
struct announcement {
	char name[RPMSG_NAME_SIZE];
	uint32_t addr;
	bool withdrawn;
};
bool announcement_read(const struct rpmsg_record *m, struct announcement *a);

#endif
