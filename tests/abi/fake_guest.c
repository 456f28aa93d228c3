// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/abi/fake_guest.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hotswap/link.h"

/*
 * Kernel code keeps its stack aligned to 8 bytes, this program's to 16: who is called by a driver puts that right.
 */
#define CALLED_BY_DRIVER __attribute__((force_align_arg_pointer))

#define TEXT_BYTES (64u * 1024)

static struct fake_guest *guest;	/* the one there is */
static uint8_t *text;

/* ---- The personality --------------------------------------------------------------------------------------- */

static bool may_work(void)
{
	if (guest->calls_left > 1)
		guest->calls_left--;
	return guest->calls_left != 1;
}

/* Between pages that nobody may touch, so that a driver that goes astray is caught. */
static void *guarded_pages(uint32_t pages)
{
	uint8_t *p = mmap(NULL, (pages + 2) * XG_ABI_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	ck_assert(mprotect(p + XG_ABI_PAGE, pages * XG_ABI_PAGE, PROT_READ | PROT_WRITE) == 0);
	return p + XG_ABI_PAGE;
}

static void guarded_pages_free(void *va, uint32_t pages)
{
	munmap((uint8_t *)va - XG_ABI_PAGE, (pages + 2) * XG_ABI_PAGE);
}

CALLED_BY_DRIVER static int memory_get(struct xg_device_header *dev, uint32_t pages, struct xg_memory *ret)
{

	(void)dev;
	if (!may_work())
		return -XG_E_NOMEM;
	*ret = (struct xg_memory){ .va = guarded_pages(pages), .pages = pages };
	guest->memory_live++;
	return 0;
}

static bool granted_within(uint64_t frame, uint32_t pages)
{
	unsigned int i;

	for (i = 0; guest->grants_live > 0 && i < FAKE_GRANTS; i++)
		if (guest->grant[i].used && !guest->grant[i].rests && guest->grant[i].frame - frame < pages)
			return true;
	return false;
}

CALLED_BY_DRIVER static void memory_put(struct xg_device_header *dev, struct xg_memory *memory)
{
	(void)dev;
	ck_assert_msg(!granted_within((uintptr_t)memory->va / XG_ABI_PAGE, memory->pages),
		      "memory goes back while the backend may use it");
	guarded_pages_free(memory->va, memory->pages);
	memory->va = NULL;
	guest->memory_live--;
}

CALLED_BY_DRIVER static uint64_t memory_frame(struct xg_device_header *dev, void *va)
{
	(void)dev;
	return (uintptr_t)va / XG_ABI_PAGE;
}

CALLED_BY_DRIVER static int grants_reserve(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	(void)dev;
	ck_assert(!guest->queue[q].reserved && count > 0);
	if (!may_work() || (guest->reserve_most && count > guest->reserve_most))
		return -XG_E_NOMEM;
	guest->queue[q].reserved = true;
	guest->queue[q].reserve_left = count;
	guest->reserves_live++;
	return 0;
}

CALLED_BY_DRIVER static void grants_release(struct xg_device_header *dev, uint32_t q)
{
	uint32_t ref;

	(void)dev;
	ck_assert(guest->queue[q].reserved);
	for (ref = 0; guest->queue[q].kept && ref < FAKE_GRANTS; ref++)
		if (guest->grant[ref].rests && guest->grant[ref].queue == q)
			guest->grant[ref].used = guest->grant[ref].rests = false;
	guest->queue[q].kept = 0;
	guest->queue[q].reserved = false;
	guest->reserves_live--;
}

/* What rests of the frame, in use again, or 0. */
static uint32_t kept_take(uint32_t q, uint64_t frame)
{
	uint32_t ref;

	for (ref = 8; guest->queue[q].kept && ref < FAKE_GRANTS; ref++)
		if (guest->grant[ref].rests && guest->grant[ref].queue == q && guest->grant[ref].frame == frame) {
			guest->grant[ref].rests = false;
			guest->grants_live++;
			return ref;
		}
	return 0;
}

CALLED_BY_DRIVER static int grant(struct xg_device_header *dev, uint32_t q, uint64_t frame, uint32_t read_only)
{
	uint32_t ref = kept_take(q, frame);

	(void)dev;
	if (ref)
		return (int)ref;
	if (!guest->queue[q].reserve_left || !may_work())
		return -XG_E_BUSY;
	for (ref = guest->grant_hint < 8 ? 8 : guest->grant_hint; ref < FAKE_GRANTS && guest->grant[ref].used; ref++)
		;
	guest->grant_hint = ref;
	ck_assert_uint_lt(ref, FAKE_GRANTS);
	guest->grant[ref].used = true;
	guest->grant[ref].read_only = read_only && !guest->queue[q].kept;
	guest->grant[ref].frame = frame;
	guest->grant[ref].queue = q;
	guest->grants_made++;
	guest->queue[q].reserve_left--;
	guest->grants_live++;
	return (int)ref;
}

CALLED_BY_DRIVER static int ungrant(struct xg_device_header *dev, uint32_t q, uint32_t ref)
{
	(void)dev;
	ck_assert_msg(ref >= 8 && ref < FAKE_GRANTS && guest->grant[ref].used && !guest->grant[ref].rests,
		      "reference %u was not granted", ref);
	if (guest->queue[q].kept && ref >= guest->queue[q].kept_from) {
		guest->grant[ref].rests = true;
		guest->grants_live--;
		return 0;
	}
	guest->grant[ref].used = false;
	if (ref < guest->grant_hint)
		guest->grant_hint = ref;	/* no free one lies below it */
	guest->grants_live--;
	if (guest->ungrant_refused)
		return -XG_E_BUSY;
	guest->queue[q].reserve_left++;
	return 0;
}

CALLED_BY_DRIVER static int event_open(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	ck_assert(!guest->queue[q].event_open);
	if (!may_work())
		return -XG_E_NOMEM;
	guest->queue[q].event_open = true;
	guest->events_live++;
	return 100 + (int)q;
}

CALLED_BY_DRIVER static void event_close(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	ck_assert(guest->queue[q].event_open);
	guest->queue[q].event_open = false;
	guest->events_live--;
}

CALLED_BY_DRIVER static void event_send(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	ck_assert(guest->queue[q].event_open);
	guest->queue[q].sends++;
}

CALLED_BY_DRIVER static void complete(struct xg_device_header *dev, uint32_t q, struct xg_request *req, int status)
{
	unsigned int i;

	(void)dev;
	(void)q;
	for (i = 0; i < guest->done_count && guest->done[i].req != req; i++)
		;
	ck_assert_msg(i == guest->done_count, "request %u was completed twice", req->tag);
	ck_assert(guest->done_count < FAKE_DONE_MAX);
	guest->done[guest->done_count++] = (struct fake_done){ req, status };
	if (guest->on_complete)
		guest->on_complete(guest);
}

CALLED_BY_DRIVER static void wake(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	guest->queue[q].wakes++;
}

CALLED_BY_DRIVER static void log_line(struct xg_device_header *dev, const char *line)
{
	(void)dev;
	snprintf(guest->log, sizeof(guest->log), "%s", line);
	guest->logs++;
}

CALLED_BY_DRIVER static uint64_t bus_address(struct xg_device_header *dev, uint64_t frame)
{
	(void)dev;
	return guest->bus_refused ? XG_BUS_NONE : frame * XG_ABI_PAGE;
}

CALLED_BY_DRIVER static void *doorbells_map(struct xg_device_header *dev)
{
	(void)dev;
	ck_assert(!guest->doorbells);
	if (!may_work())
		return NULL;
	guest->doorbells = guarded_pages(FAKE_DOORBELL_BYTES / XG_ABI_PAGE);
	return guest->doorbells;
}

CALLED_BY_DRIVER static void doorbells_unmap(struct xg_device_header *dev, void *va)
{
	(void)dev;
	ck_assert(va == guest->doorbells);
	guarded_pages_free(va, FAKE_DOORBELL_BYTES / XG_ABI_PAGE);
	guest->doorbells = NULL;
}

CALLED_BY_DRIVER static int interrupt_open(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	ck_assert(!guest->queue[q].interrupt_open);
	if (!may_work())
		return -XG_E_NOMEM;
	guest->queue[q].interrupt_open = true;
	guest->interrupts_live++;
	return 0;
}

CALLED_BY_DRIVER static void interrupt_close(struct xg_device_header *dev, uint32_t q)
{
	(void)dev;
	ck_assert(guest->queue[q].interrupt_open);
	guest->queue[q].interrupt_open = false;
	guest->interrupts_live--;
}

CALLED_BY_DRIVER static int grants_keep(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	(void)dev;
	ck_assert(guest->queue[q].reserved && !guest->queue[q].kept && count >= XG_KEPT_MAX);
	if (!may_work() || guest->keep_refused)
		return -XG_E_NOTSUPP;
	guest->queue[q].kept = count;
	guest->queue[q].kept_from = guest->grant_hint;	/* what was granted before stays as it was */
	return 0;
}

static const struct xg_services services = {
	.version = XG_ABI_VERSION, .size = sizeof(services), .memory_get = memory_get, .memory_put = memory_put,
	.memory_frame = memory_frame, .grants_reserve = grants_reserve, .grants_release = grants_release,
	.grant = grant, .ungrant = ungrant, .event_open = event_open, .event_close = event_close,
	.event_send = event_send, .complete = complete, .wake = wake, .log = log_line,
	.bus_address = bus_address, .doorbells_map = doorbells_map, .doorbells_unmap = doorbells_unmap,
	.interrupt_open = interrupt_open, .interrupt_close = interrupt_close,
	.grants_keep = grants_keep,
};

/* ---- Loading ------------------------------------------------------------------------------------------------- */

static uint8_t *read_image(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes;

	ck_assert_msg(fd >= 0, "cannot open %s", path);
	ck_assert(fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < 1 << 20);
	bytes = malloc((size_t)st.st_size);
	ck_assert(bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

static const struct xg_driver *load(const char *path)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_elf *elf;
	struct xg_part code, data;
	struct gva table;
	size_t size;
	uint8_t *bytes = read_image(path, &size);

	text = mmap(NULL, TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ck_assert(text != MAP_FAILED);
	code = (struct xg_part){ .at = XG_GVA((uintptr_t)text), .room = TEXT_BYTES, .bytes = text };
	/* A driver has no data: it gets no room for it. */
	data = (struct xg_part){ .at = XG_GVA((uintptr_t)text + TEXT_BYTES), .room = 0, .bytes = text };
	ck_assert_msg(xg_elf_open(bytes, size, &elf, &err) == 0, "%s: %s", path, err.text);
	/* No resolver: it may import nothing. */
	ck_assert_msg(xg_link(elf, NULL, &code, &data, &err) == 0, "%s: %s", path, err.text);
	ck_assert_msg(xg_link_address(elf, XG_DRIVER_TABLE, &code, &data, &table, &err) == 0, "%s: %s", path, err.text);
	xg_elf_close(elf);
	free(bytes);
	ck_assert(mprotect(text, TEXT_BYTES, PROT_READ | PROT_EXEC) == 0);
	return (const struct xg_driver *)(uintptr_t)table.v;
}

struct fake_guest *fake_guest_new(const char *path, const struct xg_block_params *params)
{
	ck_assert(!guest);
	guest = calloc(1, sizeof(*guest));
	ck_assert(guest != NULL);
	guest->dev = aligned_alloc(XG_ABI_PAGE, XG_ABI_PAGE);
	ck_assert(guest->dev != NULL);
	memset(guest->dev, 0, XG_ABI_PAGE);
	guest->driver = load(path);
	guest->services = services;
	guest->dev->services = (uintptr_t)&guest->services;
	guest->dev->size = sizeof(*guest->dev);
	guest->dev->block = *params;
	return guest;
}

void *fake_guest_text(uintptr_t *ret_end)
{
	*ret_end = (uintptr_t)text + TEXT_BYTES;
	return text;
}

void fake_guest_free(struct fake_guest *g)
{
	ck_assert_msg(g->grants_live == 0, "%u grants were left", g->grants_live);
	ck_assert_msg(g->reserves_live == 0, "%u reserves were left", g->reserves_live);
	ck_assert_msg(g->memory_live == 0, "%u pieces of memory were left", g->memory_live);
	ck_assert_msg(g->events_live == 0, "%u event channels were left", g->events_live);
	ck_assert_msg(g->interrupts_live == 0, "%u interrupts were left", g->interrupts_live);
	ck_assert_msg(!g->doorbells, "the doorbells were left mapped");
	munmap(text, TEXT_BYTES);
	free(g->dev);
	free(g);
	guest = NULL;
}

/* ---- Entry points -------------------------------------------------------------------------------------------- */

static void backend_connect(struct fake_guest *g)
{
	uint32_t q;

	for (q = 0; q < g->dev->block.nr_queues; q++) {
		const struct xg_queue *queue = &g->dev->queues[q];
		uint32_t fit = (queue->ring_pages * XG_ABI_PAGE - 64) / 112, i;

		for (i = 0; i < queue->ring_pages; i++) {
			ck_assert(g->grant[queue->ring_ref[i]].used && !g->grant[queue->ring_ref[i]].read_only);
			ck_assert(g->grant[queue->ring_ref[i]].frame == g->grant[queue->ring_ref[0]].frame + i);
		}
		g->queue[q].ring = (void *)(uintptr_t)(g->grant[queue->ring_ref[0]].frame * XG_ABI_PAGE);
		g->queue[q].entries = 1u << (31 - __builtin_clz(fit));
		ck_assert(queue->event_port == 100 + q);
	}
}

int fake_open(struct fake_guest *g)
{
	int rc = ((xg_entry_device_fn)g->driver->entry[XG_ENTRY_OPEN])(g->dev);

	if (rc == 0 && !g->interrupts_live)
		backend_connect(g);
	return rc;
}

int fake_submit(struct fake_guest *g, uint32_t q, struct xg_request *req)
{
	return ((xg_entry_submit_fn)g->driver->entry[XG_ENTRY_SUBMIT])(g->dev, q, req);
}

void fake_commit(struct fake_guest *g, uint32_t q)
{
	((xg_entry_queue_fn)g->driver->entry[XG_ENTRY_COMMIT])(g->dev, q);
}

void fake_event(struct fake_guest *g, uint32_t q)
{
	((xg_entry_queue_fn)g->driver->entry[XG_ENTRY_EVENT])(g->dev, q);
}

int fake_in_flight(struct fake_guest *g, uint32_t q)
{
	return ((xg_entry_count_fn)g->driver->entry[XG_ENTRY_QUIESCE])(g->dev, q);
}

void fake_close(struct fake_guest *g)
{
	((xg_entry_close_fn)g->driver->entry[XG_ENTRY_CLOSE])(g->dev);
}

/* ---- The backend --------------------------------------------------------------------------------------------- */

static void *granted(struct fake_guest *g, uint32_t ref, bool write)
{
	ck_assert_msg(ref >= 8 && ref < FAKE_GRANTS && g->grant[ref].used,
		      "the ring names reference %u: not granted", ref);
	ck_assert_msg(!write || !g->grant[ref].read_only, "a read into the read-only reference %u", ref);
	return (void *)(uintptr_t)(g->grant[ref].frame * XG_ABI_PAGE);
}

static void transfer(struct fake_guest *g, uint64_t sector, bool to_disk, const struct xg_blkif_segment *seg,
		     uint32_t n)
{
	uint32_t i, bytes;

	for (i = 0; i < n; i++) {
		uint8_t *page = granted(g, seg[i].gref, !to_disk);

		ck_assert(seg[i].first_sect <= seg[i].last_sect && seg[i].last_sect < 8 && seg[i].pad == 0);
		/*
		 * What the guest writes, nobody else may be able to change; but a backend maps writable what it keeps.
		 */
		ck_assert(!to_disk || g->grant[seg[i].gref].read_only == !g->dev->limits.kept);
		bytes = (seg[i].last_sect - seg[i].first_sect + 1u) * 512;
		ck_assert(sector + bytes / 512 <= FAKE_DISK_SECTORS);
		if (to_disk)
			memcpy(g->disk + sector * 512, page + seg[i].first_sect * 512, bytes);
		else
			memcpy(page + seg[i].first_sect * 512, g->disk + sector * 512, bytes);
		sector += bytes / 512;
	}
	if (to_disk) {
		g->writes++;
		g->write_since_flush = true;
	}
}

/* The operation that the answer has to name. */
static uint8_t perform(struct fake_guest *g, const union xg_blkif_request *req)
{
	switch (req->rw.operation) {
	case XG_BLKIF_OP_READ:
	case XG_BLKIF_OP_WRITE:
		ck_assert(req->rw.nr_segments >= 1 && req->rw.nr_segments <= XG_BLKIF_SEGMENTS);
		transfer(g, req->rw.sector_number, req->rw.operation == XG_BLKIF_OP_WRITE, req->rw.seg,
			 req->rw.nr_segments);
		return req->rw.operation;
	case XG_BLKIF_OP_INDIRECT:
		ck_assert(req->indirect.nr_segments > XG_BLKIF_SEGMENTS &&
			  req->indirect.nr_segments <= XG_SEGMENTS_MAX);
		ck_assert(g->grant[req->indirect.indirect_grefs[0]].read_only == !g->dev->limits.kept);
		transfer(g, req->indirect.sector_number, req->indirect.indirect_op == XG_BLKIF_OP_WRITE,
			 granted(g, req->indirect.indirect_grefs[0], false), req->indirect.nr_segments);
		g->indirects++;
		return req->indirect.indirect_op;
	case XG_BLKIF_OP_FLUSH_DISKCACHE:
		ck_assert(req->rw.nr_segments == 0);
		g->flushes++;
		g->write_since_flush = false;
		return XG_BLKIF_OP_FLUSH_DISKCACHE;
	default:
		ck_assert_msg(req->rw.operation == XG_BLKIF_OP_DISCARD, "operation %u", req->rw.operation);
		memset(g->disk + req->discard.sector_number * 512, 0, req->discard.nr_sectors * 512);
		g->discards++;
		g->secure_discards += req->discard.flag & XG_BLKIF_DISCARD_SECURE;
		return XG_BLKIF_OP_DISCARD;
	}
}

union xg_blkif_request fake_take(struct fake_guest *g, uint32_t q)
{
	struct fake_queue *queue = &g->queue[q];

	ck_assert_msg(queue->ring->req_prod != queue->req_cons, "no request is on the ring");
	ck_assert(queue->ring->req_prod - queue->req_cons <= queue->entries);
	return queue->ring->slot[queue->req_cons++ & (queue->entries - 1)].req;
}

void fake_respond(struct fake_guest *g, uint32_t q, const struct xg_blkif_response *rsp)
{
	struct fake_queue *queue = &g->queue[q];

	queue->ring->slot[queue->rsp_prod++ & (queue->entries - 1)].rsp = *rsp;
	queue->ring->rsp_prod = queue->rsp_prod;
}

unsigned int fake_serve(struct fake_guest *g, uint32_t q)
{
	struct fake_queue *queue = &g->queue[q];
	uint32_t old = queue->rsp_prod;
	unsigned int n = 0;

	while (queue->ring->req_prod != queue->req_cons) {
		union xg_blkif_request req = fake_take(g, q);
		struct xg_blkif_response rsp = { .id = req.rw.id, .status = g->answer };

		rsp.operation = perform(g, &req);
		fake_respond(g, q, &rsp);
		n++;
	}
	queue->ring->req_event = queue->req_cons + 1;
	if (queue->rsp_prod - queue->ring->rsp_event < queue->rsp_prod - old)
		fake_event(g, q);
	return n;
}
