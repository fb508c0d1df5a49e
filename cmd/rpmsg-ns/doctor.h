/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpmsg-ns doctor: a file for each thing that it looks at, in the order of a bring-up.
 * Each check says a line. What the machine's files hold may be anything: it is shown as
 * printable ASCII, and quoted where it is part of a command.
 */
#ifndef RPMSG_NS_DOCTOR_H
#define RPMSG_NS_DOCTOR_H

#include "common/tree.h"
#include "rpmsg-ns/ns.h"

#define DOCTOR_WORD_SIZE 96 /* of an attribute */
#define DOCTOR_PATH_SIZE 512
#define DOCTOR_FILE_MAX ((size_t)256 << 20)

#define DOCTOR_PROCESSORS "/sys/class/remoteproc"
#define DOCTOR_VIRTIO "/sys/bus/virtio/devices"
#define DOCTOR_CHANNELS "/sys/bus/rpmsg/devices"
#define DOCTOR_DRIVERS "/sys/bus/rpmsg/drivers"
#define DOCTOR_CLASS "/sys/class/rpmsg"

struct doctor {
	const struct config *cfg;
	struct tree tree;
	struct format fmt;
	bool root;       /* commands are for root's shell */
	bool bad;
	bool running;    /* a remote processor runs */
	size_t n_served; /* buses of rpmsgd */
	int err;         /* of standard output */
};

/* ---- doctor.c ---- */

enum doctor_status { DOCTOR_OK, DOCTOR_BAD, DOCTOR_UNSEEN };

/* topic: what kind of check; subject: of what; next: the command to type, "" or NULL for none. */
void doctor_say(struct doctor *d, enum doctor_status status, const char *topic,
		const char *subject, const char *next, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* ---- doctor_command.c: commands to type, for root ---- */

/* All zero is none; what becomes too long becomes none. */
struct doctor_command {
	char text[1024];
};

/* A word for a shell. */
struct doctor_word {
	char text[DOCTOR_PATH_SIZE];
};
struct doctor_word doctor_quote(const char *word);

/* Each appends a command; what stands in format is not quoted. */
void doctor_run(const struct doctor *d, struct doctor_command *c, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "echo WORD >PATH", both being quoted. */
void doctor_write(const struct doctor *d, struct doctor_command *c, const char *word,
		  const char *path_format, ...) __attribute__((format(printf, 4, 5)));

/* ---- the rest: a file each ---- */

void doctor_processors(struct doctor *d);
bool doctor_is_running(const char *state);
/* Where Linux finds a firmware file. False: nowhere. */
bool doctor_find_firmware(const struct doctor *d, const char *name, char path[DOCTOR_PATH_SIZE]);

void doctor_tables(struct doctor *d);
/* The table in a file that was named. */
enum tool_exit doctor_table_file(struct doctor *d, const char *path);

void doctor_modules(struct doctor *d);

void doctor_virtio(struct doctor *d);
/* How many virtio devices are rpmsg's. */
size_t doctor_count_virtio(const struct doctor *d);

void doctor_channels(struct doctor *d);
void doctor_nodes(struct doctor *d);
enum tool_exit doctor_log(struct doctor *d);
void doctor_buses(struct doctor *d);

#endif
