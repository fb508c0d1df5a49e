/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking part: an endpoint of ours, on a channel (host), on a service that we
 * offer (remote), or on the bus at an address. Bound as soon as that is possible,
 * and again after the link or the channel went away.
 */
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/hint.h"
#include "common/number.h"
#include "common/reopen.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-listen/listen.h"
#include "rpmsg-listen/outbox.h"

/* With this much waiting to be sent nothing more is received. */
#define OUTBOX_HIGH 1024U
/* How often room is then looked for: messages that wait keep the bus's fd readable. */
#define OUTBOX_RETRY_NS (INT64_C(5) * 1000 * 1000)
/* For how long messages that were there at the end are still taken, at most. */
#define CLOSING_NS (INT64_C(1000) * 1000 * 1000)
#define CLOSING_POLL_MS 5

struct part {
	struct listen *l;
	struct rpmsg_bus *bus; /* NULL while its server is gone */
	const char *spec;
	char bus_name[RPMSG_BUS_NAME_SIZE];
	enum rpmsg_side side;
	struct rpmsg_endpoint *ept;
	struct rpmsg_device *service; /* offered by us, or NULL */
	struct outbox outbox;
	bool up;
	bool look;    /* something changed: try to bind */
	bool gone;    /* the endpoint's channel has gone */
	bool offer;   /* a service that is not there is offered */
	bool bound;   /* ever */
	bool waiting; /* said that the channel is not there */
};

static enum rpmsg_direction direction(const struct part *p, bool sent)
{
	return (p->side == RPMSG_SIDE_HOST) == sent ? RPMSG_H2R : RPMSG_R2H;
}

/* ---- sending: in order, none lost ---- */

/* Where the link went and came, one refusal tells of messages that were accepted before. */
static int send_again(struct part *p, uint32_t dst, const void *data, size_t len)
{
	char before[160];
	int err;

	snprintf(before, sizeof(before), "%s", rpmsg_error_detail());
	err = rpmsg_trysendto(p->ept, data, (int)len, dst);
	if (!err || err == -ENOMEM)
		tool_error("%s: %s", p->bus_name, before);
	return err;
}

static int try_send(struct part *p, uint32_t dst, const void *data, size_t len)
{
	struct rpmsg_record m = {
		.bus = p->bus_name,
		.dir = direction(p, true),
		.src = p->ept->addr,
		.dst = dst,
		.len = (uint16_t)len,
		.data = data,
	};
	int err;

	err = rpmsg_trysendto(p->ept, data, (int)len, dst);
	if (err == -EPIPE)
		err = send_again(p, dst, data, len);
	if (err)
		return err;
	m.time_ns = format_now_ns();
	sink_sent(p->l, &m);
	return 0;
}

static void forget_outbox(struct part *p)
{
	if (p->outbox.n)
		tool_error("%zu message%s could not be sent any more", p->outbox.n,
			   plural_s(p->outbox.n));
	while (p->outbox.n)
		outbox_drop_first(&p->outbox);
}

static void send_failed(struct part *p, uint32_t dst, int err)
{
	char addr[FORMAT_ADDR_SIZE];

	if (err == -EPIPE && !p->up)
		return; /* told as link down */
	tool_error("cannot send to %s: %s %s", format_addr(dst, addr), rpmsg_strerror(err),
		   rpmsg_error_detail());
	if (err != -EPIPE)
		sink_stop(p->l, TOOL_FAIL);
}

static void post(struct part *p, uint32_t dst, const void *data, size_t len)
{
	int err = p->outbox.n || !p->ept ? -ENOMEM : try_send(p, dst, data, len);

	if (err == -ENOMEM)
		err = outbox_add(&p->outbox, dst, data, len);
	if (err)
		send_failed(p, dst, err);
}

static void flush_outbox(struct part *p)
{
	while (p->ept && p->outbox.n) {
		const struct letter *letter = outbox_first(&p->outbox);
		int err = try_send(p, letter->dst, letter->data, letter->len);

		if (err == -ENOMEM)
			return;
		if (err)
			send_failed(p, letter->dst, err);
		outbox_drop_first(&p->outbox);
	}
}

/* ---- receiving ---- */

