/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What real front-ends said, said again without them: each request with file descriptors
 * as real, and a driver in the rings whenever they are complete. Recordings are in vhost/.
 */
#include "vhost_guest.h"
#include "vhost_recording.h"

/* What the front-end has set up so far; the guest's own part is in g. */
struct replay {
	struct guest g; /* first */
	const struct recording *rec;
	const struct recorded *at;
	uint8_t status;
	struct {
		bool num, addressed, kick, enabled;
		uint16_t base;
	} ring[VHOST_RINGS];
	bool running;
	unsigned n_up, n_down;
};

#define here(r, cond) \
	do { \
		if (!(cond)) \
			fail_msg("%s:%u: %s; the log:\n%s", (r)->rec->path, (r)->at->line, #cond, \
				 (r)->g.front.log.text); \
	} while (0)

static bool has(const struct replay *r, enum vhost_protocol_feature bit)
{
	return r->g.protocol >> bit & 1;
}

static bool complete(const struct replay *r)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		if (!r->ring[q].num || !r->ring[q].addressed ||
		    (!r->ring[q].kick && !guest_in_band(&r->g)) ||
		    (!r->ring[q].enabled && r->g.features & VHOST_F_PROTOCOL_FEATURES))
			return false;
	if (r->status & VHOST_STATUS_DRIVER && !(r->status & VHOST_STATUS_DRIVER_OK))
		return false;
	return r->g.n_regions;
}

/* ---- file descriptors ---- */

/* Takes over the region of an earlier table that is the same, with what is in it. */
static bool keep_region(struct guest *g, struct guest_region *old, unsigned n_old,
			const struct vhost_region *said)
{
	for (unsigned i = 0; i < n_old; i++) {
		if (old[i].fd < 0 || old[i].guest != said->guest || old[i].user != said->user ||
		    old[i].size != said->size || old[i].offset != said->offset)
			continue;
		g->region[g->n_regions++] = old[i];
		old[i].fd = -1;
		return true;
	}
	return false;
}

static void set_memory(struct replay *r, int *fd)
{
	const struct recorded *at = r->at;
	struct guest *g = &r->g;
	struct guest_region old[VHOST_FDS];
	unsigned n_old = g->n_regions;

	memcpy(old, g->region, sizeof(old));
	g->n_regions = 0;
	here(r, at->payload.table.n == at->n_fds);
	for (unsigned i = 0; i < at->n_fds; i++) {
		const struct vhost_region *said = &at->payload.table.region[i];

		if (!keep_region(g, old, n_old, said))
			guest_add_region(g, said->guest, said->user, said->size, said->offset);
		fd[i] = g->region[i].fd;
	}
	for (unsigned i = 0; i < n_old; i++)
		if (old[i].fd >= 0)
			guest_drop_region(&old[i]);
}

/* Those that the request brought when it was recorded. */
static unsigned make_fds(struct replay *r, int *fd)
{
	const unsigned q = r->at->payload.number & 1;
	struct guest_ring *ring = &r->g.ring[q];
	int pair[2];

	switch (r->at->id) {
	case VHOST_SET_MEM_TABLE:
		set_memory(r, fd);
		break;
	case VHOST_SET_VRING_KICK:
		if (ring->kick >= 0)
			close(ring->kick);
		ring->kick = r->at->n_fds ? new_event() : -1;
		fd[0] = ring->kick;
		break;
	case VHOST_SET_VRING_CALL:
		guest_make_call(ring, r->at->n_fds ? r->g.call_kind : CALL_NONE);
		fd[0] = ring->call_given;
		break;
	case VHOST_SET_VRING_ERR:
		fd[0] = new_event();
		break;
	case VHOST_SET_BACKEND_REQ_FD:
		if (r->g.backend >= 0)
			close(r->g.backend);
		new_sockets(pair);
		r->g.backend = pair[0];
		fd[0] = pair[1];
		break;
	default:
		here(r, r->at->n_fds == 0);
	}
	return r->at->n_fds;
}

