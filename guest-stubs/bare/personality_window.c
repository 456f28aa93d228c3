// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of device windows from the kernel's allocator of executable memory. Called by window.c. Must never leave a page
 * that is writable and executable at once.
 */
#include "personality.h"

int xg_window_pages_get(struct xg_window *window)
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

void xg_window_pages_put(struct xg_window *window)
{
	os_text_free((void *)window->va);
}

/* Nobody is in the driver: whoever called it has returned before the command task could run. */
void xg_window_settle(void)
{
}