static int received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct part *p = priv;
	struct rpmsg_record m = {
		.time_ns = format_now_ns(),
		.bus = p->bus_name,
		.dir = direction(p, false),
		.src = src,
		.dst = p->ept ? p->ept->addr : rpdev->src,
		.len = (uint16_t)len,
		.data = data,
	};

	if (p->l->done)
		return 0;
	sink_message(p->l, &m);
	if (p->l->cfg->echo)
		post(p, src != RPMSG_ADDR_ANY || !p->ept ? src : rpmsg_endpoint_dst(p->ept), data,
		     (size_t)len);
	return 0;
}

static void set_up(struct part *p, bool up)
{
	if (p->up == up)
		return;
	p->up = up;
	if (!up)
		forget_outbox(p);
	sink_link(p->l, p->bus_name, up);
}

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	struct part *p = arg;

	switch (event->type) {
	case RPMSG_EVENT_UP:
		p->look = true;
		set_up(p, true);
		break;
	case RPMSG_EVENT_DOWN:
		set_up(p, false);
		break;
	case RPMSG_EVENT_ANNOUNCE:
		p->look = true;
		services_learn_bus(p->l->services, bus, p->bus_name);
		break;
	case RPMSG_EVENT_WITHDRAW:
		if (p->ept && event->rpdev == p->ept->rpdev)
			p->gone = true;
		break;
	case RPMSG_EVENT_DROPPED:
		sink_lost(p->l, p->bus_name, event->count, LISTEN_NO_TIME);
		break;
	case RPMSG_EVENT_BOUND:
	case RPMSG_EVENT_UNBOUND:
		break;
	}
}

/* ---- binding ---- */

struct search {
	const struct part *part;
	struct rpmsg_channel_status held;
	struct rpmsg_device *free;
	bool is_held, is_free;
	bool usual; /* free is what this side usually binds */
};

static bool is_held(const struct rpmsg_channel_status *st)
{
	return st->holder_kind != RPMSG_HOLDER_NONE && st->holder_kind != RPMSG_HOLDER_BUS;
}

static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct search *s = arg;
	const struct config *cfg = s->part->l->cfg;
	bool ours = st->origin == RPMSG_CHANNEL_SERVICE;
	bool usual = ours == (s->part->side == RPMSG_SIDE_REMOTE);

	if (strcmp(st->info.name, cfg->name) != 0)
		return 0;
	if (!ours && cfg->dst != RPMSG_ADDR_ANY && st->info.dst != cfg->dst)
		return 0;
	if (is_held(st)) {
		s->held = *st;
		s->is_held = true;
		return 0;
	}
	if (s->is_free && (s->usual || !usual))
		return 0;
	s->free = st->rpdev;
	s->is_free = true;
	s->usual = usual;
	return 0;
}

static enum tool_exit refuse(const struct part *p, const struct rpmsg_channel_status *st)
{
	const char *name = p->l->cfg->name;

	if (st->holder_kind == RPMSG_HOLDER_DRIVER)
		tool_error("'%s' is held by the driver %s", name, st->holder);
	else
		tool_error("'%s' is held by pid %d (%s)", name, st->holder_pid, st->holder);
	tool_note("to watch its traffic: rpmsg-listen -b %s name %s", p->bus_name, name);
	return TOOL_FAIL;
}

static enum tool_exit bind_failed(const struct part *p, const char *what, int err)
{
	char text[96];

	snprintf(text, sizeof(text), "cannot bind %s", what);
	bus_error(text, err);
	if (err == EBUSY && p->l->cfg->name)
		tool_note("to watch its traffic: rpmsg-listen -b %s name %s", p->bus_name,
			  p->l->cfg->name);
	return TOOL_FAIL;
}

/* On a channel of the other side an address of our own is nobody else's matter. */
static bool own_address(const struct part *p)
{
	return p->side == RPMSG_SIDE_HOST && p->l->cfg->src != RPMSG_ADDR_ANY;
}

static enum tool_exit bind_channel(struct part *p, struct rpmsg_device *rpdev)
{
	const struct config *cfg = p->l->cfg;
	struct rpmsg_channel_info own = {.src = cfg->src, .dst = RPMSG_ADDR_ANY};

	if (!own_address(p))
		p->ept = rpmsg_channel_bind(rpdev, received, p);
	else
		p->ept = rpmsg_create_ept(rpdev, received, p, own);
	if (p->ept)
		return TOOL_OK;
	return errno == EPIPE ? TOOL_OK : bind_failed(p, cfg->name, errno);
}

static enum tool_exit bind_address(struct part *p)
{
	const struct config *cfg = p->l->cfg;
	struct rpmsg_channel_info own = {.src = cfg->src, .dst = cfg->dst};
	char addr[FORMAT_ADDR_SIZE];

