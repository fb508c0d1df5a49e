/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that breaks the protocol, its own memory or its rings loses its connection; the
 * log says by which request, nothing is left open, and the next guest finds all well.
 */
#include <sys/epoll.h>

#include "vhost_guest.h"

static struct guest g;
static unsigned fds_idle; /* open when nobody is connected */

static int set_up(void **state)
{
	if (dir_set_up(state))
		return -1;
	guest_init(&g, "");
	serve_all(g.front.bus);
	fds_idle = count_fds();
	return 0;
}

static int tear_down(void **state)
{
	next_guest_works(&g.front);
	guest_fini(&g);
	return dir_tear_down(state);
}

/* ---- one connection that goes wrong ---- */

static void begin(void)
{
	g.front.log = (struct log_text){ .lines = 0 };
	front_connect(&g.front);
}

/* The connection is ended for what words say, and all that it brought is closed. */
static void dropped_for(const char *name, const char *words)
{
	char text[160];

	serve_until(g.front.bus, front_ended(&g.front) || front_logged(&g.front, "dropped"));
	serve_all(g.front.bus);
	snprintf(text, sizeof(text), "connection dropped, the guest's %s: ", name);
	if (!front_logged(&g.front, text) || !front_logged(&g.front, words) ||
	    !front_logged(&g.front, "the guest is gone"))
		fail_msg("not '%s...%s' but:\n%s", text, words, g.front.log.text);
	assert_false(bus_is_up(g.front.bus));
	guest_drop(&g);
	assert_int_equal(count_fds(), fds_idle);
}

/* With fresh eventfds. */
static void request_with(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
			 unsigned n_fds)
{
	int fd[FRONT_FDS_MAX] = { 0 };

	for (unsigned i = 0; i < n_fds; i++)
		fd[i] = new_event();
	front_send(&g.front, request, flags, payload, size, fd, n_fds);
	for (unsigned i = 0; i < n_fds; i++)
		close(fd[i]);
}

static void refused(uint32_t request, const void *payload, uint32_t size, unsigned n_fds,
		    const char *words)
{
	begin();
	request_with(request, VHOST_FLAG_VERSION, payload, size, n_fds);
	dropped_for(vhost_request_name(request), words);
}

/* ---- every request there is ---- */

static const struct form {
	uint32_t id;
	uint32_t size;
	unsigned n_fds; /* with them it can be right */
} forms[] = {
	{ VHOST_GET_FEATURES, 0, 0 },
	{ VHOST_SET_FEATURES, 8, 0 },
	{ VHOST_SET_OWNER, 0, 0 },
	{ VHOST_RESET_OWNER, 0, 0 },
	{ VHOST_SET_MEM_TABLE, 40, 1 },
	{ VHOST_SET_VRING_NUM, 8, 0 },
	{ VHOST_SET_VRING_ADDR, 40, 0 },
	{ VHOST_SET_VRING_BASE, 8, 0 },
	{ VHOST_GET_VRING_BASE, 8, 0 },
	{ VHOST_SET_VRING_KICK, 8, 1 },
	{ VHOST_SET_VRING_CALL, 8, 1 },
	{ VHOST_SET_VRING_ERR, 8, 1 },
	{ VHOST_GET_PROTOCOL_FEATURES, 0, 0 },
	{ VHOST_SET_PROTOCOL_FEATURES, 8, 0 },
	{ VHOST_GET_QUEUE_NUM, 0, 0 },
	{ VHOST_SET_VRING_ENABLE, 8, 0 },
	{ VHOST_SET_BACKEND_REQ_FD, 0, 1 },
	{ VHOST_GET_CONFIG, 12, 0 },
	{ VHOST_SET_CONFIG, 12, 0 },
	{ VHOST_RESET_DEVICE, 0, 0 },
	{ VHOST_VRING_KICK, 8, 0 },
	{ VHOST_SET_STATUS, 8, 0 },
	{ VHOST_GET_STATUS, 0, 0 },
};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static const uint8_t zeros[2 * VHOST_PAYLOAD_MAX];

