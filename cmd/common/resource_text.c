/* SPDX-License-Identifier: BSD-2-Clause */
/* The table as debugfs prints it: a line a field, indented; entries begin with a line. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "resource_table.h"

#define NONE "No resource table found"
#define LINE_SIZE 128

/* A line that begins so sets a word of the part that is being read. */
struct field {
	const char *name;
	size_t offset;
	uint32_t max;
};

static const struct field vdev_field[] = {
	{ "ID ", offsetof(struct resource_vdev, id), UINT32_MAX },
	{ "Notify ID ", offsetof(struct resource_vdev, notify_id), UINT32_MAX },
	{ "Device features ", offsetof(struct resource_vdev, features), UINT32_MAX },
	{ "Guest features ", offsetof(struct resource_vdev, driver_features), UINT32_MAX },
	{ "Config length ", offsetof(struct resource_vdev, config_len), UINT32_MAX },
	{ "Status ", offsetof(struct resource_vdev, status), UINT8_MAX },
	{ "Number of vrings ", offsetof(struct resource_vdev, n_vring), UINT8_MAX },
	{ NULL, 0, 0 },
};

static const struct field vring_field[] = {
	{ "Device Address ", offsetof(struct resource_vring, da), UINT32_MAX },
	{ "Alignment ", offsetof(struct resource_vring, align), UINT32_MAX },
	{ "Number of buffers ", offsetof(struct resource_vring, num), UINT32_MAX },
	{ "Notify ID ", offsetof(struct resource_vring, notify_id), UINT32_MAX },
	{ NULL, 0, 0 },
};

static const struct field carveout_field[] = {
	{ "Device Address ", offsetof(struct resource_carveout, da), UINT32_MAX },
	{ "Length ", offsetof(struct resource_carveout, len), UINT32_MAX },
	{ NULL, 0, 0 },
};

struct reader {
	struct resource_table *out;
	const struct field *field; /* of the part being read, or NULL: passed over */
	char *part;
	const char *part_name;
	unsigned seen; /* a bit a field */
	uint32_t vring; /* of the device being read: how many began */
	unsigned line;
	bool any;
	char *why;
};

static int bad(const struct reader *r, const char *what, const char *text)
{
	snprintf(r->why, RESOURCE_WHY_SIZE, "line %u: %s%.60s", r->line, what, text);
	return -EINVAL;
}

static void begin(struct reader *r, const char *name, const struct field *field, void *part)
{
	r->part_name = name;
	r->field = field;
	r->part = part;
	r->seen = 0;
}

/* Has the part that ends here said all it should? */
static int end_part(const struct reader *r)
{
	for (unsigned i = 0; r->field && r->field[i].name; i++) {
		if (r->seen & 1U << i)
			continue;
		snprintf(r->why, RESOURCE_WHY_SIZE, "line %u: a %s ends without '%.*s'", r->line,
			 r->part_name, (int)strlen(r->field[i].name) - 1, r->field[i].name);
		return -EINVAL;
	}
	return 0;
}

static struct resource_vdev *last_vdev(const struct reader *r)
{
	return r->out->n_vdev ? &r->out->vdev[r->out->n_vdev - 1] : NULL;
}

static int end_entry(const struct reader *r)
{
	const struct resource_vdev *v = last_vdev(r);
	int err = end_part(r);

	if (err || !v || r->vring == v->n_vring)
		return err;
	snprintf(r->why, RESOURCE_WHY_SIZE, "line %u: %u of %u vrings are there", r->line,
		 r->vring, v->n_vring);
	return -EINVAL;
}

/* The printed words are signed: -1 is all ones. A unit may follow. */
static int read_word(const struct reader *r, char *text, uint32_t max, uint32_t *value)
{
	bool minus = *text == '-';
	const char *why;
	uint64_t n;

	text[strcspn(text, " ")] = 0;
	if (number_parse(text + minus, 0, minus ? 0x80000000U : max, &n, &why))
		return bad(r, "not a number of this field: ", text);
	*value = minus ? (uint32_t)-n : (uint32_t)n;
	return 0;
}

