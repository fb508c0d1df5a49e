/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the counters that know no time grew lately, as far as two pictures tell. */
#ifndef RPMSG_TOP_RECENT_H
#define RPMSG_TOP_RECENT_H

#include "common/snapshot.h"

/* What is longer ago is history. */
#define RECENT_NS (UINT64_C(60) * 1000 * 1000 * 1000)

enum recent_count {
	RECENT_ERROR, /* plus an enum rpmsg_send_error */
	RECENT_DROPPED = RECENT_ERROR + RPMSG_ERRORS,
	RECENT_MALFORMED,
	RECENT_NS_REFUSED,
	RECENT_NO_RECIPIENT,
	RECENT_GENERATION,
	N_RECENT
};

/* Of a side. All zero: no picture yet. */
struct recent {
	bool known;
	uint64_t clock_ns, since_ns;    /* of the last picture */
	uint64_t value[N_RECENT];
	uint64_t grew_ns[N_RECENT];     /* by the pictures' clock; 0: long ago, or never */
	uint64_t restarted_ns;          /* counting began anew: another server; 0: never seen */
};

void recent_update(struct recent *r, const struct snapshot_side *side, uint64_t clock_ns);
/* Whether it was within RECENT_NS, and then *ago. */
bool recent_is(uint64_t when_ns, uint64_t clock_ns, uint64_t *ago);

#endif
