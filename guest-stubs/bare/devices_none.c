// SPDX-License-Identifier: GPL-2.0-or-later
/* The plain kernel has no drivers of its own: its disks come from outside. The bed has others (bed.c). */
#include "bare.h"

void bare_devices_start(void)
{
}
