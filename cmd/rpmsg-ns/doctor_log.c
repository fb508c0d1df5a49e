/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's log complains of, in the matter of remote processors. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kernel_line.h"
#include "rpmsg-ns/doctor.h"

#define KMSG "/dev/kmsg"
#define RECORD_SIZE 8192
#define LINE_SIZE 256
#define KEPT 5
#define WARNING 4 /* and below it what is worse */
#define TOPIC "log"

/* The last complaints, oldest first. */
struct complaints {
	char line[KEPT][LINE_SIZE];
	size_t n;
};

static bool holds_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(text, *words))
			return true;
	return false;
}

static bool is_about_us(const char *text)
{
	static const char *const words[] = { "rpmsg", "remoteproc", "rproc", "virtio", NULL };

	/* Where a module came from is no complaint about what it does. */
	return holds_any(text, words) && !strstr(text, "taint");
}

/* For lines that do not tell their level. */
static bool sounds_bad(const char *text)
{
	static const char *const words[] = {
		"error", "fail", "invalid", "bad ", "crash", "cannot", "can't", "couldn't",
		"unable", "timeout", "timed out", "no recipient", "truncated", "unsupported",
		"refused", "not found", "warning", "too many", NULL,
	};

	return holds_any(text, words);
}

static bool sounds_good(const char *text)
{
	static const char *const words[] = {
		"is now up", "is now attached", "host is online", NULL,
	};

	return holds_any(text, words);
}

/* "remoteproc remoteproc0: " begins what is about that device. */
static size_t device_part(const char *text)
{
	const char *colon = strstr(text, ": ");

	return colon ? (size_t)(colon - text) + 2 : 0;
}

/* A device that has come up since has what was wrong with it behind it. */
static void forgive(struct complaints *c, const char *text)
{
	size_t len = device_part(text), kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!len || strncmp(c->line[i], text, len))
			memmove(c->line[kept++], c->line[i], LINE_SIZE);
	c->n = kept;
}

static void keep(struct complaints *c, const char *text)
{
	if (c->n == KEPT)
		memmove(c->line[0], c->line[1], sizeof(c->line[0]) * --c->n);
	format_printable(c->line[c->n++], LINE_SIZE, text, strlen(text));
}

/* level: -1 if it is not told. */
static void take(struct complaints *c, int level, const char *text)
{
	if (!is_about_us(text))
		return;
	if (sounds_good(text))
		forgive(c, text);
	else if (level < 0 ? sounds_bad(text) : level <= WARNING)
		keep(c, text);
}

/* ---- the kernel's device ---- */

static void take_record(struct complaints *c, char *record)
{
	struct kernel_line line;
	int level = atoi(record) & 7;

	if (!kernel_line_read_record(&line, record) && !line.foreign)
		take(c, level, line.text);
}

/* Reads what is there; does not wait for more. 0 or -errno. */
static int read_kmsg(const struct doctor *d, struct complaints *c)
{
	int fd = tree_open(&d->tree, KMSG, O_RDONLY), err = 0;
	char record[RECORD_SIZE];
	ssize_t n;

	if (fd < 0)
		return fd;
	while (!err) {
		n = read(fd, record, sizeof(record) - 1);
		if (n > 0) {
			record[n] = 0;
			take_record(c, record);
		} else if (n == 0 || (errno != EPIPE && errno != EINTR)) {
			/* EPIPE: some were overwritten before they were read. */
			err = n ? -errno : -ENODATA;
		}
	}
	close(fd);
	return err == -EAGAIN ? 0 : err;
}

/* ---- a file ---- */

/* What dmesg --raw has before a line: "<3>". */
static int read_level(const char *line)
{
	if (line[0] != '<' || !isdigit((unsigned char)line[1]))
		return -1;
	return atoi(line + 1) & 7;
}

/* A file of records (cat /dev/kmsg), or of what dmesg or journalctl -k printed. */
static void take_line(struct complaints *c, const char *text)
{
	struct kernel_line line;
	char *copy;

	copy = isdigit((unsigned char)*text) ? strdup(text) : NULL;
	if (copy && !kernel_line_read_record(&line, copy)) {
		if (!line.foreign)
			take(c, atoi(text) & 7, line.text);
	} else {
		kernel_line_read_text(&line, text);
		take(c, read_level(text), line.text);
	}
	free(copy);
}

static int read_file(const char *path, struct complaints *c)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;
	char *data, *line, *rest;
	size_t len;

	if (fd < 0)
		return -errno;
	err = tree_read_all(fd, DOCTOR_FILE_MAX, &data, &len);
	close(fd);
	if (err)
		return err;
	for (size_t i = 0; i < len; i++)
		if (!data[i])
			data[i] = '.';
	rest = data;
	while ((line = strsep(&rest, "\n")))
		take_line(c, line);
	free(data);
	return 0;
}

/* ---- what is said ---- */

static void say_complaints(struct doctor *d, const struct complaints *c)
{
	for (size_t i = 0; i < c->n; i++)
		doctor_say(d, DOCTOR_BAD, TOPIC, "kernel log", NULL, "%s", c->line[i]);
	if (!c->n)
		doctor_say(d, DOCTOR_OK, TOPIC, "kernel log", NULL,
			   "no complaints about rpmsg, remoteproc or virtio");
}

enum tool_exit doctor_log(struct doctor *d)
{
	struct complaints c = { .n = 0 };
	struct doctor_command next = { 0 };
	const char *file = d->cfg->dmesg;
	int err;

	if (!file && d->tree.copied) {
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, "kernel log",
			   "rpmsg-ns doctor --sysroot=DIR --dmesg=FILE", "not in a copied tree");
		return TOOL_OK;
	}
	err = file ? read_file(file, &c) : read_kmsg(d, &c);
	if (err && file) {
		tool_error("--dmesg: %s: %s", file, strerror(-err));
		return TOOL_FAIL;
	}
	if (err) {
		doctor_run(d, &next, "dmesg | grep -E 'rpmsg|remoteproc|virtio'");
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, "kernel log", next.text, KMSG ": %s",
			   strerror(-err));
		return TOOL_OK;
	}
	say_complaints(d, &c);
	return TOOL_OK;
}
