/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns gc: removes what killed programs left on the kernel's buses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/output.h"
#include "rpmsg-ns/ns.h"

struct collection {
	struct format fmt;
	bool dry_run;
	bool failed; /* something could not be removed */
	int err;     /* of standard output */
};

static int print_json(struct collection *c, const struct rpmsg_leftover *left)
{
	struct json_object *obj = format_json_new("gc", format_now_ns(), left->ctrl);

	if (!obj)
		return -ENOMEM;
	format_json_string(obj, "node", left->node);
	format_json_string(obj, "service", left->info.name);
	format_json_addr(obj, "src", left->info.src);
	format_json_addr(obj, "dst", left->info.dst);
	format_json_string(obj, "kind", left->service ? "service" : "endpoint");
	format_json_string(obj, "command", left->command);
	if (left->pid)
		format_json_uint(obj, "pid", (uint64_t)left->pid);
	json_object_object_add(obj, "removed", json_object_new_boolean(!left->err && !c->dry_run));
	return format_json_line(&c->fmt, obj);
}

/* "/dev/rpmsg3 demo 0x400>0x401 of rpmsg-send (pid 12)": what it is and whose it was. */
static int print_text(struct collection *c, const struct rpmsg_leftover *left)
{
	char name[RPMSG_NAME_SIZE], command[sizeof(left->command)], whose[80] = "", line[256];
	char src[FORMAT_ADDR_SIZE], dst[FORMAT_ADDR_SIZE];

	format_printable(name, sizeof(name), left->info.name, strlen(left->info.name));
	format_printable(command, sizeof(command), left->command, strlen(left->command));
	if (left->pid)
		snprintf(whose, sizeof(whose), " of %s (pid %d)", *command ? command : "?",
			 left->pid);
	snprintf(line, sizeof(line), "%s %s %s %s>%s%s", *left->node ? left->node : left->ctrl,
		 left->service ? "service" : "endpoint", *name ? name : "-",
		 format_addr(left->info.src, src), format_addr(left->info.dst, dst), whose);
	return format_line(&c->fmt, line);
}

static void on_leftover(const struct rpmsg_leftover *left, void *arg)
{
	struct collection *c = arg;

	if (left->err) {
		c->failed = true;
		tool_error("%s: %s", *left->node ? left->node : left->ctrl,
			   *left->detail ? left->detail : rpmsg_strerror(left->err));
	}
	if (c->err || (left->err && c->fmt.out != FORMAT_JSON))
		return;
	c->err = c->fmt.out == FORMAT_JSON ? print_json(c, left) : print_text(c, left);
}

static enum tool_exit failed(const char *spec, int err)
{
	bus_error(spec ? spec : "gc", err);
	if (err == -ENOENT)
		return TOOL_NOT_FOUND;
	return err == -EINVAL ? TOOL_USAGE : TOOL_FAIL;
}

enum tool_exit run_gc(struct config *cfg)
{
	struct collection c = {
		.fmt = { .file = stdout, .out = cfg->tool.out },
		.dry_run = cfg->dry_run,
	};
	unsigned flags = (cfg->all ? RPMSG_GC_ALL : 0) | (cfg->dry_run ? RPMSG_GC_DRY_RUN : 0);
	const char *spec = cfg->tool.n_bus ? cfg->tool.bus[0] : NULL;
	int n;

	format_init(&c.fmt);
	n = rpmsg_chrdev_gc(spec, flags, on_leftover, &c);
	if (c.err)
		return output_failed(c.err);
	if (n < 0)
		return failed(spec, n);
	tool_note("%d %s", n, cfg->dry_run ? "to be removed" : "removed");
	return c.failed ? TOOL_FAIL : TOOL_OK;
}
