// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/fake_bare.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"

static uint64_t *entry(struct fake_bare *f, size_t table, uint64_t va, unsigned int level)
{
	return (uint64_t *)f->memory[table] + (va >> (3 + 9 * level) & 511);
}

/* Three tables from FIRST on lead to VA. */
static void chain(struct fake_bare *f, uint64_t va, size_t first)
{
	unsigned int level;

	*entry(f, FAKE_BARE_ROOT, va, 4) = first << XG_PAGE_SHIFT | 3;
	for (level = 3; level > 1; level--, first++)
		*entry(f, first, va, level) = (first + 1) << XG_PAGE_SHIFT | 3;
}

static void map(struct fake_bare *f, size_t table, uint64_t va, size_t page, uint64_t flags)
{
	*entry(f, table, va + page * XG_PAGE_SIZE, 1) = page << XG_PAGE_SHIFT | 1 | flags;
}

static void symbols(struct fake_bare *f)
{
	static const struct { uint64_t at; const char *name; } rows[] = {
		{ FAKE_BARE_TEXT, "_text" }, { FAKE_BARE_TEXT + 0x40, "bare_log" },
		{ FAKE_BARE_TEXT + 0x800, "_etext" },
		{ FAKE_BARE_VARIABLE, "bare_identity" },
	};
	size_t i, at = 0;

	f->symbols = (struct bare_symbol *)f->memory[FAKE_BARE_SYMBOLS];
	f->strings = (char *)f->memory[FAKE_BARE_SYMBOLS] + 1024;
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		f->symbols[i] = (struct bare_symbol){
			.offset = (uint32_t)(rows[i].at - BARE_IMAGE_BASE), .name = (uint32_t)at,
		};
		strcpy(f->strings + at, rows[i].name);
		at += strlen(rows[i].name) + 1;
	}
	f->identity->symbol_count = i;
	f->identity->strings_bytes = at;
}

void fake_bare_make(struct fake_bare *f)
{
	size_t page;

	memset(f->memory, 0, sizeof(f->memory));
	chain(f, FAKE_BARE_TEXT, 1);
	chain(f, FAKE_BARE_MEMORY, 4);
	for (page = 0; page < FAKE_BARE_PAGES; page++)
		map(f, 6, FAKE_BARE_MEMORY, page, 2 | UINT64_C(1) << 63);
	map(f, 3, BARE_IMAGE_BASE, FAKE_BARE_IMAGE, 0);
	map(f, 3, BARE_IMAGE_BASE, FAKE_BARE_SYMBOLS, UINT64_C(1) << 63);
	map(f, 3, BARE_IMAGE_BASE, FAKE_BARE_DATA, 2 | UINT64_C(1) << 63);
	f->identity = (struct bare_identity *)f->memory[FAKE_BARE_IDENTITY];
	*f->identity = (struct bare_identity){
		.magic = BARE_IDENTITY_MAGIC, .version = 1, .size = sizeof(*f->identity), .release = "0.1.0-test",
		.build_id = "00112233445566778899aabbccddeeff00112233", .levels = 4,
		.root = FAKE_BARE_ROOT * XG_PAGE_SIZE, .image = FAKE_BARE_TEXT,
		.image_bytes = 3 * XG_PAGE_SIZE, .variable = FAKE_BARE_VARIABLE,
		.symbols = BARE_IMAGE_BASE + FAKE_BARE_SYMBOLS * XG_PAGE_SIZE,
		.strings = BARE_IMAGE_BASE + FAKE_BARE_SYMBOLS * XG_PAGE_SIZE + 1024,
	};
	symbols(f);
	f->variable = (uint64_t *)(f->memory[FAKE_BARE_DATA] + 64);
	*f->variable = FAKE_BARE_MEMORY + FAKE_BARE_IDENTITY * XG_PAGE_SIZE;
}

struct xg_guest *fake_bare_guest(struct fake_bare *f)
{
	const struct xg_guest_info info = {
		.domid = 8, .name = "fake", .type = XG_GUEST_PVH, .vcpus = 1, .pages = FAKE_BARE_PAGES,
		.running_once = true,
	};
	const struct xg_paging paging = { .root = XG_GFN(FAKE_BARE_ROOT), .levels = 4 };
	struct xg_guest *g = xg_guest_fake(&info, f->memory, XG_GFN(0), FAKE_BARE_PAGES, XG_GFN(0));

	if (!g)
		abort();
	xg_guest_fake_paging(g, &paging);
	return g;
}
