// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes seeds for fuzz_vmcoreinfo, fuzz_kallsyms and fuzz_walk into a directory's vmcoreinfo/, kallsyms/ and walk/.
 * Run by hand when what they read changes: make tests/fuzz/seeds_inspect && tests/fuzz/seeds_inspect DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "tests/lib/fake_bare.h"
#include "tests/lib/fake_linux.h"

static const struct {
	const char *name;
	struct fake_linux_spec spec;
} kinds[] = {
	{ "percpu", { .type = XG_GUEST_PVH } },
	{ "base", { .type = XG_GUEST_PVH, .encoding = XG_KSYMS_BASE, .five_levels = true, .kaslr = 0x29a00000 } },
	{ "place", { .type = XG_GUEST_PVH, .encoding = XG_KSYMS_PLACE, .tables_last = true } },
};

static FILE *seed(const char *directory, const char *corpus, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, corpus, name);
	f = fopen(path, "wb");
	if (!f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return f;
}

static void vmcoreinfo(const char *directory, const char *name, struct fake_linux *f)
{
	FILE *out = seed(directory, "vmcoreinfo", name);

	fputs(fake_linux_page(f, FAKE_LINUX_VMCOREINFO), out);
	fclose(out);
}

/* The image as far as the tables reach, as if it were linked to the very start of the room for images. */
static void kallsyms(const char *directory, const char *name, struct fake_linux *f)
{
	const struct gva at[] = { f->names, f->num_syms, f->token_table, f->token_index, f->offsets,
				  f->spec.encoding == XG_KSYMS_PLACE ? f->image : f->relative_base,
				  f->image, f->init_uts_ns, f->swapper_pg_dir };
	const uint64_t base = XG_LINUX_IMAGE_START;
	FILE *out = seed(directory, "kallsyms", name);
	size_t i;

	memcpy(fake_linux_at(f, f->relative_base), &base, sizeof(base));
	for (i = 0; i < XG_ARRAY_SIZE(at); i++) {
		uint32_t offset = at[i].v - f->image.v;

		fwrite(&offset, sizeof(offset), 1, out);
	}
	fwrite(fake_linux_at(f, f->image), 1, 2 * XG_PAGE_SIZE, out);
	fclose(out);
}

/* Four tables in a row, the last mapping the pages from 8 on; VMCOREINFO is the first of them. */
static void walk(const char *directory, const char *name, struct fake_linux *f)
{
	static uint8_t head[16] = { 0, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff, 0, 0, 0 };
	static uint64_t table[6][512];
	const unsigned int levels = f->spec.five_levels ? 5 : 4;
	FILE *out = seed(directory, "walk", name);
	unsigned int i;

	memset(table, 0, sizeof(table));
	head[9] = f->spec.five_levels;
	for (i = 0; i + 1 < levels; i++)
		table[i][i + 3 == levels ? 510 : i + 2 == levels ? 8 : 511] = (uint64_t)(i + 1) << 12 | 0x67;
	for (i = 0; i < 512; i++)
		table[levels - 1][i] = (uint64_t)(8 + i % 4) << 12 | 0x63;
	fwrite(head, 1, sizeof(head), out);
	fwrite(table, 1, sizeof(table), out);
	for (i = 6; i < 8; i++)
		fwrite(table[5], 1, 4096, out);
	fwrite(fake_linux_page(f, FAKE_LINUX_VMCOREINFO), 1, 4096, out);
	fwrite(fake_linux_at(f, XG_GVA(f->vmcoreinfo_data.v & XG_PAGE_MASK)), 1, 4096, out);
	fclose(out);
}

/* The whole memory of a bare guest. */
static void walk_bare(const char *directory)
{
	static uint8_t head[16];
	static struct fake_bare bare;
	const uint64_t addr = FAKE_BARE_TEXT;
	FILE *out = seed(directory, "walk", "bare");

	fake_bare_make(&bare);
	memcpy(head, &addr, sizeof(addr));
	head[8] = FAKE_BARE_ROOT;
	fwrite(head, 1, sizeof(head), out);
	fwrite(bare.memory, 1, sizeof(bare.memory), out);
	fclose(out);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return EXIT_FAILURE;
	}
	for (i = 0; i < XG_ARRAY_SIZE(kinds); i++) {
		struct fake_linux *f = fake_linux_new(&kinds[i].spec, NULL);

		vmcoreinfo(argv[1], kinds[i].name, f);
		walk(argv[1], kinds[i].name, f);
		kallsyms(argv[1], kinds[i].name, f);
		fake_linux_free(f);
	}
	walk_bare(argv[1]);
	return EXIT_SUCCESS;
}
