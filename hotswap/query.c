// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements and rows: see query.h. Called by state.c. */
#include "hotswap/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 65536	/* a host has tens of guests with a handful of disks */
#define SQL_MAX 1024

int xg_db_fail(sqlite3 *db, struct xg_err *err)
{
	return xg_fail(err, EIO, "state database: %s", sqlite3_errmsg(db));
}

int xg_db_exec(sqlite3 *db, const char *sql, struct xg_err *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : xg_db_fail(db, err);
}

/* ---- Statements -------------------------------------------------------------------------------------------------- */

int xg_query_open(sqlite3 *db, struct xg_query *q, const char *sql, struct xg_err *err)
{
	*q = (struct xg_query){ .db = db };
	return sqlite3_prepare_v2(db, sql, -1, &q->st, NULL) == SQLITE_OK ? 0 : xg_db_fail(db, err);
}

void xg_bind_text(struct xg_query *q, const char *text)
{
	sqlite3_bind_text(q->st, ++q->bound, text, -1, SQLITE_TRANSIENT);
}

void xg_bind_u64(struct xg_query *q, uint64_t v)
{
	sqlite3_bind_int64(q->st, ++q->bound, (sqlite3_int64)v);
}

static void query_end(struct xg_query *q)
{
	sqlite3_finalize(xg_take(q->st));
}

int xg_query_row(struct xg_query *q, struct xg_err *err)
{
	int rc = sqlite3_step(q->st);

	q->column = 0;
	if (rc == SQLITE_ROW)
		return 1;
	rc = rc == SQLITE_DONE ? 0 : xg_db_fail(q->db, err);
	query_end(q);
	return rc;
}

uint64_t xg_take_u64(struct xg_query *q)
{
	return (uint64_t)sqlite3_column_int64(q->st, q->column++);
}

int xg_query_any(struct xg_query *q, struct xg_err *err)
{
	int rc = xg_query_row(q, err);

	query_end(q);
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

static void row_bind(struct xg_query *q, const struct xg_columns *c, const void *row)
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
			sqlite3_bind_blob(q->st, ++q->bound, from, (int)at->size, SQLITE_TRANSIENT);
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

int xg_rows_select(sqlite3 *db, struct xg_query *q, const struct xg_columns *c, const char *tail, struct xg_err *err)
{
	char sql[SQL_MAX] = "SELECT ";

	names_add(sql, c, false);
	text_add(sql, " ");
	text_add(sql, tail);
	return xg_query_open(db, q, sql, err);
}

int xg_rows_put(sqlite3 *db, const struct xg_columns *c, const char *into, const void *row, struct xg_err *err)
{
	char sql[SQL_MAX] = "";
	struct xg_query q;
	int rc;

	text_add(sql, into);
	text_add(sql, "(");
	names_add(sql, c, false);
	text_add(sql, ") VALUES(");
	names_add(sql, c, true);
	text_add(sql, ")");
	rc = xg_query_open(db, &q, sql, err);
	if (rc)
		return rc;
	row_bind(&q, c, row);
	return xg_query_run(&q, err);
}

static int row_strange(struct xg_err *err)
{
	return xg_fail(err, EPROTO, "state database: a row of another version of this program");
}

int xg_rows_one(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err)
{
	int rc = xg_query_row(q, err);

	if (rc == 1)
		row_take(q, c, row);
	query_end(q);
	if (rc == 0)
		return xg_fail(err, ENOENT, "no %s in the state database", c->what);
	if (rc == 1 && q->strange)
		return row_strange(err);
	return rc < 0 ? rc : 0;
}

int xg_rows_all(struct xg_query *q, const struct xg_columns *c, void **ret_rows, size_t *ret_count, struct xg_err *err)
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
	query_end(q);
	if (rc >= 0 && q->strange)
		rc = row_strange(err);
	if (rc < 0)
		return rc;
	*ret_rows = xg_take(rows);
	*ret_count = count;
	return 0;
}
