// SPDX-License-Identifier: GPL-2.0-or-later
/* Opens the store and reads images from it. Called by who resolves, and by all commands. Changes nothing. */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"
#include "lib/base/array.h"
#include "lib/base/lock.h"

#define LOCK_WAIT_MS 60000

static const char hex_digits[] = "0123456789abcdef";

/* ---- Names -------------------------------------------------------------------------------------------------- */

bool xg_is_digest(const char *text)
{
	return strlen(text) == XG_DIGEST_HEX - 1 && strspn(text, hex_digits) == XG_DIGEST_HEX - 1;
}

void xg_blob_path(const struct xg_repo *r, const char *digest, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/blobs/sha256/%.2s/%s", r->paths.dir, digest, digest);
}

void xg_signature_path(const struct xg_repo *r, const char *digest, const char *key_id, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/signatures/%.2s/%s.%s" XG_SIGNATURE_TAIL, r->paths.dir, digest, digest, key_id);
}

uint32_t xg_note_pattern(const struct xg_image_note *n)
{
	return (n->build_id[0] ? XG_STATES_BUILD : 0) | (n->release_last[0] ? XG_STATES_RANGE :
		n->release[0] ? XG_STATES_RELEASE : 0) | (n->os[0] ? XG_STATES_OS : 0) |
		(n->device[0] ? XG_STATES_DEVICE : 0) | (n->mode[0] ? XG_STATES_MODE : 0);
}

void xg_note_name(const struct xg_image_note *n, char ret[XG_NAME_MAX])
{
	if (!strcmp(n->kind, "driver"))
		snprintf(ret, XG_NAME_MAX, "%s%s%s %s", n->device[0] ? n->device : n->class_name, n->mode[0] ? "-" : "",
			 n->mode, n->version);
	else
		snprintf(ret, XG_NAME_MAX, "%s-%s%s%s %s", n->os, n->release, n->release_last[0] ? ".." : "",
			 n->release_last, n->version);
}

void xg_entry_of(const struct xg_image *image, struct xg_entry *ret)
{
	*ret = (struct xg_entry){ .size = image->size, .added = time(NULL), .note = image->note };
	memcpy(ret->digest, image->digest, sizeof(ret->digest));
	ret->pattern = xg_note_pattern(&image->note);
}

void xg_report_line(struct xg_repo_report *report, const char *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!report->line)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report->line(report->ctx, path, text);
}

/* ---- Opening ------------------------------------------------------------------------------------------------ */

int xg_repo_folders(const struct xg_repo_paths *paths, struct xg_err *err)
{
	static const char *const folders[] = { "/blobs/sha256", "/signatures", "/tmp" };
	char path[PATH_MAX];
	size_t i;
	int rc = xg_dir_make(paths->dir, 0700, err);

	for (i = 0; !rc && i < XG_ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s%s", paths->dir, folders[i]);
		rc = xg_dir_make(path, 0755, err);
	}
	return rc;
}

void xg_repo_close(struct xg_repo *r)
{
	if (!r)
		return;
	xg_index_close(r->index);
	xg_keyring_close(r->keyring);
	free(r);
}

static int repo_new(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return xg_fail_errno(err, ENOMEM, "repository");
	r->paths = *paths;
	rc = xg_repo_conf(paths->confdir, &r->conf, err);
	if (!rc)
		rc = xg_keyring_open(paths->confdir, &r->keyring, err);
	if (rc)
		return rc;
	*ret = xg_take(r);
	return 0;
}

static int no_index(const struct xg_repo_paths *paths, struct xg_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/blobs", paths->dir);
	if (access(path, F_OK))
		return xg_fail(err, ENOENT, "there is no repository at %s: 'xengraft-repo init' makes one", paths->dir);
	return xg_fail(err, ENOENT, "the repository at %s has no index: 'xengraft-repo reindex' makes it anew",
		       paths->dir);
}

static int repo_open(const struct xg_repo_paths *paths, bool create, struct xg_repo **ret, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	char path[PATH_MAX];
	int rc = repo_new(paths, &r, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/index.db", paths->dir);
	rc = xg_index_open(path, create, &r->index, err);
	if (rc == -ENOENT)
		rc = no_index(paths, err);
	if (!rc)
		*ret = xg_take(r);
	return rc;
}

bool xg_repo_exists(const struct xg_repo_paths *paths)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/blobs", paths->dir);
	return !access(path, F_OK) || errno != ENOENT;
}

