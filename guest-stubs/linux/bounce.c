// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parts of requests that lie in pages without a count of their own: the later pages of a block that was allocated as one
 * and not as a compound page, as dm-bufio's are (dm-integrity, snapshots). A backend that keeps what it has mapped would have
 * such a page when it is somebody else's, and nothing can hold it: so a page of our own goes instead, which can be held.
 * Called by disk.c and services.c, with the queue locked.
 *
 * Must never copy to where a request was read to that failed, nor more than the request says.
 */
#include "personality.h"

/* A page. */
struct xg_bounce {
	struct page *self;
	uint32_t count;
	struct xg_bounced {
		struct page *page;
		uint8_t *theirs;
		uint32_t offset, bytes;
	} part[XG_SEGMENTS_MAX];
};

_Static_assert(sizeof(struct xg_bounce) <= PAGE_SIZE, "it is a page");

static struct xg_bounce *bounce_new(void)
{
	struct page *page = os_page_get();
	struct xg_bounce *b = page ? os_page_bytes(page) : NULL;

	if (b)
		b->self = page;
	return b;
}

bool xg_bounce_part(struct xg_bounce **at, struct page *page, struct xg_segment *segment, bool write)
{
	struct xg_bounced *part;
	struct xg_bounce *b;

	if (!*at)
		*at = bounce_new();
	b = *at;
	if (!b)
		return false;
	part = &b->part[b->count];
	part->page = os_page_get();
	if (!part->page)
		return false;
	b->count++;
	part->theirs = os_page_bytes(page);
	part->offset = segment->offset;
	part->bytes = segment->bytes;
	if (write)
		memcpy((uint8_t *)os_page_bytes(part->page) + part->offset, part->theirs + part->offset, part->bytes);
	segment->frame = os_page_frame(part->page);
	return true;
}

void xg_bounce_end(struct xg_bounce **at, bool was_read)
{
	struct xg_bounce *b = *at;
	struct xg_bounced *part;
	uint32_t i;

	if (!b)
		return;
	*at = NULL;
	for (i = 0; i < b->count; i++) {
		part = &b->part[i];
		if (was_read)
			memcpy(part->theirs + part->offset, (uint8_t *)os_page_bytes(part->page) + part->offset, part->bytes);
		os_page_free(part->page);
	}
	os_page_free(b->self);
}
