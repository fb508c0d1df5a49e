/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions WAY BATCH N: sends N messages of 16 bytes over the loop, BATCH at a
 * time, and receives them; WAY is h2r or r2h. Run under callgrind with two N, what
 * a message costs is the difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpmsg.h>

static uint64_t sum;

static int on_message(struct rpmsg_device *rpdev, void *data, int len, void *priv, uint32_t src)
{
	(void)rpdev;
	(void)len;
	(void)priv;
	(void)src;
	sum += *(uint8_t *)data;
	return 0;
}

static int transfer(struct rpmsg_endpoint *from, struct rpmsg_bus *to, int batch, int n)
{
	uint8_t data[16] = { 1 };

	for (int i = 0; i < n; i += batch) {
		for (int j = 0; j < batch; j++)
			if (rpmsg_trysend(from, data, sizeof(data)))
				return 1;
		if (rpmsg_bus_spin(to, batch) != batch)
			return 1;
	}
	return sum != (uint64_t)n;
}

int main(int argc, char **argv)
{
	struct rpmsg_endpoint *host, *remote;
	struct rpmsg_bus *pair[2];
	int batch, n, ret;

	if (argc != 4)
		return 64;
	batch = atoi(argv[2]);
	n = atoi(argv[3]);
	if (batch <= 0 || n <= 0 || n % batch || rpmsg_bus_open_loop(pair, NULL))
		return 1;
	host = rpmsg_create_ept(rpmsg_bus_device(pair[0]), on_message, NULL,
				(struct rpmsg_channel_info){ "", 0x50, 0x400 });
	remote = rpmsg_create_ept(rpmsg_bus_device(pair[1]), on_message, NULL,
				  (struct rpmsg_channel_info){ "", 0x400, 0x50 });
	if (!host || !remote)
		return 1;
	if (!strcmp(argv[1], "h2r"))
		ret = transfer(host, pair[1], batch, n);
	else
		ret = transfer(remote, pair[0], batch, n);
	rpmsg_bus_close(pair[0]);
	rpmsg_bus_close(pair[1]);
	return ret;
}
