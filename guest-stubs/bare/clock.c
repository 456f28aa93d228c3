// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time: the time-stamp counter, scaled as Xen says (public/xen.h, struct vcpu_time_info), or as counted out once
 * against the PC's interval timer (Intel 8254: channel 2, whose output port 0x61 shows).
 */
#include "bare.h"
#include "machine.h"
#include "xen.h"

#define PIT_HZ 1193182u
#define CALIBRATION_MS 5u

extern const uint64_t bare_boot_tsc;

/* ns = ticks * multiplier >> 32 */
static uint64_t multiplier;

static uint64_t scale(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

uint64_t bare_ns(void)
{
	return scale(read_tsc() - bare_boot_tsc);
}

static uint64_t pit_multiplier(void)
{
	const uint32_t count = PIT_HZ * CALIBRATION_MS / 1000;
	uint64_t from, ticks;

	out8(0x61, (uint8_t)((in8(0x61) & ~2u) | 1));
	out8(0x43, 0xb0);		/* channel 2, both bytes, mode 0: the output rises at zero */
	out8(0x42, (uint8_t)count);
	out8(0x42, (uint8_t)(count >> 8));
	from = read_tsc();
	while (!(in8(0x61) & 0x20))
		pause_cpu();
	ticks = read_tsc() - from;
	return ((uint64_t)count * 1000000000u / PIT_HZ << 32) / (ticks ? ticks : 1);
}

void bare_clock_start(void)
{
	multiplier = bare_xen ? bare_xen_multiplier() : pit_multiplier();
}
