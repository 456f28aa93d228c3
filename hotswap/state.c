// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state database on SQLite. Called by the operations. Statements are prepared where they are used: an
 * attach makes a dozen, and a cache would have to be kept right.
 */
#include "hotswap/state.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "hotswap/wait.h"

#define BUSY_TIMEOUT_MS 5000
#define SCHEMA_VERSION 4
#define STATE_ROWS_MAX 65536	/* a host has tens of guests with a handful of disks */

struct xg_state {
	sqlite3 *db;
};

/* MORE: the columns of `next` that came later. */
#define SWAP_TABLES(more) \
	"CREATE TABLE IF NOT EXISTS next(" \
	" uuid TEXT NOT NULL, devid INTEGER NOT NULL, vdev TEXT NOT NULL, target TEXT NOT NULL, mode TEXT NOT NULL," \
	" read_only INTEGER NOT NULL," \
	" va INTEGER NOT NULL, text_pages INTEGER NOT NULL, data_pages INTEGER NOT NULL, entry BLOB NOT NULL," \
	" digest TEXT NOT NULL, driver TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL," \
	" since INTEGER NOT NULL," \
	" data_va INTEGER NOT NULL, half INTEGER NOT NULL," more \
	" PRIMARY KEY(uuid, devid));" \
	"CREATE TABLE IF NOT EXISTS history(" \
	" id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, guest TEXT NOT NULL, devid INTEGER NOT NULL, vdev TEXT NOT NULL," \
	" reason TEXT NOT NULL, from_mode TEXT NOT NULL, from_driver TEXT NOT NULL, from_version TEXT NOT NULL," \
	" from_digest TEXT NOT NULL, to_mode TEXT NOT NULL, to_driver TEXT NOT NULL, to_version TEXT NOT NULL," \
	" to_digest TEXT NOT NULL, hold_ns INTEGER NOT NULL, held INTEGER NOT NULL, in_flight INTEGER NOT NULL," \
	" replayed INTEGER NOT NULL, at INTEGER NOT NULL);" \
	"CREATE INDEX IF NOT EXISTS history_of ON history(uuid, devid);"

