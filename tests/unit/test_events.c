/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder holds beside messages: each kind of event is caused and read back, in its
 * place among the messages, and no storm of them takes the messages' place.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "virtio/barrier.h"
#include "virtio/virtio_bus.h"

#include "loop_bus.h"

#define ANY RPMSG_ADDR_ANY
#define NUM 4u
#define ONE_BY_ONE 16 /* the brake's limit */
#define DEADLINE_MS 10000

static char dir[64], path[80];
static struct loop_bus lb;
static struct inbox in;
static struct rpmsg_endpoint *h, *r;
static struct rpmsg_recording *rec;
static struct rpmsg_record m;

static int make_dir(void **state)
{
	(void)state;
	memset(&in, 0, sizeof(in));
	strcpy(dir, "/tmp/rpmsg-events-XXXXXX");
	if (!mkdtemp(dir) || setenv("RPMSG_DIR", dir, 1))
		return -1;
	snprintf(path, sizeof(path), "%s/a.rec", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void open_recording(void)
{
	rec = rpmsg_recording_open(path, true);
	if (!rec)
		fail_msg("%s", rpmsg_error_detail());
	rpmsg_recording_set_events(rec, true);
}

static void open_loop(void)
{
	const struct rpmsg_bus_options opt = { .num = NUM };

	loop_bus_open(&lb, &opt);
	h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	r = bind_addr(lb.remote, inbox_cb, &in, 77, 5);
	loop_bus_settle(&lb);
}

static void record_both(void)
{
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	assert_int_equal(rpmsg_bus_record_with(lb.remote, lb.host), 0);
	open_recording();
}

static bool next(void)
{
	int n = rpmsg_recording_read(rec, &m);

	if (n < 0 && n != -EPIPE)
		fail_msg("%s", rpmsg_error_detail());
	return n == 1;
}

static void is_message(uint32_t src, uint32_t dst)
{
	assert_true(next());
	assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
	assert_int_equal(m.src, src);
	assert_int_equal(m.dst, dst);
}

static void is_event(enum rpmsg_record_type type, enum rpmsg_direction direction, uint32_t src,
		     uint32_t dst)
{
	assert_true(next());
	assert_int_equal(m.type, type);
	assert_int_equal(m.dir, direction);
	assert_int_equal(m.src, src);
	assert_int_equal(m.dst, dst);
	assert_int_equal(m.len, 0);
}

static void is_up_both(void)
{
	is_event(RPMSG_RECORD_UP, RPMSG_H2R, ANY, ANY);
	assert_int_equal(m.value, 1);
	assert_string_equal(m.text, "VERSION_1 NS EVENT_IDX INDIRECT, 496 bytes");
	is_event(RPMSG_RECORD_UP, RPMSG_R2H, ANY, ANY);
}

static int setup(void **state)
{
	if (make_dir(state))
		return -1;
	open_loop();
	record_both();
	is_up_both();
	return 0;
}

static void close_recording(void)
{
	rpmsg_recording_close(rec);
	rec = NULL;
}

static int teardown(void **state)
{
	loop_bus_close(&lb);
	close_recording();
	return remove_dir(state);
}

/* ---- link and channels ---- */

static void test_services(void **state)
{
	struct rpmsg_device *svc = rpmsg_service_create(lb.remote, "svc", 100, 0);

	(void)state;
	assert_non_null(svc);
	loop_bus_settle(&lb);
	is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 100, ANY);
	assert_string_equal(m.text, "svc");
	assert_int_equal(m.seq, 0); /* before the message; the host does not tell it again */
	is_message(100, RPMSG_NS_ADDR);
	assert_false(next());

	assert_int_equal(rpmsg_service_destroy(svc), 0);
	loop_bus_settle(&lb);
	is_event(RPMSG_RECORD_WITHDRAW, RPMSG_R2H, 100, ANY);
	assert_string_equal(m.text, "svc");
	is_message(100, RPMSG_NS_ADDR);
	assert_false(next());
}

static void test_static_channel(void **state)
{
	const struct rpmsg_channel_info info = { "by-hand", ANY, 200 };

	(void)state;
	assert_non_null(rpmsg_channel_create(rpmsg_bus_device(lb.host), &info));
	is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_H2R, ANY, 200);
	assert_string_equal(m.text, "by-hand");
	assert_int_equal(rpmsg_channel_destroy(rpmsg_bus_device(lb.host), &info), 0);
	is_event(RPMSG_RECORD_WITHDRAW, RPMSG_H2R, ANY, 200);
}

