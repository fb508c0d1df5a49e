/* SPDX-License-Identifier: BSD-2-Clause */
/* A peer that breaks the handshake loses its connection, and the log says why. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "link_ends.h"
#include "link/shm.h"

#include <cmocka.h> /* last: it takes the name fail */

#define FEATURES (RPMSG_F_NS | RPMSG_F_VERSION_1)
#define NUM 16
#define FDS_MAX 8

static struct log_text text;
static struct rpmsg_log logger = { log_keep, &text };
static const struct link_options options = { .num = NUM, .buffer_size = 64, .features = FEATURES };

static struct sockaddr_un address(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	dir_path(addr.sun_path, sizeof(addr.sun_path), "shm-x.sock");
	return addr;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* One raw message, which may be wrong in every way. */
static void send_raw(int sock, const void *data, size_t len, const int *fd, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fd, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &mh, MSG_NOSIGNAL), len);
}

static bool at_end(int sock)
{
	char byte;

	return readable(sock, PATIENCE_MS) && recv(sock, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* Serves link for as long as there is something to do; it may not come up. */
static void serve(struct link *link)
{
	int i;

	for (i = 0; i < 20 && readable(link->control_fd, 0); i++)
		assert_int_equal(link->ops->control(link), LINK_SAME);
	assert_in_range(i, 0, 19);
}

/* ---- a host of our own against the remote ---- */

struct fake_host {
	int listening, sock;
	struct link *remote;
	unsigned fds; /* of the process, before anything was sent */

	union {
		struct shm_setup setup;
		char room[256];
	};
	size_t len;
	int fd[FDS_MAX];
	size_t n_fds;
};

static int new_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void fill_setup(struct fake_host *h)
{
	struct shm_setup *s = &h->setup;
	size_t i;

	memset(h->room, 0, sizeof(h->room));
	s->head = (struct shm_head){ SHM_MAGIC, SHM_VERSION, SHM_SETUP };
	s->generation = 5;
	s->num = NUM;
	s->buffer_size = 64;
	s->features = FEATURES | RPMSG_F_INDIRECT;
	s->size = 16384;
	s->ring[0] = (struct shm_ring_place){ 0, 1024, 2048 };
	s->ring[1] = (struct shm_ring_place){ 4096, 5120, 6144 };
	h->len = sizeof(*s);
	h->fd[0] = shm_memory_create(s->size);
	assert_true(h->fd[0] >= 0);
	h->n_fds = SHM_FDS;
	for (i = 1; i < h->n_fds; i++)
		h->fd[i] = new_event();
}

static void fake_host_start(struct fake_host *h)
{
	struct sockaddr_un addr = address();

	text = (struct log_text){ .lines = 0 };
	h->listening = new_socket();
	assert_int_equal(bind(h->listening, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(h->listening, 4), 0);
	h->remote = link_shm_open("x", RPMSG_SIDE_REMOTE, &options, &logger);
	assert_non_null(h->remote);
	h->sock = accept(h->listening, NULL, NULL);
	assert_true(h->sock >= 0);
	serve(h->remote);
	fill_setup(h);
	h->fds = count_fds();
}

static void fake_host_send(struct fake_host *h)
{
	send_raw(h->sock, h->room, h->len, h->fd, h->n_fds);
	serve(h->remote);
}

static void fake_host_end(struct fake_host *h)
{
	size_t i;

	h->remote->ops->close(h->remote);
	for (i = 0; i < h->n_fds; i++)
		close(h->fd[i]);
	close(h->sock);
	close(h->listening);
	unlink(address().sun_path);
}

static int swap_fd(struct fake_host *h, size_t i, int fd)
{
	assert_true(fd >= 0);
	close(h->fd[i]);
	h->fd[i] = fd;
	return fd;
}

static int memory_with(unsigned seals, off_t size)
{
	int fd = memfd_create("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void bad_magic(struct fake_host *h) { h->setup.head.magic++; }
static void bad_version(struct fake_host *h) { h->setup.head.version = 2; }
static void bad_type(struct fake_host *h) { h->setup.head.type = SHM_READY; }
static void short_head(struct fake_host *h) { h->len = 4; }
static void short_setup(struct fake_host *h) { h->len -= 8; }
static void long_setup(struct fake_host *h) { h->len += 8; }
static void huge_setup(struct fake_host *h) { h->len = sizeof(h->room); }
static void no_generation(struct fake_host *h) { h->setup.generation = 0; }
static void bad_zero(struct fake_host *h) { h->setup.zero = 1; }
static void num_zero(struct fake_host *h) { h->setup.num = 0; }
static void num_odd(struct fake_host *h) { h->setup.num = 17; }
static void num_huge(struct fake_host *h) { h->setup.num = 65536; }
static void size_small(struct fake_host *h) { h->setup.buffer_size = 24; }
static void size_huge(struct fake_host *h) { h->setup.buffer_size = 65544; }
static void size_odd(struct fake_host *h) { h->setup.buffer_size = 65; }
static void memory_bigger(struct fake_host *h) { h->setup.size += 4096; }
static void memory_smaller(struct fake_host *h) { h->setup.size -= 4096; }
static void unaligned_desc(struct fake_host *h) { h->setup.ring[0].desc = 8; }
static void unaligned_avail(struct fake_host *h) { h->setup.ring[1].avail++; }
static void unaligned_used(struct fake_host *h) { h->setup.ring[1].used += 2; }
static void outside_desc(struct fake_host *h) { h->setup.ring[1].desc = 16384; }
static void across_used(struct fake_host *h) { h->setup.ring[1].used = 16384 - 128; }
static void wraps_avail(struct fake_host *h) { h->setup.ring[0].avail = UINT64_MAX - 1; }
static void overlap_rings(struct fake_host *h) { h->setup.ring[1] = h->setup.ring[0]; }
static void overlap_used(struct fake_host *h) { h->setup.ring[0].used = 1024 + 36; }
static void rings_too_big(struct fake_host *h) { h->setup.num = 4096; }

static void no_fds(struct fake_host *h)
{
	while (h->n_fds)
		close(h->fd[--h->n_fds]);
}

static void few_fds(struct fake_host *h)
{
	close(h->fd[--h->n_fds]);
}

static void many_fds(struct fake_host *h)
{
	h->fd[h->n_fds++] = new_event();
}

static void very_many_fds(struct fake_host *h)
{
	while (h->n_fds < FDS_MAX)
		h->fd[h->n_fds++] = new_event();
}

static void unsealed(struct fake_host *h)
{
	swap_fd(h, 0, memory_with(0, 16384));
}

static void can_shrink(struct fake_host *h)
{
	swap_fd(h, 0, memory_with(F_SEAL_GROW | F_SEAL_SEAL, 16384));
}

static void can_be_sealed(struct fake_host *h)
{
	swap_fd(h, 0, memory_with(F_SEAL_GROW | F_SEAL_SHRINK, 16384));
}

static void write_sealed(struct fake_host *h)
{
	swap_fd(h, 0, memory_with(ALL_SEALS | F_SEAL_WRITE, 16384));
}

static void memory_is_a_file(struct fake_host *h)
{
	swap_fd(h, 0, open("/dev/null", O_RDWR | O_CLOEXEC));
}

static void memory_is_empty(struct fake_host *h)
{
	h->setup.size = 0;
	swap_fd(h, 0, memory_with(ALL_SEALS, 0));
}

static void event_blocks(struct fake_host *h)
{
	swap_fd(h, 2, eventfd(0, EFD_CLOEXEC));
}

static void event_is_a_socket(struct fake_host *h)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
	close(sv[1]);
	swap_fd(h, 1, sv[0]);
}

static void event_is_a_pipe(struct fake_host *h)
{
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	close(pipes[0]);
	swap_fd(h, 4, pipes[1]);
}

static void event_is_an_epoll(struct fake_host *h)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	swap_fd(h, 3, fd);
}

static const struct {
	void (*spoil)(struct fake_host *h);
	const char *words;
} bad_setups[] = {
	{ bad_magic, "magic is" },
	{ bad_version, "version is 2, ours is 1" },
	{ bad_type, "message type is 3 instead of 1" },
	{ short_head, "4 bytes is too short" },
	{ short_setup, "80 bytes instead of 88" },
	{ long_setup, "longer or has more fds" },
	{ huge_setup, "longer or has more fds" },
	{ no_generation, "generation 0" },
	{ bad_zero, "zero 1" },
	{ num_zero, "num 0" },
	{ num_odd, "num 17" },
	{ num_huge, "num 65536" },
	{ size_small, "buffer_size 24" },
	{ size_huge, "buffer_size 65544" },
	{ size_odd, "buffer_size 65" },
	{ memory_bigger, "memory of size 20480 has another size" },
	{ memory_smaller, "memory of size 12288 has another size" },
	{ unaligned_desc, "ring[0].desc: 8 is not aligned" },
	{ unaligned_avail, "ring[1].avail: 5121 is not aligned" },
	{ unaligned_used, "ring[1].used: 6146 is not aligned" },
	{ outside_desc, "ring[1].desc: 16384 lies outside" },
	{ across_used, "ring[1].used: 16256 lies outside" },
	{ wraps_avail, "ring[0].avail: 18446744073709551614 lies outside" },
	{ overlap_rings, "ring[1].desc overlaps ring[0].desc" },
	{ overlap_used, "ring[0].used overlaps ring[0].avail" },
	{ rings_too_big, "ring[0].desc: 0 lies outside" },
	{ no_fds, "0 fds instead of 5" },
	{ few_fds, "4 fds instead of 5" },
	{ many_fds, "longer or has more fds" },
	{ very_many_fds, "longer or has more fds" },
	{ unsealed, "is not sealed" },
	{ can_shrink, "is not sealed" },
	{ can_be_sealed, "is not sealed" },
	{ write_sealed, "cannot map" },
	{ memory_is_a_file, "is not a memfd" },
	{ memory_is_empty, "cannot be mapped" },
	{ event_blocks, "fd 2 is not a non-blocking eventfd" },
	{ event_is_a_socket, "fd 1 is not" },
	{ event_is_a_pipe, "fd 4 is not" },
	{ event_is_an_epoll, "fd 3 is not" },
};

static void remote_refuses_setup(void **state)
{
	struct fake_host h;
	unsigned before;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_setups) / sizeof(*bad_setups); i++) {
		fake_host_start(&h);
		bad_setups[i].spoil(&h);
		before = count_fds();
		fake_host_send(&h);
		assert_int_equal(text.lines, 1);
		if (!strstr(text.text, bad_setups[i].words))
			fail_msg("%zu: \"%s\" is not in %s", i, bad_setups[i].words, text.text);
		assert_true(at_end(h.sock));
		assert_null(h.remote->mem);
		/* The bad connection has gone; there may be a new one. */
		assert_in_range(count_fds(), before - 1, before);
		fake_host_end(&h);
	}
}

static void send_ready(struct fake_host *h)
{
	struct shm_ready ready = { { SHM_MAGIC, SHM_VERSION, SHM_READY } };

	send_raw(h->sock, &ready, sizeof(ready), NULL, 0);
}

static void remote_takes_a_good_one(void **state)
{
	struct shm_accept accepted;
	struct fake_host h;

	(void)state;
	fake_host_start(&h);
	fake_host_send(&h);
	assert_int_equal(recv(h.sock, &accepted, sizeof(accepted), 0), sizeof(accepted));
	assert_true(accepted.features == FEATURES);
	send_ready(&h);
	assert_int_equal(h.remote->ops->control(h.remote), LINK_UP);
	assert_int_equal(h.remote->generation, 5);
	assert_true(h.remote->features == FEATURES);
	assert_int_equal(text.lines, 0);
	fake_host_end(&h);
}

static void remote_refuses_talk_after_up(void **state)
{
	struct shm_accept accepted;
	struct fake_host h;

	(void)state;
	fake_host_start(&h);
	fake_host_send(&h);
	assert_int_equal(recv(h.sock, &accepted, sizeof(accepted), 0), sizeof(accepted));
	send_ready(&h);
	assert_int_equal(h.remote->ops->control(h.remote), LINK_UP);
	send_ready(&h);
	assert_int_equal(h.remote->ops->control(h.remote), LINK_DOWN);
	assert_non_null(strstr(text.text, "message after the handshake"));
	assert_true(at_end(h.sock));
	assert_true(readable(h.remote->control_fd, 0));
	fake_host_end(&h);
}

static void remote_refuses_ready(void **state)
{
	struct shm_message ready = { .n_fds = 0 };
	struct fake_host h;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		fake_host_start(&h);
		fake_host_send(&h);
		ready.head = (struct shm_head){ SHM_MAGIC, SHM_VERSION, SHM_READY };
		if (i == 0)
			ready.head.type = SHM_SETUP;
		if (i == 1)
			ready.head.magic = 0;
		send_raw(h.sock, &ready.head, i == 2 ? 16 : 8, h.fd, i == 3 ? 2 : 0);
		serve(h.remote);
		assert_int_equal(text.lines, 1);
		assert_null(h.remote->mem);
		fake_host_end(&h);
	}
}

