/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's reader. The file may be overwritten while it is read, and
 * may be damaged: a record is copied first, then tail is looked at again, then the
 * copy is checked, and only a good copy is used.
 */
#include "record/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/sigbus.h"
#include "record/ring_file.h"

struct rpmsg_recording {
	int fd, wake_fd;
	const struct ring_header *header;
	const uint64_t *data;
	uint64_t size; /* of the ring */
	uint64_t held; /* bytes of it that the file has: less if it was cut */
	uint32_t gone; /* atomic; some of the file was taken away while it was mapped */
	uint64_t clock_offset;
	uint64_t pos;  /* of the next record to read */
	uint64_t next; /* its number, unless some were skipped to get to pos */
	uint64_t limit; /* position, UINT64_MAX: none */
	uint64_t limit_next; /* the number of the first message beyond it */
	bool events;    /* are read too */
	bool skipped;
	bool cut;     /* some records were beyond the end of the file */
	bool damaged;
	uint64_t lost;
	char bus[RING_BUSES][RPMSG_BUS_NAME_SIZE];
	char text[RING_TEXT_MAX + 1];
	uint64_t copy[RING_RECORD_MAX / 8];
};

/* ---- looking into the ring ---- */

/* Acquire: a tail beyond a record is never seen without the newer `last`. */
static bool overtaken(const struct rpmsg_recording *rec, uint64_t pos)
{
	ring_fence_read();
	return ring_load_acquire(&rec->header->tail) > pos;
}

/*
 * Copies n words at pos: 1, -EPROTO, or -ENODATA if they were cut off the file. They are what they
 * should be unless pos has been overtaken after that.
 */
static int load_words(const struct rpmsg_recording *rec, uint64_t pos, uint64_t *to, size_t n)
{
	uint64_t at = pos % rec->size;
	bool fits = pos % 8 == 0 && n * 8 <= rec->size - at;
	bool held = fits && at + n * 8 <= rec->held;

	if (held)
		for (size_t i = 0; i < n; i++)
			to[i] = shm_load64(rec->data + at / 8 + i);
	return held ? 1 : fits ? -ENODATA : -EPROTO;
}

/* The same, or 0 if they were overwritten meanwhile. */
static int copy_words(const struct rpmsg_recording *rec, uint64_t pos, uint64_t *to, size_t n)
{
	int err = load_words(rec, pos, to, n);

	return overtaken(rec, pos) ? 0 : err;
}

static bool kind_valid(const struct rpmsg_recording *rec, uint64_t pos, uint64_t kind)
{
	uint64_t length = ring_kind_length(kind), room = rec->size - pos % rec->size;

	switch (ring_kind_type(kind)) {
	case RING_PAD:
		return length == room && length < RING_RECORD_MAX;
	case RING_MESSAGE:
		return length % 8 == 0 && length >= RING_RECORD_SIZE(0) &&
		       length <= RING_RECORD_MAX && length <= room;
	case RING_EVENT:
		return length % 8 == 0 && length >= RING_EVENT_SIZE(0) &&
		       length <= RING_EVENT_SIZE(RING_TEXT_MAX) && length <= room;
	default:
		return false;
	}
}

static int load_record(const struct rpmsg_recording *rec, uint64_t pos, uint64_t *to)
{
	uint64_t kind;
	int n;

	n = load_words(rec, pos, &kind, 1);
	if (n < 0)
		return n;
	if (!kind_valid(rec, pos, kind))
		return -EPROTO;
	if (ring_kind_type(kind) == RING_PAD) {
		to[RING_WORD_KIND] = kind;
		return 1;
	}
	n = load_words(rec, pos, to, ring_kind_length(kind) / 8);
	if (n == 1 && to[RING_WORD_KIND] != kind)
		return -EPROTO;
	return n;
}

/*
 * Copies the message, event or pad at pos; as copy_words(). The writer's words are looked at once
 * a record, for each look takes them away from it.
 */
static int copy_record(const struct rpmsg_recording *rec, uint64_t pos, uint64_t *to)
{
	int n = load_record(rec, pos, to);

	return overtaken(rec, pos) ? 0 : n;
}

/* The end of the newest record, the number of the next message: 1, 0 if none is there, -EPROTO. */
static int find_end(const struct rpmsg_recording *rec, uint64_t *pos, uint64_t *seq)
{
	uint64_t last, word[RING_WORD_DATA];
	int n;

	do {
		last = ring_load_acquire(&rec->header->last);
		if (last == RING_NONE)
			return 0;
		n = copy_words(rec, last, word, RING_WORD_DATA);
	} while (!n && ring_load_acquire(&rec->header->last) != last);
	if (n != 1 || ring_kind_type(word[RING_WORD_KIND]) == RING_PAD ||
	    !kind_valid(rec, last, word[RING_WORD_KIND]))
		return -EPROTO;
	*pos = last + ring_kind_length(word[RING_WORD_KIND]);
	*seq = word[RING_WORD_SEQ] + (ring_kind_type(word[RING_WORD_KIND]) == RING_MESSAGE);
	return 1;
}

