/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes back: told apart from what was queued before, printed, compared. */
#include "common/diff.h"
#include "common/run.h"
#include "common/short_text.h"
#include "rpmsg-send/send.h"

/* The number of answers that are waited for, of as many messages as were sent. */
static uint64_t wanted(const struct session *s)
{
	return s->cfg->replies ? s->cfg->replies : s->sent;
}

static void compare(struct session *s, const void *data, size_t len)
{
	const struct payload *want = &s->cfg->expect;
	char text[DIFF_TEXT_SIZE];

	if (!s->cfg->expect_text || diff_same(want->data, want->len, data, len))
		return;
	diff_describe(want->data, want->len, data, len, text);
	tool_error("answer %llu %s", (unsigned long long)s->answers, text);
	s->answer_code = tool_exit_worse(s->answer_code, TOOL_UNMET);
}

static void print(struct session *s, const struct rpmsg_endpoint *ept, const void *data, size_t len,
		  uint32_t src)
{
	struct format_message msg = {
		.time_ns = format_now_ns(),
		.bus = s->bus_name,
		.dir = s->side == RPMSG_SIDE_HOST ? RPMSG_R2H : RPMSG_H2R,
		.service = s->cfg->name,
		.src = src,
		.dst = ept->addr,
		.data = data,
		.len = len,
	};
	int err = format_message(&s->fmt, &msg);

	if (!err)
		return;
	run_write_failed(err);
	s->answer_code = TOOL_FAIL;
}

int answer_received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct session *s = priv;

	(void)rpdev;
	if (!s->listening) {
		s->queued++;
		return 0;
	}
	/* Where senders are not known an endpoint has one peer. */
	if (!s->cfg->from_any && src != s->dst && src != RPMSG_ADDR_ANY) {
		s->ignored++;
		return 0;
	}
	if (!s->cfg->ping && s->answers >= wanted(s))
		return 0;
	s->answers++;
	s->answered_at = run_now();
	s->answer_len = (size_t)len;
	if (s->cfg->reply)
		print(s, s->ept, data, (size_t)len, src);
	compare(s, data, (size_t)len);
	return 0;
}

void answer_summary(const struct session *s)
{
	if (s->ignored)
		tool_note("%llu message%s from somebody else ignored (--from any takes them)",
			  (unsigned long long)s->ignored, plural_s(s->ignored));
}
