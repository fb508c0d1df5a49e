/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's channels and link state, mirrored into the core; and the services
 * of this process, which the kernel forgets with each restart of the firmware.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/chrdev.h"

#define LOCAL_ID (UINT64_C(1) << 63) /* no inode has it */

/* ---- what is known (bus->lock) ---- */

static struct chrdev_channel *find(struct chrdev *c, uint64_t id)
{
	struct chrdev_channel *known;

	TAILQ_FOREACH(known, &c->channels, link)
		if (known->dev.id == id)
			return known;
	return NULL;
}

static struct channel *core_channel(struct chrdev *c, uint64_t id)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &c->bus.channels, link)
		if (ch->remote_id == id)
			return ch;
	return NULL;
}

/* While a channel's arrival is told its number is not set yet. */
static struct chrdev_channel *find_channel(struct chrdev *c, const struct channel *ch)
{
	struct chrdev_channel *known;

	if (ch->remote_id)
		return find(c, ch->remote_id);
	TAILQ_FOREACH(known, &c->channels, link)
		if (known->dev.info.dst == ch->pub.dst &&
		    (ch->pub.dst != RPMSG_ADDR_ANY || known->dev.info.src == ch->pub.src) &&
		    !strcmp(known->dev.info.name, ch->pub.id.name))
			return known;
	return NULL;
}

bool chrdev_channel_device(struct chrdev *c, const struct channel *ch, struct chrdev_device *dev)
{
	const struct chrdev_channel *known;
	bool there;

	lock_take(&c->bus.lock);
	known = find_channel(c, ch);
	there = known && !known->local;
	if (there)
		*dev = known->dev;
	lock_drop(&c->bus.lock);
	return there;
}

static struct chrdev_channel *add_known(struct chrdev *c, const struct chrdev_device *dev)
{
	struct chrdev_channel *known = calloc(1, sizeof(*known));

	if (!known)
		return NULL;
	known->dev = *dev;
	known->made = (struct chrdev_made){ .fd = -1, .record = -1 };
	lock_take(&c->bus.lock);
	TAILQ_INSERT_TAIL(&c->channels, known, link);
	lock_drop(&c->bus.lock);
	return known;
}

static void forget(struct chrdev *c, struct chrdev_channel *known)
{
	lock_take(&c->bus.lock);
	TAILQ_REMOVE(&c->channels, known, link);
	lock_drop(&c->bus.lock);
	chrdev_unmake(&known->made);
	free(known);
}

/* ---- the core's side ---- */

static enum rpmsg_channel_origin origin_of(const struct chrdev_device *d)
{
	return d->announce && d->info.dst == RPMSG_ADDR_ANY ? RPMSG_CHANNEL_SERVICE
							    : RPMSG_CHANNEL_LEARNED;
}

/* With a reference to it while the event runs. */
static void tell(struct chrdev *c, uint64_t id, enum rpmsg_event_type type)
{
	struct channel *ch;

	lock_take(&c->bus.lock);
	ch = core_channel(c, id);
	if (ch)
		ch->refs++;
	lock_drop(&c->bus.lock);
	if (!ch)
		return;
	bus_event(&c->bus, type, ch, 0);
	lock_take(&c->bus.lock);
	channel_put(ch);
	lock_drop(&c->bus.lock);
}

static void add_to_core(struct chrdev *c, const struct chrdev_device *d)
{
	struct channel *ch;

	ch = channel_add(&c->bus, &d->info, origin_of(d), false);
	if (!ch) {
		log_say(&c->bus.log, RPMSG_LOG_DEBUG, "%s is not shown: %s", d->dir,
			rpmsg_error_detail());
		return;
	}
	lock_take(&c->bus.lock);
	ch->remote_id = d->id;
	lock_drop(&c->bus.lock);
}

static void remove_from_core(struct chrdev *c, uint64_t id)
{
	struct channel *ch;

	lock_take(&c->bus.lock);
	ch = core_channel(c, id);
	lock_drop(&c->bus.lock);
	if (ch)
		channel_remove(ch);
}

