// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as xengraft.conf. */
#include <stdint.h>

#include "dom0-tools/daemon/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xgd_config c;
	struct xg_err err;

	(void)xgd_config_parse("fuzz", (const char *)data, size, &c, &err);
	return 0;
}
