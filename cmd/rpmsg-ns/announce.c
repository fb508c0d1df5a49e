/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns announce, withdraw: services that belong to the bus, or to us with --hold. */
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/hint.h"
#include "common/number.h"
#include "common/reopen.h"
#include "common/run.h"
#include "rpmsg-ns/ns.h"

/* Dispatches until all is on the ring. */
static enum tool_exit wait_announced(struct rpmsg_bus *bus, int64_t deadline)
{
	struct pollfd fd = {.fd = rpmsg_bus_fd(bus), .events = POLLIN};
	struct rpmsg_bus_info info;
	int n;

	for (;;) {
		n = rpmsg_bus_dispatch(bus, 0);
		if (n >= 0 || n == -EINTR)
			n = reopen_needed(bus) ? -EPIPE : bus_info(bus, &info);
		if (n) {
			bus_error("the announcement is not sent", n);
			return n == -EPIPE ? TOOL_LINK_DOWN : TOOL_FAIL;
		}
		if (info.up && rpmsg_bus_announced(bus))
			return TOOL_OK;
		n = run_wait(&fd, 1, deadline);
		if (n == 0) {
			tool_error("%s: %s", info.name,
				   info.up ? "no transmit buffer for it" : "the link is not up");
			return info.up ? TOOL_NO_BUFFER : TOOL_LATE;
		}
		if (n < 0)
			return TOOL_OK;
	}
}

static enum tool_exit create(struct config *cfg, struct rpmsg_bus *bus, struct rpmsg_device **rpdev)
{
	char text[64];

	*rpdev = rpmsg_service_create(bus, cfg->name[0], cfg->src,
				      cfg->hold ? 0 : RPMSG_SERVICE_PERSIST);
	if (*rpdev)
		return TOOL_OK;
	if (errno == EOPNOTSUPP && !cfg->hold) {
		tool_error("no rpmsgd serves this bus, so nobody could keep the announcement: "
			   "use --hold, or serve it with rpmsgd");
		return TOOL_FAIL;
	}
	snprintf(text, sizeof(text), "cannot announce '%s'", cfg->name[0]);
	bus_error(text, errno);
	return TOOL_FAIL;
}

/* Until a signal, or for the time given. */
static enum tool_exit hold(const struct config *cfg, struct rpmsg_bus *bus)
{
	struct pollfd fd = {.fd = rpmsg_bus_fd(bus), .events = POLLIN};
	int64_t deadline = cfg->tool.timeout_set ? cfg->deadline : NUMBER_FOREVER;
	int n;

	while (run_wait(&fd, 1, deadline) > 0) {
		n = rpmsg_bus_dispatch(bus, 0);
		if ((n < 0 && n != -EINTR) || reopen_needed(bus)) {
			tool_error("the bus has gone, and the announcement with it");
			return TOOL_LINK_DOWN;
		}
	}
	return TOOL_OK;
}

static void say(const struct config *cfg, struct rpmsg_bus *bus, const struct rpmsg_device *rpdev)
{
	char addr[FORMAT_ADDR_SIZE];
	struct rpmsg_bus_info info;

	if (bus_info(bus, &info))
		return;
	tool_note("%s: '%s' is announced at %s by the %s side", info.name, cfg->name[0],
		  format_addr(rpdev->src, addr),
		  info.side == RPMSG_SIDE_HOST ? "host" : "remote");
}

enum tool_exit run_announce(struct config *cfg)
{
	struct rpmsg_device *rpdev;
	struct rpmsg_bus *bus;
	enum tool_exit code = bus_open(&cfg->tool, &bus);

	if (code != TOOL_OK || !bus)
		return code;
	code = create(cfg, bus, &rpdev);
	if (code != TOOL_OK)
		goto close;
	code = wait_announced(bus, cfg->deadline);
	if (code != TOOL_OK || run_stopped()) {
		rpmsg_service_destroy(rpdev);
		goto close;
	}
	say(cfg, bus, rpdev);
	ready_tell(&cfg->ready, cfg->name[0]);
	if (!cfg->hold)
		goto close;
	code = hold(cfg, bus);
	rpmsg_service_destroy(rpdev);
close:
	rpmsg_bus_close(bus);
	return code;
}

struct search {
	const struct config *cfg;
	struct rpmsg_device *rpdev;
	bool foreign; /* the other side announces it */
};

static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct search *s = arg;

	if (strcmp(st->info.name, s->cfg->name[0]) != 0)
		return 0;
	if (st->origin != RPMSG_CHANNEL_SERVICE) {
		s->foreign |= st->origin == RPMSG_CHANNEL_LEARNED;
		return 0;
	}
	if (s->cfg->src != RPMSG_ADDR_ANY && st->info.src != s->cfg->src)
		return 0;
	s->rpdev = st->rpdev;
	return 1;
}

static enum tool_exit not_found(struct rpmsg_bus *bus, const struct search *s)
{
	const char *name = s->cfg->name[0];
	char near[RPMSG_NAME_SIZE];
	struct rpmsg_bus_info info;

	tool_error("no announcement of '%s' to withdraw", name);
	if (s->foreign && !bus_info(bus, &info) && info.both_sides && !s->cfg->tool.remote)
		tool_note("the remote side announces it: rpmsg-ns -R withdraw %s", name);
	else if (s->foreign)
		tool_note("the other side announces it");
	else if (hint_channel(bus, name, near))
		tool_note("did you mean '%s'?", near);
	return TOOL_NOT_FOUND;
}

enum tool_exit run_withdraw(struct config *cfg)
{
	struct search s = {.cfg = cfg};
	struct rpmsg_bus *bus;
	enum tool_exit code = bus_open(&cfg->tool, &bus);
	int err;

	if (code != TOOL_OK || !bus)
		return code;
	err = rpmsg_bus_for_each_channel(bus, consider, &s);
	if (err < 0) {
		bus_error("cannot list the channels", err);
		code = TOOL_FAIL;
	} else if (!s.rpdev) {
		code = not_found(bus, &s);
	} else {
		err = rpmsg_service_destroy(s.rpdev);
		if (err) {
			bus_error("cannot withdraw it", err);
			code = TOOL_FAIL;
		} else {
			code = wait_announced(bus, cfg->deadline);
		}
	}
	rpmsg_bus_close(bus);
	return code;
}
