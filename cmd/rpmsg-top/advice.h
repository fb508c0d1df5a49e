/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a bus, from its pictures, in words that say what to do: "announced, never
 * bound", "no transmit buffer is free: all 64 are with pid 7 (x)", "3 messages to 0x999 lost".
 */
#ifndef RPMSG_TOP_ADVICE_H
#define RPMSG_TOP_ADVICE_H

#include "rpmsg-top/table.h"

enum advice_level { ADVICE_NOTE, ADVICE_WARNING, ADVICE_ALARM };

enum advice_kind {
	ADVICE_LINK_DOWN,       /* link down, or the server gone */
	ADVICE_NO_NS,           /* F_NS was not negotiated: no announcement will come */
	ADVICE_NO_CHANNEL,      /* up, and nothing was announced */
	ADVICE_NEVER_BOUND,     /* announced, never bound */
	ADVICE_PEER_SILENT,     /* a service that has heard from nobody: it cannot send first */
	ADVICE_NO_RECIPIENT,    /* messages to an address that nobody has */
	ADVICE_NO_BUFFER,       /* the transmit queue is full, and who holds it */
	ADVICE_NO_PROGRESS,     /* buffers in flight that do not come back, though some are free */
	ADVICE_NOT_READ,        /* a program that does not read; messages dropped */
	ADVICE_WAITING,         /* senders wait */
	ADVICE_TOO_LONG,        /* sends refused for their length; the MTU each way */
	ADVICE_SEND_ERRORS,     /* other failed sends, by kind */
	ADVICE_MALFORMED,       /* ring entries or headers refused, with the last one's values */
	ADVICE_NS_REFUSED,      /* name service messages refused */
	ADVICE_RESTARTED,       /* the link came up again: generation N */
	ADVICE_PARTIAL,         /* what the backend does not tell (the kernel's bus, a file) */
	N_ADVICE
};

struct advice {
	enum advice_level level;
	enum advice_kind kind;
	size_t bus;
	enum rpmsg_side side;
	char text[200]; /* printable, one line, begins with the bus's name */
};

/* The word of a kind, for JSON: "no-buffer". */
const char *advice_word(enum advice_kind kind);
/* What is to be said of a bus now, the worst first; at most max, how many it were. */
size_t advice_find(const struct table *t, size_t bus, struct advice *advice, size_t max);

#endif
