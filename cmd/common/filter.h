/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXPR: which messages and events are of interest. rpmsg-listen(1), FILTERS, has the language.
 */
#ifndef CMD_FILTER_H
#define CMD_FILTER_H

#include <stdbool.h>
#include <rpmsg.h>

struct filter;

/* Terms of an EXPR, and parentheses within each other, at most. */
#define FILTER_TERMS_MAX 4096
#define FILTER_DEPTH_MAX 100

/*
 * Words may stand in one argument or in several; none at all matches everything.
 * NULL and what is wrong in error.
 */
struct filter *filter_parse(char *const *args, size_t n, char *error, size_t size);
/* NULL is allowed. */
void filter_free(struct filter *f);

/* Whether filter_match() looks at service; if not, NULL will do. */
bool filter_needs_service(const struct filter *f);
/* Whether it has a term "event", so that events are asked for. */
bool filter_names_event(const struct filter *f);

/* service: of the record, or NULL. Allocates nothing. */
bool filter_match(const struct filter *f, const struct rpmsg_record *m, const char *service);

#endif
