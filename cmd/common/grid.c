/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2

/* NULL: memory ran out, which grid_print() tells. */
static char *next_cell(struct grid *grid)
{
	if (grid->n_cells == grid->room) {
		size_t more = grid->room ? 2 * grid->room : 16 * grid->n_columns;
		void *larger = reallocarray(grid->cell, more, sizeof(*grid->cell));

		if (!larger) {
			grid->failed = true;
			return NULL;
		}
		grid->cell = larger;
		grid->room = more;
	}
	return grid->cell[grid->n_cells++];
}

void grid_cell(struct grid *grid, const char *fmt, ...)
{
	char *cell = next_cell(grid);
	va_list args;

	if (!cell)
		return;
	va_start(args, fmt);
	vsnprintf(cell, GRID_CELL_SIZE, fmt, args);
	va_end(args);
}

void grid_cell_text(struct grid *grid, const char *text)
{
	char *cell = next_cell(grid);

	if (cell)
		format_printable(cell, GRID_CELL_SIZE, *text ? text : "-",
				 *text ? strlen(text) : 1);
}

void grid_free(struct grid *grid)
{
	free(grid->cell);
	grid->cell = NULL;
	grid->n_cells = grid->room = 0;
}

/* ---- printing ---- */

/* Row 0 is the heading. */
static const char *cell_at(const struct grid *grid, size_t row, size_t column)
{
	if (row == 0)
		return grid->column[column].heading;
	return grid->cell[(row - 1) * grid->n_columns + column];
}

static void measure(const struct grid *grid, size_t n_rows, size_t *width)
{
	for (size_t i = 0; i < n_rows * grid->n_columns; i++) {
		size_t column = i % grid->n_columns;
		size_t len = strlen(cell_at(grid, i / grid->n_columns, column));

		if (len > width[column])
			width[column] = len;
	}
}

/* The last column ends with its text. */
static int print_row(const struct grid *grid, struct format *fmt, size_t row, size_t first,
		     const size_t *width, char *line, const char *indent)
{
	char *end = stpcpy(line, indent);

	for (size_t i = first; i < grid->n_columns; i++) {
		bool last = i + 1 == grid->n_columns;
		int w = last && !grid->column[i].number ? 0 : (int)width[i];

		end += sprintf(end, "%*s%*s", i > first ? GAP : 0, "",
			       grid->column[i].number ? w : -w, cell_at(grid, row, i));
	}
	return format_line(fmt, line);
}

int grid_print(const struct grid *grid, struct format *fmt, const char *indent, size_t first)
{
	size_t n_rows = 1 + grid->n_cells / grid->n_columns;
	size_t *width = calloc(grid->n_columns, sizeof(*width));
	char *line = malloc(strlen(indent) + grid->n_columns * (GRID_CELL_SIZE + GAP) + 1);
	int err = width && line && !grid->failed ? 0 : -ENOMEM;

	if (!err)
		measure(grid, n_rows, width);
	for (size_t row = 0; row < n_rows && !err; row++)
		err = print_row(grid, fmt, row, first, width, line, indent);
	free(width);
	free(line);
	return err;
}
