/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One statement, prepared, bound in order and stepped; and rows that are described column by column, so that reading
 * and writing them cannot differ. Called by those that own a database (db.h).
 *
 * Every function that fails has ended the statement, and says what xg_db_fail() makes of it unless something else is
 * said.
 */
#ifndef XG_DB_QUERY_H
#define XG_DB_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "lib/db/db.h"

struct xg_query {
	struct xg_db *db;
	sqlite3_stmt *st;
	int bound, column;
	bool strange;		/* a blob was not of the size that this program writes */
	bool kept;		/* st is the caller's: its end makes it ready for the next time */
};

/* Freed at its end, unless it is kept. */
int xg_query_open(struct xg_db *db, struct xg_query *q, const char *sql, struct xg_err *err);
/* The statement is the caller's from now on: to use again, one query at a time, and to sqlite3_finalize(). */
sqlite3_stmt *xg_query_keep(struct xg_query *q);
void xg_query_again(struct xg_db *db, struct xg_query *q, sqlite3_stmt *kept);

/* Bind the next parameter. Texts and bytes are copied; NULL is SQL's NULL. */
void xg_bind_text(struct xg_query *q, const char *text);
void xg_bind_u64(struct xg_query *q, uint64_t v);
void xg_bind_blob(struct xg_query *q, const void *bytes, size_t size);
/* 1: a row is there, and the statement still open; 0: none (left). */
int xg_query_row(struct xg_query *q, struct xg_err *err);
uint64_t xg_take_u64(struct xg_query *q);
/* Before the last row; after it there is nothing left to end. */
void xg_query_end(struct xg_query *q);
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
	/* of a blob: offset of the flag, an earlier column, without which it is not read; 0: none */
	size_t valid;
};

struct xg_columns {
	const char *what;	/* for people: "no WHAT in the NAME" */
	const struct xg_column *column;
	size_t count;
	size_t size;		/* of a row */
};

#define XG_COLUMNS(what, columns, size) { what, columns, XG_ARRAY_SIZE(columns), size }
#define XG_FIELD(type, member) offsetof(type, member), sizeof(((type *)0)->member)

/* SELECT all columns; TAIL is what follows them ("FROM guest WHERE uuid = ?"). */
int xg_rows_select(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *tail,
		   struct xg_err *err);
/* INTO: "INSERT INTO history"; MORE_NAMES, MORE_VALUES: ", added" and ", ?" behind the described columns', or "". */
int xg_rows_insert(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *into,
		   const char *more_names, const char *more_values, struct xg_err *err);
void xg_row_bind(struct xg_query *q, const struct xg_columns *c, const void *row);
/* xg_rows_insert() without more, bound and run. */
int xg_rows_put(struct xg_db *db, const struct xg_columns *c, const char *into, const void *row, struct xg_err *err);
/* 1: *ROW is filled in, and the statement still open; 0: there is none (left). */
int xg_rows_next(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err);
/* The first one. -ENOENT; -EPROTO: another version's, what *ROW has is of no use. */
int xg_rows_one(struct xg_query *q, const struct xg_columns *c, void *row, struct xg_err *err);
/* All of them, 65,536 at most; *RET_ROWS is the caller's to free(). -EPROTO, -ENOMEM. */
int xg_rows_list(struct xg_query *q, const struct xg_columns *c, void **ret_rows, size_t *ret_count,
		 struct xg_err *err);

/* The same; *RET is a pointer to what a row is. */
#define xg_rows_all(q, c, ret, ret_count, err) ({					\
	void *rows_all_ = NULL;							\
	int rows_rc_ = xg_rows_list(q, c, &rows_all_, ret_count, err);		\
	if (!rows_rc_)								\
		*(ret) = rows_all_;						\
	rows_rc_;								\
})

#endif
