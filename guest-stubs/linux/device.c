// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of one device in its window: OPEN, ADD, RESIZE, HOLD, REMOVE, CLOSE, and OPEN_NEXT, SWITCH, CLOSE_OTHER.
 * Called by the command thread alone. ADD, REMOVE and SWITCH wait for I/O, and a backend may be gone for good: they go
 * on in a work item, so that the thread can still serve the REMOVE by force that ends the wait.
 *
 * Must never run the driver on a header that was not checked, and never wait without an end.
 */
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "personality.h"

/* Of a logical block: what the block layer takes. */
#define LOGICAL_SIZES (512u | 1024u | 2048u | 4096u)

/* ---- Calls into the driver from the thread ------------------------------------------------------------------- */

int xg_side_call(struct xg_side *side, unsigned int entry)
{
	struct xg_device_header *dev = side->header;
	xg_entry_device_fn fn = (xg_entry_device_fn)xg_call_begin(dev, XG_CALL_SLOT_THREAD, entry);
	int rc = fn(dev);

	xg_call_end(dev, XG_CALL_SLOT_THREAD);
	return rc;
}

void xg_side_close(struct xg_side *side)
{
	struct xg_device_header *dev = side->header;
	xg_entry_close_fn fn;

	if (!dev || side->closed)
		return;
	side->closed = true;
	fn = (xg_entry_close_fn)xg_call_begin(dev, XG_CALL_SLOT_THREAD, XG_ENTRY_CLOSE);
	fn(dev);
	xg_call_end(dev, XG_CALL_SLOT_THREAD);
}

static void queues_live(struct xg_disk *disk, bool live)
{
	unsigned long flags;
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++) {
		spin_lock_irqsave(&disk->queues[q].lock, flags);
		disk->queues[q].live = live;
		spin_unlock_irqrestore(&disk->queues[q].lock, flags);
	}
}

void xg_side_show_state(struct xg_side *side, enum xg_device_state state)
{
	/* What the state announces before the state. Partner: Dom0 reads the state first. */
	smp_store_release(&side->header->state, state);
}

/* ---- OPEN ------------------------------------------------------------------------------------------------------ */

static void disk_work(struct work_struct *work);

static void queue_init(struct xg_disk *disk, uint32_t q)
{
	struct xg_disk_queue *queue = &disk->queues[q];

	queue->disk = disk;
	queue->index = q;
	queue->side = disk->side;
	spin_lock_init(&queue->lock);
}

/* HEADER was checked. */
static void side_init(struct xg_side *side, struct xg_disk *disk, struct xg_device_header *header,
		      const struct xg_block_params *params)
{
	uint32_t q;

	memset(side, 0, sizeof(*side));
	side->disk = disk;
	side->header = header;
	side->params = *params;
	side->counts = header->size >= offsetof(struct xg_device_header, counts) + sizeof(header->counts);
	for (q = 0; q < XG_QUEUES_MAX; q++) {
		side->queues[q].side = side;
		side->queues[q].index = q;
		snprintf(side->queues[q].irq_name, sizeof(side->queues[q].irq_name), "xengraft-%s-%s%u", disk->name,
			 side == &disk->sides[0] ? "" : "b", q);
	}
}

static struct xg_disk *disk_new(struct xg_device_header *header, const struct xg_block_params *params)
{
	struct xg_disk *disk = kvzalloc(struct_size(disk, queues, params->nr_queues), GFP_KERNEL);
	uint32_t q;

	if (!disk)
		return NULL;
	disk->side = &disk->sides[0];
	disk->params = *params;
	disk->nr_queues = params->nr_queues;
	memcpy(disk->name, header->name, sizeof(disk->name));
	side_init(disk->side, disk, header, params);
	INIT_WORK(&disk->work, disk_work);
	for (q = 0; q < disk->nr_queues; q++)
		queue_init(disk, q);
	return disk;
}

static int side_open(struct xg_side *side)
{
	struct xg_device_header *dev = side->header;
	int rc;

	dev->services = (uint64_t)&xg_linux_services;
	dev->personality = (uint64_t)side;
	rc = xg_side_call(side, XG_ENTRY_OPEN);
	if (rc)
		return rc;
	side->limits = dev->limits;
	if (xg_limits_valid(&side->limits))
		return XG_E_OK;
	xg_side_close(side);
	return -XG_E_INVAL;
}

