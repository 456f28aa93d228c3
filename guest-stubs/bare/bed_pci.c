// SPDX-License-Identifier: GPL-2.0-or-later
/* PCI's configuration space by its two ports (PCI Local Bus Specification 3.0, 3.2.2.3.2), as the firmware left it. */
#include "bed.h"
#include "machine.h"

#define BUSES 8u

static void select(const struct bed_pci *f, uint8_t at)
{
	out32(0xcf8, 0x80000000u | (uint32_t)f->bus << 16 | (uint32_t)f->device << 11 | (uint32_t)f->function << 8 |
		      (at & 0xfcu));
}

uint32_t bed_pci_read(const struct bed_pci *f, uint8_t at)
{
	select(f, at);
	return in32(0xcfc);
}

uint8_t bed_pci_read8(const struct bed_pci *f, uint8_t at)
{
	return (uint8_t)(bed_pci_read(f, at) >> (at & 3) * 8);
}

void bed_pci_write(const struct bed_pci *f, uint8_t at, uint32_t value)
{
	select(f, at);
	out32(0xcfc, value);
}

static bool step(struct bed_pci *f)
{
	if (++f->function < 8)
		return true;
	f->function = 0;
	if (++f->device < 32)
		return true;
	f->device = 0;
	return ++f->bus < BUSES;
}

bool bed_pci_next(struct bed_pci *f, bool *started)
{
	uint32_t id;

	while (!*started || step(f)) {
		*started = true;
		id = bed_pci_read(f, 0);
		if ((uint16_t)id == 0xffff)
			continue;
		f->vendor = (uint16_t)id;
		f->id = (uint16_t)(id >> 16);
		f->class_code = bed_pci_read(f, 8) >> 8;
		return true;
	}
	return false;
}

void bed_pci_enable(const struct bed_pci *f)
{
	/* The upper half is status, where ones clear. */
	bed_pci_write(f, 4, (bed_pci_read(f, 4) & 0xffff) | 0x406);
}

uint64_t bed_pci_bar(const struct bed_pci *f, unsigned int bar)
{
	uint8_t at = (uint8_t)(0x10 + bar * 4);
	uint32_t low = bed_pci_read(f, at);
	uint64_t address = low & ~15u;

	if (low & 1)
		return 0;
	if ((low & 6) == 4 && bar < 5)
		address |= (uint64_t)bed_pci_read(f, (uint8_t)(at + 4)) << 32;
	return address;
}

uint8_t bed_pci_capability(const struct bed_pci *f, uint8_t id, uint8_t at)
{
	unsigned int steps;

	if (!(bed_pci_read(f, 4) & 0x100000))
		return 0;
	at = bed_pci_read8(f, at ? (uint8_t)(at + 1) : 0x34) & 0xfc;
	for (steps = 0; at >= 0x40 && steps < 48; steps++) {
		if (bed_pci_read8(f, at) == id)
			return at;
		at = bed_pci_read8(f, (uint8_t)(at + 1)) & 0xfc;
	}
	return 0;
}
