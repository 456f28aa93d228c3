// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as an object: xg_elf_open() refuses them, or all that it hands out may be read. */
#include <string.h>

#include "lib/elf/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xg_elf *elf;
	volatile uint64_t sum = 0;
	uint32_t i;

	if (xg_elf_open(data, size, &elf, NULL))
		return 0;
	for (i = 0; i < elf->section_count; i++) {
		const struct xg_elf_section *s = &elf->sections[i];

		sum += strlen(s->name) + (s->data && s->size ? s->data[0] + s->data[s->size - 1] : 0);
	}
	for (i = 0; i < elf->symbol_count; i++)
		sum += strlen(elf->symbols[i].name) + elf->symbols[i].value;
	for (i = 0; i < elf->relocation_count; i++)
		sum += elf->sections[elf->relocations[i].section].data[elf->relocations[i].offset] +
		       elf->symbols[elf->relocations[i].symbol].value;
	xg_elf_close(elf);
	return 0;
}
