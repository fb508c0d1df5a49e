/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --bpf: libpcap's own filter language, on records as they stand in a capture.
 */
#ifndef CMD_BPF_H
#define CMD_BPF_H

#include <stdbool.h>
#include <rpmsg.h>

struct bpf;

/* NULL, and libpcap's words in error. */
struct bpf *bpf_new(const char *text, char *error, size_t size);
/* NULL is allowed. */
void bpf_free(struct bpf *bpf);

bool bpf_match(struct bpf *bpf, const struct rpmsg_record *record);

#endif
