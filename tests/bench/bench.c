/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a message takes: in one process over the loop, and between two
 * processes over a shm link, both polling. Two cores may be near or far and change
 * between the two, so every run measures the limits right beside the library;
 * "times" is the median of the runs' own quotients.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rpmsg.h>

#include "bench/limits.h"
#include "bench/measure.h"

#define LIMIT_SECONDS 120
#define WIRE_HDR 16 /* the ring's slots have room for as much as the library's buffers carry */
#define HOST_ADDR 0x50
#define REMOTE_ADDR 0x400

enum job_kind { JOB_QUIT, JOB_LINE, JOB_RING, JOB_TO_CHILD, JOB_FROM_CHILD, JOB_ROUND_TRIP };

struct job {
	enum job_kind kind;
	uint32_t len;
	uint32_t n;
};

/* What the two processes share beside the link. */
struct shared {
	struct line go;    /* number of the job that the child is to do */
	struct line ready; /* number of the job that it waits for */
	struct job job;
	struct line ping;
	struct ring ring;
};

/* One side of a link, with an endpoint that counts or answers. */
struct station {
	struct rpmsg_bus *bus;
	struct rpmsg_endpoint *ept;
	uint32_t got;
	bool echo;
};

static struct shared *shared;
static char dir[256];
static pid_t child;
static volatile sig_atomic_t ended; /* a signal came: too long, the child, or ctrl-C */
static uint8_t payload[496];
static uint8_t sink[SLOT_MAX];

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

static void clean_up(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (dir[0])
		remove_dir();
}

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, rpmsg_error_detail());
	exit(1);
}

static void on_signal(int sig)
{
	ended = sig;
}

static void watch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	alarm(LIMIT_SECONDS);
}

static inline void relax(void)
{
	if (ended) {
		fprintf(stderr, "bench: %s\n", ended == SIGALRM ? "too slow, the machine is busy" :
								  strsignal(ended));
		exit(1);
	}
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* ---- stations ---- */

static int on_message(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	struct station *s = priv;

	(void)rpdev;
	(void)src;
	s->got++;
	if (s->echo)
		while (rpmsg_trysend(s->ept, data, len) == -ENOMEM)
			relax();
	return 0;
}

static void station_bind(struct station *s, bool host)
{
	struct rpmsg_channel_info info = { .src = host ? HOST_ADDR : REMOTE_ADDR,
					   .dst = host ? REMOTE_ADDR : HOST_ADDR };

	s->ept = rpmsg_create_ept(rpmsg_bus_device(s->bus), on_message, s, info);
	if (!s->ept)
		die("endpoint");
}

static void station_open(struct station *s, enum rpmsg_side side)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = side };

	s->bus = rpmsg_bus_open("shm:bench", &opt);
	if (!s->bus)
		die("open");
	station_bind(s, side == RPMSG_SIDE_HOST);
	if (rpmsg_bus_wait_up(s->bus, 10000))
		die("wait for the link");
}

static void station_send(struct station *s, uint32_t len, uint32_t n)
{
	while (n) {
		int err = rpmsg_trysend(s->ept, payload, (int)len);

		if (!err)
			n--;
		else if (err == -ENOMEM)
			relax();
		else
			die("send");
	}
}

static void station_receive(struct station *s, uint32_t n)
{
	uint32_t until = s->got + n;

	while (s->got != until) {
		int ret = rpmsg_bus_spin(s->bus, 64);

		if (ret < 0)
			die("spin");
		if (!ret && ended)
			relax();
	}
}

static void station_ping(struct station *s, uint32_t len, uint32_t n)
{
	while (n--) {
		station_send(s, len, 1);
		station_receive(s, 1);
	}
}

/* ---- one process ---- */

static double loop_run(struct station *from, struct station *to, uint32_t len, uint32_t batch)
{
	const uint32_t n = 400000;
	double start = now_ns();

	for (uint32_t i = 0; i < n; i += batch) {
		station_send(from, len, batch);
		if (rpmsg_bus_spin(to->bus, (int)batch) != (int)batch)
			die("spin");
	}
	return (now_ns() - start) / n;
}

