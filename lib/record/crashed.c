/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/crashed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/core.h"
#include "rpmsg.h"

/* The pid of the writer that died with messages in the recording at path; else 0. */
static int died_with_messages(const char *path)
{
	struct rpmsg_recording *rec = rpmsg_recording_open(path, true);
	int pid;

	if (!rec)
		return 0; /* damaged, or empty: nothing can be read of it */
	pid = rpmsg_recording_end(rec) ? rpmsg_recording_crashed(rec) : 0;
	rpmsg_recording_close(rec);
	return pid;
}

static bool is_recording_or_free(const char *path)
{
	struct rpmsg_recording *rec;
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT;
	if (!S_ISREG(st.st_mode))
		return false;
	rec = rpmsg_recording_open(path, true);
	rpmsg_recording_close(rec);
	return rec;
}

static int move(const char *from, const char *to)
{
	if (!is_recording_or_free(to))
		return -EEXIST;
	return rename(from, to) ? -errno : 0;
}

static void say(char **note, int pid, const char *what, int err)
{
	int n;

	if (err)
		n = asprintf(note, "the recording of pid %d, which died, cannot be kept in %s: %s",
			     pid, what, rpmsg_strerror(err));
	else
		n = asprintf(note, "the recording of pid %d, which died, is kept in %s", pid, what);
	if (n < 0)
		*note = NULL;
}

static char *kept_name(const char *path)
{
	char *name;

	return asprintf(&name, "%s.crashed", path) < 0 ? NULL : name;
}

int crashed_keep(const char *path, char **note)
{
	int err, pid = died_with_messages(path);
	char *kept;

	*note = NULL;
	if (!pid)
		return 0;
	kept = kept_name(path);
	if (!kept)
		return -ENOMEM;
	err = move(path, kept);
	say(note, pid, kept, err);
	free(kept);
	return err ? err : 1;
}

void crashed_restore(const char *path)
{
	char *kept = kept_name(path);

	if (kept)
		rename(kept, path);
	free(kept);
}
