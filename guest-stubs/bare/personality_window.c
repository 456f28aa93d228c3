// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of device windows, and their pages from the kernel's allocator of executable memory. Called by
 * the command task alone. Must never leave a page that is writable and executable at once, nor free a window
 * with a device in it.
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

static int pages_get(struct xg_window *window)
{
	size_t text = (size_t)window->text_pages * BARE_PAGE, data = (size_t)window->data_pages * BARE_PAGE;
	char *p = os_text_alloc(text + data);

	if (!p)
		return -XG_E_NOMEM;
	memset(p, 0xcc, text);
	if (!os_text_protect((uint64_t)p, window->text_pages)) {
		os_text_free(p);
		return -XG_E_NOMEM;
	}
	window->header = (struct xg_device_header *)(p + text);
	window->va = (uint64_t)p;
	return XG_E_OK;
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
	rc = pages_get(window);
	if (rc == XG_E_OK)
		*ret = window;
	return rc;
}

/* Nobody is in the driver: whoever called it has returned before the command task could run. */
int xg_window_free(struct xg_window *window)
{
	if (window->disk)
		return -XG_E_BUSY;
	os_text_free((void *)window->va);
	memset(window, 0, sizeof(*window));
	return XG_E_OK;
}
