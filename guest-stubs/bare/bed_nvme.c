// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An NVMe controller (NVM Express Base Specification 1.4; sections in brackets): reset, admin queue,
 * identify, one I/O queue pair. Its namespace 1 becomes a disk. Admin commands are waited for one at a time.
 */
#include "bed.h"

/* Registers [3.1] */
#define REG_CAP 0x00
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REG_DOORBELLS 0x1000
#define REG_BYTES 0x1000

#define ADMIN_ENTRIES 16u
#define QUEUE_ID 1u
#define NAMESPACE 1u
#define DOORBELL_BYTES 0x1000u

enum admin_opcode {	/* [5] */
	ADMIN_CREATE_SQ = 0x01,
	ADMIN_CREATE_CQ = 0x05,
	ADMIN_IDENTIFY = 0x06,
};

struct command {	/* [4.2] */
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t reserved, metadata, prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct completion {	/* [4.6] */
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, id, status;	/* bit 0 of status: phase */
};

struct nvme {
	volatile char *registers;
	volatile uint32_t *doorbells;
	uint32_t stride;
	uint32_t max_entries;
	struct command *sq;
	volatile struct completion *cq;
	uint32_t tail, head;
	uint16_t phase;
	uint8_t *page;		/* what identify answers */
};

static uint32_t read32(const struct nvme *n, uint32_t at)
{
	return *(volatile uint32_t *)(n->registers + at);
}

static void write32(const struct nvme *n, uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(n->registers + at) = value;
}

static void write64(const struct nvme *n, uint32_t at, uint64_t value)
{
	write32(n, at, (uint32_t)value);
	write32(n, at + 4, (uint32_t)(value >> 32));
}

static bool answered(const struct nvme *n)
{
	return (__atomic_load_n(&n->cq[n->head].status, __ATOMIC_ACQUIRE) & 1) == n->phase;
}

/* 0, the controller's status, or -1: no answer. */
static int admin(struct nvme *n, struct command command)
{
	int status;

	command.id = (uint16_t)n->tail;
	n->sq[n->tail] = command;
	n->tail = (n->tail + 1) % ADMIN_ENTRIES;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	n->doorbells[0] = n->tail;
	if (!BED_WAIT(answered(n), 2000))
		return -1;
	status = n->cq[n->head].status >> 1 & 0x7ff;
	n->head = (n->head + 1) % ADMIN_ENTRIES;
	n->phase ^= n->head == 0;
	n->doorbells[n->stride / 4] = n->head;
	return status;
}

static int identify(struct nvme *n, uint32_t what, uint32_t nsid)
{
	return admin(n, (struct command){
		.opcode = ADMIN_IDENTIFY, .nsid = nsid, .prp1 = bare_physical(n->page), .dw10 = what,
	});
}

static uint64_t field(const struct nvme *n, uint32_t at, uint32_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, n->page + at, bytes);
	return value;
}

/* ---- Bring-up ---------------------------------------------------------------------------------------------- */

/* What CAP.TO says, and a half second more. */
static uint32_t patience_ms(const struct nvme *n)
{
	return (read32(n, REG_CAP) >> 24) * 500 + 500;
}

/* All queues are gone with it. */
static int disable(struct nvme *n)
{
	write32(n, REG_CC, 0);
	return BED_WAIT(!(read32(n, REG_CSTS) & 1), patience_ms(n)) ? 0 : -1;
}

