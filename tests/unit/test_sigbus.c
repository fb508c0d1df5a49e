/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sigbus.h"
#include "link/link.h"

#define PAGES 4u

static size_t page;

/* A mapping of a file that can be truncated. */
struct victim {
	struct link_mem mem;
	volatile uint8_t *at;
	int fd;
};

static void unmap(struct link_mem *mem)
{
	munmap(mem->base, mem->size);
}

static void victim_map(struct victim *v)
{
	v->fd = memfd_create("victim", MFD_CLOEXEC);
	if (v->fd < 0 || ftruncate(v->fd, (off_t)(PAGES * page)))
		_exit(100);
	v->at = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->at == MAP_FAILED)
		_exit(101);
}

static void victim_init(struct victim *v)
{
	victim_map(v);
	if (link_mem_init(&v->mem, (uint8_t *)v->at, PAGES * page, unmap))
		_exit(102);
}

static void victim_fini(struct victim *v)
{
	link_mem_put(&v->mem);
	close(v->fd);
}

static bool lost(struct victim *v)
{
	return __atomic_load_n(&v->mem.lost, __ATOMIC_ACQUIRE);
}

/* The handler is for good, so each case has its own process. Returns its wait status. */
static int in_child(void (*fn)(void))
{
	struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		alarm(30);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_exit(void (*fn)(void), int code)
{
	int status = in_child(fn);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void expect_sigbus(void (*fn)(void))
{
	int status = in_child(fn);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

#define CHECK(cond)                        \
	do {                               \
		if (!(cond))               \
			_exit(__LINE__ % 200 + 1); \
	} while (0)

static void run_truncated(void)
{
	struct victim v, other;

	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	CHECK(rpmsg_sigbus_install() == 0);
	victim_init(&v);
	victim_init(&other);
	v.at[1] = 11;
	v.at[2 * page] = 22;
	other.at[0] = 33;
	CHECK(!ftruncate(v.fd, (off_t)page));
	CHECK(!lost(&v));
	CHECK(v.at[2 * page] == 0);
	CHECK(lost(&v) && !lost(&other));
	v.at[2 * page] = 44;
	CHECK(v.at[2 * page] == 44 && v.at[PAGES * page - 1] == 0);
	CHECK(v.at[page] == 0); /* gone too, found out later */
	CHECK(v.at[1] == 11 && other.at[0] == 33);
	victim_fini(&v);
	victim_fini(&other);
}

static void truncated_reads_zero(void **state)
{
	(void)state;
	expect_exit(run_truncated, 0);
}

static void run_many(void)
{
	static struct victim v[150];
	size_t i;

	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	for (i = 0; i < 150; i++)
		victim_init(&v[i]);
	for (i = 0; i < 150; i += 2)
		victim_fini(&v[i]);
	for (i = 0; i < 150; i += 2)
		victim_init(&v[i]);
	for (i = 0; i < 150; i++) {
		CHECK(!ftruncate(v[i].fd, 0));
		CHECK(v[i].at[0] == 0 && lost(&v[i]));
		CHECK(i == 149 || !lost(&v[i + 1]));
	}
	for (i = 0; i < 150; i++)
		victim_fini(&v[i]);
}

static void many_mappings(void **state)
{
	(void)state;
	expect_exit(run_many, 0);
}

/* Both ends of a loop see the loss of the memory that they share. */
static void run_shared(void)
{
	struct victim v;
	struct link_mem twin;

	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	victim_init(&v);
	CHECK(link_mem_init(&twin, (uint8_t *)v.at, PAGES * page, unmap) == 0);
	CHECK(!ftruncate(v.fd, 0));
	CHECK(v.at[3 * page] == 0);
	CHECK(lost(&v) && __atomic_load_n(&twin.lost, __ATOMIC_ACQUIRE));
	sigbus_forget(&twin.lost);
	victim_fini(&v);
}

static void shared_mapping(void **state)
{
	(void)state;
	expect_exit(run_shared, 0);
}

/* A fault in memory that is not ours, or not any more. */
static void fault_elsewhere(void)
{
	struct victim v;

	victim_map(&v);
	CHECK(!ftruncate(v.fd, 0));
	(void)v.at[0];
}

static void run_default(void)
{
	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	fault_elsewhere();
}

static void run_forgotten(void)
{
	struct victim v;

	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	victim_init(&v);
	sigbus_forget(&v.mem.lost);
	CHECK(!ftruncate(v.fd, 0));
	(void)v.at[0];
}

static void run_default_sent(void)
{
	signal(SIGBUS, SIG_DFL);
	CHECK(rpmsg_sigbus_install() == 0);
	raise(SIGBUS);
}

static void run_ignored_fault(void)
{
	signal(SIGBUS, SIG_IGN);
	CHECK(rpmsg_sigbus_install() == 0);
	fault_elsewhere();
}

static void run_ignored_sent(void)
{
	signal(SIGBUS, SIG_IGN);
	CHECK(rpmsg_sigbus_install() == 0);
	raise(SIGBUS);
}

static void default_still_kills(void **state)
{
	(void)state;
	expect_sigbus(run_default);
	expect_sigbus(run_forgotten);
	expect_sigbus(run_default_sent);
	expect_sigbus(run_ignored_fault);
	expect_exit(run_ignored_sent, 0);
}

static void *volatile wanted; /* before the fault, not after */
static sigjmp_buf back;

static void info_handler(int sig, siginfo_t *info, void *context)
{
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	if (sigismember(&mask, SIGUSR1) != 1)
		_exit(44);
	_exit(sig == SIGBUS && info->si_addr == wanted && context ? 42 : 43);
}

static void run_info_handler(void)
{
	struct sigaction sa = { .sa_sigaction = info_handler, .sa_flags = SA_SIGINFO };
	struct victim v;

	sigaddset(&sa.sa_mask, SIGUSR1);
	sigaction(SIGBUS, &sa, NULL);
	CHECK(rpmsg_sigbus_install() == 0);
	victim_map(&v);
	CHECK(!ftruncate(v.fd, 0));
	wanted = (void *)(uintptr_t)&v.at[5];
	(void)v.at[5];
}

static void plain_handler(int sig)
{
	siglongjmp(back, sig);
}

static void run_plain_handler(void)
{
	struct victim v;
	int sig;

	signal(SIGBUS, plain_handler);
	CHECK(rpmsg_sigbus_install() == 0);
	victim_init(&v);
	sig = sigsetjmp(back, 1);
	if (!sig)
		fault_elsewhere();
	CHECK(sig == SIGBUS);
	CHECK(!ftruncate(v.fd, 0));
	CHECK(v.at[0] == 0 && lost(&v));
	victim_fini(&v);
	_exit(42);
}

static void previous_handler_is_called(void **state)
{
	(void)state;
	expect_exit(run_info_handler, 42);
	expect_exit(run_plain_handler, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_reads_zero),
		cmocka_unit_test(many_mappings),
		cmocka_unit_test(shared_mapping),
		cmocka_unit_test(default_still_kills),
		cmocka_unit_test(previous_handler_is_called),
	};

	page = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests_name("sigbus", tests, NULL, NULL);
}
