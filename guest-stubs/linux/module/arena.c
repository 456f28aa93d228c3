// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of device windows from the module's arenas: what window_raw.c does with the kernel's allocator. Called by
 * window.c, from the command thread alone.
 *
 * The text of a window that was freed keeps its old bytes: the module may not write text. Dom0 fills a window's
 * text before it gives it an entry.
 */
#include <linux/bitmap.h>
#include <linux/module.h>

#include "arena.h"
#include "personality.h"

static DECLARE_BITMAP(text_used, XG_ARENA_TEXT_PAGES);
static DECLARE_BITMAP(data_used, XG_ARENA_DATA_PAGES) = { 1 };	/* page 0: the core header */

/* COUNT pages next to each other, or -XG_E_NOMEM. */
static int take(unsigned long *used, unsigned int size, unsigned int count)
{
	unsigned long at = bitmap_find_next_zero_area(used, size, 0, count, 0);

	if (at >= size)
		return -XG_E_NOMEM;
	bitmap_set(used, at, count);
	return at;
}

int xg_window_pages_get(struct xg_window *window)
{
	int text, data;

	text = take(text_used, XG_ARENA_TEXT_PAGES, window->text_pages);
	if (text < 0)
		return text;
	data = take(data_used, XG_ARENA_DATA_PAGES, window->data_pages);
	if (data < 0 || !try_module_get(THIS_MODULE)) {
		bitmap_clear(text_used, text, window->text_pages);
		if (data >= 0)
			bitmap_clear(data_used, data, window->data_pages);
		return -XG_E_NOMEM;
	}
	window->va = (unsigned long)xg_arena_text + text * PAGE_SIZE;
	window->header = (struct xg_device_header *)(xg_arena_data + data * PAGE_SIZE);
	memset(window->header, 0, window->data_pages * PAGE_SIZE);
	return XG_E_OK;
}

/* The module loader sees to its own. */
void xg_window_own(unsigned long va)
{
}

void xg_window_pages_put(struct xg_window *window)
{
	unsigned long text = (window->va - (unsigned long)xg_arena_text) / PAGE_SIZE;
	unsigned long data = ((char *)window->header - xg_arena_data) / PAGE_SIZE;

	bitmap_clear(text_used, text, window->text_pages);
	bitmap_clear(data_used, data, window->data_pages);
	module_put(THIS_MODULE);
}
