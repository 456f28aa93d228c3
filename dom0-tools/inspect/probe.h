/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between the search (kernel.c) and the systems that it knows: each is a probe. The search shows it
 * pages that the kernel's own variables lead to; the probe says whether one is how its system says who it is,
 * and opens it.
 */
#ifndef XG_INSPECT_PROBE_H
#define XG_INSPECT_PROBE_H

#include <stdbool.h>

#include "dom0-tools/inspect/kallsyms.h"
#include "dom0-tools/inspect/walk.h"

/* A kernel's symbols, whatever the table's format. */
struct xg_symbols {
	const struct xg_symbols_ops *ops;
	void *table;
};

struct xg_symbols_ops {
	/* As xg_ksyms_find_all(), _after(), _free(). */
	void (*find_all)(const void *table, struct xg_ksyms_wanted *wanted, size_t count);
	int (*after)(const void *table, struct gva addr, struct gva *ret, struct xg_err *err);
	void (*free)(void *table);
};

/* One page that claims to be a kernel's. */
struct xg_claim {
	struct xg_guest *g;
	const struct xg_paging *cpu;	/* the page tables that led here; NULL: no processor could be asked */
	const uint8_t *text;		/* a private copy of the page */
	/* Called before a symbol table is loaded, which is dear: -EMFILE ends the search. */
	int (*afford)(const struct xg_claim *c, struct xg_err *err);
	void *search;			/* afford()'s own */
};

struct xg_probe {
	/* A cheap test that refuses all but a few of a guest's pages. PAGE may be changing. */
	bool (*looks_like)(const void *page);
	/*
	 * Is the claim true? Fills in *os and *symbols, which the caller then owns. -EAGAIN, -EBADMSG,
	 * -EFAULT, -ENOTSUP: the claim is to blame; anything else ends the search.
	 */
	int (*check)(const struct xg_claim *c, struct xg_os *os, struct xg_symbols *symbols, struct xg_err *err);
};

extern const struct xg_probe xg_probe_linux, xg_probe_bare;

#endif
