/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the store share. Inside driver-repo only. */
#ifndef XG_REPO_STORE_H
#define XG_REPO_STORE_H

#include <limits.h>

#include "driver-repo/index.h"
#include "driver-repo/repo.h"

struct xg_repo {
	struct xg_repo_paths paths;
	struct xg_repo_conf conf;
	struct xg_keyring *keyring;
	struct xg_index *index;
};

#define XG_SIGNATURE_TAIL ".minisig"

bool xg_is_digest(const char *text);
void xg_blob_path(const struct xg_repo *r, const char *digest, char ret[PATH_MAX]);
void xg_signature_path(const struct xg_repo *r, const char *digest, const char *key_id, char ret[PATH_MAX]);
/* Folders of the store, made when they are missing. */
int xg_repo_folders(const struct xg_repo_paths *paths, struct xg_err *err);

/* Waits for the other writers, finishes what one that died has left half removed. *ret is the lock: close() it. */
int xg_repo_lock(struct xg_repo *r, int *ret, struct xg_err *err);
/* The lock alone, without a repository that is open. */
int xg_repo_lock_file(const struct xg_repo_paths *paths, int *ret, struct xg_err *err);

/* Both files of an image; 0 when they are gone. The lock is held. */
int xg_repo_unlink(struct xg_repo *r, const char *digest, struct xg_err *err);

/* Visits all blobs, whatever the index says: their digests; names that are none are told of as strays. */
int xg_blob_walk(struct xg_repo *r, int (*visit)(void *ctx, const char *digest, const char *path, struct xg_err *err),
		 int (*stray)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err);
int xg_signature_walk(struct xg_repo *r,
		      int (*visit)(void *ctx, const char *digest, const char *path, struct xg_err *err),
		      int (*stray)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err);

void xg_entry_of(const struct xg_image *image, struct xg_entry *ret);
void xg_report_line(struct xg_repo_report *report, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
