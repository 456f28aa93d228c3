// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See index.h. The one query of a resolve is an equality on all columns of one index but the last, which is the
 * order of versions: so its cost does not depend on how many images there are. Statements are prepared once.
 */
#include "driver-repo/index.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/version.h"
#include "lib/db/query.h"

#define SCHEMA_VERSION 1

/* one_release: the release, or "" when the image is for several. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS image("
	" digest TEXT PRIMARY KEY, size INTEGER NOT NULL, added INTEGER NOT NULL, origin TEXT NOT NULL,"
	" pattern INTEGER NOT NULL, kind TEXT NOT NULL, abi INTEGER NOT NULL, abi_last INTEGER NOT NULL,"
	" os TEXT NOT NULL, release TEXT NOT NULL, release_last TEXT NOT NULL, build_id TEXT NOT NULL, arch TEXT NOT"
	" NULL,"
	" class TEXT NOT NULL, device TEXT NOT NULL, mode TEXT NOT NULL, version TEXT NOT NULL, licence TEXT NOT NULL,"
	" one_release TEXT NOT NULL, version_key BLOB NOT NULL, removing INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS image_fit ON"
	" image(kind, pattern, class, arch, os, one_release, build_id, device, mode, version_key);"
	"CREATE INDEX IF NOT EXISTS image_origin ON image(origin);"
	"CREATE INDEX IF NOT EXISTS image_removing ON image(removing) WHERE removing = 1;"
	"PRAGMA user_version = 1;";

#define ENTRY(member) XG_FIELD(struct xg_entry, member)

static const struct xg_column entry_columns[] = {
	{ "digest", XG_COLUMN_TEXT, ENTRY(digest), 0 },
	{ "size", XG_COLUMN_NUMBER, ENTRY(size), 0 },
	{ "added", XG_COLUMN_NUMBER, ENTRY(added), 0 },
	{ "origin", XG_COLUMN_TEXT, ENTRY(origin), 0 },
	{ "pattern", XG_COLUMN_NUMBER, ENTRY(pattern), 0 },
	{ "kind", XG_COLUMN_TEXT, ENTRY(note.kind), 0 },
	{ "abi", XG_COLUMN_NUMBER, ENTRY(note.abi), 0 },
	{ "abi_last", XG_COLUMN_NUMBER, ENTRY(note.abi_last), 0 },
	{ "os", XG_COLUMN_TEXT, ENTRY(note.os), 0 },
	{ "release", XG_COLUMN_TEXT, ENTRY(note.release), 0 },
	{ "release_last", XG_COLUMN_TEXT, ENTRY(note.release_last), 0 },
	{ "build_id", XG_COLUMN_TEXT, ENTRY(note.build_id), 0 },
	{ "arch", XG_COLUMN_TEXT, ENTRY(note.arch), 0 },
	{ "class", XG_COLUMN_TEXT, ENTRY(note.class_name), 0 },
	{ "device", XG_COLUMN_TEXT, ENTRY(note.device), 0 },
	{ "mode", XG_COLUMN_TEXT, ENTRY(note.mode), 0 },
	{ "version", XG_COLUMN_TEXT, ENTRY(note.version), 0 },
	{ "licence", XG_COLUMN_TEXT, ENTRY(note.licence), 0 },
};

static const struct xg_columns entries = XG_COLUMNS("image", entry_columns, sizeof(struct xg_entry));

/* ---- Statements ------------------------------------------------------------------------------------------------- */

static int open_plain(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *sql,
		      struct xg_err *err)
{
	(void)c;
	return xg_query_open(db, q, sql, err);
}

/* Behind the columns of an entry, what is made of them for ST_FIT. */
static int open_put(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *into,
		    struct xg_err *err)
{
	return xg_rows_insert(db, q, c, into, ", one_release, version_key, removing", ", ?, ?, 0", err);
}

enum { ST_PUT, ST_REMOVE, ST_MARK, ST_GET, ST_PREFIX, ST_ALL, ST_MARKED, ST_ORIGIN, ST_FIT, STATEMENTS };

static const struct {
	int (*open)(struct xg_db *db, struct xg_query *q, const struct xg_columns *c, const char *sql,
		    struct xg_err *err);
	const char *sql;
} statements[STATEMENTS] = {
	[ST_PUT] = { open_put, "INSERT OR REPLACE INTO image" },
	[ST_REMOVE] = { open_plain, "DELETE FROM image WHERE digest = ?" },
	[ST_MARK] = { open_plain, "UPDATE image SET removing = 1 WHERE digest = ?" },
	[ST_GET] = { xg_rows_select, "FROM image WHERE digest = ? AND removing = 0" },
	[ST_PREFIX] = { xg_rows_select,
		"FROM image WHERE digest >= ?1 AND digest < ?1 || 'g' AND removing = 0 LIMIT 2" },
	[ST_ALL] = { xg_rows_select, "FROM image WHERE removing = 0"
		" ORDER BY kind, class, device, mode, os, release, build_id, version_key, digest" },
	[ST_MARKED] = { xg_rows_select, "FROM image WHERE removing = 1" },
	[ST_ORIGIN] = { xg_rows_select, "FROM image WHERE origin = ? AND removing = 0" },
	[ST_FIT] = { xg_rows_select, "FROM image WHERE kind = ? AND pattern = ? AND class = ? AND arch = ? AND os = ?"
		" AND one_release = ? AND build_id = ? AND device = ? AND mode = ? AND removing = 0"
		" ORDER BY version_key DESC" },
};