/* ---- what is awaited ---- */

static bool is_question(uint32_t id)
{
	return id == VHOST_GET_FEATURES || id == VHOST_GET_PROTOCOL_FEATURES ||
	       id == VHOST_GET_QUEUE_NUM || id == VHOST_GET_STATUS || id == VHOST_GET_VRING_BASE ||
	       id == VHOST_GET_CONFIG;
}

static void check_answer(struct replay *r, const union vhost_payload *got)
{
	const union vhost_payload *said = &r->at->payload;
	const struct guest_ring *ring = &r->g.ring[said->state.index & 1];

	switch (r->at->id) {
	case VHOST_GET_FEATURES:
		here(r, got->number == GUEST_FEATURES);
		break;
	case VHOST_GET_PROTOCOL_FEATURES:
		here(r, (got->number & GUEST_PROTOCOL) == GUEST_PROTOCOL);
		break;
	case VHOST_GET_QUEUE_NUM:
		here(r, got->number == VHOST_RINGS);
		break;
	case VHOST_GET_STATUS:
		here(r, got->number == r->status);
		break;
	case VHOST_GET_CONFIG:
		here(r, got->config.size == said->config.size);
		break;
	default: /* GET_VRING_BASE: all that was there has been taken */
		here(r, got->state.index == said->state.index);
		if (said->state.index == 1 && ring->running)
			here(r, got->state.num == (uint16_t)ring->drv.n_added);
	}
}

static void await_reply(struct replay *r)
{
	const struct recorded *at = r->at;
	union vhost_payload got = { .number = 1 };

	if (is_question(at->id)) {
		const bool as_long = at->id == VHOST_GET_VRING_BASE || at->id == VHOST_GET_CONFIG;
		const uint32_t size = as_long ? at->size : sizeof(got.number);

		front_reply(&r->g.front, at->id, &got, size);
		check_answer(r, &got);
	} else if (at->flags & VHOST_FLAG_NEED_REPLY && has(r, VHOST_PROTOCOL_REPLY_ACK)) {
		front_reply(&r->g.front, at->id, &got, sizeof(got.number));
		here(r, got.number == 0);
	} else {
		serve_all(r->g.front.bus);
	}
	here(r, !readable(r->g.front.sock, 0));
}

/* ---- the effect ---- */

static void note_addr(struct replay *r)
{
	const union vhost_payload *said = &r->at->payload;
	struct guest_ring *ring = &r->g.ring[said->addr.index];

	ring->desc = said->addr.desc;
	ring->avail = said->addr.avail;
	ring->used = said->addr.used;
	r->ring[said->addr.index].addressed = true;
}

static void note_ring(struct replay *r, uint32_t q, uint32_t value)
{
	switch (r->at->id) {
	case VHOST_SET_VRING_NUM:
		r->g.ring[q].num = value;
		r->ring[q].num = true;
		break;
	case VHOST_SET_VRING_BASE:
		r->ring[q].base = (uint16_t)value;
		break;
	case VHOST_GET_VRING_BASE:
		r->ring[q].kick = false; /* until it is set again */
		break;
	case VHOST_SET_VRING_KICK:
		r->ring[q].kick = true;
		break;
	case VHOST_SET_VRING_ENABLE:
		r->ring[q].enabled = value;
		break;
	}
}

static void note(struct replay *r)
{
	const union vhost_payload *said = &r->at->payload;

	switch (r->at->id) {
	case VHOST_SET_FEATURES:
		r->g.features = said->number;
		break;
	case VHOST_SET_PROTOCOL_FEATURES:
		r->g.protocol = said->number;
		break;
	case VHOST_SET_STATUS:
		r->status = (uint8_t)said->number;
		break;
	case VHOST_RESET_OWNER:
	case VHOST_RESET_DEVICE:
		memset(r->ring, 0, sizeof(r->ring));
		r->status = 0;
		break;
	case VHOST_SET_VRING_ADDR:
		note_addr(r);
		break;
	case VHOST_SET_VRING_KICK:
		note_ring(r, said->number & 1, 0);
		break;
	default:
		if (r->at->size == sizeof(said->state))
			note_ring(r, said->state.index & 1, said->state.num);
	}
}

