/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * librpmsg: the rpmsg (Remote Processor Messaging) stack in user space.
 *
 * Errors: a function that returns int returns 0 (or a count) on success and
 * -errno on failure; one that returns a pointer returns NULL and sets errno.
 * rpmsg_strerror() also knows -ERESTARTSYS, which is not an errno of user space.
 *
 * Threads: every call may come from any thread unless it says otherwise. The
 * library starts no thread, prints nothing, installs no signal handler and
 * never ends the process. probe, remove, receive callbacks and event functions
 * run inside rpmsg_bus_dispatch() or inside the call that causes them, with
 * no library lock held.
 *
 * Sizes are in bytes, addresses in host byte order, times as the name says.
 * Everything here exists since version 0.1 unless it says otherwise.
 */
#ifndef RPMSG_H
#define RPMSG_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RPMSG_API __attribute__((visibility("default")))
#else
#define RPMSG_API
#endif

/* Linux's number for "the wait timed out" in a blocking send (include/linux/errno.h). */
#ifndef ERESTARTSYS
#define ERESTARTSYS 512
#endif

#define RPMSG_ADDR_ANY 0xFFFFFFFFU /* no address, or: choose one */
#define RPMSG_NS_ADDR 0x35U        /* the name service (drivers/rpmsg/virtio_rpmsg_bus.c) */
#define RPMSG_ADDR_DYNAMIC 1024U   /* dynamic addresses start here */
#define RPMSG_NAME_SIZE 32         /* a channel's name, with the final NUL */
#define RPMSG_BUS_NAME_SIZE 40     /* a bus's, likewise */

/* Device feature bits (virtio 1.x, sections 6 and 2.7; VIRTIO_RPMSG_F_NS). */
#define RPMSG_F_NS (UINT64_C(1) << 0)
#define RPMSG_F_INDIRECT (UINT64_C(1) << 28)
#define RPMSG_F_EVENT_IDX (UINT64_C(1) << 29)
#define RPMSG_F_VERSION_1 (UINT64_C(1) << 32)

struct rpmsg_bus;
struct rpmsg_device;
struct rpmsg_endpoint;
struct rpmsg_driver;

/* ---- devices, endpoints, drivers: the kernel's model ---- */

/* The "struct device" of a channel. name is "NAME.SRC.DST"-like text for logs. */
struct rpmsg_dev {
	const char *name;
	void *driver_data;
	void *managed; /* private: the list behind rpmsg_dev_zalloc() */
};

struct rpmsg_device_id {
	char name[RPMSG_NAME_SIZE];
	uintptr_t driver_data;
};

/* A channel's key. src is our address, dst the other side's; either may be RPMSG_ADDR_ANY. */
struct rpmsg_channel_info {
	char name[RPMSG_NAME_SIZE];
	uint32_t src;
	uint32_t dst;
};

/*
 * A channel. Made and freed by the library; valid for a driver from probe until
 * remove returns, for others until the channel's RPMSG_EVENT_WITHDRAW has been
 * delivered. Members are read-only but for dev.driver_data.
 */
struct rpmsg_device {
	struct rpmsg_dev dev;
	struct rpmsg_device_id id;
	uint32_t src;
	uint32_t dst;
	struct rpmsg_endpoint *ept; /* the channel's own endpoint, or NULL */
};

/*
 * Receives a message of len bytes from address src. data belongs to the library
 * and ends with the call (but see rpmsg_rx_hold()); it is a private copy that
 * the other side cannot change, unless rpmsg_endpoint_set_in_place() was called.
 * The return value is for the kernel's signature; it is ignored.
 */
typedef int (*rpmsg_rx_cb_t)(struct rpmsg_device *rpdev, void *data, int len, void *priv,
			     uint32_t src);

/* Members are read-only but for priv. Freed by rpmsg_destroy_ept(). */
struct rpmsg_endpoint {
	struct rpmsg_device *rpdev;
	rpmsg_rx_cb_t cb;
	uint32_t addr;
	void *priv;
};

/*
 * A driver. The caller owns it and keeps it until unregister. id_table ends with
 * an empty name. probe may be NULL; an error from it leaves the channel without
 * a driver. A driver with a callback gets a default endpoint before probe
 * (rpdev->ept); one without gets none.
 */
struct rpmsg_driver {
	struct {
		const char *name;
	} drv;
	const struct rpmsg_device_id *id_table;
	int (*probe)(struct rpmsg_device *rpdev);
	void (*remove)(struct rpmsg_device *rpdev);
	rpmsg_rx_cb_t callback;
};

/*
 * Zeroed memory that is freed after the driver's remove, or after a failed probe
 * (the kernel's devm_kzalloc). Only for the thread that runs probe.
 */
RPMSG_API void *rpmsg_dev_zalloc(struct rpmsg_dev *dev, size_t size);

/* ---- the calls of the kernel's document ---- */