	p->ept = rpmsg_create_ept(rpmsg_bus_device(p->bus), received, p, own);
	if (p->ept || errno == EPIPE)
		return TOOL_OK;
	return bind_failed(p, format_addr(cfg->src, addr), errno);
}

static enum tool_exit offer_service(struct part *p)
{
	const struct config *cfg = p->l->cfg;
	char text[64];

	p->service = rpmsg_service_create(p->bus, cfg->name, cfg->src, RPMSG_SERVICE_ON_BIND);
	if (p->service)
		return bind_channel(p, p->service);
	snprintf(text, sizeof(text), "cannot offer '%s'", cfg->name);
	bus_error(text, errno);
	return TOOL_FAIL;
}

static void say_waiting(struct part *p)
{
	if (p->waiting)
		return;
	tool_note("waiting for '%s' to be announced on %s", p->l->cfg->name, p->bus_name);
	p->waiting = true;
}

static enum tool_exit bind_name(struct part *p)
{
	struct search s = {.part = p};
	int err = rpmsg_bus_for_each_channel(p->bus, consider, &s);

	if (err < 0 && err != -EPIPE) {
		bus_error("cannot list the channels", -err);
		return TOOL_FAIL;
	}
	if (s.is_free) /* without a device: its announcement is on the way */
		return s.free ? bind_channel(p, s.free) : TOOL_OK;
	if (s.is_held && s.held.rpdev && own_address(p))
		return bind_channel(p, s.held.rpdev);
	if (s.is_held)
		return refuse(p, &s.held);
	if (p->offer)
		return offer_service(p);
	say_waiting(p);
	return TOOL_OK;
}

static void say_bound(struct part *p)
{
	const char *name = p->l->cfg->name, *comma = name ? ", " : "";
	bool known = rpmsg_endpoint_dst(p->ept) != RPMSG_ADDR_ANY;
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];

	format_addr(p->ept->addr, src);
	format_addr(rpmsg_endpoint_dst(p->ept), dst);
	tool_note("taking part on %s as %s: %s%saddress %s%s%s", p->bus_name,
		  p->side == RPMSG_SIDE_HOST ? "host" : "remote", name ? name : "", comma, src,
		  known ? ", other side " : "", known ? dst : "");
}

static void say_hello(struct part *p)
{
	const struct config *cfg = p->l->cfg;
	uint32_t dst = cfg->dst != RPMSG_ADDR_ANY ? cfg->dst : rpmsg_endpoint_dst(p->ept);

	if (!cfg->hello)
		return;
	if (dst == RPMSG_ADDR_ANY) {
		tool_error("--hello: '%s' is our own service, nobody's address is known; give -d",
			   cfg->name);
		sink_stop(p->l, TOOL_USAGE);
		return;
	}
	post(p, dst, cfg->hello, strlen(cfg->hello));
}

static enum tool_exit look(struct part *p)
{
	enum tool_exit code;

	if (p->gone) {
		rpmsg_destroy_ept(p->ept);
		p->ept = NULL;
		p->gone = p->waiting = false;
		forget_outbox(p);
		p->look = true;
	}
	if (!p->look)
		return TOOL_OK;
	p->look = false;
	if (p->ept)
		return TOOL_OK;
	code = p->l->cfg->name ? bind_name(p) : bind_address(p);
	if (code != TOOL_OK || !p->ept)
		return code;
	p->bound = true;
	p->offer = false;
	services_learn_bus(p->l->services, p->bus, p->bus_name); /* its address is known now */
	say_bound(p);
	say_hello(p);
	return TOOL_OK;
}

/* ---- the bus ---- */

static void begin(struct part *p)
{
	struct rpmsg_bus_info info;

	if (bus_info(p->bus, &info))
		return; /* its server went at once: found later */
	memcpy(p->bus_name, info.name, sizeof(p->bus_name));
	p->side = info.side;
	p->look = true;
	p->offer = info.side == RPMSG_SIDE_REMOTE;
	rpmsg_bus_set_event_fn(p->bus, happened, p);
	services_learn_bus(p->l->services, p->bus, p->bus_name);
	set_up(p, info.up);
}

static void end(struct part *p)
{
	if (!p->bus)
		return;
	rpmsg_bus_set_event_fn(p->bus, NULL, NULL);
	rpmsg_bus_close(p->bus);
	p->bus = NULL;
	p->ept = NULL;
	p->service = NULL;
	p->gone = p->waiting = false;
}