int xg_device_open(struct xg_window *window)
{
	struct xg_block_params params = window->header->block;
	struct xg_disk *disk;
	int rc;

	if (window->disk)
		return -XG_E_EXIST;
	if (!xg_device_header_valid(window, window->header) || !xg_params_valid(&params, LOGICAL_SIZES))
		return -XG_E_INVAL;
	disk = disk_new(window->header, &params);
	if (!disk)
		return -XG_E_NOMEM;
	rc = side_open(disk->side);
	if (rc) {
		kvfree(disk);
		return rc;
	}
	disk->limits = disk->side->limits;
	window->disk = disk;
	xg_side_show_state(disk->side, XG_DEV_OPEN);
	return XG_E_OK;
}

/* ---- ADD and REMOVE ------------------------------------------------------------------------------------------ */

/* Does what waits and nothing else: whose the disk is, and what it is called, only the thread changes. */
static void disk_work(struct work_struct *work)
{
	struct xg_disk *disk = container_of(work, struct xg_disk, work);

	if (disk->job == XG_JOB_ADD)
		disk->result = xg_disk_show(disk);
	else if (disk->job == XG_JOB_REMOVE)
		xg_disk_hide(disk);
	else
		disk->result = xg_swap_run(disk);
	smp_store_release(&disk->working, false);	/* partner: is_working() */
	xg_core_kick();
}

static bool is_working(struct xg_disk *disk)
{
	return smp_load_acquire(&disk->working);
}

static void finish_add(struct xg_disk *disk)
{
	if (disk->result) {
		queues_live(disk, false);
		xg_disk_free(disk);
		return;
	}
	xg_side_show_state(disk->side, XG_DEV_LIVE);
	xg_say("%s: %llu sectors of 512 bytes (%llu MiB), %s", disk->name, disk->params.sectors,
	       disk->params.sectors >> 11, disk->side->header->banner);
}

static void finish_remove(struct xg_disk *disk)
{
	queues_live(disk, false);
	xg_disk_free(disk);
	disk->result = XG_E_OK;
	xg_side_show_state(disk->side, XG_DEV_REMOVED);
	xg_say("%s: removed", disk->name);
}

/* The thread's half of a job whose work is over; does nothing when there is none. */
static void job_finish(struct xg_disk *disk)
{
	enum xg_disk_job job = disk->job;

	if (job == XG_JOB_NONE || is_working(disk))
		return;
	flush_work(&disk->work);	/* over but for its last instructions */
	disk->job = XG_JOB_NONE;
	if (job == XG_JOB_ADD)
		finish_add(disk);
	else if (job == XG_JOB_REMOVE)
		finish_remove(disk);
}

static int job_start(struct xg_disk *disk, enum xg_disk_job job)
{
	disk->job = job;
	disk->working = true;
	queue_work(system_unbound_wq, &disk->work);
	return 1;
}

int xg_device_job_result(struct xg_window *window, uint64_t *values)
{
	struct xg_disk *disk = window->disk;
	bool swapped = disk->job == XG_JOB_SWITCH;

	job_finish(disk);
	if (disk->job != XG_JOB_NONE)
		return 1;
	if (swapped) {
		values[0] = disk->swap.hold_ns;
		values[1] = disk->swap.held;
		values[2] = disk->swap.in_flight;
		values[3] = disk->swap.replayed;
	}
	return disk->result;
}

/* The device of WINDOW for a command that must not run beside a job; NULL when there is none or it is busy. */
static struct xg_disk *disk_at_rest(struct xg_window *window)
{
	struct xg_disk *disk = window->disk;

	if (disk)
		job_finish(disk);
	return disk && disk->job == XG_JOB_NONE ? disk : NULL;
}

