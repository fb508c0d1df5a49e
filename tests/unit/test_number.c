/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/number.h"

static const char *const not_numbers[] = {
	"", " ", " 1", "1 ", "-1", "+1", "abc", "1x", "0x", "0xg", "1e3", "1,5", "0x-1", "\n", "--",
};

static void test_refuses_what_is_no_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(not_numbers) / sizeof(*not_numbers); i++) {
		const char *text = not_numbers[i], *why = NULL;
		uint64_t value = 77;
		uint32_t addr = 77;
		int64_t ns = 77;

		assert_int_equal(number_parse(text, 0, UINT64_MAX, &value, &why), -EINVAL);
		assert_non_null(why);
		assert_int_equal(number_parse_count(text, &value, &why), -EINVAL);
		assert_int_equal(number_parse_addr(text, &addr, &why), -EINVAL);
		assert_int_equal(number_parse_seconds(text, &ns, &why), -EINVAL);
		assert_int_equal(number_parse_ms(text, &ns, &why), -EINVAL);
		assert_int_equal(value, 77);
		assert_int_equal(addr, 77);
		assert_int_equal(ns, 77);
	}
}

static void test_says_why(void **state)
{
	const char *why;
	uint64_t value;

	(void)state;
	number_parse("", 0, 9, &value, &why);
	assert_string_equal(why, "is empty");
	number_parse("-3", 0, 9, &value, &why);
	assert_string_equal(why, "is negative");
	number_parse("3x", 0, 9, &value, &why);
	assert_string_equal(why, "is not a number");
	number_parse("10", 0, 9, &value, &why);
	assert_string_equal(why, "is too large");
	number_parse("0", 1, 9, &value, &why);
	assert_string_equal(why, "is too small");
}

static void test_decimal_and_hex(void **state)
{
	const char *why;
	uint64_t value;

	(void)state;
	assert_int_equal(number_parse("0", 0, 9, &value, &why), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number_parse("010", 0, 99, &value, &why), 0);
	assert_int_equal(value, 10);
	assert_int_equal(number_parse("0x1F", 0, 99, &value, &why), 0);
	assert_int_equal(value, 31);
	assert_int_equal(number_parse("18446744073709551615", 0, UINT64_MAX, &value, &why), 0);
	assert_true(value == UINT64_MAX);
}

static void test_overflow(void **state)
{
	const char *why;
	uint64_t value;

	(void)state;
	assert_int_equal(number_parse("18446744073709551616", 0, UINT64_MAX, &value, &why),
			 -ERANGE);
	assert_int_equal(number_parse("0x10000000000000000", 0, UINT64_MAX, &value, &why), -ERANGE);
	assert_int_equal(number_parse("99999999999999999999999", 0, UINT64_MAX, &value, &why),
			 -ERANGE);
	/* garbage is told before overflow */
	assert_int_equal(number_parse("99999999999999999999999z", 0, UINT64_MAX, &value, &why),
			 -EINVAL);
}

static void test_addresses(void **state)
{
	const char *why;
	uint32_t addr;

	(void)state;
	assert_int_equal(number_parse_addr("0xfffffffe", &addr, &why), 0);
	assert_true(addr == 0xfffffffeU);
	assert_int_equal(number_parse_addr("0", &addr, &why), 0);
	assert_int_equal(addr, 0);
	assert_int_equal(number_parse_addr("0xffffffff", &addr, &why), -ERANGE);
	assert_int_equal(number_parse_addr("4294967295", &addr, &why), -ERANGE);
	assert_int_equal(number_parse_addr("4294967296", &addr, &why), -ERANGE);
}

static void test_a_count_is_at_least_one(void **state)
{
	const char *why;
	uint64_t count;

	(void)state;
	assert_int_equal(number_parse_count("0", &count, &why), -ERANGE);
	assert_int_equal(number_parse_count("1", &count, &why), 0);
	assert_int_equal(count, 1);
}

static int64_t seconds(const char *text)
{
	const char *why;
	int64_t ns;

	assert_int_equal(number_parse_seconds(text, &ns, &why), 0);
	return ns;
}

static void test_seconds(void **state)
{
	const char *why;
	int64_t ns;

	(void)state;
	assert_true(seconds("5") == 5000000000);
	assert_true(seconds("0") == 0);
	assert_true(seconds("0.5") == 500000000);
	assert_true(seconds(".25") == 250000000);
	assert_true(seconds("1.000000001") == 1000000001);
	assert_true(seconds("inf") == NUMBER_FOREVER);
	assert_int_equal(number_parse_seconds("1.", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds(".", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds("1.2.3", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds("-inf", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds("0x5", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds("infinite", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_seconds("1.0000000001", &ns, &why), -ERANGE);
	assert_int_equal(number_parse_seconds("9223372036", &ns, &why), 0);
	assert_int_equal(number_parse_seconds("9223372037", &ns, &why), -ERANGE);
	assert_int_equal(number_parse_seconds("99999999999999999999", &ns, &why), -ERANGE);
}

static void test_milliseconds(void **state)
{
	const char *why;
	int64_t ns;

	(void)state;
	assert_int_equal(number_parse_ms("1.5", &ns, &why), 0);
	assert_true(ns == 1500000);
	assert_int_equal(number_parse_ms("inf", &ns, &why), -EINVAL);
	assert_int_equal(number_parse_ms("0.0000001", &ns, &why), -ERANGE);
}

static void check_size(const char *text, int result, uint64_t bytes)
{
	const char *why = NULL;
	uint64_t got = 77;

	assert_int_equal(number_parse_size(text, 1000, &got, &why), result);
	assert_int_equal(got, result ? 77 : bytes);
	assert_true(!result == !why);
}

static void test_sizes(void **state)
{
	(void)state;
	check_size("3", 0, 3000);
	check_size("0x10", 0, 16000);
	check_size("1k", 0, 1024);
	check_size("2K", 0, 2048);
	check_size("3m", 0, 3 << 20);
	check_size("4M", 0, 4 << 20);
	check_size("1g", 0, 1 << 30);
	check_size("7G", 0, UINT64_C(7) << 30);
	check_size("0", -ERANGE, 0);
	check_size("0k", -ERANGE, 0);
	check_size("8589934592G", -ERANGE, 0);
	check_size("9223372036854775807k", -ERANGE, 0);
	check_size("99999999999999999999", -ERANGE, 0);
	check_size("", -EINVAL, 0);
	check_size("k", -EINVAL, 0);
	check_size("-1k", -EINVAL, 0);
	check_size("1kk", -EINVAL, 0);
	check_size("1 k", -EINVAL, 0);
	check_size("1T", -EINVAL, 0);
	check_size("1.5M", -EINVAL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_is_no_number),
		cmocka_unit_test(test_says_why),
		cmocka_unit_test(test_decimal_and_hex),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_a_count_is_at_least_one),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_milliseconds),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
