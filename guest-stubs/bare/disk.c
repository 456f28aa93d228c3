// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block layer: a queue before each disk, for what its owner has no room for, and one behind all of them, so that
 * done() is never called from inside an owner's code. Called by the shell and by owners of disks.
 */
#include "disk.h"

static struct bare_disk *disks;
static struct bare_request *done_first, **done_end = &done_first;

/* ---- Requests ---------------------------------------------------------------------------------------------- */

void bare_disk_complete(struct bare_request *request, int status)
{
	request->status = status;
	request->next = NULL;
	*done_end = request;
	done_end = &request->next;
}

/* Unlinked before it is submitted: from then on it is the owner's, who may complete it at once. */
static void dispatch(struct bare_disk *disk)
{
	struct bare_request *request;
	int rc;

	while (disk->waiting && !disk->stopped && !disk->held) {
		request = disk->waiting;
		disk->waiting = request->next;
		if (!disk->waiting)
			disk->waiting_end = &disk->waiting;
		rc = disk->ops->submit(disk, request);
		if (!rc) {
			disk->uncommitted = true;
		} else if (rc == -BARE_E_BUSY) {
			request->next = disk->waiting;
			if (!disk->waiting)
				disk->waiting_end = &request->next;
			disk->waiting = request;
			disk->stopped = true;
		} else {
			bare_disk_complete(request, rc);
		}
	}
}

void bare_disk_wake(struct bare_disk *disk)
{
	disk->stopped = false;
}

void bare_disk_hold(struct bare_disk *disk, bool hold)
{
	disk->held = hold;
}

static bool fits(const struct bare_disk *disk, const struct bare_request *r)
{
	uint32_t unit = disk->logical_bytes / BARE_SECTOR;

	if (r->op == BARE_FLUSH)
		return true;
	return r->sectors && r->sector <= disk->sectors && r->sectors <= disk->sectors - r->sector &&
	       r->sector % unit == 0 && r->sectors % unit == 0 &&
	       (r->op == BARE_DISCARD || (r->sectors <= disk->max_sectors && r->nr_segments <= disk->max_segments));
}

static int refusal(const struct bare_disk *disk, const struct bare_request *r)
{
	if (!disk->registered)
		return -BARE_E_NODEV;
	if ((r->op == BARE_FLUSH && !disk->can_flush) || (r->op == BARE_DISCARD && !disk->can_discard))
		return -BARE_E_NOTSUPP;
	if (r->op != BARE_READ && r->op != BARE_FLUSH && disk->read_only)
		return -BARE_E_IO;
	return fits(disk, r) ? 0 : -BARE_E_INVAL;
}

void bare_disk_submit(struct bare_request *request)
{
	struct bare_disk *disk = request->disk;
	int rc = refusal(disk, request);

	disk->in_flight++;
	if (rc) {
		bare_disk_complete(request, rc);
		return;
	}
	request->next = NULL;
	*disk->waiting_end = request;
	disk->waiting_end = &request->next;
}

static void fail_waiting(struct bare_disk *disk)
{
	struct bare_request *request;

	while ((request = disk->waiting)) {
		disk->waiting = request->next;
		bare_disk_complete(request, -BARE_E_NODEV);
	}
	disk->waiting_end = &disk->waiting;
}

static void deliver(void)
{
	struct bare_request *request;

	while ((request = done_first)) {
		done_first = request->next;
		if (!done_first)
			done_end = &done_first;
		request->disk->in_flight--;
		request->done(request);
	}
}

void bare_disks_look(void)
{
	struct bare_disk *disk;

	deliver();
	for (disk = disks; disk; disk = disk->next) {
		dispatch(disk);
		if (disk->uncommitted)
			disk->ops->commit(disk);
		disk->uncommitted = false;
	}
}

/* ---- Disks ------------------------------------------------------------------------------------------------- */

static struct bare_disk *find(const char *name)
{
	struct bare_disk *disk = disks;

