/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the records of one bus have told so far: a row for each address that was seen, on
 * the side that has it; counts, services, and the state of the link.
 */
#ifndef RPMSG_TOP_FILM_BUS_H
#define RPMSG_TOP_FILM_BUS_H

#include "common/snapshot.h"

/* Addresses of a bus that have a row; messages of more count in the bus's totals alone. */
#define FILM_ADDRESSES_MAX 65536u

struct film_bus;

/* NULL: no memory. */
struct film_bus *film_bus_new(const char *name);
/* NULL is allowed. */
void film_bus_free(struct film_bus *b);
/* Forgets everything but its name. */
void film_bus_restart(struct film_bus *b);
const char *film_bus_name(const struct film_bus *b);

/* Takes the next record. 0 or -ENOMEM. */
int film_bus_put(struct film_bus *b, const struct rpmsg_record *record);
/* As it is at now_ns, into *picture, whose memory is used again. 0 or -ENOMEM. */
int film_bus_picture(const struct film_bus *b, uint64_t now_ns, struct snapshot *picture);

/* Records that are missing, as records of type LOST say. */
uint64_t film_bus_lost(const struct film_bus *b);
/* Messages whose address has no row because there are too many. */
uint64_t film_bus_rowless(const struct film_bus *b);
/* The text of the last RESET or MALFORMED, or "". */
const char *film_bus_refused(const struct film_bus *b);

#endif
