/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sequence of vhost-user requests, of any content, through vhost_request(); after each
 * step all that has to hold is looked at. Used by the fuzzer and by a unit test.
 */
#ifndef FUZZ_VHOST_STEPS_H
#define FUZZ_VHOST_STEPS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/vhost_user.h"

#define STEPS_MAX 128u
#define STEP_FDS_LOOKED_AT 64
#define STEP_FEATURES (RPMSG_F_VERSION_1 | RPMSG_F_NS | RPMSG_F_EVENT_IDX | RPMSG_F_INDIRECT)
#define STEP_KICK 250u /* no request: the first kick of ring 0 */

enum step_fd {
	STEP_FD_EVENT,
	STEP_FD_VAST_MEMORY, /* larger than what any recording says */
	STEP_FD_MEMORY,
	STEP_FD_PAGE,
	STEP_FD_STREAM,
	STEP_FD_PIPE_IN,
	STEP_FD_PIPE_OUT,
	STEP_FD_NULL,
	STEP_FD_DATAGRAM,
	STEP_FD_SEMAPHORE,
	STEP_FDS,
};
#define STEP_VAST (UINT64_C(1) << 44)

struct step {
	uint32_t id, flags, size;
	unsigned n_fds;
	uint8_t fd[VHOST_FDS]; /* enum step_fd */
	union vhost_payload payload;
};

struct steps {
	bool inband;
	unsigned n;
	struct step step[STEPS_MAX];
};

/* ---- file descriptors ---- */

/* One file of each kind, of which the requests bring duplicates. */
static int step_file[STEP_FDS + 2];

static inline bool steps_open(void)
{
	int pair[2];
	bool ok;

	step_file[STEP_FD_EVENT] = eventfd(0, EFD_CLOEXEC);
	step_file[STEP_FD_SEMAPHORE] = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	step_file[STEP_FD_VAST_MEMORY] = memfd_create("vast", MFD_CLOEXEC);
	step_file[STEP_FD_MEMORY] = memfd_create("memory", MFD_CLOEXEC);
	step_file[STEP_FD_PAGE] = memfd_create("page", MFD_CLOEXEC);
	step_file[STEP_FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	ok = !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	step_file[STEP_FD_STREAM] = pair[0];
	step_file[STEP_FDS] = pair[1];
	ok = ok && !socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	step_file[STEP_FD_DATAGRAM] = pair[0];
	step_file[STEP_FDS + 1] = pair[1];
	ok = ok && !pipe2(pair, O_CLOEXEC);
	step_file[STEP_FD_PIPE_OUT] = pair[0];
	step_file[STEP_FD_PIPE_IN] = pair[1];
	ok = ok && !ftruncate(step_file[STEP_FD_VAST_MEMORY], (off_t)STEP_VAST) &&
	     !ftruncate(step_file[STEP_FD_MEMORY], 0x100000) &&
	     !ftruncate(step_file[STEP_FD_PAGE], 0x1000);
	return ok;
}

static inline void steps_close(void)
{
	for (unsigned i = 0; i < STEP_FDS + 2; i++)
		close(step_file[i]);
}

/* What was touched in it is given back. */
static inline void step_empty_memory(void)
{
	const int fd = step_file[STEP_FD_VAST_MEMORY];

	if (ftruncate(fd, 0) || ftruncate(fd, (off_t)STEP_VAST))
		abort();
}

static inline bool step_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* How many are open, of the lowest: whoever runs us may have opened some as well. */
static inline unsigned step_count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < STEP_FDS_LOOKED_AT; fd++)
		n += step_fd_is_open(fd);
	return n;
}

/* ---- what has to hold ---- */

/* Whether the fd, if it is one, is open and not yet among the n of owned[]. */
static inline bool step_own(int *owned, unsigned *n, int fd)
{
	if (fd < 0)
		return true;
	for (unsigned i = 0; i < *n; i++)
		if (owned[i] == fd)
			return false;
	owned[(*n)++] = fd;
	return step_fd_is_open(fd);
}

