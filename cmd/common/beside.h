/* SPDX-License-Identifier: BSD-2-Clause */
/* The toolkit's other programs, wherever this one was installed. */
#ifndef CMD_BESIDE_H
#define CMD_BESIDE_H

#include <stddef.h>

/* The path of program name beside this one, else name alone, for a search in PATH. */
void beside_find(const char *name, char *path, size_t size);

#endif
