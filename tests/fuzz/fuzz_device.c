// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as the description of a device: refused with a place, or C is written for it. */
#include "driver-gen/device.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char skeleton[] =
	"@put note\n@put constants\n@put structs\n@put rings\n@put forms\n@put supported\n@put build\n@put show\n@put "
	"status\n"
	"@put device_segments\n@if indexed\n@{response_index}\n@else\n@put consumed\n@end\n@if follow\n@put "
	"flush_after\n@end\n"
	"@put ring_init\n@put doorbells\n@put features\n@{id} @{status_args} @{page_condition} @{submit_entry}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gen_arena arena = { .chunks = NULL };
	struct xg_err err = XG_ERR_NONE;
	struct gen_device *dev;
	FILE *out;

	if (gen_device_parse("fuzz", (const char *)data, size, &arena, &dev, &err) == 0) {
		out = fopen("/dev/null", "w");
		if (!out ||
		    gen_device_emit(dev, dev->modes[0], NULL, NULL, skeleton, strlen(skeleton), "out.c", out, &err))
			__builtin_trap();
		fclose(out);
	} else if (!err.text[0]) {
		__builtin_trap();
	}
	gen_arena_fini(&arena);
	return 0;
}
