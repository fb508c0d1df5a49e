/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "sysfs_tree.h"

static struct chrdev_record example(uint64_t id)
{
	struct chrdev_record rec = { .id = id, .pid = 77, .command = "a (b) c", .service = true,
				     .info = { "na\xff me\n1", 0x400, RPMSG_ADDR_ANY } };

	return rec;
}

static void same(const struct chrdev_record *a, const struct chrdev_record *b)
{
	assert_int_equal(a->pid, b->pid);
	assert_string_equal(a->command, b->command);
	assert_int_equal(a->service, b->service);
	assert_string_equal(a->info.name, b->info.name);
	assert_int_equal(a->info.src, b->info.src);
	assert_int_equal(a->info.dst, b->info.dst);
}

struct seen {
	int n, alive;
	struct chrdev_record last;
};

static void see(const struct chrdev_record *rec, bool alive, void *arg)
{
	struct seen *s = arg;

	s->n++;
	s->alive += alive;
	s->last = *rec;
}

static struct seen look(const struct chrdev_lock *lock)
{
	struct seen s = { 0 };

	chrdev_record_each(lock, see, &s);
	return s;
}

static void intention_is_read_by_the_next(void **state)
{
	struct chrdev_record rec = example(0), got;
	struct chrdev_lock lock;

	(void)state;
	assert_int_equal(chrdev_lock_take(&lock), 0);
	assert_false(chrdev_lock_intended(&lock, &got));
	assert_int_equal(chrdev_lock_intend(&lock, &rec), 0);
	chrdev_lock_drop(&lock);
	assert_int_equal(chrdev_lock_take(&lock), 0);
	assert_true(chrdev_lock_intended(&lock, &got));
	same(&got, &rec);
	assert_int_equal(chrdev_lock_intend(&lock, NULL), 0);
	assert_false(chrdev_lock_intended(&lock, &got));
	chrdev_lock_drop(&lock);
}

static void lock_is_for_one_at_a_time(void **state)
{
	struct chrdev_lock lock, other;
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(chrdev_lock_take(&lock), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int err = chrdev_lock_take(&other);

		_exit(write(ready[1], "x", 1) == 1 && !err ? 0 : 1);
	}
	assert_int_equal(fcntl(ready[0], F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read(ready[0], &c, 1), -1);
		usleep(1000);
	}
	chrdev_lock_drop(&lock);
	assert_int_equal(fcntl(ready[0], F_SETFL, 0), 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void a_record_lives_with_its_maker(void **state)
{
	struct chrdev_record rec = example(0xabcdef0123456789);
	struct chrdev_lock lock;
	struct seen s;
	int fd;

	(void)state;
	assert_int_equal(chrdev_lock_take(&lock), 0);
	fd = chrdev_record_make(&lock, &rec);
	assert_true(fd >= 0);
	s = look(&lock);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.alive, 1);
	assert_true(s.last.id == rec.id);
	same(&s.last, &rec);
	close(fd); /* as a kill does */
	s = look(&lock);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.alive, 0);
	chrdev_record_remove(&lock, rec.id);
	assert_int_equal(look(&lock).n, 0);

	fd = chrdev_record_make(&lock, &rec);
	chrdev_record_drop(fd, rec.id);
	assert_int_equal(look(&lock).n, 0);
	chrdev_record_drop(-1, rec.id);
	chrdev_lock_drop(&lock);
}

