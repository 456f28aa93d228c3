// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices of the bed: each has a header as Dom0 would write it, served by a driver that is linked in. The
 * services are the personality's, with the five that a device needs which reaches memory itself. An interrupt
 * is a look each time round the kernel's loop, which takes none.
 */
#include "bed.h"

extern const char _text[], _etext[];

static uint64_t bus_address(struct xg_device_header *dev, uint64_t frame)
{
	(void)dev;
	return frame * BARE_PAGE;	/* no IOMMU in the way */
}

static struct bed_device *bed_of(struct xg_device_header *dev)
{
	return xg_disk_of(dev)->owner;
}

static void *doorbells_map(struct xg_device_header *dev)
{
	return bare_device_map(bed_of(dev)->doorbells, dev->direct.doorbell_bytes, BARE_MAP_WRITE | BARE_MAP_UNCACHED);
}

static void doorbells_unmap(struct xg_device_header *dev, void *va)
{
	uint64_t first = (uint64_t)va & ~(uint64_t)(BARE_PAGE - 1);

	bare_unmap(first, ((uint64_t)va - first + dev->direct.doorbell_bytes + BARE_PAGE - 1) / BARE_PAGE);
}

static int interrupt_open(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = &xg_disk_of(dev)->queues[q];

	if (queue->polled)
		return -XG_E_NODEV;
	queue->poller = (struct bare_poller){ .look = xg_queue_event, .context = queue };
	queue->polled = true;
	bare_poller_add(&queue->poller);
	return XG_E_OK;
}

static void interrupt_close(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = &xg_disk_of(dev)->queues[q];

	if (queue->polled)
		bare_poller_remove(&queue->poller);
	queue->polled = false;
}

static struct xg_services services;

static struct bed_device *devices;

/* As Dom0 would write it; what the device is like is filled in by up(). */
static void header_fill(struct bed_device *bed, const char *name)
{
	struct xg_device_header *h = bed->header;

	h->version = XG_ABI_VERSION;
	h->size = sizeof(*h);
	h->window_va = bed->window.va;
	h->header_va = (uint64_t)h;
	h->text_pages = bed->window.text_pages;
	h->data_pages = 1;
	h->class_id = bed->driver->class_id;
	memcpy(h->entry, bed->driver->entry, sizeof(h->entry));
	bare_format(h->name, sizeof(h->name), "%s", name);
	bare_format(h->banner, sizeof(h->banner), "driver of the bed");
	h->magic = XG_MAGIC_DEVICE;
}

struct bed_device *bed_device_new(const char *name, const struct xg_driver *driver, const struct bed_bring_up *how)
{
	struct bed_device *bed = bare_pages_get(1);

	if (!bed)
		return NULL;
	bed->header = bare_pages_get(1);
	if (!bed->header)
		return NULL;
	bed->driver = driver;
	bed->how = how;
	bed->window = (struct xg_window){
		.va = (uint64_t)_text,
		.text_pages = (uint32_t)((_etext - _text + BARE_PAGE - 1) / BARE_PAGE),
		.data_pages = 1,
		.header = bed->header,
	};
	header_fill(bed, name);
	bed->next = devices;
	devices = bed;
	return bed;
}

void bed_device_start(struct bed_device *bed)
{
	const char *why = bed->how->up(bed);

	if (why)
		bare_log("%s: the device %s", bed->header->name, why);
}

int bed_device_open(struct bed_device *bed)
{
	if (!services.size) {
		services = xg_bare_services;
		services.size = sizeof(services);
		services.bus_address = bus_address;
		services.doorbells_map = doorbells_map;
		services.doorbells_unmap = doorbells_unmap;
		services.interrupt_open = interrupt_open;
		services.interrupt_close = interrupt_close;
	}
	return xg_device_open(&bed->window, &services, bed);
}

int bed_device_add(struct bed_device *bed)
{
	return xg_device_add(&bed->window);
}

/* ---- Commands: a device's way out, and in again ------------------------------------------------------------ */

static struct bed_device *find(const char *name)
{
	struct bed_device *bed = devices;

	while (bed && strcmp(bed->header->name, name))
		bed = bed->next;
	return bed;
}

/* The device is reset before CLOSE: from then on its rings are somebody else's memory. */
static int run_eject(char **words)
{
	struct bed_device *bed = find(words[1]);

	if (!bed || !bed->window.disk)
		return bare_command_fail("there is no device %s", words[1]);
	if (xg_device_remove(&bed->window, false))
		return bare_command_fail("%s is open", words[1]);
	bed->how->down(bed);
	return xg_device_close(&bed->window) ? bare_command_fail("%s does not close", words[1]) : 0;
}

static int run_insert(char **words)
{
	struct bed_device *bed = find(words[1]);
	const char *why;

	if (!bed || bed->window.disk)
		return bare_command_fail("there is no device %s that was ejected", words[1]);
	memset(bed->header, 0, sizeof(*bed->header));
	header_fill(bed, words[1]);
	why = bed->how->up(bed);
	return why ? bare_command_fail("%s %s", words[1], why) : 0;
}

static struct bare_command eject = { "eject", "NAME", 2, run_eject, NULL };
static struct bare_command insert = { "insert", "NAME", 2, run_insert, NULL };

void bare_devices_start(void)
{
	unsigned int nvme = 0, virtio = 0;
	struct bed_pci f = { .bus = 0 };
	bool started = false;

	bare_command_add(&eject);
	bare_command_add(&insert);
	while (bed_pci_next(&f, &started)) {
		bare_log("pci %02x:%02x.%u %04x:%04x class %06x", f.bus, f.device, f.function, f.vendor,
			 f.id, f.class_code);
		if (f.class_code == 0x010802)
			bed_nvme_start(&f, nvme++);
		else if (f.vendor == 0x1af4 && f.id == 0x1042)
			bed_virtio_start(&f, virtio++);
	}
}
