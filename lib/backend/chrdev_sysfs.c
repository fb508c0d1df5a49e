/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sysfs says about the kernel's rpmsg buses. Everything in it may vanish at
 * any time, and what it says comes from firmware: an attribute is read once, with
 * a bound, and what does not make sense is passed over.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define VIRTIO_MTU 496u /* virtio_rpmsg_bus.c has buffers of 512 bytes, and no other */

struct chrdev_roots chrdev_roots = { "/sys", "/dev" };

_Static_assert(CHRDEV_PATH_SIZE >= PATH_MAX, "realpath() wants as much");

/* ---- attributes ---- */

/* "a/b"; false if it does not fit. */
static bool join(char *path, const char *a, const char *b)
{
	int n = snprintf(path, CHRDEV_PATH_SIZE, "%s/%s", a, b);

	return n > 0 && (size_t)n < CHRDEV_PATH_SIZE;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Reads at most size bytes: their number, or -EPROTO if that is not all, or not room for a NUL. */
static ssize_t read_bounded(int fd, char *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);
	char more;

	if (n < 0)
		return -EIO;
	if ((size_t)n == size && (buf[n - 1] != '\n' || read(fd, &more, 1) > 0))
		return -EPROTO;
	return n;
}

int chrdev_read_attribute(const char *dir, const char *name, char *buf, size_t size)
{
	char path[CHRDEV_PATH_SIZE];
	ssize_t n;
	int fd;

	if (!join(path, dir, name))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	n = read_bounded(fd, buf, size);
	close(fd);
	if (n < 0)
		return (int)n;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return memchr(buf, '\0', (size_t)n) ? -EPROTO : (int)n;
}

int chrdev_parse_address(const char *text, uint32_t *addr)
{
	const char *digits = text + (text[0] == '-');
	char *end;
	long long n;

	if (!isdigit((unsigned char)*digits))
		return -EPROTO;
	errno = 0;
	n = strtoll(text, &end, 0);
	if (errno || *end || n < INT32_MIN || n > UINT32_MAX)
		return -EPROTO;
	*addr = (uint32_t)n;
	return 0;
}

static int read_address(const char *dir, const char *name, uint32_t *addr)
{
	char text[24];
	int n = chrdev_read_attribute(dir, name, text, sizeof(text));

	return n < 0 ? n : chrdev_parse_address(text, addr);
}

static int read_info(const char *dir, struct rpmsg_channel_info *info)
{
	int n;

	memset(info, 0, sizeof(*info));
	n = chrdev_read_attribute(dir, "name", info->name, sizeof(info->name));
	if (n >= 0)
		n = read_address(dir, "src", &info->src);
	if (n >= 0)
		n = read_address(dir, "dst", &info->dst);
	return n < 0 ? n : 0;
}

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

/* The last part of where a link in sysfs points, or "". */
static void link_name(const char *dir, const char *link, char *name, size_t size)
{
	char path[CHRDEV_PATH_SIZE], target[CHRDEV_PATH_SIZE];

	name[0] = '\0';
	if (join(path, dir, link) && realpath(path, target))
		snprintf(name, size, "%.*s", (int)size - 1, base_name(target));
}

/* ---- directories ---- */

static bool numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && isdigit((unsigned char)name[len]) &&
	       name[len + strspn(name + len, "0123456789")] == '\0';
}

