/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm_crash NAME ROUNDS: kills a side of the link shm:NAME again and again while
 * both send as fast as they can, and starts it anew. The other side, which lives
 * on, must see the link go down and come up as the next generation, and exchange
 * messages, all in order, and may not grow. First only the remote is killed, then
 * only the host, then either, then both.
 */
#include <err.h>
#include <poll.h>
#include <rpmsg.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH 300U    /* messages that show that a generation works */
#define WINDOW 128U    /* unanswered */
#define LIMIT_MS 10000 /* for what must happen */
#define DELAY_US 2000  /* until a kill, at most */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH_KB 131072 /* it keeps what is freed */
#else
#define GROWTH_KB 512
#endif

static const char service[] = "crash";

/* What a side tells: U(p), D(own), X: ENOUGH messages were exchanged. */
struct report {
	char what;
	uint32_t generation;
};

/* ---- a side, in a process of its own ---- */

static struct peer {
	struct rpmsg_bus *bus;
	struct rpmsg_endpoint *ept;
	struct rpmsg_device *channel; /* host: to be bound */
	bool host, gone;
	int report_fd;
	uint32_t sent, received; /* in this generation */
} me;

static volatile sig_atomic_t ended;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s (pid %d): ", me.host ? "host" : "remote", (int)getpid());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

static void report(char what)
{
	struct rpmsg_bus_info info = { .size = sizeof(info) };
	struct report r = { .what = what };

	if (rpmsg_bus_get_info(me.bus, &info))
		die("no info: %s", rpmsg_error_detail());
	r.generation = info.generation;
	if (write(me.report_fd, &r, sizeof(r)) != sizeof(r))
		die("nobody to report to");
}

static size_t make(uint8_t *data, uint32_t seq)
{
	size_t len = sizeof(seq) + seq * 29 % 400;

	memset(data, (int)(seq & 0xff), len);
	memcpy(data, &seq, sizeof(seq));
	return len;
}

static int received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	uint8_t want[512];
	size_t n = make(want, me.received);

	(void)rpdev, (void)priv, (void)src;
	if ((size_t)len != n || memcmp(data, want, n))
		die("message %u of this generation is not what was sent", me.received);
	if (++me.received == ENOUGH)
		report('X');
	return 0;
}

static void happened(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg)
{
	(void)bus, (void)arg;
	if (event->type == RPMSG_EVENT_UP) {
		report('U');
	} else if (event->type == RPMSG_EVENT_DOWN) {
		me.sent = me.received = 0;
		report('D');
	} else if (event->type == RPMSG_EVENT_ANNOUNCE && me.host) {
		me.channel = event->rpdev;
	} else if (event->type == RPMSG_EVENT_WITHDRAW && me.host) {
		me.channel = NULL;
		me.gone = true;
	}
}

static void bind_channel(void)
{
	if (me.gone) {
		rpmsg_destroy_ept(me.ept);
		me.ept = NULL;
		me.gone = false;
	}
	if (me.ept || !me.channel)
		return;
	me.ept = rpmsg_channel_bind(me.channel, received, NULL);
	if (!me.ept && errno != EPIPE)
		die("bind: %s", rpmsg_error_detail());
}

/* The host asks, the remote echoes. */
static bool may_send(void)
{
	if (!me.ept || rpmsg_endpoint_dst(me.ept) == RPMSG_ADDR_ANY)
		return false;
	return me.host ? me.sent - me.received < WINDOW : me.sent < me.received;
}

static void send_some(void)
{
	uint8_t data[512];

	while (may_send()) {
		size_t len = make(data, me.sent);
		int r = rpmsg_trysend(me.ept, data, (int)len);

		if (r == -EPIPE)
			return;
		if (r == -ENOMEM) {
			rpmsg_poll(me.ept);
			return;
		}
		if (r)
			die("send: %s", rpmsg_strerror(r));
		me.sent++;
	}
}

static void end(int sig)
{
	(void)sig;
	ended = 1;
	rpmsg_bus_cancel(me.bus);
}

static void live(const char *spec, bool host, int report_fd)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt), .num = 64 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me = (struct peer){ .host = host, .report_fd = report_fd };
	opt.side = host ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
	me.bus = rpmsg_bus_open(spec, &opt);
	if (!me.bus)
		die("open: %s", rpmsg_error_detail());
	signal(SIGTERM, end);
	rpmsg_bus_set_event_fn(me.bus, happened, NULL);
	if (!host) {
		struct rpmsg_device *rpdev = rpmsg_service_create(me.bus, service, 50, 0);

		me.ept = rpdev ? rpmsg_channel_bind(rpdev, received, NULL) : NULL;
		if (!me.ept)
			die("service: %s", rpmsg_error_detail());
	}
	while (!ended) {
		int n = rpmsg_bus_dispatch(me.bus, -1);

		if (n < 0 && n != -EINTR)
			die("dispatch: %s", rpmsg_strerror(n));
		bind_channel();
		send_some();
	}
	rpmsg_bus_close(me.bus);
	_exit(0);
}

/* ---- who starts and kills them ---- */

static struct side {
	const char *name;
	pid_t pid;
	int fd;              /* of its reports */
	uint32_t generation; /* as it said */
	bool down, up, works;
	unsigned fds;        /* open at first */
	unsigned long kb;
} side[2] = { { .name = "host", .fd = -1 }, { .name = "remote", .fd = -1 } };

