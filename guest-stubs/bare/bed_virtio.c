// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtio block device on PCI, not transitional (Virtual I/O Device Specification 1.1; sections in brackets): its
 * capabilities, features, one queue.
 */
#include "bed.h"

#define CAP_VENDOR 0x09

enum cfg_type { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_DEVICE = 4 };	/* [4.1.4] */

/* [4.1.4.3] */
struct common {
	uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
	uint16_t config_msix_vector, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	uint32_t queue_desc_low, queue_desc_high, queue_driver_low, queue_driver_high;
	uint32_t queue_device_low, queue_device_high;
};

_Static_assert(sizeof(struct common) == 56, "virtio 4.1.4.3");

enum status { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };	/* [2.1] */

/* [5.2.3, 6] */
#define F_SEG_MAX (1ull << 2)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_DISCARD (1ull << 13)
#define F_INDIRECT (1ull << 28)
#define F_VERSION_1 (1ull << 32)
#define F_ACCESS_PLATFORM (1ull << 33)
/* What a driver may find in direct.features; which of it it uses is its own business. */
#define WANTED (F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_INDIRECT | F_VERSION_1 | F_ACCESS_PLATFORM)

struct virtio {
	volatile struct common *common;
	volatile uint8_t *config;
	uint64_t notify;	/* physical */
	uint32_t notify_bytes, multiplier;
	uint64_t features;
};

/* ---- Capabilities ------------------------------------------------------------------------------------------ */

static void take_capability(struct virtio *v, const struct bed_pci *f, uint8_t at)
{
	uint8_t type = bed_pci_read8(f, (uint8_t)(at + 3));
	uint8_t bar = bed_pci_read8(f, (uint8_t)(at + 4));
	uint32_t offset = bed_pci_read(f, (uint8_t)(at + 8)), bytes = bed_pci_read(f, (uint8_t)(at + 12));
	uint64_t address = bar < 6 ? bed_pci_bar(f, bar) : 0;

	if (!address)
		return;
	address += offset;
	if (type == CFG_COMMON && bytes >= sizeof(struct common) && !v->common) {
		v->common = bare_device_map(address, bytes, BARE_MAP_WRITE | BARE_MAP_UNCACHED);
	} else if (type == CFG_DEVICE && bytes >= 24 && !v->config) {
		v->config = bare_device_map(address, bytes, BARE_MAP_WRITE | BARE_MAP_UNCACHED);
	} else if (type == CFG_NOTIFY && !v->notify) {
		v->notify = address;
		v->notify_bytes = bytes;
		v->multiplier = bed_pci_read(f, (uint8_t)(at + 16));
	}
}

static bool find_registers(struct virtio *v, const struct bed_pci *f)
{
	uint8_t at = 0;

	while ((at = bed_pci_capability(f, CAP_VENDOR, at)))
		take_capability(v, f, at);
	return v->common && v->config && v->notify;
}

/* ---- Bring-up ---------------------------------------------------------------------------------------------- */

static uint64_t offered(struct virtio *v)
{
	uint64_t low;

	v->common->device_feature_select = 0;
	low = v->common->device_feature;
	v->common->device_feature_select = 1;
	return (uint64_t)v->common->device_feature << 32 | low;
}

static bool reset(struct virtio *v)
{
	v->common->device_status = 0;
	return BED_WAIT(v->common->device_status == 0, 1000);
}

static bool negotiate(struct virtio *v)
{
	if (!reset(v))
		return false;
	v->common->device_status = ACKNOWLEDGE;
	v->common->device_status = ACKNOWLEDGE | DRIVER;
	v->features = offered(v) & WANTED;
	v->common->driver_feature_select = 0;
	v->common->driver_feature = (uint32_t)v->features;
	v->common->driver_feature_select = 1;
	v->common->driver_feature = (uint32_t)(v->features >> 32);
	v->common->device_status = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	return (v->common->device_status & FEATURES_OK) && (v->features & F_VERSION_1);
}

static uint32_t config32(const struct virtio *v, uint32_t at)
{
	return *(volatile uint32_t *)(v->config + at);
}

/* [5.2.4] */
static void describe(struct virtio *v, struct xg_device_header *h)
{
	struct xg_block_params *p = &h->block;

	p->sectors = config32(v, 0) | (uint64_t)config32(v, 4) << 32;
	p->logical_bytes = p->physical_bytes = v->features & F_BLK_SIZE ? config32(v, 20) : 512;
	p->flags = (v->features & F_RO ? XG_BLK_READ_ONLY : 0) | (v->features & F_FLUSH ? XG_BLK_FLUSH : 0);
	p->nr_queues = 1;
	if (v->features & F_DISCARD) {
		p->flags |= XG_BLK_DISCARD;
		p->discard_granularity = config32(v, 44) ? config32(v, 44) * 512 : 512;
	}
	v->common->queue_select = 0;
	h->direct.features = v->features;
	h->direct.doorbell_stride = v->multiplier;
	h->direct.doorbell_bytes = v->notify_bytes;
	h->direct.max_entries = v->common->queue_size;
	h->direct.max_segments = v->features & F_SEG_MAX ? config32(v, 12) : 1;
	h->direct_queues[0] = (struct xg_direct_queue){ .doorbell = v->common->queue_notify_off, .number = 0 };
}

/* [4.1.5.1.3] */
static bool hand_over(struct virtio *v, const struct xg_direct_queue *q)
{
	v->common->queue_select = 0;
	v->common->queue_size = (uint16_t)q->entries;
	v->common->queue_msix_vector = 0xffff;
	v->common->queue_desc_low = (uint32_t)q->ring[0];
	v->common->queue_desc_high = (uint32_t)(q->ring[0] >> 32);
	v->common->queue_driver_low = (uint32_t)q->ring[1];
	v->common->queue_driver_high = (uint32_t)(q->ring[1] >> 32);
	v->common->queue_device_low = (uint32_t)q->ring[2];
	v->common->queue_device_high = (uint32_t)(q->ring[2] >> 32);
	v->common->queue_enable = 1;
	v->common->device_status = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
	return v->common->queue_size == q->entries && v->common->queue_enable == 1;
}

static const char *virtio_up(struct bed_device *bed)
{
	struct xg_device_header *h = bed->header;
	struct virtio *v = bed->private;

	if (!negotiate(v))
		return "does not agree on features";
	describe(v, h);
	if (!h->direct.max_entries || h->block.sectors == 0)
		return "has no queue or no sectors";
	if (bed_device_open(bed))
		return "is not taken by its driver";
	if (!hand_over(v, &h->direct_queues[0]))
		return "does not take the driver's queue";
	return bed_device_add(bed) ? "does not start" : NULL;
}

static void virtio_down(struct bed_device *bed)
{
	(void)reset(bed->private);
}

static const struct bed_bring_up virtio_how = { .up = virtio_up, .down = virtio_down };

void bed_virtio_start(const struct bed_pci *f, unsigned int number)
{
	struct virtio *v = bare_pages_get(1);
	struct bed_device *bed;
	char name[16];

	bare_format(name, sizeof(name), "vd%c", (char)('a' + number % 26));
	bed = bed_device_new(name, &bed_driver_virtio, &virtio_how);
	if (!v || !bed) {
		bare_log("%s: no memory", name);
		return;
	}
	bed_pci_enable(f);
	bed->private = v;
	if (!find_registers(v, f)) {
		bare_log("%s: no registers that are known", name);
		return;
	}
	bed->doorbells = v->notify;
	bed_device_start(bed);
}
