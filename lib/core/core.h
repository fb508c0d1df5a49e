/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rooms behind <rpmsg.h>: bus, channel, endpoint, driver, and what a backend
 * gives them. The core knows nothing of rings or sockets; a backend knows nothing
 * of drivers and name service.
 *
 * bus->lock guards lists, tables and every member without a remark. It is never
 * held while the program's code (probe, remove, callbacks, events, log) runs.
 * Order: bus->lock before a backend's own locks.
 */
#ifndef RPMSG_CORE_H
#define RPMSG_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/lock.h"
#include "record/recorder.h"
#include "rpmsg.h"

/* Relaxed: words that one thread sets under a lock and others look at without. */
#define peek(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define poke(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/* ---- log and last error (log.c) ---- */

struct rpmsg_log {
	rpmsg_log_fn fn;
	void *arg;
};
void log_say(const struct rpmsg_log *log, enum rpmsg_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Sets rpmsg_error_detail() and errno = err (positive); returns -err. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- addresses (addr.c): constant-time map from address to endpoint ---- */

struct endpoint;
#define ADDR_TAKEN (UINT64_C(1) << 32) /* with the address */
#define ADDR_DELETED (UINT64_C(2) << 32)
struct addr_slot {
	uint64_t key; /* 0: free */
	struct endpoint *ept; /* NULL: reserved by a channel that nobody has bound */
};
struct addr_table {
	struct endpoint **low;  /* those of the addresses below n_low again, by address */
	uint32_t n_low;
	struct addr_slot *slot;
	uint32_t shift; /* 32 less the bits of an index */
	uint32_t n, n_deleted;
	uint64_t *dynamic;      /* a bit for each address from RPMSG_ADDR_DYNAMIC: taken */
	uint32_t dynamic_words;
	uint32_t dynamic_hint;  /* every word below is full */
};
int addr_table_init(struct addr_table *t);
void addr_table_fini(struct addr_table *t);
/* The endpoint at an address, or NULL. */
struct endpoint *addr_search(const struct addr_table *t, uint32_t addr);
static inline struct endpoint *addr_endpoint(const struct addr_table *t, uint32_t addr)
{
	return __builtin_expect(addr < t->n_low, 1) ? t->low[addr] : addr_search(t, addr);
}
/* 0, -EADDRINUSE, -ENOMEM. */
int addr_take(struct addr_table *t, uint32_t addr, struct endpoint *ept);
/* The lowest free dynamic address in *addr; -EADDRNOTAVAIL, -ENOMEM. */
int addr_take_dynamic(struct addr_table *t, uint32_t *addr, struct endpoint *ept);
/* For an address that is taken: whose it is from now on. */
void addr_assign(struct addr_table *t, uint32_t addr, struct endpoint *ept);
void addr_drop(struct addr_table *t, uint32_t addr);

/* ---- endpoints (endpoint.c) ---- */

struct channel;
LIST_HEAD(endpoint_list, endpoint);

/* Addresses are valid, len <= INT_MAX; data may be NULL for none. No lock held. */
typedef int send_fn(struct endpoint *ept, const void *data, size_t len, uint32_t src, uint32_t dst,
		    bool wait);

struct endpoint {
	struct rpmsg_endpoint pub;
	struct rpmsg_bus *bus;
	send_fn *send;           /* atomic; the backend's while bound, else endpoint_send_unbound */
	struct channel *ch;      /* NULL: the bus's nameless device */
	uint32_t dst;            /* atomic; ANY: none yet */
	bool dst_learned;
	bool learn;              /* atomic */
	bool in_place;           /* atomic */
	bool plain;              /* not in place, with a dst, not recorded: endpoint_run() is all a message needs */
	bool own;                /* the channel's own endpoint */
	bool bound;              /* atomic; has its address: cleared when its channel goes */
	bool dead;               /* destroyed; freed when its callback has ended */
	bool awaited;            /* somebody waits for that to end, and frees it */
	void *backend;           /* the backend's state, from ops->bind to ops->unbind */
	uint64_t id;             /* from 1, in order of creation */
	uint32_t waiting;        /* atomic; sends that wait for a transmit buffer */
	uint64_t waiting_since_ns; /* atomic */
	/* rx: bus->lock; tx: the backend's lock that sends take, tx_lock if it says which; rest atomic */
	struct rpmsg_counts counts; /* see flow_count() */
	LIST_ENTRY(endpoint) link; /* of its channel's, or of the root's when that is gone */
};

/* ---- channels (channel.c) ---- */

struct channel {
	struct rpmsg_device pub;
	struct rpmsg_bus *bus;
	struct rpmsg_driver *driver; /* guarded by the driver registry's lock, as is driver_busy */
	uint32_t driver_busy;    /* thread that runs its probe or remove */
	uint64_t driver_pass;    /* last registration that offered it */
	enum rpmsg_channel_origin origin;
	bool reserved_src;       /* src is ours in the address table while nobody has bound it */
	bool announced;          /* the announcement is on the ring */
	bool announce_wanted;
	bool announce_on_bind;
	bool gone;               /* off the list; freed by the last reference */
	unsigned refs;           /* list, and whoever runs its driver's code */
	struct rpmsg_counts past; /* of endpoints that went; the root's also of channels that did, and of name service */
	uint64_t remote_id;      /* client backend: rpmsgd's number */
	char text[RPMSG_NAME_SIZE + 24];
	struct endpoint_list epts;
	TAILQ_ENTRY(channel) link;
};
TAILQ_HEAD(channel_list, channel);

/* ---- backends ---- */

struct backend_ops {
	/*
	 * Gives ept its address: *addr, or any if that is ANY; own: the channel's own
	 * endpoint. NULL: the core's address table decides. Called without lock.
	 */
	int (*bind)(struct endpoint *ept, uint32_t *addr, uint32_t dst, bool own);
	void (*unbind)(struct endpoint *ept);
	send_fn *send;
	/* A send failed, and was counted, before it came to send. NULL: nobody else counts. Without lock. */
	void (*failed)(struct endpoint *ept);
	long (*mtu)(struct rpmsg_bus *bus);
	int (*poll)(struct endpoint *ept);
	void *(*reserve)(struct endpoint *ept, size_t *room, bool wait);
	int (*submit)(struct endpoint *ept, void *buf, uint32_t dst, size_t len);
	void (*discard)(struct endpoint *ept, void *buf);
	struct rpmsg_held *(*hold)(struct endpoint *ept, const void *data);
	/*
	 * rpmsg_bus_dispatch(): handles what is there; if that is nothing, sleeps up to
	 * timeout_ms and looks again. Count or -errno. One thread at a time.
	 */
	int (*dispatch)(struct rpmsg_bus *bus, int timeout_ms);
	/* rpmsg_bus_spin(), with dispatch_begin() and dispatch_end() of its own. NULL: dispatch(bus, 0). */
	int (*spin)(struct rpmsg_bus *bus, int max);
	/* The pollable fd. */
	int (*fd)(struct rpmsg_bus *bus);
	/* A channel by hand or service. NULL: local to this process. With *info complete on return. */
	int (*channel_create)(struct rpmsg_bus *bus, struct rpmsg_channel_info *info,
			      enum rpmsg_channel_origin origin, unsigned flags, uint64_t *remote_id);
	int (*channel_destroy)(struct rpmsg_bus *bus, const struct channel *ch);
	/* Fills what the core does not know. */
	int (*info)(struct rpmsg_bus *bus, struct rpmsg_bus_info *info);
	/* Fills in the rings, which are zero. NULL: nothing is known of them. */
	void (*rings)(struct rpmsg_bus *bus, struct rpmsg_stats *stats);
	/* rpmsg_bus_tx_free(). NULL: not known. */
	uint32_t (*tx_free)(struct rpmsg_bus *bus);
	/* rpmsg_bus_get_stats(), rpmsg_bus_for_each_endpoint(). NULL: the core counts. */
	int (*stats)(struct rpmsg_bus *bus, struct rpmsg_stats *stats);
	int (*for_each_endpoint)(struct rpmsg_bus *bus,
				 int (*fn)(const struct rpmsg_endpoint_stats *, void *), void *arg);
	/* NULL: the core lists its own. */
	int (*for_each_channel)(struct rpmsg_bus *bus,
				int (*fn)(const struct rpmsg_channel_status *, void *), void *arg);
	/*
	 * Tries to send a name service message (40 bytes) from src: 0, -ENOMEM, -EPIPE.
	 * NULL where somebody else does the name service (client).
	 */
	int (*send_ns)(struct rpmsg_bus *bus, uint32_t src, const void *msg);
	/* rpmsg_bus_announced() where somebody else does the name service. */
	bool (*announced)(struct rpmsg_bus *bus);
	const char *no_destination; /* what that means here, if it is more than "none yet" */
	void (*cancel)(struct rpmsg_bus *bus); /* async-signal-safe */
	/* bus_record_due() is to be called in ms from now, 0: not any more; with locks. NULL: dispatch will. */
	void (*alarm)(struct rpmsg_bus *bus, unsigned ms);
	/* bus->recorder was set. With bus->lock. NULL: it is looked at for each message. */
	void (*recorded)(struct rpmsg_bus *bus);
	struct rpmsg_recording *(*recording)(struct rpmsg_bus *bus, bool history);
	void (*close)(struct rpmsg_bus *bus); /* frees the bus */
};

/* A held message; the backend's struct begins with it. */
struct rpmsg_held {
	const void *data;
	void (*release)(struct rpmsg_held *held); /* frees */
};
/* A held message that is a copy, for backends whose data has no place of its own; NULL: ENOMEM. */
struct rpmsg_held *held_copy(const void *data, size_t len);

/* ---- what happens (event.c), what of it is recorded (brake.c) ---- */

/* Kinds that one side can cause without end: within a period few are recorded one by one. */
enum brake_kind { BRAKE_NO_RECIPIENT, BRAKE_REFUSED, BRAKE_MALFORMED, BRAKE_SHORTAGE, BRAKES };
struct brake {
	uint64_t from_ms; /* when the period began */
	uint32_t n;       /* recorded in it */
	uint64_t more;    /* held back in it */
	uint64_t sends, duration_ns; /* of shortages that were */
	enum rpmsg_direction dir;
};

/* There is no transmit buffer, and somebody wanted one. */
struct shortage {
	bool on;          /* atomic */
	bool told;        /* not held back */
	uint64_t sends;   /* atomic; that found none */
	uint64_t since_ns;
	uint32_t src, dst; /* of the first one */
	char holder[64];
};

/* ---- the bus (bus.c) ---- */

/* A withdrawal that waits for a buffer. */
struct ns_pending {
	char name[RPMSG_NAME_SIZE];
	uint32_t addr;
	TAILQ_ENTRY(ns_pending) link;
};
TAILQ_HEAD(ns_pending_list, ns_pending);

/* A driver of this bus, or a process-wide one. */
struct bus_driver {
	struct rpmsg_driver *drv;
	TAILQ_ENTRY(bus_driver) link;
};
TAILQ_HEAD(bus_driver_list, bus_driver);

struct rpmsg_bus {
	const struct backend_ops *ops;
	struct lock lock;
	struct rpmsg_log log;
	char name[RPMSG_BUS_NAME_SIZE];
	enum rpmsg_side side;
	bool up;                  /* atomic */
	bool closing;
	uint32_t generation;
	uint64_t features;        /* negotiated, while up */
	bool swap;
	int send_timeout_ms;

	struct channel root;      /* the nameless device */
	struct channel_list channels;
	struct channel_list leaving; /* gone, and their endpoints not deaf yet */
	struct addr_table addrs;
	struct bus_driver_list drivers;

	struct endpoint *running; /* whose callback runs */
	const void *running_data; /* its message, if that may be held */
	uint32_t running_seq;     /* futex: counts ends of callbacks that somebody waited for */
	uint32_t dispatcher;      /* set with lock, read without: id of the thread in dispatch, or 0 */
	struct ns_pending_list withdrawals;
	bool ns_wanted;           /* atomic; something may be pending */

	rpmsg_event_fn event_fn;
	void *event_arg;

	struct recorder *recorder; /* of messages, or NULL */
	struct recorder *events;   /* atomic; the same one, or of events alone, or NULL */
	int record_id;
	bool recorder_shared;      /* RPMSG_RECORD's, not ours to close */
	const void *loop;          /* the same for both sides of a loop, or NULL */
	bool twin_recorded;        /* atomic; the other side of the loop is recorded in the same file */
	struct lock brake_lock;    /* guards what follows; innermost but for the recorder's */
	struct brake brake[BRAKES];
	struct shortage shortage;
	uint64_t brake_due_ms;     /* atomic; when bus_record_due() is to be called, or 0 */

	uint64_t malformed;        /* atomic */
	uint64_t no_recipient, ns_refused;

	uint64_t now_ns;           /* atomic; CLOCK_MONOTONIC_COARSE as last looked at: bus_look_at_clock() */
	uint64_t since_ns;         /* when it was made */
	uint64_t last_id;          /* of endpoints */
	int pid;                   /* whose it is */
	struct lock *tx_lock;      /* guards endpoints' counts.tx; or NULL, and they are atomic */
	struct rpmsg_stray stray[RPMSG_STRAYS]; /* n_strays of them, the newest first */
	uint32_t n_strays;
	bool strays_forgotten;
	LIST_ENTRY(rpmsg_bus) link; /* all buses of the process, for register_rpmsg_driver */
};

/* ---- what is counted (stats.c) ---- */

/* Which of rpmsg_flow.sizes counts a payload. */
static inline unsigned flow_class(size_t len)
{
	return 63 ^ (unsigned)__builtin_clzll(2 * (uint64_t)len + 1);
}

/*
 * With the flow's lock. Nobody counts messages, which is the sum of sizes: it is theirs as of
 * the last time that somebody asked, who sets last_ns if there were more since.
 */
static inline void flow_count(struct rpmsg_flow *flow, size_t len)
{
	flow->bytes += len;
	flow->sizes[flow_class(len)]++;
}
/* The same where no lock guards it, and where the time is known well enough. */
void flow_count_atomic(struct rpmsg_flow *flow, size_t len, uint64_t now_ns);

/* Makes now_ns what it is: after a sleep, or with a system call that is made anyway. */
void bus_look_at_clock(struct rpmsg_bus *bus);

/* A send from e (or NULL: the bus's own) failed with -errno err, which it returns. With or without locks. */
int endpoint_failed(struct endpoint *e, int err);
/* The same for the core's own refusals, of which the backend is told. Without locks. */
int endpoint_refused(struct endpoint *e, int err);
/* A send from e begins to wait for a buffer (its start, for the end), and has waited. Likewise. */
uint64_t endpoint_wait_begin(struct endpoint *e);
void endpoint_wait_end(struct endpoint *e, uint64_t start_ns);
/* A message that nobody receives. With bus->lock. */
void stray_count(struct rpmsg_bus *bus, uint32_t src, uint32_t dst, size_t len);
/* All of a channel, or the root's: flows are complete. With bus->lock. */
void channel_counts(struct channel *ch, struct rpmsg_counts *counts);
/* The same of all of a bus. */
void bus_counts(struct rpmsg_bus *bus, struct rpmsg_counts *counts);
/* e, or ch, goes: what it has counted stays with its channel, or with the bus. With bus->lock. */
void endpoint_counts_stay(struct endpoint *e);
void channel_counts_stay(struct channel *ch);

/* The cold parts of endpoint_deliver() and endpoint_run(), with lock: the first sender; destroyed while its callback ran. */
void endpoint_learn_dst(struct endpoint *e, uint32_t src);
void endpoint_callback_ended(struct rpmsg_bus *bus, struct endpoint *e);
/* bus->recorder was set: what that changes of its endpoints. With lock. */
void endpoint_note_recorder(struct rpmsg_bus *bus);
int endpoint_send_unbound(struct endpoint *e, const void *data, size_t len, uint32_t src,
			  uint32_t dst, bool wait);

/*
 * Runs e's callback from a backend's dispatch, lock held at call and return but not
 * within. Returns after the callback, with e freed if it was destroyed meanwhile.
 */
static inline void endpoint_run(struct rpmsg_bus *bus, struct endpoint *e, void *data, int len,
				uint32_t src)
{
	bus->running = e;
	flow_count(&e->counts.rx, (size_t)len);
	lock_drop(&bus->lock);
	e->pub.cb(e->pub.rpdev, data, len, e->pub.priv, src);
	lock_take(&bus->lock);
	bus->running = NULL;
	if (__builtin_expect(e->dead, 0))
		endpoint_callback_ended(bus, e);
}

/* The same for any endpoint: learns the destination first. */
static inline void endpoint_deliver(struct rpmsg_bus *bus, struct endpoint *e, void *data, int len,
				    uint32_t src)
{
	if (peek(&e->dst) == RPMSG_ADDR_ANY)
		endpoint_learn_dst(e, src);
	endpoint_run(bus, e, data, len, src);
}

/*
 * For backends. bus_init prepares everything but ops' own state; the backend
 * embeds struct rpmsg_bus as its first member. bus_start makes it known to
 * process-wide drivers (call it last); bus_stop undoes it, removes drivers and
 * channels and frees endpoints (call it first in close); bus_fini frees the rest.
 */
int bus_init(struct rpmsg_bus *bus, const struct backend_ops *ops, const char *name,
	     enum rpmsg_side side, const struct rpmsg_bus_options *opt);
void bus_start(struct rpmsg_bus *bus);
void bus_stop(struct rpmsg_bus *bus);
void bus_fini(struct rpmsg_bus *bus);
/* The link came up (features set), or went down: learned channels go. Without lock. */
void bus_link_up(struct rpmsg_bus *bus, uint64_t features);
void bus_link_down(struct rpmsg_bus *bus);

/* Tells the listener and the recorder. Without lock. */
void bus_event(struct rpmsg_bus *bus, enum rpmsg_event_type type, struct channel *ch, uint64_t count);
/* The direction of what bus sends, or receives. */
enum rpmsg_direction bus_direction(const struct rpmsg_bus *bus, bool sent);
/* What a new recorder is to know: link and channels as they are. Without lock. */
void bus_record_state(struct rpmsg_bus *bus);
/* What it is to know in the end. */
void bus_record_end(struct rpmsg_bus *bus);
/* Into the recorder, if there is one and the kind's brake lets it. With or without locks. */
void bus_record(struct rpmsg_bus *bus, const struct rpmsg_record *event);
/* Sums up what brakes have held back, as far as it is time; all of it, and forgets a shortage. */
void bus_record_due(struct rpmsg_bus *bus);
void bus_record_rest(struct rpmsg_bus *bus);
/* A send found no transmit buffer; holder (or NULL) has kept one longest. With or without locks. */
void bus_no_buffer(struct rpmsg_bus *bus, uint32_t src, uint32_t dst, const char *holder);
void bus_shortage_over(struct rpmsg_bus *bus);

/* Counts a send that found none; false if it is the first one and to be told of. */
static inline bool bus_short_already(struct rpmsg_bus *bus)
{
	if (!peek(&bus->events))
		return true;
	if (!peek(&bus->shortage.on))
		return false;
	__atomic_add_fetch(&bus->shortage.sends, 1, __ATOMIC_RELAXED);
	return true;
}

/* There is one. */
static inline void bus_buffer(struct rpmsg_bus *bus)
{
	if (__builtin_expect(peek(&bus->shortage.on), 0))
		bus_shortage_over(bus);
}

/*
 * Adds a channel and offers it to drivers; without lock. NULL and errno EEXIST,
 * ENOMEM, EADDRINUSE, EADDRNOTAVAIL. take_src: reserve info->src (ANY: the lowest
 * dynamic one) in the core's address table, as a service needs.
 */
struct channel *channel_add(struct rpmsg_bus *bus, const struct rpmsg_channel_info *info,
			    enum rpmsg_channel_origin origin, bool take_src);
/* Takes it off the bus: driver's remove, endpoints go deaf, event. Without lock. */
void channel_remove(struct channel *ch);
/* All that have endpoints: the root, the bus's, those leaving. NULL first and last. With lock. */
struct channel *channel_after(struct rpmsg_bus *bus, struct channel *ch);
/* With lock: finds by name and destination (learned), or by a test of the caller's own over bus->channels. */
struct channel *channel_find(struct rpmsg_bus *bus, const char *name, uint32_t src, uint32_t dst);

/* rpmsg_bus_for_each_channel() as the core knows them. */
int channel_each(struct rpmsg_bus *bus, int (*fn)(const struct rpmsg_channel_status *st, void *arg),
		 void *arg);

static inline struct endpoint *endpoint_of(struct rpmsg_endpoint *ept)
{
	return container_of(ept, struct endpoint, pub);
}
static inline struct channel *channel_of(struct rpmsg_device *rpdev)
{
	return container_of(rpdev, struct channel, pub);
}

/* The work behind rpmsg_create_ept and rpmsg_channel_bind. Without lock. */
struct rpmsg_endpoint *endpoint_create(struct channel *ch, rpmsg_rx_cb_t cb, void *priv,
				       uint32_t addr, uint32_t dst, bool own);
/* Unbinds the endpoints of a channel that goes; they stay allocated. Without lock. */
void endpoint_deafen_all(struct channel *ch);
/* Forgets learned destinations: the other side is a new one. With lock. */
void endpoint_forget_dst(struct channel *ch);

/* A received name service message: lock not held (ns.c). */
void ns_receive(struct rpmsg_bus *bus, const void *data, size_t len, uint32_t src);
/* Asks for an announcement, or takes it back (a withdrawal goes out if it was sent). Without lock. */
void ns_announce(struct channel *ch);
void ns_withdraw(struct channel *ch);
/* Puts pending announcements on the ring as far as buffers go; true if none is left. Without lock. */
bool ns_flush(struct rpmsg_bus *bus);

/* Drops a reference; the last one frees. With lock, or without any left. */
void channel_put(struct channel *ch);
/* Offers a channel to drivers; takes its driver off it (driver.c). Without lock. */
void driver_match_channel(struct channel *ch);
void driver_detach(struct channel *ch);
/* Buses that process-wide drivers see. */
void driver_add_bus(struct rpmsg_bus *bus);
void driver_remove_bus(struct rpmsg_bus *bus);

/* Small id of the calling thread, never 0 (bus.c). */
extern _Thread_local uint32_t thread_id_known __attribute__((tls_model("initial-exec")));
uint32_t thread_id_ask(void);
static inline uint32_t thread_id(void)
{
	return __builtin_expect(thread_id_known != 0, 1) ? thread_id_known : thread_id_ask();
}

/* Makes this thread the one that dispatches; false if there is one. With lock. */
static inline bool dispatch_begin(struct rpmsg_bus *bus)
{
	if (__builtin_expect(peek(&bus->dispatcher) != 0, 0))
		return false;
	poke(&bus->dispatcher, thread_id());
	return true;
}

static inline void dispatch_end(struct rpmsg_bus *bus)
{
	poke(&bus->dispatcher, 0);
}

/* The same for who has no lock: 0 or -EBUSY. */
int dispatch_enter(struct rpmsg_bus *bus);
void dispatch_leave(struct rpmsg_bus *bus);
/* -EBUSY, and what that means. */
int dispatch_busy(void);

/* client.c, chrdev.c; spec.c calls them. */
struct rpmsg_bus *client_bus_open(const char *spec, const struct rpmsg_bus_options *opt);
struct rpmsg_bus *chrdev_bus_open(const char *spec, const struct rpmsg_bus_options *opt);

#endif
