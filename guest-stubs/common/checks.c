// SPDX-License-Identifier: GPL-2.0-or-later
/* See checks.h. Called by the command thread. */
#include "xengraft_abi.h"
#include "os_interface.h"	/* the kernel's headers */
#include "checks.h"
#include "window.h"

/* 8 EiB: what a signed number of bytes can say. */
#define SECTORS_MAX (1ull << 54)

static bool text_valid(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static bool name_valid(const char *name, size_t size)
{
	size_t i, n = strnlen(name, size);

	if (n == 0 || n == size || name[0] < 'a' || name[0] > 'z')
		return false;
	for (i = 0; i < n; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9')))
			return false;
	return true;
}

static bool block_size_valid(uint32_t bytes, uint32_t least, uint32_t most)
{
	return bytes >= least && bytes <= most && (bytes & (bytes - 1)) == 0;
}

bool xg_sectors_valid(uint64_t sectors, uint32_t logical_bytes)
{
	return sectors <= SECTORS_MAX && !(sectors & (logical_bytes / XG_ABI_SECTOR - 1));
}

bool xg_params_valid(const struct xg_block_params *p, uint32_t logical_sizes)
{
	if (!block_size_valid(p->logical_bytes, XG_ABI_SECTOR, XG_ABI_PAGE) || !(p->logical_bytes & logical_sizes) ||
	    !block_size_valid(p->physical_bytes, p->logical_bytes, 65536))
		return false;
	if (!xg_sectors_valid(p->sectors, p->logical_bytes))
		return false;
	if (p->nr_queues == 0 || p->nr_queues > XG_QUEUES_MAX || p->ring_order > 2)
		return false;
	return !(p->flags & XG_BLK_DISCARD) || block_size_valid(p->discard_granularity, XG_ABI_SECTOR, 1u << 31);
}

bool xg_limits_valid(const struct xg_block_limits *l)
{
	return l->max_segments >= 1 && l->max_segments <= XG_SEGMENTS_MAX &&
	       l->max_sectors >= XG_ABI_PAGE / XG_ABI_SECTOR && l->max_sectors <= XG_SEGMENTS_MAX * 8 &&
	       l->queue_depth >= 1 && l->queue_depth <= XG_QUEUE_DEPTH_MAX;
}

static bool entries_valid(const struct xg_window *window, const struct xg_device_header *h)
{
	uint64_t end = window->va + (uint64_t)window->text_pages * XG_ABI_PAGE;
	unsigned int i;

	for (i = 0; i < XG_BLOCK_ENTRIES; i++)
		if (h->entry[i] < window->va || h->entry[i] >= end)
			return false;
	return true;
}

bool xg_device_header_valid(const struct xg_window *window, const struct xg_device_header *h)
{
	return h->magic == XG_MAGIC_DEVICE && h->version >= 1 && h->size >= XG_DEVICE_HEADER_FIRST &&
	       h->window_va == window->va && h->header_va == (uint64_t)h && h->text_pages == window->text_pages &&
	       h->data_pages == window->data_pages && h->class_id == XG_CLASS_BLOCK &&
	       h->backend_domid < XG_DOMIDS_RESERVED && text_valid(h->banner, sizeof(h->banner)) &&
	       name_valid(h->name, sizeof(h->name)) && entries_valid(window, h);
}

bool xg_core_header_valid(const struct xg_core_header *h)
{
	return h->magic == XG_MAGIC_CORE && h->version >= 1 && h->size >= sizeof(*h) && h->header_va == (uint64_t)h &&
	       h->backend_domid < XG_DOMIDS_RESERVED && text_valid(h->banner, sizeof(h->banner));
}
