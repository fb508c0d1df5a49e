/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kinds of event there are, in words: "up", "no-recipient" and so on.
 */
#ifndef CMD_EVENT_KIND_H
#define CMD_EVENT_KIND_H

#include <rpmsg.h>

/* Its word, or NULL for a message and what is no known kind. */
const char *event_kind_word(enum rpmsg_record_type kind);

#endif
