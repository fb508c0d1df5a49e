/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux kernel's rpmsg bus, through /dev/rpmsg_ctrlN and /dev/rpmsgN.
 *
 * chrdev_sysfs.c    what sysfs says: channels, endpoint devices, processors
 * chrdev_record.c   who made what: a lock and a file for each device of ours
 * chrdev_device.c   making and destroying devices
 * chrdev_gc.c       what the dead left
 * chrdev_uevent.c   word of what changes in sysfs
 * chrdev_mirror.c   the kernel's channels and link state, mirrored into the core; services
 * chrdev_endpoint.c binding, and the messages that come in
 * chrdev_send.c     the messages that go out
 * chrdev.c          life and dispatch
 *
 * The kernel tells neither the sender of a message, nor the number of the device
 * that it makes for an endpoint, nor a dynamic address: so the addresses are
 * chosen here, and the device is looked up by its attributes.
 */
#ifndef RPMSG_CHRDEV_H
#define RPMSG_CHRDEV_H

#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "backend/slots.h"
#include "core/core.h"

#define CHRDEV_DIR_SIZE 256u  /* a device's name in sysfs */
#define CHRDEV_PATH_SIZE 4096u
#define CHRDEV_NODE_SIZE 32u
#define CHRDEV_ADDR_END 0x80000000u /* the kernel binds no address from here on */
#define CHRDEV_BUFFER_SIZE 65536u /* a message's length has 16 bits: none is cut */

/* include/uapi/linux/rpmsg.h, whose versions differ in what they have. */
struct chrdev_info {
	char name[RPMSG_NAME_SIZE];
	__u32 src;
	__u32 dst;
};
#define CHRDEV_CREATE_EPT _IOW(0xb5, 0x1, struct chrdev_info)
#define CHRDEV_DESTROY_EPT _IO(0xb5, 0x2)
#define CHRDEV_CREATE_DEV _IOW(0xb5, 0x3, struct chrdev_info)
#define CHRDEV_RELEASE_DEV _IOW(0xb5, 0x4, struct chrdev_info)
#define CHRDEV_GET_OUTGOING_FLOW _IOR(0xb5, 0x5, int)
#define CHRDEV_SET_INCOMING_FLOW _IOR(0xb5, 0x6, int)

/* ---- chrdev_sysfs.c ---- */

/* Where to look: "/sys" and "/dev", or a test's own. */
extern struct chrdev_roots {
	const char *sys, *dev;
} chrdev_roots;

/* A bus: the device above a rpmsg_ctrlN, whose children are its channels. */
struct chrdev_place {
	char ctrl[CHRDEV_NODE_SIZE];  /* "rpmsg_ctrl0"; "": there is none, the link is down */
	char dir[CHRDEV_PATH_SIZE];
	uint64_t id;                  /* of the control device */
	uint64_t features;            /* virtio: negotiated */
	uint32_t mtu;                 /* 0: not known */
};

/* Either kind of device; id is its directory's inode, which no other gets until a reboot. */
struct chrdev_device {
	uint64_t id;
	struct rpmsg_channel_info info;
	char dir[CHRDEV_DIR_SIZE];    /* its name in sysfs; an endpoint device's: "rpmsg3" */
	char parent[CHRDEV_DIR_SIZE]; /* endpoint device: the channel or control device above */
	char ctrl[CHRDEV_NODE_SIZE];  /* the same if it is a control device, else "" */
	char driver[RPMSG_NAME_SIZE]; /* channel: the kernel's driver, or "" */
	bool announce;                /* channel: a service of this side */
	bool pseudo;                  /* channel: the bus's own control or name service device */
	dev_t dev;                    /* endpoint device */
	bool on_record;               /* chrdev_gc.c: somebody's who made it with this library */
};
struct chrdev_list {
	struct chrdev_device *item;
	size_t n, room;
};
void chrdev_list_free(struct chrdev_list *list);

/*
 * The attribute dir/name without its newline in buf; its length, or -errno:
 * -EPROTO if it is longer than size - 1 or has a NUL.
 */
int chrdev_read_attribute(const char *dir, const char *name, char *buf, size_t size);
/* An address as the kernel prints them: 0x…, or signed decimal. 0 or -EPROTO. */
int chrdev_parse_address(const char *text, uint32_t *addr);
/* What is under a control device's name: 0 or -ENOENT, -EPROTO. */
int chrdev_locate(const char *ctrl, struct chrdev_place *place);
/*
 * What is under a SPEC: 0, with place->ctrl empty if a processor is there whose bus is not; or
 * -ENOENT, -EINVAL with a detail.
 */
