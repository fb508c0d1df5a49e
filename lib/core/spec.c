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
	struct link_options lo = { .num = NUM_DEFAULT, .buffer_size = SIZE_DEFAULT,
				   .features = VIRTIO_FEATURES };

	if (!opt)
		return lo;
	if (opt->num)
		lo.num = opt->num;
	if (opt->buffer_size)
		lo.buffer_size = opt->buffer_size;
	lo.features &= ~opt->features_off;
	return lo;
}

static int parse_number(const char *spec, const char *name, const char *text, uint32_t *to)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > UINT32_MAX)
		return fail(EINVAL, "%s: %s='%s' is not a number", spec, name, text);
	*to = (uint32_t)n;
	return 0;
}

/*
 * Cuts the options off a SPEC's name and parses them. A guest says itself how many
 * buffers there are; shm has no messages to notify by.
 */
static int parse_options(char *name, const char *spec, bool guest, struct link_options *lo)
{
	char *save = NULL, *text = strchr(name, ',');
	int err = 0;

	if (!text)
		return check_geometry(lo);
	*text++ = '\0';
	for (char *item = strtok_r(text, ",", &save); item && !err; item = strtok_r(NULL, ",", &save)) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = '\0';
		if (value && !strcmp(item, "size"))
			err = parse_number(spec, item, value, &lo->buffer_size);
		else if (value && !guest && !strcmp(item, "num"))
			err = parse_number(spec, item, value, &lo->num);
		else if (!value && guest && !strcmp(item, "inband"))
			lo->inband = true;
		else
			err = fail(EINVAL, "%s: unknown option '%s' (%s)", spec, item,
				   guest ? "size=N, inband" : "num=N, size=N");
	}
	return err ? err : check_geometry(lo);
}

static struct rpmsg_bus *open_shm(const char *spec, const struct rpmsg_bus_options *opt)
{
	enum rpmsg_side side = opt && opt->side ? opt->side : RPMSG_SIDE_HOST;
	struct rpmsg_log log = { opt ? opt->log : NULL, opt ? opt->log_arg : NULL };
	struct link_options lo = link_options(opt);
	struct rpmsg_bus *bus = NULL;
	char *name = strdup(spec + strlen("shm:"));
	struct link *link;

	if (!name)
		return NULL;
	if (parse_options(name, spec, false, &lo))
		goto out;
	if (!rpmsg_bus_name_valid(name)) {
		fail(EINVAL, "%s: '%s' is not a valid name", spec, name);
		goto out;
	}
	link = link_shm_open(name, side, &lo, &log);
	if (link)
		bus = virtio_bus_create(link, name, opt);
out:
	free(name);
	return bus;
}

static struct rpmsg_bus *open_vhost(const char *spec, const struct rpmsg_bus_options *opt)
{
	struct rpmsg_log log = { opt ? opt->log : NULL, opt ? opt->log_arg : NULL };
	struct link_options lo = link_options(opt);
	struct rpmsg_bus *bus = NULL;
	char *path = strdup(spec + strlen("vhost-user:"));
	struct link *link;

	if (!path)
		return NULL;
	if (opt && opt->side == RPMSG_SIDE_HOST) {
		fail(EOPNOTSUPP, "%s: the guest is the host side, we are the remote", spec);
		goto out;
	}
	if (parse_options(path, spec, true, &lo))
		goto out;
	if (!*path) {
		fail(EINVAL, "%s: no socket is named", spec);
		goto out;
	}
	link = link_vhost_open(path, &lo, &log);
	if (link)
		bus = virtio_bus_create(link, "vhost-user", opt);
out:
	free(path);
	return bus;
}

struct rpmsg_bus *rpmsg_bus_open(const char *spec, const struct rpmsg_bus_options *options)
{
	if (!spec || !*spec || (options && options->size != sizeof(*options))) {
		fail(EINVAL, "no bus SPEC, or rpmsg_bus_options.size is not set");
		return NULL;
	}
	if (!strncmp(spec, "/dev/rpmsg", strlen("/dev/rpmsg")) ||
	    !strncmp(spec, "rproc:", strlen("rproc:")))
		return chrdev_bus_open(spec, options);
	if (!strncmp(spec, "shm:", 4))
		return open_shm(spec, options);
	if (!strncmp(spec, "vhost-user:", strlen("vhost-user:")))
		return open_vhost(spec, options);
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