/* One side records, and what is there already: whoever offers it. */
static void test_one_side(void **state)
{
	(void)state;
	open_loop();
	assert_non_null(rpmsg_service_create(lb.remote, "early", 100, 0));
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	open_recording();
	is_event(RPMSG_RECORD_UP, RPMSG_H2R, ANY, ANY);
	is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 100, ANY);
	assert_string_equal(m.text, "early");
	assert_non_null(rpmsg_service_create(lb.remote, "late", 101, 0));
	loop_bus_settle(&lb);
	is_message(101, RPMSG_NS_ADDR);
	is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 101, ANY);
	assert_string_equal(m.text, "late");
	assert_false(next());
	loop_bus_close(&lb);
	is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
	assert_int_equal(m.value, 1);
	assert_false(next()); /* the other side has withdrawn nothing */
	close_recording();
}

static void await_down(struct rpmsg_bus *bus)
{
	while (peek(&bus->up))
		assert_true(rpmsg_bus_dispatch(bus, DEADLINE_MS) > 0);
}

static void test_other_side_goes_and_comes(void **state)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_HOST };
	struct rpmsg_bus *host = rpmsg_bus_open("shm:ev", &opt), *remote;

	(void)state;
	assert_non_null(host);
	assert_int_equal(rpmsg_bus_record(host, path, 0), 0);
	open_recording();
	opt.side = RPMSG_SIDE_REMOTE;
	for (uint32_t generation = 1; generation <= 2; generation++) {
		remote = rpmsg_bus_open("shm:ev", &opt);
		assert_non_null(remote);
		assert_non_null(rpmsg_service_create(remote, "svc", 100, 0));
		lb.host = host;
		lb.remote = remote;
		while (!rpmsg_bus_find_channel(host, "svc"))
			loop_bus_settle(&lb);
		is_event(RPMSG_RECORD_UP, RPMSG_H2R, ANY, ANY);
		assert_int_equal(m.value, generation);
		is_message(100, RPMSG_NS_ADDR);
		is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 100, ANY);
		rpmsg_bus_close(remote);
		await_down(host);
		is_message(100, RPMSG_NS_ADDR);
		is_event(RPMSG_RECORD_WITHDRAW, RPMSG_R2H, 100, ANY);
		is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
		assert_int_equal(m.value, generation);
	}
	assert_false(next());
	rpmsg_bus_close(host);
	assert_false(next()); /* it was down */
	close_recording();
}

/* Who reads forgets all when the link comes up: what was there before is told of after that. */
static void test_services_from_before(void **state)
{
	const struct rpmsg_channel_info info = { "by-hand", ANY, 200 };
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = RPMSG_SIDE_HOST };
	struct rpmsg_device *gone;

	(void)state;
	lb.host = rpmsg_bus_open("shm:ev", &opt);
	assert_non_null(lb.host);
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	open_recording();
	assert_non_null(rpmsg_channel_create(rpmsg_bus_device(lb.host), &info));
	gone = rpmsg_service_create(lb.host, "gone", 100, 0);
	assert_non_null(gone);
	assert_int_equal(rpmsg_service_destroy(gone), 0);
	assert_false(next());
	opt.side = RPMSG_SIDE_REMOTE;
	for (uint32_t generation = 1; generation <= 2; generation++) {
		lb.remote = rpmsg_bus_open("shm:ev", &opt);
		assert_non_null(lb.remote);
		while (rpmsg_bus_wait_up(lb.host, 0))
			loop_bus_settle(&lb);
		is_event(RPMSG_RECORD_UP, RPMSG_H2R, ANY, ANY);
		assert_int_equal(m.value, generation);
		is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_H2R, ANY, 200);
		assert_string_equal(m.text, "by-hand");
		rpmsg_bus_close(lb.remote);
		await_down(lb.host);
		is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
		assert_false(next());
	}
	rpmsg_bus_close(lb.host);
	close_recording();
}

/* ---- messages that nobody gets, or that are refused ---- */