/*
 * Send a message of len bytes. data is copied before the call returns.
 *
 * rpmsg_send and rpmsg_trysend use the endpoint's address and its channel's
 * destination; *sendto take a destination; *_offchannel take both addresses.
 * An endpoint without a destination takes the first sender's address as one
 * (see rpmsg_endpoint_set_learn()).
 *
 * When no transmit buffer is free the try calls return -ENOMEM at once; the
 * others sleep until the other side returns one, at most the bus's send timeout
 * (15 s unless set), then -ERESTARTSYS. A signal does not end the wait;
 * rpmsg_bus_cancel() does, with -EINTR. From within a callback a blocking send
 * runs no other callbacks. Where only the calling thread could make progress
 * (both sides of a loop) -EDEADLK comes at once.
 *
 * Errors: -EINVAL no endpoint, negative length, no data, an address that is
 * RPMSG_ADDR_ANY or no destination yet; -EMSGSIZE longer than rpmsg_get_mtu();
 * -EPIPE link down; -EOPNOTSUPP the backend cannot (chrdev: other addresses).
 */
RPMSG_API int rpmsg_send(struct rpmsg_endpoint *ept, const void *data, int len);
RPMSG_API int rpmsg_sendto(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst);
RPMSG_API int rpmsg_send_offchannel(struct rpmsg_endpoint *ept, uint32_t src, uint32_t dst,
				    const void *data, int len);
RPMSG_API int rpmsg_trysend(struct rpmsg_endpoint *ept, const void *data, int len);
RPMSG_API int rpmsg_trysendto(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst);
RPMSG_API int rpmsg_trysend_offchannel(struct rpmsg_endpoint *ept, uint32_t src, uint32_t dst,
				       const void *data, int len);

/* The longest message that can be sent from ept, or -EINVAL, -EPIPE. Never blocks. */
RPMSG_API long rpmsg_get_mtu(struct rpmsg_endpoint *ept);

/*
 * POLLOUT if a try send would find a transmit buffer now, else 0 and from then
 * on rpmsg_bus_fd() becomes readable when one comes back; POLLERR if the link is
 * down. Never blocks.
 */
RPMSG_API int rpmsg_poll(struct rpmsg_endpoint *ept);

/*
 * Binds cb to a local address: chinfo.src, or the lowest free one from
 * RPMSG_ADDR_DYNAMIC if that is RPMSG_ADDR_ANY. chinfo.dst becomes the
 * endpoint's destination (ANY on a channel: the channel's). rpdev is a channel
 * or rpmsg_bus_device(). The endpoint ends with rpmsg_destroy_ept() or with its
 * channel, whichever comes first: when a channel goes away the endpoints on it
 * go too (they stay allocated, deaf and mute, until destroyed).
 * Errors: EINVAL, ENOMEM, EADDRINUSE (address bound already), EADDRNOTAVAIL
 * (no dynamic address left), EPIPE.
 */
RPMSG_API struct rpmsg_endpoint *rpmsg_create_ept(struct rpmsg_device *rpdev, rpmsg_rx_cb_t cb,
						  void *priv, struct rpmsg_channel_info chinfo);

/*
 * Unbinds and frees. From another thread it returns after a running callback of
 * this endpoint has ended; from its own callback at once, and the memory lives
 * until that callback returns. NULL is allowed.
 */
RPMSG_API void rpmsg_destroy_ept(struct rpmsg_endpoint *ept);

/*
 * Registers a driver for every bus of the process, present and to come; matching
 * channels that exist are probed before it returns. -EBUSY if registered.
 */
RPMSG_API int register_rpmsg_driver(struct rpmsg_driver *rpdrv);
/* Removes the driver from its channels (remove is called), then forgets it. */
RPMSG_API void unregister_rpmsg_driver(struct rpmsg_driver *rpdrv);
/* The same for one bus. Ends with unregister_rpmsg_driver() or the bus. */
RPMSG_API int rpmsg_bus_register_driver(struct rpmsg_bus *bus, struct rpmsg_driver *rpdrv);

/* ---- endpoints: more ---- */

/* Whether an endpoint without destination takes the first sender's (default: yes). */
RPMSG_API void rpmsg_endpoint_set_learn(struct rpmsg_endpoint *ept, bool on);
/* The address that rpmsg_send() would use, or RPMSG_ADDR_ANY. */
RPMSG_API uint32_t rpmsg_endpoint_dst(const struct rpmsg_endpoint *ept);
/*
 * Callbacks of ept get the message where it lies, without a copy; the other side
 * may change it meanwhile. Needed for rpmsg_rx_hold(). Default off.
 */
RPMSG_API void rpmsg_endpoint_set_in_place(struct rpmsg_endpoint *ept, bool on);

/* ---- zero copy ---- */

/*
 * Takes a transmit buffer; *room is the bytes that fit. Blocks like rpmsg_send()
 * if wait, else ENOMEM. The buffer is the caller's until submit or discard, one
 * of which must follow, from any thread. On backends other than virtio it is a
 * private buffer that submit copies. After a link reset submit returns -EPIPE.
 */
