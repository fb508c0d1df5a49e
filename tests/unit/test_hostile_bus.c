/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other side of the link writes nonsense: each case that crashes other
 * stacks, against the host's bus and against the remote's. The test plays the
 * other side by writing to the rings behind its bus's back.
 */
#include <errno.h>
#include <poll.h>

#include "virtio/barrier.h"
#include "virtio/virtio_bus.h"

#include "loop_bus.h"

static struct loop_bus lb;
static struct inbox in;
static struct rpmsg_endpoint *h, *r;

static int setup(void **state)
{
	(void)state;
	memset(&in, 0, sizeof(in));
	loop_bus_open(&lb, NULL);
	h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	loop_bus_settle(&lb);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_bus_close(&lb);
	return 0;
}

static struct vring *ring(unsigned q)
{
	return &virtio_of(lb.host)->link->ring[q];
}

static uint8_t *buffer(unsigned q, unsigned i)
{
	return virtio_of(lb.host)->link->buffers[q] + (size_t)i * 512;
}

static uint64_t malformed(struct rpmsg_bus *bus)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	assert_int_equal(rpmsg_bus_get_info(bus, &info), 0);
	return info.malformed;
}

/* The bus is as good as new: a message each way arrives. */
static void still_works(void)
{
	in.n = 0;
	assert_int_equal(rpmsg_trysend(h, "to remote", 9), 0);
	assert_int_equal(rpmsg_trysend(r, "to host", 7), 0);
	loop_bus_settle(&lb);
	assert_int_equal(in.n, 2);
}

/* The remote says it has filled a buffer of the host. */
static void fake_used(uint32_t id, uint32_t len)
{
	struct vring *vr = ring(0);
	uint16_t idx = vr->used->idx;

	vr->used->ring[idx % 256] = (struct vring_used_elem){ id, len };
	shm_store_release16(&vr->used->idx, (uint16_t)(idx + 1));
}

static void fake_header(uint8_t *at, uint16_t len)
{
	struct wire_hdr hdr = { .src = 77, .dst = 5, .len = len };

	memcpy(at, &hdr, sizeof(hdr));
}

static void host_refuses(uint32_t id, uint32_t len, const char *why)
{
	fake_used(id, len);
	rpmsg_bus_dispatch(lb.host, 0);
	assert_int_equal(in.n, 0);
	assert_int_equal(malformed(lb.host), 1);
	if (!strstr(lb.log, why))
		fail_msg("'%s' is not in: %s", why, lb.log);
}

static void test_used_id_out_of_range(void **state)
{
	(void)state;
	host_refuses(256, 20, "256");
}

static void test_used_id_huge(void **state)
{
	(void)state;
	host_refuses(0xffffffff, 20, "4294967295");
}

/* The remote returns a transmit buffer twice: it is free once. */
static void test_used_twice(void **state)
{
	struct vring *vr = ring(1);

	(void)state;
	for (int i = 0; i < 256; i++)
		assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	vr->used->ring[0] = vr->used->ring[1] = (struct vring_used_elem){ 9, 0 };
	shm_store_release16(&vr->used->idx, 2);
	assert_int_equal(rpmsg_poll(h), POLLOUT); /* looks at both */
	assert_int_equal(malformed(lb.host), 1);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
}

static void test_used_length_below_header(void **state)
{
	(void)state;
	fake_header(buffer(0, 0), 4);
	host_refuses(0, 15, "15");
}

static void test_used_length_above_buffer(void **state)
{
	(void)state;
	fake_header(buffer(0, 0), 4);
	host_refuses(0, 513, "used length");
}

static void test_header_length_to_host(void **state)
{
	(void)state;
	fake_header(buffer(0, 0), 65535);
	host_refuses(0, 512, "65535");
}

static void test_header_length_beyond_used(void **state)
{
	(void)state;
	fake_header(buffer(0, 0), 5);
	host_refuses(0, 20, "5 bytes");
}

/* The whole buffer as used length and the true one in the header: what OpenAMP sends. */
static void test_used_length_of_whole_buffer(void **state)
{
	(void)state;
	fake_header(buffer(0, 0), 5);
	fake_used(0, 512);
	rpmsg_bus_dispatch(lb.host, 0);
	assert_int_equal(in.n, 1);
	assert_int_equal(in.len, 5);
}