/* A driver of the kernel came or went; a channel has an address since one came. */
static void update(struct chrdev *c, const struct chrdev_device *was,
		   const struct chrdev_device *is)
{
	bool bound = is->driver[0], changed = strcmp(was->driver, is->driver) != 0;
	struct channel *ch;

	lock_take(&c->bus.lock);
	ch = core_channel(c, is->id);
	if (ch && !ch->pub.ept && is->info.src != was->info.src)
		ch->pub.src = is->info.src;
	lock_drop(&c->bus.lock);
	if (changed)
		tell(c, is->id, bound ? RPMSG_EVENT_BOUND : RPMSG_EVENT_UNBOUND);
}

/* ---- differences: found with making, applied without ---- */

struct change {
	enum { APPEARED, VANISHED, CHANGED } what;
	struct chrdev_device was, is;
};
struct changes {
	struct change *item;
	size_t n, room;
};

static struct change *add_change(struct changes *all)
{
	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 8;
		struct change *p = realloc(all->item, room * sizeof(*p));

		if (!p)
			return NULL;
		all->item = p;
		all->room = room;
	}
	return &all->item[all->n++];
}

static const struct chrdev_device *find_in(const struct chrdev_list *now, uint64_t id)
{
	for (size_t i = 0; i < now->n; i++)
		if (now->item[i].id == id)
			return &now->item[i];
	return NULL;
}

/* The service's device went, though the bus did not: it is made again with the next bring-up. */
static void lose_service(struct chrdev *c, struct chrdev_channel *known)
{
	log_say(&c->bus.log, RPMSG_LOG_INFO, "bus %s: the kernel has no service '%s' any more",
		c->bus.name, known->dev.info.name);
	chrdev_unmake(&known->made);
	lock_take(&c->bus.lock);
	known->local = true;
	lock_drop(&c->bus.lock);
}

/* What became of those that were known. With making. */
static int compare_known(struct chrdev *c, const struct chrdev_list *now, struct changes *all)
{
	struct chrdev_channel *known, *next;

	for (known = TAILQ_FIRST(&c->channels); known; known = next) {
		const struct chrdev_device *d = find_in(now, known->dev.id);
		bool same = d && !strcmp(d->driver, known->dev.driver) &&
			    d->info.src == known->dev.info.src;
		struct change *change;

		next = TAILQ_NEXT(known, link);
		if (known->local || same)
			continue;
		if (!d && known->ours) {
			lose_service(c, known);
			continue;
		}
		change = add_change(all);
		if (!change)
			return -ENOMEM;
		change->what = d ? CHANGED : VANISHED;
		change->was = known->dev;
		if (!d) {
			forget(c, known);
			continue;
		}
		change->is = *d;
		lock_take(&c->bus.lock);
		known->dev = *d;
		lock_drop(&c->bus.lock);
	}
	return 0;
}

static int compare_new(struct chrdev *c, const struct chrdev_list *now, struct changes *all)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct chrdev_device *d = &now->item[i];
		struct change *change;

		if (d->pseudo || find(c, d->id))
			continue;
		change = add_change(all);
		if (!change || !add_known(c, d))
			return -ENOMEM;
		change->what = APPEARED;
		change->is = *d;
	}
	return 0;
}

static int compare(struct chrdev *c, struct changes *all)
{
	struct chrdev_list now;
	int err = chrdev_scan_channels(&c->place, &now);

	if (err)
		return err;
	err = compare_known(c, &now, all);
	if (!err)
		err = compare_new(c, &now, all);
	chrdev_list_free(&now);
	return err;
}

/* Those that go first: another may have come under the same name and address. */
static void apply(struct chrdev *c, const struct changes *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].what == VANISHED)
			remove_from_core(c, all->item[i].was.id);
	for (size_t i = 0; i < all->n; i++) {
		const struct change *change = &all->item[i];

		if (change->what == APPEARED)
			add_to_core(c, &change->is);
		else if (change->what == CHANGED)
			update(c, &change->was, &change->is);
	}
}

