/* SPDX-License-Identifier: BSD-2-Clause */
/* Each figure is the median of RUNS runs, told with the least and the most. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

#define RUNS 11

static inline double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static inline double median(double v[RUNS])
{
	qsort(v, RUNS, sizeof(*v), by_value);
	return v[RUNS / 2];
}

#endif
