/* SPDX-License-Identifier: BSD-2-Clause */
#include "bus.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "autostart.h"
#include "machine.h"
#include "number.h"
#include "run.h"
#include "served.h"

#define DEFAULT_NAME "rpmsg0"
#define RETRY_NS INT64_C(100000000)

static void on_log(void *arg, enum rpmsg_log_level level, const char *text)
{
	(void)arg;
	if (level == RPMSG_LOG_ERROR)
		tool_error("%s", text);
	else if (level == RPMSG_LOG_WARNING)
		tool_note("warning: %s", text);
	else if (level == RPMSG_LOG_INFO || tool_verbosity() > 1)
		tool_verbose("%s", text);
}

static struct rpmsg_bus_options options_for(const struct tool_config *config)
{
	return (struct rpmsg_bus_options){
		.size = sizeof(struct rpmsg_bus_options),
		.side = config->remote ? RPMSG_SIDE_REMOTE : RPMSG_SIDE_DEFAULT,
		.log = on_log,
	};
}

void bus_error(const char *text, int err)
{
	const char *detail = rpmsg_error_detail();

	if (*detail)
		tool_error("%s: %s", text, detail);
	else
		tool_error("%s: %s", text, rpmsg_strerror(err));
}

/* The exit code for an open that failed with errno err. */
static enum tool_exit open_code(const struct tool_config *config, int err)
{
	if (err == ENOENT || (err == EOPNOTSUPP && config->remote))
		return TOOL_NOT_FOUND;
	if (err == EPIPE) /* it went while we came */
		return TOOL_LINK_DOWN;
	return err == EINVAL ? TOOL_USAGE : TOOL_FAIL;
}

static enum tool_exit open_failed(const struct tool_config *config, const char *spec)
{
	int err = errno;

	bus_error(spec, err);
	return open_code(config, err);
}

static enum tool_exit open_spec(const struct tool_config *config, const char *spec,
				struct rpmsg_bus **bus)
{
	struct rpmsg_bus_options options = options_for(config);

	*bus = rpmsg_bus_open(spec, &options);
	return *bus ? TOOL_OK : open_failed(config, spec);
}

static void tell_default(const char *text, const char *more)
{
	static bool told;

	if (!told)
		tool_note("bus: %s%s", text, more);
	told = true;
}

/* Rule 2: the kernel's only rpmsg bus. TOOL_OK with *bus NULL: there is none. */
static enum tool_exit open_kernel(const struct tool_config *config, struct rpmsg_bus **bus)
{
	char *list;
	int n = machine_control_devices(MACHINE_DEV, &list);
	enum tool_exit code = TOOL_OK;

	*bus = NULL;
	if (n > 1) {
		tool_error("several rpmsg buses, name one with -b: %s", list);
		code = TOOL_NOT_FOUND;
	} else if (n == 1) {
		tell_default(list, "");
		code = open_spec(config, list, bus);
	}
	free(list);
	return n < 0 ? TOOL_FAIL : code;
}

/* Rule 3: remote processors without a bus. */
static enum tool_exit tell_processors(void)
{
	char *list;
	int n = machine_remote_processors(MACHINE_REMOTEPROC, &list);

	if (n > 0)
		tool_error("no rpmsg bus yet on this machine's remote processors: %s", list);
	free(list);
	return n < 0 ? TOOL_FAIL : n ? TOOL_NOT_FOUND : TOOL_OK;
}

/* Rule 4. */
static enum tool_exit open_software(const struct tool_config *config, struct rpmsg_bus **bus)
{
	struct rpmsg_bus_options options = options_for(config);
	bool started;

	*bus = autostart_loop(DEFAULT_NAME, &options, &started);
	if (!*bus)
		return run_stopped() ? TOOL_OK : TOOL_FAIL;
	tell_default(DEFAULT_NAME,
		     started ? ", a software bus (started rpmsgd " DEFAULT_NAME "=loop)" : "");
	return TOOL_OK;
}

static enum tool_exit open_default(const struct tool_config *config, struct rpmsg_bus **bus)
{
	struct rpmsg_bus_options options = options_for(config);
	enum tool_exit code;

	*bus = rpmsg_bus_open(DEFAULT_NAME, &options);
	if (*bus) {
		tell_default(DEFAULT_NAME, "");
		return TOOL_OK;
	}
	if (errno != ENOENT)
		return open_failed(config, DEFAULT_NAME);
	code = open_kernel(config, bus);
	if (code || *bus)
		return code;
	code = tell_processors();
	if (code || !config->no_autostart)
		return code ? code : open_software(config, bus);
	tool_error("no bus is served");
	return TOOL_NOT_FOUND;
}

/* The SPEC that was named, or NULL for the default. */
static enum tool_exit named_spec(const struct tool_config *config, const char **spec)
{
	*spec = config->n_bus ? config->bus[0] : getenv("RPMSG_BUS");
	if (config->n_bus)
		return TOOL_OK;
	if (*spec && !**spec)
		*spec = NULL;
	if (!*spec || strcmp(*spec, "none"))
		return TOOL_OK;
	tool_error("no bus named, and RPMSG_BUS=none forbids a default: use -b");
	return TOOL_NOT_FOUND;
}

enum tool_exit bus_open(const struct tool_config *config, struct rpmsg_bus **bus)
{
	const char *spec;
	enum tool_exit code = named_spec(config, &spec);

