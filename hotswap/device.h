/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device window: the driver in it, and its life.
 *
 *   create   the guest allocates the window; Dom0 links the driver into half A and writes the header
 *   open     the driver makes its rings and publishes them      \  the backend connects in between
 *   add      the disk appears                                   /
 *   remove, shut, destroy: the same, backwards
 *
 * swap.h brings another driver into the half that is not in use.
 */
#ifndef XG_HOTSWAP_DEVICE_H
#define XG_HOTSWAP_DEVICE_H

#include "hotswap/core.h"

struct xg_device_record {
	struct gva va, data_va;			/* data_va 0: behind the text */
	uint32_t text_pages, data_pages;
	uint64_t entry[XG_ENTRY_SLOTS];		/* as published; Dom0's own copy */
	uint32_t half;				/* whose driver this is about: 0: A, 1: B */
};

static inline struct xg_window_place xg_device_place(const struct xg_device_record *r)
{
	return (struct xg_window_place){ r->va, r->data_va, r->text_pages, r->data_pages };
}

/* What the driver published with OPEN, copied and checked. */
struct xg_device_rings {
	uint32_t nr_queues;
	struct xg_queue queues[XG_QUEUES_MAX];
	struct xg_block_limits limits;
};

/* -ENOEXEC: not a driver of this ABI for that class. */
int xg_device_image_fits(const struct xg_image *image, const char *class_name, const char *mode, struct xg_err *err);

/* The guest's side of create: memory. *ret without entry points. */
int xg_device_alloc(struct xg_core *core, const struct xg_image *image, struct xg_device_record *ret,
		    struct xg_err *err);
/* Dom0's side: driver and header of the half record->half, which nobody uses. Fills in record->entry. */
int xg_device_fill(struct xg_core *core, const struct xg_os *os, const struct xg_image *image, const char *name,
		   const char *banner, const struct xg_block_params *params, struct xg_device_record *record,
		   struct xg_err *err);
/* -EPROTO: what the driver published is not what PARAMS, as given to xg_device_fill(), asked for. */
int xg_device_open(struct xg_core *core, const struct xg_os *os, const struct xg_device_record *record,
		   const struct xg_block_params *params, struct xg_device_rings *ret, struct xg_err *err);
int xg_device_add(struct xg_core *core, const struct xg_device_record *record, const char *name, struct xg_err *err);
/* -EBUSY: mounted or otherwise open in the guest, and not FORCE. Done already: 0. */
int xg_device_remove(struct xg_core *core, const struct xg_device_record *record, const char *name, bool force,
		     struct xg_err *err);
int xg_device_shut(struct xg_core *core, const struct xg_device_record *record, const char *name, struct xg_err *err);
int xg_device_destroy(struct xg_core *core, const struct xg_device_record *record, const char *name,
		      struct xg_err *err);

/* Copies and checks what the half's driver has published: -EPROTO as xg_device_open(), which does this by itself. */
int xg_device_rings(const struct xg_window *w, uint32_t half, const struct xg_block_params *params,
		    struct xg_device_rings *ret, struct xg_err *err);
/* The header of HALF, as Dom0 sees it. Shared with the guest. */
struct xg_device_header *xg_device_header_at(const struct xg_window *w, uint32_t half);
/* The window has a header for each half. Those that an early version made have one: nothing can be swapped there. */
static inline bool xg_device_has_halves(const struct xg_device_record *r)
{
	return r->data_pages >= 4 && r->data_pages % 2 == 0;
}

/* A copy of the half's header as it stands now. */
int xg_device_look(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record,
		   struct xg_device_header *ret, struct xg_err *err);

#endif
