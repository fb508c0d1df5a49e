/* SPDX-License-Identifier: BSD-2-Clause */
/* What each errno of the kernel's write() becomes, and how long is waited. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/chrdev.h" /* before cmocka.h, whose fail() is a macro */

#include <cmocka.h>

#define FD 1000 /* nobody's */

/* Faults for writes to FD: one an entry, the last for good; 0: success. */
static int faults[8], n_faults, n_writes;

ssize_t write(int fd, const void *buf, size_t n)
{
	int err;

	if (fd != FD)
		return syscall(SYS_write, fd, buf, n);
	err = faults[n_writes < n_faults ? n_writes : n_faults - 1];
	n_writes++;
	if (!err)
		return (ssize_t)n;
	errno = err;
	return -1;
}

struct fixture {
	struct chrdev c;
	struct chrdev_endpoint e;
	struct endpoint ept;
	void *slot[1];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct epoll_event ev = { .events = EPOLLIN };

	strcpy(f->c.bus.name, "kernel");
	f->c.bus.up = true;
	f->c.bus.send_timeout_ms = 30;
	f->c.mtu = 496;
	f->c.backoff_ms = 1;
	f->c.cancel = eventfd(0, EFD_NONBLOCK);
	f->c.wake = eventfd(0, EFD_NONBLOCK);
	f->c.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	f->c.epoll = epoll_create1(0);
	epoll_ctl(f->c.epoll, EPOLL_CTL_ADD, f->c.timer, &ev);
	f->slot[0] = &f->e;
	f->c.slots.item = f->slot;
	f->c.slots.n = 1;
	f->e.chrdev = &f->c;
	f->e.ept = &f->ept;
	f->e.addr = 1024;
	f->e.dst = 30;
	f->e.fd = FD;
	f->ept.bus = &f->c.bus;
	f->ept.ch = &f->c.bus.root;
	f->ept.backend = &f->e;
	f->ept.pub.addr = 1024;
	n_writes = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->c.cancel);
	close(f->c.wake);
	close(f->c.timer);
	close(f->c.epoll);
	free(f);
	return 0;
}

static int send_with(struct fixture *f, int err, bool wait)
{
	faults[0] = err;
	n_faults = 1;
	n_writes = 0;
	f->e.gone = false;
	return chrdev_send(&f->ept, "hello", 5, 1024, 30, wait);
}

static void each_errno_has_its_words(void **state)
{
	static const struct {
		int err, ret;
		const char *words;
	} cases[] = {
		{ EAGAIN, -ENOMEM, "no transmit buffer" },
		{ ENOMEM, -ENOMEM, "no transmit buffer" },
		{ EPIPE, -EPIPE, "gone" },
		{ ENODEV, -EPIPE, "gone" },
		{ EMSGSIZE, -EMSGSIZE, "more than bus kernel takes" },
		{ EINVAL, -EINVAL, "refuses to send from 0x400 to 0x1e" },
		{ ERESTARTSYS, -ERESTARTSYS, "came back in time" },
		{ ENXIO, -ENXIO, "no way to send" },
		{ EOPNOTSUPP, -EOPNOTSUPP, "no way to send" },
		{ EIO, -EIO, "Input/output error" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(send_with(*state, cases[i].err, false), cases[i].ret);
		if (!strstr(rpmsg_error_detail(), cases[i].words))
			fail_msg("errno %d is told as '%s'", cases[i].err, rpmsg_error_detail());
		assert_int_equal(n_writes, 1);
	}
	assert_int_equal(send_with(*state, 0, false), 0);
}

static void a_signal_does_not_end_it(void **state)
{
	struct fixture *f = *state;

	faults[0] = faults[1] = EINTR;
	faults[2] = 0;
	n_faults = 3;
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 30, false), 0);
	assert_int_equal(n_writes, 3);
}

static void what_is_gone_is_not_written_to(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send_with(f, EPIPE, false), -EPIPE);
	assert_true(f->e.gone);
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 30, true), -EPIPE);
	assert_int_equal(n_writes, 1);
	assert_int_equal(chrdev_poll(&f->ept), POLLERR);
	f->c.bus.up = false;
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 30, true), -EPIPE);
	assert_non_null(strstr(rpmsg_error_detail(), "link of bus kernel is down"));
}