/* The host goes away at any point: no noise, and the remote looks for the next. */
static void remote_survives_the_end(void **state)
{
	struct link *host;
	struct fake_host h;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		fake_host_start(&h);
		if (i)
			fake_host_send(&h);
		close(h.listening);
		close(h.sock);
		serve(h.remote);
		assert_int_equal(text.lines, 0);
		h.sock = h.listening = -1;
		host = link_shm_open("x", RPMSG_SIDE_HOST, &options, &logger);
		assert_non_null(host);
		assert_true(await_both_up(host, h.remote));
		host->ops->close(host);
		fake_host_end(&h);
	}
}

static void remote_waits_for_a_silent_host(void **state)
{
	struct fake_host h;

	(void)state;
	fake_host_start(&h);
	assert_false(readable(h.remote->control_fd, 100));
	assert_int_equal(h.remote->ops->control(h.remote), LINK_SAME);
	fake_host_end(&h);
}

/* A host that drops us again and again is asked more and more seldom. */
static void remote_backs_off(void **state)
{
	struct fake_host h;
	int64_t end;
	int tries = 0, calls = 0;

	(void)state;
	fake_host_start(&h);
	fcntl(h.listening, F_SETFL, O_NONBLOCK);
	close(h.sock);
	for (end = test_ms() + 1000; test_ms() < end; calls++) {
		if (readable(h.remote->control_fd, 20))
			h.remote->ops->control(h.remote);
		h.sock = accept(h.listening, NULL, NULL);
		if (h.sock < 0)
			continue;
		tries++;
		close(h.sock);
	}
	assert_in_range(tries, 2, 5);
	assert_in_range(calls, 1, 70);
	fake_host_end(&h);
}

