/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the bare kernel says about itself in memory, for whoever looks at it from outside: the part that VMCOREINFO
 * and kallsyms play for Linux. Written by identity.c once at boot and never changed; read by Dom0
 * (dom0-tools/inspect/bare.c) and by debuggers of memory images.
 *
 *     kernel image   variable `bare_identity` ──► identity page (the kernel's own memory, outside the image)
 *                                                   │ root: the page tables
 *                                                   │ symbols, strings: the symbol table, inside the image
 *                                                   └ variable: the way back
 *
 * A page counts only if the symbol `bare_identity` of the table that it names leads back to it, and both lie in the
 * image. The page belongs to this structure up to `size`; what follows is zero and nobody's.
 *
 * Freestanding: compiles in the kernel and in Dom0.
 */
#ifndef BARE_IDENTITY_H
#define BARE_IDENTITY_H

#include <stdint.h>

/* "BARE-ID\n" as the bytes stand in memory. */
#define BARE_IDENTITY_MAGIC 0x0a44492d45524142ULL
#define BARE_IDENTITY_VERSION 1u

/* Where the image is linked to: the last 2 GiB, where -mcmodel=kernel reaches. Physical address 0 would lie there. */
#define BARE_IMAGE_BASE 0xffffffff80000000ULL
#define BARE_IMAGE_BYTES_MAX (64u << 20)

/* Ceilings that a reader may hold a table against. */
#define BARE_SYMBOLS_MAX 65536u
#define BARE_STRINGS_BYTES_MAX (4u << 20)

struct bare_identity {
	uint64_t magic;		/* BARE_IDENTITY_MAGIC, stored last */
	uint32_t version;	/* later versions append */
	uint32_t size;		/* sizeof(struct bare_identity) of who wrote it */
	char release[64];	/* NUL-terminated: letters, digits, . _ + - */
	char build_id[64];	/* of the ELF note, hexadecimal, NUL-terminated */
	uint32_t levels;	/* of page tables: 4 */
	uint32_t pad;		/* zero */
	uint64_t root;		/* physical address of the page-table root */
	uint64_t image;		/* address of the image's first byte, a multiple of 4096 */
	uint64_t image_bytes;
	uint64_t variable;	/* address of the pointer to this page */
	uint64_t symbols;	/* address of symbol_count times struct bare_symbol, ascending by offset */
	uint64_t symbol_count;
	uint64_t strings;	/* address of the names, each NUL-terminated */
	uint64_t strings_bytes;
};

struct bare_symbol {
	uint32_t offset;	/* from BARE_IMAGE_BASE */
	uint32_t name;		/* offset into the strings */
};

#endif