RPMSG_API void *rpmsg_tx_reserve(struct rpmsg_endpoint *ept, size_t *room, bool wait);
/* Sends len bytes of a reserved buffer to dst (ANY: the endpoint's). The buffer is gone, also on error. */
RPMSG_API int rpmsg_tx_submit(struct rpmsg_endpoint *ept, void *buf, size_t len, uint32_t dst);
/* Gives a reserved buffer back unsent. */
RPMSG_API void rpmsg_tx_discard(struct rpmsg_endpoint *ept, void *buf);

struct rpmsg_held; /* a received message that is kept */

/*
 * Within the callback of an in-place endpoint: keeps data after the callback
 * returns; errors EINVAL (not the message of the running callback), EOPNOTSUPP
 * (the endpoint is not in place), ENOMEM. data stays readable until
 * rpmsg_rx_release(), through link resets and rpmsg_bus_close() too. A held
 * buffer is missing in the ring. On backends other than virtio it is a copy.
 */
RPMSG_API struct rpmsg_held *rpmsg_rx_hold(struct rpmsg_endpoint *ept, const void *data);
/* The held bytes. */
RPMSG_API const void *rpmsg_held_data(const struct rpmsg_held *held);
/* Returns a held message to the bus it came from; any thread, any order. */
RPMSG_API void rpmsg_rx_release(struct rpmsg_held *held);

/* ---- buses ---- */

enum rpmsg_side {
	RPMSG_SIDE_DEFAULT = 0, /* host, or whatever is the only one there */
	RPMSG_SIDE_HOST = 1,
	RPMSG_SIDE_REMOTE = 2,
};

enum rpmsg_log_level { RPMSG_LOG_ERROR, RPMSG_LOG_WARNING, RPMSG_LOG_INFO, RPMSG_LOG_DEBUG };

/*
 * text has no newline and ends with the call. Called from any thread, maybe from
 * several at once, and with locks held: it may not call the library.
 */
typedef void (*rpmsg_log_fn)(void *arg, enum rpmsg_log_level level, const char *text);

/* Set size to sizeof, zero the rest; zero means the default everywhere. */
struct rpmsg_bus_options {
	size_t size;
	enum rpmsg_side side;
	uint32_t num;           /* buffers a direction, power of two 2..32768; default 256 */
	uint32_t buffer_size;   /* bytes a buffer, 32..65536, multiple of 8; default 512 */
	uint64_t features_off;  /* RPMSG_F_* not to be offered or accepted */
	int send_timeout_ms;    /* blocking sends; default 15000, -1 for ever */
	rpmsg_log_fn log;
	void *log_arg;
	const char *name;       /* what the bus is called in records; default from SPEC */
};

/*
 * Opens a bus by SPEC: NAME or /path/to.sock (served by rpmsgd),
 * shm:NAME[,num=N][,size=N], vhost-user:SOCKET[,size=N][,inband] (the remote side of a
 * guest), /dev/rpmsg_ctrlN or rproc:NAME (the kernel's). Does not wait for the other
 * side of a link: the bus is down until it comes (see rpmsg_bus_wait_up()).
 * Errors: EINVAL bad SPEC or options, ENOENT nobody serves it, EBUSY the side is
 * held by another (rpmsg_error_detail() says by whom), EACCES, EPROTO,
 * EOPNOTSUPP that side is not served there, ENOMEM, EMFILE.
 */
RPMSG_API struct rpmsg_bus *rpmsg_bus_open(const char *spec, const struct rpmsg_bus_options *options);

/* Opens both sides of a link in this process: pair[0] host, pair[1] remote, both up. */
RPMSG_API int rpmsg_bus_open_loop(struct rpmsg_bus *pair[2], const struct rpmsg_bus_options *options);

/*
 * Removes drivers and channels, frees endpoints that are left, closes the link.
 * No other thread may be using the bus; not from a callback of it. NULL is allowed.
 */
RPMSG_API void rpmsg_bus_close(struct rpmsg_bus *bus);

/* The last failure of this thread in words ("side host of shm:x is held by pid 7 (rpmsgd)"), or "". */
RPMSG_API const char *rpmsg_error_detail(void);

/*
 * Readable when rpmsg_bus_dispatch() has something to do. Level-triggered; owned by the bus;
 * only to be polled.
 */
RPMSG_API int rpmsg_bus_fd(struct rpmsg_bus *bus);

/*
 * Handles what is there: messages, name service, link changes, events. Sleeps up
 * to timeout_ms (0 not at all, -1 for ever) if there is nothing. Returns the
 * number of things handled (0: nothing came), -EINTR if rpmsg_bus_cancel() or a signal ended the
 * sleep, -EBUSY if another thread or an outer call is dispatching this bus.
 */
RPMSG_API int rpmsg_bus_dispatch(struct rpmsg_bus *bus, int timeout_ms);