static const char *spec;
static unsigned round_number;

static void start(int which)
{
	struct side *s = &side[which];
	int fds[2];

	if (pipe(fds))
		err(1, "pipe");
	s->generation = 0;
	s->down = s->up = s->works = false;
	s->pid = fork();
	if (s->pid < 0)
		err(1, "fork");
	if (s->pid == 0) {
		close(fds[0]);
		if (side[!which].fd >= 0)
			close(side[!which].fd);
		live(spec, which == 0, fds[1]);
	}
	close(fds[1]);
	s->fd = fds[0];
}

static void kill_side(int which, int sig)
{
	struct side *s = &side[which];
	int status;

	kill(s->pid, sig);
	if (waitpid(s->pid, &status, 0) != s->pid)
		err(1, "waitpid");
	if (sig == SIGKILL ? !WIFSIGNALED(status) : status)
		errx(1, "round %u: the %s ended with status %#x", round_number, s->name, status);
	close(s->fd);
	s->fd = -1;
}

static void read_report(struct side *s)
{
	struct report r;

	if (read(s->fd, &r, sizeof(r)) != sizeof(r))
		errx(1, "round %u: the %s has ended", round_number, s->name);
	if (r.what == 'D') {
		s->down = true;
		s->up = s->works = false;
	} else if (r.what == 'U') {
		if (r.generation != s->generation + 1)
			errx(1, "round %u: the %s is in generation %u after %u", round_number, s->name,
			     r.generation, s->generation);
		s->generation = r.generation;
		s->up = true;
	} else {
		s->works = true;
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads what the living report until *what. */
static void await(const bool *what, const struct side *s, const char *text)
{
	struct pollfd p[2] = { { .fd = side[0].fd, .events = POLLIN },
			       { .fd = side[1].fd, .events = POLLIN } };
	int64_t limit = now_ms() + LIMIT_MS;

	while (!*what) {
		if (now_ms() > limit)
			errx(1, "round %u: the %s %s (generation %u)", round_number, s->name, text,
			     s->generation);
		if (poll(p, 2, 100) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (p[i].revents)
				read_report(&side[i]);
	}
}

static void await_traffic(void)
{
	for (int i = 0; i < 2; i++)
		await(&side[i].works, &side[i], "exchanges nothing");
}

/* Its successor may come before or after the other side misses it. */
static void kill_one(int victim)
{
	struct side *s = &side[!victim];

	await_traffic();
	usleep((useconds_t)(rand() % DELAY_US));
	s->down = false;
	kill_side(victim, SIGKILL);
	if (rand() & 1)
		await(&s->down, s, "does not see the link go down");
	start(victim);
	await(&s->down, s, "does not see the link go down");
	await(&s->up, s, "does not see the link come up");
}

static void kill_both(int first)
{
	await_traffic();
	usleep((useconds_t)(rand() % DELAY_US));
	kill_side(first, SIGKILL);
	kill_side(!first, SIGKILL);
	start(rand() & 1);
	start(side[0].fd < 0 ? 0 : 1);
}

/* ---- leaks ---- */

static unsigned count_fds(pid_t pid)
{
	char cmd[64];
	unsigned n = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ls /proc/%d/fd | wc -l", (int)pid);
	f = popen(cmd, "r");
	if (!f || fscanf(f, "%u", &n) != 1)
		errx(1, "cannot count descriptors");
	pclose(f);
	return n;
}

static unsigned long anonymous_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

static void measure(int which, bool first)
{
	struct side *s = &side[which];
	unsigned fds;
	unsigned long kb;

	await_traffic();
	fds = count_fds(s->pid);
	kb = anonymous_kb(s->pid);
	if (!first)
		printf("%s: descriptors %u then %u, memory %lu kB then %lu kB\n", s->name, s->fds, fds,
		       s->kb, kb);
	if (!first && fds != s->fds)
		errx(1, "the %s leaks descriptors", s->name);
	if (!first && kb > s->kb + GROWTH_KB)
		errx(1, "the %s leaks memory", s->name);
	s->fds = fds;
	s->kb = kb;
}

/* Kills only the one side, so often, and looks whether the other one grows. */
static void outlive(int victim, unsigned rounds)
{
	kill_one(victim);
	measure(!victim, true);
	for (unsigned i = 1; i < rounds; i++, round_number++)
		kill_one(victim);
	measure(!victim, false);
}

int main(int argc, char **argv)
{
	unsigned quarter;
	char text[64];

	if (argc != 3)
		errx(64, "usage: shm_crash NAME ROUNDS");
	quarter = (unsigned)strtoul(argv[2], NULL, 10) / 4;
	snprintf(text, sizeof(text), "shm:%s", argv[1]);
	spec = text;
	start(0);
	start(1);
	outlive(1, quarter);
	outlive(0, quarter);
	for (unsigned i = 0; i < quarter; i++, round_number++)
		kill_one(rand() & 1);
	for (unsigned i = 0; i < quarter; i++, round_number++)
		kill_both(rand() & 1);
	await_traffic();
	kill_side(0, SIGTERM);
	kill_side(1, SIGTERM);
	printf("%u rounds\n", 4 * quarter);
	return 0;
}
