// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements and rows: see query.h. */
#include "lib/db/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 65536	/* a host has tens of guests with a handful of disks */
#define SQL_MAX 1024

/* ---- Statements -------------------------------------------------------------------------------------------------- */

int xg_query_open(struct xg_db *db, struct xg_query *q, const char *sql, struct xg_err *err)
{
	*q = (struct xg_query){ .db = db };
	return sqlite3_prepare_v2(db->sqlite, sql, -1, &q->st, NULL) == SQLITE_OK ? 0 : xg_db_fail(db, err);
}

sqlite3_stmt *xg_query_keep(struct xg_query *q)
{
	q->kept = true;
	return q->st;
}

void xg_query_again(struct xg_db *db, struct xg_query *q, sqlite3_stmt *kept)
{
	*q = (struct xg_query){ .db = db, .st = kept, .kept = true };
}

void xg_bind_text(struct xg_query *q, const char *text)
{
	sqlite3_bind_text(q->st, ++q->bound, text, -1, SQLITE_TRANSIENT);
}

void xg_bind_u64(struct xg_query *q, uint64_t v)
{
	sqlite3_bind_int64(q->st, ++q->bound, (sqlite3_int64)v);
}

void xg_bind_blob(struct xg_query *q, const void *bytes, size_t size)
{
	sqlite3_bind_blob(q->st, ++q->bound, bytes, (int)size, SQLITE_TRANSIENT);
}

void xg_query_end(struct xg_query *q)
{
	sqlite3_stmt *st = xg_take(q->st);

	if (!q->kept)
		sqlite3_finalize(st);
	if (!q->kept || !st)
		return;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int xg_query_row(struct xg_query *q, struct xg_err *err)
{
	int rc = sqlite3_step(q->st);

	q->column = 0;
	if (rc == SQLITE_ROW)
		return 1;
	rc = rc == SQLITE_DONE ? 0 : xg_db_fail(q->db, err);
	xg_query_end(q);
	return rc;
}

uint64_t xg_take_u64(struct xg_query *q)
{
	return (uint64_t)sqlite3_column_int64(q->st, q->column++);
}

int xg_query_any(struct xg_query *q, struct xg_err *err)
{
	int rc = xg_query_row(q, err);

	xg_query_end(q);
	return rc;
}

int xg_query_run(struct xg_query *q, struct xg_err *err)
{
	int rc = xg_query_any(q, err);

	return rc < 0 ? rc : 0;
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void take_text(struct xg_query *q, char *to, size_t size)
{
	const unsigned char *text = sqlite3_column_text(q->st, q->column++);

	snprintf(to, size, "%s", text ? (const char *)text : "");
}

static void take_blob(struct xg_query *q, void *to, size_t size)
{
	const void *bytes = sqlite3_column_blob(q->st, q->column);
	size_t have = sqlite3_column_bytes(q->st, q->column++);

	if (bytes && have == size)
		memcpy(to, bytes, size);
	else
		q->strange = true;
}

static void row_take(struct xg_query *q, const struct xg_columns *c, void *row)
{
	size_t i;

	memset(row, 0, c->size);
	for (i = 0; i < c->count; i++) {
		const struct xg_column *at = &c->column[i];
		char *to = (char *)row + at->offset;
		uint64_t v;

		switch (at->type) {
		case XG_COLUMN_TEXT:
			take_text(q, to, at->size);
			break;
		case XG_COLUMN_NUMBER:
			v = xg_take_u64(q);
			memcpy(to, &v, at->size);	/* x86: the low bytes come first */
			break;
		case XG_COLUMN_FLAG:
			v = xg_take_u64(q) != 0;
			memcpy(to, &v, at->size);
			break;
		case XG_COLUMN_BLOB:
			if (at->valid && !*((const bool *)row + at->valid))
				q->column++;
			else
				take_blob(q, to, at->size);
			break;
		}
	}
}

void xg_row_bind(struct xg_query *q, const struct xg_columns *c, const void *row)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		const struct xg_column *at = &c->column[i];
		const char *from = (const char *)row + at->offset;
		uint64_t v = 0;

		switch (at->type) {
		case XG_COLUMN_TEXT:
			xg_bind_text(q, from);
			break;
		case XG_COLUMN_NUMBER:
		case XG_COLUMN_FLAG:
			memcpy(&v, from, at->size);
			xg_bind_u64(q, v);
			break;
		case XG_COLUMN_BLOB:
			xg_bind_blob(q, from, at->size);
			break;
		}
	}
}

/* "NAME, NAME" or "?, ?"; cut where SQL ends, which then does not parse. */
static void names_add(char sql[SQL_MAX], const struct xg_columns *c, bool marks)
{
	size_t i, at = strlen(sql);

	for (i = 0; i < c->count && at < SQL_MAX; i++)
		at += snprintf(sql + at, SQL_MAX - at, "%s%s", i ? ", " : "", marks ? "?" : c->column[i].name);
}

static void text_add(char sql[SQL_MAX], const char *text)
{
	size_t at = strlen(sql);

	snprintf(sql + at, SQL_MAX - at, "%s", text);
}

int xg_rows_select(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *tail,
		   struct xg_err *err)
{
	char sql[SQL_MAX] = "SELECT ";

	names_add(sql, c, false);
	text_add(sql, " ");
	text_add(sql, tail);
	return xg_query_open(db, q, sql, err);
}

int xg_rows_insert(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *into,
		   const char *more_names, const char *more_values, struct xg_err *err)
{
	char sql[SQL_MAX] = "";

	text_add(sql, into);
	text_add(sql, "(");
	names_add(sql, c, false);
	text_add(sql, more_names);
	text_add(sql, ") VALUES(");
	names_add(sql, c, true);
	text_add(sql, more_values);
	text_add(sql, ")");
	return xg_query_open(db, q, sql, err);
}

int xg_rows_put(struct xg_db *db, const struct xg_columns *c, const char *into, const void *row, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_insert(db, &q, c, into, "", "", err);

	if (rc)
		return rc;
	xg_row_bind(&q, c, row);
	return xg_query_run(&q, err);
}

static int row_strange(const struct xg_query *q, struct xg_err *err)
{
	return xg_fail(err, EPROTO, "%s: a row of another version of this program", q->db->name);
}

int xg_rows_next(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err)
{
	int rc = xg_query_row(q, err);

	if (rc == 1)
		row_take(q, c, row);
	return rc;
}

int xg_rows_one(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err)
{
	int rc = xg_rows_next(q, c, row, err);

	xg_query_end(q);
	if (rc == 0)
		return xg_fail(err, ENOENT, "no %s in the %s", c->what, q->db->name);
	if (rc == 1 && q->strange)
		return row_strange(q, err);
	return rc < 0 ? rc : 0;
}

int xg_rows_list(struct xg_query *q, const struct xg_columns *c, void **ret_rows, size_t *ret_count, struct xg_err *err)
{
	char *rows xg_auto_free = NULL, *more;
	size_t count = 0, room = 0;
	int rc;

	while ((rc = xg_query_row(q, err)) == 1 && count < ROWS_MAX) {
		if (count == room) {
			room = room ? room * 2 : 8;
			more = realloc(rows, room * c->size);
			if (!more) {
				rc = xg_fail_errno(err, ENOMEM, "%zu rows", room);
				break;
			}
			rows = more;
		}
		row_take(q, c, rows + count++ * c->size);
	}
	xg_query_end(q);
	if (rc >= 0 && q->strange)
		rc = row_strange(q, err);
	if (rc < 0)
		return rc;
	*ret_rows = xg_take(rows);
	*ret_count = count;
	return 0;
}