/*
 * The same for those who poll in a loop and never sleep on the fd: handles at
 * most max messages and leaves notifications as they are: dispatch once before
 * sleeping on the fd again. Looks at the link itself only every few thousand calls.
 */
RPMSG_API int rpmsg_bus_spin(struct rpmsg_bus *bus, int max);

/* Ends a sleep in dispatch or in a blocking send now or next, with -EINTR. Async-signal-safe. */
RPMSG_API void rpmsg_bus_cancel(struct rpmsg_bus *bus);

/* 0 when the link is up; dispatches until it is, timeout_ms at most (-1 for ever), then -ETIMEDOUT. */
RPMSG_API int rpmsg_bus_wait_up(struct rpmsg_bus *bus, int timeout_ms);

/* The nameless device of the bus: for endpoints without a channel. Lives as long as the bus. */
RPMSG_API struct rpmsg_device *rpmsg_bus_device(struct rpmsg_bus *bus);

/* The bus of a device. */
RPMSG_API struct rpmsg_bus *rpmsg_device_bus(struct rpmsg_device *rpdev);

struct rpmsg_bus_info {
	size_t size; /* set by the caller */
	char name[RPMSG_BUS_NAME_SIZE];
	enum rpmsg_side side;
	bool up;
	bool both_sides;       /* the other side is served here too */
	uint32_t generation;   /* bring-ups so far */
	uint64_t features;     /* negotiated */
	uint32_t num;          /* buffers a direction */
	uint32_t buffer_size;
	uint32_t mtu_tx, mtu_rx;
	uint32_t tx_free;      /* transmit buffers free now */
	uint64_t tx, rx;       /* messages */
	uint64_t no_recipient; /* received for an address that nobody has */
	uint64_t malformed;    /* ring entries or headers that were refused */
	uint64_t ns_refused;   /* name service messages refused */
	int pid;               /* who serves it (client backend), or ours */
	char tx_holder[64];    /* who has held a transmit buffer longest, "" if unknown */
	uint32_t tx_held_ms;   /* for how long */
	bool own_only;         /* sees and records its own endpoints' messages only (the kernel's bus) */
	bool fixed_dst;        /* an endpoint sends to its own destination only, senders are not known */
};
/* What a backend cannot know (the kernel tells nothing of its rings) is 0. */
RPMSG_API int rpmsg_bus_get_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info);

/* ---- what is always counted ---- */

#define RPMSG_FLOW_SIZES 17 /* [0]: empty payloads, [k]: payloads of 2^(k-1) to 2^k - 1 bytes */

/* Messages one way. */
struct rpmsg_flow {
	uint64_t messages;
	uint64_t bytes;   /* of payload */
	/*
	 * CLOCK_MONOTONIC of the last one, 0 if there was none. Exact while the bus is recorded; else
	 * when the bus last looked at a clock before somebody asked: as each dispatch that may sleep
	 * does, and each notification that is sent.
	 */
	uint64_t last_ns;
	uint64_t sizes[RPMSG_FLOW_SIZES]; /* messages by payload; their sum is messages */
};

/* What a failed send is counted as. */
enum rpmsg_send_error {
	RPMSG_ERROR_NO_BUFFER, /* -ENOMEM: a try call found no transmit buffer */
	RPMSG_ERROR_TIMEOUT,   /* -ERESTARTSYS: none came back in time */
	RPMSG_ERROR_TOO_LONG,  /* -EMSGSIZE */
	RPMSG_ERROR_NO_DST,    /* -EINVAL: no destination yet, or no message */
	RPMSG_ERROR_DOWN,      /* -EPIPE: link down, or channel gone */
	RPMSG_ERROR_LOST,      /* accepted by rpmsgd, and lost with the link */
	RPMSG_ERROR_OTHER,
};
#define RPMSG_ERRORS 7

/* Of an endpoint, or of all that a channel or bus has and had. */
struct rpmsg_counts {
	struct rpmsg_flow tx, rx; /* sent by our side, received by it */
	uint64_t errors[RPMSG_ERRORS]; /* failed sends */
	uint64_t dropped;         /* received, and thrown away because the program did not read */
	uint64_t waits;           /* sends that waited for a transmit buffer, and have ended */
	uint64_t wait_ns;         /* for how long, all together */
};

/* ---- channels and services ---- */

/*
 * Makes a channel by hand (static: nothing is announced), found by drivers like
 * any. rpdev is any device of the bus. Errors: EINVAL empty or unterminated name,
 * EEXIST same name and destination.
 */
RPMSG_API struct rpmsg_device *rpmsg_channel_create(struct rpmsg_device *rpdev,
						    const struct rpmsg_channel_info *info);
/* Removes the channel with info's name and addresses (ANY matches any); a driver's remove runs. -ENOENT. */
RPMSG_API int rpmsg_channel_destroy(struct rpmsg_device *rpdev, const struct rpmsg_channel_info *info);

