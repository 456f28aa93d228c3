/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One statement of the state database, prepared, bound in order and stepped; and rows that are described column by
 * column, so that reading and writing them cannot differ. Called by state.c alone.
 *
 * Every function that fails has freed the statement, and says -EIO with SQLite's words unless something else is said.
 */
#ifndef XG_HOTSWAP_QUERY_H
#define XG_HOTSWAP_QUERY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct xg_query {
	sqlite3 *db;
	sqlite3_stmt *st;
	int bound, column;
	bool strange;		/* a blob was not of the size that this program writes */
};

int xg_db_fail(sqlite3 *db, struct xg_err *err);
int xg_db_exec(sqlite3 *db, const char *sql, struct xg_err *err);

/* Bind the next parameter. Texts and bytes are copied; NULL is SQL's NULL. */
int xg_query_open(sqlite3 *db, struct xg_query *q, const char *sql, struct xg_err *err);
void xg_bind_text(struct xg_query *q, const char *text);
void xg_bind_u64(struct xg_query *q, uint64_t v);
/* 1: a row is there, and the statement still open; 0: none (left). */
int xg_query_row(struct xg_query *q, struct xg_err *err);
uint64_t xg_take_u64(struct xg_query *q);
/* To its end. */
int xg_query_run(struct xg_query *q, struct xg_err *err);
/* 1: there is a row; 0: there is none. */
int xg_query_any(struct xg_query *q, struct xg_err *err);

/* ---- Rows ------------------------------------------------------------------------------------------------------- */

enum xg_column_type {
	XG_COLUMN_TEXT,		/* a terminated array of char; what is too long is cut */
	XG_COLUMN_NUMBER,	/* an integer of 1, 4 or 8 bytes */
	XG_COLUMN_FLAG,		/* a bool, or an integer that is 0 or 1 */
	XG_COLUMN_BLOB,		/* bytes, as many as the field has */
};

struct xg_column {
	const char *name;
	enum xg_column_type type;
	size_t offset, size;	/* of the field */
	size_t valid;		/* of a blob: offset of the flag, an earlier column, without which it is not read; 0: none */
};

struct xg_columns {
	const char *what;	/* for people: "no WHAT in the state database" */
	const struct xg_column *column;
	size_t count;
	size_t size;		/* of a row */
};

#define XG_FIELD(type, member) offsetof(type, member), sizeof(((type *)0)->member)

/* SELECT all columns; TAIL is what follows them ("FROM guest WHERE uuid = ?"). */
int xg_rows_select(sqlite3 *db, struct xg_query *q, const struct xg_columns *c, const char *tail, struct xg_err *err);
/* INTO: "INSERT INTO history". */
int xg_rows_put(sqlite3 *db, const struct xg_columns *c, const char *into, const void *row, struct xg_err *err);
/* The first one. -ENOENT; -EPROTO: another version's, what *ROW has is of no use. */
int xg_rows_one(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err);
/* All of them, 65,536 at most; *RET_ROWS is the caller's to free(). -EPROTO, -ENOMEM. */
int xg_rows_all(struct xg_query *q, const struct xg_columns *c, void **ret_rows, size_t *ret_count, struct xg_err *err);

#endif
