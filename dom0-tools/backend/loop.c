// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io_uring behind loop.h. Called by disk.c, engine.c and target.c from the one thread; must never lose a
 * completion: the queue of completions holds more than can be under way.
 */
#include "dom0-tools/backend/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lib/base/array.h"

#define LOOP_SUBMIT 256u
/* 8 queues of 128 requests, and a few descriptors. */
#define LOOP_COMPLETE 2048u
/* Workers of the kernel for what would block (buffered writes, discards): as many as a disk's queue is deep. */
#define LOOP_WORKERS 16u

/* The fastest that this kernel knows: 6.1 has all of them; plain io_uring works as well. */
static const unsigned int loop_setups[] = {
	IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN,
	IORING_SETUP_CQSIZE,
};

static int loop_setup(struct loop *l)
{
	size_t i;
	int rc = -EINVAL;

	for (i = 0; i < XG_ARRAY_SIZE(loop_setups) && rc == -EINVAL; i++) {
		struct io_uring_params params = { .flags = loop_setups[i], .cq_entries = LOOP_COMPLETE };

		rc = io_uring_queue_init_params(LOOP_SUBMIT, &l->ring, &params);
		l->quiet = !rc && params.features & IORING_FEAT_CQE_SKIP;
	}
	return rc;
}

int loop_init(struct loop *l, struct xg_err *err)
{
	unsigned int workers[2] = { LOOP_WORKERS, LOOP_WORKERS };
	int rc;

	memset(l, 0, sizeof(*l));
	rc = loop_setup(l);
	if (rc) {
		l->ring.ring_fd = -1;
		return xg_fail_errno(err, -rc, "cannot make an io_uring");
	}
	/* Both only spare something: without them it works the same. */
	(void)io_uring_register_ring_fd(&l->ring);
	(void)io_uring_register_iowq_max_workers(&l->ring, workers);
	return 0;
}

void loop_fini(struct loop *l)
{
	if (l->ring.ring_fd >= 0)
		io_uring_queue_exit(&l->ring);
	l->ring.ring_fd = -1;
}

static struct io_uring_sqe *loop_sqe(struct loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (sqe || io_uring_submit(&l->ring) < 0)
		return sqe;
	return io_uring_get_sqe(&l->ring);
}

int loop_read(struct loop *l, struct loop_op *op, int fd, void *buf, uint32_t bytes, uint64_t offset)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_read(sqe, fd, buf, bytes, offset);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_write(struct loop *l, struct loop_op *op, int fd, const void *buf, uint32_t bytes, uint64_t offset)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_write(sqe, fd, buf, bytes, offset);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_datasync(struct loop *l, struct loop_op *op, int fd)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_fallocate(struct loop *l, struct loop_op *op, int fd, int mode, uint64_t offset, uint64_t bytes)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_fallocate(sqe, fd, mode, offset, bytes);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_poll_in(struct loop *l, struct loop_op *op, int fd)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_timer(struct loop *l, struct loop_op *op, struct __kernel_timespec *after)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_timeout(sqe, after, 0, 0);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_post(struct loop *l, struct loop_op *op, int fd, const void *buf, uint32_t bytes)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_write(sqe, fd, buf, bytes, 0);
	if (l->quiet)
		io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

/* Bounded by what was there at the start: `done` may begin new things that end at once. */
static void loop_dispatch(struct loop *l)
{
	unsigned int left = io_uring_cq_ready(&l->ring);
	struct io_uring_cqe *cqe;

	while (left-- > 0 && !io_uring_peek_cqe(&l->ring, &cqe)) {
		struct loop_op *op = io_uring_cqe_get_data(cqe);
		int32_t res = cqe->res;

		io_uring_cqe_seen(&l->ring, cqe);
		op->done(op, res);
	}
}

int loop_turn(struct loop *l, bool wait, struct xg_err *err)
{
	int rc;

	if (wait)
		rc = io_uring_submit_and_wait(&l->ring, 1);
	else
		rc = io_uring_submit_and_get_events(&l->ring);
	/* EINTR: a signal without a handler here (a debugger's). EBUSY, EAGAIN: reap first, then again. */
	if (rc < 0 && rc != -EINTR && rc != -EBUSY && rc != -EAGAIN)
		return xg_fail_errno(err, -rc, "io_uring failed");
	loop_dispatch(l);
	return 0;
}
