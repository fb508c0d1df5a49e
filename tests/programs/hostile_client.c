/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_client SOCKET ROUNDS SEED: says to a rpmsgd all that a client must not
 * say, then ROUNDS times something at random. It is to close the connection or to
 * refuse, and to serve a well-behaved client after each.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/protocol.h"

#define DEAF 20 /* clients that do not read, each of which may cost some memory */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEAF_KB 10000 /* it is not our server alone that takes some */
#else
#define DEAF_KB 100
#endif
#define DEAF_ENDPOINTS 50 /* to be told of: a page */

static const char *path;
static uint32_t server_pid;
static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

__attribute__((noreturn))
static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		die("connect");
	return fd;
}

static void say(int fd, const void *data, size_t len)
{
	send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* True if the other end has closed it within the time; what comes before is read away. */
static bool closed(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t buf[PROTO_PACKET_MAX];

	while (poll(&p, 1, timeout_ms) == 1) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
	}
	return false;
}

static void expect_closed(int fd, const char *what)
{
	if (!closed(fd, 10000)) {
		fprintf(stderr, "not closed after: %s\n", what);
		exit(1);
	}
	close(fd);
}

static void check_alive(const char *after)
{
	struct rpmsg_bus_options opt = { .size = sizeof(opt) };
	struct rpmsg_bus *bus = rpmsg_bus_open(path, &opt);
	struct rpmsg_bus_info info = { .size = sizeof(info) };

	if (!bus || rpmsg_bus_get_info(bus, &info) || !info.up) {
		fprintf(stderr, "not well after: %s: %s\n", after, rpmsg_error_detail());
		exit(1);
	}
	rpmsg_bus_close(bus);
}

static struct proto_hello good_hello(void)
{
	return (struct proto_hello){
		.head = { .op = PROTO_HELLO, .seq = 1, .size = sizeof(struct proto_hello) },
		.magic = PROTO_MAGIC, .version = PROTO_VERSION, .side = RPMSG_SIDE_HOST,
	};
}

static int greet(void)
{
	struct proto_hello h = good_hello();
	struct proto_info info;
	int fd = dial();

	say(fd, &h, sizeof(h));
	if (recv(fd, &info, sizeof(info), 0) != sizeof(info))
		die("hello");
	server_pid = info.pid;
	return fd;
}

/* Binds an endpoint; ends[0] is "out", ends[1] "in". */
static int bind_endpoint(int ends[2], struct proto_bind_reply *rep)
{
	struct proto_bind b = { .head = { .op = PROTO_BIND, .seq = 2, .size = sizeof(b) },
				.addr = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY };
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { rep, sizeof(*rep) };
	struct msghdr msg;
	int fd = greet();
	ssize_t n;

	say(fd, &b, sizeof(b));
	do { /* what others do is told, too */
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				       .msg_controllen = sizeof(control) };
		n = recvmsg(fd, &msg, 0);
	} while (n >= (ssize_t)sizeof(rep->head) && rep->head.op != PROTO_BIND);
	if (n != sizeof(*rep) || rep->head.status || !CMSG_FIRSTHDR(&msg))
		die("bind");
	memcpy(ends, CMSG_DATA(CMSG_FIRSTHDR(&msg)), 2 * sizeof(int));
	return fd;
}

/* ---- the control connection ---- */

static void before_hello(void)
{
	struct proto_head info = { .op = PROTO_INFO, .seq = 1, .size = sizeof(info) };
	struct proto_hello h = good_hello();
	int fd = dial();

	say(fd, &info, sizeof(info));
	expect_closed(fd, "a request before HELLO");
	fd = dial();
	h.magic++;
	say(fd, &h, sizeof(h));
	expect_closed(fd, "wrong magic");
	fd = dial();
	h = good_hello();
	h.side = 77;
	say(fd, &h, sizeof(h));
	expect_closed(fd, "a third side");
	fd = dial();
	close(fd);
}

