/* SPDX-License-Identifier: BSD-2-Clause */
/* One message out: try, and poll until there is a buffer. */
#include "common/bus.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/send.h"

static int try_send(struct session *s, const void *data, size_t len)
{
	if (s->cfg->spoof != RPMSG_ADDR_ANY)
		return rpmsg_trysend_offchannel(s->ept, s->cfg->spoof, s->dst, data, (int)len);
	return rpmsg_trysendto(s->ept, data, (int)len, s->dst);
}

/* Says how the ring stands, and who has had a buffer longest. */
static enum tool_exit no_buffer(struct session *s)
{
	struct rpmsg_bus_info info;

	if (bus_info(s->bus, &info)) {
		tool_error("no transmit buffer after %llu message%s", (unsigned long long)s->sent,
			   plural_s(s->sent));
		return TOOL_NO_BUFFER;
	}
	if (!info.num) {
		tool_error("no transmit buffer after %llu message%s on bus %s, which does not "
			   "tell how its ring stands", (unsigned long long)s->sent,
			   plural_s(s->sent), s->bus_name);
		return TOOL_NO_BUFFER;
	}
	tool_error("no transmit buffer after %llu message%s: ring %u/%u free on bus %s, "
		   "oldest held by %s for %u ms", (unsigned long long)s->sent, plural_s(s->sent),
		   info.tx_free, info.num, s->bus_name,
		   *info.tx_holder ? info.tx_holder : "the other side", info.tx_held_ms);
	return TOOL_NO_BUFFER;
}

/* The service went, or the link: which is known once the bus's events are handled. */
static enum tool_exit pipe_broken(struct session *s)
{
	const char *detail = rpmsg_error_detail();
	struct rpmsg_bus_info info;

	if (*detail)
		tool_verbose("%s", detail);
	session_look(s);
	if (s->withdrawn && !s->down && !bus_info(s->bus, &info) && info.up) {
		/* A replay waits for it, and says so if it does not come back. */
		if (!s->cfg->replay)
			tool_error("service '%s' was withdrawn after %llu message%s", s->cfg->name,
				   (unsigned long long)s->sent, plural_s(s->sent));
		return TOOL_NOT_FOUND;
	}
	return session_down(s);
}

static enum tool_exit failed(struct session *s, size_t len, int err)
{
	long mtu;

	switch (err) {
	case -EPIPE:
		return pipe_broken(s);
	case -EMSGSIZE:
		mtu = rpmsg_get_mtu(s->ept);
		tool_error("the message has %zu bytes, bus %s carries at most %ld", len,
			   s->bus_name, mtu);
		return TOOL_FAIL;
	default:
		bus_error("cannot send", err);
		return TOOL_FAIL;
	}
}

enum tool_exit transmit_check(struct session *s, const char *what, uint64_t number, size_t len)
{
	long mtu = rpmsg_get_mtu(s->ept);

	if (mtu < 0)
		return failed(s, len, (int)mtu);
	if (len <= (size_t)mtu)
		return TOOL_OK;
	tool_error("%s %llu has %zu bytes, bus %s carries at most %ld", what,
		   (unsigned long long)number, len, s->bus_name, mtu);
	return TOOL_FAIL;
}

enum tool_exit transmit_check_list(struct session *s)
{
	const struct payload_list *list = &s->cfg->messages;
	enum tool_exit code = TOOL_OK;

	for (size_t i = 0; !code && i < list->n; i++)
		code = transmit_check(s, "message", i + 1, list->item[i].len);
	return code;
}

/* Sleeps until there may be a buffer. 1, 0 too late, -errno. */
static int await_buffer(struct session *s, int64_t deadline)
{
	int ready = rpmsg_poll(s->ept);

	if (ready & POLLERR)
		return -EPIPE;
	if (!(ready & POLLOUT))
		return session_wait(s, NULL, deadline);
	ready = session_look(s);
	return ready < 0 ? ready : 1;
}

enum tool_exit transmit(struct session *s, const void *data, size_t len)
{
	int64_t deadline = 0;
	int err, ready;

	while ((err = try_send(s, data, len)) == -ENOMEM) {
		if (s->cfg->try)
			return no_buffer(s);
		if (!deadline)
			deadline = session_deadline(s);
		ready = await_buffer(s, deadline);
		if (ready == -EINTR)
			return TOOL_OK;
		if (!ready)
			return no_buffer(s);
		if (ready < 0)
			return failed(s, len, ready);
	}
	if (err)
		return failed(s, len, err);
	s->sent++;
	s->listening = true;
	return TOOL_OK;
}
