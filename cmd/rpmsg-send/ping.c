/* SPDX-License-Identifier: BSD-2-Clause */
/* One request in flight at a time, and how long its answer takes. */
#include "common/number.h"
#include "common/rtt.h"
#include "common/run.h"
#include "rpmsg-send/send.h"

#define NS_PER_S INT64_C(1000000000)

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static int print_json(struct session *s, int64_t ns)
{
	struct json_object *obj = format_json_new("ping", format_now_ns(), s->bus_name);

	if (!obj)
		return -ENOMEM;
	format_json_string(obj, "service", s->cfg->name);
	format_json_addr(obj, "dst", s->dst);
	format_json_uint(obj, "seq", s->answers);
	format_json_uint(obj, "len", s->answer_len);
	format_json_uint(obj, "rtt_ns", (uint64_t)ns);
	return format_json_line(&s->fmt, obj);
}

static int print_text(struct session *s, int64_t ns)
{
	char addr[FORMAT_ADDR_SIZE];

	errno = 0;
	printf("%zu bytes from %s: seq=%llu time=%.3f ms\n", s->answer_len,
	       format_addr(s->dst, addr), (unsigned long long)s->answers, ms(ns));
	return s->fmt.flush && fflush(stdout) ? -errno : 0;
}

static void print_trip(struct session *s, int64_t ns)
{
	int err = s->fmt.out == FORMAT_JSON ? print_json(s, ns) : print_text(s, ns);

	if (!err)
		return;
	run_write_failed(err);
	s->answer_code = TOOL_FAIL;
}

static void summary_json(struct session *s, const struct rtt *rtt)
{
	static const struct {
		const char *key;
		double percent;
	} column[] = { { "p50_ns", 50 }, { "p90_ns", 90 }, { "p99_ns", 99 } };
	struct json_object *obj = format_json_new("stats", format_now_ns(), s->bus_name);

	if (!obj)
		return;
	format_json_string(obj, "service", s->cfg->name);
	format_json_addr(obj, "dst", s->dst);
	format_json_uint(obj, "sent", s->sent);
	format_json_uint(obj, "answered", s->answers);
	if (rtt->n) {
		format_json_uint(obj, "min_ns", (uint64_t)rtt->min);
		format_json_uint(obj, "avg_ns", (uint64_t)rtt->mean);
		for (size_t i = 0; i < sizeof(column) / sizeof(*column); i++)
			format_json_uint(obj, column[i].key,
					 (uint64_t)rtt_percentile(rtt, column[i].percent));
		format_json_uint(obj, "max_ns", (uint64_t)rtt->max);
		format_json_uint(obj, "mdev_ns", (uint64_t)rtt_deviation(rtt));
	}
	format_json_line(&s->fmt, obj);
}

static void summary_text(struct session *s, const struct rtt *rtt, int64_t time)
{
	char addr[FORMAT_ADDR_SIZE];

	printf("--- %s ping statistics ---\n",
	       s->cfg->name ? s->cfg->name : format_addr(s->dst, addr));
	printf("%llu sent, %llu answered, %llu unanswered, time %.0f ms\n",
	       (unsigned long long)s->sent, (unsigned long long)s->answers,
	       (unsigned long long)(s->sent - s->answers), ms(time));
	if (!rtt->n)
		return;
	printf("rtt min/avg/p50/p90/p99/max/mdev = %.3f/%.3f/%.3f/%.3f/%.3f/%.3f/%.3f ms\n",
	       ms(rtt->min), rtt->mean / 1e6, ms(rtt_percentile(rtt, 50)),
	       ms(rtt_percentile(rtt, 90)), ms(rtt_percentile(rtt, 99)), ms(rtt->max),
	       rtt_deviation(rtt) / 1e6);
}

/* Waits for the answer to the request of before answers; TOOL_LATE at the deadline. */
static enum tool_exit await_answer(struct session *s, uint64_t before)
{
	int64_t deadline = session_deadline(s);
	int ret;

	while (s->answers == before && !run_stopped()) {
		ret = session_wait(s, NULL, deadline);
		if (ret < 0)
			return session_failed(s, ret);
		if (s->answers == before && (!ret || s->withdrawn))
			return TOOL_LATE;
	}
	return TOOL_OK;
}

/* More than one answer to a request would be taken for the next one's. */
static enum tool_exit drop_surplus(struct session *s)
{
	int ret;

	s->listening = false;
	do {
		ret = session_look(s);
	} while (ret > 0);
	return ret < 0 ? session_failed(s, ret) : TOOL_OK;
}

static enum tool_exit trip(struct session *s, const struct payload *message, struct rtt *rtt)
{
	uint64_t before = s->answers;
	enum tool_exit code = drop_surplus(s);
	int64_t sent_at, ns;

	if (code || run_stopped())
		return code;
	sent_at = run_now();
	code = transmit(s, message->data, message->len);
	if (!code)
		code = await_answer(s, before);
	if (code || s->answers == before)
		return code;
	ns = s->answered_at - sent_at;
	rtt_add(rtt, ns);
	print_trip(s, ns);
	return TOOL_OK;
}

/* TOOL_LATE when -t is over. */
static enum tool_exit pause_until(struct session *s, int64_t next)
{
	int64_t until = next < s->deadline ? next : s->deadline;
	int ret;

	while (run_now() < until) {
		ret = session_wait(s, NULL, until);
		if (ret < 0)
			return session_failed(s, ret);
	}
	return run_now() >= s->deadline ? TOOL_LATE : TOOL_OK;
}

static enum tool_exit trips(struct session *s, struct rtt *rtt)
{
	const struct payload_list *list = &s->cfg->messages;
	bool endless = !s->cfg->count_set;
	uint64_t count = endless ? UINT64_MAX : s->cfg->count;
	int64_t interval = endless && !s->cfg->interval_set ? NS_PER_S : s->cfg->interval_ns;
	enum tool_exit code = TOOL_OK;
	int64_t next;

	for (uint64_t i = 0; i < count; i++) {
		next = run_deadline(interval);
		code = trip(s, &list->item[i % list->n], rtt);
		if (code || run_stopped() || s->answer_code == TOOL_FAIL || i + 1 == count)
			break;
		code = pause_until(s, next);
		if (code || run_stopped())
			break;
	}
	/* Without -c, -t is how long to go on, and an answer at all is all that was awaited. */
	if (code == TOOL_LATE && endless && s->answers && run_now() >= s->deadline)
		return TOOL_OK;
	if (code == TOOL_LATE)
		tool_error("%s", s->sent > s->answers ? "no answer in time" : "time is over");
	return code;
}

enum tool_exit ping_run(struct session *s)
{
	int64_t start = run_now();
	enum tool_exit code = transmit_check_list(s);
	static struct rtt rtt;

	if (code)
		return code;
	code = trips(s, &rtt);
	if (s->fmt.out == FORMAT_JSON)
		summary_json(s, &rtt);
	else
		summary_text(s, &rtt, run_now() - start);
	if (s->cfg->max_rtt_ns >= 0 && rtt.n && rtt.max > s->cfg->max_rtt_ns) {
		tool_error("the longest round trip took %g ms, more than %g ms", ms(rtt.max),
			   ms(s->cfg->max_rtt_ns));
		s->answer_code = tool_exit_worse(s->answer_code, TOOL_UNMET);
	}
	return tool_exit_worse(code, s->answer_code);
}