/* Calls fn with each entry; stops at its first non-zero, which is returned. */
static int each_entry(const char *path, int (*fn)(const char *name, void *arg), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return 0; /* no such class: none of it */
	while (!ret && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			ret = fn(d->d_name, arg);
	closedir(dir);
	return ret;
}

struct each_numbered {
	const char *prefix;
	int (*fn)(const char *name, void *arg);
	void *arg;
};

static int if_numbered(const char *name, void *arg)
{
	const struct each_numbered *each = arg;

	return numbered(name, each->prefix) ? each->fn(name, each->arg) : 0;
}

int chrdev_each_name(const char *class, const char *prefix, int (*fn)(const char *name, void *arg),
		     void *arg)
{
	struct each_numbered each = { prefix, fn, arg };
	char path[CHRDEV_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/class/%s", chrdev_roots.sys, class);
	return each_entry(path, if_numbered, &each);
}

/* The directory of a class's device, all links followed. */
static bool class_path(const char *class, const char *name, char *real)
{
	char path[CHRDEV_PATH_SIZE];
	int n = snprintf(path, sizeof(path), "%s/class/%s/%s", chrdev_roots.sys, class, name);

	return n > 0 && (size_t)n < sizeof(path) && realpath(path, real);
}

void chrdev_channel_path(const char *dir, char *path, size_t size)
{
	snprintf(path, size, "%s/bus/rpmsg/devices/%s", chrdev_roots.sys, dir);
}

void chrdev_node_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", chrdev_roots.dev, name);
}

/* Whether path is below dir, at any depth. */
static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/* ---- a bus ---- */

/* The virtio device's features file has a digit for each bit, bit 0 first. */
static uint64_t read_features(const char *dir)
{
	char text[66];
	uint64_t features = 0;
	int n = chrdev_read_attribute(dir, "features", text, sizeof(text));

	for (int i = 0; i < n && i < 64; i++)
		features |= (uint64_t)(text[i] == '1') << i;
	return features;
}

int chrdev_locate(const char *ctrl, struct chrdev_place *place)
{
	char real[CHRDEV_PATH_SIZE], device[CHRDEV_PATH_SIZE], subsystem[16];

	if (!class_path("rpmsg", ctrl, real) || !join(device, real, "device") ||
	    !realpath(device, place->dir))
		return -ENOENT;
	place->id = inode_of(real);
	*strrchr(place->dir, '/') = '\0';
	if (!place->id)
		return -ENOENT;
	if (!place->dir[0])
		return -EPROTO;
	snprintf(place->ctrl, sizeof(place->ctrl), "%s", ctrl);
	link_name(place->dir, "subsystem", subsystem, sizeof(subsystem));
	place->mtu = strcmp(subsystem, "virtio") ? 0 : VIRTIO_MTU;
	place->features = place->mtu ? read_features(place->dir) : 0;
	return 0;
}

/* ---- which bus ---- */

struct text {
	char *at;
	size_t room;
};

static void add_text(struct text *t, const char *more)
{
	size_t len = strlen(more);

	if (len + 1 > t->room)
		return;
	memcpy(t->at, more, len + 1);
	t->at += len;
	t->room -= len;
}

static int list_control(const char *name, void *arg)
{
	char text[CHRDEV_PATH_SIZE];

	chrdev_node_path(name, text, sizeof(text));
	add_text(arg, " ");
	add_text(arg, text);
	return 0;
}

static void make_printable(char *text)
{
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			*text = '?';
}

static int list_processor(const char *name, void *arg)
{
	char dir[CHRDEV_PATH_SIZE], label[32] = "", state[16] = "", text[128];

	if (!class_path("remoteproc", name, dir))
		return 0;
	if (chrdev_read_attribute(dir, "name", label, sizeof(label)) < 0)
		strcpy(label, "?");
	if (chrdev_read_attribute(dir, "state", state, sizeof(state)) < 0)
		strcpy(state, "?");
	make_printable(label);
	make_printable(state);
	snprintf(text, sizeof(text), " %s (%s, %s)", name, label, state);
	add_text(arg, text);
	return 0;
}

static int not_there(const char *what, const char *class, const char *prefix,
		     int (*list)(const char *, void *))
{
	char names[300] = "";
	struct text t = { names, sizeof(names) };

	chrdev_each_name(class, prefix, list, &t);
	return fail(ENOENT, "%s; there is%s", what, *names ? names : " none");
}

static int find_control(const char *spec, struct chrdev_place *place)
{
	const char *name = base_name(spec);
	char path[CHRDEV_PATH_SIZE];

	chrdev_node_path(name, path, sizeof(path));
	if (strcmp(path, spec) || !numbered(name, "rpmsg_ctrl") || strlen(name) >= CHRDEV_NODE_SIZE)
		return fail(EINVAL, "no control device: that is %s/rpmsg_ctrlN", chrdev_roots.dev);
	if (!chrdev_locate(name, place))
		return 0;
	return not_there("no such control device", "rpmsg", "rpmsg_ctrl", list_control);
}

struct processor {
	const char *wanted;
	char name[CHRDEV_NODE_SIZE]; /* remoteprocN */
	unsigned n;
};

/* By its node in the device tree, with or without the address: "m4@0", "m4". */
static bool is_tree_node(const char *dir, const char *wanted)
{
	char name[CHRDEV_DIR_SIZE];

	link_name(dir, "device/of_node", name, sizeof(name));
	if (!strcmp(name, wanted))
		return true;
	name[strcspn(name, "@")] = '\0';
	return name[0] && !strcmp(name, wanted);
}

static bool is_processor(const char *name, const char *wanted)
{
	char dir[CHRDEV_PATH_SIZE], label[128];

	if (!strcmp(name, wanted))
		return true;
	if (!class_path("remoteproc", name, dir))
		return false;
	if (chrdev_read_attribute(dir, "name", label, sizeof(label)) > 0 && !strcmp(label, wanted))
		return true;
	return is_tree_node(dir, wanted);
}

static int match_processor(const char *name, void *arg)
{
	struct processor *p = arg;

	if (strlen(name) < sizeof(p->name) && is_processor(name, p->wanted)) {
		strcpy(p->name, name);
		p->n++;
	}
	return 0;
}

struct control_search {
	const char *dir;
	char name[CHRDEV_NODE_SIZE];
};

/* The one with the lowest number below dir. */
static int match_control(const char *name, void *arg)
{
	struct control_search *s = arg;
	char real[CHRDEV_PATH_SIZE];

	if (strlen(name) >= sizeof(s->name) || !class_path("rpmsg", name, real) ||
	    !below(real, s->dir))
		return 0;
	if (!s->name[0] || strverscmp(name, s->name) < 0)
		strcpy(s->name, name);
	return 0;
}

/* Below the processor itself (remoteproc_virtio), else beside it, below its device (glink, smd). */
static bool control_of(const char *processor, char name[CHRDEV_NODE_SIZE])
{
	char dir[CHRDEV_PATH_SIZE], device[CHRDEV_PATH_SIZE], real[CHRDEV_PATH_SIZE];
	struct control_search s = { .dir = dir };

	if (!class_path("remoteproc", processor, dir))
		return false;
	chrdev_each_name("rpmsg", "rpmsg_ctrl", match_control, &s);
	if (!s.name[0] && join(device, dir, "device") && realpath(device, real)) {
		s.dir = real;
		chrdev_each_name("rpmsg", "rpmsg_ctrl", match_control, &s);
	}
	strcpy(name, s.name);
	return s.name[0];
}

static int find_processor(const char *spec, struct chrdev_place *place)
{
	struct processor p = { .wanted = spec + strlen("rproc:") };
	char ctrl[CHRDEV_NODE_SIZE];

	if (!*p.wanted)
		return fail(EINVAL, "no remote processor is named");
	chrdev_each_name("remoteproc", "remoteproc", match_processor, &p);
	if (p.n != 1)
		return not_there(p.n ? "several remote processors are called that"
				     : "no such remote processor",
				 "remoteproc", "remoteproc", list_processor);
	if (!control_of(p.name, ctrl) || chrdev_locate(ctrl, place))
		place->ctrl[0] = '\0';
	return 0;
}

int chrdev_find(const char *spec, struct chrdev_place *place)
{
	memset(place, 0, sizeof(*place));
	return strncmp(spec, "rproc:", 6) ? find_control(spec, place) : find_processor(spec, place);
}

/* ---- lists ---- */

void chrdev_list_free(struct chrdev_list *list)
{
	free(list->item);
	*list = (struct chrdev_list){ 0 };
}

/* By age: inodes are given out in ascending order. */
static int by_age(const void *a, const void *b)
{
	const struct chrdev_device *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int list_done(struct chrdev_list *list, int err)
{
	if (err)
		chrdev_list_free(list);
	else if (list->n)
		qsort(list->item, list->n, sizeof(*list->item), by_age);
	return err;
}

static struct chrdev_device *list_add(struct chrdev_list *list)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct chrdev_device *p = realloc(list->item, room * sizeof(*p));

		if (!p)
			return NULL;
		list->item = p;
		list->room = room;
	}
	memset(&list->item[list->n], 0, sizeof(*list->item));
	return &list->item[list->n++];
}

