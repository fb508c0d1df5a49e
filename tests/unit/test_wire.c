/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/wire.h"

static void test_ns_bytes(void **state)
{
	static const uint8_t tail[8] = { 0x04, 0x03, 0x02, 0x01, 1, 0, 0, 0 };
	static const uint8_t swapped[8] = { 0x01, 0x02, 0x03, 0x04, 0, 0, 0, 1 };
	const bool big = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
	uint8_t msg[WIRE_NS_SIZE];

	(void)state;
	wire_ns_encode(msg, "a-service", 0x01020304, WIRE_NS_DESTROY, big);
	assert_string_equal(msg, "a-service");
	assert_memory_equal(msg + 32, tail, 8);
	wire_ns_encode(msg, "a-service", 0x01020304, WIRE_NS_DESTROY, !big);
	assert_memory_equal(msg + 32, swapped, 8);
}

static void test_ns_round_trip(void **state)
{
	uint8_t msg[WIRE_NS_SIZE];
	struct wire_ns ns;

	(void)state;
	for (int swap = 0; swap < 2; swap++) {
		wire_ns_encode(msg, "1234567890123456789012345678901", 7, 0, swap);
		assert_int_equal(wire_ns_decode(&ns, msg, sizeof(msg), swap), 0);
		assert_string_equal(ns.name, "1234567890123456789012345678901");
		assert_int_equal(ns.addr, 7);
		assert_int_equal(ns.flags, 0);
	}
}

static void test_ns_refused(void **state)
{
	uint8_t msg[WIRE_NS_SIZE + 1] = { 0 };
	struct wire_ns ns;

	(void)state;
	wire_ns_encode(msg, "x", 7, 0, false);
	assert_int_equal(wire_ns_decode(&ns, msg, WIRE_NS_SIZE - 1, false), -EPROTO);
	assert_int_equal(wire_ns_decode(&ns, msg, WIRE_NS_SIZE + 1, false), -EPROTO);
	wire_ns_encode(msg, "", 7, 0, false);
	assert_int_equal(wire_ns_decode(&ns, msg, WIRE_NS_SIZE, false), -EPROTO);
	wire_ns_encode(msg, "x", RPMSG_ADDR_ANY, 0, false);
	assert_int_equal(wire_ns_decode(&ns, msg, WIRE_NS_SIZE, false), -EPROTO);
	memset(msg, 'n', 32); /* no NUL */
	msg[32] = 1;
	assert_int_equal(wire_ns_decode(&ns, msg, WIRE_NS_SIZE, false), 0);
	assert_int_equal(strlen(ns.name), 31);
}

/* Legacy links are native, VERSION_1 ones little-endian. */
static void test_order_of_a_link(void **state)
{
	struct wire_hdr h = { 1, 2, 3, 4, 5 };

	(void)state;
	assert_false(wire_swapped(0));
	assert_int_equal(wire_swapped(RPMSG_F_VERSION_1),
			 __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
	wire_hdr_order(&h, wire_swapped(RPMSG_F_VERSION_1));
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		assert_int_equal(h.dst, 2);
	else
		assert_int_equal(h.dst, 2 << 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ns_bytes),
		cmocka_unit_test(test_ns_round_trip),
		cmocka_unit_test(test_ns_refused),
		cmocka_unit_test(test_order_of_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
