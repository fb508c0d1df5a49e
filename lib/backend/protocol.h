/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rpmsgd and its clients say to each other. One machine, so native byte
 * order; no padding is left to the compiler. Both ends check every field they read.
 *
 * Control: a SOCK_SEQPACKET connection to NAME.sock, one struct a packet. The
 * client's requests, PROTO_HELLO first, get one reply each, in order, with the
 * same op and seq: status 0 and the op's reply, or -errno and struct proto_error.
 * Events have seq 0. A reply and the events before it arrive in the order in
 * which things happened; the client that caused a change gets no event of it.
 *
 * Data: two SOCK_SEQPACKET pairs an endpoint, so that what a sender waits for
 * never queues behind messages that it has not read. "out" carries the client's
 * messages and what concerns them, "in" the bus's messages.
 *
 * A client sends as many messages as it has credits: one is a transmit buffer
 * that is free for it. Credits end with the generation of the link.
 */
#ifndef RPMSG_PROTOCOL_H
#define RPMSG_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rpmsg.h"

#define PROTO_MAGIC 0x64677072U
#define PROTO_VERSION 3U
#define PROTO_PACKET_MAX 32768U
#define PROTO_TEXT_SIZE 64U

enum proto_op {
	PROTO_HELLO = 1,
	PROTO_BIND,    /* reply brings the client's ends of "out" and "in" */
	PROTO_UNBIND,  /* everything sent before is handled first */
	PROTO_CREATE,
	PROTO_DESTROY,
	PROTO_LIST,
	PROTO_INFO,
	PROTO_RECORD,  /* reply brings the file and a socket: 8 bytes when it has grown */
	PROTO_STATS,   /* of the client's side */
	PROTO_ENDPOINTS,

	PROTO_EVENT = 0x100, /* + enum rpmsg_event_type */
	PROTO_RESYNC = 0x1ff, /* events were lost: ask for the list again */
};

struct proto_head {
	uint32_t op;
	uint32_t seq;
	int32_t status;
	uint32_t size; /* of the packet */
};

struct proto_error {
	struct proto_head head;
	char detail[256];
};

struct proto_hello {
	struct proto_head head;
	uint32_t magic;
	uint32_t version;
	uint32_t side; /* enum rpmsg_side */
	uint32_t zero;
};

/* Reply to PROTO_HELLO and PROTO_INFO. */
struct proto_info {
	struct proto_head head;
	char name[RPMSG_BUS_NAME_SIZE];
	uint32_t side;
	uint32_t up;
	uint32_t both_sides;
	uint32_t announced; /* every announcement so far is on the ring */
	uint32_t generation;
	uint32_t num;
	uint32_t buffer_size;
	uint32_t mtu_tx;
	uint32_t mtu_rx;
	uint32_t tx_free;
	uint32_t pid;
	uint32_t tx_held_ms;
	uint64_t features;
	uint64_t tx;
	uint64_t rx;
	uint64_t no_recipient;
	uint64_t malformed;
	uint64_t ns_refused;
	char tx_holder[PROTO_TEXT_SIZE];
	uint32_t own_only;
	uint32_t fixed_dst;
};

/* channel 0: the one that key names; no name either: no channel. */
struct proto_bind {
	struct proto_head head;
	uint64_t channel;
	struct rpmsg_channel_info key;
	uint32_t addr;
	uint32_t dst;
	uint32_t own;
	uint32_t zero;
};

struct proto_bind_reply {
	struct proto_head head;
	uint32_t endpoint;
	uint32_t addr;
	uint32_t generation;
	uint32_t up;
};

struct proto_unbind {
	struct proto_head head;
	uint32_t endpoint;
	uint32_t zero;
};

struct proto_unbind_reply {
	struct proto_head head;
	uint64_t failed; /* accepted messages that are lost and were not told of yet */
};

struct proto_create {
	struct proto_head head;
	struct rpmsg_channel_info info;
	uint32_t origin; /* enum rpmsg_channel_origin: service or static */
	uint32_t flags;  /* RPMSG_SERVICE_… */
};

struct proto_create_reply {
	struct proto_head head;
	uint64_t channel;
	uint32_t src;
	uint32_t dst;
};

struct proto_destroy {
	struct proto_head head;
	uint64_t channel;
};

/* PROTO_LIST, PROTO_ENDPOINTS: those with higher numbers than after, in order. */
struct proto_list {
	struct proto_head head;
	uint64_t after;
};

/* The replies begin like this; n items follow. */
struct proto_page {
	struct proto_head head;
	uint32_t n;
	uint32_t more;
};

struct proto_channel {
	uint64_t channel;
	uint64_t tx;
	uint64_t rx;
	struct rpmsg_channel_info info;
	uint32_t origin;
	uint32_t holder_kind;
	uint32_t holder_pid;
	uint32_t announced;
	uint32_t peer_seen;
	uint32_t mtu;
	char holder[PROTO_TEXT_SIZE];
	struct rpmsg_counts counts;
};

#define PROTO_LIST_MAX 32U

struct proto_list_reply {
	struct proto_head head;
	uint32_t n;
	uint32_t more;
	struct proto_channel item[PROTO_LIST_MAX]; /* n of them are sent */
};

struct proto_stats {
	struct proto_head head;
	uint64_t time_ns;
	uint64_t since_ns;
	struct rpmsg_counts counts;
	uint64_t no_recipient;
	uint64_t malformed;
	uint64_t ns_refused;
	struct rpmsg_ring_stats tx_ring;
	struct rpmsg_ring_stats rx_ring;
	uint32_t n_channels;
	uint32_t n_endpoints;
	uint32_t n_strays;
	uint32_t strays_forgotten;
	struct rpmsg_stray stray[RPMSG_STRAYS];
};

