/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/kernel_log.h"

#include <ctype.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/payload.h"

#define ROW_SIZE 16U
#define HEADER_SIZE 16U /* the first row */
#define BUS_SIZE 24
/* Columns: two digits and a blank a byte, then a blank and the bytes as text. */
#define ROW_COLUMNS (3 * ROW_SIZE + 1)
/* Beyond this many, or after so long without a row, the rest of a dump does not come any more. */
#define OPEN_MAX_DUMPS 64
#define STALE_US (UINT64_C(10) * 1000 * 1000)

struct header {
	uint32_t src, dst, reserved;
	uint16_t len, flags;
};
_Static_assert(sizeof(struct header) == HEADER_SIZE, "as on the wire");

/* A message whose rows are coming. */
struct dump {
	TAILQ_ENTRY(dump) link;
	enum rpmsg_direction dir;
	char caller[KERNEL_CALLER_SIZE];
	char bus[BUS_SIZE];
	struct header header;       /* in host order: as told, then as dumped */
	uint64_t begun_us, time_us; /* of the first row and of the last line */
	uint64_t lines;
	size_t size, have; /* bytes, with the header */
	uint8_t data[];
};
TAILQ_HEAD(dump_list, dump);

struct kernel_log {
	bool told;
	bool started;
	uint64_t next_seq;
	struct dump_list open; /* oldest first */
	size_t n_open;
	struct dump *done; /* what was given last */
	/* Rows to come, a direction, of dumps that cannot be told apart; when one last came. */
	size_t tangled[2];
	uint64_t tangled_us;
	uint64_t n_messages, lost;
};

/* ---- lines ---- */

static const char *const row_prefix[] = {
	[RPMSG_H2R] = "rpmsg_virtio TX: ",
	[RPMSG_R2H] = "rpmsg_virtio RX: ",
};

static struct header header_decode(const uint8_t *data)
{
	struct header h;

	memcpy(&h, data, sizeof(h));
	h.src = le32toh(h.src);
	h.dst = le32toh(h.dst);
	h.reserved = le32toh(h.reserved);
	h.len = le16toh(h.len);
	h.flags = le16toh(h.flags);
	return h;
}

/* The virtio device in "DRIVER virtio0" or "DRIVER virtio0.NAME.SRC.DST", which ends at end. */
static bool find_bus(const char *text, const char *end, char bus[BUS_SIZE])
{
	static const char name[] = " virtio";
	const char *at = text, *stop;

	while ((at = strstr(at, name)) && at < end) {
		stop = at + sizeof(name) - 1;
		stop += strspn(stop, "0123456789");
		if (isdigit((unsigned char)stop[-1]) && (stop == end || *stop == '.') &&
		    stop - at <= BUS_SIZE) {
			memcpy(bus, at + 1, (size_t)(stop - at - 1));
			bus[stop - at - 1] = '\0';
			return true;
		}
		at++;
	}
	return false;
}

static const char *find_last(const char *text, const char *what)
{
	const char *found = NULL;

	for (const char *at = text; (at = strstr(at, what)); at++)
		found = at;
	return found;
}

struct told {
	enum rpmsg_direction dir;
	char bus[BUS_SIZE];
	struct header header;
};

/* A line that tells of the dump which follows it. A service's name may hold anything. */
static bool read_told(const char *text, struct told *t)
{
	static const char tx_format[] =
		": TX From 0x%8x, To 0x%8x, Len %11lld, Flags %11lld, Reserved %11lld%n";
	static const char rx_format[] =
		": From: 0x%8x, To: 0x%8x, Len: %11lld, Flags: %11lld, Reserved: %11lld%n";
	const char *tx = find_last(text, ": TX From 0x"), *at;
	long long len, flags, reserved;
	int used = -1;

	t->dir = tx ? RPMSG_H2R : RPMSG_R2H;
	at = tx ? tx : find_last(text, ": From: 0x");
	if (!at)
		return false;
	if (sscanf(at, tx ? tx_format : rx_format, &t->header.src, &t->header.dst, &len, &flags,
		   &reserved, &used) < 5 ||
	    used < 0 || at[used] || len < 0 || len > UINT16_MAX || flags < 0 || flags > UINT16_MAX)
		return false;
	t->header.len = (uint16_t)len;
	t->header.flags = (uint16_t)flags;
	t->header.reserved = (uint32_t)reserved;
	return find_bus(text, at, t->bus);
}

/* Whether it is a line of a dump; *at is then what follows the prefix. */
static bool is_row(const char *text, enum rpmsg_direction *dir, const char **at)
{
	for (*dir = RPMSG_H2R; *dir <= RPMSG_R2H; ++*dir) {
		size_t len = strlen(row_prefix[*dir]);

		*at = text + len;
		if (!strncmp(text, row_prefix[*dir], len))
			return true;
	}
	return false;
}

