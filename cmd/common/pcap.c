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
#define NS_PER_SEC 1000000000u

static const uint8_t prefix_h2r[PREFIX_SIZE] = {
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 0, 0, 0, /* dissector name */
	0x00, 0x23, 0x00, 0x04, 0, 0, 0, RPMSG_H2R,               /* direction */
	0x00, 0x00, 0x00, 0x00,                                   /* end of tags */
};
static const char event_name[NAME_SIZE] = "rpmsgev";

struct pcap_writer {
	pcap_t *pcap;
	pcap_dumper_t *dump;
	bool flush; /* after each packet */
	int error;  /* of the first write that failed */
	uint8_t packet[PACKET_MAX];
};

struct pcap_reader {
	char *name;
	pcap_t *pcap;
	uint64_t n_packets, n_messages;
};

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

static bool is_regular(FILE *f)
{
	struct stat st;

	return !fstat(fileno(f), &st) && S_ISREG(st.st_mode);
}

/* ---- writing ---- */

/* Remembers a failure: later writes may succeed, but the file would have a hole. */
static int check_written(struct pcap_writer *w, bool failed)
{
	if (!w->error && (failed || ferror(pcap_dump_file(w->dump))))
		w->error = errno ? -errno : -EIO;
	return w->error;
}

int pcap_writer_open(const char *path, struct pcap_writer **writer)
{
	struct pcap_writer *w = calloc(1, sizeof(*w));
	FILE *f;
	int err = -ENOMEM;

	if (w)
		w->pcap = pcap_open_dead_with_tstamp_precision(
			DLT_WIRESHARK_UPPER_PDU, PACKET_MAX, PCAP_TSTAMP_PRECISION_NANO);
	if (!w || !w->pcap)
		goto free_writer;
	f = stream_open(path, "we", STDOUT_FILENO);
	if (!f) {
		err = -errno;
		goto free_writer;
	}
	w->flush = !is_regular(f);
	errno = 0;
	w->dump = pcap_dump_fopen(w->pcap, f);
	if (!w->dump) {
		err = errno ? -errno : -EIO; /* libpcap has closed f */
		goto free_writer;
	}
	err = pcap_writer_flush(w);
	if (err)
		goto free_writer;
	*writer = w;
	return 0;
free_writer:
	pcap_writer_close(w);
	return err;
}

int pcap_writer_put(struct pcap_writer *w, const struct rpmsg_record *record)
{
	struct pcap_pkthdr h = { 0 };
	uint8_t *p = w->packet;

	if (w->error)
		return w->error;
	memcpy(p, prefix_h2r, PREFIX_SIZE);
	p[DIR_AT] = (uint8_t)record->dir;
	p = put32(p + PREFIX_SIZE, record->src);
	p = put32(p, record->dst);
	p = put32(p, record->reserved);
	p = put16(p, record->len);
	p = put16(p, record->flags);
	if (record->len)
		memcpy(p, record->data, record->len);
	h.ts.tv_sec = (time_t)(record->time_ns / NS_PER_SEC);
	h.ts.tv_usec = (suseconds_t)(record->time_ns % NS_PER_SEC); /* ns, by the file header */
	h.caplen = h.len = PREFIX_SIZE + HEADER_SIZE + record->len;
	errno = 0;
	pcap_dump((u_char *)w->dump, &h, w->packet);
	if (check_written(w, false))
		return w->error;
	return w->flush ? pcap_writer_flush(w) : 0;
}

int pcap_writer_flush(struct pcap_writer *w)
{
	if (w->error)
		return w->error;
	errno = 0;
	return check_written(w, pcap_dump_flush(w->dump) != 0);
}

int pcap_writer_close(struct pcap_writer *w)
{
	int err = 0;

	if (!w)
		return 0;
	if (w->dump) {
		err = pcap_writer_flush(w);
		pcap_dump_close(w->dump);
	}
	if (w->pcap)
		pcap_close(w->pcap);
	free(w);
	return err;
}

/* ---- reading ---- */

static int check_link_type(const struct pcap_reader *r, char *error, size_t size)
{
	int type = pcap_datalink(r->pcap);
	const char *name = pcap_datalink_val_to_name(type);

	if (type == DLT_WIRESHARK_UPPER_PDU)
		return 0;
	snprintf(error, size, "%s: not an rpmsg capture: link type %d (%s) instead of %d", r->name,
		 type, name ? name : "unknown", DLT_WIRESHARK_UPPER_PDU);
	return -EPROTO;
}