struct scan {
	const struct chrdev_place *place;
	struct chrdev_list *list;
};

/* The bus has two devices of its own among its channels; firmware may announce the same names. */
static bool is_pseudo(const struct chrdev_device *d)
{
	return (!strcmp(d->info.name, "rpmsg_ctrl") && !d->info.src && !d->info.dst) ||
	       (!strcmp(d->info.name, "rpmsg_ns") && d->info.src == RPMSG_NS_ADDR &&
		d->info.dst == RPMSG_NS_ADDR);
}

static int scan_channel(const char *name, void *arg)
{
	const struct scan *s = arg;
	char path[CHRDEV_PATH_SIZE], real[CHRDEV_PATH_SIZE], announce[8];
	struct chrdev_device *d, found = { 0 };
	char *slash;

	chrdev_channel_path(name, path, sizeof(path));
	if (strlen(name) >= sizeof(found.dir) || !realpath(path, real))
		return 0;
	slash = strrchr(real, '/');
	*slash = '\0';
	if (s->place && strcmp(real, s->place->dir))
		return 0;
	*slash = '/';
	found.id = inode_of(real);
	if (!found.id || read_info(real, &found.info) || !found.info.name[0])
		return 0;
	strcpy(found.dir, name);
	found.announce = chrdev_read_attribute(real, "announce", announce, sizeof(announce)) > 0 &&
			 !strcmp(announce, "true");
	found.pseudo = is_pseudo(&found);
	link_name(real, "driver", found.driver, sizeof(found.driver));
	d = list_add(s->list);
	if (!d)
		return -ENOMEM;
	*d = found;
	return 0;
}

