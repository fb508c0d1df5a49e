/* SPDX-License-Identifier: BSD-2-Clause */
/* The six send calls of the kernel's document, and what else an endpoint can do with its backend. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

int endpoint_send_unbound(struct endpoint *e, const void *data, size_t len, uint32_t src,
			  uint32_t dst, bool wait)
{
	(void)data, (void)len, (void)src, (void)dst, (void)wait;
	return endpoint_refused(e, fail(EPIPE, "the endpoint's channel is gone"));
}

static __attribute__((noinline)) int no_destination(struct endpoint *e)
{
	const char *text = e->bus->ops->no_destination;

	return endpoint_refused(e, fail(EINVAL, "%s", text ? text : "no destination address yet"));
}

static __attribute__((noinline)) int no_message(struct endpoint *e)
{
	return endpoint_refused(e, fail(EINVAL, "no message to send"));
}

static inline int send_to(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst,
			  bool wait)
{
	struct endpoint *e = endpoint_of(ept);

	if (__builtin_expect(len < 0 || (!data && len), 0))
		return no_message(e);
	if (__builtin_expect(dst == RPMSG_ADDR_ANY, 0))
		return no_destination(e);
	return peek(&e->send)(e, data, (size_t)len, ept->addr, dst, wait);
}

static inline int send_from(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t src,
			    uint32_t dst, bool wait)
{
	struct endpoint *e = endpoint_of(ept);

	if (len < 0 || (!data && len))
		return no_message(e);
	if (src == RPMSG_ADDR_ANY)
		return endpoint_refused(e, fail(EINVAL, "no source address yet"));
	if (dst == RPMSG_ADDR_ANY)
		return no_destination(e);
	return peek(&e->send)(e, data, (size_t)len, src, dst, wait);
}

int rpmsg_send(struct rpmsg_endpoint *ept, const void *data, int len)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_to(ept, data, len, peek(&endpoint_of(ept)->dst), true);
}

int rpmsg_trysend(struct rpmsg_endpoint *ept, const void *data, int len)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_to(ept, data, len, peek(&endpoint_of(ept)->dst), false);
}

int rpmsg_sendto(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_to(ept, data, len, dst, true);
}

int rpmsg_trysendto(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_to(ept, data, len, dst, false);
}

int rpmsg_send_offchannel(struct rpmsg_endpoint *ept, uint32_t src, uint32_t dst, const void *data,
			  int len)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_from(ept, data, len, src, dst, true);
}

int rpmsg_trysend_offchannel(struct rpmsg_endpoint *ept, uint32_t src, uint32_t dst,
			     const void *data, int len)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return send_from(ept, data, len, src, dst, false);
}

long rpmsg_get_mtu(struct rpmsg_endpoint *ept)
{
	if (!ept)
		return fail(EINVAL, "no endpoint");
	return endpoint_of(ept)->bus->ops->mtu(endpoint_of(ept)->bus);
}

int rpmsg_poll(struct rpmsg_endpoint *ept)
{
	if (!ept || !__atomic_load_n(&endpoint_of(ept)->bound, __ATOMIC_RELAXED))
		return POLLERR;
	return endpoint_of(ept)->bus->ops->poll(endpoint_of(ept));
}

void *rpmsg_tx_reserve(struct rpmsg_endpoint *ept, size_t *room, bool wait)
{
	if (!ept || !room) {
		fail(EINVAL, "no endpoint");
		return NULL;
	}
	return endpoint_of(ept)->bus->ops->reserve(endpoint_of(ept), room, wait);
}

int rpmsg_tx_submit(struct rpmsg_endpoint *ept, void *buf, size_t len, uint32_t dst)
{
	struct endpoint *e = endpoint_of(ept);

	if (!ept || !buf)
		return fail(EINVAL, "no buffer");
	if (dst == RPMSG_ADDR_ANY)
		dst = __atomic_load_n(&e->dst, __ATOMIC_RELAXED);
	if (dst == RPMSG_ADDR_ANY) {
		e->bus->ops->discard(e, buf);
		return no_destination(e);
	}
	return e->bus->ops->submit(e, buf, dst, len);
}

void rpmsg_tx_discard(struct rpmsg_endpoint *ept, void *buf)
{
	if (ept && buf)
		endpoint_of(ept)->bus->ops->discard(endpoint_of(ept), buf);
}

struct rpmsg_held *rpmsg_rx_hold(struct rpmsg_endpoint *ept, const void *data)
{
	struct endpoint *e = endpoint_of(ept);

	if (!ept || !data || e->bus->running != e || peek(&e->bus->dispatcher) != thread_id()) {
		fail(EINVAL, "not in the endpoint's callback");
		return NULL;
	}
	if (!peek(&e->in_place)) {
		fail(EOPNOTSUPP, "the endpoint does not receive in place");
		return NULL;
	}
	if (e->bus->running_data != data) {
		fail(EINVAL, "not the message of the running callback");
		return NULL;
	}
	return e->bus->ops->hold(e, data);
}

struct held_copy {
	struct rpmsg_held pub;
	_Alignas(8) uint8_t data[];
};

static void free_copy(struct rpmsg_held *held)
{
	free(held);
}

struct rpmsg_held *held_copy(const void *data, size_t len)
{
	struct held_copy *h = malloc(sizeof(*h) + len);

	if (!h)
		return NULL;
	memcpy(h->data, data, len);
	h->pub.data = h->data;
	h->pub.release = free_copy;
	return &h->pub;
}

const void *rpmsg_held_data(const struct rpmsg_held *held)
{
	return held->data;
}

void rpmsg_rx_release(struct rpmsg_held *held)
{
	if (held)
		held->release(held);
}