/* ---- the driver ---- */

static bool apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a + a_size <= b || b + b_size <= a;
}

/* Whether no ring lies in size bytes from user address at. */
static bool is_free(const struct guest *g, uint64_t at, uint64_t size)
{
	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		const struct guest_ring *ring = &g->ring[q];

		if (!apart(at, size, ring->desc, 16ull * ring->num) ||
		    !apart(at, size, ring->avail, 6 + 2ull * ring->num) ||
		    !apart(at, size, ring->used, 6 + 8ull * ring->num))
			return false;
	}
	return true;
}

/* size bytes of the guest's memory that it uses for no ring, the last ones of a region. */
static void find_buffers(struct replay *r, uint64_t size)
{
	struct guest *g = &r->g;

	for (unsigned i = 0; i < g->n_regions; i++) {
		const struct guest_region *region = &g->region[i];

		for (uint64_t end = region->size; end >= size; end -= size) {
			const uint64_t at = end - size;

			if (!is_free(g, region->user + at, size))
				continue;
			for (unsigned q = 0; q < VHOST_RINGS; q++) {
				g->ring[q].buffers = region->guest + at + q * size / 2;
				g->ring[q].buffers_host = region->host + at + q * size / 2;
			}
			return;
		}
	}
	fail_msg("%s:%u: no room for buffers", r->rec->path, r->at->line);
}

static void start_driver(struct replay *r)
{
	struct guest *g = &r->g;
	uint32_t most = 0;

	for (unsigned q = 0; q < VHOST_RINGS; q++) {
		struct guest_ring *ring = &g->ring[q];

		ring->vr = (struct vring){
			.num = ring->num,
			.desc = (void *)guest_user_host(g, ring->desc, 16ull * ring->num),
			.avail = (void *)guest_user_host(g, ring->avail, 6 + 2ull * ring->num),
			.used = (void *)guest_user_host(g, ring->used, 6 + 8ull * ring->num),
		};
		here(r, ring->vr.desc && ring->vr.avail && ring->vr.used);
		most = ring->num > most ? ring->num : most;
	}
	find_buffers(r, 2ull * most * GUEST_BUFFER);
	for (unsigned q = 0; q < VHOST_RINGS; q++)
		guest_start_ring(g, q, r->ring[q].base);
	guest_post_all(g);
	guest_kick(g, 0);
}

static void comes_up(struct replay *r)
{
	unsigned before = bus_generation(r->g.front.bus);

	start_driver(r);
	serve_until(r->g.front.bus, bus_is_up(r->g.front.bus));
	here(r, bus_generation(r->g.front.bus) <= before + 1);
	r->running = true;
	r->n_up++;
	guest_works(&r->g);
}

static void say(struct replay *r)
{
	int fd[VHOST_FDS] = { -1 };
	unsigned n = make_fds(r, fd);
	uint32_t generation = bus_generation(r->g.front.bus);

	front_send(&r->g.front, r->at->id, r->at->flags, &r->at->payload, r->at->size, fd, n);
	if (r->at->id == VHOST_SET_BACKEND_REQ_FD || r->at->id == VHOST_SET_VRING_ERR)
		close(fd[0]); /* theirs alone */
	note(r);
	await_reply(r);
	if (r->running && !complete(r)) {
		here(r, !bus_is_up(r->g.front.bus));
		r->running = false;
		r->n_down++;
	} else if (r->running) {
		serve_until(r->g.front.bus, bus_is_up(r->g.front.bus));
		r->n_down += bus_generation(r->g.front.bus) - generation;
		r->n_up += bus_generation(r->g.front.bus) - generation;
		guest_talk(&r->g, 20);
	} else if (complete(r)) {
		comes_up(r);
	} else {
		here(r, !bus_is_up(r->g.front.bus));
	}
}