static void damaged_records_go(void **state)
{
	static const char *const bad[] = { "", "x", "1 2", "1 0 400 ffffffff", "1 0 400 zz x41 c\n",
					   "1 0 400 ffffffff 41 c\n", "1 0 400 ffffffff x4 c\n",
					   ("1 0 400 ffffffff x41414141414141414141414141414141"
					   "41414141414141414141414141414141 c\n") };
	const struct tree *t = *state;
	struct chrdev_lock lock;
	char huge[5000], name[32];

	memset(huge, '1', sizeof(huge));
	assert_int_equal(chrdev_lock_take(&lock), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(name, sizeof(name), "kernel-%zx", i + 1);
		tree_write(lock.dir, name, bad[i]);
	}
	tree_put(lock.dir, "kernel-99", huge, sizeof(huge));
	tree_write(lock.dir, "kernel-9z", "1 0 400 ffffffff x41 c\n"); /* not one of ours */
	tree_link("kernel-9z", tree_path(t, "run/kernel-77"));
	assert_int_equal(look(&lock).n, 0);
	assert_int_equal(access(tree_path(t, "run/kernel-1"), F_OK), -1);
	assert_int_equal(access(tree_path(t, "run/kernel-99"), F_OK), -1);
	assert_int_equal(access(tree_path(t, "run/kernel-9z"), F_OK), 0);
	/* an endpoint may have no name */
	tree_write(lock.dir, "kernel-1", "1 0 400 ffffffff x c\n");
	assert_int_equal(look(&lock).n, 1);
	chrdev_lock_drop(&lock);
}

static void a_directory_of_others_is_refused(void **state)
{
	const struct tree *t = *state;
	struct chrdev_lock lock;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	assert_int_equal(mkdir(tree_path(t, "run"), 0777), 0);
	assert_int_equal(chmod(tree_path(t, "run"), 0777), 0);
	assert_int_equal(chrdev_lock_take(&lock), -EPERM);
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, NULL, NULL), -EPERM);
	assert_non_null(strstr(rpmsg_error_detail(), "open to others"));
}

/* ---- what the dead left ---- */

struct told {
	int n;
	struct rpmsg_leftover last;
	char detail[256];
};

static void tell(const struct rpmsg_leftover *left, void *arg)
{
	struct told *told = arg;

	assert_true(left->size == sizeof(*left));
	told->n++;
	told->last = *left;
	snprintf(told->detail, sizeof(told->detail), "%s", left->detail);
}

static uint64_t inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* A record of a process that is dead. */
static void leave(const struct chrdev_record *rec)
{
	struct chrdev_lock lock;
	int fd;

	assert_int_equal(chrdev_lock_take(&lock), 0);
	fd = chrdev_record_make(&lock, rec);
	assert_true(fd >= 0);
	close(fd);
	chrdev_lock_drop(&lock);
}

static int n_records(void)
{
	struct chrdev_lock lock;
	int n;

	assert_int_equal(chrdev_lock_take(&lock), 0);
	n = look(&lock).n;
	chrdev_lock_drop(&lock);
	return n;
}

static void records_of_devices_that_are_gone(void **state)
{
	struct chrdev_record rec = example(12345);
	const struct tree *t = *state;
	struct told told = { 0 };

	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(access(tree_path(t, "run"), F_OK), -1); /* no bus: nothing is made */
	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	leave(&rec);
	assert_int_equal(n_records(), 1);
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(n_records(), 0);
}

/* The inode alone would not do: a record may be older than the machine's last start. */
static void another_device_is_no_leftover(void **state)
{
	const struct tree *t = *state;
	struct chrdev_record rec = { .pid = 1, .command = "c", .info = { "mine", 1024, 30 } };
	struct told told = { 0 };
	const char *node;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	node = tree_node(t, "virtio0/virtio0.rpmsg_ctrl.0.0/rpmsg/rpmsg_ctrl0", "rpmsg3", "theirs",
			 "1024", "30");
	rec.id = inode(node);
	leave(&rec);
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(n_records(), 0);
}

