/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rooms of rpmsgd. One thread, one epoll loop.
 *
 * main.c     options             detach.c  -D                place.c  directory, lock, socket
 * list.c     --list, --stop      link.c    kinds of LINK     loop.c   epoll
 * server.c   the loop's round    bus.c     a served bus      side.c   one of its sides, events
 * client.c   a connection        policy.c  who may what      control.c  requests
 * endpoint.c an endpoint's life  inbox.c   what it receives  outbox.c   what it sends
 * credit.c   transmit buffers shared among senders
 * stats.c    what clients are told of their side and of each other
 *
 * Nothing is freed while the library runs our callbacks: they queue and mark, and
 * the round's end acts.
 */
#ifndef RPMSGD_H
#define RPMSGD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "backend/protocol.h"
#include "common/errors.h"

/* ---- loop.c ---- */

struct loop;
struct watch {
	int fd; /* -1: none */
	uint32_t events;
	void (*ready)(struct watch *w, uint32_t events);
};
#define watch_of(w, type, member) ((type *)((char *)(w) - offsetof(type, member)))

int loop_init(void);
int loop_add(struct watch *w, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t));
void loop_change(struct watch *w, uint32_t events);
/* Also forgets what this round has found ready. The fd stays open. */
void loop_remove(struct watch *w);
/* Waits and calls what is ready. */
void loop_turn(int timeout_ms);
/* CLOCK_MONOTONIC in milliseconds as of the last turn. */
int64_t loop_now(void);
/* The same in nanoseconds. */
uint64_t loop_now_ns(void);

/* ---- the parts ---- */

struct client;
struct chan;
struct served;
struct side;

STAILQ_HEAD(packet_list, packet);
STAILQ_HEAD(held_list, held);
STAILQ_HEAD(parked_list, parked);
LIST_HEAD(orphan_list, orphan);
TAILQ_HEAD(chunk_list, chunk);
TAILQ_HEAD(ep_list, ep);
TAILQ_HEAD(chan_list, chan);
TAILQ_HEAD(client_list, client);
LIST_HEAD(subscriber_list, subscriber);

/* A client's endpoint. */
struct ep {
	struct client *client;
	struct side *side;
	struct chan *chan; /* or NULL */
	struct rpmsg_endpoint *rep;
	uint32_t id;
	uint64_t number; /* on its side, and in order there */
	bool gone; /* its channel is */

	int out_fd, in_fd; /* open also when no longer watched */

	/* outbox.c */
	struct watch out;
	uint32_t credits;
	uint32_t wanted;    /* while in side->waiters */
	bool waiting;
	uint64_t wait_since; /* while it wants what it waits for, in ns; else 0 */
	bool out_full;      /* the client does not read: its state is sent when it does */
	uint32_t n_parked;
	uint32_t failed, failed_err; /* not yet told of */

	/* inbox.c */
	struct watch in;
	struct chunk_list chunks;
	size_t queued;      /* bytes in chunks */
	struct held_list held;
	uint32_t n_held;
	int64_t held_since;
	bool dirty;         /* in the server's list of those to flush */
	bool blocked;       /* the socket is full; in the server's list of those to look after */
	bool dropping;      /* did not read for too long */
	bool ending, ended; /* PROTO_END is wanted, was queued */
	uint64_t dropped;
	uint64_t recorded;  /* of them */
	int64_t progress;   /* last time it took something */
	int64_t stall;      /* the same, when a stall was last recorded */
	int unread;         /* bytes in its socket then */

	TAILQ_ENTRY(ep) of_client, of_side, in_dirty, in_blocked, in_waiters;
};

/* A channel of a side, by number. */
struct chan {
	uint64_t id;
	struct side *side;
	struct rpmsg_device *rpdev;
	struct client *owner; /* of a service or static channel that goes with its client */
	enum rpmsg_channel_origin origin;
	bool persist;
	TAILQ_ENTRY(chan) link;
	TAILQ_ENTRY(chan) of_client;
};

struct side {
	struct served *served;
	struct rpmsg_bus *bus; /* NULL: not served */
	struct watch watch;
	struct chan_list chans;
	struct ep_list eps;
	uint32_t n_eps;
	uint64_t last_ep;      /* number */
	struct ep *next_page;  /* where whoever lists them is about to go on, or NULL */
	struct chan *next_chan; /* the same of channels */
	bool up;
	bool tells;            /* of its buffers */
	bool fixed_dst;        /* an endpoint sends what is its own only */
	uint32_t generation, num, buffer_size, mtu;
	int64_t credits_out;   /* of all endpoints */
	uint32_t n_creditors;  /* endpoints that have any */
	bool scarce;           /* somebody got none; who keeps them is recorded */
	struct ep_list waiters;
	struct parked_list parked;
	struct rpmsg_endpoint *postman; /* sends what the dead left */
	struct orphan_list orphans;     /* or, with fixed_dst, their own endpoints do */
	struct client *causer; /* whose request is being carried out: gets no event of it */
};

