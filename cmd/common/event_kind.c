/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/event_kind.h"

static const char *const words[RPMSG_RECORD_TYPES] = {
	[RPMSG_RECORD_UP] = "up",
	[RPMSG_RECORD_DOWN] = "down",
	[RPMSG_RECORD_RESET] = "reset",
	[RPMSG_RECORD_ANNOUNCE] = "announce",
	[RPMSG_RECORD_WITHDRAW] = "withdraw",
	[RPMSG_RECORD_NO_RECIPIENT] = "no-recipient",
	[RPMSG_RECORD_NO_BUFFER] = "no-buffer",
	[RPMSG_RECORD_BUFFER] = "buffer",
	[RPMSG_RECORD_STALL] = "stall",
	[RPMSG_RECORD_DROP] = "drop",
	[RPMSG_RECORD_REFUSED] = "refused",
	[RPMSG_RECORD_MALFORMED] = "malformed",
	[RPMSG_RECORD_LOST] = "lost",
};

const char *event_kind_word(enum rpmsg_record_type kind)
{
	return (unsigned)kind < RPMSG_RECORD_TYPES ? words[kind] : NULL;
}
