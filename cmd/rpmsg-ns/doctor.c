/* SPDX-License-Identifier: BSD-2-Clause */
/* rpmsg-ns doctor: looks at all that a bus needs, in the order of a bring-up. */
#include "rpmsg-ns/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/output.h"

static const struct {
	const char *text, *json, *color;
} tag[] = {
	[DOCTOR_OK] = { "OK", "ok", "\033[32m" },
	[DOCTOR_BAD] = { "BAD", "bad", "\033[31m" },
	[DOCTOR_UNSEEN] = { "--", "unseen", "" },
};

struct check {
	enum doctor_status status;
	const char *topic;
	char subject[DOCTOR_PATH_SIZE], text[1024];
	char next[sizeof(((struct doctor_command *)NULL)->text)];
};

static int print_json(struct format *fmt, const struct check *check)
{
	struct json_object *obj = format_json_new("check", format_now_ns(), NULL);

	if (!obj)
		return -ENOMEM;
	format_json_string(obj, "status", tag[check->status].json);
	format_json_string(obj, "topic", check->topic);
	format_json_string(obj, "subject", check->subject);
	format_json_string(obj, "text", check->text);
	format_json_string(obj, "next", check->next);
	return format_json_line(fmt, obj);
}

/* Not cut to the terminal: what is cut cannot be typed. */
static int print_text(struct format *fmt, const struct check *check)
{
	const char *name = tag[check->status].text;

	errno = 0;
	fprintf(fmt->file, "%s%s%s%*s%s: %s%s%s\n",
		fmt->color ? tag[check->status].color : "", name, fmt->color ? "\033[0m" : "",
		5 - (int)strlen(name), "", check->subject, check->text,
		*check->next ? " -> " : "", check->next);
	if (!fflush(fmt->file) && !ferror(fmt->file))
		return 0;
	return errno ? -errno : -EIO;
}

static void make_printable(char *text)
{
	format_printable(text, strlen(text) + 1, text, strlen(text));
}

void doctor_say(struct doctor *d, enum doctor_status status, const char *topic,
		const char *subject, const char *next, const char *format, ...)
{
	struct check check = { .status = status, .topic = topic };
	va_list args;

	d->bad |= status == DOCTOR_BAD;
	if (d->err)
		return;
	va_start(args, format);
	vsnprintf(check.text, sizeof(check.text), format, args);
	va_end(args);
	snprintf(check.subject, sizeof(check.subject), "%s", subject);
	snprintf(check.next, sizeof(check.next), "%s", next ? next : "");
	make_printable(check.text);
	make_printable(check.subject);
	make_printable(check.next);
	d->err = d->fmt.out == FORMAT_JSON ? print_json(&d->fmt, &check) :
					     print_text(&d->fmt, &check);
}

/* ---- what is looked at ---- */

static bool any_name(const struct doctor *d, const char *path, const char *prefix)
{
	struct tree_names names;
	bool any = !tree_list(&d->tree, path, prefix, &names) && names.n;

	tree_names_free(&names);
	return any;
}

/* Whether there is anything on this machine that rpmsg could come from. */
static bool any_hardware(const struct doctor *d)
{
	return any_name(d, DOCTOR_PROCESSORS, "remoteproc") || doctor_count_virtio(d) ||
	       any_name(d, DOCTOR_CHANNELS, "") || any_name(d, DOCTOR_CLASS, "") ||
	       any_name(d, "/dev", "rpmsg_ctrl");
}

static void say_none(struct doctor *d)
{
	doctor_say(d, d->n_served ? DOCTOR_UNSEEN : DOCTOR_BAD, "machine", "rpmsg",
		   d->n_served ? NULL : "rpmsg-listen -R -n demo-echo --echo -q & "
		   "rpmsg-send -n demo-echo --reply hello",
		   "this machine has neither remote processors nor a bus of the kernel's%s",
		   d->n_served ? "" : ": use the software bus");
}

static enum tool_exit examine(struct doctor *d)
{
	bool hardware = any_hardware(d);
	enum tool_exit code;

	if (hardware) {
		doctor_processors(d);
		doctor_tables(d);
		doctor_modules(d);
		doctor_virtio(d);
		doctor_channels(d);
		doctor_nodes(d);
	}
	code = doctor_log(d);
	if (!d->tree.copied)
		doctor_buses(d);
	if (!hardware)
		say_none(d);
	return code;
}

enum tool_exit run_doctor(struct config *cfg)
{
	struct doctor d = {
		.cfg = cfg,
		.fmt = { .file = stdout, .out = cfg->tool.out },
		.root = cfg->sysroot || geteuid() == 0,
	};
	int err = tree_init(&d.tree, cfg->sysroot);
	enum tool_exit code;

	if (err) {
		tool_error("%s: %s", cfg->sysroot ? cfg->sysroot : "/", strerror(-err));
		return TOOL_FAIL;
	}
	format_init(&d.fmt);
	code = cfg->table ? doctor_table_file(&d, cfg->table) : examine(&d);
	tree_done(&d.tree);
	if (d.err)
		return output_failed(d.err);
	return code ? code : d.bad ? TOOL_FAIL : TOOL_OK;
}