static void test_no_recipient(void **state)
{
	(void)state;
	assert_int_equal(rpmsg_trysendto(h, "abc", 3, 4242), 0);
	assert_int_equal(rpmsg_trysend(h, "for r", 5), 0);
	loop_bus_settle(&lb);
	is_message(5, 4242);
	is_message(5, 77);
	is_event(RPMSG_RECORD_NO_RECIPIENT, RPMSG_H2R, 5, 4242);
	assert_int_equal(m.count, 3);
	assert_string_equal(m.text, "");
	assert_int_equal(m.seq, 2);
	assert_int_equal(rpmsg_trysendto(r, NULL, 0, 4243), 0);
	loop_bus_settle(&lb);
	is_message(77, 4243);
	is_event(RPMSG_RECORD_NO_RECIPIENT, RPMSG_R2H, 77, 4243);
	assert_int_equal(m.count, 0);
	assert_false(next());
}

static void refused(const char *name, uint32_t addr, uint32_t flags, int len, const char *why)
{
	uint8_t msg[WIRE_NS_SIZE + 1] = { 0 };

	wire_ns_encode(msg, name, addr, flags, false);
	assert_int_equal(rpmsg_trysendto(r, msg, len, RPMSG_NS_ADDR), 0);
	loop_bus_settle(&lb);
	is_message(77, RPMSG_NS_ADDR);
	is_event(RPMSG_RECORD_REFUSED, RPMSG_R2H, 77, ANY);
	assert_string_equal(m.text, why);
}

static void test_refused(void **state)
{
	(void)state;
	refused("svc", 1, 0, 39, "is malformed: 39 bytes, not 40");
	refused("svc", 1, 0, 41, "is malformed: 41 bytes, not 40");
	refused("", 1, 0, 40, "is malformed: no name (address 0x1)");
	refused("svc", ANY, 0, 40, "is malformed: no address (name 'svc')");
	refused("svc", 9, WIRE_NS_DESTROY, 40,
		"destroys a channel that is not there (name 'svc', address 0x9)");
	assert_non_null(rpmsg_service_create(lb.remote, "svc", 100, 0));
	loop_bus_settle(&lb);
	assert_true(next() && next());
	refused("svc", 100, 0, 40,
		"announces a channel that is there already (name 'svc', address 0x64)");
	assert_false(next());
}

/* ---- rings that lie ---- */

static struct vring *ring(unsigned q)
{
	return &virtio_of(lb.host)->link->ring[q];
}

/* The remote says it has filled a buffer of the host. */
static void fake_used(uint32_t id, uint32_t len)
{
	struct vring *vr = ring(0);
	uint16_t idx = vr->used->idx;

	vr->used->ring[idx % NUM] = (struct vring_used_elem){ id, len };
	shm_store_release16(&vr->used->idx, (uint16_t)(idx + 1));
	rpmsg_bus_dispatch(lb.host, 0);
}

static void is_malformed(enum rpmsg_direction direction, const char *why)
{
	is_event(RPMSG_RECORD_MALFORMED, direction, ANY, ANY);
	assert_string_equal(m.text, why);
}

static void test_malformed_to_host(void **state)
{
	const struct wire_hdr hdr = { .src = 77, .dst = 5, .len = 65535 };

	(void)state;
	fake_used(NUM, 20);
	is_malformed(RPMSG_R2H, "used id 4 is not below 4");
	fake_used(0, 513);
	is_malformed(RPMSG_R2H, "used length 513 of buffer 0 is more than its 512 bytes");
	fake_used(1, 15);
	is_malformed(RPMSG_R2H, "buffer of 15 bytes is shorter than a header");
	memcpy(virtio_of(lb.host)->link->buffers[0] + 2 * 512, &hdr, sizeof(hdr));
	fake_used(2, 512);
	is_malformed(RPMSG_R2H, "header says 65535 bytes of payload, the buffer has 496");
	assert_false(next());
}

/* The host offers what it should not; and returns a transmit buffer that was not out. */
static void test_malformed_elsewhere(void **state)
{
	struct vring *vr = ring(1);

	(void)state;
	vr->desc[0] = (struct vring_desc){ UINT64_C(1) << 40, 64, 0, 0 };
	vr->avail->ring[0] = 0;
	shm_store_release16(&vr->avail->idx, 1);
	rpmsg_bus_dispatch(lb.remote, 0);
	is_malformed(RPMSG_H2R, "descriptor 0: 0x10000000000+64 is outside the memory");
	vr->used->ring[1] = (struct vring_used_elem){ 3, 0 };
	shm_store_release16(&vr->used->idx, 2);
	assert_int_equal(rpmsg_poll(h), POLLOUT);
	is_malformed(RPMSG_H2R, "used id 0 is not in flight");
	is_malformed(RPMSG_H2R, "used id 3 is not in flight");
	assert_false(next());
}

