// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as an image: note, size and link, for a kernel that has every symbol. Writes stay in the parts. */
#include <stdlib.h>
#include <string.h>

#include "hotswap/link.h"

#define ROOM_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Somewhere in the kernel's text, and the same for the same name. */
static int everything(void *ctx, const char *name, struct gva *ret, struct xg_err *err)
{
	uint64_t hash = strcmp(name, "__x86_return_thunk") == 0 ? 0 : strlen(name) * 4097 % 0x1000000;

	(void)ctx;
	(void)err;
	*ret = XG_GVA(UINT64_C(0xffffffff81000000) + hash);
	return 0;
}

/* Parts of exactly the size that the image asked for: one byte too far is a heap overflow. */
static void link_with(const struct xg_elf *elf, const struct xg_link_size *size, uint64_t return_thunk)
{
	struct xg_resolver resolver = { .symbol = everything, .return_thunk = XG_GVA(return_thunk) };
	struct xg_part text = { XG_GVA(UINT64_C(0xffffffffc0000000)), size->text_bytes, malloc(size->text_bytes) };
	struct xg_part part = { XG_GVA(UINT64_C(0xffffffffc0800000)), size->data_bytes, malloc(size->data_bytes) };
	struct xg_err err;
	struct gva at;

	if (xg_link(elf, &resolver, &text, &part, &err) == 0)
		xg_link_address(elf, "xg_driver", &text, &part, &at, &err);
	free(text.bytes);
	free(part.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xg_image_note note;
	struct xg_link_size need;
	struct xg_elf *elf;
	struct xg_err err;

	if (xg_elf_open(data, size, &elf, &err))
		return 0;
	xg_image_note(elf, &note, &err);
	if (xg_link_size(elf, &need, &err) == 0 && need.text_bytes < ROOM_MAX && need.data_bytes < ROOM_MAX) {
		link_with(elf, &need, 0);
		link_with(elf, &need, UINT64_C(0xffffffff81000000));
		link_with(elf, &need, UINT64_C(0xffffffff81e01e00));
	}
	xg_elf_close(elf);
	return 0;
}