	*bus = NULL;
	if (code)
		return code;
	if (config->n_bus > 1 || (spec && !strcmp(spec, "all")))
		return tool_usage_error("one bus, not %s", config->n_bus > 1 ? "several" : "all");
	return spec ? open_spec(config, spec, bus) : open_default(config, bus);
}

enum tool_exit bus_open_wait(const struct tool_config *config, int64_t deadline,
			     struct rpmsg_bus **bus)
{
	struct rpmsg_bus_options options = options_for(config);
	const char *spec;
	enum tool_exit code = named_spec(config, &spec);
	int64_t next;

	if (code || !spec || config->n_bus > 1 || !strcmp(spec, "all"))
		return code ? code : bus_open(config, bus);
	for (;;) {
		*bus = rpmsg_bus_open(spec, &options);
		if (*bus || run_stopped())
			return TOOL_OK;
		if (errno != ENOENT || run_now() >= deadline)
			return open_failed(config, spec);
		next = run_deadline(RETRY_NS);
		run_wait(NULL, 0, next < deadline ? next : deadline);
	}
}

/* ---- several ---- */

static enum tool_exit add_bus(struct bus_set *set, struct rpmsg_bus *bus)
{
	struct rpmsg_bus **more = reallocarray(set->bus, set->n + 1, sizeof(*more));

	if (!more) {
		rpmsg_bus_close(bus);
		tool_error("%s", strerror(ENOMEM));
		return TOOL_FAIL;
	}
	more[set->n++] = bus;
	set->bus = more;
	return TOOL_OK;
}

static bool in_set(const struct bus_set *set, const char *name)
{
	struct rpmsg_bus_info info;

	for (size_t i = 0; i < set->n; i++)
		if (!bus_info(set->bus[i], &info) && !strcmp(info.name, name))
			return true;
	return false;
}

struct add {
	const struct tool_config *config;
	struct bus_set *set;
	enum tool_exit code; /* of the first that failed */
};

/* Opens what is served there. A socket that nobody listens on is passed over. */
static void add_served(void *arg, const char *dir, const char *name)
{
	struct add *add = arg;
	struct rpmsg_bus_options options = options_for(add->config);
	struct rpmsg_bus *bus;

	(void)dir;
	if (add->code || in_set(add->set, name))
		return;
	bus = rpmsg_bus_open(name, &options);
	if (bus)
		add->code = add_bus(add->set, bus);
	else if (errno != ENOENT)
		add->code = open_failed(add->config, name);
}

static enum tool_exit add_all(const struct tool_config *config, struct bus_set *set)
{
	struct add add = { .config = config, .set = set };
	enum tool_exit code;
	char dir[PATH_MAX];

	for (unsigned i = 0; !add.code && !rpmsg_dir_lookup(i, dir, sizeof(dir)); i++)
		served_sockets(dir, add_served, &add);
	code = add.code;
	if (!code && !set->n) {
		tool_error("no bus is served");
		code = TOOL_NOT_FOUND;
	}
	return code;
}

static enum tool_exit add_named(const struct tool_config *config, const char *spec,
				struct bus_set *set)
{
	struct rpmsg_bus *bus;
	enum tool_exit code;

	if (!strcmp(spec, "all"))
		return add_all(config, set);
	if (bus_names_all(config) && in_set(set, spec))
		return TOOL_OK;
	code = open_spec(config, spec, &bus);
	return code ? code : add_bus(set, bus);
}

enum tool_exit bus_open_set(const struct tool_config *config, struct bus_set *set)
{
	struct rpmsg_bus *bus;
	const char *spec;
	enum tool_exit code = named_spec(config, &spec);

	*set = (struct bus_set){ 0 };
	if (code)
		return code;
	if (!spec) {
		code = open_default(config, &bus);
		if (!code && bus)
			code = add_bus(set, bus);
	} else if (!config->n_bus) {
		code = add_named(config, spec, set);
	}
	for (size_t i = 0; !code && i < config->n_bus; i++)
		code = add_named(config, config->bus[i], set);
	if (code)
		bus_close_set(set);
	return code;
}

void bus_close_set(struct bus_set *set)
{
	while (set->n)
		rpmsg_bus_close(set->bus[--set->n]);
	free(set->bus);
	set->bus = NULL;
}

bool bus_names_all(const struct tool_config *config)
{
	const char *env = getenv("RPMSG_BUS");

	if (!config->n_bus)
		return env && !strcmp(env, "all");
	for (size_t i = 0; i < config->n_bus; i++)
		if (!strcmp(config->bus[i], "all"))
			return true;
	return false;
}

/* ---- state ---- */

int bus_info(struct rpmsg_bus *bus, struct rpmsg_bus_info *info)
{
	*info = (struct rpmsg_bus_info){ .size = sizeof(*info) };
	return rpmsg_bus_get_info(bus, info);
}

enum tool_exit bus_wait_up(struct rpmsg_bus *bus, int64_t deadline)
{
	struct pollfd pfd = { .fd = rpmsg_bus_fd(bus), .events = POLLIN };
	int ready;

	while (rpmsg_bus_wait_up(bus, 0)) {
		ready = run_wait(&pfd, 1, deadline);
		if (ready == -EINTR)
			return TOOL_OK;
		if (ready <= 0)
			return TOOL_LATE;
	}
	return TOOL_OK;
}