/* Lets go of a bus whose server has gone, and looks for the next. */
static void renew(struct part *p)
{
	if (p->bus && !p->up && reopen_needed(p->bus)) {
		end(p);
		tool_note("%s: nobody serves it any more", p->bus_name);
	}
	if (p->bus || sink_stopped(p->l))
		return;
	p->bus = reopen_try(&p->l->cfg->tool, p->spec);
	if (p->bus)
		begin(p);
}

/* ---- the loop ---- */

static bool is_ready(const struct part *p)
{
	return p->ept && (!p->service || (p->up && rpmsg_bus_announced(p->bus)));
}

/* Sleeps until there is something to do; false at the deadline. */
static bool wait_for_work(struct part *p)
{
	struct pollfd fd = {.fd = p->bus ? rpmsg_bus_fd(p->bus) : -1, .events = POLLIN};
	int64_t deadline = p->l->deadline, again = NUMBER_FOREVER;

	sink_flush(p->l);
	if (!p->bus)
		again = run_deadline(REOPEN_INTERVAL_NS);
	if (p->outbox.n >= OUTBOX_HIGH) {
		fd.fd = -1;
		again = run_deadline(OUTBOX_RETRY_NS);
	}
	return run_wait(&fd, 1, again < deadline ? again : deadline) != 0 || run_now() < deadline;
}

/* Receives and sends what is there; how much, or -errno. */
static int serve(struct part *p)
{
	int n = 0;

	if (!p->bus)
		return 0;
	if (p->outbox.n < OUTBOX_HIGH)
		n = rpmsg_bus_dispatch(p->bus, 0);
	flush_outbox(p);
	if (p->ept && p->outbox.n)
		rpmsg_poll(p->ept); /* makes the bus's fd readable when there is room */
	return n;
}

static enum tool_exit loop(struct part *p)
{
	enum tool_exit code;
	bool in_time = true;

	while (in_time && !sink_stopped(p->l)) {
		int n = serve(p);

		if (n < 0 && n != -EINTR) {
			bus_error("cannot receive", n);
			return TOOL_FAIL;
		}
		renew(p);
		code = p->bus ? look(p) : TOOL_OK;
		if (code != TOOL_OK)
			return code;
		if (is_ready(p))
			listen_ready(p->l, p->bus_name);
		if (!sink_stopped(p->l))
			in_time = wait_for_work(p);
	}
	return TOOL_OK;
}

/*
 * Takes what had come before the end, and sends what waits. What the server still keeps because
 * our socket was full comes between its answers: two of them with nothing more are the end of it.
 */
static void finish(struct part *p)
{
	struct pollfd fd = {.fd = p->bus ? rpmsg_bus_fd(p->bus) : -1, .events = POLLIN};
	int64_t limit = run_deadline(CLOSING_NS);
	struct rpmsg_bus_info info;
	int idle = 0;

	p->l->closing = true;
	while (p->bus && run_now() < limit && !p->l->done) {
		if (serve(p) > 0)
			idle = 0;
		else if (p->ept && p->outbox.n)
			poll(&fd, 1, CLOSING_POLL_MS);
		else if (idle++ == 2 || bus_info(p->bus, &info))
			break;
	}
	forget_outbox(p);
}

static enum tool_exit never_bound(const struct part *p)
{
	char near[RPMSG_NAME_SIZE];

	tool_error("'%s' was not announced on %s", p->l->cfg->name, p->bus_name);
	if (p->bus && hint_channel(p->bus, p->l->cfg->name, near))
		tool_note("did you mean '%s'?", near);
	return TOOL_NOT_FOUND;
}

enum tool_exit part_run(struct listen *l)
{
	struct part p = {.l = l};
	struct rpmsg_bus_info info;
	enum tool_exit code = bus_open(&l->cfg->tool, &p.bus);

	if (code != TOOL_OK || !p.bus)
		return code;
	l->running = true;
	outbox_init(&p.outbox);
	p.up = !bus_info(p.bus, &info) && info.up;
	begin(&p);
	sink_bus(l, p.bus_name);
	p.spec = reopen_spec(&l->cfg->tool, 0, 1, p.bus_name);
	code = loop(&p);
	if (code == TOOL_OK) {
		finish(&p);
		if (!p.bound && l->cfg->name && !run_stopped() && l->code == TOOL_OK)
			code = never_bound(&p);
	}
	end(&p);
	return code;
}