/*
 * Binds the channel's own endpoint, as a default endpoint is: its address is the
 * channel's source from then on, also after it is destroyed and bound again.
 * EBUSY if the channel's own endpoint is bound (rpmsg_error_detail() says to whom).
 */
RPMSG_API struct rpmsg_endpoint *rpmsg_channel_bind(struct rpmsg_device *rpdev, rpmsg_rx_cb_t cb,
						    void *priv);

#define RPMSG_SERVICE_PERSIST 1U /* belongs to the bus, not to this client (rpmsgd only) */
#define RPMSG_SERVICE_ON_BIND 2U /* announced when rpmsg_channel_bind() has bound it: nobody can be too early */

/*
 * Offers a service: a channel {name, src, ANY} that is announced to the other side
 * now (or when bound, by flag), as soon as a buffer is free, and again after each bring-up. src
 * ANY: the lowest free dynamic address, reserved until the service ends. Bind its
 * endpoint with rpmsg_channel_bind(). Ended, and withdrawn, by
 * rpmsg_service_destroy(), or with the bus. Not announced without F_NS.
 * Errors: EINVAL, EEXIST, EADDRINUSE, EOPNOTSUPP.
 */
RPMSG_API struct rpmsg_device *rpmsg_service_create(struct rpmsg_bus *bus, const char *name,
						    uint32_t src, unsigned flags);
RPMSG_API int rpmsg_service_destroy(struct rpmsg_device *rpdev);
/* True when every announcement and withdrawal so far is on the ring. */
RPMSG_API bool rpmsg_bus_announced(struct rpmsg_bus *bus);

enum rpmsg_channel_origin {
	RPMSG_CHANNEL_LEARNED, /* announced by the other side */
	RPMSG_CHANNEL_SERVICE, /* announced by ours */
	RPMSG_CHANNEL_STATIC,  /* made by hand */
};
enum rpmsg_holder_kind {
	RPMSG_HOLDER_NONE,
	RPMSG_HOLDER_DRIVER, /* holder: driver's name */
	RPMSG_HOLDER_CLIENT, /* holder: command, pid: its */
	RPMSG_HOLDER_SELF,   /* bound by this process */
	RPMSG_HOLDER_BUS,    /* announced by the bus, nobody listens */
};
struct rpmsg_channel_status {
	size_t size; /* set by the library */
	struct rpmsg_channel_info info;
	enum rpmsg_channel_origin origin;
	enum rpmsg_holder_kind holder_kind;
	int holder_pid;
	char holder[64];
	bool announced;       /* a service whose announcement is on the ring */
	bool peer_seen;       /* a service that has heard from somebody: it has a destination
				 (fixed_dst: that it is held, for more is not known) */
	uint64_t tx, rx;      /* messages of the channel's endpoints */
	uint32_t mtu;         /* 0: down or not known */
	struct rpmsg_device *rpdev; /* this bus's device for it */
	struct rpmsg_counts counts; /* of the channel's endpoints, those that have gone too */
};
/*
 * Calls fn for each channel, oldest first, until it returns non-zero, which is
 * returned. fn may not create or destroy channels. Client backend: asks rpmsgd.
 */
RPMSG_API int rpmsg_bus_for_each_channel(struct rpmsg_bus *bus,
					 int (*fn)(const struct rpmsg_channel_status *st, void *arg),
					 void *arg);
/* The same of one channel, without what the kernel or rpmsgd knows of it. -EINVAL: the bus's nameless device. */
RPMSG_API int rpmsg_channel_get_status(struct rpmsg_device *rpdev, struct rpmsg_channel_status *st);
/* The oldest channel with that name, or NULL with ENOENT. */
RPMSG_API struct rpmsg_device *rpmsg_bus_find_channel(struct rpmsg_bus *bus, const char *name);

/* ---- events ---- */

enum rpmsg_event_type {
	RPMSG_EVENT_UP,       /* link up; generation is new */
	RPMSG_EVENT_DOWN,     /* link down: channels have gone */
	RPMSG_EVENT_ANNOUNCE, /* a channel came: learned, service or static */
	RPMSG_EVENT_WITHDRAW, /* it goes; rpdev is freed after this event */
	RPMSG_EVENT_BOUND,    /* its own endpoint was bound */
	RPMSG_EVENT_UNBOUND,
	RPMSG_EVENT_DROPPED,  /* count messages for an endpoint were dropped: it did not read */
};
struct rpmsg_event {
	enum rpmsg_event_type type;
	struct rpmsg_channel_info info; /* of the channel, else empty */
	enum rpmsg_channel_origin origin;
	struct rpmsg_device *rpdev; /* or NULL */
	uint64_t count;
};
typedef void (*rpmsg_event_fn)(struct rpmsg_bus *bus, const struct rpmsg_event *event, void *arg);
/* One listener a bus; NULL ends it. Channels that exist already are not told again. */
RPMSG_API void rpmsg_bus_set_event_fn(struct rpmsg_bus *bus, rpmsg_event_fn fn, void *arg);

