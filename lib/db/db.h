/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A database in SQLite: its version, its tables, its transactions. Called by those that own one: hotswap/state.c,
 * driver-repo/index.c. What another process is at is waited for, five seconds at most.
 *
 * Every function says 0 (or what it is there for) or, unless something else is said, what xg_db_fail() makes of it.
 */
#ifndef XG_DB_DB_H
#define XG_DB_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "lib/base/err.h"

struct xg_db {
	sqlite3 *sqlite;	/* NULL: not open */
	const char *name;	/* for people; the owner's */
	/* What SQLite said last, as an error. NULL: -EIO and "NAME: SQLite's words". */
	int (*fail)(const struct xg_db *db, struct xg_err *err);
};

/* NAME and fail are the caller's to fill in before. Also after a failure xg_db_close() is owed. */
int xg_db_open(struct xg_db *db, const char *path, bool create, struct xg_err *err);
void xg_db_close(struct xg_db *db);	/* an open transaction is undone; no statement may be open */
/* Calls fail; the negative code. */
int xg_db_fail(const struct xg_db *db, struct xg_err *err);

/* The version that the file says it has; 0: it has no tables. -EPROTO: none from 0 to KNOWN. */
int xg_db_version(struct xg_db *db, int known, struct xg_err *err);
/* Makes the tables that are not there. SCHEMA sets user_version, too. */
int xg_db_create(struct xg_db *db, const char *schema, struct xg_err *err);

int xg_db_exec(struct xg_db *db, const char *sql, struct xg_err *err);

int xg_db_begin(struct xg_db *db, struct xg_err *err);
/* The end of a transaction: all of it, or nothing when RC or the commit itself says so. */
int xg_db_end(struct xg_db *db, int rc, struct xg_err *err);
void xg_db_rollback(struct xg_db *db);	/* nothing if no transaction is open */

#endif
