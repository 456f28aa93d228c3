// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The switch from one driver to the other while the disk is in use. Called by device.c, in a work item, once the next
 * driver has been opened and started and its backend is connected:
 *
 *     prove      each queue of the next driver reads a block: what does not answer is not switched to
 *     hold       new requests are turned back; the block layer keeps them
 *     drain      the present driver completes what it has, until the deadline
 *     (replay)   what it does not complete is taken from it and given to the next one, in order
 *     publish    queue->side
 *     release    the block layer brings what it kept
 *
 * Only "hold" to "release" is seen by who uses the disk. Must never give a request to two drivers at once, and never wait
 * longer than the deadline, but for a driver's CLOSE in a replay.
 */
#include <linux/delay.h>
#include <linux/ktime.h>

#include "personality.h"

/* How often what is awaited is looked at. Events do the work meanwhile. */
#define LOOK_US 20
/*
 * For the first answers of a backend that has nothing else to do, all queues together: disks that sleep take seconds to
 * wake, and so do processes of a busy host. Nothing is held meanwhile. Less than Dom0 waits for an answer to its command.
 */
#define PROOF_NS 10000000000ULL

/* ---- Prove ---------------------------------------------------------------------------------------------------- */

struct proof {
	struct xg_request req;
	struct xg_segment segment;
	bool done;		/* under the queue's lock */
	int status;
};

void xg_swap_proved(struct xg_request *req, int status)
{
	struct proof *proof = (struct proof *)req->personality;

	proof->status = status;
	proof->done = true;
}

static int proof_submit(struct xg_disk_queue *queue, struct xg_side *side, struct proof *proof)
{
	struct xg_device_header *dev = side->header;
	xg_entry_submit_fn submit;
	unsigned long flags;
	int rc;

	spin_lock_irqsave(&queue->lock, flags);
	queue->proving = side;
	submit = (xg_entry_submit_fn)xg_call_begin(dev, queue->index, XG_ENTRY_SUBMIT);
	rc = submit(dev, queue->index, &proof->req);
	xg_call_end(dev, queue->index);
	if (!rc) {
		if (side->counts)
			WRITE_ONCE(dev->counts[queue->index].taken, dev->counts[queue->index].taken + 1);
		(void)xg_side_queue_call(side, queue->index, XG_ENTRY_COMMIT);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return rc;
}

/*
 * The domain was restored since SIDE was opened. Its ring is then as it was at some moment of the save, and may tell of
 * responses whose data came too late for the image: it is not looked at any more. Queue locked, so that it cannot be
 * suspended between this look and what follows.
 */
static bool is_lost(const struct xg_side *side, uint32_t q)
{
	return !os_event_live(side->queues[q].irq, side->queues[q].port);
}

/* From here on the driver does not answer to this proof any more, whether it has or not. */
static int proof_wait(struct xg_disk_queue *queue, struct xg_side *side, struct proof *proof, uint64_t end)
{
	unsigned long flags;
	bool done, late;

	do {
		late = ktime_get_ns() >= end;
		spin_lock_irqsave(&queue->lock, flags);
		if (!is_lost(side, queue->index))
			(void)xg_side_queue_call(side, queue->index, XG_ENTRY_EVENT);
		done = proof->done;
		if (done || late)
			queue->proving = NULL;
		spin_unlock_irqrestore(&queue->lock, flags);
		if (!done && !late)
			usleep_range(LOOK_US, 2 * LOOK_US);
	} while (!done && !late);
	return done ? proof->status : -XG_E_IO;
}

/* The page of a proof that was not answered is freed when CLOSE has taken its grant back: then the kernel keeps it. */
static int prove_queue(struct xg_disk_queue *queue, struct xg_side *side, void *page, uint64_t end)
{
	uint32_t bytes = side->params.logical_bytes;
	struct proof proof = {
		.req = { .sectors = bytes / XG_ABI_SECTOR, .op = XG_OP_READ, .nr_segments = 1,
			 .segments = &proof.segment, .personality = (uint64_t)&proof },
		.segment = { .frame = os_memory_frame(page), .bytes = bytes },
	};
	int rc = proof_submit(queue, side, &proof);

	return rc ? rc : proof_wait(queue, side, &proof, end);
}

static int prove(struct xg_disk *disk, struct xg_side *side)
{
	uint64_t end = ktime_get_ns() + PROOF_NS;
	void *page = os_memory_get(1);
	uint32_t q;
	int rc = XG_E_OK;

	if (!page)
		return -XG_E_NOMEM;
	for (q = 0; !rc && q < disk->nr_queues; q++)
		rc = prove_queue(&disk->queues[q], side, page, end);
	if (rc)
		xg_side_close(side);
	os_memory_put(page);
	return rc;
}

/* ---- Hold and drain ------------------------------------------------------------------------------------------- */

/* Requests that SIDE has in flight; what is finished is taken from it first. */
static uint32_t reap(struct xg_disk *disk, struct xg_side *side)
{
	struct xg_disk_queue *queue;
	unsigned long flags;
	uint32_t q, n = 0;
	int rc;

	for (q = 0; q < disk->nr_queues; q++) {
		queue = &disk->queues[q];
		spin_lock_irqsave(&queue->lock, flags);
		if (!is_lost(side, q)) {
			/* What was submitted in a batch whose end was turned back, too. */
			(void)xg_side_queue_call(side, q, XG_ENTRY_COMMIT);
			(void)xg_side_queue_call(side, q, XG_ENTRY_EVENT);
		}
		rc = xg_side_queue_call(side, q, XG_ENTRY_QUIESCE);
		n += rc > 0 ? rc : 0;
		spin_unlock_irqrestore(&queue->lock, flags);
	}
	return n;
}

static bool drain(struct xg_disk *disk, struct xg_side *side, uint64_t end)
{
	uint32_t left = reap(disk, side);

	disk->swap.in_flight = left;
	while (left && ktime_get_ns() < end) {
		usleep_range(LOOK_US, 2 * LOOK_US);
		left = reap(disk, side);
	}
	return !left;
}

/* QUIESCE may have changed something. */
static void resume(struct xg_disk *disk, struct xg_side *side)
{
	unsigned long flags;
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		spin_lock_irqsave(&disk->queues[q].lock, flags);
		(void)xg_side_queue_call(side, q, XG_ENTRY_RESUME);
		spin_unlock_irqrestore(&disk->queues[q].lock, flags);
	}
}

