/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/recent.h"

#include <string.h>

static void read_values(const struct snapshot_side *side, uint64_t value[N_RECENT])
{
	const struct rpmsg_stats *st = &side->stats;

	memcpy(value, st->counts.errors, sizeof(st->counts.errors));
	value[RECENT_DROPPED] = st->counts.dropped;
	value[RECENT_MALFORMED] = st->malformed;
	value[RECENT_NS_REFUSED] = st->ns_refused;
	value[RECENT_NO_RECIPIENT] = st->no_recipient;
	value[RECENT_GENERATION] = side->info.generation;
}

/* With nothing to compare with, all happened since counting began. */
static void begin(struct recent *r, uint64_t clock_ns)
{
	uint64_t ago;

	for (int i = 0; i < N_RECENT; i++) {
		bool so = r->value[i] && i != RECENT_GENERATION &&
			  recent_is(r->since_ns, clock_ns, &ago);

		r->grew_ns[i] = so ? clock_ns : 0;
	}
}

/* Between pictures that are far apart it may have been at any time. */
static void compare(struct recent *r, const uint64_t was[N_RECENT], uint64_t clock_ns)
{
	for (int i = 0; i < N_RECENT; i++)
		if (r->value[i] > was[i])
			r->grew_ns[i] = clock_ns - r->clock_ns <= RECENT_NS ? clock_ns : 0;
}

void recent_update(struct recent *r, const struct snapshot_side *side, uint64_t clock_ns)
{
	uint64_t was[N_RECENT];
	bool anew = r->known && r->since_ns != side->stats.since_ns;
	bool comparable = r->known && !anew && clock_ns >= r->clock_ns;

	memcpy(was, r->value, sizeof(was));
	read_values(side, r->value);
	r->since_ns = side->stats.since_ns;
	if (anew)
		r->restarted_ns = clock_ns;
	else if (!comparable)
		r->restarted_ns = 0;
	if (comparable)
		compare(r, was, clock_ns);
	else
		begin(r, clock_ns);
	r->clock_ns = clock_ns;
	r->known = true;
}

bool recent_is(uint64_t when_ns, uint64_t clock_ns, uint64_t *ago)
{
	*ago = clock_ns > when_ns ? clock_ns - when_ns : 0;
	return when_ns && *ago <= RECENT_NS;
}
