// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state database on SQLite (lib/db). Called by the operations. Statements are prepared where they are used: an
 * attach makes a dozen, and a cache would have to be kept right.
 */
#include "hotswap/state.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/db/query.h"

#define SCHEMA_VERSION 4

struct xg_state {
	struct xg_db db;
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
	" id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, guest TEXT NOT NULL, devid INTEGER NOT NULL," \
	" vdev TEXT NOT NULL, reason TEXT NOT NULL, from_mode TEXT NOT NULL, from_driver TEXT NOT NULL, from_version" \
	" TEXT NOT NULL," \
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
	" step TEXT NOT NULL, steps INTEGER NOT NULL, getting_in INTEGER NOT NULL, plan BLOB NOT NULL,"
	" pid INTEGER NOT NULL, since INTEGER NOT NULL);"
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

_Static_assert(XG_ARRAY_SIZE(schema_steps) == SCHEMA_VERSION - 1,
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
	xg_db_close(&s->db);
	free(s);
}

/* One step a transaction; looked up inside it, for another process may be at it, too. */
static int state_upgrade(struct xg_state *s, struct xg_err *err)
{
	int rc, version;

	do {
		rc = xg_db_begin(&s->db, err);
		if (rc)
			return rc;
		version = xg_db_version(&s->db, SCHEMA_VERSION, err);
		rc = version < 0 ? version : 0;
		if (!rc && version < SCHEMA_VERSION)
			rc = xg_db_exec(&s->db, schema_steps[version - 1], err);
		rc = xg_db_end(&s->db, rc, err);
	} while (!rc && version < SCHEMA_VERSION);
	return rc;
}

int xg_state_open(const char *path, struct xg_state **ret, struct xg_err *err)
{
	struct xg_state *s xg_auto(xg_state_close_p) = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return xg_fail_errno(err, ENOMEM, "state database");
	s->db.name = path;	/* until it is open: which one is it that does not open? */
	rc = xg_db_open(&s->db, path, true, err);
	if (!rc)
		rc = xg_db_version(&s->db, SCHEMA_VERSION, err);
	if (rc == 0)
		rc = xg_db_create(&s->db, schema, err);
	else if (rc > 0 && rc < SCHEMA_VERSION)
		rc = state_upgrade(s, err);
	/* NORMAL: a power cut takes the guests along with the last rows about them. */
	if (rc >= 0)
		rc = xg_db_exec(&s->db, "PRAGMA synchronous = NORMAL", err);
	if (rc < 0)
		return rc;
	s->db.name = "state database";
	*ret = xg_take(s);
	return 0;
}

/* The row that TAIL selects, whose only parameter is the UUID. */
static int uuid_row(struct xg_state *s, const struct xg_columns *c, const char *tail, const char *uuid, void *ret,
		    struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, c, tail, err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	return xg_rows_one(&q, c, ret, err);
}

/* ---- guest --------------------------------------------------------------------------------------------------- */

#define GUEST(member) XG_FIELD(struct xg_guest_row, member)

static const struct xg_column guest_columns[] = {
	{ "uuid", XG_COLUMN_TEXT, GUEST(uuid), 0 },
	{ "domid", XG_COLUMN_NUMBER, GUEST(domid), 0 },
	{ "name", XG_COLUMN_TEXT, GUEST(name), 0 },
	{ "os", XG_COLUMN_TEXT, GUEST(os.name), 0 },
	{ "release", XG_COLUMN_TEXT, GUEST(os.release), 0 },
	{ "build_id", XG_COLUMN_TEXT, GUEST(os.build_id), 0 },
	{ "arch", XG_COLUMN_TEXT, GUEST(os.arch), 0 },
	{ "vmcoreinfo", XG_COLUMN_NUMBER, GUEST(os.vmcoreinfo.n), 0 },
	{ "vmcoreinfo_bytes", XG_COLUMN_NUMBER, GUEST(os.vmcoreinfo_bytes), 0 },
	{ "root", XG_COLUMN_NUMBER, GUEST(os.root.n), 0 },
	{ "levels", XG_COLUMN_NUMBER, GUEST(os.levels), 0 },
	{ "phys_base", XG_COLUMN_NUMBER, GUEST(os.phys_base), 0 },
	{ "kaslr_offset", XG_COLUMN_NUMBER, GUEST(os.kaslr_offset), 0 },
	{ "symbols", XG_COLUMN_NUMBER, GUEST(os.symbols), 0 },
	{ "va", XG_COLUMN_NUMBER, GUEST(core.va.v), 0 },
	{ "text_pages", XG_COLUMN_NUMBER, GUEST(core.text_pages), 0 },
	{ "data_pages", XG_COLUMN_NUMBER, GUEST(core.data_pages), 0 },
	{ "digest", XG_COLUMN_TEXT, GUEST(digest), 0 },
	{ "version", XG_COLUMN_TEXT, GUEST(version), 0 },
	{ "data_va", XG_COLUMN_NUMBER, GUEST(core.data_va.v), 0 },
	{ "module", XG_COLUMN_FLAG, GUEST(core.module), 0 },
	{ "boot", XG_COLUMN_TEXT, GUEST(boot), 0 },
	{ "away", XG_COLUMN_NUMBER, GUEST(away), 0 },
};

static const struct xg_columns guests = XG_COLUMNS("guest", guest_columns, sizeof(struct xg_guest_row));

int xg_state_guest_get(struct xg_state *s, const char *uuid, struct xg_guest_row *ret, struct xg_err *err)
{
	return uuid_row(s, &guests, "FROM guest WHERE uuid = ?", uuid, ret, err);
}

int xg_state_guest_put(struct xg_state *s, const struct xg_guest_row *row, struct xg_err *err)
{
	return xg_rows_put(&s->db, &guests, "INSERT OR REPLACE INTO guest", row, err);
}

int xg_state_away_longest(struct xg_state *s, unsigned int keep, char ret[XG_UUID_TEXT], struct xg_err *err)
{
	static const struct xg_column uuid[] = { { "uuid", XG_COLUMN_TEXT, 0, XG_UUID_TEXT, 0 } };
	static const struct xg_columns uuids = XG_COLUMNS("guest that is away", uuid, XG_UUID_TEXT);
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, &uuids,
				"FROM guest WHERE away != 0 ORDER BY away DESC, uuid LIMIT 1 OFFSET ?", err);

