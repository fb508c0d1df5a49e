/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that is replayed. It is read several times, and each time must give the same: what
 * can be read only once goes to a temporary file, and what is still being written ends where
 * the first reading ended.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run.h"
#include "common/traffic.h"
#include "rpmsg-send/replay.h"

#define ERROR_SIZE 512

struct reel {
	const char *name;
	int spool; /* or -1 */
	char path[64]; /* of the spool */
	bool measured;
	uint64_t n; /* records */
	uint64_t first_ns, first_seq;
	uint64_t lost;
	const char *lost_what;
};

struct reel_pass {
	struct reel *reel;
	struct traffic *traffic;
	uint64_t n;
};

/* ---- what can be read once ---- */

static bool is_regular(const char *path)
{
	struct stat st;

	return strcmp(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode);
}

static int make_spool(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/rpmsg-send.XXXXXX",
			     dir && *dir ? dir : "/tmp") >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static enum tool_exit copy(struct reel *reel, struct input *input)
{
	FILE *stream = input_stream(input);
	static char buffer[65536];
	int err = stream ? 0 : -ENOMEM;
	size_t n;

	while (!err && (n = fread(buffer, 1, sizeof(buffer), stream))) {
		err = write_all(reel->spool, buffer, n);
		if (err)
			tool_error("the copy of %s: %s", reel->name, rpmsg_strerror(err));
	}
	if (!err && !input_interrupted(input) && ferror(stream)) {
		err = -errno;
		tool_error("%s: %s", reel->name, rpmsg_strerror(err));
	}
	if (stream)
		fclose(stream);
	return err ? TOOL_FAIL : TOOL_OK;
}

static enum tool_exit fill_spool(struct reel *reel, const char *path)
{
	struct input *input;
	enum tool_exit code;
	int err = input_open(path, NULL, &input);

	if (err) {
		tool_error("%s: %s", reel->name, rpmsg_strerror(err));
		return TOOL_FAIL;
	}
	reel->spool = make_spool();
	if (reel->spool < 0) {
		tool_error("no temporary file for the copy of %s: %s", reel->name,
			   rpmsg_strerror(reel->spool));
		code = TOOL_FAIL;
	} else {
		snprintf(reel->path, sizeof(reel->path), "/proc/self/fd/%d", reel->spool);
		code = copy(reel, input);
	}
	input_close(input);
	return code;
}

enum tool_exit reel_open(const char *path, struct reel **out)
{
	struct reel *reel = calloc(1, sizeof(*reel));
	enum tool_exit code = TOOL_OK;

	if (!reel) {
		tool_error("%s: %s", path, rpmsg_strerror(ENOMEM));
		return TOOL_FAIL;
	}
	reel->name = strcmp(path, "-") ? path : "standard input";
	reel->spool = -1;
	if (!is_regular(path))
		code = fill_spool(reel, path);
	if (code) {
		reel_close(reel);
		reel = NULL;
	}
	*out = reel;
	return code;
}

void reel_close(struct reel *reel)
{
	if (!reel)
		return;
	if (reel->spool >= 0)
		close(reel->spool);
	free(reel);
}

const char *reel_name(const struct reel *reel)
{
	return reel->name;
}

uint64_t reel_lost(const struct reel *reel, const char **what)
{
	*what = reel->lost_what ? reel->lost_what : "messages";
	return reel->lost;
}

/* ---- passes ---- */

static const char *path_of(const struct reel *reel)
{
	return reel->spool >= 0 ? reel->path : reel->name;
}

/* The copy is not what the user knows. */
static void say(const struct reel *reel, const char *error)
{
	size_t n = strlen(reel->path);

	if (n && !strncmp(error, reel->path, n))
		tool_error("%s%s", reel->name, error + n);
	else
		tool_error("%s", error);
}

enum tool_exit reel_start(struct reel *reel, struct reel_pass **out)
{
	struct reel_pass *pass = calloc(1, sizeof(*pass));
	char error[ERROR_SIZE];

	*out = pass;
	if (!pass) {
		tool_error("%s: %s", reel->name, rpmsg_strerror(ENOMEM));
		return TOOL_FAIL;
	}
	pass->reel = reel;
	if (!traffic_open(path_of(reel), &pass->traffic, error, sizeof(error))) {
		traffic_set_follow(pass->traffic, false);
		return TOOL_OK;
	}
	say(reel, error);
	reel_end(pass);
	*out = NULL;
	return TOOL_FAIL;
}

static int changed(const struct reel *reel)
{
	tool_error("%s changed while it was read: make a copy that stays as it is "
		   "(rpmsg-listen -r %s -w COPY)", reel->name, reel->name);
	return -EIO;
}

/* The end of a first pass, which says how long it is, or of another that came too early. */
static int finish(struct reel_pass *pass)
{
	struct reel *reel = pass->reel;

	if (reel->measured)
		return pass->n == reel->n ? 0 : changed(reel);
	reel->measured = true;
	reel->n = pass->n;
	reel->lost = traffic_lost(pass->traffic, &reel->lost_what);
	return 0;
}

/* What a recorder overwrote meanwhile is missing at the beginning, or in the middle. */
static bool is_same(const struct reel_pass *pass, const struct rpmsg_record *record)
{
	struct reel *reel = pass->reel;
	const char *what;

	if (pass->n == 1 && !reel->measured) {
		reel->first_ns = record->time_ns;
		reel->first_seq = record->seq;
	}
	return (pass->n > 1 ||
		(reel->first_ns == record->time_ns && reel->first_seq == record->seq)) &&
	       (!reel->measured || traffic_lost(pass->traffic, &what) <= reel->lost);
}

int reel_next(struct reel_pass *pass, struct rpmsg_record *record, uint64_t *number)
{
	struct reel *reel = pass->reel;
	char error[ERROR_SIZE];
	int n;

	if (reel->measured && pass->n == reel->n)
		return 0;
	n = traffic_read(pass->traffic, record, error, sizeof(error));
	if (n == 0 || n == -EPIPE)
		return finish(pass);
	if (n == -EINTR)
		return n;
	if (n < 0) {
		say(reel, error);
		return -EIO;
	}
	*number = ++pass->n;
	return is_same(pass, record) ? 1 : changed(reel);
}

void reel_end(struct reel_pass *pass)
{
	if (!pass)
		return;
	traffic_close(pass->traffic);
	free(pass);
}