/* ---- the flight recorder ---- */

enum rpmsg_direction { RPMSG_H2R = 0, RPMSG_R2H = 1 };

/*
 * What a record tells: a message, or an event, something that happened on the bus beside
 * messages. An event's dir is the direction that it is about: of the message or ring, for UP and
 * DOWN H2R if the host's side tells it. What is not said to be set is 0, "", or ANY.
 *
 * UP is followed by ANNOUNCE for the channels that are there already; a recording that begins
 * while the link is up has both first. Where both sides of a loop are recorded a service is
 * told of by the side that has it.
 *
 * What one side can cause without end leaves room for messages: of NO_RECIPIENT, REFUSED,
 * MALFORMED, and NO_BUFFER with its BUFFER, 16 each are recorded one by one within a second. The
 * rest of that second is one event, with the text "and N more", src and dst ANY, and N as count;
 * of shortages it is a BUFFER whose count and duration are their sums. One that lasts longer is
 * told of after that.
 */
enum rpmsg_record_type {
	RPMSG_RECORD_MESSAGE = 0,
	RPMSG_RECORD_UP = 1,           /* link up; value: generation, text: features */
	RPMSG_RECORD_DOWN = 2,         /* link down; value: generation */
	RPMSG_RECORD_RESET = 3,        /* a ring was given up as broken; text: why */
	RPMSG_RECORD_ANNOUNCE = 4,     /* dir's sender offers src (dst: by hand only); text: the service's name */
	RPMSG_RECORD_WITHDRAW = 5,     /* the same, no more */
	RPMSG_RECORD_NO_RECIPIENT = 6, /* message src to dst of count bytes: nobody has dst */
	RPMSG_RECORD_NO_BUFFER = 7,    /* a send (src to dst, if known) found none; text: the oldest's holder */
	RPMSG_RECORD_BUFFER = 8,       /* there is one again (or DOWN); duration, count: sends that found none */
	RPMSG_RECORD_STALL = 9,        /* who has dst (value: pid, text: command) takes nothing; count: waiting */
	RPMSG_RECORD_DROP = 10,        /* count messages to dst were dropped; value, text, duration of the stall */
	RPMSG_RECORD_REFUSED = 11,     /* a name service message from src; text: why */
	RPMSG_RECORD_MALFORMED = 12,   /* a ring entry or header; text: why, with the values */
	RPMSG_RECORD_LOST = 13,        /* count records are missing here: never in a recorder's file */
};
#define RPMSG_RECORD_TYPES 14

/* One record. Pointers end with the next read of the same recording. */
struct rpmsg_record {
	uint64_t seq;          /* counts messages from 0 in the order recorded; event: of the next one */
	uint64_t time_ns;      /* CLOCK_REALTIME as of the recorder's start, never goes back */
	const char *bus;
	enum rpmsg_direction dir;
	uint32_t src, dst;
	uint32_t reserved;     /* as read from the header */
	uint16_t flags;
	uint16_t len;          /* payload; 0 for an event */
	const uint8_t *data;
	enum rpmsg_record_type type;
	/* of an event */
	uint32_t value;
	uint64_t count;
	uint64_t duration_ns;
	const char *text;      /* printable, never NULL in an event that was read */
};

struct rpmsg_recording; /* a reader; one thread at a time */

/*
 * Opens a recorder's file; history: start at the oldest record held, else at the next one.
 * Errors: EMEDIUMTYPE it is none, EPROTO it cannot be understood, ENOMEM, and those of open().
 */
RPMSG_API struct rpmsg_recording *rpmsg_recording_open(const char *path, bool history);
/* The same for what the bus's server records (client backend; else EOPNOTSUPP). */
RPMSG_API struct rpmsg_recording *rpmsg_recording_open_bus(struct rpmsg_bus *bus, bool history);
RPMSG_API void rpmsg_recording_close(struct rpmsg_recording *rec);
/* Whether events are read too; off unless switched on. */
RPMSG_API void rpmsg_recording_set_events(struct rpmsg_recording *rec, bool on);
/* on: what is recorded from now on is not read, as if the writer ended here; off: no such limit. */
RPMSG_API void rpmsg_recording_set_limit(struct rpmsg_recording *rec, bool on);
/*
 * 1 and *record, 0 if there is none yet, -EPIPE when the writer has ended (or is
 * dead) and all was read, or at the limit, -EPROTO if the file is damaged.
 */
RPMSG_API int rpmsg_recording_read(struct rpmsg_recording *rec, struct rpmsg_record *record);
/*
 * Passes over messages, up to the next event if events are read and there is one, else over all
 * that are there. How many, those included that were overwritten meanwhile: they do not count as
 * lost. For who need not see each of many: it takes less by far than to read them. With a limit
 * it does nothing.
 */
