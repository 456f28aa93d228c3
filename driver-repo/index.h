/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index: a row an image, in SQLite (WAL). Inside driver-repo only. */
#ifndef XG_REPO_INDEX_H
#define XG_REPO_INDEX_H

#include "driver-repo/repo.h"

struct xg_index;

/* CREATE: makes file and tables. Otherwise -ENOENT. -EUCLEAN: damaged, or no index. */
int xg_index_open(const char *path, bool create, struct xg_index **ret, struct xg_err *err);
void xg_index_close(struct xg_index *x);	/* NULL is fine; an open transaction is undone */

int xg_index_begin(struct xg_index *x, struct xg_err *err);
/* All of it, or nothing when RC or the commit itself says so. */
int xg_index_end(struct xg_index *x, int rc, struct xg_err *err);

/* Replaces a row of the same digest. */
int xg_index_put(struct xg_index *x, const struct xg_entry *e, struct xg_err *err);
int xg_index_remove(struct xg_index *x, const char *digest, struct xg_err *err);
int xg_index_clear(struct xg_index *x, struct xg_err *err);
/* The row counts as gone from now on; its files are still there. */
int xg_index_mark(struct xg_index *x, const char *digest, struct xg_err *err);

int xg_index_get(struct xg_index *x, const char *digest, struct xg_entry *ret, struct xg_err *err);

typedef int xg_index_visit(void *ctx, const struct xg_entry *e, struct xg_err *err);

/* A visitor: is there any? CTX is a bool, false so far. */
int xg_index_any(void *ctx, const struct xg_entry *e, struct xg_err *err);

/* Of the rows whose digest begins with PREFIX (hexadecimal), two at most: enough to know whether it is one. */
int xg_index_prefix(struct xg_index *x, const char *prefix, xg_index_visit *visit, void *ctx, struct xg_err *err);
int xg_index_all(struct xg_index *x, xg_index_visit *visit, void *ctx, struct xg_err *err);
int xg_index_marked(struct xg_index *x, xg_index_visit *visit, void *ctx, struct xg_err *err);
int xg_index_origin(struct xg_index *x, const char *origin, xg_index_visit *visit, void *ctx, struct xg_err *err);

/*
 * The rows of one pattern that state just these things, newest version first. What the pattern does not state is "".
 * The visitor ends the walk by returning 1.
 */
struct xg_index_key {
	const char *kind, *class_name, *arch, *os, *release, *build_id, *device, *mode;
	uint32_t pattern;
};

int xg_index_fit(struct xg_index *x, const struct xg_index_key *key, xg_index_visit *visit, void *ctx,
		 struct xg_err *err);

#endif