static int load(struct pcap_reader *r, const char *path, char *error, size_t size)
{
	char why[PCAP_ERRBUF_SIZE];
	FILE *f = stream_open(path, "re", STDIN_FILENO);
	int err = -errno;

	if (!f) {
		snprintf(error, size, "%s: %s", r->name, rpmsg_strerror(err));
		return err;
	}
	r->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!r->pcap) {
		fclose(f);
		snprintf(error, size, "%s: %s", r->name, why);
		return -EPROTO;
	}
	return check_link_type(r, error, size);
}

int pcap_reader_open(const char *path, struct pcap_reader **reader, char *error, size_t size)
{
	struct pcap_reader *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (r)
		r->name = strdup(strcmp(path, "-") ? path : "standard input");
	if (r && r->name)
		err = load(r, path, error, size);
	else
		snprintf(error, size, "%s: %s", path, rpmsg_strerror(err));
	if (err) {
		pcap_reader_close(r);
		return err;
	}
	*reader = r;
	return 0;
}

/* What is wrong with the packet, or NULL. */
static const char *find_fault(const struct pcap_pkthdr *h, const uint8_t *p)
{
	uint8_t tags[PREFIX_SIZE];

	if (h->caplen < h->len)
		return "was cut when it was captured";
	if (h->caplen < PREFIX_SIZE)
		return "is too short for its tags";
	memcpy(tags, p, PREFIX_SIZE);
	if (memcmp(tags, prefix_h2r, NAME_AT + NAME_SIZE))
		return "is not for the dissector rpmsg";
	if (tags[DIR_AT] > RPMSG_R2H)
		return "has no valid direction";
	tags[DIR_AT] = RPMSG_H2R;
	if (memcmp(tags, prefix_h2r, PREFIX_SIZE))
		return "has other tags than an rpmsg capture";
	if (h->caplen < PREFIX_SIZE + HEADER_SIZE)
		return "is too short for an rpmsg header";
	if (h->caplen != PREFIX_SIZE + HEADER_SIZE + get16(p + PREFIX_SIZE + 12))
		return "has another length than its rpmsg header says";
	return NULL;
}

static bool is_event(const struct pcap_pkthdr *h, const uint8_t *p)
{
	return h->caplen >= PREFIX_SIZE && !memcmp(p, prefix_h2r, NAME_AT) &&
	       !memcmp(p + NAME_AT, event_name, NAME_SIZE);
}

static void decode(struct pcap_reader *r, const struct pcap_pkthdr *h, const uint8_t *p,
		   struct rpmsg_record *record)
{
	const uint8_t *header = p + PREFIX_SIZE;

	record->seq = r->n_messages++;
	record->time_ns = (uint64_t)h->ts.tv_sec * NS_PER_SEC + (uint64_t)h->ts.tv_usec;
	record->bus = "-";
	record->dir = (enum rpmsg_direction)p[DIR_AT];
	record->src = get32(header);
	record->dst = get32(header + 4);
	record->reserved = get32(header + 8);
	record->len = get16(header + 12);
	record->flags = get16(header + 14);
	record->data = header + HEADER_SIZE;
}

int pcap_reader_next(struct pcap_reader *r, struct rpmsg_record *record, char *error, size_t size)
{
	struct pcap_pkthdr *h;
	const uint8_t *p;
	const char *fault;
	int n;

	do {
		n = pcap_next_ex(r->pcap, &h, &p);
		if (n == PCAP_ERROR_BREAK)
			return 0;
		r->n_packets++;
	} while (n == 1 && is_event(h, p));
	fault = n == 1 ? find_fault(h, p) : pcap_geterr(r->pcap);
	if (!fault) {
		decode(r, h, p, record);
		return 1;
	}
	snprintf(error, size, "%s: packet %llu%s %s", r->name, (unsigned long long)r->n_packets,
		 n == 1 ? "" : ":", fault);
	return n == 1 ? -EPROTO : -EIO;
}

void pcap_reader_close(struct pcap_reader *r)
{
	if (!r)
		return;
	if (r->pcap)
		pcap_close(r->pcap);
	free(r->name);
	free(r);
}
