/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <pcap/dlt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/pcap.h"

#define MAGIC_NS 0xa1b23c4du
#define NS_PER_SEC 1000000000u
#define BUFFER_SIZE (256u * 1024)

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy;
	uint32_t snaplen;
	uint32_t link_type;
};

struct packet_header {
	uint32_t sec, ns;
	uint32_t captured, length;
};

struct pcap_writer {
	int fd;
	bool regular;
	int error;       /* of the first write that failed */
	size_t snaplen;
	uint64_t size;
	size_t used;     /* bytes of buffer: whole packets, once the file has its header */
	uint8_t buffer[BUFFER_SIZE];
};

_Static_assert(BUFFER_SIZE >= sizeof(struct packet_header) + PCAP_PACKET_MAX, "a packet fits");

/* ---- the file ---- */

/* Of the first n bytes of the buffer those that are whole packets. */
static size_t whole_packets(const struct pcap_writer *w, size_t n)
{
	struct packet_header h;
	size_t at = 0;

	while (n - at >= sizeof(h)) {
		memcpy(&h, w->buffer + at, sizeof(h));
		if (n - at - sizeof(h) < h.captured)
			break;
		at += sizeof(h) + h.captured;
	}
	return at;
}

/* n bytes of the buffer are in the file: takes a part of a packet out again. */
static void cut_back(const struct pcap_writer *w, size_t n)
{
	bool headed = w->size > sizeof(struct file_header);
	size_t torn = n - (headed ? whole_packets(w, n) : 0);
	off_t end = w->regular && torn ? lseek(w->fd, 0, SEEK_CUR) : -1;

	if (end >= (off_t)torn)
		(void)!ftruncate(w->fd, end - (off_t)torn);
}

/* 0 when more can be written, which is at once but for a pipe that somebody made non-blocking. */
static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -errno;
	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int pcap_writer_flush(struct pcap_writer *w)
{
	size_t done = 0;

	while (done < w->used && !w->error) {
		ssize_t n = write(w->fd, w->buffer + done, w->used - done);

		if (n < 0)
			w->error = wait_writable(w->fd);
		else
			done += (size_t)n;
	}
	if (w->error && w->used)
		cut_back(w, done);
	w->used = 0;
	return w->error;
}

static int put_header(struct pcap_writer *w)
{
	const struct file_header h = {
		.magic = MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snaplen = PCAP_PACKET_MAX,
		.link_type = DLT_WIRESHARK_UPPER_PDU,
	};

	memcpy(w->buffer, &h, sizeof(h));
	w->used = w->size = sizeof(h);
	return pcap_writer_flush(w);
}

static int open_file(const char *path, int flags)
{
	if (strcmp(path, "-") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0666);
}

/* Two who write one file would ruin it for each other. */
static int empty_file(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return -EBUSY;
	return ftruncate(fd, 0) ? -errno : 0;
}

static int open_writer(const char *path, int flags, struct pcap_writer **writer)
{
	struct pcap_writer *w = calloc(1, sizeof(*w));
	struct stat st;
	int err;

	if (!w)
		return -ENOMEM;
	w->snaplen = SIZE_MAX;
	w->fd = open_file(path, flags);
	if (w->fd < 0) {
		err = -errno;
		free(w);
		return err;
	}
	w->regular = !fstat(w->fd, &st) && S_ISREG(st.st_mode);
	err = w->regular && strcmp(path, "-") ? empty_file(w->fd) : 0;
	if (!err)
		err = put_header(w);
	if (err) {
		if (flags & O_EXCL) /* else it was there before */
			unlink(path);
		pcap_writer_close(w);
		return err;
	}
	*writer = w;
	return 0;
}

int pcap_writer_open(const char *path, struct pcap_writer **writer)
{
	return open_writer(path, 0, writer);
}

int pcap_writer_create(const char *path, struct pcap_writer **writer)
{
	return open_writer(path, O_EXCL, writer);
}

int pcap_writer_close(struct pcap_writer *w)
{
	int err;

	if (!w)
		return 0;
	err = pcap_writer_flush(w);
	if (close(w->fd) && !err && errno != EINTR)
		err = -errno;
	free(w);
	return err;
}

/* ---- packets ---- */

void pcap_writer_set_snaplen(struct pcap_writer *w, size_t bytes)
{
	w->snaplen = bytes;
}

/* record, or a copy of it in *spare that is cut to the snap length. */
static const struct rpmsg_record *cut(const struct pcap_writer *w,
				      const struct rpmsg_record *record, struct rpmsg_record *spare)
{
	if (record->type != RPMSG_RECORD_MESSAGE || record->dst == RPMSG_NS_ADDR ||
	    pcap_captured(record) <= w->snaplen)
		return record;
	*spare = *record;
	spare->count = record->len - w->snaplen;
	return spare;
}

int pcap_writer_put(struct pcap_writer *w, const struct rpmsg_record *record)
{
	struct rpmsg_record spare;
	struct packet_header h = {
		.sec = (uint32_t)(record->time_ns / NS_PER_SEC),
		.ns = (uint32_t)(record->time_ns % NS_PER_SEC),
		.length = (uint32_t)pcap_packet_length(record),
	};

	if (BUFFER_SIZE - w->used < sizeof(h) + h.length)
		pcap_writer_flush(w);
	if (w->error)
		return w->error;
	h.captured = (uint32_t)pcap_packet_build(cut(w, record, &spare),
						 w->buffer + w->used + sizeof(h));
	memcpy(w->buffer + w->used, &h, sizeof(h));
	w->used += sizeof(h) + h.captured;
	w->size += sizeof(h) + h.captured;
	return w->regular ? 0 : pcap_writer_flush(w);
}

uint64_t pcap_writer_size(const struct pcap_writer *w)
{
	return w->size;
}

size_t pcap_writer_need(const struct pcap_writer *w, const struct rpmsg_record *record)
{
	struct rpmsg_record spare;
	const struct rpmsg_record *r = cut(w, record, &spare);
	size_t missing = r->type == RPMSG_RECORD_MESSAGE ? r->len - pcap_captured(r) : 0;

	return sizeof(struct packet_header) + pcap_packet_length(r) - missing;
}
