// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds, maps and fills a window. Called by core.c and device.c. Never writes outside the pages that the
 * guest's own page tables name for it, and never where the guest could both write and execute.
 */
#include "hotswap/window.h"

#include <string.h>

void xg_window_close(struct xg_window *w)
{
	if (!w)
		return;
	xg_guest_unmap(w->guest, w->map, w->text_pages + w->data_pages);
	free(w->frames);
	free(w);
}

static int window_pages_check(const struct xg_window_place *p, struct xg_err *err)
{
	if (p->text_pages && p->data_pages && p->text_pages <= XG_WINDOW_PAGES_MAX &&
	    p->data_pages <= XG_WINDOW_PAGES_MAX - p->text_pages)
		return 0;
	return xg_fail(err, EINVAL, "window of %u + %u pages, at most %u", p->text_pages, p->data_pages,
		       XG_WINDOW_PAGES_MAX);
}

/* Modules live in the last 2 GiB, where the relocations of kernel code reach (Linux, x86_64/mm.rst). */
static int window_place_check(struct gva va, uint32_t pages, struct xg_err *err)
{
	if (!gva_page_offset(va) && va.v >= UINT64_C(0xffffffff80000000) && (uint64_t)pages * XG_PAGE_SIZE <= -va.v)
		return 0;
	return xg_fail(err, EINVAL, "the guest put the window at %#llx, outside the kernel's module range",
		       (unsigned long long)va.v);
}

static int window_page_check(const struct xg_translation *t, struct gva va, bool text, struct xg_err *err)
{
	if (t->mapping_bytes != XG_PAGE_SIZE)
		return xg_fail(err, EPERM, "window page %#llx lies in a mapping of %llu bytes",
			       (unsigned long long)va.v, (unsigned long long)t->mapping_bytes);
	if (t->executable == text && t->writable == !text)
		return 0;
	return xg_fail(err, EPERM, "window page %#llx is %s and %s in the guest, wanted %s", (unsigned long long)va.v,
		       t->writable ? "writable" : "read-only", t->executable ? "executable" : "not executable",
		       text ? "read-only and executable text" : "writable data");
}

/* A frame that is text at one address and data at another could be written and executed. PAGE is the last known. */
static int window_frame_check(const struct xg_window *w, uint32_t page, struct xg_err *err)
{
	uint32_t i;

	for (i = 0; i < page; i++)
		if (w->frames[i].n == w->frames[page].n)
			return xg_fail(err, EPERM, "window pages %u and %u are the same frame %#llx of the guest", i,
				       page, (unsigned long long)w->frames[i].n);
	return 0;
}

/* PAGES from VA, which are the window's from FIRST on: all text, or all data. */
static int window_find(struct xg_window *w, const struct xg_os *os, struct gva va, uint32_t first, uint32_t pages,
		       struct xg_err *err)
{
	struct xg_translation t[XG_WINDOW_PAGES_MAX];
	int rc = xg_translate_pages(w->guest, os, va, pages, t, err);
	uint32_t i;

	for (i = 0; !rc && i < pages; i++) {
		rc = window_page_check(&t[i], gva_add(va, (uint64_t)i * XG_PAGE_SIZE), first == 0, err);
		w->frames[first + i] = t[i].frame;
		if (!rc)
			rc = window_frame_check(w, first + i, err);
	}
	return rc;
}

int xg_window_open(struct xg_guest *g, const struct xg_os *os, const struct xg_window_place *place,
		   struct xg_window **ret, struct xg_err *err)
{
	struct xg_window *w xg_auto(xg_window_close_p) = calloc(1, sizeof(*w));
	uint32_t text = place->text_pages, data = place->data_pages;
	void *map;
	int rc;

	if (!w)
		return xg_fail_errno(err, ENOMEM, "window");
	w->guest = g;
	w->va = place->va;
	w->data_va = place->data_va.v ? place->data_va : gva_add(place->va, (uint64_t)text * XG_PAGE_SIZE);
	rc = window_pages_check(place, err);
	if (!rc)
		rc = window_place_check(w->va, text, err);
	if (!rc)
		rc = window_place_check(w->data_va, data, err);
	if (rc)
		return rc;
	w->text_pages = text;
	w->data_pages = data;
	w->frames = calloc(text + data, sizeof(*w->frames));
	if (!w->frames)
		return xg_fail_errno(err, ENOMEM, "window of %u pages", text + data);
	rc = window_find(w, os, w->va, 0, text, err);
	if (!rc)
		rc = window_find(w, os, w->data_va, text, data, err);
	if (rc)
		return rc;
	rc = xg_guest_map(g, w->frames, text + data, XG_READ | XG_WRITE, NULL, &map, err);
	if (rc) {
		(void)xg_fail_in(err, "window at %#llx", (unsigned long long)w->va.v);
		return rc;
	}
	w->map = map;
	*ret = xg_take(w);
	return 0;
}

int xg_window_size(const struct xg_image *image, uint32_t *ret_text, uint32_t *ret_data, struct xg_err *err)
{
	struct xg_link_size size;
	int rc = xg_link_size(image->elf, &size, err);

	if (rc)
		return rc;
	if (size.text_bytes > XG_WINDOW_PAGES_MAX * XG_PAGE_SIZE / 2 ||
	    size.data_bytes > XG_WINDOW_PAGES_MAX * XG_PAGE_SIZE / 4)
		return xg_fail(err, EFBIG, "image needs %llu bytes of text and %llu of data: too large for a window",
			       (unsigned long long)size.text_bytes, (unsigned long long)size.data_bytes);
	*ret_text = xg_pages_of(size.text_bytes);
	*ret_data = 1 + xg_pages_of(size.data_bytes);
	return 0;
}

/* The part's private bytes, to be linked into and copied to the window at once. */
static int slot_part(struct gva va, uint32_t first, uint32_t count, struct xg_part *ret, struct xg_err *err)
{
	ret->at = gva_add(va, (uint64_t)first * XG_PAGE_SIZE);
	ret->room = (uint64_t)count * XG_PAGE_SIZE;
	ret->bytes = calloc(1, ret->room ? ret->room : 1);
	return ret->bytes ? 0 : xg_fail_errno(err, ENOMEM, "%u pages to link into", count);
}

int xg_window_write(struct xg_window *w, const struct xg_image *image, const struct xg_resolver *resolver,
		    const struct xg_window_slot *slot, const char *symbol, struct gva *ret_entry,
		    struct xg_err *err)
{
	struct xg_part text = { .bytes = NULL }, data = { .bytes = NULL };
	uint32_t data_first = w->text_pages + slot->data_first;
	int rc;

	rc = slot_part(w->va, slot->text_first, slot->text_count, &text, err);
	if (!rc)
		rc = slot_part(w->data_va, slot->data_first, slot->data_count, &data, err);
	if (!rc)
		rc = xg_link(image->elf, resolver, &text, &data, err);
	if (!rc)
		rc = xg_link_address(image->elf, symbol, &text, &data, ret_entry, err);
	if (!rc) {
		memcpy(w->map + (size_t)slot->text_first * XG_PAGE_SIZE, text.bytes, text.room);
		memcpy(w->map + (size_t)data_first * XG_PAGE_SIZE, data.bytes, data.room);
	}
	free(text.bytes);
	free(data.bytes);
	return rc;
}