	if (rc)
		return rc;
	xg_bind_u64(&q, keep);
	return xg_rows_one(&q, &uuids, ret, err);
}

/* Runs SQL, whose only parameters are the UUID (once or several times). */
static int uuid_run(struct xg_state *s, const char *sql, const char *uuid, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_query_open(&s->db, &q, sql, err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	return xg_query_run(&q, err);
}

int xg_state_guest_remove(struct xg_state *s, const char *uuid, struct xg_err *err)
{
	static const char *const tables[] = {
		"DELETE FROM operation WHERE uuid = ?", "DELETE FROM frame WHERE uuid = ?",
		"DELETE FROM next WHERE uuid = ?", "DELETE FROM device WHERE uuid = ?",
		"DELETE FROM guest WHERE uuid = ?",
	};
	size_t i;
	int rc = xg_db_begin(&s->db, err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < XG_ARRAY_SIZE(tables); i++)
		rc = uuid_run(s, tables[i], uuid, err);
	return xg_db_end(&s->db, rc, err);
}

int xg_state_guest_list(struct xg_state *s, struct xg_guest_row **ret, size_t *ret_count, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, &guests, "FROM guest ORDER BY domid, uuid", err);

	return rc ? rc : xg_rows_all(&q, &guests, ret, ret_count, err);
}

/* ---- device -------------------------------------------------------------------------------------------------- */

#define DEVICE(member) XG_FIELD(struct xg_device_row, member)

static const struct xg_column device_columns[] = {
	{ "uuid", XG_COLUMN_TEXT, DEVICE(uuid), 0 },
	{ "devid", XG_COLUMN_NUMBER, DEVICE(devid), 0 },
	{ "vdev", XG_COLUMN_TEXT, DEVICE(vdev), 0 },
	{ "target", XG_COLUMN_TEXT, DEVICE(target), 0 },
	{ "mode", XG_COLUMN_TEXT, DEVICE(mode), 0 },
	{ "read_only", XG_COLUMN_FLAG, DEVICE(read_only), 0 },
	{ "va", XG_COLUMN_NUMBER, DEVICE(device.va.v), 0 },
	{ "text_pages", XG_COLUMN_NUMBER, DEVICE(device.text_pages), 0 },
	{ "data_pages", XG_COLUMN_NUMBER, DEVICE(device.data_pages), 0 },
	{ "entry", XG_COLUMN_BLOB, DEVICE(device.entry), 0 },
	{ "digest", XG_COLUMN_TEXT, DEVICE(digest), 0 },
	{ "driver", XG_COLUMN_TEXT, DEVICE(driver), 0 },
	{ "version", XG_COLUMN_TEXT, DEVICE(version), 0 },
	{ "state", XG_COLUMN_TEXT, DEVICE(state), 0 },
	{ "since", XG_COLUMN_NUMBER, DEVICE(since), 0 },
	{ "data_va", XG_COLUMN_NUMBER, DEVICE(device.data_va.v), 0 },
	{ "half", XG_COLUMN_FLAG, DEVICE(device.half), 0 },
	{ "wish", XG_COLUMN_TEXT, DEVICE(wish), 0 },
	{ "shared", XG_COLUMN_FLAG, DEVICE(shared), 0 },
};

