/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtt.h"

#include <stddef.h>

#define STEP_BITS 6 /* 64 steps between powers of two: a step is at most 1/64 wide */

/* Times below 64 have a bucket each; above, the leading bit and the next six choose. */
static size_t bucket_of(uint64_t ns)
{
	unsigned top, shift;

	if (ns < 1U << STEP_BITS)
		return (size_t)ns;
	top = 63U - (unsigned)__builtin_clzll(ns);
	shift = top - STEP_BITS;
	return ((size_t)(shift + 1) << STEP_BITS) +
	       (size_t)((ns >> shift) & ((1U << STEP_BITS) - 1));
}

/* The middle of a bucket. */
static int64_t value_of(size_t bucket)
{
	unsigned shift;
	uint64_t low;

	if (bucket < 1U << STEP_BITS)
		return (int64_t)bucket;
	shift = (unsigned)(bucket >> STEP_BITS) - 1;
	low = ((bucket & ((1U << STEP_BITS) - 1)) | 1U << STEP_BITS) << shift;
	return (int64_t)(low + ((UINT64_C(1) << shift) >> 1));
}

void rtt_add(struct rtt *rtt, int64_t ns)
{
	double off = (double)ns - rtt->mean;

	if (!rtt->n || ns < rtt->min)
		rtt->min = ns;
	if (!rtt->n || ns > rtt->max)
		rtt->max = ns;
	rtt->n++;
	rtt->mean += off / (double)rtt->n;
	rtt->m2 += off * ((double)ns - rtt->mean);
	rtt->bucket[bucket_of((uint64_t)ns)]++;
}

int64_t rtt_percentile(const struct rtt *rtt, double percent)
{
	double wanted = percent / 100 * (double)rtt->n;
	uint64_t rank = (uint64_t)wanted, seen = 0;
	int64_t value = 0;

	if (!rtt->n)
		return 0;
	rank += (double)rank < wanted || !rank; /* the nearest rank, from 1 */
	if (rank >= rtt->n)
		return rtt->max;
	for (size_t i = 0; i < RTT_BUCKETS && seen < rank; i++) {
		seen += rtt->bucket[i];
		value = value_of(i);
	}
	return value < rtt->min ? rtt->min : value > rtt->max ? rtt->max : value;
}

double rtt_deviation(const struct rtt *rtt)
{
	double variance = rtt->n ? rtt->m2 / (double)rtt->n : 0, root = variance;

	/* Newton's square root: libm is not worth a dependency here. */
	for (int i = 0; i < 100 && root > 0; i++)
		root = (root + variance / root) / 2;
	return root;
}
