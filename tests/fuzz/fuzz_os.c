// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as the description of an OS's interfaces: refused with a place, or a header is written for it. */
#include "driver-gen/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gen_arena arena = { .chunks = NULL };
	struct xg_err err = XG_ERR_NONE;
	struct gen_os *os;
	FILE *out;

	if (gen_os_parse("fuzz", (const char *)data, size, &arena, &os, &err) == 0) {
		out = fopen("/dev/null", "w");
		if (!out)
			__builtin_trap();
		gen_os_emit(os, NULL, "out.h", out, NULL);
		gen_os_emit(os, "6.1.0", "out.h", out, NULL);
		fclose(out);
	} else if (!err.text[0]) {
		__builtin_trap();
	}
	gen_arena_fini(&arena);
	return 0;
}