static double loop_ring_run(uint32_t len, uint32_t batch)
{
	const uint32_t n = 400000;
	double start = now_ns();

	for (uint32_t i = 0; i < n; i += batch) {
		for (uint32_t j = 0; j < batch; j++)
			ring_put(&shared->ring, payload, len, len + WIRE_HDR);
		for (uint32_t j = 0; j < batch; j++)
			ring_get(&shared->ring, sink, len, len + WIRE_HDR);
	}
	return (now_ns() - start) / n;
}

static void loop_case(struct station *from, struct station *to, const char *way, uint32_t len,
		      uint32_t batch)
{
	double ns[RUNS], ring[RUNS], times[RUNS], mid;

	for (int i = 0; i < RUNS; i++) {
		ns[i] = loop_run(from, to, len, batch);
		ring[i] = loop_ring_run(len, batch);
		times[i] = ns[i] / ring[i];
		relax();
	}
	mid = median(ns);
	printf("%-18s %4u B %-16s %8.1f %8.1f - %-8.1f %8.1f %7.1f\n", way, len,
	       batch == 1 ? "one at a time" : "in batches of 64", mid, ns[0], ns[RUNS - 1],
	       median(ring), median(times));
}

static void bench_loop(void)
{
	struct station host = { 0 }, remote = { 0 };
	struct rpmsg_bus *pair[2];

	if (rpmsg_bus_open_loop(pair, NULL))
		die("open");
	host.bus = pair[0];
	remote.bus = pair[1];
	station_bind(&host, true);
	station_bind(&remote, false);
	printf("%-41s %8s %9s - %-7s %8s %7s\n", "one process, send + receive + callback", "ns",
	       "least", "most", "ring", "times");
	for (uint32_t batch = 1; batch <= 64; batch += 63)
		for (uint32_t len = 16; len <= 496; len += 480) {
			loop_case(&host, &remote, "host to remote", len, batch);
			loop_case(&remote, &host, "remote to host", len, batch);
		}
	rpmsg_bus_close(pair[0]);
	rpmsg_bus_close(pair[1]);
}

/* ---- two processes ---- */

static void child_do(struct station *s, const struct job *job)
{
	switch (job->kind) {
	case JOB_QUIT:
		rpmsg_bus_close(s->bus);
		_exit(0);
	case JOB_LINE:
		for (uint32_t i = 0; i < job->n; i++) {
			while (!line_is(&shared->ping, i * 2 + 1))
				;
			line_set(&shared->ping, i * 2 + 2);
		}
		break;
	case JOB_RING:
		for (uint32_t i = 0; i < job->n; i++)
			while (!ring_get(&shared->ring, sink, job->len, job->len + WIRE_HDR))
				;
		break;
	case JOB_TO_CHILD:
		station_receive(s, job->n);
		break;
	case JOB_FROM_CHILD:
		station_send(s, job->len, job->n);
		break;
	case JOB_ROUND_TRIP:
		s->echo = true;
		station_receive(s, job->n);
		s->echo = false;
		break;
	}
}

__attribute__((noreturn)) static void child_main(void)
{
	struct station s = { 0 };

	station_open(&s, RPMSG_SIDE_REMOTE);
	for (uint32_t i = 1;; i++) {
		line_set(&shared->ready, i);
		while (!line_is(&shared->go, i))
			relax();
		child_do(&s, &shared->job);
	}
}

