/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top [PAIRS]: what watching a bus costs. rpmsgd serves it and two processes flood it, while
 * rpmsg-top is stopped and while it runs, half a second each in turn, so that what else the
 * machine does meets both alike; it takes a picture at once when it goes on, so more than in its
 * own time. "lost" is the median of what the pairs differ by, with the bounds that it has with
 * 95 % confidence, whatever the distribution (a sign test's). Then what rpmsg-top itself takes,
 * of a steady load and of very many endpoints.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rpmsg.h>

#include "bench/measure.h"

#define RUNS_MAX 201
#define SLICE_MS 500
#define SETTLE_MS 400
#define STEADY_MS 10000
#define STEADY_RATE 100000U /* messages a second */
#define CLIENT_ENDPOINTS 1000U
#define ENDPOINTS 9000U /* rpmsgd needs two descriptors for each, and there may be 20,000 */
#define KEYS 200
#define PROCESSES_MAX 32
#define ADDR 0x400U

enum watch { WATCH_NOT, WATCH_BATCH, WATCH_TABLE, WATCH_ALL };

/* What the processes of a load tell and are told. */
struct shared {
	uint64_t received;
	uint32_t ready;
	uint32_t rate; /* 0: as many as go */
};

static struct shared *shared;
static char dir[256], bin[PATH_MAX];
static pid_t process[PROCESSES_MAX];
static unsigned n_processes;
static volatile sig_atomic_t ended;

/* ---- processes ---- */

__attribute__((noreturn)) static void die(const char *what)
{
	const char *detail = rpmsg_error_detail();

	fprintf(stderr, "top: %s: %s\n", what, *detail ? detail : strerror(errno));
	exit(1);
}

static void end(pid_t pid, int sig)
{
	kill(pid, sig);
	waitpid(pid, NULL, 0);
}

static void end_all(void)
{
	while (n_processes)
		end(process[--n_processes], SIGTERM);
}

static void clean_up(void)
{
	char cmd[sizeof(dir) + 16];

	end_all();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd))
		perror(cmd);
}

static void on_signal(int sig)
{
	ended = sig;
}

static void end_if_told(void)
{
	if (!ended)
		return;
	fprintf(stderr, "top: %s\n", strsignal(ended));
	exit(1);
}

static pid_t kept(pid_t pid)
{
	if (pid < 0)
		die("fork");
	process[n_processes++] = pid;
	return pid;
}

/* 0 in the child, which ends with us. */
static pid_t branch(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return kept(pid);
	n_processes = 0;
	dir[0] = '\0';
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

__attribute__((noreturn)) static void run(const char *tool, const char *const argv[])
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", bin, tool);
	execv(path, (char *const *)argv);
	perror(path);
	_exit(1);
}

static void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts))
		continue;
}

static void serve(const char *what)
{
	int ready[2];
	char byte, option[32];

	if (pipe(ready))
		die("pipe");
	if (!branch()) {
		close(ready[0]);
		snprintf(option, sizeof(option), "--ready-fd=%d", ready[1]);
		run("rpmsgd", (const char *[]){ "rpmsgd", option, what, NULL });
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("rpmsgd");
	close(ready[0]);
}

/* ---- the load ---- */

static int count(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	__atomic_add_fetch(&shared->received, 1, __ATOMIC_RELAXED);
	return 0;
}

static struct rpmsg_bus *open_side(const char *spec, enum rpmsg_side side)
{
	const struct rpmsg_bus_options opt = { .size = sizeof(opt), .side = side };
	struct rpmsg_bus *bus = rpmsg_bus_open(spec, &opt);

	if (!bus || rpmsg_bus_wait_up(bus, 10000))
		die(spec);
	return bus;
}

static struct rpmsg_endpoint *endpoint(struct rpmsg_bus *bus, uint32_t src, uint32_t dst)
{
	struct rpmsg_endpoint *ept = rpmsg_create_ept(rpmsg_bus_device(bus), count, NULL,
						      (struct rpmsg_channel_info){ "", src, dst });

	if (!ept)
		die("endpoint");
	return ept;
}

static void is_ready(void)
{
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
}

static void wait_ready(uint32_t n)
{
	for (int i = 0; __atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) < n; i++) {
		end_if_told();
		if (i > 30000)
			die("processes of the load");
		nap_ms(1);
	}
	shared->ready = 0;
}

__attribute__((noreturn)) static void receive(const char *spec)
{
	struct rpmsg_bus *bus = open_side(spec, RPMSG_SIDE_HOST);

	endpoint(bus, ADDR, RPMSG_ADDR_ANY);
	is_ready();
	while (rpmsg_bus_dispatch(bus, -1) >= 0)
		continue;
	die("receive");
}

