// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of device windows. Called by the command thread alone, so it needs no lock. Must never give out a window
 * twice nor free one with a device in it.
 */
#include "xengraft_abi.h"
#include "os_interface.h"	/* the kernel's headers */
#include "window.h"

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

static bool pages_valid(uint64_t pages)
{
	return pages != 0 && pages <= XG_WINDOW_PAGES_MAX;
}

int xg_window_alloc(const struct xg_command *c, uint64_t *values)
{
	struct xg_window *window = slot_free();
	int rc;

	if (!pages_valid(c->args[0]) || !pages_valid(c->args[1]))
		return -XG_E_INVAL;
	if (!window)
		return -XG_E_NOMEM;
	window->text_pages = (uint32_t)c->args[0];
	window->data_pages = (uint32_t)c->args[1];
	rc = xg_window_pages_get(window);
	if (rc == XG_E_OK) {
		values[0] = window->va;
		values[1] = (uint64_t)window->header;
	}
	return rc;
}

int xg_window_free(struct xg_window *window)
{
	if (window->disk)
		return -XG_E_BUSY;
	xg_window_settle();
	xg_window_pages_put(window);
	memset(window, 0, sizeof(*window));
	return XG_E_OK;
}
