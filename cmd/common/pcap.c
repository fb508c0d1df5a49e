/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/pcap.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX_SIZE 24u
#define HEADER_SIZE 16u
#define PACKET_MAX (PREFIX_SIZE + HEADER_SIZE + UINT16_MAX)
#define NAME_AT 4u /* of the dissector, in the prefix */
#define NAME_SIZE 8u
#define DIR_AT 19u

static const uint8_t prefix_h2r[PREFIX_SIZE] = {
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 0, 0, 0, /* dissector name */
	0x00, 0x23, 0x00, 0x04, 0, 0, 0, RPMSG_H2R,               /* direction */
	0x00, 0x00, 0x00, 0x00,                                   /* end of tags */
};
static const char event_name[NAME_SIZE] = "rpmsgev";

struct capture_writer {
	char *path;
	pcap_t *pcap;
	pcap_dumper_t *dump;
	bool flush;
	uint8_t packet[PACKET_MAX];
};

struct capture_reader {
	char *path;
	pcap_t *pcap;
	uint64_t n_packets, n_messages;
};

static int fail_with(char *err, int code, const char *path, const char *what)
{
	snprintf(err, CAPTURE_ERR_SIZE, "%s: %s", path, what);
	return -code;
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	*p++ = (uint8_t)v;
	*p++ = (uint8_t)(v >> 8);
	return p;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, (uint16_t)v), (uint16_t)(v >> 16));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

/* A stream for path, or for a duplicate of std_fd if it is "-", so that it can be closed. */
static FILE *stream_open(const char *path, const char *mode, int std_fd)
{
	FILE *f;
	int fd;

	if (strcmp(path, "-"))
		return fopen(path, mode);
	fd = fcntl(std_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, mode);
	if (!f)
		close(fd);
	return f;
}

static const char *stream_name(const char *path, const char *std_name)
{
	return strcmp(path, "-") ? path : std_name;
}

static bool is_regular(FILE *f)
{
	struct stat st;

	return !fstat(fileno(f), &st) && S_ISREG(st.st_mode);
}

/* ---- writing ---- */

/* Writes the file header; f is closed on failure. */
static int dump_start(struct capture_writer *w, FILE *f, char *err)
{
	w->pcap = pcap_open_dead_with_tstamp_precision(DLT_WIRESHARK_UPPER_PDU, PACKET_MAX,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (!w->pcap) {
		fclose(f);
		return fail_with(err, ENOMEM, w->path, strerror(ENOMEM));
	}
	w->flush = !is_regular(f);
	w->dump = pcap_dump_fopen(w->pcap, f);
	if (!w->dump) {
		fclose(f);
		return fail_with(err, EIO, w->path, pcap_geterr(w->pcap));
	}
	return capture_flush(w, err);
}

struct capture_writer *capture_writer_open(const char *path, char *err)
{
	const char *name = stream_name(path, "standard output");
	struct capture_writer *w = calloc(1, sizeof(*w));
	FILE *f;
	int r;

	if (w)
		w->path = strdup(name);
	if (!w || !w->path) {
		r = fail_with(err, ENOMEM, name, strerror(ENOMEM));
		goto out;
	}
	f = stream_open(path, "we", STDOUT_FILENO);
	if (!f) {
		r = fail_with(err, errno, name, strerror(errno));
		goto out;
	}
	r = dump_start(w, f, err);
	if (!r)
		return w;
out:
	if (w) {
		char ignored[CAPTURE_ERR_SIZE];

		capture_writer_close(w, ignored);
	}
	errno = -r;
	return NULL;
}

int capture_write(struct capture_writer *w, const struct rpmsg_record *record, char *err)
{
	struct pcap_pkthdr h = { 0 };
	uint8_t *p = w->packet;

	memcpy(p, prefix_h2r, PREFIX_SIZE);
	p[DIR_AT] = (uint8_t)record->dir;
	p = put32(p + PREFIX_SIZE, record->src);
	p = put32(p, record->dst);
	p = put32(p, record->reserved);
	p = put16(p, record->len);
	p = put16(p, record->flags);
	if (record->len)
		memcpy(p, record->data, record->len);
	h.ts.tv_sec = (time_t)(record->time_ns / 1000000000u);
	h.ts.tv_usec = (suseconds_t)(record->time_ns % 1000000000u); /* nanoseconds, by the header */
	h.caplen = h.len = PREFIX_SIZE + HEADER_SIZE + record->len;
	errno = 0;
	pcap_dump((u_char *)w->dump, &h, w->packet);
	if (ferror(pcap_dump_file(w->dump))) {
		int code = errno ? errno : EIO;

		return fail_with(err, code, w->path, strerror(code));
	}
	return w->flush ? capture_flush(w, err) : 0;
}

int capture_flush(struct capture_writer *w, char *err)
{
	errno = 0;
	if (pcap_dump_flush(w->dump) || ferror(pcap_dump_file(w->dump))) {
		int code = errno ? errno : EIO;

		return fail_with(err, code, w->path, strerror(code));
	}
	return 0;
}

int capture_writer_close(struct capture_writer *w, char *err)
{
	int r = 0;

	if (!w)
		return 0;
	if (w->dump) {
		r = capture_flush(w, err);
		pcap_dump_close(w->dump);
	}
	if (w->pcap)
		pcap_close(w->pcap);
	free(w->path);
	free(w);
	return r;
}

/* ---- reading ---- */

static int check_format(const struct capture_reader *r, char *err)
{
	const char *name;
	char what[128];
	int type = pcap_datalink(r->pcap);

	if (type == DLT_WIRESHARK_UPPER_PDU)
		return 0;
	name = pcap_datalink_val_to_name(type);
	snprintf(what, sizeof(what), "not an rpmsg capture: link type %d (%s), not %d", type,
		 name ? name : "unknown", DLT_WIRESHARK_UPPER_PDU);
	return fail_with(err, EPROTO, r->path, what);
}

/* Reads the file header; f is closed on failure. */
static int load_start(struct capture_reader *r, FILE *f, char *err)
{
	char why[PCAP_ERRBUF_SIZE];

	r->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!r->pcap) {
		fclose(f);
		return fail_with(err, EPROTO, r->path, why);
	}
	return check_format(r, err);
}