static void test_reset(void **state)
{
	(void)state;
	shm_store_release16(&ring(0)->used->idx, 1000);
	loop_bus_settle(&lb);
	is_event(RPMSG_RECORD_RESET, RPMSG_R2H, ANY, ANY);
	assert_string_equal(m.text, "used index jumped from 0 to 1000 (num 4)");
	is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
	is_event(RPMSG_RECORD_DOWN, RPMSG_R2H, ANY, ANY);
	assert_false(next());
}

/* ---- no transmit buffer ---- */

static void fill_up(struct rpmsg_endpoint *e)
{
	for (unsigned i = 0; i < NUM; i++)
		assert_int_equal(rpmsg_trysend(e, "x", 1), 0);
}

/* All that was sent, and nothing else. */
static void are_messages(unsigned n)
{
	while (n--) {
		assert_true(next());
		assert_int_equal(m.type, RPMSG_RECORD_MESSAGE);
	}
}

static void shortage(struct rpmsg_endpoint *e, struct rpmsg_bus *to, enum rpmsg_direction direction,
		     const char *holder)
{
	const uint32_t src = e->addr, dst = src == 5 ? 77 : 5;

	fill_up(e);
	if (to == lb.host) /* what the remote sends is recorded when the host receives it */
		assert_false(next());
	else
		are_messages(NUM);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rpmsg_trysend(e, "x", 1), -ENOMEM);
	is_event(RPMSG_RECORD_NO_BUFFER, direction, src, dst);
	assert_string_equal(m.text, holder);
	assert_int_equal(m.count, 0);
	assert_false(next());
	rpmsg_bus_dispatch(to, 0);
	if (to == lb.host)
		are_messages(NUM);
	assert_false(next());
	assert_int_equal(rpmsg_trysend(e, "x", 1), 0);
	is_event(RPMSG_RECORD_BUFFER, direction, ANY, ANY);
	assert_int_equal(m.count, 3);
	assert_true(m.duration_ns > 0);
	assert_string_equal(m.text, "");
	loop_bus_settle(&lb);
	is_message(src, dst);
	assert_false(next());
}

static void test_no_buffer(void **state)
{
	(void)state;
	shortage(h, lb.remote, RPMSG_H2R, "the remote side");
	shortage(r, lb.host, RPMSG_R2H, "the host side");
	shortage(h, lb.remote, RPMSG_H2R, "the remote side");
}

static void test_no_buffer_to_reserve(void **state)
{
	void *buf[NUM];
	size_t room;

	(void)state;
	for (unsigned i = 0; i < NUM; i++)
		buf[i] = rpmsg_tx_reserve(h, &room, false);
	assert_non_null(buf[NUM - 1]);
	assert_null(rpmsg_tx_reserve(h, &room, false));
	is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 5, 77);
	assert_string_equal(m.text, "the remote side (4 reserved here)");
	rpmsg_tx_discard(h, buf[0]);
	assert_false(next());
	buf[0] = rpmsg_tx_reserve(h, &room, false);
	is_event(RPMSG_RECORD_BUFFER, RPMSG_H2R, ANY, ANY);
	for (unsigned i = 0; i < NUM; i++)
		rpmsg_tx_discard(h, buf[i]);
	assert_false(next());
}

/* Whoever looks sees that there is one again; a link that goes takes the shortage with it. */
static void test_end_of_a_shortage(void **state)
{
	(void)state;
	fill_up(h);
	assert_int_equal(rpmsg_send(h, "x", 1), -EDEADLK);
	are_messages(NUM);
	is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 5, 77);
	assert_int_equal(rpmsg_poll(h), 0);
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_poll(h), POLLOUT);
	is_event(RPMSG_RECORD_BUFFER, RPMSG_H2R, ANY, ANY);
	assert_int_equal(m.count, 1);
	fill_up(h);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	are_messages(NUM);
	is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 5, 77);
	shm_store_release16(&ring(0)->used->idx, 1000);
	loop_bus_settle(&lb);
	is_event(RPMSG_RECORD_RESET, RPMSG_R2H, ANY, ANY);
	while (next())
		assert_int_equal(m.type, RPMSG_RECORD_DOWN);
}