__attribute__((noreturn)) static void transmit(const char *spec)
{
	struct rpmsg_bus *bus = open_side(spec, RPMSG_SIDE_REMOTE);
	struct rpmsg_endpoint *ept = endpoint(bus, ADDR, ADDR);
	const uint8_t payload[64] = { 0 };
	double start = now_ns();
	uint64_t sent = 0;

	is_ready();
	for (;;) {
		uint32_t rate = __atomic_load_n(&shared->rate, __ATOMIC_RELAXED);

		if (rate && (double)sent * 1e9 / rate > now_ns() - start) {
			nap_ms(1);
			continue;
		}
		if (!rate) {
			start = now_ns();
			sent = 0;
		}
		if (rpmsg_send(ept, payload, sizeof(payload)))
			die("send");
		sent++;
	}
}

/* direct: the sender has its side of the link itself, else it is a client too. */
static void start_load(bool direct)
{
	serve(direct ? "rpmsg0=shm:bench" : "rpmsg0=loop");
	if (!branch())
		transmit(direct ? "shm:bench" : "rpmsg0");
	if (!branch())
		receive("rpmsg0");
	wait_ready(2);
}

/* ---- rpmsg-top ---- */

struct top {
	pid_t pid;
	int screen; /* what it draws on */
};

/* As a user who looks does: what is written is taken away. */
static void look(const struct top *top, long ms)
{
	double until = now_ns() + (double)ms * 1e6;
	struct pollfd fd = { .fd = top->screen, .events = POLLIN };
	char text[65536];

	for (double left; (left = until - now_ns()) > 0;) {
		if (poll(&fd, 1, (int)(left / 1e6) + 1) > 0 && read(fd.fd, text, sizeof(text)) <= 0)
			die("rpmsg-top has ended");
		end_if_told();
	}
}

static void type(const struct top *top, const char *keys)
{
	if (write(top->screen, keys, strlen(keys)) < 0)
		die("keys");
}

static struct top start_top(enum watch how)
{
	struct winsize size = { .ws_row = 50, .ws_col = 160 };
	struct top top = { .screen = -1 };

	if (how == WATCH_NOT)
		return top;
	top.pid = forkpty(&top.screen, NULL, NULL, &size);
	if (top.pid < 0)
		die("forkpty");
	if (!top.pid) {
		setenv("TERM", "xterm-256color", 1);
		if (how == WATCH_BATCH)
			run("rpmsg-top", (const char *[]){ "rpmsg-top", "--batch", "-j", NULL });
		run("rpmsg-top", (const char *[]){ "rpmsg-top", "-b", "rpmsg0", NULL });
	}
	kept(top.pid);
	look(&top, SETTLE_MS);
	if (how == WATCH_TABLE)
		type(&top, "me");
	return top;
}

static void stop_top(struct top *top)
{
	if (!top->pid)
		return;
	n_processes--;
	end(top->pid, SIGKILL);
	close(top->screen);
}

static double cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (!pid)
		return 0;
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		die("CPU clock");
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static long peak_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* ---- what the bus loses ---- */

struct slice {
	double rate; /* messages a second */
	double cpu;  /* of a core, by rpmsg-top: per cent */
};

static struct slice slice(const struct top *top, long ms)
{
	uint64_t n = __atomic_load_n(&shared->received, __ATOMIC_RELAXED);
	double cpu = cpu_ns(top->pid), start = now_ns(), took;

	look(top, ms);
	took = now_ns() - start;
	n = __atomic_load_n(&shared->received, __ATOMIC_RELAXED) - n;
	return (struct slice){ .rate = (double)n * 1e9 / took,
			       .cpu = 100 * (cpu_ns(top->pid) - cpu) / took };
}

static struct slice flood_slice(const struct top *top, bool watched)
{
	if (top->pid)
		kill(top->pid, watched ? SIGCONT : SIGSTOP);
	return slice(top, SLICE_MS);
}