/* An index that cannot be: nothing stale is delivered, and the link is brought up anew. */
static void index_jump(struct rpmsg_bus *victim, uint16_t *idx)
{
	shm_store_release16(idx, (uint16_t)(*idx + 1000));
	rpmsg_bus_dispatch(victim, 0);
	assert_int_equal(in.n, 0);
	assert_int_equal(malformed(victim), 1);
	assert_non_null(strstr(lb.log, "reset"));
}

static void test_used_index_jumps(void **state)
{
	(void)state;
	index_jump(lb.host, &ring(0)->used->idx);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -EPIPE);
}

static void test_avail_index_jumps(void **state)
{
	(void)state;
	index_jump(lb.remote, &ring(1)->avail->idx);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_trysend(r, "x", 1), -EPIPE);
}

/* The host offers a message to the remote. */
static void fake_avail(uint16_t head)
{
	struct vring *vr = ring(1);
	uint16_t idx = vr->avail->idx;

	vr->avail->ring[idx % 256] = head;
	shm_store_release16(&vr->avail->idx, (uint16_t)(idx + 1));
}

static void remote_refuses(uint16_t head, uint64_t addr, uint32_t len, uint16_t flags, const char *why)
{
	if (head < 256)
		ring(1)->desc[head] = (struct vring_desc){ addr, len, flags, 0 };
	fake_avail(head);
	rpmsg_bus_dispatch(lb.remote, 0);
	assert_int_equal(in.n, 0);
	assert_int_equal(malformed(lb.remote), 1);
	if (!strstr(lb.log, why))
		fail_msg("'%s' is not in: %s", why, lb.log);
}

static uint64_t tx_addr(void)
{
	return virtio_of(lb.host)->tx_addr;
}

static void test_avail_head_out_of_range(void **state)
{
	(void)state;
	remote_refuses(256, 0, 0, 0, "256");
}

static void test_descriptor_outside_memory(void **state)
{
	(void)state;
	remote_refuses(0, UINT64_C(1) << 40, 64, 0, "10000000000");
}

static void test_descriptor_wraps(void **state)
{
	(void)state;
	remote_refuses(0, UINT64_MAX - 7, 64, 0, "fffffffffffffff8");
}

static void test_descriptor_length_huge(void **state)
{
	(void)state;
	remote_refuses(0, tx_addr(), UINT32_MAX, 0, "4294967295");
}

static void test_descriptor_below_header(void **state)
{
	(void)state;
	fake_header(buffer(1, 0), 4);
	remote_refuses(0, tx_addr(), 15, 0, "15");
}

static void test_descriptor_written_by_device(void **state)
{
	(void)state;
	remote_refuses(0, tx_addr(), 64, VRING_DESC_F_WRITE, "writ");
}

static void test_chain_loops(void **state)
{
	(void)state;
	remote_refuses(0, tx_addr(), 64, VRING_DESC_F_NEXT, "");
}

static void test_header_length_to_remote(void **state)
{
	(void)state;
	fake_header(buffer(1, 0), 65535);
	remote_refuses(0, tx_addr(), 512, 0, "65535");
}

/* After a refused entry the bus goes on. */
static void test_goes_on(void **state)
{
	(void)state;
	/* The header lies in the host's next buffer but one; the remote's own index stands before it. */
	fake_header(buffer(0, 0), 65535);
	virtio_of(lb.remote)->tx.queue.dev.used_idx++;
	fake_used(300, 20);
	virtio_of(lb.remote)->tx.queue.dev.used_idx++;
	fake_used(0, 512);
	virtio_of(lb.remote)->tx.queue.dev.avail_idx++;
	rpmsg_bus_dispatch(lb.host, 0);
	assert_int_equal(malformed(lb.host), 2);
	assert_int_equal(in.n, 0);
	still_works();
}

