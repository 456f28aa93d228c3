/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files: read with a ceiling, written so that a reader sees the old or the new one. */
#ifndef XG_REPO_FILE_H
#define XG_REPO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/*
 * Regular files only, MAX bytes at most (-EFBIG); *ret has a NUL behind it and is the caller's to free(). The text of
 * the error begins with the path.
 */
int xg_file_read(const char *path, size_t max, char **ret, size_t *ret_size, struct xg_err *err);
/* Makes PATH anew with these bytes; -EEXIST when it is there. SYNC: they are on the disk on return. */
int xg_file_create(const char *path, const void *bytes, size_t size, mode_t mode, bool sync, struct xg_err *err);
/* Puts a file with these bytes at PATH, by way of PATH.new; on the disk on return. */
int xg_file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct xg_err *err);
/* What was renamed or created in DIR is on the disk on return. */
int xg_dir_sync(const char *dir, struct xg_err *err);
/* With the folders above it; the last with MODE. 0 when it is there. */
int xg_dir_make(const char *path, mode_t mode, struct xg_err *err);

/* Visits the names in DIR but those that begin with '.', in order. No folder: no names. The visitor's error ends it. */
int xg_dir_walk(const char *dir, int (*visit)(void *ctx, const char *name, struct xg_err *err), void *ctx,
		struct xg_err *err);

#endif
