/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices that rpmsg buses are made of. */
#include <errno.h>
#include <string.h>

#include "common/number.h"
#include "common/resource_table.h"
#include "rpmsg-ns/doctor.h"

#define DRIVER "virtio_rpmsg_bus"
#define DRIVERS "/sys/bus/virtio/drivers"
#define TOPIC "virtio"

static bool is_rpmsg(const struct doctor *d, const char *device)
{
	char text[DOCTOR_WORD_SIZE];
	const char *why;
	uint64_t id;

	return !tree_read_line(&d->tree, text, sizeof(text), DOCTOR_VIRTIO "/%s/device", device) &&
	       !number_parse(text, 0, UINT32_MAX, &id, &why) && id == RESOURCE_ID_RPMSG;
}

size_t doctor_count_virtio(const struct doctor *d)
{
	struct tree_names names;
	size_t n = 0;

	if (tree_list(&d->tree, DOCTOR_VIRTIO, "virtio", &names))
		return 0;
	for (size_t i = 0; i < names.n; i++)
		n += is_rpmsg(d, names.name[i]);
	tree_names_free(&names);
	return n;
}

static void say_device(struct doctor *d, const char *device)
{
	char driver[DOCTOR_WORD_SIZE], features[DOCTOR_WORD_SIZE];
	struct doctor_command next = { 0 };

	if (tree_read_link(&d->tree, driver, sizeof(driver), DOCTOR_VIRTIO "/%s/driver", device)) {
		if (tree_exists(&d->tree, DRIVERS "/" DRIVER))
			doctor_write(d, &next, device, DRIVERS "/" DRIVER "/bind");
		else
			doctor_run(d, &next, "modprobe " DRIVER);
		doctor_say(d, DOCTOR_BAD, TOPIC, device, next.text,
			   "rpmsg device without a driver: no bus");
		return;
	}
	/* A digit a bit, bit 0 first. */
	if (!tree_read_line(&d->tree, features, sizeof(features), DOCTOR_VIRTIO "/%s/features",
			    device) && *features == '0')
		doctor_say(d, DOCTOR_BAD, TOPIC, device, NULL,
			   "rpmsg device, driver %s, but no name service: it is not among the "
			   "firmware's features", driver);
	else
		doctor_say(d, DOCTOR_OK, TOPIC, device, NULL, "rpmsg device, driver %s", driver);
}

/* Other buses than virtio's have channels too. */
static bool any_channel(const struct doctor *d)
{
	struct tree_names names;
	bool any = !tree_list(&d->tree, DOCTOR_CHANNELS, "", &names) && names.n;

	tree_names_free(&names);
	return any;
}

void doctor_virtio(struct doctor *d)
{
	struct tree_names names;
	size_t n = 0;
	int err = tree_list(&d->tree, DOCTOR_VIRTIO, "virtio", &names);

	for (size_t i = 0; i < names.n; i++) {
		if (!is_rpmsg(d, names.name[i]))
			continue;
		n++;
		say_device(d, names.name[i]);
	}
	tree_names_free(&names);
	if (err && err != -ENOENT)
		doctor_say(d, DOCTOR_UNSEEN, TOPIC, DOCTOR_VIRTIO, NULL, "cannot be read: %s",
			   strerror(-err));
	else if (!n && d->running && !any_channel(d))
		doctor_say(d, DOCTOR_BAD, TOPIC, "virtio", "rpmsg-ns doctor --table=FIRMWARE",
			   "a processor runs, and no rpmsg device came of it: look at its "
			   "resource table");
}
