/* SPDX-License-Identifier: BSD-2-Clause */
/* What clients ask for. Each request is checked here, whoever wrote it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpmsgd.h"

/* ---- replies ---- */

void control_refuse(struct client *c, const struct proto_head *req, int err, const char *detail)
{
	struct proto_error rep = {
		.head = { .op = req->op, .seq = req->seq, .status = err, .size = sizeof(rep) },
	};

	snprintf(rep.detail, sizeof(rep.detail), "%s", *detail ? detail : rpmsg_strerror(err));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

void control_reply_head(struct proto_head *head, const struct proto_head *req, size_t size)
{
	*head = (struct proto_head){ .op = req->op, .seq = req->seq, .size = (uint32_t)size };
}

static void done(struct client *c, const struct proto_head *req)
{
	struct proto_head rep;

	control_reply_head(&rep, req, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

static void reply_info(struct client *c, const struct proto_head *req)
{
	struct side *s = c->side;
	struct rpmsg_bus_info i;
	struct proto_info rep;

	side_info(s, &i);
	rep = (struct proto_info){
		.side = side_which(s), .up = i.up, .both_sides = side_other(s) != NULL,
		.announced = rpmsg_bus_announced(s->bus), .generation = i.generation, .num = i.num,
		.buffer_size = i.buffer_size, .mtu_tx = i.mtu_tx, .mtu_rx = i.mtu_rx,
		.tx_free = i.tx_free, .pid = (uint32_t)getpid(), .tx_held_ms = i.tx_held_ms,
		.features = i.features, .tx = i.tx, .rx = i.rx, .no_recipient = i.no_recipient,
		.malformed = i.malformed, .ns_refused = i.ns_refused, .own_only = i.own_only,
		.fixed_dst = i.fixed_dst,
	};
	memcpy(rep.name, s->served->name, sizeof(rep.name));
	memcpy(rep.tx_holder, i.tx_holder, sizeof(rep.tx_holder));
	control_reply_head(&rep.head, req, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

/* ---- HELLO ---- */

static struct side *choose_side(struct served *b, uint32_t wanted)
{
	if (wanted == RPMSG_SIDE_DEFAULT)
		return &b->side[b->side[0].bus ? 0 : 1];
	return &b->side[wanted == RPMSG_SIDE_REMOTE];
}

static void hello(struct client *c, const void *data)
{
	const struct proto_hello *req = data;
	struct side *s;
	char text[128];

	if (req->magic != PROTO_MAGIC || req->side > RPMSG_SIDE_REMOTE) {
		client_doom(c, "does not speak our protocol");
		return;
	}
	if (req->version != PROTO_VERSION) {
		snprintf(text, sizeof(text), "rpmsgd speaks protocol version %u, the client %u",
			 PROTO_VERSION, req->version);
		control_refuse(c, &req->head, -EPROTO, text);
		return;
	}
	if (!c->admitted) {
		snprintf(text, sizeof(text), "bus %s is not for uid %u", c->served->name, c->uid);
		control_refuse(c, &req->head, -EACCES, text);
		return;
	}
	s = choose_side(c->served, req->side);
	if (!s->bus) {
		snprintf(text, sizeof(text), "bus %s serves its %s side only", c->served->name,
			 side_which(s) == RPMSG_SIDE_HOST ? "remote" : "host");
		control_refuse(c, &req->head, -EOPNOTSUPP, text);
		return;
	}
	c->side = s;
	reply_info(c, &req->head);
}

/* ---- endpoints ---- */

/* Who keeps us from binding, in words; false if nobody is known to. */
static bool name_holder(struct client *c, const struct chan *ch, const struct proto_bind *req,
			char *text, size_t size)
{
	const struct client *holder = NULL;
	const struct ep *e;
	char who[64];

	if (req->own && ch) {
		e = chan_holder(ch);
		holder = e ? e->client : ch->owner != c ? ch->owner : NULL;
	} else {
		TAILQ_FOREACH(e, &c->side->eps, of_side)
			if (e->rep && e->rep->addr == req->addr && !e->gone)
				holder = e->client;
	}
	if (!holder)
		return false;
	ep_who(holder, who, sizeof(who));
	if (req->own)
		snprintf(text, size, "channel %s is held by %s", ch->rpdev->id.name, who);
	else
		snprintf(text, size, "address 0x%x is bound by %s", req->addr, who);
	return true;
}

static struct rpmsg_endpoint *make_endpoint(struct ep *e, struct chan *ch,
					    const struct proto_bind *req)
{
	struct rpmsg_channel_info info = { .src = req->addr, .dst = req->dst };
	struct side *s = e->side;

	if (ch && req->own)
		return rpmsg_channel_bind(ch->rpdev, inbox_receive, e);
	return rpmsg_create_ept(ch ? ch->rpdev : rpmsg_bus_device(s->bus), inbox_receive, e, info);
}

/* 0 or -errno with text. */
static int bind_endpoint(struct client *c, struct ep *e, struct chan *ch,
			 const struct proto_bind *req, char *text, size_t size)
{
	bool taken = req->own && ch->owner && ch->owner != c;
	int err = EBUSY;

	*text = '\0';
	c->side->causer = c;
	if (!taken) {
		e->rep = make_endpoint(e, ch, req);
		err = errno;
	}
	c->side->causer = NULL;
	if (e->rep) {
		rpmsg_endpoint_set_in_place(e->rep, true);
		e->chan = ch;
		return 0;
	}
	if (!name_holder(c, ch, req, text, size))
		snprintf(text, size, "%s", rpmsg_error_detail());
	return -err;
}

static bool find_channel(struct client *c, const struct proto_bind *req, struct chan **ch)
{
	*ch = NULL;
	if (!req->channel && !req->key.name[0])
		return !req->own;
	*ch = req->channel ? chan_find(c->side, req->channel) : chan_by_key(c->side, &req->key);
	return *ch;
}

/* Tries; and once more if somebody who is dead already was in the way. */
static int try_bind(struct client *c, struct ep *e, const struct proto_bind *req, char *text,
		    size_t size)
{
	bool again = true;
	struct chan *ch;
	int err;

	for (;;) {
		if (!find_channel(c, req, &ch)) {
			snprintf(text, size, "channel %s is gone", req->key.name);
			return -EPIPE;
		}
		err = bind_endpoint(c, e, ch, req, text, size);
		if (!again || (err != -EBUSY && err != -EADDRINUSE))
			return err;
		again = false;
		if (!client_reap(c->served, c))
			return err;
	}
}

static void bind_request(struct client *c, const void *data)
{
	const struct proto_bind *req = data;
	struct proto_bind_reply rep;
	char text[200] = "";
	struct ep *e;
	int fds[2], err;

	if (!proto_text_ok(req->key.name, sizeof(req->key.name)) || req->own > 1) {
		client_doom(c, "malformed request to bind");
		return;
	}
	err = policy_bind(c, text, sizeof(text));
	if (err) {
		control_refuse(c, &req->head, err, text);
		return;
	}
	e = ep_new(c);
	if (!e) {
		control_refuse(c, &req->head, -ENOMEM, "");
		return;
	}
	err = try_bind(c, e, req, text, sizeof(text));
	if (!err)
		err = ep_connect(e, fds);
	if (err) {
		ep_free(e);
		control_refuse(c, &req->head, err, text);
		return;
	}
	rep = (struct proto_bind_reply){ .endpoint = e->id, .addr = e->rep->addr,
					 .generation = c->side->generation, .up = c->side->up };
	control_reply_head(&rep.head, &req->head, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), fds, 2);
}

static void unbind_request(struct client *c, const void *data)
{
	const struct proto_unbind *req = data;
	struct proto_unbind_reply rep;
	struct ep *e;

	TAILQ_FOREACH(e, &c->eps, of_client)
		if (e->id == req->endpoint)
			break;
	if (!e) {
		control_refuse(c, &req->head, -ENOENT, "no such endpoint");
		return;
	}
	outbox_drain(e);
	rep.failed = e->failed;
	c->side->causer = c;
	ep_free(e);
	c->side->causer = NULL;
	control_reply_head(&rep.head, &req->head, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

/* ---- channels ---- */

static struct chan *create(struct client *c, const struct proto_create *req)
{
	struct rpmsg_bus *bus = c->side->bus;
	struct rpmsg_device *rpdev;

	c->side->causer = c;
	if (req->origin == RPMSG_CHANNEL_SERVICE)
		rpdev = rpmsg_service_create(bus, req->info.name, req->info.src,
					     req->flags & RPMSG_SERVICE_ON_BIND);
	else
		rpdev = rpmsg_channel_create(rpmsg_bus_device(bus), &req->info);
	c->side->causer = NULL;
	return chan_of(rpdev);
}

static void adopt(struct client *c, struct chan *ch, bool persist)
{
	ch->persist = persist;
	if (persist)
		return;
	ch->owner = c;
	c->n_chans++;
	TAILQ_INSERT_TAIL(&c->chans, ch, of_client);
}

static void create_request(struct client *c, const void *data)
{
	const struct proto_create *req = data;
	struct proto_create_reply rep;
	char text[128];
	struct chan *ch;
	int err;

	if (!proto_text_ok(req->info.name, sizeof(req->info.name)) ||
	    (req->origin != RPMSG_CHANNEL_SERVICE && req->origin != RPMSG_CHANNEL_STATIC)) {
		client_doom(c, "malformed request for a channel");
		return;
	}
	err = policy_create(c, req->flags, text, sizeof(text));
	if (err) {
		control_refuse(c, &req->head, err, text);
		return;
	}
	ch = create(c, req);
	if (!ch && (errno == EEXIST || errno == EADDRINUSE) && client_reap(c->served, c))
		ch = create(c, req);
	if (!ch) {
		control_refuse(c, &req->head, errno ? -errno : -ENOMEM, rpmsg_error_detail());
		return;
	}
	adopt(c, ch, req->flags & RPMSG_SERVICE_PERSIST);
	rep = (struct proto_create_reply){ .channel = ch->id, .src = ch->rpdev->src,
					   .dst = ch->rpdev->dst };
	control_reply_head(&rep.head, &req->head, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), NULL, 0);
}

int control_destroy(struct chan *ch)
{
	struct rpmsg_channel_info info = { .src = ch->rpdev->src, .dst = ch->rpdev->dst };

	if (ch->origin == RPMSG_CHANNEL_SERVICE)
		return rpmsg_service_destroy(ch->rpdev);
	memcpy(info.name, ch->rpdev->id.name, sizeof(info.name));
	return rpmsg_channel_destroy(ch->rpdev, &info);
}

static void destroy_request(struct client *c, const void *data)
{
	const struct proto_destroy *req = data;
	struct chan *ch = chan_find(c->side, req->channel);
	char text[160];
	int err;

	if (!ch) {
		control_refuse(c, &req->head, -ENOENT, "no such channel");
		return;
	}
	err = policy_destroy(c, ch, text, sizeof(text));
	if (err) {
		control_refuse(c, &req->head, err, text);
		return;
	}
	c->side->causer = c;
	err = control_destroy(ch);
	c->side->causer = NULL;
	if (err)
		control_refuse(c, &req->head, err, rpmsg_error_detail());
	else
		done(c, &req->head);
}

/* Where the last page ended is where the next one is asked for, unless others ask too. */
static struct chan *first_after(struct side *s, uint64_t after)
{
	struct chan *ch = s->next_chan, *before = ch ? TAILQ_PREV(ch, chan_list, link) : NULL;

	if (ch && ch->id > after && (!before || before->id <= after))
		return ch;
	TAILQ_FOREACH(ch, &s->chans, link)
		if (ch->id > after)
			break;
	return ch;
}

static void list_page(struct side *s, uint64_t after, struct proto_list_reply *rep)
{
	struct chan *ch = first_after(s, after);
	struct rpmsg_channel_status st;

	for (; ch && rep->n < PROTO_LIST_MAX; ch = TAILQ_NEXT(ch, link))
		if (!rpmsg_channel_get_status(ch->rpdev, &st))
			chan_describe(ch, &st, &rep->item[rep->n++]);
	s->next_chan = ch;
	rep->more = ch != NULL;
}

struct listing {
	uint64_t after;
	struct proto_list_reply *rep;
};

static int list_one(const struct rpmsg_channel_status *st, void *arg)
{
	const struct chan *ch = chan_of(st->rpdev);
	struct listing *l = arg;

	if (!ch || ch->id <= l->after)
		return 0;
	if (l->rep->n == PROTO_LIST_MAX) {
		l->rep->more = 1;
		return 1;
	}
	chan_describe(ch, st, &l->rep->item[l->rep->n++]);
	return 0;
}

static void list_request(struct client *c, const void *data)
{
	const struct proto_list *req = data;
	struct proto_list_reply rep = { .n = 0 };
	struct listing l = { .after = req->after, .rep = &rep };
	size_t size;
	int err = 0;

	if (c->side->fixed_dst) /* the kernel is asked for all its channels at once */
		err = rpmsg_bus_for_each_channel(c->side->bus, list_one, &l);
	else
		list_page(c->side, req->after, &rep);
	if (err < 0) {
		control_refuse(c, &req->head, -ENOMEM, "");
		return;
	}
	size = offsetof(struct proto_list_reply, item) + rep.n * sizeof(rep.item[0]);
	control_reply_head(&rep.head, &req->head, size);
	client_packet(c, &rep, size, NULL, 0);
}

/* ---- the rest ---- */

static void info_request(struct client *c, const void *data)
{
	reply_info(c, data);
}

/* fds: the recorder's file, the client's end of the socket that tells of records. */
static int open_record(struct client *c, int fds[2])
{
	int pair[2], err;

	fds[0] = open(c->served->record, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fds[0] < 0)
		return -errno;
	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ? -errno : 0;
	if (err) {
		close(fds[0]);
		return err;
	}
	err = subscriber_add(c, pair[0]);
	fds[1] = pair[1];
	if (!err)
		return 0;
	close(fds[0]);
	close(pair[0]);
	close(pair[1]);
	return err;
}

static void record_request(struct client *c, const void *data)
{
	const struct proto_head *req = data;
	struct proto_head rep;
	int fds[2], err;

	if (!c->served->record) {
		control_refuse(c, req, -EOPNOTSUPP, "rpmsgd does not record (--no-record)");
		return;
	}
	subscriber_drop_gone(c);
	if (c->n_subscribers >= CLIENT_SUBSCRIBERS_MAX) {
		control_refuse(c, req, -EMFILE, "too many readers of the recording");
		return;
	}
	err = open_record(c, fds);
	if (err) {
		control_refuse(c, req, err, "");
		return;
	}
	control_reply_head(&rep, req, sizeof(rep));
	client_packet(c, &rep, sizeof(rep), fds, 2);
}

static const struct request {
	size_t size;
	void (*handle)(struct client *c, const void *data);
} requests[] = {
	[PROTO_HELLO] = { sizeof(struct proto_hello), hello },
	[PROTO_BIND] = { sizeof(struct proto_bind), bind_request },
	[PROTO_UNBIND] = { sizeof(struct proto_unbind), unbind_request },
	[PROTO_CREATE] = { sizeof(struct proto_create), create_request },
	[PROTO_DESTROY] = { sizeof(struct proto_destroy), destroy_request },
	[PROTO_LIST] = { sizeof(struct proto_list), list_request },
	[PROTO_INFO] = { sizeof(struct proto_head), info_request },
	[PROTO_RECORD] = { sizeof(struct proto_head), record_request },
	[PROTO_STATS] = { sizeof(struct proto_head), stats_request },
	[PROTO_ENDPOINTS] = { sizeof(struct proto_list), stats_endpoints_request },
};

_Static_assert(REQUEST_MAX >= sizeof(struct proto_bind) &&
		       REQUEST_MAX >= sizeof(struct proto_create), "a request fits");

void control_request(struct client *c, const void *data, size_t len)
{
	const struct proto_head *head = data;
	const struct request *r;

	if (len < sizeof(*head) || head->size != len || !head->seq || head->status ||
	    head->op >= sizeof(requests) / sizeof(requests[0])) {
		client_doom(c, "malformed request");
		return;
	}
	r = &requests[head->op];
	if (!r->handle || len != r->size)
		client_doom(c, "malformed request");
	else if ((head->op == PROTO_HELLO) == (c->side != NULL))
		client_doom(c, c->side ? "HELLO twice" : "a request before HELLO");
	else
		r->handle(c, data);
}
