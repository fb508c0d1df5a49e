/* SPDX-License-Identifier: BSD-2-Clause */
/* From what a user writes (a bus SPEC) to a bus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/client.h"
#include "core/core.h"
#include "virtio/virtio_bus.h"

#define NUM_DEFAULT 256u
#define SIZE_DEFAULT 512u

static int check_geometry(const struct link_options *lo)
{
	if (lo->num < VRING_NUM_MIN || lo->num > VRING_NUM_MAX || lo->num & (lo->num - 1))
		return fail(EINVAL, "num=%u is not a power of two from 2 to 32768", lo->num);
	if (lo->buffer_size < 32 || lo->buffer_size > 65536 || lo->buffer_size % 8)
		return fail(EINVAL, "size=%u is not a multiple of 8 from 32 to 65536", lo->buffer_size);
	return 0;
}

static struct link_options link_options(const struct rpmsg_bus_options *opt)
{
	struct link_options lo = { NUM_DEFAULT, SIZE_DEFAULT, VIRTIO_FEATURES };

	if (!opt)
		return lo;
	if (opt->num)
		lo.num = opt->num;
	if (opt->buffer_size)
		lo.buffer_size = opt->buffer_size;
	lo.features &= ~opt->features_off;
	return lo;
}

/* ",num=N,size=N" behind a name; what names the whole SPEC in errors. */
static int parse_geometry(char *text, const char *spec, struct link_options *lo)
{
	char *save = NULL;

	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *value = strchr(item, '='), *end;
		unsigned long n;

		if (value)
			*value++ = '\0';
		if (!value || (strcmp(item, "num") && strcmp(item, "size")))
			return fail(EINVAL, "%s: unknown option '%s' (num=N, size=N)", spec, item);
		errno = 0;
		n = strtoul(value, &end, 10);
		if (*value < '0' || *value > '9' || *end || errno || n > UINT32_MAX)
			return fail(EINVAL, "%s: %s='%s' is not a number", spec, item, value);
		*(item[0] == 'n' ? &lo->num : &lo->buffer_size) = (uint32_t)n;
	}
	return check_geometry(lo);
}

static struct rpmsg_bus *open_shm(const char *spec, const struct rpmsg_bus_options *opt)
{
	enum rpmsg_side side = opt && opt->side ? opt->side : RPMSG_SIDE_HOST;
	struct rpmsg_log log = { opt ? opt->log : NULL, opt ? opt->log_arg : NULL };
	struct link_options lo = link_options(opt);
	struct rpmsg_bus *bus = NULL;
	char *name = strdup(spec + strlen("shm:")), *more;
	struct link *link;

	if (!name)
		return NULL;
	more = strchr(name, ',');
	if (more)
		*more++ = '\0';
	if (!rpmsg_bus_name_valid(name)) {
		fail(EINVAL, "%s: '%s' is not a valid name", spec, name);
		goto out;
	}
	if (parse_geometry(more ? more : name + strlen(name), spec, &lo))
		goto out;
	link = link_shm_open(name, side, &lo, &log);
	if (link)
		bus = virtio_bus_create(link, name, opt);
out:
	free(name);
	return bus;
}

struct rpmsg_bus *rpmsg_bus_open(const char *spec, const struct rpmsg_bus_options *options)
{
	static const char *const later[] = { "/dev/rpmsg", "vhost-user:", "rproc:" };

	if (!spec || !*spec || (options && options->size != sizeof(*options))) {
		fail(EINVAL, "no bus SPEC, or rpmsg_bus_options.size is not set");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (!strncmp(spec, later[i], strlen(later[i]))) {
			fail(EOPNOTSUPP, "%s: this version has no %s buses", spec, later[i]);
			return NULL;
		}
	if (!strncmp(spec, "shm:", 4))
		return open_shm(spec, options);
	if (!strchr(spec, '/') && !rpmsg_bus_name_valid(spec)) {
		fail(EINVAL, "'%s' is not a bus: a NAME, a socket's path, or shm:NAME", spec);
		return NULL;
	}
	return client_bus_open(spec, options);
}

/* Both ends need a turn or two to shake hands. That we took them does not say who will dispatch. */
static int bring_up(struct rpmsg_bus *pair[2], struct link_loop *loop)
{
	for (int turn = 0; turn < 16; turn++) {
		int err = rpmsg_bus_dispatch(pair[turn % 2], 0);

		if (err < 0)
			return err;
		if (!peek(&pair[0]->up) || !peek(&pair[1]->up))
			continue;
		poke(&loop->tid[0], 0);
		poke(&loop->tid[1], 0);
		return 0;
	}
	return fail(EPROTO, "the loop's ends do not come up");
}

int rpmsg_bus_open_loop(struct rpmsg_bus *pair[2], const struct rpmsg_bus_options *options)
{
	struct rpmsg_log log = { options ? options->log : NULL, options ? options->log_arg : NULL };
	struct link_options lo = link_options(options);
	struct link *link[2];
	int err;

	if (options && options->size != sizeof(*options))
		return fail(EINVAL, "rpmsg_bus_options.size is not set");
	err = check_geometry(&lo);
	if (!err)
		err = link_loop_open(link, &lo, &log);
	if (err)
		return err;
	pair[0] = virtio_bus_create(link[0], "loop", options);
	if (!pair[0]) {
		err = -errno;
		link[1]->ops->close(link[1]);
		return err;
	}
	pair[1] = virtio_bus_create(link[1], "loop", options);
	err = pair[1] ? bring_up(pair, link[0]->loop) : -errno;
	if (err) {
		rpmsg_bus_close(pair[0]);
		rpmsg_bus_close(pair[1]);
	}
	return err;
}
