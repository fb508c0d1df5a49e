/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus that rpmsgd serves, as its client sees it.
 *
 * client_call.c     requests and their replies; events are queued meanwhile
 * client_channel.c  the server's channels, mirrored into the core's list
 * client_endpoint.c binding, and the messages that come in
 * client_send.c     credits, and the messages that go out
 * client_stats.c    what the server has counted
 * client.c          life and dispatch
 */
#ifndef RPMSG_CLIENT_H
#define RPMSG_CLIENT_H

#include <sys/queue.h>

#include "backend/protocol.h"
#include "backend/slots.h"
#include "core/core.h"

#define CLIENT_ANSWER_MS 15000 /* a server that is silent for so long is lost */

struct client_event {
	struct proto_event ev;
	STAILQ_ENTRY(client_event) link;
};
STAILQ_HEAD(client_event_list, client_event);

/* An endpoint's sockets. Outlives the endpoint while its record is being delivered. */
struct client_endpoint {
	struct client *client;
	struct endpoint *ept; /* bus->lock; NULL once unbound */
	unsigned refs;        /* bus->lock */
	unsigned slot;
	uint32_t id;
	int in, out;
	bool ended; /* dispatching thread: nothing more comes in */

	struct lock lock; /* all below; not taken with bus->lock held */
	uint32_t generation;
	bool down;
	uint32_t credits;
	uint32_t want;     /* credits to ask for next */
	uint32_t granted;  /* last time */
	uint32_t asked, answered; /* numbers of WANTs */
	int64_t asked_ms;
	bool queued;       /* the server will tell of the next free buffer */
	bool reader;       /* a thread sleeps on "out" and reads it for all */
	uint32_t waiters;  /* threads that sleep until it has */
	uint32_t turns;    /* futex: counts its readings */
	uint64_t failed;   /* accepted messages that are lost and not yet told of */
	int failed_err;
	uint64_t lost;     /* atomic; of them, those not counted yet */
	uint64_t told[RPMSG_ERRORS]; /* failed sends that the server knows of */
};

struct client {
	struct rpmsg_bus bus; /* first */
	int epoll, control;
	int cancel; /* eventfd */
	int wake;   /* eventfd: something is queued for dispatch */
	uint32_t uid; /* the server's; as long as it is not known, nobody's */
	struct proto_info info; /* as of the last question; bus->lock */
	uint32_t mtu;           /* atomic */
	uint32_t fixed_dst;     /* atomic */

	struct lock call; /* its holder reads the control socket */
	uint8_t *packet;  /* into this */
	uint32_t seq;
	const char *lost_why; /* set before lost */
	bool lost; /* atomic */
	struct lock queue_lock; /* the next two */
	struct client_event_list events;
	unsigned n_events;
	bool resync;

	struct slots slots; /* of client_endpoints; bus->lock */

	/* dispatching thread: the record that is being delivered */
	struct client_endpoint *from;
	uint8_t *record;
	size_t pos, end;
	uint32_t left;
	int64_t reading_ms;
	size_t rx_len; /* of the message whose callback runs */
	bool down_told; /* the end of the connection was */
};

static inline struct client *client_of(struct rpmsg_bus *bus)
{
	return container_of(bus, struct client, bus);
}

int64_t client_now_ms(void);        /* cheap, coarse */
int64_t client_now_ns(void);

/* ---- client_call.c ---- */

/* Connects to the server of spec; 0, or -errno with a detail. */
int client_connect(struct client *c, const char *spec);
/*
 * Sends a request (head.op set) and waits for its reply, which is exactly
 * reply_size long, or at least that if max is more. fds, n_fds of them, come with
 * it or it is refused. 0 or -errno: the server's with its detail, or -EPIPE.
 */
int client_call(struct client *c, void *req, size_t req_size, void *reply, size_t reply_size,
		size_t max, int *fds, unsigned n_fds);
/*
 * Asks for a page of a list: reply begins as struct proto_page, with at most max items of
 * item_size. The items are yet to be checked.
 */
