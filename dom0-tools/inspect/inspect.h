/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs in a guest? Answered from its memory alone while it runs on; nothing of the guest is changed.
 *
 * The way: from the page tables that a virtual CPU runs on to the kernel's variables to the pages they point to, among
 * them VMCOREINFO (Linux, kernel/crash_core.c: "OSRELEASE=" at its start); read kallsyms as it says. Where no CPU can
 * be asked, all pages are looked at. All that is read is hostile.
 */
#ifndef XG_INSPECT_H
#define XG_INSPECT_H

#include <stddef.h>

#include "lib/base/addr.h"
#include "lib/base/err.h"
#include "lib/xen/guest.h"

/* Where a running kernel's things lie: all that a later attach needs, so that nothing is searched twice. */
struct xg_os {
	char name[16];		/* "linux", "bare" */
	char release[80];	/* "6.1.0-56-amd64" */
	char build_id[41];	/* hexadecimal; empty when the kernel does not say */
	char arch[16];		/* "x86_64" */
	struct gfn vmcoreinfo;	/* frame of the page that says who it is: VMCOREINFO, or bare's identity page */
	uint32_t vmcoreinfo_bytes;	/* used bytes in it */
	struct gfn root;	/* of the kernel's page tables */
	uint8_t levels;		/* of page tables: 4 or 5 */
	uint64_t phys_base;	/* bytes */
	uint64_t kaslr_offset;	/* bytes */
	uint32_t symbols;	/* in its symbol table */
	uint32_t hint;		/* for xg_kernel_hints; 0: none. Tells nothing about this guest */
};

struct xg_kernel;	/* an opened kernel: an xg_os and its symbol table, bound to a guest */

/*
 * Looks at G's memory. -ENOENT: no Linux found (the text says what was looked for: still booting, or another
 * system); -ENOTSUP: a kernel whose tables this reader does not understand, the text says why. -ENODEV: G went away
 * or is another domain now. -EMFILE: forged pages without end; -ENOTUNIQ: two that could be the kernel's, where no CPU
 * could be asked. *ret borrows G and holds no mapping of it.
 */
int xg_kernel_open(struct xg_guest *g, struct xg_kernel **ret, struct xg_err *err);

/*
 * Where other kernels had the variable that the search is for: the same build has it at the same place, and then the
 * search takes a few map calls instead of some thousand pages. What is found there is checked as anything else.
 */
#define XG_KERNEL_HINTS_MAX 8
struct xg_kernel_hints {
	uint32_t pages[XG_KERNEL_HINTS_MAX];
	size_t count;
};

int xg_kernel_open_hinted(struct xg_guest *g, const struct xg_kernel_hints *hints, struct xg_kernel **ret,
			  struct xg_err *err);
void xg_kernel_close(struct xg_kernel *k);	/* NULL is fine */
const struct xg_os *xg_kernel_os(const struct xg_kernel *k);

/*
 * Looks for COUNT names at once, so that xg_kernel_symbol() has the answers ready: one pass over the symbols costs
 * little more for a hundred names than for one. Takes the place of what was looked up before; the same name may come
 * twice.
 */
int xg_kernel_look_up(struct xg_kernel *k, const char *const *names, size_t count, struct xg_err *err);
/* The address of a symbol; -ENOENT, or -ENOTUNIQ when several have the name (the text has the count). */
int xg_kernel_symbol(struct xg_kernel *k, const char *name, struct gva *ret, struct xg_err *err);
/* The next higher symbol after ADDR, for bounds of functions and objects; -ENOENT at the end. */
int xg_kernel_symbol_after(struct xg_kernel *k, struct gva addr, struct gva *ret, struct xg_err *err);

/* How the kernel maps an address. */
struct xg_translation {
	struct gfn frame;	/* of the 4 KiB page that holds it */
	uint64_t mapping_bytes;	/* 4 KiB, 2 MiB or 1 GiB */
	bool writable, executable;	/* in the guest, all levels taken together */
};

int xg_kernel_translate(struct xg_kernel *k, struct gva addr, struct xg_translation *ret, struct xg_err *err);
/*
 * Copies BYTES at ADDR; crosses pages. Page tables are walked anew each time. Writing goes to the frames whatever the
 * guest's own protection says; it is all or nothing as far as mappings go, at most XG_MAP_MAX pages, and an aligned
 * write of 4 or 8 bytes is one store with release order.
 */
int xg_kernel_read(struct xg_kernel *k, struct gva addr, void *buf, size_t bytes, struct xg_err *err);
int xg_kernel_read_u64(struct xg_kernel *k, struct gva addr, uint64_t *ret, struct xg_err *err);
int xg_kernel_write(struct xg_kernel *k, struct gva addr, const void *buf, size_t bytes, struct xg_err *err);

/* The walk alone, for windows that are found again from the database: no symbols needed. */
int xg_translate(struct xg_guest *g, const struct xg_os *os, struct gva addr, struct xg_translation *ret,
		 struct xg_err *err);
/* The same for COUNT pages from ADDR (page-aligned) on, each page table read once. All or nothing. */
int xg_translate_pages(struct xg_guest *g, const struct xg_os *os, struct gva addr, size_t count,
		       struct xg_translation *ret, struct xg_err *err);

#endif