struct served {
	char name[RPMSG_BUS_NAME_SIZE];
	const char *link; /* as given */
	struct place *place;
	struct watch listen;
	int spare_fd; /* given up to accept, and refuse, when there is no other */
	struct side side[2]; /* host, remote */
	struct client_list clients;
	struct subscriber_list subscribers;
	char *record; /* path, or NULL */
	uint64_t recorded;
	STAILQ_ENTRY(served) link_;
};
STAILQ_HEAD(served_list, served);

struct client {
	struct served *served;
	struct side *side; /* NULL before HELLO */
	struct watch control;
	pid_t pid;
	uid_t uid;
	char command[32];
	bool admitted;
	struct ep_list eps;
	struct chan_list chans;
	unsigned n_eps, n_chans, n_subscribers;
	uint32_t next_ep;
	struct packet_list packets;
	size_t queued;
	bool resync; /* events were left out */
	const char *doomed; /* why it is to be closed, or NULL */
	TAILQ_ENTRY(client) link;
};

struct options {
	bool remote;
	bool record;
	size_t record_size;
	const char *group;
	int mode;          /* of the socket, or -1 */
	int64_t idle_ms;   /* -1: stays */
	int64_t stall_ms;
	int ready_fd;      /* or -1 */
	bool banner;
	bool detach;
};

/* ---- server.c ---- */

struct server {
	struct options opt;
	struct served_list buses;
	struct ep_list dirty;
	struct ep_list blocked;
	unsigned n_clients;
	int64_t idle_since;
	int signal; /* that ends us, or 0 */
};
extern struct server server;

int server_start(void);
/* Serves until a signal or for want of clients. */
void server_run(void);

/* ---- link.c ---- */

/* Splits NAME=LINK; n_unnamed counts the names made up. 0 or -EINVAL, which is told. */
int link_parse(const char *arg, struct served *b, unsigned *n_unnamed);
/* Opens b->link into b->side[].bus; tells on failure. */
int link_open(struct served *b);

/* ---- place.c ---- */

/* A bus's files: NAME.lock, NAME.sock, NAME.rec. */
struct place;
/* Takes the lock, or tells who has it. */
struct place *place_take(const char *name, const char *link);
/* Who holds the lock of the file fd: 0 nobody, -1 not known. And what LINK he serves. */
pid_t place_holder(int fd, char *link, size_t size);
/* Puts a listening socket in its place; its fd, or -errno, told. */
int place_listen(struct place *p, const struct options *opt);
const char *place_socket(const struct place *p);
const char *place_record(const struct place *p);
/* Removes the files and drops the lock. */
void place_leave(struct place *p);

/* ---- bus.c ---- */

int bus_serve(struct served *b);
void bus_end(struct served *b);
/* After a round: tells readers of the recorder. */
void bus_round(struct served *b);

/* Takes over fd. 0 or -errno. */
int subscriber_add(struct client *c, int fd);
void subscriber_drop_all(struct client *c);
/* Those whose reader has closed its end; on a quiet bus nothing else tells. */
void subscriber_drop_gone(struct client *c);

/* ---- side.c ---- */

int side_start(struct side *s);
void side_end(struct side *s);
/* Handles what the bus has for us. */
void side_dispatch(struct side *s);
struct side *side_other(struct side *s);
enum rpmsg_side side_which(const struct side *s);
/* The direction of what its clients send, or receive. */
enum rpmsg_direction side_direction(const struct side *s, bool sent);
void side_info(struct side *s, struct rpmsg_bus_info *info);
/* Which of s's endpoints has kept buffers of the ring longest, and in words; or NULL. */
const struct ep *side_longest_holder(const struct side *s, char *text, size_t size);
struct chan *chan_find(struct side *s, uint64_t id);
struct chan *chan_by_key(struct side *s, const struct rpmsg_channel_info *key);
struct chan *chan_of(const struct rpmsg_device *rpdev);
void chan_disown(struct chan *ch);
/* The endpoint that holds it, or NULL. */
struct ep *chan_holder(const struct chan *ch);
/* Fills what its clients may know. */
void chan_describe(const struct chan *ch, const struct rpmsg_channel_status *st,
		   struct proto_channel *item);

/* ---- client.c ---- */