int xg_repo_open(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err)
{
	return repo_open(paths, false, ret, err);
}

int xg_repo_create(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err)
{
	int lock xg_auto_close = -1;
	int rc = xg_repo_folders(paths, err);

	/* Two that make the index at once would both find it empty. */
	if (!rc)
		rc = xg_repo_lock_file(paths, &lock, err);
	return rc ? rc : repo_open(paths, true, ret, err);
}

const struct xg_repo_paths *xg_repo_places(const struct xg_repo *r)
{
	return &r->paths;
}

const struct xg_keyring *xg_repo_keyring(const struct xg_repo *r)
{
	return r->keyring;
}

const struct xg_repo_conf *xg_repo_policy(const struct xg_repo *r)
{
	return &r->conf;
}

/* ---- The lock ----------------------------------------------------------------------------------------------- */

int xg_repo_lock_file(const struct xg_repo_paths *paths, int *ret, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/lock", paths->dir);
	rc = xg_lock_file(path, LOCK_WAIT_MS, NULL, ret, err);
	return rc == -EAGAIN ?
		xg_fail(err, EAGAIN, "another process has been writing to the repository for a minute") : rc;
}

/* ---- Entries ------------------------------------------------------------------------------------------------ */

int xg_repo_entry(struct xg_repo *r, const char *digest, struct xg_entry *ret, struct xg_err *err)
{
	return xg_index_get(r->index, digest, ret, err);
}

struct search {
	struct xg_entry *ret;
	unsigned int found;
};

static int search_take(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct search *s = ctx;

	(void)err;
	if (!s->found++)
		*s->ret = *e;
	return 0;
}

int xg_repo_find(struct xg_repo *r, const char *name, struct xg_entry *ret, struct xg_err *err)
{
	struct search s = { .ret = ret };
	const char *digits = !strncmp(name, "sha256:", 7) ? name + 7 : name;
	size_t length = strlen(digits);
	int rc;

	if (length < 6 || length >= XG_DIGEST_HEX || strspn(digits, hex_digits) != length)
		return xg_fail(err, EINVAL, "'%s' is no image: six or more digits of its SHA-256 are wanted", name);
	rc = xg_index_prefix(r->index, digits, search_take, &s, err);
	if (rc)
		return rc;
	if (!s.found)
		return xg_fail(err, ENOENT, "no image %s in the repository", name);
	if (s.found > 1)
		return xg_fail(err, ENOTUNIQ, "the SHA-256 of more than one image begins with %s", digits);
	return 0;
}

int xg_repo_list(struct xg_repo *r, int (*visit)(void *ctx, const struct xg_entry *e, struct xg_err *err), void *ctx,
		 struct xg_err *err)
{
	return xg_index_all(r->index, visit, ctx, err);
}

/* ---- Bytes -------------------------------------------------------------------------------------------------- */

static void sha256_hex(const void *bytes, size_t size, char ret[XG_DIGEST_HEX])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, bytes, size);
	sodium_bin2hex(ret, XG_DIGEST_HEX, sum, sizeof(sum));
}

