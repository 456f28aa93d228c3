// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device as a disk of the guest's kernel: the multi-queue block driver that turns requests into calls of the
 * driver. Called by device.c, and by the block layer through xg_mq_ops and xg_fops.
 *
 * Must never call the driver of a queue that is not live, and never let go of a request twice: `taken` says who has it.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/page.h>

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

/* The pages of RQ as segments, merged as the block layer counted them. */
static uint32_t map_segments(struct xg_disk_queue *queue, struct request *rq)
{
	struct scatterlist *sg;
	int i, n;

	sg_init_table(queue->sg, XG_SEGMENTS_MAX);
	n = blk_rq_map_sg(rq->q, rq, queue->sg);
	for_each_sg(queue->sg, sg, n, i)
		queue->segments[i] = (struct xg_segment){
			.frame = pfn_to_gfn(page_to_pfn(sg_page(sg))),
			.offset = sg->offset,
			.bytes = sg->length,
		};
	return n;
}

static void fill_request(struct xg_disk_queue *queue, struct request *rq, struct xg_request *req)
{
	*req = (struct xg_request){
		.sector = blk_rq_pos(rq),
		.sectors = blk_rq_sectors(rq),
		.op = op_of(rq),
		.flags = flags_of(rq),
		.tag = rq->tag,
		.segments = queue->segments,
	};
	if (req->op == XG_OP_READ || req->op == XG_OP_WRITE)
		req->nr_segments = map_segments(queue, rq);
}

static int driver_submit(struct xg_disk_queue *queue, struct xg_request *req)
{
	struct xg_device_header *dev = queue->disk->header;
	xg_entry_submit_fn submit = (xg_entry_submit_fn)xg_call_begin(dev, queue->index, XG_ENTRY_SUBMIT);
	int rc = submit(dev, queue->index, req);

	xg_call_end(dev, queue->index);
	return rc;
}

static void driver_commit(struct xg_disk_queue *queue)
{
	struct xg_device_header *dev = queue->disk->header;
	xg_entry_queue_fn commit = (xg_entry_queue_fn)xg_call_begin(dev, queue->index, XG_ENTRY_COMMIT);

	commit(dev, queue->index);
	xg_call_end(dev, queue->index);
}

/* Queue locked and live. */
static blk_status_t submit_locked(struct blk_mq_hw_ctx *hctx, struct xg_disk_queue *queue, struct request *rq)
{
	struct xg_disk_request *pdu = blk_mq_rq_to_pdu(rq);
	int rc;

	fill_request(queue, rq, &pdu->req);
	pdu->status = BLK_STS_OK;
	pdu->taken = true;
	rc = driver_submit(queue, &pdu->req);
	if (rc == XG_E_OK)
		return BLK_STS_OK;
	pdu->taken = false;
	if (rc != -XG_E_BUSY)
		return rc == -XG_E_NOTSUPP ? BLK_STS_NOTSUPP : BLK_STS_IOERR;
	/* Under the lock that wake() is called with, so that no wake is missed. */
	blk_mq_stop_hw_queue(hctx);
	return BLK_STS_DEV_RESOURCE;
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

	blk_mq_start_request(qd->rq);
	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live) {
		status = submit_locked(hctx, queue, qd->rq);
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

	blk_mq_end_request(rq, pdu->status);
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
		pdu->status = BLK_STS_IOERR;
		blk_mq_complete_request(rq);
	}
	return true;
}

void xg_disk_fail_all(struct xg_disk *disk)
{
	if (!disk->gd)
		return;
	blk_mark_disk_dead(disk->gd);
	blk_mq_tagset_busy_iter(&disk->tags, fail_one, disk);
	blk_mq_start_stopped_hw_queues(disk->gd->queue, true);
}

/* ---- The disk ---------------------------------------------------------------------------------------------- */