/* The bytes of a row: how many, 0 if it is damaged. */
static size_t read_row(const char *text, uint8_t row[ROW_SIZE])
{
	size_t n, blanks, len = strlen(text);
	int byte;

	for (n = 0; n < ROW_SIZE; n++) {
		byte = payload_hex_byte(text + 3 * n, len - 3 * n);
		if (byte < 0)
			break;
		row[n] = (uint8_t)byte;
		if (3 * n + 2 == len)
			return n + 1; /* without the text beside it */
		if (text[3 * n + 2] != ' ')
			return 0;
	}
	blanks = strspn(text + 3 * n, " ");
	return 3 * n + blanks == len || 3 * n + blanks >= ROW_COLUMNS ? n : 0;
}

/* ---- dumps ---- */

struct kernel_log *kernel_log_new(bool told)
{
	struct kernel_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->told = told;
	TAILQ_INIT(&log->open);
	return log;
}

static void drop(struct kernel_log *log, struct dump *d)
{
	log->lost += d->lines;
	log->n_open--;
	TAILQ_REMOVE(&log->open, d, link);
	free(d);
}

static void drop_all(struct kernel_log *log)
{
	while (!TAILQ_EMPTY(&log->open))
		drop(log, TAILQ_FIRST(&log->open));
	log->tangled[RPMSG_H2R] = log->tangled[RPMSG_R2H] = 0;
}

void kernel_log_free(struct kernel_log *log)
{
	if (!log)
		return;
	drop_all(log);
	free(log->done);
	free(log);
}

void kernel_log_end(struct kernel_log *log)
{
	drop_all(log);
}

uint64_t kernel_log_lost(const struct kernel_log *log)
{
	return log->lost;
}

static bool same_stream(const struct dump *d, enum rpmsg_direction dir,
			const struct kernel_line *line)
{
	return d->dir == dir && !strcmp(d->caller, line->caller);
}

static bool is_stale(const struct kernel_line *line, uint64_t time_us)
{
	return line->timed && line->time_us > time_us && line->time_us - time_us > STALE_US;
}

/* Gives up what is not to be waited for any longer. */
static void expire(struct kernel_log *log, const struct kernel_line *line)
{
	struct dump *d, *next;

	for (d = TAILQ_FIRST(&log->open); d; d = next) {
		next = TAILQ_NEXT(d, link);
		if (log->n_open >= OPEN_MAX_DUMPS || is_stale(line, d->time_us))
			drop(log, d);
	}
	if (is_stale(line, log->tangled_us))
		log->tangled[RPMSG_H2R] = log->tangled[RPMSG_R2H] = 0;
}

/* A caller prints one message after the other. */
static void end_caller(struct kernel_log *log, const struct kernel_line *line)
{
	struct dump *d, *next;

	for (d = TAILQ_FIRST(&log->open); d && *line->caller; d = next) {
		next = TAILQ_NEXT(d, link);
		if (!strcmp(d->caller, line->caller))
			drop(log, d);
	}
}

static struct dump *add(struct kernel_log *log, const struct kernel_line *line,
			const struct told *told)
{
	size_t size = HEADER_SIZE + told->header.len;
	struct dump *d = calloc(1, sizeof(*d) + size);

	if (!d)
		return NULL;
	d->dir = told->dir;
	memcpy(d->caller, line->caller, sizeof(d->caller));
	memcpy(d->bus, told->bus, sizeof(d->bus));
	d->header = told->header;
	d->time_us = line->time_us;
	d->size = size;
	TAILQ_INSERT_TAIL(&log->open, d, link);
	log->n_open++;
	return d;
}

/* How many rows are still to come of what is dropped. */
static size_t drop_stream(struct kernel_log *log, const struct kernel_line *line,
			  enum rpmsg_direction dir)
{
	struct dump *d, *next;
	size_t rows = 0;

	for (d = TAILQ_FIRST(&log->open); d; d = next) {
		next = TAILQ_NEXT(d, link);
		if (!same_stream(d, dir, line))
			continue;
		rows += (d->size - d->have + ROW_SIZE - 1) / ROW_SIZE;
		drop(log, d);
	}
	return rows;
}

/* ---- rows ---- */

static bool is_told_header(const struct dump *d, const uint8_t *row, size_t n)
{
	struct header h;

	if (d->have || n != HEADER_SIZE)
		return false;
	h = header_decode(row);
	return h.src == d->header.src && h.dst == d->header.dst && h.len == d->header.len &&
	       h.flags == d->header.flags;
}

