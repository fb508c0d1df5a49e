/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory. Its files cannot be sealed: their sizes are checked before
 * they are mapped, and SIGBUS does the rest. All regions lie in one range of ours,
 * so that they are watched, and go, as one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "link/vhost_user.h"

#define HUGETLBFS 0x958458f6 /* linux/magic.h */

_Static_assert(VHOST_FDS <= VRING_REGIONS_MAX, "every region has its place");

/* A region on its way into the range. */
struct piece {
	uint64_t offset; /* of the file; at is where it goes */
	uint64_t skip;   /* bytes before the region, for the sake of alignment */
	uint64_t len;
	uint64_t at;
};

__attribute__((format(printf, 3, 4))) static bool flawed(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

/* What a mapping of fd has to be a multiple of. */
static uint64_t granule(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && (uint32_t)fs.f_type == HUGETLBFS && fs.f_bsize > 0)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool overlap(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

static bool region_ok(const struct vhost_message *msg, unsigned i, char *why, size_t size)
{
	const struct vhost_region *r = &msg->payload.table.region[i];
	struct stat st;
	unsigned j;

	if (!r->size || r->size > UINT64_MAX - r->guest || r->size > UINT64_MAX - r->user ||
	    r->size > UINT64_MAX - r->offset)
		return flawed(why, size, "region %u: size %#" PRIx64 " at guest %#" PRIx64
			      ", user %#" PRIx64 ", offset %#" PRIx64, i, r->size, r->guest,
			      r->user, r->offset);
	if (fstat(msg->fd[i], &st) || !S_ISREG(st.st_mode))
		return flawed(why, size, "region %u: its file is not memory", i);
	if (st.st_size < 0 || r->offset + r->size > (uint64_t)st.st_size)
		return flawed(why, size, "region %u: ends at %#" PRIx64 " of a file of %#" PRIx64, i,
			      r->offset + r->size, (uint64_t)st.st_size);
	for (j = 0; j < i; j++) {
		const struct vhost_region *o = &msg->payload.table.region[j];

		if (overlap(r->guest, o->guest, r->size, o->size) ||
		    overlap(r->user, o->user, r->size, o->size))
			return flawed(why, size, "regions %u and %u overlap", j, i);
	}
	return true;
}

/* Where each region goes: the size of the whole range, or 0 if that cannot be. */
static uint64_t arrange(const struct vhost_message *msg, struct piece piece[VHOST_FDS])
{
	const uint64_t limit = UINT64_C(1) << 46;
	uint64_t end = 0;

	for (unsigned i = 0; i < msg->payload.table.n; i++) {
		const struct vhost_region *r = &msg->payload.table.region[i];
		uint64_t align = granule(msg->fd[i]);
		struct piece *p = &piece[i];

		if (r->size > limit || r->offset > (uint64_t)INT64_MAX - limit || align > limit)
			return 0;
		p->skip = r->offset % align;
		p->offset = r->offset - p->skip;
		p->len = (p->skip + r->size + align - 1) / align * align;
		p->at = (end + align - 1) / align * align;
		end = p->at + p->len;
		if (end > limit)
			return 0;
	}
	return end;
}

/* Address space of size bytes that begins at a multiple of the largest granule. */
static uint8_t *reserve(uint64_t size, uint64_t align, size_t *whole)
{
	uint8_t *base;

	*whole = (size_t)(size + align);
	base = mmap(NULL, *whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return base == MAP_FAILED ? NULL : base;
}

static void memory_unmap(struct link_mem *mem)
{
	munmap(mem->base, mem->size);
	free(container_of(mem, struct vhost_memory, mem));
}

static bool map_pieces(struct vhost_memory *memory, const struct vhost_message *msg,
		       const struct piece piece[VHOST_FDS], uint8_t *start, char *why, size_t size)
{
	for (unsigned i = 0; i < msg->payload.table.n; i++) {
		const struct vhost_region *r = &msg->payload.table.region[i];
		uint8_t *host = start + piece[i].at;

		if (mmap(host, piece[i].len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, msg->fd[i],
			 (off_t)piece[i].offset) == MAP_FAILED)
			return flawed(why, size, "region %u: %s", i, strerror(errno));
		host += piece[i].skip;
		memory->guest.r[i] = (struct vring_region){ r->guest, r->size, host };
		memory->user.r[i] = (struct vring_region){ r->user, r->size, host };
	}
	memory->guest.n = memory->user.n = msg->payload.table.n;
	return true;
}

static uint64_t largest_granule(const struct vhost_message *msg)
{
	uint64_t largest = 0, g;

	for (unsigned i = 0; i < msg->payload.table.n; i++) {
		g = granule(msg->fd[i]);
		largest = g > largest ? g : largest;
	}
	return largest;
}

struct vhost_memory *vhost_memory_map(const struct vhost_message *msg, char *why, size_t size)
{
	struct piece piece[VHOST_FDS];
	struct vhost_memory *memory;
	uint64_t total, align;
	uint8_t *base;
	size_t whole;

	for (unsigned i = 0; i < msg->payload.table.n; i++)
		if (!region_ok(msg, i, why, size))
			return NULL;
	total = arrange(msg, piece);
	align = largest_granule(msg);
	if (!total) {
		flawed(why, size, "regions that are too large to be mapped");
		return NULL;
	}
	memory = calloc(1, sizeof(*memory));
	base = memory ? reserve(total, align, &whole) : NULL;
	if (!base || link_mem_init(&memory->mem, base, whole, memory_unmap)) {
		flawed(why, size, "%s", strerror(ENOMEM));
		if (base)
			munmap(base, whole);
		free(memory);
		return NULL;
	}
	if (map_pieces(memory, msg, piece, base + (-(uintptr_t)base & (align - 1)), why, size))
		return memory;
	link_mem_put(&memory->mem);
	return NULL;
}
