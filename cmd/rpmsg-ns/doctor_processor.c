/* SPDX-License-Identifier: BSD-2-Clause */
/* Remote processors: do they run, and is their firmware there? */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "rpmsg-ns/doctor.h"

/* What to write where to get out of a state that is not that of a processor at work. */
static const struct {
	const char *state, *word, *file;
} cure[] = {
	{ "offline", "start", "state" },
	{ "suspended", "start", "state" },
	{ "detached", "start", "state" },
	{ "crashed", "recover", "recovery" },
};

bool doctor_is_running(const char *state)
{
	return !strcmp(state, "running") || !strcmp(state, "attached");
}

bool doctor_find_firmware(const struct doctor *d, const char *name, char path[DOCTOR_PATH_SIZE])
{
	static const char *const packed[] = { "", ".zst", ".xz" };
	char dir[4][DOCTOR_PATH_SIZE] = { "", "/lib/firmware/updates", "", "/lib/firmware" };
	struct utsname host;
	int n;

	tree_read_line(&d->tree, dir[0], sizeof(dir[0]),
		       "/sys/module/firmware_class/parameters/path");
	if (!d->tree.copied && !uname(&host))
		snprintf(dir[2], sizeof(dir[2]), "/lib/firmware/%s", host.release);
	for (size_t i = 0; i < sizeof(dir) / sizeof(*dir); i++) {
		for (size_t j = 0; *dir[i] && j < sizeof(packed) / sizeof(*packed); j++) {
			n = snprintf(path, DOCTOR_PATH_SIZE, "%s/%s%s", dir[i], name, packed[j]);
			if (n < DOCTOR_PATH_SIZE && tree_exists(&d->tree, path))
				return true;
		}
	}
	return false;
}

static void say_firmware(struct doctor *d, const char *processor, bool running)
{
	struct doctor_command next = { 0 };
	char name[DOCTOR_WORD_SIZE], path[DOCTOR_PATH_SIZE];
	int err = tree_read_line(&d->tree, name, sizeof(name), DOCTOR_PROCESSORS "/%s/firmware",
				 processor);

	if (err == -ENOENT || !strcmp(name, "unknown")) /* somebody else has started it */
		return;
	if (err) {
		doctor_say(d, DOCTOR_UNSEEN, "firmware", processor, NULL,
			   "the name of its firmware cannot be read: %s", strerror(-err));
	} else if (doctor_find_firmware(d, name, path)) {
		doctor_say(d, DOCTOR_OK, "firmware", processor, NULL, "firmware %s", path);
	} else {
		doctor_run(d, &next, "cp %s /lib/firmware/", doctor_quote(name).text);
		doctor_say(d, running ? DOCTOR_UNSEEN : DOCTOR_BAD, "firmware", processor,
			   next.text, "firmware %s is not in /lib/firmware%s", name,
			   running ? " (any more)" : "");
	}
}

static void say_state(struct doctor *d, const char *processor, const char *state)
{
	struct doctor_command next = { 0 };
	char name[DOCTOR_WORD_SIZE];

	if (tree_read_line(&d->tree, name, sizeof(name), DOCTOR_PROCESSORS "/%s/name", processor))
		strcpy(name, "?");
	for (size_t i = 0; i < sizeof(cure) / sizeof(*cure); i++)
		if (!strcmp(state, cure[i].state))
			doctor_write(d, &next, cure[i].word, DOCTOR_PROCESSORS "/%s/%s", processor,
				     cure[i].file);
	if (!*next.text && !doctor_is_running(state))
		doctor_run(d, &next, "dmesg | grep remoteproc");
	doctor_say(d, doctor_is_running(state) ? DOCTOR_OK : DOCTOR_BAD, "processor", processor,
		   next.text, "%s is %s", name, state);
}

static void say_settings(struct doctor *d, const char *processor)
{
	char recovery[DOCTOR_WORD_SIZE], coredump[DOCTOR_WORD_SIZE];

	if (!tree_read_line(&d->tree, recovery, sizeof(recovery), DOCTOR_PROCESSORS "/%s/recovery",
			    processor) &&
	    !tree_read_line(&d->tree, coredump, sizeof(coredump), DOCTOR_PROCESSORS "/%s/coredump",
			    processor))
		doctor_say(d, DOCTOR_OK, "settings", processor, NULL,
			   "recovery is %s, coredump %s", recovery, coredump);
}

static void say_processor(struct doctor *d, const char *processor)
{
	char state[DOCTOR_WORD_SIZE];
	int err = tree_read_line(&d->tree, state, sizeof(state), DOCTOR_PROCESSORS "/%s/state",
				 processor);

	if (err) {
		doctor_say(d, DOCTOR_UNSEEN, "processor", processor, NULL,
			   "its state cannot be read: %s", strerror(-err));
		return;
	}
	if (doctor_is_running(state))
		d->running = true;
	say_state(d, processor, state);
	say_firmware(d, processor, doctor_is_running(state));
	if (tool_verbosity() > 0)
		say_settings(d, processor);
}

void doctor_processors(struct doctor *d)
{
	struct tree_names names;
	int err = tree_list(&d->tree, DOCTOR_PROCESSORS, "remoteproc", &names);

	if (err && err != -ENOENT)
		doctor_say(d, DOCTOR_UNSEEN, "processor", DOCTOR_PROCESSORS, NULL,
			   "cannot be read: %s", strerror(-err));
	else if (!names.n)
		doctor_say(d, DOCTOR_UNSEEN, "processor", "remote processors", NULL,
			   "none: no driver (CONFIG_REMOTEPROC and the board's) or no enabled "
			   "device-tree node");
	for (size_t i = 0; i < names.n; i++)
		say_processor(d, names.name[i]);
	tree_names_free(&names);
}
