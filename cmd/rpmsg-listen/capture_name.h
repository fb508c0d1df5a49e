/* SPDX-License-Identifier: BSD-2-Clause */
/* How captures are called: a pattern, in which %b is the bus and %% is %. */
#ifndef RPMSG_LISTEN_CAPTURE_NAME_H
#define RPMSG_LISTEN_CAPTURE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_BUS_SIZE 64

bool capture_name_has_bus(const char *pattern);
/* Whether it has conversions beside these two. */
bool capture_name_has_time(const char *pattern);

/* A bus as it stands in names of files: what could lead elsewhere is "_". */
void capture_name_bus(char to[CAPTURE_BUS_SIZE], const char *bus);

/*
 * The name: with a time (CLOCK_REALTIME in ns, not NULL) also what strftime(3) converts, in local
 * time; with a number (not 0) "_00001" or the like before the extension. To be freed; NULL if
 * memory ran out.
 */
char *capture_name_expand(const char *pattern, const char *bus, const uint64_t *time_ns,
			  uint64_t number);
/* The highest number of the files that are there already, 0 if there is none. */
uint64_t capture_name_highest(const char *pattern, const char *bus);

#endif
