/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow send|receive BUS COUNT SEED: COUNT messages of sizes and contents that SEED
 * decides, from the host side to the service "flow" of the remote side. The
 * receiver checks that all of them come, in order, bit for bit.
 *
 * flow slow BUS COUNT SEED MS: the same receiver, which takes MS for each message.
 */
#include <rpmsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE_MAX_SENT 496

struct flow {
	uint64_t random;
	unsigned long count, got;
	long delay_ms;
	bool bad;
};

static uint64_t next_random(struct flow *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random;
}

/* The next message of the flow; its length. */
static int make(struct flow *f, uint8_t *buf)
{
	int len = (int)(next_random(f) % (SIZE_MAX_SENT + 1));

	for (int i = 0; i < len; i += 8) {
		uint64_t r = next_random(f);

		memcpy(buf + i, &r, 8);
	}
	return len;
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts))
		continue;
}

static int receive(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	uint8_t want[SIZE_MAX_SENT + 8];
	struct flow *f = priv;
	int want_len = make(f, want);

	(void)rpdev, (void)src;
	if (len != want_len || memcmp(data, want, (size_t)len)) {
		if (!f->bad)
			fprintf(stderr, "message %lu is wrong: %d bytes, not %d\n", f->got, len,
				want_len);
		f->bad = true;
	}
	f->got++;
	if (f->delay_ms)
		nap(f->delay_ms);
	return 0;
}

static void event(struct rpmsg_bus *bus, const struct rpmsg_event *ev, void *arg)
{
	(void)bus, (void)arg;
	if (ev->type == RPMSG_EVENT_DROPPED)
		fprintf(stderr, "dropped %llu\n", (unsigned long long)ev->count);
}

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rpmsg_error_detail());
	return 1;
}

static int run_receiver(struct rpmsg_bus *bus, struct flow *f)
{
	struct rpmsg_device *dev = rpmsg_service_create(bus, "flow", RPMSG_ADDR_ANY, 0);

	rpmsg_bus_set_event_fn(bus, event, NULL);
	if (!dev || !rpmsg_channel_bind(dev, receive, f))
		return fail("service");
	puts("ready");
	fflush(stdout);
	while (f->got < f->count) {
		int n = rpmsg_bus_dispatch(bus, 30000);

		if (n == 0 || (n < 0 && n != -EINTR)) /* SIGCONT ends a sleep */
			return fail("nothing comes any more");
	}
	rpmsg_bus_dispatch(bus, 50); /* one too many would come now */
	printf("%lu %s\n", f->got, f->bad || f->got != f->count ? "bad" : "good");
	return f->bad || f->got != f->count;
}

static int ignore(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

static int run_sender(struct rpmsg_bus *bus, struct flow *f)
{
	struct rpmsg_device *dev = rpmsg_bus_find_channel(bus, "flow");
	struct rpmsg_endpoint *ept = dev ? rpmsg_channel_bind(dev, ignore, NULL) : NULL;
	uint8_t buf[SIZE_MAX_SENT + 8];

	if (!ept)
		return fail("channel");
	while (f->count--) {
		int err = rpmsg_send(ept, buf, make(f, buf));

		if (err)
			return fail(rpmsg_strerror(err));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt) };
	struct rpmsg_bus *bus;
	struct flow f = { 0 };
	bool sender;
	int ret;

	if (argc < 5) {
		fprintf(stderr, "usage: flow send|receive|slow BUS COUNT SEED [MS]\n");
		return 64;
	}
	sender = !strcmp(argv[1], "send");
	opt.side = sender ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
	f.count = strtoul(argv[3], NULL, 10);
	f.random = strtoul(argv[4], NULL, 10) | 1;
	f.delay_ms = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
	bus = rpmsg_bus_open(argv[2], &opt);
	if (!bus)
		return fail("open");
	ret = sender ? run_sender(bus, &f) : run_receiver(bus, &f);
	rpmsg_bus_close(bus);
	return ret;
}
