// SPDX-License-Identifier: GPL-2.0-or-later
/* Any page as VMCOREINFO: refused, or what is handed out lies where it must. */
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/vmcoreinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t page[XG_PAGE_SIZE] = { 0 };
	struct xg_vmcoreinfo v;
	struct xg_err err = XG_ERR_NONE;

	memcpy(page, data, size < sizeof(page) ? size : sizeof(page));
	if (xg_vmcoreinfo_parse(page, &v, &err)) {
		if (!err.code || !*err.text)
			abort();
		return 0;
	}
	if (v.bytes > XG_PAGE_SIZE || (v.levels != 4 && v.levels != 5) || v.root.n >> 40 ||
	    v.swapper_pg_dir.v - XG_LINUX_IMAGE_START >= XG_LINUX_IMAGE_BYTES || strlen(v.release) >= sizeof(v.release))
		abort();
	return 0;
}
