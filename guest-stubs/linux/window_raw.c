// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of device windows from the kernel's own allocator of module memory, so that text lies within reach of the
 * kernel's. Called by window.c. Must never leave a page that is writable and executable at once.
 */
#include "personality.h"

static void *pages_alloc(unsigned long bytes)
{
	void *p = os_text_alloc(bytes);

	if (p)
		os_text_restore(p);
	return p;
}

int xg_window_pages_get(struct xg_window *window)
{
	unsigned long text = (unsigned long)window->text_pages * PAGE_SIZE;
	unsigned long data = (unsigned long)window->data_pages * PAGE_SIZE;
	void *p = pages_alloc(text + data);

	if (!p)
		return -XG_E_NOMEM;
	memset(p, 0xcc, text);
	memset(p + text, 0, data);
	if (!os_text_protect((unsigned long)p, window->text_pages)) {
		os_text_free(p);
		return -XG_E_NOMEM;
	}
	window->header = p + text;
	window->va = (unsigned long)p;
	return XG_E_OK;
}

void xg_window_pages_put(struct xg_window *window)
{
	os_text_free((void *)window->va);
}

/*
 * The first stage cannot: the flag has no function, only a place in a struct. Where the allocator sets it by itself
 * (Debian's kernels; upstream since 6.1) this changes nothing.
 */
void xg_window_own(unsigned long va)
{
	set_vm_flush_reset_perms((void *)va);
}