static int damaged(const char *digest, struct xg_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int damaged(const char *digest, struct xg_err *err, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return xg_fail(err, EBADMSG, "image %.12s is damaged: %s", digest, why);
}

static int blob_image(const char *digest, const char *bytes, size_t size, struct xg_image **ret,
		      struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char sum[XG_DIGEST_HEX];
	int rc = xg_image_parse(bytes, size, &image, err);

	if (rc == -ENOMEM)
		return rc;
	if (rc)
		sha256_hex(bytes, size, sum);
	else
		memcpy(sum, image->digest, sizeof(sum));
	if (strcmp(sum, digest))
		return damaged(digest, err, "its %zu bytes have the SHA-256 %.12s…", size, sum);
	if (rc)
		return xg_fail_in(err, "image %.12s", digest);
	*ret = xg_take(image);
	return 0;
}

int xg_repo_load(struct xg_repo *r, const char *digest, struct xg_image **ret, struct xg_verdict *v, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char path[PATH_MAX], *bytes xg_auto_free = NULL, *text;
	struct xg_err why = XG_ERR_NONE;
	size_t size, text_size, i;
	int rc;

	xg_blob_path(r, digest, path);
	rc = xg_file_read(path, XG_ELF_BYTES_MAX, &bytes, &size, &why);
	if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -EACCES)
		return xg_fail(err, -rc, "%s", why.text);
	if (rc)
		return damaged(digest, err, "%s", why.text);
	rc = blob_image(digest, bytes, size, &image, err);
	if (rc)
		return rc;
	xg_verdict_start(r->keyring, digest, v);
	for (i = 0; i < xg_keyring_count(r->keyring); i++) {
		xg_signature_path(r, digest, xg_keyring_key(r->keyring, i)->id, path);
		rc = xg_file_read(path, XG_MINISIGN_MAX, &text, &text_size, &why);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return xg_fail(err, -rc, "%s", why.text);
		xg_verdict_signature(r->keyring, text, text_size, image->bytes, image->size, v);
		free(text);
	}
	*ret = xg_take(image);
	return 0;
}

/* Of all signatures, so that the answer names the key. Only asked when none of the ring's is good. */
struct judge {
	struct xg_repo *r;
	const struct xg_image *image;
	struct xg_verdict *v;
};

static int judge_rest(void *ctx, const char *text, size_t size, struct xg_err *err)
{
	struct judge *j = ctx;

	(void)err;
	xg_verdict_signature(j->r->keyring, text, size, j->image->bytes, j->image->size, j->v);
	return 0;
}

int xg_repo_load_trusted(struct xg_repo *r, const char *digest, struct xg_image **ret, struct xg_verdict *v,
			 struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct judge j = { .r = r, .v = v };
	int rc = xg_repo_load(r, digest, &image, v, err);

	if (rc)
		return rc;
	j.image = image;
	if (v->trust == XG_UNSIGNED)
		rc = xg_repo_signatures(r, digest, true, judge_rest, &j, err);
	if (rc)
		return rc;
	/* The policy is for images that nobody signed yet: a wrong or revoked signature is no such thing. */
	if (v->trust != XG_TRUSTED && !(v->trust == XG_UNSIGNED && r->conf.unsigned_allowed))
		return xg_fail(err, EPERM, "image %.12s %s", digest, v->text);
	*ret = xg_take(image);
	return 0;
}

/* ---- Signatures --------------------------------------------------------------------------------------------- */

struct signatures {
	char dir[PATH_MAX];
	const char *digest;
	int (*visit)(void *ctx, const char *text, size_t size, struct xg_err *err);
	void *ctx;
};

static int signature_visit(struct signatures *s, const char *path, struct xg_err *err)
{
	char *text xg_auto_free = NULL;
	size_t size;
	int rc = xg_file_read(path, XG_MINISIGN_MAX, &text, &size, err);

	return rc ? rc : s->visit(s->ctx, text, size, err);
}

static int signature_name(void *ctx, const char *name, struct xg_err *err)
{
	struct signatures *s = ctx;
	char path[PATH_MAX];

	if (strncmp(name, s->digest, XG_DIGEST_HEX - 1))
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", s->dir, name) >= sizeof(path))
		return 0;
	return signature_visit(s, path, err);
}

int xg_repo_signatures(struct xg_repo *r, const char *digest, bool all,
		       int (*visit)(void *ctx, const char *text, size_t size, struct xg_err *err), void *ctx,
		       struct xg_err *err)
{
	struct signatures s = { .digest = digest, .visit = visit, .ctx = ctx };
	char path[PATH_MAX];
	size_t i;
	int rc = 0;

	if (all) {
		snprintf(s.dir, sizeof(s.dir), "%s/signatures/%.2s", r->paths.dir, digest);
		return xg_dir_walk(s.dir, signature_name, &s, err);
	}
	for (i = 0; !rc && i < xg_keyring_count(r->keyring); i++) {
		xg_signature_path(r, digest, xg_keyring_key(r->keyring, i)->id, path);
		if (!access(path, F_OK))
			rc = signature_visit(&s, path, err);
	}
	return rc;
}
