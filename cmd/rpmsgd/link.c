/* SPDX-License-Identifier: BSD-2-Clause */
/* Kinds of LINK, and the names of the buses on them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "rpmsgd.h"

static void log_line(void *arg, enum rpmsg_log_level level, const char *text)
{
	const struct served *b = arg;

	if (level <= RPMSG_LOG_WARNING)
		tool_note("%s: %s", b->name, text);
	else if (level == RPMSG_LOG_INFO || tool_verbosity() > 1)
		tool_verbose("%s: %s", b->name, text);
}

static struct rpmsg_bus_options bus_options(struct served *b)
{
	return (struct rpmsg_bus_options){ .size = sizeof(struct rpmsg_bus_options),
					   .name = b->name, .log = log_line, .log_arg = b };
}

static int tell(const struct served *b)
{
	tool_error("%s=%s: %s", b->name, b->link, rpmsg_error_detail());
	return -1;
}

/* ---- loop[:num=N,size=N] ---- */

static int loop_item(const char *item, size_t len, struct rpmsg_bus_options *opt)
{
	const char *value = memchr(item, '=', len), *why;
	char text[16];
	uint64_t n;

	if (!value || (size_t)(item + len - value) > sizeof(text))
		return -EINVAL;
	memcpy(text, value + 1, (size_t)(item + len - value - 1));
	text[item + len - value - 1] = '\0';
	if (number_parse(text, 1, UINT32_MAX, &n, &why))
		return -EINVAL;
	if (!strncmp(item, "num=", 4))
		opt->num = (uint32_t)n;
	else if (!strncmp(item, "size=", 5))
		opt->buffer_size = (uint32_t)n;
	else
		return -EINVAL;
	return 0;
}

static int loop_options(const char *text, struct rpmsg_bus_options *opt)
{
	while (*text) {
		size_t len = strcspn(text, ",");

		if (loop_item(text, len, opt))
			return -EINVAL;
		text += len + (text[len] == ',');
		if (!*text && text[-1] == ',')
			return -EINVAL;
	}
	return 0;
}

static bool loop_ok(const char *link)
{
	struct rpmsg_bus_options opt;

	return !link[4] || (link[4] == ':' && link[5] && !loop_options(link + 5, &opt));
}

static int loop_open(struct served *b)
{
	struct rpmsg_bus_options opt = bus_options(b);
	struct rpmsg_bus *pair[2];

	if (b->link[4])
		loop_options(b->link + 5, &opt);
	if (rpmsg_bus_open_loop(pair, &opt))
		return tell(b);
	b->side[0].bus = pair[0];
	b->side[1].bus = pair[1];
	return 0;
}

/* ---- shm:NAME[,num=N][,size=N] ---- */

static bool shm_ok(const char *link)
{
	return link[4];
}

static int shm_open_link(struct served *b)
{
	struct rpmsg_bus_options opt = bus_options(b);
	struct rpmsg_bus *bus;

	opt.side = server.opt.remote ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
	bus = rpmsg_bus_open(b->link, &opt);
	if (!bus)
		return tell(b);
	b->side[server.opt.remote].bus = bus;
	return 0;
}

/* ---- vhost-user:SOCKET[,size=N][,inband] ---- */

static bool vhost_ok(const char *link)
{
	return link[strlen("vhost-user:")];
}

static int vhost_open_link(struct served *b)
{
	struct rpmsg_bus_options opt = bus_options(b);

	b->side[1].bus = rpmsg_bus_open(b->link, &opt);
	return b->side[1].bus ? 0 : tell(b);
}

/* ---- /dev/rpmsg_ctrlN, rproc:NAME ---- */

static int kernel_open(struct served *b)
{
	struct rpmsg_bus_options opt = bus_options(b);

	opt.side = server.opt.remote ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_HOST;
	b->side[0].bus = rpmsg_bus_open(b->link, &opt);
	return b->side[0].bus ? 0 : tell(b);
}

/* ---- all kinds ---- */

static bool any_ok(const char *link)
{
	return *link;
}

static const struct kind {
	const char *prefix;
	bool whole; /* the word ends here, or goes on with ':' */
	bool (*ok)(const char *link);
	int (*open)(struct served *b);
} kinds[] = {
	{ "loop", true, loop_ok, loop_open },
	{ "shm:", false, shm_ok, shm_open_link },
	{ "vhost-user:", false, vhost_ok, vhost_open_link },
	{ "/dev/rpmsg_ctrl", false, any_ok, kernel_open },
	{ "rproc:", false, any_ok, kernel_open },
};

static const struct kind *kind_of(const char *link)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];
		size_t len = strlen(k->prefix);

		if (!strncmp(link, k->prefix, len) && (!k->whole || !link[len] || link[len] == ':'))
			return k;
	}
	return NULL;
}

/* A NAME= counts only before any ':' or ','. */
static const char *split_name(const char *arg, struct served *b)
{
	size_t len = strcspn(arg, "=:,");

	if (arg[len] != '=' || len >= sizeof(b->name))
		return NULL;
	memcpy(b->name, arg, len);
	b->name[len] = '\0';
	return rpmsg_bus_name_valid(b->name) ? arg + len + 1 : NULL;
}

int link_parse(const char *arg, struct served *b, unsigned *n_unnamed)
{
	const struct kind *k;

	b->link = split_name(arg, b);
	if (!b->link) {
		snprintf(b->name, sizeof(b->name), "rpmsg%u", (*n_unnamed)++);
		b->link = arg;
	}
	k = kind_of(b->link);
	if (k && k->ok(b->link))
		return 0;
	tool_usage_error("'%s' is not a LINK: loop[:num=N,size=N], shm:NAME, vhost-user:SOCKET, "
			 "/dev/rpmsg_ctrlN, rproc:NAME", b->link);
	return -EINVAL;
}

int link_open(struct served *b)
{
	return kind_of(b->link)->open(b);
}
