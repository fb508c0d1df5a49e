/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --replay: what our side sent in a recording is sent again, in the same order and time.
 *
 * The clock stands still while the other side is late: what was sent after an answer had come
 * follows that answer as closely again. Nothing else moves the clock, so that delays of
 * our own do not add up.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/bus.h"
#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/replay.h"

/* While sending without a pause, what comes in is handled after so many messages. */
#define LOOK_EVERY 64
/* 2^62: what is further away than this never comes. */
#define FAR_NS 4.6e18

/* ---- the plan ---- */

static enum tool_exit each_record(struct replay *r, int (*fn)(struct plan *plan,
							      const struct rpmsg_record *record,
							      uint64_t number))
{
	struct rpmsg_record record;
	struct reel_pass *pass;
	uint64_t number;
	enum tool_exit code = reel_start(r->reel, &pass);
	int n = 0, err = 0;

	while (!code && !err && !run_stopped() && (n = reel_next(pass, &record, &number)) == 1)
		err = fn(&r->plan, &record, number);
	reel_end(pass);
	if (err)
		tool_error("%s: %s", reel_name(r->reel), rpmsg_strerror(err));
	return code || err || n == -EIO ? TOOL_FAIL : TOOL_OK;
}

static void tell_faults(const struct replay *r, const struct faults *faults, const char *what)
{
	uint64_t shown = faults->n < FAULTS_KEPT ? faults->n : FAULTS_KEPT;

	for (uint64_t i = 0; i < shown; i++)
		tool_error("message %llu of %s, of %zu bytes, %s",
			   (unsigned long long)faults->first[i].number, reel_name(r->reel),
			   faults->first[i].len, what);
	if (faults->n > shown)
		tool_error("and %llu more", (unsigned long long)(faults->n - shown));
}

static enum tool_exit check_bus(const struct replay *r)
{
	const struct plan *plan = &r->plan;

	if (!plan->other_bus[0] || !strcmp(plan->bus, plan->live_bus))
		return TOOL_OK;
	tool_error("%s has traffic of several buses, %s and %s, and of none that is called %s",
		   reel_name(r->reel), plan->bus, plan->other_bus, plan->live_bus);
	return TOOL_FAIL;
}

static enum tool_exit nothing_to_send(const struct replay *r)
{
	const struct plan *plan = &r->plan;
	const char *side = plan->side == RPMSG_SIDE_HOST ? "host" : "remote";

	if (plan->unselected)
		tool_error("%s: nothing that the %s sent belongs to service '%s'",
			   reel_name(r->reel), side, plan->name);
	else
		tool_error("%s: no message that the %s sent%s", reel_name(r->reel), side,
			   !plan->received ? "" : plan->side == RPMSG_SIDE_HOST ?
			   " (-R sends what the remote did)" : " (without -R: what the host did)");
	return TOOL_FAIL;
}

static enum tool_exit check_plan(const struct replay *r)
{
	const struct plan *plan = &r->plan;
	bool cut_received = r->cfg->expect_replies && plan->cut_received.n;
	char limit[64];

	if (!plan->sent)
		return nothing_to_send(r);
	snprintf(limit, sizeof(limit), "is longer than bus %.20s carries: %zu bytes",
		 r->s->bus_name, plan->mtu);
	tell_faults(r, &plan->cut, "was cut when it was captured");
	if (cut_received)
		tell_faults(r, &plan->cut_received,
			    "is expected, but was cut when it was captured");
	tell_faults(r, &plan->long_ones, limit);
	tell_faults(r, &plan->nowhere, "has no known destination");
	if (plan->cut.n || cut_received || plan->long_ones.n)
		return TOOL_FAIL;
	return plan->nowhere.n ? TOOL_NOT_FOUND : TOOL_OK;
}

static enum tool_exit make_plan(struct replay *r)
{
	struct rpmsg_bus_info info;
	const char *what;
	enum tool_exit code;

	if (bus_info(r->s->bus, &info))
		return session_down(r->s);
	plan_init(&r->plan, r->s->side, r->s->bus_name);
	r->plan.name = r->cfg->name;
	r->plan.mtu = info.mtu_tx;
	code = each_record(r, plan_learn);
	if (!code && !run_stopped())
		code = check_bus(r);
	if (!code && !run_stopped())
		code = each_record(r, plan_add);
	if (code || run_stopped())
		return code;
	if (reel_lost(r->reel, &what))
		tool_note("%s: %llu %s are missing in it", reel_name(r->reel),
			  (unsigned long long)reel_lost(r->reel, &what), what);
	return check_plan(r);
}

/* ---- the clock ---- */

