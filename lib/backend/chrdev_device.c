/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and destroying the kernel's devices: endpoints (/dev/rpmsgN) and
 * services. The control device is opened for each request and closed again: one
 * that is held open keeps its number, and the next of its bus would get another.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define NODE_WAIT_MS 2000 /* for udev to make a node, or to give it to us */
#define NODE_LOOK_MS 20
#define TRIES 8           /* at addresses that something invisible has */

/* ---- errors ---- */

/* Who may use path, for those who may not. */
static int no_access(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return fail(EACCES, "no permission for %s", path);
	return fail(EACCES, "no permission for %s (uid %u, gid %u, mode %04o): be root, or give a "
			    "group access to it with a udev rule", path, (unsigned)st.st_uid,
		    (unsigned)st.st_gid, (unsigned)st.st_mode & 07777);
}

static int link_gone(const char *path)
{
	return fail(EPIPE, "%s is gone: the firmware is not running any more", path);
}

/* ---- requests to a control device ---- */

static int open_control(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		return no_access(path);
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return link_gone(path);
	return fail(errno, "%s: %s", path, strerror(errno));
}

int chrdev_check_control(const char *ctrl)
{
	char path[CHRDEV_PATH_SIZE];
	int fd;

	chrdev_node_path(ctrl, path, sizeof(path));
	fd = open_control(path);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int request_failed(const char *path, const char *what, const struct rpmsg_channel_info *info,
			  int err)
{
	switch (err) {
	case ENOTTY:
		return fail(EOPNOTSUPP, "%s: this kernel cannot %s", path, what);
	case EINVAL:
		return fail(EINVAL, "%s: the kernel refuses to %s '%s' 0x%x", path, what,
			    info->name, info->src);
	case ENXIO:
		return fail(EEXIST, "%s: the kernel did not %s '%s' 0x%x: one like it may be there "
				    "already, or the bus is going down; see dmesg", path, what,
			    info->name, info->src);
	default:
		return fail(err, "%s: cannot %s '%s': %s", path, what, info->name, strerror(err));
	}
}

static int request(const char *ctrl, unsigned long op, const char *what,
		   const struct rpmsg_channel_info *info)
{
	struct chrdev_info arg = { .src = info->src, .dst = info->dst };
	char path[CHRDEV_PATH_SIZE];
	int fd, err = 0;

	chrdev_node_path(ctrl, path, sizeof(path));
	fd = open_control(path);
	if (fd < 0)
		return fd;
	memcpy(arg.name, info->name, sizeof(arg.name));
	if (ioctl(fd, op, &arg))
		err = errno;
	close(fd);
	return err ? request_failed(path, what, info, err) : 0;
}

int chrdev_release(const char *ctrl, const struct rpmsg_channel_info *info)
{
	int err = request(ctrl, CHRDEV_RELEASE_DEV, "release service", info);

	return err == -EINVAL ? -ENOENT : err;
}

/* ---- nodes ---- */

/* The node may have been made again for another device since. */
static bool is_node(int fd, const struct chrdev_device *node)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == node->dev;
}