/* Each descriptor there is has one owner: the set-up or the message. */
static inline const char *step_check_fds(const struct vhost_conn *c, const struct vhost_message *msg,
					 unsigned n_before)
{
	int owned[VHOST_RINGS * 3 + 1 + VHOST_FDS];
	unsigned n = 0;
	bool ok = step_own(owned, &n, c->backend_fd);

	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		const struct vhost_ring *ring = &c->ring[q];

		ok = ok && step_own(owned, &n, ring->kick_fd) && step_own(owned, &n, ring->call.fd) &&
		     step_own(owned, &n, ring->call.reader);
		if ((ring->call.kind == VHOST_CALL_NONE) != (ring->call.fd < 0) ||
		    (ring->call.kind == VHOST_CALL_PIPE) != (ring->call.reader >= 0))
			return "a call does not fit its kind";
	}
	for (unsigned i = 0; i < msg->n_fds; i++)
		ok = ok && step_own(owned, &n, msg->fd[i]);
	if (!ok)
		return "a descriptor is closed or has two owners";
	return step_count_fds() == n_before + n ? NULL : "a descriptor has no owner";
}

static inline const char *step_check_reply(const struct vhost_message *msg,
					   const struct vhost_message *reply)
{
	if (!reply->head.request)
		return NULL;
	if (reply->head.request != msg->head.request || reply->head.size > VHOST_PAYLOAD_MAX ||
	    reply->head.flags != (VHOST_FLAG_VERSION | VHOST_FLAG_REPLY))
		return "a reply of another shape";
	return NULL;
}

/* All bytes are the guest's; first and last can be read and written. */
static inline bool step_in_memory(const struct vhost_memory *memory, const void *part, size_t len,
				  unsigned align)
{
	const uint8_t *p = part;
	bool inside = false;

	for (unsigned i = 0; i < memory->guest.n; i++) {
		const struct vring_region *r = &memory->guest.r[i];

		inside |= p >= r->host && len <= r->size && (size_t)(p - r->host) <= r->size - len;
	}
	if (!inside || (uintptr_t)p % align)
		return false;
	for (const uint8_t *at = p; at <= p + len - 1; at += len - 1) {
		volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)at;

		*byte = *byte;
	}
	return true;
}

static inline const char *step_check_rings(const struct vhost_conn *c, const struct vring *vr)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		const size_t num = vr[q].num;

		if (num < VRING_NUM_MIN || num > VRING_NUM_MAX || num & (num - 1))
			return "a ring of a size that cannot be";
		if (!step_in_memory(c->memory, vr[q].desc, 16 * num, 16) ||
		    !step_in_memory(c->memory, vr[q].avail, 6 + 2 * num, 2) ||
		    !step_in_memory(c->memory, vr[q].used, 6 + 8 * num, 4))
			return "a ring that is not in the memory";
	}
	return NULL;
}

/* ---- a run ---- */

struct steps_run {
	struct vhost_conn conn;
	struct vhost_message msg, reply;
	unsigned n_fds; /* open before */
	int ready;
	struct vring ring[VHOST_RINGS];
	unsigned long n_ready, n_refused, n_requests; /* of all runs */
};

static inline void step_message(struct vhost_message *msg, const struct step *s)
{
	msg->head = (struct vhost_head){ s->id, s->flags, s->size };
	msg->payload = s->payload;
	msg->n_fds = s->n_fds;
	for (unsigned i = 0; i < VHOST_FDS; i++)
		msg->fd[i] = i < s->n_fds ? dup(step_file[s->fd[i] % STEP_FDS]) : -1;
}

static inline const char *step_look_ready(struct steps_run *r)
{
	r->ready = vhost_conn_ready(&r->conn, r->ring);
	if (r->ready < 0 && !r->conn.why[0])
		return "no reason why the rings are refused";
	if (r->ready > 0)
		r->n_ready++;
	return r->ready > 0 ? step_check_rings(&r->conn, r->ring) : NULL;
}

