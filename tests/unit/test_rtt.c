/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/rtt.h"

static struct rtt rtt;

static int empty(void **state)
{
	(void)state;
	memset(&rtt, 0, sizeof(rtt));
	return 0;
}

static void check_about(int64_t value, int64_t wanted)
{
	assert_in_range(value, wanted - wanted / 100 - 1, wanted + wanted / 100 + 1);
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(rtt_percentile(&rtt, 50), 0);
	assert_true(rtt_deviation(&rtt) == 0);
}

static void test_one(void **state)
{
	(void)state;
	rtt_add(&rtt, 123456);
	assert_int_equal(rtt.min, 123456);
	assert_int_equal(rtt.max, 123456);
	assert_int_equal(rtt_percentile(&rtt, 0), 123456);
	assert_int_equal(rtt_percentile(&rtt, 50), 123456);
	assert_int_equal(rtt_percentile(&rtt, 99), 123456);
	assert_true(rtt_deviation(&rtt) == 0);
}

static void test_spread(void **state)
{
	(void)state;
	for (int64_t i = 1; i <= 100000; i++)
		rtt_add(&rtt, i * 1000);
	assert_int_equal(rtt.min, 1000);
	assert_int_equal(rtt.max, 100000000);
	assert_int_equal((int64_t)rtt.mean, 50000500);
	check_about(rtt_percentile(&rtt, 50), 50000000);
	check_about(rtt_percentile(&rtt, 90), 90000000);
	check_about(rtt_percentile(&rtt, 99), 99000000);
	assert_int_equal(rtt_percentile(&rtt, 100), 100000000);
	check_about((int64_t)rtt_deviation(&rtt), 28867513);
}

static void test_extremes(void **state)
{
	(void)state;
	rtt_add(&rtt, 0);
	rtt_add(&rtt, INT64_MAX);
	assert_int_equal(rtt_percentile(&rtt, 0), 0);
	assert_true(rtt_percentile(&rtt, 100) == INT64_MAX);
}

static void test_small_times_are_exact(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 100; i++)
		rtt_add(&rtt, i / 2);
	assert_int_equal(rtt_percentile(&rtt, 50), 24);
	assert_int_equal(rtt_percentile(&rtt, 51), 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_none, empty),
		cmocka_unit_test_setup(test_one, empty),
		cmocka_unit_test_setup(test_spread, empty),
		cmocka_unit_test_setup(test_extremes, empty),
		cmocka_unit_test_setup(test_small_times_are_exact, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
