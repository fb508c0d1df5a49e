/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded conversations, changed at random but the same in every run, through
 * vhost_request(). With arguments it is a tool for the fuzzer in ../fuzz:
 *
 *     test_vhost_fuzz --seeds DIR    writes the recordings there, as its inputs
 *     test_vhost_fuzz FILE...        runs its inputs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "fuzz/vhost_steps.h"
#include "vhost_recording.h"

#include <cmocka.h> /* last: it takes the name fail */

#define RUNS 5000u
#define SEEDS_MAX 16u

static struct steps seed[SEEDS_MAX];
static unsigned n_seeds;
static struct steps_run run;

/* ---- recordings as steps ---- */

static enum step_fd kind_for(uint32_t id, unsigned i)
{
	static const enum step_fd calls[] = { STEP_FD_EVENT, STEP_FD_STREAM, STEP_FD_PIPE_IN };

	switch (id) {
	case VHOST_SET_MEM_TABLE:
		return STEP_FD_VAST_MEMORY;
	case VHOST_SET_BACKEND_REQ_FD:
		return STEP_FD_STREAM;
	case VHOST_SET_VRING_CALL:
		return calls[i % 3];
	default:
		return STEP_FD_EVENT;
	}
}

static void add_step(struct steps *s, const struct recorded *r)
{
	struct step *step = &s->step[s->n];

	if (s->n == STEPS_MAX || r->kind == RECORDED_DOWN)
		return;
	*step = (struct step){ .id = STEP_KICK };
	s->n++;
	if (r->kind == RECORDED_UP)
		return;
	step->id = r->id;
	step->flags = r->flags;
	step->size = r->size;
	step->payload = r->payload;
	step->n_fds = r->n_fds;
	for (unsigned i = 0; i < r->n_fds; i++)
		step->fd[i] = (uint8_t)kind_for(r->id, s->n);
	if (r->id == VHOST_SET_PROTOCOL_FEATURES && r->payload.number >> VHOST_PROTOCOL_INBAND & 1)
		s->inband = true;
}

static void add_seed(const struct recording *rec)
{
	if (n_seeds == SEEDS_MAX)
		return;
	for (unsigned i = 0; i < rec->n; i++)
		add_step(&seed[n_seeds], &rec->event[i]);
	n_seeds++;
}

/* ---- changes ---- */

static uint64_t random_state = 20;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % n);
}

static void change_number(uint64_t *n)
{
	static const uint64_t all[] = { 0, 1, 2, 0xff, 0x100, 0xffff, 0x10000, 1u << 31, UINT32_MAX,
					UINT64_MAX, INT64_MAX, 0xfff, 0x1000 };
	const uint64_t telling = all[random_below(sizeof(all) / sizeof(all[0]))];
	const uint32_t how = random_below(4);

	if (how == 0)
		*n = telling;
	else if (how == 1)
		*n ^= UINT64_C(1) << random_below(64);
	else if (how == 2)
		*n += random_below(9) * 8u - 32;
	else
		*n = (*n & ~UINT64_C(0xffffffff)) | telling;
}

static void change_payload(struct step *step)
{
	uint32_t at = random_below(VHOST_PAYLOAD_MAX / 8);
	uint64_t n;

	/* Most often where there is something. */
	if (step->size >= 8 && random_below(8))
		at %= step->size / 8;
	memcpy(&n, step->payload.bytes + 8 * at, sizeof(n));
	change_number(&n);
	memcpy(step->payload.bytes + 8 * at, &n, sizeof(n));
}

static void change_step(struct step *step)
{
	switch (random_below(12)) {
	case 0:
		step->id = random_below(48);
		break;
	case 1:
		step->flags ^= 1u << random_below(5);
		break;
	case 2:
		step->size = random_below(VHOST_PAYLOAD_MAX + 1);
		break;
	case 3:
		step->n_fds = random_below(VHOST_FDS + 1);
		break;
	case 4:
		step->fd[random_below(VHOST_FDS)] = (uint8_t)random_below(STEP_FDS);
		break;
	default:
		change_payload(step);
	}
}

static void move_steps(struct steps *s)
{
	const struct steps *other = &seed[random_below(n_seeds)];
	const uint32_t to = random_below(s->n), from = random_below(s->n);
	const struct step moved = s->step[from];

	switch (random_below(4)) {
	case 0:
		s->n = to + 1;
		break;
	case 1:
		s->step[from] = s->step[to];
		s->step[to] = moved;
		break;
	case 2:
		s->step[to] = other->step[random_below(other->n)];
		break;
	default: /* once more, or again from here */
		memmove(&s->step[to + 1], &s->step[to], (STEPS_MAX - 1 - to) * sizeof(struct step));
		s->step[to] = moved;
		s->n += s->n < STEPS_MAX;
	}
}

static void change(struct steps *s)
{
	for (uint32_t i = random_below(6); i > 0; i--)
		if (random_below(3))
			change_step(&s->step[random_below(s->n)]);
		else
			move_steps(s);
}

/* ---- tests ---- */

static void recordings_unchanged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < n_seeds; i++) {
		const unsigned long n_ready = run.n_ready, n_refused = run.n_refused;
		const char *wrong = steps_do(&run, &seed[i]);

		if (wrong)
			fail_msg("seed %u: %s", i, wrong);
		assert_true(run.n_ready > n_ready);
		assert_int_equal(run.n_refused, n_refused);
	}
}

static void recordings_changed(void **state)
{
	static struct steps s;

	(void)state;
	run.n_ready = run.n_refused = run.n_requests = 0;
	for (unsigned i = 0; i < RUNS; i++) {
		const char *wrong;

		s = seed[i % n_seeds];
		change(&s);
		wrong = steps_do(&run, &s);
		if (wrong)
			fail_msg("run %u: %s", i, wrong);
	}
	print_message("# %u runs: %lu requests, %lu refused, %lu times ready\n", RUNS, run.n_requests,
		      run.n_refused, run.n_ready);
	assert_true(run.n_requests > 10 * RUNS);
	assert_in_range(run.n_refused, RUNS / 10, RUNS);
	assert_true(run.n_ready > RUNS);
}

/* ---- for the fuzzer ---- */

static int write_seeds(const char *dir)
{
	for (unsigned i = 0; i < n_seeds; i++) {
		char path[4096];
		FILE *f;

		snprintf(path, sizeof(path), "%s/recorded-%u", dir, i);
		f = fopen(path, "we");
		if (f)
			steps_write(&seed[i], f);
		if (!f || fclose(f)) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

static int run_file(const char *path)
{
	static uint8_t data[1 << 20];
	static struct steps s;
	FILE *f = fopen(path, "re");
	const char *wrong;

	if (!f) {
		perror(path);
		return 1;
	}
	steps_decode(&s, data, fread(data, 1, sizeof(data), f));
	fclose(f);
	wrong = steps_do(&run, &s);
	fprintf(stderr, "%s: %s\n", path, wrong ? wrong : "well");
	return wrong != NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_unchanged),
		cmocka_unit_test(recordings_changed),
	};
	int ret = 0;

	if (!recording_for_each(add_seed)) {
		fprintf(stderr, "no recordings in tests/unit/vhost\n");
		return 1;
	}
	if (argc == 3 && !strcmp(argv[1], "--seeds"))
		return write_seeds(argv[2]);
	if (!steps_open()) {
		perror("the files of the steps");
		return 1;
	}
	for (int i = 1; i < argc; i++)
		ret |= run_file(argv[i]);
	if (argc == 1)
		ret = cmocka_run_group_tests_name("vhost_fuzz", tests, NULL, NULL);
	steps_close();
	return ret;
}