static void wrong_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 7, 8, 9, 12, 39, 40, 41, 511, 512 };

	(void)state;
	for (size_t i = 0; i < N_FORMS; i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
			if (sizes[j] != forms[i].size)
				refused(forms[i].id, zeros, sizes[j], forms[i].n_fds, "bytes");
}

static void wrong_numbers_of_fds(void **state)
{
	const uint64_t one_region[] = { 1, 0, 4096, 0, 0 };

	(void)state;
	for (size_t i = 0; i < N_FORMS; i++)
		for (unsigned n = 0; n <= VHOST_FDS; n++) {
			const bool memory = forms[i].id == VHOST_SET_MEM_TABLE;
			const bool channel = forms[i].id == VHOST_SET_BACKEND_REQ_FD;

			if (n != forms[i].n_fds)
				refused(forms[i].id, memory ? (const void *)one_region : zeros,
					forms[i].size, n, channel ? "one socket" : "file descriptor");
		}
}

static void more_fds_than_any_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FORMS; i++)
		for (unsigned n = VHOST_FDS + 1; n <= FRONT_FDS_MAX; n++) {
			begin();
			request_with(forms[i].id, VHOST_FLAG_VERSION, zeros, forms[i].size, n);
			dropped_for("message", "more than 8 file descriptors");
		}
}

/* A few with each byte. */
static void many_fds_in_parts(void **state)
{
	const struct vhost_head head = { VHOST_SET_MEM_TABLE, VHOST_FLAG_VERSION, 8 };
	int fd[4];

	(void)state;
	begin();
	for (unsigned i = 0; i < 4; i++)
		fd[i] = new_event();
	for (size_t i = 0; i < 3; i++)
		front_write(&g.front, (const uint8_t *)&head + i, 1, fd, 4);
	for (unsigned i = 0; i < 4; i++)
		close(fd[i]);
	dropped_for("message", "more than 8 file descriptors");
}

static void unknown_requests(void **state)
{
	static const uint32_t ids[] = { 0, 6, 7, 19, 20, 22, 23, 33, 36, 38, 41, 255,
					1u << 31, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		begin();
		request_with(ids[i], VHOST_FLAG_VERSION, zeros, 8, (unsigned)i % 3);
		dropped_for("unknown request", "is not known");
	}
}

static void wrong_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FORMS; i++) {
		static const uint32_t versions[] = { 0, 2, 3 };

		begin();
		request_with(forms[i].id, VHOST_FLAG_VERSION | VHOST_FLAG_REPLY, zeros, forms[i].size,
			     forms[i].n_fds);
		dropped_for("message", "the flag of a reply");
		begin();
		request_with(forms[i].id, versions[i % 3], zeros, forms[i].size, forms[i].n_fds);
		dropped_for("message", "another version");
		assert_true(front_logged(&g.front, vhost_request_name(forms[i].id)));
	}
}

static void huge_payloads(void **state)
{
	static const uint32_t sizes[] = { 513, 1024, 1u << 31, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct vhost_head head = { VHOST_SET_FEATURES, VHOST_FLAG_VERSION, sizes[i] };

		begin();
		front_write(&g.front, &head, sizeof(head), NULL, 0);
		dropped_for("message", "more payload than any request has");
	}
}

/* ---- values ---- */

static void refused_state(uint32_t request, uint32_t index, uint32_t num, const char *words)
{
	const uint32_t state[] = { index, num };

	refused(request, state, sizeof(state), 0, words);
}

static void refused_number(uint32_t request, uint64_t number, unsigned n_fds, const char *words)
{
	refused(request, &number, sizeof(number), n_fds, words);
}

static void ring_indices(void **state)
{
	static const uint32_t indices[] = { 2, 3, 255, 256, 1u << 31, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		uint64_t addr[5] = { indices[i] };

		refused_state(VHOST_SET_VRING_NUM, indices[i], 16, "there are 2");
		refused_state(VHOST_SET_VRING_BASE, indices[i], 0, "there are 2");
		refused_state(VHOST_GET_VRING_BASE, indices[i], 0, "there are 2");
		refused_state(VHOST_SET_VRING_ENABLE, indices[i], 1, "there are 2");
		refused_state(VHOST_VRING_KICK, indices[i], 0, "there are 2");
		refused(VHOST_SET_VRING_ADDR, addr, sizeof(addr), 0, "there are 2");
	}
	for (uint64_t index = 2; index < 256; index += 50) {
		refused_number(VHOST_SET_VRING_KICK, index, 1, "there are 2");
		refused_number(VHOST_SET_VRING_CALL, index, 1, "there are 2");
		refused_number(VHOST_SET_VRING_ERR, index, 1, "there are 2");
		refused_number(VHOST_SET_VRING_CALL, index | VHOST_NO_FD, 0, "there are 2");
	}
}