RPMSG_API uint64_t rpmsg_recording_skip(struct rpmsg_recording *rec);
/* Messages that were overwritten before this reader got to them: exact. Events do not count. */
RPMSG_API uint64_t rpmsg_recording_lost(const struct rpmsg_recording *rec);
/* Number of the next message to be written: what lies below is in the file or lost. */
RPMSG_API uint64_t rpmsg_recording_end(const struct rpmsg_recording *rec);
/* What time_ns of a record would be that its writer, on this machine since its last start, made now. */
RPMSG_API uint64_t rpmsg_recording_now(const struct rpmsg_recording *rec);
/* The pid of a writer that died with a bus open (or has it open: this is a copy); else 0. */
RPMSG_API int rpmsg_recording_crashed(const struct rpmsg_recording *rec);
/* Readable soon after new records (read 8 bytes to clear), or -1: look again by timer. */
RPMSG_API int rpmsg_recording_fd(const struct rpmsg_recording *rec);

/*
 * Records all that bus sends and receives into a new file of size bytes (0: 8 MiB). A bus
 * has one recorder. RPMSG_RECORD=FILE[,SIZE] does it for every bus of a process. A
 * recording at path that a process left when it died is kept as path.crashed, and logged.
 */
RPMSG_API int rpmsg_bus_record(struct rpmsg_bus *bus, const char *path, size_t size);
/*
 * The events of bus go into the recorder of other from now on, its messages do not: for the
 * second end of a loop, whose messages the first end records. EBUSY if bus has a recorder.
 */
RPMSG_API int rpmsg_bus_record_with(struct rpmsg_bus *bus, struct rpmsg_bus *other);
/*
 * Adds an event of the program's own: type, dir, src, dst, value, count, duration_ns and text (or
 * NULL; cut to 255 bytes, made printable) count. Nothing happens without a recorder. EINVAL for a type
 * that is no event, and LOST. Safe from several threads, and in callbacks. NO_BUFFER counts as a
 * send that found none: it is recorded if it is the first, and if there is none; BUFFER follows
 * by itself.
 */
RPMSG_API int rpmsg_bus_record_event(struct rpmsg_bus *bus, const struct rpmsg_record *event);
/* Number of records so far, messages and events; 0 without a recorder. Cheap. */
RPMSG_API uint64_t rpmsg_bus_record_count(struct rpmsg_bus *bus);

/* ---- statistics: what rpmsg-ns stats and rpmsg-top show ---- */

/* An endpoint. Of what a backend cannot know is 0 or "". */
struct rpmsg_endpoint_stats {
	size_t size;            /* set by the caller of rpmsg_endpoint_get_stats(), else by the library */
	uint64_t id;            /* from 1 in order of creation, never used again on this bus */
	struct rpmsg_channel_info channel; /* name "": it has none */
	uint32_t addr, dst;     /* dst ANY: none yet */
	bool own;               /* the channel's own endpoint */
	enum rpmsg_holder_kind holder_kind; /* whose it is: DRIVER, CLIENT or SELF */
	int holder_pid;
	char holder[64];        /* command, or driver */
	struct rpmsg_counts counts;
	uint32_t waiting;       /* senders that wait for a transmit buffer now, */
	uint64_t waiting_ns;    /* and for how long one or the other has */
	uint32_t queued;        /* received messages that rpmsgd keeps, its program's socket being full, */
	uint64_t queued_ns;     /* and for how long it has read nothing, if it is to blame */
	uint32_t held;          /* buffers of the ring, among them, that are not given back, */
	uint64_t held_ns;       /* and for how long the oldest */
};

/*
 * A virtqueue as our side sees it: size = free + in_flight + held. All 0 while the link is down, and
 * where nothing is known of it (kernel's bus).
 */
struct rpmsg_ring_stats {
	uint32_t size;
	uint32_t free;          /* empty, at the disposal of the side that sends */
	uint32_t in_flight;     /* with a message that the side that receives has not given back */
	uint32_t held;          /* by our side: reserved and not sent, received and not released */
	uint64_t oldest_ns;     /* for how long at least one has been in flight or held; 0: not known */
	char holder[64];        /* who has it, or "" */
	uint64_t kicks;         /* notifications that we sent, */
	uint64_t suppressed;    /* and buffers that went without one of their own */
	uint64_t wakeups;       /* notifications that woke us */
	uint64_t full;          /* times that a send found no buffer free (transmit queue), */
	uint64_t full_ns;       /* and for how long, this time included */
};

/* Messages that nobody has received, by who sent them where. */
struct rpmsg_stray {
	uint32_t src, dst;
	uint64_t messages, bytes, last_ns;
};
#define RPMSG_STRAYS 16

