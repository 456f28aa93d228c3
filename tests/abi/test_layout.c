// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ABI's layout stays what it is: the header against tests/abi/layout.tab when this is compiled, docs/abi.md
 * against it when it runs, and no field that the table does not know.
 */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

#define XG_STRUCT(s, bytes) _Static_assert(sizeof(struct s) == (bytes), "struct " #s);
#define XG_FIELD(s, f, at, bytes)							\
	_Static_assert(offsetof(struct s, f) == (at), "struct " #s ", field " #f);	\
	_Static_assert(sizeof(((struct s *)0)->f) == (bytes), "struct " #s ", field " #f);
#include "tests/abi/layout.tab"
#undef XG_STRUCT
#undef XG_FIELD

_Static_assert(sizeof(struct xg_core_header) <= XG_ABI_PAGE, "a header is one page");
_Static_assert(sizeof(struct xg_device_header) <= XG_ABI_PAGE, "a header is one page");
_Static_assert(offsetof(struct xg_device_header, calls) % 64 == 0, "counters have cache lines of their own");
/* What was there before anything was appended. */
_Static_assert(offsetof(struct xg_device_header, direct) == XG_DEVICE_HEADER_FIRST, "header of the first day");
_Static_assert(offsetof(struct xg_services, bus_address) == XG_SERVICES_FIRST, "services of the first day");

struct row {
	const char *in, *field;	/* field NULL: the struct itself */
	size_t at, bytes;
};

static const struct row rows[] = {
#define XG_STRUCT(s, bytes) { #s, NULL, 0, bytes },
#define XG_FIELD(s, f, at, bytes) { #s, #f, at, bytes },
#include "tests/abi/layout.tab"
};

/* Fields lie end to end: one that is missing from the table, or padding without a name, leaves a hole. */
START_TEST(fields_leave_no_hole)
{
	size_t i, end = 0, bytes = 0;

	for (i = 0; i <= XG_ARRAY_SIZE(rows); i++) {
		if (i == XG_ARRAY_SIZE(rows) || !rows[i].field) {
			ck_assert_msg(end == bytes, "struct %s: fields end at %zu of %zu", i ? rows[i - 1].in : "", end,
				      bytes);
			end = 0;
			bytes = i < XG_ARRAY_SIZE(rows) ? rows[i].bytes : 0;
			continue;
		}
		ck_assert_msg(rows[i].at == end, "%s.%s is at %zu, the one before ends at %zu", rows[i].in,
			      rows[i].field, rows[i].at, end);
		end += rows[i].bytes;
	}
}
END_TEST

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	long size;

	ck_assert_msg(f != NULL, "cannot open %s", path);
	ck_assert(fseek(f, 0, SEEK_END) == 0);
	size = ftell(f);
	ck_assert(size > 0 && size < 1 << 20);
	rewind(f);
	text = calloc(1, (size_t)size + 1);
	ck_assert(text && fread(text, 1, (size_t)size, f) == (size_t)size);
	fclose(f);
	return text;
}

/* The document as rows named NAME or NAME.FIELD: "### `struct NAME` (N bytes)", "| `field` | offset | bytes | ...". */
static size_t document_rows(char *text, struct row *ret, size_t most)
{
	static char names[256][64];
	char field[64], current[64] = "", *line, *rest = text;
	size_t n = 0, at, bytes;

	while ((line = strsep(&rest, "\n")) && n < most) {
		if (sscanf(line, "### `struct %63[a-z0-9_]` (%zu bytes)", names[n], &bytes) == 2) {
			snprintf(current, sizeof(current), "%s", names[n]);
			ret[n] = (struct row){ names[n], NULL, 0, bytes };
			n++;
		} else if (sscanf(line, "| `%63[a-z0-9_]` | %zu | %zu |", field, &at, &bytes) == 3) {
			snprintf(names[n], sizeof(names[n]), "%.31s.%.31s", current, field);
			ret[n] = (struct row){ names[n], NULL, at, bytes };
			n++;
		}
	}
	return n;
}

static bool same_row(const struct row *told, const struct row *is)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", is->in, is->field ? "." : "", is->field ? is->field : "");
	return !strcmp(told->in, name) && told->at == is->at && told->bytes == is->bytes;
}

/* As many rows as the table has, and each of the table's among them. */
START_TEST(document_agrees)
{
	static struct row doc[256];
	char *text = read_file(XG_SRCDIR "/docs/abi.md");
	size_t i, k, n = document_rows(text, doc, XG_ARRAY_SIZE(doc));

	ck_assert_msg(n == XG_ARRAY_SIZE(rows), "docs/abi.md has %zu rows, the table %zu", n, XG_ARRAY_SIZE(rows));
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		for (k = 0; k < n && !same_row(&doc[k], &rows[i]); k++)
			;
		ck_assert_msg(k < n, "docs/abi.md does not say that %s.%s is at %zu, %zu bytes", rows[i].in,
			      rows[i].field ? rows[i].field : "", rows[i].at, rows[i].bytes);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("abi layout");
	TCase *t = tcase_create("layout");

	tcase_add_test(t, fields_leave_no_hole);
	tcase_add_test(t, document_agrees);
	suite_add_tcase(s, t);
	return run_suite(s);
}
