// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes valid minimal objects into a directory: seeds for fuzz_elf and fuzz_link. Run by hand when the format of
 * images changes: make tests/fuzz/seeds_elf && tests/fuzz/seeds_elf DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/elf_builder.h"

static const uint8_t code[32] = { 0xe8, 0, 0, 0, 0, 0x48, 0xc7, 0xc0, 0, 0, 0, 0,
				  0xe9, 0, 0, 0, 0, 0x0f, 0x84, 0,    0, 0, 0 };

static struct elfb *empty(void)
{
	return elfb_new();
}

static struct elfb *driver(void)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, 5), table;
	uint32_t function;

	table = elfb_section(b, ".rodata", SHT_PROGBITS, SHF_ALLOC, 8, NULL, 144);
	elfb_note(b,
		  "kind=driver\nabi=1\narch=x86_64\nclass=block\nmode=virtual\nversion=1\nlicence=GPL-2.0-or-later\n");
	function = elfb_symbol(b, "open", text, STB_LOCAL, STT_FUNC, 0, 5);
	elfb_symbol(b, "xg_driver", table, STB_GLOBAL, STT_OBJECT, 0, 144);
	elfb_relocation(b, text, 1, R_X86_64_PLT32, function, -4);
	elfb_relocation(b, table, 16, R_X86_64_64, function, 0);
	return b;
}

static struct elfb *personality(void)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code)), data = elfb_data(b, ".data", NULL, 16);
	uint16_t orc = elfb_section(b, ".orc_unwind_ip", SHT_PROGBITS, SHF_ALLOC, 4, NULL, 4);

	elfb_section(b, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 64, NULL, 4096);
	elfb_note(b, "kind=personality\nabi=1\nos=linux\nrelease=6.1.0\nbuild-id=0123456789abcdef\narch=x86_64\n"
		  "version=1\nlicence=GPL-2.0-or-later\n");
	elfb_symbol(b, "", data, STB_LOCAL, STT_SECTION, 0, 0);
	elfb_import(b, "__fentry__");
	elfb_import(b, "__x86_return_thunk");
	elfb_import(b, "printk");
	elfb_function(b, "xg_core_main", text, 0, sizeof(code));
	elfb_relocation(b, text, 1, R_X86_64_PLT32, 2, -4);
	elfb_relocation(b, text, 8, R_X86_64_32S, 1, 8);
	elfb_relocation(b, text, 13, R_X86_64_PLT32, 3, -4);
	elfb_relocation(b, text, 19, R_X86_64_PC32, 3, -4);
	elfb_relocation(b, text, 24, R_X86_64_PC64, 4, 0);
	elfb_relocation(b, data, 0, R_X86_64_64, 5, 0);
	elfb_relocation(b, data, 8, R_X86_64_32, SHN_UNDEF, 0);
	elfb_relocation(b, orc, 0, R_X86_64_PC32, 5, 0);
	return b;
}

static void write_seed(const char *directory, const char *name, struct elfb *b)
{
	char path[4096];
	uint8_t *image;
	size_t size;
	FILE *f;

	image = elfb_finish(b, &size);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "wb");
	if (!f || fwrite(image, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	free(image);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds_elf DIRECTORY\n");
		return EXIT_FAILURE;
	}
	write_seed(argv[1], "minimal-empty", empty());
	write_seed(argv[1], "minimal-driver", driver());
	write_seed(argv[1], "minimal-personality", personality());
	return EXIT_SUCCESS;
}