int client_ask_page(struct client *c, enum proto_op op, uint64_t after, void *reply,
		    size_t item_size, uint32_t max);
/* Queues the events that are there, unless a call in another thread does. */
void client_read_control(struct client *c);
/* The connection is over: told through dispatch. With c->call held. why: static text. */
void client_lose(struct client *c, const char *why);
/* Makes dispatch look again. */
void client_wake(struct client *c);

/* ---- client_channel.c ---- */

int client_ask_info(struct client *c);
/* Makes the core's channels and link state what the server's are now. */
int client_sync(struct client *c);
/* Applies queued events; those that must wait for data stay. Count. */
int client_apply_events(struct client *c);
int client_channel_create(struct rpmsg_bus *bus, struct rpmsg_channel_info *info,
			  enum rpmsg_channel_origin origin, unsigned flags, uint64_t *remote_id);
int client_channel_destroy(struct rpmsg_bus *bus, const struct channel *ch);
int client_for_each_channel(struct rpmsg_bus *bus,
			    int (*fn)(const struct rpmsg_channel_status *, void *), void *arg);
bool client_announced(struct rpmsg_bus *bus);
int client_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info);

/* ---- client_endpoint.c ---- */

int client_bind(struct endpoint *ept, uint32_t *addr, uint32_t dst, bool own);
void client_unbind(struct endpoint *ept);
struct rpmsg_held *client_hold(struct endpoint *ept, const void *data);
/* The endpoint in a slot, referenced, or NULL. */
struct client_endpoint *client_endpoint_get(struct client *c, unsigned slot);
void client_endpoint_put(struct client_endpoint *e);
/* Whether every endpoint of ch (NULL: of the bus) has got all that there was for it. */
bool client_all_ended(struct client *c, const struct channel *ch);
/* Reads the next record and delivers at most max messages of it. Count. */
int client_receive(struct client *c, struct client_endpoint *e, int max);
/* Goes on with the record that was begun. Count. */
int client_deliver(struct client *c, int max);

/* ---- client_send.c ---- */

int client_send(struct endpoint *ept, const void *data, size_t len, uint32_t src, uint32_t dst,
		bool wait);
long client_mtu(struct rpmsg_bus *bus);
int client_poll(struct endpoint *ept);
void *client_reserve(struct endpoint *ept, size_t *room, bool wait);
int client_submit(struct endpoint *ept, void *buf, uint32_t dst, size_t len);
void client_discard(struct endpoint *ept, void *buf);
/* For RPMSG_RECORD: a message that was sent or received. */
void client_record(struct client *c, const struct proto_message *m, const void *data, bool sent);
/* Handles what the server says about sending, from dispatch. */
void client_read_out(struct client_endpoint *e);
/* Tells the server of sends that have failed here. */
void client_tell_errors(struct client_endpoint *e, struct endpoint *ept);
/* The core has refused a send. */
void client_failed(struct endpoint *ept);
/* After the end, where n messages more were lost: counts; how many the program was not told of. */
uint64_t client_settle(struct client_endpoint *e, struct endpoint *ept, uint64_t n);
/* Something of this generation has come in: what is sent from now on is for that one. */
void client_catch_up(struct client_endpoint *e, uint32_t generation);

/* ---- client_stats.c ---- */

int client_stats(struct rpmsg_bus *bus, struct rpmsg_stats *stats);
int client_for_each_endpoint(struct rpmsg_bus *bus,
			     int (*fn)(const struct rpmsg_endpoint_stats *, void *), void *arg);
uint32_t client_tx_free(struct rpmsg_bus *bus);

enum client_kind { CLIENT_CONTROL, CLIENT_CANCEL, CLIENT_WAKE, CLIENT_IN, CLIENT_OUT };
static inline uint64_t client_tag(enum client_kind kind, unsigned slot)
{
	return (uint64_t)slot << 3 | kind;
}

#endif