/* ---- opening ---- */

static int map_file(struct rpmsg_recording *rec)
{
	struct stat st;
	void *map;

	if (fstat(rec->fd, &st))
		return fail(errno, "cannot stat the recording: %m");
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)RING_HEADER_SIZE ||
	    (uint64_t)st.st_size > SIZE_MAX)
		return fail(EMEDIUMTYPE, "not a recording");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, rec->fd, 0);
	if (map == MAP_FAILED)
		return fail(errno, "cannot map the recording: %m");
	rec->header = map;
	rec->data = (const uint64_t *)map + RING_HEADER_SIZE / 8;
	rec->held = (uint64_t)st.st_size - RING_HEADER_SIZE;
	if (sigbus_watch(map, (size_t)st.st_size, &rec->gone))
		return fail(ENOMEM, "no memory to watch the recording");
	return 0;
}

static int check_header(struct rpmsg_recording *rec)
{
	const struct ring_header *h = rec->header;
	uint64_t magic = shm_load64(&h->magic), size = shm_load64(&h->size);
	uint32_t version = shm_load32(&h->version);

	if (magic == __builtin_bswap64(RING_MAGIC))
		return fail(EPROTO, "recorded by a machine of the other byte order");
	if (magic != RING_MAGIC)
		return fail(EMEDIUMTYPE, "not a recording");
	if (version != RING_VERSION)
		return fail(EPROTO, "recording of version %u, %u is known", version, RING_VERSION);
	if (size < rec->held || size < RECORDER_SIZE_MIN - RING_HEADER_SIZE || size % 8)
		return fail(EPROTO, "recording of %llu bytes says it has %llu",
			    (unsigned long long)rec->held, (unsigned long long)size);
	rec->size = size;
	rec->clock_offset = shm_load64(&h->clock_offset);
	return 0;
}

/* history: what was overwritten before now counts as lost, so that the sum is right. */
static int find_start(struct rpmsg_recording *rec, bool history)
{
	uint64_t last;

	if (!history) {
		if (find_end(rec, &rec->pos, &rec->next) < 0)
			return fail(EPROTO, "recording with a damaged newest record");
		return 0;
	}
	rec->pos = ring_load_acquire(&rec->header->tail);
	rec->skipped = true;
	last = ring_load_acquire(&rec->header->last);
	if (last == RING_NONE ? rec->pos > 0 : rec->pos > last)
		return fail(EPROTO, "recording with a damaged oldest record");
	/* else the same records would be read round after round */
	if (last != RING_NONE && last - rec->pos >= rec->size && !overtaken(rec, rec->pos))
		return fail(EPROTO, "recording with a damaged newest record");
	return 0;
}

struct rpmsg_recording *recording_from_fd(int fd, int wake_fd, bool history)
{
	struct rpmsg_recording *rec = calloc(1, sizeof(*rec));
	int err;

	if (!rec) {
		err = fail(ENOMEM, "no memory for a reader");
		goto close_fds;
	}
	rec->fd = fd;
	rec->wake_fd = wake_fd;
	rec->limit = UINT64_MAX;
	err = map_file(rec);
	if (!err)
		err = check_header(rec);
	if (!err)
		err = find_start(rec, history);
	if (!err)
		return rec;
	rpmsg_recording_close(rec);
	errno = -err;
	return NULL;
close_fds:
	close(fd);
	if (wake_fd >= 0)
		close(wake_fd);
	errno = -err;
	return NULL;
}

struct rpmsg_recording *rpmsg_recording_open(const char *path, bool history)
{
	struct rpmsg_recording *rec;
	char why[128];
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		fail(errno, "cannot open %s: %m", path);
		return NULL;
	}
	rec = recording_from_fd(fd, -1, history);
	if (!rec) {
		snprintf(why, sizeof(why), "%s", rpmsg_error_detail());
		fail(errno, "%s: %s", path, why);
	}
	return rec;
}

void rpmsg_recording_close(struct rpmsg_recording *rec)
{
	if (!rec)
		return;
	sigbus_forget(&rec->gone);
	if (rec->header)
		munmap((void *)rec->header, RING_HEADER_SIZE + rec->held);
	if (rec->wake_fd >= 0)
		close(rec->wake_fd);
	close(rec->fd);
	free(rec);
}

/* ---- reading ---- */

static bool published(const struct rpmsg_recording *rec)
{
	uint64_t last = ring_load_acquire(&rec->header->last);

	return last != RING_NONE && last >= rec->pos;
}

