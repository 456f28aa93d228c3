// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The data path behind engine.h. Called by disk.c in its one thread; must never let a guest's bytes decide
 * anything that request.c and ring.c have not checked, never hold more memory than the pool has, and answer each
 * request that it took exactly once.
 */
#include "dom0-tools/backend/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/addr.h"
#include "lib/base/log.h"

/* A guest can make requests fail as fast as it likes; the log of Dom0 is not its to fill. */
#define ENGINE_COMPLAINTS 8u
/* Rounds of one engine_run(): a guest that never stops must not keep signals and xenstore waiting. */
#define ENGINE_ROUNDS 16u
/* A target that answers EAGAIN or EINTR is asked again, but not for ever. */
#define JOB_TRIES 8u

enum job_stage { JOB_FLUSH_FIRST, JOB_DATA, JOB_FLUSH_LAST };

/* A request under way. */
struct job {
	struct loop_op op;
	struct engine *engine;
	struct engine_queue *queue;
	struct job *next;
	uint8_t *buf;		/* of the pool; NULL for what moves no data */
	uint64_t moved;		/* bytes of the data stage done so far */
	int result;		/* 0 or the -Exxx that it will be answered with */
	uint8_t stage;		/* enum job_stage */
	uint8_t tries;
	bool waited;		/* for a buffer */
	struct request rq;
};