#define WISH_TABLE \
	"CREATE TABLE IF NOT EXISTS unwanted(" \
	" uuid TEXT NOT NULL, domid INTEGER NOT NULL, devid INTEGER NOT NULL, PRIMARY KEY(uuid, domid, devid));"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS guest("
	" uuid TEXT PRIMARY KEY, domid INTEGER NOT NULL, name TEXT NOT NULL,"
	" os TEXT NOT NULL, release TEXT NOT NULL, build_id TEXT NOT NULL, arch TEXT NOT NULL,"
	" vmcoreinfo INTEGER NOT NULL, vmcoreinfo_bytes INTEGER NOT NULL, root INTEGER NOT NULL,"
	" levels INTEGER NOT NULL, phys_base INTEGER NOT NULL, kaslr_offset INTEGER NOT NULL, symbols INTEGER NOT NULL,"
	" va INTEGER NOT NULL, text_pages INTEGER NOT NULL, data_pages INTEGER NOT NULL,"
	" digest TEXT NOT NULL, version TEXT NOT NULL,"
	" data_va INTEGER NOT NULL DEFAULT 0, module INTEGER NOT NULL DEFAULT 0,"
	" boot TEXT NOT NULL DEFAULT '', away INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE IF NOT EXISTS device("
	" uuid TEXT NOT NULL, devid INTEGER NOT NULL, vdev TEXT NOT NULL, target TEXT NOT NULL, mode TEXT NOT NULL,"
	" read_only INTEGER NOT NULL,"
	" va INTEGER NOT NULL, text_pages INTEGER NOT NULL, data_pages INTEGER NOT NULL, entry BLOB NOT NULL,"
	" digest TEXT NOT NULL, driver TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,"
	" since INTEGER NOT NULL,"
	" data_va INTEGER NOT NULL DEFAULT 0, half INTEGER NOT NULL DEFAULT 0,"
	" wish TEXT NOT NULL DEFAULT '', shared INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(uuid, devid));"
	"CREATE TABLE IF NOT EXISTS frame("
	" uuid TEXT NOT NULL, va INTEGER NOT NULL, page INTEGER NOT NULL, gfn INTEGER NOT NULL,"
	" PRIMARY KEY(uuid, va, page)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS operation("
	" uuid TEXT PRIMARY KEY, domid INTEGER NOT NULL, devid INTEGER NOT NULL, verb TEXT NOT NULL,"
	" step TEXT NOT NULL, steps INTEGER NOT NULL, getting_in INTEGER NOT NULL, plan BLOB NOT NULL, pid INTEGER NOT NULL,"
	" since INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS kernel("
	" build_id TEXT PRIMARY KEY, release TEXT NOT NULL, hint INTEGER NOT NULL, used INTEGER NOT NULL);"
	SWAP_TABLES(" wish TEXT NOT NULL, shared INTEGER NOT NULL,")
	WISH_TABLE
	"PRAGMA user_version = 4;";

/* What takes a database of version I + 1 to the next. */
static const char *const schema_steps[] = {
	"ALTER TABLE guest ADD COLUMN data_va INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE guest ADD COLUMN module INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN data_va INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device DROP COLUMN generation;"
	"CREATE TABLE IF NOT EXISTS kernel("
	" build_id TEXT PRIMARY KEY, release TEXT NOT NULL, hint INTEGER NOT NULL, used INTEGER NOT NULL);"
	"PRAGMA user_version = 2;",
	"ALTER TABLE device ADD COLUMN half INTEGER NOT NULL DEFAULT 0;"
	SWAP_TABLES("")
	"PRAGMA user_version = 3;",
	"ALTER TABLE guest ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE guest ADD COLUMN away INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN wish TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE device ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE next ADD COLUMN wish TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE next ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;"
	WISH_TABLE
	"DROP TABLE IF EXISTS image;"
	"PRAGMA user_version = 4;",
};

_Static_assert(sizeof(schema_steps) / sizeof(schema_steps[0]) == SCHEMA_VERSION - 1,
	       "a step from each version to the next");

void xg_uuid_text(const uint8_t u[16], char ret[XG_UUID_TEXT])
{
	snprintf(ret, XG_UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

void xg_state_close(struct xg_state *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s);
}

static int state_fail(struct xg_state *s, struct xg_err *err)
{
	return xg_fail(err, EIO, "state database: %s", sqlite3_errmsg(s->db));
}

static int state_exec(struct xg_state *s, const char *sql, struct xg_err *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : state_fail(s, err);
}

/* The end of a transaction: all of it, or nothing when RC or the commit itself says so. */
static int state_end(struct xg_state *s, int rc, struct xg_err *err)
{
	if (!rc)
		rc = state_exec(s, "COMMIT", err);
	if (rc)
		(void)state_exec(s, "ROLLBACK", NULL);
	return rc;
}

static int state_version(struct xg_state *s, const char *path, struct xg_err *err)
{
	sqlite3_stmt *st;
	int version = -1, rc = 0;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return state_fail(s, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	else
		rc = xg_fail(err, EIO, "%s: %s", path, sqlite3_errmsg(s->db));
	sqlite3_finalize(st);
	if (rc)
		return rc;
	if (version < 0 || version > SCHEMA_VERSION)
		return xg_fail(err, EPROTO, "%s is of version %d, this program knows %d", path, version,
			       SCHEMA_VERSION);
	return version;
}

/*
 * For the change to WAL SQLite does not wait as it does elsewhere: when two processes make the database at
 * once, one is told at once that it is busy.
 */
static int state_create(struct xg_state *s, struct xg_err *err)
{
	uint64_t end = xg_now_ms() + BUSY_TIMEOUT_MS;
	int rc;

	while ((rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) == SQLITE_BUSY &&
	       xg_now_ms() < end)
		sqlite3_sleep(5);
	if (rc != SQLITE_OK)
		return state_fail(s, err);
	rc = state_exec(s, "BEGIN IMMEDIATE", err);
	return rc ? rc : state_end(s, state_exec(s, schema, err), err);
}

/* One step a transaction; looked up inside it, for another process may be at it, too. */
static int state_upgrade(struct xg_state *s, const char *path, struct xg_err *err)
{
	int rc, version;

	do {
		rc = state_exec(s, "BEGIN IMMEDIATE", err);
		if (rc)
			return rc;
		version = state_version(s, path, err);
		rc = version < 0 ? version : 0;
		if (!rc && version < SCHEMA_VERSION)
			rc = state_exec(s, schema_steps[version - 1], err);
		rc = state_end(s, rc, err);
	} while (!rc && version < SCHEMA_VERSION);
	return rc;
}

int xg_state_open(const char *path, struct xg_state **ret, struct xg_err *err)
{
	struct xg_state *s xg_auto(xg_state_close_p) = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return xg_fail_errno(err, ENOMEM, "state database");
	if (sqlite3_open(path, &s->db) != SQLITE_OK)
		return xg_fail(err, EIO, "%s: %s", path, s->db ? sqlite3_errmsg(s->db) : "out of memory");
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	rc = state_version(s, path, err);
	if (rc == 0)
		rc = state_create(s, err);
	else if (rc > 0 && rc < SCHEMA_VERSION)
		rc = state_upgrade(s, path, err);
	/* NORMAL: a power cut takes the guests along with the last rows about them. */
	if (rc >= 0)
		rc = state_exec(s, "PRAGMA synchronous = NORMAL", err);
	if (rc < 0)
		return rc;
	*ret = xg_take(s);
	return 0;
}

/* ---- One statement: prepared, bound in order, stepped ------------------------------------------------------ */

struct query {
	struct xg_state *s;
	sqlite3_stmt *st;
	int bound, column;
	bool strange;		/* a blob was not of the size that this program writes */
};

static int query_open(struct xg_state *s, struct query *q, const char *sql, struct xg_err *err)
{
	*q = (struct query){ .s = s };
	return sqlite3_prepare_v2(s->db, sql, -1, &q->st, NULL) == SQLITE_OK ? 0 : state_fail(s, err);
}

static void bind_text(struct query *q, const char *text)
{
	sqlite3_bind_text(q->st, ++q->bound, text, -1, SQLITE_TRANSIENT);
}

static void bind_u64(struct query *q, uint64_t v)
{
	sqlite3_bind_int64(q->st, ++q->bound, (sqlite3_int64)v);
}

static void bind_blob(struct query *q, const void *bytes, size_t size)
{
	sqlite3_bind_blob(q->st, ++q->bound, bytes, size, SQLITE_TRANSIENT);
}

static void take_text(struct query *q, char *buf, size_t size)
{
	const unsigned char *text = sqlite3_column_text(q->st, q->column++);

	snprintf(buf, size, "%s", text ? (const char *)text : "");
}

static uint64_t take_u64(struct query *q)
{
	return (uint64_t)sqlite3_column_int64(q->st, q->column++);
}

static void take_blob(struct query *q, void *buf, size_t size)
{
	const void *bytes = sqlite3_column_blob(q->st, q->column);
	size_t have = sqlite3_column_bytes(q->st, q->column++);

	if (bytes && have == size)
		memcpy(buf, bytes, size);
	else
		q->strange = true;
}

/* 1: a row is there; 0: none (left). */
static int query_row(struct query *q, struct xg_err *err)
{
	int rc = sqlite3_step(q->st);

	q->column = 0;
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : state_fail(q->s, err);
}

static int query_run(struct query *q, struct xg_err *err)
{
	int rc = query_row(q, err);

	sqlite3_finalize(q->st);
	return rc < 0 ? rc : 0;
}

static int row_strange(struct xg_err *err)
{
	return xg_fail(err, EPROTO, "state database: a row of another version of this program");
}

/* A get: one row or -ENOENT. */
static int query_one(struct query *q, void *row, void (*take)(struct query *, void *), const char *what,
		     struct xg_err *err)
{
	int rc = query_row(q, err);

	if (rc == 1)
		take(q, row);
	sqlite3_finalize(q->st);
	if (rc == 0)
		return xg_fail(err, ENOENT, "no %s in the state database", what);
	if (rc == 1 && q->strange)
		return row_strange(err);
	return rc < 0 ? rc : 0;
}

static int query_all(struct query *q, size_t size, void (*take)(struct query *, void *), void **ret,
		     size_t *ret_count, struct xg_err *err)
{
	size_t count = 0, room = 0;
	char *rows = NULL, *more;
	int rc;

	while ((rc = query_row(q, err)) == 1 && count < STATE_ROWS_MAX) {
		if (count == room) {
			room = room ? room * 2 : 8;
			more = realloc(rows, room * size);
			if (!more) {
				rc = xg_fail_errno(err, ENOMEM, "%zu rows", room);
				break;
			}
			rows = more;
		}
		memset(rows + count * size, 0, size);
		take(q, rows + count++ * size);
	}
	sqlite3_finalize(q->st);
	if (rc >= 0 && q->strange)
		rc = row_strange(err);
	if (rc < 0) {
		free(rows);
		return rc;
	}
	*ret = rows;
	*ret_count = count;
	return 0;
}

/* ---- guest --------------------------------------------------------------------------------------------------- */

#define GUEST_COLUMNS "uuid, domid, name, os, release, build_id, arch, vmcoreinfo, vmcoreinfo_bytes, root, levels," \
	" phys_base, kaslr_offset, symbols, va, text_pages, data_pages, digest, version, data_va, module, boot, away"

static void guest_take(struct query *q, void *to)
{
	struct xg_guest_row *row = to;

	*row = (struct xg_guest_row){ .domid = 0 };
	take_text(q, row->uuid, sizeof(row->uuid));
	row->domid = take_u64(q);
	take_text(q, row->name, sizeof(row->name));
	take_text(q, row->os.name, sizeof(row->os.name));
	take_text(q, row->os.release, sizeof(row->os.release));
	take_text(q, row->os.build_id, sizeof(row->os.build_id));
	take_text(q, row->os.arch, sizeof(row->os.arch));
	row->os.vmcoreinfo = XG_GFN(take_u64(q));
	row->os.vmcoreinfo_bytes = take_u64(q);
	row->os.root = XG_GFN(take_u64(q));
	row->os.levels = take_u64(q);
	row->os.phys_base = take_u64(q);
	row->os.kaslr_offset = take_u64(q);
	row->os.symbols = take_u64(q);
	row->core.va = XG_GVA(take_u64(q));
	row->core.text_pages = take_u64(q);
	row->core.data_pages = take_u64(q);
	take_text(q, row->digest, sizeof(row->digest));
	take_text(q, row->version, sizeof(row->version));
	row->core.data_va = XG_GVA(take_u64(q));
	row->core.module = take_u64(q);
	take_text(q, row->boot, sizeof(row->boot));
	row->away = (int64_t)take_u64(q);
}

int xg_state_guest_get(struct xg_state *s, const char *uuid, struct xg_guest_row *ret, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "SELECT " GUEST_COLUMNS " FROM guest WHERE uuid = ?", err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	return query_one(&q, ret, guest_take, "guest", err);
}

int xg_state_guest_put(struct xg_state *s, const struct xg_guest_row *row, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "INSERT OR REPLACE INTO guest(" GUEST_COLUMNS
			    ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);

	if (rc)
		return rc;
	bind_text(&q, row->uuid);
	bind_u64(&q, row->domid);
	bind_text(&q, row->name);
	bind_text(&q, row->os.name);
	bind_text(&q, row->os.release);
	bind_text(&q, row->os.build_id);
	bind_text(&q, row->os.arch);
	bind_u64(&q, row->os.vmcoreinfo.n);
	bind_u64(&q, row->os.vmcoreinfo_bytes);
	bind_u64(&q, row->os.root.n);
	bind_u64(&q, row->os.levels);
	bind_u64(&q, row->os.phys_base);
	bind_u64(&q, row->os.kaslr_offset);
	bind_u64(&q, row->os.symbols);
	bind_u64(&q, row->core.va.v);
	bind_u64(&q, row->core.text_pages);
	bind_u64(&q, row->core.data_pages);
	bind_text(&q, row->digest);
	bind_text(&q, row->version);
	bind_u64(&q, row->core.data_va.v);
	bind_u64(&q, row->core.module);
	bind_text(&q, row->boot);
	bind_u64(&q, (uint64_t)row->away);
	return query_run(&q, err);
}

static void uuid_take(struct query *q, void *to)
{
	take_text(q, to, XG_UUID_TEXT);
}

int xg_state_away_longest(struct xg_state *s, unsigned int keep, char ret[XG_UUID_TEXT], struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "SELECT uuid FROM guest WHERE away != 0 ORDER BY away DESC, uuid LIMIT 1 OFFSET ?", err);

	if (rc)
		return rc;
	bind_u64(&q, keep);
	return query_one(&q, ret, uuid_take, "guest that is away", err);
}

/* Runs SQL, whose only parameters are the UUID (once or several times). */
static int uuid_run(struct xg_state *s, const char *sql, const char *uuid, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, sql, err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	return query_run(&q, err);
}

int xg_state_guest_remove(struct xg_state *s, const char *uuid, struct xg_err *err)
{
	static const char *const tables[] = {
		"DELETE FROM operation WHERE uuid = ?", "DELETE FROM frame WHERE uuid = ?",
		"DELETE FROM next WHERE uuid = ?", "DELETE FROM device WHERE uuid = ?",
		"DELETE FROM guest WHERE uuid = ?",
	};
	size_t i;
	int rc = state_exec(s, "BEGIN IMMEDIATE", err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < sizeof(tables) / sizeof(tables[0]); i++)
		rc = uuid_run(s, tables[i], uuid, err);
	return state_end(s, rc, err);
}

int xg_state_guest_list(struct xg_state *s, struct xg_guest_row **ret, size_t *ret_count, struct xg_err *err)
{
	struct query q;
	void *rows;
	int rc = query_open(s, &q, "SELECT " GUEST_COLUMNS " FROM guest ORDER BY domid, uuid", err);

	if (!rc)
		rc = query_all(&q, sizeof(**ret), guest_take, &rows, ret_count, err);
	if (!rc)
		*ret = rows;
	return rc;
}

/* ---- device -------------------------------------------------------------------------------------------------- */

#define DEVICE_COLUMNS "uuid, devid, vdev, target, mode, read_only, va, text_pages, data_pages, entry," \
	" digest, driver, version, state, since, data_va, half, wish, shared"

static void device_take(struct query *q, void *to)
{
	struct xg_device_row *row = to;

	*row = (struct xg_device_row){ .devid = 0 };
	take_text(q, row->uuid, sizeof(row->uuid));
	row->devid = take_u64(q);
	take_text(q, row->vdev, sizeof(row->vdev));
	take_text(q, row->target, sizeof(row->target));
	take_text(q, row->mode, sizeof(row->mode));
	row->read_only = take_u64(q);
	row->device.va = XG_GVA(take_u64(q));
	row->device.text_pages = take_u64(q);
	row->device.data_pages = take_u64(q);
	take_blob(q, row->device.entry, sizeof(row->device.entry));
	take_text(q, row->digest, sizeof(row->digest));
	take_text(q, row->driver, sizeof(row->driver));
	take_text(q, row->version, sizeof(row->version));
	take_text(q, row->state, sizeof(row->state));
	row->since = take_u64(q);
	row->device.data_va = XG_GVA(take_u64(q));
	row->device.half = take_u64(q) != 0;
	take_text(q, row->wish, sizeof(row->wish));
	row->shared = take_u64(q);
}

/* SQL selects DEVICE_COLUMNS. */
static int device_row_get(struct xg_state *s, const char *sql, const char *uuid, uint32_t devid,
			  struct xg_device_row *ret, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, sql, err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	bind_u64(&q, devid);
	return query_one(&q, ret, device_take, "device", err);
}

int xg_state_device_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret,
			struct xg_err *err)
{
	return device_row_get(s, "SELECT " DEVICE_COLUMNS " FROM device WHERE uuid = ? AND devid = ?", uuid, devid, ret,
			      err);
}

