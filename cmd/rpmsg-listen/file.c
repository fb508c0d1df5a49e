/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: a capture, or the file of a recorder, which may be still growing. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "common/run.h"
#include "rpmsg-listen/listen.h"

/* How often a growing file without a wake-up is looked at. */
#define LOOK_NS (INT64_C(20) * 1000 * 1000)

/* pcap, its nanosecond form, and pcapng; each in either byte order. */
static bool is_capture(const char *path)
{
	static const uint32_t magic[] = {
		0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a,
	};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint32_t word = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, &word, sizeof(word), 0);
	close(fd);
	if (n < 0)
		return errno == ESPIPE; /* only a capture can be read from a pipe */
	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if (word == magic[i])
			return true;
	return false;
}

static enum tool_exit run_capture(struct listen *l)
{
	struct pcap_reader *reader;
	struct rpmsg_record m;
	char error[512];
	int n;

	n = pcap_reader_open(l->cfg->read, &reader, error, sizeof(error));
	if (n) {
		tool_error("%s", error);
		return TOOL_FAIL;
	}
	l->running = true;
	while (!sink_stopped(l) && run_now() < l->deadline) {
		n = pcap_reader_next(reader, &m, error, sizeof(error));
		if (n != 1)
			break;
		sink_message(l, &m);
	}
	pcap_reader_close(reader);
	if (n >= 0 || run_stopped())
		return TOOL_OK;
	tool_error("%s", error);
	return TOOL_FAIL;
}

/* Sleeps until the recorder may have more; false at the deadline or a signal. */
static bool wait_for_more(const struct listen *l, struct rpmsg_recording *rec)
{
	struct pollfd fd = {.fd = rpmsg_recording_fd(rec), .events = POLLIN};
	int64_t look = run_deadline(fd.fd < 0 ? LOOK_NS : NUMBER_FOREVER);
	uint64_t count;
	int n;

	n = run_wait(&fd, 1, look < l->deadline ? look : l->deadline);
	if (n > 0)
		(void)!read(fd.fd, &count, sizeof(count));
	return n >= 0 && run_now() < l->deadline;
}

/* Shows records below end, or as they come. */
static int read_records(struct listen *l, struct rpmsg_recording *rec, uint64_t end)
{
	struct rpmsg_record m;
	int n;

	while (!sink_stopped(l)) {
		n = rpmsg_recording_read(rec, &m);
		if (n < 0)
			return n;
		if (n == 1 && m.seq >= end)
			return 0;
		if (n == 1) {
			sink_message(l, &m);
			continue;
		}
		sink_flush(l);
		if (!l->cfg->follow || !wait_for_more(l, rec))
			return 0;
	}
	return 0;
}

static enum tool_exit run_recording(struct listen *l)
{
	struct rpmsg_recording *rec = rpmsg_recording_open(l->cfg->read, true);
	int err;

	if (!rec) {
		tool_error("%s", rpmsg_error_detail());
		return TOOL_FAIL;
	}
	l->running = true;
	err = read_records(l, rec, l->cfg->follow ? UINT64_MAX : rpmsg_recording_end(rec));
	sink_lost(l, l->cfg->read, rpmsg_recording_lost(rec));
	rpmsg_recording_close(rec);
	if (err != -EPROTO)
		return TOOL_OK;
	tool_error("%s is damaged", l->cfg->read);
	return TOOL_FAIL;
}

enum tool_exit file_run(struct listen *l)
{
	if (strcmp(l->cfg->read, "-") == 0 || is_capture(l->cfg->read))
		return run_capture(l);
	return run_recording(l);
}
