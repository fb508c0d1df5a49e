/* SPDX-License-Identifier: BSD-2-Clause */
#include "served.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <rpmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* shm-NAME.sock is where the ends of a shm link meet. */
static int is_socket_name(const struct dirent *entry)
{
	const char *name = entry->d_name, *dot = strrchr(name, '.');
	char bus[RPMSG_NAME_SIZE + 1];
	size_t len = dot ? (size_t)(dot - name) : 0;

	if (!dot || strcmp(dot, ".sock") || len >= sizeof(bus) || !strncmp(name, "shm-", 4))
		return 0;
	memcpy(bus, name, len);
	bus[len] = 0;
	return rpmsg_bus_name_valid(bus);
}

void served_sockets(const char *dir, void (*see)(void *arg, const char *dir, const char *name),
		    void *arg)
{
	struct dirent **entry;
	int n = scandir(dir, &entry, is_socket_name, versionsort);

	for (int i = 0; i < n; i++) {
		*strrchr(entry[i]->d_name, '.') = '\0';
		see(arg, dir, entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

/* EAGAIN: there is somebody, who has a lot to do. */
bool served_answers(const char *dir, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s.sock", dir, name);
	bool yes;
	int fd;

	if (len < 0 || (size_t)len >= sizeof(addr.sun_path))
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	yes = !connect(fd, (struct sockaddr *)&addr, sizeof(addr)) || errno == EAGAIN;
	close(fd);
	return yes;
}

/* The first directory with a NAME that answers is the one that NAME means. */
static bool is_first(unsigned i, const char *name)
{
	char dir[PATH_MAX];

	while (i--)
		if (!rpmsg_dir_lookup(i, dir, sizeof(dir)) && served_answers(dir, name))
			return false;
	return true;
}

struct look {
	void (*see)(const char *name);
	unsigned i; /* of the directory */
};

static void see_served(void *arg, const char *dir, const char *name)
{
	const struct look *look = arg;

	if (served_answers(dir, name) && is_first(look->i, name))
		look->see(name);
}

void served_each(void (*see)(const char *name))
{
	struct look look = { .see = see };
	char dir[PATH_MAX];

	for (; !rpmsg_dir_lookup(look.i, dir, sizeof(dir)); look.i++)
		served_sockets(dir, see_served, &look);
}