static int sync_channels(struct chrdev *c)
{
	struct changes all = { 0 };
	int err;

	lock_take(&c->making);
	err = c->place.ctrl[0] ? compare(c, &all) : 0;
	lock_drop(&c->making);
	apply(c, &all);
	free(all.item);
	return err ? err : (int)all.n;
}

/* ---- services of ours ---- */

/* With making. Takes the place of what stood for it until now. */
static int make_service(struct chrdev *c, struct chrdev_channel *known, bool keep)
{
	struct rpmsg_channel_info info = known->dev.info;
	struct chrdev_device dev;
	struct chrdev_made made;
	struct channel *ch;
	int err;

	info.dst = RPMSG_ADDR_ANY;
	err = chrdev_make_service(&c->place, &info, keep, &made, &dev);
	if (err)
		return err;
	lock_take(&c->bus.lock);
	ch = core_channel(c, known->dev.id);
	if (ch)
		ch->remote_id = dev.id;
	known->dev = dev;
	known->made = made;
	known->local = false;
	lock_drop(&c->bus.lock);
	return 0;
}

static void renew_services(struct chrdev *c)
{
	struct chrdev_channel *known;

	TAILQ_FOREACH(known, &c->channels, link)
		if (known->ours && known->local && make_service(c, known, false))
			log_say(&c->bus.log, RPMSG_LOG_ERROR,
				"bus %s: service '%s' is not announced: %s", c->bus.name,
				known->dev.info.name, rpmsg_error_detail());
}

static uint64_t local_id(struct chrdev *c)
{
	return LOCAL_ID | ++c->last_local;
}

/* An address for a service that is not in the kernel yet. With making. */
static int reserve_address(struct chrdev *c, uint32_t *src)
{
	const struct chrdev_channel *known;
	uint32_t addr = *src == RPMSG_ADDR_ANY ? RPMSG_ADDR_DYNAMIC : *src;

	if (addr >= CHRDEV_ADDR_END)
		return fail(EADDRNOTAVAIL, "address 0x%x: Linux binds none from 0x%x on", addr,
			    CHRDEV_ADDR_END);
	for (;;) {
		TAILQ_FOREACH(known, &c->channels, link)
			if (known->local && known->dev.info.src == addr)
				break;
		if (!known)
			break;
		if (*src != RPMSG_ADDR_ANY)
			return fail(EADDRINUSE, "address 0x%x is bound already", addr);
		addr++;
	}
	*src = addr;
	return 0;
}

/* With making. */
static int create_service(struct chrdev *c, struct rpmsg_channel_info *info, bool keep,
			  uint64_t *id)
{
	struct chrdev_device dev = { .id = local_id(c), .info = *info, .announce = true };
	struct chrdev_channel *known;
	int err = 0;

	if (!c->place.ctrl[0])
		err = reserve_address(c, &dev.info.src);
	if (err)
		return err;
	known = add_known(c, &dev);
	if (!known)
		return -ENOMEM;
	known->ours = !keep;
	known->local = true;
	if (c->place.ctrl[0])
		err = make_service(c, known, keep);
	else if (keep)
		err = fail(EPIPE, "the link of bus %s is down, and this process will not be there "
				  "when it comes up", c->bus.name);
	if (err) {
		forget(c, known);
		return err;
	}
	info->src = known->dev.info.src;
	*id = known->dev.id;
	return 0;
}

/* Local: the kernel would announce a channel whose source is known. */
static int create_static(struct chrdev *c, const struct rpmsg_channel_info *info, uint64_t *id)
{
	struct chrdev_device dev = { .id = local_id(c), .info = *info };
	struct chrdev_channel *known = add_known(c, &dev);

	if (!known)
		return -ENOMEM;
	known->local = true;
	*id = dev.id;
	return 0;
}

int chrdev_channel_create(struct rpmsg_bus *bus, struct rpmsg_channel_info *info,
			  enum rpmsg_channel_origin origin, unsigned flags, uint64_t *remote_id)
{
	struct chrdev *c = chrdev_of(bus);
	int err;

