/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of text whose columns are as wide as what is in them. */
#ifndef CMD_GRID_H
#define CMD_GRID_H

#include "common/format.h"

#define GRID_CELL_SIZE 96

struct grid_column {
	const char *heading;
	bool number; /* to the right */
};

/* columns and n_columns are set by the caller, the rest is zero: empty. */
struct grid {
	const struct grid_column *column;
	size_t n_columns;
	/* private */
	char (*cell)[GRID_CELL_SIZE];
	size_t n_cells, room;
	bool failed;
};

/* The next cell, row by row; ASCII, cut to size. */
void grid_cell(struct grid *grid, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of what another side chose: printable ASCII, the rest as "."; "-" for "". */
void grid_cell_text(struct grid *grid, const char *text);
/* The heading and all rows, each behind indent, columns from first on. 0 or -errno. */
int grid_print(const struct grid *grid, struct format *fmt, const char *indent, size_t first);
void grid_free(struct grid *grid);

#endif
