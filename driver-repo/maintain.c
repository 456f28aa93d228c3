// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store as a whole: held against itself, indexed anew, cleaned up. Called by verify, reindex and gc. What is wrong
 * with one image is a line of the report; only what stops the work is an error.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"
#include "lib/base/array.h"
#include "lib/base/fault_point.h"

/* ---- Walking the folders ------------------------------------------------------------------------------------ */

struct folder_walk {
	struct xg_repo *r;
	char dir[PATH_MAX];
	char outer[8];
	bool signatures;
	int (*visit)(void *ctx, const char *digest, const char *path, struct xg_err *err);
	int (*stray)(void *ctx, const char *path, struct xg_err *err);
	void *ctx;
};

/* DIGEST, or DIGEST.KEYID.minisig, in the folder of its first two digits. */
static bool name_is_right(const struct folder_walk *w, const char *name, char digest[XG_DIGEST_HEX])
{
	size_t length = strlen(name);

	snprintf(digest, XG_DIGEST_HEX, "%s", name);
	if (!xg_is_digest(digest) || strncmp(digest, w->outer, 2) || strlen(w->outer) != 2)
		return false;
	if (!w->signatures)
		return length == XG_DIGEST_HEX - 1;
	return length == XG_DIGEST_HEX - 1 + 1 + 16 + strlen(XG_SIGNATURE_TAIL) && name[XG_DIGEST_HEX - 1] == '.' &&
		!strcmp(name + length - strlen(XG_SIGNATURE_TAIL), XG_SIGNATURE_TAIL);
}

static int walk_file(void *ctx, const char *name, struct xg_err *err)
{
	struct folder_walk *w = ctx;
	char path[PATH_MAX], digest[XG_DIGEST_HEX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s", w->dir, w->outer, name) >= sizeof(path))
		return 0;
	if (name_is_right(w, name, digest))
		return w->visit(w->ctx, digest, path, err);
	return w->stray ? w->stray(w->ctx, path, err) : 0;
}

static int walk_folder(void *ctx, const char *name, struct xg_err *err)
{
	struct folder_walk *w = ctx;
	char path[PATH_MAX];
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", w->dir, name) >= sizeof(path) ||
	    strlen(name) >= sizeof(w->outer))
		return 0;
	snprintf(w->outer, sizeof(w->outer), "%s", name);
	rc = xg_dir_walk(path, walk_file, w, err);
	return rc == -ENOTDIR ? (w->stray ? w->stray(w->ctx, path, err) : 0) : rc;
}

int xg_blob_walk(struct xg_repo *r, int (*visit)(void *ctx, const char *digest, const char *path, struct xg_err *err),
		 int (*stray)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err)
{
	struct folder_walk w = { .r = r, .visit = visit, .stray = stray, .ctx = ctx };

	snprintf(w.dir, sizeof(w.dir), "%s/blobs/sha256", r->paths.dir);
	return xg_dir_walk(w.dir, walk_folder, &w, err);
}

int xg_signature_walk(struct xg_repo *r,
		      int (*visit)(void *ctx, const char *digest, const char *path, struct xg_err *err),
		      int (*stray)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err)
{
	struct folder_walk w = { .r = r, .visit = visit, .stray = stray, .ctx = ctx, .signatures = true };

	snprintf(w.dir, sizeof(w.dir), "%s/signatures", r->paths.dir);
	return xg_dir_walk(w.dir, walk_folder, &w, err);
}

/* ---- verify ------------------------------------------------------------------------------------------------- */

struct work {
	struct xg_repo *r;
	struct xg_repo_report *report;
	bool dry_run;
};

#define SAME(field) (!strcmp(a->field, b->field))

static bool same_note(const struct xg_image_note *a, const struct xg_image_note *b)
{
	return SAME(kind) && a->abi == b->abi && a->abi_last == b->abi_last && SAME(os) && SAME(release) &&
		SAME(release_last) && SAME(build_id) && SAME(arch) && SAME(class_name) && SAME(device) && SAME(mode) &&
		SAME(version) && SAME(licence);
}

/* What the index says is what the image says. */
static bool same_entry(const struct xg_entry *e, const struct xg_image *image)
{
	struct xg_entry said;

	xg_entry_of(image, &said);
	return e->size == said.size && e->pattern == said.pattern && same_note(&e->note, &said.note);
}

