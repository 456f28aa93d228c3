// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See index.h. The one query of a resolve is an equality on all columns of one index but the last, which is the
 * order of versions: so its cost does not depend on how many images there are. Statements are prepared once.
 */
#include "driver-repo/index.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/version.h"

#define BUSY_TIMEOUT_MS 5000
#define SCHEMA_VERSION 1

#define COLUMNS "digest, size, added, origin, pattern, kind, abi, abi_last, os, release, release_last, build_id, arch," \
	" class, device, mode, version, licence"

enum { ST_BEGIN, ST_COMMIT, ST_PUT, ST_REMOVE, ST_MARK, ST_GET, ST_PREFIX, ST_ALL, ST_MARKED, ST_ORIGIN, ST_FIT, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_PUT] = "INSERT OR REPLACE INTO image(" COLUMNS ", one_release, version_key, removing)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, 0)",
	[ST_REMOVE] = "DELETE FROM image WHERE digest = ?1",
	[ST_MARK] = "UPDATE image SET removing = 1 WHERE digest = ?1",
	[ST_GET] = "SELECT " COLUMNS " FROM image WHERE digest = ?1 AND removing = 0",
	[ST_PREFIX] = "SELECT " COLUMNS " FROM image WHERE digest >= ?1 AND digest < ?1 || 'g' AND removing = 0 LIMIT 2",
	[ST_ALL] = "SELECT " COLUMNS " FROM image WHERE removing = 0"
		" ORDER BY kind, class, device, mode, os, release, build_id, version_key, digest",
	[ST_MARKED] = "SELECT " COLUMNS " FROM image WHERE removing = 1",
	[ST_ORIGIN] = "SELECT " COLUMNS " FROM image WHERE origin = ?1 AND removing = 0",
	[ST_FIT] = "SELECT " COLUMNS " FROM image WHERE kind = ?1 AND pattern = ?2 AND class = ?3 AND arch = ?4 AND os = ?5"
		" AND one_release = ?6 AND build_id = ?7 AND device = ?8 AND mode = ?9 AND removing = 0"
		" ORDER BY version_key DESC",
};

/* one_release: the release, or "" when the image is for several. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS image("
	" digest TEXT PRIMARY KEY, size INTEGER NOT NULL, added INTEGER NOT NULL, origin TEXT NOT NULL,"
	" pattern INTEGER NOT NULL, kind TEXT NOT NULL, abi INTEGER NOT NULL, abi_last INTEGER NOT NULL, os TEXT NOT NULL,"
	" release TEXT NOT NULL, release_last TEXT NOT NULL, build_id TEXT NOT NULL, arch TEXT NOT NULL,"
	" class TEXT NOT NULL, device TEXT NOT NULL, mode TEXT NOT NULL, version TEXT NOT NULL, licence TEXT NOT NULL,"
	" one_release TEXT NOT NULL, version_key BLOB NOT NULL, removing INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS image_fit ON"
	" image(kind, pattern, class, arch, os, one_release, build_id, device, mode, version_key);"
	"CREATE INDEX IF NOT EXISTS image_origin ON image(origin);"
	"CREATE INDEX IF NOT EXISTS image_removing ON image(removing) WHERE removing = 1;"
	"PRAGMA user_version = 1;";

struct xg_index {
	sqlite3 *db;
	char path[600];
	sqlite3_stmt *st[STATEMENTS];
	bool open;		/* a transaction */
};

void xg_index_close(struct xg_index *x)
{
	int i;

	if (!x)
		return;
	xg_index_rollback(x);
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(x->st[i]);
	sqlite3_close(x->db);
	free(x);
}
XG_DEFINE_AUTO(struct xg_index, xg_index_close)

static int index_fail(struct xg_index *x, struct xg_err *err)
{
	int code = sqlite3_errcode(x->db);
	bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;

	return xg_fail(err, code == SQLITE_BUSY ? EAGAIN : damaged ? EUCLEAN : EIO, "index %s: %s%s", x->path,
		       sqlite3_errmsg(x->db), damaged ? ": 'xengraft-repo reindex' makes it anew" : "");
}

