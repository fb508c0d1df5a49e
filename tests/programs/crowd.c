/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd BUS PAIRS ROUNDS: many clients at once. Each pair is two processes, one on
 * each side of BUS, with a service of their own. Both send ROUNDS requests
 * to the other and answer the other's; every message is checked for order and content.
 *
 * Prints "connected" when all have their service, "done" when all have all
 * answers, and then keeps them connected until SIGTERM.
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
#include <unistd.h>

#define WINDOW 8U /* requests of one side that are not yet answered */
#define SIZE_MAX_MESSAGE 496U
#define SILENCE_MS 60000 /* without any message: something is lost */

enum kind { REQUEST = 1, ANSWER = 2 };

struct head {
	uint32_t kind;
	uint32_t pair;
	uint32_t seq;
};

/* One client; a process has one. */
static struct peer {
	struct rpmsg_bus *bus;
	struct rpmsg_endpoint *ept;
	const char *side;
	uint32_t pair, rounds;
	uint32_t asked, answered;     /* our requests: sent, and answered */
	uint32_t requests, answers;   /* the other's: received, and answered */
} me;

static int report_fd, go_fd, end_fd;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s %u: ", me.side, me.pair);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (requests sent %u, answered %u; received %u, answered %u)\n", me.asked,
		me.answered, me.requests, me.answers);
	_exit(1);
}

static void report(char what)
{
	if (write(report_fd, &what, 1) != 1)
		die("nobody to report to");
}

/* ---- messages ---- */

static size_t make(uint8_t *data, enum kind kind, uint32_t seq)
{
	struct head head = { .kind = kind, .pair = me.pair, .seq = seq };
	size_t len = sizeof(head) + (seq * 37 + me.pair) % (SIZE_MAX_MESSAGE - sizeof(head) + 1);

	memcpy(data, &head, sizeof(head));
	for (size_t i = sizeof(head); i < len; i++)
		data[i] = (uint8_t)(seq + i * me.pair);
	return len;
}

static void check(const uint8_t *data, int len, enum kind kind, uint32_t seq)
{
	uint8_t want[SIZE_MAX_MESSAGE];
	size_t n = make(want, kind, seq);

	if ((size_t)len != n || memcmp(data, want, n))
		die("%s %u of %d bytes is not what was sent", kind == REQUEST ? "request" : "answer",
		    seq, len);
}

static int received(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	uint32_t kind = 0;

	(void)rpdev, (void)priv, (void)src;
	if ((size_t)len >= sizeof(kind))
		memcpy(&kind, data, sizeof(kind));
	check(data, len, kind, kind == REQUEST ? me.requests : me.answered);
	if (kind == REQUEST)
		me.requests++;
	else
		me.answered++;
	return 0;
}

/* Sends one message; false if there is no buffer. */
static bool try_send(enum kind kind, uint32_t *seq)
{
	uint8_t data[SIZE_MAX_MESSAGE];
	size_t len = make(data, kind, *seq);
	int r = rpmsg_trysend(me.ept, data, (int)len);

	if (r == -ENOMEM)
		return false;
	if (r)
		die("send: %s", rpmsg_strerror(r));
	++*seq;
	return true;
}

/* A service knows to whom to send once it has received something. */
static void send_all(void)
{
	bool more = rpmsg_endpoint_dst(me.ept) != RPMSG_ADDR_ANY;

	if (!more)
		return;
	while (more && me.answers < me.requests)
		more = try_send(ANSWER, &me.answers);
	while (more && me.asked < me.rounds && me.asked - me.answered < WINDOW)
		more = try_send(REQUEST, &me.asked);
	if (!more)
		rpmsg_poll(me.ept);
}

static bool all_done(void)
{
	return me.answered == me.rounds && me.answers == me.rounds;
}