static void job_list_init(struct job_list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void job_list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct job *job_list_get(struct job_list *l)
{
	struct job *j = l->first;

	if (!j)
		return NULL;
	l->first = j->next;
	if (!l->first)
		l->end = &l->first;
	return j;
}

/* All of them; the list is empty then. */
static struct job *job_list_take(struct job_list *l)
{
	struct job *first = l->first;

	job_list_init(l);
	return first;
}

static void engine_complain(struct engine *e, const char *what, const char *why)
{
	if (e->complaints >= ENGINE_COMPLAINTS)
		return;
	xg_warn("%s: %s%s", what, why,
		++e->complaints == ENGINE_COMPLAINTS ? " (more of these are not logged)" : "");
}

static bool job_moves_data(const struct job *j)
{
	return j->rq.kind == REQUEST_READ || j->rq.kind == REQUEST_WRITE;
}

static unsigned int job_pages(const struct job *j)
{
	return xg_pages_of(j->rq.bytes);
}

/* ---- Answers ---- */

static void job_count(struct engine *e, const struct job *j)
{
	if (j->result) {
		e->stats.errors++;
		return;
	}
	e->stats.requests[j->rq.kind]++;
	e->stats.bytes[j->rq.kind] += j->rq.bytes;
}

static void job_release(struct job *j)
{
	struct engine_queue *q = j->queue;

	if (j->buf)
		pool_put(&j->engine->pool, j->buf, job_pages(j));
	j->buf = NULL;
	j->next = q->free;
	q->free = j;
	q->taken--;
}

static void job_answer(struct job *j)
{
	struct engine_queue *q = j->queue;

	ring_respond(&q->ring, j->rq.id, j->rq.operation, request_status(j->result));
	q->answered = true;
	job_release(j);
}

static void job_finish(struct job *j)
{
	job_count(j->engine, j);
	job_answer(j);
}

static void job_fail(struct job *j, int rc, const char *what)
{
	static const char *const names[REQUEST_KINDS] = { "read", "write", "flush", "discard" };
	char text[120];

	j->result = rc;
	snprintf(text, sizeof(text), "%s of %llu bytes at %llu: %s", names[j->rq.kind],
		 (unsigned long long)j->rq.bytes, (unsigned long long)j->rq.offset, what);
	engine_complain(j->engine, "request failed", text);
	job_finish(j);
}

/* ---- Copies ---- */

/* Appends the copies for J; a segment that crosses a page of the buffer becomes two. */
static size_t job_copies(struct job *j, bool to_guest, size_t n)
{
	struct engine *e = j->engine;
	uint64_t at = 0;
	unsigned int i;

	for (i = 0; i < j->rq.nr_segments; i++) {
		const struct request_segment *seg = &j->rq.segments[i];
		unsigned int done = 0, part;

		for (; done < seg->bytes; done += part, at += part) {
			unsigned int room = XG_PAGE_SIZE - at % XG_PAGE_SIZE;

			part = seg->bytes - done < room ? seg->bytes - done : room;
			e->owners[n] = j;
			e->copies[n++] = (struct xg_copy){
				.ref = seg->ref, .offset = seg->offset + done, .bytes = part,
				.to_guest = to_guest, .local = j->buf + at, .status = -1,
			};
		}
	}
	return n;
}

/* Runs what stands in e->copies; an owner of one that failed gets a result. */
static void engine_copy_call(struct engine *e, size_t n)
{
	struct xg_err err = XG_ERR_NONE;
	size_t i;
	int rc;

	if (!n)
		return;
	rc = e->guest->copy(e->guest_ctx, e->copies, n, &err);
	e->stats.copy_calls++;
	e->stats.copies += n;
	for (i = 0; i < n; i++) {
		if (!rc && !e->copies[i].status)
			continue;
		e->owners[i]->result = rc ? rc : -EFAULT;
		if (!rc)
			xg_fail(&err, EFAULT, "reference %u: Xen's status %d", e->copies[i].ref, e->copies[i].status);
	}
	if (err.code)
		engine_complain(e, "grant copy failed", err.text);
}

/* Copies for all jobs from FIRST on, in as few calls as fit. */
static void engine_copy(struct engine *e, struct job *first, bool to_guest)
{
	size_t n = 0;
	struct job *j;

	for (j = first; j; j = j->next) {
		if (n + 2 * j->rq.nr_segments > ENGINE_COPIES) {
			engine_copy_call(e, n);
			n = 0;
		}
		n = job_copies(j, to_guest, n);
	}
	engine_copy_call(e, n);
}

_Static_assert(2 * REQUEST_SEGMENTS_MAX <= ENGINE_COPIES, "a request's copies fit into one call");
_Static_assert(REQUEST_SEGMENTS_MAX <= POOL_RUN_MAX, "a request's data fits into one buffer");

/* ---- The target ---- */

static enum target_op job_target_op(const struct job *j)
{
	static const unsigned char ops[REQUEST_KINDS] = {
		[REQUEST_READ] = TARGET_READ, [REQUEST_WRITE] = TARGET_WRITE,
		[REQUEST_FLUSH] = TARGET_FLUSH, [REQUEST_DISCARD] = TARGET_DISCARD,
	};

	return j->stage == JOB_DATA ? ops[j->rq.kind] : TARGET_FLUSH;
}

/* Begins the stage that J is in; true if its result is there. */
static bool job_begin(struct job *j, int32_t *ret_res)
{
	struct engine *e = j->engine;

	return target_io(e->target, e->loop, &j->op, job_target_op(j), j->buf ? j->buf + j->moved : NULL,
			 j->rq.bytes - j->moved, j->rq.offset + j->moved, ret_res);
}

/* Whether RES, of the stage that J is in, was all of it: 1, 0 for not yet, or -Exxx. */
static int job_judge(struct job *j, int32_t res)
{
	if ((res == -EAGAIN || res == -EINTR || res == -EBUSY) && ++j->tries < JOB_TRIES)
		return 0;
	if (res < 0)
		return res;
	if (j->stage != JOB_DATA || !job_moves_data(j))
		return 1;
	/* The target ends before the disk does: somebody cut it. */
	if (res == 0)
		return -EIO;
	j->moved += res;
	return j->moved >= j->rq.bytes;
}

/* The next stage, or false: that was the last. */
static bool job_next(struct job *j)
{
	if (!j->rq.durable || j->stage == JOB_FLUSH_LAST)
		return false;
	j->stage++;
	return true;
}

static void job_done(struct job *j)
{
	if (j->rq.kind == REQUEST_READ)
		job_list_add(&j->engine->read, j);
	else
		job_finish(j);
}

/* From a result onwards, as far as it goes without waiting. */
static void job_go_on(struct job *j, int32_t res)
{
	int rc;

	do {
		rc = job_judge(j, res);
		if (rc < 0) {
			job_fail(j, rc, strerror(-rc));
			return;
		}
		if (rc && !job_next(j)) {
			job_done(j);
			return;
		}
	} while (job_begin(j, &res));
}

static void job_op_done(struct loop_op *op, int32_t res)
{
	job_go_on((struct job *)op, res);
}

static void job_start(struct job *j)
{
	int32_t res;

	j->stage = j->rq.durable ? JOB_FLUSH_FIRST : JOB_DATA;
	if (job_begin(j, &res))
		job_go_on(j, res);
}

/* ---- From the ring to the target ---- */

/* Something that the protocol or the disk does not allow: answered, and counted apart from I/O errors. */
static void job_refuse(struct job *j, int rc, const struct xg_err *err)
{
	j->engine->stats.refused++;
	engine_complain(j->engine, "request refused", err->text);
	j->result = rc;
	job_answer(j);
}

static struct job *job_new(struct engine *e, struct engine_queue *q)
{
	/* There is one: ring_waiting() keeps what is taken below the ring's size, which is the number of jobs. */
	struct job *j = q->free;

	q->free = j->next;
	q->taken++;
	j->op.done = job_op_done;
	j->engine = e;
	j->queue = q;
	j->buf = NULL;
	j->moved = 0;
	j->result = 0;
	j->tries = 0;
	j->waited = false;
	return j;
}

static void engine_take_one(struct engine *e, struct engine_queue *q)
{
	struct xg_err err = XG_ERR_NONE;
	union xg_blkif_request raw;
	struct job *j = job_new(e, q);
	int rc;

	ring_take(&q->ring, &raw);
	rc = request_decode(&raw, &e->limits, &j->rq, &err);
	if (rc)
		job_refuse(j, rc, &err);
	else
		job_list_add(j->rq.indirect ? &e->indirect : &e->ready, j);
}

static void engine_break(struct engine *e, const struct xg_err *err)
{
	if (!e->broken)
		e->fault = *err;
	e->broken = true;
	e->taking = false;
}

/* True if there was something. */
static bool engine_take(struct engine *e, struct engine_queue *q)
{
	struct xg_err err = XG_ERR_NONE;
	uint32_t waiting, i;

	if (!e->taking || !q->kicked)
		return false;
	if (ring_waiting(&q->ring, &waiting, &err)) {
		engine_break(e, &err);
		return false;
	}
	for (i = 0; i < waiting; i++)
		engine_take_one(e, q);
	return waiting > 0;
}

/* Up to ENGINE_INDIRECT requests whose descriptors are fetched in one call. */
static void engine_fetch_batch(struct engine *e)
{
	struct job *batch[ENGINE_INDIRECT];
	struct xg_err err = XG_ERR_NONE;
	size_t n = 0, i;
	int rc;

	while (n < ENGINE_INDIRECT && (batch[n] = job_list_get(&e->indirect))) {
		e->owners[n] = batch[n];
		e->copies[n] = (struct xg_copy){
			.ref = batch[n]->rq.indirect_ref, .offset = 0, .local = e->descriptors[n], .status = -1,
			.bytes = batch[n]->rq.nr_segments * sizeof(struct xg_blkif_segment),
		};
		n++;
	}
	engine_copy_call(e, n);
	for (i = 0; i < n; i++) {
		if (batch[i]->result) {
			job_fail(batch[i], batch[i]->result, "its descriptors could not be copied");
			continue;
		}
		rc = request_decode_indirect(e->descriptors[i], &e->limits, &batch[i]->rq, &err);
		if (rc)
			job_refuse(batch[i], rc, &err);
		else
			job_list_add(&e->ready, batch[i]);
	}
}

/* Jobs that can go now, out of those that are ready; the first that gets no buffer stops those behind it. */
static void engine_admit(struct engine *e, struct job_list *start, struct job_list *copy)
{
	struct job *j;

	while ((j = e->ready.first)) {
		if (job_moves_data(j)) {
			j->buf = pool_get(&e->pool, job_pages(j));
			if (!j->buf) {
				e->stats.waits += !j->waited;
				j->waited = true;
				return;
			}
		}
		job_list_get(&e->ready);
		job_list_add(j->rq.kind == REQUEST_WRITE ? copy : start, j);
	}
}

/* What was copied, if it had to be, goes on to THEN; what could not be fails. */
static void engine_copied(struct job *first, void (*then)(struct job *j))
{
	struct job *j, *next;

	for (j = first; j; j = next) {
		next = j->next;
		if (j->result)
			job_fail(j, j->result, "its data could not be copied");
		else
			then(j);
	}
}

/* True if anything went. */
static bool engine_begin(struct engine *e)
{
	struct job_list start, copy;
	bool any;

	job_list_init(&start);
	job_list_init(&copy);
	while (e->indirect.first)
		engine_fetch_batch(e);
	engine_admit(e, &start, &copy);
	any = start.first || copy.first;
	engine_copy(e, copy.first, false);
	engine_copied(start.first, job_start);
	engine_copied(copy.first, job_start);
	return any;
}

/* ---- From the target to the ring ---- */

static bool engine_end_reads(struct engine *e)
{
	struct job *first = job_list_take(&e->read);

	engine_copy(e, first, true);
	engine_copied(first, job_finish);
	return first != NULL;
}

static void engine_push(struct engine *e)
{
	unsigned int i;

	for (i = 0; i < e->nr_queues; i++) {
		struct engine_queue *q = &e->queues[i];

		if (!q->answered)
			continue;
		q->answered = false;
		if (!ring_push(&q->ring))
			continue;
		e->stats.notifications++;
		e->guest->notify(e->guest_ctx, i);
	}
}

/* Queues that were looked at go back to sleep, unless more has come. */
static bool engine_sleep(struct engine *e)
{
	bool more = false;
	unsigned int i;

	for (i = 0; i < e->nr_queues; i++) {
		struct engine_queue *q = &e->queues[i];

		if (q->kicked)
			q->kicked = !ring_sleep(&q->ring);
		more |= q->kicked;
	}
	return more && e->taking;
}

bool engine_run(struct engine *e)
{
	unsigned int round, i;
	bool more = true;

	for (round = 0; more && round < ENGINE_ROUNDS; round++) {
		bool any = engine_end_reads(e);

		for (i = 0; i < e->nr_queues; i++)
			any |= engine_take(e, &e->queues[i]);
		any |= engine_begin(e);
		any |= engine_end_reads(e);
		engine_push(e);
		/* What has ended in this round may have freed the buffer that the next one waits for. */
		more = any && e->ready.first;
		more |= engine_sleep(e);
	}
	return more;
}

/* ---- Life ---- */

/* Descriptors lie 512 bytes apart: none of them crosses a page, which a grant copy could not do. */
#define DESCRIPTOR_BYTES (ENGINE_INDIRECT * REQUEST_SEGMENTS_MAX * sizeof(struct xg_blkif_segment))

int engine_init(struct engine *e, struct loop *loop, struct target *target, const struct engine_guest *guest,
		void *guest_ctx, struct xg_err *err)
{
	void *at;
	int rc;

	memset(e, 0, sizeof(*e));
	e->loop = loop;
	e->target = target;
	e->guest = guest;
	e->guest_ctx = guest_ctx;
	e->limits = (struct request_limits){
		.sectors = target->sectors, .block_bytes = target->block_bytes,
		.read_only = !target->writable, .discard = target->discard_mode != 0,
	};
	job_list_init(&e->indirect);
	job_list_init(&e->ready);
	job_list_init(&e->read);
	rc = pool_init(&e->pool, err);
	if (rc)
		return rc;
	at = mmap(NULL, DESCRIPTOR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return xg_fail_errno(err, errno, "no address space for descriptors");
	e->descriptors = at;
	return 0;
}

void engine_fini(struct engine *e)
{
	engine_reset(e);
	if (e->descriptors)
		munmap(e->descriptors, DESCRIPTOR_BYTES);
	e->descriptors = NULL;
	pool_fini(&e->pool);
}

static int queue_jobs(struct engine_queue *q, struct xg_err *err)
{
	uint32_t i;

	q->jobs = calloc(q->ring.size, sizeof(*q->jobs));
	if (!q->jobs)
		return xg_fail(err, ENOMEM, "no memory for %u requests", q->ring.size);
	for (i = q->ring.size; i-- > 0;) {
		q->jobs[i].next = q->free;
		q->free = &q->jobs[i];
	}
	return 0;
}

int engine_add(struct engine *e, void *shared, size_t pages, struct xg_err *err)
{
	struct engine_queue *q = &e->queues[e->nr_queues];
	int rc;

	if (e->nr_queues == ENGINE_QUEUES_MAX)
		return xg_fail(err, EINVAL, "more than %d queues", ENGINE_QUEUES_MAX);
	memset(q, 0, sizeof(*q));
	rc = ring_attach(&q->ring, shared, pages, err);
	if (!rc)
		rc = queue_jobs(q, err);
	if (!rc)
		e->nr_queues++;
	return rc;
}

void engine_start(struct engine *e)
{
	unsigned int i;

	e->taking = true;
	e->broken = false;
	e->complaints = 0;
	/* Requests may have been there before the event channel was. */
	for (i = 0; i < e->nr_queues; i++)
		e->queues[i].kicked = true;
}

void engine_kick(struct engine *e, unsigned int q)
{
	if (q < e->nr_queues)
		e->queues[q].kicked = true;
	e->stats.events++;
}

void engine_drain(struct engine *e)
{
	e->taking = false;
}

unsigned int engine_under_way(const struct engine *e)
{
	unsigned int i, sum = 0;

	for (i = 0; i < e->nr_queues; i++)
		sum += e->queues[i].taken;
	return sum;
}

void engine_reset(struct engine *e)
{
	unsigned int i;

	for (i = 0; i < e->nr_queues; i++)
		free(e->queues[i].jobs);
	e->nr_queues = 0;
	e->taking = false;
}

void engine_idle(struct engine *e)
{
	pool_trim(&e->pool);
}
