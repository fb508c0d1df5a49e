/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces: rpmsg-NAME, a bus of this machine; ssh:HOST/NAME; and rpmsg-ssh, which asks. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/served.h"
#include "rpmsg-extcap/extcap.h"

#define LOCAL "rpmsg-"
#define ASKS  "ssh" /* instead of a NAME */
#define SSH   "ssh:"

/*
 * ssh would take what begins with - for an option, and gives the rest to the shell of
 * the user's own ProxyCommand.
 */
static bool host_valid(const char *host, size_t len)
{
	const char *at = memrchr(host, '@', len), *name = at ? at + 1 : host;

	if (!len || len >= HOST_SIZE || host[0] == '-' || name == host + len || *name == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)host[i]) && !memchr("._-@:%[]+", host[i], 9))
			return false;
	return true;
}

static const char *set_host(struct iface *iface, const char *host, size_t len)
{
	if (!host_valid(host, len))
		return "is not a HOST that ssh may be given";
	memcpy(iface->host, host, len);
	iface->host[len] = '\0';
	return NULL;
}

const char *iface_set_host(struct iface *iface, const char *host)
{
	return set_host(iface, host, strlen(host));
}

const char *iface_set_bus(struct iface *iface, const char *bus)
{
	if (!rpmsg_bus_name_valid(bus))
		return "is not a bus NAME";
	strcpy(iface->bus, bus);
	return NULL;
}

static const char *parse_ssh(const char *remote, struct iface *iface)
{
	const char *slash = strrchr(remote, '/'), *wrong;

	iface->remote = true;
	if (!slash)
		return "is not ssh:HOST/BUS";
	wrong = set_host(iface, remote, (size_t)(slash - remote));
	return wrong ? wrong : iface_set_bus(iface, slash + 1);
}

const char *iface_parse(const char *name, struct iface *iface)
{
	*iface = (struct iface){ .remote = strcmp(name, LOCAL ASKS) == 0 };
	if (iface->remote)
		return NULL;
	if (strncmp(name, SSH, strlen(SSH)) == 0)
		return parse_ssh(name + strlen(SSH), iface);
	if (strncmp(name, LOCAL, strlen(LOCAL)) == 0)
		return iface_set_bus(iface, name + strlen(LOCAL));
	return "is none of rpmsg-NAME, rpmsg-ssh, ssh:HOST/BUS";
}

static void print_bus(const char *name)
{
	if (strcmp(name, ASKS) != 0)
		printf("interface {value=" LOCAL "%s}{display=rpmsg bus %s}\n", name, name);
}

static void print_remote(const char *remote)
{
	struct iface iface;
	const char *wrong = parse_ssh(remote, &iface);

	if (wrong)
		tool_error("remote '%s' %s", remote, wrong);
	else
		printf("interface {value=" SSH "%s/%s}{display=rpmsg bus %s on %s}\n", iface.host,
		       iface.bus, iface.bus, iface.host);
}

void iface_list(void)
{
	printf("extcap {version=%s}{display=rpmsg buses}\n", rpmsg_version());
	served_each(print_bus);
	remotes_each(print_remote);
	printf("interface {value=" LOCAL ASKS "}{display=rpmsg bus of another machine, by ssh}\n");
}
