/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the kernel's rpmsg document on this library: what differs is
 * the includes, the logging, the module's boilerplate (here a main) and the
 * callback's return type.
 *
 * sample_driver BUS: drives channels of BUS until it has received a message.
 */
#include <ctype.h>
#include <stdio.h>

#define RPMSG_KERNEL_NAMES
#include <rpmsg.h>

#define pr_err(...) fprintf(stderr, __VA_ARGS__)
#define dev_info(dev, ...) (printf("%s: ", (dev)->name), printf(__VA_ARGS__))

static int messages, removed;

static void hex_dump(const char *prefix, const void *data, int len)
{
	const unsigned char *p = data;

	printf("%s", prefix);
	for (int i = 0; i < len; i++)
		printf(" %02x", p[i]);
	printf("  ");
	for (int i = 0; i < len; i++)
		putchar(isprint(p[i]) ? p[i] : '.');
	putchar('\n');
}

static int rpmsg_sample_cb(struct rpmsg_channel *rpdev, void *data, int len,
						void *priv, u32 src)
{
	(void)rpdev, (void)priv, (void)src;
	hex_dump("incoming message:", data, len);
	messages++;
	return 0;
}

static int rpmsg_sample_probe(struct rpmsg_channel *rpdev)
{
	int err;

	dev_info(&rpdev->dev, "chnl: 0x%x -> 0x%x\n", rpdev->src, rpdev->dst);

	/* send a message on our channel */
	err = rpmsg_send(rpdev->ept, "hello!", 6);
	if (err) {
		pr_err("rpmsg_send failed: %d\n", err);
		return err;
	}

	return 0;
}

static void rpmsg_sample_remove(struct rpmsg_channel *rpdev)
{
	dev_info(&rpdev->dev, "rpmsg sample client driver is removed\n");
	removed++;
}

static struct rpmsg_device_id rpmsg_driver_sample_id_table[] = {
	{ .name	= "rpmsg-client-sample" },
	{ },
};

static struct rpmsg_driver rpmsg_sample_client = {
	.drv.name	= "sample_driver",
	.id_table	= rpmsg_driver_sample_id_table,
	.probe		= rpmsg_sample_probe,
	.callback	= rpmsg_sample_cb,
	.remove		= rpmsg_sample_remove,
};

int main(int argc, char **argv)
{
	struct rpmsg_bus *bus;
	int err = 0;

	if (argc != 2) {
		pr_err("usage: sample_driver BUS\n");
		return 64;
	}
	bus = rpmsg_bus_open(argv[1], NULL);
	if (!bus) {
		pr_err("sample_driver: %s: %s\n", argv[1], rpmsg_error_detail());
		return 1;
	}
	err = register_rpmsg_driver(&rpmsg_sample_client);
	while (!err && !messages) {
		int n = rpmsg_bus_dispatch(bus, -1);

		if (n < 0 && n != -EINTR)
			err = n;
	}
	unregister_rpmsg_driver(&rpmsg_sample_client);
	rpmsg_bus_close(bus);
	if (err)
		pr_err("sample_driver: %s\n", rpmsg_strerror(err));
	return err || removed != 1;
}