static bool is_owner(int pid, const char *path, char *command, size_t size)
{
	char dir[64], fds[80], target[CHRDEV_NODE_SIZE + 64];
	bool found = false;
	struct dirent *d;
	ssize_t n;
	DIR *list;

	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	snprintf(fds, sizeof(fds), "%s/fd", dir);
	list = opendir(fds);
	if (!list)
		return false;
	while (!found && (d = readdir(list))) {
		n = readlinkat(dirfd(list), d->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = !strcmp(target, path);
	}
	closedir(list);
	if (found && chrdev_read_attribute(dir, "comm", command, size) < 0)
		snprintf(command, size, "?");
	return found;
}

bool chrdev_node_user(const char *node, int *pid, char *command, size_t size)
{
	char path[CHRDEV_PATH_SIZE];
	DIR *proc = opendir("/proc");
	bool found = false;
	struct dirent *d;

	if (!proc)
		return false;
	chrdev_node_path(node, path, sizeof(path));
	while (!found && (d = readdir(proc))) {
		*pid = isdigit((unsigned char)d->d_name[0]) ? atoi(d->d_name) : 0;
		found = *pid && is_owner(*pid, path, command, size);
	}
	closedir(proc);
	return found;
}

static int busy(const char *node, const char *path)
{
	char command[32];
	int pid;

	if (chrdev_node_user(node, &pid, command, sizeof(command)))
		return fail(EBUSY, "%s is held by pid %d (%s)", path, pid, command);
	return fail(EBUSY, "%s is held by another process: it can be open once only", path);
}

static int open_failed(const struct chrdev_device *node, const char *path, int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return no_access(path);
	case EBUSY:
		return busy(node->dir, path);
	case EINVAL: /* all that the kernel says when it cannot bind the address */
		return fail(EADDRINUSE, "%s: the kernel cannot bind address 0x%x, it is taken",
			    path, node->info.src);
	case ENETRESET:
	case ENXIO:
	case ENODEV:
		return link_gone(path);
	case ENOENT:
		return fail(ENOENT, "%s did not appear within %d s: is udev or devtmpfs at work?",
			    path, NODE_WAIT_MS / 1000);
	default:
		return fail(err, "%s: %s", path, strerror(err));
	}
}

static int try_open(const struct chrdev_device *node, const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (is_node(fd, node))
		return fd;
	close(fd);
	return -ENOENT;
}

/* Sleeps until something may have happened in /dev. */
static void await_change(int watch)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[1024];

	if (poll(&p, 1, NODE_LOOK_MS) > 0 && read(watch, events, sizeof(events)) < 0)
		poll(NULL, 0, NODE_LOOK_MS);
}

int chrdev_open_node(const struct chrdev_device *node)
{
	int64_t end = chrdev_now_ms() + NODE_WAIT_MS;
	char path[CHRDEV_PATH_SIZE];
	int watch, fd;

	chrdev_node_path(node->dir, path, sizeof(path));
	fd = try_open(node, path);
	if (fd != -ENOENT && fd != -EACCES)
		return fd < 0 ? open_failed(node, path, -fd) : fd;
	/* Nodes come, and are given to groups, a moment after their device. */
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch >= 0)
		inotify_add_watch(watch, chrdev_roots.dev, IN_CREATE | IN_ATTRIB | IN_MOVED_TO);
	do {
		await_change(watch);
		fd = try_open(node, path);
	} while ((fd == -ENOENT || fd == -EACCES) && chrdev_now_ms() < end);
	if (watch >= 0)
		close(watch);
	return fd < 0 ? open_failed(node, path, -fd) : fd;
}

int chrdev_destroy_node(const struct chrdev_device *node, bool look)
{
	char path[CHRDEV_PATH_SIZE];
	int fd, err = 0;

	chrdev_node_path(node->dir, path, sizeof(path));
	fd = try_open(node, path);
	if (fd < 0)
		return open_failed(node, path, -fd);
	if (!look && ioctl(fd, CHRDEV_DESTROY_EPT))
		err = fail(errno, "%s: cannot be destroyed: %s", path, strerror(errno));
	close(fd);
	return err;
}

/* ---- addresses ---- */

/* What is there on a bus. */
struct census {
	struct chrdev_list channels, nodes;
};

static int take_census(const struct chrdev_place *place, struct census *now)
{
	int err = chrdev_scan_channels(place, &now->channels);

	if (err)
		return err;
	err = chrdev_scan_nodes(place, &now->nodes);
	if (err)
		chrdev_list_free(&now->channels);
	return err;
}

static void free_census(struct census *now)
{
	chrdev_list_free(&now->channels);
	chrdev_list_free(&now->nodes);
}

static const struct chrdev_device *at_address(const struct chrdev_list *list, uint32_t addr)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct chrdev_device *d = &list->item[i];

		/* The control device has address 0 in sysfs, and none in truth. */
		if (d->info.src == addr && !(d->pseudo && !addr))
			return d;
	}
	return NULL;
}

static const struct chrdev_device *who_has(const struct census *now, uint32_t addr)
{
	const struct chrdev_device *d = at_address(&now->channels, addr);

	return d ? d : at_address(&now->nodes, addr);
}