int xg_state_next_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret, struct xg_err *err)
{
	return device_row_get(s, "SELECT " DEVICE_COLUMNS " FROM next WHERE uuid = ? AND devid = ?", uuid, devid, ret, err);
}

static int device_row_put(struct xg_state *s, const char *sql, const struct xg_device_row *row, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, sql, err);

	if (rc)
		return rc;
	bind_text(&q, row->uuid);
	bind_u64(&q, row->devid);
	bind_text(&q, row->vdev);
	bind_text(&q, row->target);
	bind_text(&q, row->mode);
	bind_u64(&q, row->read_only);
	bind_u64(&q, row->device.va.v);
	bind_u64(&q, row->device.text_pages);
	bind_u64(&q, row->device.data_pages);
	bind_blob(&q, row->device.entry, sizeof(row->device.entry));
	bind_text(&q, row->digest);
	bind_text(&q, row->driver);
	bind_text(&q, row->version);
	bind_text(&q, row->state);
	bind_u64(&q, row->since);
	bind_u64(&q, row->device.data_va.v);
	bind_u64(&q, row->device.half);
	bind_text(&q, row->wish);
	bind_u64(&q, row->shared);
	return query_run(&q, err);
}

#define DEVICE_VALUES ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

int xg_state_device_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err)
{
	return device_row_put(s, "INSERT OR REPLACE INTO device(" DEVICE_COLUMNS DEVICE_VALUES, row, err);
}

