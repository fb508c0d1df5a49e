/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

static bool numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && isdigit((unsigned char)name[len]);
}

static int is_control(const struct dirent *entry)
{
	return numbered(entry->d_name, "rpmsg_ctrl");
}

static int is_processor(const struct dirent *entry)
{
	return numbered(entry->d_name, "remoteproc");
}

/* The first line of DIR/NAME/FILE, or "?". */
static void read_attribute(const char *dir, const char *name, const char *file, char *buf,
			   size_t size)
{
	static const struct tree here = { .fd = -1 };

	if (tree_read_line(&here, buf, size, "%s/%s/%s", dir, name, file))
		strcpy(buf, "?");
}

static void put_control(FILE *out, const char *dir, const char *name)
{
	fprintf(out, "%s/%s", dir, name);
}

static void put_processor(FILE *out, const char *dir, const char *name)
{
	char label[64], state[32];

	read_attribute(dir, name, "name", label, sizeof(label));
	read_attribute(dir, name, "state", state, sizeof(state));
	fprintf(out, "%s (%s): %s", name, label, state);
}

static int list_entries(const char *dir, int (*want)(const struct dirent *),
			void (*put)(FILE *out, const char *dir, const char *name), char **list)
{
	struct dirent **entry;
	size_t size;
	FILE *out;
	int n = scandir(dir, &entry, want, versionsort);

	*list = NULL;
	if (n <= 0)
		return 0; /* a directory that is not there is an empty one */
	out = open_memstream(list, &size);
	for (int i = 0; i < n; i++) {
		if (out && i)
			fputs(", ", out);
		if (out)
			put(out, dir, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	if (!out || fclose(out) || !*list)
		return -1;
	return n;
}

int machine_control_devices(const char *dev, char **list)
{
	return list_entries(dev, is_control, put_control, list);
}

int machine_remote_processors(const char *dir, char **list)
{
	return list_entries(dir, is_processor, put_processor, list);
}
