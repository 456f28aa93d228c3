/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device windows: memory for a driver's text and data. The table of them is window.c's; where their pages come from is
 * the personality's own. Included after the kernel's headers. Called by the command thread alone.
 */
#ifndef XG_COMMON_WINDOW_H
#define XG_COMMON_WINDOW_H

#include "xengraft_abi.h"

/* Windows, and so devices, in one guest: as many disks as xvda to xvdz and xvdaa to xvdbl. */
#define XG_WINDOWS_MAX 64u
/* Pages of a window: 1 MiB of text and as much data; drivers are a few dozen KiB. */
#define XG_WINDOW_PAGES_MAX 256u

struct xg_disk;

struct xg_window {
	uint64_t va;		/* 0: the slot is free */
	uint32_t text_pages, data_pages;
	struct xg_device_header *header;	/* half A's; half B's is the next page */
	struct xg_disk *disk;	/* NULL before DEVICE_OPEN */
};

/* XG_CMD_WINDOW_ALLOC: pages as C says, addresses to VALUES. 0 or -XG_E_*. */
int xg_window_alloc(const struct xg_command *c, uint64_t *values);
int xg_window_free(struct xg_window *window);	/* -XG_E_BUSY: a device is in it */
struct xg_window *xg_window_find(uint64_t va);
struct xg_window *xg_window_next(struct xg_window *after);	/* NULL begins and ends */

/* ---- What each personality has of its own ------------------------------------------------------------------------ */

/* Text is left read-only and executable, filled with int3; data zeroed. Sets va and header. -XG_E_NOMEM. */
int xg_window_pages_get(struct xg_window *window);
void xg_window_pages_put(struct xg_window *window);
/* After CLOSE, before the pages go: returns when no processor can be in the driver any more. */
void xg_window_settle(void);

#endif
