// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device as a disk of the guest's kernel: the multi-queue block driver that turns requests into calls of the
 * driver. Called by device.c, and by the block layer through xg_mq_ops and xg_fops.
 *
 * Must never call the driver of a queue that is not live, and never let go of a request twice: `taken` says who has it.
 */
#include <linux/delay.h>

#include "personality.h"

/*
 * Disks that the kernel knows. One that was removed while open stays among them, and its xg_fops are reached, until the
 * last holder closes it.
 */
static atomic_t known;

/* ---- Requests ---------------------------------------------------------------------------------------------- */

static uint16_t op_of(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return XG_OP_READ;
	case REQ_OP_WRITE:
		return XG_OP_WRITE;
	case REQ_OP_FLUSH:
		return XG_OP_FLUSH;
	default:
		return XG_OP_DISCARD;
	}
}

static uint16_t flags_of(const struct request *rq)
{
	uint16_t flags = 0;

	if (req_op(rq) == REQ_OP_WRITE && (rq->cmd_flags & REQ_FUA))
		flags |= XG_RQ_FUA;
	if (req_op(rq) == REQ_OP_SECURE_ERASE)
		flags |= XG_RQ_SECURE;
	return flags;
}

/* The pages of RQ as segments, merged as the block layer counted them; their number, or below zero: no memory. */
static int map_segments(struct xg_disk_queue *queue, struct request *rq)
{
	bool keeps = queue->side->queues[queue->index].keeper, write = req_op(rq) == REQ_OP_WRITE;
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);
	struct scatterlist *sg;
	int i, n;

	n = os_request_map(rq, queue->sg);
	for_each_sg(queue->sg, sg, n, i) {
		queue->segments[i] = (struct xg_segment){
			.frame = os_page_frame(sg_page(sg)),
			.offset = sg->offset,
			.bytes = sg->length,
		};
		if (keeps && !os_page_is_counted(sg_page(sg)) &&
		    !xg_bounce_part(&pdu->bounce, sg_page(sg), &queue->segments[i], write))
			return -1;
	}
	return n;
}

/* False: no memory just now. */
static bool fill_request(struct xg_disk_queue *queue, struct request *rq, struct xg_request *req)
{
	int n = 0;

	*req = (struct xg_request){
		.sector = blk_rq_pos(rq),
		.sectors = blk_rq_sectors(rq),
		.op = op_of(rq),
		.flags = flags_of(rq),
		.tag = rq->tag,
		.segments = queue->segments,
	};
	if (req->op == XG_OP_READ || req->op == XG_OP_WRITE)
		n = map_segments(queue, rq);
	req->nr_segments = n > 0 ? n : 0;
	return n >= 0;
}

static int driver_submit(struct xg_disk_queue *queue, struct xg_request *req)
{
	struct xg_device_header *dev = queue->side->header;
	xg_entry_submit_fn submit = (xg_entry_submit_fn)xg_call_begin(dev, queue->index, XG_ENTRY_SUBMIT);
	int rc = submit(dev, queue->index, req);

	xg_call_end(dev, queue->index);
	return rc;
}

static void driver_commit(struct xg_disk_queue *queue)
{
	(void)xg_side_queue_call(queue->side, queue->index, XG_ENTRY_COMMIT);
}

/*
 * The disk was promised with one backend, and another one does without: what has no volatile cache needs no flush, and a
 * discard is a hint.
 */
static bool needs_nothing(const struct xg_side *side, const struct xg_request *req)
{
	if (req->op == XG_OP_FLUSH)
		return !(side->params.flags & XG_BLK_FLUSH);
	return req->op == XG_OP_DISCARD && !(side->params.flags & XG_BLK_DISCARD) && !(req->flags & XG_RQ_SECURE);
}

