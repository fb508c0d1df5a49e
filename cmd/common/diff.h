/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says on stderr how a message differs from the expected one.
 */
#ifndef CMD_DIFF_H
#define CMD_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#define DIFF_TEXT_SIZE 512

/* Whether both are the same bytes. */
bool diff_same(const void *a, size_t a_len, const void *b, size_t b_len);
/*
 * Three lines, with no newline at the end: where they part, what was expected and what
 * came, in hex and text from a little before that place on.
 */
void diff_describe(const void *want, size_t want_len, const void *got, size_t got_len,
		   char text[DIFF_TEXT_SIZE]);

#endif
