/* SPDX-License-Identifier: BSD-2-Clause */
/* The time of day in a line of a kernel's log, as dmesg, journalctl and syslog print it. */
#ifndef CMD_KERNEL_DATE_H
#define CMD_KERNEL_DATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes a date that *at begins with, and moves behind it; *us is since 1970. Local time unless the
 * date says another; a date without its year is the last such day.
 */
bool kernel_date_take(const char **at, uint64_t *us);

#endif
