/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to shm and loop: the shared memory, the handshake over a connection,
 * and the locks of the rendezvous.
 *
 * Handshake (SOCK_SEQPACKET): host SETUP with the memory and the eventfds,
 * remote ACCEPT, host READY. Then the connection is silent; its end is the
 * link's. Both sides run on one machine: native byte order.
 */
#ifndef RPMSG_SHM_H
#define RPMSG_SHM_H

#include <sys/types.h>

#include "core/core.h"
#include "link/link.h"

/* ---- messages (shm_message.c) ---- */

#define SHM_MAGIC 0x6d687372u
#define SHM_VERSION 1u

enum shm_type { SHM_SETUP = 1, SHM_ACCEPT = 2, SHM_READY = 3 };

struct shm_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum shm_type */
};

/* Offsets in the memory; they are the device's addresses too. */
struct shm_ring_place {
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

struct shm_setup {
	struct shm_head head;
	uint32_t generation;
	uint32_t num;
	uint32_t buffer_size;
	uint32_t zero;
	uint64_t features; /* offered */
	uint64_t size;     /* of the memory */
	struct shm_ring_place ring[2];
};
_Static_assert(sizeof(struct shm_setup) == 88, "the same for every compiler");

struct shm_accept {
	struct shm_head head;
	uint64_t features; /* of those offered */
};
_Static_assert(sizeof(struct shm_accept) == 16, "the same for every compiler");

struct shm_ready {
	struct shm_head head;
};

/* Passed with SETUP, in this order. TO_HOST + q: the remote notifies the host about queue q. */
enum shm_fd { SHM_FD_MEMORY = 0, SHM_FD_TO_HOST = 1, SHM_FD_TO_REMOTE = 3, SHM_FDS = 5 };

struct shm_message {
	union {
		struct shm_head head;
		struct shm_setup setup;
		struct shm_accept accept;
		struct shm_ready ready;
	};
	size_t len;
	unsigned n_fds;
	int fd[SHM_FDS]; /* -1: none, or taken by the reader */
};

/* Fills in the head. 0 or -errno; the fds stay the caller's. */
int shm_message_send(int sock, struct shm_message *msg, enum shm_type type, size_t len);
/*
 * 1 and a message, 0 at the end of the connection, -EAGAIN, -EMSGSIZE (more bytes
 * or fds than any message has: all closed) or -errno.
 */
int shm_message_recv(int sock, struct shm_message *msg);
/* Closes the fds that nobody took. */
void shm_message_drop(struct shm_message *msg);

/* ---- memory (shm_memory.c) ---- */

struct shm_layout {
	uint64_t size;
	uint64_t ring[2];
	uint64_t buffers[2];
};

#define SHM_RING_ALIGN 64u /* the host's part and the remote's share no cache line */

#define SHM_GEOMETRY \
	"num is a power of two from 2 to 32768, size a multiple of 8 from 32 to 65536"
bool shm_geometry_valid(uint32_t num, uint32_t buffer_size);
void shm_layout(struct shm_layout *lay, uint32_t num, uint32_t buffer_size);

/* Sealed memory of size bytes; an fd or -errno. */
int shm_memory_create(uint64_t size);
/* NULL, or what keeps fd from being memory of size bytes that cannot change its size. */
const char *shm_memory_flaw(int fd, uint64_t size);
/*
 * Maps it. Both ends in one process get the same mapping: a second one at another
 * address would make the caches treat equal lines as different. NULL and errno.
 */
struct link_mem *shm_memory_map(int fd, size_t size);

/* ---- one end of a connection (shm_end.c) ---- */

enum shm_state {
	SHM_IDLE,     /* no connection */
	SHM_STARTED,  /* host: SETUP sent; remote: waits for it */
	SHM_ACCEPTED, /* remote: ACCEPT sent */
	SHM_UP,
	SHM_ENDED, /* to be cleaned up by shm_end_clear() */
};

struct shm_end {
	struct link link; /* first */
	struct link_options opt;
	char name[RPMSG_NAME_SIZE + 8]; /* for the log */
	enum shm_state state;
	bool quiet; /* the last handshake failed too: say it at debug level only */
	int sock;
	int call_fd[2]; /* the same numbers for life: a late notify finds no stranger there */
};

/* Makes control_fd; 0 or -errno with detail. */
int shm_end_init(struct shm_end *end, const struct link_ops *ops, enum rpmsg_side side,
		 const char *name, const struct link_options *opt, struct rpmsg_log *log);
void shm_end_fini(struct shm_end *end);
/* Begins the handshake and owns sock, which is non-blocking, also on failure; 0 or -errno. */
int shm_end_start(struct shm_end *end, int sock);
/* Handles what has come: LINK_UP, LINK_DOWN (was up), else LINK_SAME. state tells the rest. */
enum link_change shm_end_step(struct shm_end *end);
/* Back to SHM_IDLE. */
void shm_end_clear(struct shm_end *end);
void shm_end_warn(struct shm_end *end, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void shm_end_notify(struct link *link, unsigned q);
void shm_end_reset(struct link *link);

/* ---- locks (shm_lock.c) ---- */

/* Takes the lock file at path; an fd, or -EBUSY with "WHAT is held by pid N (COMMAND)", -errno. */
int shm_lock_take(const char *path, const char *what);
/* Removes the file and lets go. */
void shm_lock_drop(int fd, const char *path);

#endif