static bool is_next_row(const struct dump *d, size_t n)
{
	return d->have && n == (d->size - d->have < ROW_SIZE ? d->size - d->have : ROW_SIZE);
}

/* The dump that a row belongs to, if only one can be it; *n_found tells how many can. */
static struct dump *find_owner(const struct kernel_log *log, const struct kernel_line *line,
			       enum rpmsg_direction dir, const uint8_t *row, size_t n,
			       size_t *n_found)
{
	struct dump *d, *found = NULL;

	*n_found = 0;
	TAILQ_FOREACH(d, &log->open, link) {
		if (!same_stream(d, dir, line))
			continue;
		if (is_told_header(d, row, n)) {
			*n_found = 1;
			return d;
		}
		if (!is_next_row(d, n))
			continue;
		found = d;
		++*n_found;
	}
	return found;
}

/* A row that may be of several dumps of its stream: none of them is sure any more. */
static void tangle(struct kernel_log *log, const struct kernel_line *line,
		   enum rpmsg_direction dir)
{
	log->tangled[dir] += drop_stream(log, line, dir) - 1;
	log->tangled_us = line->time_us;
	log->lost++;
}

static void finish(struct kernel_log *log, struct dump *d, struct rpmsg_record *m)
{
	log->n_open--;
	TAILQ_REMOVE(&log->open, d, link);
	log->done = d;
	*m = (struct rpmsg_record){
		.seq = log->n_messages++,
		.time_ns = d->begun_us * 1000,
		.bus = d->bus,
		.dir = d->dir,
		.src = d->header.src,
		.dst = d->header.dst,
		.reserved = d->header.reserved,
		.flags = d->header.flags,
		.len = d->header.len,
		.data = d->data + HEADER_SIZE,
	};
}

static int append(struct kernel_log *log, struct dump *d, const struct kernel_line *line,
		  const uint8_t *row, size_t n, struct rpmsg_record *m)
{
	if (!d->have) {
		d->header = header_decode(row);
		d->begun_us = line->time_us;
	}
	memcpy(d->data + d->have, row, n);
	d->have += n;
	d->time_us = line->time_us;
	d->lines++;
	if (d->have < d->size)
		return 0;
	finish(log, d, m);
	return 1;
}

/* In a log with nothing but dumps: a row that continues none begins one. */
static int put_untold(struct kernel_log *log, const struct kernel_line *line,
		      enum rpmsg_direction dir, const uint8_t *row, size_t n,
		      struct rpmsg_record *m)
{
	struct told told = {.dir = dir, .bus = "-"};
	struct dump *d;

	drop_stream(log, line, dir);
	if (n != HEADER_SIZE)
		return 0;
	told.header = header_decode(row);
	d = add(log, line, &told);
	return d ? append(log, d, line, row, n, m) : -ENOMEM;
}

static int put_row(struct kernel_log *log, const struct kernel_line *line,
		   enum rpmsg_direction dir, const char *text, struct rpmsg_record *m)
{
	uint8_t row[ROW_SIZE];
	size_t n_found, n = read_row(text, row);
	struct dump *d;

	if (!n) {
		log->lost++;
		drop_stream(log, line, dir);
		return 0;
	}
	d = find_owner(log, line, dir, row, n, &n_found);
	if (n_found > 1 || (!*line->caller && log->tangled[dir])) {
		tangle(log, line, dir);
		return 0;
	}
	if (d)
		return append(log, d, line, row, n, m);
	return log->told ? 0 : put_untold(log, line, dir, row, n, m);
}

static int put_told(struct kernel_log *log, const struct kernel_line *line,
		    const struct told *told)
{
	struct dump *d;

	if (!log->told)
		drop_all(log);
	log->told = true;
	end_caller(log, line);
	d = add(log, line, told);
	if (!d)
		return -ENOMEM;
	d->lines++;
	return 0;
}

static void check_missing(struct kernel_log *log, const struct kernel_line *line)
{
	uint64_t missing = line->missing;

	if (line->numbered) {
		if (log->started && line->seq > log->next_seq)
			missing = line->seq - log->next_seq;
		log->started = true;
		log->next_seq = line->seq + 1;
	}
	if (!missing)
		return;
	log->lost += missing;
	drop_all(log);
}

int kernel_log_put(struct kernel_log *log, const struct kernel_line *line, struct rpmsg_record *m)
{
	enum rpmsg_direction dir;
	const char *text;
	struct told told;

	free(log->done);
	log->done = NULL;
	check_missing(log, line);
	expire(log, line);
	if (line->foreign)
		return 0;
	if (is_row(line->text, &dir, &text))
		return put_row(log, line, dir, text, m);
	return read_told(line->text, &told) ? put_told(log, line, &told) : 0;
}