int chrdev_find(const char *spec, struct chrdev_place *place);
/* Channels, and endpoint devices, of the bus at place (NULL: of all). 0 or -ENOMEM. */
int chrdev_scan_channels(const struct chrdev_place *place, struct chrdev_list *list);
int chrdev_scan_nodes(const struct chrdev_place *place, struct chrdev_list *list);
/* The path of a device's directory, and of its node. */
void chrdev_channel_path(const char *dir, char *path, size_t size);
void chrdev_node_path(const char *name, char *path, size_t size);
/* Calls fn with the name of each of a class's devices that is prefix and a number. */
int chrdev_each_name(const char *class, const char *prefix, int (*fn)(const char *name, void *arg),
		     void *arg);

/* ---- chrdev_record.c ---- */

/* What is on record about a device of ours. */
struct chrdev_record {
	uint64_t id;
	int pid;
	char command[32];
	bool service;
	struct rpmsg_channel_info info;
};

/*
 * One process at a time makes devices, or clears away. The lock's file names what
 * is being made, so that the next one knows what a killed holder did not record.
 */
struct chrdev_lock {
	int fd;
	char dir[CHRDEV_PATH_SIZE];
};
/* 0 or -errno with detail. */
int chrdev_lock_take(struct chrdev_lock *lock);
void chrdev_lock_drop(struct chrdev_lock *lock);
/* Sets or clears (NULL) what is being made; reads what a killed holder was making: true. */
int chrdev_lock_intend(struct chrdev_lock *lock, const struct chrdev_record *rec);
bool chrdev_lock_intended(const struct chrdev_lock *lock, struct chrdev_record *rec);

/* Puts a device on record as ours for as long as the fd returned is open; or -errno. */
int chrdev_record_make(const struct chrdev_lock *lock, const struct chrdev_record *rec);
/* Its end: the device is gone. */
void chrdev_record_drop(int fd, uint64_t id);
/* Removes the record of the dead. */
void chrdev_record_remove(const struct chrdev_lock *lock, uint64_t id);
/* Calls fn for each record; alive: its maker is. */
typedef void chrdev_record_fn(const struct chrdev_record *rec, bool alive, void *arg);
void chrdev_record_each(const struct chrdev_lock *lock, chrdev_record_fn *fn, void *arg);

/* ---- chrdev_device.c ---- */

/* A device that we made, or that was there. */
struct chrdev_made {
	int fd;           /* open endpoint device, or -1 */
	int record;       /* or -1 */
	uint64_t id;
	uint32_t src;
	char node[CHRDEV_NODE_SIZE];
};
/*
 * Makes and opens an endpoint device; info->src is its address, ANY chooses one. 0 or -errno
 * with a detail.
 */
int chrdev_make_endpoint(const struct chrdev_place *place, const struct rpmsg_channel_info *info,
			 struct chrdev_made *made);
/* Opens the endpoint device of a channel that the driver rpmsg_chrdev has. */
int chrdev_open_channel(const struct chrdev_place *place, const struct chrdev_device *ch,
			struct chrdev_made *made);
/* Closes it, and destroys it if it is ours. */
void chrdev_unmake(struct chrdev_made *made);
/*
 * Makes a service that is announced; *dev describes it. With keep it outlives
 * its maker and has no record.
 */
int chrdev_make_service(const struct chrdev_place *place, const struct rpmsg_channel_info *info,
			bool keep, struct chrdev_made *made, struct chrdev_device *dev);
/* Whether we may make requests of a control device: 0 or -errno with a detail. */
int chrdev_check_control(const char *ctrl);
int chrdev_release(const char *ctrl, const struct rpmsg_channel_info *info);
/* Opens an endpoint device and destroys it; look: only opens it. 0 or -errno with detail. */
int chrdev_destroy_node(const struct chrdev_device *node, bool look);
/* Opens a node, which may take udev a moment; -errno with detail. */
int chrdev_open_node(const struct chrdev_device *node);

/* Who has a node open, if /proc tells: their number in *pid and name. */
bool chrdev_node_user(const char *node, int *pid, char *command, size_t size);

/* ---- chrdev_gc.c ---- */

/* What was left on one bus (ctrl) or all (NULL); see rpmsg_chrdev_gc(). */
int chrdev_gc(const char *ctrl, unsigned flags,
	      void (*fn)(const struct rpmsg_leftover *left, void *arg), void *arg);

/* ---- a bus ---- */

/* A channel that the core has. */
struct chrdev_channel {
	struct chrdev_device dev; /* id: the channel's remote_id */
	bool ours;                /* a service of this process, made again after each bring-up */
	bool local;               /* not in the kernel: static, or a service not made (yet) */
	struct chrdev_made made;
	TAILQ_ENTRY(chrdev_channel) link;
};
TAILQ_HEAD(chrdev_channels, chrdev_channel);

/* An endpoint's device. Outlives the endpoint while a message is being delivered. */
struct chrdev_endpoint {
	struct chrdev *chrdev;
	struct endpoint *ept; /* bus->lock; NULL once unbound */
	unsigned refs;        /* bus->lock */
	unsigned slot;
	uint32_t addr, dst;
	int fd;               /* atomic; -1 until there was a device, then for life */
	struct chrdev_made made; /* with making */
	bool gone;            /* atomic: the device is */
	bool starved;         /* atomic: there was no buffer, nor is it time to try again */
	bool paused;          /* atomic: the other side does not want more */
};

