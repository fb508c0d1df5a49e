/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the vhost-user link: the messages of the protocol, what a front-end
 * (the guest's virtual machine) has set up by them, and the guest's memory.
 *
 * Source: QEMU's "Vhost-user Protocol" specification; Linux's front-end is
 * arch/um/drivers/virtio_uml.c. Both sides run on one machine: native byte order.
 *
 *   vhost_message.c  whole messages from and to the socket
 *   vhost_request.c  what a message does to the set-up: no I/O, any input
 *   vhost_memory.c   the memory table, mapped
 *   vhost_call.c     how the guest is told
 *   vhost_user.c     the link: socket, connection, up and down
 */
#ifndef RPMSG_VHOST_USER_H
#define RPMSG_VHOST_USER_H

#include "core/core.h"
#include "link/link.h"

#define VHOST_RINGS 2u
#define VHOST_FDS 8u
#define VHOST_PAYLOAD_MAX 512u
#define VHOST_CONFIG_MAX 256u

#define VHOST_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

enum vhost_protocol_feature {
	VHOST_PROTOCOL_MQ = 0,
	VHOST_PROTOCOL_REPLY_ACK = 3,
	VHOST_PROTOCOL_BACKEND_REQ = 5,
	VHOST_PROTOCOL_CONFIG = 9,
	VHOST_PROTOCOL_RESET_DEVICE = 13,
	VHOST_PROTOCOL_INBAND = 14,
	VHOST_PROTOCOL_STATUS = 16,
};

enum vhost_request_id {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_RESET_OWNER = 4,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_SET_VRING_ERR = 14,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_SET_BACKEND_REQ_FD = 21,
	VHOST_GET_CONFIG = 24,
	VHOST_SET_CONFIG = 25,
	VHOST_RESET_DEVICE = 34,
	VHOST_VRING_KICK = 35,
	VHOST_SET_STATUS = 39,
	VHOST_GET_STATUS = 40,
};
#define VHOST_BACKEND_VRING_CALL 4u /* ours to the guest, on the backend channel */

#define VHOST_FLAG_VERSION 1u
#define VHOST_FLAG_VERSION_MASK 3u
#define VHOST_FLAG_REPLY 4u
#define VHOST_FLAG_NEED_REPLY 8u

#define VHOST_INDEX_MASK 0xffu /* of SET_VRING_KICK, CALL and ERR */
#define VHOST_NO_FD 0x100u

#define VHOST_STATUS_DRIVER 2u
#define VHOST_STATUS_DRIVER_OK 4u

struct vhost_head {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vhost_region {
	uint64_t guest; /* what descriptors say */
	uint64_t size;
	uint64_t user;  /* what SET_VRING_ADDR says */
	uint64_t offset;
};

union vhost_payload {
	uint64_t number;
	struct {
		uint32_t index;
		uint32_t num;
	} state;
	struct {
		uint32_t index;
		uint32_t flags;
		uint64_t desc, used, avail, log;
	} addr;
	struct {
		uint32_t n;
		uint32_t padding;
		struct vhost_region region[VHOST_FDS];
	} table;
	struct {
		uint32_t offset;
		uint32_t size;
		uint32_t flags;
		uint8_t data[VHOST_CONFIG_MAX];
	} config;
	uint8_t bytes[VHOST_PAYLOAD_MAX];
};

struct vhost_message {
	struct vhost_head head;
	union vhost_payload payload;
	unsigned n_fds;
	int fd[VHOST_FDS]; /* -1: taken */
};

/* ---- messages (vhost_message.c) ---- */

struct vhost_reader {
	struct vhost_message msg;
	size_t got; /* bytes of head and payload so far */
};
void vhost_reader_init(struct vhost_reader *r);
/*
 * Reads on without waiting: 1 when r->msg is whole (init for the next), 0 at the
 * connection's end, -EAGAIN, or -EPROTO with the reason in why.
 */
int vhost_reader_step(struct vhost_reader *r, int sock, char *why, size_t size);
/* Closes the fds that nobody took. */
void vhost_message_drop(struct vhost_message *msg);
/* Head and payload, no fds. 0 or -errno; never waits, never raises a signal. */
int vhost_message_send(int sock, const struct vhost_message *msg);

/* ---- the guest's memory (vhost_memory.c) ---- */

struct vhost_memory {
	struct link_mem mem; /* first; one range with all regions in it */
	struct vring_regions guest;
	struct vring_regions user;
};
/*
 * Maps the regions of a SET_MEM_TABLE, whose fds stay the message's. NULL with the
 * reason in why. Freed by link_mem_put(&memory->mem).
 */
struct vhost_memory *vhost_memory_map(const struct vhost_message *msg, char *why, size_t size);

/* ---- telling the guest (vhost_call.c) ---- */

enum vhost_call_kind { VHOST_CALL_NONE, VHOST_CALL_SOCKET, VHOST_CALL_EVENT, VHOST_CALL_PIPE };

struct vhost_call {
	enum vhost_call_kind kind;
	int fd;
	int reader; /* pipe: our own reading end, so that a write never raises SIGPIPE */
};
#define VHOST_CALL_INIT { VHOST_CALL_NONE, -1, -1 }
/* Takes fd over, also on failure: -EINVAL if it is no socket, pipe or eventfd. */
int vhost_call_set(struct vhost_call *call, int fd);
void vhost_call_clear(struct vhost_call *call);
/* Never waits, never raises a signal. */
void vhost_call_send(const struct vhost_call *call);

/* ---- what the front-end has set up (vhost_request.c) ---- */

struct vhost_ring {
	uint32_t num;     /* 0: not set */
	uint16_t base;    /* the available index to go on at */
	bool addressed;
	uint64_t desc, avail, used; /* user addresses */
	int kick_fd;      /* eventfd, not blocking; or -1 */
	struct vhost_call call;
	bool enabled;
	bool started;     /* it was kicked */
	bool halted;      /* by GET_VRING_BASE or a reset, until it is set up again */
};

struct vhost_conn {
	uint64_t features_offered, protocol_offered;
	uint64_t features, protocol; /* accepted */
	uint8_t status;
	struct vhost_memory *memory; /* or NULL */
	struct vhost_ring ring[VHOST_RINGS];
	int backend_fd;              /* the channel for requests of ours, or -1 */
	char why[192];               /* what was wrong with the request that got -EPROTO */
};

void vhost_conn_init(struct vhost_conn *c, uint64_t features, bool inband);
/* Closes and frees all that the front-end gave. */
void vhost_conn_fini(struct vhost_conn *c);
static inline bool vhost_has(const struct vhost_conn *c, enum vhost_protocol_feature bit)
{
	return c->protocol >> bit & 1;
}
/* For logs. */
const char *vhost_request_name(uint32_t request);
/*
 * Carries out a request; the fds that it keeps are taken out of msg. 0 and the
 * reply (head.request 0: none is due), or -EPROTO and c->why: then the connection is to end.
 * Takes any msg whose head.size is at most VHOST_PAYLOAD_MAX and n_fds at most VHOST_FDS.
 */
int vhost_request(struct vhost_conn *c, struct vhost_message *msg, struct vhost_message *reply);
/* Whether rings in use must be stopped before msg is carried out. */
bool vhost_stops_rings(const struct vhost_conn *c, const struct vhost_message *msg);
/* 1 and the rings if all is set up and the driver is ready; 0; -EPROTO and c->why. */
int vhost_conn_ready(struct vhost_conn *c, struct vring ring[VHOST_RINGS]);

#endif
