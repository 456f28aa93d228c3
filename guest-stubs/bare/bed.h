/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bed: a bare kernel that owns real devices and lets drivers of the ABI serve their queues. For tests in a plain
 * QEMU machine; the kernel that goes into guests has none of this.
 *
 *     bed.c          a device: what it is called, its doorbells, its header; the ABI's services for devices
 *     bed_pci.c      finds functions and maps their registers
 *     bed_nvme.c     brings a controller up, creates the one I/O queue pair that the driver has laid out
 *     bed_virtio.c   brings a virtio-blk device up, hands it the rings that the driver has laid out
 *     driver images  linked in, their table renamed (bed_driver_nvme, bed_driver_virtio)
 *
 * Bring-up is the bed's, the queue is the driver's: the split that the ABI has for devices that reach memory
 * themselves.
 */
#ifndef BARE_BED_H
#define BARE_BED_H

#include "personality.h"

/* ---- bed_pci.c --------------------------------------------------------------------------------------------- */

struct bed_pci {
	uint8_t bus, device, function;
	uint16_t vendor, id;
	uint32_t class_code;	/* class, subclass, interface */
};

/* The next function after WHERE on the first buses, in order; begin with all zero and *started false. */
bool bed_pci_next(struct bed_pci *where, bool *started);
uint32_t bed_pci_read(const struct bed_pci *f, uint8_t at);	/* the aligned 4 bytes that AT lies in */
uint8_t bed_pci_read8(const struct bed_pci *f, uint8_t at);
void bed_pci_write(const struct bed_pci *f, uint8_t at, uint32_t value);
void bed_pci_enable(const struct bed_pci *f);	/* memory, bus mastering; no interrupt pin */
/* Physical address of memory BAR, 0: it is none, or lies nowhere. */
uint64_t bed_pci_bar(const struct bed_pci *f, unsigned int bar);
/* The next capability of type ID after AT (0: from the first); 0: none. Bounded. */
uint8_t bed_pci_capability(const struct bed_pci *f, uint8_t id, uint8_t at);

/* ---- bed.c ------------------------------------------------------------------------------------------------- */

struct bed_device;

struct bed_bring_up {
	/*
	 * Resets the device, fills in params and direct of the header, bed_device_open(), hands the rings over,
	 * bed_device_add(). NULL, or what went wrong. In any task, without sleeping.
	 */
	const char *(*up)(struct bed_device *bed);
	void (*down)(struct bed_device *bed);	/* the device leaves the driver's memory alone from here on */
};

struct bed_device {
	struct xg_window window;
	struct xg_device_header *header;
	const struct xg_driver *driver;
	const struct bed_bring_up *how;
	uint64_t doorbells;	/* physical */
	void *private;
	struct bed_device *next;
};

/* NAME as the kernel shall show it. NULL: no memory. */
struct bed_device *bed_device_new(const char *name, const struct xg_driver *driver, const struct bed_bring_up *how);
void bed_device_start(struct bed_device *bed);	/* up, and says so if it fails */
/* OPEN: the rings are in header->direct_queues[0] afterwards. 0 or -XG_E_*. */
int bed_device_open(struct bed_device *bed);
int bed_device_add(struct bed_device *bed);	/* START and the disk */

/* ---- bed_nvme.c, bed_virtio.c ------------------------------------------------------------------------------ */

void bed_nvme_start(const struct bed_pci *f, unsigned int number);
void bed_virtio_start(const struct bed_pci *f, unsigned int number);

extern const struct xg_driver bed_driver_nvme, bed_driver_virtio;

/* Until CONDITION or MS have passed; whether it came true. Does not sleep: the first task may not. */
#define BED_WAIT(condition, ms) ({						\
	uint64_t end_ = bare_ns() + (ms) * 1000000ull;				\
	bool came_ = (condition);						\
										\
	while (!came_ && bare_ns() < end_)					\
		came_ = (condition);						\
	came_; })

#endif