/* 1: it is damaged, which is reported. */
static int load_or_report(struct work *w, const char *digest, const char *path, struct xg_image **ret,
			  struct xg_verdict *ret_v, struct xg_err *err)
{
	struct xg_err why = XG_ERR_NONE;
	int rc = xg_repo_load(w->r, digest, ret, ret_v, &why);

	if (rc == -ENOMEM || rc == -EACCES)
		return xg_fail(err, -rc, "%s", why.text);
	if (!rc)
		return 0;
	w->report->damaged++;
	xg_report_line(w->report, path, "%s", why.text);
	return 1;
}

static int verify_entry(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct work *w = ctx;
	struct xg_verdict v;
	char path[PATH_MAX];
	int rc;

	w->report->images++;
	xg_blob_path(w->r, e->digest, path);
	rc = load_or_report(w, e->digest, path, &image, &v, err);
	if (rc)
		return rc < 0 ? rc : 0;
	if (!same_entry(e, image)) {
		w->report->damaged++;
		xg_report_line(w->report, path, "image %.12s: the index says another thing than its note: "
			       "'xengraft-repo reindex'", e->digest);
	}
	if (v.trust == XG_UNSIGNED) {	/* perhaps by a key that is not known */
		xg_image_free(xg_take(image));
		(void)xg_repo_load_trusted(w->r, e->digest, &image, &v, NULL);
	}
	if (v.trust != XG_TRUSTED) {
		w->report->untrusted++;
		xg_report_line(w->report, path, "image %.12s %s", e->digest, v.text);
	}
	return 0;
}

static int verify_blob(void *ctx, const char *digest, const char *path, struct xg_err *err)
{
	struct xg_err why = XG_ERR_NONE;
	struct work *w = ctx;
	struct xg_entry e;
	int rc = xg_repo_entry(w->r, digest, &e, &why);

	if (rc && rc != -ENOENT)
		return xg_fail(err, -rc, "%s", why.text);
	if (rc) {
		w->report->strays++;
		xg_report_line(w->report, path, "is not in the index: 'gc' removes it, 'reindex' takes it in");
	}
	return 0;
}

static int verify_stray(void *ctx, const char *path, struct xg_err *err)
{
	struct work *w = ctx;

	(void)err;
	w->report->strays++;
	xg_report_line(w->report, path, "does not belong here");
	return 0;
}

int xg_repo_verify(struct xg_repo *r, struct xg_repo_report *report, struct xg_err *err)
{
	struct work w = { .r = r, .report = report };
	int rc = xg_repo_list(r, verify_entry, &w, err);

	return rc ? rc : xg_blob_walk(r, verify_blob, verify_stray, &w, err);
}

/* ---- reindex ------------------------------------------------------------------------------------------------ */

/* The host's own signature says which file an image was adopted from. */
static void origin_of(const struct xg_verdict *v, char ret[512])
{
	const char *at = strstr(v->trusted_comment, "\torigin:");

	if (v->trust != XG_TRUSTED || !at)
		return;
	at += strlen("\torigin:");
	snprintf(ret, 512, "%.*s", (int)strcspn(at, "\t"), at);
}

static int reindex_blob(void *ctx, const char *digest, const char *path, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct work *w = ctx;
	struct xg_verdict v;
	struct xg_entry e;
	struct stat st;
	int rc = load_or_report(w, digest, path, &image, &v, err);

	if (rc)
		return rc < 0 ? rc : 0;
	w->report->images++;
	xg_entry_of(image, &e);
	if (!stat(path, &st))
		e.added = st.st_mtime;
	origin_of(&v, e.origin);
	return xg_index_put(w->r->index, &e, err);
}

static int reindex_stray(void *ctx, const char *path, struct xg_err *err)
{
	return verify_stray(ctx, path, err);
}

/* An index that SQLite cannot use any more. */
static int index_drop(const struct xg_repo_paths *paths, struct xg_err *err)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(tails); i++) {
		snprintf(path, sizeof(path), "%s/index.db%s", paths->dir, tails[i]);
		if (unlink(path) && errno != ENOENT)
			return xg_fail_errno(err, errno, "%s", path);
	}
	return 0;
}

static int reindex_open(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err)
{
	int rc = xg_repo_create(paths, ret, err);

	if (rc != -EUCLEAN)
		return rc;
	rc = index_drop(paths, err);
	return rc ? rc : xg_repo_create(paths, ret, err);
}

