// SPDX-License-Identifier: GPL-2.0-or-later
/* The order in which the kernel comes up. Entered from boot.S with the loader's information, on the early tables. */
#include "bare.h"
#include "machine.h"
#include "xen.h"

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/sched.h>

void bare_main(uint64_t start_info);

/* Under Xen there is no console before memory and shared pages: what stops the kernel earlier is not seen. */
void bare_main(uint64_t start_info)
{
	const struct hvm_start_info *info = (const void *)(BARE_MEMORY + start_info);

	bare_traps_start();
	bare_xen_detect();
	bare_console_start();
	if (info->magic != XEN_HVM_START_MAGIC_VALUE)
		bare_stop("this is no PVH loader: magic 0x%x", info->magic);
	bare_memory_start(info);
	if (bare_xen)
		bare_xen_start();
	bare_clock_start();
	if (bare_xen) {
		bare_console_xen();
		bare_store_start();
	}
	bare_identity_start();
	bare_log("bare %s on %s, %llu MiB free", bare_release, bare_xen ? "Xen" : "a plain machine",
		 (unsigned long long)bare_pages_free() * BARE_PAGE >> 20);
	bare_housekeeping_start();
	bare_devices_start();
	bare_shell_start();
	bare_loop();
}

void bare_halt(void)
{
	if (bare_xen)
		bare_xen_shutdown(SHUTDOWN_poweroff);
	/* ACPI's S5 as QEMU's PIIX4 and ICH9 take it, once their firmware has placed it there. */
	out16(0x604, 0x2000);
	stop_cpu();
}