/* ---- a whole conversation ---- */

static bool takes_inband(const struct recording *rec)
{
	for (unsigned i = 0; i < rec->n; i++)
		if (rec->event[i].kind == RECORDED_REQUEST &&
		    rec->event[i].id == VHOST_SET_PROTOCOL_FEATURES &&
		    rec->event[i].payload.number & GUEST_INBAND)
			return true;
	return false;
}

/* Where the recorded link went, this one has gone. */
static void went_the_same_way(const struct replay *r, unsigned up, unsigned down)
{
	here(r, !r->rec->marked || (r->n_up == up && r->n_down == down));
}

static void replay_once(const struct recording *rec, enum call_kind kind)
{
	struct replay r = { .rec = rec };
	unsigned up = 0, down = 0, fds;

	guest_init(&r.g, takes_inband(rec) ? ",inband" : "");
	fds = count_fds();
	r.g.features = r.g.protocol = 0;
	r.g.call_kind = kind;
	front_connect(&r.g.front);
	for (unsigned i = 0; i < rec->n; i++) {
		r.at = &rec->event[i];
		up += r.at->kind == RECORDED_UP;
		down += r.at->kind == RECORDED_DOWN;
		if (r.at->kind != RECORDED_REQUEST)
			continue;
		went_the_same_way(&r, up, down);
		say(&r);
	}
	went_the_same_way(&r, up, down);
	here(&r, r.n_up > 0);
	guest_drop(&r.g);
	serve_until(r.g.front.bus, front_logged(&r.g.front, "is gone"));
	here(&r, !front_logged(&r.g.front, "dropped"));
	assert_int_equal(count_fds(), fds);
	next_guest_works(&r.g.front);
	front_close(&r.g.front);
}

static void replay(const struct recording *rec)
{
	replay_once(rec, CALL_SOCKET);
	replay_once(rec, CALL_EVENT);
	replay_once(rec, CALL_PIPE);
	print_message("# %s: %u events\n", rec->path, rec->n);
}

static void all_recordings(void **state)
{
	(void)state;
	assert_true(recording_for_each(replay) >= 2);
}

/* Another form of line, and lines that are none. */
static void recordings_are_read(void **state)
{
	static struct recording rec;

	(void)state;
	assert_true(recording_add_line(&rec, "# < GET_FEATURES 1 1 0 []", 1));
	assert_true(recording_add_line(&rec, "g0: client pid 5 (rpmsg-ns)\n", 2));
	assert_int_equal(rec.n, 0);
	assert_true(recording_add_line(&rec, "g: x: < unknown request 99 1 2 [0a0b]\n", 3));
	assert_int_equal(rec.event[0].id, 99);
	assert_int_equal(rec.event[0].n_fds, 2);
	assert_int_equal(rec.event[0].size, 2);
	assert_int_equal(rec.event[0].payload.bytes[1], 0x0b);
	assert_false(rec.marked);
	assert_true(recording_add_line(&rec, "the driver is ready: features 0x1\n", 4));
	assert_true(rec.marked);
	assert_false(recording_add_line(&rec, "< GET_FEATURES 1 1 [", 5));
	assert_false(recording_add_line(&rec, "< GET_FEATURES 1 1 0 [0", 6));
	assert_false(recording_add_line(&rec, "< GET_FEATURES 1 1 9 []", 7));
	assert_int_equal(rec.n, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_set_up, dir_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_are_read),
		TEST(all_recordings),
	};

	return cmocka_run_group_tests_name("vhost_replay", tests, NULL, NULL);
}