/* A message in pieces, as a kernel may send it. */
static void test_chain_to_remote(void **state)
{
	struct wire_hdr hdr = { .src = 5, .dst = 77, .len = 6 };
	struct vring *vr = ring(1);

	(void)state;
	memcpy(buffer(1, 0), &hdr, sizeof(hdr));
	memcpy(buffer(1, 0) + 16, "ab", 2);
	memcpy(buffer(1, 1), "cdef", 4);
	vr->desc[0] = (struct vring_desc){ tx_addr(), 18, VRING_DESC_F_NEXT, 1 };
	vr->desc[1] = (struct vring_desc){ tx_addr() + 512, 4, 0, 0 };
	fake_avail(0);
	rpmsg_bus_dispatch(lb.remote, 0);
	assert_int_equal(in.n, 1);
	assert_int_equal(in.len, 6);
	assert_memory_equal(in.data, "abcdef", 6);
}

static int scribble_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	/* Every header of both queues, `reserved` included, while the callback runs. */
	for (unsigned i = 0; i < 256; i++) {
		memset(buffer(0, i), 0xff, 16);
		memset(buffer(1, i), 0xff, 16);
	}
	return inbox_cb(rpdev, data, len, priv, src);
}

/* What is in the header when the callback ends does not matter: the buffer goes back. */
static void test_header_changes_in_callback(void **state)
{
	(void)state;
	rpmsg_destroy_ept(h);
	rpmsg_destroy_ept(r);
	h = bind_addr(lb.host, scribble_cb, &in, 5, 77);
	r = bind_addr(lb.remote, scribble_cb, &in, 77, 5);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(rpmsg_trysend(i % 2 ? h : r, "hello", 5), 0);
		loop_bus_settle(&lb);
		assert_int_equal(in.n, i + 1);
		assert_memory_equal(in.data, "hello", 5);
	}
}

/* The private copy: what a callback sees cannot be changed by the other side. */
static int toctou_cb(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	memset(buffer(0, 0), 'Z', 256 * 512);
	memset(buffer(1, 0), 'Z', 256 * 512);
	return inbox_cb(rpdev, data, len, priv, src);
}

static void test_payload_changes_in_callback(void **state)
{
	(void)state;
	rpmsg_destroy_ept(r);
	assert_non_null(bind_addr(lb.remote, toctou_cb, &in, 77, 5));
	assert_int_equal(rpmsg_trysend(h, "steady payload of some length", 29), 0);
	loop_bus_settle(&lb);
	assert_memory_equal(in.data, "steady payload of some length", 29);
}

/* Random scribbling over all that the other side can write: no crash, no hang. */
static void test_scribbled_rings(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct link_mem *mem;

		if (round) {
			loop_bus_close(&lb);
			loop_bus_open(&lb, NULL);
			h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
			r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
		}
		mem = virtio_of(lb.host)->mem;
		for (int i = 0; i < 60; i++) {
			size_t at;

			seed = seed * 1664525 + 1013904223;
			at = seed % (i % 3 ? 32768 : (uint32_t)mem->size - 4);
			seed = seed * 1664525 + 1013904223;
			memcpy(mem->base + at, &seed, i % 2 ? 4 : 1);
			rpmsg_trysend(h, "abc", 3);
			rpmsg_trysend(r, "abc", 3);
			if (rpmsg_bus_dispatch(lb.host, 0) < 0 || rpmsg_bus_dispatch(lb.remote, 0) < 0)
				break;
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_used_id_out_of_range),      T(test_used_id_huge),
		T(test_used_twice),                T(test_used_length_below_header),
		T(test_used_length_above_buffer),  T(test_header_length_to_host),
		T(test_header_length_beyond_used), T(test_used_length_of_whole_buffer),
		T(test_used_index_jumps),          T(test_avail_index_jumps),
		T(test_avail_head_out_of_range),   T(test_descriptor_outside_memory),
		T(test_descriptor_wraps),          T(test_descriptor_length_huge),
		T(test_descriptor_below_header),   T(test_descriptor_written_by_device),
		T(test_chain_loops),               T(test_header_length_to_remote),
		T(test_goes_on),                   T(test_chain_to_remote),
		T(test_header_changes_in_callback), T(test_payload_changes_in_callback),
		T(test_scribbled_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