int xg_state_next_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err)
{
	return device_row_put(s, "INSERT OR REPLACE INTO next(" DEVICE_COLUMNS DEVICE_VALUES, row, err);
}

/* Runs SQL, whose parameters are a device's UUID and id. */
static int device_run(struct xg_state *s, const char *sql, const char *uuid, uint32_t devid, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, sql, err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	bind_u64(&q, devid);
	return query_run(&q, err);
}

int xg_state_next_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err)
{
	return device_run(s, "DELETE FROM next WHERE uuid = ? AND devid = ?", uuid, devid, err);
}

int xg_state_device_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err)
{
	int rc = state_exec(s, "BEGIN IMMEDIATE", err);

	if (rc)
		return rc;
	rc = device_run(s, "DELETE FROM frame WHERE uuid = ?1 AND va = (SELECT va FROM device"
			" WHERE uuid = ?1 AND devid = ?2)", uuid, devid, err);
	if (!rc)
		rc = xg_state_next_remove(s, uuid, devid, err);
	if (!rc)
		rc = device_run(s, "DELETE FROM device WHERE uuid = ? AND devid = ?", uuid, devid, err);
	return state_end(s, rc, err);
}

int xg_state_device_list(struct xg_state *s, const char *uuid, struct xg_device_row **ret, size_t *ret_count,
			 struct xg_err *err)
{
	struct query q;
	void *rows;
	int rc = query_open(s, &q, "SELECT " DEVICE_COLUMNS " FROM device WHERE ?1 IS NULL OR uuid = ?1"
			    " ORDER BY uuid, devid", err);

