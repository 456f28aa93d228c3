/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: io_uring. Descriptors that wait and disk operations are the same kind of thing, so that one
 * system call starts what is to be started, sleeps, and brings what has ended.
 */
#ifndef XG_BACKEND_LOOP_H
#define XG_BACKEND_LOOP_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Something under way. The caller owns it and keeps it, and the memory that the operation uses, until `done` is
 * called, which happens once for each operation begun. RES is the system call's result, or -errno.
 */
struct loop_op {
	void (*done)(struct loop_op *op, int32_t res);
};

struct loop {
	struct io_uring ring;
	bool quiet;	/* the kernel can keep successes to itself */
};

int loop_init(struct loop *l, struct xg_err *err);
void loop_fini(struct loop *l);	/* what is under way is cancelled or waited for by the kernel */

/* Each begins with the next loop_turn(). -EBUSY without effect when the kernel takes no more. */
int loop_read(struct loop *l, struct loop_op *op, int fd, void *buf, uint32_t bytes, uint64_t offset);
int loop_write(struct loop *l, struct loop_op *op, int fd, const void *buf, uint32_t bytes, uint64_t offset);
int loop_datasync(struct loop *l, struct loop_op *op, int fd);
int loop_fallocate(struct loop *l, struct loop_op *op, int fd, int mode, uint64_t offset, uint64_t bytes);
int loop_poll_in(struct loop *l, struct loop_op *op, int fd);	/* once */
int loop_timer(struct loop *l, struct loop_op *op, struct __kernel_timespec *after);
/* A write that is carried out at once (a device's); `done` may be left out when it succeeds. BUF is kept as above. */
int loop_post(struct loop *l, struct loop_op *op, int fd, const void *buf, uint32_t bytes);

/* Begins what was asked for, waits for one thing to end unless WAIT is false, calls `done` of all that did. */
int loop_turn(struct loop *l, bool wait, struct xg_err *err);

#endif
