/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The endpoints that replayed messages are sent from: one for each party of our side. A service
 * is offered again, a well-known address is bound as it is, any other becomes a free one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "rpmsg-send/replay.h"

/* ---- receiving ---- */

/* Whether a message from src to local can be one of the pair's, by its address alone. */
static bool comes_from(const struct pair *pair, const struct local *local, uint32_t src)
{
	if (local->only || src == RPMSG_ADDR_ANY)
		return pair == local->only;
	if (pair->ours != local->ours || pair->is_client || !pair_is_distinct(pair))
		return false;
	return src == (pair->theirs->name[0] ? pair->theirs->live : pair->theirs->addr);
}

static struct pair *client_pair(const struct local *local, unsigned client)
{
	struct pair *pair;

	STAILQ_FOREACH(pair, &local->replay->plan.pairs, next)
		if (pair->ours == local->ours && pair->is_client && pair->client == client)
			return pair;
	return NULL;
}

/* Which client of local writes from src, counting it if it is new. n_clients of ours: none. */
static unsigned client_of(struct local *local, uint32_t src)
{
	unsigned i;

	for (i = 0; i < local->n_clients; i++)
		if (local->client[i] == src)
			return i;
	if (i < local->ours->n_clients)
		local->client[local->n_clients++] = src;
	return i;
}

/* Those of whom the recording does not tell more than that there were some. */
static struct pair *others_pair(const struct local *local)
{
	struct pair *pair;

	STAILQ_FOREACH(pair, &local->replay->plan.pairs, next)
		if (pair->ours == local->ours && pair->received && !pair_is_distinct(pair))
			return pair;
	return NULL;
}

struct pair *local_pair(struct local *local, uint32_t src)
{
	struct pair *pair;
	unsigned client;

	STAILQ_FOREACH(pair, &local->replay->plan.pairs, next)
		if (comes_from(pair, local, src))
			break;
	if (!pair && src >= RPMSG_ADDR_DYNAMIC && src != RPMSG_ADDR_ANY) {
		client = client_of(local, src);
		if (client < local->ours->n_clients)
			return client_pair(local, client);
	}
	return pair && pair->received ? pair : others_pair(local);
}

static int received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct local *local = priv;
	struct replay *r = local->replay;

	(void)rpdev;
	if (!local->listening)
		return 0;
	if (r->expect)
		expect_got(r->expect, local, src, data, (size_t)len);
	else if (local->ours->n_clients)
		local_pair(local, src); /* a client may be new */
	return 0;
}

/* ---- binding ---- */

static enum tool_exit failed(const struct local *local)
{
	char party[PARTY_TEXT_SIZE], text[PARTY_TEXT_SIZE + 24];
	int err = errno;

	if (session_look(local->replay->s) == -EPIPE || err == EPIPE)
		return session_down(local->replay->s);
	snprintf(text, sizeof(text), "cannot bind %s", party_text(local->ours, party));
	errno = err;
	bus_error(text, err);
	return TOOL_FAIL;
}

struct search {
	const struct party *party;
	unsigned seen;
	struct rpmsg_device *device;
};

/* A service of ours that the bus offers already. */
static int consider(const struct rpmsg_channel_status *st, void *arg)
{
	struct search *search = arg;

	if (st->origin != RPMSG_CHANNEL_SERVICE || !st->rpdev ||
	    strcmp(st->info.name, search->party->name) ||
	    search->seen++ != search->party->instance)
		return 0;
	search->device = st->rpdev;
	return 1;
}

static struct rpmsg_device *offer(struct local *local)
{
	const struct party *party = local->ours;
	struct rpmsg_bus *bus = local->replay->s->bus;
	struct search search = { .party = party };
	uint32_t addr = party->addr < RPMSG_ADDR_DYNAMIC ? party->addr : RPMSG_ADDR_ANY;

	if (rpmsg_bus_for_each_channel(bus, consider, &search) == 1)
		return search.device;
	return rpmsg_service_create(bus, party->name, addr, RPMSG_SERVICE_ON_BIND);
}

static struct rpmsg_endpoint *bind_service(struct local *local)
{
	struct rpmsg_device *device = offer(local);

	return device ? rpmsg_channel_bind(device, received, local) : NULL;
}

/*
 * The channel's own address, if there is one to a service that the party writes to: firmware
 * that answers whom it heard first may know it.
 */
static struct rpmsg_endpoint *bind_channel(struct local *local)
{
	struct rpmsg_endpoint *ept;
	const struct pair *pair;

	STAILQ_FOREACH(pair, &local->replay->plan.pairs, next)
		if (pair->ours == local->ours && (!local->only || local->only == pair) &&
		    pair->selected && pair->sent && pair->theirs->device)
			break;
	if (!pair)
		return NULL;
	ept = rpmsg_channel_bind(pair->theirs->device, received, local);
	local->channel = ept ? pair->theirs->device : NULL;
	return ept;
}

static struct rpmsg_endpoint *create(struct local *local, uint32_t src)
{
	struct rpmsg_channel_info info = { .src = src, .dst = RPMSG_ADDR_ANY };