static const struct xg_columns devices = XG_COLUMNS("device", device_columns, sizeof(struct xg_device_row));

/* FROM: "FROM device" or "FROM next", and which. */
static int device_row_get(struct xg_state *s, const char *from, const char *uuid, uint32_t devid,
			  struct xg_device_row *ret, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, &devices, from, err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	xg_bind_u64(&q, devid);
	return xg_rows_one(&q, &devices, ret, err);
}

int xg_state_device_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret,
			struct xg_err *err)
{
	return device_row_get(s, "FROM device WHERE uuid = ? AND devid = ?", uuid, devid, ret, err);
}

int xg_state_next_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret,
		      struct xg_err *err)
{
	return device_row_get(s, "FROM next WHERE uuid = ? AND devid = ?", uuid, devid, ret, err);
}

int xg_state_device_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err)
{
	return xg_rows_put(&s->db, &devices, "INSERT OR REPLACE INTO device", row, err);
}

int xg_state_next_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err)
{
	return xg_rows_put(&s->db, &devices, "INSERT OR REPLACE INTO next", row, err);
}

/* Runs SQL, whose parameters are a device's UUID and id. */
static int device_run(struct xg_state *s, const char *sql, const char *uuid, uint32_t devid, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_query_open(&s->db, &q, sql, err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	xg_bind_u64(&q, devid);
	return xg_query_run(&q, err);
}

int xg_state_next_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err)
{
	return device_run(s, "DELETE FROM next WHERE uuid = ? AND devid = ?", uuid, devid, err);
}

int xg_state_device_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err)
{
	int rc = xg_db_begin(&s->db, err);

	if (rc)
		return rc;
	rc = device_run(s, "DELETE FROM frame WHERE uuid = ?1 AND va = (SELECT va FROM device"
			" WHERE uuid = ?1 AND devid = ?2)", uuid, devid, err);
	if (!rc)
		rc = xg_state_next_remove(s, uuid, devid, err);
	if (!rc)
		rc = device_run(s, "DELETE FROM device WHERE uuid = ? AND devid = ?", uuid, devid, err);
	return xg_db_end(&s->db, rc, err);
}

int xg_state_device_list(struct xg_state *s, const char *uuid, struct xg_device_row **ret, size_t *ret_count,
			 struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, &devices,
				"FROM device WHERE ?1 IS NULL OR uuid = ?1 ORDER BY uuid, devid", err);

	if (rc)
		return rc;
	if (uuid)
		xg_bind_text(&q, uuid);
	return xg_rows_all(&q, &devices, ret, ret_count, err);
}

/* ---- unwanted ------------------------------------------------------------------------------------------------ */

/* SQL's parameters are a guest's UUID and domain id, and a device's id. */
static int unwanted_open(struct xg_state *s, struct xg_query *q, const char *sql, const char *uuid, uint32_t domid,
			 uint32_t devid, struct xg_err *err)
{
	int rc = xg_query_open(&s->db, q, sql, err);

	if (rc)
		return rc;
	xg_bind_text(q, uuid);
	xg_bind_u64(q, domid);
	xg_bind_u64(q, devid);
	return 0;
}

int xg_state_unwanted_set(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool unwanted,
			  struct xg_err *err)
{
	struct xg_query q;
	const char *sql = unwanted ? "INSERT OR REPLACE INTO unwanted(uuid, domid, devid) VALUES(?,?,?)" :
		"DELETE FROM unwanted WHERE uuid = ? AND domid = ? AND devid = ?";
	int rc = unwanted_open(s, &q, sql, uuid, domid, devid, err);

	if (!rc)
		rc = xg_query_run(&q, err);
	if (rc || !unwanted)
		return rc;
	/* Domains come and go: what is of a hundred domains ago is of nobody's interest. */
	return xg_db_exec(&s->db, "DELETE FROM unwanted WHERE rowid <= (SELECT max(rowid) FROM unwanted) - 4096", err);
}

