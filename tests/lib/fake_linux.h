/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a guest that runs Linux, as far as an inspection sees it, built in code: page tables, a kernel image
 * with VMCOREINFO, kallsyms and some variables. Tests damage it in one place and look what is said.
 *
 *     page 0      page tables                             (PAGE_TABLES pages)
 *     page 256    a few free pages, VMCOREINFO among them
 *     page 1024   the image: 2 MiB of text and read-only data, 2 MiB of variables
 *     page 2048   the end
 *
 * All of it is also mapped where Linux maps all memory (the direct map).
 */
#ifndef XG_TESTS_FAKE_LINUX_H
#define XG_TESTS_FAKE_LINUX_H

#include "dom0-tools/inspect/kallsyms.h"
#include "lib/xen/guest.h"

#define FAKE_LINUX_PAGES 2048u
#define FAKE_LINUX_TABLES 0u
#define FAKE_LINUX_FREE 256u
#define FAKE_LINUX_VMCOREINFO 300u
#define FAKE_LINUX_IMAGE 1024u
#define FAKE_LINUX_DATA 1536u

/* A symbol of the image. OFFSET bytes into it. */
struct fake_linux_symbol {
	uint64_t offset;
	const char *name;
};

/* What varies. All zero is a PV guest with 4 levels, 4 KiB pages, no KASLR and tables as Linux 6.1 has them. */
struct fake_linux_spec {
	enum xg_guest_type type;
	bool five_levels;
	bool large_pages;	/* the image and the direct map in 2 MiB pages */
	bool tables_last;	/* kallsyms' parts in the order of 6.4 and later */
	bool asks_no_cpu;	/* the processors' page tables can't be asked: a memory image */
	enum xg_ksyms_encoding encoding;
	uint64_t kaslr;		/* bytes, a multiple of 2 MiB */
	uint64_t first;		/* frame of page 0; 512-page aligned for large pages */
	const char *release;	/* NULL: 6.1.0-test */
	/* Added to those that every fake kernel has; one of the same name takes the other's place. Borrowed. */
	const struct fake_linux_symbol *extra;
	size_t extra_count;
};

struct fake_linux {
	struct fake_linux_spec spec;
	uint8_t *memory;		/* FAKE_LINUX_PAGES pages, MAP_SHARED unless they were given */
	bool owned;
	struct xg_guest *guest;
	struct gva image, direct;	/* of page FAKE_LINUX_IMAGE and page 0 */
	struct gva swapper_pg_dir, init_uts_ns, vmcoreinfo_data;
	struct gva names, num_syms, token_table, token_index, offsets, relative_base;
	size_t names_bytes;
	size_t next_table;
	uint64_t phys_base;
	uint32_t symbols;
	struct fake_linux_list *list;	/* of symbols, merged */
};

/* MEMORY: FAKE_LINUX_PAGES pages to build in (then there is no guest), NULL for its own. Aborts when out of memory. */
struct fake_linux *fake_linux_new(const struct fake_linux_spec *spec, void *memory);
void fake_linux_free(struct fake_linux *f);

/*
 * Maps COUNT pages from PAGE on at ADDR, in 4 KiB pages; FLAGS are those of a page-table entry besides present. The
 * tables that this takes come from the free pages and stay. PAGE 0 with FAKE_LINUX_ABSENT: makes the tables alone.
 */
#define FAKE_LINUX_WRITABLE UINT64_C(0x2)
#define FAKE_LINUX_NO_EXEC (UINT64_C(1) << 63)
#define FAKE_LINUX_ABSENT UINT64_C(0x1)
void fake_linux_map(struct fake_linux *f, struct gva addr, size_t page, size_t count, uint64_t flags);

/* Where in this process page N, and an address in the image, lie. */
void *fake_linux_page(const struct fake_linux *f, size_t n);
void *fake_linux_at(const struct fake_linux *f, struct gva image_address);
struct gfn fake_linux_frame(const struct fake_linux *f, size_t page);

/* The entry for ADDR in the table of LEVEL; NULL when the walk ends above it. */
uint64_t *fake_linux_entry(const struct fake_linux *f, struct gva addr, unsigned int level);
/* Replaces OLD, which must be there, in VMCOREINFO's text; what follows moves. */
void fake_linux_text(struct fake_linux *f, const char *old, const char *new);

/* The names that every fake kernel has, with 300 letters in one of them. */
extern const char fake_linux_long_name[];

#endif
