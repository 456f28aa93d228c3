/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages that a kernel's own variables point to. What a kernel allocates for itself and keeps in a static variable,
 * as its VMCOREINFO page, is found among them: some thousand pages of variables and some hundred pointed to, however
 * much memory the guest has, and no user program can add to them.
 */
#ifndef XG_INSPECT_POINTED_H
#define XG_INSPECT_POINTED_H

#include "dom0-tools/inspect/walk.h"

/*
 * Ceilings: 256 MiB of kernel variables (Debian's kernels have 14 to 31); pointers found in one batch of 1 MiB. Mapping
 * a page costs more than looking through it, so that a batch should not go far beyond what is searched.
 */
#define XG_POINTED_VARIABLE_PAGES_MAX 65536u
#define XG_POINTED_BATCH_PAGES 256u
#define XG_POINTED_BATCH_POINTERS_MAX 4096u

struct xg_pointed {
	/* PAGE is the guest's memory, changing: 0 goes on, 1 ends the search, -Exxx too. */
	int (*look)(void *ctx, struct gfn frame, const void *page, struct xg_err *err);
	void *ctx;
	/*
	 * Pages of the image that are looked through first, counted from the first one that is mapped: where kernels
	 * seen before had what is looked for. A wrong one costs a few map calls.
	 */
	const uint32_t *hints;
	size_t hint_count;
	uint64_t pages;		/* OUT, added to: pages that were looked into or at */
	uint64_t variables;	/* OUT, added to: those of them that hold variables */
};

/* The first address of the kernel image that W maps; -EFAULT: it maps none. */
int xg_pointed_image(const struct xg_walk *w, struct gva *ret, struct xg_err *err);

/*
 * Looks through the kernel image that W maps, its end first (there .bss lies): the part that is WRITABLE in the guest,
 * or the other one. 0, or what look() or the guest said. W should have a cache.
 */
int xg_pointed_search(const struct xg_walk *w, bool writable, struct xg_pointed *p, struct xg_err *err);

#endif
