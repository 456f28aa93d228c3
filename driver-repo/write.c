// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adds and removes images. Called by the commands, under the lock. The order makes it safe to die anywhere:
 *
 *     add       files aside ► on the disk ► signatures renamed ► blobs renamed ► on the disk ► rows, one transaction
 *     remove    rows marked (they count as gone) ► files unlinked ► rows deleted
 *
 * Must never show a row whose blob is not on the disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"
#include "lib/base/fault_point.h"

/* From so many files on one flush of the whole file system is cheaper than one for each. */
#define FLUSH_ALL_FROM 4u

/* A file that lies in tmp/ and will be renamed. */
struct staged {
	bool signature;
	char digest[XG_DIGEST_HEX];
	char key_id[XG_KEY_ID_TEXT];	/* of a signature */
	bool renamed;
};

struct xg_repo_batch {
	struct xg_repo *r;
	int lock;
	char **drops;			/* origins */
	size_t drop_count, drop_room;
	struct staged *files;
	size_t count, room;
	struct xg_entry *entries;	/* rows to write */
	size_t entry_count, entry_room;
};

static void staged_path(const struct xg_repo *r, size_t index, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/tmp/%d-%zu", r->paths.dir, (int)getpid(), index);
}

static void final_path(const struct xg_repo *r, const struct staged *s, char ret[PATH_MAX])
{
	if (s->signature)
		xg_signature_path(r, s->digest, s->key_id, ret);
	else
		xg_blob_path(r, s->digest, ret);
}

void xg_repo_batch_free(struct xg_repo_batch *b)
{
	char path[PATH_MAX];
	size_t i;

	if (!b)
		return;
	for (i = 0; i < b->count; i++) {
		staged_path(b->r, i, path);
		if (!b->files[i].renamed)
			(void)unlink(path);
	}
	for (i = 0; i < b->drop_count; i++)
		free(b->drops[i]);
	free(b->drops);
	free(b->files);
	free(b->entries);
	if (b->lock >= 0)
		close(b->lock);
	free(b);
}

/* Leftovers of a process of the same number that died. The lock is held: nobody else writes there. */
static int tmp_unlink(void *ctx, const char *name, struct xg_err *err)
{
	const struct xg_repo *r = ctx;
	char path[PATH_MAX], mine[32];

	(void)err;
	snprintf(mine, sizeof(mine), "%d-", (int)getpid());
	if (!strncmp(name, mine, strlen(mine)) &&
	    (size_t)snprintf(path, sizeof(path), "%s/tmp/%s", r->paths.dir, name) < sizeof(path))
		(void)unlink(path);
	return 0;
}

int xg_repo_begin(struct xg_repo *r, struct xg_repo_batch **ret, struct xg_err *err)
{
	struct xg_repo_batch *b xg_auto(xg_repo_batch_free_p) = calloc(1, sizeof(*b));
	char path[PATH_MAX];
	int rc;

	if (!b)
		return xg_fail_errno(err, ENOMEM, "images to add");
	b->r = r;
	b->lock = -1;
	rc = xg_repo_lock(r, &b->lock, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/tmp", r->paths.dir);
	rc = xg_dir_walk(path, tmp_unlink, r, err);
	if (rc)
		return rc;
	*ret = xg_take(b);
	return 0;
}

static void *grow(void *array, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return array;
	more = realloc(array, (*room * 2 + 8) * size);
	if (more)
		*room = *room * 2 + 8;
	return more;
}

/* Its name is of no use any more once it is renamed: so the slot is taken only when the file is there. */
static int stage_file(struct xg_repo_batch *b, const struct staged *s, const void *bytes, size_t size,
		      struct xg_err *err)
{
	struct staged *files = grow(b->files, b->count, &b->room, sizeof(*files));
	char path[PATH_MAX];
	int rc;

	if (!files)
		return xg_fail_errno(err, ENOMEM, "images to add");
	b->files = files;
	staged_path(b->r, b->count, path);
	rc = xg_file_create(path, bytes, size, 0600, false, err);
	if (rc)
		return rc;
	files[b->count++] = *s;
	return xg_fault_point("repo add: file written", err);
}

static bool is_staged(const struct xg_repo_batch *b, const char *digest)
{
	size_t i;

	for (i = 0; i < b->entry_count; i++)
		if (!strcmp(b->entries[i].digest, digest))
			return true;
	return false;
}

/* The blob is there and whole: only its row may be missing. */
static bool blob_is_good(const struct xg_repo *r, const struct xg_image *image)
{
	char path[PATH_MAX], *bytes xg_auto_free = NULL;
	size_t size;

	xg_blob_path(r, image->digest, path);
	return !xg_file_read(path, XG_ELF_BYTES_MAX, &bytes, &size, NULL) && size == image->size &&
		!memcmp(bytes, image->bytes, size);
}

int xg_repo_stage(struct xg_repo_batch *b, const struct xg_image *image, const char *origin, struct xg_err *err)
{
	struct staged s = { .signature = false };
	struct xg_entry *entries, old;
	int rc = 0;

	if (is_staged(b, image->digest))
		return 0;
	entries = grow(b->entries, b->entry_count, &b->entry_room, sizeof(*entries));
	if (!entries)
		return xg_fail_errno(err, ENOMEM, "images to add");
	b->entries = entries;
	memcpy(s.digest, image->digest, sizeof(s.digest));
	if (!blob_is_good(b->r, image))
		rc = stage_file(b, &s, image->bytes, image->size, err);
	if (rc)
		return rc;
	xg_entry_of(image, &entries[b->entry_count]);
	snprintf(entries[b->entry_count].origin, sizeof(entries->origin), "%s", origin ? origin : "");
	if (!xg_index_get(b->r->index, image->digest, &old, NULL))
		entries[b->entry_count].added = old.added;
	b->entry_count++;
	return 0;
}

int xg_repo_stage_signature(struct xg_repo_batch *b, const char *digest, const char *text, size_t size,
			    struct xg_err *err)
{
	struct xg_signature *sig xg_auto_free = malloc(sizeof(*sig));
	struct staged s = { .signature = true };
	int rc;

	if (!sig)
		return xg_fail_errno(err, ENOMEM, "signature");
	rc = xg_signature_parse(text, size, sig, err);
	if (rc)
		return rc;
	memcpy(s.digest, digest, sizeof(s.digest));
	xg_key_id_text(sig->id, s.key_id);
	return stage_file(b, &s, text, size, err);
}

int xg_repo_stage_drop(struct xg_repo_batch *b, const char *origin, struct xg_err *err)
{
	char **drops = grow(b->drops, b->drop_count, &b->drop_room, sizeof(*drops));

	if (!drops)
		return xg_fail_errno(err, ENOMEM, "images to replace");
	b->drops = drops;
	drops[b->drop_count] = strdup(origin);
	if (!drops[b->drop_count])
		return xg_fail_errno(err, ENOMEM, "images to replace");
	b->drop_count++;
	return 0;
}

/* ---- Commit ------------------------------------------------------------------------------------------------- */

static int flush_all(const struct xg_repo *r, struct xg_err *err)
{
	int fd xg_auto_close = open(r->paths.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd))
		return xg_fail_errno(err, errno, "%s", r->paths.dir);
	return 0;
}