struct proto_endpoint {
	uint64_t id;
	uint64_t waiting_ns;
	uint64_t queued_ns;
	uint64_t held_ns;
	struct rpmsg_counts counts;
	struct rpmsg_channel_info channel;
	uint32_t addr;
	uint32_t dst;
	uint32_t own;
	uint32_t holder_kind;
	uint32_t holder_pid;
	uint32_t waiting;
	uint32_t queued;
	uint32_t held;
	char holder[PROTO_TEXT_SIZE];
};

#define PROTO_ENDPOINTS_MAX 48U

struct proto_endpoints_reply {
	struct proto_head head;
	uint32_t n;
	uint32_t more;
	struct proto_endpoint item[PROTO_ENDPOINTS_MAX]; /* n of them are sent */
};

struct proto_event {
	struct proto_head head;
	uint64_t channel; /* or 0 */
	uint64_t features; /* UP */
	struct rpmsg_channel_info info;
	uint32_t origin;
	uint32_t generation; /* UP */
};

/* ---- data ---- */

enum proto_record {
	/* "out" to rpmsgd */
	PROTO_SEND = 1,  /* n messages */
	PROTO_WANT,      /* n credits, please */
	PROTO_ERRORS,    /* n sends have failed at the client: seq is the enum rpmsg_send_error */
	/* "out" from rpmsgd */
	PROTO_CREDIT,    /* n credits; seq: of the WANT it answers */
	PROTO_FAILED,    /* n messages that were accepted are lost: seq is the errno */
	PROTO_DOWN,      /* credits are void */
	PROTO_UP,        /* a new generation */
	/* "in" from rpmsgd */
	PROTO_RECEIVED,  /* n messages of this generation; its UP came before, on "out" */
	PROTO_DROPPED,   /* n messages are missing here: they were not read in time */
	PROTO_END,       /* the channel is gone, nothing follows */
	/* "in" to rpmsgd */
	PROTO_READING,   /* still at work on what was read */
};

/*
 * WANT: answer again, with seq 0, when there is a credit. CREDIT: will do. ERRORS: nobody waits for
 * that any more.
 */
#define PROTO_WAIT 1U

struct proto_record_head {
	uint16_t type;
	uint16_t flags;
	uint32_t generation;
	uint32_t seq;
	uint32_t n;
};

/* Then len bytes, then zeros up to a multiple of 8. */
struct proto_message {
	uint32_t src;
	uint32_t dst;
	uint32_t reserved;
	uint16_t len;
	uint16_t flags;
};

#define PROTO_BATCH 16384U /* a record with several messages is at most this long */

static inline uint32_t proto_message_size(uint32_t len)
{
	return (uint32_t)sizeof(struct proto_message) + ((len + 7U) & ~7U);
}

/* The longest record on a bus with this MTU. */
static inline uint32_t proto_record_max(uint32_t mtu)
{
	uint32_t one = (uint32_t)sizeof(struct proto_record_head) + proto_message_size(mtu);

	return one > PROTO_BATCH ? one : PROTO_BATCH;
}

/* Credits one endpoint may hold, so that what it sends always fits into its socket. */
static inline uint32_t proto_credit_max(uint32_t buffer_size)
{
	uint32_t n = 65536U / buffer_size;

	return n < 1 ? 1 : n > 32 ? 32 : n;
}

static inline bool proto_text_ok(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

_Static_assert(sizeof(struct rpmsg_channel_info) == 40, "no padding");
_Static_assert(sizeof(struct proto_head) == 16 && sizeof(struct proto_record_head) == 16 &&
	       sizeof(struct proto_message) == 16, "no padding");
_Static_assert(sizeof(struct proto_info) == 16 + 40 + 12 * 4 + 6 * 8 + 64 + 8, "no padding");
_Static_assert(sizeof(struct proto_bind) == 16 + 8 + 40 + 16, "no padding");
_Static_assert(sizeof(struct proto_create) == 16 + 48, "no padding");
_Static_assert(sizeof(struct rpmsg_counts) ==
		       2 * (3 + RPMSG_FLOW_SIZES) * 8 + RPMSG_ERRORS * 8 + 24, "no padding");
_Static_assert(sizeof(struct rpmsg_ring_stats) == 16 + 8 + 64 + 5 * 8, "no padding");
_Static_assert(sizeof(struct proto_channel) ==
		       24 + 40 + 24 + 64 + sizeof(struct rpmsg_counts), "no padding");
_Static_assert(sizeof(struct proto_stats) == 16 + 16 + sizeof(struct rpmsg_counts) + 24 +
		       2 * sizeof(struct rpmsg_ring_stats) + 16 + RPMSG_STRAYS * 32, "no padding");
_Static_assert(sizeof(struct proto_endpoint) ==
		       32 + sizeof(struct rpmsg_counts) + 40 + 32 + 64, "no padding");
_Static_assert(sizeof(struct proto_page) == offsetof(struct proto_list_reply, item) &&
		       sizeof(struct proto_page) == offsetof(struct proto_endpoints_reply, item),
	       "no padding");
_Static_assert(sizeof(struct proto_endpoints_reply) <= PROTO_PACKET_MAX, "fits a packet");
_Static_assert(sizeof(struct proto_list_reply) ==
		       24 + PROTO_LIST_MAX * sizeof(struct proto_channel), "no padding");
_Static_assert(sizeof(struct proto_list_reply) <= PROTO_PACKET_MAX, "fits a packet");
_Static_assert(sizeof(struct proto_event) == 16 + 16 + 40 + 8, "no padding");

#endif
