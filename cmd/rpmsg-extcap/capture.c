/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capturing is rpmsg-listen's work: we become it, here or by ssh on the bus's machine. So
 * Wireshark's SIGTERM and the end of the pipe reach those who know what to do then. All
 * that is said on stderr Wireshark shows as an error: rpmsg-listen is quiet, unless
 * messages were lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/beside.h"
#include "rpmsg-extcap/extcap.h"

#define LISTEN "rpmsg-listen"
#define SSH    "ssh"

#define ARGS_MAX 24

struct args {
	const char *arg[ARGS_MAX + 1]; /* the one after the last is NULL */
	size_t n;
};

static void add(struct args *args, const char *arg)
{
	if (args->n < ARGS_MAX)
		args->arg[args->n++] = arg;
}

/* EXPR, as one argument that cannot be taken for an option; NULL if all is wanted. */
static int make_expr(const struct config *cfg, char **expr)
{
	static const char *const direction[] = { "", "h2r", "r2h" };
	const char *dir = direction[cfg->direction];

	*expr = NULL;
	if (cfg->filter)
		return asprintf(expr, "%s%s( %s )", dir, *dir ? " and " : "", cfg->filter);
	return *dir ? asprintf(expr, "%s", dir) : 0;
}

/* What follows rpmsg-listen; snaplen and expr are texts that live as long as args. */
static void add_listen_args(struct args *args, const struct config *cfg, const char *snaplen,
			    const char *expr)
{
	add(args, "-q");
	add(args, "--strict");
	add(args, "-b");
	add(args, cfg->iface.bus);
	if (cfg->history)
		add(args, "--history");
	if (cfg->events)
		add(args, "--events");
	if (cfg->snaplen) {
		add(args, "--snaplen");
		add(args, snaplen);
	}
	if (cfg->bpf) {
		add(args, "--bpf");
		add(args, cfg->bpf);
	}
	add(args, "-w");
	add(args, "-");
	if (expr)
		add(args, expr);
}

/* One word for a POSIX shell. */
static void put_quoted(FILE *out, const char *word)
{
	putc('\'', out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	putc('\'', out);
}

/* The command line of the remote shell, or NULL. */
static char *remote_line(const struct config *cfg, const struct args *listen)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	if (!out)
		return NULL;
	fputs(cfg->command ? cfg->command : LISTEN, out);
	for (size_t i = 0; i < listen->n; i++) {
		putc(' ', out);
		put_quoted(out, listen->arg[i]);
	}
	if (!fclose(out))
		return line;
	free(line);
	return NULL;
}

/*
 * No terminal, no input, nobody else's connections on ours, nothing said but errors.
 * Who logs in, and how, is for ssh's own configuration to say.
 */
static void add_ssh_args(struct args *args, const struct config *cfg, const char *port,
			 const char *line)
{
	add(args, SSH);
	add(args, "-T");
	add(args, "-n");
	add(args, "-oControlMaster=no");
	add(args, "-oClearAllForwardings=yes");
	add(args, "-oLogLevel=ERROR");
	if (cfg->port) {
		add(args, "-p");
		add(args, port);
	}
	add(args, "--");
	add(args, cfg->iface.host);
	add(args, line);
}

/* Waits for Wireshark to open its end. */
static int open_fifo(const char *path)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		return 0;
	tool_error("%s: %s", path, strerror(errno));
	return -1;
}

static enum tool_exit become(const char *path, const struct args *args)
{
	/* execvp changes no argument, its type is older than const. */
	execvp(path, (char *const *)args->arg);
	tool_error("cannot run %s: %s", path, strerror(errno));
	return TOOL_FAIL;
}

static enum tool_exit become_listen(const struct args *listen)
{
	struct args args = { .arg = { LISTEN }, .n = 1 };
	char path[PATH_MAX];

	for (size_t i = 0; i < listen->n; i++)
		add(&args, listen->arg[i]);
	beside_find(LISTEN, path, sizeof(path));
	return become(path, &args);
}

static enum tool_exit become_ssh(const struct config *cfg, const struct args *listen)
{
	struct args args = { .n = 0 };
	char port[16], *line = remote_line(cfg, listen);
	enum tool_exit code;

	if (!line) {
		tool_error("%s", strerror(ENOMEM));
		return TOOL_FAIL;
	}
	snprintf(port, sizeof(port), "%u", cfg->port);
	add_ssh_args(&args, cfg, port, line);
	code = become(SSH, &args);
	free(line);
	return code;
}

enum tool_exit capture_run(const struct config *cfg)
{
	struct args listen = { .n = 0 };
	enum tool_exit code = TOOL_FAIL;
	char snaplen[16], *expr;

	if (make_expr(cfg, &expr) < 0) {
		tool_error("%s", strerror(ENOMEM));
		return TOOL_FAIL;
	}
	snprintf(snaplen, sizeof(snaplen), "%u", cfg->snaplen);
	add_listen_args(&listen, cfg, snaplen, expr);
	if (!open_fifo(cfg->fifo))
		code = cfg->iface.remote ? become_ssh(cfg, &listen) : become_listen(&listen);
	free(expr);
	return code;
}
