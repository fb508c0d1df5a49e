/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of Wireshark's dialog. Their calls are options of ours: see rpmsg-extcap.c. */
#include <stdio.h>

#include "rpmsg-extcap/extcap.h"

struct choice {
	const char *value, *display;
};

/* In the order of the dialog; more are further properties, "{name=value}" each. */
struct field {
	const char *call, *display, *more;
	const struct choice *choice; /* a selector's, up to one without a value; or NULL */
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct choice directions[] = {
	{ "both", "both" },
	{ "h2r", "host to remote" },
	{ "r2h", "remote to host" },
	{ NULL, NULL },
};

static const struct field server[] = {
	{ "--remote-host", "Host",
	  "{type=string}{required=true}{group=Server}{placeholder=USER@HOST}"
	  "{tooltip=As for ssh: a name or address, or a Host of ssh_config}",
	  NULL },
	{ "--remote-bus", "Bus",
	  "{type=string}{default=rpmsg0}{group=Server}{tooltip=The bus that rpmsgd serves there}",
	  NULL },
};

static const struct field login[] = {
	{ "--remote-port", "Port",
	  "{type=unsigned}{range=0,65535}{default=0}{group=Server}"
	  "{tooltip=0: as ssh is configured}",
	  NULL },
	{ "--remote-command", "Command",
	  "{type=string}{group=Server}{placeholder=rpmsg-listen}"
	  "{tooltip=rpmsg-listen as that machine's shell finds it}",
	  NULL },
};

static const struct field capture[] = {
	{ "--history", "Start at the oldest record held",
	  "{type=boolflag}{default=false}{group=Capture}"
	  "{tooltip=Traffic from before the capture, as far back as the flight recorder has it}",
	  NULL },
	{ "--direction", "Direction", "{type=selector}{group=Capture}", directions },
	{ "--snaplen", "Bytes kept of a message",
	  "{type=unsigned}{range=0,65535}{default=0}{group=Capture}{tooltip=0: all}",
	  NULL },
	{ "--events", "Events too",
	  "{type=boolflag}{default=false}{group=Capture}"
	  "{tooltip=Link up and down, no recipient, no transmit buffer, stalls and the like}",
	  NULL },
	{ "--filter", "Filter",
	  "{type=string}{group=Capture}{placeholder=name demo-echo and len > 16}"
	  "{tooltip=EXPR of rpmsg-listen: what does not match is not captured}",
	  NULL },
};

static void print_field(const struct field *field, unsigned number)
{
	printf("arg {number=%u}{call=%s}{display=%s}%s\n", number, field->call, field->display,
	       field->more);
	for (const struct choice *c = field->choice; c && c->value; c++)
		printf("value {arg=%u}{value=%s}{display=%s}{default=%s}\n", number, c->value,
		       c->display, c == field->choice ? "true" : "false");
}

static unsigned print_fields(const struct field *field, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++)
		print_field(&field[i], number++);
	return number;
}

void dialog_print(const struct iface *iface)
{
	unsigned number = 0;

	if (iface->remote && !*iface->host)
		number = print_fields(server, COUNT(server), number);
	if (iface->remote)
		number = print_fields(login, COUNT(login), number);
	print_fields(capture, COUNT(capture), number);
}
