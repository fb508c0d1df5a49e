/* SPDX-License-Identifier: BSD-2-Clause */
/* A message as --out log prints it: "(SEC.NSEC) BUS h>r|r>h SRC>DST#HEX". */
#ifndef CMD_LOG_LINE_H
#define CMD_LOG_LINE_H

#include <rpmsg.h>

/*
 * Reads line, which has no newline, and changes it: bus and data of *record lie in it; seq
 * is 0. 1, 0 for a line that is blank or begins with "#", or -EINVAL and what is wrong in
 * *why, static.
 */
int log_line_read(char *line, struct rpmsg_record *record, const char **why);

/* Whether line is such a message, or means to be one. */
bool log_line_begins(const char *line);

#endif