/* Gives RQ to the driver: 0 or -XG_E_*. Queue locked and live. */
static int give(struct xg_disk_queue *queue, struct request *rq)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);
	struct xg_side *side = queue->side;
	int rc;

	xg_bounce_end(&pdu->bounce, false);	/* of a driver that had it before */
	if (!fill_request(queue, rq, &pdu->req)) {
		xg_bounce_end(&pdu->bounce, false);
		return -XG_E_NOMEM;
	}
	pdu->status = BLK_STS_OK;
	if (needs_nothing(side, &pdu->req)) {
		os_request_complete(rq);
		return XG_E_OK;
	}
	pdu->taken = true;
	pdu->order = queue->order++;
	/* Before, for it may be completed at once: nobody sees more of them completed than taken. */
	if (side->counts)
		WRITE_ONCE(side->header->counts[queue->index].taken, side->header->counts[queue->index].taken + 1);
	rc = driver_submit(queue, &pdu->req);
	if (rc == XG_E_OK)
		return XG_E_OK;
	xg_bounce_end(&pdu->bounce, false);
	pdu->taken = false;
	if (side->counts)
		WRITE_ONCE(side->header->counts[queue->index].taken, side->header->counts[queue->index].taken - 1);
	return rc;
}

/* The block layer may bring a request more than once to a gate that is closed: it counts once. */
static void turn_back(struct xg_disk_queue *queue, struct xg_disk_request *pdu)
{
	if (pdu->gate != queue->gate)
		queue->turned_back++;
	pdu->gate = queue->gate;
}

/*
 * Queue locked and live. The kernel's queue is never stopped: a batch that finds it stopped is cut without COMMIT for
 * what went before, and what is put into it while it is started again may be seen by nobody. What is refused
 * here is brought again: by wake(), by the opening of the gate, and in case of a race by the block layer itself.
 */
static blk_status_t submit_locked(struct xg_disk_queue *queue, struct request *rq)
{
	int rc;

	/* Not DEV_RESOURCE: that waits for a request in flight to be completed, and there may be none. */
	if (queue->gated) {
		turn_back(queue, blk_mq_rq_to_pdu(rq));
		return BLK_STS_RESOURCE;
	}
	rc = give(queue, rq);
	if (rc == XG_E_OK)
		return BLK_STS_OK;
	if (rc == -XG_E_NOMEM)
		return BLK_STS_RESOURCE;
	if (rc == -XG_E_BUSY)
		return BLK_STS_DEV_RESOURCE;
	return rc == -XG_E_NOTSUPP ? BLK_STS_NOTSUPP : BLK_STS_IOERR;
}

static struct xg_disk_queue *queue_of(struct blk_mq_hw_ctx *hctx)
{
	struct xg_disk *disk = hctx->queue->queuedata;

	return &disk->queues[hctx->queue_num];
}

static blk_status_t mq_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *qd)
{
	struct xg_disk_queue *queue = queue_of(hctx);
	blk_status_t status = BLK_STS_IOERR;
	unsigned long flags;

	os_request_start(qd->rq);
	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live) {
		status = submit_locked(queue, qd->rq);
		/* What went before must not wait for a request that did not get in. */
		if (qd->last || status != BLK_STS_OK)
			driver_commit(queue);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return status;
}

static void mq_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct xg_disk_queue *queue = queue_of(hctx);
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live)
		driver_commit(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void mq_complete(struct request *rq)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);

	os_request_end(rq, pdu->status);
}

/* A slow backend is no failed one: whether to wait or to fail is decided in Dom0. */
static enum blk_eh_timer_return mq_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops xg_mq_ops = {
	.queue_rq = mq_queue_rq,
	.commit_rqs = mq_commit_rqs,
	.complete = mq_complete,
	.timeout = mq_timeout,
};

/* Claims requests that the driver had, after CLOSE: nobody else completes them any more. */
static bool fail_one(struct request *rq, void *arg)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);

	if (pdu->taken) {
		pdu->taken = false;
		xg_bounce_end(&pdu->bounce, false);
		pdu->status = BLK_STS_IOERR;
		os_request_complete(rq);
	}
	return true;
}