static void huge_values(void **state)
{
	static const uint32_t nums[] = { 0, 1, 3, 100, 65536, 1u << 31, UINT32_MAX };
	const uint64_t addr[5] = { UINT64_C(1) << 32 };
	const uint32_t config[3] = { 0, VHOST_CONFIG_MAX + 1, 0 }, huge[3] = { 0, UINT32_MAX, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(nums) / sizeof(nums[0]); i++)
		refused_state(VHOST_SET_VRING_NUM, 0, nums[i], "ring 0: ");
	refused_state(VHOST_SET_VRING_BASE, 1, 65536, "ring 1: index 65536");
	refused_state(VHOST_SET_VRING_ENABLE, 1, 2, "ring 1: enable 2");
	refused_number(VHOST_SET_FEATURES, UINT64_MAX, 0, "offered were");
	refused_number(VHOST_SET_FEATURES, UINT64_C(1) << 33, 0, "features 0x200000000");
	refused_number(VHOST_SET_PROTOCOL_FEATURES, UINT64_MAX, 0, "offered were");
	refused_number(VHOST_SET_PROTOCOL_FEATURES, GUEST_INBAND, 0, "offered were");
	refused_number(VHOST_SET_STATUS, 256, 0, "status 0x100");
	refused_number(VHOST_SET_VRING_KICK, 1u << 9, 1, "0x200 with 1");
	refused_number(VHOST_SET_VRING_CALL, UINT64_C(1) << 63, 1, "with 1 file");
	refused_number(VHOST_SET_VRING_KICK, VHOST_NO_FD, 1, "0x100 with 1");
	refused_number(VHOST_SET_VRING_KICK, VHOST_NO_FD, 0, "polling is not supported");
	refused(VHOST_SET_VRING_ADDR, addr, sizeof(addr), 0, "logging is not supported");
	refused(VHOST_GET_CONFIG, config, sizeof(config), 0, "a configuration of 257");
	refused(VHOST_SET_CONFIG, huge, sizeof(huge), 0, "a configuration of 4294967295");
	refused_state(VHOST_VRING_KICK, 0, 0, "which was not agreed");
}

/* ---- file descriptors of other kinds ---- */

enum fd_kind {
	FD_EVENT,
	FD_SOCKET,
	FD_PIPE,
	FD_NULL,
	FD_DIR,
	FD_EPOLL,
	FD_MEMORY,
	FD_READ_ONLY,
	FD_KINDS,
};