static void fops_free_disk(struct gendisk *gd)
{
	atomic_dec(&known);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static int fops_open(struct gendisk *gd, blk_mode_t mode)
{
	return gd->private_data ? 0 : -ENXIO;
}
#else
static int fops_open(struct block_device *bdev, fmode_t mode)
{
	return bdev->bd_disk->private_data ? 0 : -ENXIO;
}
#endif

/* Without an owner where there is no module to count: free_disk tells when the kernel has let go of this table. */
static const struct block_device_operations xg_fops = {
#ifdef XG_OPT_IN_MODULE
	.owner = THIS_MODULE,
#endif
	.open = fops_open,
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
	disk->tags.flags = BLK_MQ_F_SHOULD_MERGE;
	disk->tags.cmd_size = sizeof(struct xg_disk_request);
	return blk_mq_alloc_tag_set(&disk->tags) ? -XG_E_NOMEM : XG_E_OK;
}

static struct lock_class_key disk_key;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)

static struct gendisk *gendisk_alloc(struct xg_disk *disk)
{
	const struct xg_block_params *p = &disk->params;
	struct queue_limits lim = {
		.logical_block_size = p->logical_bytes,
		.physical_block_size = p->physical_bytes,
		.max_hw_sectors = disk->limits.max_sectors,
		.max_segments = disk->limits.max_segments,
		.max_segment_size = PAGE_SIZE,
		.seg_boundary_mask = PAGE_SIZE - 1,
		.dma_alignment = XG_ABI_SECTOR - 1,
	};

	if (p->flags & XG_BLK_FLUSH)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	if ((p->flags & XG_BLK_FLUSH) && (p->flags & XG_BLK_FUA))
		lim.features |= BLK_FEAT_FUA;
	if (p->flags & XG_BLK_DISCARD) {
		lim.max_hw_discard_sectors = UINT_MAX >> 9;
		lim.discard_granularity = p->discard_granularity;
		lim.discard_alignment = p->discard_alignment;
	}
	if (p->flags & XG_BLK_SECURE_DISCARD)
		lim.max_secure_erase_sectors = UINT_MAX >> 9;
	return __blk_mq_alloc_disk(&disk->tags, &lim, disk, &disk_key);
}

#else

static void set_limits(struct request_queue *q, const struct xg_disk *disk)
{
	const struct xg_block_params *p = &disk->params;

	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_logical_block_size(q, p->logical_bytes);
	blk_queue_physical_block_size(q, p->physical_bytes);
	blk_queue_max_hw_sectors(q, disk->limits.max_sectors);
	blk_queue_max_segments(q, disk->limits.max_segments);
	blk_queue_max_segment_size(q, PAGE_SIZE);
	blk_queue_segment_boundary(q, PAGE_SIZE - 1);
	blk_queue_dma_alignment(q, XG_ABI_SECTOR - 1);
	blk_queue_write_cache(q, p->flags & XG_BLK_FLUSH, (p->flags & XG_BLK_FLUSH) && (p->flags & XG_BLK_FUA));
	if (p->flags & XG_BLK_DISCARD) {
		blk_queue_max_discard_sectors(q, UINT_MAX >> 9);
		q->limits.discard_granularity = p->discard_granularity;
		q->limits.discard_alignment = p->discard_alignment;
	}
	if (p->flags & XG_BLK_SECURE_DISCARD)
		blk_queue_max_secure_erase_sectors(q, UINT_MAX >> 9);
}

static struct gendisk *gendisk_alloc(struct xg_disk *disk)
{
	struct gendisk *gd = __blk_mq_alloc_disk(&disk->tags, disk, &disk_key);

	if (!IS_ERR(gd))
		set_limits(gd->queue, disk);
	return gd;
}

#endif

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
	struct gendisk *gd;
	int rc = tags_alloc(disk);

	if (rc)
		return rc;
	gd = gendisk_alloc(disk);
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
	if (device_add_disk(NULL, disk->gd, NULL)) {
		atomic_dec(&known);
		return -XG_E_NOMEM;
	}
	disk->added = true;
	return XG_E_OK;
}

void xg_disk_hide(struct xg_disk *disk)
{
	if (disk->added)
		del_gendisk(disk->gd);
	disk->added = false;
}

void xg_disk_free(struct xg_disk *disk)
{
	struct gendisk *gd = disk->gd;

	disk->gd = NULL;
	blk_mq_free_tag_set(&disk->tags);
	put_disk(gd);
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
