// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of device windows from the kernel's own allocator of module memory, so that text lies within reach of the
 * kernel's. Called by window.c. Must never leave a page that is writable and executable at once.
 */
#include <linux/moduleloader.h>
#include <linux/set_memory.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <linux/execmem.h>
#endif

#include "personality.h"

static void *pages_alloc(unsigned long bytes)
{
	void *p;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	p = execmem_alloc(EXECMEM_MODULE_TEXT, bytes);
#else
	p = module_alloc(bytes);
#endif
	if (p)
		/* vfree() then puts the direct map's permissions back before the pages are anybody's. */
		set_vm_flush_reset_perms(p);
	return p;
}

static int text_protect(unsigned long va, uint32_t pages)
{
	/* In this order, so that the text is never both. */
	if (set_memory_ro(va, pages) || set_memory_x(va, pages))
		return -XG_E_NOMEM;
	return XG_E_OK;
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
	if (text_protect((unsigned long)p, window->text_pages)) {
		vfree(p);
		return -XG_E_NOMEM;
	}
	window->header = p + text;
	window->va = (unsigned long)p;
	return XG_E_OK;
}

void xg_window_pages_put(struct xg_window *window)
{
	vfree((void *)window->va);
}