static int index_exec(struct xg_index *x, const char *text, struct xg_err *err)
{
	return sqlite3_exec(x->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : index_fail(x, err);
}

static int statement(struct xg_index *x, int which, sqlite3_stmt **ret, struct xg_err *err)
{
	*ret = NULL;
	if (!x->st[which] &&
	    sqlite3_prepare_v3(x->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &x->st[which], NULL) != SQLITE_OK)
		return index_fail(x, err);
	*ret = x->st[which];
	return 0;
}

/* ---- Opening ------------------------------------------------------------------------------------------------ */

static int index_version(struct xg_index *x, struct xg_err *err)
{
	sqlite3_stmt *st;
	int version = -1, rc;

	if (sqlite3_prepare_v2(x->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return index_fail(x, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	rc = version < 0 ? index_fail(x, err) : 0;
	sqlite3_finalize(st);
	if (rc)
		return rc;
	if (version > SCHEMA_VERSION)
		return xg_fail(err, EPROTO, "index %s is of version %d, this program knows %d", x->path, version,
			       SCHEMA_VERSION);
	return version;
}

/* SQLite does not wait when two processes change to WAL at once. */
static int index_create(struct xg_index *x, struct xg_err *err)
{
	int rc, tries = BUSY_TIMEOUT_MS / 5;

	while ((rc = sqlite3_exec(x->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) == SQLITE_BUSY && tries-- > 0)
		sqlite3_sleep(5);
	if (rc != SQLITE_OK)
		return index_fail(x, err);
	rc = xg_index_begin(x, err);
	if (!rc)
		rc = index_exec(x, schema, err);
	if (!rc)
		rc = xg_index_commit(x, err);
	return rc;
}

int xg_index_open(const char *path, bool create, struct xg_index **ret, struct xg_err *err)
{
	struct xg_index *x xg_auto(xg_index_close_p) = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return xg_fail_errno(err, ENOMEM, "index");
	snprintf(x->path, sizeof(x->path), "%s", path);
	rc = sqlite3_open_v2(path, &x->db, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), NULL);
	if (rc == SQLITE_CANTOPEN && !create && access(path, F_OK))
		return xg_fail_errno(err, ENOENT, "index %s", path);
	if (rc != SQLITE_OK)
		return x->db ? index_fail(x, err) : xg_fail_errno(err, ENOMEM, "index");
	sqlite3_busy_timeout(x->db, BUSY_TIMEOUT_MS);
	rc = index_version(x, err);
	if (rc == 0 && create)
		rc = index_create(x, err);
	else if (rc == 0)
		rc = xg_fail(err, EUCLEAN, "index %s has no tables: 'xengraft-repo reindex' makes it anew", path);
	if (rc < 0)
		return rc;
	*ret = xg_take(x);
	return 0;
}

/* ---- Transactions ------------------------------------------------------------------------------------------- */

static int run(struct xg_index *x, int which, struct xg_err *err)
{
	sqlite3_stmt *st;
	int rc = statement(x, which, &st, err);

	if (rc)
		return rc;
	rc = sqlite3_step(st) == SQLITE_DONE ? 0 : index_fail(x, err);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int xg_index_begin(struct xg_index *x, struct xg_err *err)
{
	int rc = run(x, ST_BEGIN, err);

	x->open = !rc;
	return rc;
}

int xg_index_commit(struct xg_index *x, struct xg_err *err)
{
	int rc = run(x, ST_COMMIT, err);

	if (rc)
		xg_index_rollback(x);
	x->open = false;
	return rc;
}

void xg_index_rollback(struct xg_index *x)
{
	if (x->open && x->db)
		(void)sqlite3_exec(x->db, "ROLLBACK", NULL, NULL, NULL);
	x->open = false;
}

/* ---- Rows --------------------------------------------------------------------------------------------------- */

static void text(sqlite3_stmt *st, int at, const char *value)
{
	sqlite3_bind_text(st, at, value, -1, SQLITE_STATIC);
}

int xg_index_put(struct xg_index *x, const struct xg_entry *e, struct xg_err *err)
{
	const struct xg_image_note *n = &e->note;
	uint8_t key[XG_VERSION_KEY_MAX];
	sqlite3_stmt *st;
	int rc = statement(x, ST_PUT, &st, err);

	if (rc)
		return rc;
	text(st, 1, e->digest);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)e->size);
	sqlite3_bind_int64(st, 3, e->added);
	text(st, 4, e->origin);
	sqlite3_bind_int64(st, 5, e->pattern);
	text(st, 6, n->kind);
	sqlite3_bind_int64(st, 7, n->abi);
	sqlite3_bind_int64(st, 8, n->abi_last);
	text(st, 9, n->os);
	text(st, 10, n->release);
	text(st, 11, n->release_last);
	text(st, 12, n->build_id);
	text(st, 13, n->arch);
	text(st, 14, n->class_name);
	text(st, 15, n->device);
	text(st, 16, n->mode);
	text(st, 17, n->version);
	text(st, 18, n->licence);
	text(st, 19, n->release_last[0] ? "" : n->release);
	sqlite3_bind_blob(st, 20, key, xg_version_key(n->version, key), SQLITE_STATIC);
	return run(x, ST_PUT, err);
}

static int run_digest(struct xg_index *x, int which, const char *digest, struct xg_err *err)
{
	sqlite3_stmt *st;
	int rc = statement(x, which, &st, err);

	if (rc)
		return rc;
	text(st, 1, digest);
	return run(x, which, err);
}

int xg_index_remove(struct xg_index *x, const char *digest, struct xg_err *err)
{
	return run_digest(x, ST_REMOVE, digest, err);
}

int xg_index_mark(struct xg_index *x, const char *digest, struct xg_err *err)
{
	return run_digest(x, ST_MARK, digest, err);
}

int xg_index_clear(struct xg_index *x, struct xg_err *err)
{
	return index_exec(x, "DELETE FROM image", err);
}

static void take(sqlite3_stmt *st, int column, char *to, size_t room)
{
	const unsigned char *value = sqlite3_column_text(st, column);

	snprintf(to, room, "%s", value ? (const char *)value : "");
}

#define TAKE(column, field) take(st, column, field, sizeof(field))

static void take_entry(sqlite3_stmt *st, struct xg_entry *e)
{
	struct xg_image_note *n = &e->note;

	*e = (struct xg_entry){ .size = (uint64_t)sqlite3_column_int64(st, 1), .added = sqlite3_column_int64(st, 2) };
	TAKE(0, e->digest);
	TAKE(3, e->origin);
	e->pattern = (uint32_t)sqlite3_column_int64(st, 4);
	TAKE(5, n->kind);
	n->abi = (uint32_t)sqlite3_column_int64(st, 6);
	n->abi_last = (uint32_t)sqlite3_column_int64(st, 7);
	TAKE(8, n->os);
	TAKE(9, n->release);
	TAKE(10, n->release_last);
	TAKE(11, n->build_id);
	TAKE(12, n->arch);
	TAKE(13, n->class_name);
	TAKE(14, n->device);
	TAKE(15, n->mode);
	TAKE(16, n->version);
	TAKE(17, n->licence);
}

/* The visitor gets a copy: it may ask the index itself. */
static int walk(struct xg_index *x, sqlite3_stmt *st, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	struct xg_entry e;
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) != SQLITE_DONE) {
		if (step != SQLITE_ROW) {
			rc = index_fail(x, err);
			break;
		}
		take_entry(st, &e);
		rc = visit(ctx, &e, err);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc < 0 ? rc : 0;
}

static int walk_text(struct xg_index *x, int which, const char *value, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	sqlite3_stmt *st;
	int rc = statement(x, which, &st, err);

	if (rc)
		return rc;
	if (value)
		text(st, 1, value);
	return walk(x, st, visit, ctx, err);
}

struct one {
	struct xg_entry *ret;
	bool found;
};

static int take_one(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct one *o = ctx;

	(void)err;
	*o->ret = *e;
	o->found = true;
	return 1;
}

int xg_index_get(struct xg_index *x, const char *digest, struct xg_entry *ret, struct xg_err *err)
{
	struct one o = { .ret = ret };
	int rc = walk_text(x, ST_GET, digest, take_one, &o, err);

	if (!rc && !o.found)
		return xg_fail(err, ENOENT, "no image %s in the repository", digest);
	return rc;
}

int xg_index_prefix(struct xg_index *x, const char *prefix, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	return walk_text(x, ST_PREFIX, prefix, visit, ctx, err);
}

int xg_index_all(struct xg_index *x, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	return walk_text(x, ST_ALL, NULL, visit, ctx, err);
}

int xg_index_marked(struct xg_index *x, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	return walk_text(x, ST_MARKED, NULL, visit, ctx, err);
}

int xg_index_origin(struct xg_index *x, const char *origin, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	return walk_text(x, ST_ORIGIN, origin, visit, ctx, err);
}

int xg_index_fit(struct xg_index *x, const struct xg_index_key *key, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	sqlite3_stmt *st;
	int rc = statement(x, ST_FIT, &st, err);

	if (rc)
		return rc;
	text(st, 1, key->kind);
	sqlite3_bind_int64(st, 2, key->pattern);
	text(st, 3, key->class_name);
	text(st, 4, key->arch);
	text(st, 5, key->os);
	text(st, 6, key->release);
	text(st, 7, key->build_id);
	text(st, 8, key->device);
	text(st, 9, key->mode);
	return walk(x, st, visit, ctx, err);
}
