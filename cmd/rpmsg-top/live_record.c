/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "rpmsg-top/live.h"

/* Another's in place of the recording that there was. */
static void set_recording(struct live_bus *b, struct rpmsg_recording *new)
{
	pthread_mutex_lock(&b->record_lock);
	if (b->recording) {
		b->lost_before += rpmsg_recording_lost(b->recording);
		rpmsg_recording_close(b->recording);
	}
	b->recording = new;
	pthread_mutex_unlock(&b->record_lock);
}

/* What a new server has recorded is newer than all that was seen; of the first one it is not. */
static void open_recording(struct live_bus *b)
{
	struct rpmsg_bus *bus = live_any_side(b);
	struct rpmsg_bus_info info;
	struct rpmsg_recording *rec = NULL;
	int err = bus_info(bus, &info);

	if (!err) {
		rec = rpmsg_recording_open_bus(bus, b->server && b->server != info.pid);
		err = rec ? 0 : errno;
	}
	if (rec) {
		rpmsg_recording_set_events(rec, true);
		b->server = info.pid;
		set_recording(b, rec);
	}
	b->recording_tried = true;
	pthread_mutex_lock(&b->live->lock);
	b->can_record = rec != NULL;
	if (rec)
		*b->no_records = '\0';
	else if (err == EOPNOTSUPP)
		snprintf(b->no_records, sizeof(b->no_records),
			 "no recorder: serve it with rpmsgd to see its messages");
	else
		snprintf(b->no_records, sizeof(b->no_records), "%s", rpmsg_error_detail());
	live_tell(b, LIVE_STATE | LIVE_RECORDS);
	pthread_mutex_unlock(&b->live->lock);
}

void live_record_keep(struct live_bus *b, bool wanted)
{
	if (wanted && !b->recording_tried && live_any_side(b)) {
		open_recording(b);
		return;
	}
	if (wanted || (!b->recording_tried && !b->recording))
		return;
	live_record_end(b);
	b->server = 0;
}

int live_record_fd(struct live_bus *b)
{
	return b->recording && b->recording_tried ? rpmsg_recording_fd(b->recording) : -1;
}

void live_record_told(struct live_bus *b)
{
	uint64_t count;

	(void)!read(live_record_fd(b), &count, sizeof(count));
	pthread_mutex_lock(&b->live->lock);
	live_tell(b, LIVE_RECORDS);
	pthread_mutex_unlock(&b->live->lock);
}

void live_record_lose(struct live_bus *b)
{
	b->recording_tried = false;
}

void live_record_end(struct live_bus *b)
{
	set_recording(b, NULL);
	b->recording_tried = false;
	pthread_mutex_lock(&b->live->lock);
	b->can_record = false;
	*b->no_records = '\0';
	pthread_mutex_unlock(&b->live->lock);
}

size_t live_record_read(struct live_bus *b, size_t max,
			void (*fn)(const struct rpmsg_record *record, void *arg), void *arg)
{
	struct rpmsg_record record;
	size_t n = 0;

	pthread_mutex_lock(&b->record_lock);
	while (b->recording && n < max && rpmsg_recording_read(b->recording, &record) == 1) {
		record.bus = b->name;
		fn(&record, arg);
		n++;
	}
	pthread_mutex_unlock(&b->record_lock);
	return n;
}

void live_record_skip(struct live_bus *b)
{
	pthread_mutex_lock(&b->record_lock);
	if (b->recording)
		b->lost_before += rpmsg_recording_skip(b->recording);
	pthread_mutex_unlock(&b->record_lock);
}

uint64_t live_record_lost(struct live_bus *b)
{
	uint64_t lost;

	pthread_mutex_lock(&b->record_lock);
	lost = b->lost_before + (b->recording ? rpmsg_recording_lost(b->recording) : 0);
	pthread_mutex_unlock(&b->record_lock);
	return lost;
}