int xg_device_add(struct xg_window *window)
{
	struct xg_disk *disk = disk_at_rest(window);
	int rc;

	if (!disk || disk->gd)
		return -XG_E_BUSY;
	if (disk->side->closed)
		return -XG_E_INVAL;
	rc = xg_side_call(disk->side, XG_ENTRY_START);
	if (rc == XG_E_OK)
		rc = xg_disk_alloc(disk);
	if (rc)
		return rc;
	queues_live(disk, true);
	return job_start(disk, XG_JOB_ADD);
}

static void release_hold(struct xg_disk *disk)
{
	if (disk->held)
		xg_disk_gate(disk, false);
	disk->held = false;
}

static int remove_idle(struct xg_window *window)
{
	struct xg_disk *disk = disk_at_rest(window);

	if (!disk)
		return -XG_E_BUSY;
	if (!disk->gd)
		return XG_E_OK;
	if (!xg_disk_claim(disk, false))
		return -XG_E_BUSY;
	release_hold(disk);
	return job_start(disk, XG_JOB_REMOVE);
}

/*
 * The backend is not waited for: the driver withdraws its grants, then what it had fails. Afterwards no
 * page of a failed request is the backend's any more, but for those it has mapped, which the kernel keeps.
 * A job that waited for the backend ends with that; then the disk goes, whoever has it open.
 */
static int remove_force(struct xg_window *window)
{
	struct xg_disk *disk = window->disk;

	/* It waits no longer than it was told to, and knows of nobody who takes its queues away. */
	if (disk->job == XG_JOB_SWITCH) {
		flush_work(&disk->work);
		job_finish(disk);
	}
	if (disk->gd) {
		queues_live(disk, false);
		xg_side_close(disk->side);
		xg_disk_fail_all(disk);
		release_hold(disk);
	}
	flush_work(&disk->work);
	job_finish(disk);
	if (!disk->gd)
		return XG_E_OK;
	xg_disk_claim(disk, true);
	return job_start(disk, XG_JOB_REMOVE);
}

int xg_device_remove(struct xg_window *window, bool force)
{
	if (!window->disk)
		return XG_E_OK;
	return force ? remove_force(window) : remove_idle(window);
}

/* From here on Dom0 may write the half and its header anew. */
static void side_end(struct xg_side *side)
{
	if (!side->header)
		return;
	xg_side_close(side);
	xg_side_show_state(side, XG_DEV_NONE);
	side->header = NULL;
}

int xg_device_close(struct xg_window *window)
{
	struct xg_disk *disk;

	if (!window->disk)
		return XG_E_OK;
	disk = disk_at_rest(window);
	if (!disk || disk->gd)
		return -XG_E_BUSY;
	side_end(xg_other_side(disk));
	side_end(disk->side);
	window->disk = NULL;
	kvfree(disk);
	return XG_E_OK;
}

/*
 * The driver was called from interrupts and from the block layer with interrupts off. CLOSE waited for the former's
 * handler; this waits for the latter's way out, before the text goes.
 */
void xg_window_settle(void)
{
	synchronize_rcu();
}

/* ---- The rest ------------------------------------------------------------------------------------------------ */

int xg_device_resize(struct xg_window *window, uint64_t sectors)
{
	struct xg_disk *disk = disk_at_rest(window);

	if (!disk || !disk->gd)
		return -XG_E_BUSY;
	if (!xg_sectors_valid(sectors, disk->params.logical_bytes))
		return -XG_E_INVAL;
	disk->params.sectors = sectors;
	set_capacity_and_notify(disk->gd, sectors);
	return XG_E_OK;
}

int xg_device_hold(struct xg_window *window, bool hold)
{
	struct xg_disk *disk = disk_at_rest(window);

	if (!disk || !disk->gd)
		return -XG_E_BUSY;
	if (hold && !disk->held)
		xg_disk_gate(disk, true);
	else if (!hold)
		release_hold(disk);
	disk->held = hold;
	return XG_E_OK;
}

/* ---- The next driver ----------------------------------------------------------------------------------------- */