static void test_shortage_of_a_generation(void **state)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .num = NUM };

	(void)state;
	opt.side = RPMSG_SIDE_HOST;
	lb.host = rpmsg_bus_open("shm:ev", &opt);
	assert_non_null(lb.host);
	h = bind_addr(lb.host, inbox_cb, &in, 5, 77);
	assert_int_equal(rpmsg_bus_record(lb.host, path, 0), 0);
	open_recording();
	opt.side = RPMSG_SIDE_REMOTE;
	for (int generation = 1; generation <= 2; generation++) {
		lb.remote = rpmsg_bus_open("shm:ev", &opt);
		assert_non_null(lb.remote);
		while (rpmsg_bus_wait_up(lb.host, 0) || rpmsg_bus_wait_up(lb.remote, 0))
			loop_bus_settle(&lb);
		fill_up(h);
		assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
		rpmsg_bus_close(lb.remote);
		await_down(lb.host);
		is_event(RPMSG_RECORD_UP, RPMSG_H2R, ANY, ANY); /* no BUFFER before */
		are_messages(NUM);
		is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 5, 77);
		is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
		assert_false(next());
	}
	rpmsg_bus_close(lb.host);
	close_recording();
}

static void record(enum rpmsg_record_type type, const char *text)
{
	const struct rpmsg_record event = { .type = type, .src = 1, .dst = 2, .text = text };

	assert_int_equal(rpmsg_bus_record_event(lb.host, &event), 0);
}

/* A program's own, in whose place nobody fails to send: it and the library tell it once. */
static void test_no_buffer_of_the_programs(void **state)
{
	(void)state;
	record(RPMSG_RECORD_NO_BUFFER, "nobody");
	assert_false(next()); /* there are some */
	fill_up(h);
	are_messages(NUM);
	record(RPMSG_RECORD_NO_BUFFER, "pid 7 (sleeper)");
	record(RPMSG_RECORD_NO_BUFFER, NULL);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 1, 2);
	assert_string_equal(m.text, "pid 7 (sleeper)");
	loop_bus_settle(&lb);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	is_event(RPMSG_RECORD_BUFFER, RPMSG_H2R, ANY, ANY);
	assert_int_equal(m.count, 3);
	fill_up(r);
	loop_bus_settle(&lb);
	are_messages(1 + NUM);
	fill_up(h);
	are_messages(NUM);
	record(RPMSG_RECORD_NO_BUFFER, NULL);
	is_event(RPMSG_RECORD_NO_BUFFER, RPMSG_H2R, 1, 2);
	assert_string_equal(m.text, "the remote side");
}

static void test_programs_own(void **state)
{
	struct rpmsg_record event = {
		.type = RPMSG_RECORD_STALL, .dir = RPMSG_R2H, .src = ANY, .dst = 9, .value = 77,
		.count = 12, .duration_ns = 34, .text = "who",
	};

	(void)state;
	assert_int_equal(rpmsg_bus_record_event(lb.remote, &event), 0);
	is_event(RPMSG_RECORD_STALL, RPMSG_R2H, ANY, 9);
	assert_int_equal(m.value, 77);
	assert_int_equal(m.count, 12);
	assert_int_equal(m.duration_ns, 34);
	assert_string_equal(m.text, "who");
	event.type = RPMSG_RECORD_MESSAGE;
	assert_int_equal(rpmsg_bus_record_event(lb.remote, &event), -EINVAL);
	event.type = RPMSG_RECORD_LOST;
	assert_int_equal(rpmsg_bus_record_event(lb.host, &event), -EINVAL);
	event.type = RPMSG_RECORD_TYPES;
	assert_int_equal(rpmsg_bus_record_event(lb.remote, &event), -EINVAL);
	assert_false(next());
}

/* ---- storms ---- */

struct tally {
	uint64_t messages, events, summed;
	uint64_t first_ns, last_ns; /* events */
};

static void count_one(struct tally *t, enum rpmsg_record_type type)
{
	char text[40];

	if (m.type == RPMSG_RECORD_MESSAGE) {
		t->messages++;
		return;
	}
	assert_int_equal(m.type, type);
	t->events++;
	t->first_ns = t->first_ns ? t->first_ns : m.time_ns;
	t->last_ns = m.time_ns;
	if (strncmp(m.text, "and ", 4) != 0) {
		t->summed++;
		return;
	}
	assert_int_equal(m.src, ANY);
	assert_int_equal(m.dst, ANY);
	snprintf(text, sizeof(text), "and %llu more", (unsigned long long)m.count);
	assert_string_equal(m.text, text);
	t->summed += m.count;
}

