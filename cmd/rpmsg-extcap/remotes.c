/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buses of other machines that shall be in Wireshark's list, which can only name what
 * it is told of: words of RPMSG_EXTCAP_REMOTES, and of the lines of rpmsg/remotes among the
 * user's configuration. A # begins a comment.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpmsg-extcap/extcap.h"

#define BLANKS " \t\r\n"

static void see_words(char *text, void (*see)(const char *remote))
{
	char *rest, *word;

	text[strcspn(text, "#")] = '\0';
	for (word = strtok_r(text, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest))
		see(word);
}

static void see_environment(void (*see)(const char *remote))
{
	const char *value = getenv("RPMSG_EXTCAP_REMOTES");
	char *copy = value ? strdup(value) : NULL;

	if (copy)
		see_words(copy, see);
	else if (value)
		tool_error("RPMSG_EXTCAP_REMOTES: %s", strerror(errno));
	free(copy);
}

/* False if the user has no place for configuration. */
static bool find_file(char *path, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int len;

	if (config && *config == '/')
		len = snprintf(path, size, "%s/rpmsg/remotes", config);
	else if (home && *home)
		len = snprintf(path, size, "%s/.config/rpmsg/remotes", home);
	else
		return false;
	return len > 0 && (size_t)len < size;
}

static void see_file(void (*see)(const char *remote))
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	FILE *file;

	if (!find_file(path, sizeof(path)))
		return;
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return;
	while (file && getline(&line, &size, file) >= 0)
		see_words(line, see);
	if (!file || ferror(file))
		tool_error("%s: %s", path, strerror(errno));
	free(line);
	if (file)
		fclose(file);
}

void remotes_each(void (*see)(const char *remote))
{
	see_environment(see);
	see_file(see);
}
