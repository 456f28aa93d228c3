/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Relocatable x86-64 ELF objects (ET_REL), read from bytes that nobody vouches for. Built on libelf's
 * in-memory reader; each header, name, section, symbol and relocation is checked to lie inside the bytes before
 * it is handed out, so that the code above can index without looking again.
 */
#ifndef XG_ELF_H
#define XG_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Ceilings: an image is a few dozen KiB; a hostile one must not cost Dom0 more than this. */
#define XG_ELF_BYTES_MAX (4u << 20)
#define XG_ELF_SECTIONS_MAX 4096u
#define XG_ELF_SYMBOLS_MAX 65536u
#define XG_ELF_RELOCATIONS_MAX 65536u

struct xg_elf_section {
	const char *name;	/* NUL-terminated inside the image */
	uint32_t type;		/* SHT_* */
	uint64_t flags;		/* SHF_* */
	uint64_t align;		/* a power of two, 1..4096 */
	uint64_t size;		/* bytes; <= XG_ELF_BYTES_MAX for SHT_NOBITS too */
	const uint8_t *data;	/* NULL for SHT_NOBITS */
};

struct xg_elf_symbol {
	const char *name;	/* "" for section symbols */
	uint16_t section;	/* index; SHN_UNDEF, SHN_ABS; SHN_COMMON is refused */
	uint8_t bind, type;	/* STB_*, STT_* */
	uint64_t value;		/* offset into its section; SHN_ABS: the address itself */
	uint64_t size;		/* value + size <= the section's size, unless SHN_UNDEF or SHN_ABS */
};

struct xg_elf_relocation {
	uint16_t section;	/* which section is patched */
	uint64_t offset;	/* into it, < its size; that the patched bytes fit is for who knows the type */
	uint32_t type;		/* R_X86_64_* */
	uint32_t symbol;	/* index, checked */
	int64_t addend;
};

struct xg_elf {
	const struct xg_elf_section *sections;	/* index 0 is the null section */
	uint32_t section_count;
	const struct xg_elf_symbol *symbols;
	uint32_t symbol_count;
	const struct xg_elf_relocation *relocations;	/* of sections with SHF_ALLOC */
	uint32_t relocation_count;
};

/*
 * BYTES are borrowed and must outlive *ret; they need no alignment and are not written to. -ENOEXEC with what
 * was wrong where; -ENOMEM.
 */
int xg_elf_open(const void *bytes, size_t size, struct xg_elf **ret, struct xg_err *err);
void xg_elf_close(struct xg_elf *elf);	/* NULL is fine */

/* The only section / defined symbol of that name; NULL when there is none (or more than one). */
const struct xg_elf_section *xg_elf_section(const struct xg_elf *elf, const char *name);
const struct xg_elf_symbol *xg_elf_symbol(const struct xg_elf *elf, const char *name);

#endif
