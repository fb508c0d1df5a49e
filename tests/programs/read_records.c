/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_records FILE read|skip|jump: reads all of a recorder's file, events too; or passes over
 * messages, to each event or to its end, after the first. Prints how many messages and events it
 * had. Run under callgrind with two files, what a message costs is the difference.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rpmsg.h>

int main(int argc, char **argv)
{
	struct rpmsg_recording *rec;
	struct rpmsg_record record;
	uint64_t messages = 0, events = 0;
	bool skip;
	int ret;

	if (argc != 3)
		errx(64, "usage: read_records FILE read|skip|jump");
	skip = strcmp(argv[2], "read") != 0;
	rec = rpmsg_recording_open(argv[1], true);
	if (!rec)
		errx(1, "%s", rpmsg_error_detail());
	rpmsg_recording_set_events(rec, strcmp(argv[2], "jump") != 0);
	while ((ret = rpmsg_recording_read(rec, &record)) == 1) {
		if (record.type == RPMSG_RECORD_MESSAGE)
			messages++;
		else
			events++;
		if (skip)
			messages += rpmsg_recording_skip(rec);
	}
	if (ret != -EPIPE)
		errx(1, "%s", rpmsg_error_detail());
	printf("%" PRIu64 " messages, %" PRIu64 " events, %" PRIu64 " lost\n", messages, events,
	       rpmsg_recording_lost(rec));
	rpmsg_recording_close(rec);
	return 0;
}