static void parent_do(struct station *s, const struct job *job)
{
	switch (job->kind) {
	case JOB_QUIT:
		break;
	case JOB_LINE:
		for (uint32_t i = 0; i < job->n; i++) {
			line_set(&shared->ping, i * 2 + 1);
			while (!line_is(&shared->ping, i * 2 + 2))
				if (ended)
					relax();
		}
		break;
	case JOB_RING:
		for (uint32_t i = 0; i < job->n; i++)
			while (!ring_put(&shared->ring, payload, job->len, job->len + WIRE_HDR))
				relax();
		break;
	case JOB_TO_CHILD:
		station_send(s, job->len, job->n);
		break;
	case JOB_FROM_CHILD:
		station_receive(s, job->n);
		break;
	case JOB_ROUND_TRIP:
		station_ping(s, job->len, job->n);
		break;
	}
}

/* Until it is ready for the job of that number, and has nothing left of those before. */
static void wait_for_child(uint32_t number)
{
	while (!line_is(&shared->ready, number))
		relax();
}

/* Both sides' parts of a job, from start to the later end: ns a message. */
static double both_do(struct station *s, enum job_kind kind, uint32_t len, uint32_t n)
{
	uint32_t number = shared->go.word + 1;
	double start;

	shared->job = (struct job){ kind, len, n };
	line_set(&shared->ping, 0);
	start = now_ns();
	line_set(&shared->go, number);
	parent_do(s, &shared->job);
	wait_for_child(number + 1);
	return (now_ns() - start) / n;
}

static void pair_case(struct station *s, enum job_kind kind, const char *way, uint32_t len)
{
	const bool round_trip = kind == JOB_ROUND_TRIP;
	double ns[RUNS], ring[RUNS], line[RUNS], times[RUNS], mid;

	for (int i = 0; i < RUNS; i++) {
		ns[i] = both_do(s, kind, len, round_trip ? 20000 : 200000);
		ring[i] = both_do(s, JOB_RING, len, 200000);
		line[i] = both_do(s, JOB_LINE, 0, 20000);
		times[i] = ns[i] / (round_trip ? line[i] : ring[i]);
	}
	mid = median(ns);
	printf("%-18s %4u B %-16s %8.1f %8.1f - %-8.1f %8.1f %7.1f %8.1f\n", way, len, "", mid, ns[0],
	       ns[RUNS - 1], median(ring), median(times), median(line));
}

/* To the cpu-th of those we may use. */
static void pin(unsigned cpu)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all) || cpu--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void start_child(void)
{
	pid_t parent = getpid();

	fflush(NULL);
	child = fork();
	if (child < 0)
		die("fork");
	if (child)
		return;
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	child = 0;
	dir[0] = '\0';
	pin(1);
	child_main();
}

static void stop_child(struct station *s)
{
	signal(SIGCHLD, SIG_DFL);
	shared->job.kind = JOB_QUIT;
	line_set(&shared->go, shared->go.word + 1);
	waitpid(child, NULL, 0);
	child = 0;
	rpmsg_bus_close(s->bus);
}

static void bench_pair(void)
{
	struct station s = { 0 };

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("\ntwo processes: not measured, there is one core\n");
		return;
	}
	start_child();
	pin(0);
	station_open(&s, RPMSG_SIDE_HOST);
	wait_for_child(1);
	printf("\n%-41s %8s %9s - %-7s %8s %7s %8s\n", "two processes, polling", "ns", "least", "most",
	       "ring", "times", "line");
	for (uint32_t len = 16; len <= 496; len += 480) {
		pair_case(&s, JOB_TO_CHILD, "host to remote", len);
		pair_case(&s, JOB_FROM_CHILD, "remote to host", len);
	}
	for (uint32_t len = 16; len <= 496; len += 480)
		pair_case(&s, JOB_ROUND_TRIP, "round trip", len);
	stop_child(&s);
	printf("\nns: median of %d runs, ns a message or round trip. ring: a bare single-producer "
	       "ring. line: one\ncache line there and back. times: ns by ring's; of a round trip "
	       "by line's.\n", RUNS);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/rpmsg-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	atexit(clean_up);
	watch_signals();
	setenv("RPMSG_DIR", dir, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("memory");
	memset(shared, 0, sizeof(*shared));
	bench_loop();
	bench_pair();
	return 0;
}
