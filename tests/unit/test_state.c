// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hotswap/state.c: what goes in comes out; processes at once do not disturb each other; a process that is killed
 * at any write leaves a database in which each call has happened as a whole or not at all.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hotswap/state.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

#define UUID_A "00000000-0000-0000-0000-00000000000a"
#define UUID_B "00000000-0000-0000-0000-00000000000b"

static char dir[] = "/tmp/xengraft-test-state-XXXXXX";
static char path[64];

static void files_remove(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[80];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static void setup(void)
{
	snprintf(path, sizeof(path), "%s/state.db", dir);
	files_remove();
}

static struct xg_state *opened(void)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = NULL;

	ck_assert_msg(!xg_state_open(path, &s, &err), "%s", err.text);
	return s;
}

/* Each field differs from each other's and from zero; those of 64 bits need all of them. */
static struct xg_guest_row guest_row(const char *uuid, uint32_t domid)
{
	struct xg_guest_row row = {
		.domid = domid, .name = "guest 'one' \xc3\xa9 %s; DROP TABLE guest; --",
		.os = {
			.name = "linux", .release = "6.1.0-56-amd64",
			.build_id = "0123456789abcdef0123456789abcdef01234567",
			.arch = "x86_64", .vmcoreinfo = { UINT64_C(0xfedcba9876543210) }, .vmcoreinfo_bytes = 3263,
			.root = { 0x1610 }, .levels = 5, .phys_base = -UINT64_C(0x1000000), .kaslr_offset = 0x2a000000,
			.symbols = 94266,
		},
		.core = { .va = { UINT64_C(0xffffffffc0001000) }, .data_va = { UINT64_C(0xfffffffffee00000) },
			  .text_pages = 7, .data_pages = 3, .module = true },
		.version = "0.1.0",
	};

	snprintf(row.uuid, sizeof(row.uuid), "%s", uuid);
	memset(row.digest, 'd', sizeof(row.digest) - 1);
	return row;
}

static struct xg_device_row device_row(const char *uuid, uint32_t devid)
{
	struct xg_device_row row = {
		.devid = devid, .vdev = "xvdb", .mode = "virtual", .read_only = true,
		.device = { .va = { UINT64_C(0xffffffffc0100000) + devid },
			    .data_va = { UINT64_C(0xffffffffd0100000) + devid }, .text_pages = 8, .data_pages = 5 },
		.driver = "blkif-virtual", .version = "0.1.0", .state = "live", .since = 1234567890123,
		.wish = "auto", .shared = true,
	};
	unsigned int i;

	snprintf(row.uuid, sizeof(row.uuid), "%s", uuid);
	memset(row.target, 't', sizeof(row.target) - 1);
	memset(row.digest, 'e', sizeof(row.digest) - 1);
	for (i = 0; i < XG_ENTRY_SLOTS; i++)
		row.device.entry[i] = UINT64_C(0xffffffffc0100000) + i;
	return row;
}

static struct xg_operation_row operation_row(const char *uuid, uint32_t devid)
{
	struct xg_operation_row row = {
		.domid = 5,
		.devid = devid,
		.verb = "attach",
		.step = "enter the guest",
		.steps = 3,
		.getting_in = true,
		.plan = {
			.cave = { 0xffffffff81e00200 }, .cave_bytes = XG_CAVE_BYTES_MAX,
			.handler = 0xffffffff81777777,
		},
		.pid = 4242,
		.since = 1234567890,
	};

	snprintf(row.uuid, sizeof(row.uuid), "%s", uuid);
	memset(row.plan.cave_before, 0xcc, sizeof(row.plan.cave_before));
	return row;
}

static void frames_put(struct xg_state *s, const char *uuid, uint64_t va, uint32_t pages, uint64_t first)
{
	struct gfn frames[16];
	struct xg_window w = { .va = XG_GVA(va), .text_pages = pages - 1, .data_pages = 1, .frames = frames };
	uint32_t i;

	for (i = 0; i < pages; i++)
		frames[i] = XG_GFN(first + i);
	ck_assert_int_eq(xg_state_frames_put(s, uuid, &w, NULL), 0);
}

/* What no call of state.h shows: asked of the database itself. */
static int64_t ask(const char *sql)
{
	int64_t answer = -1;
	sqlite3_stmt *st;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(st) == SQLITE_ROW)
		answer = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return answer;
}