	lock_take(&c->making);
	if (origin == RPMSG_CHANNEL_SERVICE)
		err = create_service(c, info, flags & RPMSG_SERVICE_PERSIST, remote_id);
	else
		err = create_static(c, info, remote_id);
	lock_drop(&c->making);
	return err;
}

/* With making. */
static int destroy(struct chrdev *c, uint64_t id)
{
	struct chrdev_channel *known;
	int err = 0;

	lock_take(&c->bus.lock);
	known = find(c, id);
	lock_drop(&c->bus.lock);
	if (!known)
		return 0;
	if (!known->local && c->place.ctrl[0])
		err = chrdev_release(c->place.ctrl, &known->dev.info);
	if (err == -ENOENT || err == -EPIPE) /* it is gone in the kernel: goes here too */
		err = 0;
	if (!err)
		forget(c, known);
	return err;
}

int chrdev_channel_destroy(struct rpmsg_bus *bus, const struct channel *ch)
{
	struct chrdev *c = chrdev_of(bus);
	int err;

	lock_take(&c->making);
	err = destroy(c, ch->remote_id);
	lock_drop(&c->making);
	return err;
}

/* ---- the link ---- */

/* With making: what was there goes, and what is ours waits for the next time. */
static void lose_place(struct chrdev *c, struct changes *all)
{
	struct chrdev_channel *known, *next;
	struct change *change;

	c->place.ctrl[0] = '\0';
	for (known = TAILQ_FIRST(&c->channels); known; known = next) {
		next = TAILQ_NEXT(known, link);
		if (known->local)
			continue;
		if (known->ours) {
			chrdev_unmake(&known->made);
			lock_take(&c->bus.lock);
			known->local = true;
			lock_drop(&c->bus.lock);
			continue;
		}
		change = add_change(all);
		if (change) {
			change->what = VANISHED;
			change->was = known->dev;
		}
		forget(c, known);
	}
}

static void go_down(struct chrdev *c)
{
	struct changes all = { 0 };

	lock_take(&c->making);
	lose_place(c, &all);
	lock_drop(&c->making);
	bus_link_down(&c->bus);
	apply(c, &all);
	free(all.item);
}

static void go_up(struct chrdev *c, const struct chrdev_place *place)
{
	if (chrdev_gc(place->ctrl, 0, NULL, NULL) < 0)
		log_say(&c->bus.log, RPMSG_LOG_DEBUG,
			"bus %s: what was left is not cleared away: %s", c->bus.name,
			rpmsg_error_detail());
	lock_take(&c->making);
	c->place = *place;
	poke(&c->mtu, place->mtu);
	renew_services(c);
	chrdev_endpoints_renew(c);
	lock_drop(&c->making);
	bus_link_up(&c->bus, place->features);
}

/* A spec that was there once may be gone altogether: down, like a processor that does not run. */
static void look_at_place(struct chrdev *c, struct chrdev_place *place)
{
	if (chrdev_find(c->spec, place))
		place->ctrl[0] = '\0';
}

/* The node comes a moment after the device, and udev's rules after that, of which nothing tells. */
static bool usable(struct chrdev *c, const struct chrdev_place *place)
{
	if (!chrdev_check_control(place->ctrl))
		return true;
	log_say(&c->bus.log, RPMSG_LOG_DEBUG, "bus %s: %s", c->bus.name, rpmsg_error_detail());
	chrdev_look_later(c);
	return false;
}

int chrdev_sync(struct chrdev *c)
{
	struct chrdev_place now;

	look_at_place(c, &now);
	if (c->bus.up && (!now.ctrl[0] || now.id != c->place.id))
		go_down(c);
	if (!c->bus.up && now.ctrl[0] && usable(c, &now))
		go_up(c, &now);
	return sync_channels(c);
}

