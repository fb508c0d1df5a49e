/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One end of a connection: the handshake, then the link that it set up. Never
 * waits: each step handles whole messages as they come. Whatever the other end
 * does wrong costs it this connection and us one log line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/event.h"
#include "link/shm.h"

void shm_end_warn(struct shm_end *end, const char *fmt, ...)
{
	enum rpmsg_log_level level = end->quiet ? RPMSG_LOG_DEBUG : RPMSG_LOG_WARNING;
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_say(end->link.log, level, "%s: %s", end->name, text);
	end->quiet = true;
}

static const char *other(const struct shm_end *end)
{
	return end->link.side == RPMSG_SIDE_HOST ? "remote" : "host";
}

__attribute__((format(printf, 2, 3))) static int refuse(struct shm_end *end, const char *fmt,
							...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	shm_end_warn(end, "connection dropped, the %s's %s", other(end), text);
	return -EPROTO;
}

/* ---- the memory and the notifications of a generation ---- */

static void place_rings(struct link *link, const struct shm_ring_place place[2])
{
	uint8_t *base = link->mem->base;
	unsigned q;

	for (q = 0; q < 2; q++)
		link->ring[q] = (struct vring){
			.num = link->num,
			.desc = (struct vring_desc *)(base + place[q].desc),
			.avail = (struct vring_avail *)(base + place[q].avail),
			.used = (struct vring_used *)(base + place[q].used),
		};
	link->regions.n = 1;
	link->regions.r[0] = (struct vring_region){ 0, link->mem->size, base };
}

/* Takes the event fds out of a SETUP: in and out are the first for us and for the other side. */
static int take_events(struct shm_end *end, struct shm_message *msg, enum shm_fd in,
		       enum shm_fd out)
{
	unsigned q;

	for (q = 0; q < 2; q++) {
		if (dup3(msg->fd[out + q], end->call_fd[q], O_CLOEXEC) < 0)
			return -errno;
		end->link.event_fd[q] = msg->fd[in + q];
		msg->fd[in + q] = -1;
	}
	return 0;
}

/* ---- host ---- */

static int make_fds(struct shm_message *msg, uint64_t size)
{
	unsigned i;

	msg->fd[SHM_FD_MEMORY] = shm_memory_create(size);
	if (msg->fd[SHM_FD_MEMORY] < 0)
		return msg->fd[SHM_FD_MEMORY];
	for (i = SHM_FD_TO_HOST; i < SHM_FDS; i++) {
		msg->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (msg->fd[i] < 0)
			return -errno;
	}
	return 0;
}

static void host_setup(struct shm_end *end, struct shm_setup *setup, const struct shm_layout *lay)
{
	struct link *link = &end->link;
	uint8_t *base = link->mem->base;
	struct vring vr;
	unsigned q;

	for (q = 0; q < 2; q++) {
		vring_place(&vr, link->num, base + lay->ring[q], SHM_RING_ALIGN);
		setup->ring[q].desc = (uint64_t)((uint8_t *)vr.desc - base);
		setup->ring[q].avail = (uint64_t)((uint8_t *)vr.avail - base);
		setup->ring[q].used = (uint64_t)((uint8_t *)vr.used - base);
		link->buffers[q] = base + lay->buffers[q];
		link->buffers_addr[q] = lay->buffers[q];
	}
	setup->generation = link->generation + 1;
	setup->num = link->num;
	setup->buffer_size = link->buffer_size;
	setup->features = end->opt.features;
	setup->size = lay->size;
	place_rings(link, setup->ring);
}

static int host_offer(struct shm_end *end)
{
	struct shm_message msg = { .n_fds = SHM_FDS, .fd = { -1, -1, -1, -1, -1 } };
	struct link *link = &end->link;
	struct shm_layout lay;
	int ret;

	link->num = end->opt.num;
	link->buffer_size = end->opt.buffer_size;
	shm_layout(&lay, link->num, link->buffer_size);
	ret = make_fds(&msg, lay.size);
	if (ret)
		goto out;
	link->mem = shm_memory_map(msg.fd[SHM_FD_MEMORY], (size_t)lay.size);
	if (!link->mem) {
		ret = -errno;
		goto out;
	}
	host_setup(end, &msg.setup, &lay);
	ret = shm_message_send(end->sock, &msg, SHM_SETUP, sizeof(msg.setup));
	if (!ret)
		ret = take_events(end, &msg, SHM_FD_TO_HOST, SHM_FD_TO_REMOTE);
out:
	shm_message_drop(&msg);
	return ret;
}

