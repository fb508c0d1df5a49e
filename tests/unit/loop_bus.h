/* SPDX-License-Identifier: BSD-2-Clause */
/* A software bus for tests: both sides in this process, and a log that is kept. */
#ifndef TEST_LOOP_BUS_H
#define TEST_LOOP_BUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpmsg.h"

struct loop_bus {
	struct rpmsg_bus *pair[2];
	struct rpmsg_bus *host, *remote;
	char log[4096];
};

static inline void loop_bus_log(void *arg, enum rpmsg_log_level level, const char *text)
{
	struct loop_bus *lb = arg;
	size_t used = strlen(lb->log);

	(void)level;
	snprintf(lb->log + used, sizeof(lb->log) - used, "%s\n", text);
}

static inline void loop_bus_open(struct loop_bus *lb, const struct rpmsg_bus_options *more)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt) };

	if (more)
		opt = *more;
	opt.size = sizeof(opt);
	lb->log[0] = '\0';
	opt.log = loop_bus_log;
	opt.log_arg = lb;
	if (rpmsg_bus_open_loop(lb->pair, &opt))
		fail_msg("rpmsg_bus_open_loop: %s", rpmsg_error_detail());
	lb->host = lb->pair[0];
	lb->remote = lb->pair[1];
}

static inline void loop_bus_close(struct loop_bus *lb)
{
	rpmsg_bus_close(lb->host);
	rpmsg_bus_close(lb->remote);
}

/* Dispatches both sides until neither finds anything. */
static inline void loop_bus_settle(struct loop_bus *lb)
{
	int quiet = 0;

	while (quiet < 2) {
		int n = rpmsg_bus_dispatch(lb->host, 0) + rpmsg_bus_dispatch(lb->remote, 0);

		quiet = n ? 0 : quiet + 1;
	}
}

/* What an endpoint received last, and how much. */
struct inbox {
	int n;
	int len;
	uint32_t src;
	uint8_t data[65536];
	struct rpmsg_device *rpdev;
};

static inline int inbox_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct inbox *in = priv;

	in->n++;
	in->len = len;
	in->src = src;
	in->rpdev = rpdev;
	memcpy(in->data, data, (size_t)len);
	return 0;
}

static inline struct rpmsg_endpoint *bind_addr(struct rpmsg_bus *bus, rpmsg_rx_cb_t cb, void *priv,
					       uint32_t src, uint32_t dst)
{
	struct rpmsg_channel_info info = { "", src, dst };

	return rpmsg_create_ept(rpmsg_bus_device(bus), cb, priv, info);
}

#endif
