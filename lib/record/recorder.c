/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's writer. Whatever it needs to know later it keeps in
 * private memory; the one thing it reads back from the file is the length of a
 * record that it is about to overwrite, and that is checked.
 */
#include "record/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/sigbus.h"
#include "record/crashed.h"
#include "record/ring_file.h"

#define FETCH_MAX 640u /* bytes: messages are mostly this long at most */

struct recorder {
	struct lock lock;
	unsigned refs; /* atomic */
	bool ended;    /* atomic */
	int fd;
	pid_t pid;
	char *path;
	char *note; /* or NULL */
	struct ring_header *header;
	uint64_t *data;
	uint64_t size;
	uint32_t gone; /* atomic; somebody cut the file: what is written there reaches nobody */
	uint64_t head, tail;       /* positions */
	uint64_t head_at, tail_at; /* their places in the ring */
	uint64_t n_messages, n_events; /* atomic */
	uint64_t time_ns;
	unsigned n_buses, n_open;
	char bus[RING_BUSES][RPMSG_BUS_NAME_SIZE];
};

/* ---- making the file ---- */

/* Absolute, so that a later chdir() changes nothing, with %p filled in. To be freed. */
static char *path_expand(const char *path)
{
	char *text = NULL, *cwd = NULL;
	size_t size;
	FILE *f;

	if (*path != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return NULL;
	}
	f = open_memstream(&text, &size);
	if (!f)
		goto out;
	if (cwd)
		fprintf(f, "%s/", cwd);
	for (; *path; path++) {
		if (path[0] == '%' && path[1] == 'p') {
			fprintf(f, "%d", (int)getpid());
			path++;
		} else {
			fputc(*path, f);
		}
	}
	if (fclose(f)) {
		free(text);
		text = NULL;
	}
out:
	free(cwd);
	return text;
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !lstat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int lock_wait(int fd, off_t byte)
{
	struct flock lock = ring_lock(F_WRLCK, byte);

	while (fcntl(fd, F_OFD_SETLKW, &lock))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int draft_check(int fd, const char *path)
{
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return fail(errno, "cannot stat %s: %m", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return fail(EPERM, "%s is in the way: not a file of ours", path);
	err = lock_wait(fd, RING_LOCK_MAKER);
	if (err)
		return fail(-err, "cannot lock %s: %s", path, rpmsg_strerror(err));
	return 0;
}

/*
 * Opens the draft, the file that is renamed to its name when it is ready, locked
 * against other makers. One who waited for the lock finds it renamed or removed
 * and starts again; one left behind by a crash is used.
 */
static int draft_open(const char *path)
{
	int fd, err;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0)
			return fail(errno, "cannot create %s: %m", path);
		err = draft_check(fd, path);
		if (err) {
			close(fd);
			return err;
		}
		if (same_file(fd, path))
			return fd;
		close(fd);
	}
}

/* Every byte is allocated now: later a full disk would be a SIGBUS. */
static int draft_fill(int fd, const char *path, size_t size)
{
	struct flock lock = ring_lock(F_WRLCK, RING_LOCK_WRITER);
	int err;

	if (ftruncate(fd, 0) || fchmod(fd, 0600))
		return fail(errno, "cannot empty %s: %m", path);
	do
		err = posix_fallocate(fd, 0, (off_t)size);
	while (err == EINTR);
	if (err)
		return fail(err, "cannot get %zu bytes for %s: %s", size, path, rpmsg_strerror(err));
	if (fcntl(fd, F_OFD_SETLK, &lock))
		return fail(errno, "cannot lock %s: %m", path);
	return 0;
}

/* What has the name already must be a recording whose writer is dead, or empty. */
static int replaced_check(const char *path)
{
	struct ring_header old;
	struct stat st;
	ssize_t n = -1;
	int fd, err = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(errno, "cannot open %s: %m", path);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		n = pread(fd, &old, sizeof(old), 0);
	if (n && (n != sizeof(old) || old.magic != RING_MAGIC))
		err = fail(EEXIST, "%s exists and is not a recording", path);
	else if (ring_writer_lives(fd))
		err = fail(EBUSY, "%s is being written by pid %u", path, old.pid);
	close(fd);
	return err;
}

static int file_map(struct recorder *rec, size_t size)
{
	struct ring_header *h;

	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, rec->fd, 0);
	if (h == MAP_FAILED)
		return fail(errno, "cannot map %s: %m", rec->path);
	if (sigbus_watch(h, size, &rec->gone)) {
		munmap(h, size);
		return fail(ENOMEM, "no memory to watch %s", rec->path);
	}
	rec->header = h;
	rec->size = size - RING_HEADER_SIZE;
	rec->data = (uint64_t *)h + RING_HEADER_SIZE / 8;
	h->version = RING_VERSION;
	h->pid = (uint32_t)rec->pid;
	h->size = rec->size;
	h->clock_offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	h->last = RING_NONE;
	h->magic = RING_MAGIC;
	return 0;
}