	if (rc)
		return rc;
	if (uuid)
		bind_text(&q, uuid);
	rc = query_all(&q, sizeof(**ret), device_take, &rows, ret_count, err);
	if (!rc)
		*ret = rows;
	return rc;
}

/* ---- unwanted ------------------------------------------------------------------------------------------------ */

/* SQL's parameters are a guest's UUID and domain id, and a device's id. */
static int unwanted_open(struct xg_state *s, struct query *q, const char *sql, const char *uuid, uint32_t domid,
			 uint32_t devid, struct xg_err *err)
{
	int rc = query_open(s, q, sql, err);

	if (rc)
		return rc;
	bind_text(q, uuid);
	bind_u64(q, domid);
	bind_u64(q, devid);
	return 0;
}

int xg_state_unwanted_set(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool unwanted,
			  struct xg_err *err)
{
	struct query q;
	int rc = unwanted_open(s, &q, unwanted ? "INSERT OR REPLACE INTO unwanted(uuid, domid, devid) VALUES(?,?,?)" :
			       "DELETE FROM unwanted WHERE uuid = ? AND domid = ? AND devid = ?", uuid, domid, devid, err);

	if (!rc)
		rc = query_run(&q, err);
	if (rc || !unwanted)
		return rc;
	/* Domains come and go: what is of a hundred domains ago is of nobody's interest. */
	return state_exec(s, "DELETE FROM unwanted WHERE rowid <= (SELECT max(rowid) FROM unwanted) - 4096", err);
}