/* What the kernel was told of the disk can't be taken back. Cache and discard can be done without: see disk.c. */
static bool params_keep_promise(const struct xg_disk *disk, const struct xg_block_params *p)
{
	const struct xg_block_params *was = &disk->params;
	uint32_t fixed = XG_BLK_READ_ONLY | XG_BLK_CDROM, least = XG_BLK_FUA | XG_BLK_SECURE_DISCARD;

	return p->sectors == was->sectors && p->logical_bytes == was->logical_bytes && p->nr_queues == was->nr_queues &&
	       (p->flags & fixed) == (was->flags & fixed) && !(was->flags & least & ~p->flags);
}

static bool limits_keep_promise(const struct xg_disk *disk, const struct xg_block_limits *l)
{
	return l->max_segments >= disk->limits.max_segments && l->max_sectors >= disk->limits.max_sectors &&
	       l->queue_depth >= disk->limits.queue_depth;
}

/* The header of the half that is not in use, where the window has room for two; NULL when HEADER_VA is not it. */
static struct xg_device_header *next_header(const struct xg_window *window, const struct xg_disk *disk,
					    uint64_t header_va)
{
	uint32_t half = xg_other_side((struct xg_disk *)disk) == &disk->sides[0] ? 0 : 1;
	uint64_t va = (uint64_t)window->header + half * PAGE_SIZE;

	return window->data_pages >= 4 && window->data_pages % 2 == 0 && header_va == va ? (void *)va : NULL;
}

struct refetch {
	atomic_t left;
	struct completion done;
};

static void refetch_here(void *arg)
{
	struct refetch *r = arg;

	if (atomic_dec_and_test(&r->left))
		complete(&r->done);
}

/*
 * Dom0 wrote the text: no processor goes on with what it had fetched of that half before, for each comes out of an
 * interrupt. Not kick_all_cpus_sync(), which spins until all have answered: where virtual processors share a real one, the
 * one that spins is what the others wait for.
 */
static void refetch_everywhere(void)
{
	struct refetch r;

	init_completion(&r.done);
	cpus_read_lock();
	atomic_set(&r.left, num_online_cpus());
	on_each_cpu(refetch_here, &r, 0);
	cpus_read_unlock();
	wait_for_completion(&r.done);
}

int xg_device_open_next(struct xg_window *window, uint64_t header_va)
{
	struct xg_disk *disk = disk_at_rest(window);
	struct xg_device_header *header;
	struct xg_block_params params;
	struct xg_side *side;
	int rc;

	if (!disk || !disk->gd)
		return -XG_E_BUSY;
	side = xg_other_side(disk);
	if (side->header)
		return -XG_E_EXIST;
	header = next_header(window, disk, header_va);
	if (!header || !xg_device_header_valid(window, header))
		return -XG_E_INVAL;
	params = header->block;
	if (!xg_params_valid(&params, LOGICAL_SIZES) || !params_keep_promise(disk, &params))
		return -XG_E_INVAL;
	refetch_everywhere();
	side_init(side, disk, header, &params);
	rc = side_open(side);
	if (!rc && !limits_keep_promise(disk, &side->limits)) {
		xg_side_close(side);
		rc = -XG_E_INVAL;
	}
	if (rc)
		side->header = NULL;
	else
		xg_side_show_state(side, XG_DEV_OPEN);
	return rc;
}

int xg_device_switch(struct xg_window *window, uint64_t deadline_us, uint64_t flags)
{
	struct xg_disk *disk = disk_at_rest(window);
	struct xg_side *side;
	int rc;

	if (!disk || !disk->gd)
		return -XG_E_BUSY;
	side = xg_other_side(disk);
	if (!side->header || side->closed || deadline_us > XG_SWITCH_MAX_US || flags & ~(uint64_t)XG_SWITCH_REPLAY)
		return -XG_E_INVAL;
	rc = xg_side_call(side, XG_ENTRY_START);
	if (rc)
		return rc;
	disk->swap = (struct xg_switch){ .deadline_ns = deadline_us * 1000, .replay = flags & XG_SWITCH_REPLAY };
	return job_start(disk, XG_JOB_SWITCH);
}

int xg_device_close_other(struct xg_window *window)
{
	struct xg_disk *disk;

	if (!window->disk)
		return XG_E_OK;
	disk = disk_at_rest(window);
	if (!disk)
		return -XG_E_BUSY;
	side_end(xg_other_side(disk));
	return XG_E_OK;
}
