// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grants that stay: a page of the guest's own that the backend has left mapped keeps its reference, so that the request
 * that uses it next costs neither a grant nor, in the backend, a mapping. Called by services.c for a queue whose driver has
 * asked for it (grants_keep); docs/decisions/0021-kept-grants.md.
 *
 * Must never give a reference to another page, or let go of a page, while the backend has it mapped: each entry holds its
 * page by a reference count, so that nobody else gets it and no balloon takes it. What the count means for a page:
 *
 *     user memory, page cache    cannot be migrated or reclaimed meanwhile, as under direct I/O; who owned it may go
 *     part of a compound page    the count is the head's: all of the compound page stays
 *     slab, kernel memory        the slab stays, its objects may change: data is only moved when a request says so.
 *                                From 6.14 on slabs have no count, and nothing is kept (os_grants_keepable)
 *     the zero page, reserved    counted, never freed
 *     a later page of a block    of one that is not a compound page: has no count. Another goes instead (bounce.c)
 *     no struct page             granted and ended as if nothing were kept
 *
 * There is no high memory on x86-64. How long: the backend drops what it has not used for a minute, and that is seen at
 * the latest LOOK_S later; as much as xen-blkfront keeps for good.
 */
#include "kept.h"
#include "personality.h"

/* How often what rests is looked through for what the backend has dropped, and when somebody waits for it. */
#define LOOK_S 10
#define LOOK_SOON_MS 100
/* Entries looked at in one go with interrupts off. */
#define LOOK_STEPS 128
/* References fetched from the kernel in one go. */
#define FETCH_MAX 32

struct xg_keeper {
	struct xg_side_queue *queue;
	spinlock_t lock;	/* inside the queue's; a CLOSE and the looks come without that one */
	uint32_t owed;		/* references that went back to the kernel when they were ended: the reserve's still */
	bool refused;		/* somebody was told BUSY, and waits to be woken */
	struct delayed_work look;
	struct xg_kept table;
};

/* Ends what the backend has let go of: true when it had. Locked. */
static bool end(struct xg_keeper *keeper, struct xg_kept_entry *entry)
{
	if (!os_grant_end(entry->ref))
		return false;
	keeper->owed++;
	os_page_put(xg_kept_remove(&keeper->table, entry));
	return true;
}

/* Looks at so many entries, from where the last look ended: how many were ended. Locked. */
static uint32_t look_at(struct xg_keeper *keeper, uint32_t steps)
{
	struct xg_kept_entry *entry;
	uint32_t n = 0;

	while ((entry = xg_kept_next(&keeper->table, &steps)))
		n += !entry->in_use && end(keeper, entry);
	return n;
}

/* The disk may be going: it is there for as long as its queue is live, and that is changed under the queue's lock. */
static void wake(struct xg_side_queue *mine)
{
	struct xg_disk *disk = mine->side->disk;
	struct xg_disk_queue *queue = &disk->queues[mine->index];
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live)
		blk_mq_run_hw_queues(disk->gd->queue, true);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void look(struct work_struct *work)
{
	struct xg_keeper *keeper = container_of(to_delayed_work(work), struct xg_keeper, look);
	bool refused, again;
	unsigned long flags;
	uint32_t done;

	for (done = 0; done < keeper->table.entries; done += LOOK_STEPS) {
		spin_lock_irqsave(&keeper->lock, flags);
		look_at(keeper, LOOK_STEPS);
		spin_unlock_irqrestore(&keeper->lock, flags);
		cond_resched();
	}
	spin_lock_irqsave(&keeper->lock, flags);
	refused = keeper->refused;
	keeper->refused = false;
	again = keeper->table.resting > 0;
	spin_unlock_irqrestore(&keeper->lock, flags);
	/* Who finds nothing again is refused again, and then looked for soon. */
	if (refused)
		wake(keeper->queue);
	if (again)
		schedule_delayed_work(&keeper->look, LOOK_S * HZ);
}

