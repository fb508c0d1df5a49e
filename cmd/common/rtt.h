/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round-trip times: least, mean, greatest and deviation exactly, percentiles to
 * within 1 %, in memory that does not grow.
 */
#ifndef CMD_RTT_H
#define CMD_RTT_H

#include <stdint.h>

#define RTT_BUCKETS (58 * 64) /* 64 for each power of two, see rtt.c */

/* All zero is empty. Times are nanoseconds, never negative. */
struct rtt {
	uint64_t n;
	int64_t min, max;
	double mean, m2; /* running mean and sum of squared differences (Welford) */
	uint64_t bucket[RTT_BUCKETS];
};

void rtt_add(struct rtt *rtt, int64_t ns);
/* The time that percent (0 to 100) of them do not exceed; 0 if there are none. */
int64_t rtt_percentile(const struct rtt *rtt, double percent);
/* Standard deviation, as ping's mdev; 0 if there are none. */
double rtt_deviation(const struct rtt *rtt);

#endif
