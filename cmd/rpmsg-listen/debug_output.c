/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-listen/debug_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <rpmsg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DRIVER "/sys/bus/virtio/drivers/virtio_rpmsg_bus"
#define DEBUGFS "/sys/kernel/debug"
#define SOURCE "virtio_rpmsg_bus.c"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 37

static const char *const controls[] = {
	"/proc/dynamic_debug/control",
	DEBUGFS "/dynamic_debug/control",
};

/*
 * What the call sites print; a set of them is a mask. The dumps come on first and go off last, so
 * that no line tells of a dump that is not printed.
 */
static const char *const sites[] = {"rpmsg_virtio TX: ", "rpmsg_virtio RX: ", "TX From 0x",
				    "From: 0x"};
#define N_SITES (sizeof(sites) / sizeof(*sites))
#define ALL_SITES ((1U << N_SITES) - 1)

/* Bytes of the file that are locked: for changing anything, and by each who wants it on. */
enum { BYTE_CHANGE, BYTE_WANT };

struct debug_output {
	const char *control;
	int file; /* "BOOT_ID MASK": the sites that are on by us */
	char path[PATH_MAX];
};

static enum tool_exit failed(const char *path, int err)
{
	const char *hint = err == EACCES || err == EPERM ? ": run it as root" : "";

	tool_error("%s: %s%s", path, strerror(err), hint);
	return TOOL_FAIL;
}

/* ---- the kernel's switches ---- */

static enum tool_exit no_control(void)
{
	struct statfs fs;

	if (!statfs(DEBUGFS, &fs) && fs.f_type == DEBUGFS_MAGIC)
		tool_error("this kernel has no dynamic debug: build it with "
			   "CONFIG_DYNAMIC_DEBUG=y");
	else
		tool_error("no dynamic debug: 'mount -t debugfs none %s', or build the kernel with "
			   "CONFIG_DYNAMIC_DEBUG=y", DEBUGFS);
	return TOOL_FAIL;
}

static enum tool_exit find_control(struct debug_output *o)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
		int fd = open(controls[i], O_RDWR | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return failed(controls[i], errno);
		close(fd);
		o->control = controls[i];
		return TOOL_OK;
	}
	return no_control();
}

/* PATH:LINE [MODULE]FUNCTION =FLAGS "FORMAT" */
static void read_site(char *line, unsigned *found, unsigned *on)
{
	char *name = strstr(line, " ["), *flags, *format;
	size_t len = sizeof(SOURCE) - 1;

	if (!name)
		return;
	*name = '\0';
	flags = strstr(name + 1, " =");
	format = flags ? strchr(flags, '"') : NULL;
	name = strrchr(line, '/');
	name = name ? name + 1 : line;
	if (!format || strncmp(name, SOURCE, len) != 0 || name[len] != ':')
		return;
	*format++ = '\0';
	for (size_t i = 0; i < N_SITES; i++) {
		if (!strstr(format, sites[i]))
			continue;
		*found |= 1U << i;
		if (strchr(flags, 'p'))
			*on |= 1U << i;
	}
}

/* Which sites there are, and which of them are on. */
static enum tool_exit read_sites(const struct debug_output *o, unsigned *found, unsigned *on)
{
	FILE *in = fopen(o->control, "re");
	size_t size = 0;
	char *line = NULL;
	int err = 0;

	*found = *on = 0;
	if (!in)
		return failed(o->control, errno);
	while (getline(&line, &size, in) >= 0)
		read_site(line, found, on);
	if (ferror(in))
		err = errno;
	free(line);
	fclose(in);
	return err ? failed(o->control, err) : TOOL_OK;
}

static enum tool_exit switch_site(const struct debug_output *o, size_t site, bool on)
{
	char query[96];
	int len = snprintf(query, sizeof(query), "file " SOURCE " format \"%s\" %cp", sites[site],
			   on ? '+' : '-');
	int fd = open(o->control, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return failed(o->control, errno);
	if (write(fd, query, (size_t)len) != len)
		err = errno;
	close(fd);
	return err ? failed(o->control, err) : TOOL_OK;
}

static enum tool_exit switch_sites(const struct debug_output *o, unsigned mask, bool on)
{
	enum tool_exit code = TOOL_OK;

	for (size_t i = 0; i < N_SITES; i++) {
		size_t site = on ? i : N_SITES - 1 - i;

		if (mask & 1U << site)
			code = tool_exit_worse(code, switch_site(o, site, on));
	}
	return code;
}

static enum tool_exit no_sites(void)
{
	if (!access(DRIVER, F_OK)) {
		tool_error("this kernel's virtio_rpmsg_bus has no debug messages: build it with "
			   "CONFIG_DYNAMIC_DEBUG=y");
		return TOOL_FAIL;
	}
	tool_error("virtio_rpmsg_bus is not loaded: modprobe virtio_rpmsg_bus");
	return TOOL_NOT_FOUND;
}

/* ---- who wants it, and what was on before ---- */

static int lock_byte(const struct debug_output *o, int command, short type, off_t byte)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int err;