/* What was overwritten below the limit is lost, though no record was read after it. */
static void reach_limit(struct rpmsg_recording *rec)
{
	if (!rec->skipped || rec->next >= rec->limit_next)
		return;
	rec->lost += rec->limit_next - rec->next;
	rec->next = rec->limit_next;
}

/* 1 if a record is there, 0 if none yet, -EPIPE if none will come. */
static int look(struct rpmsg_recording *rec)
{
	if (rec->pos >= rec->limit) {
		reach_limit(rec);
		return -EPIPE;
	}
	if (published(rec))
		return 1;
	if (!ring_load_acquire(&rec->header->ended) && ring_writer_lives(rec->fd))
		return 0;
	return published(rec) ? 1 : -EPIPE; /* it may have come just before the end */
}

static bool text_valid(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return *text;
}

/* The name of bus id, or NULL. It was written before its first record, and never changes. */
static const char *bus_name(struct rpmsg_recording *rec, unsigned id)
{
	uint64_t word[RING_NAME_WORDS];
	char *name;

	if (id >= RING_BUSES)
		return NULL;
	name = rec->bus[id];
	if (*name)
		return name;
	for (unsigned i = 0; i < RING_NAME_WORDS; i++)
		word[i] = shm_load64(&rec->header->bus[id][i]);
	memcpy(name, word, RPMSG_BUS_NAME_SIZE - 1);
	if (text_valid(name))
		return name;
	*name = '\0';
	return NULL;
}

static int decode_message(const uint64_t *word, struct rpmsg_record *record)
{
	uint16_t len = (uint16_t)(word[RING_WORD_REST] >> 32);

	if (RING_RECORD_SIZE(len) != ring_kind_length(word[RING_WORD_KIND]))
		return -EPROTO;
	record->reserved = (uint32_t)word[RING_WORD_REST];
	record->len = len;
	record->flags = (uint16_t)(word[RING_WORD_REST] >> 48);
	record->data = (const uint8_t *)(word + RING_WORD_DATA);
	return 1;
}

static int decode_event(struct rpmsg_recording *rec, struct rpmsg_record *record)
{
	const uint64_t *word = rec->copy;
	uint16_t len = (uint16_t)(word[RING_WORD_REST] >> 32);
	uint16_t type = (uint16_t)(word[RING_WORD_REST] >> 48);

	if (len > RING_TEXT_MAX || RING_EVENT_SIZE(len) != ring_kind_length(word[RING_WORD_KIND]) ||
	    type == RPMSG_RECORD_MESSAGE || type >= RPMSG_RECORD_TYPES)
		return -EPROTO;
	memcpy(rec->text, word + RING_WORD_TEXT, len);
	rec->text[len] = '\0';
	if (*rec->text && !text_valid(rec->text))
		return -EPROTO;
	record->type = (enum rpmsg_record_type)type;
	record->value = (uint32_t)word[RING_WORD_REST];
	record->count = word[RING_WORD_COUNT];
	record->duration_ns = word[RING_WORD_DURATION];
	record->text = rec->text;
	return 1;
}

/* Checks the message or event in rec->copy and describes it. */
static int decode(struct rpmsg_recording *rec, struct rpmsg_record *record)
{
	const uint64_t *word = rec->copy;
	uint64_t kind = word[RING_WORD_KIND], seq = word[RING_WORD_SEQ];
	bool message = ring_kind_type(kind) == RING_MESSAGE;

	*record = (struct rpmsg_record){ .type = RPMSG_RECORD_MESSAGE };
	if (ring_kind_dir(kind) > RPMSG_R2H ||
	    (message ? decode_message(word, record) : decode_event(rec, record)) < 0)
		return -EPROTO;
	if (rec->skipped ? seq < rec->next : seq != rec->next)
		return -EPROTO;
	record->bus = bus_name(rec, ring_kind_bus(kind));
	if (!record->bus)
		return -EPROTO;
	record->seq = seq;
	record->time_ns = word[RING_WORD_TIME] + rec->clock_offset;
	record->dir = (enum rpmsg_direction)ring_kind_dir(kind);
	record->src = (uint32_t)word[RING_WORD_ADDR];
	record->dst = (uint32_t)(word[RING_WORD_ADDR] >> 32);
	rec->lost += seq - rec->next;
	rec->next = seq + message;
	rec->skipped = false;
	return message || rec->events;
}

/* Takes what is at rec->pos: 1 a record, 0 look again (overtaken, or nothing to read), -EPROTO. */
static int take(struct rpmsg_recording *rec, struct rpmsg_record *record)
{
	uint64_t kind;
	int n;

	n = copy_record(rec, rec->pos, rec->copy);
	if (!n) {
		rec->pos = ring_load_acquire(&rec->header->tail);
		rec->skipped = true;
		return 0;
	}
	if (n < 0)
		return n;
	kind = rec->copy[RING_WORD_KIND];
	n = ring_kind_type(kind) == RING_PAD ? 0 : decode(rec, record);
	if (n >= 0)
		rec->pos += ring_kind_length(kind);
	return n;
}

