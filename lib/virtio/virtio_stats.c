/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two queues are like now. Of what the other side does only its indices tell. */
#include <stdio.h>

#include "core/clock.h"
#include "virtio/virtio_bus.h"

/*
 * For how long something has been out: at least since it was first seen so, by the last
 * question, with the ring's index as it is; or since the last message that was sent.
 */
static uint64_t out_for(struct virtio_bus *vb, unsigned q, uint16_t idx, bool out, uint64_t now,
			uint64_t last_ns)
{
	struct ring_seen *seen = &vb->seen[q];

	if (!out) {
		seen->since_ns = 0;
		return 0;
	}
	if (!seen->since_ns || seen->idx != idx || seen->generation != vb->generation)
		seen->since_ns = last_ns && last_ns < now ? last_ns : now;
	seen->idx = idx;
	seen->generation = vb->generation;
	return now - seen->since_ns;
}

/* The other side may offer again what it has not got back, and so more than the ring has. */
static uint32_t at_most(uint32_t n, uint32_t room)
{
	return n < room ? n : room;
}

static uint64_t oldest_reservation(const struct virtio_bus *vb, uint64_t now, uint32_t *n)
{
	const struct reservation *r;
	uint64_t oldest = now;

	LIST_FOREACH(r, &vb->tx.reserved, link) {
		if (r->mem != vb->mem || r->generation != vb->generation)
			continue;
		(*n)++;
		if (r->since_ns < oldest)
			oldest = r->since_ns;
	}
	return now - oldest;
}

/* Buffers come back by our taking used ones (host), or by the other side's adding new ones. */
static void tx_ring(struct virtio_bus *vb, struct rpmsg_ring_stats *ring, uint64_t last_ns)
{
	struct tx *tx = &vb->tx;
	uint64_t now = clock_ns(CLOCK_MONOTONIC), held_ns;
	uint16_t idx;

	held_ns = oldest_reservation(vb, now, &ring->held);
	ring->held = at_most(ring->held, vb->num);
	ring->free = at_most(tx_free(vb), vb->num - ring->held);
	ring->in_flight = vb->num - ring->free - ring->held;
	idx = vb->host ? tx->queue.drv.used_idx :
			 (uint16_t)(tx->queue.dev.avail_idx + vring_device_available(&tx->queue.dev));
	ring->oldest_ns = out_for(vb, tx->q, idx, ring->in_flight, now, last_ns);
	if (ring->held && held_ns > ring->oldest_ns)
		ring->oldest_ns = held_ns;
	if (ring->in_flight)
		tx_holder(vb, ring->holder, sizeof(ring->holder));
	else if (ring->held)
		snprintf(ring->holder, sizeof(ring->holder), "this side (%u reserved)", ring->held);
	ring->full = tx->n_full;
	ring->full_ns = tx->full_ns + (tx->starved_since_ns ? now - tx->starved_since_ns : 0);
}

static void rx_ring(struct virtio_bus *vb, struct rpmsg_ring_stats *ring)
{
	struct rx *rx = &vb->rx;
	uint64_t now = clock_ns(CLOCK_MONOTONIC), held_ns = 0;
	uint16_t idx = vb->host ? rx->queue.drv.used_idx : rx->queue.dev.avail_idx;

	ring->held = at_most(rx->n_held, vb->num);
	ring->in_flight = at_most(vb->host ? vring_driver_used(&rx->queue.drv) :
					     vring_device_available(&rx->queue.dev),
				  vb->num - ring->held);
	ring->free = vb->num - ring->held - ring->in_flight;
	ring->oldest_ns = out_for(vb, rx->q, idx, ring->in_flight, now, now);
	if (ring->held)
		held_ns = now - rx->held_since_ns;
	if (held_ns > ring->oldest_ns)
		ring->oldest_ns = held_ns;
	if (ring->held || ring->in_flight)
		snprintf(ring->holder, sizeof(ring->holder), "the %s side", vb->host ? "host" : "remote");
}

/* Some kicks are of no message, as when a ring is set up: what was suppressed stays so. */
static void notifications(struct virtio_bus *vb, struct rpmsg_ring_stats *ring, unsigned q,
			  uint64_t messages)
{
	ring->kicks = vb->kicks[q];
	if (messages > ring->kicks && messages - ring->kicks > vb->suppressed[q])
		vb->suppressed[q] = messages - ring->kicks;
	ring->suppressed = vb->suppressed[q];
	ring->wakeups = peek(&vb->wakeups[q]);
}

void virtio_rings(struct rpmsg_bus *bus, struct rpmsg_stats *stats)
{
	struct virtio_bus *vb = virtio_of(bus);
	struct rpmsg_ring_stats *tx = &stats->tx_ring, *rx = &stats->rx_ring;

	lock_take(&bus->lock);
	lock_take(&vb->tx.lock);
	if (vb->tx.up) {
		tx->size = rx->size = vb->num;
		tx_ring(vb, tx, stats->counts.tx.last_ns);
		rx_ring(vb, rx);
		notifications(vb, tx, vb->tx.q, stats->counts.tx.messages);
		notifications(vb, rx, vb->rx.q, stats->counts.rx.messages);
	}
	lock_drop(&vb->tx.lock);
	lock_drop(&bus->lock);
}