struct capture_reader *capture_reader_open(const char *path, char *err)
{
	const char *name = stream_name(path, "standard input");
	struct capture_reader *r = calloc(1, sizeof(*r));
	FILE *f;
	int n;

	if (r)
		r->path = strdup(name);
	if (!r || !r->path) {
		n = fail_with(err, ENOMEM, name, strerror(ENOMEM));
		goto out;
	}
	f = stream_open(path, "re", STDIN_FILENO);
	if (!f) {
		n = fail_with(err, errno, name, strerror(errno));
		goto out;
	}
	n = load_start(r, f, err);
	if (!n)
		return r;
out:
	capture_reader_close(r);
	errno = -n;
	return NULL;
}

static int refuse(const struct capture_reader *r, char *err, const char *what)
{
	snprintf(err, CAPTURE_ERR_SIZE, "%s: packet %llu %s", r->path,
		 (unsigned long long)r->n_packets, what);
	return -EPROTO;
}

/* 1 a message, 0 an event, else refused. */
static int check_packet(const struct capture_reader *r, const struct pcap_pkthdr *h,
			const uint8_t *p, char *err)
{
	uint8_t tags[PREFIX_SIZE];

	if (h->caplen < h->len)
		return refuse(r, err, "was cut when it was captured");
	if (h->caplen < PREFIX_SIZE)
		return refuse(r, err, "is too short for its tags");
	memcpy(tags, p, PREFIX_SIZE);
	if (!memcmp(tags, prefix_h2r, NAME_AT) && !memcmp(tags + NAME_AT, event_name, NAME_SIZE))
		return 0;
	if (memcmp(tags, prefix_h2r, NAME_AT + NAME_SIZE))
		return refuse(r, err, "is not for the dissector rpmsg");
	if (tags[DIR_AT] > RPMSG_R2H)
		return refuse(r, err, "has no valid direction");
	tags[DIR_AT] = RPMSG_H2R;
	if (memcmp(tags, prefix_h2r, PREFIX_SIZE))
		return refuse(r, err, "has tags that are not an rpmsg capture's");
	if (h->caplen < PREFIX_SIZE + HEADER_SIZE)
		return refuse(r, err, "is too short for an rpmsg header");
	if (get16(p + PREFIX_SIZE + 12) != h->caplen - PREFIX_SIZE - HEADER_SIZE)
		return refuse(r, err, "has another length than its rpmsg header says");
	return 1;
}

static void decode(struct capture_reader *r, const struct pcap_pkthdr *h, const uint8_t *p,
		   struct rpmsg_record *record)
{
	const uint8_t *header = p + PREFIX_SIZE;

	record->seq = r->n_messages++;
	record->time_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec;
	record->bus = "-";
	record->dir = (enum rpmsg_direction)p[DIR_AT];
	record->src = get32(header);
	record->dst = get32(header + 4);
	record->reserved = get32(header + 8);
	record->len = get16(header + 12);
	record->flags = get16(header + 14);
	record->data = header + HEADER_SIZE;
}

int capture_read(struct capture_reader *r, struct rpmsg_record *record, char *err)
{
	struct pcap_pkthdr *h;
	const uint8_t *p;
	int n;

	do {
		n = pcap_next_ex(r->pcap, &h, &p);
		if (n == PCAP_ERROR_BREAK)
			return 0;
		r->n_packets++;
		if (n != 1) {
			refuse(r, err, pcap_geterr(r->pcap));
			return -EIO;
		}
		n = check_packet(r, h, p, err);
	} while (!n);
	if (n > 0)
		decode(r, h, p, record);
	return n;
}

void capture_reader_close(struct capture_reader *r)
{
	if (!r)
		return;
	if (r->pcap)
		pcap_close(r->pcap);
	free(r->path);
	free(r);
}