struct chrdev {
	struct rpmsg_bus bus; /* first */
	char spec[CHRDEV_PATH_SIZE];
	int epoll, cancel, wake;
	int nothing;          /* takes an ended endpoint's descriptor */
	uint32_t mtu;         /* atomic; place.mtu */
	int uevents;          /* netlink, or a timer where that is not to be had */
	bool uevents_timer;
	int timer;            /* for those who wait for a buffer, or for a control device's node */

	/*
	 * Held while sysfs is looked at and while something is made, which it
	 * orders; before bus->lock, never within.
	 */
	struct lock making;
	struct chrdev_place place;
	uint64_t last_local;  /* ids of what is not in the kernel */
	struct chrdev_channels channels; /* bus->lock */

	struct slots slots; /* of chrdev_endpoints; bus->lock */
	struct lock starving; /* the next two */
	unsigned backoff_ms;
	bool armed;           /* the timer is */

	/* dispatching thread */
	bool look;            /* something has changed in sysfs */
	uint8_t *buffer;
	size_t rx_len;        /* of the message whose callback runs */
};

static inline struct chrdev *chrdev_of(struct rpmsg_bus *bus)
{
	return container_of(bus, struct chrdev, bus);
}

/* Makes dispatch look again. */
void chrdev_wake(struct chrdev *c);
int64_t chrdev_now_ms(void);

/* ---- chrdev_uevent.c ---- */

/* Readable when something may have changed, or (timer) now and then; -errno. */
int chrdev_uevents_open(bool *timer);
/* Reads all there is: whether it is worth a look at sysfs. */
bool chrdev_uevents_read(int fd, bool timer);
bool chrdev_uevent_concerns(const char *text, size_t len);

/* ---- chrdev_mirror.c ---- */

/* Makes the core's channels and link state what sysfs has now. How many changes, or -errno. */
int chrdev_sync(struct chrdev *c);
void chrdev_mirror_fini(struct chrdev *c);
int chrdev_channel_create(struct rpmsg_bus *bus, struct rpmsg_channel_info *info,
			  enum rpmsg_channel_origin origin, unsigned flags, uint64_t *remote_id);
int chrdev_channel_destroy(struct rpmsg_bus *bus, const struct channel *ch);
int chrdev_for_each_channel(struct rpmsg_bus *bus,
			    int (*fn)(const struct rpmsg_channel_status *, void *), void *arg);
/* What is known of ch; false if it is not in the kernel. */
bool chrdev_channel_device(struct chrdev *c, const struct channel *ch, struct chrdev_device *dev);

/* ---- chrdev_endpoint.c ---- */

int chrdev_bind(struct endpoint *ept, uint32_t *addr, uint32_t dst, bool own);
void chrdev_unbind(struct endpoint *ept);
struct rpmsg_held *chrdev_hold(struct endpoint *ept, const void *data);
struct chrdev_endpoint *chrdev_endpoint_get(struct chrdev *c, unsigned slot);
void chrdev_endpoint_put(struct chrdev_endpoint *e);
/* Handles what its fd has (epoll's events). Count. */
int chrdev_receive(struct chrdev_endpoint *e, uint32_t events);
/* After a bring-up: makes the devices of endpoints that outlived the link. With making. */
void chrdev_endpoints_renew(struct chrdev *c);
/* For a bus that is up: whether e's device is there and what it is told. */
void chrdev_read_flow(struct chrdev_endpoint *e);
/* Asks the other side to pause or go on; -EOPNOTSUPP on most buses. */
int chrdev_set_incoming_flow(struct endpoint *ept, bool pause);

/* ---- chrdev_send.c ---- */

extern const char chrdev_no_destination[];
int chrdev_send(struct endpoint *ept, const void *data, size_t len, uint32_t src, uint32_t dst,
		bool wait);
long chrdev_mtu(struct rpmsg_bus *bus);
int chrdev_poll(struct endpoint *ept);
void *chrdev_reserve(struct endpoint *ept, size_t *room, bool wait);
int chrdev_submit(struct endpoint *ept, void *buf, uint32_t dst, size_t len);
void chrdev_discard(struct endpoint *ept, void *buf);
/* Sets the timer to look at sysfs again. */
void chrdev_look_later(struct chrdev *c);
/* The timer went off: those who wait may try again. */
void chrdev_retry(struct chrdev *c);
/* For a recorder: a message that was sent or received. */
void chrdev_note(struct chrdev_endpoint *e, const void *data, size_t len, bool sent);

enum chrdev_kind { CHRDEV_CANCEL, CHRDEV_WAKE, CHRDEV_UEVENTS, CHRDEV_TIMER, CHRDEV_ENDPOINT };
static inline uint64_t chrdev_tag(enum chrdev_kind kind, unsigned slot)
{
	return (uint64_t)slot << 3 | kind;
}

#endif