/* ---- Publish -------------------------------------------------------------------------------------------------- */

/* A queue's calls are made under its lock: nobody is in the old driver when the pointer changes. */
static void publish(struct xg_disk *disk, struct xg_side *side)
{
	unsigned long flags;
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		spin_lock_irqsave(&disk->queues[q].lock, flags);
		disk->queues[q].side = side;
		spin_unlock_irqrestore(&disk->queues[q].lock, flags);
	}
	xg_side_show_state(disk->side, XG_DEV_OPEN);
	disk->side = side;
	xg_side_show_state(side, XG_DEV_LIVE);
}

static uint32_t turned_back(const struct xg_disk *disk)
{
	uint32_t q, n = 0;

	for (q = 0; q < disk->nr_queues; q++)
		n += READ_ONCE(disk->queues[q].turned_back);
	return n;
}

int xg_swap_run(struct xg_disk *disk)
{
	struct xg_side *from = disk->side, *to = xg_other_side(disk);
	struct xg_switch *swap = &disk->swap;
	uint64_t began;
	bool drained;
	int rc = prove(disk, to);

	if (rc)
		return rc;
	began = ktime_get_ns();
	if (!disk->held)
		xg_disk_gate(disk, true);
	drained = drain(disk, from, began + swap->deadline_ns);
	if (drained || swap->replay) {
		publish(disk, to);
		if (!drained) {
			/* Nobody but who was killed can still use the pages that are given again. */
			xg_side_close(from);
			swap->replayed = xg_disk_replay(disk);
		}
	} else {
		resume(disk, from);
	}
	swap->hold_ns = ktime_get_ns() - began;
	swap->held = turned_back(disk);
	if (!disk->held)
		xg_disk_gate(disk, false);
	return drained || swap->replay ? XG_E_OK : -XG_E_BUSY;
}
