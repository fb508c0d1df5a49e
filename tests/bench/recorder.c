/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the flight recorder costs a message: one process sends over two loops in turn, one of
 * which is recorded. Right beside it what no recorder can do without: a look at the clock and a
 * copy of as many bytes into a ring of the same size.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rpmsg.h>

#include "bench/measure.h"

#define MESSAGES 200000
#define RING_SIZE (8u << 20)
#define RECORD_HEADER 40

struct loop {
	struct rpmsg_bus *pair[2];
	struct rpmsg_endpoint *ept[2]; /* host's, remote's */
};

static uint8_t payload[496];
static unsigned got;

static int on_message(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev;
	(void)data;
	(void)len;
	(void)priv;
	(void)src;
	got++;
	return 0;
}

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "recorder: %s: %s\n", what, rpmsg_error_detail());
	exit(1);
}

static void loop_open(struct loop *l, const char *record)
{
	if (rpmsg_bus_open_loop(l->pair, NULL))
		die("open");
	if (record && rpmsg_bus_record(l->pair[0], record, RING_SIZE))
		die("record");
	for (int side = 0; side < 2; side++) {
		struct rpmsg_channel_info info = { .src = side ? 0x400 : 0x50,
						   .dst = side ? 0x50 : 0x400 };

		l->ept[side] = rpmsg_create_ept(rpmsg_bus_device(l->pair[side]), on_message, NULL,
						info);
		if (!l->ept[side])
			die("endpoint");
	}
}

static void loop_close(struct loop *l)
{
	rpmsg_bus_close(l->pair[0]);
	rpmsg_bus_close(l->pair[1]);
}

/* ns a message from one side to the other. */
static double loop_run(struct loop *l, int from, uint32_t len, unsigned batch)
{
	double start = now_ns();

	got = 0;
	for (unsigned i = 0; i < MESSAGES; i += batch) {
		for (unsigned j = 0; j < batch; j++)
			if (rpmsg_trysend(l->ept[from], payload, (int)len))
				die("send");
		if (rpmsg_bus_spin(l->pair[!from], (int)batch) != (int)batch)
			die("spin");
	}
	if (got != MESSAGES)
		die("lost messages");
	return (now_ns() - start) / MESSAGES;
}

static double copy_run(uint8_t *ring, uint32_t len)
{
	size_t at = 0, size = RECORD_HEADER + len;
	double start = now_ns();

	for (unsigned i = 0; i < MESSAGES; i++) {
		double t = now_ns();

		if (at + size > RING_SIZE)
			at = 0;
		memcpy(ring + at, &t, sizeof(t));
		memcpy(ring + at + RECORD_HEADER, payload, len);
		at += size;
	}
	return (now_ns() - start) / MESSAGES;
}

static void bench_case(struct loop *off, struct loop *on, uint8_t *ring, int from, uint32_t len,
		       unsigned batch)
{
	double without[RUNS], with[RUNS], cost[RUNS], copy[RUNS], mid;

	for (int i = 0; i < RUNS; i++) {
		without[i] = loop_run(off, from, len, batch);
		with[i] = loop_run(on, from, len, batch);
		copy[i] = copy_run(ring, len);
		cost[i] = with[i] - without[i];
	}
	mid = median(cost);
	printf("%-18s %4u B %-16s %8.1f %8.1f %8.1f %8.1f - %-8.1f %8.1f\n",
	       from ? "remote to host" : "host to remote", len,
	       batch == 1 ? "one at a time" : "in batches of 64", median(without), median(with), mid,
	       cost[0], cost[RUNS - 1], median(copy));
}

int main(void)
{
	char path[] = "/dev/shm/rpmsg-bench-XXXXXX";
	uint8_t *ring = calloc(1, RING_SIZE);
	struct loop off, on;
	int fd = mkstemp(path);

	if (fd < 0 || !ring) {
		perror(path);
		return 1;
	}
	memset(ring, 1, RING_SIZE); /* its pages are there, as the recorder's are */
	loop_open(&off, NULL);
	loop_open(&on, path);
	printf("\n%-41s %8s %8s %8s %8s - %-7s %8s\n", "the recorder, ns a message", "off", "on", "cost",
	       "least", "most", "copy");
	for (uint32_t len = 16; len <= 496; len += 480)
		for (unsigned batch = 1; batch <= 64; batch += 63)
			for (int from = 0; from < 2; from++)
				bench_case(&off, &on, ring, from, len, batch);
	printf("\ncost: on less off of the same run, median of %d. copy: the clock and a copy into "
	       "a ring, alone.\n", RUNS);
	loop_close(&off);
	loop_close(&on);
	close(fd);
	free(ring);
	return 0;
}