	do
		err = fcntl(o->file, command, &lock) ? -errno : 0;
	while (err == -EINTR);
	return err ? err : lock.l_type != F_UNLCK;
}

static bool others_want_it(const struct debug_output *o)
{
	return lock_byte(o, F_OFD_GETLK, F_WRLCK, BYTE_WANT) != 0;
}

static enum tool_exit open_file(struct debug_output *o)
{
	size_t len;

	if (rpmsg_dir_serve(o->path, sizeof(o->path))) {
		tool_error("%s", rpmsg_error_detail());
		return TOOL_FAIL;
	}
	len = strlen(o->path);
	snprintf(o->path + len, sizeof(o->path) - len, "/.kernel-debug");
	o->file = open(o->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return o->file < 0 ? failed(o->path, errno) : TOOL_OK;
}

static void read_boot_id(char id[BOOT_ID_SIZE])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, BOOT_ID_SIZE - 1);

	id[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* What was written before this boot is over. */
static unsigned read_ours(const struct debug_output *o)
{
	char text[64], boot[BOOT_ID_SIZE], then[BOOT_ID_SIZE];
	ssize_t n = pread(o->file, text, sizeof(text) - 1, 0);
	unsigned mask;

	text[n > 0 ? n : 0] = '\0';
	read_boot_id(boot);
	if (sscanf(text, "%36s %2u", then, &mask) != 2 || strcmp(boot, then) != 0)
		return 0;
	return mask & ALL_SITES;
}

static enum tool_exit write_ours(const struct debug_output *o, unsigned mask)
{
	char text[64], boot[BOOT_ID_SIZE];
	int len;

	read_boot_id(boot);
	len = snprintf(text, sizeof(text), "%s %2u\n", boot, mask);
	return pwrite(o->file, text, (size_t)len, 0) == len ? TOOL_OK : failed(o->path, errno);
}

/* ---- on and off; the file is locked for changing ---- */

static enum tool_exit switch_on(struct debug_output *o)
{
	unsigned found, on;
	enum tool_exit code = read_sites(o, &found, &on);

	if (code != TOOL_OK)
		return code;
	if (found != ALL_SITES)
		return no_sites();
	/* Written first: what is killed in between leaves more to switch off, never less. */
	code = write_ours(o, read_ours(o) | (ALL_SITES & ~on));
	return code != TOOL_OK ? code : switch_sites(o, ALL_SITES & ~on, true);
}

static enum tool_exit switch_off(const struct debug_output *o)
{
	enum tool_exit code;

	if (others_want_it(o))
		return TOOL_OK;
	code = switch_sites(o, read_ours(o), false);
	return code != TOOL_OK ? code : write_ours(o, 0);
}

enum tool_exit debug_output_renew(struct debug_output *o)
{
	enum tool_exit code;
	int err = lock_byte(o, F_OFD_SETLKW, F_WRLCK, BYTE_CHANGE);

	if (err < 0)
		return failed(o->path, -err);
	code = switch_on(o);
	lock_byte(o, F_OFD_SETLK, F_UNLCK, BYTE_CHANGE);
	return code;
}

enum tool_exit debug_output_open(struct debug_output **output)
{
	struct debug_output *o = calloc(1, sizeof(*o));
	enum tool_exit code;

	if (!o) {
		tool_error("out of memory");
		return TOOL_FAIL;
	}
	o->file = -1;
	*output = o;
	code = find_control(o);
	if (code == TOOL_OK)
		code = open_file(o);
	if (code == TOOL_OK && lock_byte(o, F_OFD_SETLKW, F_RDLCK, BYTE_WANT) < 0)
		code = failed(o->path, errno);
	if (code == TOOL_OK)
		code = debug_output_renew(o);
	if (code == TOOL_OK)
		return TOOL_OK;
	debug_output_close(o);
	*output = NULL;
	return code;
}

enum tool_exit debug_output_close(struct debug_output *o)
{
	enum tool_exit code = TOOL_OK;

	if (!o)
		return TOOL_OK;
	if (o->file >= 0) {
		if (lock_byte(o, F_OFD_SETLKW, F_WRLCK, BYTE_CHANGE) < 0)
			code = failed(o->path, errno);
		else
			code = switch_off(o);
		if (code != TOOL_OK)
			tool_error("the kernel's debug messages are still on: 'echo file " SOURCE
				   " -p >%s' switches them off", o->control);
		close(o->file);
	}
	free(o);
	return code;
}
