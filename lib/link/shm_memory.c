/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a shm link: its layout, how it is made, checked and mapped. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/shm.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

#define PAGE 4096u
#define LINE 64u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define POPULATE_MAX (1u << 20)

/* One a memfd in this process, however many ends use it. */
struct map {
	LIST_ENTRY(map) link;
	dev_t dev;
	ino_t ino;
	uint8_t *base;
	size_t size;
	unsigned refs;
};

struct memory {
	struct link_mem mem; /* first */
	struct map *map;
};

static LIST_HEAD(map_list, map) maps = LIST_HEAD_INITIALIZER(maps);
static struct lock maps_lock;

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

bool shm_geometry_valid(uint32_t num, uint32_t buffer_size)
{
	return num >= 2 && num <= VRING_NUM_MAX && !(num & (num - 1)) && buffer_size >= 32 &&
	       buffer_size <= 65536 && buffer_size % 8 == 0;
}

void shm_layout(struct shm_layout *lay, uint32_t num, uint32_t buffer_size)
{
	uint64_t ring = align_up(vring_bytes(num, SHM_RING_ALIGN), PAGE);
	uint64_t buffers = align_up((uint64_t)num * buffer_size, LINE);

	lay->ring[0] = 0;
	lay->ring[1] = ring;
	lay->buffers[0] = 2 * ring;
	lay->buffers[1] = 2 * ring + buffers;
	lay->size = align_up(2 * ring + 2 * buffers, PAGE);
}

int shm_memory_create(uint64_t size)
{
	int fd, err;

	fd = memfd_create("rpmsg", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("rpmsg", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) && !fcntl(fd, F_ADD_SEALS, SEALS))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

const char *shm_memory_flaw(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0)
		return "is not a memfd";
	if ((seals & SEALS) != SEALS)
		return "is not sealed";
	if (fstat(fd, &st))
		return "cannot be looked at";
	if ((uint64_t)st.st_size != size)
		return "has another size than it says";
	if (size == 0 || size != (size_t)size)
		return "has a size that cannot be mapped";
	return NULL;
}

static struct map *map_find(const struct stat *st)
{
	struct map *map;

	LIST_FOREACH(map, &maps, link)
		if (map->dev == st->st_dev && map->ino == st->st_ino)
			return map;
	return NULL;
}

static struct map *map_new(int fd, size_t size, const struct stat *st)
{
	int flags = MAP_SHARED | (size <= POPULATE_MAX ? MAP_POPULATE : 0);
	struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (map->base == MAP_FAILED) {
		free(map);
		return NULL;
	}
	map->dev = st->st_dev;
	map->ino = st->st_ino;
	map->size = size;
	LIST_INSERT_HEAD(&maps, map, link);
	return map;
}

static struct map *map_get(int fd, size_t size)
{
	struct stat st;
	struct map *map;

	if (fstat(fd, &st))
		return NULL;
	lock_take(&maps_lock);
	map = map_find(&st);
	if (!map)
		map = map_new(fd, size, &st);
	if (map)
		map->refs++;
	lock_drop(&maps_lock);
	return map;
}

static void map_put(struct map *map)
{
	lock_take(&maps_lock);
	if (--map->refs == 0) {
		LIST_REMOVE(map, link);
		munmap(map->base, map->size);
		free(map);
	}
	lock_drop(&maps_lock);
}

static void memory_unmap(struct link_mem *mem)
{
	struct memory *memory = container_of(mem, struct memory, mem);

	map_put(memory->map);
	free(memory);
}

struct link_mem *shm_memory_map(int fd, size_t size)
{
	struct memory *memory = malloc(sizeof(*memory));

	if (!memory)
		return NULL;
	memory->map = map_get(fd, size);
	if (!memory->map) {
		free(memory);
		return NULL;
	}
	if (link_mem_init(&memory->mem, memory->map->base, size, memory_unmap) < 0) {
		memory_unmap(&memory->mem);
		errno = ENOMEM;
		return NULL;
	}
	return &memory->mem;
}