/* ---- a remote of our own against the host ---- */

static struct link *open_host(void)
{
	struct link *host;

	text = (struct log_text){ .lines = 0 };
	host = link_shm_open("x", RPMSG_SIDE_HOST, &options, &logger);
	assert_non_null(host);
	return host;
}

static int knock(void)
{
	struct sockaddr_un addr = address();
	int sock = new_socket();

	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

static int knock_and_get_setup(struct link *host)
{
	struct shm_message msg;
	int sock = knock();

	serve(host);
	assert_int_equal(shm_message_recv(sock, &msg), 1);
	assert_int_equal(msg.head.type, SHM_SETUP);
	assert_int_equal(msg.n_fds, SHM_FDS);
	assert_null(shm_memory_flaw(msg.fd[SHM_FD_MEMORY], msg.setup.size));
	shm_message_drop(&msg);
	return sock;
}

/* The host is there for a real remote after all that. */
static void host_still_good(struct link *host)
{
	struct link *remote = link_shm_open("x", RPMSG_SIDE_REMOTE, &options, &logger);

	assert_non_null(remote);
	assert_true(await_both_up(host, remote));
	assert_int_equal(host->generation, 1);
	remote->ops->close(remote);
	host->ops->close(host);
}

static const struct {
	struct shm_accept accept;
	size_t len, n_fds;
	const char *words;
} bad_accepts[] = {
	{ { { 1, SHM_VERSION, SHM_ACCEPT }, 0 }, 16, 0, "magic is 0x1" },
	{ { { SHM_MAGIC, 9, SHM_ACCEPT }, 0 }, 16, 0, "version is 9" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_SETUP }, 0 }, 16, 0, "type is 1 instead of 2" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_ACCEPT }, 0 }, 8, 0, "8 bytes instead of 16" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_ACCEPT }, 0 }, 1, 0, "1 bytes is too short" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_ACCEPT }, RPMSG_F_INDIRECT }, 16, 0,
	  "features 0x10000000, offered were" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_ACCEPT }, 0 }, 16, 1, "1 fds, none expected" },
	{ { { SHM_MAGIC, SHM_VERSION, SHM_ACCEPT }, 0 }, 16, 8, "has more fds than any" },
};

