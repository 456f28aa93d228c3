/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of a guest, each its own type so that the compiler refuses to mix them.
 */
#ifndef XG_BASE_ADDR_H
#define XG_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define XG_PAGE_SHIFT 12
#define XG_PAGE_SIZE (UINT64_C(1) << XG_PAGE_SHIFT)
#define XG_PAGE_MASK (~(XG_PAGE_SIZE - 1))

/*
 * A frame number in the form that a foreign mapping takes: a guest frame number for PVH and HVM, a machine
 * frame number for PV (xenforeignmemory.h calls both "gfn").
 */
struct gfn {
	uint64_t n;
};

/* A virtual address inside the guest's kernel. */
struct gva {
	uint64_t v;
};

#define XG_GFN(x) ((struct gfn){ .n = (x) })
#define XG_GVA(x) ((struct gva){ .v = (x) })

static inline struct gva gva_add(struct gva a, uint64_t bytes)
{
	return XG_GVA(a.v + bytes);
}

static inline uint64_t gva_page_offset(struct gva a)
{
	return a.v & (XG_PAGE_SIZE - 1);
}

static inline uint64_t xg_pages_of(uint64_t bytes)
{
	return (bytes >> XG_PAGE_SHIFT) + ((bytes & (XG_PAGE_SIZE - 1)) != 0);
}

#endif
