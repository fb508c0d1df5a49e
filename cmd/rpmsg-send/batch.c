/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages one after another: those of the command line, or lines or pieces as they come. */
#include "common/number.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/send.h"

/* While sending without a pause, what comes in is handled after so many messages. */
#define LOOK_EVERY 64

struct pace {
	int64_t next; /* when the next message may go */
};

static bool answers_wanted(const struct session *s)
{
	return s->cfg->reply || s->cfg->expect_text;
}

static bool stop(const struct session *s)
{
	return run_stopped() || s->answer_code == TOOL_FAIL;
}

static enum tool_exit look(struct session *s)
{
	int ret = answers_wanted(s) ? session_look(s) : 0;

	if (ret < 0)
		return session_failed(s, ret);
	return s->deadline != NUMBER_FOREVER && run_now() >= s->deadline ? TOOL_LATE : TOOL_OK;
}

/* Waits until the next message's turn; TOOL_LATE if -t ends before. */
static enum tool_exit keep_pace(struct session *s, struct pace *pace)
{
	int64_t until;
	int ret;

	if (!s->cfg->interval_ns)
		return s->sent % LOOK_EVERY ? TOOL_OK : look(s);
	while (pace->next && run_now() < pace->next) {
		until = pace->next < s->deadline ? pace->next : s->deadline;
		ret = session_wait(s, NULL, until);
		if (ret < 0)
			return session_failed(s, ret);
		if (!ret && until == s->deadline)
			return TOOL_LATE;
	}
	pace->next = run_deadline(s->cfg->interval_ns);
	return TOOL_OK;
}

static enum tool_exit send_one(struct session *s, const struct payload *message, struct pace *pace)
{
	enum tool_exit code = keep_pace(s, pace);

	return code || stop(s) ? code : transmit(s, message->data, message->len);
}

static enum tool_exit send_list(struct session *s)
{
	const struct payload_list *list = &s->cfg->messages;
	enum tool_exit code = transmit_check_list(s);
	struct pace pace = { 0 };

	for (uint64_t round = 0; !code && !stop(s) && round < s->cfg->count; round++)
		for (size_t i = 0; !code && !stop(s) && i < list->n; i++)
			code = send_one(s, &list->item[i], &pace);
	if (code == TOOL_LATE)
		tool_error("time is over after %llu of %llu messages", (unsigned long long)s->sent,
			   (unsigned long long)s->cfg->count * list->n);
	return code;
}

static enum tool_exit bad_line(const struct payload_lines *lines, int err, const char *why)
{
	if (err == -EINVAL || err == -EMSGSIZE)
		tool_error("line %llu %s", (unsigned long long)payload_lines_number(lines), why);
	else
		tool_error("cannot read lines: %s", why);
	return TOOL_FAIL;
}

static enum tool_exit send_line(struct session *s, const struct payload_lines *lines,
				const struct payload *line, struct pace *pace)
{
	enum tool_exit code = transmit_check(s, "line", payload_lines_number(lines), line->len);

	return code ? code : send_one(s, line, pace);
}

/* Nothing is awaited from those who write the lines: -t is how long they may. */
static enum tool_exit send_lines(struct session *s, struct payload_lines *lines)
{
	enum tool_exit code = TOOL_OK;
	struct payload line;
	struct pace pace = { 0 };
	struct pollfd more = { .fd = payload_lines_fd(lines), .events = POLLIN };
	const char *why;
	int ret;

	while (!code && !stop(s)) {
		ret = payload_lines_next(lines, &line, &why);
		if (ret == 0)
			break;
		if (ret == 1) {
			code = send_line(s, lines, &line, &pace);
		} else if (ret == -EAGAIN) {
			ret = session_wait(s, &more, s->deadline);
			if (!ret)
				break;
			if (ret < 0)
				code = session_failed(s, ret);
		} else {
			code = bad_line(lines, ret, why);
		}
	}
	return code == TOOL_LATE ? TOOL_OK : code;
}

/* Messages of --split's size, which has to fit, or as long as they may be. */
static enum tool_exit split(struct session *s, struct payload_lines *lines)
{
	uint64_t size = s->cfg->piece;
	enum tool_exit code = transmit_check(s, "--split: message", 1, size);
	long mtu = rpmsg_get_mtu(s->ept);

	if (!code && mtu > 0)
		payload_lines_split(lines, size ? size : (size_t)mtu);
	return !code && mtu <= 0 ? session_down(s) : code;
}

static enum tool_exit send_stream(struct session *s)
{
	const char *path = s->cfg->file ? s->cfg->file : "-";
	struct payload_lines *lines = payload_lines_open(path, s->cfg->form);
	enum tool_exit code;

	if (!lines) {
		tool_error("%s: %s", path, rpmsg_strerror(errno));
		return TOOL_FAIL;
	}
	code = s->cfg->split ? split(s, lines) : TOOL_OK;
	if (!code)
		code = send_lines(s, lines);
	payload_lines_close(lines);
	return code;
}

static enum tool_exit await_answers(struct session *s)
{
	uint64_t want = s->cfg->replies ? s->cfg->replies : s->sent;
	int64_t deadline = session_deadline(s);
	int ret;

	while (s->answers < want && !stop(s)) {
		ret = session_wait(s, NULL, deadline);
		if (ret < 0)
			return session_failed(s, ret);
		if (s->withdrawn && s->answers < want) {
			tool_error("service '%s' was withdrawn after %llu of %llu answers",
				   s->cfg->name, (unsigned long long)s->answers,
				   (unsigned long long)want);
			return TOOL_LATE;
		}
		if (ret || s->answers >= want)
			continue;
		tool_error("%llu of %llu answers came in time", (unsigned long long)s->answers,
			   (unsigned long long)want);
		return TOOL_LATE;
	}
	return TOOL_OK;
}

enum tool_exit batch_run(struct session *s)
{
	bool stream = s->cfg->lines || s->cfg->split;
	enum tool_exit code = stream ? send_stream(s) : send_list(s);

	if (!code && !stop(s) && answers_wanted(s))
		code = await_answers(s);
	tool_verbose("%llu message%s sent, %llu answer%s", (unsigned long long)s->sent,
		     plural_s(s->sent), (unsigned long long)s->answers, plural_s(s->answers));
	return tool_exit_worse(code, s->answer_code);
}
