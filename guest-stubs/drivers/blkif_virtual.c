// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver of a copied ("virtual") block device: fills and reaps the ring of a Xen block backend.
 *
 * Called by a personality through the eight entry points of the window header, never otherwise; calls the
 * personality's services and nothing else. The object imports no symbol and has no writable data: its state lies in
 * memory that the guest gave (memory_get), reached through dev->driver and queues[].driver, so that another
 * driver can be published over it between two calls.
 *
 * Must never trust the backend: a response is copied once, then checked, then used; indices are read once.
 * A queue whose backend broke the protocol is stopped for good. Must never sleep outside OPEN, START and CLOSE,
 * and never touch a page whose grant the backend may still hold.
 */
#include "blkif_abi.h"
#include "xengraft_note.h"

#ifndef XG_DRIVER_VERSION
#define XG_DRIVER_VERSION "1.0.0"
#endif

XG_IMAGE_NOTE("kind=driver\\n"
	      "abi=1\\n"
	      "arch=x86_64\\n"
	      "class=block\\n"
	      "device=xen-blkif\\n"
	      "mode=virtual\\n"
	      "version=" XG_DRIVER_VERSION "\\n"
	      "licence=GPL-2.0-or-later\\n");

/* In dev->driver and at the head of each queue's memory: says whose state this is, for whoever takes over. */
#define STATE_MAGIC UINT64_C(0x31304b4c42564758)	/* "XGVBLK01" */

/*
 * Grants that one device sets aside for data: 8,192 are 16 of the 64 grant frames that Xen gives a domain
 * unless told otherwise. A queue that runs out answers BUSY until a request completes.
 */
#define DATA_GRANTS_MAX 8192u

enum phase {
	PHASE_FREE = 0,
	PHASE_TRANSFER,		/* the request itself is with the backend */
	PHASE_FLUSH,		/* a write with FUA is done, the flush that makes it last is with the backend */
};

/* One request in flight; the index is the request's tag and the id on the ring. */
struct slot {
	struct xg_request *req;
	struct blkif_segment *indirect;	/* this slot's page, NULL when the backend takes none */
	uint32_t indirect_ref;
	uint8_t phase;		/* enum phase */
	uint8_t operation;	/* BLKIF_OP_* that the response must name */
	uint16_t nr_grants;
	uint32_t grant[XG_SEGMENTS_MAX];
};

struct queue {
	uint64_t magic;
	struct blkif_sring *sring;
	uint32_t entries;	/* of the ring, a power of two; the depth too */
	uint32_t req_prod;	/* ours, runs ahead of the shared one until COMMIT */
	uint32_t req_pushed;	/* what we last stored in the shared one: the backend may scribble over that */
	uint32_t rsp_cons;
	uint32_t in_flight;
	uint32_t max_segments;
	uint8_t broken;		/* the backend broke the protocol */
	uint8_t starved;	/* BUSY was answered, wake() is owed */
	uint16_t ring_granted;	/* pages of it */
	uint32_t reserved;	/* grants set aside, 0: none */
	struct xg_memory self, ring, pages;
	struct slot slot[];
};

static const struct xg_services *services(const struct xg_device *dev)
{
	return (const struct xg_services *)dev->services;
}

static struct queue *queue_of(const struct xg_device *dev, uint32_t q)
{
	return (struct queue *)dev->queues[q].driver;
}

/* Reads a field that the backend may be writing: once, whole. */
static uint32_t load_shared(const uint32_t *field)
{
	return *(const volatile uint32_t *)field;
}

static void store_shared(uint32_t *field, uint32_t value)
{
	*(volatile uint32_t *)field = value;
}