int xg_state_unwanted(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool *ret, struct xg_err *err)
{
	struct query q;
	int rc = unwanted_open(s, &q, "SELECT 1 FROM unwanted WHERE uuid = ? AND domid = ? AND devid = ?", uuid, domid,
			       devid, err);

	if (rc)
		return rc;
	rc = query_row(&q, err);
	sqlite3_finalize(q.st);
	if (rc >= 0)
		*ret = rc == 1;
	return rc < 0 ? rc : 0;
}

/* ---- history ------------------------------------------------------------------------------------------------- */

#define HISTORY_COLUMNS "uuid, guest, devid, vdev, reason, from_mode, from_driver, from_version, from_digest," \
	" to_mode, to_driver, to_version, to_digest, hold_ns, held, in_flight, replayed, at"

static void history_driver_take(struct query *q, struct xg_history_driver *d)
{
	take_text(q, d->mode, sizeof(d->mode));
	take_text(q, d->driver, sizeof(d->driver));
	take_text(q, d->version, sizeof(d->version));
	take_text(q, d->digest, sizeof(d->digest));
}

static void history_take(struct query *q, void *to)
{
	struct xg_history_row *row = to;

	*row = (struct xg_history_row){ .devid = 0 };
	take_text(q, row->uuid, sizeof(row->uuid));
	take_text(q, row->guest, sizeof(row->guest));
	row->devid = take_u64(q);
	take_text(q, row->vdev, sizeof(row->vdev));
	take_text(q, row->reason, sizeof(row->reason));
	history_driver_take(q, &row->from);
	history_driver_take(q, &row->to);
	row->hold_ns = take_u64(q);
	row->held = take_u64(q);
	row->in_flight = take_u64(q);
	row->replayed = take_u64(q);
	row->at = take_u64(q);
}

