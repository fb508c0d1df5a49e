/* SPDX-License-Identifier: BSD-2-Clause */
/* too_long BUS LEN N: N sends of LEN bytes, each of which has to fail for its length. */
#include <err.h>
#include <rpmsg.h>
#include <stdint.h>
#include <stdlib.h>

static int deaf(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev, (void)data, (void)len, (void)priv, (void)src;
	return 0;
}

int main(int argc, char **argv)
{
	static const char data[UINT16_MAX];
	const struct rpmsg_channel_info info = { .src = RPMSG_ADDR_ANY, .dst = 50 };
	struct rpmsg_endpoint *ept;
	struct rpmsg_bus *bus;

	if (argc != 4)
		errx(64, "usage: too_long BUS LEN N");
	bus = rpmsg_bus_open(argv[1], NULL);
	if (!bus || rpmsg_bus_wait_up(bus, 10000))
		errx(1, "%s: %s", argv[1], rpmsg_error_detail());
	ept = rpmsg_create_ept(rpmsg_bus_device(bus), deaf, NULL, info);
	if (!ept)
		errx(1, "%s: %s", argv[1], rpmsg_error_detail());
	for (int i = 0; i < atoi(argv[3]); i++)
		if (rpmsg_send(ept, data, atoi(argv[2])) != -EMSGSIZE)
			errx(1, "%s bytes were not too long", argv[2]);
	rpmsg_bus_close(bus);
	return 0;
}
