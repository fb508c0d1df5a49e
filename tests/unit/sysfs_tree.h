/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree of files laid out as the kernel's: sys/devices with the directories, sys/bus and
 * sys/class with links to them, dev with nodes (plain files, which can be opened).
 */
#ifndef TEST_SYSFS_TREE_H
#define TEST_SYSFS_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/chrdev.h" /* before cmocka.h, whose fail() is a macro */

#include <cmocka.h>

struct tree {
	char root[64], sys[80], dev[80];
};

__attribute__((format(printf, 2, 3))) static inline const char *tree_path(const struct tree *t,
									   const char *fmt, ...)
{
	static char path[8][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 8], sub[PATH_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sub, sizeof(sub), fmt, ap);
	va_end(ap);
	snprintf(p, PATH_MAX, "%s/%s", t->root, sub);
	return p;
}

static inline void tree_mkdir(const char *path)
{
	char partial[PATH_MAX];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(partial, sizeof(partial), "%.*s", (int)(p - path), path);
		mkdir(partial, 0700);
	}
	mkdir(path, 0700);
}

static inline void tree_put(const char *dir, const char *name, const void *data, size_t len)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static inline void tree_write(const char *dir, const char *name, const char *text)
{
	tree_put(dir, name, text, strlen(text));
}

static inline void tree_link(const char *target, const char *path)
{
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void tree_remove(const char *path)
{
	nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the kernel's things ---- */

static inline void tree_attributes(const char *dir, const char *name, const char *src,
				   const char *dst)
{
	char line[80];

	snprintf(line, sizeof(line), "%s\n", name);
	tree_write(dir, "name", line);
	snprintf(line, sizeof(line), "%s\n", src);
	tree_write(dir, "src", line);
	snprintf(line, sizeof(line), "%s\n", dst);
	tree_write(dir, "dst", line);
}

/* A bus's directory, below sys/devices, of a subsystem. */
static inline void tree_bus(const struct tree *t, const char *bus, const char *subsystem)
{
	const char *dir = tree_path(t, "sys/devices/%s", bus);

	tree_mkdir(dir);
	tree_mkdir(tree_path(t, "sys/bus/%s", subsystem));
	tree_link(tree_path(t, "sys/bus/%s", subsystem),
		  tree_path(t, "sys/devices/%s/subsystem", bus));
}

/* A channel's directory; its name there is "BUS.NAME.SRC.DST" with BUS's last part. */
static inline const char *tree_channel(const struct tree *t, const char *bus, const char *dir,
				       const char *name, const char *src, const char *dst,
				       bool announce)
{
	const char *path = tree_path(t, "sys/devices/%s/%s", bus, dir);

	tree_mkdir(path);
	tree_attributes(path, name, src, dst);
	tree_write(path, "announce", announce ? "true\n" : "false\n");
	tree_link(path, tree_path(t, "sys/bus/rpmsg/devices/%s", dir));
	return path;
}

static inline void tree_driver(const struct tree *t, const char *bus, const char *dir,
			       const char *driver)
{
	tree_mkdir(tree_path(t, "sys/bus/rpmsg/drivers/%s", driver));
	tree_link(tree_path(t, "sys/bus/rpmsg/drivers/%s", driver),
		  tree_path(t, "sys/devices/%s/%s/driver", bus, dir));
}

static inline void tree_remove_channel(const struct tree *t, const char *bus, const char *dir)
{
	unlink(tree_path(t, "sys/bus/rpmsg/devices/%s", dir));
	tree_remove(tree_path(t, "sys/devices/%s/%s", bus, dir));
}

/* An endpoint device below parent, which is below sys/devices. */
static inline const char *tree_node(const struct tree *t, const char *parent, const char *node,
				    const char *name, const char *src, const char *dst)
{
	const char *path = tree_path(t, "sys/devices/%s/%s", parent, node);

	tree_mkdir(path);
	tree_attributes(path, name, src, dst);
	tree_write(path, "dev", "254:0\n");
	tree_link(tree_path(t, "sys/devices/%s", parent),
		  tree_path(t, "sys/devices/%s/%s/device", parent, node));
	tree_link(path, tree_path(t, "sys/class/rpmsg/%s", node));
	tree_write(t->dev, node, "");
	return path;
}

/* rpmsg_ctrlN on a bus, with the two channels that are the bus's own. */
static inline void tree_control(const struct tree *t, const char *bus, const char *ctrl)
{
	const char *name = strrchr(bus, '/') ? strrchr(bus, '/') + 1 : bus;
	char channel[80], dir[256];

	snprintf(channel, sizeof(channel), "%s.rpmsg_ns.53.53", name);
	tree_channel(t, bus, channel, "rpmsg_ns", "0x35", "0x35", false);
	snprintf(channel, sizeof(channel), "%s.rpmsg_ctrl.0.0", name);
	tree_channel(t, bus, channel, "rpmsg_ctrl", "0x0", "0x0", false);
	snprintf(dir, sizeof(dir), "sys/devices/%s/%s/rpmsg/%s", bus, channel, ctrl);
	tree_mkdir(tree_path(t, "%s", dir));
	tree_write(tree_path(t, "%s", dir), "dev", "253:0\n");
	tree_link(tree_path(t, "sys/devices/%s/%s", bus, channel), tree_path(t, "%s/device", dir));
	tree_link(tree_path(t, "%s", dir), tree_path(t, "sys/class/rpmsg/%s", ctrl));
	tree_write(t->dev, ctrl, "");
}

static inline void tree_remove_control(const struct tree *t, const char *bus, const char *ctrl)
{
	const char *name = strrchr(bus, '/') ? strrchr(bus, '/') + 1 : bus;
	char dir[96];

	unlink(tree_path(t, "sys/class/rpmsg/%s", ctrl));
	unlink(tree_path(t, "dev/%s", ctrl));
	snprintf(dir, sizeof(dir), "%s.rpmsg_ctrl.0.0", name);
	tree_remove_channel(t, bus, dir);
	snprintf(dir, sizeof(dir), "%s.rpmsg_ns.53.53", name);
	tree_remove_channel(t, bus, dir);
}

/* ---- set up ---- */

static inline int tree_set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	strcpy(t->root, "/tmp/rpmsg-sysfs-XXXXXX");
	if (!mkdtemp(t->root))
		return -1;
	snprintf(t->sys, sizeof(t->sys), "%s/sys", t->root);
	snprintf(t->dev, sizeof(t->dev), "%s/dev", t->root);
	tree_mkdir(tree_path(t, "sys/class/rpmsg"));
	tree_mkdir(tree_path(t, "sys/bus/rpmsg/devices"));
	tree_mkdir(t->dev);
	chrdev_roots = (struct chrdev_roots){ t->sys, t->dev };
	setenv("RPMSG_DIR", tree_path(t, "run"), 1);
	*state = t;
	return 0;
}

static inline int tree_tear_down(void **state)
{
	struct tree *t = *state;

	tree_remove(t->root);
	free(t);
	return 0;
}

#endif