/* *src, or for ANY the lowest free one from least. */
static int choose_address(const struct census *now, uint32_t *src, uint32_t least)
{
	const struct chrdev_device *d;

	if (*src == RPMSG_ADDR_ANY) {
		for (*src = least; who_has(now, *src); ++*src)
			continue;
		return 0;
	}
	if (*src >= CHRDEV_ADDR_END)
		return fail(EADDRNOTAVAIL, "address 0x%x: Linux binds none from 0x%x on", *src,
			    CHRDEV_ADDR_END);
	d = who_has(now, *src);
	return d ? fail(EADDRINUSE, "address 0x%x is bound already, by %s (%s)", *src, d->dir,
			d->info.name) : 0;
}

/* ---- making ---- */

static void sign(struct chrdev_record *rec, const struct rpmsg_channel_info *info, bool service)
{
	*rec = (struct chrdev_record){ .pid = (int)getpid(), .service = service, .info = *info };
	snprintf(rec->command, sizeof(rec->command), "%s", program_invocation_short_name);
}

/* The one in now that is as info says and was not there before. */
static const struct chrdev_device *new_one(const struct chrdev_list *before,
					   const struct chrdev_list *now,
					   const struct rpmsg_channel_info *info)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct chrdev_device *d = &now->item[i];
		size_t k = 0;

		while (k < before->n && before->item[k].id != d->id)
			k++;
		if (k == before->n && d->info.src == info->src && d->info.dst == info->dst &&
		    !strcmp(d->info.name, info->name))
			return d;
	}
	return NULL;
}

/* Asks for a device and finds it: *dev. */
static int request_device(const struct chrdev_place *place, const struct rpmsg_channel_info *info,
			  bool service, const struct chrdev_list *before, struct chrdev_device *dev)
{
	const struct chrdev_device *d;
	struct chrdev_list now;
	int err;

	err = request(place->ctrl, service ? CHRDEV_CREATE_DEV : CHRDEV_CREATE_EPT,
		      service ? "make service" : "make endpoint", info);
	if (!err)
		err = service ? chrdev_scan_channels(place, &now) : chrdev_scan_nodes(place, &now);
	if (err)
		return err;
	d = new_one(before, &now, info);
	if (d)
		*dev = *d;
	chrdev_list_free(&now);
	return d ? 0 : fail(EPIPE, "%s: the %s '%s' was made, and is gone again", place->ctrl,
			    service ? "service" : "endpoint", info->name);
}

/* With the lock: makes a device and puts it on record. */
static int make_device(struct chrdev_lock *lock, const struct chrdev_place *place,
		       const struct rpmsg_channel_info *info, bool service, bool keep,
		       const struct chrdev_list *before, struct chrdev_made *made,
		       struct chrdev_device *dev)
{
	struct chrdev_record rec;
	int err;

	sign(&rec, info, service);
	err = chrdev_lock_intend(lock, &rec);
	if (err)
		return err;
	err = request_device(place, info, service, before, dev);
	if (err) {
		chrdev_lock_intend(lock, NULL);
		return err;
	}
	made->id = rec.id = dev->id;
	made->src = info->src;
	made->record = keep ? -1 : chrdev_record_make(lock, &rec);
	if (!keep && made->record < 0)
		return made->record; /* what is intended is still written down */
	return chrdev_lock_intend(lock, NULL);
}

static void reset_made(struct chrdev_made *made)
{
	*made = (struct chrdev_made){ .fd = -1, .record = -1 };
}

/* One try. -EADDRINUSE: the address is taken by something that sysfs does not show. */
static int make_endpoint_at(struct chrdev_lock *lock, const struct chrdev_place *place,
			    const struct rpmsg_channel_info *info, const struct chrdev_list *before,
			    struct chrdev_made *made)
{
	struct chrdev_device dev;
	int err;

	reset_made(made);
	err = make_device(lock, place, info, false, false, before, made, &dev);
	if (err)
		return err;
	strcpy(made->node, dev.dir);
	made->fd = chrdev_open_node(&dev);
	if (made->fd >= 0)
		return 0;
	/* Only who has it open can destroy it: it stays on record as left behind. */
	err = made->fd;
	close(made->record);
	reset_made(made);
	return err;
}

