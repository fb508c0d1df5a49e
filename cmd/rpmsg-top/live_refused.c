/* SPDX-License-Identifier: BSD-2-Clause */
/* What the last ring entry that was refused had in it: counts do not say, the recording does. */
#include <stdio.h>
#include <string.h>

#include "common/run.h"
#include "rpmsg-top/live.h"

/* A whole recording is read, so seldom enough also while ever more is refused. */
#define LOOK_NS (INT64_C(5) * 1000 * 1000 * 1000)

static void find(struct rpmsg_recording *rec, char *text, size_t size)
{
	struct rpmsg_record r;

	rpmsg_recording_set_events(rec, true);
	rpmsg_recording_set_limit(rec, true);
	while (rpmsg_recording_read(rec, &r) == 1)
		if ((r.type == RPMSG_RECORD_MALFORMED || r.type == RPMSG_RECORD_RESET) && !r.count)
			snprintf(text, size, "%s", r.text);
}

static uint64_t refused_so_far(const struct snapshot *s)
{
	uint64_t n = 0;

	for (int i = 0; i < 2; i++)
		if (s->side[i].served)
			n += s->side[i].stats.malformed;
	return n;
}

void live_refused_look(struct live_bus *b, const struct snapshot *picture)
{
	uint64_t n = refused_so_far(picture);
	char text[sizeof(b->refused)] = "";
	struct rpmsg_recording *rec;

	if (n == b->n_refused || run_now() < b->refused_ns)
		return;
	b->n_refused = n;
	b->refused_ns = run_now() + LOOK_NS;
	rec = n ? rpmsg_recording_open_bus(live_any_side(b), true) : NULL;
	if (rec)
		find(rec, text, sizeof(text));
	rpmsg_recording_close(rec);
	pthread_mutex_lock(&b->live->lock);
	memcpy(b->refused, text, sizeof(b->refused));
	pthread_mutex_unlock(&b->live->lock);
}
