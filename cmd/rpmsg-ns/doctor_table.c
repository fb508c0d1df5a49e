/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource tables: of processors that are there, and of a firmware file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/resource_table.h"
#include "rpmsg-ns/doctor.h"

#define DEBUGFS "/sys/kernel/debug"
#define TEXT_MAX ((size_t)1 << 20)
#define TOPIC "table"

struct table {
	struct doctor *d;
	const char *subject;
	bool in_use;
};

static void say_finding(void *arg, const char *text)
{
	const struct table *t = arg;

	doctor_say(t->d, DOCTOR_BAD, TOPIC, t->subject, NULL, "resource table: %s", text);
}

static void say_table(struct table *t, const struct resource_table *table)
{
	char text[160];

	if (resource_table_check(table, t->in_use, say_finding, t))
		return;
	resource_table_describe(table, text, sizeof(text));
	doctor_say(t->d, DOCTOR_OK, TOPIC, t->subject, NULL, "resource table: %s", text);
}

static void say_image(struct table *t, const char *image, size_t size)
{
	struct resource_table table;
	char why[RESOURCE_WHY_SIZE];
	const void *at;
	size_t len;

	if (resource_table_find(image, size, &at, &len, why) ||
	    resource_table_parse(at, len, &table, why))
		say_finding(t, why);
	else
		say_table(t, &table);
}

static void say_text(struct table *t, const char *text, size_t len)
{
	struct resource_table table;
	char why[RESOURCE_WHY_SIZE];

	if (resource_table_parse_text(text, len, &table, why))
		say_finding(t, why);
	else
		say_table(t, &table);
}

/* ---- a processor's ---- */

static bool is_elf(const char *data, size_t len)
{
	return len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

/* What unpacks a compressed file, or NULL. */
static const char *unpacker(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (!dot || (strcmp(dot, ".xz") && strcmp(dot, ".zst")))
		return NULL;
	return dot[1] == 'x' ? "xz" : "zstd";
}

static void say_packed(const struct table *t, const char *path)
{
	struct doctor_command next = { 0 };

	snprintf(next.text, sizeof(next.text),
		 "%s -dc %s >firmware.elf; rpmsg-ns doctor --table=firmware.elf", unpacker(path),
		 doctor_quote(path).text);
	doctor_say(t->d, DOCTOR_UNSEEN, TOPIC, t->subject, next.text,
		   "resource table: %s is compressed", path);
}

/* False: it is not to be found there. */
static bool say_firmware(struct table *t)
{
	char name[DOCTOR_WORD_SIZE], path[DOCTOR_PATH_SIZE], *data;
	const struct tree *tree = &t->d->tree;
	bool found;
	size_t len;

	if (tree_read_line(tree, name, sizeof(name), DOCTOR_PROCESSORS "/%s/firmware",
			   t->subject) || !doctor_find_firmware(t->d, name, path))
		return false;
	if (unpacker(path)) {
		say_packed(t, path);
		return true;
	}
	if (tree_read_file(tree, path, DOCTOR_FILE_MAX, &data, &len))
		return false;
	found = is_elf(data, len);
	t->in_use = false;
	if (found)
		say_image(t, data, len);
	free(data);
	return found;
}

/* err: why debugfs did not tell, 0 if it was not asked. */
static void say_unseen(const struct table *t, int err)
{
	struct doctor_command next = { 0 };

	if (err == -EACCES || err == -EPERM)
		doctor_run(t->d, &next, "rpmsg-ns doctor");
	else if (err && !tree_exists(&t->d->tree, DEBUGFS "/remoteproc"))
		doctor_run(t->d, &next, "mount -t debugfs debugfs " DEBUGFS);
	else
		strcpy(next.text, "rpmsg-ns doctor --table=FIRMWARE");
	doctor_say(t->d, DOCTOR_UNSEEN, TOPIC, t->subject, next.text,
		   "resource table: not to be had from an ELF file in /lib/firmware%s%s",
		   err ? ", nor from " DEBUGFS ": " : "", err ? strerror(-err) : "");
}

/* Until it runs, only the file can tell. */
static void say_processor(struct doctor *d, const char *processor)
{
	struct table t = { .d = d, .subject = processor };
	char state[DOCTOR_WORD_SIZE], path[DOCTOR_PATH_SIZE], *text;
	int err = 0;
	size_t len;

	tree_read_line(&d->tree, state, sizeof(state), DOCTOR_PROCESSORS "/%s/state", processor);
	t.in_use = doctor_is_running(state);
	snprintf(path, sizeof(path), DEBUGFS "/remoteproc/%s/resource_table", processor);
	if (t.in_use)
		err = tree_read_file(&d->tree, path, TEXT_MAX, &text, &len);
	if (t.in_use && !err) {
		say_text(&t, text, len);
		free(text);
	} else if (!say_firmware(&t)) {
		say_unseen(&t, err);
	}
}

void doctor_tables(struct doctor *d)
{
	struct tree_names names;

	if (tree_list(&d->tree, DOCTOR_PROCESSORS, "remoteproc", &names))
		return;
	for (size_t i = 0; i < names.n; i++)
		say_processor(d, names.name[i]);
	tree_names_free(&names);
}

/* ---- a file's ---- */

static bool is_text(const char *data, size_t len)
{
	static const char entry[] = "Entry ", none[] = "No resource table";

	return (len >= strlen(entry) && !memcmp(data, entry, strlen(entry))) ||
	       (len >= strlen(none) && !memcmp(data, none, strlen(none)));
}

enum tool_exit doctor_table_file(struct doctor *d, const char *path)
{
	struct table t = { .d = d, .subject = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;
	size_t len;
	char *data;

	err = fd < 0 ? -errno : tree_read_all(fd, DOCTOR_FILE_MAX, &data, &len);
	if (fd >= 0)
		close(fd);
	if (err) {
		tool_error("--table: %s: %s", path, strerror(-err));
		return TOOL_FAIL;
	}
	if (is_text(data, len))
		say_text(&t, data, len);
	else
		say_image(&t, data, len);
	free(data);
	return TOOL_OK;
}