/* ---- one that was left behind, by who was killed or could not open it ---- */

struct left_search {
	const struct rpmsg_channel_info *want;
	const char *ctrl;
	const struct chrdev_list *nodes;
	const struct chrdev_device *found;
};

static bool fits(const struct rpmsg_channel_info *want, const struct rpmsg_channel_info *info)
{
	return (want->src == RPMSG_ADDR_ANY || want->src == info->src) && want->dst == info->dst &&
	       !strcmp(want->name, info->name);
}

static void look_at_record(const struct chrdev_record *rec, bool alive, void *arg)
{
	struct left_search *s = arg;

	if (alive || rec->service || !fits(s->want, &rec->info))
		return;
	for (size_t i = 0; i < s->nodes->n; i++) {
		const struct chrdev_device *d = &s->nodes->item[i];

		if (d->id == rec->id && !strcmp(d->ctrl, s->ctrl) && fits(s->want, &d->info))
			s->found = d;
	}
}

/*
 * 0: *made is it. -ENOENT: there is none that could be opened. -EACCES: there is one, and
 * another would be no better, but stay for ever just the same.
 */
static int adopt(struct chrdev_lock *lock, const struct chrdev_place *place,
		 const struct rpmsg_channel_info *want, const struct chrdev_list *nodes,
		 struct chrdev_made *made)
{
	struct left_search s = { want, place->ctrl, nodes, NULL };
	struct chrdev_record rec;
	int fd;

	reset_made(made);
	chrdev_record_each(lock, look_at_record, &s);
	if (!s.found)
		return -ENOENT;
	fd = chrdev_open_node(s.found);
	if (fd < 0)
		return fd == -EACCES ? fd : -ENOENT;
	sign(&rec, &s.found->info, false);
	*made = (struct chrdev_made){ .fd = fd, .id = s.found->id, .src = s.found->info.src };
	strcpy(made->node, s.found->dir);
	rec.id = made->id;
	made->record = chrdev_record_make(lock, &rec);
	if (made->record >= 0)
		return 0;
	close(fd);
	reset_made(made);
	return -ENOENT;
}

/* ---- making an endpoint ---- */

/* At the next address if the one chosen turns out to be taken. */
static int make_new(struct chrdev_lock *lock, const struct chrdev_place *place,
		    const struct rpmsg_channel_info *info, const struct census *now,
		    struct chrdev_made *made)
{
	struct rpmsg_channel_info want = *info;
	uint32_t least = RPMSG_ADDR_DYNAMIC;
	int err, tries = 0;

	do {
		want.src = info->src;
		err = choose_address(now, &want.src, least);
		if (!err)
			err = make_endpoint_at(lock, place, &want, &now->nodes, made);
		least = want.src + 1;
	} while (err == -EADDRINUSE && info->src == RPMSG_ADDR_ANY && ++tries < TRIES);
	return err;
}

int chrdev_make_endpoint(const struct chrdev_place *place, const struct rpmsg_channel_info *info,
			 struct chrdev_made *made)
{
	struct chrdev_lock lock;
	struct census now;
	int err;

	err = chrdev_lock_take(&lock);
	if (err)
		return err;
	err = take_census(place, &now);
	if (err)
		goto drop;
	err = adopt(&lock, place, info, &now.nodes, made);
	if (err == -ENOENT)
		err = make_new(&lock, place, info, &now, made);
	free_census(&now);
drop:
	chrdev_lock_drop(&lock);
	return err;
}

static const struct chrdev_device *node_of(const struct chrdev_list *nodes, const char *channel)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (!strcmp(nodes->item[i].parent, channel))
			return &nodes->item[i];
	return NULL;
}

int chrdev_open_channel(const struct chrdev_place *place, const struct chrdev_device *ch,
			struct chrdev_made *made)
{
	const struct chrdev_device *node;
	struct chrdev_list nodes;
	int err = chrdev_scan_nodes(place, &nodes);