static double middle(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

/* How many of n values may be below the median's lower bound, and above its upper one. */
static int outside(int n)
{
	int rank = (int)(n / 2.0 - 0.98 * sqrt(n));

	return rank > 0 ? rank - 1 : 0;
}

static void compare(const char *what, enum watch how, int runs)
{
	double without[RUNS_MAX], with[RUNS_MAX], loss[RUNS_MAX], cpu[RUNS_MAX];
	int out = outside(runs);
	struct top top = start_top(how);

	for (int i = 0; i < runs; i++) {
		bool swap = i & 1;
		struct slice first = flood_slice(&top, swap);
		struct slice second = flood_slice(&top, !swap);

		without[i] = swap ? second.rate : first.rate;
		with[i] = swap ? first.rate : second.rate;
		cpu[i] = swap ? first.cpu : second.cpu;
		loss[i] = 100 * (1 - with[i] / without[i]);
	}
	stop_top(&top);
	printf("%-31s %9.0f %9.0f %7.2f%%", what, middle(without, runs), middle(with, runs),
	       middle(loss, runs));
	printf(" %7.2f%% - %6.2f%% %8.2f%%\n", loss[out], loss[runs - 1 - out],
	       middle(cpu, runs));
	fflush(stdout);
}

static void disturbance(bool direct, int runs)
{
	printf("%-31s %9s %9s %8s %18s %9s\n", direct ? "flood, one side without rpmsgd" :
	       "flood, both sides clients", "stopped", "running", "lost", "95 % bounds", "of a core");
	start_load(direct);
	nap_ms(SETTLE_MS);
	compare("nothing (noise)", WATCH_NOT, runs);
	compare("--batch -j", WATCH_BATCH, runs);
	compare("screen, no panes", WATCH_TABLE, runs);
	compare("screen, both panes", WATCH_ALL, runs);
	end_all();
}

/* ---- what it takes itself ---- */

static void steady_case(const char *what, enum watch how)
{
	struct top top = start_top(how);
	struct slice s;

	look(&top, SETTLE_MS);
	s = slice(&top, STEADY_MS);
	printf("%-31s %9.0f %8.2f%% %10ld\n", what, s.rate, s.cpu, peak_kb(top.pid));
	fflush(stdout);
	stop_top(&top);
}

static void steady(void)
{
	shared->rate = STEADY_RATE;
	start_load(false);
	printf("\n%-31s %9s %9s %10s\n", "steady load", "msg/s", "of a core", "peak kB");
	steady_case("--batch -j", WATCH_BATCH);
	steady_case("screen, no panes", WATCH_TABLE);
	steady_case("screen, both panes", WATCH_ALL);
	end_all();
}

__attribute__((noreturn)) static void crowd(void)
{
	struct rpmsg_bus *bus = open_side("rpmsg0", RPMSG_SIDE_HOST);

	for (unsigned i = 0; i < CLIENT_ENDPOINTS; i++)
		endpoint(bus, RPMSG_ADDR_ANY, RPMSG_ADDR_ANY);
	is_ready();
	for (;;)
		pause();
}

/* Milliseconds of CPU for a key, the screen being drawn for each. */
static double key_cost(const struct top *top, const char *key)
{
	double cpu = cpu_ns(top->pid);

	for (int i = 0; i < KEYS; i++) {
		type(top, key);
		look(top, 20);
	}
	return (cpu_ns(top->pid) - cpu) / KEYS / 1e6;
}

static void many_endpoints(void)
{
	struct top top;

	serve("rpmsg0=loop");
	for (unsigned i = 0; i < ENDPOINTS / CLIENT_ENDPOINTS; i++)
		if (!branch())
			crowd();
	wait_ready(ENDPOINTS / CLIENT_ENDPOINTS);
	top = start_top(WATCH_ALL);
	look(&top, 4 * SLICE_MS);
	printf("\n%u endpoints: %.2f%% of a core, peak %ld kB\n", ENDPOINTS,
	       slice(&top, STEADY_MS).cpu, peak_kb(top.pid));
	printf("CPU for a key and what goes on meanwhile: down %.2f ms, page down %.2f ms, "
	       "up %.2f ms\n",
	       key_cost(&top, "j"), key_cost(&top, "\x06"), key_cost(&top, "k"));
	stop_top(&top);
	end_all();
}

/* ---- all of it ---- */

static void find_tools(void)
{
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe");
	*strrchr(self, '/') = '\0';
	*strrchr(self, '/') = '\0';
	if ((size_t)snprintf(bin, sizeof(bin), "%s/bin", self) >= sizeof(bin))
		die("path too long");
}

int main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = on_signal };
	const char *tmp = getenv("TMPDIR");
	int runs = argc > 1 ? atoi(argv[1]) : RUNS;

	if (runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: top [PAIRS]\n");
		return 64;
	}
	find_tools();
	snprintf(dir, sizeof(dir), "%s/rpmsg-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	setenv("RPMSG_DIR", dir, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		die("memory");
	atexit(clean_up);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	disturbance(false, runs);
	printf("\n");
	disturbance(true, runs);
	steady();
	many_endpoints();
	return 0;
}