static void host_refuses_accept(void **state)
{
	struct link *host = open_host();
	int fd[FDS_MAX];
	unsigned fds;
	size_t i;
	int sock;

	(void)state;
	for (i = 0; i < FDS_MAX; i++)
		fd[i] = 1;
	fds = count_fds();
	for (i = 0; i < sizeof(bad_accepts) / sizeof(*bad_accepts); i++) {
		text = (struct log_text){ .lines = 0 };
		sock = knock_and_get_setup(host);
		send_raw(sock, &bad_accepts[i].accept, bad_accepts[i].len, fd,
			 bad_accepts[i].n_fds);
		serve(host);
		assert_int_equal(text.lines, 1);
		if (!strstr(text.text, bad_accepts[i].words))
			fail_msg("%zu: \"%s\" is not in %s", i, bad_accepts[i].words, text.text);
		assert_true(at_end(sock));
		close(sock);
		assert_int_equal(count_fds(), fds);
	}
	host_still_good(host);
}

static void host_refuses_a_long_message(void **state)
{
	struct link *host = open_host();
	int sock = knock_and_get_setup(host);
	static char junk[4096];

	(void)state;
	send_raw(sock, junk, sizeof(junk), NULL, 0);
	serve(host);
	assert_non_null(strstr(text.text, "longer or has more fds"));
	assert_true(at_end(sock));
	close(sock);
	host_still_good(host);
}