void xg_disk_fail_all(struct xg_disk *disk)
{
	if (!disk->gd)
		return;
	blk_mark_disk_dead(disk->gd);
	blk_mq_tagset_busy_iter(&disk->tags, fail_one, disk);
	blk_mq_run_hw_queues(disk->gd->queue, true);
}

/* ---- The gate ---------------------------------------------------------------------------------------------- */

void xg_disk_gate(struct xg_disk *disk, bool closed)
{
	unsigned long flags;
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		spin_lock_irqsave(&disk->queues[q].lock, flags);
		disk->queues[q].gated = closed;
		if (closed) {
			disk->queues[q].turned_back = 0;
			disk->queues[q].gate++;
		}
		spin_unlock_irqrestore(&disk->queues[q].lock, flags);
	}
	if (!closed && disk->gd)
		blk_mq_run_hw_queues(disk->gd->queue, true);
}

/* The next request to be given again: the oldest of the queue's that a driver had. */
struct oldest {
	struct xg_disk_queue *queue;
	uint64_t from;		/* those before it have been given */
	struct request *found;
};

static bool look_older(struct request *rq, void *arg)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);
	struct oldest *o = arg;

	if (queue_of(rq->mq_hctx) == o->queue && pdu->taken && pdu->order < o->from &&
	    (!o->found || pdu->order < ((struct xg_disk_request *)blk_mq_rq_to_pdu(o->found))->order))
		o->found = rq;
	return true;
}

/* How long a driver that has no room is waited for. */
#define REPLAY_WAIT_US 50
#define REPLAY_WAITS 200000

static int give_again(struct xg_disk_queue *queue, struct request *rq)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);
	unsigned long flags;
	unsigned int tries;
	int rc = -XG_E_BUSY;

	for (tries = 0; (rc == -XG_E_BUSY || rc == -XG_E_NOMEM) && tries < REPLAY_WAITS; tries++) {
		if (tries)
			usleep_range(REPLAY_WAIT_US, 2 * REPLAY_WAIT_US);
		spin_lock_irqsave(&queue->lock, flags);
		pdu->taken = false;
		rc = give(queue, rq);
		driver_commit(queue);
		spin_unlock_irqrestore(&queue->lock, flags);
	}
	return rc;
}

/* Those that nobody will take fail, as they would have had they come just now. */
static uint32_t replay_queue(struct xg_disk *disk, struct xg_disk_queue *queue)
{
	/* What is given anew is counted from here on, and so is not found again. */
	struct oldest o = { .queue = queue, .from = queue->order };
	struct xg_disk_request *pdu;
	uint32_t n = 0;

	for (;;) {
		o.found = NULL;
		blk_mq_tagset_busy_iter(&disk->tags, look_older, &o);
		if (!o.found)
			return n;
		pdu = blk_mq_rq_to_pdu(o.found);
		n++;
		if (give_again(queue, o.found)) {
			pdu->taken = false;
			pdu->status = BLK_STS_IOERR;
			os_request_complete(o.found);
		}
	}
}

uint32_t xg_disk_replay(struct xg_disk *disk)
{
	uint32_t q, n = 0;

	for (q = 0; q < disk->nr_queues; q++)
		n += replay_queue(disk, &disk->queues[q]);
	return n;
}

/* ---- The disk ---------------------------------------------------------------------------------------------- */

static void fops_free_disk(struct gendisk *gd)
{
	atomic_dec(&known);
}

/* Without an owner where there is no module to count: free_disk tells when the kernel has let go of this table. */
static const struct block_device_operations xg_fops = {
#ifdef XG_OPT_IN_MODULE
	.owner = THIS_MODULE,
#endif
	.open = os_disk_open,
	.free_disk = fops_free_disk,
};

unsigned int xg_disk_known(void)
{
	return atomic_read(&known);
}

static int tags_alloc(struct xg_disk *disk)
{
	disk->tags.ops = &xg_mq_ops;
	disk->tags.nr_hw_queues = disk->nr_queues;
	disk->tags.queue_depth = disk->limits.queue_depth;
	disk->tags.numa_node = NUMA_NO_NODE;
	/* Whoever knows the device orders its requests: Dom0. Twice costs a worker's turn for each request here. */
	disk->tags.flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	disk->tags.cmd_size = sizeof(struct xg_disk_request);
	return blk_mq_alloc_tag_set(&disk->tags) ? -XG_E_NOMEM : XG_E_OK;
}