static void history_driver_bind(struct query *q, const struct xg_history_driver *d)
{
	bind_text(q, d->mode);
	bind_text(q, d->driver);
	bind_text(q, d->version);
	bind_text(q, d->digest);
}

static int history_put(struct xg_state *s, const struct xg_history_row *row, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "INSERT INTO history(" HISTORY_COLUMNS
			    ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);

	if (rc)
		return rc;
	bind_text(&q, row->uuid);
	bind_text(&q, row->guest);
	bind_u64(&q, row->devid);
	bind_text(&q, row->vdev);
	bind_text(&q, row->reason);
	history_driver_bind(&q, &row->from);
	history_driver_bind(&q, &row->to);
	bind_u64(&q, row->hold_ns);
	bind_u64(&q, row->held);
	bind_u64(&q, row->in_flight);
	bind_u64(&q, row->replayed);
	bind_u64(&q, row->at);
	rc = query_run(&q, err);
	return rc ? rc : state_exec(s, "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - 20000", err);
}

int xg_state_swapped(struct xg_state *s, const struct xg_history_row *row, struct xg_err *err)
{
	struct xg_device_row next;
	int rc = state_exec(s, "BEGIN IMMEDIATE", err);

	if (rc)
		return rc;
	rc = xg_state_next_get(s, row->uuid, row->devid, &next, err);
	if (!rc)
		rc = xg_state_device_put(s, &next, err);
	if (!rc)
		rc = xg_state_next_remove(s, row->uuid, row->devid, err);
	if (!rc)
		rc = history_put(s, row, err);
	return state_end(s, rc, err);
}