/* The file was cut: on to where the ring begins again, for no record crosses its end. */
static int skip_cut(struct rpmsg_recording *rec)
{
	uint64_t room = rec->size - rec->pos % rec->size;

	if (__builtin_add_overflow(rec->pos, room, &rec->pos))
		return -EPROTO;
	rec->cut = rec->skipped = true;
	return 0;
}

/* ---- passing over ---- */

/* Whether there may be an event from rec->pos on, of what was published before. */
static bool has_event(const struct rpmsg_recording *rec)
{
	uint64_t end = shm_load64(&rec->header->event);

	return rec->events && (!end || end > rec->pos);
}

/*
 * From record to record, of which the kind alone is looked at, to an event or to end. What is not
 * as it should be is left to who reads it.
 */
static uint64_t pass_to_event(struct rpmsg_recording *rec, uint64_t end)
{
	uint64_t kind, n = 0;

	while (rec->pos < end && copy_words(rec, rec->pos, &kind, 1) == 1 &&
	       kind_valid(rec, rec->pos, kind) && ring_kind_type(kind) != RING_EVENT) {
		rec->pos += ring_kind_length(kind);
		n += ring_kind_type(kind) == RING_MESSAGE;
	}
	rec->next += n;
	return n;
}

uint64_t rpmsg_recording_skip(struct rpmsg_recording *rec)
{
	uint64_t end, seq, n;

	if (rec->damaged || rec->limit != UINT64_MAX || find_end(rec, &end, &seq) != 1 ||
	    end <= rec->pos)
		return 0;
	if (has_event(rec)) /* after some were lost the next one read says how many */
		return rec->skipped ? 0 : pass_to_event(rec, end);
	if (seq < rec->next)
		return 0;
	n = seq - rec->next;
	rec->pos = end;
	rec->next = seq;
	rec->skipped = false;
	return n;
}

static int read_next(struct rpmsg_recording *rec, struct rpmsg_record *record)
{
	int n;

	do {
		n = look(rec);
		if (n <= 0)
			return n;
		n = take(rec, record);
		if (n == -ENODATA)
			n = skip_cut(rec);
	} while (!n);
	return n;
}

int rpmsg_recording_read(struct rpmsg_recording *rec, struct rpmsg_record *record)
{
	int n;

	if (rec->damaged)
		return -EPROTO;
	n = read_next(rec, record);
	rec->damaged = true;
	if (__atomic_load_n(&rec->gone, __ATOMIC_ACQUIRE))
		return fail(EPROTO, "recording cut while it was read");
	if (n == -EPIPE && rec->cut)
		return fail(EPROTO, "recording cut to %llu bytes of %llu",
			    (unsigned long long)rec->held, (unsigned long long)rec->size);
	if (n < 0 && n != -EPIPE)
		return fail(EPROTO, "recording damaged after record %llu",
			    (unsigned long long)rec->next);
	rec->damaged = false;
	return n;
}

void rpmsg_recording_set_events(struct rpmsg_recording *rec, bool on)
{
	rec->events = on;
}

void rpmsg_recording_set_limit(struct rpmsg_recording *rec, bool on)
{
	int n = 1;

	rec->limit = UINT64_MAX;
	if (on)
		n = find_end(rec, &rec->limit, &rec->limit_next);
	if (n == 1)
		return;
	/* there is none yet; or it is damaged, and reading goes on until that is found */
	rec->limit = n ? ring_load_acquire(&rec->header->last) + 1 : rec->pos;
	rec->limit_next = rec->next;
}

/* Or a signal ended the writer after it had closed its buses, as signals end the tools. */
static bool has_ended(const struct rpmsg_recording *rec)
{
	return ring_load_acquire(&rec->header->ended) || !ring_load_acquire(&rec->header->open);
}

int rpmsg_recording_crashed(const struct rpmsg_recording *rec)
{
	if (has_ended(rec) || ring_writer_lives(rec->fd))
		return 0;
	/* it may have ended, and gone, between the two */
	return has_ended(rec) ? 0 : (int)shm_load32(&rec->header->pid);
}

uint64_t rpmsg_recording_now(const struct rpmsg_recording *rec)
{
	return clock_ns(CLOCK_MONOTONIC) + rec->clock_offset;
}

uint64_t rpmsg_recording_lost(const struct rpmsg_recording *rec)
{
	return rec->lost;
}

uint64_t rpmsg_recording_end(const struct rpmsg_recording *rec)
{
	uint64_t pos, seq;

	return find_end(rec, &pos, &seq) == 1 ? seq : rec->next;
}

int rpmsg_recording_fd(const struct rpmsg_recording *rec)
{
	return rec->wake_fd;
}