static int flush_file(const char *path, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return xg_fail_errno(err, errno, "%s", path);
	return 0;
}

static int contents_to_disk(struct xg_repo_batch *b, struct xg_err *err)
{
	char path[PATH_MAX];
	size_t i;
	int rc = 0;

	if (b->count >= FLUSH_ALL_FROM)
		return flush_all(b->r, err);
	for (i = 0; !rc && i < b->count; i++) {
		staged_path(b->r, i, path);
		rc = flush_file(path, err);
	}
	return rc;
}

/* The folder's own name is in its parent. */
static int folder_make(const char *path, struct xg_err *err)
{
	char parent[PATH_MAX];

	if (!mkdir(path, 0755)) {
		snprintf(parent, sizeof(parent), "%s", path);
		*strrchr(parent, '/') = '\0';
		return xg_dir_sync(parent, err);
	}
	return errno == EEXIST ? 0 : xg_fail_errno(err, errno, "cannot create %s", path);
}

static int rename_one(struct xg_repo_batch *b, size_t i, struct xg_err *err)
{
	char from[PATH_MAX], to[PATH_MAX], folder[PATH_MAX];
	int rc;

	staged_path(b->r, i, from);
	final_path(b->r, &b->files[i], to);
	snprintf(folder, sizeof(folder), "%s", to);
	*strrchr(folder, '/') = '\0';
	rc = folder_make(folder, err);
	if (rc)
		return rc;
	if (rename(from, to))
		return xg_fail_errno(err, errno, "%s", to);
	b->files[i].renamed = true;
	return b->count >= FLUSH_ALL_FROM ? 0 : xg_dir_sync(folder, err);
}

static int rename_all(struct xg_repo_batch *b, bool signatures, struct xg_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < b->count; i++)
		if (b->files[i].signature == signatures)
			rc = rename_one(b, i, err);
	return rc;
}

/* Images that came from a file that has another one now. */
struct outdated {
	struct xg_repo_batch *b;
	char (*digests)[XG_DIGEST_HEX];
	size_t count, room;
};

static int outdated_take(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct outdated *o = ctx;
	char (*digests)[XG_DIGEST_HEX];

	if (is_staged(o->b, e->digest))
		return 0;
	digests = grow(o->digests, o->count, &o->room, sizeof(*digests));
	if (!digests)
		return xg_fail_errno(err, ENOMEM, "images to replace");
	o->digests = digests;
	memcpy(digests[o->count++], e->digest, sizeof(*digests));
	return 0;
}

static int outdated_find(struct outdated *o, struct xg_err *err)
{
	struct xg_repo_batch *b = o->b;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < b->drop_count; i++)
		rc = xg_index_origin(b->r->index, b->drops[i], outdated_take, o, err);
	return rc;
}