static void too_long_is_not_tried(void **state)
{
	struct fixture *f = *state;
	char data[497] = "";

	faults[0] = 0;
	n_faults = 1;
	assert_int_equal(chrdev_send(&f->ept, data, 496, 1024, 30, false), 0);
	assert_int_equal(chrdev_send(&f->ept, data, 497, 1024, 30, false), -EMSGSIZE);
	assert_non_null(strstr(rpmsg_error_detail(), "at most 496"));
	assert_int_equal(n_writes, 1);
	f->c.mtu = 0; /* not known: the kernel decides */
	assert_int_equal(chrdev_send(&f->ept, data, 497, 1024, 30, false), 0);
	assert_int_equal(chrdev_mtu(&f->c.bus), 65535);
}

static void only_its_own_addresses(void **state)
{
	struct fixture *f = *state;

	faults[0] = 0;
	n_faults = 1;
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 31, false), -EOPNOTSUPP);
	assert_non_null(strstr(rpmsg_error_detail(), "0x1e"));
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1025, 30, true), -EOPNOTSUPP);
	assert_non_null(strstr(rpmsg_error_detail(), "0x401"));
	f->e.dst = RPMSG_ADDR_ANY;
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 30, true), -EOPNOTSUPP);
	assert_non_null(strstr(rpmsg_error_detail(), "without a destination"));
	assert_int_equal(n_writes, 0);
}

static void waiting_tries_again(void **state)
{
	struct fixture *f = *state;

	faults[0] = faults[1] = faults[2] = EAGAIN;
	faults[3] = 0;
	n_faults = 4;
	f->c.bus.send_timeout_ms = -1;
	assert_int_equal(chrdev_send(&f->ept, "x", 1, 1024, 30, true), 0);
	assert_int_equal(n_writes, 4);
}

static void waiting_ends(void **state)
{
	struct fixture *f = *state;
	uint64_t one = 1;

	assert_int_equal(send_with(f, EAGAIN, true), -ERESTARTSYS);
	assert_true(n_writes > 1);
	f->c.bus.send_timeout_ms = -1;
	assert_int_equal(syscall(SYS_write, f->c.cancel, &one, sizeof(one)), sizeof(one));
	assert_int_equal(send_with(f, EAGAIN, true), -EINTR);
	assert_int_equal(n_writes, 1);
}

/* Who was refused a buffer is woken by the clock, once; nobody else is. */
static void polling(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = { .fd = f->c.epoll, .events = POLLIN };

	assert_int_equal(chrdev_poll(&f->ept), POLLOUT);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(send_with(f, EAGAIN, false), -ENOMEM);
	assert_int_equal(poll(&p, 1, 0), 0); /* not before he waits */
	assert_int_equal(chrdev_poll(&f->ept), 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	chrdev_retry(&f->c);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(chrdev_poll(&f->ept), POLLOUT);
	f->e.paused = true;
	assert_int_equal(chrdev_poll(&f->ept), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void backing_off(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(send_with(f, EAGAIN, false), -ENOMEM);
		assert_int_equal(chrdev_poll(&f->ept), 0);
		f->c.armed = false;
	}
	assert_int_equal(f->c.backoff_ms, 20);
	assert_int_equal(send_with(f, 0, false), 0);
	assert_int_equal(f->c.backoff_ms, 1);
}

static void a_reserved_buffer(void **state)
{
	struct fixture *f = *state;
	size_t room;
	void *buf;

	faults[0] = 0;
	n_faults = 1;
	buf = chrdev_reserve(&f->ept, &room, false);
	assert_non_null(buf);
	assert_int_equal(room, 496);
	memset(buf, 'x', room);
	assert_int_equal(chrdev_submit(&f->ept, buf, 30, room), 0);
	assert_int_equal(n_writes, 1);
	buf = chrdev_reserve(&f->ept, &room, false);
	assert_int_equal(chrdev_submit(&f->ept, buf, 30, room + 1), -EMSGSIZE);
	buf = chrdev_reserve(&f->ept, &room, false);
	assert_int_equal(chrdev_submit(&f->ept, buf, 31, 1), -EOPNOTSUPP);
	buf = chrdev_reserve(&f->ept, &room, false);
	f->c.bus.generation++;
	assert_int_equal(chrdev_submit(&f->ept, buf, 30, 1), -EPIPE);
	chrdev_discard(&f->ept, chrdev_reserve(&f->ept, &room, true));
	assert_int_equal(n_writes, 1);
	f->c.bus.up = false;
	assert_null(chrdev_reserve(&f->ept, &room, true));
	assert_int_equal(errno, EPIPE);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(each_errno_has_its_words),
		test(a_signal_does_not_end_it),
		test(what_is_gone_is_not_written_to),
		test(too_long_is_not_tried),
		test(only_its_own_addresses),
		test(waiting_tries_again),
		test(waiting_ends),
		test(polling),
		test(backing_off),
		test(a_reserved_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