void chrdev_mirror_fini(struct chrdev *c)
{
	struct chrdev_channel *known;

	while ((known = TAILQ_FIRST(&c->channels))) {
		if (known->ours && !known->local && c->place.ctrl[0])
			chrdev_release(c->place.ctrl, &known->dev.info);
		forget(c, known);
	}
}

/* ---- questions ---- */

struct listing {
	struct chrdev *c;
	struct chrdev_list nodes;
	int (*fn)(const struct rpmsg_channel_status *st, void *arg);
	void *arg;
};

/* Whether node is the channel's own device, or one that was made for it by hand. */
static bool serves(const struct chrdev_device *node, const struct chrdev_device *ch)
{
	if (!strcmp(node->parent, ch->dir))
		return true;
	return node->ctrl[0] && node->info.dst != RPMSG_ADDR_ANY &&
	       node->info.dst == ch->info.dst && !strcmp(node->info.name, ch->info.name);
}

/* A driver of the kernel; what rpmsg_chrdev or none has is for programs: who is it? */
static void set_holder(const struct listing *l, const struct chrdev_device *ch,
		     struct rpmsg_channel_status *st)
{
	char command[sizeof(st->holder)];
	int pid;

	if (ch->driver[0] && strcmp(ch->driver, "rpmsg_chrdev") != 0) {
		st->holder_kind = RPMSG_HOLDER_DRIVER;
		snprintf(st->holder, sizeof(st->holder), "%s", ch->driver);
		return;
	}
	for (size_t i = 0; i < l->nodes.n; i++) {
		const struct chrdev_device *node = &l->nodes.item[i];

		if (!serves(node, ch) ||
		    !chrdev_node_user(node->dir, &pid, command, sizeof(command)))
			continue;
		st->holder_kind = pid == getpid() ? RPMSG_HOLDER_SELF : RPMSG_HOLDER_CLIENT;
		st->holder_pid = pid;
		snprintf(st->holder, sizeof(st->holder), "%s", command);
		return;
	}
}

/* What the kernel knows of the channel; *driven: a driver of this process has it. */
static bool device_of(struct chrdev *c, const struct rpmsg_device *rpdev, struct chrdev_device *dev,
		      bool *driven)
{
	struct chrdev_channel *known = NULL;
	struct channel *ch;

	lock_take(&c->bus.lock);
	TAILQ_FOREACH(ch, &c->bus.channels, link)
		if (&ch->pub == rpdev)
			break;
	if (ch)
		known = find_channel(c, ch);
	if (known)
		*dev = known->dev;
	*driven = ch && ch->driver;
	lock_drop(&c->bus.lock);
	return known && !known->local;
}

static int list_one(const struct rpmsg_channel_status *core, void *arg)
{
	struct listing *l = arg;
	struct rpmsg_channel_status st = *core;
	struct chrdev_device dev;
	bool driven;

	st.mtu = peek(&l->c->bus.up) ? peek(&l->c->mtu) : 0;
	if (!device_of(l->c, st.rpdev, &dev, &driven))
		return l->fn(&st, l->arg);
	st.announced = st.origin == RPMSG_CHANNEL_SERVICE && dev.driver[0];
	if (!driven && st.holder_kind != RPMSG_HOLDER_SELF)
		set_holder(l, &dev, &st);
	st.peer_seen = st.holder_kind != RPMSG_HOLDER_NONE && st.holder_kind != RPMSG_HOLDER_BUS;
	return l->fn(&st, l->arg);
}

int chrdev_for_each_channel(struct rpmsg_bus *bus,
			    int (*fn)(const struct rpmsg_channel_status *, void *), void *arg)
{
	struct listing l = { .c = chrdev_of(bus), .fn = fn, .arg = arg };
	struct chrdev_place place;
	int ret;

	lock_take(&l.c->making);
	place = l.c->place;
	lock_drop(&l.c->making);
	ret = place.ctrl[0] ? chrdev_scan_nodes(&place, &l.nodes) : 0;
	if (!ret)
		ret = channel_each(bus, list_one, &l);
	chrdev_list_free(&l.nodes);
	return ret;
}
