// SPDX-License-Identifier: GPL-2.0-or-later
/* The queue of jobs. Called by the loop; pure. */
#include "dom0-tools/daemon/queue.h"

#include <stdio.h>
#include <string.h>

void xgd_queue_init(struct xgd_queue *q, uint64_t seed)
{
	*q = (struct xgd_queue){ .random = seed | 1 };
}

void xgd_queue_fini(struct xgd_queue *q)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		free(q->jobs[i]);
	free(q->jobs);
	*q = (struct xgd_queue){ .jobs = NULL };
}

/* xorshift64: so that what failed together does not come back together. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

uint64_t xgd_backoff_ms(const struct xgd_config *c, unsigned int tries, uint64_t *random)
{
	uint64_t most = c->retry_most_s * UINT64_C(1000), wait = c->retry_first_s * UINT64_C(1000);

	while (tries-- > 1 && wait < most)
		wait *= 2;
	wait = wait < most ? wait : most;
	return wait - wait / 4 + random_next(random) % (wait / 2 + 1);
}

static bool same(const struct xgd_want *a, const struct xgd_want *b)
{
	return a->verb == b->verb && a->domid == b->domid && a->devid == b->devid && !strcmp(a->uuid, b->uuid) &&
	       !strcmp(a->mode, b->mode) && !strcmp(a->words, b->words);
}

static struct xgd_job *find(struct xgd_queue *q, const struct xgd_want *want)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		if (same(&q->jobs[i]->want, want))
			return q->jobs[i];
	return NULL;
}

static int add(struct xgd_queue *q, const struct xgd_want *want, uint64_t now_ms, struct xg_err *err)
{
	struct xgd_job **more, *job;

	if (q->count == XGD_QUEUE_MAX)
		return 0;
	if (q->count == q->room) {
		size_t room = q->room ? q->room * 2 : 16;

		more = realloc(q->jobs, room * sizeof(*more));
		if (!more)
			return xg_fail_errno(err, ENOMEM, "queue");
		q->jobs = more;
		q->room = room;
	}
	job = calloc(1, sizeof(*job));
	if (!job)
		return xg_fail_errno(err, ENOMEM, "queue");
	*job = (struct xgd_job){
		.want = *want, .since_ms = now_ms, .not_before_ms = now_ms + want->delay_ms, .wanted = true, .status = -1,
	};
	q->jobs[q->count++] = job;
	return 0;
}

static void drop(struct xgd_queue *q, size_t i)
{
	free(q->jobs[i]);
	memmove(&q->jobs[i], &q->jobs[i + 1], (--q->count - i) * sizeof(q->jobs[0]));
}

int xgd_queue_update(struct xgd_queue *q, const struct xgd_want *wants, size_t count, uint64_t now_ms, struct xg_err *err)
{
	struct xgd_job *job;
	size_t i;
	int rc = 0;

	for (i = 0; i < q->count; i++)
		q->jobs[i]->wanted = false;
	for (i = 0; i < count; i++) {
		job = find(q, &wants[i]);
		if (job) {
			job->wanted = true;
			job->want = wants[i];
		} else if (!rc)
			rc = add(q, &wants[i], now_ms, err);
	}
	for (i = q->count; i-- > 0;)
		if (!q->jobs[i]->wanted && !q->jobs[i]->running)
			drop(q, i);
	return rc;
}

static bool guest_is_busy(const struct xgd_queue *q, const char *uuid)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		if (q->jobs[i]->running && !strcmp(q->jobs[i]->want.uuid, uuid))
			return true;
	return false;
}

static bool may_start(const struct xgd_queue *q, const struct xgd_config *c, const struct xgd_job *job, uint64_t now_ms)
{
	return !job->running && job->wanted && job->not_before_ms <= now_ms && q->running < c->jobs &&
	       !guest_is_busy(q, job->want.uuid);
}

struct xgd_job *xgd_queue_next(struct xgd_queue *q, const struct xgd_config *c, uint64_t now_ms)
{
	struct xgd_job *best = NULL;
	size_t i;

	for (i = 0; i < q->count; i++)
		if (may_start(q, c, q->jobs[i], now_ms) && (!best || q->jobs[i]->not_before_ms < best->not_before_ms))
			best = q->jobs[i];
	return best;
}

void xgd_queue_started(struct xgd_queue *q, struct xgd_job *job, void *run, uint64_t now_ms)
{
	job->running = true;
	job->run = run;
	job->started_ms = now_ms;
	q->running++;
}

/* Also after it went well: if the next look wants it all the same, something is wrong, and it must not become a storm. */
static void again_later(struct xgd_queue *q, const struct xgd_config *c, struct xgd_job *job, uint64_t now_ms)
{
	job->tries++;
	job->not_before_ms = now_ms + xgd_backoff_ms(c, job->tries, &q->random);
	if (job->want.verb == XGD_ATTACH && now_ms - job->since_ms >= c->attach_limit_s * UINT64_C(1000))
		job->not_before_ms = XGD_NEVER;
}

void xgd_queue_ended(struct xgd_queue *q, const struct xgd_config *c, struct xgd_job *job, int status, const char *said,
		     uint64_t now_ms)
{
	size_t i;

	q->running--;
	job->running = false;
	job->run = NULL;
	job->status = status;
	snprintf(job->said, sizeof(job->said), "%s", status ? said : "");
	again_later(q, c, job, now_ms);
	for (i = 0; !job->wanted && i < q->count; i++)
		if (q->jobs[i] == job) {
			drop(q, i);
			break;
		}
}

uint64_t xgd_queue_due(const struct xgd_queue *q, const struct xgd_config *c)
{
	uint64_t due = XGD_NEVER;
	size_t i;

	for (i = 0; i < q->count; i++)
		if (q->jobs[i]->not_before_ms < due && may_start(q, c, q->jobs[i], XGD_NEVER))
			due = q->jobs[i]->not_before_ms;
	return due;
}

bool xgd_queue_swaps(const struct xgd_queue *q, uint32_t domid)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		if (q->jobs[i]->want.domid == domid && (q->jobs[i]->running || q->jobs[i]->want.verb == XGD_SWAP))
			return true;
	return false;
}

void xgd_queue_forgive(struct xgd_queue *q, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < q->count; i++) {
		if (q->jobs[i]->running || q->jobs[i]->not_before_ms != XGD_NEVER)
			continue;
		q->jobs[i]->since_ms = now_ms;
		q->jobs[i]->not_before_ms = now_ms;
		q->jobs[i]->tries = 0;
	}
}