/* The bus wakes up by itself for the sum; n in all, of which few are told one by one. */
static void storm_is_summed_up(struct rpmsg_bus *bus, enum rpmsg_record_type type, uint64_t n,
			       uint64_t messages)
{
	struct tally t = { 0 };

	while (next())
		count_one(&t, type);
	while (t.summed < n) {
		struct pollfd p = { .fd = rpmsg_bus_fd(bus), .events = POLLIN };

		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		rpmsg_bus_dispatch(bus, 0);
		while (next())
			count_one(&t, type);
	}
	assert_int_equal(t.summed, n);
	assert_int_equal(t.messages, messages);
	assert_true(t.events >= ONE_BY_ONE + 1);
	assert_true(t.events <= (ONE_BY_ONE + 1) * (1 + (t.last_ns - t.first_ns) / 1000000000));
}

static void test_storm_to_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		assert_int_equal(rpmsg_trysendto(h, "x", 1, 4242), 0);
		rpmsg_bus_dispatch(lb.remote, 0);
	}
	storm_is_summed_up(lb.remote, RPMSG_RECORD_NO_RECIPIENT, 500, 500);
	/* and the next one is told by itself again */
	assert_int_equal(rpmsg_trysendto(h, "xy", 2, 4242), 0);
	loop_bus_settle(&lb);
	is_message(5, 4242);
	is_event(RPMSG_RECORD_NO_RECIPIENT, RPMSG_H2R, 5, 4242);
	assert_int_equal(m.count, 2);
}

static void test_storm_of_malformed(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++)
		fake_used(1000, 20);
	storm_is_summed_up(lb.host, RPMSG_RECORD_MALFORMED, 500, 0);
}

static void test_storm_of_refused(void **state)
{
	uint8_t msg[1] = { 0 };

	(void)state;
	for (int i = 0; i < 500; i++) {
		assert_int_equal(rpmsg_trysendto(r, msg, 1, RPMSG_NS_ADDR), 0);
		rpmsg_bus_dispatch(lb.host, 0);
	}
	storm_is_summed_up(lb.host, RPMSG_RECORD_REFUSED, 500, 500);
}

/* Closing tells what was held back, before it says that the link is down. */
static void test_storm_ends_with_the_bus(void **state)
{
	uint64_t n = 0;

	(void)state;
	open_loop();
	record_both();
	is_up_both();
	for (int i = 0; i < 100; i++)
		fake_used(1000, 20);
	loop_bus_close(&lb);
	while (next() && m.type == RPMSG_RECORD_MALFORMED)
		n += *m.text == 'a' ? m.count : 1;
	assert_int_equal(n, 100);
	assert_int_equal(m.type, RPMSG_RECORD_DOWN);
	close_recording();
}

/* Full for a moment again and again: 100 times, and then for longer. */
static void test_storm_of_shortages(void **state)
{
	uint64_t sends = 0, told = 0, sums = 0;
	struct pollfd p = { .fd = rpmsg_bus_fd(lb.host), .events = POLLIN };
	bool short_of = false;

	(void)state;
	for (int i = 0; i < 100; i++) {
		fill_up(h);
		assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
		rpmsg_bus_dispatch(lb.remote, 0);
	}
	fill_up(h);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	for (;;) {
		while (next()) {
			if (m.type == RPMSG_RECORD_MESSAGE)
				continue;
			if (m.type == RPMSG_RECORD_NO_BUFFER) {
				assert_false(short_of);
				assert_int_equal(m.src, 5);
				assert_string_equal(m.text, "the remote side");
				short_of = true;
				told++;
				continue;
			}
			assert_int_equal(m.type, RPMSG_RECORD_BUFFER);
			assert_int_not_equal(short_of, *m.text == 'a');
			assert_true(m.duration_ns > 0);
			short_of = false;
			sums += *m.text == 'a';
			sends += m.count;
		}
		if (sends == 100 && short_of)
			break;
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		rpmsg_bus_dispatch(lb.host, 0);
	}
	assert_true(sums > 0);
	assert_true(told > ONE_BY_ONE);
	rpmsg_bus_dispatch(lb.remote, 0);
	assert_int_equal(rpmsg_trysend(h, "x", 1), 0);
	is_event(RPMSG_RECORD_BUFFER, RPMSG_H2R, ANY, ANY);
	assert_int_equal(m.count, 1);
}