/* When what has that time in the recording is due; 0: at once. */
static int64_t due_at(const struct replay *r, uint64_t time_ns)
{
	double after = (double)(int64_t)(time_ns - r->plan.first_ns);

	if (r->cfg->interval_set)
		after = (double)r->n * (double)r->cfg->interval_ns;
	else if (r->cfg->speed > 0)
		after /= r->cfg->speed;
	if (r->cfg->interval_set ? !r->cfg->interval_ns : !(r->cfg->speed > 0))
		return 0;
	if (after > FAR_NS)
		return NUMBER_FOREVER;
	return r->base + (after > 0 ? (int64_t)after : 0);
}

/* The other side was late: what was due then is due now. */
static void stand_still(struct replay *r, int64_t due)
{
	int64_t now = run_now();

	if (due && now > due)
		r->base += now - due;
}

void replay_came(struct replay *r, uint64_t time_ns)
{
	if (!r->cfg->interval_set)
		stand_still(r, due_at(r, time_ns));
}

static enum tool_exit await_time(struct replay *r, int64_t due)
{
	int ret;

	if (r->s->sent % LOOK_EVERY == 0) {
		ret = map_wait(r, 0);
		if (ret < 0)
			return session_failed(r->s, ret);
	}
	while (run_now() < due) {
		ret = map_wait(r, due);
		if (ret < 0)
			return session_failed(r->s, ret);
	}
	return TOOL_OK;
}

static void note_late(struct replay *r, int64_t due)
{
	int64_t late = due ? run_now() - due : 0;

	if (late > r->late_ns)
		r->late_ns = late;
}

/* ---- one message ---- */

/* What came before the message in the recording comes before it now, and may hold up the clock. */
static enum tool_exit await_turn(struct replay *r, const struct rpmsg_record *record,
				 uint64_t number)
{
	enum tool_exit code = await_time(r, due_at(r, record->time_ns));

	if (code || !r->expect || run_stopped())
		return code;
	code = expect_await(r->expect, number);
	if (code || run_stopped())
		return code;
	return await_time(r, due_at(r, record->time_ns));
}

static enum tool_exit send_message(struct replay *r, struct pair *pair,
				   const struct rpmsg_record *record)
{
	struct session *s = r->s;
	enum tool_exit code = local_ready(pair->local);

	if (code)
		return code;
	s->ept = pair->local->ept;
	s->channel = pair->local->channel;
	s->withdrawn = false;
	pair->local->listening = true;
	code = transmit(s, record->data, record->len);
	s->ept = NULL;
	return code;
}

static enum tool_exit replay_message(struct replay *r, const struct rpmsg_record *record,
				     uint64_t number)
{
	struct pair *pair = plan_pair(&r->plan, record, number);
	enum tool_exit code;
	bool waited;

	if (!pair || !pair->selected)
		return TOOL_OK;
	code = await_turn(r, record, number);
	if (code || run_stopped())
		return code;
	do {
		code = map_destination(r, pair, &r->s->dst, &waited);
		if (code || r->s->dst == RPMSG_ADDR_ANY)
			return code;
		if (waited)
			stand_still(r, due_at(r, record->time_ns));
		note_late(r, due_at(r, record->time_ns));
		code = send_message(r, pair, record);
	} while (code == TOOL_NOT_FOUND); /* it, or our endpoint's channel, went just now */
	r->n++;
	return code;
}

/* ---- all of them ---- */

static bool enough(const struct replay *r)
{
	return run_stopped() || (r->cfg->count_set && r->s->sent >= r->cfg->count);
}

/* The next message of ours, or what reel_next() gives. */
static int next_message(const struct replay *r, struct reel_pass *pass,
			struct rpmsg_record *record, uint64_t *number)
{
	int n;

	do {
		n = reel_next(pass, record, number);
	} while (n == 1 && (!plan_is_message(&r->plan, record) || !plan_is_ours(&r->plan, record)));
	return n;
}

/* The last replies may take as long as they took, and -t more. */
static enum tool_exit await_last_replies(struct replay *r, uint64_t number)
{
	int64_t due = r->cfg->interval_set ? 0 : due_at(r, r->plan.last_ns);
	int ret;

	if (!r->expect || run_stopped())
		return TOOL_OK;
	while (due && run_now() < due && !expect_met(r->expect, number)) {
		ret = map_wait(r, due);
		if (ret < 0)
			return session_failed(r->s, ret);
	}
	return expect_await(r->expect, number);
}

