// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines in columns. Called by commands that list. */
#include "lib/base/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void xg_table_cell(struct xg_table *t, const char *fmt, ...)
{
	char *text = NULL, **more;
	va_list ap;
	int rc;

	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		more = realloc(t->cells, t->room * sizeof(*more));
		if (!more) {
			t->room = t->count;
			t->failed = true;
			return;
		}
		t->cells = more;
	}
	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc < 0)
		t->failed = true;
	else
		t->cells[t->count++] = text;
}

static unsigned int width_of(const struct xg_table *t, size_t column)
{
	size_t widest = strlen(t->columns[column].head), i;

	widest = widest > t->columns[column].least ? widest : t->columns[column].least;
	for (i = column; i < t->count; i += t->column_count)
		widest = strlen(t->cells[i]) > widest ? strlen(t->cells[i]) : widest;
	return widest;
}

/* The last one of a line ends where its text does. */
static void cell_print(const struct xg_table *t, size_t column, unsigned int width, const char *text, FILE *to)
{
	const bool last = column + 1 == t->column_count;

	if (t->columns[column].right)
		fprintf(to, "%*s%c", (int)width, text, last ? '\n' : ' ');
	else
		fprintf(to, "%-*s%c", last ? 0 : (int)width, text, last ? '\n' : ' ');
}

int xg_table_print(const struct xg_table *t, FILE *to, struct xg_err *err)
{
	unsigned int *widths xg_auto_free = calloc(t->column_count, sizeof(*widths));
	size_t i;

	if (!widths || t->failed)
		return xg_fail_errno(err, ENOMEM, "list");
	for (i = 0; i < t->column_count; i++) {
		widths[i] = width_of(t, i);
		cell_print(t, i, widths[i], t->columns[i].head, to);
	}
	for (i = 0; i < t->count; i++)
		cell_print(t, i % t->column_count, widths[i % t->column_count], t->cells[i], to);
	return 0;
}

void xg_table_fini(struct xg_table *t)
{
	while (t->count)
		free(t->cells[--t->count]);
	free(t->cells);
	t->cells = NULL;
	t->room = 0;
}