int xg_state_history(struct xg_state *s, const char *uuid, const char *guest, uint32_t devid, struct xg_history_row **ret,
		     size_t *ret_count, struct xg_err *err)
{
	struct query q;
	void *rows;
	int rc = query_open(s, &q, "SELECT " HISTORY_COLUMNS " FROM history WHERE (?1 IS NULL OR uuid = ?1) AND"
			    " (?2 IS NULL OR guest = ?2) AND (?3 = 4294967295 OR devid = ?3) ORDER BY id", err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	bind_text(&q, uuid ? NULL : guest);
	bind_u64(&q, devid);
	rc = query_all(&q, sizeof(**ret), history_take, &rows, ret_count, err);
	if (!rc)
		*ret = rows;
	return rc;
}

/* ---- frame --------------------------------------------------------------------------------------------------- */

static int frame_put(struct xg_state *s, const char *uuid, const struct xg_window *w, uint32_t page,
		     struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "INSERT INTO frame(uuid, va, page, gfn) VALUES(?,?,?,?)", err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	bind_u64(&q, w->va.v);
	bind_u64(&q, page);
	bind_u64(&q, w->frames[page].n);
	return query_run(&q, err);
}

int xg_state_frames_put(struct xg_state *s, const char *uuid, const struct xg_window *w, struct xg_err *err)
{
	struct query q;
	uint32_t i;
	int rc;

	rc = state_exec(s, "BEGIN IMMEDIATE", err);
	if (rc)
		return rc;
	rc = query_open(s, &q, "DELETE FROM frame WHERE uuid = ? AND va = ?", err);
	if (!rc) {
		bind_text(&q, uuid);
		bind_u64(&q, w->va.v);
		rc = query_run(&q, err);
	}
	for (i = 0; !rc && i < w->text_pages + w->data_pages; i++)
		rc = frame_put(s, uuid, w, i, err);
	return state_end(s, rc, err);
}

/* ---- operation ----------------------------------------------------------------------------------------------- */

#define OPERATION_COLUMNS "uuid, domid, devid, verb, step, steps, getting_in, plan, pid, since"

static void operation_take(struct query *q, void *to)
{
	struct xg_operation_row *row = to;

	*row = (struct xg_operation_row){ .devid = 0 };
	take_text(q, row->uuid, sizeof(row->uuid));
	row->domid = take_u64(q);
	row->devid = take_u64(q);
	take_text(q, row->verb, sizeof(row->verb));
	take_text(q, row->step, sizeof(row->step));
	row->steps = take_u64(q);
	row->getting_in = take_u64(q);
	/* Another version's plan is of no use, but there is only one while the guest is entered. */
	if (row->getting_in)
		take_blob(q, &row->plan, sizeof(row->plan));
	else
		q->column++;
	row->pid = take_u64(q);
	row->since = take_u64(q);
}

int xg_state_operation_get(struct xg_state *s, const char *uuid, struct xg_operation_row *ret, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "SELECT " OPERATION_COLUMNS " FROM operation WHERE uuid = ?", err);

	if (rc)
		return rc;
	bind_text(&q, uuid);
	return query_one(&q, ret, operation_take, "operation", err);
}

int xg_state_operation_put(struct xg_state *s, const struct xg_operation_row *row, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "INSERT OR REPLACE INTO operation(" OPERATION_COLUMNS
			    ") VALUES(?,?,?,?,?,?,?,?,?,?)", err);

	if (rc)
		return rc;
	bind_text(&q, row->uuid);
	bind_u64(&q, row->domid);
	bind_u64(&q, row->devid);
	bind_text(&q, row->verb);
	bind_text(&q, row->step);
	bind_u64(&q, row->steps);
	bind_u64(&q, row->getting_in);
	bind_blob(&q, &row->plan, sizeof(row->plan));
	bind_u64(&q, row->pid);
	bind_u64(&q, row->since);
	return query_run(&q, err);
}

int xg_state_operation_remove(struct xg_state *s, const char *uuid, struct xg_err *err)
{
	return uuid_run(s, "DELETE FROM operation WHERE uuid = ?", uuid, err);
}

/* ---- kernel --------------------------------------------------------------------------------------------------- */

int xg_state_hints_get(struct xg_state *s, struct xg_kernel_hints *ret, struct xg_err *err)
{
	struct query q;
	int rc = query_open(s, &q, "SELECT hint FROM kernel ORDER BY used DESC LIMIT ?", err);

	ret->count = 0;
	if (rc)
		return rc;
	bind_u64(&q, XG_KERNEL_HINTS_MAX);
	while (ret->count < XG_KERNEL_HINTS_MAX && (rc = query_row(&q, err)) == 1)
		ret->pages[ret->count++] = take_u64(&q);
	sqlite3_finalize(q.st);
	return rc < 0 ? rc : 0;
}

int xg_state_hint_put(struct xg_state *s, const struct xg_os *os, struct xg_err *err)
{
	struct query q;
	int rc;

	if (!os->hint || !os->build_id[0])
		return 0;
	rc = query_open(s, &q, "INSERT OR REPLACE INTO kernel(build_id, release, hint, used) "
			"VALUES(?, ?, ?, (SELECT ifnull(max(used), 0) + 1 FROM kernel))", err);
	if (rc)
		return rc;
	bind_text(&q, os->build_id);
	bind_text(&q, os->release);
	bind_u64(&q, os->hint);
	rc = query_run(&q, err);
	/* A guest can claim any build-id: what it can fill the table with is bounded. */
	return rc ? rc : state_exec(s, "DELETE FROM kernel WHERE used <= (SELECT max(used) FROM kernel) - 64", err);
}