/* From the first to the last, or what -c leaves of them. */
static enum tool_exit replay_round(struct replay *r)
{
	struct rpmsg_record record;
	struct reel_pass *pass;
	uint64_t number = 0;
	enum tool_exit code = reel_start(r->reel, &pass);
	int n = 0;

	while (!code && !run_stopped()) {
		n = next_message(r, pass, &record, &number);
		if (n != 1 || enough(r))
			break;
		code = replay_message(r, &record, number);
	}
	reel_end(pass);
	if (n == -EIO)
		code = TOOL_FAIL;
	return code ? code : await_last_replies(r, n == 1 ? number : UINT64_MAX);
}

static enum tool_exit replay_rounds(struct replay *r)
{
	const struct send_config *cfg = r->cfg;
	uint64_t rounds = cfg->loop ? cfg->rounds : 1;
	enum tool_exit code = TOOL_OK;

	r->base = run_now();
	for (uint64_t i = 0; !code && (!rounds || i < rounds) && !enough(r); i++) {
		if (i && r->expect)
			code = expect_rewind(r->expect);
		if (i && !cfg->interval_set)
			r->base = run_now();
		if (!code)
			code = replay_round(r);
	}
	return code;
}

static void summary(const struct replay *r, int64_t start)
{
	double seconds = (double)(run_now() - start) / 1e9;
	unsigned long long sent = r->s->sent;

	if (run_stopped())
		tool_note("%llu message%s sent in %.3f s", sent, plural_s(sent), seconds);
	else
		tool_verbose("%llu message%s sent in %.3f s", sent, plural_s(sent), seconds);
	if (due_at(r, r->plan.first_ns))
		tool_verbose("at most %.3f ms late", (double)r->late_ns / 1e6);
	if (r->expect)
		expect_summary(r->expect);
}

static enum tool_exit play(struct replay *r)
{
	enum tool_exit code = r->cfg->expect_replies ? expect_start(r) : TOOL_OK;
	int64_t start;

	if (!code)
		code = local_bind_all(r);
	if (code || run_stopped())
		return code;
	if (tool_verbosity() > 0)
		map_tell(r);
	prctl(PR_SET_TIMERSLACK, 1UL);
	start = run_now();
	code = replay_rounds(r);
	summary(r, start);
	if (r->expect)
		code = tool_exit_worse(code, expect_code(r->expect));
	if (code || run_stopped())
		return code;
	local_free_all(r);
	return session_finish(r->s);
}

/* ---- --dry-run ---- */

static enum tool_exit print(struct replay *r, struct format *fmt, const struct rpmsg_record *record,
			    uint64_t number)
{
	struct pair *pair = plan_pair(&r->plan, record, number);
	struct format_message msg = {
		.time_ns = record->time_ns,
		.bus = r->s->bus_name,
		.dir = record->dir,
		.src = record->src,
		.data = record->data,
		.len = record->len,
	};
	int err;

	if (!pair || !pair->selected)
		return TOOL_OK;
	msg.service = *pair->theirs->name ? pair->theirs->name : pair->ours->name;
	msg.dst = map_look_up(pair);
	r->s->sent++;
	err = format_message(fmt, &msg);
	if (err)
		run_write_failed(err);
	return err ? TOOL_FAIL : TOOL_OK;
}

static enum tool_exit print_all(struct replay *r)
{
	struct format fmt = {
		.file = stdout,
		.out = r->cfg->tool.out,
		.time = FORMAT_TIME_ABSOLUTE,
	};
	struct rpmsg_record record;
	struct reel_pass *pass;
	uint64_t number = 0;
	enum tool_exit code = reel_start(r->reel, &pass);
	int n = 0;

	format_init(&fmt);
	map_tell(r);
	while (!code && !enough(r) && (n = next_message(r, pass, &record, &number)) == 1)
		code = print(r, &fmt, &record, number);
	reel_end(pass);
	return n == -EIO ? TOOL_FAIL : code;
}

enum tool_exit replay_run(struct session *s, const struct send_config *cfg)
{
	struct replay r = { .s = s, .cfg = cfg };
	enum tool_exit code;

	STAILQ_INIT(&r.locals);
	plan_init(&r.plan, RPMSG_SIDE_DEFAULT, "");
	code = reel_open(cfg->replay, &r.reel);
	if (!code && !run_stopped())
		code = session_open(s, cfg);
	if (!code && !run_stopped())
		code = make_plan(&r);
	if (!code && !run_stopped())
		code = map_await_all(&r);
	if (!code && !run_stopped())
		code = cfg->dry_run ? print_all(&r) : play(&r);
	expect_end(r.expect);
	local_free_all(&r);
	plan_free(&r.plan);
	reel_close(r.reel);
	return code;
}
