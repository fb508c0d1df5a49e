/* SPDX-License-Identifier: BSD-2-Clause */
/* no_ns SPEC: the remote side of a link without the name service, until the link goes down. */
#include <err.h>
#include <rpmsg.h>

int main(int argc, char **argv)
{
	const struct rpmsg_bus_options opt = {
		.size = sizeof(opt), .side = RPMSG_SIDE_REMOTE, .features_off = RPMSG_F_NS,
	};
	struct rpmsg_bus_info info = { .size = sizeof(info), .up = true };
	struct rpmsg_bus *bus;

	if (argc != 2)
		errx(64, "usage: no_ns SPEC");
	bus = rpmsg_bus_open(argv[1], &opt);
	if (!bus || rpmsg_bus_wait_up(bus, 10000))
		errx(1, "%s: %s", argv[1], rpmsg_error_detail());
	while (!rpmsg_bus_get_info(bus, &info) && info.up)
		rpmsg_bus_dispatch(bus, -1);
	rpmsg_bus_close(bus);
	return 0;
}