static int reindex_all(struct work *w, struct xg_err *err)
{
	int rc = xg_index_begin(w->r->index, err);

	if (!rc)
		rc = xg_index_clear(w->r->index, err);
	if (!rc)
		rc = xg_blob_walk(w->r, reindex_blob, reindex_stray, w, err);
	if (!rc)
		rc = xg_fault_point("repo reindex: rows written", err);
	return xg_index_end(w->r->index, rc, err);
}

int xg_repo_reindex(const struct xg_repo_paths *paths, struct xg_repo_report *report, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct work w = { .report = report };
	int lock xg_auto_close = -1, rc;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/blobs", paths->dir);
	if (access(path, F_OK))
		return xg_fail(err, ENOENT, "there is no repository at %s: 'xengraft-repo init' makes one", paths->dir);
	rc = reindex_open(paths, &r, err);
	if (!rc)
		rc = xg_repo_lock(r, &lock, err);
	if (rc == -EUCLEAN) {	/* it opened, and is damaged further in */
		xg_repo_close(xg_take(r));
		rc = index_drop(paths, err);
		if (!rc)
			rc = reindex_open(paths, &r, err);
		if (!rc)
			rc = xg_repo_lock(r, &lock, err);
	}
	w.r = r;
	if (!rc)
		rc = reindex_all(&w, err);
	if (rc != -EUCLEAN || !r)
		return rc;
	/* Damage that only shows when rows are written. The lock stays held. */
	xg_index_close(xg_take(r->index));
	*report = (struct xg_repo_report){ .line = report->line, .ctx = report->ctx };
	rc = index_drop(paths, err);
	snprintf(path, sizeof(path), "%s/index.db", paths->dir);
	if (!rc)
		rc = xg_index_open(path, true, &r->index, err);
	return rc ? rc : reindex_all(&w, err);
}

/* ---- gc ----------------------------------------------------------------------------------------------------- */

static int gc_file(struct work *w, const char *path, const char *why, struct xg_err *err)
{
	struct stat st;

	w->report->strays++;
	if (!lstat(path, &st) && S_ISREG(st.st_mode))
		w->report->bytes_freed += st.st_size;
	xg_report_line(w->report, path, "%s", why);
	if (w->dry_run || !unlink(path) || errno == ENOENT)
		return w->dry_run ? 0 : xg_fault_point("repo gc: unlinked", err);
	return xg_fail_errno(err, errno, "%s", path);
}

static int gc_blob(void *ctx, const char *digest, const char *path, struct xg_err *err)
{
	struct xg_err why = XG_ERR_NONE;
	struct work *w = ctx;
	struct xg_entry e;
	int rc = xg_repo_entry(w->r, digest, &e, &why);

	w->report->images += rc == 0;
	if (rc != -ENOENT)
		return rc ? xg_fail(err, -rc, "%s", why.text) : 0;
	return gc_file(w, path, "is not in the index", err);
}

static int gc_signature(void *ctx, const char *digest, const char *path, struct xg_err *err)
{
	struct work *w = ctx;
	struct xg_entry e;
	int rc = xg_repo_entry(w->r, digest, &e, NULL);

	return rc == -ENOENT ? gc_file(w, path, "is of an image that is not here", err) : 0;
}

static int gc_temporary(void *ctx, const char *name, struct xg_err *err)
{
	struct work *w = ctx;
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/tmp/%s", w->r->paths.dir, name) >= sizeof(path))
		return 0;
	return gc_file(w, path, "was never finished", err);
}

int xg_repo_gc(struct xg_repo *r, bool dry_run, struct xg_repo_report *report, struct xg_err *err)
{
	struct work w = { .r = r, .report = report, .dry_run = dry_run };
	int lock xg_auto_close = -1;
	char path[PATH_MAX];
	int rc = xg_repo_lock(r, &lock, err);

	snprintf(path, sizeof(path), "%s/tmp", r->paths.dir);
	if (!rc)
		rc = xg_dir_walk(path, gc_temporary, &w, err);
	if (!rc)
		rc = xg_blob_walk(r, gc_blob, NULL, &w, err);
	if (!rc)
		rc = xg_signature_walk(r, gc_signature, NULL, &w, err);
	return rc;
}
