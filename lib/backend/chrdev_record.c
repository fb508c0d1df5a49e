/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who made which device of the kernel. A device outlives a maker that is killed,
 * but a lock on its record does not: a record that nobody has locked tells what
 * was left. The records lie in the directory of rpmsg_dir_serve(), one file
 * each, named by the device's id, which says for sure that it is still the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define LOCK_NAME "kernel.lock"
#define RECORD_PREFIX "kernel-"
#define TEXT_SIZE 256

/* ---- a record as text: PID SERVICE SRC DST xNAME COMMAND, the name in hex ---- */

static int encode(char *text, const struct chrdev_record *rec)
{
	char name[2 * RPMSG_NAME_SIZE] = "";

	for (size_t i = 0; rec->info.name[i]; i++)
		sprintf(name + 2 * i, "%02x", (unsigned char)rec->info.name[i]);
	return snprintf(text, TEXT_SIZE, "%d %d %" PRIx32 " %" PRIx32 " x%s %s\n", rec->pid,
			rec->service, rec->info.src, rec->info.dst, name, rec->command);
}

static bool decode_name(const char *hex, char *name)
{
	size_t len = strlen(hex);
	unsigned byte = 0;

	if (len % 2 || len / 2 >= RPMSG_NAME_SIZE || strspn(hex, "0123456789abcdef") != len)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		name[i] = (char)byte;
	}
	return true;
}

static bool decode(const char *text, struct chrdev_record *rec)
{
	char name[80]; /* longer than any that is good */
	int service;

	memset(rec, 0, sizeof(*rec));
	if (sscanf(text, "%d %d %" SCNx32 " %" SCNx32 " %79s", &rec->pid, &service, &rec->info.src,
		   &rec->info.dst, name) != 5 ||
	    name[0] != 'x' || !decode_name(name + 1, rec->info.name))
		return false;
	rec->service = service;
	sscanf(text, "%*s %*s %*s %*s %*s %31[^\n]", rec->command);
	return true;
}

static int write_text(int fd, const struct chrdev_record *rec)
{
	char text[TEXT_SIZE];
	int n = encode(text, rec);

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
}

static bool read_text(int fd, struct chrdev_record *rec)
{
	char text[TEXT_SIZE];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return decode(text, rec);
}

/* ---- the lock ---- */

static int open_file(const char *dir, const char *name)
{
	char path[CHRDEV_PATH_SIZE + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? fail(errno, "%s: %s", path, strerror(errno)) : fd;
}

/* A signal does not end the wait: whoever has the lock is busy for moments. */
static int lock_file(int fd)
{
	int ret;

	do
		ret = flock(fd, LOCK_EX);
	while (ret && errno == EINTR);
	return ret ? fail(errno, "cannot lock: %s", strerror(errno)) : 0;
}

int chrdev_lock_take(struct chrdev_lock *lock)
{
	int err = rpmsg_dir_serve(lock->dir, sizeof(lock->dir));

	if (err)
		return err;
	lock->fd = open_file(lock->dir, LOCK_NAME);
	if (lock->fd < 0)
		return lock->fd;
	err = lock_file(lock->fd);
	if (err)
		close(lock->fd);
	return err;
}

/* Said aloud: a child that was forked meanwhile has the file open too. */
void chrdev_lock_drop(struct chrdev_lock *lock)
{
	flock(lock->fd, LOCK_UN);
	close(lock->fd);
}

int chrdev_lock_intend(struct chrdev_lock *lock, const struct chrdev_record *rec)
{
	int err = rec ? write_text(lock->fd, rec) : ftruncate(lock->fd, 0) ? -errno : 0;

	return err ? fail(-err, "%s/" LOCK_NAME ": %s", lock->dir, strerror(-err)) : 0;
}

bool chrdev_lock_intended(const struct chrdev_lock *lock, struct chrdev_record *rec)
{
	return read_text(lock->fd, rec);
}

/* ---- records ---- */

static void record_name(char *name, size_t size, uint64_t id)
{
	snprintf(name, size, RECORD_PREFIX "%" PRIx64, id);
}

int chrdev_record_make(const struct chrdev_lock *lock, const struct chrdev_record *rec)
{
	char name[40];
	int fd, err;

	record_name(name, sizeof(name), rec->id);
	fd = open_file(lock->dir, name);
	if (fd < 0)
		return fd;
	errno = 0;
	if (flock(fd, LOCK_EX | LOCK_NB))
		err = -errno;
	else
		err = write_text(fd, rec);
	if (!err)
		return fd;
	close(fd);
	return fail(-err, "%s/%s: %s", lock->dir, name, strerror(-err));
}

/* Removed before it is let go of, so that nobody takes it for one of the dead. */
void chrdev_record_drop(int fd, uint64_t id)
{
	struct chrdev_lock where = { .fd = -1 };

	if (fd < 0)
		return;
	if (!rpmsg_dir_serve(where.dir, sizeof(where.dir)))
		chrdev_record_remove(&where, id);
	close(fd);
}

void chrdev_record_remove(const struct chrdev_lock *lock, uint64_t id)
{
	char name[40], path[CHRDEV_PATH_SIZE + 64];

	record_name(name, sizeof(name), id);
	snprintf(path, sizeof(path), "%s/%s", lock->dir, name);
	unlink(path);
}

static bool parse_id(const char *name, uint64_t *id)
{
	size_t len = strlen(RECORD_PREFIX);
	char end;

	return !strncmp(name, RECORD_PREFIX, len) &&
	       sscanf(name + len, "%" SCNx64 "%c", id, &end) == 1;
}

/* False if there is none. One that is damaged was left by somebody who died writing it. */
static bool read_record(const struct chrdev_lock *lock, uint64_t id, struct chrdev_record *rec,
			bool *alive)
{
	char path[CHRDEV_PATH_SIZE + 64], name[40];
	bool ok;
	int fd;

	record_name(name, sizeof(name), id);
	snprintf(path, sizeof(path), "%s/%s", lock->dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	*alive = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
	ok = read_text(fd, rec);
	rec->id = id;
	close(fd);
	if (!ok && !*alive)
		unlink(path);
	return ok;
}

void chrdev_record_each(const struct chrdev_lock *lock, chrdev_record_fn *fn, void *arg)
{
	DIR *dir = opendir(lock->dir);
	struct chrdev_record rec;
	struct dirent *d;
	bool alive;
	uint64_t id;

	if (!dir)
		return;
	while ((d = readdir(dir))) {
		if (parse_id(d->d_name, &id) && read_record(lock, id, &rec, &alive))
			fn(&rec, alive, arg);
	}
	closedir(dir);
}
