// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any memory as a guest's: page tables in it are walked, memory is read through them, and a kernel is looked for over
 * the processors' tables and over all pages. The input's first 16 bytes are an address, the root's frame and the
 * levels.
 */
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/inspect.h"
#include "dom0-tools/inspect/walk.h"

#define PAGES_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_around(struct xg_guest *g, const struct xg_paging *paging, struct gva addr)
{
	const struct xg_walk walk = { .g = g, .root = paging->root, .levels = paging->levels };
	struct xg_translation t;
	struct xg_kernel *k;
	uint8_t buf[9000];
	size_t got;

	xg_walk(&walk, addr, &t, NULL);
	if (!xg_walk_read(&walk, addr, buf, sizeof(buf), &got, NULL) && (got < 1 || got > sizeof(buf)))
		abort();
	if (!xg_kernel_open(g, &k, NULL))
		xg_kernel_close(k);
	xg_guest_fake_paging(g, paging);
	if (!xg_kernel_open(g, &k, NULL))
		xg_kernel_close(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xg_guest_info info = { .type = XG_GUEST_PVH, .name = "fuzz", .vcpus = 1 };
	struct xg_paging paging;
	struct xg_guest *g;
	uint64_t addr;
	uint8_t *memory;

	if (size < 16)
		return 0;
	memcpy(&addr, data, sizeof(addr));
	paging = (struct xg_paging){ .root = XG_GFN(data[8] % PAGES_MAX), .levels = data[9] & 1 ? 5 : 4 };
	info.type = data[10] & 1 ? XG_GUEST_HVM : XG_GUEST_PVH;
	info.pages = (size - 16) / XG_PAGE_SIZE + 1;
	if (info.pages > PAGES_MAX)
		info.pages = PAGES_MAX;
	memory = calloc(info.pages, XG_PAGE_SIZE);
	memcpy(memory, data + 16, size - 16 < info.pages * XG_PAGE_SIZE ? size - 16 : info.pages * XG_PAGE_SIZE);
	g = xg_guest_fake(&info, memory, XG_GFN(0), info.pages, XG_GFN(0));
	look_around(g, &paging, XG_GVA(addr));
	if (xg_guest_fake_mapped(g))
		abort();
	xg_guest_close(g);
	free(memory);
	return 0;
}