static int host_accepted(struct shm_end *end, const struct shm_message *msg)
{
	struct shm_message ready = { .n_fds = 0 };
	uint64_t features = msg->accept.features;
	int ret;

	if (msg->n_fds)
		return refuse(end, "ACCEPT: %u fds, none expected", msg->n_fds);
	if (features & ~end->opt.features)
		return refuse(end, "ACCEPT: features %#" PRIx64 ", offered were %#" PRIx64,
			      features, end->opt.features);
	ret = shm_message_send(end->sock, &ready, SHM_READY, sizeof(ready.ready));
	if (ret)
		return ret;
	end->link.features = features;
	end->link.generation++;
	end->state = SHM_UP;
	return 0;
}

/* ---- remote: all that the host says is checked ---- */

static int check_rings(struct shm_end *end, const struct shm_setup *setup)
{
	static const char *const part[3] = { "desc", "avail", "used" };
	static const unsigned align[3] = { 16, 2, 4 };
	const uint64_t len[3] = { 16 * (uint64_t)setup->num, 6 + 2 * (uint64_t)setup->num,
				  6 + 8 * (uint64_t)setup->num };
	uint64_t at[6];
	unsigned i, j;

	for (i = 0; i < 6; i++) {
		const struct shm_ring_place *place = &setup->ring[i / 3];

		at[i] = i % 3 == 0 ? place->desc : i % 3 == 1 ? place->avail : place->used;
		if (at[i] % align[i % 3])
			return refuse(end, "SETUP: ring[%u].%s: %" PRIu64 " is not aligned to %u",
				      i / 3, part[i % 3], at[i], align[i % 3]);
		if (len[i % 3] > setup->size || at[i] > setup->size - len[i % 3])
			return refuse(end, "SETUP: ring[%u].%s: %" PRIu64
				      " lies outside the memory", i / 3, part[i % 3], at[i]);
		for (j = 0; j < i; j++)
			if (at[i] < at[j] + len[j % 3] && at[j] < at[i] + len[i % 3])
				return refuse(end, "SETUP: ring[%u].%s overlaps ring[%u].%s", i / 3,
					      part[i % 3], j / 3, part[j % 3]);
	}
	return 0;
}

/* Another kind of fd could block us or raise SIGPIPE. */
static bool is_event(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK) && event_fd_valid(fd);
}

static int check_setup(struct shm_end *end, const struct shm_message *msg)
{
	const struct shm_setup *setup = &msg->setup;
	const char *flaw;
	unsigned i;

	if (msg->n_fds != SHM_FDS)
		return refuse(end, "SETUP: %u fds instead of %d", msg->n_fds, SHM_FDS);
	if (!setup->generation || setup->zero)
		return refuse(end, "SETUP: generation %u, zero %u", setup->generation, setup->zero);
	if (!shm_geometry_valid(setup->num, setup->buffer_size))
		return refuse(end, "SETUP: num %u, buffer_size %u", setup->num, setup->buffer_size);
	flaw = shm_memory_flaw(msg->fd[SHM_FD_MEMORY], setup->size);
	if (flaw)
		return refuse(end, "SETUP: memory of size %" PRIu64 " %s", setup->size, flaw);
	for (i = SHM_FD_TO_HOST; i < SHM_FDS; i++)
		if (!is_event(msg->fd[i]))
			return refuse(end, "SETUP: fd %u is not a non-blocking eventfd", i);
	return check_rings(end, setup);
}

static int remote_setup(struct shm_end *end, struct shm_message *msg)
{
	struct shm_message accept = { .n_fds = 0 };
	struct link *link = &end->link;
	int ret;

	ret = check_setup(end, msg);
	if (ret)
		return ret;
	link->mem = shm_memory_map(msg->fd[SHM_FD_MEMORY], (size_t)msg->setup.size);
	if (!link->mem) {
		shm_end_warn(end, "cannot map the link's memory: %s", strerror(errno));
		return -errno;
	}
	link->num = msg->setup.num;
	link->buffer_size = msg->setup.buffer_size;
	link->generation = msg->setup.generation;
	link->features = msg->setup.features & end->opt.features;
	place_rings(link, msg->setup.ring);
	ret = take_events(end, msg, SHM_FD_TO_REMOTE, SHM_FD_TO_HOST);
	if (ret)
		return ret;
	accept.accept.features = link->features;
	end->state = SHM_ACCEPTED;
	return shm_message_send(end->sock, &accept, SHM_ACCEPT, sizeof(accept.accept));
}

/* ---- both ---- */

static int check_head(struct shm_end *end, const struct shm_message *msg, enum shm_type type,
		      size_t len)
{
	if (msg->len < sizeof(msg->head))
		return refuse(end, "message of %zu bytes is too short", msg->len);
	if (msg->head.magic != SHM_MAGIC)
		return refuse(end, "magic is %#x instead of %#x", msg->head.magic, SHM_MAGIC);
	if (msg->head.version != SHM_VERSION)
		return refuse(end, "version is %u, ours is %u", msg->head.version, SHM_VERSION);
	if (msg->head.type != type)
		return refuse(end, "message type is %u instead of %d", msg->head.type, type);
	if (msg->len != len)
		return refuse(end, "message of type %d has %zu bytes instead of %zu", type,
			      msg->len, len);
	return 0;
}

