// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of one device in its window: OPEN, ADD, RESIZE, HOLD, REMOVE, CLOSE. Called by the command task,
 * and by the bed for devices of its own. Must never run the driver on a header that was not checked. Nothing
 * here waits: the kernel reads no partitions, and a disk that is held when it goes is freed later
 * (xg_disks_left()).
 */
#include "personality.h"

/* Of a logical block: what the block layer takes. */
#define LOGICAL_SIZES (512u | 4096u)

static struct xg_disk *left;

/* ---- What only this kernel asks ------------------------------------------------------------------------------ */

/* Segments are whole pages but for the last, which ends where the request does; they begin on a page. */
static bool boundary_valid(const struct xg_device_header *h)
{
	uint32_t boundary = h->size > XG_DEVICE_HEADER_FIRST ? h->direct.segment_boundary : 0;

	return boundary == 0 || (boundary <= BARE_PAGE && (boundary & (boundary - 1)) == 0);
}

/* ---- Calls into the driver --------------------------------------------------------------------------------- */

static int driver_call(struct xg_device_header *dev, unsigned int entry)
{
	xg_entry_device_fn fn = (xg_entry_device_fn)xg_call_begin(dev, XG_CALL_SLOT_TASK, entry);
	int rc = fn(dev);

	xg_call_end(dev, XG_CALL_SLOT_TASK);
	return rc;
}

static void driver_close(struct xg_disk *disk)
{
	struct xg_device_header *dev = disk->header;
	xg_entry_close_fn fn;

	if (disk->closed)
		return;
	disk->closed = true;
	fn = (xg_entry_close_fn)xg_call_begin(dev, XG_CALL_SLOT_TASK, XG_ENTRY_CLOSE);
	fn(dev);
	xg_call_end(dev, XG_CALL_SLOT_TASK);
}

static void queues_live(struct xg_disk *disk, bool live)
{
	uint32_t q;

	for (q = 0; q < disk->nr_queues; q++)
		disk->queues[q].live = live;
}

static void set_state(struct xg_disk *disk, enum xg_device_state state)
{
	/* What the state announces before the state. Partner: Dom0 reads the state first. */
	__atomic_store_n(&disk->header->state, state, __ATOMIC_RELEASE);
}

/* ---- Memory of a disk -------------------------------------------------------------------------------------- */

#define DISK_PAGES ((sizeof(struct xg_disk) + BARE_PAGE - 1) / BARE_PAGE)

static struct xg_disk *disk_new(struct xg_device_header *header, const struct xg_block_params *params)
{
	struct xg_disk *disk = os_memory_get(DISK_PAGES);
	uint32_t q;

	if (!disk)
		return NULL;
	disk->header = header;
	disk->params = *params;
	disk->nr_queues = params->nr_queues;
	memcpy(disk->disk.name, header->name, sizeof(disk->disk.name));
	for (q = 0; q < disk->nr_queues; q++) {
		disk->queues[q].disk = disk;
		disk->queues[q].index = q;
	}
	return disk;
}

/* The kernel may know it yet: then it waits in a list. */
static void disk_drop(struct xg_disk *disk)
{
	if (disk->added && (disk->disk.openers || disk->disk.in_flight)) {
		disk->next_left = left;
		left = disk;
		return;
	}
	xg_disk_slots_put(disk);
	os_memory_put(disk, DISK_PAGES);
}

unsigned int xg_disks_left(void)
{
	struct xg_disk *disk = left, *next;
	unsigned int n = 0;

	left = NULL;
	for (; disk; disk = next) {
		next = disk->next_left;
		disk_drop(disk);
	}
	for (disk = left; disk; disk = disk->next_left)
		n++;
	return n;
}

/* ---- OPEN and CLOSE ---------------------------------------------------------------------------------------- */

