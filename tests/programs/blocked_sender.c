/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocked_sender BUS LIMIT_MS PID: stops PID, who holds the other side, fills the
 * ring and then sends one message more with a blocking rpmsg_send().
 *
 * Says "full after N messages", "blocking", and then what that call returned and when.
 */
#include <err.h>
#include <rpmsg.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char message[] = "message";

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static bool is_stopped(pid_t pid)
{
	char path[64], line[512], *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		err(1, "%s", path);
	fclose(f);
	state = strrchr(line, ')');
	return state && state[2] == 'T';
}

static void stop(pid_t pid)
{
	if (kill(pid, SIGSTOP))
		err(1, "kill %d", (int)pid);
	while (!is_stopped(pid))
		usleep(1000);
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static int deaf(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

static struct rpmsg_endpoint *open_endpoint(const char *spec, int limit_ms, struct rpmsg_bus **bus)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .send_timeout_ms = limit_ms };
	struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY, .dst = 50 };
	struct rpmsg_endpoint *ept;

	*bus = rpmsg_bus_open(spec, &opt);
	if (!*bus)
		errx(1, "%s: %s", spec, rpmsg_error_detail());
	if (rpmsg_bus_wait_up(*bus, 10000))
		errx(1, "%s: the link does not come up", spec);
	ept = rpmsg_create_ept(rpmsg_bus_device(*bus), deaf, NULL, info);
	if (!ept)
		errx(1, "%s: %s", spec, rpmsg_error_detail());
	return ept;
}

static void fill(struct rpmsg_endpoint *ept)
{
	char text[64];
	int r, n = 0;

	while (!(r = rpmsg_trysend(ept, message, sizeof(message))))
		n++;
	if (r != -ENOMEM)
		errx(1, "rpmsg_trysend: %s", rpmsg_strerror(r));
	snprintf(text, sizeof(text), "full after %d messages", n);
	say(text);
}

int main(int argc, char **argv)
{
	struct rpmsg_endpoint *ept;
	struct rpmsg_bus *bus;
	char text[64];
	double before;
	int r;

	if (argc != 4)
		errx(64, "usage: blocked_sender BUS LIMIT_MS PID");
	ept = open_endpoint(argv[1], atoi(argv[2]), &bus);
	stop((pid_t)atoi(argv[3]));
	fill(ept);
	say("blocking");
	before = now_ms();
	r = rpmsg_send(ept, message, sizeof(message));
	snprintf(text, sizeof(text), "returned %d after %.0f ms", r, now_ms() - before);
	say(text);
	rpmsg_bus_close(bus);
	return 0;
}