struct xg_index {
	struct xg_db db;
	char name[600];
	sqlite3_stmt *kept[STATEMENTS];
};

static int statement(struct xg_index *x, int which, struct xg_query *q, struct xg_err *err)
{
	int rc;

	if (x->kept[which]) {
		xg_query_again(&x->db, q, x->kept[which]);
		return 0;
	}
	rc = statements[which].open(&x->db, q, &entries, statements[which].sql, err);
	if (!rc)
		x->kept[which] = xg_query_keep(q);
	return rc;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static int index_fail(const struct xg_db *db, struct xg_err *err)
{
	int code = sqlite3_errcode(db->sqlite);
	bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;

	return xg_fail(err, code == SQLITE_BUSY ? EAGAIN : damaged ? EUCLEAN : EIO, "%s: %s%s", db->name,
		       sqlite3_errmsg(db->sqlite), damaged ? ": 'xengraft-repo reindex' makes it anew" : "");
}

void xg_index_close(struct xg_index *x)
{
	int i;

	if (!x)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(x->kept[i]);
	xg_db_close(&x->db);
	free(x);
}
XG_DEFINE_AUTO(struct xg_index, xg_index_close)

int xg_index_open(const char *path, bool create, struct xg_index **ret, struct xg_err *err)
{
	struct xg_index *x xg_auto(xg_index_close_p) = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return xg_fail_errno(err, ENOMEM, "index");
	snprintf(x->name, sizeof(x->name), "index %s", path);
	x->db.name = x->name;
	x->db.fail = index_fail;
	rc = xg_db_open(&x->db, path, create, err);
	if (rc && !create && access(path, F_OK))
		return xg_fail_errno(err, ENOENT, "%s", x->name);
	if (!rc)
		rc = xg_db_version(&x->db, SCHEMA_VERSION, err);
	if (rc == 0 && create)
		rc = xg_db_create(&x->db, schema, err);
	else if (rc == 0)
		rc = xg_fail(err, EUCLEAN, "%s has no tables: 'xengraft-repo reindex' makes it anew", x->name);
	if (rc < 0)
		return rc;
	*ret = xg_take(x);
	return 0;
}

int xg_index_begin(struct xg_index *x, struct xg_err *err)
{
	return xg_db_begin(&x->db, err);
}

int xg_index_end(struct xg_index *x, int rc, struct xg_err *err)
{
	return xg_db_end(&x->db, rc, err);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------- */

int xg_index_put(struct xg_index *x, const struct xg_entry *e, struct xg_err *err)
{
	uint8_t key[XG_VERSION_KEY_MAX];
	struct xg_query q;
	int rc = statement(x, ST_PUT, &q, err);

	if (rc)
		return rc;
	xg_row_bind(&q, &entries, e);
	xg_bind_text(&q, e->note.release_last[0] ? "" : e->note.release);
	xg_bind_blob(&q, key, xg_version_key(e->note.version, key));
	return xg_query_run(&q, err);
}

static int run_digest(struct xg_index *x, int which, const char *digest, struct xg_err *err)
{
	struct xg_query q;
	int rc = statement(x, which, &q, err);

	if (rc)
		return rc;
	xg_bind_text(&q, digest);
	return xg_query_run(&q, err);
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
	return xg_db_exec(&x->db, "DELETE FROM image", err);
}

int xg_index_get(struct xg_index *x, const char *digest, struct xg_entry *ret, struct xg_err *err)
{
	struct xg_query q;
	int rc = statement(x, ST_GET, &q, err);

	if (rc)
		return rc;
	xg_bind_text(&q, digest);
	rc = xg_rows_one(&q, &entries, ret, err);
	return rc == -ENOENT ? xg_fail(err, ENOENT, "no image %s in the repository", digest) : rc;
}

int xg_index_any(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	(void)e;
	(void)err;
	*(bool *)ctx = true;
	return 1;
}

/* The visitor gets a copy: it may ask the index itself. */
static int walk(struct xg_query *q, xg_index_visit *visit, void *ctx, struct xg_err *err)
{
	struct xg_entry e;
	int rc;

	while ((rc = xg_rows_next(q, &entries, &e, err)) == 1) {
		rc = visit(ctx, &e, err);
		if (rc)
			break;
	}
	xg_query_end(q);
	return rc < 0 ? rc : 0;
}

static int walk_text(struct xg_index *x, int which, const char *value, xg_index_visit *visit, void *ctx,
		     struct xg_err *err)
{
	struct xg_query q;
	int rc = statement(x, which, &q, err);

	if (rc)
		return rc;
	if (value)
		xg_bind_text(&q, value);
	return walk(&q, visit, ctx, err);
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

int xg_index_fit(struct xg_index *x, const struct xg_index_key *key, xg_index_visit *visit, void *ctx,
		 struct xg_err *err)
{
	struct xg_query q;
	int rc = statement(x, ST_FIT, &q, err);

	if (rc)
		return rc;
	xg_bind_text(&q, key->kind);
	xg_bind_u64(&q, key->pattern);
	xg_bind_text(&q, key->class_name);
	xg_bind_text(&q, key->arch);
	xg_bind_text(&q, key->os);
	xg_bind_text(&q, key->release);
	xg_bind_text(&q, key->build_id);
	xg_bind_text(&q, key->device);
	xg_bind_text(&q, key->mode);
	return walk(&q, visit, ctx, err);
}