/* The rows: the one step that shows. */
static int rows_write(struct xg_repo_batch *b, const struct outdated *o, struct xg_err *err)
{
	size_t i;
	int rc = xg_index_begin(b->r->index, err);

	for (i = 0; !rc && i < b->entry_count; i++)
		rc = xg_index_put(b->r->index, &b->entries[i], err);
	for (i = 0; !rc && i < o->count; i++)
		rc = xg_index_mark(b->r->index, o->digests[i], err);
	if (!rc)
		rc = xg_fault_point("repo add: rows written", err);
	return xg_index_end(b->r->index, rc, err);
}

static int marked_finish(struct xg_repo *r, struct xg_err *err);

static int commit_steps(struct xg_repo_batch *b, struct outdated *o, struct xg_err *err)
{
	int rc = contents_to_disk(b, err);

	if (!rc)
		rc = xg_fault_point("repo add: on the disk", err);
	if (!rc)
		rc = rename_all(b, true, err);
	if (!rc)
		rc = xg_fault_point("repo add: signatures renamed", err);
	if (!rc)
		rc = rename_all(b, false, err);
	if (!rc && b->count >= FLUSH_ALL_FROM)
		rc = flush_all(b->r, err);
	if (!rc)
		rc = xg_fault_point("repo add: renamed", err);
	if (!rc)
		rc = outdated_find(o, err);
	if (!rc && (b->entry_count || o->count))
		rc = rows_write(b, o, err);
	if (!rc)
		rc = xg_fault_point("repo add: committed", err);
	return rc || !o->count ? rc : marked_finish(b->r, err);
}

int xg_repo_commit(struct xg_repo_batch *b, struct xg_err *err)
{
	struct outdated o = { .b = b };
	int rc = commit_steps(b, &o, err);

	free(o.digests);
	return rc;
}

/* ---- Removing ----------------------------------------------------------------------------------------------- */

static int unlink_signature(const struct xg_repo *r, const char *digest, const char *name, struct xg_err *err)
{
	char path[PATH_MAX];

	if (strncmp(name, digest, XG_DIGEST_HEX - 1) || (size_t)snprintf(path, sizeof(path), "%s/signatures/%.2s/%s",
									 r->paths.dir, digest, name) >= sizeof(path))
		return 0;
	return unlink(path) && errno != ENOENT ? xg_fail_errno(err, errno, "%s", path) : 0;
}

struct removal {
	const struct xg_repo *r;
	const char *digest;
};

static int removal_visit(void *ctx, const char *name, struct xg_err *err)
{
	const struct removal *m = ctx;

	return unlink_signature(m->r, m->digest, name, err);
}

int xg_repo_unlink(struct xg_repo *r, const char *digest, struct xg_err *err)
{
	struct removal m = { r, digest };
	char path[PATH_MAX];
	int rc;

	xg_blob_path(r, digest, path);
	if (unlink(path) && errno != ENOENT)
		return xg_fail_errno(err, errno, "%s", path);
	rc = xg_fault_point("repo remove: blob unlinked", err);
	snprintf(path, sizeof(path), "%s/signatures/%.2s", r->paths.dir, digest);
	return rc ? rc : xg_dir_walk(path, removal_visit, &m, err);
}

static int marked_one(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	return xg_repo_unlink(ctx, e->digest, err);
}

static int marked_drop(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct xg_repo *r = ctx;

	return xg_index_remove(r->index, e->digest, err);
}

/* Files first, then rows: as long as the row is there it is known what is owed. */
static int marked_finish(struct xg_repo *r, struct xg_err *err)
{
	int rc = xg_index_marked(r->index, marked_one, r, err);

	if (!rc)
		rc = xg_index_begin(r->index, err);
	if (rc)
		return rc;
	return xg_index_end(r->index, xg_index_marked(r->index, marked_drop, r, err), err);
}

int xg_repo_lock(struct xg_repo *r, int *ret, struct xg_err *err)
{
	int lock xg_auto_close = -1;
	bool any = false;
	int rc = xg_repo_lock_file(&r->paths, &lock, err);

	if (!rc)
		rc = xg_index_marked(r->index, xg_index_any, &any, err);
	if (!rc && any)
		rc = marked_finish(r, err);
	if (rc)
		return rc;
	*ret = lock;
	lock = -1;
	return 0;
}

int xg_repo_remove(struct xg_repo *r, const char *digest, struct xg_err *err)
{
	int lock xg_auto_close = -1;
	struct xg_entry e;
	int rc = xg_repo_lock(r, &lock, err);

	if (!rc)
		rc = xg_repo_entry(r, digest, &e, err);
	if (!rc)
		rc = xg_index_begin(r->index, err);
	if (rc)
		return rc;
	rc = xg_index_end(r->index, xg_index_mark(r->index, digest, err), err);
	if (!rc)
		rc = xg_fault_point("repo remove: marked", err);
	return rc ? rc : marked_finish(r, err);
}