int xg_state_unwanted(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool *ret,
		      struct xg_err *err)
{
	struct xg_query q;
	int rc = unwanted_open(s, &q, "SELECT 1 FROM unwanted WHERE uuid = ? AND domid = ? AND devid = ?", uuid, domid,
			       devid, err);

	if (rc)
		return rc;
	rc = xg_query_any(&q, err);
	if (rc >= 0)
		*ret = rc == 1;
	return rc < 0 ? rc : 0;
}

/* ---- history ------------------------------------------------------------------------------------------------- */

#define HISTORY(member) XG_FIELD(struct xg_history_row, member)

static const struct xg_column history_columns[] = {
	{ "uuid", XG_COLUMN_TEXT, HISTORY(uuid), 0 },
	{ "guest", XG_COLUMN_TEXT, HISTORY(guest), 0 },
	{ "devid", XG_COLUMN_NUMBER, HISTORY(devid), 0 },
	{ "vdev", XG_COLUMN_TEXT, HISTORY(vdev), 0 },
	{ "reason", XG_COLUMN_TEXT, HISTORY(reason), 0 },
	{ "from_mode", XG_COLUMN_TEXT, HISTORY(from.mode), 0 },
	{ "from_driver", XG_COLUMN_TEXT, HISTORY(from.driver), 0 },
	{ "from_version", XG_COLUMN_TEXT, HISTORY(from.version), 0 },
	{ "from_digest", XG_COLUMN_TEXT, HISTORY(from.digest), 0 },
	{ "to_mode", XG_COLUMN_TEXT, HISTORY(to.mode), 0 },
	{ "to_driver", XG_COLUMN_TEXT, HISTORY(to.driver), 0 },
	{ "to_version", XG_COLUMN_TEXT, HISTORY(to.version), 0 },
	{ "to_digest", XG_COLUMN_TEXT, HISTORY(to.digest), 0 },
	{ "hold_ns", XG_COLUMN_NUMBER, HISTORY(hold_ns), 0 },
	{ "held", XG_COLUMN_NUMBER, HISTORY(held), 0 },
	{ "in_flight", XG_COLUMN_NUMBER, HISTORY(in_flight), 0 },
	{ "replayed", XG_COLUMN_NUMBER, HISTORY(replayed), 0 },
	{ "at", XG_COLUMN_NUMBER, HISTORY(at), 0 },
};

static const struct xg_columns histories = XG_COLUMNS("swap", history_columns, sizeof(struct xg_history_row));

static int history_put(struct xg_state *s, const struct xg_history_row *row, struct xg_err *err)
{
	int rc = xg_rows_put(&s->db, &histories, "INSERT INTO history", row, err);

	return rc ? rc :
		xg_db_exec(&s->db, "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - 20000", err);
}

int xg_state_swapped(struct xg_state *s, const struct xg_history_row *row, struct xg_err *err)
{
	struct xg_device_row next;
	int rc = xg_db_begin(&s->db, err);

	if (rc)
		return rc;
	rc = xg_state_next_get(s, row->uuid, row->devid, &next, err);
	if (!rc)
		rc = xg_state_device_put(s, &next, err);
	if (!rc)
		rc = xg_state_next_remove(s, row->uuid, row->devid, err);
	if (!rc)
		rc = history_put(s, row, err);
	return xg_db_end(&s->db, rc, err);
}

