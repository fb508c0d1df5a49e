/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost_guest SOCKET: a guest without a kernel. Connects, offers a service "in-guest"
 * that echoes, prints "up", then each message that comes for it, and ends when the
 * backend does.
 */
#include "unit/vhost_guest.h"

#define IN_GUEST 1024u

static void announce(struct guest *g)
{
	uint8_t ns[WIRE_NS_SIZE];

	wire_ns_encode(ns, "in-guest", IN_GUEST, 0, false);
	guest_send(g, IN_GUEST, RPMSG_NS_ADDR, ns, sizeof(ns));
}

static void take_messages(struct guest *g)
{
	uint8_t data[GUEST_BUFFER];
	struct wire_hdr h;

	for (int len = guest_receive(g, &h, data); len >= 0; len = guest_receive(g, &h, data)) {
		if (h.dst != IN_GUEST)
			continue;
		printf("%.*s\n", len, (char *)data);
		fflush(stdout);
		guest_send(g, IN_GUEST, h.src, data, (uint16_t)len);
	}
}

int main(int argc, char **argv)
{
	struct pollfd pfd[] = { { .events = POLLIN }, { .events = POLLIN } };
	struct guest g;

	guest_reset(&g);
	if (argc != 2 || strlen(argv[1]) >= sizeof(g.front.path)) {
		fprintf(stderr, "usage: vhost_guest SOCKET\n");
		return 64;
	}
	strcpy(g.front.path, argv[1]);
	guest_usual_memory(&g);
	front_connect(&g.front);
	guest_agree(&g);
	guest_set_rings(&g, 0);
	guest_start_driver(&g, 0);
	announce(&g);
	puts("up");
	fflush(stdout);
	pfd[0].fd = g.front.sock;
	pfd[1].fd = g.ring[0].call;
	while (poll(pfd, 2, -1) >= 0 && !pfd[0].revents) {
		guest_take_calls(&g, 0);
		take_messages(&g);
	}
	guest_drop(&g);
	return 0;
}