static void wrong_lengths(void)
{
	static uint8_t huge[200000];
	struct proto_hello h = good_hello();
	int fd;

	for (size_t len = 0; len < sizeof(h); len += 4) {
		fd = dial();
		h.head.size = (uint32_t)len;
		say(fd, &h, len);
		expect_closed(fd, "a HELLO that is too short");
	}
	for (int i = 0; i < 3; i++) {
		fd = greet();
		h = good_hello();
		h.head.op = PROTO_INFO;
		h.head.size = i == 0 ? UINT32_MAX : i == 1 ? 0 : sizeof(h) + 1;
		say(fd, &h, sizeof(h));
		expect_closed(fd, "a size that is not the packet's");
	}
	fd = greet();
	say(fd, huge, sizeof(huge));
	expect_closed(fd, "a packet that is too long");
}

static void wrong_heads(void)
{
	static const uint32_t ops[] = { 0, PROTO_ENDPOINTS + 1, 0x100, 0x1ff, UINT32_MAX };
	struct proto_head h;
	int fd;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		fd = greet();
		h = (struct proto_head){ .op = ops[i], .seq = 2, .size = sizeof(h) };
		say(fd, &h, sizeof(h));
		expect_closed(fd, "an unknown request");
	}
	fd = greet();
	h = (struct proto_head){ .op = PROTO_INFO, .seq = 0, .size = sizeof(h) };
	say(fd, &h, sizeof(h));
	expect_closed(fd, "a request without number");
	fd = greet();
	say(fd, &(struct proto_hello){ .head = { .op = PROTO_HELLO, .seq = 2,
						 .size = sizeof(struct proto_hello) },
				       .magic = PROTO_MAGIC, .version = PROTO_VERSION },
	    sizeof(struct proto_hello));
	expect_closed(fd, "HELLO twice");
}

static void unterminated_names(void)
{
	struct proto_create c = { .head = { .op = PROTO_CREATE, .seq = 2, .size = sizeof(c) },
				  .origin = RPMSG_CHANNEL_SERVICE };
	struct proto_bind b = { .head = { .op = PROTO_BIND, .seq = 2, .size = sizeof(b) } };
	int fd = greet();

	memset(c.info.name, 'x', sizeof(c.info.name));
	say(fd, &c, sizeof(c));
	expect_closed(fd, "a name without end");
	fd = greet();
	memset(b.key.name, 'x', sizeof(b.key.name));
	say(fd, &b, sizeof(b));
	expect_closed(fd, "a key without end");
}