int chrdev_scan_channels(const struct chrdev_place *place, struct chrdev_list *list)
{
	struct scan s = { place, list };
	char path[CHRDEV_PATH_SIZE];

	*list = (struct chrdev_list){ 0 };
	chrdev_channel_path("", path, sizeof(path));
	return list_done(list, each_entry(path, scan_channel, &s));
}

static int read_dev(const char *dir, dev_t *dev)
{
	unsigned major_number, minor_number;
	char text[24], end;
	int n = chrdev_read_attribute(dir, "dev", text, sizeof(text));

	if (n < 0)
		return n;
	if (sscanf(text, "%u:%u%c", &major_number, &minor_number, &end) != 2)
		return -EPROTO;
	*dev = makedev(major_number, minor_number);
	return 0;
}

static int scan_node(const char *name, void *arg)
{
	const struct scan *s = arg;
	struct chrdev_device *d, found = { 0 };
	char real[CHRDEV_PATH_SIZE];

	if (strlen(name) >= CHRDEV_NODE_SIZE || !class_path("rpmsg", name, real) ||
	    (s->place && !below(real, s->place->dir)))
		return 0;
	found.id = inode_of(real);
	if (!found.id || read_info(real, &found.info) || read_dev(real, &found.dev))
		return 0;
	strcpy(found.dir, name);
	link_name(real, "device", found.parent, sizeof(found.parent));
	if (numbered(found.parent, "rpmsg_ctrl") && strlen(found.parent) < sizeof(found.ctrl))
		strcpy(found.ctrl, found.parent);
	d = list_add(s->list);
	if (!d)
		return -ENOMEM;
	*d = found;
	return 0;
}

int chrdev_scan_nodes(const struct chrdev_place *place, struct chrdev_list *list)
{
	struct scan s = { place, list };

	*list = (struct chrdev_list){ 0 };
	return list_done(list, chrdev_each_name("rpmsg", "rpmsg", scan_node, &s));
}