static void host_prefers_the_newest(void **state)
{
	struct link *host = open_host();
	int silent = knock_and_get_setup(host), gone = knock(), last;

	(void)state;
	close(gone);
	last = knock_and_get_setup(host);
	assert_true(at_end(silent));
	close(silent);
	host_still_good(host);
	close(last);
}

static void host_serves_one_at_a_time(void **state)
{
	struct link *host = open_host(), *remote;
	int waiting;

	(void)state;
	remote = link_shm_open("x", RPMSG_SIDE_REMOTE, &options, &logger);
	assert_non_null(remote);
	assert_true(await_both_up(host, remote));
	waiting = knock();
	assert_false(readable(host->control_fd, 50));
	assert_false(readable(waiting, 0));
	remote->ops->close(remote);
	assert_true(await_change(host, NULL, LINK_DOWN));
	serve(host);
	assert_true(readable(waiting, PATIENCE_MS));
	close(waiting);
	host->ops->close(host);
}

/* Somebody else's process, let through to the socket by wrong permissions. */
static void host_refuses_strangers(void **state)
{
	struct sockaddr_un addr = address();
	struct link *host;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("not root: only root can become a stranger\n");
		skip();
	}
	host = open_host();
	assert_int_equal(chmod(getenv("RPMSG_DIR"), 0711), 0);
	assert_int_equal(chmod(addr.sun_path, 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		status = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		if (connect(status, (struct sockaddr *)&addr, sizeof(addr)))
			_exit(2);
		_exit(at_end(status) ? 0 : 3);
	}
	assert_true(readable(host->control_fd, PATIENCE_MS));
	serve(host);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text.text, "is of uid 65534"));
	assert_int_equal(chmod(getenv("RPMSG_DIR"), 0700), 0);
	host_still_good(host);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_set_up, dir_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(remote_refuses_setup),
		TEST(remote_takes_a_good_one),
		TEST(remote_refuses_talk_after_up),
		TEST(remote_refuses_ready),
		TEST(remote_survives_the_end),
		TEST(remote_waits_for_a_silent_host),
		TEST(remote_backs_off),
		TEST(host_refuses_accept),
		TEST(host_refuses_a_long_message),
		TEST(host_prefers_the_newest),
		TEST(host_serves_one_at_a_time),
		TEST(host_refuses_strangers),
	};

	return cmocka_run_group_tests_name("shm_handshake", tests, NULL, NULL);
}