static struct lock_class_key disk_key;

/* NAME itself, or a partition of a disk of that name: "xvdb1", "nvme0n1p1". */
static int name_clashes(struct device *dev, const void *arg)
{
	const char *name = arg, *other = dev_name(dev);
	size_t n = strlen(name);

	if (strncmp(other, name, n))
		return 0;
	other += n;
	if (*other == 'p')
		other++;
	while (*other >= '0' && *other <= '9')
		other++;
	return *other == '\0';
}

/* Looked up first because the kernel warns, with a stack trace, about a name that is taken. */
static bool name_taken(struct gendisk *gd, const char *name)
{
	struct device *dev = class_find_device(disk_to_dev(gd)->class, NULL, name, name_clashes);

	if (dev)
		put_device(dev);
	return dev;
}

static void describe(struct xg_disk *disk)
{
	struct gendisk *gd = disk->gd;

	/* No major: the kernel gives extended numbers, to partitions too. */
	gd->fops = &xg_fops;
	gd->private_data = disk;
	strscpy(gd->disk_name, disk->name, sizeof(gd->disk_name));
	if (disk->params.flags & XG_BLK_REMOVABLE)
		gd->flags |= GENHD_FL_REMOVABLE;
	set_capacity(gd, disk->params.sectors);
	if (disk->params.flags & (XG_BLK_READ_ONLY | XG_BLK_CDROM))
		set_disk_ro(gd, true);
}

int xg_disk_alloc(struct xg_disk *disk)
{
	struct xg_block_params promise = disk->params;
	struct gendisk *gd;
	int rc = tags_alloc(disk);
	uint32_t q;

	if (rc)
		return rc;
	/* Once: whoever fills the table in moves its end, and 2 KiB are much for a request of one page. */
	for (q = 0; q < disk->nr_queues; q++)
		sg_init_table(disk->queues[q].sg, XG_SEGMENTS_MAX);
	/* The next backend may have a cache where this one has none: see needs_nothing(). */
	promise.flags |= XG_BLK_FLUSH;
	gd = os_disk_alloc(&disk->tags, &promise, &disk->limits, disk, &disk_key);
	if (IS_ERR(gd)) {
		blk_mq_free_tag_set(&disk->tags);
		return -XG_E_NOMEM;
	}
	disk->gd = gd;
	describe(disk);
	if (!name_taken(gd, disk->name))
		return XG_E_OK;
	xg_disk_free(disk);
	return -XG_E_EXIST;
}

int xg_disk_show(struct xg_disk *disk)
{
	atomic_inc(&known);
	if (!os_disk_add(disk->gd)) {
		atomic_dec(&known);
		return -XG_E_NOMEM;
	}
	disk->added = true;
	return XG_E_OK;
}

void xg_disk_hide(struct xg_disk *disk)
{
	if (disk->added)
		os_disk_remove(disk->gd);
	disk->added = false;
}

void xg_disk_free(struct xg_disk *disk)
{
	struct gendisk *gd = disk->gd;

	disk->gd = NULL;
	blk_mq_free_tag_set(&disk->tags);
	os_disk_put(gd);
}

bool xg_disk_claim(struct xg_disk *disk, bool force)
{
	struct gendisk *gd = disk->gd;
	bool claimed;

	/* An opener may hold it while it waits for a backend that is gone: only after xg_disk_fail_all() that ends. */
	if (force)
		mutex_lock(&gd->open_mutex);
	else if (!mutex_trylock(&gd->open_mutex))
		return false;
	claimed = force || disk_openers(gd) == 0;
	if (claimed)
		gd->private_data = NULL;	/* from here on nobody opens it */
	mutex_unlock(&gd->open_mutex);
	return claimed;
}