static int remote_ready(struct shm_end *end, const struct shm_message *msg)
{
	if (msg->n_fds)
		return refuse(end, "READY: %u fds, none expected", msg->n_fds);
	end->state = SHM_UP;
	return 0;
}

static int handle(struct shm_end *end, struct shm_message *msg)
{
	bool host = end->link.side == RPMSG_SIDE_HOST;
	int ret;

	if (end->state == SHM_STARTED && host) {
		ret = check_head(end, msg, SHM_ACCEPT, sizeof(msg->accept));
		return ret ? ret : host_accepted(end, msg);
	}
	if (end->state == SHM_STARTED) {
		ret = check_head(end, msg, SHM_SETUP, sizeof(msg->setup));
		return ret ? ret : remote_setup(end, msg);
	}
	if (end->state == SHM_ACCEPTED) {
		ret = check_head(end, msg, SHM_READY, sizeof(msg->ready));
		return ret ? ret : remote_ready(end, msg);
	}
	return refuse(end, "message after the handshake");
}

/* The connection stays readable until it is cleared, so that control is called again. */
static enum link_change over(struct shm_end *end)
{
	bool was_up = end->state == SHM_UP;

	shutdown(end->sock, SHUT_RDWR);
	end->state = SHM_ENDED;
	return was_up ? LINK_DOWN : LINK_SAME;
}

enum link_change shm_end_step(struct shm_end *end)
{
	struct shm_message msg;
	int ret;

	for (;;) {
		ret = shm_message_recv(end->sock, &msg);
		if (ret == -EAGAIN || ret == -EINTR)
			return LINK_SAME;
		if (ret == -EMSGSIZE)
			refuse(end, "message is longer or has more fds than any");
		if (ret <= 0)
			return over(end);
		ret = handle(end, &msg);
		shm_message_drop(&msg);
		if (ret)
			return over(end);
		if (end->state == SHM_UP) {
			end->quiet = false;
			return LINK_UP;
		}
	}
}

int shm_end_start(struct shm_end *end, int sock)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = sock };
	int ret = 0;

	end->sock = sock;
	end->state = SHM_STARTED;
	if (epoll_ctl(end->link.control_fd, EPOLL_CTL_ADD, sock, &ev))
		ret = -errno;
	else if (end->link.side == RPMSG_SIDE_HOST)
		ret = host_offer(end);
	if (ret)
		shm_end_clear(end);
	return ret;
}

void shm_end_clear(struct shm_end *end)
{
	struct link *link = &end->link;
	unsigned q;

	if (end->sock >= 0) {
		/* A forked child may keep the connection open: closing is not enough. */
		epoll_ctl(link->control_fd, EPOLL_CTL_DEL, end->sock, NULL);
		shutdown(end->sock, SHUT_RDWR);
		close(end->sock);
		end->sock = -1;
	}
	for (q = 0; q < 2; q++) {
		if (link->event_fd[q] >= 0)
			close(link->event_fd[q]);
		link->event_fd[q] = -1;
	}
	if (link->mem)
		link_mem_put(link->mem);
	link->mem = NULL;
	end->state = SHM_IDLE;
}

int shm_end_init(struct shm_end *end, const struct link_ops *ops, enum rpmsg_side side,
		 const char *name, const struct link_options *opt, struct rpmsg_log *log)
{
	*end = (struct shm_end){
		.link = { .ops = ops, .side = side, .control_fd = -1, .event_fd = { -1, -1 },
			  .log = log },
		.opt = *opt, .sock = -1, .call_fd = { -1, -1 },
	};
	snprintf(end->name, sizeof(end->name), "%s", name);
	end->link.control_fd = epoll_create1(EPOLL_CLOEXEC);
	end->call_fd[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	end->call_fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (end->link.control_fd >= 0 && end->call_fd[0] >= 0 && end->call_fd[1] >= 0)
		return 0;
	return fail(errno, "%s: no file descriptors: %s", name, strerror(errno));
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void shm_end_fini(struct shm_end *end)
{
	shm_end_clear(end);
	close_if_open(end->call_fd[0]);
	close_if_open(end->call_fd[1]);
	close_if_open(end->link.control_fd);
}

void shm_end_notify(struct link *link, unsigned q)
{
	event_fd_signal(container_of(link, struct shm_end, link)->call_fd[q]);
}

void shm_end_reset(struct link *link)
{
	const struct shm_end *end = container_of(link, struct shm_end, link);

	if (end->sock >= 0)
		shutdown(end->sock, SHUT_RDWR);
}