/* A side of a bus, since it was opened (by rpmsgd, for its clients). */
struct rpmsg_stats {
	size_t size;            /* set by the caller */
	uint64_t time_ns;       /* CLOCK_MONOTONIC now, */
	uint64_t since_ns;      /* and when counting began */
	struct rpmsg_counts counts; /* of all endpoints, those that have gone too, and of name service */
	uint64_t no_recipient, malformed, ns_refused; /* as in rpmsg_bus_info */
	uint32_t n_channels, n_endpoints;
	struct rpmsg_ring_stats tx_ring, rx_ring;
	uint32_t n_strays;      /* stray[] that are set; the last one to have happened first */
	bool strays_forgotten;  /* there were more, longer ago */
	struct rpmsg_stray stray[RPMSG_STRAYS];
};
/* Client backend: asks rpmsgd. -EINVAL size, -EPIPE the server has gone. */
RPMSG_API int rpmsg_bus_get_stats(struct rpmsg_bus *bus, struct rpmsg_stats *stats);
/*
 * Calls fn for each endpoint of the bus's side, by id, until it returns non-zero, which is
 * returned. fn may not create or destroy endpoints. Client backend: asks rpmsgd, for all clients'.
 */
RPMSG_API int rpmsg_bus_for_each_endpoint(struct rpmsg_bus *bus,
					  int (*fn)(const struct rpmsg_endpoint_stats *st, void *arg),
					  void *arg);
/* What this process knows of its endpoint. -EINVAL. */
RPMSG_API int rpmsg_endpoint_get_stats(struct rpmsg_endpoint *ept, struct rpmsg_endpoint_stats *st);
/*
 * For who serves others through ept: adds more's errors, dropped, waits and wait_ns, which the
 * library does not see, to its counts; more's flows do not count. Safe from several threads.
 */
RPMSG_API void rpmsg_endpoint_count(struct rpmsg_endpoint *ept, const struct rpmsg_counts *more);
/*
 * Transmit buffers free now: what rpmsg_bus_info has, for less; 0 while down, or not known. For who
 * has something to send: that there was none is counted (rpmsg_ring_stats.full).
 */
RPMSG_API uint32_t rpmsg_bus_tx_free(struct rpmsg_bus *bus);

/* ---- the kernel's buses: what the dead left ---- */

#define RPMSG_GC_ALL 1U     /* also endpoints that others made, if nobody has them open */
#define RPMSG_GC_DRY_RUN 2U /* only look */

/* A device on a kernel's bus whose creator has ended without removing it. */
struct rpmsg_leftover {
	size_t size;                    /* set by the library */
	char ctrl[32];                  /* of which bus: "/dev/rpmsg_ctrl0" */
	char node[32];                  /* "/dev/rpmsg3", or "" if it has none */
	struct rpmsg_channel_info info; /* as it was created */
	bool service;                   /* an announced service, else an endpoint */
	bool ours;                      /* made by this library, else found by RPMSG_GC_ALL */
	int pid;                        /* of its creator, or 0 */
	char command[32];               /* likewise, or "" */
	int err;                        /* 0: removed (or would be); -errno why not, see detail */
	const char *detail;             /* in words, or ""; ends with the call of fn */
};

/*
 * Removes the endpoints (/dev/rpmsgN) and services that killed programs left on
 * the kernel's buses: spec is /dev/rpmsg_ctrlN, or NULL for all there are. fn, if
 * not NULL, is told of each. Opening such a bus removes what this library left
 * there, too. Never blocks longer than another process creates an endpoint.
 * Returns how many were removed (RPMSG_GC_DRY_RUN: would be); no kernel's bus is 0.
 * Errors: -EINVAL spec is no control device, -ENOENT it is not there, -EPERM the
 * directory of rpmsg_dir_serve() is not safe, -ENOMEM.
 */
RPMSG_API int rpmsg_chrdev_gc(const char *spec, unsigned flags,
			      void (*fn)(const struct rpmsg_leftover *left, void *arg), void *arg);

/* ---- the rest ---- */

/* Text for an errno, negative or positive, ERESTARTSYS included. Static storage. */
RPMSG_API const char *rpmsg_strerror(int err);
/* "0.1.0" */
RPMSG_API const char *rpmsg_version(void);

/*
 * The directories where NAME.sock is looked for, in order; i counts from 0; -ENOENT
 * after the last. Source: RPMSG_DIR, XDG_RUNTIME_DIR, /run/rpmsg, /tmp/rpmsg-UID.
 */
RPMSG_API int rpmsg_dir_lookup(unsigned i, char *path, size_t size);
/* The directory in which this process serves; made (0700) and checked. -EPERM and a detail if it is not safe. */
RPMSG_API int rpmsg_dir_serve(char *path, size_t size);
/* Whether name is a valid bus NAME: [A-Za-z0-9_][A-Za-z0-9_.-]{0,31}. */
RPMSG_API bool rpmsg_bus_name_valid(const char *name);

/*
 * Turns SIGBUS from a truncated shared mapping of this library into "link down";
 * other SIGBUS go to the handler that was there before. Process-wide, for programs; -errno.
 */
RPMSG_API int rpmsg_sigbus_install(void);

#ifdef RPMSG_KERNEL_NAMES
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
#define rpmsg_channel rpmsg_device
#endif

#ifdef __cplusplus
}
#endif
#endif
