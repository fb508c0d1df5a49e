/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the dead left on the kernel's buses. With the lock held nobody makes a
 * device, so a device that is on record of a process that has ended, or that was
 * being made when one ended, is nobody's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/chrdev.h"

struct clearing {
	struct chrdev_lock lock;
	struct chrdev_list channels, nodes;
	const char *ctrl; /* NULL: all */
	unsigned flags;
	void (*fn)(const struct rpmsg_leftover *left, void *arg);
	void *arg;
	int n;
};

static bool as_recorded(const struct chrdev_device *d, const struct chrdev_record *rec)
{
	return d->info.src == rec->info.src && d->info.dst == rec->info.dst &&
	       !strcmp(d->info.name, rec->info.name);
}

/* Finds by id, or (id 0) by what was intended. */
static const struct chrdev_device *find(const struct clearing *c, const struct chrdev_record *rec)
{
	const struct chrdev_list *list = rec->service ? &c->channels : &c->nodes;

	for (size_t i = 0; i < list->n; i++) {
		const struct chrdev_device *d = &list->item[i];

		if ((rec->id ? d->id == rec->id : !d->on_record) && as_recorded(d, rec) &&
		    (rec->service || d->ctrl[0]))
			return d;
	}
	return NULL;
}

struct control_search {
	const char *dir;
	char ctrl[CHRDEV_NODE_SIZE];
};

static int is_control_of(const char *name, void *arg)
{
	struct control_search *s = arg;
	struct chrdev_place place;
	char path[CHRDEV_PATH_SIZE], real[CHRDEV_PATH_SIZE];

	chrdev_channel_path(s->dir, path, sizeof(path));
	if (strlen(name) >= sizeof(s->ctrl) || chrdev_locate(name, &place) || !realpath(path, real))
		return 0;
	*strrchr(real, '/') = '\0';
	if (strcmp(real, place.dir))
		return 0;
	strcpy(s->ctrl, name);
	return 1;
}

/* The control device of the bus that d is on; "" if that is gone. */
static void control_of(const struct chrdev_device *d, bool service, char ctrl[CHRDEV_NODE_SIZE])
{
	struct control_search s = { .dir = d->dir };

	if (service)
		chrdev_each_name("rpmsg", "rpmsg_ctrl", is_control_of, &s);
	else
		strcpy(s.ctrl, d->ctrl);
	strcpy(ctrl, s.ctrl);
}

static void tell(struct clearing *c, const struct chrdev_device *d, const char *ctrl,
		 const struct chrdev_record *rec, int err)
{
	struct rpmsg_leftover left = {
		.size = sizeof(left), .info = d->info, .err = err, .service = rec && rec->service,
		.ours = rec, .pid = rec ? rec->pid : 0, .detail = err ? rpmsg_error_detail() : "",
	};
	char path[CHRDEV_PATH_SIZE];

	c->n += !err;
	if (!c->fn)
		return;
	chrdev_node_path(ctrl, path, sizeof(path));
	snprintf(left.ctrl, sizeof(left.ctrl), "%.31s", path);
	chrdev_node_path(d->dir, path, sizeof(path));
	if (!left.service)
		snprintf(left.node, sizeof(left.node), "%.31s", path);
	if (rec)
		snprintf(left.command, sizeof(left.command), "%s", rec->command);
	c->fn(&left, c->arg);
}

static int clear_away(const struct clearing *c, const struct chrdev_device *d, const char *ctrl,
		      bool service)
{
	bool look = c->flags & RPMSG_GC_DRY_RUN;

	if (!service)
		return chrdev_destroy_node(d, look);
	return look ? 0 : chrdev_release(ctrl, &d->info);
}

/* A device on record. True if the record has done its duty. */
static bool clear_recorded(struct clearing *c, const struct chrdev_record *rec)
{
	const struct chrdev_device *d = find(c, rec);
	char ctrl[CHRDEV_NODE_SIZE];
	int err;

	if (!d)
		return true;
	control_of(d, rec->service, ctrl);
	if (!ctrl[0])
		return true; /* its bus is going, and it with it */
	if (c->ctrl && strcmp(ctrl, c->ctrl) != 0)
		return false;
	err = clear_away(c, d, ctrl, rec->service);
	tell(c, d, ctrl, rec, err);
	return !err && !(c->flags & RPMSG_GC_DRY_RUN);
}

/* So that it is not taken for somebody else's later on. */
static void mark_known(struct clearing *c, const struct chrdev_record *rec)
{
	struct chrdev_list *list = rec->service ? &c->channels : &c->nodes;

	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].id == rec->id)
			list->item[i].on_record = true;
}

static void each_record(const struct chrdev_record *rec, bool alive, void *arg)
{
	struct clearing *c = arg;

	if (!alive && clear_recorded(c, rec))
		chrdev_record_remove(&c->lock, rec->id);
	mark_known(c, rec);
}

static void clear_intended(struct clearing *c)
{
	struct chrdev_record rec;

	if (!chrdev_lock_intended(&c->lock, &rec))
		return;
	if (clear_recorded(c, &rec) && !(c->flags & RPMSG_GC_DRY_RUN))
		chrdev_lock_intend(&c->lock, NULL);
}

/* Endpoints that are on nobody's record: of other programs, unless one has it open. */
static void clear_strangers(struct clearing *c)
{
	for (size_t i = 0; i < c->nodes.n; i++) {
		const struct chrdev_device *d = &c->nodes.item[i];
		int err;

		if (!d->ctrl[0] || d->on_record || (c->ctrl && strcmp(d->ctrl, c->ctrl) != 0))
			continue;
		err = clear_away(c, d, d->ctrl, false);
		if (err != -EBUSY)
			tell(c, d, d->ctrl, NULL, err);
	}
}

static int scan(struct clearing *c)
{
	int err = chrdev_scan_channels(NULL, &c->channels);

	return err ? err : chrdev_scan_nodes(NULL, &c->nodes);
}

int chrdev_gc(const char *ctrl, unsigned flags,
	      void (*fn)(const struct rpmsg_leftover *left, void *arg), void *arg)
{
	struct clearing c = { .ctrl = ctrl, .flags = flags, .fn = fn, .arg = arg };
	int err = chrdev_lock_take(&c.lock);

	if (err)
		return err;
	err = scan(&c);
	if (!err) {
		chrdev_record_each(&c.lock, each_record, &c);
		clear_intended(&c);
		if (flags & RPMSG_GC_ALL)
			clear_strangers(&c);
	}
	chrdev_list_free(&c.channels);
	chrdev_list_free(&c.nodes);
	chrdev_lock_drop(&c.lock);
	return err ? err : c.n;
}

static int is_there(const char *name, void *arg)
{
	(void)name, (void)arg;
	return 1;
}

int rpmsg_chrdev_gc(const char *spec, unsigned flags,
		    void (*fn)(const struct rpmsg_leftover *left, void *arg), void *arg)
{
	struct chrdev_place place = { 0 };
	int err;

	if (spec && !strncmp(spec, "rproc:", 6))
		return fail(EINVAL, "no control device: that is %s/rpmsg_ctrlN", chrdev_roots.dev);
	if (!spec && !chrdev_each_name("rpmsg", "rpmsg_ctrl", is_there, NULL))
		return 0;
	err = spec ? chrdev_find(spec, &place) : 0;
	return err ? err : chrdev_gc(spec ? place.ctrl : NULL, flags, fn, arg);
}