/* ---- threads ---- */

static bool stop; /* atomic */

static void *dispatch_remote(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		rpmsg_bus_dispatch(lb.remote, 100);
	return NULL;
}

static void *send_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rpmsg_send(arg, "x", 1), 0);
	return NULL;
}

/* Blocked senders, and somebody who asks: each shortage ends before the next one is told. */
static void test_senders_in_threads(void **state)
{
	pthread_t t[3];
	bool short_of = false;
	uint64_t messages = 0;

	(void)state;
	assert_int_equal(pthread_create(&t[0], NULL, dispatch_remote, NULL), 0);
	for (int i = 1; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, send_many, h), 0);
	for (int i = 0; i < 1000; i++)
		rpmsg_poll(h);
	for (int i = 1; i < 3; i++)
		pthread_join(t[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	rpmsg_bus_cancel(lb.remote);
	pthread_join(t[0], NULL);
	while (next()) {
		messages += m.type == RPMSG_RECORD_MESSAGE;
		if (m.type == RPMSG_RECORD_NO_BUFFER) {
			assert_false(short_of);
			short_of = true;
		} else if (m.type == RPMSG_RECORD_BUFFER && *m.text != 'a') {
			assert_true(short_of);
			short_of = false;
		}
	}
	assert_int_equal(messages, 2000);
}

/* ---- recorders ---- */

static void test_nothing_records(void **state)
{
	(void)state;
	open_loop();
	record(RPMSG_RECORD_STALL, "who");
	fill_up(h);
	assert_int_equal(rpmsg_trysend(h, "x", 1), -ENOMEM);
	loop_bus_settle(&lb);
	for (int i = 0; i < 20; i++)
		fake_used(1000, 20);
	assert_int_equal(rpmsg_bus_record_count(lb.host), 0);
	assert_int_equal(virtio_of(lb.host)->alarm_fd, -1);
	record_both();
	is_up_both();
	assert_false(next());
	loop_bus_close(&lb);
	close_recording();
}

static void test_process_records_itself(void **state)
{
	(void)state;
	assert_int_equal(setenv("RPMSG_RECORD", path, 1), 0);
	open_loop();
	open_recording();
	is_up_both();
	assert_non_null(rpmsg_service_create(lb.remote, "svc", 100, 0));
	loop_bus_settle(&lb);
	is_event(RPMSG_RECORD_ANNOUNCE, RPMSG_R2H, 100, ANY);
	is_message(100, RPMSG_NS_ADDR);
	assert_int_equal(rpmsg_trysendto(h, "abc", 3, 4242), 0);
	loop_bus_settle(&lb);
	is_message(5, 4242);
	is_event(RPMSG_RECORD_NO_RECIPIENT, RPMSG_H2R, 5, 4242);
	loop_bus_close(&lb);
	is_event(RPMSG_RECORD_DOWN, RPMSG_H2R, ANY, ANY);
	is_event(RPMSG_RECORD_WITHDRAW, RPMSG_R2H, 100, ANY);
	assert_false(next() && m.type != RPMSG_RECORD_DOWN);
	close_recording();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ALONE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_services), T(test_static_channel), ALONE(test_one_side),
		ALONE(test_other_side_goes_and_comes), ALONE(test_services_from_before),
		T(test_no_recipient), T(test_refused),
		T(test_malformed_to_host), T(test_malformed_elsewhere), T(test_reset),
		T(test_no_buffer), T(test_no_buffer_to_reserve), T(test_end_of_a_shortage),
		ALONE(test_shortage_of_a_generation), T(test_no_buffer_of_the_programs),
		T(test_programs_own), T(test_storm_to_nobody),
		T(test_storm_of_malformed), T(test_storm_of_refused),
		ALONE(test_storm_ends_with_the_bus), T(test_storm_of_shortages),
		T(test_senders_in_threads), ALONE(test_nothing_records),
		ALONE(test_process_records_itself), /* last: it lasts as long as the process */
	};

	unsetenv("RPMSG_RECORD");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
