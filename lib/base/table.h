/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines in columns for people to read: a head, then line by line, each column as wide as its longest cell. All is
 * collected first, so that a long name moves its column, not the rest of its line. A byte counts as one place.
 */
#ifndef XG_BASE_TABLE_H
#define XG_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct xg_table_column {
	const char *head;
	unsigned int least;	/* characters wide at least */
	bool right;		/* numbers */
};

struct xg_table {
	const struct xg_table_column *columns;
	size_t column_count;
	char **cells;
	size_t count, room;	/* of cells */
	bool failed;		/* there was no memory for one */
};

/* An empty one; COLUMNS is an array. */
#define XG_TABLE(columns_) { .columns = (columns_), .column_count = XG_ARRAY_SIZE(columns_) }

/* The next cell, from left to right, then of the next line. */
void xg_table_cell(struct xg_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* -ENOMEM: a cell is missing, and nothing was printed. */
int xg_table_print(const struct xg_table *t, FILE *to, struct xg_err *err);
void xg_table_fini(struct xg_table *t);

#endif
