// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brings a driver into a guest and out again. Called by attach and detach. Trusts nothing that the guest
 * publishes: ring references, ports and limits are copied once and bounded.
 */
#include "hotswap/device.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct xg_device_header) <= XG_ABI_PAGE, "the header is one page");

/* A half has room for a driver that grows: a swap writes the next one into the same pages. */
#define HALF_TEXT_PAGES_MIN 4u
#define HALF_DATA_PAGES_MIN 1u

int xg_device_image_fits(const struct xg_image *image, const char *class_name, const char *mode, struct xg_err *err)
{
	const struct xg_image_note *note = &image->note;

	if (strcmp(note->kind, "driver"))
		return xg_fail(err, ENOEXEC, "the image is a %s, not a driver", note->kind);
	if (!xg_note_fits_abi(note, XG_ABI_VERSION))
		return xg_fail(err, ENOEXEC, "the driver is of ABI %u, this program of %u", note->abi, XG_ABI_VERSION);
	if (strcmp(note->class_name, class_name) || strcmp(note->mode, mode))
		return xg_fail(err, ENOEXEC, "the driver is for %s devices in %s mode, wanted %s in %s mode",
			       note->class_name, note->mode, class_name, mode);
	return 0;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* COUNT pages from VA lie in the ROOM pages from START. */
static bool within(uint64_t va, uint32_t count, struct gva start, uint32_t room)
{
	uint64_t bytes = (uint64_t)room * XG_PAGE_SIZE;

	return va >= start.v && va - start.v < bytes && count * XG_PAGE_SIZE <= bytes - (va - start.v);
}

/*
 * A module has text and data apart, each in room that it brought along and that was looked at when its core was
 * opened; the core's own header is the first page of the data.
 */
static int module_place(const struct xg_core *core, const struct xg_reply *reply, struct xg_device_record *record,
			struct xg_err *err)
{
	const struct xg_window *w = core->window;

	if (!within(reply->values[0], record->text_pages, w->va, w->text_pages) ||
	    !within(reply->values[1], record->data_pages, gva_add(w->data_va, XG_PAGE_SIZE), w->data_pages - 1))
		return xg_fail(err, EINVAL, "the guest's module gave a window at %#llx and %#llx, outside its own room",
			       (unsigned long long)reply->values[0], (unsigned long long)reply->values[1]);
	record->data_va = XG_GVA(reply->values[1]);
	return 0;
}

int xg_device_alloc(struct xg_core *core, const struct xg_image *image, struct xg_device_record *ret,
		    struct xg_err *err)
{
	struct xg_device_record record = { .va = { 0 } };
	struct xg_reply reply;
	uint32_t text, data;
	int rc;

	rc = xg_window_size(image, &text, &data, err);
	if (rc)
		return rc;
	record.text_pages = 2 * max_u32(text, HALF_TEXT_PAGES_MIN);
	record.data_pages = 2 * (1 + max_u32(data - 1, HALF_DATA_PAGES_MIN));
	rc = xg_core_command(core, XG_CMD_WINDOW_ALLOC, record.text_pages, record.data_pages, &reply, "device window",
			     err);
	if (rc)
		return rc;
	record.va = XG_GVA(reply.values[0]);
	rc = core->module ? module_place(core, &reply, &record, err) : 0;
	if (!rc)
		*ret = record;
	return rc;
}

/* Text: A, B. Data: A's header, B's header where there is one, A's data, B's data. */
static struct xg_window_slot half_slot(const struct xg_device_record *record)
{
	uint32_t headers = xg_device_has_halves(record) ? 2 : 1;
	uint32_t text = record->text_pages / 2, data = (record->data_pages - headers) / 2;

	return (struct xg_window_slot){
		.text_first = record->half * text, .text_count = text, .data_first = headers + record->half * data,
		.data_count = data,
	};
}

struct xg_device_header *xg_device_header_at(const struct xg_window *w, uint32_t half)
{
	return (void *)((uint8_t *)xg_window_header(w) + half * XG_PAGE_SIZE);
}

static bool entry_needed(uint32_t slot)
{
	return slot < XG_BLOCK_ENTRIES;
}

/* The table that we linked: its pointers lead into the text that we linked, or the image is refused. */
static int entries_take(const struct xg_window *w, struct gva table, const struct xg_window_slot *slot,
			uint64_t *entry, struct xg_err *err)
{
	struct gva start = gva_add(w->va, (uint64_t)slot->text_first * XG_PAGE_SIZE);
	uint64_t room = (uint64_t)slot->text_count * XG_PAGE_SIZE;
	struct xg_driver driver;
	uint32_t i;

	if (table.v < start.v || table.v - start.v > room - sizeof(driver))
		return xg_fail(err, ENOEXEC, "the driver's table " XG_DRIVER_TABLE " is not in its read-only part");
	memcpy(&driver, w->map + (table.v - w->va.v), sizeof(driver));
	if (driver.version != XG_ABI_VERSION || driver.size < sizeof(driver) || driver.class_id != XG_CLASS_BLOCK)
		return xg_fail(err, ENOEXEC, "the driver's table is of version %u, %u bytes, class %u", driver.version,
			       driver.size, driver.class_id);
	for (i = 0; i < XG_ENTRY_SLOTS; i++) {
		uint64_t at = (uint64_t)(uintptr_t)driver.entry[i];

		if (at ? at < start.v || at - start.v >= room : entry_needed(i))
			return xg_fail(err, ENOEXEC, "entry point %u of the driver is %#llx, outside its text", i,
				       (unsigned long long)at);
		entry[i] = at;
	}
	return 0;
}

static int device_window(struct xg_core *core, const struct xg_os *os, const struct xg_device_record *record,
			 struct xg_window **ret, struct xg_err *err)
{
	struct xg_window_place place = xg_device_place(record);

	return xg_window_open(core->guest, os, &place, ret, err);
}

int xg_device_fill(struct xg_core *core, const struct xg_os *os, const struct xg_image *image, const char *name,
		   const char *banner, const struct xg_block_params *params, struct xg_device_record *record,
		   struct xg_err *err)
{
	struct xg_window_slot slot = half_slot(record);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	struct xg_device_header *h;
	struct gva table;
	int rc;

	rc = device_window(core, os, record, &w, err);
	if (!rc)
		rc = xg_window_write(w, image, NULL, &slot, XG_DRIVER_TABLE, &table, err);
	if (!rc)
		rc = entries_take(w, table, &slot, record->entry, err);
	if (rc)
		return rc;
	h = xg_device_header_at(w, record->half);
	memset(h, 0, XG_PAGE_SIZE);
	h->version = XG_ABI_VERSION;
	h->size = sizeof(*h);
	h->window_va = record->va.v;
	h->header_va = gva_add(xg_window_header_va(w), record->half * XG_PAGE_SIZE).v;
	h->live_half = record->half;
	h->text_pages = record->text_pages;
	h->data_pages = record->data_pages;
	h->class_id = XG_CLASS_BLOCK;
	memcpy(h->entry, record->entry, sizeof(h->entry));
	h->block = *params;
	snprintf(h->name, sizeof(h->name), "%s", name);
	snprintf(h->banner, sizeof(h->banner), "%s", banner);
	/* Last: a window without its magic is not a device to the personality. */
	__atomic_store_n(&h->magic, XG_MAGIC_DEVICE, __ATOMIC_RELEASE);
	return 0;
}

_Static_assert(1u << 2 == XG_RING_PAGES_MAX, "ring_order is at most 2, see xg_connect_params()");

static int queue_check(const struct xg_queue *q, uint32_t number, uint32_t ring_pages, struct xg_err *err)
{
	uint32_t i;

	if (q->ring_pages != ring_pages)
		return xg_fail(err, EPROTO, "queue %u has a ring of %u pages, wanted %u", number, q->ring_pages,
			       ring_pages);
	for (i = 0; i < q->ring_pages; i++)
		if (q->ring_ref[i] < 8)	/* the first eight are the toolstack's own: public/grant_table.h */
			return xg_fail(err, EPROTO, "queue %u grants its ring by the reserved reference %u", number,
				       q->ring_ref[i]);
	if (!q->event_port)
		return xg_fail(err, EPROTO, "queue %u has no event channel", number);
	return 0;
}

int xg_device_rings(const struct xg_window *w, uint32_t half, const struct xg_block_params *params,
		    struct xg_device_rings *ret, struct xg_err *err)
{
	const struct xg_device_header *h = xg_device_header_at(w, half);
	struct xg_device_rings rings = { .nr_queues = 0 };
	uint32_t i;
	int rc;

	rings.nr_queues = __atomic_load_n(&h->block.nr_queues, __ATOMIC_RELAXED);
	memcpy(rings.queues, h->queues, sizeof(rings.queues));
	rings.limits = h->limits;
	if (rings.nr_queues != params->nr_queues || rings.nr_queues > XG_QUEUES_MAX)
		return xg_fail(err, EPROTO, "the driver opened %u queues, wanted %u", rings.nr_queues,
			       params->nr_queues);
	for (i = 0; i < rings.nr_queues; i++) {
		rc = queue_check(&rings.queues[i], i, 1u << params->ring_order, err);
		if (rc)
			return rc;
	}
	*ret = rings;
	return 0;
}

int xg_device_open(struct xg_core *core, const struct xg_os *os, const struct xg_device_record *record,
		   const struct xg_block_params *params, struct xg_device_rings *ret, struct xg_err *err)
{
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	int rc;

	rc = device_window(core, os, record, &w, err);
	if (!rc)
		rc = xg_core_command(core, XG_CMD_DEVICE_OPEN, record->va.v, 0, NULL, "driver", err);
	return rc ? rc : xg_device_rings(w, record->half, params, ret, err);
}

int xg_device_add(struct xg_core *core, const struct xg_device_record *record, const char *name, struct xg_err *err)
{
	return xg_core_command(core, XG_CMD_DEVICE_ADD, record->va.v, 0, NULL, name, err);
}

int xg_device_remove(struct xg_core *core, const struct xg_device_record *record, const char *name, bool force,
		     struct xg_err *err)
{
	int rc = xg_core_command(core, XG_CMD_DEVICE_REMOVE, record->va.v, force, NULL, name, err);

	return rc == -ENODEV ? 0 : rc;
}

int xg_device_shut(struct xg_core *core, const struct xg_device_record *record, const char *name, struct xg_err *err)
{
	int rc = xg_core_command(core, XG_CMD_DEVICE_CLOSE, record->va.v, 0, NULL, name, err);

	return rc == -ENODEV ? 0 : rc;
}

int xg_device_destroy(struct xg_core *core, const struct xg_device_record *record, const char *name,
		      struct xg_err *err)
{
	int rc = xg_core_command(core, XG_CMD_WINDOW_FREE, record->va.v, 0, NULL, name, err);

	return rc == -ENODEV ? 0 : rc;
}

int xg_device_look(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record,
		   struct xg_device_header *ret, struct xg_err *err)
{
	struct xg_window_place place = xg_device_place(record);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	int rc;

	rc = xg_window_open(g, os, &place, &w, err);
	if (!rc)
		memcpy(ret, xg_device_header_at(w, record->half), sizeof(*ret));
	return rc;
}