static int make_fd(enum fd_kind kind)
{
	char path[64];
	int fd[2];

	switch (kind) {
	case FD_EVENT:
		return new_event();
	case FD_SOCKET:
		new_sockets(fd);
		break;
	case FD_PIPE:
		new_pipe(fd);
		break;
	case FD_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case FD_DIR:
		return open("/", O_RDONLY | O_CLOEXEC);
	case FD_EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case FD_MEMORY:
		return new_memory(4096);
	default:
		fd[0] = new_memory(4096);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
		fd[1] = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(fd[0]);
	return fd[1];
}

static void refused_kind(uint32_t request, const void *payload, uint32_t size, enum fd_kind kind,
			 const char *words)
{
	int fd = make_fd(kind);

	assert_true(fd >= 0);
	begin();
	front_send(&g.front, request, VHOST_FLAG_VERSION, payload, size, &fd, 1);
	close(fd);
	dropped_for(vhost_request_name(request), words);
}

static void wrong_kinds_of_fds(void **state)
{
	const uint64_t region[] = { 1, 0x1000, 4096, 0x1000, 0 };

	(void)state;
	for (enum fd_kind kind = 0; kind < FD_KINDS; kind++) {
		if (kind != FD_EVENT)
			refused_kind(VHOST_SET_VRING_KICK, zeros, 8, kind, "ring 0: not an eventfd");
		if (kind > FD_PIPE)
			refused_kind(VHOST_SET_VRING_CALL, zeros, 8, kind,
				     "ring 0: neither an eventfd nor a socket nor a pipe");
		if (kind != FD_SOCKET)
			refused_kind(VHOST_SET_BACKEND_REQ_FD, NULL, 0, kind, "not with one socket");
		if (kind < FD_MEMORY)
			refused_kind(VHOST_SET_MEM_TABLE, region, sizeof(region), kind,
				     "region 0: its file is not memory");
	}
	refused_kind(VHOST_SET_MEM_TABLE, region, sizeof(region), FD_READ_ONLY,
		     "region 0: Permission denied");
}

/* ---- memory tables ---- */

#define R(g, s, u, o) { (g), (s), (u), (o) }

/* Files of 64 KiB each. */
static void refused_table(uint32_t said, uint32_t n, const struct vhost_region *region,
			  unsigned n_fds, const char *words)
{
	struct {
		uint32_t n, padding;
		struct vhost_region region[VHOST_FDS];
	} table = { .n = said };
	int fd[VHOST_FDS];

	memcpy(table.region, region, n * sizeof(*region));
	for (unsigned i = 0; i < n_fds; i++)
		fd[i] = new_memory(0x10000);
	begin();
	front_send(&g.front, VHOST_SET_MEM_TABLE, VHOST_FLAG_VERSION, &table,
		   (uint32_t)(8 + n * sizeof(*region)), fd, n_fds);
	for (unsigned i = 0; i < n_fds; i++)
		close(fd[i]);
	dropped_for("SET_MEM_TABLE", words);
}

static void memory_tables(void **state)
{
	static const struct {
		struct vhost_region region[2];
		uint32_t n;
		const char *words;
	} bad[] = {
		{ { R(0, 0, 0, 0) }, 1, "region 0: size 0" },
		{ { R(0, 0x10001, 0, 0) }, 1, "region 0: ends at 0x10001 of a file of 0x10000" },
		{ { R(0, 0x1000, 0, 0x10000) }, 1, "region 0: ends at 0x11000 of a file of 0x10000" },
		{ { R(0, 1, 0, INT64_MAX) }, 1, "region 0: ends at 0x8000000000000000" },
		{ { R(0, 0x1000, 0, UINT64_MAX - 0xfff) }, 1, "region 0: size 0x1000" },
		{ { R(0, UINT64_MAX, 0, 0) }, 1, "region 0: ends at 0xffffffffffffffff" },
		{ { R(0, UINT64_MAX, 0, 1) }, 1, "region 0: size 0xffffffffffffffff" },
		{ { R(UINT64_MAX - 0xffe, 0x1000, 0, 0) }, 1, "region 0: size 0x1000" },
		{ { R(0, 0x1000, UINT64_MAX - 0xffe, 0) }, 1, "region 0: size 0x1000" },
		{ { R(0, 0x2000, 0, 0), R(0x1fff, 0x1000, 0x8000, 0) }, 2, "regions 0 and 1 overlap" },
		{ { R(0, 0x1000, 0x1000, 0), R(0x8000, 0x1000, 0x1000, 0) }, 2,
		  "regions 0 and 1 overlap" },
		{ { R(0x4000, 0x10, 0x4000, 0), R(0, 0x10000, 0x10000, 0) }, 2,
		  "regions 0 and 1 overlap" },
	};
	static const struct vhost_region good[VHOST_FDS] = { R(0, 0x1000, 0, 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused_table(bad[i].n, bad[i].n, bad[i].region, bad[i].n, bad[i].words);
	refused_table(0, 0, good, 0, "for 0 regions");
	refused_table(0, 1, good, 1, "for 0 regions");
	refused_table(9, 8, good, 8, "for 9 regions");
	refused_table(UINT32_MAX, 8, good, 8, "for 4294967295 regions");
	refused_table(2, 1, good, 2, "40 bytes and 2 file descriptors for 2 regions");
	refused_table(1, 2, good, 2, "72 bytes and 2 file descriptors for 1 regions");
}

/* What cannot be mapped at once, though each file is as large as it says. */
static void more_memory_than_there_can_be(void **state)
{
	const uint64_t table[] = { 1, 0, UINT64_C(1) << 47, 0, 0 };
	int fd = new_memory(UINT64_C(1) << 47);

	(void)state;
	begin();
	front_send(&g.front, VHOST_SET_MEM_TABLE, VHOST_FLAG_VERSION, table, sizeof(table), &fd, 1);
	close(fd);
	dropped_for("SET_MEM_TABLE", "too large");
}

/* ---- where rings lie ---- */

static void set_up_until_kick(void)
{
	g.features = GUEST_FEATURES;
	g.protocol = GUEST_PROTOCOL;
	guest_usual_memory(&g);
	begin();
	guest_agree(&g);
	guest_set_rings(&g, 0);
}

/* Moves one part of a ring after all was set up; says what the log has to say. */
static void misplaced(unsigned q, int64_t desc, int64_t avail, int64_t used, const char *words)
{
	set_up_until_kick();
	g.ring[q].desc += (uint64_t)desc;
	g.ring[q].avail += (uint64_t)avail;
	g.ring[q].used += (uint64_t)used;
	guest_set_addr(&g, q);
	guest_kick(&g, 0);
	dropped_for("set-up", words);
}

static void misplaced_rings(void **state)
{
	const int64_t end = 0x40000 - 0x10000, far = INT64_C(1) << 62;

	(void)state;
	misplaced(0, -0x200, 0, 0,
		  "ring 0: its descriptor table at 0x7f11ffffff00 of 256 bytes lies outside");
	misplaced(1, end - 16 * 16 + 16, 0, 0, "ring 1: its descriptor table");
	misplaced(1, 0, end - 6 - 256, 0, "ring 1: its available ring");
	misplaced(1, 0, 0, end - 6 - 128 - 256, "ring 1: its used ring");
	misplaced(0, far, 0, 0, "lies outside");
	misplaced(0, 0, INT64_MIN, 0, "lies outside");
	misplaced(0, 0, 0, -0x7f1200000200, "lies outside");
	misplaced(0, 8, 0, 0,
		  "ring 0: its descriptor table at 0x7f1200000108 of 256 bytes is not aligned");
	misplaced(1, 0, 1, 0,
		  "ring 1: its available ring at 0x7f1200010101 of 38 bytes is not aligned");
	misplaced(1, 0, 0, 2, "ring 1: its used ring at 0x7f1200010142 of 134 bytes is not aligned");
}

/* From one region into the next, which follows it in all addresses. */
static void straddling_ring(void **state)
{
	(void)state;
	g.features = GUEST_FEATURES;
	g.protocol = GUEST_PROTOCOL;
	guest_add_region(&g, 0x40000000, 0x7f1200000000, 0x20000, 0);
	guest_add_region(&g, 0x40020000, 0x7f1200020000, 0x20000, 0);
	guest_place_ring(&g, 0, 0, 0x100, 16);
	guest_place_ring(&g, 1, 0, 0x10000, 16);
	begin();
	guest_agree(&g);
	g.ring[1].desc = 0x7f1200020000 - 128;
	guest_set_rings(&g, 0);
	guest_kick(&g, 0);
	dropped_for("set-up",
		    "ring 1: its descriptor table at 0x7f120001ff80 of 256 bytes lies outside");
}

/* A table that no longer has the rings in it. */
static void memory_taken_from_under_the_rings(void **state)
{
	(void)state;
	set_up_until_kick();
	guest_start_driver(&g, 0);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
	g.region[0].user += 0x100000000;
	g.ack = false;
	guest_set_memory(&g);
	dropped_for("set-up", "lies outside");
}

/* ---- in the rings ---- */

static void up(void)
{
	set_up_until_kick();
	guest_start_driver(&g, 0);
	serve_until(g.front.bus, bus_is_up(g.front.bus));
}

static void gone_after(const char *words)
{
	serve_until(g.front.bus, front_logged(&g.front, "is gone"));
	if (!front_logged(&g.front, words))
		fail_msg("not '%s' but:\n%s", words, g.front.log.text);
	assert_false(bus_is_up(g.front.bus));
	guest_drop(&g);
	assert_int_equal(count_fds(), fds_idle);
}

static void index_that_jumps(void **state)
{
	(void)state;
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		up();
		shm_store_release16(&g.ring[q].vr.avail->idx, 5000);
		guest_kick(&g, q);
		while (q == 0 && !rpmsg_trysendto(g.front.service->ept, "x", 1, 7))
			continue; /* those that were known before */
		gone_after("available index jumped");
	}
}

static void descriptors_of_all_kinds(void **state)
{
	struct guest_ring *ring = &g.ring[1];
	uint64_t seed = 4711;

	(void)state;
	up();
	for (unsigned i = 0; i < 3000 && bus_is_up(g.front.bus); i++) {
		int id = guest_tx_id(ring);
		uint64_t r = seed = seed * 6364136223846793005u + 1442695040888963407u;
		static const uint32_t lens[] = { 0, 1, 15, 16, 17, 600, 0x40000, UINT32_MAX };
		static const uint64_t addrs[] = { 0, 0x3fffffff, 0x40000000, 0x4003ffff, 0x40040000,
						  0x40010000, UINT64_MAX, 0x40038000 };

		assert_true(id >= 0);
		ring->vr.desc[id].next = (uint16_t)(r >> 20);
		vring_driver_describe(&ring->drv, (uint16_t)id, addrs[r >> 40 & 7], lens[r >> 50 & 7],
				      r >> 60 & 1);
		ring->vr.desc[id].flags |= (uint16_t)(r >> 56 & 5);
		vring_driver_add_again(&ring->drv, (uint16_t)id, lens[r >> 50 & 7]);
		guest_kick(&g, 1);
		serve_all(g.front.bus);
	}
	assert_true(bus_is_up(g.front.bus)); /* each is refused by itself */
	front_hang_up(&g.front);
	gone_after("length 0");
}

/* ---- memory that goes away ---- */

static void truncated(void (*then)(void))
{
	assert_int_equal(rpmsg_sigbus_install(), 0);
	up();
	guest_works(&g);
	assert_int_equal(ftruncate(g.region[0].fd, 0), 0);
	then();
	serve_until(g.front.bus, !bus_is_up(g.front.bus));
	/* Ours ends as well: what the test maps is gone. */
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		vring_driver_fini(&g.ring[q].drv);
		g.ring[q].running = false;
	}
	gone_after("stopped by the end of the connection");
}

static void kick_1(void)
{
	guest_kick(&g, 1);
}

static void send_one(void)
{
	rpmsg_trysendto(g.front.service->ept, "x", 1, 7);
	guest_kick(&g, 1);
}

static void truncated_memory(void **state)
{
	(void)state;
	truncated(kick_1);
	g.n_announced = 0;
	truncated(send_one);
}

/* ---- floods ---- */

/* Writes data over and over until the connection ends; the bus has its turns. */
static void flood(const void *data, size_t len, unsigned turns)
{
	assert_int_equal(fcntl(g.front.sock, F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < turns; i++) {
		while (send(g.front.sock, data, len, MSG_NOSIGNAL) == (ssize_t)len)
			continue;
		if (errno != EAGAIN)
			return;
		rpmsg_bus_dispatch(g.front.bus, 0);
	}
}

static void replies_never_read(void **state)
{
	const struct vhost_head ask = { VHOST_GET_FEATURES, VHOST_FLAG_VERSION, 0 };

	(void)state;
	begin();
	flood(&ask, sizeof(ask), 100000);
	dropped_for("socket", "it takes no replies");
}

/* However much comes, the rings have their turn. */
static void requests_without_end(void **state)
{
	struct {
		struct vhost_head head;
		uint64_t features;
	} __attribute__((packed)) again = { { VHOST_SET_FEATURES, VHOST_FLAG_VERSION, 8 }, 0 };
	uint8_t data[GUEST_BUFFER];
	struct wire_hdr h;

	(void)state;
	up();
	again.features = g.features;
	for (unsigned i = 0; i < 20; i++) {
		flood(&again, sizeof(again), 5);
		assert_true(guest_send(&g, 7, GUEST_SERVICE_ADDR, "here", 4));
		while (guest_receive(&g, &h, data) != 4) {
			flood(&again, sizeof(again), 1);
			assert_true(bus_is_up(g.front.bus));
		}
	}
	front_hang_up(&g.front);
	gone_after("stopped by the end of the connection");
}

static void fds_without_end(void **state)
{
	static const uint32_t requests[] = { VHOST_SET_VRING_CALL, VHOST_SET_VRING_KICK,
					     VHOST_SET_VRING_ERR, VHOST_SET_BACKEND_REQ_FD };

	(void)state;
	begin();
	for (unsigned i = 0; i < 400; i++) {
		const uint32_t request = requests[i % 4];
		const uint64_t number = i / 4 & 1;
		enum fd_kind kind = FD_EVENT;
		int fd;

		if (request == VHOST_SET_BACKEND_REQ_FD)
			kind = FD_SOCKET;
		else if (request == VHOST_SET_VRING_CALL)
			kind = (enum fd_kind)(i / 4 % 3);
		fd = make_fd(kind);

		front_send(&g.front, request, VHOST_FLAG_VERSION, &number,
			   request == VHOST_SET_BACKEND_REQ_FD ? 0 : 8, &fd, 1);
		close(fd);
		serve_all(g.front.bus);
		/* Two kicks, two calls (with a pipe's reader), a channel, two sockets. */
		assert_in_range(count_fds(), fds_idle, fds_idle + 9);
	}
	front_hang_up(&g.front);
	gone_after("is connected");
}

static void rubbish(void **state)
{
	uint64_t seed = 815;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		uint8_t bytes[64];

		for (unsigned j = 0; j < sizeof(bytes); j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[j] = (uint8_t)(seed >> 56);
		}
		begin();
		front_write(&g.front, bytes, 1 + i % sizeof(bytes), NULL, 0);
		serve_all(g.front.bus);
		front_hang_up(&g.front);
		gone_after("is connected");
	}
}

/* ---- what it can do to files that we share ---- */

/* O_NONBLOCK is the file's, so the guest can take it away. */
static void kick_that_would_block(void **state)
{
	(void)state;
	up();
	for (unsigned i = 0; i < 20; i++) {
		uint64_t count;

		for (unsigned q = 0; q < VHOST_RINGS; q++) {
			guest_kick(&g, q);
			fcntl(g.ring[q].kick, F_SETFL, 0);
		}
		serve_all(g.front.bus);
		/* Nothing is in it, and the end of the rings has it cleared. */
		fcntl(g.ring[0].kick, F_SETFL, O_NONBLOCK);
		while (read(g.ring[0].kick, &count, sizeof(count)) > 0)
			continue;
		fcntl(g.ring[0].kick, F_SETFL, 0);
		guest_enable(&g, 0, false);
		guest_enable(&g, 0, true);
		serve_until(g.front.bus, bus_is_up(g.front.bus));
		g.front.log = (struct log_text){ .lines = 0 };
	}
	front_hang_up(&g.front);
	gone_after("stopped by the end of the connection");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_sizes),
		TEST(wrong_numbers_of_fds),
		TEST(more_fds_than_any_has),
		TEST(many_fds_in_parts),
		TEST(unknown_requests),
		TEST(wrong_heads),
		TEST(huge_payloads),
		TEST(ring_indices),
		TEST(huge_values),
		TEST(wrong_kinds_of_fds),
		TEST(memory_tables),
		TEST(more_memory_than_there_can_be),
		TEST(misplaced_rings),
		TEST(straddling_ring),
		TEST(memory_taken_from_under_the_rings),
		TEST(index_that_jumps),
		TEST(descriptors_of_all_kinds),
		TEST(truncated_memory),
		TEST(replies_never_read),
		TEST(requests_without_end),
		TEST(fds_without_end),
		TEST(rubbish),
		TEST(kick_that_would_block),
	};

	return cmocka_run_group_tests_name("vhost_hostile", tests, NULL, NULL);
}
