// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device as a disk of the bare kernel: its requests become the driver's. Called by the kernel's block layer and by
 * events. Must never call the driver of a queue that is not live, and never let go of a request twice: a slot with an
 * origin is the driver's.
 */
#include "personality.h"

/* ---- Slots: a request in flight has a tag of its queue ----------------------------------------------------- */

static int queue_slots_get(struct xg_disk_queue *queue, uint32_t depth)
{
	uint32_t tag;

	queue->slot_pages = (uint32_t)((depth * sizeof(struct xg_slot) + BARE_PAGE - 1) / BARE_PAGE);
	queue->slots = bare_pages_get(queue->slot_pages);
	if (!queue->slots)
		return -XG_E_NOMEM;
	for (tag = 0; tag < depth; tag++)
		queue->slots[tag].next = tag + 1;
	queue->free_tag = 0;
	return XG_E_OK;
}

int xg_disk_slots_get(struct xg_disk *disk)
{
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++)
		if (queue_slots_get(&disk->queues[q], disk->limits.queue_depth)) {
			xg_disk_slots_put(disk);
			return -XG_E_NOMEM;
		}
	return XG_E_OK;
}

void xg_disk_slots_put(struct xg_disk *disk)
{
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		bare_pages_put(disk->queues[q].slots, disk->queues[q].slot_pages);
		disk->queues[q].slots = NULL;
	}
}

static struct bare_request *slot_release(struct xg_disk_queue *queue, struct xg_slot *slot)
{
	struct bare_request *origin = slot->origin;

	slot->origin = NULL;
	slot->next = queue->free_tag;
	queue->free_tag = (uint32_t)(slot - queue->slots);
	return origin;
}

void xg_disk_fail_all(struct xg_disk *disk)
{
	struct xg_disk_queue *queue;
	uint32_t q, tag;

	for (q = 0; q < disk->nr_queues; q++) {
		queue = &disk->queues[q];
		for (tag = 0; queue->slots && tag < disk->limits.queue_depth; tag++)
			if (queue->slots[tag].origin)
				os_request_complete(slot_release(queue, &queue->slots[tag]), -BARE_E_IO);
	}
	os_request_wake(&disk->disk);
}

/* ---- Calls ------------------------------------------------------------------------------------------------- */

static const uint16_t op_of[] = {
	[BARE_READ] = XG_OP_READ, [BARE_WRITE] = XG_OP_WRITE,
	[BARE_FLUSH] = XG_OP_FLUSH, [BARE_DISCARD] = XG_OP_DISCARD,
};

static int driver_submit(struct xg_disk_queue *queue, struct xg_request *req)
{
	struct xg_device_header *dev = queue->disk->header;
	xg_entry_submit_fn submit = (xg_entry_submit_fn)xg_call_begin(dev, queue->index, XG_ENTRY_SUBMIT);
	int rc = submit(dev, queue->index, req);

	xg_call_end(dev, queue->index);
	return rc;
}

static void driver_queue_call(struct xg_disk_queue *queue, unsigned int entry)
{
	struct xg_device_header *dev = queue->disk->header;
	xg_entry_queue_fn fn = (xg_entry_queue_fn)xg_call_begin(dev, queue->index, entry);

	fn(dev, queue->index);
	xg_call_end(dev, queue->index);
}

void xg_queue_event(void *arg)
{
	struct xg_disk_queue *queue = arg;

	if (queue->live)
		driver_queue_call(queue, XG_ENTRY_EVENT);
}

static void describe(struct xg_slot *slot, const struct bare_request *r, struct xg_segment *segments)
{
	uint32_t i;

	for (i = 0; i < r->nr_segments; i++)
		segments[i] = (struct xg_segment){
			.frame = r->segments[i].physical / BARE_PAGE,
			.offset = (uint32_t)(r->segments[i].physical % BARE_PAGE),
			.bytes = r->segments[i].bytes,
		};
	slot->req = (struct xg_request){
		.sector = r->op == BARE_FLUSH ? 0 : r->sector, .sectors = r->op == BARE_FLUSH ? 0 : r->sectors,
		.op = op_of[r->op], .nr_segments = r->nr_segments, .segments = segments,
	};
}

static int status_to_kernel(int status)
{
	switch (status) {
	case XG_E_OK:
		return 0;
	case -XG_E_BUSY:
		return -BARE_E_BUSY;
	case -XG_E_NOTSUPP:
		return -BARE_E_NOTSUPP;
	default:
		return -BARE_E_IO;
	}
}

static int queue_submit(struct xg_disk_queue *queue, struct bare_request *request)
{
	static struct xg_segment segments[XG_SEGMENTS_MAX];	/* of the request that is being submitted */
	struct xg_slot *slot;
	uint32_t tag = queue->free_tag;
	int rc;

	/* wake() comes from the driver for its own BUSY, and from complete() for ours. */
	if (!queue->live || tag == queue->disk->limits.queue_depth)
		return -BARE_E_BUSY;
	slot = &queue->slots[tag];
	describe(slot, request, segments);
	slot->req.tag = tag;
	slot->origin = request;
	queue->free_tag = slot->next;
	rc = driver_submit(queue, &slot->req);
	if (rc)
		(void)slot_release(queue, slot);
	else
		queue->fresh = true;
	return status_to_kernel(rc);
}

/* The queues in turn; one that is full hands on to the next. */
static int disk_submit(struct bare_disk *d, struct bare_request *request)
{
	struct xg_disk *disk = d->owner;
	uint32_t i;
	int rc = -BARE_E_BUSY;

	for (i = 0; rc == -BARE_E_BUSY && i < disk->nr_queues; i++) {
		rc = queue_submit(&disk->queues[disk->next_queue], request);
		disk->next_queue = (disk->next_queue + 1) % disk->nr_queues;
	}
	return rc;
}

static void disk_commit(struct bare_disk *d)
{
	struct xg_disk *disk = d->owner;
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		if (disk->queues[q].fresh && disk->queues[q].live)
			driver_queue_call(&disk->queues[q], XG_ENTRY_COMMIT);
		disk->queues[q].fresh = false;
	}
}

const struct bare_disk_ops xg_disk_ops = { .submit = disk_submit, .commit = disk_commit };

void xg_disk_complete(struct xg_device_header *dev, uint32_t q, struct xg_request *req, int status)
{
	struct xg_disk *disk = xg_disk_of(dev);
	struct xg_slot *slot = (struct xg_slot *)req;	/* its first member */

	os_request_complete(slot_release(&disk->queues[q], slot), status_to_kernel(status));
	os_request_wake(&disk->disk);	/* for want of a tag */
}