static int begin_entry(struct reader *r, const char *type)
{
	struct resource_table *out = r->out;
	int err = r->any ? end_entry(r) : 0;

	if (err)
		return err;
	r->any = true;
	begin(r, "entry", NULL, NULL);
	if (!strcmp(type, "vdev")) {
		if (out->n_vdev == RESOURCE_VDEVS)
			return bad(r, "too many virtio devices", "");
		r->vring = 0;
		begin(r, "vdev", vdev_field, &out->vdev[out->n_vdev++]);
	} else if (!strcmp(type, "carveout")) {
		if (out->n_carveout == RESOURCE_CARVEOUTS)
			return bad(r, "too many carveouts", "");
		begin(r, "carveout", carveout_field, &out->carveout[out->n_carveout++]);
	}
	return 0;
}

static int begin_vring(struct reader *r)
{
	struct resource_vdev *v = last_vdev(r);
	int err = end_part(r);

	if (err)
		return err;
	if (!v || (r->field != vdev_field && strcmp(r->part_name, "vring")) ||
	    r->vring >= v->n_vring)
		return bad(r, "a vring that belongs nowhere", "");
	if (r->vring < RESOURCE_VRINGS)
		begin(r, "vring", vring_field, &v->vring[r->vring]);
	else
		begin(r, "vring", NULL, NULL);
	r->vring++;
	return 0;
}

static int set_field(struct reader *r, char *line)
{
	size_t len;
	int err;

	for (unsigned i = 0; r->field && r->field[i].name; i++) {
		uint32_t value;

		len = strlen(r->field[i].name);
		if (strncmp(line, r->field[i].name, len))
			continue;
		err = read_word(r, line + len, r->field[i].max, &value);
		if (err)
			return err;
		memcpy(r->part + r->field[i].offset, &value, sizeof(value));
		r->seen |= 1U << i;
		return 0;
	}
	return 0;
}

static void set_reserved(struct reader *r, const char *line)
{
	unsigned a, b;

	if (r->field == vdev_field && sscanf(line, "%*[^[][%3u][%3u]", &a, &b) == 2)
		((struct resource_vdev *)r->part)->reserved = a | b << 8;
}

static void set_name(struct reader *r, const char *name)
{
	struct resource_carveout *c = (struct resource_carveout *)r->part;

	if (r->field == carveout_field)
		snprintf(c->name, sizeof(c->name), "%s", name);
}

static int read_line(struct reader *r, char *line)
{
	unsigned index;
	char type[16];

	while (*line == ' ')
		line++;
	if (sscanf(line, "Entry %u is of type %15s", &index, type) == 2)
		return begin_entry(r, type);
	if (!strncmp(line, "Unknown resource type", 21))
		return begin_entry(r, "");
	if (!strncmp(line, "Vring ", 6))
		return begin_vring(r);
	if (!strncmp(line, "Reserved ", 9))
		set_reserved(r, line);
	else if (!strncmp(line, "Name ", 5))
		set_name(r, line + 5);
	else
		return set_field(r, line);
	return 0;
}

int resource_table_parse_text(const char *text, size_t len, struct resource_table *out,
			      char why[RESOURCE_WHY_SIZE])
{
	struct reader r = { .out = out, .part_name = "", .why = why };
	const char *end = text + len, *eol;
	char line[LINE_SIZE];
	int err = 0;

	*out = (struct resource_table){ 0 };
	if (len >= strlen(NONE) && !memcmp(text, NONE, strlen(NONE))) {
		strcpy(why, "the firmware has none");
		return -ENOENT;
	}
	for (; !err && text < end; text = eol + 1) {
		size_t n;

		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		n = (size_t)(eol - text) < LINE_SIZE ? (size_t)(eol - text) : LINE_SIZE - 1;
		memcpy(line, text, n);
		line[n] = 0;
		r.line++;
		err = read_line(&r, line);
	}
	if (!err && !r.any)
		return bad(&r, "this is no resource table", "");
	return err ? err : end_entry(&r);
}