/* The end of the connection is *ended; what is wrong, or NULL. */
static inline const char *step_do(struct steps_run *r, const struct step *s, bool *ended)
{
	const struct vhost_memory *memory = r->conn.memory;
	const struct vring before[] = { r->ring[0], r->ring[1] };
	const bool was_ready = r->ready > 0;
	const char *wrong;
	bool stops;

	if (s->id == STEP_KICK) {
		r->conn.ring[0].started |= !r->conn.ring[0].halted;
		wrong = step_look_ready(r);
		*ended = r->ready < 0;
		return wrong;
	}
	step_message(&r->msg, s);
	r->conn.why[0] = '\0';
	stops = vhost_stops_rings(&r->conn, &r->msg);
	*ended = vhost_request(&r->conn, &r->msg, &r->reply);
	r->n_requests++;
	r->n_refused += *ended;
	wrong = step_check_fds(&r->conn, &r->msg, r->n_fds);
	vhost_message_drop(&r->msg);
	if (wrong)
		return wrong;
	if (*ended)
		return r->conn.why[0] ? NULL : "no reason why a request is refused";
	wrong = step_check_reply(&r->msg, &r->reply);
	if (!wrong)
		wrong = step_look_ready(r);
	if (wrong)
		return wrong;
	if (was_ready && !stops &&
	    (r->ready <= 0 || r->conn.memory != memory || memcmp(before, r->ring, sizeof(before))))
		return "rings in use changed and were not stopped";
	*ended = r->ready < 0;
	return NULL;
}

static inline const char *steps_do(struct steps_run *r, const struct steps *s)
{
	const unsigned long n_ready = r->n_ready;
	const char *wrong = NULL;
	bool ended = false;

	vhost_conn_init(&r->conn, STEP_FEATURES, s->inband);
	r->ready = 0;
	r->n_fds = step_count_fds();
	for (unsigned i = 0; i < s->n && !ended && !wrong; i++)
		wrong = step_do(r, &s->step[i], &ended);
	vhost_conn_fini(&r->conn);
	if (!wrong && step_count_fds() != r->n_fds)
		wrong = "a descriptor outlives its connection";
	if (r->n_ready != n_ready)
		step_empty_memory();
	return wrong;
}

/* ---- as bytes ---- */

/*
 * A byte of options, then for each step: id, flags, number of fds, the kind of each, two
 * bytes of size, the payload. What is missing at the end is zero.
 */
static inline uint8_t step_byte(const uint8_t **data, size_t *left)
{
	if (!*left)
		return 0;
	--*left;
	return *(*data)++;
}

static inline void steps_decode(struct steps *s, const uint8_t *data, size_t left)
{
	s->inband = step_byte(&data, &left) & 1;
	for (s->n = 0; left && s->n < STEPS_MAX; s->n++) {
		struct step *step = &s->step[s->n];
		uint32_t size;

		memset(step, 0, sizeof(*step));
		step->id = step_byte(&data, &left);
		step->flags = step_byte(&data, &left);
		step->n_fds = step_byte(&data, &left) % (VHOST_FDS + 1);
		for (unsigned i = 0; i < step->n_fds; i++)
			step->fd[i] = step_byte(&data, &left);
		size = step_byte(&data, &left);
		size |= (uint32_t)step_byte(&data, &left) << 8;
		step->size = size % (VHOST_PAYLOAD_MAX + 1);
		for (uint32_t i = 0; i < step->size; i++)
			step->payload.bytes[i] = step_byte(&data, &left);
	}
}

static inline void steps_write(const struct steps *s, FILE *to)
{
	putc(s->inband, to);
	for (unsigned i = 0; i < s->n; i++) {
		const struct step *step = &s->step[i];

		putc((int)step->id, to);
		putc((int)step->flags, to);
		putc((int)step->n_fds, to);
		fwrite(step->fd, 1, step->n_fds, to);
		putc((int)(step->size & 0xff), to);
		putc((int)(step->size >> 8), to);
		fwrite(step->payload.bytes, 1, step->size, to);
	}
}

#endif
