/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants that a guest gave to this domain: mapping them, and copying through them. */
#ifndef XG_XEN_GNTTAB_H
#define XG_XEN_GNTTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct xg_gnttab;

int xg_gnttab_open(struct xg_gnttab **ret, struct xg_err *err);
void xg_gnttab_close(struct xg_gnttab *g);	/* NULL is fine */
/* Maps COUNT pages next to each other, writable. */
int xg_gnttab_map(struct xg_gnttab *g, uint32_t domid, const uint32_t *refs, size_t count, void **ret,
		  struct xg_err *err);
void xg_gnttab_unmap(struct xg_gnttab *g, void *at, size_t count);	/* NULL is fine */

/* One part of a page, to or from local memory (which must not cross a page either). */
struct xg_copy {
	uint32_t ref;
	uint16_t offset;	/* into the granted page */
	uint16_t bytes;		/* offset + bytes <= 4096 */
	bool to_guest;
	void *local;
	int16_t status;		/* OUT: 0 or a GNTST_* */
};

/* GNTTABOP_copy, all in one call; 0 even if single ones failed: look at each status. */
int xg_gnttab_copy(struct xg_gnttab *g, uint32_t domid, struct xg_copy *copies, size_t count, struct xg_err *err);

#endif