int xg_state_history(struct xg_state *s, const char *uuid, const char *guest, uint32_t devid,
		     struct xg_history_row **ret, size_t *ret_count, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_rows_select(&s->db, &q, &histories, "FROM history WHERE (?1 IS NULL OR uuid = ?1) AND"
				" (?2 IS NULL OR guest = ?2) AND (?3 = 4294967295 OR devid = ?3) ORDER BY id", err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	xg_bind_text(&q, uuid ? NULL : guest);
	xg_bind_u64(&q, devid);
	return xg_rows_all(&q, &histories, ret, ret_count, err);
}

/* ---- frame --------------------------------------------------------------------------------------------------- */

static int frame_put(struct xg_state *s, const char *uuid, const struct xg_window *w, uint32_t page,
		     struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_query_open(&s->db, &q, "INSERT INTO frame(uuid, va, page, gfn) VALUES(?,?,?,?)", err);

	if (rc)
		return rc;
	xg_bind_text(&q, uuid);
	xg_bind_u64(&q, w->va.v);
	xg_bind_u64(&q, page);
	xg_bind_u64(&q, w->frames[page].n);
	return xg_query_run(&q, err);
}

int xg_state_frames_put(struct xg_state *s, const char *uuid, const struct xg_window *w, struct xg_err *err)
{
	struct xg_query q;
	uint32_t i;
	int rc;

	rc = xg_db_begin(&s->db, err);
	if (rc)
		return rc;
	rc = xg_query_open(&s->db, &q, "DELETE FROM frame WHERE uuid = ? AND va = ?", err);
	if (!rc) {
		xg_bind_text(&q, uuid);
		xg_bind_u64(&q, w->va.v);
		rc = xg_query_run(&q, err);
	}
	for (i = 0; !rc && i < w->text_pages + w->data_pages; i++)
		rc = frame_put(s, uuid, w, i, err);
	return xg_db_end(&s->db, rc, err);
}

/* ---- operation ----------------------------------------------------------------------------------------------- */

#define OPERATION(member) XG_FIELD(struct xg_operation_row, member)

static const struct xg_column operation_columns[] = {
	{ "uuid", XG_COLUMN_TEXT, OPERATION(uuid), 0 },
	{ "domid", XG_COLUMN_NUMBER, OPERATION(domid), 0 },
	{ "devid", XG_COLUMN_NUMBER, OPERATION(devid), 0 },
	{ "verb", XG_COLUMN_TEXT, OPERATION(verb), 0 },
	{ "step", XG_COLUMN_TEXT, OPERATION(step), 0 },
	{ "steps", XG_COLUMN_NUMBER, OPERATION(steps), 0 },
	{ "getting_in", XG_COLUMN_FLAG, OPERATION(getting_in), 0 },
	/* Another version's plan is of no use, but there is only one while the guest is entered. */
	{ "plan", XG_COLUMN_BLOB, OPERATION(plan), offsetof(struct xg_operation_row, getting_in) },
	{ "pid", XG_COLUMN_NUMBER, OPERATION(pid), 0 },
	{ "since", XG_COLUMN_NUMBER, OPERATION(since), 0 },
};

static const struct xg_columns operations = XG_COLUMNS("operation", operation_columns, sizeof(struct xg_operation_row));

int xg_state_operation_get(struct xg_state *s, const char *uuid, struct xg_operation_row *ret, struct xg_err *err)
{
	return uuid_row(s, &operations, "FROM operation WHERE uuid = ?", uuid, ret, err);
}

int xg_state_operation_put(struct xg_state *s, const struct xg_operation_row *row, struct xg_err *err)
{
	return xg_rows_put(&s->db, &operations, "INSERT OR REPLACE INTO operation", row, err);
}

int xg_state_operation_remove(struct xg_state *s, const char *uuid, struct xg_err *err)
{
	return uuid_run(s, "DELETE FROM operation WHERE uuid = ?", uuid, err);
}

/* ---- kernel --------------------------------------------------------------------------------------------------- */

int xg_state_hints_get(struct xg_state *s, struct xg_kernel_hints *ret, struct xg_err *err)
{
	struct xg_query q;
	int rc = xg_query_open(&s->db, &q, "SELECT hint FROM kernel ORDER BY used DESC LIMIT ?", err);

	ret->count = 0;
	if (rc)
		return rc;
	xg_bind_u64(&q, XG_KERNEL_HINTS_MAX);
	while ((rc = xg_query_row(&q, err)) == 1)
		if (ret->count < XG_KERNEL_HINTS_MAX)
			ret->pages[ret->count++] = xg_take_u64(&q);
	return rc;
}

int xg_state_hint_put(struct xg_state *s, const struct xg_os *os, struct xg_err *err)
{
	struct xg_query q;
	int rc;

	if (!os->hint || !os->build_id[0])
		return 0;
	rc = xg_query_open(&s->db, &q, "INSERT OR REPLACE INTO kernel(build_id, release, hint, used) "
			"VALUES(?, ?, ?, (SELECT ifnull(max(used), 0) + 1 FROM kernel))", err);
	if (rc)
		return rc;
	xg_bind_text(&q, os->build_id);
	xg_bind_text(&q, os->release);
	xg_bind_u64(&q, os->hint);
	rc = xg_query_run(&q, err);
	/* A guest can claim any build-id: what it can fill the table with is bounded. */
	return rc ? rc :
		xg_db_exec(&s->db, "DELETE FROM kernel WHERE used <= (SELECT max(used) FROM kernel) - 64", err);
}
