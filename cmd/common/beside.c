/* SPDX-License-Identifier: BSD-2-Clause */
#include "beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void beside_find(const char *name, char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size);
	char *slash = len > 0 ? memrchr(path, '/', (size_t)len) : NULL;
	size_t dir = slash ? (size_t)(slash + 1 - path) : 0;

	if (dir && dir + strlen(name) < size) {
		strcpy(path + dir, name);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, size, "%s", name);
}