	if (local->only)
		info.dst = map_look_up(local->only);
	return rpmsg_create_ept(rpmsg_bus_device(local->replay->s->bus), received, local, info);
}

static struct rpmsg_endpoint *bind_address(struct local *local)
{
	struct rpmsg_endpoint *ept;

	if (local->ours->addr < RPMSG_ADDR_DYNAMIC)
		return create(local, local->ours->addr);
	ept = local->addr != RPMSG_ADDR_ANY ? create(local, local->addr) : NULL;
	if (!ept)
		ept = bind_channel(local);
	return ept ? ept : create(local, RPMSG_ADDR_ANY);
}

static struct rpmsg_endpoint *bind_endpoint(struct local *local)
{
	struct rpmsg_endpoint *ept = local->ours->name[0] ? bind_service(local) :
							    bind_address(local);

	if (!ept)
		return NULL;
	rpmsg_endpoint_set_learn(ept, false);
	local->addr = ept->addr;
	return ept;
}

static enum tool_exit bind_local(struct local *local)
{
	local->ept = bind_endpoint(local);
	return local->ept ? TOOL_OK : failed(local);
}

/* The other side may know the address that it had. */
static void renew(struct local *local)
{
	if (!local->ept || !(rpmsg_poll(local->ept) & POLLERR))
		return;
	rpmsg_destroy_ept(local->ept);
	local->channel = NULL;
	local->ept = bind_endpoint(local);
}

void local_renew_all(struct replay *r)
{
	struct local *local;

	STAILQ_FOREACH(local, &r->locals, next)
		if (!r->s->down)
			renew(local);
}

enum tool_exit local_ready(struct local *local)
{
	return local->ept ? TOOL_OK : bind_local(local);
}

/* ---- all of them ---- */

static enum tool_exit add_local(struct replay *r, struct party *ours, struct pair *only)
{
	struct local *local = calloc(1, sizeof(*local));

	if (local && ours->n_clients)
		local->client = calloc(ours->n_clients, sizeof(*local->client));
	if (!local || (ours->n_clients && !local->client)) {
		free(local);
		tool_error("%s", rpmsg_strerror(ENOMEM));
		return TOOL_FAIL;
	}
	local->replay = r;
	local->ours = ours;
	local->only = only;
	local->addr = RPMSG_ADDR_ANY;
	local->listening = party_is_known(ours);
	STAILQ_INSERT_TAIL(&r->locals, local, next);
	if (only)
		only->local = local;
	else
		ours->local = local;
	return bind_local(local);
}

/* Such a bus gives an endpoint one destination for good, and a service none. */
static enum tool_exit check_fixed(const struct replay *r, const struct pair *pair)
{
	char text[PARTY_TEXT_SIZE];

	if (pair->ours->name[0]) {
		tool_error("bus %s: service %s of this side cannot choose to whom it writes",
			   r->s->bus_name, party_text(pair->ours, text));
		return TOOL_FAIL;
	}
	if (pair->ours->local && pair->ours->addr < RPMSG_ADDR_DYNAMIC) {
		tool_error("bus %s: address %s writes to more than one destination, which an "
			   "endpoint of this bus cannot", r->s->bus_name,
			   party_text(pair->ours, text));
		return TOOL_FAIL;
	}
	return TOOL_OK;
}

static enum tool_exit bind_sender(struct replay *r, struct pair *pair)
{
	enum tool_exit code = TOOL_OK;

	if (!r->s->fixed_dst) {
		if (!pair->ours->local)
			code = add_local(r, pair->ours, NULL);
		pair->local = pair->ours->local;
		return code;
	}
	code = check_fixed(r, pair);
	if (!code)
		code = add_local(r, pair->ours, pair);
	pair->ours->local = pair->local;
	return code;
}

/* Offered services are there though they only listen, and what is expected has to be heard. */
static bool has_to_listen(const struct replay *r, const struct party *ours)
{
	const struct pair *pair;

	if (ours->side != r->s->side || ours->local || !party_is_known(ours))
		return false;
	if (ours->name[0] && (!r->plan.name || !strcmp(ours->name, r->plan.name)))
		return true;
	if (!r->expect)
		return false;
	STAILQ_FOREACH(pair, &r->plan.pairs, next)
		if (pair->ours == ours && pair->selected && pair->received)
			return true;
	return false;
}

enum tool_exit local_bind_all(struct replay *r)
{
	enum tool_exit code = TOOL_OK;
	struct party *party;
	struct pair *pair;

	STAILQ_FOREACH(pair, &r->plan.pairs, next)
		if (!code && pair->selected && pair->sent)
			code = bind_sender(r, pair);
	STAILQ_FOREACH(party, &r->plan.parties, next)
		if (!code && has_to_listen(r, party))
			code = add_local(r, party, NULL);
	return code;
}

void local_free_all(struct replay *r)
{
	struct local *local;

	while ((local = STAILQ_FIRST(&r->locals))) {
		STAILQ_REMOVE_HEAD(&r->locals, next);
		rpmsg_destroy_ept(local->ept);
		free(local->client);
		free(local);
	}
}
