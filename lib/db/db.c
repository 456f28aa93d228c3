// SPDX-License-Identifier: GPL-2.0-or-later
/* A database in SQLite: see db.h. */
#include "lib/db/db.h"

#include <errno.h>
#include <stddef.h>

#define BUSY_TIMEOUT_MS 5000
#define BUSY_LOOK_MS 5

int xg_db_fail(const struct xg_db *db, struct xg_err *err)
{
	return db->fail ? db->fail(db, err) : xg_fail(err, EIO, "%s: %s", db->name, sqlite3_errmsg(db->sqlite));
}

int xg_db_exec(struct xg_db *db, const char *sql, struct xg_err *err)
{
	return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : xg_db_fail(db, err);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

int xg_db_open(struct xg_db *db, const char *path, bool create, struct xg_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);

	if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
		return db->sqlite ? xg_db_fail(db, err) : xg_fail_errno(err, ENOMEM, "%s", db->name);
	sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	return 0;
}

void xg_db_close(struct xg_db *db)
{
	sqlite3_close(db->sqlite);	/* takes NULL */
	db->sqlite = NULL;
}

int xg_db_version(struct xg_db *db, int known, struct xg_err *err)
{
	sqlite3_stmt *st;
	int version = 0, rc = 0;

	if (sqlite3_prepare_v2(db->sqlite, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return xg_db_fail(db, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	else
		rc = xg_db_fail(db, err);
	sqlite3_finalize(st);
	if (rc)
		return rc;
	if (version < 0 || version > known)
		return xg_fail(err, EPROTO, "%s is of version %d, this program knows %d", db->name, version, known);
	return version;
}

/*
 * For the change to WAL SQLite does not wait as it does elsewhere: when two processes make the database at once, one
 * is told at once that it is busy.
 */
int xg_db_create(struct xg_db *db, const char *schema, struct xg_err *err)
{
	int rc, looks = BUSY_TIMEOUT_MS / BUSY_LOOK_MS;

	while ((rc = sqlite3_exec(db->sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) == SQLITE_BUSY && looks--)
		sqlite3_sleep(BUSY_LOOK_MS);
	if (rc != SQLITE_OK)
		return xg_db_fail(db, err);
	rc = xg_db_begin(db, err);
	return rc ? rc : xg_db_end(db, xg_db_exec(db, schema, err), err);
}

/* ---- Transactions ------------------------------------------------------------------------------------------------ */

int xg_db_begin(struct xg_db *db, struct xg_err *err)
{
	return xg_db_exec(db, "BEGIN IMMEDIATE", err);
}

int xg_db_end(struct xg_db *db, int rc, struct xg_err *err)
{
	if (!rc)
		rc = xg_db_exec(db, "COMMIT", err);
	if (rc)
		xg_db_rollback(db);
	return rc;
}

void xg_db_rollback(struct xg_db *db)
{
	if (db->sqlite && !sqlite3_get_autocommit(db->sqlite))
		(void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}