static int driver_open(struct xg_disk *disk, const struct xg_services *services)
{
	struct xg_device_header *dev = disk->header;
	int rc;

	dev->services = (uint64_t)services;
	dev->personality = (uint64_t)disk;
	rc = driver_call(dev, XG_ENTRY_OPEN);
	if (rc)
		return rc;
	disk->limits = dev->limits;
	rc = xg_limits_valid(&disk->limits) && boundary_valid(dev) ? xg_disk_slots_get(disk) : -XG_E_INVAL;
	if (rc)
		driver_close(disk);
	return rc;
}

int xg_device_open(struct xg_window *window, const struct xg_services *services, void *owner)
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
	disk->owner = owner;
	rc = driver_open(disk, services);
	if (rc) {
		os_memory_put(disk, DISK_PAGES);
		return rc;
	}
	window->disk = disk;
	set_state(disk, XG_DEV_OPEN);
	return XG_E_OK;
}

int xg_device_close(struct xg_window *window)
{
	struct xg_disk *disk = window->disk;

	if (!disk)
		return XG_E_OK;
	if (disk->shown)
		return -XG_E_BUSY;
	driver_close(disk);
	window->disk = NULL;
	set_state(disk, XG_DEV_NONE);
	disk_drop(disk);
	return XG_E_OK;
}

/* ---- ADD and REMOVE ---------------------------------------------------------------------------------------- */

int xg_device_add(struct xg_window *window)
{
	struct xg_disk *disk = window->disk;
	int rc;

	if (!disk || disk->added)
		return -XG_E_BUSY;
	if (disk->closed)
		return -XG_E_INVAL;
	rc = driver_call(disk->header, XG_ENTRY_START);
	if (rc)
		return rc;
	os_disk_alloc(&disk->disk, &disk->params, &disk->limits, &xg_disk_ops, disk);
	queues_live(disk, true);
	rc = os_disk_add(&disk->disk);
	if (rc) {
		queues_live(disk, false);
		return rc == -BARE_E_EXIST ? -XG_E_EXIST : -XG_E_INVAL;
	}
	disk->added = disk->shown = true;
	set_state(disk, XG_DEV_LIVE);
	xg_say("%s: %llu sectors of 512 bytes (%llu MiB), %s", disk->disk.name,
	       (unsigned long long)disk->params.sectors,
	       (unsigned long long)disk->params.sectors >> 11, disk->header->banner);
	return XG_E_OK;
}

/*
 * By force the backend is not waited for: the driver withdraws its grants, then what it had fails. Afterwards
 * no page of a failed request is the backend's any more, but for those it has mapped, which the kernel keeps
 * from reuse.
 */
int xg_device_remove(struct xg_window *window, bool force)
{
	struct xg_disk *disk = window->disk;

	if (!disk || !disk->shown)
		return XG_E_OK;
	if (!force && (disk->disk.openers || disk->disk.in_flight))
		return -XG_E_BUSY;
	if (force) {
		queues_live(disk, false);
		driver_close(disk);
		xg_disk_fail_all(disk);
	}
	if (!os_disk_remove(&disk->disk, force))
		return -XG_E_BUSY;
	queues_live(disk, false);
	disk->shown = false;
	set_state(disk, XG_DEV_REMOVED);
	xg_say("%s: removed", disk->disk.name);
	return XG_E_OK;
}

/* ---- The rest ---------------------------------------------------------------------------------------------- */

int xg_device_resize(struct xg_window *window, uint64_t sectors)
{
	struct xg_disk *disk = window->disk;

	if (!disk || !disk->shown)
		return -XG_E_BUSY;
	if (!xg_sectors_valid(sectors, disk->params.logical_bytes))
		return -XG_E_INVAL;
	disk->params.sectors = disk->disk.sectors = sectors;
	return XG_E_OK;
}

int xg_device_hold(struct xg_window *window, bool hold)
{
	struct xg_disk *disk = window->disk;

	if (!disk || !disk->shown)
		return -XG_E_BUSY;
	disk->held = hold;
	bare_disk_hold(&disk->disk, hold);
	return XG_E_OK;
}
