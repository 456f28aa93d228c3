/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbol table that a Linux kernel carries (scripts/kallsyms.c writes it, kernel/kallsyms.c reads it).
 *
 *     names         one entry a symbol: length (one byte, or two from 128 on: low 7 bits first), then so many bytes,
 *                   each the number of a token. The first letter of what they spell is the symbol's type.
 *     token_index   256 offsets into token_table, which holds 256 strings with their NULs
 *     offsets       one signed 32-bit number a symbol, meaning one of three things, see enum xg_ksyms_encoding
 *
 * Nothing says which of the three it is, nor is the kernel's version to be relied on (distributions backport): the
 * one is taken that gives the addresses which VMCOREINFO states itself, and if none does, the table is not used.
 * The order of the tables in memory differs between versions, so none is sized by where the next one begins.
 */
#ifndef XG_INSPECT_KALLSYMS_H
#define XG_INSPECT_KALLSYMS_H

#include <stddef.h>

#include "dom0-tools/inspect/vmcoreinfo.h"
#include "lib/base/addr.h"
#include "lib/base/err.h"

/* Ceilings. Debian's 6.12 has 162,756 symbols in 2.2 MB; a kernel with everything built in about four times that. */
#define XG_KSYMS_MAX 1000000u
#define XG_KSYMS_NAMES_BYTES_MAX (32u << 20)
#define XG_KSYMS_NAME_MAX 512u	/* KSYM_NAME_LEN since 6.1: bytes of a name with its NUL */

enum xg_ksyms_encoding {
	XG_KSYMS_ABSOLUTE_PERCPU,	/* >= 0: the address itself; < 0: base - 1 - offset. x86 SMP until 6.14 */
	XG_KSYMS_BASE,			/* base + unsigned offset. 6.15 to 6.19 */
	XG_KSYMS_PLACE,			/* the offset's own address + offset. Linux 7.0 and later */
};

/* Where the tables' bytes come from. */
struct xg_ksyms_source {
	/* As xg_walk_read(): short reads are allowed when ret_got is not NULL. */
	int (*read)(void *ctx, struct gva addr, void *buf, size_t bytes, size_t *ret_got, struct xg_err *err);
	void *ctx;
};

struct xg_ksyms;

/* -ENOTSUP with the reason when the bytes are not such a table; what read() and malloc() say otherwise. */
int xg_ksyms_load(const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *source, struct xg_ksyms **ret,
		  struct xg_err *err);
void xg_ksyms_free(struct xg_ksyms *k);	/* NULL is fine */

uint32_t xg_ksyms_count(const struct xg_ksyms *k);
enum xg_ksyms_encoding xg_ksyms_encoding(const struct xg_ksyms *k);

/* A name that is looked for, and what was found. */
struct xg_ksyms_wanted {
	const char *name;	/* borrowed */
	struct gva at;		/* OUT, when found is 1 */
	uint32_t found;		/* OUT: how many symbols have the name */
	uint32_t symbol;	/* OUT: the last of them */
};

/*
 * Looks for all of them, 128 in one pass over the table, which costs little more than one name does.
 */
void xg_ksyms_find_all(const struct xg_ksyms *k, struct xg_ksyms_wanted *wanted, size_t count);
/* What was found as an answer: as xg_kernel_symbol(). */
int xg_ksyms_found(const struct xg_ksyms_wanted *wanted, struct gva *ret, struct xg_err *err);
/* The variable that leads to the kernel's own VMCOREINFO page. -ENOTSUP when it is not there once. */
int xg_ksyms_vmcoreinfo_data(const struct xg_ksyms *k, struct gva *ret, struct xg_err *err);
/* As xg_kernel_symbol() and xg_kernel_symbol_after(). */
int xg_ksyms_find(const struct xg_ksyms *k, const char *name, struct gva *ret, struct xg_err *err);
int xg_ksyms_after(const struct xg_ksyms *k, struct gva addr, struct gva *ret, struct xg_err *err);
/* Symbol I (< count) of the table, in the order of addresses: for tests and listings. */
struct gva xg_ksyms_at(const struct xg_ksyms *k, uint32_t i, char *ret_type, char name[XG_KSYMS_NAME_MAX]);

#endif