/* Gives the draft its name. Who had it before is dead: what he may be asked for is kept. */
static int file_name(struct recorder *rec, const char *draft)
{
	int err, kept = crashed_keep(rec->path, &rec->note);

	if (!rename(draft, rec->path))
		return 0;
	err = fail(errno, "cannot rename %s: %m", draft);
	if (kept > 0)
		crashed_restore(rec->path);
	free(rec->note);
	return err;
}

/* On success rec has fd and mapping; on failure nothing is left, in the file system either. */
static int file_make(struct recorder *rec, size_t size)
{
	struct flock unlock = ring_lock(F_UNLCK, RING_LOCK_MAKER);
	char *draft;
	int err;

	if (asprintf(&draft, "%s.new", rec->path) < 0)
		return fail(ENOMEM, "no memory for a recorder");
	err = draft_open(draft);
	if (err < 0)
		goto free_draft;
	rec->fd = err;
	err = replaced_check(rec->path);
	if (!err)
		err = draft_fill(rec->fd, draft, size);
	if (!err)
		err = file_map(rec, size);
	if (err)
		goto unlink_draft;
	err = file_name(rec, draft);
	if (err)
		goto unmap;
	fcntl(rec->fd, F_OFD_SETLK, &unlock);
	free(draft);
	return 0;
unmap:
	sigbus_forget(&rec->gone);
	munmap(rec->header, size);
unlink_draft:
	unlink(draft);
	close(rec->fd);
free_draft:
	free(draft);
	return err;
}

static size_t size_round(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!size)
		size = RECORDER_SIZE_DEFAULT;
	if (size < RECORDER_SIZE_MIN)
		size = RECORDER_SIZE_MIN;
	return (size + page - 1) / page * page;
}

struct recorder *recorder_create(const char *path, size_t size)
{
	struct recorder *rec;
	int err;

	if (!path || !*path) {
		fail(EINVAL, "a recorder needs a file name");
		return NULL;
	}
	if (size > SIZE_MAX / 4) {
		fail(EFBIG, "%zu bytes are too many for a recorder", size);
		return NULL;
	}
	rec = calloc(1, sizeof(*rec));
	if (!rec) {
		fail(ENOMEM, "no memory for a recorder");
		return NULL;
	}
	rec->refs = 1;
	rec->pid = getpid();
	rec->path = path_expand(path);
	if (!rec->path) {
		fail(errno, "cannot expand %s: %m", path);
		goto free_rec;
	}
	err = file_make(rec, size_round(size));
	if (err)
		goto free_path;
	return rec;
free_path:
	free(rec->path);
	errno = -err;
free_rec:
	free(rec);
	return NULL;
}

/* ---- writing ---- */

/* Takes no lock: a process may exit from within a put. */
static void recorder_end(struct recorder *rec)
{
	__atomic_store_n(&rec->ended, true, __ATOMIC_RELAXED);
	ring_store_release(&rec->header->ended, 1);
}

void recorder_close(struct recorder *rec, bool remove)
{
	if (!rec)
		return;
	recorder_end(rec);
	if (remove && same_file(rec->fd, rec->path))
		unlink(rec->path);
	recorder_drop(rec);
}

const char *recorder_note(const struct recorder *rec)
{
	return rec->note;
}

struct recorder *recorder_ref(struct recorder *rec)
{
	__atomic_add_fetch(&rec->refs, 1, __ATOMIC_RELAXED);
	return rec;
}