/* ---- a client's life ---- */

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Sleeps until the bus or fd has something, and handles what the bus has. */
static void wait_for_more(int fd)
{
	struct pollfd p[2] = { { .fd = rpmsg_bus_fd(me.bus), .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };
	int r = poll(p, 2, SILENCE_MS);

	if (r == 0)
		die("nothing came for %d s", SILENCE_MS / 1000);
	r = rpmsg_bus_dispatch(me.bus, 0);
	if (r < 0 && r != -EINTR)
		die("dispatch: %s", rpmsg_strerror(r));
}

static void bind_service(void)
{
	char name[RPMSG_NAME_SIZE];
	struct rpmsg_device *rpdev = NULL;

	snprintf(name, sizeof(name), "crowd-%u", me.pair);
	if (!strcmp(me.side, "remote"))
		rpdev = rpmsg_service_create(me.bus, name, RPMSG_ADDR_ANY, 0);
	while (!rpdev) {
		rpdev = rpmsg_bus_find_channel(me.bus, name);
		if (!rpdev)
			wait_for_more(-1);
	}
	me.ept = rpmsg_channel_bind(rpdev, received, NULL);
	if (!me.ept)
		die("bind: %s", rpmsg_error_detail());
}

static void live(const char *spec, const char *side, uint32_t pair, uint32_t rounds)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt) };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me = (struct peer){ .side = side, .pair = pair, .rounds = rounds };
	opt.side = strcmp(side, "remote") ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE;
	me.bus = rpmsg_bus_open(spec, &opt);
	if (!me.bus)
		die("open: %s", rpmsg_error_detail());
	bind_service();
	report('c');
	while (!readable(go_fd))
		wait_for_more(go_fd);
	send_all();
	while (!all_done()) {
		wait_for_more(-1);
		send_all();
	}
	report('d');
	while (!readable(end_fd))
		wait_for_more(end_fd);
	if (me.requests != rounds || me.answered != rounds)
		die("more came than was sent");
	rpmsg_bus_close(me.bus);
	_exit(0);
}

/* ---- all of them ---- */

static unsigned n_alive;

static void reap(int flags)
{
	int status;

	while (n_alive && waitpid(-1, &status, flags) > 0) {
		n_alive--;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			errx(1, "a client ended with status %#x", status);
	}
}

static void await_reports(int fd, char want, unsigned n, const char *text)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char what[256];

	while (n) {
		ssize_t got;

		reap(WNOHANG);
		if (!n_alive)
			errx(1, "all clients have gone before they were %s", text);
		if (poll(&p, 1, 100) <= 0)
			continue;
		got = read(fd, what, n < sizeof(what) ? n : sizeof(what));
		for (ssize_t i = 0; i < got; i++)
			n -= what[i] == want;
	}
	puts(text);
	fflush(stdout);
}

static void start_all(const char *spec, uint32_t pairs, uint32_t rounds, int fds[3])
{
	for (uint32_t i = 0; i < 2 * pairs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid) {
			n_alive++;
			continue;
		}
		for (int k = 0; k < 3; k++)
			close(fds[k]);
		live(spec, i & 1 ? "host" : "remote", i / 2, rounds);
	}
}

int main(int argc, char **argv)
{
	int reports[2], go[2], end[2], sig;
	uint32_t pairs, rounds;
	sigset_t set;

	if (argc != 4)
		errx(64, "usage: crowd BUS PAIRS ROUNDS");
	pairs = (uint32_t)strtoul(argv[2], NULL, 10);
	rounds = (uint32_t)strtoul(argv[3], NULL, 10);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (pipe(reports) || pipe(go) || pipe(end))
		err(1, "pipe");
	report_fd = reports[1];
	go_fd = go[0];
	end_fd = end[0];
	start_all(argv[1], pairs, rounds, (int[]){ reports[0], go[1], end[1] });
	await_reports(reports[0], 'c', 2 * pairs, "connected");
	close(go[1]);
	await_reports(reports[0], 'd', 2 * pairs, "done");
	sigwait(&set, &sig);
	close(end[1]);
	reap(0);
	return 0;
}
