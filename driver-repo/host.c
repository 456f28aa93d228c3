// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's own key, and the images that came with the package. Called by `init` and by a first use. What root put
 * into the package's folders has the trust of /usr/sbin: the host signs it when it takes it in, and from then on
 * bytes and signature are what counts. A file that others could have written is left out.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"
#include "lib/base/fault_point.h"

/* ---- The key ------------------------------------------------------------------------------------------------ */

static void key_comment(const char *what, const uint8_t id[8], char *ret, size_t room)
{
	char host[65] = "", text[XG_KEY_ID_TEXT];

	(void)gethostname(host, sizeof(host) - 1);
	xg_key_id_text(id, text);
	snprintf(ret, room, "xengraft %s key %s of host %s", what, text, host);
}

/* The public half first: half a pair is made anew then, and nothing was signed with it. */
static int key_write(const char *confdir, const struct xg_secret_key *key, struct xg_err *err)
{
	char path[PATH_MAX], comment[160], *text = NULL;
	struct xg_public_key public_key;
	size_t size;
	int rc;

	xg_public_key_of(key, &public_key);
	key_comment("public", key->id, comment, sizeof(comment));
	rc = xg_public_key_format(&public_key, comment, &text, &size, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/keys.d/host.pub", confdir);
	rc = xg_file_replace(path, text, size, 0644, err);
	free(text);
	if (!rc)
		rc = xg_fault_point("repo key: public half", err);
	key_comment("secret", key->id, comment, sizeof(comment));
	if (!rc)
		rc = xg_secret_key_format(key, comment, NULL, &text, &size, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/host.key", confdir);
	rc = xg_file_replace(path, text, size, 0600, err);
	sodium_memzero(text, size);
	free(text);
	return rc;
}

int xg_repo_host_key_make(const char *confdir, bool *ret_made, struct xg_err *err)
{
	int lock xg_auto_close = -1;
	struct xg_secret_key key;
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/keys.d", confdir);
	rc = xg_dir_make(path, 0755, err);
	if (rc)
		return rc;
	lock = open(confdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX))
		return xg_fail_errno(err, errno, "%s", confdir);
	snprintf(path, sizeof(path), "%s/host.key", confdir);
	if (ret_made)
		*ret_made = false;
	if (!access(path, F_OK))
		return 0;
	rc = xg_key_make(&key, err);
	if (!rc)
		rc = key_write(confdir, &key, err);
	xg_secret_key_wipe(&key);
	if (ret_made)
		*ret_made = !rc;
	return rc;
}

int xg_repo_secret_key(const char *confdir, const char *path, const char *password, struct xg_secret_key *ret,
		       struct xg_err *err)
{
	char own[PATH_MAX], *text;
	size_t size;
	int rc;

	if (sodium_init() < 0)
		return xg_fail(err, EIO, "libsodium does not start");
	snprintf(own, sizeof(own), "%s/host.key", confdir);
	rc = xg_file_read(path ? path : own, XG_MINISIGN_MAX, &text, &size, err);
	if (rc == -ENOENT && !path)
		return xg_fail(err, ENOENT, "this host has no key %s: 'xengraft-repo init' makes one", own);
	if (rc)
		return rc;
	rc = xg_secret_key_parse(text, size, password, ret, err);
	sodium_memzero(text, size);
	free(text);
	return rc ? xg_fail_in(err, "%s", path ? path : own) : 0;
}

int xg_repo_sign(const struct xg_secret_key *key, const struct xg_image *image, const char *name, const char *origin,
		 char **ret, size_t *ret_size, struct xg_err *err)
{
	char comment[160], trusted[1024], id[XG_KEY_ID_TEXT];

	xg_key_id_text(key->id, id);
	snprintf(comment, sizeof(comment), "signature from xengraft key %s", id);
	snprintf(trusted, sizeof(trusted), "timestamp:%lld\tfile:%.200s\thashed%s%.500s", (long long)time(NULL), name,
		 origin ? "\torigin:" : "", origin ? origin : "");
	return xg_signature_make(key, image->bytes, image->size, comment, trusted, ret, ret_size, err);
}

/* ---- Packaged images ---------------------------------------------------------------------------------------- */

#define ADOPT_MAX 4096u		/* files in the folders; a host has tens of kernels */

struct adoption {
	struct xg_repo *r;
	struct xg_repo_batch *batch;
	struct xg_repo_report *report;
	struct xg_secret_key key;
	char dir[PATH_MAX / 2];
	char (*names)[256];		/* that an earlier folder had */
	size_t count;
	bool changes;
};

/* That none but root (or who runs this) can have written. */
static bool is_roots(const char *path)
{
	struct stat st;

	return !stat(path, &st) && (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool name_seen(struct adoption *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		if (!strcmp(a->names[i], name))
			return true;
	return false;
}

/* A file that does not count, or not any more: what was taken from it goes. */
static int adopt_drop(struct adoption *a, const char *path, struct xg_err *err)
{
	bool any = false;
	int rc = xg_index_origin(a->r->index, path, xg_index_any, &any, err);

	if (rc || !any)
		return rc;
	a->changes = true;
	return xg_repo_stage_drop(a->batch, path, err);
}

/* There, from this file, and signed: nothing to do. */
static bool adopted_already(struct adoption *a, const struct xg_image *image, const char *path)
{
	struct xg_image *there xg_auto(xg_image_free_p) = NULL;
	struct xg_verdict v;
	struct xg_entry e;

	return !xg_repo_entry(a->r, image->digest, &e, NULL) && !strcmp(e.origin, path) &&
		!xg_repo_load(a->r, image->digest, &there, &v, NULL) && v.trust == XG_TRUSTED;
}

static int adopt_image(struct adoption *a, const struct xg_image *image, const char *path, const char *name,
		       struct xg_err *err)
{
	char *text xg_auto_free = NULL;
	struct xg_entry e;
	size_t size;
	int rc;

	if (adopted_already(a, image, path))
		return 0;
	a->changes = true;
	a->report->images += xg_repo_entry(a->r, image->digest, &e, NULL) != 0;
	rc = xg_repo_stage(a->batch, image, path, err);
	if (!rc)
		rc = xg_repo_sign(&a->key, image, name, path, &text, &size, err);
	if (!rc)
		rc = xg_repo_stage_signature(a->batch, image->digest, text, size, err);
	return rc ? rc : xg_repo_stage_drop(a->batch, path, err);
}

static int adopt_left_out(struct adoption *a, const char *path, const char *why, struct xg_err *err)
{
	a->report->damaged++;
	xg_report_line(a->report, path, "%s", why);
	return adopt_drop(a, path, err);
}

static int adopt_file(void *ctx, const char *name, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_err why = XG_ERR_NONE;
	size_t length = strlen(name);
	struct adoption *a = ctx;
	char path[PATH_MAX];
	int rc;

	if (length < 3 || length >= sizeof(a->names[0]) || strcmp(name + length - 2, ".o"))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", a->dir, name);
	if (name_seen(a, name))
		return adopt_drop(a, path, err);
	if (a->count == ADOPT_MAX)
		return xg_fail(err, EFBIG, "more than %u packaged images", ADOPT_MAX);
	if (!is_roots(path))
		return adopt_left_out(a, path, "may be written by others than root: it is left out", err);
	rc = xg_image_load(path, &image, &why);
	if (rc == -ENOMEM)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	if (rc)
		return adopt_left_out(a, path, why.text, err);
	strcpy(a->names[a->count++], name);
	return adopt_image(a, image, path, name, err);
}

static int adopt_folder(struct adoption *a, const char *dir, size_t length, struct xg_err *err)
{
	char part[PATH_MAX / 2];

	if (!length || length >= sizeof(part))
		return 0;
	snprintf(part, sizeof(part), "%.*s", (int)length, dir);
	if (access(part, F_OK))
		return 0;
	if (!is_roots(part)) {
		a->report->damaged++;
		xg_report_line(a->report, part, "may be written by others than root: its images are left out");
		return 0;
	}
	memcpy(a->dir, part, sizeof(a->dir));
	return xg_dir_walk(a->dir, adopt_file, a, err);
}

/* Images of files that are there no more: a personality that was uninstalled. */

static bool lies_in(const char *path, const char *dirs)
{
	const char *end, *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	for (; *dirs; dirs = *end ? end + 1 : end) {
		end = strchrnul(dirs, ':');
		if (length && (size_t)(end - dirs) == length && !strncmp(dirs, path, length))
			return true;
	}
	return false;
}

static int gone_take(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct adoption *a = ctx;

	if (!e->origin[0] || !lies_in(e->origin, a->r->paths.images) || !access(e->origin, F_OK) || errno != ENOENT)
		return 0;
	a->changes = true;
	return xg_repo_stage_drop(a->batch, e->origin, err);
}

static int adopt_all(struct adoption *a, struct xg_err *err)
{
	const char *dir = a->r->paths.images, *end;
	int rc = 0;

	for (; !rc && *dir; dir = *end ? end + 1 : end) {
		end = strchrnul(dir, ':');
		rc = adopt_folder(a, dir, end - dir, err);
	}
	if (!rc)
		rc = xg_repo_list(a->r, gone_take, a, err);
	return rc || !a->changes ? rc : xg_repo_commit(a->batch, err);
}

int xg_repo_adopt(struct xg_repo *r, struct xg_repo_report *report, struct xg_err *err)
{
	struct adoption a = { .r = r, .report = report };
	int rc = xg_repo_secret_key(r->paths.confdir, NULL, NULL, &a.key, err);

	if (!rc) {
		a.names = calloc(ADOPT_MAX, sizeof(*a.names));
		rc = a.names ? xg_repo_begin(r, &a.batch, err) : xg_fail_errno(err, ENOMEM, "packaged images");
	}
	if (!rc)
		rc = adopt_all(&a, err);
	xg_repo_batch_free(a.batch);
	xg_secret_key_wipe(&a.key);
	free(a.names);
	return rc;
}

int xg_repo_setup(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_repo_report *report,
		  struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	int rc = xg_repo_host_key_make(paths->confdir, NULL, err);

	if (!rc)
		rc = xg_repo_create(paths, &r, err);
	if (!rc)
		rc = xg_repo_adopt(r, report, err);
	if (!rc)
		*ret = xg_take(r);
	return rc;
}
