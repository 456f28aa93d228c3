// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a domain's configuration, and each item of its list as a disk. */
#include <stdlib.h>

#include "lib/xen/domain_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xg_disk_item item;
	char **items;
	struct xg_err err;
	size_t count, i;

	if (xg_domain_list_parse((const char *)data, size, &items, &count, &err))
		return 0;
	for (i = 0; i < count; i++)
		(void)xg_disk_item_parse(items[i], &item, &err);
	free(items);
	return 0;
}