void recorder_drop(struct recorder *rec)
{
	if (__atomic_sub_fetch(&rec->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sigbus_forget(&rec->gone);
	munmap(rec->header, RING_HEADER_SIZE + rec->size);
	close(rec->fd);
	free(rec->note);
	free(rec->path);
	free(rec);
}

static int bus_find(const struct recorder *rec, const char *name)
{
	for (unsigned i = 0; i < rec->n_buses; i++)
		if (!strcmp(rec->bus[i], name))
			return (int)i;
	return -ENOENT;
}

int recorder_add_bus(struct recorder *rec, const char *name)
{
	uint64_t word[RING_NAME_WORDS] = { 0 };
	char text[RPMSG_BUS_NAME_SIZE] = "";
	int id;

	memcpy(text, name, strnlen(name, sizeof(text) - 1));
	memcpy(word, text, sizeof(word));
	lock_take(&rec->lock);
	id = bus_find(rec, text);
	if (id < 0 && rec->n_buses < RING_BUSES) {
		id = (int)rec->n_buses++;
		memcpy(rec->bus[id], text, sizeof(text));
		for (unsigned i = 0; i < RING_NAME_WORDS; i++)
			shm_store64(&rec->header->bus[id][i], word[i]);
	}
	if (id >= 0)
		shm_store64(&rec->header->open, ++rec->n_open);
	lock_drop(&rec->lock);
	if (id < 0)
		return fail(ENOSPC, "%s has room for %u buses", rec->path, RING_BUSES);
	return id;
}

void recorder_remove_bus(struct recorder *rec)
{
	lock_take(&rec->lock);
	rec->n_open--;
	if (rec->pid == getpid()) /* the file is the parent's in a child that was forked */
		shm_store64(&rec->header->open, rec->n_open);
	lock_drop(&rec->lock);
}

/* Gives up the oldest records until n bytes are free from head on. */
static void make_room(struct recorder *rec, uint64_t n)
{
	uint64_t length, tail = rec->tail;

	while (rec->head + n - rec->tail > rec->size) {
		length = ring_kind_length(shm_load64(rec->data + rec->tail_at / 8));
		if (!length || length % 8 || length > rec->size - rec->tail_at ||
		    length > rec->head - rec->tail) {
			/* Somebody wrote to the file: nothing in it can be found any more. */
			rec->tail = rec->head;
			rec->tail_at = rec->head_at;
			break;
		}
		rec->tail += length;
		rec->tail_at += length;
		if (rec->tail_at == rec->size)
			rec->tail_at = 0;
	}
	if (rec->tail == tail)
		return;
	ring_store_release(&rec->header->tail, rec->tail);
	ring_fence_write();
}

/*
 * Readers may be copying what lies there, and will throw that away. ThreadSanitizer
 * has to see words, all others may move what they like at once.
 */
static void write_data(uint64_t *to, const uint8_t *from, size_t len)
{
#ifdef __SANITIZE_THREAD__
	uint64_t word;

	for (; len >= 8; len -= 8, from += 8) {
		memcpy(&word, from, 8);
		shm_store64(to++, word);
	}
	if (!len)
		return;
	word = 0;
	memcpy(&word, from, len);
	shm_store64(to, word);
#else
	if (len)
		to[(len - 1) / 8] = 0; /* what fills up the last word */
	shm_copy_to(to, from, len);
#endif
}

/* Where a record of that kind goes, with all of it but ADDR, REST and what follows. */
static uint64_t *begin(struct recorder *rec, uint64_t kind)
{
	uint64_t length = ring_kind_length(kind), room = rec->size - rec->head_at;
	uint64_t pad = length > room ? room : 0, now = clock_ns(CLOCK_MONOTONIC);
	uint64_t *to;

	make_room(rec, length + pad);
	if (pad) {
		shm_store64(rec->data + rec->head_at / 8, ring_kind(pad, RING_PAD, 0, 0));
		rec->head += pad;
		rec->head_at = 0;
	}
	if (now > rec->time_ns)
		rec->time_ns = now;
	to = rec->data + rec->head_at / 8;
	shm_store64(to + RING_WORD_KIND, kind);
	shm_store64(to + RING_WORD_SEQ, rec->n_messages);
	shm_store64(to + RING_WORD_TIME, rec->time_ns);
	return to;
}

/* The ring is larger than what the processor keeps at hand: what comes next is asked for early. */
static void fetch(const struct recorder *rec, size_t length)
{
	const char *next = (const char *)rec->data + rec->head_at;

	if (length > FETCH_MAX)
		length = FETCH_MAX;
	for (size_t i = 0; i < length; i += 64)
		__builtin_prefetch(next + i, 1);
}

/* Publishes what begin() began. */
static void end(struct recorder *rec, size_t length)
{
	ring_store_release(&rec->header->last, rec->head);
	rec->head += length;
	rec->head_at += length;
	if (rec->head_at == rec->size)
		rec->head_at = 0;
	fetch(rec, length);
}

static void put_message(struct recorder *rec, uint64_t kind, const struct wire_hdr *hdr,
			const void *data)
{
	uint64_t *to = begin(rec, kind);

	shm_store64(to + RING_WORD_ADDR, hdr->src | (uint64_t)hdr->dst << 32);
	shm_store64(to + RING_WORD_REST,
		    hdr->reserved | (uint64_t)hdr->len << 32 | (uint64_t)hdr->flags << 48);
	write_data(to + RING_WORD_DATA, data, hdr->len);
	end(rec, ring_kind_length(kind));
	shm_store64(&rec->n_messages, rec->n_messages + 1);
}

static void put_event(struct recorder *rec, uint64_t kind, const struct rpmsg_record *event,
		      const char *text, size_t len)
{
	uint64_t *to = begin(rec, kind);

	shm_store64(to + RING_WORD_ADDR, event->src | (uint64_t)event->dst << 32);
	shm_store64(to + RING_WORD_REST,
		    event->value | (uint64_t)len << 32 | (uint64_t)event->type << 48);
	shm_store64(to + RING_WORD_COUNT, event->count);
	shm_store64(to + RING_WORD_DURATION, event->duration_ns);
	write_data(to + RING_WORD_TEXT, (const uint8_t *)text, len);
	shm_store64(&rec->header->event, rec->head + ring_kind_length(kind));
	end(rec, ring_kind_length(kind));
	shm_store64(&rec->n_events, rec->n_events + 1);
}

uint64_t recorder_put(struct recorder *rec, int bus, enum rpmsg_direction dir,
		      const struct wire_hdr *hdr, const void *data)
{
	uint64_t kind = ring_kind(RING_RECORD_SIZE(hdr->len), RING_MESSAGE, (unsigned)bus, dir), time;

	lock_take(&rec->lock);
	if (!__atomic_load_n(&rec->ended, __ATOMIC_RELAXED))
		put_message(rec, kind, hdr, data);
	time = rec->time_ns;
	lock_drop(&rec->lock);
	return time;
}

void recorder_put_event(struct recorder *rec, int bus, const struct rpmsg_record *event)
{
	char text[RING_TEXT_MAX + 1];
	size_t len = event->text ? strnlen(event->text, RING_TEXT_MAX) : 0;
	uint64_t kind = ring_kind(RING_EVENT_SIZE(len), RING_EVENT, (unsigned)bus, event->dir);

	for (size_t i = 0; i < len; i++)
		text[i] = event->text[i] >= ' ' && event->text[i] <= '~' ? event->text[i] : '.';
	lock_take(&rec->lock);
	if (!__atomic_load_n(&rec->ended, __ATOMIC_RELAXED))
		put_event(rec, kind, event, text, len);
	lock_drop(&rec->lock);
}

uint64_t recorder_count(const struct recorder *rec)
{
	return shm_load64(&rec->n_messages) + shm_load64(&rec->n_events);
}

/* ---- the recorder of RPMSG_RECORD ---- */

static struct lock process_lock;
static struct recorder *process_recorder;

/* "64k" and the like; false if it is not a size. */
static bool size_parse(const char *text, size_t *size)
{
	static const char units[] = "kMG";
	unsigned long long n;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || n > SIZE_MAX)
		return false;
	*size = (size_t)n;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	if (!unit || end[1])
		return false;
	return !__builtin_mul_overflow(n, UINT64_C(1024) << 10 * (unit - units), size);
}

static struct recorder *process_create(const char *value)
{
	const char *comma = strrchr(value, ',');
	struct recorder *rec;
	size_t size = 0;
	char *path;

	if (comma && !size_parse(comma + 1, &size)) {
		fail(EINVAL, "RPMSG_RECORD=%s: \"%s\" is not a size", value, comma + 1);
		return NULL;
	}
	path = strndup(value, comma ? (size_t)(comma - value) : strlen(value));
	if (!path) {
		fail(ENOMEM, "no memory for a recorder");
		return NULL;
	}
	rec = recorder_create(path, size);
	free(path);
	return rec;
}

struct recorder *recorder_process(int *err)
{
	const char *value = secure_getenv("RPMSG_RECORD");
	struct recorder *rec;

	*err = 0;
	if (!value || !*value)
		return NULL;
	lock_take(&process_lock);
	if (!process_recorder) {
		process_recorder = process_create(value);
		if (!process_recorder)
			*err = -errno;
	}
	rec = process_recorder;
	lock_drop(&process_lock);
	return rec;
}

/*
 * Only marks the end: other threads may still be recording while a process exits.
 * The file is the parent's in a child that was forked.
 */
__attribute__((destructor)) static void process_end(void)
{
	if (process_recorder && process_recorder->pid == getpid())
		recorder_end(process_recorder);
}
