/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-extcap: what Wireshark runs to learn which buses there are, what can be chosen
 * about a capture, and to capture. extcap(4) has the protocol.
 */
#ifndef RPMSG_EXTCAP_H
#define RPMSG_EXTCAP_H

#include <rpmsg.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/errors.h"

#define HOST_SIZE 256

/* An interface: a bus here, a bus of a host, or one whose host the dialog asks for. */
struct iface {
	bool remote;
	char host[HOST_SIZE];          /* "": to be asked for; never an option to ssh */
	char bus[RPMSG_BUS_NAME_SIZE]; /* likewise */
};

enum direction { DIRECTION_BOTH, DIRECTION_H2R, DIRECTION_R2H };

struct config {
	const char *iface_name;
	struct iface iface;
	const char *fifo;
	const char *bpf; /* a capture filter, or NULL */
	bool history, events;
	enum direction direction;
	uint32_t snaplen;    /* 0: all of a message */
	const char *filter;  /* EXPR of rpmsg-listen, or NULL */
	uint16_t port;       /* 0: ssh's own choice */
	const char *command; /* rpmsg-listen as the remote shell should call it, or NULL */
	int verbosity;
};

/* ---- iface.c ---- */

/* Fills iface from what Wireshark calls it. NULL, or what is wrong with name. */
const char *iface_parse(const char *name, struct iface *iface);
/* Likewise from the dialog's fields. */
const char *iface_set_host(struct iface *iface, const char *host);
const char *iface_set_bus(struct iface *iface, const char *bus);
/* Prints all interfaces there are. */
void iface_list(void);

/* ---- remotes.c ---- */

/* Calls see for each HOST/BUS that the user wants to have in the list. */
void remotes_each(void (*see)(const char *remote));

/* ---- dialog.c ---- */

/* Prints what can be chosen. */
void dialog_print(const struct iface *iface);

/* ---- capture.c ---- */

/* Becomes the program that writes the capture. Returns only on failure, of which it has told. */
enum tool_exit capture_run(const struct config *cfg);

#endif