static void load_fence(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static void store_fence(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- Grants ------------------------------------------------------------------------------------------------ */

/* Takes back what SLOT granted; the number that the backend would not let go of. */
static uint32_t slot_ungrant(struct xg_device *dev, uint32_t q, struct slot *slot)
{
	uint32_t busy = 0;

	while (slot->nr_grants > 0)
		busy += services(dev)->ungrant(dev, q, slot->grant[--slot->nr_grants]) != XG_E_OK;
	return busy;
}

/* Grants the request's pages, in order; -XG_E_BUSY and nothing granted when the reserve is empty. */
static int slot_grant(struct xg_device *dev, uint32_t q, struct slot *slot, const struct xg_request *req)
{
	uint32_t i;
	int ref;

	slot->nr_grants = 0;
	for (i = 0; i < req->nr_segments; i++) {
		/* The backend only reads what the guest writes. */
		ref = services(dev)->grant(dev, q, req->segments[i].frame, req->op == XG_OP_WRITE);
		if (ref < 0) {
			slot_ungrant(dev, q, slot);
			return -XG_E_BUSY;
		}
		slot->grant[slot->nr_grants++] = (uint32_t)ref;
	}
	return XG_E_OK;
}

/* ---- Requests ---------------------------------------------------------------------------------------------- */

static void fill_segments(struct blkif_segment *to, const struct slot *slot, const struct xg_request *req)
{
	uint32_t i;

	for (i = 0; i < req->nr_segments; i++) {
		const struct xg_segment *s = &req->segments[i];

		to[i] = (struct blkif_segment){
			.gref = slot->grant[i],
			.first_sect = (uint8_t)(s->offset / XG_ABI_SECTOR),
			.last_sect = (uint8_t)((s->offset + s->bytes) / XG_ABI_SECTOR - 1),
		};
	}
}

static void build_transfer(struct slot *slot, const struct xg_request *req, union blkif_request *ring)
{
	uint8_t operation = req->op == XG_OP_WRITE ? BLKIF_OP_WRITE : BLKIF_OP_READ;

	slot->operation = operation;	/* an indirect request is answered by the operation inside it */
	if (req->nr_segments <= BLKIF_DIRECT_SEGMENTS) {
		ring->rw.operation = operation;
		ring->rw.nr_segments = (uint8_t)req->nr_segments;
		ring->rw.sector = req->sector;
		fill_segments(ring->rw.seg, slot, req);
		return;
	}
	ring->indirect.operation = BLKIF_OP_INDIRECT;
	ring->indirect.indirect_op = operation;
	ring->indirect.nr_segments = (uint16_t)req->nr_segments;
	ring->indirect.sector = req->sector;
	ring->indirect.gref[0] = slot->indirect_ref;
	fill_segments(slot->indirect, slot, req);
}

static void build_flush(struct slot *slot, union blkif_request *ring)
{
	ring->rw.operation = BLKIF_OP_FLUSH_DISKCACHE;
	slot->operation = BLKIF_OP_FLUSH_DISKCACHE;
}

static void build_discard(struct slot *slot, const struct xg_request *req, union blkif_request *ring)
{
	ring->discard.operation = BLKIF_OP_DISCARD;
	ring->discard.flag = req->flags & XG_RQ_SECURE ? BLKIF_DISCARD_SECURE : 0;
	ring->discard.sector = req->sector;
	ring->discard.nr_sectors = req->sectors;
	slot->operation = BLKIF_OP_DISCARD;
}

/* Puts a finished request into the ring's next slot: built in private, stored once. COMMIT shows it. */
static void ring_put(struct queue *queue, union blkif_request *ring, uint32_t tag)
{
	ring->rw.id = tag;
	queue->sring->slot[queue->req_prod & (queue->entries - 1)].req = *ring;
	queue->req_prod++;
}

static int segments_valid(const struct queue *queue, const struct xg_request *req)
{
	uint32_t i, sectors = 0;

	if (req->nr_segments == 0 || req->nr_segments > queue->max_segments)
		return 0;
	for (i = 0; i < req->nr_segments; i++) {
		const struct xg_segment *s = &req->segments[i];

		if (s->bytes == 0 || s->bytes > XG_ABI_PAGE || s->offset > XG_ABI_PAGE - s->bytes ||
		    (s->offset | s->bytes) % XG_ABI_SECTOR)
			return 0;
		sectors += s->bytes / XG_ABI_SECTOR;
	}
	return sectors == req->sectors;
}

static int request_valid(const struct queue *queue, const struct xg_request *req)
{
	if (req->tag >= queue->entries || queue->slot[req->tag].phase != PHASE_FREE)
		return 0;
	if (req->op == XG_OP_READ || req->op == XG_OP_WRITE)
		return segments_valid(queue, req);
	return req->nr_segments == 0;
}

static int supported(const struct xg_device *dev, const struct xg_request *req)
{
	switch (req->op) {
	case XG_OP_READ:
	case XG_OP_WRITE:
		return !(req->flags & XG_RQ_FUA) || (dev->block.flags & XG_BLK_FLUSH);
	case XG_OP_FLUSH:
		return dev->block.flags & XG_BLK_FLUSH;
	case XG_OP_DISCARD:
		return dev->block.flags & (req->flags & XG_RQ_SECURE ? XG_BLK_SECURE_DISCARD : XG_BLK_DISCARD);
	default:
		return 0;
	}
}

static int build(struct xg_device *dev, uint32_t q, struct slot *slot, const struct xg_request *req,
		 union blkif_request *ring)
{
	int rc;

	switch (req->op) {
	case XG_OP_FLUSH:
		build_flush(slot, ring);
		return XG_E_OK;
	case XG_OP_DISCARD:
		build_discard(slot, req, ring);
		return XG_E_OK;
	default:
		rc = slot_grant(dev, q, slot, req);
		if (rc == XG_E_OK)
			build_transfer(slot, req, ring);
		return rc;
	}
}

static int busy(struct queue *queue)
{
	queue->starved = 1;
	return -XG_E_BUSY;
}

static int entry_submit(struct xg_device *dev, uint32_t q, struct xg_request *req)
{
	struct queue *queue = queue_of(dev, q);
	union blkif_request ring = { .rw = { .operation = 0 } };
	struct slot *slot;

	if (!supported(dev, req))
		return -XG_E_NOTSUPP;
	if (!request_valid(queue, req))
		return -XG_E_INVAL;
	if (queue->broken)
		return -XG_E_IO;
	if (queue->req_prod - queue->rsp_cons >= queue->entries)
		return busy(queue);
	slot = &queue->slot[req->tag];
	if (build(dev, q, slot, req, &ring) != XG_E_OK)
		return busy(queue);
	slot->req = req;
	slot->phase = PHASE_TRANSFER;
	queue->in_flight++;
	ring_put(queue, &ring, req->tag);
	return XG_E_OK;
}

static void entry_commit(struct xg_device *dev, uint32_t q)
{
	struct queue *queue = queue_of(dev, q);
	uint32_t old = queue->req_pushed, new = queue->req_prod;

	if (old == new)
		return;
	/* The requests before the index that shows them. Partner: the backend's read barrier after it read req_prod. */
	store_fence();
	store_shared(&queue->sring->req_prod, new);
	queue->req_pushed = new;
	/*
	 * The index before we look whether the backend sleeps. Partner: the full barrier between the backend's
	 * store to req_event and its last look at req_prod before it goes to sleep.
	 */
	full_fence();
	if (new - load_shared(&queue->sring->req_event) < new - old)
		services(dev)->event_send(dev, q);
}

/* ---- Responses --------------------------------------------------------------------------------------------- */

static int status_of(int16_t status)
{
	switch (status) {
	case BLKIF_RSP_OKAY:
		return XG_E_OK;
	case BLKIF_RSP_EOPNOTSUPP:
		return -XG_E_NOTSUPP;
	default:
		return -XG_E_IO;
	}
}

static void slot_complete(struct xg_device *dev, uint32_t q, struct queue *queue, struct slot *slot, int status)
{
	struct xg_request *req = slot->req;

	slot->req = 0;
	slot->phase = PHASE_FREE;
	queue->in_flight--;
	services(dev)->complete(dev, q, req, status);
}

/*
 * Stops the queue for good. Requests in flight fail once the backend's grants are withdrawn; what it has
 * mapped and won't let go of is kept from reuse by the personality (see ungrant).
 */
static void queue_break(struct xg_device *dev, uint32_t q, struct queue *queue, const char *why)
{
	uint32_t i;

	if (queue->broken)
		return;
	queue->broken = 1;
	services(dev)->log(dev, why);
	for (i = 0; i < queue->entries; i++) {
		if (queue->slot[i].phase == PHASE_FREE)
			continue;
		slot_ungrant(dev, q, &queue->slot[i]);
		slot_complete(dev, q, queue, &queue->slot[i], -XG_E_IO);
	}
}

/* A write with FUA has reached the backend: follow it with a flush in the place that it left in the ring. */
static void flush_after(struct queue *queue, struct slot *slot, uint32_t tag)
{
	union blkif_request ring = { .rw = { .operation = 0 } };

	slot->phase = PHASE_FLUSH;
	build_flush(slot, &ring);
	ring_put(queue, &ring, tag);
}

/* RSP is our own copy. 0 when the backend broke the protocol, and the queue is stopped then. */
static int response_take(struct xg_device *dev, uint32_t q, struct queue *queue, const struct blkif_response *rsp)
{
	struct slot *slot;
	int status;

	if (rsp->id >= queue->entries || queue->slot[rsp->id].phase == PHASE_FREE) {
		queue_break(dev, q, queue, "the backend answered a request that nobody made; the queue is stopped");
		return 0;
	}
	slot = &queue->slot[rsp->id];
	if (rsp->operation != slot->operation) {
		queue_break(dev, q, queue, "the backend answered with another operation; the queue is stopped");
		return 0;
	}
	if (slot_ungrant(dev, q, slot) != 0) {
		queue_break(dev, q, queue, "the backend answered but still holds pages; the queue is stopped");
		return 0;
	}
	status = status_of(rsp->status);
	if (status == XG_E_OK && slot->phase == PHASE_TRANSFER && (slot->req->flags & XG_RQ_FUA) &&
	    slot->req->op == XG_OP_WRITE)
		flush_after(queue, slot, (uint32_t)rsp->id);
	else
		slot_complete(dev, q, queue, slot, status);
	return 1;
}

/* Takes what is there up to RSP_PROD, a copy of the backend's index. */
static int responses_take(struct xg_device *dev, uint32_t q, struct queue *queue, uint32_t rsp_prod)
{
	struct blkif_response rsp;

	if (rsp_prod - queue->rsp_cons > queue->req_pushed - queue->rsp_cons) {
		queue_break(dev, q, queue, "the backend claims more responses than requests; the queue is stopped");
		return 0;
	}
	while (queue->rsp_cons != rsp_prod) {
		rsp = *(const volatile struct blkif_response *)
			&queue->sring->slot[queue->rsp_cons & (queue->entries - 1)].rsp;
		queue->rsp_cons++;
		if (!response_take(dev, q, queue, &rsp))
			return 0;
	}
	return 1;
}

/*
 * Bounded: a round takes no more than was pushed, and only flushes after FUA writes are pushed meanwhile, one for
 * each write in flight.
 */
static void entry_event(struct xg_device *dev, uint32_t q)
{
	struct queue *queue = queue_of(dev, q);
	uint32_t rsp_prod;

	if (queue->broken)
		return;
	for (;;) {
		rsp_prod = load_shared(&queue->sring->rsp_prod);
		/* The index before the responses it covers. Partner: the backend's write barrier before it. */
		load_fence();
		if (!responses_take(dev, q, queue, rsp_prod))
			break;
		entry_commit(dev, q);
		store_shared(&queue->sring->rsp_event, queue->rsp_cons + 1);
		/*
		 * Our wish for an event before the last look. Partner: the full barrier between the backend's
		 * store to rsp_prod and its look at rsp_event.
		 */
		full_fence();
		if (load_shared(&queue->sring->rsp_prod) == queue->rsp_cons)
			break;
	}
	if (queue->starved) {
		queue->starved = 0;
		services(dev)->wake(dev, q);
	}
}

/* ---- Opening and closing ----------------------------------------------------------------------------------- */

static void queue_ring_init(struct queue *queue)
{
	queue->sring = queue->ring.va;
	/* Ask for an event with the first request and the first response. */
	queue->sring->req_event = 1;
	queue->sring->rsp_event = 1;
}

static uint32_t device_segments(const struct xg_device *dev)
{
	uint32_t n = dev->block.max_indirect;

	if (n <= BLKIF_DIRECT_SEGMENTS)
		return BLKIF_DIRECT_SEGMENTS;
	return n < XG_SEGMENTS_MAX ? n : XG_SEGMENTS_MAX;
}

static uint32_t pages_of(uint64_t bytes)
{
	return (uint32_t)((bytes + XG_ABI_PAGE - 1) / XG_ABI_PAGE);
}

/* Sets grants aside for the queue's own pages and for its data: fewer than wished where the guest has few. */
static int queue_reserve(struct xg_device *dev, uint32_t q, struct queue *queue)
{
	uint32_t own = queue->ring.pages + queue->pages.pages;
	uint32_t data = queue->entries * queue->max_segments, share = DATA_GRANTS_MAX / dev->block.nr_queues;
	int rc;

	if (data > share)
		data = share;
	for (;;) {
		rc = services(dev)->grants_reserve(dev, q, own + data);
		if (rc == XG_E_OK || data / 2 < queue->max_segments)
			break;
		data /= 2;
	}
	if (rc == XG_E_OK)
		queue->reserved = own + data;
	return rc;
}

static int page_grant(struct xg_device *dev, uint32_t q, void *va, uint32_t read_only)
{
	const struct xg_services *s = services(dev);

	return s->grant(dev, q, s->memory_frame(dev, va), read_only);
}

static int queue_grant_ring(struct xg_device *dev, uint32_t q, struct queue *queue)
{
	uint32_t i;
	int ref;

	for (i = 0; i < queue->ring.pages; i++) {
		ref = page_grant(dev, q, (uint8_t *)queue->ring.va + i * XG_ABI_PAGE, 0);
		if (ref < 0)
			return ref;
		dev->queues[q].ring_ref[i] = (uint32_t)ref;
		queue->ring_granted++;
	}
	dev->queues[q].ring_pages = queue->ring.pages;
	return XG_E_OK;
}

static int queue_grant_indirect(struct xg_device *dev, uint32_t q, struct queue *queue)
{
	uint32_t i;
	int ref;

	for (i = 0; i < queue->pages.pages; i++) {
		void *va = (uint8_t *)queue->pages.va + i * XG_ABI_PAGE;

		ref = page_grant(dev, q, va, 1);
		if (ref < 0)
			return ref;
		queue->slot[i].indirect = va;
		queue->slot[i].indirect_ref = (uint32_t)ref;
	}
	return XG_E_OK;
}

static int queue_memory(struct xg_device *dev, uint32_t q, uint32_t segments)
{
	const struct xg_services *s = services(dev);
	uint32_t ring_pages = 1u << dev->block.ring_order, entries = blkif_entries(ring_pages);
	struct xg_memory self;
	struct queue *queue;
	int rc = s->memory_get(dev, pages_of(sizeof(*queue) + entries * sizeof(struct slot)), &self);

	if (rc != XG_E_OK)
		return rc;
	queue = self.va;
	queue->magic = STATE_MAGIC;
	queue->self = self;
	queue->entries = entries;
	queue->max_segments = segments;
	dev->queues[q].driver = (uint64_t)queue;
	rc = s->memory_get(dev, ring_pages, &queue->ring);
	if (rc == XG_E_OK && segments > BLKIF_DIRECT_SEGMENTS)
		rc = s->memory_get(dev, entries, &queue->pages);
	return rc;
}

static int queue_open(struct xg_device *dev, uint32_t q, uint32_t segments)
{
	struct queue *queue;
	int rc = queue_memory(dev, q, segments);

	if (rc != XG_E_OK)
		return rc;
	queue = queue_of(dev, q);
	queue_ring_init(queue);
	rc = queue_reserve(dev, q, queue);
	if (rc == XG_E_OK)
		rc = queue_grant_ring(dev, q, queue);
	if (rc == XG_E_OK)
		rc = queue_grant_indirect(dev, q, queue);
	if (rc != XG_E_OK)
		return rc;
	rc = services(dev)->event_open(dev, q);
	if (rc < 0)
		return rc;
	dev->queues[q].event_port = (uint32_t)rc;
	return XG_E_OK;
}

static void memory_drop(struct xg_device *dev, struct xg_memory *memory)
{
	if (memory->va)
		services(dev)->memory_put(dev, memory);
}

/* Takes half-open queues too. The event channel goes first: nobody calls EVENT from there on. */
static void queue_close(struct xg_device *dev, uint32_t q)
{
	const struct xg_services *s = services(dev);
	struct queue *queue = queue_of(dev, q);
	struct xg_memory self;
	uint32_t i;

	if (!queue)
		return;
	if (dev->queues[q].event_port)
		s->event_close(dev, q);
	for (i = 0; i < queue->entries; i++) {
		slot_ungrant(dev, q, &queue->slot[i]);
		if (queue->slot[i].indirect)
			s->ungrant(dev, q, queue->slot[i].indirect_ref);
	}
	for (i = 0; i < queue->ring_granted; i++)
		s->ungrant(dev, q, dev->queues[q].ring_ref[i]);
	if (queue->reserved)
		s->grants_release(dev, q);
	memory_drop(dev, &queue->pages);
	memory_drop(dev, &queue->ring);
	self = queue->self;
	memory_drop(dev, &self);
	for (i = 0; i < XG_RING_PAGES_MAX; i++)
		dev->queues[q].ring_ref[i] = 0;
	dev->queues[q].ring_pages = 0;
	dev->queues[q].event_port = 0;
	dev->queues[q].driver = 0;
}

static void entry_close(struct xg_device *dev)
{
	uint32_t q;

	for (q = 0; q < XG_QUEUES_MAX; q++)
		queue_close(dev, q);
	dev->driver = 0;
}

static int params_valid(const struct xg_block_params *b)
{
	return b->nr_queues >= 1 && b->nr_queues <= XG_QUEUES_MAX && b->ring_order <= 2;
}

static int entry_open(struct xg_device *dev)
{
	uint32_t q, segments = device_segments(dev);
	int rc = XG_E_OK;

	if (!params_valid(&dev->block) || dev->driver)
		return -XG_E_INVAL;
	dev->driver = STATE_MAGIC;
	for (q = 0; q < dev->block.nr_queues && rc == XG_E_OK; q++)
		rc = queue_open(dev, q, segments);
	if (rc != XG_E_OK) {
		entry_close(dev);
		return rc;
	}
	dev->limits = (struct xg_block_limits){
		.max_segments = segments,
		.max_sectors = segments * (XG_ABI_PAGE / XG_ABI_SECTOR),
		.queue_depth = blkif_entries(1u << dev->block.ring_order),
	};
	return XG_E_OK;
}

static int entry_start(struct xg_device *dev)
{
	return dev->driver == STATE_MAGIC ? XG_E_OK : -XG_E_INVAL;
}

static int entry_quiesce(struct xg_device *dev, uint32_t q)
{
	return (int)queue_of(dev, q)->in_flight;
}

static int entry_resume(struct xg_device *dev, uint32_t q)
{
	(void)dev;
	(void)q;
	return XG_E_OK;		/* QUIESCE changes nothing */
}

const struct xg_driver xg_driver = {
	.version = XG_ABI_VERSION,
	.size = sizeof(xg_driver),
	.class_id = XG_CLASS_BLOCK,
	.entry = {
		[XG_ENTRY_OPEN] = entry_open,
		[XG_ENTRY_START] = entry_start,
		[XG_ENTRY_SUBMIT] = entry_submit,
		[XG_ENTRY_COMMIT] = entry_commit,
		[XG_ENTRY_EVENT] = entry_event,
		[XG_ENTRY_QUIESCE] = entry_quiesce,
		[XG_ENTRY_RESUME] = entry_resume,
		[XG_ENTRY_CLOSE] = entry_close,
	},
};