	while (disk && strcmp(disk->name, name))
		disk = disk->next;
	return disk;
}

static bool sane(const struct bare_disk *disk)
{
	size_t n = strnlen(disk->name, sizeof(disk->name));

	return n && n < sizeof(disk->name) && (disk->logical_bytes == 512 || disk->logical_bytes == 4096) &&
	       disk->max_segments && disk->max_segments <= BARE_SEGMENTS_MAX &&
	       disk->max_sectors >= BARE_PAGE / BARE_SECTOR && disk->ops && disk->ops->submit && disk->ops->commit;
}

int bare_disk_register(struct bare_disk *disk)
{
	if (!sane(disk) || disk->registered)
		return -BARE_E_INVAL;
	if (find(disk->name))
		return -BARE_E_EXIST;
	disk->registered = true;
	disk->held = disk->stopped = disk->uncommitted = false;
	disk->openers = disk->in_flight = 0;
	disk->waiting = NULL;
	disk->waiting_end = &disk->waiting;
	disk->next = disks;
	disks = disk;
	bare_log("%s: %llu sectors of 512 bytes", disk->name, (unsigned long long)disk->sectors);
	return 0;
}

int bare_disk_unregister(struct bare_disk *disk, bool force)
{
	struct bare_disk **at = &disks;

	if (disk->openers && !force)
		return -BARE_E_BUSY;
	while (*at && *at != disk)
		at = &(*at)->next;
	if (!*at)
		return 0;
	*at = disk->next;
	disk->registered = false;
	fail_waiting(disk);
	bare_log("%s: gone", disk->name);
	return 0;
}

struct bare_disk *bare_disk_open(const char *name)
{
	struct bare_disk *disk = find(name);

	if (disk)
		disk->openers++;
	return disk;
}

void bare_disk_close(struct bare_disk *disk)
{
	disk->openers--;
}

struct bare_disk *bare_disk_next(struct bare_disk *after)
{
	return after ? after->next : disks;
}

/* ---- Sectors ----------------------------------------------------------------------------------------------- */

static void io_done(struct bare_request *request)
{
	bare_raise(request->context);
}

static void describe(struct bare_request *request, char *buffer)
{
	uint32_t bytes = request->sectors * BARE_SECTOR;

	request->nr_segments = 0;
	while (bytes) {
		uint32_t n = bytes < BARE_PAGE ? bytes : BARE_PAGE;

		request->segments[request->nr_segments++] =
			(struct bare_segment){ .physical = bare_physical(buffer), .bytes = n };
		buffer += n;
		bytes -= n;
	}
}

static int io_one(struct bare_request *request)
{
	struct bare_signal signal = { .raised = false };

	request->done = io_done;
	request->context = &signal;
	bare_disk_submit(request);
	(void)bare_wait(&signal, 0);
	return request->status;
}

int bare_disk_io(struct bare_disk *disk, enum bare_disk_op op, uint64_t sector, uint64_t sectors, void *buffer)
{
	uint32_t most = disk->max_segments * (BARE_PAGE / BARE_SECTOR);
	struct bare_request *request;
	char *at = buffer;
	int rc = 0;

	if (most > disk->max_sectors)
		most = disk->max_sectors & ~(BARE_PAGE / BARE_SECTOR - 1);
	request = bare_pages_get(1);
	if (!request)
		return -BARE_E_NOMEM;
	do {
		*request = (struct bare_request){ 
			.disk = disk, .op = op, .sector = sector, .sectors = (uint32_t)sectors,
		};
		if (op == BARE_READ || op == BARE_WRITE) {
			if (sectors > most)
				request->sectors = most;
			describe(request, at);
		}
		rc = io_one(request);
		at += request->sectors * BARE_SECTOR;
		sector += request->sectors;
		sectors -= request->sectors;
	} while (!rc && sectors);
	bare_pages_put(request, 1);
	return rc;
}
