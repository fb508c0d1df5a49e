/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rooms of rpmsg-send.
 *
 * session.c  bus, deadline, waiting     target.c  to whom, from which endpoint
 * transmit.c one message out            answer.c  what comes back
 * batch.c    messages one after another ping.c    one at a time, with its round trip
 * replay.c   a recording again: see replay.h
 */
#ifndef RPMSG_SEND_H
#define RPMSG_SEND_H

#include <poll.h>

#include "common/options.h"
#include "common/payload.h"

#define SEND_AWAIT_NS INT64_C(5000000000) /* unless -t says otherwise */

struct send_config {
	struct tool_config tool;
	const char *name; /* NULL: dst */
	uint32_t dst;     /* RPMSG_ADDR_ANY: name */
	uint32_t src;     /* RPMSG_ADDR_ANY: the channel's, or a dynamic one */
	uint32_t spoof;   /* RPMSG_ADDR_ANY: none */
	bool count_set, interval_set;
	uint64_t count;
	int64_t interval_ns;

	enum payload_form form;
	bool lines;
	bool split;
	uint64_t piece;    /* of --split; 0: as much as fits */
	const char *file;  /* -f, or what -l and --split read */
	const char *const *args;
	size_t n_args;
	struct payload_list messages;

	bool try;
	bool reply;
	uint64_t replies;  /* 0: one for each message sent */
	bool from_any;
	const char *expect_text; /* NULL: none */
	struct payload expect;
	bool ping;
	int64_t max_rtt_ns; /* -1: none */

	const char *replay; /* file, or NULL */
	double speed;       /* times as fast as recorded; 0: as fast as possible */
	bool speed_set;
	bool loop;
	uint64_t rounds;    /* of loop; 0: for ever */
	bool expect_replies;
	bool dry_run;
};

struct session {
	const struct send_config *cfg;
	struct rpmsg_bus *bus;
	char bus_name[RPMSG_NAME_SIZE];
	enum rpmsg_side side;
	bool fixed_dst;   /* Linux's bus: no other destination, senders are not known */
	int64_t deadline; /* of -t; NUMBER_FOREVER if it was not given */
	bool down;
	bool withdrawn;   /* the channel that ept is on */
	bool changed;     /* a channel came or went */

	struct rpmsg_endpoint *ept;
	struct rpmsg_device *channel; /* or NULL */
	uint32_t dst;
	uint64_t sent;

	struct format fmt;
	bool listening;   /* the first message is out: what comes is an answer */
	uint64_t queued;  /* came before */
	uint64_t ignored; /* came from somebody else */
	uint64_t answers;
	int64_t answered_at; /* the last one, CLOCK_MONOTONIC */
	size_t answer_len;
	enum tool_exit answer_code; /* TOOL_UNMET, TOOL_FAIL for stdout */
};

/* ---- session.c ---- */

/* Opens the bus and waits until its link is up. TOOL_OK with run_stopped() after a signal. */
enum tool_exit session_open(struct session *s, const struct send_config *cfg);
void session_close(struct session *s);
/* When something that is awaited from now on is too late. */
int64_t session_deadline(const struct session *s);
/*
 * Handles what the bus has until something came, there or at more (or NULL), or the
 * deadline: 1, 0, -EINTR to stop, -EPIPE the link is down, or -errno.
 */
int session_wait(struct session *s, struct pollfd *more, int64_t deadline);
/* Handles what the bus has, without sleeping. As session_wait(). */
int session_look(struct session *s);
/* The exit code for an error of those two, which is told; TOOL_OK for -EINTR. */
enum tool_exit session_failed(const struct session *s, int err);
/* Ends the endpoint once all it sent was handled: TOOL_LINK_DOWN if the link is down by then. */
enum tool_exit session_finish(struct session *s);
/* Says that the link is down. TOOL_LINK_DOWN. */
enum tool_exit session_down(const struct session *s);

/* ---- target.c ---- */

/* Finds the destination and binds an endpoint for it. Says why if not. */
enum tool_exit target_bind(struct session *s);

/* ---- transmit.c ---- */

/* Sends one message, waiting for a buffer unless --try. Says why if not. */
enum tool_exit transmit(struct session *s, const void *data, size_t len);
/* Whether a message fits: what ("line") and number name it in the error. */
enum tool_exit transmit_check(struct session *s, const char *what, uint64_t number, size_t len);
/* The same for all messages of the command line, before any is sent. */
enum tool_exit transmit_check_list(struct session *s);

/* ---- answer.c ---- */

/* The endpoint's callback; priv is the session. */
int answer_received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src);
/* Tells what was not an answer. */
void answer_summary(const struct session *s);

/* ---- batch.c, ping.c, replay.c ---- */

enum tool_exit batch_run(struct session *s);
enum tool_exit ping_run(struct session *s);
/* Opens the session too, once the file has turned out to be there. */
enum tool_exit replay_run(struct session *s, const struct send_config *cfg);

#endif