/* What cannot be removed is told, and stays on record. */
static void a_leftover_that_stays(void **state)
{
	const struct tree *t = *state;
	struct chrdev_record rec = { .pid = 4711, .command = "tool", .info = { "mine", 1024, 30 } };
	struct told told = { 0 };
	const char *node;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	node = tree_node(t, "virtio0/virtio0.rpmsg_ctrl.0.0/rpmsg/rpmsg_ctrl0", "rpmsg3", "mine",
			 "1024", "30");
	rec.id = inode(node);
	leave(&rec);
	/* The file at dev/rpmsg3 is not the device's node. */
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.last.err, -ENOENT);
	assert_string_not_equal(told.detail, "");
	assert_int_equal(told.last.pid, 4711);
	assert_string_equal(told.last.command, "tool");
	assert_string_equal(told.last.info.name, "mine");
	assert_true(told.last.ours && !told.last.service);
	assert_non_null(strstr(told.last.node, "rpmsg"));
	assert_int_equal(n_records(), 1);
	/* Of another bus it is none. */
	tree_bus(t, "virtio1", "virtio");
	tree_control(t, "virtio1", "rpmsg_ctrl1");
	assert_int_equal(rpmsg_chrdev_gc(tree_path(t, "dev/rpmsg_ctrl1"), 0, tell, &told), 0);
	assert_int_equal(told.n, 1);
	assert_int_equal(n_records(), 1);
	assert_int_equal(rpmsg_chrdev_gc(tree_path(t, "dev/rpmsg_ctrl9"), 0, tell, &told), -ENOENT);
	assert_int_equal(rpmsg_chrdev_gc("rproc:x", 0, tell, &told), -EINVAL);
}

/* Killed between making a device and putting it on record. */
static void what_was_being_made(void **state)
{
	const struct tree *t = *state;
	struct chrdev_record rec = { .pid = 5, .command = "c", .service = true,
				     .info = { "svc", 1024, RPMSG_ADDR_ANY } };
	struct chrdev_lock lock;
	struct told told = { 0 };

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	assert_int_equal(chrdev_lock_take(&lock), 0);
	assert_int_equal(chrdev_lock_intend(&lock, &rec), 0);
	chrdev_lock_drop(&lock);
	tree_channel(t, "virtio0", "virtio0.svc.1024.-1", "svc", "0x400", "0xffffffff", true);
	assert_int_equal(rpmsg_chrdev_gc(NULL, RPMSG_GC_DRY_RUN, tell, &told), 1);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.last.err, 0);
	assert_true(told.last.service);
	assert_string_equal(told.last.node, "");
	/* A plain file takes no requests. */
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(told.last.err, -EOPNOTSUPP);
	tree_remove_channel(t, "virtio0", "virtio0.svc.1024.-1");
	assert_int_equal(rpmsg_chrdev_gc(NULL, 0, tell, &told), 0);
	assert_int_equal(told.n, 2);
	assert_int_equal(chrdev_lock_take(&lock), 0);
	assert_false(chrdev_lock_intended(&lock, &rec));
	chrdev_lock_drop(&lock);
}

static void a_service_of_the_living_stays(void **state)
{
	const struct tree *t = *state;
	struct chrdev_record rec = { .pid = 5, .command = "c", .service = true,
				     .info = { "svc", 1024, RPMSG_ADDR_ANY } };
	struct chrdev_lock lock;
	struct told told = { 0 };
	int fd;

	tree_bus(t, "virtio0", "virtio");
	tree_control(t, "virtio0", "rpmsg_ctrl0");
	rec.id = inode(tree_channel(t, "virtio0", "v.svc", "svc", "0x400", "0xffffffff", true));
	assert_int_equal(chrdev_lock_take(&lock), 0);
	fd = chrdev_record_make(&lock, &rec);
	/* killed just before it took that back */
	assert_int_equal(chrdev_lock_intend(&lock, &rec), 0);
	chrdev_lock_drop(&lock);
	assert_int_equal(rpmsg_chrdev_gc(NULL, RPMSG_GC_DRY_RUN | RPMSG_GC_ALL, tell, &told), 0);
	assert_int_equal(told.n, 0);
	close(fd);
	assert_int_equal(rpmsg_chrdev_gc(NULL, RPMSG_GC_DRY_RUN | RPMSG_GC_ALL, tell, &told), 1);
	assert_int_equal(told.n, 1);
}

#define with_tree(f) cmocka_unit_test_setup_teardown(f, tree_set_up, tree_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_tree(intention_is_read_by_the_next),
		with_tree(lock_is_for_one_at_a_time),
		with_tree(a_record_lives_with_its_maker),
		with_tree(damaged_records_go),
		with_tree(a_directory_of_others_is_refused),
		with_tree(records_of_devices_that_are_gone),
		with_tree(another_device_is_no_leftover),
		with_tree(a_leftover_that_stays),
		with_tree(what_was_being_made),
		with_tree(a_service_of_the_living_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
