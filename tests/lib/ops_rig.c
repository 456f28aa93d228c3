// SPDX-License-Identifier: GPL-2.0-or-later
/* See ops_rig.h. */
#include "tests/lib/ops_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/array.h"
#include "tests/lib/elf_builder.h"

struct rig rig;

/* The address sanitizer's: memory that waits to be used again makes each of some thousand forks slower. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=2";
}

int __real_sqlite3_step(sqlite3_stmt *st);	/* ld --wrap, see below */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "ops_rig: %s\n", what);
	abort();
}

/* ---- Images -------------------------------------------------------------------------------------------- */

const char rig_personality_notes[] =
	"kind=personality\nabi=1\nos=linux\nrelease=" FAKE_RELEASE "\nbuild-id=" FAKE_BUILD_ID
	"\narch=x86_64\nversion=0.1\nlicence=GPL-2.0-or-later\n";

const char rig_driver_notes[] =
	"kind=driver\nabi=1\narch=x86_64\nclass=block\ndevice=xen-blkif\nmode=virtual\nversion=0.1\n"
	"licence=GPL-2.0-or-later\n";

uint8_t *rig_personality(const char *notes, size_t *ret_size)
{
	static const uint8_t code[64] = { 0xe8, 0, 0, 0, 0, 0xc3 };
	static const uint64_t words[4] = { 0, 1, 2, 3 };
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));
	uint16_t data = elfb_data(b, ".data", words, sizeof(words));
	uint32_t variables = elfb_symbol(b, "", data, STB_LOCAL, STT_SECTION, 0, 0);
	uint32_t printk = elfb_import(b, "printk");

	elfb_section(b, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 64, NULL, 5000);
	elfb_note(b, notes);
	elfb_function(b, XG_CORE_MAIN, text, 32, 32);
	elfb_relocation(b, text, 1, R_X86_64_PLT32, printk, -4);
	elfb_relocation(b, data, 0, R_X86_64_64, variables, 8);
	return elfb_finish(b, ret_size);
}

uint8_t *rig_driver(const char *notes, size_t *ret_size)
{
	static const uint8_t code[XG_BLOCK_ENTRIES * 16];
	struct xg_driver table = { .version = XG_ABI_VERSION, .size = sizeof(table), .class_id = XG_CLASS_BLOCK };
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));
	uint16_t constants = elfb_section(b, ".rodata", SHT_PROGBITS, SHF_ALLOC, 8, &table, sizeof(table));
	uint32_t functions = elfb_symbol(b, "", text, STB_LOCAL, STT_SECTION, 0, 0);
	unsigned int i;

	elfb_note(b, notes);
	elfb_symbol(b, XG_DRIVER_TABLE, constants, STB_GLOBAL, STT_OBJECT, 0, sizeof(table));
	for (i = 0; i < XG_BLOCK_ENTRIES; i++)
		elfb_relocation(b, constants, offsetof(struct xg_driver, entry) + i * 8, R_X86_64_64, functions,
				i * 16);
	return elfb_finish(b, ret_size);
}

static bool is_image(const char *name)
{
	size_t length = strlen(name);

	return length > 2 && !strcmp(name + length - 2, ".o");
}

static void repo_paths_set(void)
{
	snprintf(rig.repo_paths.dir, sizeof(rig.repo_paths.dir), "%s/.repo", rig.dir);
	snprintf(rig.repo_paths.confdir, sizeof(rig.repo_paths.confdir), "%s/.etc", rig.dir);
	snprintf(rig.repo_paths.images, sizeof(rig.repo_paths.images), "%s", rig.dir);
}

void rig_image_write(const char *name, const void *bytes, size_t size)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, path);
	close(fd);
	if (is_image(name))
		rig_images_changed();
}

/* The repository takes the folder's images in anew: what is no image is left out, what is gone goes. */
void rig_images_changed(void)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_repo *repo = NULL;
	struct xg_err err;

	rig.images_as_new = false;
	repo_paths_set();
	must(!xg_repo_setup(&rig.repo_paths, &repo, &report, &err), err.text);
	xg_repo_close(repo);
}