	if (err)
		return err;
	reset_made(made);
	node = node_of(&nodes, ch->dir);
	if (!node) {
		chrdev_list_free(&nodes);
		return fail(EPIPE, "channel %s is gone", ch->info.name);
	}
	strcpy(made->node, node->dir);
	made->src = node->info.src;
	made->fd = chrdev_open_node(node);
	chrdev_list_free(&nodes);
	return made->fd < 0 ? made->fd : 0;
}

void chrdev_unmake(struct chrdev_made *made)
{
	if (made->fd >= 0) {
		if (made->record >= 0)
			ioctl(made->fd, CHRDEV_DESTROY_EPT);
		close(made->fd);
	}
	chrdev_record_drop(made->record, made->id);
	reset_made(made);
}

/* ---- services ---- */

static int write_attribute(const char *dir, const char *name, const char *text)
{
	char path[CHRDEV_PATH_SIZE + 64];
	ssize_t n;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? no_access(path) : fail(errno, "%s: %s", path,
								strerror(errno));
	n = write(fd, text, strlen(text));
	if (n < 0)
		err = fail(errno, "%s: %s", path, strerror(errno));
	close(fd);
	return err;
}

static void bus_path(char *path, const char *sub)
{
	snprintf(path, CHRDEV_PATH_SIZE, "%s/bus/rpmsg%s", chrdev_roots.sys, sub);
}

/* Gives the device to rpmsg_chrdev, whatever it is called. */
static int bind_driver(const char *name, const char *dir)
{
	char path[CHRDEV_PATH_SIZE];
	int err;

	bus_path(path, "/drivers/rpmsg_chrdev");
	if (access(path, F_OK))
		return fail(ENODEV, "the kernel has no driver rpmsg_chrdev, without which it "
				    "announces nothing of programs: modprobe rpmsg_char");
	chrdev_channel_path(dir, path, sizeof(path));
	err = write_attribute(path, "driver_override", "rpmsg_chrdev");
	bus_path(path, "");
	if (!err)
		err = write_attribute(path, "drivers_probe", dir);
	if (err == -EACCES)
		return fail(EACCES, "the kernel announces '%s' only if a driver takes it, which "
				    "root alone can arrange; 'rpmsg-raw' is a name that needs no "
				    "root", name);
	return err;
}

/* Reads who drives the device now. */
static int read_driver(const struct chrdev_place *place, struct chrdev_device *dev)
{
	struct chrdev_list now;
	int err = chrdev_scan_channels(place, &now);

	dev->driver[0] = '\0';
	for (size_t i = 0; i < now.n; i++)
		if (now.item[i].id == dev->id)
			*dev = now.item[i];
	chrdev_list_free(&now);
	return err;
}

/* The kernel announces a service when a driver with a callback has it. */
static int have_announced(const struct chrdev_place *place, struct chrdev_device *dev)
{
	int err;

	if (dev->driver[0])
		return 0;
	err = bind_driver(dev->info.name, dev->dir);
	if (!err)
		err = read_driver(place, dev);
	if (err)
		return err;
	if (dev->driver[0])
		return 0;
	return fail(EIO, "no driver of the kernel took service '%s': see dmesg", dev->info.name);
}

int chrdev_make_service(const struct chrdev_place *place, const struct rpmsg_channel_info *info,
			bool keep, struct chrdev_made *made, struct chrdev_device *dev)
{
	struct rpmsg_channel_info want = *info;
	struct chrdev_lock lock;
	struct census now;
	int err;

	reset_made(made);
	err = chrdev_lock_take(&lock);
	if (err)
		return err;
	err = take_census(place, &now);
	if (err)
		goto drop;
	err = choose_address(&now, &want.src, RPMSG_ADDR_DYNAMIC);
	if (!err)
		err = make_device(&lock, place, &want, true, keep, &now.channels, made, dev);
	if (err)
		goto out;
	err = have_announced(place, dev);
	if (err) {
		chrdev_release(place->ctrl, &want);
		chrdev_unmake(made);
	}
out:
	free_census(&now);
drop:
	chrdev_lock_drop(&lock);
	return err;
}
