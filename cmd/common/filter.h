/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXPR: which messages are of interest. "name GLOB" is what belongs to a service,
 * "addr ADDR" what comes from or goes to an address; several are joined by "and".
 */
#ifndef CMD_FILTER_H
#define CMD_FILTER_H

#include <stdbool.h>
#include <rpmsg.h>

struct filter;

/*
 * Words may stand in one argument or in several; none at all matches everything.
 * NULL and what is wrong in error.
 */
struct filter *filter_parse(char *const *args, size_t n, char *error, size_t size);
void filter_free(struct filter *f);

/* service: of the message, or NULL. */
bool filter_match(const struct filter *f, const struct rpmsg_record *m, const char *service);

#endif
