/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path: takes requests from the queues' rings, moves data between the guest and the target, answers.
 *
 *     ring --take--> request --(indirect: fetch)--> buffer --(write: copy in)--> target --(read: copy out)--> ring
 *
 * It works in batches: what all queues have brought is copied in one call, and so is what is ready to go back. It
 * knows the guest through two functions alone, so that a test can be one.
 */
#ifndef XG_BACKEND_ENGINE_H
#define XG_BACKEND_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dom0-tools/backend/loop.h"
#include "dom0-tools/backend/pool.h"
#include "dom0-tools/backend/request.h"
#include "dom0-tools/backend/ring.h"
#include "dom0-tools/backend/target.h"
#include "lib/base/err.h"
#include "lib/xen/gnttab.h"

#define ENGINE_QUEUES_MAX 8
#define ENGINE_RING_PAGES_MAX 4		/* 128 requests a queue */

struct engine_guest {
	/* As xg_gnttab_copy(). */
	int (*copy)(void *ctx, struct xg_copy *copies, size_t count, struct xg_err *err);
	/* The frontend wants to know of responses in queue Q. */
	void (*notify)(void *ctx, unsigned int q);
};

/* Since the process began. */
struct engine_stats {
	uint64_t requests[REQUEST_KINDS];
	uint64_t bytes[REQUEST_KINDS];
	uint64_t refused;	/* that broke the protocol or asked for what the disk has not */
	uint64_t errors;	/* that the target or a grant failed */
	uint64_t copy_calls;
	uint64_t copies;
	uint64_t notifications;
	uint64_t events;	/* of the frontend's */
	uint64_t waits;		/* requests that had to wait for a buffer */
};

struct job;

/* Jobs in the order they came. */
struct job_list {
	struct job *first, **end;
};

struct engine_queue {
	struct ring ring;
	struct job *jobs;	/* a slot of the ring each */
	struct job *free;
	unsigned int taken;	/* requests not answered yet */
	bool kicked;		/* look at the ring */
	bool answered;		/* responses that were not pushed yet */
};

#define ENGINE_COPIES 256	/* of one call */
#define ENGINE_INDIRECT 32	/* descriptor pages fetched in one call */

struct engine {
	struct loop *loop;
	struct target *target;
	const struct engine_guest *guest;
	void *guest_ctx;
	struct request_limits limits;
	struct pool pool;
	struct engine_queue queues[ENGINE_QUEUES_MAX];
	unsigned int nr_queues;
	bool taking;		/* false while draining */
	bool broken;		/* a ring that cannot be true: `fault` says why */
	struct xg_err fault;
	unsigned int complaints;	/* lines logged about this connection's requests */
	struct job_list indirect;	/* taken; their descriptors are to be fetched */
	struct job_list ready;	/* checked; READ and WRITE wait for a buffer */
	struct job_list read;	/* data is there, to be copied out */
	struct xg_copy copies[ENGINE_COPIES];
	struct job *owners[ENGINE_COPIES];
	/* ENGINE_INDIRECT of them, in pages of our own */
	struct xg_blkif_segment (*descriptors)[REQUEST_SEGMENTS_MAX];
	struct engine_stats stats;
};

/* LOOP, TARGET and GUEST must outlive the engine. */
int engine_init(struct engine *e, struct loop *loop, struct target *target, const struct engine_guest *guest,
		void *guest_ctx, struct xg_err *err);
void engine_fini(struct engine *e);

/* Adds the next queue, whose ring of PAGES pages is mapped at SHARED. Before engine_start(). */
int engine_add(struct engine *e, void *shared, size_t pages, struct xg_err *err);
void engine_start(struct engine *e);
/* The frontend has notified queue Q. */
void engine_kick(struct engine *e, unsigned int q);
/*
 * Does what can be done without waiting, and asks for notifications of what comes later. Returns true if it
 * stopped although there may be more to do: call it again after a turn of the loop that does not wait.
 */
bool engine_run(struct engine *e);
/* Takes no more requests. Those taken are finished and answered by loop turns and engine_run(). */
void engine_drain(struct engine *e);
unsigned int engine_under_way(const struct engine *e);
/* Forgets all queues; nothing may be under way. The rings may be unmapped then. */
void engine_reset(struct engine *e);
/* Called now and then: gives memory back when idle. */
void engine_idle(struct engine *e);

#endif