int xg_keep_start(struct xg_side_queue *queue, uint32_t count)
{
	struct xg_keeper *keeper;

	if (!queue->reserved || queue->keeper || count == 0 || count > XG_KEPT_ENTRIES_MAX)
		return -XG_E_INVAL;
	if (!os_grants_keepable())
		return -XG_E_NOTSUPP;
	keeper = kvzalloc(offsetof(struct xg_keeper, table) + xg_kept_bytes(count), GFP_KERNEL);
	if (!keeper)
		return -XG_E_NOMEM;
	keeper->queue = queue;
	spin_lock_init(&keeper->lock);
	INIT_DELAYED_WORK(&keeper->look, look);
	xg_kept_init(&keeper->table, count);
	queue->keeper = keeper;
	return XG_E_OK;
}

/* What was ended went back to the kernel, as it does with pages that are freed; fetched again when it is wanted. Locked. */
static int claim(struct xg_keeper *keeper, uint16_t domid, uint64_t frame)
{
	grant_ref_t *reserve = &keeper->queue->grants;
	int ref = os_grant(reserve, domid, frame, false);
	uint32_t n = min_t(uint32_t, keeper->owed, FETCH_MAX);

	/* The reserve is an empty list, so that nothing is lost when another takes its place. */
	if (ref >= 0 || n == 0 || !os_grants_reserve(n, reserve))
		return ref;
	keeper->owed -= n;
	return os_grant(reserve, domid, frame, false);
}

/* Locked. */
static int grant_new(struct xg_keeper *keeper, uint16_t domid, uint64_t frame)
{
	int ref = claim(keeper, domid, frame);
	struct page *page;

	if (ref < 0 && look_at(keeper, keeper->table.entries))
		ref = claim(keeper, domid, frame);
	if (ref < 0) {
		keeper->refused = true;
		mod_delayed_work(system_wq, &keeper->look, msecs_to_jiffies(LOOK_SOON_MS));
		return ref;
	}
	page = os_frame_page_get(frame);
	if (page && !xg_kept_add(&keeper->table, frame, ref, page))
		os_page_put(page);	/* ended like any other grant */
	return ref;
}

int xg_keep_grant(struct xg_side_queue *queue, uint16_t domid, uint64_t frame)
{
	struct xg_keeper *keeper = queue->keeper;
	unsigned long flags;
	int ref;

	spin_lock_irqsave(&keeper->lock, flags);
	ref = xg_kept_take(&keeper->table, frame);
	if (!ref)
		ref = grant_new(keeper, domid, frame);
	spin_unlock_irqrestore(&keeper->lock, flags);
	return ref;
}

bool xg_keep_ungrant(struct xg_side_queue *queue, uint32_t ref)
{
	struct xg_keeper *keeper = queue->keeper;
	struct xg_kept_entry *entry;
	unsigned long flags;

	spin_lock_irqsave(&keeper->lock, flags);
	entry = xg_kept_find(&keeper->table, ref);
	/* Nothing is gained by an entry that the backend does not have: it would have to map it anew. */
	if (entry && !end(keeper, entry)) {
		xg_kept_rest(&keeper->table, entry);
		if (keeper->table.resting == 1)
			schedule_delayed_work(&keeper->look, LOOK_S * HZ);
	}
	spin_unlock_irqrestore(&keeper->lock, flags);
	return entry;
}

/* Nobody grants or ungrants any more. What the backend still has the kernel ends later, and puts its page then. */
void xg_keep_stop(struct xg_side_queue *queue)
{
	struct xg_keeper *keeper = queue->keeper;
	struct xg_kept_entry *entry;
	uint32_t steps, ref;

	if (!keeper)
		return;
	queue->keeper = NULL;
	cancel_delayed_work_sync(&keeper->look);
	steps = keeper->table.entries;
	while ((entry = xg_kept_next(&keeper->table, &steps))) {
		ref = entry->ref;
		os_grant_end_later(ref, xg_kept_remove(&keeper->table, entry));
	}
	kvfree(keeper);
}
