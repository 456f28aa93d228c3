/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore: the part of it that xengraft uses. Paths are absolute. What a guest may write is hostile: values
 * are bounded and parsed by xg_store_read_u64() and its like, never trusted.
 */
#ifndef XG_XEN_STORE_H
#define XG_XEN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define XG_STORE_VALUE_MAX 2048		/* xenstored's own quota on a value, bytes */
#define XG_STORE_PATH_MAX 512

struct xg_store;

int xg_store_open(struct xg_store **ret, struct xg_err *err);
void xg_store_close(struct xg_store *s);	/* NULL is fine */

/* Reads PATH into BUF (NUL-terminated); -ENOENT when it is not there, -E2BIG when it does not fit. */
int xg_store_read(struct xg_store *s, const char *path, char *buf, size_t size, struct xg_err *err);
/* An unsigned number, decimal or 0x; -EINVAL for anything else. */
int xg_store_read_u64(struct xg_store *s, const char *path, uint64_t *ret, struct xg_err *err);
/* Like xg_store_read_u64(), but FALLBACK when the node is not there. */
int xg_store_read_u64_or(struct xg_store *s, const char *path, uint64_t fallback, uint64_t *ret, struct xg_err *err);

int xg_store_write(struct xg_store *s, const char *path, const char *value, struct xg_err *err);
int xg_store_writef(struct xg_store *s, struct xg_err *err, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Removes PATH and all below it; 0 when there was nothing. */
int xg_store_remove(struct xg_store *s, const char *path, struct xg_err *err);
/*
 * Creates PATH (and what is missing above it) as a directory that OWNER owns and READER may read;
 * children inherit. OWNER and READER are domain ids.
 */
int xg_store_mkdir(struct xg_store *s, const char *path, uint32_t owner, uint32_t reader, struct xg_err *err);
/* Names of PATH's children: an array of *ret_count strings in one block to free(); -ENOENT. */
int xg_store_list(struct xg_store *s, const char *path, char ***ret, size_t *ret_count, struct xg_err *err);

/*
 * A transaction: between begin and end all calls on S belong to it. end() with commit returns -EAGAIN when
 * somebody else wrote: do it all again (at most XG_STORE_RETRIES times).
 */
#define XG_STORE_RETRIES 32
int xg_store_begin(struct xg_store *s, struct xg_err *err);
int xg_store_end(struct xg_store *s, bool commit, struct xg_err *err);
/* WORK between the two, again each time that somebody else wrote. What it returns ends it: 0 commits. */
int xg_store_transaction(struct xg_store *s, int (*work)(struct xg_store *s, void *ctx, struct xg_err *err), void *ctx,
			 struct xg_err *err);
/* Writes a node that is there; -ENOENT when it is not: what belonged to a domain that is gone is not made again. */
int xg_store_update(struct xg_store *s, const char *path, const char *value, struct xg_err *err);

/* Watches. TOKEN tells them apart. The descriptor becomes readable when one has fired. */
int xg_store_watch(struct xg_store *s, const char *path, const char *token, struct xg_err *err);
int xg_store_unwatch(struct xg_store *s, const char *path, const char *token, struct xg_err *err);
int xg_store_fd(struct xg_store *s);
/* The next event that is there without waiting: 1 and the two strings (NUL-terminated, cut), 0 when none. */
int xg_store_event(struct xg_store *s, char *path, size_t path_size, char *token, size_t token_size,
		   struct xg_err *err);

/* 1 while DOMID is known to xenstored, 0 once it is gone: ask after each event of the watch "@releaseDomain". */
int xg_store_domain_known(struct xg_store *s, uint32_t domid);

#endif
