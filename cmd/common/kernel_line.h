/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of the kernel's log, as /dev/kmsg gives it or as dmesg and journalctl print it.
 */
#ifndef CMD_KERNEL_LINE_H
#define CMD_KERNEL_LINE_H

#include <stdbool.h>
#include <stdint.h>

/* "T123" is a thread, "C0" a processor in an interrupt. */
#define KERNEL_CALLER_SIZE 12

struct kernel_line {
	bool numbered;
	uint64_t seq;
	bool timed;
	uint64_t time_us; /* on the kernel's clock, which begins near boot */
	uint64_t date_us; /* since 1970; 0: the log does not tell */
	char caller[KERNEL_CALLER_SIZE]; /* "": the kernel does not tell */
	bool foreign;     /* a program wrote it, not the kernel */
	uint64_t missing; /* so many before it, as it says itself */
	const char *text; /* within what was read */
};

/* Whether text may be a record of /dev/kmsg. */
bool kernel_line_is_record(const char *text);
/* Reads a record of /dev/kmsg, and cuts it after its first line. 0 or -EPROTO. */
int kernel_line_read_record(struct kernel_line *line, char *record);

/*
 * Reads a line of dmesg, journalctl -k or syslog, without its newline. What stands before the
 * message is passed over; a time in brackets, a date and a caller are taken from it.
 */
void kernel_line_read_text(struct kernel_line *line, const char *text);

#endif