static void images_write(void)
{
	uint8_t *image;
	size_t size;

	image = rig_personality(rig_personality_notes, &size);
	rig_image_write("linux-" FAKE_RELEASE ".o", image, size);
	free(image);
	image = rig_driver(rig_driver_notes, &size);
	rig_image_write("blkif-virtual.o", image, size);
	free(image);
	rig.images_as_new = true;
}

void rig_driver_renew(const char *version)
{
	char notes[256];
	uint8_t *image;
	size_t size;

	snprintf(notes, sizeof(notes), "kind=driver\nabi=1\narch=x86_64\nclass=block\ndevice=xen-blkif\nmode=virtual\n"
		 "version=%s\nlicence=GPL-2.0-or-later\n", version);
	image = rig_driver(notes, &size);
	rig_image_write("blkif-virtual-renewed.o", image, size);
	free(image);
}

/* ---- The folder ---------------------------------------------------------------------------------------- */

/* But the images, as long as no test has changed them: making a repository of them takes time. */
static void files_remove(void)
{
	DIR *d = opendir(rig.dir);
	struct dirent *e;

	must(d != NULL, rig.dir);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && !(rig.images_as_new && is_image(e->d_name)))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static int path_remove(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* A repository as new, with a key of its own. */
static void repo_remove(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/.repo", rig.dir);
	nftw(path, path_remove, 8, FTW_DEPTH | FTW_PHYS);
	snprintf(path, sizeof(path), "%s/.etc", rig.dir);
	nftw(path, path_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Beside the test program, where the build put it. */
static void backend_find(void)
{
	char exe[400], *slash;
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int i;

	must(len > 0, "/proc/self/exe");
	exe[len] = '\0';
	for (i = 0; i < 2; i++) {
		slash = strrchr(exe, '/');
		must(slash != NULL, exe);
		*slash = '\0';
	}
	snprintf(rig.backend, sizeof(rig.backend), "%s/lib/xengraft-backend-fake", exe);
	must(!access(rig.backend, X_OK), rig.backend);
}

void rig_setup(void)
{
	strcpy(rig.dir, "/tmp/xengraft-test-ops-XXXXXX");
	must(mkdtemp(rig.dir) != NULL, rig.dir);
	snprintf(rig.database, sizeof(rig.database), "%s/state.db", rig.dir);
	backend_find();
	/* Backends outlive those who start them; as their reaper the test sees each one's end. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	unsetenv("XENGRAFT_FAKE_BACKEND");
	fake_host_setup();
	rig_reset();
}

void rig_reset(void)
{
	char target[96];

	fake_strike(0, false);
	fake_host_reset();
	files_remove();
	if (!rig.images_as_new) {
		repo_remove();
		images_write();
	}
	snprintf(target, sizeof(target), "%s/disk.img", rig.dir);
	rig_image_write("disk.img", "disk", 4);
	rig.spec = (struct xg_disk_spec){ .vdev = "xvdb", .format = "raw", .discard = true };
	snprintf(rig.spec.target, sizeof(rig.spec.target), "%s", target);
	rig.dry_run = false;
	rig.generator = "/nowhere/xengraft-gen";
	rig.generate_ms = 300000;
	snprintf(rig.work_dir, sizeof(rig.work_dir), "%s/.generate", rig.dir);
	nftw(rig.work_dir, path_remove, 8, FTW_DEPTH | FTW_PHYS);
	rig.steps[0] = rig.notices[0] = '\0';
}

void rig_teardown(void)
{
	nftw(rig.dir, path_remove, 8, FTW_DEPTH | FTW_PHYS);
	rig.images_as_new = false;
	fake_host_teardown();
}

/* ---- The operations ------------------------------------------------------------------------------------ */

static void append(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "%s%s", len ? "; " : "", text);
}

static void progress(void *ctx, const char *step)
{
	(void)ctx;
	append(rig.steps, sizeof(rig.steps), step);
}

static void notice(void *ctx, const char *text)
{
	(void)ctx;
	append(rig.notices, sizeof(rig.notices), text);
}

static void detail(void *ctx, const char *text)
{
	(void)ctx;
	append(rig.details, sizeof(rig.details), text);
}

int rig_open(struct xg_ops *ops, struct xg_err *err)
{
	int rc;

	*ops = (struct xg_ops){
		.backend_program = rig.backend, .repo_paths = rig.repo_paths, .policy = "/nowhere/policy",
		.log_dir = rig.dir,
		.run_dir = rig.dir, .dry_run = rig.dry_run, .progress = progress, .notice = notice,
		.detail = detail, .generator = rig.generator, .generate_ms = rig.generate_ms,
	};
	snprintf(ops->work_dir, sizeof(ops->work_dir), "%s", rig.work_dir);
	snprintf(ops->boot, sizeof(ops->boot), "%s", rig.boot ? rig.boot : "first");
	rig.steps[0] = rig.notices[0] = rig.details[0] = '\0';
	rc = xg_state_open(rig.database, &ops->state, err);
	if (!rc)
		rc = xg_store_open(&ops->store, err);
	if (rc)
		xg_ops_close(ops);
	return rc;
}

int rig_attach(struct xg_attached *ret, struct xg_err *err)
{
	struct xg_attached attached;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_disk_attach(&ops, FAKE_GUEST, &rig.spec, ret ? ret : &attached, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_detach(bool force, struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_disk_detach(&ops, FAKE_GUEST, rig.spec.vdev, force, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_withdraw(struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_withdraw(&ops, FAKE_GUEST, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_swap(bool force, struct xg_swapped *ret, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .driver = "virtual", .reason = "swap", .force = force };
	struct xg_swapped swapped;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_disk_swap(&ops, FAKE_GUEST, rig.spec.vdev, &wish, ret ? ret : &swapped, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_rollback(struct xg_swapped *ret, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "rollback" };
	struct xg_swapped swapped;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_disk_rollback(&ops, FAKE_GUEST, rig.spec.vdev, &wish, ret ? ret : &swapped, err);
	xg_ops_close(&ops);
	return rc;
}

static int each_disk(struct xg_ops *ops, int (*op)(struct xg_ops *ops, const struct xg_guest_row *guest,
		     const struct xg_device_row *row, const struct xg_swap_wish *wish, struct xg_swapped *ret,
		     struct xg_err *err), struct xg_swapped *ret, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "upgrade" };
	struct xg_device_row *rows = NULL;
	struct xg_swapped swapped;
	struct xg_guest_row guest;
	size_t count = 0, i;
	int done = 0, rc;

	rc = xg_state_device_list(ops->state, NULL, &rows, &count, err);
	for (i = 0; rc >= 0 && i < count; i++) {
		rc = xg_state_guest_get(ops->state, rows[i].uuid, &guest, err);
		if (!rc)
			rc = op(ops, &guest, &rows[i], &wish, ret ? ret : &swapped, err);
		done += !rc;
	}
	free(rows);
	return rc < 0 ? rc : done;
}

int rig_upgrade(struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = each_disk(&ops, xg_disk_upgrade, NULL, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_reconnect(struct xg_swapped *ret, struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_sweep(&ops, err);
	if (!rc)
		rc = each_disk(&ops, xg_disk_reconnect, ret, err);
	xg_ops_close(&ops);
	return rc;
}

int rig_sweep(struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_sweep(&ops, err);
	xg_ops_close(&ops);
	return rc;
}

void rig_backend_dies(void)
{
	const char *pid = fake_store_get(rig_ask("SELECT half FROM device") ?
					 "/local/domain/0/backend/xengraft-vbd-b/7/51728/pid" :
					 "/local/domain/0/backend/xengraft-vbd/7/51728/pid");

	must(pid && atoi(pid) > 1, "there is no backend");
	kill(atoi(pid), SIGKILL);
	waitpid(atoi(pid), NULL, 0);
}

int rig_recover(struct xg_err *err)
{
	struct xg_session *s = NULL;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_session_open(&ops, FAKE_GUEST, &s, err);
	xg_session_close(s);
	xg_ops_close(&ops);
	return rc;
}

/* ---- What is left -------------------------------------------------------------------------------------- */

long rig_ask(const char *sql)
{
	sqlite3_stmt *st = NULL;
	long answer = 0;
	sqlite3 *db;

	must(sqlite3_open(rig.database, &db) == SQLITE_OK, rig.database);
	/* What failed early enough leaves not even tables. */
	must(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK || strstr(sqlite3_errmsg(db), "no such table"),
	     sql);
	if (st && __real_sqlite3_step(st) == SQLITE_ROW)
		answer = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return answer;
}

static char dirt[200];

static const char *database_dirt(void)
{
	static const char *const tables[] = { "guest", "device", "frame", "operation", "next" };
	char sql[64];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(tables); i++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
		if (rig_ask(sql)) {
			snprintf(dirt, sizeof(dirt), "the database has %ld rows in %s", rig_ask(sql), tables[i]);
			return dirt;
		}
	}
	return NULL;
}

static const char *process_dirt(void)
{
	int status;

	while (wait(&status) > 0)
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			return "a backend was left running";
	return NULL;
}

const char *rig_dirt(bool cave_may_stay)
{
	const char *why = fake_host_dirt(cave_may_stay);

	if (!why)
		why = database_dirt();
	return why ? why : process_dirt();
}

static const struct fake_window *device_window(void)
{
	size_t i;

	for (i = 0; i < FAKE_WINDOWS; i++)
		if (fake_host->windows[i].va && fake_host->windows[i].va != fake_host->core_va)
			return &fake_host->windows[i];
	return NULL;
}

/* One half is in use, the record's, and of the other there is nothing. */
static const char *rig_not_one_half(void)
{
	static const char *const backends[] = {
		"/local/domain/0/backend/xengraft-vbd/7/51728/state",
		"/local/domain/0/backend/xengraft-vbd-b/7/51728/state",
	};
	static const char *const frontends[] = {
		"/local/domain/7/xengraft/vbd/51728/state", "/local/domain/7/xengraft/vbd-b/51728/state",
	};
	long half = rig_ask("SELECT half FROM device");

	if (device_window()->half != half)
		return "the record has another half than the guest";
	if (device_window()->other)
		return "the half that is not in use is open";
	if (rig_ask("SELECT count(*) FROM next"))
		return "the database has a swap that goes on";
	if (!fake_store_get(backends[half]))
		return "xenstore has no backend";
	if (!fake_store_get(frontends[half]) || strcmp(fake_store_get(frontends[half]), "4"))
		return "the frontend is not connected";
	if (fake_store_get(backends[!half]) || fake_store_get(frontends[!half]))
		return "xenstore has areas of the other half";
	return NULL;
}

const char *rig_not_attached(void)
{
	const char *why;

	if (fake_host->crash[0])
		return fake_host->crash;
	if (fake_host->mappings_left)
		return "mappings of the guest were left";
	if (!fake_host->core_runs)
		return "the personality does not run";
	if (fake_windows_used() != 2)
		return "the guest has not two windows";
	if (rig_ask("SELECT count(*) FROM device WHERE state = 'live' AND devid = 51728") != 1)
		return "the database has no live device";
	if (rig_ask("SELECT count(*) FROM guest") != 1)
		return "the database has no guest";
	if (rig_ask("SELECT count(*) FROM operation"))
		return "the database has an operation";
	why = rig_not_one_half();
	if (why)
		return why;
	if (!fake_store_get("/local/domain/7/drivers/51728") || !fake_store_get("/local/domain/7/drivers/65534"))
		return "the drivers are not announced";
	return NULL;
}

/* ---- Fault points in the libraries below (ld --wrap): SQLite, processes -------------------------------- */

int __wrap_sqlite3_step(sqlite3_stmt *st);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *arg, char **err);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *arg, char **err);
int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
pid_t __real_fork(void);
pid_t __wrap_fork(void);

int __wrap_sqlite3_step(sqlite3_stmt *st)
{
	return fake_point("database", sqlite3_sql(st), strncmp(sqlite3_sql(st), "SELECT", 6)) ?
		SQLITE_IOERR : __real_sqlite3_step(st);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *arg, char **err)
{
	return fake_point("database", sql, true) ? SQLITE_IOERR : __real_sqlite3_exec(db, sql, row, arg, err);
}

static int out_of_descriptors(void)
{
	errno = EMFILE;
	return -1;
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	return fake_point("socketpair", "", false) ? out_of_descriptors() :
		__real_socketpair(domain, type, protocol, fds);
}

pid_t __wrap_fork(void)
{
	if (!fake_point("fork", "", true))
		return __real_fork();
	errno = EAGAIN;
	return -1;
}