static int reset(struct nvme *n)
{
	uint64_t cap = read32(n, REG_CAP) | (uint64_t)read32(n, REG_CAP + 4) << 32;
	uint32_t ms = patience_ms(n);

	n->stride = 4u << (cap >> 32 & 15);
	n->max_entries = (uint32_t)(cap & 0xffff) + 1;
	if (disable(n))
		return -1;
	memset((void *)n->cq, 0, BARE_PAGE);
	n->tail = n->head = 0;
	n->phase = 1;
	write32(n, REG_AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	write64(n, REG_ASQ, bare_physical(n->sq));
	write64(n, REG_ACQ, bare_physical((const void *)n->cq));
	/* Entries of 64 and 16 bytes, pages of 4 KiB, the NVM command set. */
	write32(n, REG_CC, 4u << 20 | 6u << 16 | 1);
	return BED_WAIT(read32(n, REG_CSTS) & 3, ms) && (read32(n, REG_CSTS) & 3) == 1 ? 0 : -1;
}

/* Of the controller: the largest transfer and whether its cache forgets. */
static int describe_controller(struct nvme *n, struct xg_device_header *h)
{
	uint32_t mdts;

	if (identify(n, 1, 0))
		return -1;
	mdts = n->page[77];
	h->direct.max_sectors = mdts && mdts < 16 ? (BARE_PAGE / XG_ABI_SECTOR) << mdts : 0;
	if (n->page[525] & 1)
		h->block.flags |= XG_BLK_FLUSH;
	h->block.flags |= XG_BLK_FUA;
	if (field(n, 520, 2) & 4) {	/* ONCS: dataset management */
		h->block.flags |= XG_BLK_DISCARD;
		h->block.discard_granularity = 512;
	}
	return 0;
}

static int describe_namespace(struct nvme *n, struct xg_device_header *h)
{
	uint32_t format, shift;

	if (identify(n, 0, NAMESPACE))
		return -1;
	format = n->page[26] & 15;
	shift = (uint32_t)(field(n, 128 + format * 4, 4) >> 16 & 0xff);
	if (shift < 9 || shift > 12)
		return -1;
	h->block.sectors = field(n, 0, 8) << (shift - 9);
	h->block.logical_bytes = h->block.physical_bytes = 1u << shift;
	if (h->block.discard_granularity < h->block.logical_bytes && h->block.flags & XG_BLK_DISCARD)
		h->block.discard_granularity = h->block.logical_bytes;
	return 0;
}

/* No interrupt: completions are looked for. */
static int create_queues(struct nvme *n, const struct xg_direct_queue *q)
{
	int rc = admin(n, (struct command){
		.opcode = ADMIN_CREATE_CQ, .prp1 = q->ring[1], .dw10 = (q->entries - 1) << 16 | QUEUE_ID, .dw11 = 1,
	});

	return rc ? rc : admin(n, (struct command){
		.opcode = ADMIN_CREATE_SQ, .prp1 = q->ring[0], .dw10 = (q->entries - 1) << 16 | QUEUE_ID,
		.dw11 = QUEUE_ID << 16 | 1,
	});
}

static const char *nvme_up(struct bed_device *bed)
{
	struct xg_device_header *h = bed->header;
	struct nvme *n = bed->private;

	if (reset(n))
		return "does not come out of reset";
	if (describe_controller(n, h) || describe_namespace(n, h))
		return "does not say what it is";
	h->block.nr_queues = 1;
	h->direct.doorbell_stride = n->stride;
	h->direct.doorbell_bytes = DOORBELL_BYTES;
	h->direct.unit = NAMESPACE;
	h->direct.max_entries = n->max_entries;
	h->direct_queues[0] = (struct xg_direct_queue){ .doorbell = 2 * QUEUE_ID, .number = QUEUE_ID };
	if (bed_device_open(bed))
		return "is not taken by its driver";
	if (create_queues(n, &h->direct_queues[0]))
		return "does not take the driver's queues";
	return bed_device_add(bed) ? "does not start" : NULL;
}

static void nvme_down(struct bed_device *bed)
{
	(void)disable(bed->private);
}

static const struct bed_bring_up nvme_how = { .up = nvme_up, .down = nvme_down };

void bed_nvme_start(const struct bed_pci *f, unsigned int number)
{
	uint64_t bar = bed_pci_bar(f, 0);
	struct nvme *n = bare_pages_get(1);
	struct bed_device *bed;
	char name[16];

	bare_format(name, sizeof(name), "nvme%un1", number);
	bed = bed_device_new(name, &bed_driver_nvme, &nvme_how);
	if (!bar || !n || !bed) {
		bare_log("%s: no registers or no memory", name);
		return;
	}
	bed_pci_enable(f);
	n->registers = bare_device_map(bar, REG_BYTES, BARE_MAP_WRITE | BARE_MAP_UNCACHED);
	n->doorbells = bare_device_map(bar + REG_DOORBELLS, DOORBELL_BYTES, BARE_MAP_WRITE | BARE_MAP_UNCACHED);
	n->sq = bare_pages_get(1);
	n->cq = bare_pages_get(1);
	n->page = bare_pages_get(1);
	bed->doorbells = bar + REG_DOORBELLS;
	bed->private = n;
	if (n->registers && n->doorbells && n->sq && n->cq && n->page)
		bed_device_start(bed);
	else
		bare_log("%s: no memory", name);
}
