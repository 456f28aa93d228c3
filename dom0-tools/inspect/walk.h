/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest kernel's page tables, and memory read and written through them. AMD64 Architecture Programmer's Manual,
 * volume 2, section 5.3 (long-mode page translation); a PV guest's hold machine frames, which is what
 * a foreign mapping takes, so the walk is the same for all.
 */
#ifndef XG_INSPECT_WALK_H
#define XG_INSPECT_WALK_H

#include "dom0-tools/inspect/inspect.h"

/*
 * Copies of page-table pages. Good for one burst of reading what does not move (the kernel's image); where the guest
 * may have changed its tables since, walk without.
 */
struct xg_table_cache;

struct xg_table_cache *xg_table_cache_create(void);	/* NULL: out of memory */
void xg_table_cache_destroy(struct xg_table_cache *c);	/* NULL is fine */

struct xg_walk {
	struct xg_guest *g;
	struct gfn root;
	unsigned int levels;	/* 4 or 5 */
	struct xg_table_cache *cache;	/* NULL: every entry is read from the guest */
};

/* -EFAULT: not mapped, or not by tables that make sense; the text says at which level. */
int xg_walk(const struct xg_walk *w, struct gva addr, struct xg_translation *ret, struct xg_err *err);

/*
 * One step of a listing: as xg_walk(), and on -EFAULT *ret_hole is how many bytes around ADDR are not mapped for the
 * same reason (a power of two, ADDR's block of that size). No text: it is called thousands of times.
 */
int xg_walk_or_hole(const struct xg_walk *w, struct gva addr, struct xg_translation *ret, uint64_t *ret_hole);

/* Copies BYTES. With RET_GOT it may stop short at a page that is not there: *ret_got bytes, at least one. */
int xg_walk_read(const struct xg_walk *w, struct gva addr, void *buf, size_t bytes, size_t *ret_got,
		 struct xg_err *err);

/* All of it or nothing, as far as mappings go; at most XG_MAP_MAX pages. See xg_kernel_write(). */
int xg_walk_write(const struct xg_walk *w, struct gva addr, const void *buf, size_t bytes, struct xg_err *err);

#endif
