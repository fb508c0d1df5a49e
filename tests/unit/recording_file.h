/* SPDX-License-Identifier: BSD-2-Clause */
/* A recorder's file in a folder of its own, and messages that can be told right from wrong. */
#ifndef TESTS_RECORDING_FILE_H
#define TESTS_RECORDING_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/recorder.h"
#include "record/recording.h"
#include "record/ring_file.h"

static char dir[] = "/tmp/rpmsg-recorder-XXXXXX";
static char file[64], draft[80], kept[80];
static uint64_t random_state = 1;

static inline int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.rec", dir);
	snprintf(draft, sizeof(draft), "%s.new", file);
	snprintf(kept, sizeof(kept), "%s.crashed", file);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	unlink(file);
	unlink(kept);
	return rmdir(dir); /* nothing else may be there */
}

/* Message n: everything in it follows from n. */
static inline uint16_t message_len(uint32_t n)
{
	return (uint16_t)(n % 497);
}

static inline uint8_t message_byte(uint32_t n, unsigned i)
{
	return (uint8_t)(n * 31 + i);
}

static inline struct wire_hdr message(uint32_t n, uint8_t *data)
{
	struct wire_hdr hdr = { .src = n, .dst = ~n, .reserved = n * 3, .len = message_len(n),
				.flags = (uint16_t)(n * 5) };

	for (unsigned i = 0; i < hdr.len; i++)
		data[i] = message_byte(n, i);
	return hdr;
}

static inline void put(struct recorder *rec, int bus, uint32_t n)
{
	uint8_t data[512];
	struct wire_hdr hdr = message(n, data);

	recorder_put(rec, bus, n & 1 ? RPMSG_R2H : RPMSG_H2R, &hdr, data);
}

static inline void put_all(struct recorder *rec, uint32_t from, uint32_t to)
{
	int bus = recorder_add_bus(rec, "bus");

	for (uint32_t n = from; n < to; n++)
		put(rec, bus, n);
}

static inline bool message_right(const struct rpmsg_record *r)
{
	uint32_t n = r->src;

	if (r->dst != ~n || r->reserved != n * 3 || r->len != message_len(n) ||
	    r->flags != (uint16_t)(n * 5) || r->dir != (n & 1 ? RPMSG_R2H : RPMSG_H2R))
		return false;
	for (unsigned i = 0; i < r->len; i++)
		if (r->data[i] != message_byte(n, i))
			return false;
	return true;
}

static inline struct recorder *create(void)
{
	struct recorder *rec = recorder_create(file, RECORDER_SIZE_MIN);

	assert_non_null(rec);
	return rec;
}

static inline struct rpmsg_recording *open_file(bool history)
{
	struct rpmsg_recording *r = rpmsg_recording_open(file, history);

	if (!r)
		fail_msg("%s", rpmsg_error_detail());
	return r;
}

/* Reads on until nothing comes: how many, and why it ended. All are right and in order. */
static inline uint64_t read_all(struct rpmsg_recording *r, int *why)
{
	struct rpmsg_record record;
	uint64_t n = 0, next = 0, time_ns = 0;
	int result;

	while ((result = rpmsg_recording_read(r, &record)) == 1) {
		assert_true(message_right(&record));
		assert_int_equal(record.src, record.seq);
		assert_true(record.seq >= next);
		assert_true(record.time_ns >= time_ns);
		next = record.seq + 1;
		time_ns = record.time_ns;
		n++;
	}
	*why = result;
	return n;
}

static inline uint8_t *map_file(size_t *size)
{
	int fd = open(file, O_RDWR);
	struct stat st;
	uint8_t *map;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	map = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

static inline uint32_t random_u32(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