static void many_fds(void)
{
	struct proto_head h = { .op = PROTO_INFO, .seq = 2, .size = sizeof(h) };
	union {
		char space[CMSG_SPACE(250 * sizeof(int))];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = greet(), fds[250];

	for (int i = 0; i < 250; i++)
		fds[i] = 2;
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	for (int i = 0; i < 20; i++)
		sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* Of statistics: with the other's length, and after the last of all endpoints. */
static void odd_statistics(void)
{
	struct proto_list l = { .head = { .op = PROTO_STATS, .seq = 2, .size = sizeof(l) } };
	struct proto_endpoints_reply rep;
	int fd = greet();

	say(fd, &l, sizeof(l));
	expect_closed(fd, "a request for statistics that is too long");
	fd = greet();
	l.head = (struct proto_head){ .op = PROTO_ENDPOINTS, .seq = 2, .size = sizeof(l.head) };
	say(fd, &l, sizeof(l.head));
	expect_closed(fd, "a request for endpoints that is too short");
	fd = greet();
	l.head.size = sizeof(l);
	l.after = UINT64_MAX;
	say(fd, &l, sizeof(l));
	if (recv(fd, &rep, sizeof(rep), 0) != sizeof(struct proto_page) || rep.n || rep.more)
		die("no endpoint has such a number");
	close(fd);
}

/* Kilobytes that the server has in memory of its own. */
static long memory_of_server(void)
{
	char line[128], name[64];
	long n = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%u/status", server_pid);
	f = fopen(name, "r");
	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld", &n) != 1)
			n = -1;
	if (n < 0)
		die(name);
	fclose(f);
	return n;
}

static void ask(int fd, uint32_t op, uint32_t size)
{
	struct proto_list req = { .head = { .op = op, .seq = 2, .size = size } };

	say(fd, &req, size);
}

/* All that can be asked, and without end that which has the longest answer. */
static void ask_on(int fd)
{
	for (int i = 0; i < 4; i++) {
		ask(fd, PROTO_INFO, sizeof(struct proto_head));
		ask(fd, PROTO_STATS, sizeof(struct proto_head));
		ask(fd, PROTO_LIST, sizeof(struct proto_list));
	}
	for (int i = 0; i < 2000; i++)
		ask(fd, PROTO_ENDPOINTS, sizeof(struct proto_list));
}

/* Requests whose answers nobody reads; of each client one answer waits, and costs memory. */
static void deaf_flood(void)
{
	int ends[DEAF_ENDPOINTS][2], bound[DEAF_ENDPOINTS], deaf[DEAF];
	struct proto_bind_reply rep;
	long before, grown;

	for (int i = 0; i < DEAF_ENDPOINTS; i++)
		bound[i] = bind_endpoint(ends[i], &rep);
	before = memory_of_server();
	for (int i = 0; i < DEAF; i++)
		deaf[i] = greet();
	for (int i = 0; i < DEAF; i++)
		ask_on(deaf[i]);
	check_alive("requests whose answers nobody reads");
	grown = memory_of_server() - before;
	if (grown > DEAF * DEAF_KB) {
		fprintf(stderr, "%d clients that do not read cost %ld kB\n", DEAF, grown);
		exit(1);
	}
	for (int i = 0; i < DEAF; i++)
		close(deaf[i]);
	for (int i = 0; i < DEAF_ENDPOINTS; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
		close(bound[i]);
	}
}

/* ---- data ---- */

static void data_case(int which, const void *data, size_t len, const char *what)
{
	struct proto_bind_reply rep;
	int ends[2], fd = bind_endpoint(ends, &rep);

	say(ends[which], data, len);
	expect_closed(fd, what);
	close(ends[0]);
	close(ends[1]);
}

static void bad_records(void)
{
	struct {
		struct proto_record_head head;
		struct proto_message m;
		uint8_t data[64];
	} r = { .head = { .type = PROTO_SEND, .n = 1, .generation = 1 },
		.m = { .src = 1024, .dst = 1024, .len = 5 } };
	struct proto_record_head h = { .type = 99 };
	static uint8_t huge[100000];

	data_case(0, &r, sizeof(r.head) + sizeof(r.m) + 8, "a message without credit");
	r.head.n = 2;
	data_case(0, &r, sizeof(r.head) + sizeof(r.m) + 8, "a record without its second message");
	r.head.n = 1;
	r.m.len = UINT16_MAX;
	data_case(0, &r, sizeof(r), "a message longer than its record");
	data_case(0, &r, sizeof(r.head) + 3, "half a header");
	data_case(0, &h, sizeof(h), "an unknown record");
	data_case(0, &h, 7, "a record that is too short");
	data_case(0, huge, sizeof(huge), "a record that is too long");
	data_case(1, &h, sizeof(h), "an unknown record, on the way in");
	data_case(1, &h, 3, "a short record, on the way in");
	data_case(1, huge, sizeof(huge), "a long record, on the way in");
	h = (struct proto_record_head){ .type = PROTO_WANT };
	data_case(0, &h, sizeof(h), "a wish for nothing");
	h = (struct proto_record_head){ .type = PROTO_ERRORS };
	data_case(0, &h, sizeof(h), "no errors at all");
	h.n = 1;
	h.seq = RPMSG_ERROR_LOST;
	data_case(0, &h, sizeof(h), "errors that are for us to count");
	h.seq = RPMSG_ERRORS;
	data_case(0, &h, sizeof(h), "errors of no kind");
	h.seq = 0;
	data_case(0, &h, sizeof(h) - 1, "errors cut short");
	data_case(1, &h, sizeof(h), "errors, on the way in");
}

/* More than the credits allow, in one generation and in others. */
static void no_credit(void)
{
	struct proto_record_head want = { .type = PROTO_WANT, .n = UINT32_MAX, .seq = 1 }, credit;
	struct {
		struct proto_record_head head;
		struct proto_message m;
	} r = { .head = { .type = PROTO_SEND, .n = 1 },
		.m = { .src = 1024, .dst = 4242, .len = 0 } };
	struct proto_bind_reply rep;
	int ends[2], fd = bind_endpoint(ends, &rep);

	r.head.generation = want.generation = rep.generation;
	say(ends[0], &want, sizeof(want));
	if (recv(ends[0], &credit, sizeof(credit), 0) != sizeof(credit) || !credit.n ||
	    credit.n > 1000)
		die("credit");
	r.head.generation++;
	say(ends[0], &r, sizeof(r)); /* fails, and costs nothing */
	r.head.generation--;
	for (uint32_t i = 0; i < credit.n; i++)
		say(ends[0], &r, sizeof(r));
	if (closed(fd, 100)) {
		fprintf(stderr, "closed although there was credit\n");
		exit(1);
	}
	say(ends[0], &r, sizeof(r));
	expect_closed(fd, "a message beyond the credit");
	close(ends[0]);
	close(ends[1]);
}

static void credit_flood(void)
{
	struct proto_record_head want = { .type = PROTO_WANT, .n = 1, .seq = 1,
					  .flags = PROTO_WAIT };
	struct proto_bind_reply rep;
	int ends[2], fd = bind_endpoint(ends, &rep);

	for (int i = 0; i < 5000; i++) {
		struct pollfd p = { .fd = ends[0], .events = POLLOUT };

		poll(&p, 1, 1000);
		say(ends[0], &want, sizeof(want));
		if (p.revents & POLLHUP)
			break;
	}
	expect_closed(fd, "wishes whose answers nobody reads");
	close(ends[0]);
	close(ends[1]);
}

/* ---- at random ---- */

static void random_packets(void)
{
	static const uint8_t sizes[] = { 16, 24, 32, 64, 80, 88 };
	uint8_t buf[256];
	int ends[2], fd, n = 1 + (int)(next_random() % 8);
	struct proto_bind_reply rep;
	bool data = next_random() % 2;

	fd = data ? bind_endpoint(ends, &rep) : next_random() % 4 ? greet() : dial();
	while (n--) {
		size_t len = sizes[next_random() % sizeof(sizes)];
		struct proto_head head = { .op = (uint32_t)(next_random() % 12), .seq = 7,
					   .size = (uint32_t)len };
		struct proto_record_head rec = { .type = (uint16_t)(next_random() % 13), .seq = 1,
						 .n = (uint32_t)(next_random() % 40),
						 .flags = (uint16_t)(next_random() % 3),
						 .generation = (uint32_t)(next_random() % 3) };

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = next_random() % 3 ? 0 : (uint8_t)next_random();
		if (next_random() % 8)
			memcpy(buf, &head, sizeof(head));
		if (data && next_random() % 2) {
			memcpy(buf, &rec, sizeof(rec));
			say(ends[next_random() % 2], buf, next_random() % 8 ? sizeof(rec) : len);
		} else {
			say(fd, buf, len);
		}
	}
	if (data) {
		close(ends[0]);
		close(ends[1]);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "before hello", before_hello }, { "wrong lengths", wrong_lengths },
		{ "wrong heads", wrong_heads }, { "unterminated names", unterminated_names },
		{ "odd statistics", odd_statistics }, { "many fds", many_fds },
		{ "deaf flood", deaf_flood },
		{ "bad records", bad_records }, { "no credit", no_credit },
		{ "credit flood", credit_flood },
	};
	unsigned long rounds;

	if (argc != 4) {
		fprintf(stderr, "usage: hostile_client SOCKET ROUNDS SEED\n");
		return 64;
	}
	path = argv[1];
	rounds = strtoul(argv[2], NULL, 10);
	state = strtoul(argv[3], NULL, 10) | 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].run();
		check_alive(cases[i].name);
		printf("%s\n", cases[i].name);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		random_packets();
		if (i % 50 == 0)
			check_alive("random packets");
	}
	check_alive("random packets");
	puts("alive");
	return 0;
}
