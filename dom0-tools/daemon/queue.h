/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wanted and not done yet: when its turn comes, what came of it so far. Times are milliseconds of a clock that
 * the caller reads; nothing is started here.
 *
 *     plan ──update──► waiting ──next──► running ──ended──► waiting (back-off), until the plan does not want it any more
 */
#ifndef XGD_QUEUE_H
#define XGD_QUEUE_H

#include "dom0-tools/daemon/plan.h"

#define XGD_QUEUE_MAX XGD_WANTS_MAX
#define XGD_NEVER UINT64_MAX

struct xgd_job {
	struct xgd_want want;
	uint64_t since_ms;	/* wanted since */
	uint64_t not_before_ms;	/* XGD_NEVER: given up */
	unsigned int tries;
	bool wanted;		/* by the last plan */
	bool running;
	uint64_t started_ms;
	int status;		/* of the last try; -1: none yet */
	char said[200];		/* the last line of the last try that failed */
	void *run;		/* the caller's, while it runs */
};

struct xgd_queue {
	struct xgd_job **jobs;	/* each its own block: a running one is pointed to */
	size_t count, room;
	size_t running;
	uint64_t random;	/* of the jitter */
};

void xgd_queue_init(struct xgd_queue *q, uint64_t seed);
void xgd_queue_fini(struct xgd_queue *q);

/* The new plan: what is wanted still keeps its place, what is not goes unless it runs. -ENOMEM: some are missing. */
int xgd_queue_update(struct xgd_queue *q, const struct xgd_want *wants, size_t count, uint64_t now_ms, struct xg_err *err);
/* The next one that may start now, NULL: none. One a guest, c->jobs at once; who has waited longest first. */
struct xgd_job *xgd_queue_next(struct xgd_queue *q, const struct xgd_config *c, uint64_t now_ms);
void xgd_queue_started(struct xgd_queue *q, struct xgd_job *job, void *run, uint64_t now_ms);
/* STATUS: the exit status. JOB is gone afterwards if nothing wants it any more. SAID: what it said last. */
void xgd_queue_ended(struct xgd_queue *q, const struct xgd_config *c, struct xgd_job *job, int status, const char *said,
		     uint64_t now_ms);
/* When something may start by itself; XGD_NEVER. What waits for a job's end is not meant. */
uint64_t xgd_queue_due(const struct xgd_queue *q, const struct xgd_config *c);
/* Whether a disk of domain DOMID is to be swapped, or anything is at work on that guest. */
bool xgd_queue_swaps(const struct xgd_queue *q, uint32_t domid);
/* Who was given up gets another chance. */
void xgd_queue_forgive(struct xgd_queue *q, uint64_t now_ms);

/* The TRIES-th failure's wait: doubles from FIRST to MOST, a quarter more or less. */
uint64_t xgd_backoff_ms(const struct xgd_config *c, unsigned int tries, uint64_t *random);

#endif
