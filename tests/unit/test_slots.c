/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/backend/slots.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/slots.h"

static void lowest_free_number(void **state)
{
	struct slots s = { 0 };
	char item[100];

	(void)state;
	assert_null(slots_get(&s, 0));
	for (int i = 0; i < 100; i++)
		assert_int_equal(slots_take(&s, &item[i]), i);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(slots_get(&s, i), &item[i]);
	slots_drop(&s, 41);
	slots_drop(&s, 7);
	assert_null(slots_get(&s, 7));
	assert_int_equal(slots_take(&s, &item[0]), 7);
	assert_int_equal(slots_take(&s, &item[1]), 41);
	assert_ptr_equal(slots_get(&s, 41), &item[1]);
	assert_int_equal(slots_take(&s, &item[2]), 100);
	assert_null(slots_get(&s, s.n - 1));
	assert_null(slots_get(&s, s.n));
	free(s.item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_free_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