static bool integrity_ok(void)
{
	return ask("SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1;
}

/* ---- round trips --------------------------------------------------------------------------------------- */

START_TEST(guest_comes_back_as_it_was)
{
	struct xg_guest_row in = guest_row(UUID_A, 5), out;
	struct xg_state *s = opened();

	memset(&out, 0x55, sizeof(out));
	ck_assert_int_eq(xg_state_guest_put(s, &in, NULL), 0);
	ck_assert_int_eq(xg_state_guest_get(s, UUID_A, &out, NULL), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	/* Put again: replaced, not doubled. */
	in.domid = 6;
	in.core.va = XG_GVA(0);
	ck_assert_int_eq(xg_state_guest_put(s, &in, NULL), 0);
	xg_state_close(s);
	s = opened();
	ck_assert_int_eq(xg_state_guest_get(s, UUID_A, &out, NULL), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	ck_assert_int_eq(ask("SELECT count(*) FROM guest"), 1);
	xg_state_close(s);
}
END_TEST

START_TEST(device_comes_back_as_it_was)
{
	struct xg_device_row in = device_row(UUID_A, 51728), out;
	struct xg_state *s = opened();

	memset(&out, 0x55, sizeof(out));
	ck_assert_int_eq(xg_state_device_put(s, &in, NULL), 0);
	ck_assert_int_eq(xg_state_device_get(s, UUID_A, 51728, &out, NULL), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	in.devid = UINT32_MAX;
	ck_assert_int_eq(xg_state_device_put(s, &in, NULL), 0);
	ck_assert_int_eq(xg_state_device_get(s, UUID_A, UINT32_MAX, &out, NULL), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	xg_state_close(s);
}
END_TEST

START_TEST(operation_comes_back_as_it_was)
{
	struct xg_operation_row in = operation_row(UUID_A, 51728), out;
	struct xg_state *s = opened();

	memset(&out, 0x55, sizeof(out));
	ck_assert_int_eq(xg_state_operation_put(s, &in, NULL), 0);
	ck_assert_int_eq(xg_state_operation_get(s, UUID_A, &out, NULL), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	/* At most one a guest. */
	in.devid = 1;
	ck_assert_int_eq(xg_state_operation_put(s, &in, NULL), 0);
	ck_assert_int_eq(ask("SELECT count(*) FROM operation"), 1);
	ck_assert_int_eq(xg_state_operation_remove(s, UUID_A, NULL), 0);
	ck_assert_int_eq(xg_state_operation_get(s, UUID_A, &out, NULL), -ENOENT);
	ck_assert_int_eq(xg_state_operation_remove(s, UUID_A, NULL), 0);
	xg_state_close(s);
}
END_TEST

START_TEST(what_is_not_there_is_enoent)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_operation_row op;
	struct xg_device_row device;
	struct xg_guest_row guest;
	struct xg_state *s = opened();

	ck_assert_int_eq(xg_state_guest_get(s, UUID_A, &guest, &err), -ENOENT);
	ck_assert_str_eq(err.text, "no guest in the state database");
	ck_assert_int_eq(xg_state_device_get(s, UUID_A, 1, &device, &err), -ENOENT);
	ck_assert_str_eq(err.text, "no device in the state database");
	ck_assert_int_eq(xg_state_operation_get(s, UUID_A, &op, &err), -ENOENT);
	ck_assert_str_eq(err.text, "no operation in the state database");
	ck_assert_int_eq(xg_state_device_remove(s, UUID_A, 1, &err), 0);
	ck_assert_int_eq(xg_state_guest_remove(s, UUID_A, &err), 0);
	xg_state_close(s);
}
END_TEST

START_TEST(lists_are_in_order)
{
	static const struct { const char *uuid; uint32_t devid; } devices[] = {
		{ UUID_B, 2 }, { UUID_A, 30 }, { UUID_A, 4 }, { UUID_B, 1 }, { UUID_A, 5 },
	};
	struct xg_state *s = opened();
	struct xg_device_row device, *found;
	struct xg_guest_row guest, *guests;
	size_t i, count;

	ck_assert_int_eq(xg_state_guest_list(s, &guests, &count, NULL), 0);
	ck_assert_uint_eq(count, 0);
	free(guests);
	guest = guest_row(UUID_A, 9);
	ck_assert_int_eq(xg_state_guest_put(s, &guest, NULL), 0);
	guest = guest_row(UUID_B, 2);
	ck_assert_int_eq(xg_state_guest_put(s, &guest, NULL), 0);
	ck_assert_int_eq(xg_state_guest_list(s, &guests, &count, NULL), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(guests[0].domid, 2);
	ck_assert_uint_eq(guests[1].domid, 9);
	free(guests);
	for (i = 0; i < 5; i++) {
		device = device_row(devices[i].uuid, devices[i].devid);
		ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	}
	ck_assert_int_eq(xg_state_device_list(s, UUID_A, &found, &count, NULL), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(found[0].devid, 4);
	ck_assert_uint_eq(found[1].devid, 5);
	ck_assert_uint_eq(found[2].devid, 30);
	device = device_row(UUID_A, 30);
	ck_assert_mem_eq(&found[2], &device, sizeof(device));
	free(found);
	ck_assert_int_eq(xg_state_device_list(s, NULL, &found, &count, NULL), 0);
	ck_assert_uint_eq(count, 5);
	free(found);
	xg_state_close(s);
}
END_TEST

/* More rows than the list's first allocations have room for. */
START_TEST(list_grows)
{
	struct xg_state *s = opened();
	struct xg_device_row *found;
	size_t i, count;

	for (i = 0; i < 100; i++) {
		struct xg_device_row device = device_row(UUID_A, (uint32_t)i);

		ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	}
	ck_assert_int_eq(xg_state_device_list(s, UUID_A, &found, &count, NULL), 0);
	ck_assert_uint_eq(count, 100);
	for (i = 0; i < 100; i++)
		ck_assert_uint_eq(found[i].devid, i);
	free(found);
	xg_state_close(s);
}
END_TEST

START_TEST(removal_takes_along_what_belongs_to_it)
{
	struct xg_guest_row guest = guest_row(UUID_A, 5), other = guest_row(UUID_B, 6);
	struct xg_device_row device = device_row(UUID_A, 1), second = device_row(UUID_A, 2);
	struct xg_operation_row op = operation_row(UUID_A, 1), other_op = operation_row(UUID_B, 1);
	struct xg_state *s = opened();

	ck_assert_int_eq(xg_state_guest_put(s, &guest, NULL), 0);
	ck_assert_int_eq(xg_state_guest_put(s, &other, NULL), 0);
	ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	ck_assert_int_eq(xg_state_device_put(s, &second, NULL), 0);
	ck_assert_int_eq(xg_state_operation_put(s, &op, NULL), 0);
	ck_assert_int_eq(xg_state_operation_put(s, &other_op, NULL), 0);
	frames_put(s, UUID_A, device.device.va.v, 4, 100);
	frames_put(s, UUID_A, second.device.va.v, 5, 200);
	frames_put(s, UUID_B, device.device.va.v, 6, 300);
	/* Replaced as a whole, also by fewer. */
	frames_put(s, UUID_A, second.device.va.v, 3, 400);
	ck_assert_int_eq(ask("SELECT count(*) FROM frame"), 4 + 3 + 6);
	ck_assert_int_eq(ask("SELECT min(gfn) FROM frame WHERE uuid = '" UUID_A "' AND gfn >= 200"), 400);
	ck_assert_int_eq(xg_state_device_remove(s, UUID_A, 1, NULL), 0);
	ck_assert_int_eq(ask("SELECT count(*) FROM frame"), 3 + 6);
	ck_assert_int_eq(ask("SELECT devid FROM device"), 2);
	ck_assert_int_eq(xg_state_guest_remove(s, UUID_A, NULL), 0);
	ck_assert_int_eq(ask("SELECT count(*) FROM frame"), 6);
	ck_assert_int_eq(ask("SELECT count(*) FROM device"), 0);
	ck_assert_int_eq(ask("SELECT count(*) FROM guest WHERE uuid = '" UUID_B "'"), 1);
	ck_assert_int_eq(ask("SELECT count(*) FROM operation"), 1);
	xg_state_close(s);
}
END_TEST

START_TEST(uuid_as_xen_writes_it)
{
	static const uint8_t uuid[16] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
					  0xdd, 0xee, 0xff };
	char text[XG_UUID_TEXT];

	xg_uuid_text(uuid, text);
	ck_assert_str_eq(text, "00112233-4455-6677-8899-aabbccddeeff");
}
END_TEST

/* ---- files that are not ours --------------------------------------------------------------------------- */

static void raw_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

START_TEST(schema_from_the_future_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = opened();

	xg_state_close(s);
	raw_sql("PRAGMA user_version = 5");
	s = NULL;
	ck_assert_int_eq(xg_state_open(path, &s, &err), -EPROTO);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err.text, "is of version 5, this program knows 4"));
	/* And left alone. */
	ck_assert_int_eq(ask("PRAGMA user_version"), 5);
}
END_TEST

/* As it was first: made from this program's by taking the changes back. */
static void database_of_version_1(void)
{
	xg_state_close(opened());
	raw_sql("ALTER TABLE guest DROP COLUMN data_va; ALTER TABLE guest DROP COLUMN module;"
		"ALTER TABLE guest DROP COLUMN boot; ALTER TABLE guest DROP COLUMN away;"
		"ALTER TABLE device DROP COLUMN data_va; ALTER TABLE device DROP COLUMN half;"
		"ALTER TABLE device DROP COLUMN wish; ALTER TABLE device DROP COLUMN shared; DROP TABLE unwanted;"
		"DROP TABLE next; DROP TABLE history;"
		"ALTER TABLE device ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
		"INSERT INTO guest(uuid, domid, name, os, release, build_id, arch, vmcoreinfo, vmcoreinfo_bytes, root,"
		" levels, phys_base, kaslr_offset, symbols, va, text_pages, data_pages, digest, version)"
		""
		" VALUES('" UUID_A "', 5, 'old', 'linux', '6.1', '', 'x86_64', 1, 2, 3, 4, 0, 0, 0, 4096,"
		" 2, 1, 'd', '0.1');"
		"PRAGMA user_version = 1");
}

START_TEST(schema_of_the_past_is_brought_up_to_date)
{
	struct xg_device_row device = device_row(UUID_A, 1);
	struct xg_guest_row guest;
	struct xg_state *s;

	database_of_version_1();
	s = opened();
	ck_assert_int_eq(ask("PRAGMA user_version"), 4);
	ck_assert_int_eq(xg_state_guest_get(s, UUID_A, &guest, NULL), 0);
	ck_assert_uint_eq(guest.core.va.v, 4096);
	ck_assert_uint_eq(guest.core.data_va.v, 0);
	ck_assert(!guest.core.module);
	ck_assert_str_eq(guest.boot, "");
	ck_assert_int_eq(guest.away, 0);
	ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	xg_state_close(s);
}
END_TEST

START_TEST(file_that_is_no_database_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = NULL;
	FILE *f = fopen(path, "w");
	int i;

	for (i = 0; i < 1000; i++)
		fputs("this is a text\n", f);
	fclose(f);
	ck_assert_int_eq(xg_state_open(path, &s, &err), -EIO);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_ptr_nonnull(strstr(err.text, "not a database"));
}
END_TEST

START_TEST(folder_that_is_not_there_is_an_error)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = NULL;

	ck_assert_int_eq(xg_state_open("/nowhere/at/all/state.db", &s, &err), -EIO);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/at/all/state.db"));
}
END_TEST

/* A plan that is cut would send an undo to the wrong frames of a guest. */
START_TEST(row_of_another_size_is_refused)
{
	struct xg_operation_row op = operation_row(UUID_A, 1);
	struct xg_device_row device = device_row(UUID_A, 1), *devices;
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = opened();
	size_t count;

	ck_assert_int_eq(xg_state_operation_put(s, &op, NULL), 0);
	ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	raw_sql("UPDATE operation SET plan = substr(plan, 1, 100); UPDATE device SET entry = entry || x'00'");
	ck_assert_int_eq(xg_state_operation_get(s, UUID_A, &op, &err), -EPROTO);
	ck_assert_int_eq(xg_state_device_get(s, UUID_A, 1, &device, &err), -EPROTO);
	ck_assert_int_eq(xg_state_device_list(s, NULL, &devices, &count, &err), -EPROTO);
	ck_assert_ptr_nonnull(strstr(err.text, "another version"));
	xg_state_close(s);
}
END_TEST

/* ---- processes at once --------------------------------------------------------------------------------- */

#define WRITERS 4
#define ROUNDS 40

/* One of several; the database need not exist yet. Exit status 0 when all went well. */
static void writer(int number, int start)
{
	char uuid[XG_UUID_TEXT], go;
	struct xg_err err = XG_ERR_NONE;
	struct xg_state *s = NULL;
	int i, rc;

	snprintf(uuid, sizeof(uuid), "00000000-0000-0000-0000-%012d", number);
	if (read(start, &go, 1) != 0)
		_exit(2);
	rc = xg_state_open(path, &s, &err);
	for (i = 0; !rc && i < ROUNDS; i++) {
		struct xg_guest_row guest = guest_row(uuid, (uint32_t)i + 1);
		struct xg_device_row device = device_row(uuid, (uint32_t)i);

		rc = xg_state_guest_put(s, &guest, &err);
		if (!rc)
			rc = xg_state_device_put(s, &device, &err);
		if (!rc && i % 2)
			rc = xg_state_device_remove(s, uuid, (uint32_t)i, &err);
	}
	if (rc)
		fprintf(stderr, "writer %d, round %d: %s\n", number, i, err.text);
	xg_state_close(s);
	_exit(rc ? 1 : 0);
}

START_TEST(writers_at_once_lose_nothing)
{
	int start[2], i, status;

	ck_assert_int_eq(pipe(start), 0);
	for (i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			close(start[1]);
			writer(i, start[0]);
		}
	close(start[0]);
	close(start[1]);	/* the end of file is the starting shot */
	for (i = 0; i < WRITERS; i++) {
		ck_assert_int_ge(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(ask("SELECT count(*) FROM guest"), WRITERS);
	ck_assert_int_eq(ask("SELECT sum(domid) FROM guest"), WRITERS * ROUNDS);
	ck_assert_int_eq(ask("SELECT count(*) FROM device"), WRITERS * ROUNDS / 2);
	ck_assert(integrity_ok());
}
END_TEST

/* ---- killed at any write ------------------------------------------------------------------------------- */

static int writes_left = -1;	/* -1: not counted */

static void write_counted(void)
{
	if (writes_left >= 0 && writes_left-- == 0)
		kill(getpid(), SIGKILL);
}

/* In place of the C library's, for SQLite's own calls too. */
ssize_t write(int fd, const void *buf, size_t size)
{
	write_counted();
	return syscall(SYS_write, fd, buf, size);
}

ssize_t pwrite(int fd, const void *buf, size_t size, off_t at)
{
	write_counted();
	return syscall(SYS_pwrite64, fd, buf, size, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t at)
{
	write_counted();
	return syscall(SYS_pwrite64, fd, buf, size, at);
}

#define FRAMES_BEFORE 3
#define FRAMES_AFTER 9

static void victim_prepare(void)
{
	struct xg_guest_row guest = guest_row(UUID_A, 5);
	struct xg_device_row device = device_row(UUID_A, 1);
	struct xg_state *s = opened();

	ck_assert_int_eq(xg_state_guest_put(s, &guest, NULL), 0);
	ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	frames_put(s, UUID_A, device.device.va.v, FRAMES_BEFORE, 100);
	xg_state_close(s);
}

static void victim_work(void)
{
	struct xg_operation_row op = operation_row(UUID_A, 1);
	struct xg_device_row device = device_row(UUID_A, 2);
	struct xg_state *s = opened();

	ck_assert_int_eq(xg_state_operation_put(s, &op, NULL), 0);
	ck_assert_int_eq(xg_state_device_put(s, &device, NULL), 0);
	frames_put(s, UUID_A, device.device.va.v, FRAMES_AFTER, 200);
	ck_assert_int_eq(xg_state_device_remove(s, UUID_A, 1, NULL), 0);
	ck_assert_int_eq(xg_state_guest_remove(s, UUID_A, NULL), 0);
	xg_state_close(s);
}

/* Killed before its Nth write: true; false when it came to its end. */
static bool victim_run(int nth)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		writes_left = nth;
		victim_work();
		writes_left = -1;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	ck_assert_int_eq(status, 0);
	return false;
}

static void whole_or_not_at_all(int nth)
{
	int64_t frames1 = ask("SELECT count(*) FROM frame WHERE gfn < 200");
	int64_t frames2 = ask("SELECT count(*) FROM frame WHERE gfn >= 200");
	int64_t device1 = ask("SELECT count(*) FROM device WHERE devid = 1");
	int64_t device2 = ask("SELECT count(*) FROM device WHERE devid = 2");
	int64_t guest = ask("SELECT count(*) FROM guest"), op = ask("SELECT count(*) FROM operation");

	ck_assert_msg(integrity_ok(), "killed before write %d", nth);
	ck_assert_msg(frames1 == (device1 ? FRAMES_BEFORE : 0), "killed before write %d: %d frames of device 1", nth,
		      (int)frames1);
	ck_assert_msg(frames2 == 0 || frames2 == FRAMES_AFTER, "killed before write %d: %d frames of device 2", nth,
		      (int)frames2);
	ck_assert_msg(guest || !(frames1 || frames2 || device1 || device2 || op),
		      "killed before write %d: the guest is gone, not what belongs to it", nth);
}

START_TEST(killed_at_any_write_each_call_is_whole)
{
	int n = 0;
	bool killed;

	do {
		files_remove();
		victim_prepare();
		killed = victim_run(n);
		/* The next process finds it usable. */
		xg_state_close(opened());
		whole_or_not_at_all(n++);
	} while (killed && n < 500);
	ck_assert(!killed);
	ck_assert_int_gt(n, 20);	/* the count reached SQLite's writes */
}
END_TEST

START_TEST(killed_while_creating_leaves_what_can_be_created)
{
	int n = 0, status;

	do {
		struct xg_state *s;
		pid_t pid;

		files_remove();
		pid = fork();
		if (pid == 0) {
			writes_left = n;
			s = opened();
			writes_left = -1;
			xg_state_close(s);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		s = opened();
		ck_assert_int_eq(ask("PRAGMA user_version"), 4);
		xg_state_close(s);
		n++;
	} while (status && n < 200);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(n, 3);
}
END_TEST

START_TEST(hints_of_the_last_kernels_are_kept)
{
	struct xg_kernel_hints hints;
	struct xg_os os = { .hint = 0 };
	struct xg_state *s = opened();
	unsigned int i;

	ck_assert_int_eq(xg_state_hint_put(s, &os, NULL), 0);
	ck_assert_int_eq(xg_state_hints_get(s, &hints, NULL), 0);
	ck_assert_uint_eq(hints.count, 0);
	for (i = 1; i <= 200; i++) {
		snprintf(os.build_id, sizeof(os.build_id), "%040x", i);
		os.hint = i;
		ck_assert_int_eq(xg_state_hint_put(s, &os, NULL), 0);
	}
	snprintf(os.build_id, sizeof(os.build_id), "%040x", 190);
	os.hint = 1190;
	ck_assert_int_eq(xg_state_hint_put(s, &os, NULL), 0);
	ck_assert_int_eq(xg_state_hints_get(s, &hints, NULL), 0);
	ck_assert_uint_eq(hints.count, XG_KERNEL_HINTS_MAX);
	ck_assert_uint_eq(hints.pages[0], 1190);
	ck_assert_uint_eq(hints.pages[1], 200);
	ck_assert_uint_eq(hints.pages[7], 194);
	ck_assert_int_le(ask("SELECT count(*) FROM kernel"), 64);
	xg_state_close(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("state");
	TCase *t = tcase_create("state");
	int failed;

	if (!mkdtemp(dir))
		return 99;
	tcase_add_checked_fixture(t, setup, files_remove);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, guest_comes_back_as_it_was);
	tcase_add_test(t, hints_of_the_last_kernels_are_kept);
	tcase_add_test(t, device_comes_back_as_it_was);
	tcase_add_test(t, operation_comes_back_as_it_was);
	tcase_add_test(t, what_is_not_there_is_enoent);
	tcase_add_test(t, lists_are_in_order);
	tcase_add_test(t, list_grows);
	tcase_add_test(t, removal_takes_along_what_belongs_to_it);
	tcase_add_test(t, uuid_as_xen_writes_it);
	tcase_add_test(t, schema_from_the_future_is_refused);
	tcase_add_test(t, schema_of_the_past_is_brought_up_to_date);
	tcase_add_test(t, file_that_is_no_database_is_refused);
	tcase_add_test(t, folder_that_is_not_there_is_an_error);
	tcase_add_test(t, row_of_another_size_is_refused);
	tcase_add_test(t, writers_at_once_lose_nothing);
	tcase_add_test(t, killed_at_any_write_each_call_is_whole);
	tcase_add_test(t, killed_while_creating_leaves_what_can_be_created);
	suite_add_tcase(s, t);
	failed = run_suite(s);
	rmdir(dir);
	return failed;
}