void client_accept(struct served *b, int fd);
/* Sends or queues a packet, and closes fds when they are on their way. */
void client_packet(struct client *c, const void *data, size_t len, const int *fds, unsigned n_fds);
void client_event(struct client *c, const struct proto_event *ev);
/* To be closed at the round's end. why: static text, or NULL if it went by itself. */
void client_doom(struct client *c, const char *why);
void client_free(struct client *c);
/* Closes those that are to be; true if any. */
bool client_bury(struct served *b);
/* Closes those of the bus whose process has ended, though their turn has not come. True if any. */
bool client_reap(struct served *b, const struct client *but);

/* ---- policy.c ---- */

#define CLIENT_EPS_MAX 1024U
#define CLIENT_CHANS_MAX 1024U
#define CLIENT_SUBSCRIBERS_MAX 8U

/* Whether a peer may use our buses; fills in who it is. */
bool policy_admit(int fd, struct client *c);
/* 0 or -errno with a detail in text. */
int policy_bind(const struct client *c, char *text, size_t size);
int policy_create(const struct client *c, unsigned flags, char *text, size_t size);
int policy_destroy(const struct client *c, const struct chan *ch, char *text, size_t size);
/* Widens directory and socket for --socket-group, --socket-mode. 0 or -errno, told. */
int policy_widen(const char *dir, const char *socket, const struct options *opt);

/* ---- control.c ---- */

#define REQUEST_MAX 256U /* bytes */

/* Handles a request of len bytes. */
void control_request(struct client *c, const void *data, size_t len);
/* Replies that the request failed; detail may be "". */
void control_refuse(struct client *c, const struct proto_head *req, int err, const char *detail);
/* Begins a reply of size bytes. */
void control_reply_head(struct proto_head *head, const struct proto_head *req, size_t size);
/* Ends a service or static channel. 0 or -errno. */
int control_destroy(struct chan *ch);

/* ---- endpoint.c ---- */

struct ep *ep_new(struct client *c);
/* Pairs of sockets: ours are watched, the client's ends are fds. 0 or -errno. */
int ep_connect(struct ep *e, int fds[2]);
/* Its channel goes. */
void ep_channel_gone(struct ep *e);
/* Handles all that the client has sent, then frees. */
void ep_free(struct ep *e);
/* "pid N (command)" */
void ep_who(const struct client *c, char *text, size_t size);

/* ---- inbox.c ---- */

int inbox_receive(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src);
void inbox_ready(struct watch *w, uint32_t events);
void inbox_init(struct ep *e);
void inbox_fini(struct ep *e);
/* Nothing more will come. */
void inbox_end(struct ep *e);
/* Sends what was queued in this round. */
void inbox_flush_all(void);
/* Gives memory back when a jam is over. */
void inbox_trim(void);
/* Messages that wait for the client to read. */
uint32_t inbox_queued(const struct ep *e);
/* Looks after those who do not read. Milliseconds until that is to be done again, or -1. */
int inbox_look_after(void);

/* ---- outbox.c ---- */

void outbox_ready(struct watch *w, uint32_t events);
/* Reads and sends all there is. */
void outbox_drain(struct ep *e);
/* Tells the client about its credits; false if it cannot be told now. */
bool outbox_credit(struct ep *e, uint32_t seq, uint32_t n, bool later);
/* Tells the client of the link's state (and of its channel's end). */
void outbox_state(struct ep *e);
/* The client is gone; what it sent is not. Ends e->rep, at once or when that is sent. */
void outbox_fini(struct ep *e);
/* Sends what waits for buffers, in order; false if some still does. */
bool outbox_unpark(struct side *s);
/* The endpoint that sends the next of them, or NULL. */
struct rpmsg_endpoint *outbox_sender(struct side *s);
/* The link is down: it will never be sent. */
void outbox_fail_parked(struct side *s);

/* ---- credit.c ---- */

void credit_want(struct ep *e, uint32_t seq, uint32_t n, bool wait);
void credit_spend(struct ep *e);
void credit_void(struct ep *e);
/* The client has waited long enough; it stays in line. */
void credit_wait_ended(struct ep *e);
/* After something may have come back: serves those who wait. */
void credit_pump(struct side *s);

/* ---- stats.c ---- */

void stats_request(struct client *c, const void *data);
void stats_endpoints_request(struct client *c, const void *data);
/* Counts n failed sends of the endpoint's client. */
void stats_count_errors(struct rpmsg_endpoint *rep, enum rpmsg_send_error kind, uint64_t n);

/* ---- detach.c ---- */

/* Forks; returns in the child, the parent exits when it is told. */
int detach_begin(const struct options *opt);
/* The child serves: lets the parent go with 0, and leaves standard streams. */
void detach_ready(void);

/* ---- list.c ---- */

enum tool_exit list_buses(void);
enum tool_exit stop_bus(const char *name);

#endif
