/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window: where it lies in the guest, and Dom0's mapping of it.
 *
 *     window_va  [ text_pages: read-only, executable ][ header page ][ data_pages - 1: data ]  never executable
 *
 * In a guest whose owner loaded the module the data does not follow the text but lies at an address of its own. Dom0's
 * mapping has it behind the text all the same.
 */
#ifndef XG_HOTSWAP_WINDOW_H
#define XG_HOTSWAP_WINDOW_H

#include "dom0-tools/inspect/inspect.h"
#include "hotswap/image.h"
#include "lib/base/cleanup.h"

#define XG_WINDOW_PAGES_MAX 512	/* 2 MiB: far above any driver, far below what a mapping costs */

struct xg_window_place {
	struct gva va;
	struct gva data_va;	/* 0: behind the text */
	uint32_t text_pages, data_pages;
};

struct xg_window {
	struct xg_guest *guest;	/* borrowed */
	struct gva va, data_va;
	uint32_t text_pages, data_pages;
	struct gfn *frames;	/* text_pages + data_pages of them */
	uint8_t *map;		/* all pages, writable by Dom0 */
};

/*
 * Finds the pages of the window at PLACE through the guest's page tables and maps them. Refused unless the
 * guest's protection is what it has to be: text executable and not writable, data writable and not
 * executable (-EPERM), all in 4 KiB pages of their own.
 */
int xg_window_open(struct xg_guest *g, const struct xg_os *os, const struct xg_window_place *place,
		   struct xg_window **ret, struct xg_err *err);
void xg_window_close(struct xg_window *w);	/* unmaps; the guest keeps its pages. NULL is fine */
XG_DEFINE_AUTO(struct xg_window, xg_window_close)

static inline struct gva xg_window_header_va(const struct xg_window *w)
{
	return w->data_va;
}

/* The header page as Dom0 sees it. Shared with the guest: read each field once. */
static inline void *xg_window_header(const struct xg_window *w)
{
	return w->map + (size_t)w->text_pages * XG_PAGE_SIZE;
}

/* How many pages an image wants: text, and data with the header page. */
int xg_window_size(const struct xg_image *image, uint32_t *ret_text, uint32_t *ret_data, struct xg_err *err);

/*
 * Links IMAGE and writes it: its text to [text_first, + text_count) pages, its data to [data_first, +
 * data_count) pages of the window (data page 0 is the header). Nothing is written unless linking succeeded.
 * *ret_entry gets the address of SYMBOL.
 */
struct xg_window_slot {
	uint32_t text_first, text_count, data_first, data_count;
};

int xg_window_write(struct xg_window *w, const struct xg_image *image, const struct xg_resolver *resolver,
		    const struct xg_window_slot *slot, const char *symbol, struct gva *ret_entry,
		    struct xg_err *err);

#endif
