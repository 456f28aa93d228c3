/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a disk's bytes lie in: a file or a block device of Dom0, opened, checked and locked, and the operations
 * on it.
 */
#ifndef XG_BACKEND_TARGET_H
#define XG_BACKEND_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "dom0-tools/backend/loop.h"
#include "lib/base/err.h"

/*
 * From here to twice as far are marks: a byte each, locked by who has the target open beside another, which has the lock. So
 * one can see when it has let go. No lock reaches in there.
 */
#define TARGET_MARKS (UINT64_C(1) << 61)

struct target_spec {
	const char *path;	/* absolute */
	bool writable;
	bool discard;		/* offer it if the target can */
	bool lock;		/* refuse a target that another process uses */
	/* a byte, which others that share the target do not lock; 0: all of it, and a device is claimed */
	uint64_t lock_at;
	uint64_t mark_at;	/* its mark; 0: none */
	bool direct;		/* pass the page cache by if the target can */
};

struct target {
	int fd;
	int claim;		/* a second descriptor, which keeps others from the block device; 0: none */
	uint64_t lock_at;	/* as it was wanted */
	bool writable;
	bool block;		/* a block device */
	bool direct;		/* O_DIRECT */
	bool memory;		/* nothing ever waits: tmpfs */
	uint64_t sectors;	/* of 512 bytes */
	uint32_t block_bytes;	/* logical */
	uint32_t physical_bytes;
	int discard_mode;	/* for fallocate(); 0: no discard */
	uint32_t discard_granularity;	/* bytes */
	uint32_t discard_alignment;
};

/*
 * ENOENT, EACCES, ...: as open(2) says. EISDIR, EINVAL: no disk (wrong kind, empty, no whole number of
 * sectors). EROFS: a device that takes no writes. EBUSY: another process writes it, or reads it and this one
 * would write; or it is mounted.
 */
int target_open(const struct target_spec *spec, struct target *ret, struct xg_err *err);
/* Of a target that was opened without: the lock, and a block device's claim. EBUSY as above: it goes on without. */
int target_claim(struct target *t, const char *path, struct xg_err *err);
void target_close(struct target *t);	/* once; a zeroed one with fd -1 is fine */

enum target_op { TARGET_READ, TARGET_WRITE, TARGET_FLUSH, TARGET_DISCARD };

/*
 * Carries OP out or begins it. Returns 1 with the result in *ret_res when it is done already, 0 when op->done
 * will be called. A result is bytes moved (fewer than asked for is possible, 0 at the end), 0, or -errno.
 */
int target_io(struct target *t, struct loop *l, struct loop_op *op, enum target_op what, void *buf, uint64_t bytes,
	      uint64_t offset, int32_t *ret_res);

#endif
