// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of device windows. Called by the command thread alone, so it needs no lock. Must never give out
 * a window twice nor free one with a device in it.
 */
#include "personality.h"

static struct xg_window windows[XG_WINDOWS_MAX];

struct xg_window *xg_window_find(uint64_t va)
{
	unsigned int i;

	for (i = 0; i < XG_WINDOWS_MAX; i++)
		if (va != 0 && windows[i].va == va)
			return &windows[i];
	return NULL;
}

struct xg_window *xg_window_next(struct xg_window *after)
{
	struct xg_window *w = after ? after + 1 : windows;

	for (; w < windows + XG_WINDOWS_MAX; w++)
		if (w->va)
			return w;
	return NULL;
}

static struct xg_window *slot_free(void)
{
	unsigned int i;

	for (i = 0; i < XG_WINDOWS_MAX; i++)
		if (!windows[i].va)
			return &windows[i];
	return NULL;
}

int xg_window_alloc(uint32_t text_pages, uint32_t data_pages, struct xg_window **ret)
{
	struct xg_window *window = slot_free();
	int rc;

	if (text_pages == 0 || text_pages > XG_WINDOW_PAGES_MAX || data_pages == 0 || data_pages > XG_WINDOW_PAGES_MAX)
		return -XG_E_INVAL;
	if (!window)
		return -XG_E_NOMEM;
	window->text_pages = text_pages;
	window->data_pages = data_pages;
	rc = xg_window_pages_get(window);
	if (rc == XG_E_OK)
		*ret = window;
	return rc;
}

int xg_window_free(struct xg_window *window)
{
	if (window->disk)
		return -XG_E_BUSY;
	/*
	 * The driver was called from interrupts and from the block layer with interrupts off. CLOSE waited for the
	 * former's handler; this waits for the latter's way out, before the text goes.
	 */
	synchronize_rcu();
	xg_window_pages_put(window);
	memset(window, 0, sizeof(*window));
	return XG_E_OK;
}
